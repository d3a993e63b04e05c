package gdpr_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

const (
	forgotten = "+15550100123" // the caller of the request
	bystander = "+15550177456" // who never asked for anything
	caseID    = "case-1"
)

// regionNames are the regions of a world, the master first.
func regionNames() []string { return []string{"eu", "ap", "us"} }

// searchable is a store in memory that has a tag search, and copies that outlive a deletion.
type searchable struct{ *memstore.Store }

func (s searchable) FindByTag(ctx context.Context, name, value string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for info, err := range storage.All(ctx, s.Store, &storage.ListOptions{KeysOnly: true}) {
			if err != nil {
				yield("", err)
				return
			}
			if s.Tags(info.Key)[name] == value && !yield(info.Key, nil) {
				return
			}
		}
	}
}

func (searchable) Retention(context.Context) (storage.Retention, error) {
	return storage.Retention{SoftDelete: 24 * time.Hour}, nil
}

// timepiece is the clock of a world.
type timepiece struct {
	mu sync.Mutex
	at time.Time
}

func (c *timepiece) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *timepiece) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// world is a tenant in three regions whose storages can be disturbed. What is done to it is done in the master region.
type world struct {
	*testing.T
	clock  *timepiece
	raw    map[string]*memstore.Store
	faults map[string]*faultstore.Store
	svc    *voicemail.Service
	gdpr   *gdpr.Controller

	mu     sync.Mutex
	events []voicemail.Event
}

func emptyWorld(t *testing.T) *world {
	w := &world{T: t, clock: &timepiece{at: time.Date(2031, 3, 4, 5, 6, 7, 0, time.UTC)}, raw: map[string]*memstore.Store{}, faults: map[string]*faultstore.Store{}}
	for _, name := range regionNames() {
		w.raw[name] = memstore.New(&memstore.Options{Now: w.clock.now})
		var st storage.Store = w.raw[name]
		if name == "us" {
			st = searchable{w.raw[name]}
		}
		w.faults[name] = faultstore.New(st)
	}
	return w
}

// start opens the service and the controller that the operations use.
func (w *world) start() *world {
	w.Helper()
	w.svc = w.open("eu", true)
	var err error
	w.gdpr, err = gdpr.New(w.svc, &gdpr.Options{MaxSkew: 1e6 * time.Hour})
	require.NoError(w, err)
	return w
}

// open opens a service whose local region is the one given, and whose calls can fail or cannot.
func (w *world) open(local string, disturbed bool) *voicemail.Service {
	w.Helper()
	stores := map[string]voicemail.Store{}
	for _, name := range regionNames() {
		stores[name] = w.raw[name]
		if disturbed {
			stores[name] = w.faults[name]
		}
	}
	svc, err := voicemail.Open(context.Background(), voicemail.Regions{Master: "eu", Local: local, Stores: stores}, &voicemail.Options{
		Now: w.clock.now, Limits: voicemail.Limits{Cache: 64}, Observer: func(ev voicemail.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, ev)
		},
	})
	require.NoError(w, err)
	return svc
}

func (w *world) pass(d time.Duration) { w.clock.set(w.clock.now().Add(d)) }

// clone is another world in the same state, down to every name and byte. No fault is set in it.
func (w *world) clone(t *testing.T) *world {
	t.Helper()
	c := emptyWorld(t)
	for name, from := range w.raw {
		for info, err := range storage.All(t.Context(), from, nil) {
			require.NoError(t, err)
			body, err := storage.ReadFile(t.Context(), from, info.Key, 1<<20)
			require.NoError(t, err)
			c.clock.set(info.Modified)
			_, err = c.raw[name].Create(t.Context(), info.Key, bytes.NewReader(body), &storage.CreateOptions{ContentType: from.ContentType(info.Key), Tags: from.Tags(info.Key)})
			require.NoError(t, err)
		}
	}
	c.clock.set(w.clock.now())
	return c.start()
}

// calm takes all faults away.
func (w *world) calm() {
	for _, f := range w.faults {
		f.Set()
	}
}

