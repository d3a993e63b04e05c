package gdprtest

import (
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
)

func holdRules() []rule {
	return []rule{
		{"AHeldMessageIsDeletedByNobody", "evidence that can be deleted is none", holdKeeps},
		{"AForgottenMessageThatIsHeldIsRestrictedAndWaits", "a lawsuit goes before an erasure, not before a restriction (GDPR, Articles 17(3) and 18)", holdForget},
		{"AHoldThatComesAfterTheForgetKeepsTheMessage", "the court's letter can come on the second day", holdLater},
		{"AHoldThatComesAfterTheErasureIsRefused", "whoever holds what is gone must know that it is", holdLoses},
		{"EveryHoldMustBeReleased", "two lawsuits, one of which ends", holdTwo},
		{"UndoLeavesTheHold", "the hold is not the caller's to take back", holdUndo},
		{"TheReasonOfAHoldIsInNoNameAndNoReport", "it can be confidential, and names are in the logs of every storage", holdReason},
	}
}

func (e *env) hold(c *gdpr.Controller, r recorded, reason string) gdpr.HoldID {
	e.Helper()
	id, err := c.Hold(e.ctx, gdpr.Hold{Mailbox: r.Mailbox(), Message: r.ID(), Reason: reason, Actor: officer})
	require.NoError(e, err, "hold")
	return id
}

func (e *env) release(c *gdpr.Controller, id gdpr.HoldID) {
	e.Helper()
	require.NoError(e, c.Release(e.ctx, id), "release")
}

func holdKeeps(e *env) {
	e.mailboxes()
	who := newCaller()
	c := e.controller()
	r := e.leave(who, e.regions[len(e.regions)-1], personal, &voicemail.DepositOptions{Expires: e.clock.now().Add(hour)})
	id := e.hold(c, r, "a lawsuit")
	require.True(e, e.message(e.svc(), r).State().Held)
	require.ErrorIs(e, r.Delete(e.ctx), voicemail.ErrHeld)
	_, err := r.MoveTo(e.ctx, group)
	require.ErrorIs(e, err, voicemail.ErrHeld)
	e.pass(2 * hour)
	_, err = e.svc().Maintain(e.ctx)
	require.NoError(e, err)
	e.seen(who)
	require.NoError(e, r.Trash(e.ctx), "the trash deletes nothing")
	e.seen(who)
	e.release(c, id)
	report, err := e.svc().Maintain(e.ctx)
	require.NoError(e, err)
	require.Equal(e, 1, report.Expired, "what only the hold kept goes now")
}

func holdForget(e *env) {
	s := e.scene()
	c := e.controller()
	held := s.left[0]
	id := e.hold(c, held, "a lawsuit")
	r := e.forget(c, request("c1", s.number))
	require.Equal(e, []voicemail.MessageID{held.ID()}, r.Phones[0].Held, "the answer says what will be kept")
	e.hidden(s.caller)
	e.pass(window)
	for range 3 {
		swept := e.sweep(c)
		require.Equal(e, []voicemail.MessageID{held.ID()}, swept.Held, "each sweep says what it keeps")
		require.Empty(e, swept.Erased)
		require.Empty(e, swept.Closed)
		require.Equal(e, 1, swept.Open)
		e.pass(10 * day)
	}
	require.Equal(e, gdpr.StateErasing, e.status(c, "c1").State)
	others := s.trace("c1")
	others.Numbers, others.Secrets = nil, nil // the held message has them
	others.Audio = slices.DeleteFunc(others.Audio, func(a []byte) bool { return string(a) == string(held.audio) })
	e.clean(others)
	_, err := c.UndoForgetMe(e.ctx, request("c1", s.number))
	require.ErrorIs(e, err, gdpr.ErrDecided)
	e.release(c, id)
	require.Equal(e, []string{"c1"}, e.sweep(c).Erased)
	e.pass(gdpr.Settle)
	closed := e.sweep(c).Closed
	require.Len(e, closed, 1)
	require.Equal(e, s.ids(), closed[0].Messages)
	e.erased(s, "c1")
}

