package interleave

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
)

// Walk runs sc once, its calls in an order that seed decides, and returns them; the error is what broke an invariant, Recover or Final. Where an exploration is too
// long, many walks are a sample of it: each call takes a time of its own, mostly a short one and now and then one in which many others are made.
//
// The operations may share what they like, a Service among several goroutines of one operation for instance. The same seed gives the same walk as long as what an operation does hangs on nothing
// but the calls that it has made: where several of its goroutines begin at once, each must begin with a call of its own.
func Walk(t *testing.T, sc Scenario, seed uint64) (steps []Step, broken error) {
	t.Helper()
	if err := sc.check(); err != nil {
		t.Fatalf("interleave: %v", err)
	}
	e := &explorer{sc: &sc}
	defer e.watch()()
	var failed error
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var r *run
		if r, failed = newRun(ctx, &sc); failed != nil {
			return
		}
		e.current.Store(r)
		defer func() {
			if err := r.stop(); broken == nil {
				broken = err
			}
		}()
		w := walker{run: r, random: rand.New(rand.NewPCG(seed, 0)), due: map[*call]int{}}
		for broken == nil {
			e.progress.Add(1)
			if broken = r.settle(); broken != nil {
				break
			}
			if sc.Invariant != nil {
				if broken = sc.Invariant(r.state()); broken != nil {
					break
				}
			}
			choices := r.choices()
			if len(choices) == 0 {
				broken = e.end(ctx, r)
				break
			}
			r.take(w.choose(choices))
		}
		steps = r.steps
	})
	if failed != nil {
		t.Fatalf("interleave: %v", failed)
	}
	return steps, broken
}

// walker chooses at random.
type walker struct {
	run    *run
	random *rand.Rand
	now    int           // counts the choices
	due    map[*call]int // when each call that waits is made
}

// What a walk does with chance: the longest that a call takes, in calls, is two to the power of slowest; one choice in crashes is a crash, where there can be one.
const (
	slowest = 6
	crashes = 64
)

func (w *walker) choose(choices []choice) choice {
	w.now++
	var first *choice
	var crash []choice
	for i, c := range choices {
		if c.call == nil {
			crash = append(crash, c)
			continue
		}
		if _, known := w.due[c.call]; !known {
			w.due[c.call] = w.now + w.random.IntN(1<<w.random.IntN(slowest+1))
		}
		if first == nil || w.due[c.call] < w.due[first.call] {
			first = &choices[i]
		}
	}
	if len(crash) > 0 && w.random.IntN(crashes) == 0 {
		return crash[w.random.IntN(len(crash))]
	}
	delete(w.due, first.call)
	return *first
}
