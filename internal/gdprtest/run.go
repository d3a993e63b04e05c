package gdprtest

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/gdpr"
)

func runRules() []rule {
	return []rule{
		{"RunSweepsAtTheFirstDue", "a service without a scheduler keeps the promise, too", runDue},
		{"RunGoesOnAfterAnError", "a region that was down for a minute must not end the sweeps for ever", runError},
	}
}

// swept is what a sweep of Run told.
type swept struct {
	report *gdpr.SweepReport
	err    error
}

// run runs a Controller in the background until the rule ends, and returns what its sweeps tell.
func (e *env) run(change func(*gdpr.Options)) <-chan swept {
	e.Helper()
	told := make(chan swept, 16)
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(e.ctx)) // which ends before what is registered with Cleanup
	one := e.controller(func(o *gdpr.Options) {
		o.OnSweep = func(r *gdpr.SweepReport, err error) {
			select {
			case told <- swept{r, err}:
			case <-ctx.Done():
			}
		}
		change(o)
	})
	ended := make(chan error, 1)
	go func() { ended <- one.Run(ctx) }()
	e.Cleanup(func() {
		cancel(errEnough)
		require.ErrorIs(e, <-ended, errEnough, "Run returns why it was ended")
	})
	return told
}

var errEnough = errors.New("enough")

func (e *env) next(told <-chan swept) swept {
	e.Helper()
	select {
	case s := <-told:
		return s
	case <-e.ctx.Done():
		require.Fail(e, "Run does not sweep")
		return swept{}
	}
}

func runDue(e *env) {
	s := e.scene()
	r := e.forget(e.controller(), request("c1", s.number))
	e.set(r.UndoUntil.Add(-time.Second / 2))
	told := e.run(func(*gdpr.Options) {})
	first := e.next(told)
	require.NoError(e, first.err)
	require.Empty(e, first.report.Decided)
	second := e.next(told) // an hour sooner than the interval would have it
	require.NoError(e, second.err)
	require.Equal(e, []string{"c1"}, second.report.Erased)
}

func runError(e *env) {
	s := e.scene()
	r := e.forget(e.controller(), request("c1", s.number))
	e.set(r.UndoUntil.Add(time.Second))
	e.down(e.place.Master)
	told := e.run(func(o *gdpr.Options) { o.Interval = 100 * time.Millisecond })
	require.Error(e, e.next(told).err)
	e.up(e.place.Master)
	for {
		got := e.next(told)
		if got.err == nil && len(got.report.Erased) > 0 {
			require.Equal(e, []string{"c1"}, got.report.Erased)
			return
		}
	}
}
