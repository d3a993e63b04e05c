package voicemail

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// A check that finds nothing wrong with these would find nothing at all.
func TestAServiceThatIsNotLinearizableIsNoticed(t *testing.T) {
	for name, broken := range map[string]linearService{
		"listings are served from a cache every third time": {store: func(s storage.Store) storage.Store {
			t := &twisted{Store: s}
			var n atomic.Int64
			fresh := cachedLists(s)
			t.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
				return fresh(ctx, opts, n.Add(1)%3 == 0)
			}
			return t
		}},
		"a look at a message is served from a cache": {store: func(s storage.Store) storage.Store {
			t := &twisted{Store: s}
			lists := cachedLists(s)
			t.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
				return lists(ctx, opts, strings.HasSuffix(opts.Prefix, "."))
			}
			return t
		}},
		"counts are served from a cache": {counts: func() func(context.Context, Mailbox) (Counts, error) {
			known := map[MailboxID]Counts{}
			return func(ctx context.Context, box Mailbox) (Counts, error) {
				if n, ok := known[box.ID()]; ok {
					return n, nil
				}
				n, err := box.Counts(ctx)
				if err == nil {
					known[box.ID()] = n
				}
				return n, err
			}
		}},
		"some marks are acknowledged and not stored": {store: func(s storage.Store) storage.Store {
			t := &twisted{Store: s}
			var n atomic.Int64
			t.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				if strings.HasSuffix(key, "."+keys.Read) && n.Add(1)%2 == 0 {
					return storage.Info{Key: key}, nil
				}
				return s.Create(ctx, key, body, opts)
			}
			return t
		}},
		"deletes are acknowledged before they are done": {store: func(s storage.Store) storage.Store { return &lazyDelete{Store: s} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(linearSeeds) {
				if wrong, _ := linearHistoryOf(t, seed, broken).check(); wrong != "" {
					t.Logf("seed %d: %s", seed, wrong)
					return
				}
			}
			require.Fail(t, "nothing was noticed")
		})
	}
}

// cachedLists lists, or answers with what was listed before.
func cachedLists(s storage.Store) func(ctx context.Context, opts *storage.ListOptions, cached bool) (*storage.Page, error) {
	seen := make(chan map[storage.ListOptions]*storage.Page, 1)
	seen <- map[storage.ListOptions]*storage.Page{}
	return func(ctx context.Context, opts *storage.ListOptions, cached bool) (*storage.Page, error) {
		known := <-seen
		page, ok := known[*opts]
		seen <- known
		if ok && cached {
			return page, nil
		}
		page, err := s.List(ctx, opts)
		if err == nil {
			known = <-seen
			known[*opts] = page
			seen <- known
		}
		return page, err
	}
}

// lazyDelete makes each delete when the next one comes.
type lazyDelete struct {
	storage.Store
	kept atomic.Pointer[[]string]
}

func (s *lazyDelete) Delete(ctx context.Context, names ...string) error {
	if kept := s.kept.Swap(&names); kept != nil {
		return s.Store.Delete(ctx, *kept...)
	}
	return nil
}
