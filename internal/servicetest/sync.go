package servicetest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

func syncRules() []rule {
	return []rule{
		{"SyncBringsInWhatAllRegionsKeep", "each region took calls during the outage", syncAll},
		{"SyncBringsInAlsoWhatTheMailboxWouldRefuse", "the caller was told that the message was taken", syncFull},
		{"WhatCannotComeInIsReportedAndKept", "an acknowledged message is nobody's to throw away", syncKept},
		{"WhatIsGoneDoesNotComeBack", "a sync must not bring back what the law deleted", syncGone},
		{"APendingMessageIsBornRestricted", "its caller asked to be forgotten before the outage ended", syncForgotten},
		{"APendingMessageOfLongAgoComesInWhole", "an outage may last for days", syncLate},
		{"SyncsAtOnceMakeOneMessageOfEach", "every region runs its own", syncTogether},
		{"ARegionThatIsDownKeepsOnlyItsOwn", "the others' messages are waited for, too", syncDown},
		{"ACancelledSyncIsGoneOnWithLater", "a pod is stopped while it syncs", syncCancelled},
		{"MaintainLeavesAloneWhatBelongsToAPendingDeposit", "garbage is what nobody waits for", syncMaintain},
		{"MaintainTakesNothingWhileARegionCannotBeAsked", "it may hold what the garbage belongs to", syncMaintainBlind},
		{"MaintainLiftsWhatAnUndoneRequestLeft", "such a message would be hidden for ever", maintainUndone},
	}
}

func syncAll(e *env) {
	w := newWorld(e)
	services := map[string]*voicemail.Service{"us": w.in("us"), "asia": w.in("asia")}
	caller := number()
	audio := map[voicemail.MessageID][]byte{}
	for range 5 {
		for _, mailbox := range []voicemail.MailboxID{"5001", "5002"} {
			for _, svc := range services {
				recording := noise(100)
				msg := w.pending(svc, mailbox, recording, &voicemail.DepositOptions{Caller: caller})
				audio[msg.ID()] = recording
			}
		}
	}
	require.Equal(e, voicemail.SyncReport{Synced: 20}, w.sync())
	for _, mailbox := range []voicemail.MailboxID{"5001", "5002"} {
		ids := w.list(w.svc.Mailbox(mailbox), nil)
		require.Len(e, ids, 10)
		for _, id := range ids {
			msg, err := w.svc.Mailbox(mailbox).Message(e.ctx, id)
			require.NoError(e, err)
			require.Equal(e, audio[id], w.play(msg))
		}
	}
	require.Len(e, w.find(w.svc, caller.Reveal()), 20)
	require.Empty(e, append(w.records("us"), w.records("asia")...))
}

func syncFull(e *env) {
	w := newWorld(e)
	us := w.in("us")
	w.deposit(w.svc.Mailbox("5001"), nil)
	for _, change := range []func(*voicemail.Settings){
		func(s *voicemail.Settings) { s.MaxMessages = 1 },
		func(s *voicemail.Settings) { s.MaxBytes = 1 },
		func(s *voicemail.Settings) { s.Disabled = true },
	} {
		w.pending(us, "5001", wav(10), nil)
		_, err := w.svc.Mailbox("5001").UpdateSettings(e.ctx, func(s *voicemail.Settings) error { change(s); return nil })
		require.NoError(e, err)
		require.Equal(e, 1, w.sync().Synced)
	}
	require.Equal(e, 4, w.counts(us.Mailbox("5001")).New)
}

