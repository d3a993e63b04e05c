// Package memstore keeps objects in memory. It is the reference semantics of [storage.Store], and what your tests use
// in the place of a real storage.
//
// It does what the contract allows a storage to do where that finds mistakes: a listing with KeysOnly leaves everything else
// unset, an object cannot be read any further once the context of its Open is done, a token is refused under other options than those it was
// made for, and a name that would be an object and a folder at once is refused, as a volume refuses it.
//
// There is no limit to what it holds, and nothing survives it. 100,000 objects are no burden.
package memstore

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/genesys/voicemail/storage"
)

// Options are the options of [New]. The zero value is the default.
type Options struct {
	// Now is the clock of Info.Modified; nil is time.Now.
	Now func() time.Time
	// PageSize is the most that one page of a listing holds; 0 is 1000.
	PageSize int
}

// Store is a [storage.Store] in memory, with the capabilities [storage.Copier] and [storage.Pinger]. It has no
// [storage.TagFinder], as a volume has none; a test asks Tags instead.
type Store struct {
	now      func() time.Time
	pageSize int

	mu      sync.RWMutex
	closed  bool
	objects map[string]*stored
	names   nameList // the keys of objects
}

// stored is an object. It is never changed, so readers need no lock.
type stored struct {
	info        storage.Info
	data        []byte
	contentType string
	tags        map[string]string
}

var (
	_ storage.Store  = (*Store)(nil)
	_ storage.Copier = (*Store)(nil)
	_ storage.Pinger = (*Store)(nil)
)

// New returns an empty Store.
func New(opts *Options) *Store {
	s := &Store{now: time.Now, pageSize: 1000, objects: make(map[string]*stored)}
	if opts == nil {
		return s
	}
	if opts.Now != nil {
		s.now = opts.Now
	}
	if opts.PageSize > 0 {
		s.pageSize = opts.PageSize
	}
	return s
}

// Create implements [storage.Store]. The body is read to its end before anything is looked up, without a lock.
func (s *Store) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	if err := s.begin(ctx, "create", key); err != nil {
		return storage.Info{}, err
	}
	data, err := readBody(ctx, body)
	if err != nil {
		if ctx.Err() != nil {
			return storage.Info{}, ctx.Err()
		}
		return storage.Info{}, fail("create", key, storage.ErrInvalid, err)
	}
	return s.add("create", key, data, opts)
}

// Open implements [storage.Store].
func (s *Store) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	o, err := s.find(ctx, "open", key)
	if err != nil {
		return nil, err
	}
	offset, length, err := storage.CheckRange(opts, o.info.Size)
	if err != nil {
		return nil, fail("open", key, storage.ErrInvalid, err)
	}
	return &object{ctx: ctx, info: o.info, rest: o.data[offset : offset+length]}, nil
}

// Stat implements [storage.Store].
func (s *Store) Stat(ctx context.Context, key string) (storage.Info, error) {
	o, err := s.find(ctx, "stat", key)
	if err != nil {
		return storage.Info{}, err
	}
	return o.info, nil
}

// Delete implements [storage.Store]. All keys go in one instant.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	if err := s.begin(ctx, "delete", keys...); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fail("delete", "", storage.ErrClosed, nil)
	}
	for _, key := range keys {
		if _, ok := s.objects[key]; ok {
			delete(s.objects, key)
			s.names.remove(key)
		}
	}
	return nil
}

// Close implements [storage.Store]. A second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// Copy implements [storage.Copier].
func (s *Store) Copy(ctx context.Context, dst, src string, opts *storage.CreateOptions) (storage.Info, error) {
	if err := s.begin(ctx, "copy", dst); err != nil {
		return storage.Info{}, err
	}
	o, err := s.find(ctx, "copy", src)
	if err != nil {
		return storage.Info{}, err
	}
	return s.add("copy", dst, o.data, opts)
}

// Ping implements [storage.Pinger]. What has to be proved of other storages is true of memory, so it only looks at ctx and Close.
func (s *Store) Ping(ctx context.Context) (storage.Health, error) {
	return storage.Health{}, s.begin(ctx, "ping")
}

// Tags returns the tags that the object was created with; nil if there are none, or no such object. It works after Close too.
func (s *Store) Tags(key string) map[string]string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if o := s.objects[key]; o != nil {
		return maps.Clone(o.tags)
	}
	return nil
}

// ContentType returns the content type that the object was created with; empty if there is none, or no such object. It works after Close too.
func (s *Store) ContentType(key string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if o := s.objects[key]; o != nil {
		return o.contentType
	}
	return ""
}

// begin refuses a call whose context is done, that comes after Close, or that names an illegal key.
func (s *Store) begin(ctx context.Context, op string, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return fail(op, "", storage.ErrClosed, nil)
	}
	for _, key := range keys {
		if err := storage.CheckKey(key); err != nil {
			// The key is not named: of a Delete that is refused as a whole, that would say that the other keys are gone.
			return fail(op, "", storage.ErrInvalid, err)
		}
	}
	return nil
}

// find returns the object.
func (s *Store) find(ctx context.Context, op, key string) (*stored, error) {
	if err := s.begin(ctx, op, key); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	o, ok := s.objects[key]
	if !ok {
		return nil, fail(op, key, storage.ErrNotExist, nil)
	}
	return o, nil
}

// add makes the object, which shares data from then on.
func (s *Store) add(op, key string, data []byte, opts *storage.CreateOptions) (storage.Info, error) {
	if opts == nil {
		opts = &storage.CreateOptions{}
	}
	o := &stored{
		// Round drops the monotonic reading, which would make equal times compare as different.
		info:        storage.Info{Key: key, Size: int64(len(data)), Modified: s.now().Round(0)},
		data:        data,
		contentType: opts.ContentType,
		tags:        maps.Clone(opts.Tags),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return storage.Info{}, fail(op, key, storage.ErrClosed, nil)
	}
	if _, ok := s.objects[key]; ok {
		return storage.Info{}, fail(op, key, storage.ErrExists, nil)
	}
	if s.clashes(key) {
		return storage.Info{}, fail(op, key, storage.ErrInvalid, errors.New("name would be an object and a folder at once"))
	}
	s.objects[key] = o
	s.names.insert(key)
	return o.info, nil
}

// clashes reports whether an object lies below key, or key below an object.
func (s *Store) clashes(key string) bool {
	if below, ok := s.names.first(key + "/"); ok && strings.HasPrefix(below, key+"/") {
		return true
	}
	for i := range len(key) {
		if key[i] == '/' && s.objects[key[:i]] != nil {
			return true
		}
	}
	return false
}

func fail(op, key string, kind, cause error) error {
	return &storage.Error{Op: op, Driver: "memstore", Key: key, Kind: kind, Err: cause}
}
