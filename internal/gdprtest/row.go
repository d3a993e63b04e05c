package gdprtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

// rowRules and laterRowRules are the mistakes that erasures by others are known for, each in its row.
func rowRules() []rule {
	return []rule{
		{"row 01 a failed region leaves no orphan", "metadata that goes first leaves audio that nothing finds any more", row01},
		{"row 02 a message that arrives during the forget", "it is covered and told of, or kept: nothing in between", row02},
		{"row 03 a lost tag or index entry", "nothing rewrites what finds a caller; and where the storage searches tags, one of the two is enough", row03},
		{"row 04 a handle from before resurrects nothing", "a late write of an agent's session recreates what was erased", row04},
		{"row 05 copies, parts and what waits", "one copy in another mailbox is the whole message", row05},
		{"row 06 greetings survive", "a greeting is the mailbox owner's, whoever called", row06},
		{"row 07 no number in a name, an event, an error or a log", "an erasure does not reach the logs", row07},
		{"row 08 undo after the commit, and of one of two cases", "an undo that half works shows what another request hides", row08},
		{"row 09 a double submit and two operators", "two deadlines for one request are none", row09},
	}
}

// row01: as long as audio is left in a region that fails, what finds it is left, too, and what lies in the others is not.
func row01(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.pass(window)
	for _, region := range e.regions {
		e.stores[region].Set(faultstore.Fault{Op: faultstore.Delete, Pattern: e.space.Media(), Times: faultstore.Always})
	}
	for i, failing := 0, e.regions; len(failing) > 0; i, failing = i+1, failing[1:] {
		r, err := c.Sweep(e.ctx)
		require.Empty(e, r.Erased, "it is complete only when all regions are")
		for _, region := range failing {
			require.ErrorContains(e, err, region)
		}
		for _, region := range e.regions[:i] {
			require.Empty(e, e.media(region, s.caller), "in %s, which is up", region)
		}
		for _, m := range s.left {
			if !slices.Contains(failing, m.Envelope().Region) {
				continue
			}
			require.NotEmpty(e, e.metadataOf(m), "the metadata stays as long as its audio")
			entries := slices.DeleteFunc(e.names(e.place.Master, e.space.Callers()), func(name string) bool { return !strings.Contains(name, string(m.ID())) })
			require.NotEmpty(e, entries, "and what leads to it")
		}
		e.up(failing[0])
	}
	require.Equal(e, []string{"c1"}, e.sweep(c).Erased)
	e.pass(gdpr.Settle)
	require.Len(e, e.sweep(c).Closed, 1)
	e.erased(s, "c1")
}

// row02 deposits at each of the forget's looks and records.
func row02(e *env) {
	s := e.scene()
	master := e.place.Master
	rounds := 0
	for _, at := range []faultstore.Fault{
		{Op: faultstore.List, Pattern: e.space.Callers()},
		{Op: faultstore.List, Pattern: e.space.Cases()},
		{Op: faultstore.Create, Pattern: e.space.Cases()},
		{Op: faultstore.Create, Pattern: e.space.Boxes()},
	} {
		for at.N = 1; at.N <= 8; at.N++ {
			later := &caller{number: s.number, name: s.name}
			at.Mode = faultstore.Pass
			at.Wait = func(context.Context, faultstore.Call) error {
				e.leave(later, e.regions[at.N%len(e.regions)], group, nil)
				return nil
			}
			rounds++
			c, caseID := e.controller(), fmt.Sprintf("case-%d", rounds)
			e.stores[master].Set(at)
			r := e.forget(c, request(caseID, s.number))
			e.up(master)
			if len(later.left) == 0 {
				e.undo(c, request(caseID, s.number))
				break
			}
			one := later.left[0]
			_, err := e.svc().Mailbox(group).Message(e.ctx, one.ID())
			if slices.Contains(r.Phones[0].Messages, one.ID()) {
				require.ErrorIs(e, err, voicemail.ErrNotFound, "it is told of, so it is hidden: %v", at)
			} else {
				require.NoError(e, err, "it is not told of, so it is there: %v", at)
			}
			e.undo(c, request(caseID, s.number))
			require.NoError(e, e.message(e.svc(), one).Delete(e.ctx))
		}
	}
	require.Greater(e, rounds, 10)
	e.seen(s.caller)
}

