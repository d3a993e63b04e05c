//go:build unix

package processtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/genesys/voicemail"
)

// shareJob is what one of many processes on the same mailboxes has to do.
type shareJob struct {
	Place    place
	Ticks    string
	Seed     uint64
	Worker   int
	Changes  int                   // how many must be acknowledged
	Boxes    []voicemail.MailboxID // where it deposits, and copies and moves its messages to; the settings of the first one count updates
	Duties   []duty
	RoamIn   []voicemail.MailboxID
	Roamers  []roamer
	EachLook int // one look for so many changes, on average
}

// duty is a mark of a message, for which only one process is in charge. Other processes are in charge of its other marks.
type duty struct {
	origin
	ID    voicemail.MessageID
	Box   voicemail.MailboxID
	Field field
	On    bool
}

// roamer is a message that every process may move to another mailbox, and may delete if it is Doomed.
type roamer struct {
	origin
	ID     voicemail.MessageID
	Doomed bool
}

// report is one line to the parent: what was acknowledged, or counted.
type report struct {
	Write    *write
	Look     *look
	Roamed   *roamed
	Settings bool
	Done     *looks
}

// roamed is an acknowledged move or deletion of a roamer.
type roamed struct {
	ID  voicemail.MessageID
	Box voicemail.MailboxID // empty if it was deleted
}

// looks are how often a process looked, without finding anything wrong.
type looks struct{ Counted, Listed, Found, Played, Refused int }

// worker is a process that shares mailboxes with others.
type worker struct {
	shareJob
	parent
	ctx   context.Context
	svc   *voicemail.Service
	ticks *ticks
	rng   *rand.Rand
	own   []*owned
	made  int
	done  int
	looks looks
}

// owned is a message that only this process changes.
type owned struct {
	origin
	id    voicemail.MessageID
	box   voicemail.MailboxID
	marks marks
}

// share does a shareJob.
func share(ctx context.Context, c parent) error {
	w := &worker{parent: c, ctx: ctx}
	if err := c.in.Decode(&w.shareJob); err != nil {
		return err
	}
	var err error
	if w.ticks, err = openTicks(w.Ticks); err != nil {
		return err
	}
	if w.svc, err = w.Place.service(ctx); err != nil {
		return err
	}
	w.rng = rand.New(rand.NewPCG(w.Seed, uint64(w.Worker)))
	if err := c.out.Encode(true); err != nil {
		return err
	}
	if err := c.in.Decode(new(bool)); !errors.Is(err, io.EOF) { // all begin at once
		return fmt.Errorf("the parent did not say go: %w", err)
	}
	for _, r := range w.Roamers { // in the same order as all others do: here they meet
		if err := w.roam(r); err != nil {
			return err
		}
	}
	for w.done < w.Changes {
		if err := w.change(); err != nil {
			return err
		}
		if w.rng.IntN(w.EachLook) > 0 {
			continue
		}
		if err := w.look(); err != nil {
			return err
		}
	}
	return c.out.Encode(report{Done: &w.looks})
}

