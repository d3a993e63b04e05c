package servicetest

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

func maintainRules() []rule {
	return []rule{
		{"MaintainTakesAwayWhatNothingRefersTo", "a failed deposit's audio is a recording that nobody knows of", maintainLeftovers},
		{"MaintainOfACleanTenantChangesNothing", "it runs every hour, for years", maintainClean},
		{"MaintainTakesAwaySupersededSettings", "a revision a day for years is a long listing", maintainSettings},
		{"WhatFailsInOneMailboxDoesNotKeepMaintainFromTheOthers", "one damaged message must not stop retention", maintainGoesOn},
	}
}

func maintainLeftovers(e *env) {
	box := e.mailbox("5001")
	caller := number()
	for i := range 3 {
		e.deposit(box, &voicemail.DepositOptions{Caller: caller, Urgent: i == 1})
	}
	before := e.tenantNames()
	names, absent := e.keysOf("5001"), e.keysOf("5009")
	r := func(i int) keys.Ref { return keys.Ref{ID: string(idAt(i)), Hop: i % 3} }
	hash := e.hash(caller.Reveal())
	plants := []string{
		names.Mark(r(1), keys.Read), names.Mark(r(1), keys.Urgent), names.Mark(r(2), keys.ExpiresAt(e.clock.now())), // marks of no message
		names.Mark(r(3), keys.Hold+"hold1"), names.Mark(r(3), keys.Move), absent.Mark(r(1), keys.Trash),
		names.Audio(r(4), "wav"), absent.Audio(r(4), "bin"), // recordings of no message
		names.CallerEntry(hash, r(5)), absent.CallerEntry(hash, r(5)), names.CallerEntry(e.hash("x"), r(6)), // entries of no message
	}
	for _, name := range plants {
		e.plant(name, "left")
	}
	all := e.tenantNames()
	require.Zero(e, e.maintain().Marks)
	e.pass(23 * time.Hour)
	report := e.maintain()
	require.Equal(e, all, e.tenantNames(), "what is younger than a day may be an operation under way")
	require.Equal(e, []int{2, 3}, []int{report.Mailboxes, report.Messages})
	e.pass(2 * time.Hour)
	report = e.maintain()
	require.Equal(e, before, e.tenantNames())
	require.Equal(e, []int{6, 2, 3}, []int{report.Marks, report.Recordings, report.Entries})
	report = e.maintain()
	require.Zero(e, report.Marks+report.Recordings+report.Entries+report.Tombstones+report.Deletions, "the second pass finds nothing to do")
	require.Equal(e, before, e.tenantNames())
	require.Equal(e, voicemail.Counts{New: 3, NewUrgent: 1}, e.counts(box))
}

func maintainClean(e *env) {
	box, other := e.mailbox("5001"), e.mailbox("5002")
	msg := e.deposit(box, &voicemail.DepositOptions{Caller: number(), Urgent: true})
	moved, err := e.deposit(box, &voicemail.DepositOptions{Caller: number()}).MoveTo(e.ctx, "5002")
	require.NoError(e, err)
	_, err = msg.CopyTo(e.ctx, "5002", nil)
	require.NoError(e, err)
	require.NoError(e, msg.MarkRead(e.ctx))
	require.NoError(e, moved.Trash(e.ctx))
	require.NoError(e, e.deposit(box, nil).Delete(e.ctx))
	for range 3 {
		e.maintain()
		e.pass(rest)
	}
	before := e.tenantNames()
	for range 5 {
		errs := make([]error, 3)
		together(len(errs), func(i int) { _, errs[i] = e.svc.Maintain(e.ctx) })
		for _, err := range errs {
			require.NoError(e, err, "several at once")
		}
		e.pass(10 * day)
	}
	require.Equal(e, before, e.tenantNames())
	require.Equal(e, voicemail.Counts{Old: 1, OldUrgent: 1}, e.counts(box))
	require.Equal(e, voicemail.Counts{New: 1, NewUrgent: 1}, e.counts(other))
	require.True(e, e.state(moved).Trashed)
}

func maintainSettings(e *env) {
	box := e.mailbox("5001")
	for range 5 {
		_, err := box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.MaxMessages++; return nil })
		require.NoError(e, err)
	}
	e.pass(23 * time.Hour)
	require.Zero(e, e.maintain().Revisions, "a writer who read an earlier one may still be about to write")
	e.pass(2 * time.Hour)
	require.Equal(e, 5, e.maintain().Revisions)
	require.Len(e, e.names(e.keysOf("5001").Settings()), 1)
	for _, svc := range []*voicemail.Service{e.service(), e.open()} {
		got, err := svc.Mailbox("5001").Settings(e.ctx)
		require.NoError(e, err)
		require.Equal(e, []int{5, 5}, []int{got.Revision, got.MaxMessages})
	}
	got, err := box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.MaxMessages++; return nil })
	require.NoError(e, err)
	require.Equal(e, []int{6, 6}, []int{got.Revision, got.MaxMessages})
}

