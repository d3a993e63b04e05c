package servicetest

import (
	"bytes"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/rawscan"
)

func retentionRules() []rule {
	return []rule{
		{"EachMessageGoesWhenItsTimeHasComeAndNoOther", "a day too early is a lost message, a day too late is a broken promise", retentionTable},
		{"AgeCountsFromWhenAMessageCameIn", "a move or a copy must not start the clock again, and a wrong ID must not stop it", retentionAge},
		{"WhatRetentionTookIsGone", "a retention that hides but keeps is what users of other systems complain about", retentionErases},
		{"RetentionFollowsASettingAtOnce", "an administrator who lengthens it wants to keep what is there", retentionFollows},
		{"ASettingThatIsChangedDuringAPassHoldsFromTheNextMailboxOn", "a pass over a large tenant is long, and somebody may have noticed their error", retentionChanges},
		{"RetentionOfADamagedMailboxDoesNotKeepTheOthers", "one settings document that cannot be read must not stop retention", retentionGoesOn},
	}
}

// fate is a message of the table.
type fate struct {
	name  string
	days  int // after which it goes; 0 is never
	cause voicemail.Cause
}

// retentionTable makes messages of each kind in mailboxes of each retention, and looks before and after each day.
func retentionTable(e *env) {
	e.updateTenant(func(t *voicemail.TenantSettings) { t.Retention = voicemail.Retention{Days: 3, TrashDays: 2} })
	const age, trash, expiry = voicemail.CauseAge, voicemail.CauseTrash, voicemail.CauseExpiry
	boxes := []struct {
		id    voicemail.MailboxID
		set   voicemail.Retention
		fates []fate
	}{
		{"5001", voicemail.Retention{}, []fate{{"unread", 3, age}, {"read", 3, age}, {"trashed", 2, trash}, {"trashed unread", 2, trash}, {"expires", 1, expiry}, {"expires late", 3, age}}},
		{"5002", voicemail.Retention{KeepUnread: voicemail.On}, []fate{{"unread", 0, ""}, {"read", 3, age}, {"trashed", 2, trash}, {"trashed unread", 2, trash}, {"expires", 1, expiry}, {"expires late", 9, expiry}}},
		{"5003", voicemail.Retention{Days: voicemail.NoLimit, TrashDays: 5}, []fate{{"unread", 0, ""}, {"read", 0, ""}, {"trashed", 5, trash}, {"trashed unread", 5, trash}, {"expires", 1, expiry}, {"expires late", 9, expiry}}},
		{"5004", voicemail.Retention{Days: 5, TrashDays: voicemail.NoLimit, KeepUnread: voicemail.On}, []fate{{"unread", 0, ""}, {"read", 5, age}, {"trashed", 5, age}, {"trashed unread", 0, ""}, {"expires", 1, expiry}, {"expires late", 9, expiry}}},
	}
	start := e.clock.now()
	type placed struct {
		fate
		msg voicemail.Message
	}
	var all []placed
	for _, b := range boxes {
		set := voicemail.Settings{Retention: b.set}
		box := e.mailboxWith(b.id, &set)
		for _, f := range append(b.fates, fate{name: "held"}, fate{name: "restricted"}) {
			opts := &voicemail.DepositOptions{}
			switch f.name {
			case "expires", "held", "restricted":
				opts.Expires = start.Add(day)
			case "expires late":
				opts.Expires = start.Add(9 * day)
			}
			msg := e.deposit(box, opts)
			switch f.name {
			case "read":
				require.NoError(e, msg.MarkRead(e.ctx))
			case "trashed":
				require.NoError(e, msg.MarkRead(e.ctx))
				require.NoError(e, msg.Trash(e.ctx))
			case "trashed unread":
				require.NoError(e, msg.Trash(e.ctx))
			case "held":
				e.mark(msg, keys.Hold+"hold1")
			case "restricted":
				e.mark(msg, keys.Forget+"case1")
			}
			all = append(all, placed{f, msg})
		}
	}
	// What the report says before must be what happens.
	foretold := map[voicemail.MessageID]voicemail.Aging{}
	var last voicemail.Aging
	for a, err := range e.service().Aging(e.ctx, start.Add(20*day)) {
		require.NoError(e, err)
		foretold[a.Message] = a
		require.True(e, a.Mailbox > last.Mailbox || a.Mailbox == last.Mailbox && !a.At.Before(last.At), "in order")
		last = a
	}
	mortal, want := 0, map[voicemail.Cause]int{}
	for _, p := range all {
		a := foretold[p.msg.ID()]
		require.Equal(e, p.cause, a.Cause, "%s in %s", p.name, p.msg.Mailbox())
		if p.days > 0 {
			mortal++
			want[p.cause]++
			require.Equal(e, p.msg.Mailbox(), a.Mailbox)
			require.WithinDuration(e, start.Add(time.Duration(p.days)*day), a.At, 30*time.Minute, "%s in %s", p.name, p.msg.Mailbox())
		}
	}
	require.Len(e, foretold, mortal)
	for range e.service().Aging(e.ctx, start) {
		require.Fail(e, "nothing goes before it came")
	}

	went := map[voicemail.Cause]int{}
	for _, d := range []int{1, 2, 3, 5, 9} {
		for _, hours := range []int{-1, +1} {
			e.clock.mu.Lock()
			e.clock.offset = time.Until(start) + time.Duration(d)*day + time.Duration(hours)*time.Hour
			e.clock.mu.Unlock()
			report := e.maintain()
			went[expiry] += report.Expired
			went[age] += report.Aged
			went[trash] += report.Purged
			for _, p := range all {
				gone := p.days > 0 && (p.days < d || p.days == d && hours > 0)
				require.Equal(e, !gone, e.exists(e.keysOf(p.msg.Mailbox()).Meta(ref(p.msg))), "%s in %s after %d days and %d hours", p.name, p.msg.Mailbox(), d, hours)
			}
		}
	}
	require.Equal(e, want, went, "the report says why")
}

