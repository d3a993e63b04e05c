package voicemail_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// quietStore makes calls at once, without the explorer, that commute with everything that the other roles do, so that there are far fewer schedules and nothing
// is missed:
//
//   - reads of what no role changes: settings, regions, tombstones, entries of the log of a case (which stay as they are), and pending deposits unless there are some;
//   - the records of cases and holds, and recordings, if one role only works with them, and no role crashes.
//
// A quiet call that does not commute is made, in one of the schedules, before the call that it does not commute with, and is found there.
type quietStore struct {
	storage.Store
	scene *scene
	role  string
	name  string
	raw   *memstore.Store
}

// quietCalls are the calls of a run that were not scheduled.
type quietCalls struct {
	mu       sync.Mutex
	started  bool
	reads    map[string]bool   // by store and name, or prefix of a listing with an asterisk
	alone    map[string]string // by kind of name: the role that works with them
	conflict error
}

// start is the beginning of the scene proper.
func (q *quietCalls) start() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.started, q.reads, q.alone = true, map[string]bool{}, map[string]string{}
}

func (q *quietCalls) read(store, name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.started {
		q.reads[store+":"+name] = true
	}
}

// work remembers who works with a kind of names.
func (q *quietCalls) work(kind, role string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch other, ok := q.alone[kind]; {
	case !q.started || other == role:
	case ok:
		q.conflict = fmt.Errorf("%s and %s both work with %s, whose calls are not scheduled", other, role, kind)
	default:
		q.alone[kind] = role
	}
}

// changed remembers, as an error, a change of what was read.
func (q *quietCalls) changed(store, key string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for name := range q.reads {
		prefix, listed := strings.CutSuffix(name, "*")
		if at := store + ":" + key; at == name || listed && strings.HasPrefix(at, prefix) {
			q.conflict = fmt.Errorf("the read of %s is not scheduled and makes a difference", name)
		}
	}
}

func (q *quietCalls) failed() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.conflict
}

// alone reports whether no other role reads or writes the name, which must be that of a record, a hold or a recording.
func (s *quietStore) alone(name string) bool {
	space := s.scene.space
	var kind string
	var works func(role) bool
	switch {
	case strings.HasPrefix(name, space.Holds()):
		kind, works = "holds", func(r role) bool { return r.holds }
	case strings.HasPrefix(name, space.Root()+"gdpr/"):
		kind, works = "records", func(r role) bool { return r.records }
	case strings.HasPrefix(name, space.Media()):
		kind, works = "recordings", func(r role) bool { return r.recordings }
	default:
		return false
	}
	n := 0
	for _, r := range s.scene.roles {
		if works(r) {
			n++
		}
	}
	if n > 1 || s.scene.crashes > 0 {
		return false
	}
	s.scene.quiet.work(kind, s.role)
	return true
}

// still reports whether no role changes the name, or what a prefix lists.
func (s *quietStore) still(name string) bool {
	space := s.scene.space
	return strings.HasPrefix(name, space.Regions()) || strings.HasPrefix(name, space.Tombstones()) || strings.Contains(name, "/set-") ||
		strings.HasPrefix(name, space.Pending()) && !s.scene.pending && !s.scene.has("pending deposit")
}

func (s *quietStore) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (info storage.Info, err error) {
	if s.alone(key) {
		return s.raw.Create(ctx, key, body, opts)
	}
	if info, err = s.Store.Create(ctx, key, body, opts); err == nil {
		s.scene.quiet.changed(s.name, key)
	}
	return info, err
}

// quietly reports whether the read of a name is not scheduled.
func (s *quietStore) quietly(ctx context.Context, key string) bool {
	if s.alone(key) {
		return true
	}
	entry := strings.HasPrefix(key, s.scene.space.Cases())
	if entry {
		_, err := s.raw.Stat(ctx, key)
		entry = err == nil
	}
	if entry || s.still(key) {
		s.scene.quiet.read(s.name, key)
		return true
	}
	return false
}

func (s *quietStore) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	if s.quietly(ctx, key) {
		return s.raw.Open(ctx, key, opts)
	}
	return s.Store.Open(ctx, key, opts)
}

func (s *quietStore) Stat(ctx context.Context, key string) (storage.Info, error) {
	if s.quietly(ctx, key) {
		return s.raw.Stat(ctx, key)
	}
	return s.Store.Stat(ctx, key)
}

func (s *quietStore) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	switch {
	case s.alone(opts.Prefix):
	case s.still(opts.Prefix):
		s.scene.quiet.read(s.name, opts.Prefix+"*")
	default:
		return s.Store.List(ctx, opts)
	}
	return s.raw.List(ctx, opts)
}

func (s *quietStore) Delete(ctx context.Context, names ...string) error {
	var loud []string
	for _, name := range names {
		switch _, err := s.raw.Stat(ctx, name); {
		case s.alone(name):
			if err := s.raw.Delete(ctx, name); err != nil {
				return err
			}
		case s.still(name) && err != nil: // it changes nothing
			s.scene.quiet.read(s.name, name)
		default:
			loud = append(loud, name)
		}
	}
	if len(loud) == 0 {
		return ctx.Err()
	}
	err := s.Store.Delete(ctx, loud...)
	for _, name := range loud {
		s.scene.quiet.changed(s.name, name)
	}
	return err
}

// Ping implements storage.Pinger, as memstore does.
func (s *quietStore) Ping(ctx context.Context) (storage.Health, error) { return s.raw.Ping(ctx) }