func maintainGoesOn(e *env) {
	e.damaged = true
	expires := e.clock.now().Add(time.Hour)
	var msgs []voicemail.Message
	for _, id := range []voicemail.MailboxID{"5001", "5002", "5003"} {
		msgs = append(msgs, e.deposit(e.mailbox(id), &voicemail.DepositOptions{Expires: expires}))
	}
	key := e.keysOf("5002").Meta(ref(msgs[1]))
	e.removeRaw(key)
	e.plant(key, "no JSON")
	e.pass(2 * time.Hour)
	report, err := e.open().Maintain(e.ctx)
	require.ErrorIs(e, err, voicemail.ErrDamaged)
	var ve *voicemail.Error
	require.ErrorAs(e, err, &ve)
	require.Equal(e, voicemail.MailboxID("5002"), ve.Mailbox)
	require.Equal(e, 2, report.Expired)
	require.Zero(e, e.counts(e.service().Mailbox("5003")))
}

// brokenStore is a store that does nothing any more.
type brokenStore struct{ storage.Store }

func (*brokenStore) err(op string) error {
	return &storage.Error{Op: op, Driver: "servicetest", Kind: storage.ErrUnavailable}
}

func (b *brokenStore) Create(context.Context, string, io.ReadSeeker, *storage.CreateOptions) (storage.Info, error) {
	return storage.Info{}, b.err("create")
}

func (b *brokenStore) Open(context.Context, string, *storage.OpenOptions) (storage.Object, error) {
	return nil, b.err("open")
}

func (b *brokenStore) Stat(context.Context, string) (storage.Info, error) {
	return storage.Info{}, b.err("stat")
}
func (b *brokenStore) Delete(context.Context, ...string) error { return b.err("delete") }

func (b *brokenStore) List(context.Context, *storage.ListOptions) (*storage.Page, error) {
	return nil, b.err("list")
}

func eventRules() []rule {
	return []rule{
		{"EveryChangeIsToldOnceItCanBeSeen", "who is told and counts must count the change", eventsSeen},
		{"WhatChangesNothingIsNotTold", "a lamp that blinks at every click is not looked at any more", eventsQuiet},
	}
}

// observed is what an observer is told, with what it sees at that moment.
type observed struct {
	voicemail.Event
	counts, from voicemail.Counts
}

// observer opens a service whose events are collected.
func (e *env) observer() (*voicemail.Service, func() []observed) {
	var mu sync.Mutex
	var events []observed
	look := e.service()
	svc := e.open(func(o *voicemail.Options) {
		o.Observer = func(ev voicemail.Event) {
			o := observed{Event: ev}
			o.counts, _ = look.Mailbox(ev.Mailbox).Counts(e.ctx)
			if ev.From != "" {
				o.from, _ = look.Mailbox(ev.From).Counts(e.ctx)
			}
			mu.Lock()
			defer mu.Unlock()
			events = append(events, o)
		}
	})
	return svc, func() []observed {
		mu.Lock()
		defer mu.Unlock()
		got := events
		events = nil
		return got
	}
}

