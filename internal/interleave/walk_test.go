package interleave

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAWalkIsTheSameAgainForItsSeedAndAnotherForAnother(t *testing.T) {
	sc := Scenario{New: newStore, MaxCrashes: 1, Ops: []Op{crashing(writer("a", 5)), crashing(writer("b", 5)), writer("c", 5)}}
	seen := map[string]bool{}
	crashed := 0
	for seed := range uint64(40) {
		steps, broken := Walk(t, sc, seed)
		require.NoError(t, broken)
		again, _ := Walk(t, sc, seed)
		require.Equal(t, steps, again)
		seen[schedule(steps)] = true
		crashed += strings.Count(schedule(steps), "CRASH")
	}
	require.Greater(t, len(seen), 35)
	require.Positive(t, crashed)
}

func TestAWalkTellsWhatIsBroken(t *testing.T) {
	wrong := errors.New("wrong")
	for name, sc := range map[string]Scenario{
		"invariant": {Ops: []Op{writer("a", 2)}, Invariant: func(s *State) error {
			if peek(s).exists("a/1") {
				return wrong
			}
			return nil
		}},
		"final":   {Ops: []Op{writer("a", 2)}, Final: func(*State) error { return wrong }},
		"recover": {Ops: []Op{writer("a", 2)}, Recover: []Op{{Name: "r", Run: func(context.Context, *World) (any, error) { return nil, wrong }}}},
	} {
		sc.New = newStore
		steps, broken := Walk(t, sc, 1)
		require.ErrorIs(t, broken, wrong, name)
		require.NotEmpty(t, steps, name)
	}
}
