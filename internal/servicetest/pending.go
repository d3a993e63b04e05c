package servicetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

func pendingRules() []rule {
	return []rule{
		{"ADepositWaitsInItsRegionWhileTheMasterRegionIsDown", "another continent's outage must not cost a message", pendingWaits},
		{"WhereverTheMasterRegionFailsTheDepositWaits", "an outage begins at any moment", pendingAnywhere},
		{"ADepositInTheMasterRegionDoesNotWait", "there is no other place for it", pendingInMaster},
		{"ARefusalOfTheMasterRegionIsNoOutage", "what is forbidden now is forbidden later, and nobody would look", pendingRefused},
		{"ACallerWhoseTimeIsUpIsToldSo", "whoever has given up must not find that the message is there", pendingCancelled},
		{"WithBothRegionsDownTheRecordingIsGivenBack", "it is the only copy", pendingBothDown},
		{"ARetryOfAPendingDepositIsTheSameMessage", "the switch that lost the reply deposits again", pendingRetry},
		{"AnotherRecordingUnderThePendingIDIsRefused", "one of the two would be lost", pendingConflict},
		{"ARetryThatReachesTheMasterRegionLeavesOneMessage", "the outage ends between the two attempts", pendingRetryAfter},
		{"APendingDepositComesInAsAnotherSystemHadIt", "an import goes on during an outage", pendingImported},
		{"ARetryInAnotherRegionLeavesOneMessage", "the switch fails over to the other region and deposits again", pendingRetryElsewhere},
		{"AnIDOfLongAgoDoesNotWait", "what an attempt of long ago left may be taken for garbage any time", pendingOld},
		{"LimitsHoldDuringAnOutageToo", "a line that was never hung up fills a region, too", pendingLimits},
		{"AServiceOpensDuringAnOutageAndTakesMessages", "pods are restarted just when things go wrong", pendingOpen},
		{"NoAudioLiesInARegionThatNobodyRecorded", "a forget request does not know of it", pendingUnrecorded},
		{"AnotherIndexKeyIsFoundOutAfterTheOutage", "half of the index under another key is half a search", pendingOtherKey},
	}
}

func pendingImported(e *env) {
	w := newWorld(e)
	received := w.clock.now().AddDate(-2, 0, 0).UTC()
	msg := w.pending(w.in("us"), "5001", noise(99), &voicemail.DepositOptions{Caller: number(), Read: true, Trashed: true, ReceivedAt: received})
	require.Equal(e, voicemail.State{Pending: true, Read: true, Trashed: true}, msg.State())
	w.sync()
	now := w.again(msg)
	require.True(e, now.State().Read)
	require.True(e, now.State().Trashed)
	require.True(e, now.Envelope().ReceivedAt.Equal(received))
}

func pendingWaits(e *env) {
	w := newWorld(e)
	us := w.in("us")
	caller := number()
	audio := noise(ranged + 9)
	before := w.names("")
	w.told()
	expires := w.clock.now().Add(month).UTC().Truncate(time.Millisecond)
	msg := w.pending(us, "5001", audio, &voicemail.DepositOptions{Caller: caller, CallID: "call-1", Urgent: true, Expires: expires})
	require.Equal(e, []voicemail.EventKind{voicemail.EventPending}, w.told())
	require.Equal(e, voicemail.State{Pending: true, Urgent: true, Expires: expires}, msg.State())
	require.Equal(e, "us", msg.Envelope().Region)
	require.Equal(e, int64(len(audio)), msg.Envelope().Size)
	require.Equal(e, before, w.names(""), "nothing has come to the master region")
	require.Equal(e, []string{w.keysOf("5001").Audio(ref(msg), "bin"), w.space.PendingAt(string(msg.ID())), w.space.Region("us")}, w.raw("us").names(""))
	require.ErrorIs(e, msg.MarkRead(e.ctx), voicemail.ErrNotFound, "it is not in its mailbox")
	require.Zero(e, w.counts(us.Mailbox("5001")))
	require.Empty(e, w.find(us, caller.Reveal()))
	require.NotContains(e, string(w.raw("us").readRaw(w.space.Region("us"))), caller.Reveal())

	w.told()
	require.Equal(e, voicemail.SyncReport{Synced: 1}, w.sync())
	require.Equal(e, []voicemail.EventKind{voicemail.EventSynced}, w.told())
	require.Empty(e, w.records("us"))
	now := w.again(msg)
	require.Equal(e, msg.Envelope(), now.Envelope())
	require.Equal(e, voicemail.State{Urgent: true, Expires: expires}, now.State())
	require.Equal(e, voicemail.Counts{New: 1, NewUrgent: 1}, w.counts(us.Mailbox("5001")))
	require.Equal(e, []string{place(msg)}, w.find(w.svc, caller.Reveal()))
	require.Equal(e, audio, w.play(now))
	require.NoError(e, msg.MarkRead(e.ctx), "the handle of the deposit works, too")
	require.Equal(e, voicemail.SyncReport{}, w.sync(), "there is nothing left to do")
	require.NoError(e, now.Delete(e.ctx))
	require.Equal(e, []string{w.space.Region("us")}, w.raw("us").names(""))
}

