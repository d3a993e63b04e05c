package driver

import (
	"context"

	"github.com/genesys/voicemail/storage"
)

// begin refuses a call whose context is done, that comes after Close, or that names what is no object's name, before the database sees it.
func (s *Store) begin(ctx context.Context, op string, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return fail(op, "", storage.ErrClosed, nil)
	}
	for _, key := range keys {
		if err := storage.CheckKey(key); err != nil {
			return fail(op, "", storage.ErrInvalid, err)
		}
	}
	return nil
}

// broken maps an error of the database. What it did is not known, so whoever called looks again.
//
// The text of a real database's error may name the row or repeat the statement: leave it out, and keep a code.
func broken(ctx context.Context, op, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fail(op, key, storage.ErrUnavailable, err)
}

func fail(op, key string, kind, cause error) error {
	return &storage.Error{Op: op, Driver: "example", Key: key, Kind: kind, Err: cause}
}
