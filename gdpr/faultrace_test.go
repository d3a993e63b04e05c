package gdpr_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

// other is another process on the same storages, whose calls do not fail.
func (w *world) other() *gdpr.Controller {
	w.Helper()
	c, err := gdpr.New(w.open("eu", false), &gdpr.Options{MaxSkew: 1e6 * time.Hour})
	require.NoError(w, err)
	return c
}

// meanwhile lets others do something just before a call of the operation.
func meanwhile(op faultstore.Op, pattern string, do func()) faultstore.Fault {
	return faultstore.Fault{Op: op, Pattern: pattern, Mode: faultstore.Pass, Wait: func(context.Context, faultstore.Call) error { do(); return nil }}
}

// names counts the names of the master region below a prefix of the tenant.
func (w *world) names(prefix string) int {
	w.Helper()
	n := 0
	for _, err := range storage.All(w.Context(), w.raw["eu"], &storage.ListOptions{Prefix: "v1/default/" + prefix}) {
		require.NoError(w, err)
		n++
	}
	return n
}

func TestAHoldThatCameTooLateAndStayedCanBeReleased(t *testing.T) {
	w := emptyWorld(t).start().fill()
	due(w)
	w.faults["eu"].Set(
		meanwhile(faultstore.Create, "v1/default/box/5001/*.hold-*", func() {
			_, err := w.other().Sweep(t.Context())
			require.NoError(t, err)
		}),
		faultstore.Fault{Op: faultstore.Delete, Pattern: "v1/default/box/5001/*.hold-*", Times: faultstore.Always},
	)
	id, err := w.gdpr.Hold(t.Context(), gdpr.Hold{Mailbox: "5001", Message: idStem + "000000000001", Reason: "a court", Actor: "legal"})
	require.ErrorIs(t, err, voicemail.ErrNotFound)
	require.NotEmpty(t, id, "a mark is left, and nobody is told of which hold it is")
	w.calm()
	w.pass(gdpr.Settle)
	require.Len(t, w.sweep().Held, 1)
	holds, err := w.gdpr.Holds(t.Context())
	require.NoError(t, err)
	require.Len(t, holds, 1)
	require.NoError(t, w.gdpr.Release(t.Context(), id))
	_, _ = w.gdpr.Sweep(t.Context()) // what was left is erased now
	w.sweep()
	isClosed(w, nil)
}

// A forget, an undo and a sweep at once, and the forget dies.
func TestAForgetThatDiesBesideItsUndoLeavesNothing(t *testing.T) {
	w := emptyWorld(t).start().fill()
	w0 := w.clone(t)
	w.faults["eu"].Set(
		meanwhile(faultstore.Create, "v1/default/gdpr/subject/", func() {
			_, err := w.other().UndoForgetMe(t.Context(), request())
			require.NoError(t, err)
			_, err = w.other().Sweep(t.Context())
			require.NoError(t, err)
		}),
		faultstore.Fault{Op: faultstore.List, Pattern: "v1/default/gdpr/case/*/", N: 3, Times: faultstore.Always},
	)
	_, err := w.gdpr.ForgetMe(t.Context(), request())
	require.ErrorIs(t, err, faultstore.ErrInjected)
	w.calm()
	require.Equal(t, gdpr.StateUndone, w.state())
	w.pass(24 * time.Hour)
	w.sweep()
	isUndone(w, nil)
	asItWas(w, w0)
}

// Whoever asked and got an error does not come back.
func TestARequestThatIsNotRepeatedIsFinishedBySweeps(t *testing.T) {
	for _, s := range scenes() {
		if s.name != "Forget" && s.name != "Undo" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := rehearse(t, s)
			for _, m := range momentsOf(p.points) {
				t.Run(m.String(), func(t *testing.T) {
					w := p.began.clone(t)
					do := p.prepare(w)
					w.calm()
					w.faults[m.region].Set(m.fault())
					if do() == nil {
						return
					}
					w.calm()
					w.releaseAll()
					w.pass(time.Hour)
					w.sweep()
					if w.names("gdpr/subject/") > 0 && w.state() == gdpr.StateRestricted {
						isForgotten(w, nil)
					}
					w.pass(gdpr.DefaultWindow)
					w.sweep()
					w.unharmed()
					switch w.state() {
					case "", gdpr.StateUndone:
						asItWas(w, p.filled)
					case gdpr.StateRestricted: // recorded, and cut off before anything else was
						require.Zero(t, w.names("gdpr/due/"))
						forgottenAndErased(w, p.filled)
					default:
						isErased(w, nil)
					}
				})
			}
		})
	}
}