// pendingAnywhere lets the master region fail from the n-th call of a deposit on, before its effect and after.
func pendingAnywhere(e *env) {
	w := newWorld(e)
	us := w.in("us")
	for how, opts := range map[string]func() *voicemail.DepositOptions{
		"fresh":    func() *voicemail.DepositOptions { return &voicemail.DepositOptions{Caller: number(), Urgent: true} },
		"withheld": func() *voicemail.DepositOptions { return &voicemail.DepositOptions{} },
		"with an ID": func() *voicemail.DepositOptions {
			return &voicemail.DepositOptions{ID: voicemail.NewMessageID(w.clock.now()), Caller: number(), Urgent: true}
		},
	} {
		for n, more := 1, true; more; n++ {
			for _, mode := range []faultstore.Mode{faultstore.Before, faultstore.After} {
				audio := wav(20)
				o := opts()
				id := voicemail.MailboxID(fmt.Sprintf("%s-%d-%d", how, n, mode))
				w.mailbox(id)
				w.faults["eu"].Set(faultstore.Fault{N: n, Times: faultstore.Always, Mode: mode})
				msg, err := us.Mailbox(id).Deposit(e.ctx, bytes.NewReader(audio), o)
				more = w.faults["eu"].Disturbed() > 0
				w.up()
				require.NoError(e, err, "%s, from call %d on", how, n)
				require.True(e, !more || mode == faultstore.After || msg.State().Pending, "%s, from call %d on", how, n)
				report := w.sync()
				require.Equal(e, msg.State().Pending, report.Synced == 1)
				now := w.again(msg)
				require.Equal(e, audio, w.play(now), "%s, from call %d on", how, n)
				require.Equal(e, o.Urgent, now.State().Urgent)
				require.Equal(e, []voicemail.MessageID{msg.ID()}, w.list(us.Mailbox(id), nil), "%s, from call %d on", how, n)
				e.sound(w.svc)
				require.NoError(e, now.Delete(e.ctx))
			}
		}
	}
	w.pass(rest)
	w.maintain()
	require.Empty(e, w.names(w.space.Callers()), "nothing is left behind")
	require.Empty(e, w.raw("us").names(w.space.Media()))
}

func pendingInMaster(e *env) {
	w := newWorld(e)
	before := w.everything()
	audio := wav(10)
	w.outage(func() {
		_, err := w.svc.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(audio), &voicemail.DepositOptions{Caller: number()})
		w.blames(err, "eu", storage.ErrUnavailable, "the local region is the master region")
		_, back := w.handedBack(err)
		require.Equal(e, audio, back)
	})
	require.Equal(e, before, w.everything())
}

func pendingRefused(e *env) {
	w := newWorld(e)
	us := w.in("us")
	for _, kind := range []error{storage.ErrPermission, storage.ErrCorrupt, storage.ErrClosed} {
		w.faults["eu"].Set(faultstore.Fault{Times: faultstore.Always, Kind: kind})
		_, err := us.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(wav(10)), nil)
		w.up()
		w.blames(err, "eu", kind, "refused")
		w.handedBack(err)
		require.Empty(e, w.records("us"))
	}
	w.faults["eu"].Set(faultstore.Fault{Times: faultstore.Always, Kind: context.DeadlineExceeded})
	msg, err := us.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(wav(10)), nil)
	w.up()
	require.NoError(e, err, "the driver's own bound is an outage")
	require.True(e, msg.State().Pending)
	w.sync()
}

