package access

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

const (
	setPIN, nextPIN, wrongPIN = "0417", "7294", "8350"
	attempts                  = 4
)

// world is a mailbox with a PIN, in a store that fails, and a clock that the test moves.
type world struct {
	*testing.T
	faults *faultstore.Store
	svc    *voicemail.Service
	a      *Access
	ahead  atomic.Int64 // of the clock, a time.Duration
	// answers are the PINs that were called wrong.
	answers int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, faults: faultstore.New(memstore.New(nil))}
	svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(w.faults), &voicemail.Options{Now: w.now})
	require.NoError(t, err)
	w.svc = svc
	_, err = svc.CreateMailbox(t.Context(), "5001", nil)
	require.NoError(t, err)
	w.a, err = New(svc, &Options{Argon2: cheap})
	require.NoError(t, err)
	require.NoError(t, w.a.Set(t.Context(), "5001", pin(t, setPIN), nil))
	return w
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// verify tries a PIN, and counts the answer if it is one.
func (w *world) verify(digits string) error {
	w.Helper()
	_, err := w.a.Verify(w.Context(), "5001", pin(w.T, digits))
	if errors.Is(err, ErrWrongPIN) {
		w.answers++
	}
	return err
}

func (w *world) fail(times int) {
	w.Helper()
	for range times {
		require.ErrorIs(w, w.verify(wrongPIN), ErrWrongPIN)
	}
}

// action is an operation whose calls fail.
type action struct {
	name   string
	failed int           // how many tries failed before
	passed time.Duration // and how long ago
	do     func(w *world) error
	want   error
	left   int    // how many tries are left then
	resets bool   // the count begins anew
	pin    string // the PIN afterwards; that of before, if empty
}

func actions() []action {
	verify := func(digits string) func(*world) error {
		return func(w *world) error { return w.verify(digits) }
	}
	return []action{
		{name: "Right", left: 4, failed: 3, do: verify(setPIN), resets: true},
		{name: "Wrong", left: 1, failed: 2, do: verify(wrongPIN), want: ErrWrongPIN},
		{name: "TheLastWrong", failed: 3, do: verify(wrongPIN), want: ErrWrongPIN},
		{name: "Locked", failed: 4, do: verify(setPIN), want: ErrLocked},
		{name: "RightAfterALock", left: 4, failed: 4, passed: DefaultLock, do: verify(setPIN), resets: true},
		{name: "WrongAfterALock", left: 3, failed: 4, passed: DefaultLock, do: verify(wrongPIN), want: ErrWrongPIN, resets: true},
		{name: "RightWithAWeakHash", left: 4, failed: 3, do: func(w *world) error {
			strong := *w.a
			strong.opts.Argon2.Memory *= 2
			_, err := strong.Verify(w.Context(), "5001", pin(w.T, setPIN))
			return err
		}, resets: true},
		{name: "Set", left: 4, failed: 4, do: func(w *world) error { return w.a.Set(w.Context(), "5001", pin(w.T, nextPIN), nil) }, resets: true, pin: nextPIN},
		{name: "Change", left: 4, failed: 3, do: func(w *world) error { return w.a.Change(w.Context(), "5001", pin(w.T, setPIN), pin(w.T, nextPIN)) }, resets: true, pin: nextPIN},
		{name: "Unlock", left: 4, failed: 4, do: func(w *world) error { return w.a.Unlock(w.Context(), "5001") }, resets: true},
	}
}

// An error of the storage is no answer, but may have used up a try.
func TestEveryStorageCallMayFail(t *testing.T) {
	for _, act := range actions() {
		t.Run(act.name, func(t *testing.T) {
			t.Parallel()
			prepared := func(t *testing.T) *world {
				w := newWorld(t)
				w.fail(act.failed)
				w.ahead.Add(int64(act.passed))
				w.faults.Reset()
				return w
			}
			w := prepared(t)
			w.check(act, act.do(w), false)
			w = prepared(t)
			_ = act.do(w)
			calls := len(w.faults.Calls())
			require.Positive(t, calls)
			for fault := range faultstore.Each(calls) {
				t.Run(fault.String(), func(t *testing.T) {
					w := prepared(t)
					w.faults.Set(fault)
					err := act.do(w)
					require.Equal(t, 1, w.faults.Disturbed())
					w.faults.Set()
					w.check(act, err, true)
				})
			}
		})
	}
}

// check demands that the operation is done, or not, and that no more answers can be had than without the fault; and that the lock ends.
func (w *world) check(act action, err error, disturbed bool) {
	w.Helper()
	if !disturbed || !errors.Is(err, faultstore.ErrInjected) {
		require.ErrorIs(w, err, act.want)
		st, err := w.a.Status(w.Context(), "5001")
		require.NoError(w, err)
		require.Equal(w, act.left, st.Left)
		if act.pin != "" {
			require.ErrorIs(w, w.verify(setPIN), ErrWrongPIN)
		}
	}
	for range 2 * attempts {
		if err := w.verify(wrongPIN); !errors.Is(err, ErrWrongPIN) {
			require.ErrorIs(w, err, ErrLocked)
		}
	}
	bound := attempts
	if act.resets {
		bound += act.failed // of which the storage has forgotten nothing: the operation begins anew
	}
	assert.LessOrEqual(w, w.answers, bound)
	require.ErrorIs(w, w.verify(setPIN), ErrLocked)
	w.ahead.Add(int64(DefaultLock))
	err = w.verify(setPIN)
	if act.pin != "" && errors.Is(err, ErrWrongPIN) {
		err = w.verify(act.pin)
	}
	require.NoError(w, err, "the lock ends")
	w.answers = 0
	w.fail(3)
}

