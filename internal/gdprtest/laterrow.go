package gdprtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

func laterRowRules() []rule {
	return []rule{
		{"row 10 a hold is reported", "what was kept and why nobody was told is the regulator's first question", row10},
		{"row 11 what a storage keeps after a delete is in the receipt", "a receipt that is silent about soft delete is not true", row11},
		{"row 12 clocks that differ", "an erasure a day early cannot be undone", row12},
		{"row 13 counts are counted anew", "the documented product's count is stale after a forget", row13},
		{"row 14 a listing in many pages, some of them empty", "who stops at the first page forgets a thousand messages and leaves the rest", row14},
		{"row 15 a permission error is not an empty answer", "a token that has expired would make everybody forgotten", row15},
		{"row 16 an export after the forget has what is restricted", "the right of access outlives the wish to be forgotten until the erasure", row16},
		{"row 17 another tenant's messages of the same caller", "an account-wide search crosses tenants", row17},
		{"row 18 numbers in JSON, duplicates, and names that lead elsewhere", "a lost plus forgets another caller, a lost dot overwrites a file", row18},
	}
}

// logInto lets a Service log everything.
func logInto(b *bytes.Buffer) func(*voicemail.Options) {
	var mu sync.Mutex
	return func(o *voicemail.Options) {
		o.Logger = slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return b.Write(p)
		}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func row10(e *env) {
	s := e.scene()
	c := e.controller()
	held := []recorded{s.left[0], s.left[1]}
	for _, r := range held {
		e.hold(c, r, "a lawsuit")
	}
	want := []voicemail.MessageID{held[0].ID(), held[1].ID()}
	require.ElementsMatch(e, want, e.forget(c, request("c1", s.number)).Phones[0].Held)
	e.pass(window)
	r := e.sweep(c)
	require.ElementsMatch(e, want, r.Held)
	require.Equal(e, 1, r.Open)
	require.Equal(e, len(s.left)-2, r.Messages)
	require.Empty(e, e.receipts(c), "there is no receipt as long as something is kept")
}

// retaining is a storage that keeps what was deleted, or cannot tell.
type retaining struct {
	storage.Store
	kept storage.Retention
	err  error
}

func (r retaining) Unwrap() storage.Store { return r.Store }

func (r retaining) Retention(context.Context) (storage.Retention, error) { return r.kept, r.err }

// row11: that all versions go with a Delete is the drivers' to show.
func row11(e *env) {
	kept := storage.Retention{SoftDelete: 7 * day, Versioned: true, Lock: true, Notes: []string{"A replica in another account is not reached."}}
	stores := e.disturbed()
	last := e.regions[len(e.regions)-1]
	stores[last] = retaining{stores[last], kept, nil}
	s := e.scene()
	c := e.controllerOf(e.openIn(voicemail.Regions{Master: e.place.Master, Local: e.place.Master, Stores: stores}))
	e.forget(c, request("c1", s.number))
	r := e.erase(c)[0]
	require.Len(e, r.Regions, len(e.regions))
	for i, region := range r.Regions {
		require.Equal(e, e.regions[i], region.Name)
		if region.Name == last {
			require.Equal(e, gdpr.RegionReceipt{Name: last, RecoverableUntil: r.VerifiedAt.Add(7 * day), Versioned: true, Lock: true, Notes: kept.Notes}, region)
		}
	}
	require.Equal(e, r.Regions, e.receipts(c)[0].Regions, "as it is stored")
	e.erased(s, "c1")
	for i, unknown := range []error{errors.ErrUnsupported, storage.ErrPermission} {
		who := e.one()
		stores[last] = retaining{e.stores[last], storage.Retention{}, unknown}
		c = e.controllerOf(e.openIn(voicemail.Regions{Master: e.place.Master, Local: e.place.Master, Stores: stores}))
		e.forget(c, request(fmt.Sprintf("case-%d", i), who.number))
		r = e.erase(c)[0]
		require.NotEmpty(e, r.Regions[len(r.Regions)-1].Notes, "what cannot be told is said, and the receipt does not wait for it")
	}
}

// row12: also between the hosts that accept, undo and sweep, within what is allowed.
func row12(e *env) {
	s := e.scene()
	host := func(skew time.Duration) *gdpr.Controller {
		return e.controllerOf(e.open(e.place.Master, func(o *voicemail.Options) {
			o.Now = func() time.Time { return e.clock.now().Add(skew) }
		}))
	}
	ahead, behind := host(9*time.Minute), host(-9*time.Minute)
	r := e.forget(behind, request("c1", s.number))
	e.set(r.UndoUntil.Add(-10 * time.Minute))
	require.Empty(e, e.sweep(ahead).Decided, "the window is the recorded one, whoever looks at it")
	e.undo(ahead, request("c1", s.number))
	e.forget(ahead, request("c1", s.number))
	e.pass(window + 20*time.Minute)
	require.Equal(e, []string{"c1"}, e.sweep(behind).Erased)
	e.pass(gdpr.Settle + 10*time.Minute)
	require.Len(e, e.sweep(behind).Closed, 1)
	require.False(e, e.receipts(behind)[0].ErasedAt.After(e.receipts(behind)[0].EraseBy))
	e.erased(s, "c1")

	wrong := e.controllerOf(e.open(e.place.Master, func(o *voicemail.Options) { o.Now = func() time.Time { return time.Now().Add(day) } }), func(o *gdpr.Options) { o.MaxSkew = 0 })
	_, err := wrong.ForgetMe(e.ctx, request("c2", s.other.number))
	require.ErrorIs(e, err, gdpr.ErrClock)
	e.seen(s.other)
}

func row13(e *env) {
	s := e.scene()
	c := e.controller()
	watcher := e.open(e.regions[len(e.regions)-1])
	recount := func(mailbox voicemail.MailboxID) voicemail.Counts {
		n, err := watcher.Mailbox(mailbox).Counts(e.ctx)
		require.NoError(e, err)
		return n
	}
	lit := recount(group)
	require.True(e, lit.Waiting())
	e.forget(c, request("c1", s.number))
	require.False(e, recount(group).Waiting(), "the lamp is out, in another process, with no message deposited or deleted since")
	require.Equal(e, len(e.regions), recount(personal).New)
	e.undo(c, request("c1", s.number))
	require.Equal(e, lit, recount(group))
	e.forget(c, request("c1", s.number))
	e.erase(c)
	require.False(e, recount(group).Waiting())
	require.Equal(e, len(e.regions), recount(personal).New)
}

// narrow is a storage whose pages hold little, and every second one nothing.
type narrow struct {
	storage.Store
	mu    sync.Mutex
	empty bool
}

func (n *narrow) Unwrap() storage.Store { return n.Store }

func (n *narrow) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	var o storage.ListOptions
	if opts != nil {
		o = *opts
	}
	o.MaxKeys = 2
	if o.Token != "" {
		n.mu.Lock()
		n.empty = !n.empty
		empty := n.empty
		n.mu.Unlock()
		if empty {
			return &storage.Page{Next: o.Token}, nil
		}
	}
	return n.Store.List(ctx, &o)
}

