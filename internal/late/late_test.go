package late

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errDown = errors.New("down")

func TestTheValueIsMadeOnce(t *testing.T) {
	var v Value[int]
	_, ok := v.Peek()
	assert.False(t, ok)
	made := 0
	for range 3 {
		got, err := v.Get(t.Context(), func(context.Context) (int, error) { made++; return 7, nil })
		require.NoError(t, err)
		assert.Equal(t, 7, got)
	}
	got, ok := v.Peek()
	assert.Equal(t, []any{1, 7, true}, []any{made, got, ok})
}

func TestAfterAFailureItIsTriedAgain(t *testing.T) {
	var v Value[int]
	_, err := v.Get(t.Context(), func(context.Context) (int, error) { return 0, errDown })
	require.ErrorIs(t, err, errDown)
	_, ok := v.Peek()
	assert.False(t, ok)
	got, err := v.Get(t.Context(), func(context.Context) (int, error) { return 7, nil })
	require.NoError(t, err)
	assert.Equal(t, 7, got)
}

// Ten callers must not wait for ten time-outs, one after the other.
func TestThoseWhoWaitShareTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v Value[int]
		made := 0
		errs := make(chan error)
		for range 10 {
			go func() {
				_, err := v.Get(t.Context(), func(context.Context) (int, error) {
					made++
					time.Sleep(time.Minute)
					return 0, errDown
				})
				errs <- err
			}()
		}
		start := time.Now()
		for range 10 {
			require.ErrorIs(t, <-errs, errDown)
		}
		assert.Equal(t, 1, made)
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

func TestAnImpatientOneDoesNotFailTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v Value[int]
		slow := func(ctx context.Context) (int, error) {
			select {
			case <-ctx.Done():
				return 0, ctx.Err()
			case <-time.After(time.Minute):
				return 7, nil
			}
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		failed := make(chan error)
		go func() {
			_, err := v.Get(impatient, slow)
			failed <- err
		}()
		synctest.Wait()
		waiting := make(chan error)
		go func() {
			_, err := v.Get(impatient, slow)
			waiting <- err
		}()
		got, err := v.Get(t.Context(), slow)
		require.NoError(t, err)
		assert.Equal(t, 7, got)
		require.ErrorIs(t, <-failed, context.DeadlineExceeded, "the one who tried")
		require.ErrorIs(t, <-waiting, context.DeadlineExceeded, "one who waited for it")
	})
}

func TestAPanicDoesNotLockTheOthersOut(t *testing.T) {
	var v Value[int]
	assert.Panics(t, func() {
		_, _ = v.Get(t.Context(), func(context.Context) (int, error) { panic("boom") })
	})
	got, err := v.Get(t.Context(), func(context.Context) (int, error) { return 7, nil })
	require.NoError(t, err)
	assert.Equal(t, 7, got)
}
