package gdprtest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
)

func undoRules() []rule {
	return []rule{
		{"UndoRestoresEveryStateExactly", "a message that comes back unread rings again, one that comes back without its expiry stays for ever", undoExact},
		{"UndoLeavesNoTraceOfTheCaller", "who changed their mind has not agreed to a record of it", undoTrace},
		{"AnUndoneCaseCanBeForgottenAgain", "people change their minds more than once", undoAgain},
		{"AnUndoTwiceIsOne", "a lost reply is answered by another try", undoTwice},
		{"UndoNeedsNoConsumers", "an officer knows the case, and need not keep the number to take it back", undoBare},
		{"UndoOfAnotherRequestIsRefused", "a mistyped case would bring back somebody else", undoConflict},
		{"UndoOfNoCaseIsRefused", "nothing was undone, and nobody may be told so", undoNone},
		{"UndoIsPossibleUntilTheDecision", "the report names a time, and a sweep that was late takes nothing away", undoLast},
		{"UndoAfterTheDecisionSaysSo", "half an erasure undone is a damaged mailbox and a broken promise", undoLate},
	}
}

func undoExact(e *env) {
	e.mailboxes()
	c := e.controller()
	who := newCaller()
	until := e.clock.now().Add(100 * day).UTC().Truncate(time.Millisecond)
	region := func(i int) string { return e.regions[i%len(e.regions)] }
	n := 0
	for set := range 1 << 5 { // read, trash, urgent, hold, expiry
		if set != 0 && set != 31 && set&(set-1) != 0 && set%5 != 0 {
			continue // each alone, none, all, and some
		}
		r := e.leave(who, region(n), []voicemail.MailboxID{personal, group}[n%2], nil)
		n++
		for bit, do := range []func() error{
			func() error { return r.MarkRead(e.ctx) },
			func() error { return r.Trash(e.ctx) },
			func() error { return r.SetUrgent(e.ctx, true) },
			func() error {
				_, err := c.Hold(e.ctx, gdpr.Hold{Mailbox: r.Mailbox(), Message: r.ID(), Reason: "a lawsuit", Actor: officer})
				return err
			},
			func() error { return r.SetExpiry(e.ctx, until) },
		} {
			if set&(1<<bit) != 0 {
				require.NoError(e, do())
			}
		}
	}
	states := func() []voicemail.State {
		var list []voicemail.State
		for _, r := range who.left {
			list = append(list, e.message(e.svc(), r).State())
		}
		return list
	}
	before, names, counts := states(), e.withoutRecords(e.listing()), e.counts(personal)
	e.forget(c, request("c1", who.number))
	e.pass(20 * hour)
	back := e.undo(c, request("c1", who.number))
	require.Equal(e, who.ids(), back.Phones[0].Messages)
	require.Equal(e, gdpr.StateUndone, back.State)
	require.Equal(e, before, states())
	require.Equal(e, counts, e.counts(personal))
	e.equal(names, e.withoutRecords(e.listing()), "byte for byte, and with the times of reading and of trashing")
	e.seen(who)
}

func undoTrace(e *env) {
	who := e.one()
	c := e.controller()
	before := e.clean0(who)
	e.forget(c, request("c1", who.number))
	require.Greater(e, e.clean0(who), before, "while the case is open its record has the number")
	e.undo(c, request("c1", who.number))
	require.Equal(e, before, e.clean0(who))
	require.Empty(e, e.due())
}

// clean0 counts the traces of a caller.
func (e *env) clean0(c *caller) int {
	e.Helper()
	return len(e.scan(c.trace("c1")))
}

func undoAgain(e *env) {
	s := e.scene()
	c := e.controller()
	for range 3 {
		first := e.forget(c, request("c1", s.number))
		e.hidden(s.caller)
		e.pass(window - hour)
		e.undo(c, request("c1", s.number))
		e.seen(s.caller)
		e.pass(2 * hour)
		require.Empty(e, e.sweep(c).Decided, "an undone forget is never due")
		second := e.forget(c, request("c1", s.number))
		require.Equal(e, day, second.EraseBy.Sub(second.AcceptedAt))
		require.True(e, second.AcceptedAt.After(first.AcceptedAt.Add(window)), "it is a new promise")
		e.undo(c, request("c1", s.number))
	}
	e.forget(c, request("c1", s.number))
	receipts := e.erase(c)
	require.Len(e, receipts, 1)
	e.erased(s, "c1")
}

func undoTwice(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	first := e.undo(c, request("c1", s.number))
	before := e.listing()
	e.pass(hour)
	second := e.undo(e.controllerOf(e.open(e.place.Master)), request("c1", s.number))
	require.Equal(e, first.Case, second.Case)
	e.unchanged(before, "something changed")
	e.seen(s.caller)
}

func undoBare(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	r := e.undo(c, &gdpr.Request{CaseID: "c1", Actor: "another officer"})
	require.Equal(e, gdpr.StateUndone, r.State)
	require.Equal(e, "another officer", e.status(c, "c1").Actor)
	e.seen(s.caller)
}

func undoConflict(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	before := e.listing()
	_, err := c.UndoForgetMe(e.ctx, request("c1", s.other.number))
	require.ErrorIs(e, err, gdpr.ErrCaseConflict)
	e.unchanged(before, "something changed")
	e.hidden(s.caller)
	e.undo(c, request("c1", s.number))
}

func undoNone(e *env) {
	who := e.one()
	c := e.controller()
	before := e.listing()
	_, err := c.UndoForgetMe(e.ctx, request("c1", who.number))
	require.ErrorIs(e, err, gdpr.ErrNoCase)
	_, err = c.Status(e.ctx, "c1")
	require.ErrorIs(e, err, gdpr.ErrNoCase)
	e.unchanged(before, "something changed")
	cases, err := c.Cases(e.ctx)
	require.NoError(e, err)
	require.Empty(e, cases)
}

func undoLast(e *env) {
	s := e.scene()
	c := e.controller()
	r := e.forget(c, request("c1", s.number))
	e.set(r.UndoUntil.Add(-time.Second))
	require.Empty(e, e.sweep(c).Decided, "a second before the window ends")
	e.set(r.UndoUntil.Add(40 * time.Minute))
	e.undo(c, request("c1", s.number))
	require.Empty(e, e.sweep(c).Decided)
	e.seen(s.caller)
}

func undoLate(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.pass(window)
	require.Equal(e, []string{"c1"}, e.sweep(c).Decided)
	for range 2 {
		_, err := c.UndoForgetMe(e.ctx, request("c1", s.number))
		require.ErrorIs(e, err, gdpr.ErrDecided)
		e.hidden(s.caller)
		e.pass(gdpr.Settle)
		e.sweep(c)
	}
	require.Equal(e, gdpr.StateClosed, e.status(c, "c1").State)
	e.erased(s, "c1")
}
