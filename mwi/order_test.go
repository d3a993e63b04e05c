package mwi

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

// chooser takes every way through a tree of choices, one run after the other.
type chooser struct {
	path, widths []int
	at           int
}

// choose returns one of 0 to n-1.
func (c *chooser) choose(n int) int {
	if c.at == len(c.path) {
		c.path, c.widths = append(c.path, 0), append(c.widths, n)
	}
	c.at++
	return c.path[c.at-1]
}

// next goes to the next way, and reports whether there is one.
func (c *chooser) next() bool {
	c.at = 0
	for i := len(c.path) - 1; i >= 0; i-- {
		if c.path[i]+1 < c.widths[i] {
			c.path, c.widths = c.path[:i+1], c.widths[:i+1]
			c.path[i]++
			return true
		}
	}
	return false
}

// scene is a mailbox whose count only grows, so that an older state is known by its count. Its counts wait before and behind the look at it, and so does
// Notify before it returns, until the scene lets them go.
type scene struct {
	t *testing.T
	p *Publisher

	mu      sync.Mutex // orders nothing; time that passes tells the race detector nothing of who was first
	value   int
	events  int // changes that were not told of yet
	changes int // that are left to make
	faults  int // of Notify that are left to happen
	idle    int // times that time may pass although there is something to do

	waiting map[string]chan error // what is held up, by its name
	told    []int
	failed  bool // the last Notify did
	steps   []string
}

// hold waits; the lock is held before and after.
func (s *scene) hold(name string) error {
	if s.waiting[name] != nil {
		s.t.Errorf("two at a time: %s", name)
	}
	ch := make(chan error)
	s.waiting[name] = ch
	s.mu.Unlock()
	err := <-ch
	s.mu.Lock()
	return err
}

func (s *scene) release(name string, err error) {
	s.mu.Lock()
	ch := s.waiting[name]
	delete(s.waiting, name)
	s.mu.Unlock()
	ch <- err
}

func (s *scene) count(context.Context, voicemail.MailboxID) (Counts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.hold("count begins")
	found := s.value
	_ = s.hold("count returns")
	return Counts{New: found}, nil
}

func (s *scene) Notify(_ context.Context, n Notification) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := len(s.told); k > 0 && !s.failed {
		assert.Greater(s.t, n.Counts.New, s.told[k-1], "older, or told again")
	} else if k > 0 {
		assert.GreaterOrEqual(s.t, n.Counts.New, s.told[k-1], "older")
	}
	s.told = append(s.told, n.Counts.New)
	err := s.hold("notify returns")
	s.failed = err != nil
	return err
}

func (s *scene) change() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes--
	s.value++
	s.events++
}

type step struct {
	name string
	do   func()
}

// possible are the steps that can come next.
func (s *scene) possible() []step {
	s.mu.Lock()
	defer s.mu.Unlock()
	var steps []step
	for _, name := range []string{"count begins", "count returns", "notify returns"} {
		if s.waiting[name] != nil {
			steps = append(steps, step{name, func() { s.release(name, nil) }})
		}
	}
	if s.waiting["notify returns"] != nil && s.faults > 0 {
		steps = append(steps, step{"notify fails", func() { s.faults--; s.release("notify returns", errDown) }})
	}
	if s.changes > 0 {
		steps = append(steps, step{"change", s.change})
	}
	if s.events > 0 {
		steps = append(steps, step{"event", func() { s.events--; s.p.Observe(read("5001")) }})
	}
	if len(steps) > 0 && s.idle > 0 {
		steps = append(steps, step{"time", func() { s.idle--; pass(2 * time.Second) }})
	}
	return steps
}

func (s *scene) run(c *chooser) {
	s.waiting = map[string]chan error{}
	s.p = NewPublisher(nil)
	s.p.Start(counter(s.count))
	subscribe(s.t, s.p, s, "5001")
	for quiet := false; ; {
		synctest.Wait()
		steps := s.possible()
		if len(steps) > 0 {
			quiet = false
			next := steps[c.choose(len(steps))]
			s.steps = append(s.steps, next.name)
			next.do()
			continue
		}
		if quiet {
			break
		}
		quiet = true
		pass(time.Minute) // for gaps and retries
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if assert.NotEmpty(s.t, s.told) {
		assert.Equal(s.t, s.value, s.told[len(s.told)-1], "the last state is told for sure")
	}
	assert.False(s.t, s.failed)
	assert.NoError(s.t, s.p.Close())
}

// Every order in which two changes, their events, the counts and the calls of Notify can follow each other.
func TestInEveryOrderNoOlderStateIsToldAfterANewerOneAndTheLastOneIsTold(t *testing.T) {
	for _, start := range []struct{ changes, faults, idle int }{{2, 0, 1}, {1, 1, 1}} {
		c, n := &chooser{}, 0
		for more := true; more; more = c.next() {
			n++
			s := scene{changes: start.changes, faults: start.faults, idle: start.idle}
			synctest.Test(t, func(t *testing.T) {
				s.t = t
				s.run(c)
			})
			require.False(t, t.Failed(), "steps: %q, told: %v", s.steps, s.told)
		}
		t.Logf("%d orders", n)
		require.Greater(t, n, 100, fmt.Sprintf("%+v", start))
	}
}

func TestWhatIsToldFirstWasCountedAfterSubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPublisher(nil)
		defer p.Close()
		value := make(chan int) // what a count finds, which by then may be old
		p.Start(counter(func(context.Context, voicemail.MailboxID) (Counts, error) { return Counts{New: <-value}, nil }))
		var early, late pad
		subscribe(t, p, &early, "5001")
		synctest.Wait() // it has looked and is on its way back
		subscribe(t, p, &late, "5001")
		value <- 1
		synctest.Wait()
		assert.Equal(t, []string{"5001 1/0 (0/0)"}, early.take())
		assert.Empty(t, late.take())
		value <- 2
		synctest.Wait()
		assert.Equal(t, []string{"5001 2/0 (0/0)"}, early.take())
		assert.Equal(t, []string{"5001 2/0 (0/0)"}, late.take())
	})
}