func syncKept(e *env) {
	w := newWorld(e)
	us := w.in("us")
	far := w.raw("us")
	record := func(msg voicemail.Message) string { return w.space.PendingAt(string(msg.ID())) }
	audio := func(msg voicemail.Message) string { return w.keysOf(msg.Mailbox()).Audio(ref(msg), "bin") }
	rewrite := func(msg voicemail.Message, change func(doc map[string]any)) {
		var doc map[string]any
		require.NoError(e, json.Unmarshal(far.readRaw(record(msg)), &doc))
		change(doc)
		out, err := json.Marshal(doc)
		require.NoError(e, err)
		far.removeRaw(record(msg))
		far.plant(record(msg), string(out))
	}
	want := map[voicemail.MessageID]error{}
	var mailboxes []voicemail.MailboxID
	for _, row := range []struct {
		mailbox, reported voicemail.MailboxID
		err               error
		do                func(msg voicemail.Message)
	}{
		{"5009", "5009", voicemail.ErrNoMailbox, func(voicemail.Message) {}},
		{"5001", "", voicemail.ErrDamaged, func(msg voicemail.Message) { far.removeRaw(record(msg)); far.plant(record(msg), "no JSON") }},
		{"5001", "", voicemail.ErrDamaged, func(msg voicemail.Message) { far.removeRaw(record(msg)); far.plant(record(msg), `{"v":1}`) }},
		{"5001", "", voicemail.ErrDamaged, func(msg voicemail.Message) {
			rewrite(msg, func(doc map[string]any) { doc["marks"] = []string{"gone-x"} })
		}},
		{"5001", "", voicemail.ErrDamaged, func(msg voicemail.Message) {
			rewrite(msg, func(doc map[string]any) { doc["metadata"].(map[string]any)["id"] = w.freshID() })
		}},
		{"5001", "", voicemail.ErrDamaged, func(msg voicemail.Message) {
			rewrite(msg, func(doc map[string]any) { doc["metadata"].(map[string]any)["region"] = "asia" })
		}},
		{"5001", "", errors.ErrUnsupported, func(msg voicemail.Message) { rewrite(msg, func(doc map[string]any) { doc["v"] = 2 }) }},
		{"5001", "5001", voicemail.ErrDamaged, func(msg voicemail.Message) { far.removeRaw(audio(msg)) }},
		{"5001", "5001", voicemail.ErrDamaged, func(msg voicemail.Message) { far.removeRaw(audio(msg)); far.plant(audio(msg), "short") }},
		{"5002", "5002", voicemail.ErrConflict, func(msg voicemail.Message) {
			w.depositAudio(w.svc.Mailbox("5002"), noise(77), &voicemail.DepositOptions{ID: msg.ID()})
		}},
		{"5002", "5002", voicemail.ErrHeld, func(msg voicemail.Message) { w.mark(msg, keys.Hold+"h"); w.mark(msg, keys.Gone+"g") }},
	} {
		msg := w.pending(us, row.mailbox, noise(50), &voicemail.DepositOptions{ID: w.freshID(), Caller: number()})
		row.do(msg)
		want[msg.ID()] = row.err
		mailboxes = append(mailboxes, row.reported)
	}
	good := w.pending(us, "5001", wav(10), nil)
	for range 3 {
		report := w.sync()
		require.Len(e, report.Kept, len(want))
		for i, k := range report.Kept {
			require.ErrorIs(e, k.Err, want[k.Message], "%d", i)
			require.Equal(e, []any{"us", mailboxes[i]}, []any{k.Region, k.Mailbox}, "%d", i)
		}
		require.Len(e, w.records("us"), len(want))
		require.Equal(e, []voicemail.MessageID{good.ID()}, w.list(us.Mailbox("5001"), nil), "the others come in")
		w.pass(rest)
		w.maintain()
	}
	_, err := w.svc.CreateMailbox(e.ctx, "5009", nil)
	require.NoError(e, err)
	require.Equal(e, 1, w.sync().Synced, "once it has its mailbox, it comes in")
	require.Equal(e, 1, w.counts(us.Mailbox("5009")).New)
}

