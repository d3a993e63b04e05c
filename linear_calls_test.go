package voicemail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
)

// linearClient makes calls, one after the other.
type linearClient struct {
	*linearHistory
	id      int
	svc     *Service
	counts  func(ctx context.Context, box Mailbox) (Counts, error)
	random  *rand.Rand
	handles []*message
}

func (c *linearClient) box() uint8 { return uint8(1 + c.random.IntN(2)) }

func (c *linearClient) chance(n int) bool { return c.random.IntN(n) == 0 }

// act makes one call at random.
func (c *linearClient) act(ctx context.Context) {
	if len(c.handles) == 0 {
		c.deposit(ctx)
		return
	}
	m := c.handles[c.random.IntN(len(c.handles))]
	mark := eachLinearMark[c.random.IntN(len(eachLinearMark))]
	room := len(c.ids()) < linearMessages-4
	switch n := c.random.IntN(20); {
	case n < 2 && room:
		c.deposit(ctx)
	case n < 3 && room:
		c.copy(ctx, m)
	case n < 6:
		c.mark(ctx, m, mark, true)
	case n < 8:
		c.mark(ctx, m, mark, false)
	case n < 9:
		c.delete(ctx, m)
	case n < 12 && m.ref().Hop < linearHops-1:
		c.move(ctx, m)
	case n < 15:
		ids := c.ids()
		c.message(ctx, ids[c.random.IntN(len(ids))], c.box())
	case n < 16:
		c.list(ctx, c.box())
	default:
		c.count(ctx, c.box())
	}
}

func (c *linearClient) keep(m Message) *message {
	own := m.(*message)
	c.handles = append(c.handles, own)
	if len(c.handles) > 3 {
		c.handles = c.handles[1:]
	}
	return own
}

func (c *linearClient) deposit(ctx context.Context) {
	d := linearDeposit{box: c.box(), urgent: c.chance(2)}
	if c.chance(2) {
		c.mu.Lock()
		if n := len(c.deposits); n > 0 && c.chance(2) {
			d = c.deposits[c.random.IntN(n)]
		} else {
			d.id = MessageID(fmt.Sprintf("01890a5d-ac96-7999-8999-%012x", n))
			c.deposits = append(c.deposits, d)
		}
		c.mu.Unlock()
		c.number(d.id)
	}
	opts := DepositOptions{ID: d.id, Urgent: d.urgent}
	if d.id != "" || c.chance(2) {
		opts.Caller = testCaller()
	}
	call := c.begin(c.id)
	msg, err := c.svc.Mailbox(linearBoxes[d.box]).Deposit(ctx, bytes.NewReader(audioX), &opts)
	var failed *DepositError
	if errors.As(err, &failed) && failed.Uncertain {
		d.id = failed.ID
	}
	if err == nil {
		d.id = msg.ID()
		c.keep(msg)
	}
	if d.id == "" {
		c.end(call, fmt.Sprintf("deposit in %s", linearBoxes[d.box]), err)
		return
	}
	r, marks := linearRef{message: c.number(d.id)}, linearMarks(0).with(linearUrgent, d.urgent)
	call.on, call.comes, call.sets = r, r.message+1, marks
	call.plan = func() {
		switch {
		case err == nil:
			call.step("arrives", r.message, true, r.arrives(d.box, marks))
		case errors.Is(err, ErrGone):
			call.step("is gone", r.message, false, r.isGone())
		case failed.Uncertain:
			c.unsure(call, r.message, []string{"may arrive"}, r.arrives(d.box, marks))
		}
		if again := func(o *linearCall) bool { return o.comes == call.comes }; d.urgent && c.anyBeside(call, again) {
			call.step("is urgent again", r.message, true, r.leaves(linearUrgent, true)).may = true
		}
	}
	c.end(call, fmt.Sprintf("deposit %d in %s, urgent %v", r.message, linearBoxes[d.box], d.urgent), err)
}

