package servicetest

import (
	"context"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

func markRules() []rule {
	return []rule{
		{"EachMarkIsSetAndTakenBackAnyNumberOfTimes", "two agents click the same button", marksToggle},
		{"MarksDoNotTouchEachOther", "trashing an urgent message must not lose that it is urgent", marksApart},
		{"NobodyLosesAMarkToAnother", "two agents work on one group mailbox", marksConcurrent},
		{"AMarkOfADeletedMessageIsRefusedAndLeavesNothing", "a mark that stays tells for ever that somebody read what was erased", marksDeleted},
		{"TheTrashIsNotCountedAndRestoreGivesAllBack", "the trash is a second chance", marksTrash},
		{"AnOutageTakesNoMarkAway", "a click that failed must not undo the click before it", marksOutage},
		{"AMarkWhoseLookFailedStaysIfTheMessageIsThere", "another agent who marked it at the same time was told that it is marked", marksDoubt},
		{"ACancelledMarkChangesNothing", "the agent closed the window before the click came through", marksCancelled},
	}
}

type toggle struct {
	name    string
	on, off func(ctx context.Context, msg voicemail.Message) error
	is      func(st voicemail.State) bool
}

func toggles() []toggle {
	return []toggle{
		{
			"read",
			func(ctx context.Context, m voicemail.Message) error { return m.MarkRead(ctx) },
			func(ctx context.Context, m voicemail.Message) error { return m.MarkUnread(ctx) },
			func(st voicemail.State) bool { return st.Read },
		}, {
			"urgent",
			func(ctx context.Context, m voicemail.Message) error { return m.SetUrgent(ctx, true) },
			func(ctx context.Context, m voicemail.Message) error { return m.SetUrgent(ctx, false) },
			func(st voicemail.State) bool { return st.Urgent },
		}, {
			"trash",
			func(ctx context.Context, m voicemail.Message) error { return m.Trash(ctx) },
			func(ctx context.Context, m voicemail.Message) error { return m.Restore(ctx) },
			func(st voicemail.State) bool { return st.Trashed },
		},
	}
}

func marksToggle(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	before := e.tenantNames()
	for _, g := range toggles() {
		for round := range 2 {
			for range 2 {
				require.NoError(e, g.on(e.ctx, msg), g.name)
				st := e.state(msg)
				require.True(e, g.is(st), "%s, round %d", g.name, round)
				if st.Read {
					require.WithinDuration(e, time.Now(), st.ReadAt, 10*time.Minute, "by the storage's clock")
				}
				if st.Trashed {
					require.WithinDuration(e, time.Now(), st.TrashedAt, 10*time.Minute, "by the storage's clock")
				}
			}
			for range 2 {
				require.NoError(e, g.off(e.ctx, msg), g.name)
				require.Zero(e, e.state(msg), "%s, round %d", g.name, round)
			}
			require.Equal(e, before, e.tenantNames(), "what is taken back leaves nothing: %s", g.name)
		}
	}
}

func marksApart(e *env) {
	box := e.mailbox("5001")
	msg, other := e.deposit(box, nil), e.deposit(box, nil)
	all := toggles()
	for set := range 1 << len(all) {
		for i, g := range all {
			change := g.off
			if set&(1<<i) != 0 {
				change = g.on
			}
			require.NoError(e, change(e.ctx, msg))
		}
		st := e.state(msg)
		for i, g := range all {
			require.Equal(e, set&(1<<i) != 0, g.is(st), "%s in %03b", g.name, set)
		}
	}
	require.Zero(e, e.state(other))
}

func marksConcurrent(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	all := toggles()
	const agents = 9
	msgs := make([]voicemail.Message, agents)
	for i := range msgs {
		var err error
		msgs[i], err = e.open().Mailbox("5001").Message(e.ctx, msg.ID())
		require.NoError(e, err)
	}
	errs := make([]error, agents)
	together(agents, func(i int) { errs[i] = all[i%len(all)].on(e.ctx, msgs[i]) })
	for _, err := range errs {
		require.NoError(e, err)
	}
	st := e.state(msg)
	require.Equal(e, []bool{true, true, true}, []bool{st.Read, st.Urgent, st.Trashed})
}

func marksDeleted(e *env) {
	box := e.mailbox("5001")
	e.mailbox("5002")
	msg := e.deposit(box, &voicemail.DepositOptions{Caller: number()})
	require.NoError(e, msg.Delete(e.ctx))
	before := e.tenantNames()
	calls := messageCalls(e, msg, "5002")
	for name, call := range calls {
		if name == "copy" {
			continue // Maintain takes away what it announces
		}
		require.ErrorIs(e, call(), voicemail.ErrNotFound, name)
		require.Equal(e, before, e.tenantNames(), "%s left something behind", name)
	}
	require.ErrorIs(e, calls["copy"](), voicemail.ErrNotFound)
	e.pass(rest)
	e.maintain()
	before = e.tenantNames()
	for name, call := range messageCalls(e, msg, "5002") {
		require.ErrorIs(e, call(), voicemail.ErrNotFound, name)
	}
	e.pass(rest)
	e.maintain()
	require.Equal(e, before, e.tenantNames())
}

func marksTrash(e *env) {
	box := e.mailbox("5001")
	caller := number()
	msg := e.deposit(box, &voicemail.DepositOptions{Caller: caller, Urgent: true})
	require.NoError(e, msg.MarkRead(e.ctx))
	was := e.state(msg)
	require.NoError(e, msg.Trash(e.ctx))
	require.Zero(e, e.counts(box))
	require.Empty(e, e.list(box, nil))
	require.Equal(e, []voicemail.MessageID{msg.ID()}, e.list(box, &voicemail.ListOptions{Trash: voicemail.OnlyTrash}))
	require.Equal(e, []string{place(msg)}, e.find(e.service(), caller.Reveal()), "a caller's messages are found in the trash, too")
	e.pass(100 * day)
	e.maintain()
	require.True(e, e.state(msg).Trashed, "nothing empties the trash by itself")
	require.NoError(e, msg.Restore(e.ctx))
	require.Equal(e, was, e.state(msg))
	require.Equal(e, voicemail.Counts{Old: 1, OldUrgent: 1}, e.counts(box))
}

// marksOutage fails, of setting a mark that is set, what it does first. What it does then works again.
func marksOutage(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	for _, g := range toggles() {
		require.NoError(e, g.on(e.ctx, msg))
		store := faultstore.New(e.store)
		svc, err := e.tryOpen(store)
		require.NoError(e, err)
		same, err := svc.Mailbox("5001").Message(e.ctx, msg.ID())
		require.NoError(e, err)
		store.Set(faultstore.Fault{Op: faultstore.Create}, faultstore.Fault{Op: faultstore.List})
		require.ErrorIs(e, g.on(e.ctx, same), storage.ErrUnavailable, g.name)
		require.Equal(e, 2, store.Disturbed())
		require.True(e, g.is(e.state(msg)), g.name)
	}
}

// marksDoubt fails the look beside a mark, and then the one after it, too.
func marksDoubt(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	for _, g := range toggles() {
		store := faultstore.New(e.store)
		svc, err := e.tryOpen(store)
		require.NoError(e, err)
		same, err := svc.Mailbox("5001").Message(e.ctx, msg.ID())
		require.NoError(e, err)
		store.Set(faultstore.Fault{Op: faultstore.List})
		require.NoError(e, g.on(e.ctx, same), "the second look sees the message")
		require.True(e, g.is(e.state(msg)), g.name)
		require.NoError(e, g.off(e.ctx, msg))

		store.Set(faultstore.Fault{Op: faultstore.List, Times: 2})
		require.ErrorIs(e, g.on(e.ctx, same), storage.ErrUnavailable, g.name)
		require.NoError(e, g.on(e.ctx, msg))
		require.True(e, g.is(e.state(msg)), g.name)
		require.NoError(e, g.off(e.ctx, msg))
	}
	before := e.tenantNames()
	store := faultstore.New(e.store)
	svc, err := e.tryOpen(store)
	require.NoError(e, err)
	same, err := svc.Mailbox("5001").Message(e.ctx, msg.ID())
	require.NoError(e, err)
	e.mark(msg, keys.Forget+"case1-1")
	store.Set(faultstore.Fault{Op: faultstore.List})
	require.ErrorIs(e, same.MarkRead(e.ctx), voicemail.ErrNotFound)
	require.Len(e, e.tenantNames(), len(before)+1, "what is restricted is not marked")
}

func marksCancelled(e *env) {
	msg := e.deposit(e.mailbox("5001"), &voicemail.DepositOptions{Urgent: true})
	e.mailbox("5002")
	require.NoError(e, msg.MarkRead(e.ctx))
	before := e.tenantNames()
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	for name, call := range map[string]func() error{
		"trash": func() error { return msg.Trash(ctx) }, "unread": func() error { return msg.MarkUnread(ctx) },
		"not urgent": func() error { return msg.SetUrgent(ctx, false) }, "delete": func() error { return msg.Delete(ctx) },
		"expiry": func() error { return msg.SetExpiry(ctx, e.clock.now()) },
		"part": func() error {
			_, err := msg.AddPart(ctx, voicemail.PartNote, strings.NewReader("call back"), nil)
			return err
		},
		"copy":     func() error { _, err := msg.CopyTo(ctx, "5002", nil); return err },
		"move":     func() error { _, err := msg.MoveTo(ctx, "5002"); return err },
		"maintain": func() error { _, err := e.service().Maintain(ctx); return err },
		"counts":   func() error { _, err := e.service().Mailbox("5001").Counts(ctx); return err },
		"ping":     func() error { return e.service().Ping(ctx) },
	} {
		require.ErrorIs(e, call(), context.Canceled, name)
		require.Equal(e, before, e.tenantNames(), name)
	}
}

func expiryRules() []rule {
	return []rule{
		{"AnExpiryIsSetShortenedLengthenedAndCleared", "retention policies change", expirySet},
		{"MaintainDeletesWhatHasExpiredAndNothingElse", "a day too early is a lost message, a day too late is a broken promise", expiryMaintain},
	}
}

func expirySet(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	before := e.tenantNames()
	now := e.clock.now().Truncate(time.Millisecond).UTC()
	for _, d := range []time.Duration{10 * day, 3 * day, 30 * day, 30 * day} {
		require.NoError(e, msg.SetExpiry(e.ctx, now.Add(d)))
		require.Equal(e, now.Add(d), e.state(msg).Expires)
		require.Len(e, e.tenantNames(), len(before)+1, "an earlier expiry does not stay behind")
	}
	for range 2 {
		require.NoError(e, msg.SetExpiry(e.ctx, time.Time{}))
		require.Zero(e, e.state(msg).Expires)
		require.Equal(e, before, e.tenantNames())
	}
	for _, bad := range []time.Time{time.Unix(-1, 0), time.Date(2286, 1, 1, 0, 0, 0, 0, time.UTC)} {
		require.ErrorIs(e, msg.SetExpiry(e.ctx, bad), voicemail.ErrInvalid)
	}
	require.Equal(e, before, e.tenantNames())

	// Of two that were set at the same time the later holds, so that nobody loses the message early.
	e.mark(msg, keys.ExpiresAt(now.Add(2*day)))
	e.mark(msg, keys.ExpiresAt(now.Add(4*day)))
	require.Equal(e, now.Add(4*day), e.state(msg).Expires)
	e.pass(3 * day)
	e.maintain()
	require.NoError(e, msg.SetExpiry(e.ctx, now.Add(9*day)))
	require.Equal(e, now.Add(9*day), e.state(msg).Expires)
}

func expiryMaintain(e *env) {
	box := e.mailbox("5001")
	now := e.clock.now()
	caller := number()
	early := e.deposit(box, &voicemail.DepositOptions{Caller: caller, Expires: now.Add(time.Hour)})
	late := e.deposit(box, &voicemail.DepositOptions{Expires: now.Add(3 * time.Hour)})
	cleared := e.deposit(box, &voicemail.DepositOptions{Expires: now.Add(time.Hour)})
	require.NoError(e, cleared.SetExpiry(e.ctx, time.Time{}))
	never := e.deposit(box, nil)
	held := e.deposit(box, &voicemail.DepositOptions{Expires: now.Add(time.Hour)})
	e.mark(held, keys.Hold+"hold1")
	trashed := e.deposit(box, &voicemail.DepositOptions{Expires: now.Add(time.Hour)})
	require.NoError(e, trashed.Trash(e.ctx))

	require.Zero(e, e.maintain().Expired)
	e.pass(2 * time.Hour)
	require.Equal(e, 5, e.counts(box).New, "what has expired stays until Maintain has deleted it")
	require.NoError(e, early.MarkRead(e.ctx), "and stays usable")
	require.Equal(e, 2, e.maintain().Expired)
	e.invisible(early, "expired")
	e.invisible(trashed, "expired")
	require.Equal(e, 4, e.counts(box).New)
	for _, msg := range []voicemail.Message{late, cleared, never, held} {
		require.NotEmpty(e, e.play(msg))
	}
	require.Zero(e, e.maintain().Expired)
	e.pass(2 * time.Hour)
	require.Equal(e, 1, e.maintain().Expired)
	e.invisible(late, "expired")
	e.removeRaw(e.markName(held, keys.Hold+"hold1"))
	require.Equal(e, 1, e.maintain().Expired, "when the hold is lifted")
	e.invisible(held, "expired")
	require.Equal(e, 2, e.counts(box).New)
}
