package faultstore_test

import (
	"context"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/pvstore"
	"github.com/genesys/voicemail/storage/storagetest"
)

func TestStoreWithoutFaultsKeepsEveryRule(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return faultstore.New(memstore.New(nil)) }, nil)
}

func TestVolumeWithoutFaultsKeepsEveryRule(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store {
		dir := t.TempDir()
		require.NoError(t, pvstore.Init(t.Context(), dir))
		s, err := pvstore.Open(t.Context(), dir, nil)
		require.NoError(t, err)
		return faultstore.New(s)
	}, &storagetest.Options{Rounds: 4})
}

// everything is a Store with every capability.
type everything struct{ *memstore.Store }

func (everything) FindByTag(context.Context, string, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		_ = yield("a", nil) && yield("b", nil)
	}
}

func (everything) Residue(context.Context, string) iter.Seq2[storage.Residue, error] {
	return func(yield func(storage.Residue, error) bool) {
		_ = yield(storage.Residue{Key: "a"}, nil) && yield(storage.Residue{Key: "b"}, nil)
	}
}

func (everything) Clean(context.Context) (int, error) { return 1, nil }

func (everything) Retention(context.Context) (storage.Retention, error) {
	return storage.Retention{Versioned: true}, nil
}

func (everything) SignURL(context.Context, string, time.Duration) (storage.SignedURL, error) {
	return storage.NewSignedURL("https://example.com/a", time.Time{}), nil
}

// filled returns a Store with the objects a, b, c and d, which has the faults.
func filled(t *testing.T, faults ...faultstore.Fault) *faultstore.Store {
	t.Helper()
	s := faultstore.New(everything{memstore.New(nil)})
	for _, key := range []string{"a", "b", "c", "d"} {
		_, err := s.Create(t.Context(), key, strings.NewReader("content of "+key), nil)
		require.NoError(t, err)
	}
	s.Set(faults...)
	return s
}

func as[T any](t *testing.T, s storage.Store) T {
	t.Helper()
	c, ok := storage.As[T](s)
	require.True(t, ok)
	return c
}

// calls makes each sort of call once.
func calls(t *testing.T, s storage.Store) map[faultstore.Op]func(ctx context.Context) error {
	return map[faultstore.Op]func(ctx context.Context) error{
		faultstore.Create: func(ctx context.Context) error { return errOf(s.Create(ctx, "new", nil, nil)) },
		faultstore.Open:   func(ctx context.Context) error { return errOf(s.Open(ctx, "a", nil)) },
		faultstore.Read: func(ctx context.Context) error {
			o, err := s.Open(ctx, "a", nil)
			require.NoError(t, err)
			defer o.Close()
			return errOf(o.Read(make([]byte, 5)))
		},
		faultstore.Stat:   func(ctx context.Context) error { return errOf(s.Stat(ctx, "a")) },
		faultstore.Delete: func(ctx context.Context) error { return s.Delete(ctx, "a", "b") },
		faultstore.List:   func(ctx context.Context) error { return errOf(s.List(ctx, nil)) },
		faultstore.Copy: func(ctx context.Context) error {
			return errOf(as[storage.Copier](t, s).Copy(ctx, "new", "a", nil))
		},
		faultstore.Find: func(ctx context.Context) error {
			for _, err := range as[storage.TagFinder](t, s).FindByTag(ctx, "k", "v") {
				if err != nil {
					return err
				}
			}
			return nil
		},
		faultstore.Residue: func(ctx context.Context) error {
			for _, err := range as[storage.Residuer](t, s).Residue(ctx, "v1/") {
				if err != nil {
					return err
				}
			}
			return nil
		},
		faultstore.Ping:      func(ctx context.Context) error { return errOf(as[storage.Pinger](t, s).Ping(ctx)) },
		faultstore.Clean:     func(ctx context.Context) error { return errOf(as[storage.Cleaner](t, s).Clean(ctx)) },
		faultstore.Retention: func(ctx context.Context) error { return errOf(as[storage.Retainer](t, s).Retention(ctx)) },
		faultstore.Sign: func(ctx context.Context) error {
			return errOf(as[storage.Signer](t, s).SignURL(ctx, "a", time.Minute))
		},
	}
}

func errOf[T any](_ T, err error) error { return err }

// left returns the names of the objects in s.
func left(t *testing.T, s *faultstore.Store) string {
	t.Helper()
	s.Set()
	var keys []string
	for info, err := range storage.All(t.Context(), s, nil) {
		require.NoError(t, err)
		keys = append(keys, info.Key)
	}
	return strings.Join(keys, " ")
}