func (c *linearClient) copy(ctx context.Context, m *message) {
	id := MessageID(fmt.Sprintf("01890a5d-ac96-7ccc-8ccc-%012x", c.chain()))
	from, r, box := c.ref(m), linearRef{message: c.number(id)}, c.box()
	call := c.begin(c.id)
	call.comes = r.message + 1
	made, err := m.CopyTo(ctx, linearBoxes[box], &CopyOptions{ID: id})
	urgent := err == nil && c.keep(made).st.urgent
	call.plan = func() {
		switch {
		case err == nil:
			var marks linearMarks
			call.step("arrives", r.message, true, r.arrives(box, marks.with(linearUrgent, urgent)))
			call.step("is there", from.message, false, when(func(s *linearState) bool { return from.of(s).visible() }))
			call.step("urgency is copied", from.message, false, from.isMarked(linearUrgent, urgent))
		case errors.Is(err, ErrNotFound):
			call.step("is not there", from.message, false, from.isHidden())
		default:
			c.unsure(call, r.message, []string{"may arrive"}, func(s linearState) []linearState {
				return append(r.arrives(box, 0)(s), r.arrives(box, linearUrgent)(s)...)
			})
		}
	}
	c.end(call, fmt.Sprintf("copy %v to %s as %d", from, linearBoxes[box], r.message), err)
}

func (c *linearClient) mark(ctx context.Context, m *message, mark linearMarks, on bool) {
	r := c.ref(m)
	do := map[linearMarks]func(context.Context) error{
		linearRead: m.MarkUnread, linearUrgent: func(ctx context.Context) error { return m.SetUrgent(ctx, on) }, linearTrash: m.Restore,
	}[mark]
	switch {
	case on && mark == linearRead:
		do = m.MarkRead
	case on && mark == linearTrash:
		do = m.Trash
	}
	call := c.begin(c.id)
	call.on, call.sets = r, mark
	err := do(ctx)
	call.plan = func() {
		switch {
		case err == nil:
			call.step("sets", r.message, true, r.sets(mark, on))
		case errors.Is(err, ErrNotFound):
			call.step("is not there", r.message, false, r.isHidden())
			if taken := func(o *linearCall) bool { return o.on == r && o.takes }; on && c.anyBeside(call, taken) {
				c.unsure(call, r.message, []string{"may set", "takes back"}, r.leaves(mark, true), r.leaves(mark, false))
			}
		default:
			c.unsure(call, r.message, []string{"may set"}, r.sets(mark, on))
		}
	}
	c.end(call, fmt.Sprintf("mark %v %v %v", r, mark, on), err)
}

func (c *linearClient) delete(ctx context.Context, m *message) {
	r := c.ref(m)
	call := c.begin(c.id)
	call.on, call.takes = r, true
	err := m.Delete(ctx)
	call.plan = func() {
		switch {
		case err == nil:
			call.step("goes", r.message, true, r.goes())
		case errors.Is(err, ErrNotFound):
			call.step("is not there", r.message, false, r.isHidden())
		default:
			c.unsure(call, r.message, []string{"may hide", "may show"}, r.hides(), r.shows())
		}
	}
	c.end(call, fmt.Sprintf("delete %v", r), err)
}

func (c *linearClient) move(ctx context.Context, m *message) {
	r, to := c.ref(m), uint8(2)
	if m.Mailbox() == boxB {
		to = 1
	}
	call := c.begin(c.id)
	call.on, call.takes, call.comes = r, true, r.message+1
	c.mu.Lock()
	c.moves = append(c.moves, call)
	c.mu.Unlock()
	moved, err := m.MoveTo(ctx, linearBoxes[to])
	mv := linearMove{from: r, to: to, history: c.linearHistory}
	if err == nil {
		mv.hop = c.ref(c.keep(moved)).hop
	}
	call.refused = errors.Is(err, ErrConflict)
	call.plan = func() {
		switch {
		case errors.Is(err, ErrNotFound):
			call.step("is not there", r.message, false, r.isHidden())
		case !call.refused:
			c.moving(call, mv, err != nil)
		}
	}
	c.end(call, fmt.Sprintf("move %v to %s", r, linearBoxes[to]), err)
}

// moving are the steps of a move. may: it failed.
func (c *linearClient) moving(call *linearCall, mv linearMove, may bool) {
	mv.chain = c.chain()
	mv.deleted = c.anyBeside(call, func(o *linearCall) bool { return o.on == mv.from && o.takes })
	index := 0
	next := func(name string, do func(linearState) []linearState) {
		s := call.step(name, mv.from.message, true, do)
		s.chain, s.index, s.may = mv.chain, index, may
		index++
	}
	set := c.setBeside(call, mv.from)
	if c.paged && set != 0 {
		for _, mark := range eachLinearMark {
			next("takes a mark along", mv.takes(mark))
		}
	} else {
		next("takes its marks along", mv.takes(linearRead|linearTrash|linearUrgent))
	}
	next("arrives", mv.arrives)
	if may {
		next("is hidden", mv.from.hides())
	} else {
		next("leaves", mv.from.goes())
	}
	for _, mark := range eachLinearMark {
		if set&mark != 0 {
			next("late mark", mv.follows(mark))
		}
	}
	if may {
		next("is seen again", mv.from.shows())
	}
}

