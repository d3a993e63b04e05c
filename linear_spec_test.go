package voicemail

import (
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// What is promised of the calls on mailboxes, from any number of processes.
//
// One message in one mailbox is linearizable. Deposit, Delete, CopyTo (of the copy), MarkRead, MarkUnread, SetUrgent, Trash and Restore take effect at one moment between
// their call and their return, and Message and Messages show each message as it was at one such moment. Messages are checked apart from each
// other: a listing is no snapshot of a mailbox, since a message that is deleted before it could be read is left out of it.
//
// Counts of one page are a snapshot: all messages of the mailbox are counted as they were at the same moment. They are checked together with the changes of all messages,
// in both mailboxes, since a move changes two.
//
// This is not promised, and so allowed:
//
//   - What several pages say: each fact of each message (that it can be seen, that it is read, urgent, in the trash) is as it was at some moment
//     of the call, but not all at the same one. A message that comes in meanwhile may be seen without its marks.
//   - A move is several moments: the marks are taken along, the message comes into the destination, it leaves the source. In between it is
//     seen in both. A mark that is changed at either end from the first move of the stay on until the last one has ended may stay behind, or follow later.
//   - A message that is deleted while it is being moved may live on where it goes, without its marks.
//   - A mark whose call is told ErrNotFound may have been seen while the message was, and may have been taken along by a move.
//   - Of deposits with the same ID that are under way at once the later may make the message urgent again.
//   - A Delete or a move that fails may hide the message for a while.
//   - A move is told ErrConflict while another one of the stay is under way, or when one has failed.
//
// A call that failed, or whose process crashed, has its effect at any time after its call, or never. A Deposit whose error says that it is certain never has.

// Bounds of a history. A state has room for so much.
const (
	linearMessages = 12
	linearHops     = 4
	linearChains   = 96
)

// linearMarks are the marks of a message.
type linearMarks uint8

const (
	linearRead linearMarks = 1 << iota
	linearUrgent
	linearTrash
)

var eachLinearMark = []linearMarks{linearRead, linearTrash, linearUrgent}

func (m linearMarks) with(mark linearMarks, on bool) linearMarks {
	if on {
		return m | mark
	}
	return m &^ mark
}

// linearStay is one stay of a message in a mailbox.
type linearStay struct {
	box    uint8 // 0 as long as the message has not come there
	marks  linearMarks
	gone   bool
	hidden uint8 // by how many calls that failed
}

func (s linearStay) visible() bool { return s.box != 0 && !s.gone && s.hidden == 0 }

// linearChain is how far a call has come that is several steps.
type linearChain struct {
	at    uint8
	taken linearMarks // by a move
}

// linearState is what a sequence of steps leads to.
type linearState struct {
	stays  [linearMessages][linearHops]linearStay
	chains [linearChains]linearChain
}

// linearStep is a moment of a call. It is what Porcupine puts in order.
type linearStep struct {
	name string
	// message is the number of the message that it is about; everyMessage is the step of a count.
	message int
	// changes: it is more than a look.
	changes bool
	// chain, if set, orders the steps of a call: each is made when those before have been, by their index.
	chain, index int
	// may: it may never happen, and then nothing behind it in its chain.
	may bool
	// do returns the states that the step can lead to: none if it cannot be made in s.
	do func(s linearState) []linearState
}

const everyMessage = -1

// stopped is where a chain is of which nothing more will happen.
const stopped = math.MaxUint8

func (st linearStep) next(s linearState) (next []any) {
	at := &s.chains[st.chain].at
	if st.chain == 0 { // it is alone
		if st.may {
			next = append(next, s)
		}
		for _, to := range st.do(s) {
			next = append(next, to)
		}
		return next
	}
	switch {
	case *at == stopped:
		return []any{s}
	case int(*at) != st.index:
		return nil
	}
	for _, to := range st.do(s) {
		to.chains[st.chain].at++
		next = append(next, to)
	}
	if st.may {
		s.chains[st.chain] = linearChain{at: stopped}
		next = append(next, s)
	}
	return next
}

// linearModel is the specification for Porcupine.
func linearModel() porcupine.Model {
	seed := maphash.MakeSeed()
	model := porcupine.NondeterministicModel{
		Init:              func() []any { return []any{linearState{}} },
		Step:              func(state, input, _ any) []any { return input.(linearStep).next(state.(linearState)) },
		Hash:              func(state any) uint64 { return maphash.Comparable(seed, state.(linearState)) },
		DescribeOperation: func(input, _ any) string { return input.(linearStep).name },
		DescribeState:     func(state any) string { return state.(linearState).String() },
	}
	return model.ToModel()
}

// String tells what can be seen.
func (s linearState) String() string {
	var b strings.Builder
	for m := range s.stays {
		for hop, st := range s.stays[m] {
			if st.visible() {
				fmt.Fprintf(&b, "%d-%d in %c %v; ", m, hop, '`'+rune(st.box), st.marks)
			}
		}
	}
	return b.String()
}

// String names the marks.
func (m linearMarks) String() string {
	var on []string
	for i, name := range []string{"read", "urgent", "trash"} {
		if m&(1<<i) != 0 {
			on = append(on, name)
		}
	}
	return strings.Join(on, "+")
}

// never is when a pending call returns.
const never = math.MaxInt64

// when is the step that can be made where can says so, which may change the state.
func when(can func(s *linearState) bool) func(linearState) []linearState {
	return func(s linearState) []linearState {
		if can(&s) {
			return []linearState{s}
		}
		return nil
	}
}

// linearRef is a stay by its numbers.
type linearRef struct{ message, hop int }

func (r linearRef) of(s *linearState) *linearStay { return &s.stays[r.message][r.hop] }

// arrives brings a message into a mailbox. It may be there already: a retry changes nothing.
func (r linearRef) arrives(box uint8, marks linearMarks) func(linearState) []linearState {
	return when(func(s *linearState) bool {
		st := r.of(s)
		if st.box == 0 {
			*st = linearStay{box: box, marks: marks}
		}
		return st.visible()
	})
}

func (r linearRef) isGone() func(linearState) []linearState {
	return when(func(s *linearState) bool { return r.of(s).gone || r.of(s).hidden > 0 })
}

func (r linearRef) isHidden() func(linearState) []linearState {
	return when(func(s *linearState) bool { return !r.of(s).visible() })
}

func (r linearRef) sets(mark linearMarks, on bool) func(linearState) []linearState {
	return when(func(s *linearState) bool {
		st := r.of(s)
		st.marks = st.marks.with(mark, on)
		return st.visible()
	})
}

// leaves sets a mark, or takes it away, also of a message that cannot be seen.
func (r linearRef) leaves(mark linearMarks, on bool) func(linearState) []linearState {
	return when(func(s *linearState) bool {
		st := r.of(s)
		st.marks = st.marks.with(mark, on)
		return st.box != 0
	})
}

func (r linearRef) goes() func(linearState) []linearState {
	return when(func(s *linearState) bool { r.of(s).gone = true; return r.of(s).box != 0 })
}

func (r linearRef) hides() func(linearState) []linearState {
	return when(func(s *linearState) bool { r.of(s).hidden++; return r.of(s).box != 0 })
}

func (r linearRef) shows() func(linearState) []linearState {
	return when(func(s *linearState) bool { r.of(s).hidden--; return true })
}

// isSeen is a look that sees the message, and these of its marks so.
func (r linearRef) isSeen(box uint8, marks, of linearMarks) func(linearState) []linearState {
	return when(func(s *linearState) bool {
		st := r.of(s)
		return st.visible() && st.box == box && (st.marks^marks)&of == 0
	})
}

// isMarked is what several pages say of a mark: before the message comes and after it has gone, anything.
func (r linearRef) isMarked(mark linearMarks, on bool) func(linearState) []linearState {
	return when(func(s *linearState) bool {
		st := r.of(s)
		return st.box == 0 || st.gone || st.hidden > 0 || st.marks == st.marks.with(mark, on)
	})
}

// isNowhere is a look that does not see the message in a mailbox.
func isNowhere(message int, box uint8) func(linearState) []linearState {
	return when(func(s *linearState) bool {
		for _, st := range s.stays[message] {
			if st.visible() && st.box == box {
				return false
			}
		}
		return true
	})
}

// isCounted is a count of one page.
func isCounted(box uint8, want Counts) func(linearState) []linearState {
	return when(func(s *linearState) bool {
		var n Counts
		for m := range s.stays {
			for _, st := range s.stays[m] {
				if !st.visible() || st.box != box || st.marks&linearTrash != 0 {
					continue
				}
				total, urgent := &n.New, &n.NewUrgent
				if st.marks&linearRead != 0 {
					total, urgent = &n.Old, &n.OldUrgent
				}
				*total++
				if st.marks&linearUrgent != 0 {
					*urgent++
				}
			}
		}
		return n == want
	})
}

// linearMove is the steps of a move from one stay to the next.
type linearMove struct {
	from    linearRef
	history *linearHistory
	to      uint8
	hop     int // of the destination; 0 if nobody was told
	chain   int
	deleted bool // meanwhile
}

// takes takes some marks along, unless the message has arrived before.
func (m linearMove) takes(marks linearMarks) func(linearState) []linearState {
	return func(s linearState) []linearState {
		st := m.from.of(&s)
		if !st.visible() && (m.hop == 0 || !m.at(m.hop).of(&s).visible()) {
			return nil
		}
		next := []linearState{s}
		for _, mark := range eachLinearMark {
			if st.marks&marks&mark == 0 {
				continue
			}
			var without []linearState
			if m.deleted {
				without = slices.Clone(next)
			}
			for i := range next {
				next[i].chains[m.chain].taken |= mark
			}
			next = append(next, without...)
		}
		return next
	}
}

func (m linearMove) at(hop int) linearRef { return linearRef{m.from.message, hop} }

func (m linearMove) arrives(s linearState) []linearState {
	if m.hop > 0 {
		return m.at(m.hop).arrives(m.to, s.chains[m.chain].taken)(s)
	}
	var next []linearState
	for hop := m.from.hop + 1; hop <= max(m.history.hops[m.from.message], m.from.hop+1); hop++ {
		if st := m.at(hop).of(&s); st.box == 0 || st.box == m.to && st.visible() {
			next = append(next, m.at(hop).arrives(m.to, s.chains[m.chain].taken)(s)...)
		}
	}
	return next
}

// follows sets a mark that was changed too late to be taken along, or does not.
func (m linearMove) follows(mark linearMarks) func(linearState) []linearState {
	return func(s linearState) []linearState {
		next := []linearState{s}
		for hop := m.from.hop + 1; hop < linearHops; hop++ {
			if st := m.at(hop).of(&s); st.box == m.to && (m.hop == 0 || m.hop == hop) {
				next = append(next, m.at(hop).leaves(mark, true)(s)...)
			}
		}
		return next
	}
}