func TestAFaultHappensBeforeOrAfterTheEffect(t *testing.T) {
	changed := map[faultstore.Op]string{faultstore.Create: "a b c d new", faultstore.Copy: "a b c d new", faultstore.Delete: "c d"}
	for op := range calls(t, filled(t)) {
		for _, mode := range []faultstore.Mode{faultstore.Before, faultstore.After} {
			s := filled(t, faultstore.Fault{Op: op, Mode: mode})
			err := calls(t, s)[op](t.Context())
			require.ErrorIs(t, err, faultstore.ErrInjected, s)
			require.ErrorIs(t, err, storage.ErrUnavailable, s)
			var se *storage.Error
			require.ErrorAs(t, err, &se, s)
			require.Equal(t, string(op), se.Op)
			require.Equal(t, 1, s.Disturbed(), s)
			want := "a b c d"
			if mode == faultstore.After && changed[op] != "" {
				want = changed[op]
			}
			require.Equal(t, want, left(t, s), "%v %v", op, mode)
			if changed[op] != "" && mode == faultstore.Before || changed[op] == "" {
				require.NoError(t, calls(t, s)[op](t.Context()), "the same call again, %v", op)
			}
		}
	}
}

func TestAResultIsNotHandedOutBesideAnError(t *testing.T) {
	s := filled(t, faultstore.Fault{Mode: faultstore.After, Times: faultstore.Always})
	info, err := s.Create(t.Context(), "new", nil, nil)
	require.Error(t, err)
	require.Zero(t, info)
	o, err := s.Open(t.Context(), "a", nil)
	require.Error(t, err)
	require.Nil(t, o)
	page, err := s.List(t.Context(), nil)
	require.Error(t, err)
	require.Nil(t, page)
}

func TestADeleteThatFailsIsSilentOnWhatItRemoved(t *testing.T) {
	for _, mode := range []faultstore.Mode{faultstore.Before, faultstore.After, faultstore.Part} {
		s := filled(t, faultstore.Fault{Op: faultstore.Delete, Mode: mode})
		require.Empty(t, storage.FailedKeys(s.Delete(t.Context(), "a", "b")), s)
	}
}

func TestAPartOfADeleteIsItsFirstHalf(t *testing.T) {
	s := filled(t, faultstore.Fault{Op: faultstore.Delete, Mode: faultstore.Part, Times: 2})
	require.ErrorIs(t, s.Delete(t.Context(), "d", "c", "b"), faultstore.ErrInjected)
	require.ErrorIs(t, s.Delete(t.Context(), "a"), faultstore.ErrInjected)
	require.Equal(t, "a b c", left(t, s))
}

func TestTheRestOfADeleteGoesAndWhatStaysIsNamed(t *testing.T) {
	s := filled(t, faultstore.Fault{Op: faultstore.Delete, Pattern: "[bc]", Mode: faultstore.Rest, Kind: storage.ErrBlocked})
	err := s.Delete(t.Context(), "a", "b", "c", "d")
	require.ErrorIs(t, err, storage.ErrBlocked)
	require.ErrorIs(t, err, faultstore.ErrInjected)
	require.Equal(t, []string{"b", "c"}, storage.FailedKeys(err))
	require.Equal(t, "b c", left(t, s))
}

func TestAShortReadIsNoError(t *testing.T) {
	s := filled(t, faultstore.Fault{Op: faultstore.Read, Mode: faultstore.Part, Times: 2})
	o, err := s.Open(t.Context(), "a", nil)
	require.NoError(t, err)
	defer o.Close()
	buf := make([]byte, 100)
	for _, want := range []string{"c", "o", "ntent of a"} {
		n, err := o.Read(buf)
		require.NoError(t, err)
		require.Equal(t, want, string(buf[:n]))
	}
}

func TestAReadThatFailedStaysFailed(t *testing.T) {
	for mode, want := range map[faultstore.Mode]string{faultstore.Before: "con", faultstore.After: "content"} {
		s := filled(t, faultstore.Fault{Op: faultstore.Read, N: 2, Mode: mode})
		o, err := s.Open(t.Context(), "a", nil)
		require.NoError(t, err)
		head := make([]byte, 3)
		_, err = io.ReadFull(o, head)
		require.NoError(t, err)
		next := make([]byte, 4)
		n, err := o.Read(next)
		require.ErrorIs(t, err, faultstore.ErrInjected)
		assert.Equal(t, want, string(head)+string(next[:n]))
		n, err = o.Read(next)
		require.ErrorIs(t, err, faultstore.ErrInjected, "again")
		require.Zero(t, n)
		require.NoError(t, o.Close())
	}
}

func TestCallsAreRecordedInOrder(t *testing.T) {
	s := filled(t, faultstore.Fault{Op: faultstore.Stat})
	_, _ = s.Stat(t.Context(), "a")
	_, _ = s.Create(t.Context(), "new", nil, nil)
	_, _ = s.List(t.Context(), &storage.ListOptions{Prefix: "v1/"})
	_ = s.Delete(t.Context(), "a", "b")
	_, _ = as[storage.Copier](t, s).Copy(t.Context(), "e", "c", nil)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = s.Stat(done, "a")
	_ = s.Delete(done, "a")
	var got []string
	for _, c := range s.Calls() {
		got = append(got, c.String())
	}
	require.Equal(t, []string{`stat "a" (disturbed)`, `create "new"`, `list "v1/"`, `delete "a" "b"`, `copy "e" "c"`}, got)
	require.Equal(t, map[faultstore.Op]int{"stat": 1, "create": 1, "list": 1, "delete": 1, "copy": 1}, s.Counts())
	s.Counts()["stat"] = 100
	require.Equal(t, 1, s.Counts()[faultstore.Stat], "what Counts returns is the caller's")

	s.Reset()
	require.Empty(t, s.Calls())
	require.Empty(t, s.Counts())
	_, err := s.Stat(t.Context(), "c")
	require.ErrorIs(t, err, faultstore.ErrInjected, "the faults count from 1 again")
	s.Set()
	_, err = s.Stat(t.Context(), "c")
	require.NoError(t, err)
}

