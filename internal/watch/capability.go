package watch

import (
	"context"
	"iter"
	"time"

	"github.com/genesys/voicemail/storage"
)

// capabilities returns the way to the wrapped Store, with a link for each of its capabilities, in which that one is watched.
func (s *store) capabilities() storage.Store {
	next := s.inner
	if c, ok := storage.As[storage.Copier](s.inner); ok {
		next = &copier{link{s, next}, c}
	}
	if c, ok := storage.As[storage.TagFinder](s.inner); ok {
		next = &tagFinder{link{s, next}, c}
	}
	if c, ok := storage.As[storage.Signer](s.inner); ok {
		next = &signer{link{s, next}, c}
	}
	if c, ok := storage.As[storage.Pinger](s.inner); ok {
		next = &pinger{link{s, next}, c}
	}
	if c, ok := storage.As[storage.Cleaner](s.inner); ok {
		next = &cleaner{link{s, next}, c}
	}
	if c, ok := storage.As[storage.Residuer](s.inner); ok {
		next = &residuer{link{s, next}, c}
	}
	if c, ok := storage.As[storage.Retainer](s.inner); ok {
		next = &retainer{link{s, next}, c}
	}
	return next
}

// link is a step on the way. As a Store it is the watched one.
type link struct {
	*store
	next storage.Store
}

func (l link) Unwrap() storage.Store { return l.next }

type copier struct {
	link
	copier storage.Copier
}

func (c *copier) Copy(ctx context.Context, dst, src string, opts *storage.CreateOptions) (info storage.Info, err error) {
	ctx, end := c.watch.begin(ctx, Call{Name: Copy})
	defer end(&err)
	return c.copier.Copy(ctx, dst, src, opts)
}

type tagFinder struct {
	link
	finder storage.TagFinder
}

func (t *tagFinder) FindByTag(ctx context.Context, name, value string) iter.Seq2[string, error] {
	return sequence(ctx, t.watch, Call{Name: Find}, func(ctx context.Context) iter.Seq2[string, error] {
		return t.finder.FindByTag(ctx, name, value)
	})
}

type signer struct {
	link
	signer storage.Signer
}

func (s *signer) SignURL(ctx context.Context, key string, ttl time.Duration) (url storage.SignedURL, err error) {
	ctx, end := s.watch.begin(ctx, Call{Name: Sign})
	defer end(&err)
	return s.signer.SignURL(ctx, key, ttl)
}

type pinger struct {
	link
	pinger storage.Pinger
}

func (p *pinger) Ping(ctx context.Context) (health storage.Health, err error) {
	ctx, end := p.watch.begin(ctx, Call{Name: Ping})
	defer end(&err)
	return p.pinger.Ping(ctx)
}

type cleaner struct {
	link
	cleaner storage.Cleaner
}

func (c *cleaner) Clean(ctx context.Context) (removed int, err error) {
	ctx, end := c.watch.begin(ctx, Call{Name: Clean})
	defer end(&err)
	return c.cleaner.Clean(ctx)
}

type residuer struct {
	link
	residuer storage.Residuer
}

func (r *residuer) Residue(ctx context.Context, prefix string) iter.Seq2[storage.Residue, error] {
	return sequence(ctx, r.watch, Call{Name: Residue}, func(ctx context.Context) iter.Seq2[storage.Residue, error] {
		return r.residuer.Residue(ctx, prefix)
	})
}

type retainer struct {
	link
	retainer storage.Retainer
}

func (r *retainer) Retention(ctx context.Context) (retention storage.Retention, err error) {
	ctx, end := r.watch.begin(ctx, Call{Name: Retention})
	defer end(&err)
	return r.retainer.Retention(ctx)
}
