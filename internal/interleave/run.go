package interleave

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/genesys/voicemail/storage"
)

// idle is how long in a bubble's time an operation may wait for something other than a storage call.
const idle = 10 * 365 * 24 * time.Hour

// run is one execution of a scenario, inside a bubble.
type run struct {
	sc     *Scenario
	start  time.Time
	stores map[string]storage.Store
	procs  []*proc
	wake   chan struct{} // holds one value when an operation has called or ended

	mu      sync.Mutex // guards what follows and the state of procs
	waiting []*call
	steps   []Step
	record  bool // put calls that are not scheduled into steps
}

// proc is an operation in a run.
type proc struct {
	op     *Op
	index  int
	world  *World
	ctx    context.Context
	cancel context.CancelFunc

	free    bool // calls are not scheduled
	started bool
	live    bool // its goroutine runs
	result  Result
	broken  error          // it did not return
	log     tally          // of the calls it has made and their results
	times   map[string]int // how often it has made each call
	open    []*group       // partly released
}

// call is one storage call.
type call struct {
	store, verb, what string
	detail            string // what else tells it from other calls
	id                string // of all these; equal calls of one operation have equal ones
	exec              func() (result, detail string)
	group             *group
}

// group is calls that an operation makes as one and that return together.
type group struct {
	proc    *proc
	calls   []*call
	results []string // of those released
	crashed bool
	reply   chan struct{}
}

// choice is what can happen next: a call is released, or, without one, the operation crashes.
type choice struct {
	proc *proc
	call *call
	id   string
}

func (c choice) equal(other choice) bool { return c.proc.index == other.proc.index && c.id == other.id }

func (c *call) text() string {
	s := c.verb + " "
	if c.store != "" {
		s += c.store + ":"
	}
	return s + c.what
}

