package voicemail

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/interleave"
)

// compatible reports whether both operations make sense from the same start.
func compatible(a, b actor) bool {
	with := func(name string, is func(actor) bool) bool { return a.name == name && is(b) || b.name == name && is(a) }
	switch {
	case with("move", func(op actor) bool { return op.away }): // it is in b already; "move elsewhere" goes with "move back"
		return false
	case with("add another part", func(op actor) bool { return op.name == "add part" }):
		return true
	case a.alone || b.alone:
		return with("move there and back", func(op actor) bool {
			return op.name == "count" || op.name == "mark read" || op.name == "deposit x again"
		})
	}
	return true
}

func TestEveryInterleavingOfTwoOperationsKeepsTheInvariants(t *testing.T) {
	ops := actors()
	for i, a := range ops {
		for _, b := range ops[i:] {
			if compatible(a, b) {
				t.Run(a.name+" and "+b.name, func(t *testing.T) {
					t.Parallel()
					interleave.Run(t, scenario(0, 0, a, b))
				})
			}
		}
	}
}

// A listing of several pages is not one instant.
func TestEveryInterleavingOfAPagedListingKeepsTheInvariants(t *testing.T) {
	ops := actors()
	for _, reader := range []string{"count", "list"} {
		for _, b := range ops {
			a := ops[slices.IndexFunc(ops, func(op actor) bool { return op.name == reader })]
			if b.name == reader || b.alone || b.name == "maintain" || !compatible(a, b) {
				continue
			}
			t.Run(a.name+" and "+b.name, func(t *testing.T) {
				t.Parallel()
				interleave.Run(t, scenario(1, 0, a, b))
			})
		}
	}
}

func TestEveryCrashOfAnOperationIsMended(t *testing.T) {
	for _, a := range actors() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			report := interleave.Run(t, scenario(0, 1, a))
			require.Greater(t, report.Schedules, 1)
		})
	}
}

// What a crash leaves must not disturb the others, either.
func TestEveryCrashBesideAnotherOperationIsMended(t *testing.T) {
	ops := actors()
	for i, a := range ops {
		for _, b := range ops[i:] {
			if writes(a) && writes(b) && compatible(a, b) && !a.alone && !b.alone {
				t.Run(a.name+" and "+b.name, func(t *testing.T) {
					t.Parallel()
					interleave.Run(t, scenario(0, 1, a, b))
				})
			}
		}
	}
}

// inB does something with x in b, if it is there by then.
func inB(name string, takes bool, do func(ctx context.Context, x Message) error) actor {
	return actor{name: name, takes: takes, may: []error{ErrNotFound, ErrConflict}, run: func(ctx context.Context, a *stage) (any, error) {
		x, err := a.box(boxB).Message(ctx, msgX)
		if err == nil {
			err = do(ctx, x)
		}
		return nil, err
	}}
}

// A move that broke off is in two mailboxes. What is deleted in one of them must not come back, and what is moved on must not be doubled.
func TestEveryCrashOfAMoveIsMendedAfterWhatIsDoneWhereTheMessageWent(t *testing.T) {
	for _, there := range []actor{
		inB("delete there", true, func(ctx context.Context, x Message) error { return x.Delete(ctx) }),
		inB("on to c", false, func(ctx context.Context, x Message) error { _, err := x.MoveTo(ctx, boxC); return err }),
		inB("back to a", false, func(ctx context.Context, x Message) error { _, err := x.MoveTo(ctx, boxA); return err }),
	} {
		t.Run(there.name, func(t *testing.T) {
			t.Parallel()
			sc := scenario(0, 1, named("move"), there)
			final := sc.Final
			sc.Final = func(st *interleave.State) error {
				if err := final(st); err != nil || !there.takes {
					return err
				}
				_, stays, _, err := survey(st.Stores[""])
				if r := st.Results[1]; err == nil && r.Done && r.Err == nil && len(where(stays, msgX)) > 0 {
					err = fmt.Errorf("what was deleted is in %v", where(stays, msgX))
				}
				return err
			}
			interleave.Run(t, sc)
		})
	}
}

func writes(op actor) bool {
	switch op.name {
	case "count", "list", "find", "deposit again", "maintain":
		return false
	}
	return true
}