// fill puts six messages of the caller there: one deposited in each region, one of them read and urgent, one in the trash, one held, one copied to another mailbox and one
// that waits for the master region; an object of another program; and messages of somebody else beside them.
func (w *world) fill() *world {
	w.Helper()
	ctx := context.Background()
	for _, box := range []voicemail.MailboxID{"5001", "5002"} {
		_, err := w.svc.CreateMailbox(ctx, box, nil)
		require.NoError(w, err)
	}
	at := map[string]*voicemail.Service{"eu": w.svc, "us": w.open("us", true), "ap": w.open("ap", true)}
	n := 0
	deposit := func(region, box, caller string, o voicemail.DepositOptions) voicemail.Message {
		n++
		w.pass(time.Second)
		o.ID = voicemail.MessageID(fmt.Sprintf("%s%012d", idStem, n))
		o.Caller = voicemail.ParseCallerID(caller)
		msg, err := at[region].Mailbox(voicemail.MailboxID(box)).Deposit(ctx, bytes.NewReader(w.recording(caller, n)), &o)
		require.NoError(w, err)
		return msg
	}
	deposit("eu", "5001", forgotten, voicemail.DepositOptions{})
	read := deposit("us", "5001", forgotten, voicemail.DepositOptions{Urgent: true})
	require.NoError(w, read.MarkRead(ctx))
	require.NoError(w, deposit("us", "5001", forgotten, voicemail.DepositOptions{}).Trash(ctx))
	held := deposit("ap", "5001", forgotten, voicemail.DepositOptions{Expires: w.clock.now().Add(90 * 24 * time.Hour)})
	_, err := w.gdpr.Hold(ctx, gdpr.Hold{Mailbox: held.Mailbox(), Message: held.ID(), Reason: "a dispute", Actor: "legal"})
	require.NoError(w, err)
	_, err = read.CopyTo(ctx, "5002", nil)
	require.NoError(w, err)
	for i, region := range []string{"us", "ap", "eu"} {
		deposit(region, []string{"5001", "5002", "5002"}[i], bystander, voicemail.DepositOptions{})
	}

	w.faults["eu"].Set(faultstore.Fault{Times: faultstore.Always})
	for _, caller := range []string{forgotten, bystander} {
		require.True(w, deposit("us", "5002", caller, voicemail.DepositOptions{Urgent: true}).State().Pending)
	}
	w.calm()
	_, err = w.raw["us"].Create(ctx, "legacy/0815.wav", bytes.NewReader(w.recording(forgotten, 99)), &storage.CreateOptions{Tags: map[string]string{"caller_id": forgotten}})
	require.NoError(w, err)
	w.pass(time.Hour)
	return w
}

// idStem starts the IDs of all messages but the copy, which has a new one in each world.
const idStem = "01c172d9-6a18-7000-8000-"

// recording is what a caller said, for the n-th time.
func (*world) recording(caller string, n int) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("spoken by %s, take %d; ", map[string]string{forgotten: "alice", bystander: "bob"}[caller], n), 4))
}

// request is what the caller asks for.
func request() *gdpr.Request {
	return &gdpr.Request{CaseID: caseID, Actor: "officer", Consumers: []gdpr.Consumer{{Phones: []gdpr.Phone{gdpr.NewPhone("+1 555 010 0123")}}}}
}

// contents are all names of a region, with what is in them.
type contents map[string][sha256.Size]byte

// everything is what all regions hold.
func (w *world) everything() map[string]contents {
	w.Helper()
	all := map[string]contents{}
	for region, st := range w.raw {
		all[region] = contents{}
		for info, err := range storage.All(w.Context(), st, nil) {
			require.NoError(w, err)
			body, err := storage.ReadFile(w.Context(), st, info.Key, 1<<20)
			require.NoError(w, err)
			all[region][info.Key] = sha256.Sum256(body)
		}
	}
	return all
}

// without drops what is below a prefix of the tenant.
func without(all map[string]contents, prefixes ...string) map[string]contents {
	for _, names := range all {
		maps.DeleteFunc(names, func(name string, _ [sha256.Size]byte) bool {
			return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, "v1/default/"+p) })
		})
	}
	return all
}