// newRun builds the stores, fills them and prepares the operations.
func newRun(ctx context.Context, sc *Scenario) (*run, error) {
	r := &run{sc: sc, start: time.Now(), stores: map[string]storage.Store{}, wake: make(chan struct{}, 1)}
	for _, name := range sc.storeNames() {
		r.stores[name] = sc.New()
	}
	if sc.Setup != nil {
		if err := sc.Setup(ctx, r.newProc(ctx, &Op{Name: "setup"}, -1).world); err != nil {
			return nil, fmt.Errorf("setup: %w", err)
		}
	}
	for i := range sc.Ops {
		p := r.newProc(ctx, &sc.Ops[i], i)
		r.procs = append(r.procs, p)
		if p.op.Prepare == nil {
			continue
		}
		if err := p.op.Prepare(p.ctx, p.world); err != nil {
			return nil, fmt.Errorf("preparing %s: %w", p.op.Name, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.procs {
		p.free = false
	}
	return r, nil
}

func (sc *Scenario) storeNames() []string {
	if sc.Stores == nil {
		return []string{""}
	}
	return sc.Stores
}

func (r *run) newProc(ctx context.Context, op *Op, index int) *proc {
	p := &proc{op: op, index: index, free: true, times: map[string]int{}, result: Result{Name: op.Name}}
	p.ctx, p.cancel = context.WithCancel(ctx)
	p.world = &World{run: r, proc: p, seed: int64(index) + 1}
	return p
}

// submit has the calls of g made, and returns when they are.
func (r *run) submit(p *proc, g *group) error {
	r.mu.Lock()
	if p.result.Crashed {
		r.mu.Unlock()
		return ErrCrashed
	}
	if p.free {
		defer r.mu.Unlock()
		for _, c := range g.calls {
			result, _ := c.exec()
			if r.record {
				r.steps = append(r.steps, Step{p.op.Name, c.text(), result})
			}
		}
		return nil
	}
	g.proc, g.reply = p, make(chan struct{})
	for _, c := range g.calls {
		c.group, c.id = g, c.text()+"\x00"+c.detail
	}
	r.waiting = append(r.waiting, g.calls...)
	r.mu.Unlock()
	r.poke()
	<-g.reply
	if g.crashed {
		return ErrCrashed
	}
	return nil
}

func (r *run) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// settle lets the operations run until every one waits for a call or has ended. Time passes only while no call waits.
func (r *run) settle() error {
	for {
		synctest.Wait()
		select {
		case <-r.wake:
		default:
		}
		started, idling, err := r.look()
		switch {
		case err != nil:
			return err
		case started:
		case idling == "":
			return nil
		default:
			select {
			case <-r.wake:
			case <-time.After(idle):
				return fmt.Errorf("%s waits for something that neither a storage call nor time brings", idling)
			}
		}
	}
}

// look starts the operations whose turn has come, and tells whether there were any, and which one, if no call waits, has not ended.
func (r *run) look() (started bool, idling string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.procs {
		if p.broken != nil {
			return false, "", p.broken
		}
		if !p.started && !p.result.Crashed && r.turn(p) {
			p.started, p.live, started = true, true, true
			go r.work(p)
		}
		if p.live && !p.result.Crashed && len(r.waiting) == 0 {
			idling = p.op.Name
		}
	}
	return started, idling, nil
}

func (r *run) turn(p *proc) bool {
	if p.op.After == 0 {
		return true
	}
	before := r.procs[p.op.After-1].result
	return before.Done || before.Crashed
}

// work runs an operation to its end.
func (r *run) work(p *proc) {
	var (
		value    any
		err      error
		returned bool
	)
	defer func() {
		var broken error
		if !returned {
			broken = fmt.Errorf("%s left its goroutine", p.op.Name)
			if v := recover(); v != nil {
				broken = fmt.Errorf("%s panicked: %v\n%s", p.op.Name, v, debug.Stack())
			}
		}
		r.mu.Lock()
		p.live, p.broken = false, broken
		if !p.result.Crashed {
			p.result.Done, p.result.Value, p.result.Err = true, value, err
		}
		r.mu.Unlock()
		r.poke()
	}()
	value, err = p.op.Run(p.ctx, p.world)
	returned = true
}

// choices are what can happen next, each once, in an order that is the same in every run.
func (r *run) choices() []choice {
	r.mu.Lock()
	defer r.mu.Unlock()
	var cs []choice
	for _, c := range r.waiting {
		cs = append(cs, choice{c.group.proc, c, c.id})
	}
	crashed := 0
	for _, p := range r.procs {
		if p.result.Crashed {
			crashed++
		}
	}
	if crashed < r.sc.MaxCrashes {
		for _, p := range r.procs {
			waits := slices.ContainsFunc(r.waiting, func(c *call) bool { return c.group.proc == p })
			if p.op.CanCrash && waits {
				cs = append(cs, choice{proc: p, id: "~crash"})
			}
		}
	}
	slices.SortFunc(cs, func(a, b choice) int { return cmp.Or(cmp.Compare(a.proc.index, b.proc.index), cmp.Compare(a.id, b.id)) })
	return slices.CompactFunc(cs, func(a, b choice) bool { return a.proc == b.proc && a.id == b.id })
}

// take makes c happen.
func (r *run) take(c choice) {
	if c.call == nil {
		r.crash(c.proc)
		r.note(Step{Op: c.proc.op.Name, Call: "CRASH"})
		return
	}
	show, detail := c.call.exec()
	r.note(Step{c.proc.op.Name, c.call.text(), show})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = slices.DeleteFunc(r.waiting, func(w *call) bool { return w == c.call })

	p, g := c.proc, c.call.group
	if len(g.results) == 0 {
		p.open = append(p.open, g)
	}
	g.results = append(g.results, c.id+"\x00"+show+"\x00"+detail)
	if len(g.results) == len(g.calls) {
		p.open = slices.DeleteFunc(p.open, func(o *group) bool { return o == g })
		d := newDigest()
		d.add(time.Since(r.start).String(), fmt.Sprint(p.times[c.id]))
		d.add(g.sorted()...)
		p.log.add(d.sum())
		p.times[c.id]++
		close(g.reply)
	}
}

// sorted is what is known of g's calls. The operation cannot see in which order they were made.
func (g *group) sorted() []string {
	slices.Sort(g.results)
	return g.results
}

func (r *run) note(s Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, s)
}

// crash cuts p off.
func (r *run) crash(p *proc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.result.Crashed, p.open = true, nil
	p.cancel()
	r.waiting = slices.DeleteFunc(r.waiting, func(c *call) bool {
		if c.group.proc != p {
			return false
		}
		if g := c.group; !g.crashed {
			g.crashed = true
			close(g.reply)
		}
		return true
	})
}

// stop cuts all operations off and waits for their ends.
func (r *run) stop() error {
	for _, p := range r.procs {
		r.crash(p)
	}
	for {
		synctest.Wait()
		r.mu.Lock()
		var live *proc
		for _, p := range r.procs {
			if p.broken != nil {
				r.mu.Unlock()
				return fmt.Errorf("cut off, %w", p.broken)
			}
			if p.live {
				live = p
			}
		}
		r.mu.Unlock()
		if live == nil {
			return nil
		}
		select {
		case <-r.wake:
		case <-time.After(idle):
			panic(fmt.Sprintf("interleave: %s does not end although its context and its storage calls have; after\n%s", live.op.Name, schedule(r.steps)))
		}
	}
}

// recovery runs what puts things right, and returns the results.
func (r *run) recovery(ctx context.Context) ([]Result, error) {
	r.mu.Lock()
	r.record = true
	r.mu.Unlock()
	var results []Result
	for i := range r.sc.Recover {
		p := r.newProc(ctx, &r.sc.Recover[i], len(r.procs)+i)
		defer p.cancel()
		if p.op.Prepare != nil {
			if err := p.op.Prepare(p.ctx, p.world); err != nil {
				return nil, fmt.Errorf("preparing %s: %w", p.op.Name, err)
			}
		}
		value, err := p.op.Run(p.ctx, p.world)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.op.Name, err)
		}
		results = append(results, Result{Name: p.op.Name, Done: true, Value: value})
	}
	return results, nil
}

