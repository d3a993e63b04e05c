package gdprtest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

const (
	hour = time.Hour
	day  = 24 * time.Hour
	// window is how long a forget can be undone by default.
	window = gdpr.DefaultWindow
	// anySkew is for controllers whose clock the rules move.
	anySkew = 100_000 * time.Hour
	tenant  = "acme"
	officer = "privacy-officer"
)

// env is what a rule runs in: empty stores whose calls it can disturb, and a clock that it moves.
type env struct {
	*testing.T
	ctx     context.Context
	place   Placement
	regions []string // the master first
	stores  map[string]*faultstore.Store
	clock   *clock
	events  *events
	space   keys.Space

	mu       sync.Mutex
	services map[string]*voicemail.Service // by tenant and local region
}

func newEnv(ctx context.Context, t *testing.T, p Placement) *env {
	e := &env{
		T: t, ctx: ctx, place: p, stores: map[string]*faultstore.Store{}, clock: &clock{}, events: &events{}, space: spaceOf(t, tenant),
		services: map[string]*voicemail.Service{},
	}
	for _, name := range slices.Sorted(maps.Keys(p.Stores)) {
		e.stores[name] = faultstore.New(p.Stores[name])
		if name != p.Master {
			e.regions = append(e.regions, name)
		}
	}
	e.regions = append([]string{p.Master}, e.regions...)
	return e
}

func spaceOf(t *testing.T, tenant string) keys.Space {
	space, err := keys.NewSpace(tenant)
	require.NoError(t, err)
	return space
}

// clock is the real time, moved.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// pass lets time pass for everybody but the storages.
func (e *env) pass(d time.Duration) {
	e.clock.mu.Lock()
	defer e.clock.mu.Unlock()
	e.clock.offset += d
}

// set sets everybody's clock but the storages'.
func (e *env) set(t time.Time) {
	e.clock.mu.Lock()
	defer e.clock.mu.Unlock()
	e.clock.offset = time.Until(t)
}

// events are what the Observer of all services was told.
type events struct {
	mu   sync.Mutex
	list []voicemail.Event
}

func (l *events) add(ev voicemail.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, ev)
}

// of returns the messages that events of a kind told of, with their mailboxes, sorted.
func (l *events) of(kind voicemail.EventKind) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := []string{}
	for _, ev := range l.list {
		if ev.Kind == kind {
			list = append(list, string(ev.Mailbox)+"/"+string(ev.Message))
		}
	}
	slices.Sort(list)
	return list
}

func (l *events) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = nil
}

// undisturbed are the stores as they were given.
func (e *env) undisturbed() map[string]storage.Store { return e.place.Stores }

func (e *env) disturbed() map[string]storage.Store {
	all := map[string]storage.Store{}
	for name, s := range e.stores {
		all[name] = s
	}
	return all
}

// open opens a Service as another process in a region would have it.
func (e *env) open(local string, change ...func(*voicemail.Options)) *voicemail.Service {
	e.Helper()
	return e.openIn(voicemail.Regions{Master: e.place.Master, Local: local, Stores: e.disturbed()}, change...)
}

func (e *env) openIn(regions voicemail.Regions, change ...func(*voicemail.Options)) *voicemail.Service {
	e.Helper()
	o := voicemail.Options{Tenant: tenant, Now: e.clock.now, Observer: e.events.add}
	for _, c := range change {
		c(&o)
	}
	svc, err := voicemail.Open(e.ctx, regions, &o)
	require.NoError(e, err, "open")
	return svc
}

// in is the Service of the processes in a region.
func (e *env) in(region string) *voicemail.Service {
	e.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.services[region] == nil {
		e.services[region] = e.open(region)
	}
	return e.services[region]
}

// svc is the Service of the processes in the master region.
func (e *env) svc() *voicemail.Service {
	e.Helper()
	return e.in(e.place.Master)
}

// controller opens a Controller as a process in the master region would have it.
func (e *env) controller(change ...func(*gdpr.Options)) *gdpr.Controller {
	e.Helper()
	return e.controllerOf(e.svc(), change...)
}

func (e *env) controllerOf(svc *voicemail.Service, change ...func(*gdpr.Options)) *gdpr.Controller {
	e.Helper()
	o := gdpr.Options{MaxSkew: anySkew}
	for _, c := range change {
		c(&o)
	}
	c, err := gdpr.New(svc, &o)
	require.NoError(e, err, "new controller")
	return c
}

// down lets every call to a region fail; up ends that.
func (e *env) down(region string) { e.stores[region].Set(faultstore.Fault{Times: faultstore.Always}) }
func (e *env) up(region string)   { e.stores[region].Set() }

