// Package driver is a storage driver to start from: voicemail in any database that keeps rows under keys. docs/write-a-driver.md goes through it.
//
// The database is an interface here, [DB], of what a driver needs of one. Each of its methods is a statement of SQL, or a call of a key-value store; the
// comments name the statement. The test has one in memory, and runs storagetest over it:
//
//	go test ./examples/driver
package driver

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/genesys/voicemail/storage"
)

// Row is an object as the database keeps it.
type Row struct {
	Key      string
	Content  []byte
	Modified time.Time
}

// DB is what the driver needs of a database, on any number of hosts. What a call has acknowledged every later call of every process sees, and it survives a power cut. A call whose
// context is done changes nothing, or all that it was to change.
type DB interface {
	// Insert adds the row unless there is one of its key, and reports whether it did: INSERT … ON CONFLICT DO NOTHING.
	Insert(ctx context.Context, row Row) (added bool, err error)
	// Get returns the row of the key, nil if there is none.
	Get(ctx context.Context, key string) (*Row, error)
	// Delete removes the rows, all of them or, with an error, none. An absent one is no error.
	Delete(ctx context.Context, keys ...string) error
	// Scan returns up to limit rows in the byte order of their keys, from the first one that is not before from: ORDER BY key COLLATE "C".
	Scan(ctx context.Context, from string, limit int) ([]Row, error)
}

// Store is a [storage.Store] in a DB.
type Store struct {
	db     DB
	closed atomic.Bool
}

var _ storage.Store = (*Store)(nil)

// New returns a Store in db, which stays open when the Store is closed. A driver that cannot trust its storage with exclusive creation proves it here, and
// returns [storage.ErrUnsuitable].
func New(db DB) *Store { return &Store{db: db} }

// Create implements [storage.Store]: the database decides whose row it is, by the key's uniqueness.
func (s *Store) Create(ctx context.Context, key string, body io.ReadSeeker, _ *storage.CreateOptions) (storage.Info, error) {
	if err := s.begin(ctx, "create", key); err != nil {
		return storage.Info{}, err
	}
	content, err := readBody(ctx, body)
	if ctx.Err() != nil {
		return storage.Info{}, ctx.Err()
	}
	if err != nil {
		return storage.Info{}, fail("create", key, storage.ErrInvalid, err)
	}
	row := Row{Key: key, Content: content, Modified: time.Now().Round(0)}
	added, err := s.db.Insert(ctx, row)
	switch {
	case err != nil:
		return storage.Info{}, broken(ctx, "create", key, err)
	case !added:
		return storage.Info{}, fail("create", key, storage.ErrExists, nil)
	}
	return row.info(), nil
}

// Open implements [storage.Store].
func (s *Store) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	row, err := s.row(ctx, "open", key)
	if err != nil {
		return nil, err
	}
	offset, length, err := storage.CheckRange(opts, int64(len(row.Content)))
	if err != nil {
		return nil, fail("open", key, storage.ErrInvalid, err)
	}
	return &object{ctx: ctx, info: row.info(), rest: row.Content[offset : offset+length]}, nil
}

// Stat implements [storage.Store].
func (s *Store) Stat(ctx context.Context, key string) (storage.Info, error) {
	row, err := s.row(ctx, "stat", key)
	if err != nil {
		return storage.Info{}, err
	}
	return row.info(), nil
}

// Delete implements [storage.Store].
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	if err := s.begin(ctx, "delete", keys...); err != nil {
		return err
	}
	return broken(ctx, "delete", "", s.db.Delete(ctx, keys...))
}

// pageSize bounds the rows of a page.
const pageSize = 1000

// List implements [storage.Store]. What a delimiter rolls up is passed over in one step, however much it is.
func (s *Store) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	if err := s.begin(ctx, "list"); err != nil {
		return nil, err
	}
	if opts == nil {
		opts = &storage.ListOptions{}
	}
	if err := storage.CheckList(opts); err != nil {
		return nil, fail("list", "", storage.ErrInvalid, err)
	}
	from, err := start(opts)
	if err != nil {
		return nil, fail("list", "", storage.ErrInvalid, err)
	}
	limit := pageSize
	if opts.MaxKeys > 0 {
		limit = min(limit, opts.MaxKeys)
	}
	page, last := &storage.Page{}, ""
	for n := 0; ; {
		rows, err := s.db.Scan(ctx, from, limit+1-n)
		if err != nil {
			return nil, broken(ctx, "list", "", err)
		}
		rolled := false
		for _, row := range rows {
			if !strings.HasPrefix(row.Key, opts.Prefix) {
				return page, nil
			}
			if n == limit {
				page.Next = token(opts, last)
				return page, nil
			}
			n, last = n+1, rollUp(row.Key, opts)
			from = after(last)
			if rolled = last != row.Key; rolled {
				page.Prefixes = append(page.Prefixes, last)
				break // the rows that follow may be below it
			}
			page.Objects = append(page.Objects, row.info())
		}
		if !rolled {
			return page, nil
		}
	}
}

// Close implements [storage.Store].
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}

// row returns the row of an object.
func (s *Store) row(ctx context.Context, op, key string) (*Row, error) {
	if err := s.begin(ctx, op, key); err != nil {
		return nil, err
	}
	row, err := s.db.Get(ctx, key)
	if err != nil {
		return nil, broken(ctx, op, key, err)
	}
	if row == nil {
		return nil, fail(op, key, storage.ErrNotExist, nil)
	}
	return row, nil
}

func (r Row) info() storage.Info {
	return storage.Info{Key: r.Key, Size: int64(len(r.Content)), Modified: r.Modified}
}
