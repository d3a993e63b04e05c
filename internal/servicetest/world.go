package servicetest

import (
	"bytes"
	"slices"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

// world is a tenant in three regions, each of which can be taken down: metadata lies in eu. Its own names, counts and listings are those of eu, seen
// undisturbed.
type world struct {
	*env
	faults map[string]*faultstore.Store

	mu     sync.Mutex
	events []voicemail.EventKind
}

// newWorld makes the regions and the mailboxes 5001 and 5002.
func newWorld(e *env) *world {
	e.Helper()
	return worldOf(e, map[string]storage.Store{"us": e.another(), "asia": e.another()})
}

func worldOf(e *env, others map[string]storage.Store) *world {
	e.Helper()
	w := &world{env: e, faults: map[string]*faultstore.Store{"eu": faultstore.New(e.store)}}
	e.elsewhere = map[string]*env{"eu": e}
	for name, st := range others {
		e.elsewhere[name] = newEnv(e.ctx, e.T, st, e.tenant, e.opts)
		w.faults[name] = faultstore.New(st)
	}
	w.svc = w.in("eu")
	w.mailbox("5001")
	w.mailbox("5002")
	return w
}

func worldRegions() []string { return []string{"eu", "us", "asia"} }

// raw is the store of a region, undisturbed.
func (w *world) raw(region string) *env { return w.elsewhere[region] }

func (w *world) regions(local string) voicemail.Regions {
	r := voicemail.Regions{Master: "eu", Local: local, Stores: map[string]storage.Store{}}
	for name, st := range w.faults {
		r.Stores[name] = st
	}
	return r
}

// in opens a Service in a region, as another process would have it.
func (w *world) in(local string, change ...func(*voicemail.Options)) *voicemail.Service {
	w.Helper()
	svc, err := w.try(local, change...)
	require.NoError(w, err, "open in %s", local)
	return svc
}

func (w *world) try(local string, change ...func(*voicemail.Options)) (*voicemail.Service, error) {
	o := voicemail.Options{Tenant: w.tenant, Now: w.clock.now, Observer: func(ev voicemail.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, ev.Kind)
	}}
	for _, c := range change {
		c(&o)
	}
	return voicemail.Open(w.ctx, w.regions(local), &o)
}

// told returns the kinds of the events since it was asked last.
func (w *world) told() []voicemail.EventKind {
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.events
	w.events = nil
	return got
}

// down lets every call to the regions fail.
func (w *world) down(regions ...string) {
	for _, name := range regions {
		w.faults[name].Set(faultstore.Fault{Times: faultstore.Always})
	}
}

// up ends what down began.
func (w *world) up() {
	for _, st := range w.faults {
		st.Set()
	}
}

// outage takes the master region down while f runs.
func (w *world) outage(f func()) {
	w.down("eu")
	defer w.up()
	f()
}

// pending deposits in a region while the master region is down.
func (w *world) pending(svc *voicemail.Service, mailbox voicemail.MailboxID, audio []byte, o *voicemail.DepositOptions) voicemail.Message {
	w.Helper()
	var msg voicemail.Message
	var err error
	w.outage(func() { msg, err = svc.Mailbox(mailbox).Deposit(w.ctx, bytes.NewReader(audio), o) })
	require.NoError(w, err, "deposit while the master region is down")
	require.True(w, msg.State().Pending)
	return msg
}

// sync syncs in a process of its own.
func (w *world) sync() voicemail.SyncReport {
	w.Helper()
	report, err := w.in("eu").Sync(w.ctx)
	require.NoError(w, err, "sync")
	return report
}

// records are the pending deposits in a region.
func (w *world) records(region string) []string {
	w.Helper()
	return w.raw(region).names(w.space.Pending())
}

// everything are the names of all regions.
func (w *world) everything() []string {
	w.Helper()
	var all []string
	for _, region := range worldRegions() {
		for _, name := range w.raw(region).tenantNames() {
			all = append(all, region+" "+name)
		}
	}
	slices.Sort(all)
	return all
}

// blames demands an error of the kind that names the region.
func (w *world) blames(err error, region string, kind error, what string) {
	w.Helper()
	require.ErrorIs(w, err, kind, what)
	var ve *voicemail.Error
	require.ErrorAs(w, err, &ve, what)
	require.Equal(w, region, ve.Region, "%s: %v", what, err)
}