func pendingCancelled(e *env) {
	w := newWorld(e)
	us := w.in("us")
	ctx, cancel := context.WithCancel(e.ctx)
	w.faults["eu"].Set(faultstore.Fault{Times: faultstore.Always, Wait: func(context.Context, faultstore.Call) error { cancel(); return nil }})
	audio := wav(10)
	_, err := us.Mailbox("5001").Deposit(ctx, bytes.NewReader(audio), &voicemail.DepositOptions{Caller: number()})
	w.up()
	require.Error(e, err)
	_, back := w.handedBack(err)
	require.Subset(e, audio, back)
	require.Empty(e, w.records("us"))
}

func pendingBothDown(e *env) {
	w := newWorld(e)
	us := w.in("us")
	audio := wav(10)
	before := w.everything()
	w.down("eu", "us")
	_, err := us.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(audio), &voicemail.DepositOptions{Caller: number()})
	w.up()
	w.blames(err, "us", storage.ErrUnavailable, "the region that could have kept it")
	require.ErrorContains(e, err, "master region eu")
	de, back := w.handedBack(err)
	require.False(e, de.Uncertain)
	require.Equal(e, audio, back)
	require.Equal(e, before, w.everything())
	msg := w.depositAudio(us.Mailbox("5001"), back, &voicemail.DepositOptions{ID: de.ID})
	require.False(e, msg.State().Pending)
}

func (w *world) freshID() voicemail.MessageID { return voicemail.NewMessageID(w.clock.now()) }

func pendingRetry(e *env) {
	w := newWorld(e)
	audio := wav(20)
	opts := &voicemail.DepositOptions{ID: w.freshID(), Caller: number(), Urgent: true}
	msg := w.pending(w.in("us"), "5001", audio, opts)
	before := w.everything()
	w.told()
	for _, svc := range []*voicemail.Service{w.in("us"), w.in("us")} {
		for how, reader := range readers(audio) {
			w.outage(func() {
				again, err := svc.Mailbox("5001").Deposit(e.ctx, reader(), opts)
				require.NoError(e, err, how)
				require.Equal(e, msg.Envelope(), again.Envelope(), how)
				require.Equal(e, msg.State(), again.State(), how)
			})
		}
	}
	require.Empty(e, w.told(), "nothing has changed")
	require.Equal(e, before, w.everything())

	opts.ID = w.freshID()
	svc := w.in("us")
	errs := make([]error, 5)
	w.outage(func() {
		together(len(errs), func(i int) { _, errs[i] = svc.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(audio), opts) })
	})
	for _, err := range errs {
		require.NoError(e, err, "at the same time")
	}
	require.Len(e, w.records("us"), 2)
	require.Equal(e, []voicemail.EventKind{voicemail.EventPending}, w.told())
	require.Equal(e, 2, w.sync().Synced)
	require.Equal(e, voicemail.Counts{New: 2, NewUrgent: 2}, w.counts(w.svc.Mailbox("5001")))
}

func pendingConflict(e *env) {
	w := newWorld(e)
	us := w.in("us")
	audio := wav(20)
	opts := &voicemail.DepositOptions{ID: w.freshID(), Caller: number()}
	msg := w.pending(us, "5001", audio, opts)
	before := w.everything()
	other := *opts
	other.Caller = number()
	refused := func(how string) {
		for what, try := range map[string]struct {
			audio []byte
			opts  *voicemail.DepositOptions
		}{"another recording": {wav(20), opts}, "another kind of recording": {noise(50), opts}, "another caller": {audio, &other}} {
			_, err := us.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(try.audio), try.opts)
			require.ErrorIs(e, err, voicemail.ErrConflict, "%s %s", what, how)
			_, back := w.handedBack(err)
			require.Equal(e, try.audio, back)
		}
	}
	w.outage(func() { refused("during the outage") })
	require.Equal(e, before, w.everything())
	refused("after the outage")
	require.Equal(e, before[len(before)-1], w.everything()[len(w.everything())-1])
	require.Len(e, w.raw("us").names(w.space.Media()), 1, "the other recording is taken back")
	w.sync()
	refused("after the sync")
	require.Equal(e, audio, w.play(w.again(msg)))
	require.Equal(e, 1, w.counts(us.Mailbox("5001")).New)
	require.Len(e, w.names(w.space.Callers()), 1, "the other caller's entry is taken back")
}

