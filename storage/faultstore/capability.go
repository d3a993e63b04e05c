package faultstore

import (
	"context"
	"iter"
	"time"

	"github.com/genesys/voicemail/storage"
)

// Unwrap lets [storage.As] find what the wrapped Store can, and only that. Before it comes to the wrapped Store, it comes by a link for each capability
// in which that capability's calls are disturbed.
func (s *Store) Unwrap() storage.Store {
	next := s.inner
	if c, ok := storage.As[storage.Copier](s.inner); ok {
		next = &copier{link{s, next}, s, c}
	}
	if c, ok := storage.As[storage.TagFinder](s.inner); ok {
		next = &tagFinder{link{s, next}, s, c}
	}
	if c, ok := storage.As[storage.Pinger](s.inner); ok {
		next = &pinger{link{s, next}, s, c}
	}
	if c, ok := storage.As[storage.Retainer](s.inner); ok {
		next = &retainer{link{s, next}, s, c}
	}
	if c, ok := storage.As[storage.Signer](s.inner); ok {
		next = &signer{link{s, next}, s, c}
	}
	if c, ok := storage.As[storage.Cleaner](s.inner); ok {
		next = &cleaner{link{s, next}, s, c}
	}
	if c, ok := storage.As[storage.Residuer](s.inner); ok {
		next = &residuer{link{s, next}, s, c}
	}
	return next
}

// link is a step on the way to the wrapped Store. As a Store it is the disturbed one.
type link struct {
	storage.Store
	next storage.Store
}

func (l link) Unwrap() storage.Store { return l.next }

type copier struct {
	link
	store *Store
	inner storage.Copier
}

func (c *copier) Copy(ctx context.Context, dst, src string, opts *storage.CreateOptions) (info storage.Info, err error) {
	err = c.store.do(ctx, Copy, func() error {
		info, err = c.inner.Copy(ctx, dst, src, opts)
		return err
	}, dst, src)
	return unless(err, info)
}

type tagFinder struct {
	link
	store *Store
	inner storage.TagFinder
}

// FindByTag fails as a whole: with mode After its names are yielded before the error is.
func (t *tagFinder) FindByTag(ctx context.Context, name, value string) iter.Seq2[string, error] {
	return sequence(ctx, t.store, Find, t.inner.FindByTag(ctx, name, value))
}

type residuer struct {
	link
	store *Store
	inner storage.Residuer
}

// Residue fails as a whole, as FindByTag does.
func (r *residuer) Residue(ctx context.Context, prefix string) iter.Seq2[storage.Residue, error] {
	return sequence(ctx, r.store, Residue, r.inner.Residue(ctx, prefix), prefix)
}

// sequence is seq as one call.
func sequence[T any](ctx context.Context, s *Store, op Op, seq iter.Seq2[T, error], keys ...string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		stopped := false
		err := s.do(ctx, op, func() error {
			for v, err := range seq {
				if err != nil {
					return err
				}
				if !yield(v, nil) {
					stopped = true
					break
				}
			}
			return nil
		}, keys...)
		if err != nil && !stopped {
			var zero T
			yield(zero, err)
		}
	}
}

type pinger struct {
	link
	store *Store
	inner storage.Pinger
}

func (p *pinger) Ping(ctx context.Context) (health storage.Health, err error) {
	err = p.store.do(ctx, Ping, func() error {
		health, err = p.inner.Ping(ctx)
		return err
	})
	return unless(err, health)
}

type retainer struct {
	link
	store *Store
	inner storage.Retainer
}

func (r *retainer) Retention(ctx context.Context) (retention storage.Retention, err error) {
	err = r.store.do(ctx, Retention, func() error {
		retention, err = r.inner.Retention(ctx)
		return err
	})
	return unless(err, retention)
}

type signer struct {
	link
	store *Store
	inner storage.Signer
}

func (s *signer) SignURL(ctx context.Context, key string, ttl time.Duration) (url storage.SignedURL, err error) {
	err = s.store.do(ctx, Sign, func() error {
		url, err = s.inner.SignURL(ctx, key, ttl)
		return err
	}, key)
	return unless(err, url)
}

type cleaner struct {
	link
	store *Store
	inner storage.Cleaner
}

func (c *cleaner) Clean(ctx context.Context) (removed int, err error) {
	err = c.store.do(ctx, Clean, func() error {
		removed, err = c.inner.Clean(ctx)
		return err
	})
	return unless(err, removed)
}
