package voicemail_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
)

// modelCase is a case of a caller who wants to be forgotten. What it covers, the messages know.
type modelCase struct {
	id, caller  string
	state       gdpr.State
	due, erased time.Time
}

type modelHold struct {
	id      gdpr.HoldID
	message *modelMessage
}

// covered returns the messages that a case restricts, oldest first.
func (m *model) covered(c *modelCase) []*modelMessage {
	return m.messagesOf(func(msg *modelMessage) bool { return slices.Contains(msg.cases, c) })
}

// messagesOf returns messages, restricted or not, oldest first.
func (m *model) messagesOf(match func(*modelMessage) bool) []*modelMessage {
	var list []*modelMessage
	for _, box := range m.boxes {
		for _, msg := range box.messages {
			if match(msg) {
				list = append(list, msg)
			}
		}
	}
	slices.SortFunc(list, func(a, b *modelMessage) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	return list
}

func modelIDs(list []*modelMessage) []voicemail.MessageID {
	var ids []voicemail.MessageID
	for _, msg := range list {
		ids = append(ids, msg.id)
	}
	return ids
}

// hold holds a message, also one that is restricted.
func (m *model) hold(t *rapid.T) {
	mailbox, is := m.choose(t, func(*modelMessage) bool { return true })
	id, err := m.gdpr.Hold(m.ctx, gdpr.Hold{Mailbox: mailbox, Message: is.id, Reason: "a lawsuit", Actor: "legal"})
	require.NoError(t, err)
	is.state.Held = true
	is.holds = append(is.holds, id)
	m.holds = append(m.holds, modelHold{id, is})
	m.compareHolds(t)
}

func (m *model) release(t *rapid.T) {
	if len(m.holds) == 0 {
		t.Skip("nothing was held")
	}
	h := m.holds[rapid.IntRange(0, len(m.holds)-1).Draw(t, "hold")]
	err := m.gdpr.Release(m.ctx, h.id)
	if !slices.Contains(h.message.holds, h.id) {
		require.ErrorIs(t, err, gdpr.ErrNoHold)
		return
	}
	require.NoError(t, err)
	h.message.holds = slices.DeleteFunc(h.message.holds, func(id gdpr.HoldID) bool { return id == h.id })
	h.message.state.Held = len(h.message.holds) > 0
	m.compareHolds(t)
}

func (m *model) compareHolds(t *rapid.T) {
	list, err := m.gdpr.Holds(m.ctx)
	require.NoError(t, err)
	var got, want []gdpr.HoldID
	for _, h := range list {
		got = append(got, h.ID)
	}
	for _, msg := range m.messagesOf(func(msg *modelMessage) bool { return msg.state.Held }) {
		want = append(want, msg.holds...)
	}
	require.ElementsMatch(t, want, got)
}

// someCase chooses a case that there was, or skips the step.
func (m *model) someCase(t *rapid.T) *modelCase {
	if len(m.cases) == 0 {
		t.Skip("nobody asked to be forgotten")
	}
	return m.cases[rapid.IntRange(0, len(m.cases)-1).Draw(t, "case")]
}

// forget forgets a caller, in a new case or once more in an earlier one.
func (m *model) forget(t *rapid.T) {
	c := &modelCase{id: fmt.Sprintf("case %d", len(m.cases)+1), state: gdpr.StateUndone}
	if len(m.cases) > 0 && rapid.IntRange(0, 2).Draw(t, "again") == 2 {
		c = m.someCase(t)
	} else {
		c.caller = rapid.SampledFrom(modelCallers[:3]).Draw(t, "caller")
		m.cases = append(m.cases, c)
	}
	all := m.messagesOf(func(msg *modelMessage) bool { return msg.caller == c.caller })
	var handles []voicemail.Message
	for id, box := range m.boxes {
		for _, msg := range box.seen(func(msg *modelMessage) bool { return msg.caller == c.caller }) {
			handle, err := m.svc.Mailbox(id).Message(m.ctx, msg)
			require.NoError(t, err)
			handles = append(handles, handle)
		}
	}
	report, err := m.gdpr.ForgetMe(m.ctx, &gdpr.Request{CaseID: c.id, Actor: "ann", Consumers: []gdpr.Consumer{{Phones: []gdpr.Phone{gdpr.NewPhone(c.caller)}}}})
	require.NoError(t, err)
	if c.state != gdpr.StateUndone && c.state != gdpr.StateRestricted {
		require.Equal(t, c.state, report.State)
		require.Equal(t, len(handles), report.Newer)
		return
	}
	slices.SortFunc(handles, func(a, b voicemail.Message) int { return slices.Index(m.order, a.ID()) - slices.Index(m.order, b.ID()) })
	m.gone = append(m.gone, handles...)
	if c.state == gdpr.StateUndone {
		c.state, c.due = gdpr.StateRestricted, m.now.Add(gdpr.DefaultWindow)
	}
	for _, msg := range all {
		if !slices.Contains(msg.cases, c) {
			msg.cases = append(msg.cases, c)
		}
	}
	require.Len(t, report.Phones, 1)
	require.Equal(t, modelIDs(all), report.Phones[0].Messages)
	m.compareCases(t)
}

// undo brings back what no other case covers.
func (m *model) undo(t *rapid.T) {
	c := m.someCase(t)
	_, err := m.gdpr.UndoForgetMe(m.ctx, &gdpr.Request{CaseID: c.id, Actor: "ann"})
	if c.state != gdpr.StateUndone && c.state != gdpr.StateRestricted {
		require.ErrorIs(t, err, gdpr.ErrDecided)
		return
	}
	require.NoError(t, err)
	for _, msg := range m.covered(c) {
		msg.cases = slices.DeleteFunc(msg.cases, func(other *modelCase) bool { return other == c })
	}
	c.state = gdpr.StateUndone
	m.compareCases(t)
}

// sweep lets time pass, and erases what is due.
func (m *model) sweep(t *rapid.T) {
	m.wait(t)
	var decided, erased, closed []string
	var held []voicemail.MessageID
	for _, c := range m.cases {
		if c.state == gdpr.StateRestricted && !c.due.After(m.now) {
			c.state = gdpr.StateErasing
			decided = append(decided, c.id)
		}
		switch {
		case c.state == gdpr.StateErased && m.now.Sub(c.erased) >= gdpr.Settle:
			c.state = gdpr.StateClosed
			closed = append(closed, c.id)
		case c.state == gdpr.StateErasing:
			m.erase(c)
			if kept := modelIDs(m.covered(c)); len(kept) > 0 {
				held = append(held, kept...)
				break
			}
			c.state, c.erased = gdpr.StateErased, m.now
			erased = append(erased, c.id)
		}
	}
	report, err := m.gdpr.Sweep(m.ctx)
	require.NoError(t, err)
	var receipts []string
	for _, r := range report.Closed {
		receipts = append(receipts, r.CaseID)
	}
	require.ElementsMatch(t, decided, report.Decided)
	require.ElementsMatch(t, erased, report.Erased)
	require.ElementsMatch(t, closed, receipts)
	require.ElementsMatch(t, held, report.Held)
	m.compareCases(t)
}

// erase erases what a case covers and no hold keeps.
func (m *model) erase(c *modelCase) {
	for _, msg := range m.covered(c) {
		if msg.state.Held {
			continue
		}
		for _, box := range m.boxes {
			delete(box.messages, msg.id)
		}
	}
}

func (m *model) compareCases(t *rapid.T) {
	list, err := m.gdpr.Cases(m.ctx)
	require.NoError(t, err)
	got, want := map[string]gdpr.State{}, map[string]gdpr.State{}
	for _, c := range list {
		got[c.CaseID] = c.State
	}
	for _, c := range m.cases {
		want[c.id] = c.state
	}
	require.Equal(t, want, got)
}
