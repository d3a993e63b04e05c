//go:build unix

package processtest

import (
	"fmt"

	"github.com/genesys/voicemail"
)

// field is what of a message one process alone changes at a time.
type field int

const (
	isRead field = iota
	isUrgent
	isTrashed
	inBox
)

// marks are the first three fields.
type marks [inBox]bool

func marksOf(s voicemail.State) marks { return marks{s.Read, s.Urgent, s.Trashed} }

// write is an acknowledged change of one field.
type write struct {
	span
	ID    voicemail.MessageID
	Field field
	On    bool                // of a mark
	Box   voicemail.MailboxID // of inBox; empty if the message was deleted
	// Born is set of the write that makes the message, which has these Marks from the start.
	Born  *origin
	Marks marks
}

// look is what a process counted.
type look struct {
	span
	Box    voicemail.MailboxID
	Counts voicemail.Counts
}

// register is what was written to one field, by one process after the other.
type register[T comparable] []struct {
	span
	value T
}

func (r *register[T]) write(s span, v T) {
	*r = append(*r, struct {
		span
		value T
	}{s, v})
}

func (r register[T]) last() T { return r[len(r)-1].value }

// chance is whether something may have been so, and whether it must have been.
type chance struct{ can, must bool }

func (c chance) and(o chance) chance { return chance{c.can && o.can, c.must && o.must} }

// is says whether the field was v while something looked: a value may have been seen unless its write began after the look, or the next write ended
// before it.
func (r register[T]) is(v T, s span) chance {
	c := chance{must: true}
	for i, w := range r {
		if w.Start > s.End || i+1 < len(r) && r[i+1].End < s.Start {
			continue
		}
		c.can = c.can || w.value == v
		c.must = c.must && w.value == v
	}
	return c
}

// past is all that was acknowledged of one message.
type past struct {
	origin
	marks [inBox]register[bool]
	box   register[voicemail.MailboxID]
}

func (p *past) last() (m marks) {
	for f := range m {
		m[f] = p.marks[f].last()
	}
	return m
}

// history is what all processes have acknowledged of the messages that are changed by one process only, or each field by one.
type history struct {
	messages map[voicemail.MessageID]*past
	settings int
	changes  int
}

func (h *history) add(w write) error {
	h.changes++
	p := h.messages[w.ID]
	if (p == nil) != (w.Born != nil) {
		return fmt.Errorf("message %s: born twice or never", w.ID)
	}
	if p == nil {
		p = &past{origin: *w.Born}
		h.messages[w.ID] = p
		p.box.write(span{}, "")
		for f, on := range w.Marks {
			p.marks[f].write(span{}, on)
		}
	}
	if w.Field == inBox {
		p.box.write(w.span, w.Box)
	} else {
		p.marks[w.Field].write(w.span, w.On)
	}
	return nil
}

// tally is what counts tell, and the number of all messages that are counted.
type tally struct {
	voicemail.Counts
	All int
}

func tallyOf(c voicemail.Counts) tally { return tally{c, c.New + c.Old} }

// bounds returns the least and the most that the look may have counted.
func (h *history) bounds(l look) (least, most tally) {
	for _, p := range h.messages {
		counted := p.box.is(l.Box, l.span).and(p.marks[isTrashed].is(false, l.span))
		if !counted.can {
			continue
		}
		add := func(c chance, least, most *int) {
			if c.must {
				*least++
			}
			if c.can {
				*most++
			}
		}
		unread, read := counted.and(p.marks[isRead].is(false, l.span)), counted.and(p.marks[isRead].is(true, l.span))
		urgent := p.marks[isUrgent].is(true, l.span)
		add(counted, &least.All, &most.All)
		add(unread, &least.New, &most.New)
		add(read, &least.Old, &most.Old)
		add(unread.and(urgent), &least.NewUrgent, &most.NewUrgent)
		add(read.and(urgent), &least.OldUrgent, &most.OldUrgent)
	}
	return least, most
}

// within reports whether a tally lies between two others.
func (t tally) within(least, most tally) bool {
	between := func(lo, n, hi int) bool { return lo <= n && n <= hi }
	return between(least.All, t.All, most.All) && between(least.New, t.New, most.New) && between(least.Old, t.Old, most.Old) &&
		between(least.NewUrgent, t.NewUrgent, most.NewUrgent) && between(least.OldUrgent, t.OldUrgent, most.OldUrgent)
}

// in returns what must be in a mailbox at the end.
func (h *history) in(box voicemail.MailboxID) map[voicemail.MessageID]*past {
	there := map[voicemail.MessageID]*past{}
	for id, p := range h.messages {
		if p.box.last() == box {
			there[id] = p
		}
	}
	return there
}