// request asks for some numbers in one consumer.
func request(caseID string, phones ...string) *gdpr.Request {
	r := &gdpr.Request{CaseID: caseID, Actor: officer, Consumers: []gdpr.Consumer{{}}}
	for _, p := range phones {
		r.Consumers[0].Phones = append(r.Consumers[0].Phones, gdpr.NewPhone(p))
	}
	return r
}

func (e *env) forget(c *gdpr.Controller, req *gdpr.Request) *gdpr.ForgetReport {
	e.Helper()
	r, err := c.ForgetMe(e.ctx, req)
	require.NoError(e, err, "forget")
	return r
}

func (e *env) undo(c *gdpr.Controller, req *gdpr.Request) *gdpr.ForgetReport {
	e.Helper()
	r, err := c.UndoForgetMe(e.ctx, req)
	require.NoError(e, err, "undo")
	return r
}

func (e *env) sweep(c *gdpr.Controller) *gdpr.SweepReport {
	e.Helper()
	r, err := c.Sweep(e.ctx)
	require.NoError(e, err, "sweep")
	return r
}

func (e *env) status(c *gdpr.Controller, caseID string) gdpr.Case {
	e.Helper()
	s, err := c.Status(e.ctx, caseID)
	require.NoError(e, err, "status")
	return s
}

// erase lets the window of everything pass, and sweeps until the receipts are written.
func (e *env) erase(c *gdpr.Controller) []gdpr.Receipt {
	e.Helper()
	e.pass(window)
	first := e.sweep(c)
	require.NotEmpty(e, first.Erased, "nothing was erased after the window")
	e.pass(gdpr.Settle)
	second := e.sweep(c)
	require.Len(e, second.Closed, len(first.Erased), "each case gets its receipt at the sweep after it has settled")
	return second.Closed
}

// listing is every name of every region with its size and time.
func (e *env) listing() map[string][]string {
	e.Helper()
	all := map[string][]string{}
	for region, store := range e.undisturbed() {
		all[region] = []string{}
		for info, err := range storage.All(e.ctx, store, nil) {
			require.NoError(e, err, "raw listing")
			all[region] = append(all[region], fmt.Sprintf("%s %d %s", info.Key, info.Size, info.Modified.UTC().Format(time.RFC3339Nano)))
		}
	}
	return all
}

// unchanged demands that no name was created, deleted or written anew in any region.
func (e *env) unchanged(before map[string][]string, why string) {
	e.Helper()
	e.equal(before, e.listing(), why)
}

// equal demands that two listings are the same, and shows only what is not.
func (e *env) equal(before, after map[string][]string, why string) {
	e.Helper()
	var diff []string
	for region := range after {
		for _, line := range before[region] {
			if !slices.Contains(after[region], line) {
				diff = append(diff, region+": - "+line)
			}
		}
		for _, line := range after[region] {
			if !slices.Contains(before[region], line) {
				diff = append(diff, region+": + "+line)
			}
		}
	}
	require.Empty(e, diff, why)
}

// names are the names in a region below a prefix.
func (e *env) names(region, prefix string) []string {
	e.Helper()
	names := []string{}
	for info, err := range storage.All(e.ctx, e.undisturbed()[region], &storage.ListOptions{Prefix: prefix, KeysOnly: true}) {
		require.NoError(e, err, "raw listing")
		names = append(names, info.Key)
	}
	return names
}

func (e *env) plant(region, key, content string, tags map[string]string) {
	e.Helper()
	_, err := e.undisturbed()[region].Create(e.ctx, key, strings.NewReader(content), &storage.CreateOptions{Tags: tags})
	require.NoError(e, err, "raw create")
}

func (e *env) readRaw(region, key string) []byte {
	e.Helper()
	b, err := storage.ReadFile(e.ctx, e.undisturbed()[region], key, 1<<30)
	require.NoError(e, err, "raw read")
	return b
}

func (e *env) removeRaw(region string, names ...string) {
	e.Helper()
	require.NoError(e, e.undisturbed()[region].Delete(e.ctx, names...), "raw delete")
}

// replace puts other bytes in the place of an object.
func (e *env) replace(region, key string, change func([]byte) []byte) {
	e.Helper()
	was := e.readRaw(region, key)
	now := change(bytes.Clone(was))
	require.NotEqual(e, was, now, "the change changes nothing")
	e.removeRaw(region, key)
	e.plant(region, key, string(now), nil)
}

// scan searches all regions for callers and recordings.
func (e *env) scan(s rawscan.Scan) []rawscan.Finding {
	e.Helper()
	s.Stores, s.More, s.Tenant = e.undisturbed(), e.place.More, tenant
	found, err := s.Run(e.ctx)
	require.NoError(e, err, "raw scan")
	return found
}

func (e *env) clean(s rawscan.Scan) {
	e.Helper()
	require.Empty(e, e.scan(s), "the raw scan finds what was erased")
}