// state is what an invariant sees now.
func (r *run) state() *State {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &State{Stores: r.stores}
	for _, p := range r.procs {
		s.Results = append(s.Results, p.result)
	}
	return s
}

// key identifies the state that the run is in, or would be in if crashed, unless it is nil, crashed now.
func (r *run) key(ctx context.Context, crashed *proc) (key [sha256.Size]byte, err error) {
	d := newDigest()
	for _, name := range r.sc.storeNames() {
		d.add("store", name)
		if err := d.addStore(ctx, r.stores[name]); err != nil {
			return key, fmt.Errorf("reading a store: %w", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	d.add("now", time.Since(r.start).String())
	for _, p := range r.procs {
		gone := p.result.Crashed || p == crashed
		d.add("op", fmt.Sprint(p.started, p.result.Done, gone))
		if gone && !p.result.Done {
			continue // it is over, and nobody was told anything
		}
		d.add(p.log.String())
		if gone {
			continue
		}
		var waiting []string
		for _, c := range r.waiting {
			if c.group.proc == p {
				waiting = append(waiting, c.id)
			}
		}
		slices.Sort(waiting)
		d.add("waiting")
		d.add(waiting...)
		var open []string
		for _, g := range p.open {
			open = append(open, strings.Join(g.sorted(), "\x00"))
		}
		slices.Sort(open)
		d.add("open")
		d.add(open...)
	}
	return d.sum(), nil
}

// addStore adds all that a store holds.
func (d *digester) addStore(ctx context.Context, s storage.Store) error {
	for info, err := range storage.All(ctx, s, nil) {
		if err != nil {
			return err
		}
		o, err := s.Open(ctx, info.Key, nil)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(o)
		if err := errors.Join(err, o.Close()); err != nil {
			return err
		}
		d.add(infoText(info), string(data))
	}
	return nil
}