// row03: no name is ever rewritten, so that no tag and no entry can be lost by what anybody does.
func row03(e *env) {
	s := e.scene()
	r := s.left[2*len(e.regions)-1]
	region, audio := e.audioOf(r)
	stamp := func() []string {
		var list []string
		for _, line := range slices.Concat(e.listing()[region], e.listing()[e.place.Master]) {
			if name, _, _ := strings.Cut(line, " "); name == audio || name == e.metadataOf(r) || strings.HasPrefix(name, e.space.Callers()) {
				list = append(list, line)
			}
		}
		return list
	}
	before := stamp()
	for _, do := range []func() error{
		func() error { return r.MarkRead(e.ctx) }, func() error { return r.MarkUnread(e.ctx) },
		func() error { return r.SetUrgent(e.ctx, false) }, func() error { return r.SetUrgent(e.ctx, true) },
		func() error { return r.Trash(e.ctx) }, func() error { return r.Restore(e.ctx) },
		func() error { return r.SetExpiry(e.ctx, e.clock.now().Add(10*day)) }, func() error { return r.SetExpiry(e.ctx, time.Time{}) },
		func() error { _, err := e.svc().Maintain(e.ctx); return err },
	} {
		require.NoError(e, do())
		require.Equal(e, before, stamp())
	}
	if !slices.Contains(e.tagged(), e.place.Master) {
		return
	}
	// The entry is lost all the same, by somebody's hand.
	for _, name := range e.names(e.place.Master, e.space.Callers()) {
		if strings.Contains(name, string(r.ID())) {
			e.removeRaw(e.place.Master, name)
		}
	}
	c := e.controller()
	got := e.forget(c, request("c1", s.number))
	require.Equal(e, s.ids(), got.Phones[0].Messages, "the tag finds it")
	e.erase(c)
	e.erased(s, "c1")
}

// row04: whatever an old handle tries, while the case is open and when it is closed, nothing comes back and nothing is written.
func row04(e *env) {
	s := e.scene()
	c := e.controller()
	try := func() {
		e.Helper()
		before := e.listing()
		for _, r := range s.left {
			_, open := r.Open(e.ctx)
			_, copied := r.CopyTo(e.ctx, personal, nil)
			_, moved := r.MoveTo(e.ctx, map[voicemail.MailboxID]voicemail.MailboxID{personal: group, group: personal}[r.Mailbox()])
			for what, err := range map[string]error{
				"open": open, "copy": copied, "move": moved, "mark read": r.MarkRead(e.ctx), "mark unread": r.MarkUnread(e.ctx), "urgent": r.SetUrgent(e.ctx, true),
				"trash": r.Trash(e.ctx), "restore": r.Restore(e.ctx), "expiry": r.SetExpiry(e.ctx, e.clock.now().Add(hour)),
			} {
				require.ErrorIs(e, err, voicemail.ErrNotFound, what)
			}
		}
		e.unchanged(before, "something was written")
	}
	e.forget(c, request("c1", s.number))
	try()
	e.pass(window)
	e.sweep(c)
	try()
	e.pass(gdpr.Settle)
	require.Len(e, e.sweep(c).Closed, 1)
	try()
	e.erased(s, "c1")
}

