package gdprtest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
)

// limitationRules are the limitations that the documented product has ("Limitations" of its GDPR support). Here they do not exist.
func limitationRules() []rule {
	return []rule{
		{"CountsAreRightAtOnceAfterForgetAndUndo", "the documented product's lamp stays lit until the next deposit or delete", limitCounts},
		{"EventsTellOfEachMessageOnceItIsHiddenOrShown", "whoever recounts on an event must see the change, or the telephone's lamp is wrong", limitEvents},
		{"WhatIsMarkedAMinuteAfterTheSweepIsErasedWithinTheDay", "in the documented product, a file marked at 10:01 outlives the run at 10:00 of the next day", limitMinute},
		{"EveryMinuteOfTheDayIsErasedWithinTheDay", "a schedule that keeps the promise for some hours only keeps no promise", limitMinutes},
		{"ADailyScheduleIsRefusedWithAnExplanation", "a sweep a day cannot keep a promise of a day, and nobody would notice", limitDaily},
		{"ReadOrForwardAfterTheMarkChangesNothing", "in the documented product, reading or forwarding a marked message puts its deletion off", limitRead},
		{"ErasureWorksOnThisStorageAsOnAll", "the documented product forgets callers on Azure only", limitStorage},
	}
}

func limitCounts(e *env) {
	s := e.scene()
	c := e.controller()
	regions := len(e.regions)
	before := map[voicemail.MailboxID]voicemail.Counts{personal: e.counts(personal), group: e.counts(group)}
	// One of the caller's in the personal mailbox is read; of the urgent ones in the group's, one is in the trash; one was forwarded there.
	require.Equal(e, voicemail.Counts{New: 2*regions - 1, Old: 1}, before[personal])
	require.Equal(e, voicemail.Counts{New: regions, NewUrgent: regions - 1}, before[group])
	for round := range 2 {
		e.forget(c, request("c1", s.number))
		require.Equal(e, voicemail.Counts{New: regions}, e.counts(personal), "round %d: only the other caller's are counted", round)
		require.Zero(e, e.counts(group), "round %d", round)
		e.undo(c, request("c1", s.number))
		for mailbox, n := range before {
			require.Equal(e, n, e.counts(mailbox), "round %d: undo in %s", round, mailbox)
		}
	}
	e.forget(c, request("c1", s.number))
	e.erase(c)
	require.Equal(e, voicemail.Counts{New: regions}, e.counts(personal), "and so after the erasure")
	require.Zero(e, e.counts(group))
	e.erased(s, "c1")
}

func limitEvents(e *env) {
	s := e.scene()
	watcher := e.open(e.place.Master)
	var wrong []string
	look := func(ev voicemail.Event, visible bool) {
		_, err := watcher.Mailbox(ev.Mailbox).Message(e.ctx, ev.Message)
		if (err == nil) != visible {
			wrong = append(wrong, string(ev.Kind))
		}
	}
	watched := e.open(e.place.Master, func(o *voicemail.Options) {
		o.Observer = func(ev voicemail.Event) {
			e.events.mu.Lock()
			defer e.events.mu.Unlock()
			e.events.list = append(e.events.list, ev)
			switch ev.Kind {
			case voicemail.EventRestricted, voicemail.EventErased:
				look(ev, false)
			case voicemail.EventUnrestricted:
				look(ev, true)
			}
		}
	})
	c := e.controllerOf(watched)
	e.events.reset()
	e.forget(c, request("c1", s.number))
	require.Equal(e, s.places(), e.events.of(voicemail.EventRestricted), "each message is told of once")
	e.events.reset()
	e.forget(c, request("c1", s.number))
	require.Subset(e, s.places(), e.events.of(voicemail.EventRestricted), "a repeated request may tell again, since the first may have died before it told")
	e.events.reset()
	e.forget(c, request("c2", s.number))
	require.Empty(e, e.events.of(voicemail.EventRestricted), "a second case hides nothing that is not hidden")
	e.undo(c, request("c2", s.number))
	require.Empty(e, e.events.of(voicemail.EventUnrestricted), "what another case covers stays hidden")
	e.undo(c, request("c1", s.number))
	require.Equal(e, s.places(), e.events.of(voicemail.EventUnrestricted))
	e.forget(c, request("c1", s.number))
	e.erase(c)
	require.Equal(e, s.places(), e.events.of(voicemail.EventErased))
	require.Empty(e, wrong, "an event was sent before its effect could be seen")
}