func row14(e *env) {
	s := e.scene()
	stores := map[string]storage.Store{}
	for region, store := range e.disturbed() {
		stores[region] = &narrow{Store: store}
	}
	svc := e.openIn(voicemail.Regions{Master: e.place.Master, Local: e.place.Master, Stores: stores})
	c := e.controllerOf(svc)
	for _, region := range e.regions {
		e.product(region, s.caller, "x")
	}
	p, err := c.Preview(e.ctx, request("c1", s.number))
	require.NoError(e, err)
	require.Equal(e, s.ids(), p.Phones[0].Messages)
	require.Equal(e, s.ids(), e.forget(c, request("c1", s.number)).Phones[0].Messages)
	e.hidden(s.caller)
	r, _ := e.export(c, request("c1", s.number))
	require.Equal(e, len(s.left)+len(e.tagged()), r.Files)
	e.undo(c, request("c1", s.number))
	e.seen(s.caller)
	e.forget(c, request("c1", s.number))
	require.Equal(e, s.ids(), e.erase(c)[0].Messages)
	for _, region := range e.regions {
		if !slices.Contains(e.tagged(), region) {
			e.removeRaw(region, productName+"x.wav")
		}
	}
	e.erased(s, "c1")
}

// denied is a region that lists nothing below a prefix, since it may not.
func denied(prefix string) faultstore.Fault {
	return faultstore.Fault{Op: faultstore.List, Pattern: prefix, Times: faultstore.Always, Kind: storage.ErrPermission}
}

func row15(e *env) {
	s := e.scene()
	c := e.controller()
	req := request("c1", s.number)
	master := e.place.Master
	for what, prefix := range map[string]string{"the caller index": e.space.Callers(), "the mailboxes": e.space.Boxes(), "the cases": e.space.Cases()} {
		e.stores[master].Set(denied(prefix))
		_, err := c.ForgetMe(e.ctx, req)
		require.ErrorIs(e, err, storage.ErrPermission, what)
		require.ErrorContains(e, err, master, what)
		_, err = c.Preview(e.ctx, req)
		require.ErrorIs(e, err, storage.ErrPermission, what)
		e.up(master)
		if _, err := c.Status(e.ctx, "c1"); err == nil {
			e.undo(c, req)
		}
	}
	e.seen(s.caller)
	e.forget(c, req)
	e.pass(window)
	for _, region := range e.regions {
		for what, prefix := range map[string]string{"what is due": e.space.Due(), "the caller index": e.space.Callers(), "the recordings": e.space.Media(), "the pending": e.space.Pending()} {
			if region != master && prefix != e.space.Media() && prefix != e.space.Pending() {
				continue
			}
			e.stores[region].Set(denied(prefix))
			r, err := c.Sweep(e.ctx)
			require.ErrorIs(e, err, storage.ErrPermission, "%s of %s", what, region)
			require.ErrorContains(e, err, region, what)
			require.Empty(e, r.Erased, "%s of %s", what, region)
			e.up(region)
		}
	}
	e.sweep(c)
	e.pass(gdpr.Settle)
	for _, region := range e.regions {
		e.stores[region].Set(denied(e.space.Media()))
		r, err := c.Sweep(e.ctx)
		require.ErrorIs(e, err, storage.ErrPermission)
		require.Empty(e, r.Closed, "a receipt for what nobody could see")
		e.up(region)
	}
	require.Len(e, e.sweep(c).Closed, 1)
	e.erased(s, "c1")
}