func retentionAge(e *env) {
	e.updateTenant(func(t *voicemail.TenantSettings) { t.Retention.Days = 3 })
	box := e.mailbox("5001")
	e.mailbox("5002")
	now := e.clock.now()
	survives := func(msg voicemail.Message, want bool, why string) {
		e.Helper()
		_, err := e.service().Mailbox(msg.Mailbox()).Message(e.ctx, msg.ID())
		if want {
			require.NoError(e, err, why)
			return
		}
		require.ErrorIs(e, err, voicemail.ErrNotFound, why)
	}
	old := e.deposit(box, &voicemail.DepositOptions{ReceivedAt: now.Add(-2 * day)})
	copied, err := old.CopyTo(e.ctx, "5002", nil)
	require.NoError(e, err)
	moved, err := e.deposit(box, &voicemail.DepositOptions{ReceivedAt: now.Add(-2 * day)}).MoveTo(e.ctx, "5002")
	require.NoError(e, err)
	future := e.deposit(box, &voicemail.DepositOptions{ID: voicemail.NewMessageID(now.AddDate(20, 0, 0))})
	past := e.deposit(box, &voicemail.DepositOptions{ID: voicemail.NewMessageID(now.AddDate(-20, 0, 0))})
	imported := e.deposit(box, &voicemail.DepositOptions{ID: voicemail.NewMessageID(now), ReceivedAt: now.AddDate(-1, 0, 0)})
	fresh := e.deposit(box, nil)

	e.pass(day + time.Hour)
	require.Equal(e, 3, e.maintain().Aged)
	survives(old, false, "imported as it came in")
	survives(copied, false, "a copy is as old as what it is a copy of")
	survives(moved, false, "a move changes nothing")
	survives(past, true, "an ID from the past is no reason")
	survives(imported, true, "an ID that the application gave counts, so that the names tell what is young")
	e.pass(2 * day)
	require.Equal(e, 4, e.maintain().Aged)
	survives(fresh, false, "its time has come")
	survives(future, false, "an ID from the future does not protect")
	survives(past, false, "its time has come")
	survives(imported, false, "likewise")
}

