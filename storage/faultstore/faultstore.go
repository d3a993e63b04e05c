// Package faultstore wraps a [storage.Store] and disturbs chosen calls: it fails them before or after their effect, fails them half way, cuts reads
// short, holds calls up. It also counts and records every call, which alone is what a test of costs needs:
//
//	store := faultstore.New(memstore.New(nil))
//	deposit(store)
//	calls := store.Counts() // map[create:3 list:1]
//
// What a caller does when the storage fails is tested by failing each of its calls, once before and once after its effect:
//
//	for fault := range faultstore.Each(len(store.Calls())) {
//		store := faultstore.New(memstore.New(nil), fault)
//		…
//	}
//
// A Store and its faults print themselves, so that a test which fails at random says what to put in to see it again.
//
// # Capabilities
//
// [storage.As] finds the capabilities of the wrapped Store that package storage knows, and the calls of these are counted and disturbed
// as all others are. Any other interface, and the wrapped Store's own type, As finds undisturbed.
package faultstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/genesys/voicemail/storage"
)

// Store is a [storage.Store] that disturbs and records the calls to another one.
type Store struct {
	inner storage.Store

	mu     sync.Mutex
	faults []Fault
	meant  []int // how many calls each fault has counted
	calls  []Call
	counts map[Op]int
}

// Call is one call that a [Store] has taken.
type Call struct {
	// Op is its sort.
	Op Op
	// Keys are the names in it: those of a Delete, the prefix of a List and of a Residue, destination and source of a Copy, none for a Clean, a Ping, a Find and a Retention.
	Keys []string
	// Disturbed is whether a fault happened to it.
	Disturbed bool
}

// String returns the sort of the call and its names.
func (c Call) String() string {
	var b strings.Builder
	b.WriteString(string(c.Op))
	for _, key := range c.Keys {
		fmt.Fprintf(&b, " %q", key)
	}
	if c.Disturbed {
		b.WriteString(" (disturbed)")
	}
	return b.String()
}

// New returns a Store that does what inner does, except where one of the faults happens. Where several would, the first does.
// It panics on a fault that cannot be meant: a malformed pattern, a mode that the call does not have.
func New(inner storage.Store, faults ...Fault) *Store {
	s := &Store{inner: inner}
	s.Set(faults...)
	return s
}

// Set replaces the faults and forgets all calls, as after New. So a test prepares its data undisturbed.
func (s *Store) Set(faults ...Fault) {
	for _, f := range faults {
		if err := f.check(); err != nil {
			panic(fmt.Sprintf("faultstore: %v: %v", f, err))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.Clone(faults)
	s.reset()
}

// Reset forgets all calls. The faults stay, and count from 1 again.
func (s *Store) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reset()
}

func (s *Store) reset() {
	s.meant = make([]int, len(s.faults))
	s.calls = nil
	s.counts = map[Op]int{}
}

// Calls returns the calls since New, Set or Reset, in the order in which they came. One whose context was done is none.
func (s *Store) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Counts returns the number of calls of each sort.
func (s *Store) Counts() map[Op]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// Disturbed returns the number of calls to which a fault happened. A test of failure that finds 0 has tested nothing.
func (s *Store) Disturbed() int {
	n := 0
	for _, c := range s.Calls() {
		if c.Disturbed {
			n++
		}
	}
	return n
}

// String describes the faults.
func (s *Store) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return "no faults"
	}
	all := make([]string, len(s.faults))
	for i, f := range s.faults {
		all[i] = f.String()
	}
	return strings.Join(all, "; ")
}

// take records a call and returns the fault that happens to it, or nil. Every fault that means the call counts it.
func (s *Store) take(c Call) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var happens *Fault
	for i := range s.faults {
		f := s.faults[i]
		if !f.means(c) {
			continue
		}
		s.meant[i]++
		if happens == nil && f.strikes(s.meant[i]) {
			happens = &f
		}
	}
	c.Disturbed = happens != nil
	s.calls = append(s.calls, c)
	s.counts[c.Op]++
	return happens
}

// do makes the call whose effect is a call of the wrapped Store. It is told apart from the faults of Delete and Read, which can happen in part.
func (s *Store) do(ctx context.Context, op Op, effect func() error, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := Call{Op: op, Keys: keys}
	f := s.take(c)
	if f == nil {
		return effect()
	}
	return f.happen(ctx, c, effect)
}

