package gdprtest

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage/faultstore"
)

func eraseRules() []rule {
	return []rule{
		{"ASweepBeforeTheWindowEndsErasesNothing", "the caller was told until when they can change their mind", eraseEarly},
		{"ASweepWithNothingDueCostsOneListing", "an hourly sweep of a thousand tenants must cost nothing", eraseIdle},
		{"ADecidedErasureGoesOnWhereARegionIsDown", "an outage in one country is no reason to keep a recording in another", eraseOutage},
		{"ACaseIsNeverClosedWhileARegionIsDown", "a receipt would say of a region what nobody has seen there", eraseUnverified},
		{"TwoSweepsAtOnceWriteOneReceipt", "an hourly job that runs late meets the next one", eraseTogether},
		{"ASweepThatWasCutOffIsFinishedByTheNext", "pods are killed at any moment", eraseCut},
		{"AMessageThatWasMovedIsErasedWhereItIsAndWhereItWas", "a move leaves names in two mailboxes", eraseMoved},
		{"AMessageThatWasDeletedBeforeIsErasedToo", "what a crash left of a deletion is still the caller's", eraseDeleted},
		{"ADepositIsNotRepeatedAfterItsErasure", "a queue that retries for days would bring the caller back", eraseRetried},
		{"AnErasedMessageStaysErasedThroughMaintenance", "whoever cleans up must not bring back what was cleaned", eraseMaintained},
		{"ADeletedMailboxsOwnerNeedsNoMailboxToBeForgotten", "an agent who left has taken the settings, not the callers", eraseNoMailbox},
		{"SomeMessagesOfManyCallersGoAndTheOthersStay", "many cases fall due at once", eraseMany},
	}
}

func eraseEarly(e *env) {
	s := e.scene()
	c := e.controller()
	r := e.forget(c, request("c1", s.number))
	e.set(r.UndoUntil.Add(-hour))
	before := e.listing()
	swept := e.sweep(c)
	require.Empty(e, swept.Decided)
	require.WithinDuration(e, r.UndoUntil, swept.Next, time.Millisecond, "it says when to come back")
	e.unchanged(before, "something changed")
	e.undo(c, request("c1", s.number))
	e.seen(s.caller)
}

func eraseIdle(e *env) {
	s := e.scene()
	c := e.controller()
	for _, due := range []bool{false, true} {
		if due {
			e.forget(c, request("c1", s.number))
		}
		for _, region := range e.regions {
			e.stores[region].Reset()
		}
		e.sweep(c)
		for _, region := range e.regions {
			if region == e.place.Master {
				require.Equal(e, map[faultstore.Op]int{faultstore.List: 1}, e.stores[region].Counts())
			} else {
				require.Empty(e, e.stores[region].Counts(), region)
			}
		}
	}
}

// media are the names of the recordings in a region that are the caller's.
func (e *env) media(region string, c *caller) []string {
	e.Helper()
	return slices.DeleteFunc(e.names(region, e.space.Media()), func(name string) bool {
		return !slices.ContainsFunc(c.left, func(r recorded) bool { return strings.Contains(name, string(r.ID())) })
	})
}

func eraseOutage(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.pass(window)
	if len(e.regions) == 1 {
		e.down(e.place.Master)
		_, err := c.Sweep(e.ctx)
		require.ErrorContains(e, err, e.place.Master)
		e.up(e.place.Master)
		require.Equal(e, []string{"c1"}, e.sweep(c).Erased)
		e.pass(gdpr.Settle)
		e.sweep(c)
		e.erased(s, "c1")
		return
	}
	out := e.regions[1]
	e.down(out)
	r, err := c.Sweep(e.ctx)
	require.ErrorContains(e, err, out)
	require.Equal(e, []string{"c1"}, r.Decided)
	require.Empty(e, r.Erased)
	require.Equal(e, 1, r.Open)
	for _, region := range e.regions {
		left := e.media(region, s.caller)
		if region == out {
			require.NotEmpty(e, left)
		} else {
			require.Empty(e, left, "in %s, which is up", region)
		}
	}
	e.hidden(s.caller)
	e.up(out)
	require.Equal(e, []string{"c1"}, e.sweep(c).Erased)
	e.pass(gdpr.Settle)
	require.Len(e, e.sweep(c).Closed, 1)
	e.erased(s, "c1")
}

func eraseUnverified(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.pass(window)
	require.Equal(e, []string{"c1"}, e.sweep(c).Erased)
	e.pass(gdpr.Settle)
	for _, region := range e.regions {
		e.down(region)
		r, err := c.Sweep(e.ctx)
		require.ErrorContains(e, err, region)
		require.Empty(e, r.Closed)
		e.up(region)
		require.Equal(e, gdpr.StateErased, e.status(c, "c1").State, "while %s was down", region)
	}
	require.Len(e, e.sweep(c).Closed, 1)
	e.erased(s, "c1")
}

func eraseTogether(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.forget(c, request("c2", s.other.number))
	e.pass(window)
	for range 2 {
		var errs [3]error
		var work []func()
		for i := range errs {
			one := e.controllerOf(e.open(e.regions[i%len(e.regions)]))
			work = append(work, func() { _, errs[i] = one.Sweep(e.ctx) })
		}
		together(work...)
		require.NoError(e, errors.Join(errs[:]...))
		e.pass(gdpr.Settle)
	}
	e.sweep(c)
	receipts := e.receipts(c)
	require.Len(e, receipts, 2)
	require.NotEqual(e, receipts[0].CaseID, receipts[1].CaseID)
	e.clean(s.trace("c1", "c2"))
	e.clean(s.other.trace("c1", "c2"))
}