func eventsSeen(e *env) {
	svc, told := e.observer()
	var msg voicemail.Message
	var box voicemail.Mailbox
	n := func(counts ...int) (c voicemail.Counts) {
		c.New, c.Old, c.NewUrgent, c.OldUrgent = counts[0], counts[1], counts[2], counts[3]
		return c
	}
	none := n(0, 0, 0, 0)
	for _, step := range []struct {
		kind    voicemail.EventKind
		do      func() error
		in      voicemail.MailboxID
		from    voicemail.MailboxID
		counts  voicemail.Counts
		at      voicemail.Counts
		mailbox bool // the event is about the mailbox itself
	}{
		{kind: voicemail.EventMailboxCreated, in: "5001", mailbox: true, do: func() (err error) { box, err = svc.CreateMailbox(e.ctx, "5001", nil); return err }},
		{kind: voicemail.EventMailboxCreated, in: "5002", mailbox: true, do: func() error { _, err := svc.CreateMailbox(e.ctx, "5002", nil); return err }},
		{kind: voicemail.EventSettingsChanged, in: "5001", mailbox: true, do: func() error {
			_, err := box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.MaxMessages = 9; return nil })
			return err
		}},
		{kind: voicemail.EventDeposited, in: "5001", counts: n(1, 0, 0, 0), do: func() error { msg = e.deposit(box, &voicemail.DepositOptions{Caller: number()}); return nil }},
		{kind: voicemail.EventUrgent, in: "5001", counts: n(1, 0, 1, 0), do: func() error { return msg.SetUrgent(e.ctx, true) }},
		{kind: voicemail.EventRead, in: "5001", counts: n(0, 1, 0, 1), do: func() error { return msg.MarkRead(e.ctx) }},
		{kind: voicemail.EventNotUrgent, in: "5001", counts: n(0, 1, 0, 0), do: func() error { return msg.SetUrgent(e.ctx, false) }},
		{kind: voicemail.EventUnread, in: "5001", counts: n(1, 0, 0, 0), do: func() error { return msg.MarkUnread(e.ctx) }},
		{kind: voicemail.EventTrashed, in: "5001", counts: none, do: func() error { return msg.Trash(e.ctx) }},
		{kind: voicemail.EventRestored, in: "5001", counts: n(1, 0, 0, 0), do: func() error { return msg.Restore(e.ctx) }},
		{kind: voicemail.EventExpirySet, in: "5001", counts: n(1, 0, 0, 0), do: func() error { return msg.SetExpiry(e.ctx, e.clock.now().Add(time.Hour)) }},
		{kind: voicemail.EventMoved, in: "5002", from: "5001", counts: n(1, 0, 0, 0), at: none, do: func() (err error) { msg, err = msg.MoveTo(e.ctx, "5002"); return err }},
		{kind: voicemail.EventCopied, in: "5001", from: "5002", counts: n(1, 0, 0, 0), at: n(1, 0, 0, 0), do: func() error { _, err := msg.CopyTo(e.ctx, "5001", nil); return err }},
		{kind: voicemail.EventExpired, in: "5002", counts: none, do: func() error { e.pass(2 * time.Hour); _, err := svc.Maintain(e.ctx); return err }},
		{kind: voicemail.EventDeleted, in: "5001", counts: none, do: func() error { msg = e.oneOf(svc, "5001"); return msg.Delete(e.ctx) }},
	} {
		require.NoError(e, step.do(), string(step.kind))
		got := told()
		require.Len(e, got, 1, string(step.kind))
		require.Equal(e, []any{step.kind, step.in, step.from, e.tenant}, []any{got[0].Kind, got[0].Mailbox, got[0].From, got[0].Tenant})
		require.Equal(e, step.mailbox, got[0].Message == "", string(step.kind))
		require.Equal(e, step.counts, got[0].counts, "the change can be seen by whoever is told: %s", step.kind)
		require.Equal(e, step.at, got[0].from, "so can the change of the other mailbox: %s", step.kind)
		require.WithinDuration(e, e.clock.now(), got[0].At, time.Minute)
	}
}

func (e *env) oneOf(svc *voicemail.Service, id voicemail.MailboxID) voicemail.Message {
	e.Helper()
	return e.one(svc.Mailbox(id))
}

func eventsQuiet(e *env) {
	svc, told := e.observer()
	_, err := svc.CreateMailbox(e.ctx, "5001", nil)
	require.NoError(e, err)
	box := svc.Mailbox("5001")
	audio := wav(10)
	opts := &voicemail.DepositOptions{ID: idAt(0), Caller: number()}
	msg := e.depositAudio(box, audio, opts)
	require.NoError(e, msg.MarkRead(e.ctx))
	told()
	e.depositAudio(box, audio, opts)
	require.NoError(e, msg.MarkRead(e.ctx))
	require.NoError(e, msg.SetUrgent(e.ctx, false))
	require.NoError(e, msg.Restore(e.ctx))
	_, err = svc.CreateMailbox(e.ctx, "5001", nil)
	require.ErrorIs(e, err, voicemail.ErrMailboxExists)
	_, err = msg.MoveTo(e.ctx, "5009")
	require.ErrorIs(e, err, voicemail.ErrNoMailbox)
	_, err = svc.Maintain(e.ctx)
	require.NoError(e, err)
	e.counts(box)
	e.play(msg)
	require.Empty(e, told())
	require.NoError(e, msg.Delete(e.ctx))
	require.Len(e, told(), 1)
	require.NoError(e, msg.Delete(e.ctx))
	require.Empty(e, told(), "it was deleted before")
}