// tomorrow is a time of the next day, in UTC.
func tomorrow(hour, minute int) time.Time {
	return time.Now().UTC().Truncate(day).Add(day + time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

func limitMinute(e *env) {
	e.set(tomorrow(9, 0))
	s := e.scene()
	c := e.controller()
	e.set(tomorrow(10, 0))
	require.Empty(e, e.sweep(c).Decided)
	e.set(tomorrow(10, 1))
	e.forget(c, request("c1", s.number))
	for h := range 24 {
		e.set(tomorrow(11+h, 0))
		e.sweep(c)
	}
	state := e.status(c, "c1")
	require.Equal(e, gdpr.StateClosed, state.State, "at 10:00 of the next day, by the hourly schedule: erased, looked at again, and the case has nothing of the caller either")
	require.Less(e, state.VerifiedAt.Sub(state.AcceptedAt), day)
	e.hidden(s.caller)
	e.erased(s, "c1")
}

func limitMinutes(e *env) {
	e.mailboxes()
	c := e.controller()
	for i, minute := range []int{0, 1, 29, 30, 59} {
		start := tomorrow(10+100*i, 0)
		e.set(start)
		e.sweep(c)
		who := newCaller()
		e.set(start.Add(time.Duration(minute) * time.Minute))
		e.leave(who, e.place.Master, personal, nil)
		caseID := "minute-" + string(rune('a'+i))
		accepted := e.forget(c, request(caseID, who.number))
		for h := 1; e.status(c, caseID).State != gdpr.StateClosed; h++ {
			e.set(start.Add(time.Duration(h) * time.Hour))
			require.Empty(e, e.sweep(c).Late)
		}
		verified := e.status(c, caseID).VerifiedAt
		require.False(e, verified.After(accepted.EraseBy), "minute %d: the receipt comes %v after the promise", minute, verified.Sub(accepted.EraseBy))
		require.False(e, e.status(c, caseID).DecidedAt.Before(accepted.UndoUntil), "minute %d: decided while it could be undone", minute)
	}
}

func limitDaily(e *env) {
	for _, tt := range []struct {
		why    string
		opts   gdpr.Options
		refuse []string // what the explanation says; none if it is fine
	}{
		{"the product's schedule", gdpr.Options{Interval: day}, []string{"24h0m0s", "more often", "promise more"}},
		{"rarer still", gdpr.Options{Interval: 36 * hour}, []string{"36h0m0s", "more often"}},
		{"a window that leaves no time to sweep", gdpr.Options{Window: day}, []string{"19h30m0s or less"}},
		{"a window that leaves no time for the receipt", gdpr.Options{Window: 23 * hour}, []string{"19h30m0s or less"}},
		{"every four hours, with the default window of the hourly schedule", gdpr.Options{Interval: 4 * hour, Window: window}, []string{"12h0m0s or less"}},
		{"twice a day", gdpr.Options{Interval: 12 * hour}, []string{"12h0m0s", "more often"}},
		{"more than the law gives", gdpr.Options{Promise: 31 * day}, []string{"720h0m0s"}},
		{"no time at all", gdpr.Options{Promise: -1}, []string{"Promise"}},
		{"an interval below nothing", gdpr.Options{Interval: -1}, []string{"negative"}},
		{"a window below nothing", gdpr.Options{Window: -1}, []string{"negative"}},
		{"the defaults", gdpr.Options{}, nil},
		{"every four hours, with a window to match", gdpr.Options{Interval: 4 * hour}, nil},
		{"daily, with a promise of three days", gdpr.Options{Interval: day, Promise: 3 * day}, nil},
		{"all that the law gives", gdpr.Options{Promise: 30 * day}, nil},
	} {
		_, err := gdpr.New(e.svc(), &tt.opts)
		if tt.refuse == nil {
			require.NoError(e, err, tt.why)
			continue
		}
		require.ErrorIs(e, err, voicemail.ErrInvalid, tt.why)
		for _, text := range tt.refuse {
			require.ErrorContains(e, err, text, tt.why)
		}
	}
}

func limitRead(e *env) {
	s := e.scene()
	c := e.controller()
	accepted := e.forget(c, request("c1", s.number))
	before := e.listing()
	for h := range 18 {
		e.pass(hour)
		r := s.left[h%len(s.left)]
		require.ErrorIs(e, r.MarkRead(e.ctx), voicemail.ErrNotFound)
		_, err := r.Open(e.ctx)
		require.ErrorIs(e, err, voicemail.ErrNotFound)
		_, err = r.CopyTo(e.ctx, personal, nil)
		require.ErrorIs(e, err, voicemail.ErrNotFound)
		e.sweep(c)
	}
	e.unchanged(before, "who tries to read or to forward leaves no trace")
	e.pass(window - 18*hour)
	e.sweep(c)
	state := e.status(c, "c1")
	require.Equal(e, accepted.EraseBy, state.EraseBy)
	require.Equal(e, gdpr.StateErased, state.State, "and puts nothing off")
	e.pass(gdpr.Settle)
	e.sweep(c)
	e.erased(s, "c1")
}

func limitStorage(e *env) {
	s := e.scene()
	c := e.controller()
	r := e.forget(c, request("c1", s.number))
	require.Equal(e, s.ids(), r.Phones[0].Messages)
	receipts := e.erase(c)
	require.Equal(e, s.ids(), receipts[0].Messages)
	var names []string
	for _, region := range receipts[0].Regions {
		names = append(names, region.Name)
	}
	require.Equal(e, e.regions, names, "the receipt speaks of all regions, the master first")
	e.erased(s, "c1")
}
