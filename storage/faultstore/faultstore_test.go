package faultstore_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/storagetest"
)

func TestStoreWithoutFaultsKeepsEveryRule(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return faultstore.New(memstore.New(nil)) }, nil)
}

// everything is a Store with every capability.
type everything struct{ *memstore.Store }

func (everything) FindByTag(context.Context, string, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		_ = yield("a", nil) && yield("b", nil)
	}
}

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
		faultstore.Ping:      func(ctx context.Context) error { return errOf(as[storage.Pinger](t, s).Ping(ctx)) },
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

func TestAFaultCountsTheCallsThatItMeans(t *testing.T) {
	rows := []struct {
		why   string
		fault faultstore.Fault
		want  string // of the Stats of a/1, a/2, b/1, a/1, b/1/x
	}{
		{"the zero value is the first call", faultstore.Fault{}, "x...."},
		{"the third", faultstore.Fault{N: 3}, "..x.."},
		{"from the second on", faultstore.Fault{N: 2, Times: faultstore.Always}, ".xxxx"},
		{"two from the second on", faultstore.Fault{N: 2, Times: 2}, ".xx.."},
		{"another sort", faultstore.Fault{Op: faultstore.Open}, "....."},
		{"this sort", faultstore.Fault{Op: faultstore.Stat, N: 2}, ".x..."},
		{"one name", faultstore.Fault{Pattern: "a/1", Times: faultstore.Always}, "x..x."},
		{"one name, the second time", faultstore.Fault{Pattern: "a/1", N: 2}, "...x."},
		{"a star ends at a slash", faultstore.Fault{Pattern: "*/1", Times: faultstore.Always}, "x.xx."},
		{"a slash at the end is everything below", faultstore.Fault{Pattern: "b/", Times: faultstore.Always}, "..x.x"},
		{"a star before it too", faultstore.Fault{Pattern: "*/1/", Times: faultstore.Always}, "....x"},
		{"a chance of one", faultstore.Fault{Chance: 1, Times: faultstore.Always}, "xxxxx"},
		{"no fault", faultstore.Fault{Pattern: "c", Times: faultstore.Always}, "....."},
	}
	for _, row := range rows {
		s := faultstore.New(memstore.New(nil), row.fault)
		got := ""
		for _, key := range []string{"a/1", "a/2", "b/1", "a/1", "b/1/x"} {
			_, err := s.Stat(t.Context(), key)
			if errors.Is(err, faultstore.ErrInjected) {
				got += "x"
			} else {
				require.ErrorIs(t, err, storage.ErrNotExist)
				got += "."
			}
		}
		assert.Equal(t, row.want, got, "%s: %v", row.why, row.fault)
		assert.Equal(t, strings.Count(row.want, "x"), s.Disturbed(), row.why)
	}
}

func TestAPatternMeansEveryNameInACall(t *testing.T) {
	never := faultstore.Fault{Pattern: "x/", Times: faultstore.Always}
	s := filled(t, never)
	require.NoError(t, s.Delete(t.Context(), "a"))
	require.ErrorIs(t, s.Delete(t.Context(), "a", "x/1"), faultstore.ErrInjected)
	require.ErrorIs(t, errOf(s.List(t.Context(), &storage.ListOptions{Prefix: "x/"})), faultstore.ErrInjected)
	require.NoError(t, errOf(s.List(t.Context(), &storage.ListOptions{Prefix: "x"})))
	c := as[storage.Copier](t, s)
	require.ErrorIs(t, errOf(c.Copy(t.Context(), "x/1", "b", nil)), faultstore.ErrInjected)
	require.ErrorIs(t, errOf(c.Copy(t.Context(), "e", "x/1", nil)), faultstore.ErrInjected)
}

func TestTheFirstOfSeveralFaultsHappensAndAllCount(t *testing.T) {
	s := filled(t,
		faultstore.Fault{N: 2, Kind: storage.ErrPermission},
		faultstore.Fault{N: 2, Times: 2, Kind: storage.ErrCorrupt})
	var got []error
	for range 4 {
		_, err := s.Stat(t.Context(), "a")
		got = append(got, err)
	}
	require.NoError(t, got[0])
	require.ErrorIs(t, got[1], storage.ErrPermission)
	require.ErrorIs(t, got[2], storage.ErrCorrupt)
	require.NoError(t, got[3])
}

func TestChanceIsTheSameForTheSameSeed(t *testing.T) {
	run := func(seed uint64) string {
		s := filled(t, faultstore.Fault{Chance: 0.3, Seed: seed, Times: faultstore.Always})
		got := ""
		for range 200 {
			if _, err := s.Stat(t.Context(), "a"); err != nil {
				got += "x"
			} else {
				got += "."
			}
		}
		return got
	}
	first := run(1)
	require.Equal(t, first, run(1))
	require.NotEqual(t, first, run(2))
	require.InDelta(t, 60, strings.Count(first, "x"), 25)
}

func TestADelayHoldsTheCallUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, mode := range []faultstore.Mode{faultstore.Before, faultstore.After, faultstore.Pass} {
			s := filled(t, faultstore.Fault{Op: faultstore.Create, Mode: mode, Delay: time.Minute})
			begin := time.Now()
			_, err := s.Create(t.Context(), "new", nil, nil)
			require.Equal(t, time.Minute, time.Since(begin), s)
			require.Equal(t, mode != faultstore.Pass, err != nil, s)
			want := "a b c d new"
			if mode == faultstore.Before {
				want = "a b c d"
			}
			require.Equal(t, want, left(t, s))
		}
	})
}

func TestADelayEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, delay := range []time.Duration{time.Hour, faultstore.Forever} {
			for mode, want := range map[faultstore.Mode]string{faultstore.Before: "a b c d", faultstore.After: "a b c d new", faultstore.Pass: "a b c d"} {
				s := filled(t, faultstore.Fault{Mode: mode, Delay: delay})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				_, err := s.Create(ctx, "new", nil, nil)
				cancel()
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, want, left(t, s), "the effect comes before the delay with mode After only")
			}
			s := filled(t, faultstore.Fault{Op: faultstore.Read, Delay: delay})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			o, err := s.Open(ctx, "a", nil)
			require.NoError(t, err)
			_, err = o.Read(make([]byte, 1))
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NoError(t, o.Close())
		}
	})
}

func TestWaitDecidesWhenACallGoesOn(t *testing.T) {
	arrived, release := make(chan faultstore.Call), make(chan error)
	s := filled(t, faultstore.Fault{Op: faultstore.Delete, Mode: faultstore.Pass, Times: faultstore.Always, Wait: func(_ context.Context, c faultstore.Call) error {
		arrived <- c
		return <-release
	}})
	done := make(chan error)
	go func() { done <- s.Delete(t.Context(), "a", "b") }()
	require.Equal(t, []string{"a", "b"}, (<-arrived).Keys)
	_, err := s.Stat(t.Context(), "a")
	require.NoError(t, err, "the call waits")
	release <- nil
	require.NoError(t, <-done)
	_, err = s.Stat(t.Context(), "a")
	require.ErrorIs(t, err, storage.ErrNotExist, "the call went on")

	stop := errors.New("the process was killed")
	go func() { done <- s.Delete(t.Context(), "c") }()
	<-arrived
	release <- stop
	require.ErrorIs(t, <-done, stop)
	require.Equal(t, "c d", left(t, s))
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
	_, retains := storage.As[storage.Retainer](s)
	_, signs := storage.As[storage.Signer](s)
	require.False(t, copies || finds || pings || retains || signs)

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

func TestFindByTagCanBeLeftEarly(t *testing.T) {
	s := filled(t)
	for key, err := range as[storage.TagFinder](t, s).FindByTag(t.Context(), "k", "v") {
		require.NoError(t, err)
		require.Equal(t, "a", key)
		break
	}
	s.Set(faultstore.Fault{Op: faultstore.Find, Mode: faultstore.After})
	var keys []string
	var last error
	for key, err := range as[storage.TagFinder](t, s).FindByTag(t.Context(), "k", "v") {
		keys, last = append(keys, key), err
	}
	require.Equal(t, []string{"a", "b", ""}, keys)
	require.ErrorIs(t, last, faultstore.ErrInjected)
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

func TestAFaultThatCannotBeMeantPanics(t *testing.T) {
	for _, f := range []faultstore.Fault{
		{Pattern: "[a"}, {Op: "crate"}, {Mode: faultstore.Part}, {Op: faultstore.List, Mode: faultstore.Part},
		{Op: faultstore.Create, Pattern: "a", Mode: faultstore.Rest}, {Op: faultstore.Delete, Mode: faultstore.Rest},
		{Mode: -1}, {Mode: faultstore.Pass + 1}, {N: -1}, {Times: -2}, {Delay: -2}, {Chance: 1.5}, {Chance: -0.5},
	} {
		assert.Panics(t, func() { faultstore.New(memstore.New(nil), f) }, "%+v", f)
	}
}

func TestFaultsPrintThemselves(t *testing.T) {
	rows := map[string]faultstore.Fault{
		`fail call #1 before effect`:                                        {},
		`fail create #3 "v1/*/box/*" after effect`:                          {Op: faultstore.Create, N: 3, Pattern: "v1/*/box/*", Mode: faultstore.After},
		`fail delete #2 and later half way`:                                 {Op: faultstore.Delete, N: 2, Times: faultstore.Always, Mode: faultstore.Part},
		`fail delete #1 "a/" for these names only with "permission denied"`: {Op: faultstore.Delete, Pattern: "a/", Mode: faultstore.Rest, Kind: storage.ErrPermission},
		`fail list #1 to #4 before effect with chance 0.25 seed 7`:          {Op: faultstore.List, Times: 4, Chance: 0.25, Seed: 7},
		`delay read #1 after 1s`:                                            {Op: faultstore.Read, Mode: faultstore.Pass, Delay: time.Second},
		`fail stat #1 after effect when its context is done after waiting`:  {Op: faultstore.Stat, Mode: faultstore.After, Delay: faultstore.Forever, Wait: func(context.Context, faultstore.Call) error { return nil }},
	}
	for want, f := range rows {
		assert.Equal(t, want, f.String())
	}
	require.Equal(t, "no faults", faultstore.New(memstore.New(nil)).String())
	require.Equal(t, "fail open #1 before effect; delay list #1",
		faultstore.New(memstore.New(nil), faultstore.Fault{Op: faultstore.Open}, faultstore.Fault{Op: faultstore.List, Mode: faultstore.Pass}).String())
}

func TestEachFailsEveryCallBeforeAndAfter(t *testing.T) {
	var got []string
	for f := range faultstore.Each(2) {
		got = append(got, f.String())
	}
	require.Equal(t, []string{
		"fail call #1 before effect", "fail call #1 after effect", "fail call #2 before effect", "fail call #2 after effect",
	}, got)
	for range faultstore.Each(2) {
		break
	}
}