// row05: copies through every region, into every mailbox, moved ones, what is in the trash, parts beside the audio, and deposits that wait.
func row05(e *env) {
	s := e.scene()
	source := s.left[0]
	for i, region := range e.regions {
		to := []voicemail.MailboxID{group, personal}[i%2]
		copied, err := e.message(e.in(region), source).CopyTo(e.ctx, to, nil)
		require.NoError(e, err)
		s.left = append(s.left, recorded{copied, source.audio})
		again, err := e.message(e.in(region), copied).CopyTo(e.ctx, personal, nil)
		require.NoError(e, err, "a copy of a copy, a reply with the original")
		s.left = append(s.left, recorded{again, source.audio})
		require.NoError(e, again.Trash(e.ctx))
	}
	e.annotate(e.message(e.svc(), source))
	e.waiting(s.caller)
	c := e.controller()
	r := e.forget(c, request("c1", s.number))
	require.Equal(e, s.ids(), r.Phones[0].Messages)
	_, got := e.export(c, request("c1", s.number))
	require.Len(e, got, len(s.ids())+3+2)
	receipts := e.erase(c)
	require.Equal(e, s.ids(), receipts[0].Messages)
	e.hidden(s.caller)
	e.clean(s.trace("c1"))
	e.wordless()
	e.seen(s.other)
}

// waiting lets the caller leave messages, through the other regions, while the master region is down.
func (e *env) waiting(c *caller) {
	e.Helper()
	for _, region := range e.regions[1:] {
		svc := e.in(region)
		e.down(e.place.Master)
		audio := wav(400)
		msg, err := svc.Mailbox(personal).Deposit(e.ctx, bytes.NewReader(audio), &voicemail.DepositOptions{Caller: c.id()})
		e.up(e.place.Master)
		require.NoError(e, err, "deposit while the master region is down")
		require.True(e, msg.State().Pending)
		c.left = append(c.left, recorded{msg, audio})
	}
}

func row06(e *env) {
	s := e.scene()
	greetings := e.svc().Greetings(personal)
	spoken := map[voicemail.GreetingKind][]byte{}
	for i, kind := range []voicemail.GreetingKind{voicemail.GreetingUnavailable, voicemail.GreetingBusy, voicemail.GreetingTemporary, voicemail.GreetingName} {
		spoken[kind] = wav(100 + i)
		_, err := e.in(e.regions[i%len(e.regions)]).Greetings(personal).Set(e.ctx, kind, bytes.NewReader(spoken[kind]), nil)
		require.NoError(e, err)
	}
	// Another program may have tagged one with whoever spoke it.
	box, err := e.space.Box(string(personal))
	require.NoError(e, err)
	tagged := box.GreetingAudio(keys.GreetingRef{Kind: "busy", Revision: keys.Revision{Gen: 1, Rev: 9}})
	for _, region := range e.regions {
		e.plant(region, tagged, "this is agent 7", map[string]string{"caller_id": s.other.number})
	}
	before, err := greetings.Current(e.ctx)
	require.NoError(e, err)
	c := e.controller()
	for i, who := range []*caller{s.caller, s.other} { // the owner can have called, too
		r := e.forget(c, request(fmt.Sprintf("case-%d", i), who.number))
		require.Zero(e, r.Foreign)
		e.erase(c)
		e.hidden(who)
	}
	after, err := greetings.Current(e.ctx)
	require.NoError(e, err)
	require.Equal(e, before, after)
	for _, one := range after {
		r, err := greetings.Open(e.ctx, one)
		require.NoError(e, err)
		audio, err := io.ReadAll(r)
		require.NoError(e, err)
		require.NoError(e, r.Close())
		require.Equal(e, spoken[one.Kind], audio, "byte for byte")
	}
	for _, region := range e.regions {
		require.Equal(e, "this is agent 7", string(e.readRaw(region, tagged)))
	}
	e.clean(s.trace("case-0"))
}