var (
	noncePattern = regexp.MustCompile(`(gone-|hold-|gdpr/hold/)[0-9a-f]{24}`)
	partPattern  = regexp.MustCompile(`(gdpr/journal/[0-9a-f]{32}-\d+/)\d+`)
	hashPattern  = regexp.MustCompile(`\b[0-9a-f]{3}/[0-9a-f]{64}|\b[0-9a-f]{32}\b`)
	idPattern    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// shapeOf is the name with stars for what is another in each run: also where an erasure was journalled in more parts, since it was cut off.
func shapeOf(name string) string {
	name = hashPattern.ReplaceAllString(partPattern.ReplaceAllString(name, "$1*"), "*")
	return idPattern.ReplaceAllStringFunc(noncePattern.ReplaceAllString(name, "$1*"), func(id string) string {
		if strings.HasPrefix(id, idStem) {
			return id
		}
		return "*"
	})
}

// shapes are the names of all regions without what is another in each run, each once.
func (w *world) shapes() []string {
	var list []string
	for region, names := range w.everything() {
		for name := range names {
			list = append(list, region+" "+shapeOf(name))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// traces are the names in all regions that lead to the caller, or whose bytes do; but for those of the kinds that outlive a case, of which the
// bytes are looked at only.
func (w *world) traces() []string {
	w.Helper()
	ids := w.idsOf(forgotten)
	var list []string
	for region, st := range w.raw {
		for info, err := range storage.All(w.Context(), st, nil) {
			require.NoError(w, err)
			body, err := storage.ReadFile(w.Context(), st, info.Key, 1<<20)
			require.NoError(w, err)
			said := bytes.Contains(body, []byte("alice")) || bytes.Contains(body, []byte(forgotten[1:])) || strings.Contains(fmt.Sprint(st.Tags(info.Key)), forgotten[1:])
			named := slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(info.Key, id) }) && !strings.Contains(info.Key, ".gone-")
			if said || named || strings.HasPrefix(info.Key, "legacy/") {
				list = append(list, region+" "+info.Key)
			}
		}
	}
	slices.Sort(list)
	return list
}

// scan searches everything for the caller, as traces does, and harder: in all encodings, and for digests. It takes too long to be done after each fault.
func (w *world) scan() {
	w.Helper()
	stores := map[string]storage.Store{}
	for region, st := range w.raw {
		stores[region] = st
	}
	scan := rawscan.Scan{Stores: stores, Tenant: "default", Numbers: []string{forgotten}, Salts: []string{caseID}}
	for n := range 10 {
		scan.Audio = append(scan.Audio, w.recording(forgotten, n))
	}
	rawscan.Require(context.Background(), w, scan)
}

// idsOf are the IDs of a caller's messages, the copy's apart, which is made anew in each world.
func (w *world) idsOf(caller string) []string {
	var ids []string
	for i, c := range []string{forgotten, forgotten, forgotten, forgotten, bystander, bystander, bystander, forgotten, bystander} {
		if c == caller {
			ids = append(ids, fmt.Sprintf("%012d", i+1))
		}
	}
	return ids
}

// look is all that agents see, with a look into every recording: one line each. Whose it is can be told from what was said.
func (w *world) look() []string {
	w.Helper()
	ctx := context.Background()
	svc := w.open("eu", false)
	var lines []string
	var seen, byCaller []string
	for box, err := range svc.Mailboxes(ctx) {
		require.NoError(w, err)
		n, err := box.Counts(ctx)
		require.NoError(w, err)
		lines = append(lines, fmt.Sprintf("mailbox %s %+v", box.ID(), n))
		for msg, err := range box.Messages(ctx, &voicemail.ListOptions{Trash: voicemail.WithTrash}) {
			require.NoError(w, err)
			st := msg.State()
			seen = append(seen, string(msg.Mailbox())+" "+string(msg.ID()))
			lines = append(lines, fmt.Sprintf("message %s %s read %v urgent %v trash %v held %v expires %v: %.20s", box.ID(), msg.ID(), st.Read, st.Urgent, st.Trashed, st.Held, st.Expires, w.play(msg)))
		}
	}
	for _, caller := range []string{forgotten, bystander} {
		for msg, err := range svc.FindByCaller(ctx, voicemail.ParseCallerID(caller)) {
			require.NoError(w, err)
			byCaller = append(byCaller, string(msg.Mailbox())+" "+string(msg.ID()))
		}
	}
	slices.Sort(seen)
	slices.Sort(byCaller)
	require.Equal(w, seen, byCaller, "what is seen is found by its caller, and nothing else is")
	slices.Sort(lines)
	return lines
}

func (w *world) play(msg voicemail.Message) string {
	w.Helper()
	r, err := msg.Open(context.Background())
	require.NoError(w, err)
	defer r.Close()
	audio, err := io.ReadAll(r)
	require.NoError(w, err)
	return string(audio)
}

// said counts the messages of a speaker that agents see.
func (w *world) said(who string) int {
	w.Helper()
	n := 0
	for _, line := range w.look() {
		if strings.Contains(line, "spoken by "+who) {
			n++
		}
	}
	return n
}

// receipts returns all receipts; the chain holds together.
func (w *world) receipts() []gdpr.Receipt {
	w.Helper()
	var list []gdpr.Receipt
	for r, err := range w.gdpr.Receipts(context.Background()) {
		require.NoError(w, err)
		list = append(list, r)
	}
	return list
}

// releaseAll ends every hold.
func (w *world) releaseAll() {
	w.Helper()
	holds, err := w.gdpr.Holds(context.Background())
	require.NoError(w, err)
	for _, h := range holds {
		require.NoError(w, w.gdpr.Release(context.Background(), h.ID))
	}
}

func (w *world) forgetMe() {
	w.Helper()
	_, err := w.gdpr.ForgetMe(context.Background(), request())
	require.NoError(w, err)
}

func (w *world) undoForgetMe() {
	w.Helper()
	_, err := w.gdpr.UndoForgetMe(context.Background(), request())
	require.NoError(w, err)
}

// sweep sweeps once.
func (w *world) sweep() *gdpr.SweepReport {
	w.Helper()
	r, err := w.gdpr.Sweep(context.Background())
	require.NoError(w, err)
	return r
}
