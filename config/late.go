package config

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/genesys/voicemail/internal/late"
	"github.com/genesys/voicemail/storage"
)

// lateStore is the store of a region that did not answer when the process started. The first call that finds the region answering opens it; until then every
// call tries, one at a time, and returns the error of opening it.
type lateStore struct {
	open   func(context.Context) (storage.Store, error)
	opened late.Value[storage.Store]

	mu     sync.Mutex
	inner  storage.Store // what Close has to close
	closed bool
}

// store opens the region if that is not done.
func (s *lateStore) store(ctx context.Context, op string) (storage.Store, error) {
	s.mu.Lock()
	inner, closed := s.inner, s.closed
	s.mu.Unlock()
	switch {
	case inner != nil:
		return inner, nil // which says itself if it was closed
	case closed:
		return nil, &storage.Error{Op: op, Driver: "config", Kind: storage.ErrClosed}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return s.opened.Get(ctx, func(ctx context.Context) (storage.Store, error) {
		st, err := s.open(ctx)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return nil, errors.Join(&storage.Error{Op: op, Driver: "config", Kind: storage.ErrClosed}, st.Close())
		}
		s.inner = st
		return st, nil
	})
}

// Unwrap lets [storage.As] find the driver's capabilities, once there is a driver.
func (s *lateStore) Unwrap() storage.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inner
}

func (s *lateStore) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	st, err := s.store(ctx, "create")
	if err != nil {
		return storage.Info{}, err
	}
	return st.Create(ctx, key, body, opts)
}

func (s *lateStore) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	st, err := s.store(ctx, "open")
	if err != nil {
		return nil, err
	}
	return st.Open(ctx, key, opts)
}

func (s *lateStore) Stat(ctx context.Context, key string) (storage.Info, error) {
	st, err := s.store(ctx, "stat")
	if err != nil {
		return storage.Info{}, err
	}
	return st.Stat(ctx, key)
}

func (s *lateStore) Delete(ctx context.Context, keys ...string) error {
	st, err := s.store(ctx, "delete")
	if err != nil {
		return err
	}
	return st.Delete(ctx, keys...)
}

func (s *lateStore) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	st, err := s.store(ctx, "list")
	if err != nil {
		return nil, err
	}
	return st.List(ctx, opts)
}

// Close closes the region's store, or keeps it from being opened.
func (s *lateStore) Close() error {
	s.mu.Lock()
	inner := s.inner
	s.closed = true
	s.mu.Unlock()
	if inner == nil {
		return nil
	}
	return inner.Close()
}
