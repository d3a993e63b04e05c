package interleave

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Patience is how long, in real time, a run may stand still before it panics.
const Patience = time.Minute

// Report says what an exploration has seen.
type Report struct {
	// States are the different states seen.
	States int
	// Schedules are the runs made, to the end or to a state seen before.
	Schedules int
	// Violation is the first one found; nil if there is none.
	Violation *Violation
}

// Violation is a schedule that breaks an invariant.
type Violation struct {
	// Err says what is broken.
	Err error
	// Steps are the calls, in the order in which they were released, and those of Recover.
	Steps []Step
	// Replay are the choices, for Scenario.Replay.
	Replay []int
}

// Step is one call, or a crash.
type Step struct {
	Op, Call, Result string
}

// String returns what is broken, the schedule and how to run it alone.
func (v *Violation) String() string {
	return fmt.Sprintf("%v\n%sto run it alone: Replay: %#v", v.Err, schedule(v.Steps), v.Replay)
}

func schedule(steps []Step) string {
	width := 0
	for _, s := range steps {
		width = max(width, len(s.Op))
	}
	var b strings.Builder
	for i, s := range steps {
		fmt.Fprintf(&b, "%4d  %-*s  %s", i+1, width, s.Op, s.Call)
		if s.Result != "" {
			b.WriteString("  -> " + s.Result)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Explore runs every schedule of sc until one breaks an invariant, lets an operation panic, or leaves it waiting for ever. What makes the exploration
// itself worthless fails t at once: a bound reached, operations that are not deterministic, a failing Setup.
func Explore(t *testing.T, sc Scenario) Report {
	t.Helper()
	report, err := explore(t, sc)
	if err != nil {
		t.Fatalf("interleave: %v", err)
	}
	return report
}

// sample is how many schedules Run makes under the race detector, which remembers every goroutine that there ever was: a whole exploration takes it many gigabytes. What races
// shows in a few schedules; what breaks an invariant takes the others, which are run without it.
const sample = 40

// Run fails t if Explore finds a violation. Under the race detector it explores the first forty schedules only.
func Run(t *testing.T, sc Scenario) Report {
	t.Helper()
	if raceDetector && sc.MaxSchedules == 0 {
		sc.sample = sample
	}
	report := Explore(t, sc)
	if report.Violation != nil {
		t.Fatalf("interleave: after %d schedules: %v", report.Schedules, report.Violation)
	}
	return report
}

// What can be wrong with an exploration.
var (
	errLimit            = errors.New("limit reached before everything was explored")
	errNotDeterministic = errors.New("operations are not deterministic")
)

// explorer searches the tree of choices depth first.
type explorer struct {
	sc      *Scenario
	visited map[[sha256.Size]byte]struct{}
	path    []node
	again   bool // the run repeats the one before
	report  Report

	progress atomic.Int64
	current  atomic.Pointer[run]
}

// node is a state on the path from the start to where the search is.
type node struct {
	key     [sha256.Size]byte
	choices []choice // of the first run that came here
	skip    []bool   // of each choice, whether it is known to lead to a state seen before
	at      int      // the one taken
}

func explore(t *testing.T, sc Scenario) (Report, error) {
	if err := sc.check(); err != nil {
		return Report{}, err
	}
	if sc.MaxStates == 0 {
		sc.MaxStates = DefaultMaxStates
	}
	if sc.MaxSchedules == 0 {
		sc.MaxSchedules = DefaultMaxSchedules
	}
	e := &explorer{sc: &sc, visited: map[[sha256.Size]byte]struct{}{}}
	defer e.watch()()
	for {
		var err error
		synctest.Test(t, func(t *testing.T) { err = e.execute(t.Context()) })
		e.report.Schedules++
		if err != nil || e.report.Violation != nil {
			return e.report, err
		}
		if sc.Replay != nil {
			t.Logf("interleave: replayed\n%s", schedule(e.current.Load().steps))
			return e.report, nil
		}
		if e.again = e.report.Schedules == 1; e.again { // so that a scenario with a single schedule is compared, too
			continue
		}
		if !e.next() {
			return e.report, nil
		}
		if sc.sample > 0 && e.report.Schedules >= sc.sample {
			return e.report, nil
		}
		if e.report.Schedules >= sc.MaxSchedules {
			return e.report, fmt.Errorf("%w: %d schedules", errLimit, sc.MaxSchedules)
		}
	}
}

// next turns the path to the first choice not taken yet, and reports whether there is one.
func (e *explorer) next() bool {
	for len(e.path) > 0 {
		n := &e.path[len(e.path)-1]
		for n.at++; n.at < len(n.choices); n.at++ {
			if !n.skip[n.at] {
				return true
			}
		}
		e.path = e.path[:len(e.path)-1]
	}
	return false
}

// execute makes one run: along the path, and on with the first choice everywhere, to the end or to a state seen before.
func (e *explorer) execute(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := newRun(ctx, e.sc)
	if err != nil {
		return err
	}
	e.current.Store(r)
	defer func() {
		if broken := r.stop(); err == nil && e.report.Violation == nil && broken != nil {
			e.violate(r, broken)
		}
	}()
	for depth := 0; ; depth++ {
		e.progress.Add(1)
		if broken := r.settle(); broken != nil {
			e.violate(r, broken)
			return nil
		}
		choices := r.choices()
		fresh := depth == len(e.path)
		if fresh {
			if on, err := e.enter(ctx, r, choices); err != nil || !on {
				return err
			}
		}
		n := &e.path[depth]
		if !slices.EqualFunc(choices, n.choices, choice.equal) {
			return differ(r, describe(n.choices), describe(choices))
		}
		if depth == len(e.path)-1 && !fresh { // here the run turns off from those before
			if key, err := r.key(ctx, nil); err != nil || key != n.key {
				return cmp.Or(err, elsewhere(r))
			}
		}
		r.take(choices[n.at])
	}
}

// enter judges the state in which the path ends, and makes it a node of the path if the run is to go on.
func (e *explorer) enter(ctx context.Context, r *run, choices []choice) (on bool, err error) {
	key, err := r.key(ctx, nil)
	if err != nil {
		return false, err
	}
	_, seen := e.visited[key]
	switch {
	case e.again && !seen:
		return false, elsewhere(r)
	case seen && e.sc.Replay == nil:
		return false, nil
	}
	e.visited[key] = struct{}{}
	e.report.States++
	if e.report.States > e.sc.MaxStates {
		return false, fmt.Errorf("%w: %d states", errLimit, e.sc.MaxStates)
	}
	if e.sc.Invariant != nil {
		if broken := e.sc.Invariant(r.state()); broken != nil {
			e.violate(r, broken)
			return false, nil
		}
	}
	if len(choices) == 0 {
		if broken := e.end(ctx, r); broken != nil {
			e.violate(r, broken)
		}
		return false, nil
	}
	n := node{key: key, choices: choices, skip: make([]bool, len(choices))}
	for i, c := range choices {
		if c.call == nil { // what this leads to is known without another run
			crashed, err := r.key(ctx, c.proc)
			if err != nil {
				return false, err
			}
			_, n.skip[i] = e.visited[crashed]
		}
	}
	if depth := len(e.path); depth < len(e.sc.Replay) {
		if n.at = e.sc.Replay[depth]; n.at < 0 || n.at >= len(choices) {
			return false, fmt.Errorf("replay: step %d has %d choices, not number %d", depth+1, len(choices), n.at)
		}
	}
	e.path = append(e.path, n)
	return true, nil
}

// end is what happens when a schedule has come to its end.
func (e *explorer) end(ctx context.Context, r *run) error {
	recovered, err := r.recovery(ctx)
	if err != nil || e.sc.Final == nil {
		return err
	}
	s := r.state()
	s.Results = append(s.Results, recovered...)
	return e.sc.Final(s)
}

func (e *explorer) violate(r *run, broken error) {
	v := &Violation{Err: broken, Steps: slices.Clone(r.steps)}
	for _, n := range e.path {
		v.Replay = append(v.Replay, n.at)
	}
	e.report.Violation = v
}

// watch panics when no run makes a step for too long: a goroutine then waits for a mutex, which a bubble cannot see.
func (e *explorer) watch() (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for last := int64(-1); ; {
			select {
			case <-done:
				return
			case <-time.After(Patience):
			}
			now := e.progress.Load()
			if now == last {
				text := "before the first call"
				if r := e.current.Load(); r != nil {
					r.mu.Lock()
					text = schedule(r.steps)
				}
				panic("interleave: standing still; does an operation hold a mutex across a storage call? after\n" + text)
			}
			last = now
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

func describe(choices []choice) (texts []string) {
	for _, c := range choices {
		what := "CRASH"
		if c.call != nil {
			what = c.call.text()
		}
		texts = append(texts, c.proc.op.Name+"  "+what)
	}
	return texts
}

func differ(r *run, first, now []string) error {
	return fmt.Errorf("%w: after\n%sthese calls waited at first\n%snow these do\n%s(if they look the same, a body or an option differs)",
		errNotDeterministic, schedule(r.steps), lines(first), lines(now))
}

func elsewhere(r *run) error {
	return fmt.Errorf("%w: a result, or what a store holds, is not what it was after the same calls\n%s", errNotDeterministic, schedule(r.steps))
}

func lines(texts []string) string {
	var b strings.Builder
	for _, t := range texts {
		fmt.Fprintf(&b, "      %q\n", t)
	}
	return b.String()
}