// acknowledged reports a change.
func (w *worker) acknowledged(r report) error {
	w.done++
	return w.out.Encode(r)
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

func (w *worker) change() error {
	n := w.rng.IntN(100)
	switch {
	case len(w.own) == 0 || n < 34:
		return w.deposit()
	case n < 39:
		return w.updateSettings()
	case n < 46:
		return w.attend(&w.Duties[w.rng.IntN(len(w.Duties))])
	case n < 52:
		return w.roam(pick(w.rng, w.Roamers))
	}
	m := pick(w.rng, w.own)
	msg, err := w.read(m)
	if err != nil {
		return err
	}
	switch {
	case n < 58:
		return w.copy(m, msg)
	case n < 66:
		return w.move(m, msg)
	case n < 73:
		return w.remove(m, msg)
	}
	return w.toggle(m, msg, field(w.rng.IntN(int(inBox))))
}

func (w *worker) deposit() error {
	w.made++
	serial := (w.Worker+1)*1_000_000 + w.made
	m := &owned{origin: origin{Audio: serial, Caller: serial / 4}, box: pick(w.rng, w.Boxes)}
	m.marks[isUrgent] = w.rng.IntN(4) == 0
	at, err := w.ticks.during(func() error {
		msg, err := m.deposit(w.ctx, w.svc.Mailbox(m.box), voicemail.DepositOptions{Urgent: m.marks[isUrgent]})
		if err == nil {
			m.id = msg.ID()
		}
		return err
	})
	if err != nil {
		return err
	}
	return w.born(m, at)
}

func (w *worker) born(m *owned, at span) error {
	w.own = append(w.own, m)
	return w.acknowledged(report{Write: &write{span: at, ID: m.id, Field: inBox, Box: m.box, Born: &m.origin, Marks: m.marks}})
}

// read reads a message of this process's own anew: it must be as this process left it.
func (w *worker) read(m *owned) (voicemail.Message, error) {
	msg, err := w.svc.Mailbox(m.box).Message(w.ctx, m.id)
	if err != nil {
		return nil, err
	}
	return msg, w.same(m, msg)
}

func (w *worker) same(m *owned, msg voicemail.Message) error {
	if got := marksOf(msg.State()); got != m.marks || msg.Mailbox() != m.box {
		return broken("%v has the marks %v, not %v in mailbox %q", msg, got, m.marks, m.box)
	}
	return m.describes(msg)
}

// set sets or clears one mark.
func set(ctx context.Context, msg voicemail.Message, f field, on bool) error {
	switch {
	case f == isUrgent:
		return msg.SetUrgent(ctx, on)
	case f == isRead && on:
		return msg.MarkRead(ctx)
	case f == isRead:
		return msg.MarkUnread(ctx)
	case on:
		return msg.Trash(ctx)
	default:
		return msg.Restore(ctx)
	}
}

func (w *worker) toggle(m *owned, msg voicemail.Message, f field) error {
	at, err := w.ticks.during(func() error { return set(w.ctx, msg, f, !m.marks[f]) })
	if err != nil {
		return err
	}
	m.marks[f] = !m.marks[f]
	return w.acknowledged(report{Write: &write{span: at, ID: m.id, Field: f, On: m.marks[f]}})
}

func (w *worker) copy(m *owned, msg voicemail.Message) error {
	c := &owned{origin: m.origin, box: pick(w.rng, w.Boxes)}
	c.marks[isUrgent] = m.marks[isUrgent]
	at, err := w.ticks.during(func() error {
		msg, err := msg.CopyTo(w.ctx, c.box, nil)
		if err == nil {
			c.id = msg.ID()
		}
		return err
	})
	if err != nil {
		return err
	}
	return w.born(c, at)
}

func (w *worker) move(m *owned, msg voicemail.Message) error {
	to := pick(w.rng, w.Boxes)
	if to == m.box {
		return nil
	}
	at, err := w.ticks.during(func() error { _, err := msg.MoveTo(w.ctx, to); return err })
	if err != nil {
		return err
	}
	m.box = to
	return w.acknowledged(report{Write: &write{span: at, ID: m.id, Field: inBox, Box: to}})
}

func (w *worker) remove(m *owned, msg voicemail.Message) error {
	at, err := w.ticks.during(func() error { return msg.Delete(w.ctx) })
	if err != nil {
		return err
	}
	w.own = slices.DeleteFunc(w.own, func(o *owned) bool { return o == m })
	return w.acknowledged(report{Write: &write{span: at, ID: m.id, Field: inBox}})
}

// updateSettings adds one to a number that all processes add to.
func (w *worker) updateSettings() error {
	_, err := w.svc.Mailbox(w.Boxes[0]).UpdateSettings(w.ctx, func(s *voicemail.Settings) error {
		s.MaxMessages++
		return nil
	})
	if err != nil {
		return err
	}
	return w.acknowledged(report{Settings: true})
}

// attend changes the mark that this process is in charge of, while others change the other marks of the same message.
func (w *worker) attend(d *duty) error {
	msg, err := w.svc.Mailbox(d.Box).Message(w.ctx, d.ID)
	if err != nil {
		return err
	}
	if err := d.kept(msg); err != nil {
		return err
	}
	at, err := w.ticks.during(func() error { return set(w.ctx, msg, d.Field, !d.On) })
	if err != nil {
		return err
	}
	d.On = !d.On
	return w.acknowledged(report{Write: &write{span: at, ID: d.ID, Field: d.Field, On: d.On}})
}

func (d *duty) kept(msg voicemail.Message) error {
	if marksOf(msg.State())[d.Field] != d.On {
		return broken("%v lost an update of mark %d", msg, d.Field)
	}
	return d.describes(msg)
}

// roam moves or deletes a message that others may be moving or deleting, too.
func (w *worker) roam(r roamer) error {
	found, err := r.find(w.ctx, w.svc)
	if err != nil {
		return err
	}
	msg, ok := found[r.ID]
	if len(found) > 1 || !ok && (len(found) > 0 || !r.Doomed) {
		return broken("message %s is found %d times by its caller while others move it", r.ID, len(found))
	}
	if !ok {
		return nil
	}
	to := pick(w.rng, w.RoamIn)
	switch {
	case r.Doomed && w.rng.IntN(4) == 0:
		to = ""
		err = msg.Delete(w.ctx)
	case to == msg.Mailbox():
		return nil
	default:
		_, err = msg.MoveTo(w.ctx, to)
	}
	if errors.Is(err, voicemail.ErrNotFound) || errors.Is(err, voicemail.ErrConflict) {
		w.looks.Refused++
		return nil
	}
	if err != nil {
		return err
	}
	return w.acknowledged(report{Roamed: &roamed{r.ID, to}})
}

// look looks around in one of several ways.
func (w *worker) look() error {
	switch w.rng.IntN(4) {
	case 0:
		return w.list(pick(w.rng, w.Boxes))
	case 1:
		if len(w.own) > 0 {
			return w.findAndPlay(pick(w.rng, w.own))
		}
	case 2:
		return w.countRoamers(pick(w.rng, w.RoamIn))
	}
	return w.count(pick(w.rng, w.Boxes))
}

// count reports what it counted. Whether that can be right the parent knows, when it has heard of all changes.
func (w *worker) count(box voicemail.MailboxID) error {
	var n voicemail.Counts
	at, err := w.ticks.during(func() (err error) { n, err = w.svc.Mailbox(box).Counts(w.ctx); return err })
	if err != nil {
		return err
	}
	w.looks.Counted++
	return w.out.Encode(report{Look: &look{at, box, n}})
}

func (w *worker) countRoamers(box voicemail.MailboxID) error {
	n, err := w.svc.Mailbox(box).Counts(w.ctx)
	if err != nil {
		return err
	}
	if n.New > len(w.Roamers) || n != (voicemail.Counts{New: n.New}) {
		return broken("mailbox %q has %v of at most %d messages, all new", box, n, len(w.Roamers))
	}
	w.looks.Counted++
	return nil
}

// list lists a mailbox: what this process deposited there and has in its charge must be there as it left it, and nothing that it took away.
func (w *worker) list(box voicemail.MailboxID) error {
	listed, err := list(w.ctx, w.svc.Mailbox(box))
	if err != nil {
		return err
	}
	for _, m := range w.own {
		msg := listed[m.id]
		if (msg != nil) != (m.box == box) {
			return broken("message %s is in mailbox %q; listed in %q: %v", m.id, m.box, box, msg != nil)
		}
		if msg == nil {
			continue
		}
		if err := w.same(m, msg); err != nil {
			return err
		}
	}
	for _, d := range w.Duties {
		if d.Box != box {
			continue
		}
		if listed[d.ID] == nil {
			return broken("message %s, which nobody moves, is not listed in mailbox %q", d.ID, box)
		}
		if err := d.kept(listed[d.ID]); err != nil {
			return err
		}
	}
	w.looks.Listed++
	return nil
}

// findAndPlay finds all messages of a caller of this process's own, and plays one.
func (w *worker) findAndPlay(m *owned) error {
	found, err := m.find(w.ctx, w.svc)
	if err != nil {
		return err
	}
	n := 0
	for _, o := range w.own {
		if o.Caller != m.Caller {
			continue
		}
		n++
		if found[o.id] == nil {
			return broken("message %s is not found by its caller", o.id)
		}
		if err := w.same(o, found[o.id]); err != nil {
			return err
		}
	}
	if len(found) != n {
		return broken("%d messages of a caller are found, not %d", len(found), n)
	}
	w.looks.Found++
	w.looks.Played++
	return m.plays(w.ctx, found[m.id])
}
