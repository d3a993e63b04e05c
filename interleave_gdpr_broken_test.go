package voicemail_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/interleave"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// bent is a store that does something else than it is told.
type bent struct {
	storage.Store
	create func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error)
	open   func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error)
	list   func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error)
	remove func(ctx context.Context, names ...string) error
}

func bend(st storage.Store) *bent {
	return &bent{Store: st, create: st.Create, open: st.Open, list: st.List, remove: st.Delete}
}

func (b *bent) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	return b.create(ctx, key, body, opts)
}

func (b *bent) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	return b.open(ctx, key, opts)
}

func (b *bent) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	return b.list(ctx, opts)
}

func (b *bent) Delete(ctx context.Context, names ...string) error { return b.remove(ctx, names...) }

func (b *bent) Unwrap() storage.Store { return b.Store }

// without returns a page without some of its names.
func without(page *storage.Page, is func(name string) bool) *storage.Page {
	less := *page
	less.Objects = slices.DeleteFunc(slices.Clone(page.Objects), func(o storage.Info) bool { return is(o.Key) })
	return &less
}

// sees no holds: an erasure that does not look for them.
func seesNoHolds(_ string, st storage.Store) storage.Store {
	b := bend(st)
	b.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
		page, err := st.List(ctx, opts)
		if err != nil {
			return nil, err
		}
		return without(page, func(name string) bool { return strings.Contains(name, "."+keys.Hold) }), nil
	}
	return b
}

// listsOnce answers the second listing of each search in the index with the first: it does not go on until there is nothing new.
func listsOnce(_ string, st storage.Store) storage.Store {
	b := bend(st)
	var first *storage.Page
	b.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
		if !strings.Contains(opts.Prefix, "/caller/") {
			return st.List(ctx, opts)
		}
		if page := first; page != nil {
			first = nil
			return page, nil
		}
		page, err := st.List(ctx, opts)
		first = page
		return page, err
	}
	return b
}

// decidesAlone keeps the second entry of the log of a case to itself.
func decidesAlone(_ string, st storage.Store) storage.Store {
	b := bend(st)
	own := map[string][]byte{}
	second := func(key string) bool {
		return strings.Contains(key, "/gdpr/case/") && strings.HasSuffix(key, "/000002")
	}
	b.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
		if !second(key) {
			return st.Create(ctx, key, body, opts)
		}
		doc, err := io.ReadAll(body)
		own[key] = doc
		return storage.Info{Key: key, Size: int64(len(doc))}, err
	}
	b.open = func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
		if doc, ok := own[key]; ok {
			return &ownObject{bytes.NewReader(doc), storage.Info{Key: key, Size: int64(len(doc))}}, nil
		}
		return st.Open(ctx, key, opts)
	}
	b.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
		page, err := st.List(ctx, opts)
		if err != nil || !strings.Contains(opts.Prefix, "/gdpr/case/") {
			return page, err
		}
		mixed := without(page, second)
		for key := range own {
			mixed.Objects = append(mixed.Objects, storage.Info{Key: key})
		}
		return mixed, nil
	}
	return b
}

type ownObject struct {
	*bytes.Reader
	info storage.Info
}

func (o *ownObject) Info() storage.Info { return o.info }
func (o *ownObject) Close() error       { return nil }

// marksCommitted restricts only messages that are committed already.
func marksCommitted(_ string, st storage.Store) storage.Store {
	b := bend(st)
	b.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
		if stem, _, ok := strings.Cut(key, "."+keys.Forget); ok {
			if there, err := storage.Exists(ctx, st, stem+"."+keys.Meta); err != nil || !there {
				return storage.Info{Key: key}, err
			}
		}
		return st.Create(ctx, key, body, opts)
	}
	return b
}