// happen is the call c under the fault.
func (f *Fault) happen(ctx context.Context, c Call, effect func() error) error {
	if f.Mode == After {
		_ = effect() // and whatever it was is lost on the way
	}
	if err := f.hold(ctx, c); err != nil {
		return err
	}
	if f.Mode == Pass {
		return effect()
	}
	key := ""
	if c.Op != Delete && len(c.Keys) > 0 { // an error of Delete that names a key says that the others are gone
		key = c.Keys[0]
	}
	return f.err(c.Op, key)
}

// Create implements [storage.Store].
func (s *Store) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (info storage.Info, err error) {
	err = s.do(ctx, Create, func() error {
		info, err = s.inner.Create(ctx, key, body, opts)
		return err
	}, key)
	return unless(err, info)
}

// Open implements [storage.Store].
func (s *Store) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	var o storage.Object
	err := s.do(ctx, Open, func() (err error) {
		o, err = s.inner.Open(ctx, key, opts)
		return err
	}, key)
	if err != nil {
		if o != nil {
			_ = o.Close()
		}
		return nil, err
	}
	return &object{Object: o, store: s, ctx: ctx, key: key}, nil
}

// Stat implements [storage.Store].
func (s *Store) Stat(ctx context.Context, key string) (info storage.Info, err error) {
	err = s.do(ctx, Stat, func() error {
		info, err = s.inner.Stat(ctx, key)
		return err
	}, key)
	return unless(err, info)
}

// Delete implements [storage.Store].
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := Call{Op: Delete, Keys: slices.Clone(keys)}
	f := s.take(c)
	effect := func() error { return s.inner.Delete(ctx, keys...) }
	switch {
	case f == nil:
		return effect()
	case f.Mode == Part, f.Mode == Rest:
		if err := f.hold(ctx, c); err != nil {
			return err
		}
		return s.deleteSome(ctx, f, keys)
	default:
		return f.happen(ctx, c, effect)
	}
}

// deleteSome deletes as much as the fault lets through. If the wrapped Store fails too, its error is the one.
func (s *Store) deleteSome(ctx context.Context, f *Fault, keys []string) error {
	if f.Mode == Part {
		if err := s.inner.Delete(ctx, keys[:len(keys)/2]...); err != nil {
			return err
		}
		return f.err(Delete, "")
	}
	var free []string
	var left []error
	for _, key := range keys {
		if f.matches(key) {
			left = append(left, f.err(Delete, key))
		} else {
			free = append(free, key)
		}
	}
	if err := s.inner.Delete(ctx, free...); err != nil {
		return err
	}
	return errors.Join(left...)
}

// List implements [storage.Store].
func (s *Store) List(ctx context.Context, opts *storage.ListOptions) (page *storage.Page, err error) {
	prefix := ""
	if opts != nil {
		prefix = opts.Prefix
	}
	err = s.do(ctx, List, func() error {
		page, err = s.inner.List(ctx, opts)
		return err
	}, prefix)
	return unless(err, page)
}

// Close closes the wrapped Store. It is neither counted nor disturbed.
func (s *Store) Close() error { return s.inner.Close() }

// unless returns the result of a call, and nothing of it beside an error.
func unless[T any](err error, result T) (T, error) {
	if err != nil {
		var zero T
		return zero, err
	}
	return result, nil
}

// object disturbs the reading of an open object.
type object struct {
	storage.Object
	store  *Store
	ctx    context.Context // of Open
	key    string
	broken error // a connection that broke stays so
}

func (o *object) Read(p []byte) (int, error) {
	if o.broken != nil {
		return 0, o.broken
	}
	c := Call{Op: Read, Keys: []string{o.key}}
	f := o.store.take(c)
	if f == nil {
		return o.Object.Read(p)
	}
	n := 0
	if f.Mode == After {
		n, _ = o.Object.Read(p)
	}
	if err := f.hold(o.ctx, c); err != nil {
		o.broken = err
		return n, err
	}
	switch f.Mode {
	case Pass:
		return o.Object.Read(p)
	case Part:
		return o.Object.Read(p[:min(1, len(p))])
	}
	o.broken = f.err(Read, o.key)
	return n, o.broken
}