// row07 watches everything that leaves the library but the answers to whoever asked.
func row07(e *env) {
	var log bytes.Buffer
	var text strings.Builder
	svc := e.open(e.place.Master, logInto(&log))
	s := e.scene()
	c := e.controllerOf(svc)
	note := func(err error) {
		if err != nil {
			fmt.Fprintf(&text, "%v\n%+v\n%#v\n", err, err, err)
		}
	}
	req := request("c1", s.number)
	all := func(op func() error) {
		for _, region := range e.regions {
			for n := 1; n < 40; n += 3 {
				e.stores[region].Set(faultstore.Fault{N: n, Times: 2})
				note(op())
				e.up(region)
			}
		}
		require.NoError(e, op())
	}
	all(func() error { _, err := c.Preview(e.ctx, req); return err })
	all(func() error { _, err := c.ForgetMe(e.ctx, req); return err })
	all(func() error { _, err := c.ExportMe(e.ctx, req, gdpr.ZipSink(io.Discard)); return err })
	all(func() error { _, err := c.UndoForgetMe(e.ctx, req); return err })
	e.forget(c, req)
	for region, lines := range e.listing() {
		fmt.Fprintln(&text, region, strings.Join(lines, "\n"))
	}
	e.pass(window)
	all(func() error { _, err := c.Sweep(e.ctx); return err })
	e.pass(gdpr.Settle)
	all(func() error { _, err := c.Sweep(e.ctx); return err })
	require.Equal(e, gdpr.StateClosed, e.status(c, "c1").State)
	for _, bad := range []*gdpr.Request{request("case "+s.number, s.number), request("c2", s.number, strings.Repeat("5", 300)), {CaseID: "c3", Consumers: req.Consumers}} {
		_, err := c.ForgetMe(e.ctx, bad)
		require.Error(e, err)
		note(err)
	}
	_, err := gdpr.ParseRequest(strings.NewReader(`{"caseid": "c9", "consumers": [{"consumer": {"phone": ` + digits(s.number) + `}}]}`))
	require.Error(e, err)
	note(err)
	doc, err := json.Marshal(e.events.list)
	require.NoError(e, err)
	for what, out := range map[string]string{"an error or a name": text.String(), "the log": log.String(), "an event": string(doc)} {
		require.NotContains(e, out, digits(s.number)[4:], what)
		require.NotContains(e, out, s.name, what)
	}
	require.NotEmpty(e, text.String())
	e.erased(s, "c1")
}

// row08: more of it in the rules of undo and of overlapping cases.
func row08(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.forget(c, request("c2", s.number))
	e.undo(c, request("c1", s.number))
	e.hidden(s.caller)
	e.pass(window)
	require.Equal(e, []string{"c2"}, e.sweep(c).Decided)
	for _, id := range []string{"c1", "c2"} {
		r, err := c.UndoForgetMe(e.ctx, request(id, s.number))
		if id == "c2" {
			require.ErrorIs(e, err, gdpr.ErrDecided)
		} else {
			require.NoError(e, err)
			require.Equal(e, gdpr.StateUndone, r.State)
		}
		e.hidden(s.caller)
	}
	e.pass(gdpr.Settle)
	e.sweep(c)
	e.erased(s, "c1", "c2")
}

func row09(e *env) {
	s := e.scene()
	c, d := e.controller(), e.controllerOf(e.open(e.regions[len(e.regions)-1]))
	first := e.forget(c, request("c1", s.number))
	e.pass(hour)
	require.Equal(e, first.Case, e.forget(d, request("c1", s.number)).Case, "the same request is the same case")
	var errs [2]error
	together(
		func() { _, errs[0] = c.ForgetMe(e.ctx, request("c2", s.number)) },
		func() { _, errs[1] = d.ForgetMe(e.ctx, request("c2", s.other.number)) },
	)
	require.True(e, (errs[0] == nil) != (errs[1] == nil), "of two requests under one case, one wins: %v, %v", errs[0], errs[1])
	for i, who := range []*caller{s.caller, s.other} {
		if errs[i] != nil {
			require.ErrorIs(e, errs[i], gdpr.ErrCaseConflict)
		}
		if i == 1 && errs[i] != nil {
			e.seen(who)
		}
	}
	require.NotErrorIs(e, errs[0], storage.ErrUnavailable)
}