// Many who try at once on a storage that fails one call in five get no answer too many, and when it has calmed down, the mailbox opens.
func TestAStormOfFaultsGivesNoTriesAway(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := newWorld(t)
	w.faults.Set(faultstore.Fault{Times: faultstore.Always, Chance: 0.1, Seed: seed, Mode: faultstore.Before},
		faultstore.Fault{Times: faultstore.Always, Chance: 0.1, Seed: seed + 1, Mode: faultstore.After})
	for range 5 {
		var answers atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for n := range 20 {
					_, err := w.a.Verify(t.Context(), "5001", pin(t, fmt.Sprintf("9%d%02d", i, n)))
					if errors.Is(err, ErrWrongPIN) {
						answers.Add(1)
					}
				}
			})
		}
		wg.Wait()
		assert.LessOrEqual(t, answers.Load(), int64(attempts))
		w.ahead.Add(int64(DefaultLock))
	}
	w.faults.Set()
	require.NoError(t, w.verify(setPIN))
}

// Whoever has looked, and takes a number when the PIN is another one by then, is not answered about the PIN of before, and does not replace it.
func TestWhoIsSlowIsAnsweredAboutThePINOfNow(t *testing.T) {
	const try, revision = "v1/default/access/5001/try-*", "v1/default/access/5001/pin-*"
	slow := func(w *world, name string, meanwhile func(*world)) {
		w.faults.Set(faultstore.Fault{
			Op: faultstore.Create, Pattern: name, Mode: faultstore.Pass, Wait: func(context.Context, faultstore.Call) error { meanwhile(w); return nil },
		})
	}
	again := func(w *world) {
		require.NoError(w, w.svc.DeleteMailbox(w.Context(), "5001"))
		w.ahead.Add(int64(3 * time.Hour))
		_, err := w.svc.CreateMailbox(w.Context(), "5001", nil)
		require.NoError(w, err)
	}
	set := func(w *world) { require.NoError(w, w.a.Set(w.Context(), "5001", pin(w.T, nextPIN), nil)) }
	for name, meanwhile := range map[string]func(*world){
		"a new PIN":                          set,
		"another mailbox of the ID, with it": func(w *world) { again(w); set(w) },
	} {
		for call, do := range map[string]func(*world) error{
			"Verify": func(w *world) error { return w.verify(setPIN) },
			"Change": func(w *world) error {
				return w.a.Change(w.Context(), "5001", pin(w.T, setPIN), pin(w.T, wrongPIN))
			},
		} {
			t.Run(name+" before "+call, func(t *testing.T) {
				w := newWorld(t)
				slow(w, try, meanwhile)
				require.ErrorIs(t, do(w), ErrWrongPIN)
				st, err := w.a.Status(t.Context(), "5001")
				require.NoError(t, err)
				require.Equal(t, Status{Set: true, Left: 3}, st)
				require.NoError(t, w.verify(nextPIN))
			})
		}
	}
	w := newWorld(t)
	slow(w, try, again)
	require.ErrorIs(t, w.verify(setPIN), ErrNoPIN)

	w = newWorld(t)
	slow(w, revision, set)
	require.ErrorIs(t, w.a.Change(t.Context(), "5001", pin(t, setPIN), pin(t, wrongPIN)), ErrWrongPIN, "an administrator was sooner")
	require.NoError(t, w.verify(nextPIN))
}

// spent is what an operation asks of the storage. A look is two listings.
func (w *world) spent(do func() error) string {
	w.Helper()
	w.faults.Reset()
	_ = do()
	var calls []string
	for _, c := range w.faults.Calls() {
		kind, _, _ := strings.Cut(path.Base(c.Keys[0]), "-")
		switch {
		case c.Op == faultstore.Read, strings.Contains(c.Keys[0], "/box/"): // of what was opened; the second listing
		case c.Op == faultstore.List:
			calls = append(calls, "look")
		default:
			calls = append(calls, fmt.Sprintf("%s %s", c.Op, kind))
		}
	}
	return strings.Join(calls, ", ")
}

func TestWhatAVerificationCosts(t *testing.T) {
	w := newWorld(t)
	assert.Equal(t, "look, open pin, create try, look, create reset", w.spent(func() error { return w.verify(setPIN) }))
	assert.Equal(t, "look, open pin, create try, look", w.spent(func() error { return w.verify(wrongPIN) }))
	w.fail(3)
	assert.Equal(t, "look, open try", w.spent(func() error { return w.verify(setPIN) }))
	w.ahead.Add(int64(DefaultLock))
	assert.Equal(t, "look, open try, create reset, look, open pin, create try, look, create reset", w.spent(func() error { return w.verify(setPIN) }))
	require.NotErrorIs(t, w.verify(setPIN), storage.ErrNotExist)
}