func pendingRetryAfter(e *env) {
	w := newWorld(e)
	us := w.in("us")
	audio := wav(20)
	opts := &voicemail.DepositOptions{ID: w.freshID(), Caller: number(), Urgent: true}
	w.pending(us, "5001", audio, opts)
	msg := w.depositAudio(us.Mailbox("5001"), audio, opts)
	require.False(e, msg.State().Pending)
	require.Equal(e, 1, w.counts(us.Mailbox("5001")).New)
	require.NoError(e, msg.SetUrgent(e.ctx, false))
	require.Equal(e, 1, w.sync().Synced)
	require.Empty(e, w.records("us"))
	require.Equal(e, []voicemail.MessageID{msg.ID()}, w.list(us.Mailbox("5001"), nil))
	require.False(e, w.state(msg).Urgent, "what somebody took away since does not come back")
	require.Equal(e, audio, w.play(w.again(msg)))
}

func pendingRetryElsewhere(e *env) {
	w := newWorld(e)
	audio := wav(20)
	opts := &voicemail.DepositOptions{ID: w.freshID(), Caller: number()}
	w.pending(w.in("us"), "5001", audio, opts)
	w.pending(w.in("asia"), "5001", audio, opts)
	msg := w.depositAudio(w.svc.Mailbox("5001"), audio, opts)
	require.Equal(e, "eu", msg.Envelope().Region)
	require.Equal(e, 2, w.sync().Synced)
	require.Equal(e, 1, w.counts(w.svc.Mailbox("5001")).New)
	for _, region := range []string{"us", "asia"} {
		require.Equal(e, []string{w.space.Region(region)}, w.raw(region).names(""), "its copy of the recording goes with the record")
	}

	opts = &voicemail.DepositOptions{ID: w.freshID(), Caller: number()}
	w.pending(w.in("us"), "5002", audio, opts)
	w.pending(w.in("asia"), "5002", audio, opts)
	require.Equal(e, 2, w.sync().Synced, "both wait")
	require.Equal(e, 1, w.counts(w.svc.Mailbox("5002")).New)
	require.Len(e, append(w.raw("us").names(w.space.Media()), w.raw("asia").names(w.space.Media())...), 1)
}

func pendingOld(e *env) {
	w := newWorld(e)
	us := w.in("us")
	audio := wav(20)
	w.outage(func() {
		opts := &voicemail.DepositOptions{ID: voicemail.NewMessageID(w.clock.now().Add(-13 * time.Hour)), Caller: number()}
		_, err := us.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(audio), opts)
		w.blames(err, "eu", storage.ErrUnavailable, "too old")
		_, back := w.handedBack(err)
		require.Equal(e, audio, back)
	})
	require.Empty(e, w.records("us"))
	msg := w.pending(us, "5001", audio, &voicemail.DepositOptions{ID: voicemail.NewMessageID(w.clock.now().Add(-11 * time.Hour))})
	w.sync()
	require.Equal(e, []voicemail.MessageID{msg.ID()}, w.list(us.Mailbox("5001"), nil))
}

func pendingLimits(e *env) {
	w := newWorld(e)
	us := w.in("us", func(o *voicemail.Options) { o.Limits.AudioBytes, o.Limits.Duration = 4000, 100*time.Millisecond })
	w.outage(func() {
		for what, try := range map[string]struct {
			audio io.Reader
			want  error
		}{
			"too large": {bytes.NewReader(noise(4001)), voicemail.ErrTooLarge},
			"too long":  {bytes.NewReader(wav(101)), voicemail.ErrTooLarge},
			"empty":     {bytes.NewReader(nil), voicemail.ErrEmpty},
			"cut":       {cut(wav(50)), errReader},
		} {
			_, err := us.Mailbox("5001").Deposit(e.ctx, try.audio, &voicemail.DepositOptions{Caller: number()})
			require.ErrorIs(e, err, try.want, what)
			w.handedBack(err)
		}
	})
	require.Equal(e, []string{w.space.Region("us")}, w.raw("us").names(""))
}

