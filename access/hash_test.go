package access

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

var cheap = Argon2{Memory: 8, Time: 1, Threads: 1}

func open(t *testing.T, st storage.Store, opts *Options) *Access {
	t.Helper()
	svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(st), nil)
	require.NoError(t, err)
	if _, err := svc.CreateMailbox(t.Context(), "5001", nil); err != nil {
		require.ErrorIs(t, err, voicemail.ErrMailboxExists)
	}
	a, err := New(svc, opts)
	require.NoError(t, err)
	return a
}

func TestTheDefaultsAreWhatOWASPRecommends(t *testing.T) {
	a := open(t, memstore.New(nil), nil)
	assert.Equal(t, Options{Attempts: 4, Lock: 10 * time.Minute, MinDigits: 4, Parallel: 4, Argon2: Argon2{Memory: 19456, Time: 2, Threads: 1}}, a.opts)
}

func TestImpossibleOptionsAreRefused(t *testing.T) {
	svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(memstore.New(nil)), nil)
	require.NoError(t, err)
	for name, o := range map[string]Options{
		"attempts below 0": {Attempts: -1}, "endless attempts": {Attempts: 101}, "a lock below 0": {Lock: -1}, "a lock of an instant": {Lock: time.Millisecond},
		"an endless lock": {Lock: 31 * 24 * time.Hour}, "an unknown default": {Default: 2}, "few digits": {MinDigits: 3}, "many digits": {MinDigits: 17},
		"nothing in parallel": {Parallel: -1}, "too much memory": {Argon2: Argon2{Memory: MaxMemory + 1}}, "too little memory": {Argon2: Argon2{Memory: 15, Threads: 2}},
		"many passes": {Argon2: Argon2{Time: 17}}, "many threads": {Argon2: Argon2{Threads: 17}},
	} {
		_, err := New(svc, &o)
		require.ErrorIs(t, err, voicemail.ErrInvalid, name)
	}
}

// The memory that hashes take is bounded, and who waits for it has used up no try.
func TestNoMoreHashesAreMadeAtOnceThanMayBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := faultstore.New(memstore.New(nil))
		a := open(t, faults, &Options{Argon2: cheap, Parallel: 2})
		require.NoError(t, a.Set(t.Context(), "5001", pin(t, "0417"), nil))
		a.slots <- struct{}{}
		a.slots <- struct{}{}
		ctx, cancel := context.WithCancel(t.Context())
		calls := map[string]func() error{
			"verify": func() error { _, err := a.Verify(ctx, "5001", pin(t, "1111")); return err },
			"absent": func() error { _, err := a.Verify(ctx, "5002", pin(t, "1111")); return err },
			"set":    func() error { return a.Set(ctx, "5001", pin(t, "7294"), nil) },
			"change": func() error { return a.Change(ctx, "5001", pin(t, "0417"), pin(t, "7294")) },
		}
		errs := make(chan error, len(calls))
		for _, call := range calls {
			go func() { errs <- call() }()
		}
		synctest.Wait()
		require.Empty(t, errs, "all wait")
		cancel()
		for range calls {
			require.ErrorIs(t, <-errs, context.Canceled)
		}
		<-a.slots
		st, err := a.Status(t.Context(), "5001")
		require.NoError(t, err)
		require.Equal(t, Status{Set: true, Left: 4}, st)
		places := 0
		faults.Set(faultstore.Fault{
			Op: faultstore.List, Pattern: "v1/default/access/5001/", N: 2, Mode: faultstore.Pass,
			Wait: func(context.Context, faultstore.Call) error { places = len(a.slots); return nil },
		})
		_, err = a.Verify(t.Context(), "5001", pin(t, "0417"))
		require.NoError(t, err)
		require.Equal(t, 2, places, "it has a place until it has compared")
		require.Len(t, a.slots, 1, "and gives it back")
		_, err = a.Verify(ctx, "5001", pin(t, "0417"))
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestOfTwoWhoDisagreeOnParametersOneAtMostMakesHashesAnew(t *testing.T) {
	some := []Argon2{{8, 1, 1}, {8, 2, 1}, {16, 1, 1}, {16, 2, 1}, {16, 2, 2}}
	for _, a := range some {
		for _, b := range some {
			assert.False(t, a.below(b) && b.below(a), "%v %v", a, b)
		}
	}
	assert.True(t, some[0].below(some[3]))
	assert.False(t, some[1].below(some[2]), "more of one and less of the other")
}

func TestALockIsTimedByTheLaterClockThatIsNotAhead(t *testing.T) {
	at := func(minute int) time.Time { return goldenTime.Add(time.Duration(minute) * time.Minute) }
	for _, tt := range []struct {
		name              string
		stored, made, now int
		want              int
	}{
		{"clocks agree", 0, 0, 5, 0},
		{"the storage is behind", -60, 0, 5, 0},
		{"who tried was behind", 0, -60, 5, 0},
		{"the storage is ahead", 6000, 0, 5, 0},
		{"who tried was ahead", 0, 6000, 5, 0},
		{"who looks is behind", 0, 1, -60, 0},
		{"just now", 5, 4, 5, 5},
	} {
		assert.Equal(t, at(tt.want), lockBegan(at(tt.stored), at(tt.made), at(tt.now)), tt.name)
		assert.Equal(t, at(tt.want), lockBegan(at(tt.made), at(tt.stored), at(tt.now)), tt.name)
	}
}

func TestAnErrorOfAStorageNamesItsRegion(t *testing.T) {
	st := memstore.New(nil)
	a := open(t, st, &Options{Argon2: cheap})
	require.NoError(t, a.Set(t.Context(), "5001", pin(t, "0417"), nil))
	require.NoError(t, st.Close())
	_, err := a.Verify(t.Context(), "5001", pin(t, "0417"))
	var ve *voicemail.Error
	require.True(t, errors.As(err, &ve), "%v", err)
	assert.Equal(t, []string{"verify PIN", "5001", "main"}, []string{ve.Op, string(ve.Mailbox), ve.Region})
	assert.ErrorIs(t, err, storage.ErrClosed)
}
