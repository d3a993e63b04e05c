package voicemail

import (
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

func writes(op actor) bool {
	switch op.name {
	case "count", "list", "find", "deposit again", "maintain":
		return false
	}
	return true
}
