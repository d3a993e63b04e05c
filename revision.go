package voicemail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

const (
	settingsVersion = 1
	settingsSize    = 64 << 10
)

// settingsAttempts bounds how often a change of settings is tried anew because another one came first.
const settingsAttempts = 64

// commitWithin is how long an operation may take from its first look, or its index entry, to its commit (rule 7): what is older than a day
// and not committed is taken away.
const commitWithin = time.Hour

// readRevision reads a revision of settings. The result is shared and must not be changed.
func readRevision[T any](ctx context.Context, s *Service, key string, rev keys.Revision, decode func(doc []byte, rev keys.Revision) (*T, error)) (*T, error) {
	if v, ok := s.cache.get(key); ok {
		return v.(*T), nil
	}
	set, err := loadRevision(ctx, s, key, rev, decode)
	if err != nil {
		return nil, err
	}
	s.cache.put(key, set)
	return set, nil
}

// loadRevision is readRevision without the cache. What cannot be read is storage.ErrCorrupt.
func loadRevision[T any](ctx context.Context, s *Service, key string, rev keys.Revision, decode func(doc []byte, rev keys.Revision) (*T, error)) (*T, error) {
	doc, err := storage.ReadFile(ctx, s.master, key, settingsSize)
	if errors.Is(err, storage.ErrInvalid) {
		return nil, fmt.Errorf("%w: settings revision %d: %w", storage.ErrCorrupt, rev.Rev, err) // too long to be settings
	}
	if err != nil {
		return nil, err
	}
	return decode(doc, rev)
}

// writeRevision creates a revision of settings and reports whether it is ours.
func writeRevision[T any](ctx context.Context, s *Service, key string, set *T, encode func(nonce string) ([]byte, error)) (bool, error) {
	doc, err := encode(s.ids.nonce())
	if err != nil {
		return false, err
	}
	if len(doc) > settingsSize {
		return false, invalid("settings take %d bytes, at most %d are possible", len(doc), settingsSize)
	}
	won, err := s.createOnce(ctx, s.master, key, doc, nil)
	if won {
		stored := *set
		s.cache.put(key, &stored)
	}
	return won, err
}

// reviser changes settings of some kind by creating the revision that follows the latest one. Two that do so at the same time both succeed, one on top of the other.
type reviser[T any] struct {
	read  func(ctx context.Context) (*T, keys.Revision, error)
	check func(*T) error
	// write creates a revision and reports whether it is ours.
	write func(ctx context.Context, rev keys.Revision, set, old *T) (bool, error)
}

func (r reviser[T]) update(ctx context.Context, change func(*T) error) (T, error) {
	var none T
	for range settingsAttempts {
		start := time.Now()
		old, rev, err := r.read(ctx)
		if err != nil {
			return none, err
		}
		set := *old
		if err = change(&set); err == nil {
			err = r.check(&set)
		}
		if err != nil {
			return none, err
		}
		if time.Since(start) > commitWithin {
			continue // what was read may have been taken away, and its number free again
		}
		rev.Rev++
		won, err := r.write(ctx, rev, &set, old)
		if err != nil {
			return none, err
		}
		if won {
			return set, nil
		}
	}
	return none, fmt.Errorf("%w: others changed the settings %d times meanwhile; try again", ErrConflict, settingsAttempts)
}

// revisions are what a listing says of the revisions of settings.
type revisions struct {
	settings keys.Revision // the latest; zero if there is none
	// superseded are the earlier ones with the time when their successor was created; only from a listing with times.
	superseded map[keys.Revision]time.Time
}

// add takes the next one, in the order of names.
func (r *revisions) add(rev keys.Revision, created time.Time) {
	if r.settings != (keys.Revision{}) && !created.IsZero() {
		if r.superseded == nil {
			r.superseded = map[keys.Revision]time.Time{}
		}
		r.superseded[r.settings] = created
	}
	r.settings = rev
}

// prune takes away settings that were superseded for a day. Earlier, a slow writer could use a number again that was given out already.
func (k *keeper) prune(ctx context.Context, superseded map[keys.Revision]time.Time, name func(keys.Revision) string) error {
	var names []string
	for rev, at := range superseded {
		if k.age(at) > garbageAge {
			names = append(names, name(rev))
		}
	}
	if len(names) == 0 {
		return nil
	}
	if err := k.master.Delete(ctx, names...); err != nil {
		return err
	}
	k.report.Revisions += len(names)
	return nil
}
