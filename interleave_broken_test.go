package voicemail

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/interleave"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// The tests below take a rule out of the protocol, by a store that does something else than it is told, and check that the exploration notices.

// twisted is a store between an operation and the explorer.
type twisted struct {
	storage.Store
	create func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error)
	list   func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error)
}

func (s *twisted) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	if s.create == nil {
		return s.Store.Create(ctx, key, body, opts)
	}
	return s.create(ctx, key, body, opts)
}

func (s *twisted) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	if s.list == nil {
		return s.Store.List(ctx, opts)
	}
	return s.list(ctx, opts)
}

func named(name string) actor {
	ops := actors()
	return ops[slices.IndexFunc(ops, func(op actor) bool { return op.name == name })]
}

// twist gives an operation a twisted store.
func twist(sc *interleave.Scenario, op int, how func(*twisted)) {
	run := sc.Ops[op].Run
	sc.Ops[op].Run = func(ctx context.Context, w *interleave.World) (any, error) {
		svc := w.Value.(*stage).svc
		t := &twisted{Store: svc.master}
		how(t)
		svc.master, svc.regions.Stores[svc.regions.Master] = t, t
		return run(ctx, w)
	}
}

// lateIndex keeps index entries back until the metadata is committed, so that nobody can be told of what is under way.
func lateIndex(t *twisted) {
	type late struct{ key string }
	var kept []late
	t.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
		if strings.Contains(key, "/caller/") {
			kept = append(kept, late{key})
			return storage.Info{Key: key}, nil
		}
		info, err := t.Store.Create(ctx, key, body, opts)
		if err == nil && strings.HasSuffix(key, keys.Meta) {
			for _, l := range kept {
				if _, err := t.Store.Create(ctx, l.key, nil, nil); err != nil {
					return info, err
				}
			}
		}
		return info, err
	}
}

// staleLook answers a second look at a message with what the first one saw.
func staleLook(t *twisted) {
	seen := map[string]*storage.Page{}
	t.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
		if page, ok := seen[opts.Prefix]; ok && strings.HasSuffix(opts.Prefix, "-0.") {
			return page, nil
		}
		page, err := t.Store.List(ctx, opts)
		if err == nil {
			seen[opts.Prefix] = page
		}
		return page, err
	}
}

// claimNothing lets everybody believe that the move is theirs.
func claimNothing(t *twisted) {
	t.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
		if strings.HasSuffix(key, "."+keys.Move) {
			return storage.Info{Key: key}, nil
		}
		return t.Store.Create(ctx, key, body, opts)
	}
}

func TestTheExplorationNoticesAMoveWithoutItsRules(t *testing.T) {
	for name, broken := range map[string]struct {
		other string
		how   func(*twisted)
	}{
		"index entry after the commit":          {"forget", lateIndex},
		"no look at the source after the index": {"forget", staleLook},
		"no claim":                              {"move elsewhere", claimNothing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := scenario(0, 0, named("move"), named(broken.other))
			require.Nil(t, interleave.Explore(t, sc).Violation, "the rules hold")
			sc = scenario(0, 0, named("move"), named(broken.other))
			twist(&sc, 0, broken.how)
			require.NotNil(t, interleave.Explore(t, sc).Violation)
		})
	}
}

// metadataFirst is a store in which metadata sorts before the marks.
type metadataFirst struct{ storage.Store }

const firstName = ".a.json"

func (s metadataFirst) under(key string) string {
	if stem, ok := strings.CutSuffix(key, "."+keys.Meta); ok {
		return stem + firstName
	}
	return key
}

func (s metadataFirst) over(key string) string {
	if stem, ok := strings.CutSuffix(key, firstName); ok {
		return stem + "." + keys.Meta
	}
	return key
}

func (s metadataFirst) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	info, err := s.Store.Create(ctx, s.under(key), body, opts)
	info.Key = key
	return info, err
}

func (s metadataFirst) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	return s.Store.Open(ctx, s.under(key), opts)
}

func (s metadataFirst) Stat(ctx context.Context, key string) (storage.Info, error) {
	return s.Store.Stat(ctx, s.under(key))
}

func (s metadataFirst) Delete(ctx context.Context, names ...string) error {
	under := make([]string, len(names))
	for i, name := range names {
		under[i] = s.under(name)
	}
	return s.Store.Delete(ctx, under...)
}

func (s metadataFirst) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	page, err := s.Store.List(ctx, opts)
	if err == nil {
		for i := range page.Objects {
			page.Objects[i].Key = s.over(page.Objects[i].Key)
		}
	}
	return page, err
}

// Maintain takes the metadata and the gone mark of an old, half deleted message away in one go.
func TestTheExplorationNoticesMetadataThatSortsBeforeItsMarks(t *testing.T) {
	counted := actor{name: "count c", run: func(ctx context.Context, a *stage) (any, error) { return a.box(boxC).Counts(ctx) }}
	sc := func(wrap func(storage.Store) storage.Store) interleave.Scenario {
		sc := scenario(1, 0, counted, named("maintain"))
		sc.New = func() storage.Store { return wrap(memstore.New(&memstore.Options{PageSize: 1})) }
		sc.Invariant = func(st *interleave.State) error {
			if n, ok := st.Results[0].Value.(Counts); ok && n != (Counts{}) {
				return fmt.Errorf("a deleted message was counted: %+v", n)
			}
			return nil
		}
		return sc
	}
	require.Nil(t, interleave.Explore(t, sc(func(s storage.Store) storage.Store { return s })).Violation, "marks first")
	require.NotNil(t, interleave.Explore(t, sc(func(s storage.Store) storage.Store { return metadataFirst{s} })).Violation, "metadata first")
}