func TestCapabilitiesAreThoseOfTheWrappedStore(t *testing.T) {
	plain := struct{ storage.Store }{memstore.New(nil)} // hides what memstore can
	s := faultstore.New(plain)
	_, copies := storage.As[storage.Copier](s)
	_, finds := storage.As[storage.TagFinder](s)
	_, pings := storage.As[storage.Pinger](s)
	_, leaves := storage.As[storage.Residuer](s)
	_, retains := storage.As[storage.Retainer](s)
	_, signs := storage.As[storage.Signer](s)
	require.False(t, copies || finds || pings || leaves || retains || signs)

	inner := memstore.New(nil)
	got, ok := storage.As[*memstore.Store](faultstore.New(faultstore.New(inner)))
	require.True(t, ok)
	require.Same(t, inner, got)
}

func TestWrappersCountThroughEachOther(t *testing.T) {
	under := faultstore.New(everything{memstore.New(nil)})
	over := faultstore.New(under)
	require.NoError(t, errOf(as[storage.Pinger](t, over).Ping(t.Context())))
	require.Equal(t, 1, over.Counts()[faultstore.Ping])
	require.Equal(t, 1, under.Counts()[faultstore.Ping])
}

func TestASequenceCanBeLeftEarly(t *testing.T) {
	s := filled(t)
	for op, seq := range map[faultstore.Op]iter.Seq2[string, error]{
		faultstore.Find: as[storage.TagFinder](t, s).FindByTag(t.Context(), "k", "v"),
		faultstore.Residue: func(yield func(string, error) bool) {
			for r, err := range as[storage.Residuer](t, s).Residue(t.Context(), "") {
				if !yield(r.Key, err) {
					return
				}
			}
		},
	} {
		s.Set()
		for key, err := range seq {
			require.NoError(t, err)
			require.Equal(t, "a", key)
			break
		}
		s.Set(faultstore.Fault{Op: op, Mode: faultstore.After})
		var keys []string
		var last error
		for key, err := range seq {
			keys, last = append(keys, key), err
		}
		require.Equal(t, []string{"a", "b", ""}, keys, op)
		require.ErrorIs(t, last, faultstore.ErrInjected, op)
		s.Reset()
		for range seq {
			break // and nothing is yielded any more, the error neither
		}
	}
}

func TestAFaultMeansAResidueByItsPrefix(t *testing.T) {
	s := filled(t, faultstore.Fault{Op: faultstore.Residue, Pattern: "v2/"})
	require.NoError(t, calls(t, s)[faultstore.Residue](t.Context()), "of v1/")
	s.Set(faultstore.Fault{Op: faultstore.Residue, Pattern: "v1/"})
	require.ErrorIs(t, calls(t, s)[faultstore.Residue](t.Context()), faultstore.ErrInjected)
	require.Equal(t, `residue "v1/" (disturbed)`, s.Calls()[0].String())
}

// tracked counts the objects that are open.
type tracked struct {
	storage.Store
	open *int
}

func (s tracked) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	o, err := s.Store.Open(ctx, key, opts)
	if err == nil {
		*s.open++
	}
	return trackedObject{o, s.open}, err
}

type trackedObject struct {
	storage.Object
	open *int
}

func (o trackedObject) Close() error {
	*o.open--
	return o.Object.Close()
}

func TestAnObjectWhoseOpenFailedAfterwardsIsClosed(t *testing.T) {
	inner, open := memstore.New(nil), 0
	_, err := inner.Create(t.Context(), "a", nil, nil)
	require.NoError(t, err)
	s := faultstore.New(tracked{inner, &open}, faultstore.Fault{Mode: faultstore.After})
	_, err = s.Open(t.Context(), "a", nil)
	require.ErrorIs(t, err, faultstore.ErrInjected)
	require.Zero(t, open)
	o, err := s.Open(t.Context(), "a", nil)
	require.NoError(t, err)
	require.Equal(t, 1, open)
	require.NoError(t, o.Close())
	require.Zero(t, open)
}

func TestConcurrentCallsAreAllCounted(t *testing.T) {
	s := filled(t, faultstore.Fault{N: 50, Times: 10})
	var wg sync.WaitGroup
	var mu sync.Mutex
	failed := 0
	for range 100 {
		wg.Go(func() {
			if _, err := s.Stat(t.Context(), "a"); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed++
			}
		})
	}
	wg.Wait()
	require.Equal(t, 10, failed)
	require.Equal(t, 10, s.Disturbed())
	require.Len(t, s.Calls(), 100)
}