func holdLater(e *env) {
	who := e.one()
	c := e.controller()
	e.forget(c, request("c1", who.number))
	e.pass(window - hour)
	id := e.hold(c, who.left[0], "a letter from a court")
	e.pass(hour)
	require.Len(e, e.sweep(c).Held, 1)
	e.release(c, id)
	require.Equal(e, []string{"c1"}, e.sweep(c).Erased)
	e.pass(gdpr.Settle)
	e.sweep(c)
	e.clean(who.trace("c1"))
}

func holdLoses(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.pass(window)
	e.sweep(c)
	before := e.listing()
	_, err := c.Hold(e.ctx, gdpr.Hold{Mailbox: personal, Message: s.left[0].ID(), Reason: "too late", Actor: officer})
	require.ErrorIs(e, err, voicemail.ErrNotFound)
	e.unchanged(before, "something changed")
	holds, err := c.Holds(e.ctx)
	require.NoError(e, err)
	require.Empty(e, holds)
	e.pass(gdpr.Settle)
	require.Len(e, e.sweep(c).Closed, 1)
	e.erased(s, "c1")
}

func holdTwo(e *env) {
	who := e.one()
	c := e.controller()
	first, second := e.hold(c, who.left[0], "one lawsuit"), e.hold(c, who.left[0], "another")
	holds, err := c.Holds(e.ctx)
	require.NoError(e, err)
	require.Len(e, holds, 2)
	e.forget(c, request("c1", who.number))
	e.pass(window)
	e.release(c, first)
	require.Len(e, e.sweep(c).Held, 1)
	require.ErrorIs(e, c.Release(e.ctx, first), gdpr.ErrNoHold)
	require.ErrorIs(e, c.Release(e.ctx, "no such hold"), gdpr.ErrNoHold)
	e.release(c, second)
	require.Empty(e, e.sweep(c).Held)
	e.pass(gdpr.Settle)
	require.Len(e, e.sweep(c).Closed, 1)
	e.clean(who.trace("c1"))
}

func holdUndo(e *env) {
	who := e.one()
	c := e.controller()
	e.hold(c, who.left[0], "a lawsuit")
	e.forget(c, request("c1", who.number))
	e.undo(c, request("c1", who.number))
	require.True(e, e.message(e.svc(), who.left[0]).State().Held)
	require.ErrorIs(e, who.left[0].Delete(e.ctx), voicemail.ErrHeld)
	e.seen(who)
}

func holdReason(e *env) {
	who := e.one()
	c := e.controller()
	const reason = "Xanthippe against Sokrates"
	id := e.hold(c, who.left[0], reason)
	holds, err := c.Holds(e.ctx)
	require.NoError(e, err)
	require.Len(e, holds, 1)
	require.Equal(e, reason, holds[0].Reason)
	require.Equal(e, officer, holds[0].Actor)
	require.Equal(e, id, holds[0].ID)
	require.False(e, holds[0].At.IsZero())
	for region, lines := range e.listing() {
		for _, line := range lines {
			require.NotContains(e, strings.ToLower(line), "xanthippe", region)
		}
	}
	for _, bad := range []gdpr.Hold{
		{Mailbox: personal, Message: who.left[0].ID(), Actor: officer},
		{Mailbox: personal, Message: who.left[0].ID(), Reason: strings.Repeat("x", 1025), Actor: officer},
		{Mailbox: personal, Message: who.left[0].ID(), Reason: reason},
		{Mailbox: personal, Message: "no message", Reason: reason, Actor: officer},
		{Mailbox: "", Message: who.left[0].ID(), Reason: reason, Actor: officer},
	} {
		_, err := c.Hold(e.ctx, bad)
		require.ErrorIs(e, err, voicemail.ErrInvalid)
	}
	_, err = c.Hold(e.ctx, gdpr.Hold{Mailbox: group, Message: who.left[0].ID(), Reason: reason, Actor: officer})
	require.ErrorIs(e, err, voicemail.ErrNotFound, "in another mailbox")
	holds, err = c.Holds(e.ctx)
	require.NoError(e, err)
	require.Len(e, holds, 1, "what was refused left no record")
}
