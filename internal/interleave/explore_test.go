package interleave

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

// writer creates n names of its own, one after the other.
func writer(name string, n int) Op {
	return toyOp(name, func(y *toy) string {
		for i := range n {
			y.create(fmt.Sprintf("%s/%d", name, i), "")
		}
		return "ok"
	})
}

// outcomes collects what the schedules of a scenario end with.
type outcomes map[string]bool

func (o outcomes) final(f func(s *State) string) func(*State) error {
	return func(s *State) error {
		o[f(s)] = true
		return nil
	}
}

func (o outcomes) sorted() []string {
	var all []string
	for s := range o {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

func TestEveryStateIsCheckedOnce(t *testing.T) {
	for _, tt := range []struct {
		ops, calls, states int
	}{
		{1, 5, 6},
		{2, 8, 9 * 9},
		{3, 7, 8 * 8 * 8},
	} {
		checked := 0
		sc := Scenario{New: newStore, MaxSchedules: DefaultMaxSchedules, Invariant: func(*State) error { checked++; return nil }}
		for i := range tt.ops {
			sc.Ops = append(sc.Ops, writer(string(rune('a'+i)), tt.calls))
		}
		report := Run(t, sc)
		assert.Equal(t, tt.states, report.States)
		assert.Equal(t, tt.states, checked)
	}
}

func TestCallsOfOneOperationInParallelAreChoices(t *testing.T) {
	seen := outcomes{}
	Run(t, Scenario{
		New: newStore,
		Ops: []Op{{Name: "both", Run: func(ctx context.Context, w *World) (any, error) {
			var (
				wg  sync.WaitGroup
				err error
				l   toy
			)
			l = toy{ctx: ctx, s: w.Store("")}
			var names []string
			wg.Go(func() { names = l.list("") })
			wg.Go(func() { _, err = w.Store("").Create(ctx, "a", nil, nil) })
			wg.Wait()
			return fmt.Sprint(names), errors.Join(err, l.err)
		}}},
		Final: seen.final(func(s *State) string { return s.Results[0].Value.(string) }),
	})
	assert.Equal(t, []string{"[]", "[a]"}, seen.sorted())
}

func TestADeleteOfSeveralNamesIsSeenHalfDone(t *testing.T) {
	seen := outcomes{}
	report := Run(t, Scenario{
		New:   newStore,
		Setup: holding("a", "b", "c"),
		Ops: []Op{
			toyOp("delete", func(y *toy) string { y.delete("c", "a", "b"); return "" }),
			toyOp("list", func(y *toy) string { return strings.Join(y.list(""), "") }),
		},
		Final: seen.final(func(s *State) string { return s.Results[1].Value.(string) }),
	})
	assert.Equal(t, []string{"", "a", "ab", "abc", "ac", "b", "bc", "c"}, seen.sorted())
	// Eight subsets before the listing; after it each of the 8 it may have seen, with those of its subsets that can follow: 3^3.
	assert.Equal(t, 8+27, report.States, "the order of the deletes does not matter to the operation")
}

func TestACrashCanComeAtEveryPoint(t *testing.T) {
	seen := outcomes{}
	Run(t, Scenario{
		New:        newStore,
		MaxCrashes: 1,
		Ops:        []Op{crashing(writer("w", 3))},
		Final: seen.final(func(s *State) string {
			r := s.Results[0]
			assert.NotEqual(t, r.Done, r.Crashed)
			return fmt.Sprint(len(peek(s).list("")), r.Crashed)
		}),
	})
	assert.Equal(t, []string{"0 true", "1 true", "2 true", "3 false"}, seen.sorted())
}

func TestACrashedOperationChangesNothingAnyMore(t *testing.T) {
	Run(t, Scenario{
		New:        newStore,
		MaxCrashes: 1,
		Ops: []Op{{Name: "stubborn", CanCrash: true, Run: func(ctx context.Context, w *World) (any, error) {
			s := w.Store("")
			if _, err := s.Create(ctx, "a", nil, nil); err == nil {
				return nil, nil
			} else if !errors.Is(err, ErrCrashed) || !errors.Is(err, context.Canceled) {
				panic(err)
			}
			if ctx.Err() == nil {
				panic("context goes on after the crash")
			}
			_, err := s.Create(context.WithoutCancel(ctx), "b", nil, nil)
			if !errors.Is(err, ErrCrashed) {
				panic(err)
			}
			return nil, nil
		}}},
		Final: func(s *State) error {
			if l := peek(s).list(""); s.Results[0].Crashed && len(l) > 0 {
				return fmt.Errorf("%q", l)
			}
			return nil
		},
	})
}

func TestACrashedOperationsPastDoesNotMatter(t *testing.T) {
	reader := crashing(toyOp("r", func(y *toy) string {
		return fmt.Sprint(y.exists("a"), y.exists("b"), y.exists("c"))
	}))
	report := Run(t, Scenario{New: newStore, MaxCrashes: 1, Ops: []Op{reader}})
	assert.Equal(t, 4+1, report.States, "before each call, after the last, and crashed")
}

func TestCrashesAreBounded(t *testing.T) {
	for limit, want := range [][]string{{"0"}, {"0", "1"}, {"0", "1", "2"}} {
		seen := outcomes{}
		Run(t, Scenario{
			New:        newStore,
			MaxCrashes: limit,
			Ops:        []Op{crashing(writer("a", 1)), crashing(writer("b", 1)), writer("c", 1)},
			Final: seen.final(func(s *State) string {
				n := 0
				for _, r := range s.Results {
					if r.Crashed {
						n++
					}
				}
				return fmt.Sprint(n)
			}),
		})
		assert.Equal(t, want, seen.sorted())
	}
}

func TestAnOperationStartsAfterAnotherHasEndedOrCrashed(t *testing.T) {
	seen := outcomes{}
	Run(t, Scenario{
		New:        newStore,
		MaxCrashes: 1,
		Ops:        []Op{crashing(writer("a", 2)), after(1, toyOp("b", func(y *toy) string { return fmt.Sprint(len(y.list(""))) }))},
		Final:      seen.final(func(s *State) string { return fmt.Sprintf("%v %v", s.Results[0].Crashed, s.Results[1].Value) }),
	})
	assert.Equal(t, []string{"false 2", "true 0", "true 1"}, seen.sorted())
}

func TestPrepareSetupAndRecoverAreNotScheduled(t *testing.T) {
	report := Run(t, Scenario{
		Stores: []string{"master", "region"},
		New:    newStore,
		Setup: func(ctx context.Context, w *World) error {
			_, err := w.Store("master").Create(ctx, "key", strings.NewReader("k"), nil)
			return err
		},
		Ops: []Op{{
			Name: "copy",
			Prepare: func(ctx context.Context, w *World) (err error) {
				w.Value, err = storage.ReadFile(ctx, w.Store("master"), "key", 10)
				return err
			},
			Run: func(ctx context.Context, w *World) (any, error) {
				_, err := w.Store("region").Create(ctx, "key", strings.NewReader(string(w.Value.([]byte))), nil)
				return nil, err
			},
		}},
		Recover: []Op{{Name: "check", Run: func(ctx context.Context, w *World) (any, error) {
			b, err := storage.ReadFile(ctx, w.Store("region"), "key", 10)
			return string(b), err
		}}},
		Final: func(s *State) error {
			if got := s.Results[1].Value; got != "k" {
				return fmt.Errorf("recovered %v", got)
			}
			return nil
		},
	})
	assert.Equal(t, 2, report.States)
}

func TestAnErrorOfRecoverIsAViolation(t *testing.T) {
	report := Explore(t, Scenario{New: newStore, Ops: []Op{writer("a", 1)}, Recover: []Op{toyOp("read", func(y *toy) string {
		y.delete("Not A Name")
		return ""
	})}})
	require.NotNil(t, report.Violation)
	require.ErrorIs(t, report.Violation.Err, storage.ErrInvalid)
}

func TestAnObjectKeepsTheContentThatItHadWhenOpened(t *testing.T) {
	seen := outcomes{}
	Run(t, Scenario{
		New:   newStore,
		Setup: holding("a text"),
		Ops: []Op{
			{Name: "read", Run: func(ctx context.Context, w *World) (any, error) {
				s := w.Store("")
				o, err := s.Open(ctx, "a", &storage.OpenOptions{Offset: 1, Length: 2})
				if errors.Is(err, storage.ErrNotExist) {
					return "absent", nil
				}
				if err != nil {
					return nil, err
				}
				if _, err := s.Stat(ctx, "a"); err != nil && !errors.Is(err, storage.ErrNotExist) {
					return nil, err
				}
				b, err := io.ReadAll(o)
				if err := errors.Join(err, o.Close()); err != nil {
					return nil, err
				}
				if _, err := o.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
					return nil, fmt.Errorf("read after close: %w", err)
				}
				return fmt.Sprintf("%s of %d", b, o.Info().Size), nil
			}},
			toyOp("delete", func(y *toy) string { y.delete("a"); return "" }),
		},
		Final: seen.final(func(s *State) string { return fmt.Sprintf("%v %v", s.Results[0].Value, s.Results[0].Err) }),
	})
	assert.Equal(t, []string{"absent <nil>", "ex of 4 <nil>"}, seen.sorted())
}

func TestCallsThatCannotBeMadeAreNoSteps(t *testing.T) {
	report := Run(t, Scenario{New: newStore, Ops: []Op{{Name: "late", Run: func(ctx context.Context, w *World) (any, error) {
		s := w.Store("")
		done, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := s.List(done, nil); !errors.Is(err, context.Canceled) {
			return nil, fmt.Errorf("list under a context that is done: %w", err)
		}
		if err := s.Delete(ctx); err != nil {
			return nil, err
		}
		if err := s.Close(); err != nil {
			return nil, err
		}
		if _, err := s.Stat(ctx, "a"); !errors.Is(err, storage.ErrClosed) {
			return nil, fmt.Errorf("stat after close: %w", err)
		}
		_, err := w.Store("").Create(ctx, "a", nil, nil)
		return nil, err
	}}}, Final: func(s *State) error { return s.Results[0].Err }})
	assert.Equal(t, 2, report.States, "before and after the one call")
}

func TestTimersFireWhenNoCallWaits(t *testing.T) {
	start := time.Now()
	seen := outcomes{}
	Run(t, Scenario{
		New: newStore,
		Ops: []Op{
			{Name: "patient", Run: func(ctx context.Context, w *World) (any, error) {
				began := time.Now()
				<-time.After(time.Hour)
				_, err := w.Store("").Stat(ctx, "b/1")
				return time.Since(began).String(), err
			}},
			writer("b", 2),
		},
		Final: seen.final(func(s *State) string { return fmt.Sprintf("%v %v", s.Results[0].Value, s.Results[0].Err) }),
	})
	assert.Equal(t, []string{"1h0m0s <nil>"}, seen.sorted())
	assert.Less(t, time.Since(start), time.Minute)
}

func TestAnOperationThatNeverEndsIsAViolation(t *testing.T) {
	report := Explore(t, Scenario{New: newStore, Ops: []Op{writer("a", 1), {Name: "waits", Run: func(ctx context.Context, _ *World) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}}})
	require.NotNil(t, report.Violation)
	require.ErrorContains(t, report.Violation.Err, "waits waits for something")
}

func TestAnOperationThatDoesNotReturnIsAViolation(t *testing.T) {
	for what, leave := range map[string]func(){
		"panicked: boom":     func() { panic("boom") },
		"left its goroutine": runtime.Goexit,
	} {
		report := Explore(t, Scenario{New: newStore, Ops: []Op{toyOp("bad", func(y *toy) string {
			y.create("a", "")
			leave()
			return ""
		})}})
		require.NotNil(t, report.Violation)
		require.ErrorContains(t, report.Violation.Err, "bad "+what)
		require.Len(t, report.Violation.Steps, 1)
	}
}

func TestAPanicOverAFailedCallIsAViolation(t *testing.T) {
	report := Explore(t, Scenario{New: newStore, MaxCrashes: 1, Ops: []Op{crashing(toyOp("careless", func(y *toy) string {
		if y.create("a", ""); y.err != nil {
			panic("did not expect that")
		}
		return ""
	}))}})
	require.NotNil(t, report.Violation)
	require.ErrorContains(t, report.Violation.Err, "did not expect that")
}

func TestAViolationCanBeReplayedAndRead(t *testing.T) {
	sc := Scenario{
		New:        newStore,
		MaxCrashes: 1,
		Ops:        []Op{writer("a", 1), crashing(writer("bb", 2))},
		Recover:    []Op{toyOp("look", func(y *toy) string { y.list("bb"); return "" })},
		Final: func(s *State) error {
			if s.Results[1].Crashed && peek(s).exists("bb/0") {
				return errors.New("half written")
			}
			return nil
		},
	}
	found := Explore(t, sc).Violation
	require.NotNil(t, found)
	assert.Equal(t, `half written
   1  a     create a/0  -> ok
   2  bb    create bb/0  -> ok
   3  bb    CRASH
   4  look  list bb  -> [bb/0]
to run it alone: Replay: []int{0, 0, 1}`, found.String())

	sc.Replay = found.Replay
	again := Explore(t, sc)
	assert.Equal(t, 1, again.Schedules)
	assert.Equal(t, found, again.Violation)

	sc.Replay = []int{0, 0, 0}
	assert.Nil(t, Explore(t, sc).Violation, "another schedule")

	sc.Replay = []int{0, 7}
	_, err := explore(t, sc)
	require.ErrorContains(t, err, "step 2 has 2 choices")
}

func TestOperationsThatDifferFromRunToRunAreFound(t *testing.T) {
	holdingRun := func(run *int) func(context.Context, *World) error {
		return func(ctx context.Context, w *World) error { return holding(fmt.Sprintf("a %d", *run))(ctx, w) }
	}
	for _, tt := range []struct {
		name string
		make func(run *int) Scenario
	}{
		{"another name", func(run *int) Scenario {
			return Scenario{Ops: []Op{toyOp("w", func(y *toy) string { y.create(fmt.Sprintf("a%d", *run), ""); return "" })}}
		}},
		{"another body", func(run *int) Scenario {
			return Scenario{Ops: []Op{toyOp("w", func(y *toy) string { y.create("a", fmt.Sprint(*run)); return "" })}}
		}},
		{"another result", func(run *int) Scenario {
			return Scenario{Ops: []Op{toyOp("r", func(y *toy) string { return y.read("a") + y.read("a") })}, Setup: holdingRun(run)}
		}},
		{"another state", func(run *int) Scenario {
			return Scenario{Ops: []Op{toyOp("r", func(y *toy) string { return y.read("b") + y.read("b") })}, Setup: holdingRun(run)}
		}},
		{"one call less", func(run *int) Scenario {
			return Scenario{Ops: []Op{toyOp("w", func(y *toy) string {
				if *run == 0 {
					y.create("a", "")
				}
				return ""
			})}}
		}},
	} {
		for _, first := range []int{2, 3} { // the run that differs: the repetition of the first, and one that goes another way
			t.Run(fmt.Sprintf("%s in run %d", tt.name, first), func(t *testing.T) {
				runs, differs := 0, 0
				sc := tt.make(&differs)
				sc.New = func() storage.Store {
					if runs++; runs >= first {
						differs = 1
					}
					return newStore()
				}
				sc.Ops = append(sc.Ops, writer("z", 1))
				_, err := explore(t, sc)
				require.ErrorIs(t, err, errNotDeterministic)
			})
		}
	}
}

func TestAReachedLimitIsAnError(t *testing.T) {
	ops := []Op{writer("a", 2), writer("b", 2)}
	all := Run(t, Scenario{New: newStore, Ops: ops})
	for _, tt := range []struct {
		name              string
		states, schedules int
		want              error
	}{
		{"just enough", all.States, all.Schedules, nil},
		{"a state too few", all.States - 1, 0, errLimit},
		{"a schedule too few", 0, all.Schedules - 1, errLimit},
	} {
		_, err := explore(t, Scenario{New: newStore, Ops: ops, MaxStates: tt.states, MaxSchedules: tt.schedules})
		require.ErrorIs(t, err, tt.want, tt.name)
	}
}

func TestAScenarioThatCannotBeRunIsAnError(t *testing.T) {
	failing := func(context.Context, *World) error { return storage.ErrUnavailable }
	for want, sc := range map[string]Scenario{
		"needs New and Ops":                {New: newStore},
		"has no Run":                       {New: newStore, Ops: []Op{{Name: "idle"}}},
		"must come behind":                 {New: newStore, Ops: []Op{after(1, writer("a", 1))}},
		"setup: storage unavailable":       {New: newStore, Setup: failing, Ops: []Op{writer("a", 1)}},
		"preparing a: storage unavailable": {New: newStore, Ops: []Op{{Name: "a", Prepare: failing, Run: writer("a", 1).Run}}},
	} {
		_, err := explore(t, sc)
		require.ErrorContains(t, err, want)
	}
}

func TestSeedsDifferBetweenOperationsAndNotBetweenRuns(t *testing.T) {
	seeds := [2]map[int64]bool{{}, {}}
	op := func(i int) Op {
		return Op{Name: fmt.Sprint(i), Run: func(ctx context.Context, w *World) (any, error) {
			seeds[i][w.Seed()] = true
			_, err := w.Store("").Stat(ctx, "a")
			return nil, err
		}}
	}
	Run(t, Scenario{New: newStore, Ops: []Op{op(0), op(1)}})
	assert.Len(t, seeds[0], 1)
	assert.Len(t, seeds[1], 1)
	assert.NotEqual(t, seeds[0], seeds[1])
}

func TestAStoreThatTheScenarioDoesNotHavePanics(t *testing.T) {
	report := Explore(t, Scenario{New: newStore, Ops: []Op{{Name: "lost", Run: func(_ context.Context, w *World) (any, error) {
		w.Store("elsewhere")
		return nil, nil
	}}}})
	require.NotNil(t, report.Violation)
	require.ErrorContains(t, report.Violation.Err, `no store "elsewhere"`)
}
