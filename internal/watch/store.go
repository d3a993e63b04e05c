package watch

import (
	"context"
	"errors"
	"io"

	"github.com/genesys/voicemail/storage"
)

// The operations of a storage. Read is the reading of an open object, from the first byte that is asked for to the last, an error or Close.
const (
	Create    = "create"
	Open      = "open"
	Read      = "read"
	Stat      = "stat"
	Delete    = "delete"
	List      = "list"
	Copy      = "copy"
	Find      = "find"
	Sign      = "sign"
	Ping      = "ping"
	Clean     = "clean"
	Residue   = "residue"
	Retention = "retention"
)

type store struct {
	inner storage.Store
	next  storage.Store // on the way to inner, by the capabilities that are watched
	watch Func
}

// Store returns a Store that does what inner does, and tells w of it.
func Store(inner storage.Store, w Func) storage.Store {
	s := &store{inner: inner, watch: w}
	s.next = s.capabilities()
	return s
}

// Unwrap lets [storage.As] find what the wrapped Store can.
func (s *store) Unwrap() storage.Store { return s.next }

func (s *store) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (info storage.Info, err error) {
	ctx, end := s.watch.begin(ctx, Call{Name: Create})
	defer end(&err)
	return s.inner.Create(ctx, key, body, opts)
}

func (s *store) Open(ctx context.Context, key string, opts *storage.OpenOptions) (o storage.Object, err error) {
	next, end := s.watch.begin(ctx, Call{Name: Open})
	defer end(&err)
	if o, err = s.inner.Open(next, key, opts); err != nil {
		return nil, err
	}
	return &object{Object: o, ctx: ctx, watch: s.watch}, nil
}

func (s *store) Stat(ctx context.Context, key string) (info storage.Info, err error) {
	ctx, end := s.watch.begin(ctx, Call{Name: Stat})
	defer end(&err)
	return s.inner.Stat(ctx, key)
}

func (s *store) Delete(ctx context.Context, keys ...string) (err error) {
	ctx, end := s.watch.begin(ctx, Call{Name: Delete})
	defer end(&err)
	return s.inner.Delete(ctx, keys...)
}

func (s *store) List(ctx context.Context, opts *storage.ListOptions) (page *storage.Page, err error) {
	ctx, end := s.watch.begin(ctx, Call{Name: List})
	defer end(&err)
	return s.inner.List(ctx, opts)
}

func (s *store) Close() error { return s.inner.Close() }

// object tells of the reading of an open object as one call.
type object struct {
	storage.Object
	ctx   context.Context // of Open
	watch Func
	end   func(error)
	over  bool
}

func (o *object) Read(p []byte) (int, error) {
	if o.end == nil {
		_, o.end = o.watch(o.ctx, Call{Name: Read})
	}
	n, err := o.Object.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		o.finish(nil)
	case err != nil:
		o.finish(err)
	}
	return n, err
}

func (o *object) finish(err error) {
	if o.end != nil && !o.over {
		o.over = true
		o.end(err)
	}
}

func (o *object) Close() error {
	o.finish(nil)
	return o.Object.Close()
}
