package faultstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

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
