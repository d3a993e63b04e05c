package voicemail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/anishathalye/porcupine"
)

// linearHistory is what clients did and were told.
type linearHistory struct {
	paged bool // a listing is several pages

	mu       sync.Mutex
	clock    int64
	numbers  map[MessageID]int   // of messages, in the order in which they were heard of
	hops     [linearMessages]int // the last stay of each message that was seen
	deposits []linearDeposit
	chains   int
	calls    []*linearCall
	moves    []*linearCall
}

// linearDeposit is what is given with each try of a deposit.
type linearDeposit struct {
	id     MessageID
	box    uint8
	urgent bool
}

// linearCall is a call and its steps.
type linearCall struct {
	client     int
	name       string
	start, end int64
	steps      []linearStep

	plan func() // makes the steps, when all calls have ended

	on      linearRef   // the stay that it is about
	comes   int         // the message that it brings into a mailbox, by number from 1
	sets    linearMarks // or takes away
	takes   bool        // it is a delete or a move
	refused bool        // it was told that there is a conflict
	failed  bool        // with an unknown outcome
}

func (c *linearCall) overlaps(o *linearCall) bool {
	return c != o && c.start < o.end && o.start < c.end
}

var linearBoxes = []MailboxID{"", boxA, boxB}

func (h *linearHistory) tick() int64 {
	h.clock++
	return h.clock
}

func (h *linearHistory) begin(client int) *linearCall {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &linearCall{client: client, start: h.tick(), end: never}
	h.calls = append(h.calls, c)
	return c
}

// end notes what a call was told. Those that a crash cuts off end at the same time.
func (h *linearHistory) end(c *linearCall, name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !errors.Is(err, context.Canceled) {
		h.tick()
	}
	c.failed, c.end = !known(err), h.clock
	c.name = name
	if err != nil {
		c.name += " = " + err.Error()
	}
}

// known reports whether the call had its effect, or never will.
func known(err error) bool {
	var failed *DepositError
	return err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrGone) || errors.Is(err, ErrConflict) || errors.As(err, &failed) && !failed.Uncertain
}

func (h *linearHistory) number(id MessageID) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, ok := h.numbers[id]
	if !ok {
		n = len(h.numbers)
		h.numbers[id] = n
	}
	return n
}

// ids are the messages heard of.
func (h *linearHistory) ids() []MessageID {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := make([]MessageID, len(h.numbers))
	for id, n := range h.numbers {
		ids[n] = id
	}
	return ids
}

func (h *linearHistory) ref(m *message) linearRef {
	return h.stayed(linearRef{h.number(m.ID()), m.ref().Hop})
}

// stayed notes that a stay was seen.
func (h *linearHistory) stayed(r linearRef) linearRef {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hops[r.message] = max(h.hops[r.message], r.hop)
	return r
}

func (h *linearHistory) chain() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.chains++
	return h.chains
}

// step adds a step of one message.
func (c *linearCall) step(name string, message int, changes bool, do func(linearState) []linearState) *linearStep {
	c.steps = append(c.steps, linearStep{name: name, message: message, changes: changes, do: do})
	return &c.steps[len(c.steps)-1]
}

// unsure are steps one after the other of which any number may never happen.
func (h *linearHistory) unsure(c *linearCall, message int, names []string, dos ...func(linearState) []linearState) {
	chain := h.chain()
	for i, do := range dos {
		s := c.step(names[i], message, true, do)
		s.chain, s.index, s.may = chain, i, true
	}
}

// plan makes the steps of all calls.
func (h *linearHistory) plan() {
	for _, c := range h.calls {
		if c.plan != nil {
			c.plan()
		}
	}
}

// operations are the steps for Porcupine, those that want lets through. pending: a call that failed never returns.
func (h *linearHistory) operations(want func(linearStep) bool, pending bool) []porcupine.Operation {
	var ops []porcupine.Operation
	for _, c := range h.calls {
		end := c.end
		if c.failed && pending {
			end = never
		}
		for _, s := range c.steps {
			if want(s) {
				s.name = c.name + ": " + s.name
				ops = append(ops, porcupine.Operation{ClientId: c.client, Input: s, Call: c.start, Return: end})
			}
		}
	}
	return ops
}

// String lists the calls.
func (h *linearHistory) String() string {
	var b strings.Builder
	for _, c := range h.calls {
		fmt.Fprintf(&b, "%3d to %3d  client %d  %s\n", c.start, c.end, c.client, c.name)
	}
	return b.String()
}

// groundless returns a move that was refused although no other move of the message was under way, or had failed.
func (h *linearHistory) groundless() *linearCall {
	for _, c := range h.moves {
		if !c.refused {
			continue
		}
		excused := false
		for _, o := range h.moves {
			excused = excused || o != c && o.on == c.on && o.start < c.end && (o.end > c.start || o.failed)
		}
		if !excused {
			return c
		}
	}
	return nil
}

// setBeside returns the marks of the message that other calls changed while a call was under way, or since a move of this stay began: others
// may go on with what one of them left half way.
func (h *linearHistory) setBeside(call *linearCall, r linearRef) (marks linearMarks) {
	since := call.start
	for _, o := range h.moves {
		if o.on == r {
			since = min(since, o.start)
		}
	}
	for _, o := range h.calls {
		if o != call && o.on.message == r.message && o.start < call.end && o.end > since {
			marks |= o.sets
		}
	}
	return marks
}

func (h *linearHistory) anyBeside(call *linearCall, is func(o *linearCall) bool) bool {
	return slices.ContainsFunc(h.calls, func(o *linearCall) bool { return o.overlaps(call) && is(o) })
}

// check returns what of the history is not linearizable, and its steps; nothing if all is.
func (h *linearHistory) check() (string, []porcupine.Operation) {
	if c := h.groundless(); c != nil {
		return c.name, nil
	}
	for number := range len(h.numbers) {
		if ops := h.wrong(func(s linearStep) bool { return s.message == number }); ops != nil {
			return fmt.Sprintf("message %d", number), ops
		}
	}
	if h.paged {
		return "", nil
	}
	if ops := h.wrong(func(s linearStep) bool { return s.changes || s.message == everyMessage }); ops != nil {
		return "counts", ops
	}
	return "", nil
}

// wrong returns the steps that want lets through if they are not linearizable. Most are even if a call that failed has had its effect by its return, which is found out much faster.
func (h *linearHistory) wrong(want func(linearStep) bool) []porcupine.Operation {
	model := linearModel()
	if porcupine.CheckOperations(model, h.operations(want, false)) {
		return nil
	}
	ops := h.operations(want, true)
	if porcupine.CheckOperations(model, ops) {
		return nil
	}
	return ops
}