func pendingOpen(e *env) {
	w := newWorld(e)
	w.in("us")
	caller := number()
	audio := wav(20)
	w.down("eu")
	_, err := w.try("eu")
	w.blames(err, "eu", storage.ErrUnavailable, "a process in the master region itself has nothing to do")
	us := w.in("us")
	msg, err := us.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(audio), &voicemail.DepositOptions{Caller: caller})
	require.NoError(e, err)
	require.True(e, msg.State().Pending)
	for what, do := range map[string]func() error{
		"count":  func() error { _, err := us.Mailbox("5001").Counts(e.ctx); return err },
		"find":   func() error { return w.tryFind(us, caller) },
		"create": func() error { _, err := us.CreateMailbox(e.ctx, "5009", nil); return err },
		"sync":   func() error { _, err := us.Sync(e.ctx); return err },
	} {
		w.blames(do(), "eu", storage.ErrUnavailable, what)
	}
	w.up()
	require.Zero(e, w.counts(us.Mailbox("5001")))
	report, err := us.Sync(e.ctx)
	require.NoError(e, err)
	require.Equal(e, voicemail.SyncReport{Synced: 1}, report, "the Service that opened during the outage can do everything now")
	require.Equal(e, []string{place(msg)}, w.find(us, caller.Reveal()))
	require.Equal(e, []string{place(msg)}, w.find(w.svc, caller.Reveal()), "it is indexed under the tenant's key")
	other := w.depositAudio(us.Mailbox("5002"), audio, &voicemail.DepositOptions{Caller: caller})
	require.False(e, other.State().Pending)
}

// tryFind returns the error of a search.
func (e *env) tryFind(svc *voicemail.Service, caller voicemail.CallerID) error {
	for _, err := range svc.FindByCaller(e.ctx, caller) {
		return err
	}
	return nil
}

func pendingUnrecorded(e *env) {
	w := newWorld(e)
	w.down("eu")
	us := w.in("us") // for the first time
	audio := wav(20)
	opts := &voicemail.DepositOptions{Caller: number()}
	_, err := us.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(audio), opts)
	require.ErrorIs(e, err, storage.ErrUnavailable)
	require.ErrorContains(e, err, `no record of the region "us"`)
	_, back := w.handedBack(err)
	require.Equal(e, audio, back)
	require.Empty(e, w.raw("us").names(""))
	w.up()
	for _, mailbox := range []voicemail.MailboxID{"5001", "5002"} {
		msg := w.depositAudio(us.Mailbox(mailbox), audio, &voicemail.DepositOptions{})
		require.False(e, msg.State().Pending)
		require.True(e, w.exists(w.space.Region("us")), "it is recorded before the first audio goes there, of a withheld caller, too")
	}
	w.pending(us, "5001", audio, opts)
	w.sync()

	// The region that records it fails when the mark is to be made; the Service knows all the same.
	w.faults["asia"].Set(faultstore.Fault{Times: faultstore.Always})
	asia := w.in("asia")
	w.up()
	require.Empty(e, w.raw("asia").names(""))
	w.pending(asia, "5001", audio, opts)
	require.True(e, w.raw("asia").exists(w.space.Region("asia")), "and makes it before the first deposit waits there")
	w.sync()
}

func pendingOtherKey(e *env) {
	w := newWorld(e)
	w.in("us")
	w.down("eu")
	us := w.in("us", func(o *voicemail.Options) { o.IndexKey = []byte("another key than the tenant's") })
	w.up()
	caller := number()
	require.ErrorIs(e, w.tryFind(us, caller), voicemail.ErrIndexKey)
	_, err := us.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(wav(10)), &voicemail.DepositOptions{Caller: caller})
	require.ErrorIs(e, err, voicemail.ErrIndexKey)
	w.handedBack(err)
	_, err = us.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(wav(10)), nil)
	require.ErrorIs(e, err, voicemail.ErrIndexKey, "of a withheld caller, too")
	w.handedBack(err)
	require.Empty(e, w.names(w.space.Callers()))
}
