// Package interleave runs the real code of a few operations against real stores in every order in which their
// storage calls can interleave, with crashes if wanted, and checks invariants after each call.
//
// Operations of this library meet only in the storage, so the order of the storage calls is all that matters. Every call of an [Op] on its
// [World.Store] waits until the explorer releases it; the explorer releases one, lets the operations run on until all of them
// wait or have ended, checks the [Scenario]'s invariant, and chooses the next. To try another choice it starts the scenario anew, in a
// bubble of testing/synctest, and repeats the choices made before.
//
// # Pruning
//
// A state that was seen before is not explored again. A state is the content of all stores, and of each operation the calls it has made,
// their results, and the calls that wait. In which order two different calls were answered does not count (equal ones are numbered): where one follows
// from the other there is one order only, and where both waited together their order makes no difference, unless the operation goes on with
// whichever comes first. An operation is a function of this, so nothing is missed. That asks of a scenario:
//
//   - operations share nothing but the stores (no cache, no Service): each makes its own, in [Op.Prepare] or in Run;
//   - random numbers and IDs come from [World.Seed], time from the time package (a bubble's clock is fake and the same each time);
//   - what an operation does next does not depend on the order of a map or on which of its goroutines is faster. Two equal calls that
//     one operation has waiting are taken for interchangeable.
//
// Every prefix that is run again is compared with its first run, and a difference is reported.
//
// There is no partial-order reduction. Sleep sets would save runs that end in a state seen before, at most one less than the number of
// operations for each state, and no states; persistent sets would skip states in which the invariant must be checked.
//
// # What one call is
//
// One page of a List is one call. A Delete of several names is one call for each name, in any order, since no storage deletes
// them in one instant. Everything else is one atomic call. An object is read whole when it is opened. A call whose context is done before it is released
// changes nothing; that its effect comes later, after the operation was told of a time-out, is not explored.
//
// Timers of an operation fire only when no call waits. Code under exploration must not hold a mutex (or be inside a sync.Once) across a
// storage call for which another goroutine then waits; a run that stands still in this way panics after [Patience].
//
// # Crashes
//
// Up to [Scenario.MaxCrashes] operations with CanCrash are cut off, at every point: what they have waiting and what they call later has no effect
// and returns [ErrCrashed]. A crash after the effect of a call and before its reply is the same as one at the next point.
package interleave

import (
	"context"
	"errors"
	"fmt"

	"github.com/genesys/voicemail/storage"
)

// ErrCrashed is what the storage calls of a crashed operation return. It is also a context.Canceled.
var ErrCrashed = fmt.Errorf("operation has crashed: %w", context.Canceled)

// Bounds of an exploration whose Scenario sets none.
const (
	DefaultMaxStates    = 200_000
	DefaultMaxSchedules = 400_000
)

// Scenario is what to explore. Only New and Ops are required.
type Scenario struct {
	// Stores names the stores; nil is one store named "".
	Stores []string
	// New makes an empty store. It is called for every name in every run.
	New func() storage.Store
	// Setup fills the stores; its calls are not scheduled.
	Setup func(ctx context.Context, w *World) error
	// Ops are the operations whose calls are interleaved.
	Ops []Op
	// Recover run one after the other when a schedule has ended, their calls not scheduled: what puts things right after a crash. An error
	// of one of them is a violation.
	Recover []Op
	// MaxCrashes is how many operations may crash in one schedule.
	MaxCrashes int
	// Invariant is checked at the start and after every call and crash, also while operations are half way. It must not change anything.
	Invariant func(*State) error
	// Final is checked at the end of every schedule, after Recover.
	Final func(*State) error
	// MaxStates and MaxSchedules bound the exploration, which fails when it reaches one: 0 are DefaultMaxStates and DefaultMaxSchedules.
	MaxStates, MaxSchedules int

	sample int // ends the exploration after so many schedules, which is no failure
	// Replay runs one schedule only, the one that a Violation names, and logs it.
	Replay []int
}

// Op is one operation.
type Op struct {
	// Name stands in schedules.
	Name string
	// Prepare, if set, runs before any operation starts, its calls not scheduled: opening what Run works with. It leaves that in w.Value.
	Prepare func(ctx context.Context, w *World) error
	// Run is the operation. It may call from several goroutines at once. Its context ends when it crashes.
	Run func(ctx context.Context, w *World) (any, error)
	// CanCrash lets the operation crash.
	CanCrash bool
	// After makes the operation start when Ops[After-1] has ended or crashed; 0 starts it at once.
	After int
}

// Result is how far an operation has come.
type Result struct {
	// Name is the operation's.
	Name string
	// Done: Run has returned Value and Err.
	Done bool
	// Crashed: it was cut off. With Done, it was cut off in calls that it left behind when it returned.
	Crashed bool
	Value   any
	Err     error
}

// State is what an invariant sees.
type State struct {
	// Stores are the stores themselves; calls on them are not scheduled.
	Stores map[string]storage.Store
	// Results are those of Ops, in their order; in Final those of Recover follow.
	Results []Result
}

// World is what an operation has of its scenario.
type World struct {
	// Value is what Prepare left for Run.
	Value any

	run  *run
	proc *proc
	seed int64
}

// Seed is different for each operation and the same in every run.
func (w *World) Seed() int64 { return w.seed }

// Store returns the operation's own handle on a store. It has no capabilities. Closing it does not close the store. A name that the
// scenario does not have panics.
func (w *World) Store(name string) storage.Store {
	s, ok := w.run.stores[name]
	if !ok {
		panic(fmt.Sprintf("interleave: scenario has no store %q", name))
	}
	return &handle{world: w, name: name, store: s}
}

func (sc *Scenario) check() error {
	if sc.New == nil || len(sc.Ops) == 0 {
		return errors.New("scenario needs New and Ops")
	}
	for i, op := range sc.Ops {
		if op.Run == nil {
			return fmt.Errorf("operation %q has no Run", op.Name)
		}
		if op.After < 0 || op.After > i {
			return fmt.Errorf("operation %q must come behind the one that it starts after", op.Name)
		}
	}
	for _, op := range sc.Recover {
		if op.Run == nil {
			return fmt.Errorf("operation %q has no Run", op.Name)
		}
	}
	return nil
}
