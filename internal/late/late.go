// Package late keeps a value that is made when it is first needed, by one of those who need it at a time, and again if that fails.
package late

import (
	"context"
	"sync"
)

// Value is made at the first [Value.Get] that succeeds, and stays. The zero value is one that is not made yet. It is safe for concurrent use and must not be
// copied.
type Value[T any] struct {
	mu      sync.Mutex
	value   *T
	attempt *attempt
}

// attempt is one to make the value.
type attempt struct {
	done    chan struct{}
	err     error
	givenUp bool // whoever made it did not wait for its end, which says nothing to the others
}

// Peek returns the value, if it was made.
func (v *Value[T]) Peek() (T, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.value == nil {
		var zero T
		return zero, false
	}
	return *v.value, true
}

// Get returns the value, which it makes if there is none yet. Whoever comes while it is being made waits for that, and gets its error if it fails; an attempt
// that failed since its own context ended is made anew by those who wait. It holds no lock while it makes the value or waits.
func (v *Value[T]) Get(ctx context.Context, build func(context.Context) (T, error)) (T, error) {
	for {
		a, mine, value := v.join()
		switch {
		case value != nil:
			return *value, nil
		case mine:
			return v.try(ctx, a, build)
		}
		var zero T
		select {
		case <-a.done:
			if a.err != nil && !a.givenUp {
				return zero, a.err
			}
		case <-ctx.Done():
			return zero, ctx.Err()
		}
	}
}

// join returns the value, or the attempt under way, or one that is the caller's to make.
func (v *Value[T]) join() (a *attempt, mine bool, value *T) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.value != nil {
		return nil, false, v.value
	}
	if v.attempt == nil {
		v.attempt, mine = &attempt{done: make(chan struct{}), givenUp: true}, true
	}
	return v.attempt, mine, nil
}

func (v *Value[T]) try(ctx context.Context, a *attempt, build func(context.Context) (T, error)) (T, error) {
	defer func() {
		v.mu.Lock()
		v.attempt = nil
		v.mu.Unlock()
		close(a.done)
	}()
	value, err := build(ctx)
	a.err, a.givenUp = err, err != nil && ctx.Err() != nil
	if err == nil {
		v.mu.Lock()
		v.value = &value
		v.mu.Unlock()
	}
	return value, err
}
