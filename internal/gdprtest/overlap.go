package gdprtest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/gdpr"
)

func overlapRules() []rule {
	return []rule{
		{"TwoCasesOfOneMessageMustBothBeUndone", "the undo of one caller's request must not show what another request covers", overlapUndo},
		{"TheFirstOfTwoCasesErasesForBoth", "the earlier promise holds, and the later case still gets its receipt", overlapErase},
		{"AnErasedMessageIsNotUndoneByTheOtherCase", "an erasure is final, and whoever undoes later must be told what is left", overlapLate},
		{"OneRequestOfSeveralNumbersIsOneCase", "a person has a mobile telephone and an office", overlapNumbers},
		{"ASecondRunOfAClosedCaseSaysWhatIsNew", "a silent no-op looks like an erasure", overlapClosed},
	}
}

func overlapUndo(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.forget(c, request("c2", s.number))
	e.undo(c, request("c1", s.number))
	e.hidden(s.caller)
	e.forget(c, request("c1", s.number))
	e.undo(c, request("c2", s.number))
	e.hidden(s.caller)
	e.undo(c, request("c1", s.number))
	e.seen(s.caller)
	cases, err := c.Cases(e.ctx)
	require.NoError(e, err)
	require.Len(e, cases, 2)
}

func overlapErase(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.pass(10 * hour)
	e.forget(c, request("c2", s.number))
	first := e.eraseOne(c, 13*hour)
	require.Equal(e, "c1", first.CaseID)
	require.Equal(e, s.ids(), first.Messages)
	e.hidden(s.caller)
	e.pass(9 * hour)
	require.Equal(e, []string{"c2"}, e.sweep(c).Erased)
	e.pass(gdpr.Settle)
	second := e.sweep(c).Closed
	require.Len(e, second, 1)
	require.Equal(e, "c2", second[0].CaseID)
	e.erased(s, "c1", "c2")
}

// eraseOne lets time pass and sweeps, and again after the settling time, and demands one receipt.
func (e *env) eraseOne(c *gdpr.Controller, after time.Duration) gdpr.Receipt {
	e.Helper()
	e.pass(after)
	require.Len(e, e.sweep(c).Erased, 1)
	e.pass(gdpr.Settle)
	r := e.sweep(c)
	require.Len(e, r.Closed, 1)
	return r.Closed[0]
}

func overlapLate(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.pass(10 * hour)
	e.forget(c, request("c2", s.number))
	e.eraseOne(c, 13*hour)
	r := e.undo(c, request("c2", s.number))
	require.Equal(e, gdpr.StateUndone, r.State)
	require.Empty(e, r.Phones[0].Messages, "there was nothing to bring back")
	e.erased(s, "c1", "c2")
}

func overlapNumbers(e *env) {
	s := e.scene()
	second := newCaller()
	e.leave(second, e.regions[len(e.regions)-1], group, nil)
	req := request("c1", s.number)
	req.Consumers = append(req.Consumers, gdpr.Consumer{Phones: []gdpr.Phone{gdpr.NewPhone(second.number), gdpr.NewPhone(s.number)}})
	c := e.controller()
	r := e.forget(c, req)
	require.Len(e, r.Phones, 2, "each number once")
	require.Equal(e, s.ids(), r.Phones[0].Messages)
	require.Equal(e, second.ids(), r.Phones[1].Messages)
	e.hidden(s.caller)
	e.hidden(second)
	receipts := e.erase(c)
	require.Len(e, receipts, 1)
	require.Len(e, receipts[0].Messages, len(s.ids())+1)
	e.erased(s, "c1")
	e.clean(second.trace("c1"))
}

func overlapClosed(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.erase(c)
	r := e.forget(c, request("c1", s.number))
	require.Equal(e, gdpr.StateClosed, r.State)
	require.Equal(e, 1, r.Receipt)
	require.Zero(e, r.Newer)
	later := &caller{number: s.number, name: s.name}
	e.leave(later, e.place.Master, personal, nil)
	e.leave(later, e.regions[len(e.regions)-1], group, nil)
	before := e.listing()
	r = e.forget(c, request("c1", s.number))
	require.Equal(e, gdpr.StateClosed, r.State)
	require.Equal(e, 2, r.Newer, "what came since is told, and not covered")
	e.unchanged(before, "something changed")
	e.seen(later)
	e.forget(c, request("c2", s.number))
	e.hidden(later)
	e.erase(c)
	s.left = append(s.left, later.left...)
	e.erased(s, "c1", "c2")
}