func retentionErases(e *env) {
	svc, told := e.observer()
	_, err := svc.CreateMailbox(e.ctx, "5001", &voicemail.Settings{Retention: voicemail.Retention{Days: 1}})
	require.NoError(e, err)
	before := e.tenantNames()
	audio, caller := noise(3000), number()
	msg, err := svc.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(audio), &voicemail.DepositOptions{Caller: caller})
	require.NoError(e, err)
	scan := rawscan.Scan{Numbers: []string{caller.Reveal()}, Audio: [][]byte{audio}}
	e.unclean(scan)
	told()
	e.pass(25 * time.Hour)
	_, err = svc.Maintain(e.ctx)
	require.NoError(e, err)
	events := told()
	require.Len(e, events, 1)
	require.Equal(e, voicemail.EventExpired, events[0].Kind)
	require.Equal(e, voicemail.Counts{}, events[0].counts)
	e.invisible(msg, "its time has come")
	e.clean(scan)
	e.pass(rest)
	e.maintain()
	tombstone, err := e.space.Tombstone(string(msg.ID()))
	require.NoError(e, err)
	require.ElementsMatch(e, append(before, tombstone), e.tenantNames())
}

func retentionFollows(e *env) {
	maintains := e.open() // its cache holds the settings of before
	e.updateTenant(func(t *voicemail.TenantSettings) { t.Retention.Days = 2 })
	box := e.mailbox("5001")
	first, second := e.deposit(box, nil), e.deposit(box, nil)
	e.pass(day)
	_, err := maintains.Maintain(e.ctx)
	require.NoError(e, err)
	e.updateTenant(func(t *voicemail.TenantSettings) { t.Retention.Days = 100 })
	e.pass(2 * day)
	report, err := maintains.Maintain(e.ctx)
	require.NoError(e, err)
	require.Zero(e, report.Aged, "the tenant keeps more")
	require.NoError(e, first.MarkRead(e.ctx))
	_, err = box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error {
		s.Retention = voicemail.Retention{Days: 1, KeepUnread: voicemail.On}
		return nil
	})
	require.NoError(e, err)
	report, err = maintains.Maintain(e.ctx)
	require.NoError(e, err)
	require.Equal(e, 1, report.Aged, "the mailbox keeps less")
	e.invisible(first, "read and old")
	require.NotEmpty(e, e.play(second))
}

func retentionChanges(e *env) {
	e.updateTenant(func(t *voicemail.TenantSettings) { t.Retention.Days = 1 })
	for _, id := range []voicemail.MailboxID{"5001", "5002"} {
		e.deposit(e.mailbox(id), nil)
	}
	e.pass(2 * day)
	pass := e.open(func(o *voicemail.Options) {
		o.Observer = func(ev voicemail.Event) {
			if ev.Kind == voicemail.EventExpired {
				e.updateTenant(func(t *voicemail.TenantSettings) { t.Retention.Days = 100 })
			}
		}
	})
	report, err := pass.Maintain(e.ctx)
	require.NoError(e, err)
	require.Equal(e, 1, report.Aged)
	require.Equal(e, voicemail.Counts{New: 1}, e.counts(e.service().Mailbox("5002")))
}

func retentionGoesOn(e *env) {
	e.updateTenant(func(t *voicemail.TenantSettings) { t.Retention.Days = 1 })
	for _, id := range []voicemail.MailboxID{"5001", "5002", "5003"} {
		e.deposit(e.mailbox(id), nil)
	}
	expiring := e.deposit(e.service().Mailbox("5002"), &voicemail.DepositOptions{Expires: e.clock.now().Add(time.Hour)})
	e.plant(e.keysOf("5002").SettingsAt(keys.Revision{Gen: 1, Rev: 1}), "no JSON")
	e.damaged = true
	e.pass(2 * day)
	report, err := e.open().Maintain(e.ctx)
	var ve *voicemail.Error
	require.ErrorAs(e, err, &ve)
	require.Equal(e, voicemail.MailboxID("5002"), ve.Mailbox)
	require.Equal(e, []int{2, 1}, []int{report.Aged, report.Expired}, "nothing goes by settings that cannot be read; what has an expiry of its own does")
	e.invisible(expiring, "its own expiry needs no settings")
}