func syncGone(e *env) {
	w := newWorld(e)
	us := w.in("us")
	for what, kill := range map[string]func(msg voicemail.Message){
		"gone mark": func(msg voicemail.Message) { w.mark(msg, keys.Gone+"erased") },
		"gone mark at a later hop": func(msg voicemail.Message) {
			w.plant(w.keysOf("5001").Mark(keys.Ref{ID: string(msg.ID()), Hop: 2}, keys.Gone+"erased"), "")
		},
		"tombstone": func(msg voicemail.Message) {
			name, err := w.space.Tombstone(string(msg.ID()))
			require.NoError(e, err)
			w.plant(name, "")
		},
	} {
		caller := number()
		msg := w.pending(us, "5001", wav(10), &voicemail.DepositOptions{Caller: caller})
		w.plant(w.keysOf("5001").CallerEntry(w.hash(caller.Reveal()), ref(msg)), "")
		kill(msg)
		require.Equal(e, voicemail.SyncReport{Dropped: 1}, w.sync(), what)
		require.Equal(e, []string{w.space.Region("us")}, w.raw("us").names(""), what)
		require.Empty(e, w.names(w.space.Callers()), what)
		w.invisible(msg, what)
	}
	// Committed and deleted before the record went.
	audio := wav(10)
	opts := &voicemail.DepositOptions{ID: w.freshID(), Caller: number()}
	w.pending(us, "5001", audio, opts)
	msg := w.depositAudio(us.Mailbox("5001"), audio, opts)
	require.NoError(e, msg.Delete(e.ctx))
	require.Equal(e, voicemail.SyncReport{Dropped: 1}, w.sync())
	require.Equal(e, []string{w.space.Region("us")}, w.raw("us").names(""))

	// Committed and moved on.
	opts = &voicemail.DepositOptions{ID: w.freshID(), Caller: number()}
	w.pending(us, "5001", audio, opts)
	moved, err := w.depositAudio(us.Mailbox("5001"), audio, opts).MoveTo(e.ctx, "5002")
	require.NoError(e, err)
	require.Equal(e, voicemail.SyncReport{Dropped: 1}, w.sync())
	require.Equal(e, audio, w.play(moved))
	require.Zero(e, w.counts(us.Mailbox("5001")))
}

func syncForgotten(e *env) {
	w := newWorld(e)
	us := w.in("us")
	caller := number()
	audio := wav(10)
	msg := w.pending(us, "5001", audio, &voicemail.DepositOptions{Caller: caller, Urgent: true})
	mark := keys.Forgetting{Case: strings.Repeat("c", 32), Entry: 1}.Mark()
	w.mark(msg, mark)
	require.Equal(e, 1, w.sync().Synced)
	w.invisible(msg, "restricted")
	require.Zero(e, w.counts(us.Mailbox("5001")))
	w.removeRaw(w.markName(msg, mark))
	require.Equal(e, audio, w.play(w.again(msg)))
	require.True(e, w.state(msg).Urgent, "once that is undone, it is as it was deposited")
}

func syncLate(e *env) {
	w := newWorld(e)
	us := w.in("us")
	caller := number()
	// The index was there when the master region failed at the commit.
	w.faults["eu"].Set(faultstore.Fault{Op: faultstore.Create, Pattern: w.folder() + "box/5001/*." + keys.Meta, Times: faultstore.Always},
		faultstore.Fault{Op: faultstore.Open, Times: faultstore.Always})
	msg := w.deposit(us.Mailbox("5001"), &voicemail.DepositOptions{ID: w.freshID(), Caller: caller, Urgent: true})
	w.up()
	require.True(e, msg.State().Pending)
	require.Len(e, w.names(w.space.Callers()), 1)
	for range 5 {
		w.pass(day)
		w.maintain()
	}
	require.Equal(e, voicemail.SyncReport{Synced: 1}, w.sync())
	require.NotEmpty(e, w.play(w.again(msg)))
	require.Equal(e, []string{place(msg)}, w.find(w.svc, caller.Reveal()))
	w.pass(rest)
	w.maintain()
	require.True(e, w.state(msg).Urgent)
}