// row16: more of it in the rules of export.
func row16(e *env) {
	s := e.scene()
	c := e.controller()
	before, _ := e.export(c, request("x1", s.number))
	e.forget(c, request("c1", s.number))
	after, got := e.export(c, request("x2", s.number))
	require.Equal(e, before.Files, after.Files)
	e.whole(s.caller, got)
	e.erase(c)
	none, _ := e.export(c, request("x3", s.number))
	require.Zero(e, none.Files)
	e.erased(s, "c1")
}

func row17(e *env) {
	s := e.scene()
	rival := e.openIn(voicemail.Regions{Master: e.place.Master, Local: e.place.Master, Stores: e.disturbed()}, func(o *voicemail.Options) { o.Tenant = "rival" })
	box, err := rival.CreateMailbox(e.ctx, personal, nil)
	require.NoError(e, err)
	theirs, err := box.Deposit(e.ctx, strings.NewReader("what he told the other company"), &voicemail.DepositOptions{Caller: s.id()})
	require.NoError(e, err)
	space := spaceOf(e.T, "rival")
	listing := func() map[string][]string {
		all := e.listing()
		for region := range all {
			all[region] = slices.DeleteFunc(all[region], func(line string) bool { return !strings.HasPrefix(line, space.Root()) })
		}
		return all
	}
	before := listing()
	c, d := e.controller(), e.controllerOf(rival)
	require.Equal(e, s.ids(), e.forget(c, request("c1", s.number)).Phones[0].Messages)
	_, err = d.Status(e.ctx, "c1")
	require.ErrorIs(e, err, gdpr.ErrNoCase, "cases are the tenant's own")
	e.erase(c)
	e.equal(before, listing(), "byte for byte")
	require.Equal(e, "what he told the other company", string(e.play(theirs)))
	e.hidden(s.caller)
	trace := s.trace("c1")
	trace.Numbers, trace.Secrets = nil, nil
	e.clean(trace)

	e.forget(d, request("c1", s.number))
	e.erase(d)
	e.clean(s.trace("c1"))
	e.clean(rawscan.Scan{Secrets: []rawscan.Secret{{Name: "the other company's", Bytes: []byte("what he told the other company")}}})
}

func row18(e *env) {
	s := e.scene()
	c := e.controller()
	n := digits(s.number)
	for _, doc := range []string{
		`{"caseid": "c1", "consumers": [{"consumer": [{"phone": ` + n + `}]}]}`,
		`{"caseid": "c1", "consumers": [{"consumer": {"phone": ["` + s.number + `", ` + n + `]}}]}`,
		`{"caseid": 1, "consumers": [{"consumer": [{"phone": "` + s.number + `"}]}]}`,
	} {
		_, err := gdpr.ParseRequest(strings.NewReader(doc))
		require.ErrorIs(e, err, voicemail.ErrInvalid)
		require.ErrorContains(e, err, "leading zeros")
		require.NotContains(e, err.Error(), n)
	}
	req, err := gdpr.ParseRequest(strings.NewReader(`{"caseid": "c1", "consumers": [{"consumer": [{"phone": "` + s.number + `"}, {"phone": "00` + n + `"}]}, {"consumer": {"phone": "` + s.number + `"}}]}`))
	require.NoError(e, err)
	req.Actor = officer
	r := e.forget(c, req)
	require.Len(e, r.Phones, 1, "one caller, however often")
	require.Equal(e, s.ids(), r.Phones[0].Messages)

	// Somebody has changed what is stored, such that a message's ID is a path.
	evil := s.left[1]
	for _, id := range []string{"../../evil", "/evil", "output.json"} {
		name := e.metadataOf(evil)
		was := e.readRaw(e.place.Master, name)
		e.replace(e.place.Master, name, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(evil.ID()), []byte(id)) })
		sink, dir := e.dir()
		x, err := e.controllerOf(e.open(e.place.Master)).ExportMe(e.ctx, request("x1", s.number), sink)
		require.NoError(e, err)
		require.NoError(e, sink.Close())
		require.Len(e, x.Problems, 1)
		require.Equal(e, evil.ID(), x.Problems[0].Message)
		beside, err := os.ReadDir(filepath.Dir(dir))
		require.NoError(e, err)
		require.Len(e, beside, 1, "something was written outside of the export")
		require.Len(e, files(e, dir), len(s.ids())-1+3)
		e.replace(e.place.Master, name, func([]byte) []byte { return was })
	}
	e.undo(c, req)
	e.erase1(c, s)
}

// erase1 forgets and erases a scene.
func (e *env) erase1(c *gdpr.Controller, s scene) {
	e.Helper()
	e.forget(c, request("c1", s.number))
	e.erase(c)
	e.erased(s, "c1")
}