// sharesGone has one gone mark for everybody.
func sharesGone(_ string, st storage.Store) storage.Store {
	b := bend(st)
	shared := func(key string) string {
		if stem, _, ok := strings.Cut(key, "."+keys.Gone); ok {
			return stem + "." + keys.Gone + "shared"
		}
		return key
	}
	b.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
		info, err := st.Create(ctx, shared(key), body, opts)
		if shared(key) != key && errors.Is(err, storage.ErrExists) {
			err = nil
		}
		return info, err
	}
	b.remove = func(ctx context.Context, names ...string) error {
		for i := range names {
			names[i] = shared(names[i])
		}
		return st.Delete(ctx, names...)
	}
	return b
}

// masterFirst looks at the index before it looks at what waits in the other region.
func masterFirst() func(string, storage.Store) storage.Store {
	var master storage.Store
	var index *storage.Page
	return func(region string, st storage.Store) storage.Store {
		b := bend(st)
		if region != region2 {
			master = st
		}
		b.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
			switch {
			case region == region2 && strings.HasSuffix(opts.Prefix, "/pending/"):
				var err error
				if index, err = master.List(ctx, &storage.ListOptions{Prefix: strings.TrimSuffix(opts.Prefix, "pending/") + "caller/", KeysOnly: true}); err != nil {
					return nil, err
				}
			case region != region2 && index != nil && strings.Contains(opts.Prefix, "/caller/"):
				return without(index, func(name string) bool { return !strings.HasPrefix(name, opts.Prefix) }), nil
			}
			return st.List(ctx, opts)
		}
		return b
	}
}

// forgetsAtOnce forgets, decides and closes without the hours between.
func forgetsAtOnce() role {
	return role{
		name: "forget", records: true, recordings: true, ahead: []time.Duration{window, window + gdpr.Settle},
		run: func(ctx context.Context, p *part) (any, error) {
			r, err := p.gdpr.ForgetMe(ctx, request(caseID))
			for _, c := range p.ahead {
				if _, sweepErr := c.Sweep(ctx); sweepErr != nil && !isLeft(sweepErr) {
					err = errors.Join(err, sweepErr)
				}
			}
			return r, err
		},
	}
}

func TestTheExplorationNoticesARequestWithoutItsRules(t *testing.T) {
	decided := start{forgotten: true, decided: true}
	for name, broken := range map[string]struct {
		start start
		roles []role
		bent  string // the role whose rule is taken away
		how   func(string, storage.Store) storage.Store
	}{
		"sweep without a look for holds":        {decided, []role{holds(), erases("sweep")}, "sweep", seesNoHolds},
		"forget that lists once":                {start{}, []role{forgets(), copies()}, "forget", listsOnce},
		"forget that marks committed ones only": {start{}, []role{forgets(), copies()}, "forget", marksCommitted},
		"undo without the log":                  {start{forgotten: true}, []role{undoes(), sweeps()}, "undo", decidesAlone},
		"forget that lists the master first":    {start{regions: true, pending: true}, []role{forgets(), syncs()}, "forget", masterFirst()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Nil(t, interleave.Explore(t, newScene(broken.start, broken.roles...).scenario()).Violation, "the rules hold")
			sc := newScene(broken.start, broken.roles...)
			sc.bend = map[string]func(string, storage.Store) storage.Store{broken.bent: broken.how}
			violation := interleave.Explore(t, sc.scenario()).Violation
			require.NotNil(t, violation)
			require.NotContains(t, violation.Err.Error(), "panicked")
		})
	}
}

func TestTheExplorationNoticesAGoneMarkThatIsShared(t *testing.T) {
	sc := newScene(start{forgotten: true, decided: true}, holds(), erases("sweep"), erases("second sweep"))
	sc.bend = map[string]func(string, storage.Store) storage.Store{"sweep": sharesGone, "second sweep": sharesGone}
	violation := interleave.Explore(t, sc.scenario()).Violation
	require.NotNil(t, violation)
	require.ErrorContains(t, violation.Err, "x is held")
}

// Whoever began before an erasure can still put something beside it, for an hour.
func TestTheExplorationNoticesAReceiptThatDoesNotWait(t *testing.T) {
	violation := interleave.Explore(t, newScene(start{}, forgetsAtOnce(), copies()).scenario()).Violation
	require.NotNil(t, violation)
	require.ErrorContains(t, violation.Err, "the receipt is written")
}