func syncTogether(e *env) {
	w := newWorld(e)
	us := w.in("us")
	const many = 12
	for range many {
		w.pending(us, "5001", wav(10), &voicemail.DepositOptions{Caller: number(), Urgent: true})
	}
	services := []*voicemail.Service{w.in("eu"), w.in("us"), w.in("us"), w.in("asia")}
	errs := make([]error, len(services))
	reports := make([]voicemail.SyncReport, len(services))
	together(len(services), func(i int) { reports[i], errs[i] = services[i].Sync(e.ctx) })
	sum := 0
	for i := range services {
		require.NoError(e, errs[i])
		require.Empty(e, reports[i].Kept)
		require.Zero(e, reports[i].Dropped)
		sum += reports[i].Synced
	}
	require.GreaterOrEqual(e, sum, many)
	require.Equal(e, voicemail.Counts{New: many, NewUrgent: many}, w.counts(us.Mailbox("5001")))
	require.Empty(e, w.records("us"))
}

func syncDown(e *env) {
	w := newWorld(e)
	us, asia := w.in("us"), w.in("asia")
	first := w.pending(us, "5001", wav(10), nil)
	second := w.pending(asia, "5001", wav(10), nil)
	svc := w.in("eu")
	w.down("us")
	report, err := svc.Sync(e.ctx)
	w.blames(err, "us", storage.ErrUnavailable, "sync")
	require.Equal(e, voicemail.SyncReport{Synced: 1}, report)
	require.Equal(e, []voicemail.MessageID{second.ID()}, w.list(svc.Mailbox("5001"), nil))
	w.up()
	w.down("eu")
	report, err = svc.Sync(e.ctx)
	w.blames(err, "eu", storage.ErrUnavailable, "sync")
	require.Zero(e, report)
	w.up()
	require.Equal(e, voicemail.SyncReport{Synced: 1}, w.sync())
	require.ElementsMatch(e, []voicemail.MessageID{first.ID(), second.ID()}, w.list(svc.Mailbox("5001"), nil))
}

func syncCancelled(e *env) {
	w := newWorld(e)
	us := w.in("us")
	const many = 6
	for range many {
		w.pending(us, "5001", wav(10), &voicemail.DepositOptions{Caller: number()})
	}
	svc := w.in("eu", func(o *voicemail.Options) { o.Limits.Parallel = 1 })
	ctx, cancel := context.WithCancel(e.ctx)
	w.faults["eu"].Set(faultstore.Fault{Op: faultstore.Create, Pattern: w.folder() + "box/5001/*." + keys.Meta, N: 3, Mode: faultstore.Pass, Wait: func(context.Context, faultstore.Call) error {
		cancel()
		return nil
	}})
	report, err := svc.Sync(ctx)
	w.up()
	require.ErrorIs(e, err, context.Canceled)
	require.Less(e, report.Synced, many)
	w.sync()
	require.Equal(e, many, w.counts(us.Mailbox("5001")).New)
}

func syncMaintain(e *env) {
	w := newWorld(e)
	us := w.in("us")
	msg := w.pending(us, "5001", wav(10), &voicemail.DepositOptions{Caller: number()})
	names := w.keysOf("5001")
	stray := keys.Ref{ID: string(idAt(1))}
	hash := w.hash("x")
	mine := []string{names.CallerEntry(hash, ref(msg)), names.Mark(ref(msg), keys.Urgent), names.Mark(ref(msg), keys.Forget+"case")}
	for _, name := range mine {
		w.plant(name, "")
	}
	for _, name := range []string{names.CallerEntry(hash, stray), names.Mark(stray, keys.Urgent), names.Mark(stray, keys.Forget+"case"), names.Audio(stray, "wav")} {
		w.plant(name, "")
	}
	w.raw("us").plant(names.Audio(stray, "wav"), "")
	w.pass(rest)
	report := w.maintain()
	require.Equal(e, []int{2, 1, 2}, []int{report.Marks, report.Entries, report.Recordings}, "what is nobody's goes, a restriction of what was never committed, too")
	for _, name := range mine {
		require.True(e, w.exists(name))
	}
	require.Len(e, w.raw("us").names(w.space.Media()), 1)
	w.removeRaw(mine...)
	require.Equal(e, 1, w.sync().Synced)
	require.NotEmpty(e, w.play(w.again(msg)))
}