// looks are the steps of a look that saw a message in a mailbox: one, or over several pages one more for each mark that was changed meanwhile.
func (c *linearClient) looks(call *linearCall, r linearRef, box uint8, st *stay) {
	marks := linearMarks(0).with(linearRead, st.read).with(linearUrgent, st.urgent).with(linearTrash, st.trash)
	var changed linearMarks
	if c.paged {
		if changed = c.setBeside(call, r); c.anyBeside(call, func(o *linearCall) bool { return o.comes == r.message+1 }) {
			changed = linearRead | linearUrgent | linearTrash
		}
	}
	call.step("is seen "+marks.String(), r.message, false, r.isSeen(box, marks, ^changed))
	if changed == 0 {
		return
	}
	chain, index := c.chain(), 0
	for _, mark := range eachLinearMark {
		if changed&mark != 0 {
			s := call.step("its mark is seen", r.message, false, r.isMarked(mark, marks&mark != 0))
			s.chain, s.index = chain, index
			index++
		}
	}
}

func (c *linearClient) message(ctx context.Context, id MessageID, box uint8) {
	number := c.number(id)
	call := c.begin(c.id)
	msg, err := c.svc.Mailbox(linearBoxes[box]).Message(ctx, id)
	name := fmt.Sprintf("message %d in %s", number, linearBoxes[box])
	if err == nil {
		m := c.keep(msg)
		call.plan = func() { c.looks(call, c.ref(m), box, &m.st) }
	}
	if errors.Is(err, ErrNotFound) {
		call.plan = func() { call.step("is not there", number, false, isNowhere(number, box)) }
	}
	c.end(call, name, err)
}

func (c *linearClient) list(ctx context.Context, box uint8) {
	call := c.begin(c.id)
	var seen []*message
	for msg, err := range c.svc.Mailbox(linearBoxes[box]).Messages(ctx, &ListOptions{Trash: WithTrash}) {
		if err != nil {
			c.end(call, "list", err)
			return
		}
		seen = append(seen, c.keep(msg))
	}
	call.plan = func() {
		there := map[int]bool{}
		for _, m := range seen {
			r := c.ref(m)
			there[r.message] = true
			c.looks(call, r, box, &m.st)
		}
		c.missing(call, box, there)
	}
	c.end(call, fmt.Sprintf("list %s", linearBoxes[box]), nil)
}

// missing are the steps of a listing that did not see the other messages.
func (c *linearClient) missing(call *linearCall, box uint8, there map[int]bool) {
	for number := range linearMessages {
		if !there[number] {
			call.step("is not there", number, false, isNowhere(number, box))
		}
	}
}

// count counts a mailbox. What counts of several pages are sums of is looked at message by message.
func (c *linearClient) count(ctx context.Context, box uint8) {
	call := c.begin(c.id)
	if !c.paged {
		n, err := c.counts(ctx, c.svc.Mailbox(linearBoxes[box]))
		if err == nil {
			call.plan = func() { call.step("is counted", everyMessage, false, isCounted(box, n)) }
		}
		c.end(call, fmt.Sprintf("count %s = %+v", linearBoxes[box], n), err)
		return
	}
	var stays []stay
	_, err := c.svc.mailbox(linearBoxes[box]).existing(ctx, listing{each: func(st *stay) { stays = append(stays, *st) }})
	if err == nil {
		call.plan = func() {
			there := map[int]bool{}
			for i := range stays {
				if st := &stays[i]; st.visible() {
					r := c.stayed(linearRef{c.number(MessageID(st.ref.ID)), st.ref.Hop})
					there[r.message] = true
					c.looks(call, r, box, st)
				}
			}
			c.missing(call, box, there)
		}
	}
	c.end(call, fmt.Sprintf("count %s", linearBoxes[box]), err)
}
