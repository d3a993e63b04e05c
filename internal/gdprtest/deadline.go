package gdprtest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
)

func deadlineRules() []rule {
	return []rule{
		{"TheDeadlineIsTheAcceptancePlusThePromise", "a promise of unknown length is none", deadlineFixed},
		{"NothingThatAnybodyDoesMovesTheDeadline", "whoever can move it can keep a caller for ever", deadlineStays},
		{"AnotherProcessWithOtherOptionsDoesNotMoveTheDeadline", "a roll-out of a new promise would break those that were given", deadlineOptions},
		{"AClockThatJumpsDoesNotMoveTheDeadline", "an NTP correction is no new request", deadlineJump},
		{"ACaseThatIsLateIsReported", "somebody has to know that the promise is broken", deadlineLate},
	}
}

// due are the times at which something is due.
func (e *env) due() []time.Time {
	e.Helper()
	list := []time.Time{}
	for _, name := range e.names(e.place.Master, e.space.Due()) {
		ms, _, _ := strings.Cut(strings.TrimPrefix(name, e.space.Due()), "-")
		n, err := strconv.ParseInt(ms, 10, 64)
		require.NoError(e, err)
		list = append(list, time.UnixMilli(n))
	}
	return slices.Compact(list)
}

func deadlineFixed(e *env) {
	who := e.one()
	for i, tt := range []struct {
		opts          gdpr.Options
		promise, undo time.Duration
	}{
		{gdpr.Options{}, day, 19*hour + 30*time.Minute},
		{gdpr.Options{Promise: 30 * day}, 30 * day, 30*day - 4*hour - 30*time.Minute},
		{gdpr.Options{Promise: 3 * day, Interval: day}, 3 * day, 10 * hour},
		{gdpr.Options{Window: hour}, day, hour},
	} {
		c := e.controller(func(o *gdpr.Options) {
			o.Promise, o.Interval, o.Window = tt.opts.Promise, tt.opts.Interval, tt.opts.Window
		})
		before := e.clock.now().Truncate(time.Millisecond)
		caseID := "case-" + string(rune('a'+i))
		r := e.forget(c, request(caseID, who.number))
		require.WithinRange(e, r.AcceptedAt, before, e.clock.now())
		require.Equal(e, tt.promise, r.EraseBy.Sub(r.AcceptedAt))
		require.Equal(e, tt.undo, r.UndoUntil.Sub(r.AcceptedAt))
		require.Equal(e, r.Case, e.status(c, caseID), "it is recorded as it was told")
	}
}

func deadlineStays(e *env) {
	s := e.scene()
	c := e.controller()
	req := request("c1", s.number)
	accepted := e.forget(c, req)
	due := e.due()
	require.Len(e, due, 1)
	unmoved := func(why string) {
		e.Helper()
		e.pass(hour)
		now := e.status(c, "c1")
		require.Equal(e, accepted.Case, now, why)
		require.Equal(e, due, e.due(), why)
	}
	for _, r := range s.left {
		_ = r.MarkRead(e.ctx)
		_, _ = r.Open(e.ctx)
		_, _ = r.CopyTo(e.ctx, group, nil)
		_, _ = r.MoveTo(e.ctx, personal)
	}
	unmoved("attempts to read, copy and move")
	_, err := e.svc().Mailbox(personal).UpdateSettings(e.ctx, func(set *voicemail.Settings) error { set.MaxMessages = 77; return nil })
	require.NoError(e, err)
	unmoved("a change of the mailbox's settings")
	for range 3 {
		again := e.forget(c, req)
		require.Equal(e, accepted.Case, again.Case)
	}
	unmoved("retried requests")
	e.leave(s.caller, e.place.Master, group, nil)
	e.forget(c, req)
	unmoved("new messages")
	e.forget(c, request("c2", s.number))
	e.undo(c, request("c2", s.number))
	unmoved("another case of the same caller, and its undo")
	_, err = c.Hold(e.ctx, gdpr.Hold{Mailbox: personal, Message: s.left[0].ID(), Reason: "a lawsuit", Actor: officer})
	require.NoError(e, err)
	unmoved("a hold")
	_, err = e.svc().Maintain(e.ctx)
	require.NoError(e, err)
	unmoved("maintenance")
	e.sweep(c)
	unmoved("a sweep before its time")
	e.down(e.place.Master)
	_, err = c.ForgetMe(e.ctx, req)
	require.Error(e, err)
	e.up(e.place.Master)
	unmoved("a failed retry")
}

func deadlineOptions(e *env) {
	who := e.one()
	accepted := e.forget(e.controller(), request("c1", who.number))
	long := e.controller(func(o *gdpr.Options) { o.Promise = 30 * day })
	e.pass(hour)
	require.Equal(e, accepted.Case, e.forget(long, request("c1", who.number)).Case)
	e.pass(window - hour)
	require.Equal(e, []string{"c1"}, e.sweep(long).Erased, "it is swept when it was due, whoever sweeps")
}

func deadlineJump(e *env) {
	who := e.one()
	c := e.controller()
	accepted := e.forget(c, request("c1", who.number))
	e.pass(-5 * day)
	require.Equal(e, accepted.Case, e.forget(c, request("c1", who.number)).Case, "back")
	require.Empty(e, e.sweep(c).Decided)
	e.pass(5*day + window - hour)
	require.Equal(e, accepted.Case, e.forget(c, request("c1", who.number)).Case, "and forth")
	require.Empty(e, e.sweep(c).Decided)
	require.Equal(e, accepted.Case, e.status(c, "c1"))
	e.pass(hour)
	require.Equal(e, []string{"c1"}, e.sweep(c).Erased)
}

func deadlineLate(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	region := e.regions[len(e.regions)-1]
	e.pass(window)
	e.down(region)
	r, err := c.Sweep(e.ctx)
	require.Error(e, err)
	require.Empty(e, r.Late, "the promise is not over yet")
	e.pass(day - window + time.Minute)
	if region != e.place.Master {
		r, err = c.Sweep(e.ctx)
		require.ErrorContains(e, err, region)
		require.Equal(e, []string{"c1"}, r.Late)
		require.Equal(e, 1, r.Open)
		require.Equal(e, gdpr.StateErasing, e.status(c, "c1").State, "it is never said to be erased before it is")
	}
	e.up(region)
	r = e.sweep(c)
	require.Equal(e, []string{"c1"}, r.Erased)
	require.Equal(e, []string{"c1"}, r.Late, "also if it is the first sweep for long")
	e.pass(time.Hour)
	require.Empty(e, e.sweep(c).Late, "it is told once")
	e.pass(gdpr.Settle)
	require.Empty(e, e.sweep(c).Late)
	e.erased(s, "c1")
}

// withoutRecords are the lines of a listing that are not about cases.
func (e *env) withoutRecords(all map[string][]string) map[string][]string {
	for region := range all {
		all[region] = slices.DeleteFunc(all[region], func(line string) bool { return strings.HasPrefix(line, e.space.Root()+"gdpr/") })
	}
	return all
}