func syncMaintainBlind(e *env) {
	w := newWorld(e)
	names := w.keysOf("5001")
	stray := keys.Ref{ID: string(idAt(1))}
	w.plant(names.CallerEntry(w.hash("x"), stray), "")
	w.plant(names.Mark(stray, keys.Urgent), "")
	w.plant(names.Mark(stray, keys.Forget+"case"), "")
	w.plant(names.Audio(stray, "wav"), "")
	w.raw("us").plant(names.Audio(stray, "wav"), "")
	expired := w.deposit(w.svc.Mailbox("5002"), &voicemail.DepositOptions{Expires: w.clock.now().Add(time.Hour)})
	w.pass(rest)
	svc := w.in("eu")
	w.faults["us"].Set(faultstore.Fault{Op: faultstore.List, Pattern: w.space.Pending(), Times: faultstore.Always})
	report, err := svc.Maintain(e.ctx)
	w.blames(err, "us", storage.ErrUnavailable, "maintain")
	require.ErrorContains(e, err, "pending deposit")
	require.Equal(e, []int{0, 0}, []int{report.Marks, report.Entries})
	require.Equal(e, 1, report.Recordings, "a region that answers is cleaned of its own")
	require.Equal(e, 1, report.Expired, "and what is in its mailbox cannot wait anywhere")
	w.invisible(expired, "expired")
	w.up()
	report = w.maintain()
	require.Equal(e, []int{2, 1, 1}, []int{report.Marks, report.Entries, report.Recordings})
}

func maintainUndone(e *env) {
	w := newWorld(e)
	undone, open, erased := strings.Repeat("a", 32), strings.Repeat("b", 32), strings.Repeat("c", 32)
	w.plant(w.space.CaseEntry(undone, 2), `{"v":1,"kind":"undo"}`)
	w.plant(w.space.CaseEntry(erased, 2), `{"v":1,"kind":"erase"}`)
	mark := func(c string, n int) string { return keys.Forgetting{Case: c, Entry: n}.Mark() }
	w.told()
	for _, row := range []struct {
		marks, left []string
		why         string
	}{
		{[]string{mark(undone, 1)}, nil, "the request was undone"},
		{[]string{mark(undone, 3)}, []string{mark(undone, 3)}, "it was made again"},
		{[]string{mark(undone, 1), mark(open, 1)}, []string{mark(open, 1)}, "another one is open"},
		{[]string{mark(erased, 1)}, []string{mark(erased, 1)}, "the request is carried out"},
		{[]string{keys.Forget + "later"}, []string{keys.Forget + "later"}, "of a later version"},
	} {
		msg := w.deposit(w.svc.Mailbox("5001"), &voicemail.DepositOptions{Caller: number()})
		for _, m := range row.marks {
			w.mark(msg, m)
		}
		w.told()
		report := w.maintain()
		require.Equal(e, len(row.marks)-len(row.left), report.Restrictions, row.why)
		var left []string
		for _, name := range w.names(w.keysOf("5001").Stem(ref(msg))) {
			if m := strings.TrimPrefix(name, w.keysOf("5001").Stem(ref(msg))); m != keys.Meta {
				left = append(left, m)
			}
		}
		slices.Sort(row.left)
		require.Equal(e, row.left, left, row.why)
		if row.left == nil {
			require.Equal(e, []voicemail.EventKind{voicemail.EventUnrestricted}, w.told(), row.why)
			require.NotEmpty(e, w.play(w.again(msg)), row.why)
		} else {
			require.Empty(e, w.told(), row.why)
			w.invisible(msg, row.why)
		}
	}
}