func eraseCut(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.pass(window)
	const enough = 3000 // more calls than a sweep makes in one region
	for n := 1; ; n += 5 {
		require.Less(e, n, enough, "it is never erased")
		for _, region := range e.regions {
			e.stores[region].Set(faultstore.Fault{N: n, Times: faultstore.Always})
		}
		_, err := c.Sweep(e.ctx)
		for _, region := range e.regions {
			e.up(region)
		}
		if err == nil {
			break
		}
		e.hidden(s.caller)
	}
	require.Equal(e, gdpr.StateErased, e.status(c, "c1").State)
	e.pass(gdpr.Settle)
	for n := 1; e.status(c, "c1").State != gdpr.StateClosed; n += 3 {
		require.Less(e, n, enough, "it is never closed")
		for _, region := range e.regions {
			e.stores[region].Set(faultstore.Fault{N: n, Times: faultstore.Always, Mode: faultstore.After})
		}
		_, _ = c.Sweep(e.ctx)
		for _, region := range e.regions {
			e.up(region)
		}
	}
	e.sweep(c)
	require.Len(e, e.receipts(c), 1)
	e.erased(s, "c1")
}

func eraseMoved(e *env) {
	s := e.scene()
	r := s.left[len(s.left)-2]
	moved, err := e.message(e.svc(), r).MoveTo(e.ctx, personal+"x")
	require.ErrorIs(e, err, voicemail.ErrNoMailbox)
	require.Nil(e, moved)
	to := personal
	if r.Mailbox() == personal {
		to = group
	}
	moved, err = e.message(e.svc(), r).MoveTo(e.ctx, to)
	require.NoError(e, err)
	c := e.controller()
	report := e.forget(c, request("c1", s.number))
	require.Equal(e, s.ids(), report.Phones[0].Messages)
	require.Contains(e, e.events.of(voicemail.EventRestricted), string(to)+"/"+string(moved.ID()))
	e.hidden(s.caller)
	e.undo(c, request("c1", s.number))
	back, err := e.message(e.svc(), moved).MoveTo(e.ctx, r.Mailbox())
	require.NoError(e, err)
	require.Equal(e, r.audio, e.play(back))
	e.forget(c, request("c1", s.number))
	e.erase(c)
	e.erased(s, "c1")
}

func eraseDeleted(e *env) {
	s := e.scene()
	half := s.left[0]
	region := half.Envelope().Region
	e.stores[region].Set(faultstore.Fault{Op: faultstore.Delete, Pattern: e.space.Media(), Times: faultstore.Always})
	require.Error(e, half.Delete(e.ctx), "its recording stays")
	e.up(region)
	require.NotEmpty(e, e.media(region, s.caller))
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.erase(c)
	e.erased(s, "c1")
}

func eraseRetried(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	retry := func(why string) {
		e.Helper()
		for i, r := range s.left[:2*len(e.regions)] {
			_, err := e.in(e.regions[i/2]).Mailbox(r.Mailbox()).Deposit(e.ctx, bytes.NewReader(r.audio), &voicemail.DepositOptions{ID: r.ID(), Caller: s.id()})
			require.ErrorIs(e, err, voicemail.ErrGone, why)
			var de *voicemail.DepositError
			require.ErrorAs(e, err, &de)
			require.NoError(e, de.Audio.Close())
		}
	}
	e.erase(c)
	retry("just after")
	e.erased(s, "c1")
	for range 3 {
		e.pass(2 * day)
		_, err := e.svc().Maintain(e.ctx)
		require.NoError(e, err)
	}
	retry("days later, when a tombstone stands for it")
	e.erased(s, "c1")
}

func eraseMaintained(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.pass(window)
	for range 4 {
		_, err := e.svc().Maintain(e.ctx)
		require.NoError(e, err)
		e.sweep(c)
		e.pass(13 * hour)
	}
	require.Equal(e, gdpr.StateClosed, e.status(c, "c1").State)
	_, err := e.svc().Maintain(e.ctx)
	require.NoError(e, err)
	e.erased(s, "c1")
}

func eraseNoMailbox(e *env) {
	s := e.scene()
	settings := slices.DeleteFunc(e.names(e.place.Master, e.space.Boxes()), func(name string) bool {
		return !strings.Contains(name, "/"+string(group)+"/set-")
	})
	require.NotEmpty(e, settings)
	e.removeRaw(e.place.Master, settings...)
	c := e.controller()
	r := e.forget(c, request("c1", s.number))
	require.Equal(e, s.ids(), r.Phones[0].Messages)
	e.erase(c)
	e.clean(s.trace("c1"))
}

func eraseMany(e *env) {
	e.mailboxes()
	c := e.controller()
	var goes, stays []*caller
	for i := range 12 {
		who := newCaller()
		e.leave(who, e.regions[i%len(e.regions)], []voicemail.MailboxID{personal, group}[i%2], nil)
		if i%3 == 0 {
			stays = append(stays, who)
			continue
		}
		goes = append(goes, who)
		e.forget(c, request("case-"+string(rune('a'+i)), who.number))
	}
	require.Len(e, e.erase(c), len(goes))
	require.Len(e, e.receipts(c), len(goes))
	for _, who := range goes {
		e.clean(who.trace())
	}
	for _, who := range stays {
		e.seen(who)
	}
}
