package servicetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

func checkRules() []rule {
	return []rule{
		{"APassThatIsBrokenOffGoesOnWhereItWas", "a large tenant is looked at over many nights", checkResumed},
		{"APassReadsNoMoreAudioThanItMay", "reading every byte of a cloud costs money", checkBounded},
		{"WhatCannotBeCheckedIsRefused", "a pass over nothing would be a clean one", checkRefused},
		{"WithARegionDownNothingIsJudgedThatItMayKnow", "what lies in a region that does not answer is not missing", checkRegionDown},
		{"ADamagedPendingDepositIsFound", "it makes every forget request fail until somebody removes it", checkPending},
		{"NothingIsTakenAwayThatAPendingDepositNeeds", "it was acknowledged, and its audio is the only copy", checkWaiting},
		{"ARecordingBesideADamagedOneIsKept", "it may be what was deposited", checkSecond},
		{"ARepairThatFailedIsRepeated", "a storage may fail at any call", repairFaults},
	}
}

// wrecks damages something in each of several mailboxes and beside them, and returns how many findings that makes.
func wrecks(e *env) int {
	e.Helper()
	n := 0
	for i := range 4 {
		id := voicemail.MailboxID(fmt.Sprintf("50%02d", i))
		box := e.mailboxWith(id, &voicemail.Settings{Owner: voicemail.User("agent7")})
		names := e.keysOf(id)
		caller := number()
		for range 4 {
			e.deposit(box, &voicemail.DepositOptions{Caller: caller})
		}
		mute, lost := e.deposit(box, &voicemail.DepositOptions{Caller: caller}), e.deposit(box, &voicemail.DepositOptions{Caller: caller})
		half := e.deposit(box, nil)
		e.removeRaw(names.Audio(ref(mute), "wav"), names.CallerEntry(e.hash(caller.Reveal()), ref(lost)))
		e.mark(half, keys.Gone+"crashed")
		stray := keys.Ref{ID: string(idAt(i))}
		e.plant(names.Mark(stray, keys.Read), "")
		e.plant(names.Audio(stray, "wav"), "left")
		e.plant(names.CallerEntry(e.hash("x"), stray), "")
		n += 6
	}
	e.removeRaw(e.names(e.space.Owners())...)
	e.pass(rest)
	return n + 4
}

func sorted(fs []voicemail.Finding) []string {
	var all []string
	for _, f := range fs {
		all = append(all, f.String())
	}
	slices.Sort(all)
	return all
}

func checkResumed(e *env) {
	n := wrecks(e)
	whole := sorted(e.findings(e.service().Check(e.ctx, nil)))
	require.Len(e, whole, n)
	var at []voicemail.CheckPosition
	var last voicemail.CheckProgress
	e.findings(e.svc.Check(e.ctx, &voicemail.CheckOptions{Progress: func(p voicemail.CheckProgress) { at, last = append(at, p.Position), p }}))
	require.True(e, last.Done)
	require.Empty(e, last.Position)
	require.Equal(e, []int{4, 24}, []int{last.Mailboxes, last.Messages}, "of the seven of each one is half deleted")
	require.Greater(e, len(at), 8)

	// Broken off at every position, a pass and the one that goes on behind it yield everything once.
	for i := range at {
		ctx, cancel := context.WithCancel(e.ctx)
		var both []voicemail.Finding
		var stopped voicemail.CheckProgress
		told := 0
		for f, err := range e.svc.Check(ctx, &voicemail.CheckOptions{Progress: func(p voicemail.CheckProgress) {
			if told++; told == i+1 {
				stopped = p
				cancel()
			}
		}}) {
			if err != nil {
				require.ErrorIs(e, err, context.Canceled)
				continue
			}
			both = append(both, f)
		}
		cancel()
		if !stopped.Done {
			both = append(both, e.findings(e.svc.Check(e.ctx, &voicemail.CheckOptions{After: stopped.Position}))...)
		}
		require.Equal(e, whole, sorted(both), "broken off at %q", stopped.Position)
	}
	for range e.svc.Check(e.ctx, nil) {
		break
	}
	require.Len(e, e.findings(e.svc.Repair(e.ctx, nil)), n)
	require.Empty(e, e.findings(e.svc.Check(e.ctx, nil)))
}

func checkBounded(e *env) {
	box := e.mailbox("5001")
	var size int64
	for range 30 {
		size = e.deposit(box, nil).Envelope().Size
	}
	opts := &voicemail.CheckOptions{Audio: voicemail.AudioDigest}
	var sum int64
	var messages, passes int
	for done := false; !done; passes++ {
		require.Less(e, passes, 100)
		var last voicemail.CheckProgress
		opts.Bytes = 7 * size
		if passes%2 == 1 {
			opts.Bytes = 1
		}
		opts.Progress = func(p voicemail.CheckProgress) { last = p }
		require.Empty(e, e.findings(e.service().Check(e.ctx, opts)))
		require.LessOrEqual(e, last.Bytes, max(opts.Bytes, size))
		sum, messages, done, opts.After = sum+last.Bytes, messages+last.Messages, last.Done, last.Position
	}
	require.Equal(e, 30*size, sum, "every byte is read once")
	require.Equal(e, 30, messages)
	require.Equal(e, 7, passes, "seven messages and one, in turn")
}

func checkRefused(e *env) {
	e.mailbox("5001")
	for _, o := range []voicemail.CheckOptions{{Audio: 9}, {Bytes: -1}, {After: "moon/5001"}, {After: "media-mars/5001/"}} {
		n := 0
		for _, err := range e.service().Check(e.ctx, &o) {
			require.ErrorIs(e, err, voicemail.ErrInvalid)
			n++
		}
		require.Equal(e, 1, n)
	}
}

func checkRegionDown(e *env) {
	w := newWorld(e)
	us := w.in("us")
	w.depositAudio(us.Mailbox("5001"), wav(20), &voicemail.DepositOptions{Caller: number()})
	kept := w.deposit(w.svc.Mailbox("5001"), &voicemail.DepositOptions{Caller: number()})
	names := w.keysOf("5001")
	stray := keys.Ref{ID: string(idAt(1))}
	w.plant(names.Mark(stray, keys.Read), "")
	w.plant(names.CallerEntry(w.hash("x"), stray), "")
	w.raw("us").plant(names.Audio(stray, "wav"), "left")
	w.removeRaw(names.Audio(ref(kept), "wav"))
	w.pass(rest)
	before := w.everything()
	w.down("us")
	var found []voicemail.Finding
	var errs []error
	for f, err := range w.svc.Repair(w.ctx, nil) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, f)
	}
	require.Len(e, errs, 1, "told once")
	w.blames(errs[0], "us", storage.ErrUnavailable, "repair")
	require.Len(e, found, 1, "what lies in another region is as damaged as ever")
	require.Equal(e, []any{voicemail.FoundAudioMissing, kept.ID(), "eu"}, []any{found[0].Kind, found[0].Message, found[0].Region})
	w.up()
	w.removeRaw(names.Mark(ref(kept), keys.Quarantine))
	require.Equal(e, before, w.everything(), "nothing was taken away")

	w.down("eu")
	for _, err := range w.svc.Check(w.ctx, nil) {
		w.blames(err, "eu", storage.ErrUnavailable, "check")
	}
	w.up()
	require.Len(e, w.findings(w.svc.Repair(w.ctx, nil)), 4)
	require.Empty(e, w.findings(w.svc.Check(w.ctx, nil)))
	w.damaged = true
}

func checkPending(e *env) {
	w := newWorld(e)
	us := w.in("us")
	msg := w.pending(us, "5001", wav(20), &voicemail.DepositOptions{Caller: number()})
	require.Empty(e, w.findings(w.svc.Repair(w.ctx, nil)), "a deposit that waits is no damage")
	record := w.space.PendingAt(string(msg.ID()))
	doc := string(w.raw("us").readRaw(record))
	audio := w.keysOf("5001").Audio(ref(msg), "wav")
	recording := string(w.raw("us").readRaw(audio))
	for _, wrong := range []string{"{", `{"v":9}`, strings.Replace(doc, string(msg.ID()), string(idAt(1)), 1), strings.Repeat(" ", 2<<20)} {
		w.raw("us").removeRaw(record)
		w.raw("us").plant(record, wrong)
		found := w.findings(w.svc.Repair(w.ctx, nil))
		require.Len(e, found, 1)
		require.Equal(e, []any{voicemail.FoundPendingDamaged, msg.ID(), "us", voicemail.ActionNone}, []any{found[0].Kind, found[0].Message, found[0].Region, found[0].Action})
		require.Error(e, found[0].Err)
		require.Equal(e, wrong, string(w.raw("us").readRaw(record)), "a human has to decide")
	}
	w.raw("us").removeRaw(record)
	w.raw("us").plant(record, doc)
	w.raw("us").removeRaw(audio)
	found := w.findings(w.svc.Check(w.ctx, nil))
	require.Len(e, found, 1)
	require.Equal(e, []any{voicemail.FoundPendingDamaged, voicemail.MailboxID("5001")}, []any{found[0].Kind, found[0].Mailbox})
	w.raw("us").plant(audio, recording)
	require.Empty(e, w.findings(w.svc.Check(w.ctx, nil)))
	require.Equal(e, voicemail.SyncReport{Synced: 1}, w.sync())
}

func checkWaiting(e *env) {
	w := newWorld(e)
	us := w.in("us")
	audio := wav(20)
	caller := number()
	msg := w.pending(us, "5001", audio, &voicemail.DepositOptions{Caller: caller, Urgent: true})
	names := w.keysOf("5001")
	w.plant(names.CallerEntry(w.hash(caller.Reveal()), ref(msg)), "") // the master region failed just then
	w.plant(names.Mark(ref(msg), keys.Urgent), "")
	w.pass(rest)
	before := w.everything()
	require.Empty(e, w.findings(w.svc.Repair(w.ctx, &voicemail.CheckOptions{Audio: voicemail.AudioDigest})))
	require.Equal(e, before, w.everything())
	require.Equal(e, voicemail.SyncReport{Synced: 1}, w.sync())
	require.Equal(e, audio, w.play(w.again(msg)))
	require.Empty(e, w.findings(w.svc.Check(w.ctx, nil)))
}

func checkSecond(e *env) {
	v := newVictim(e)
	other := v.names.Audio(v.ref, "mp3")
	v.plant(other, "what was deposited")
	v.removeRaw(v.audioName())
	v.pass(rest)
	all := &voicemail.CheckOptions{Audio: voicemail.AudioDigest}
	var kinds []voicemail.FindingKind
	for _, f := range v.findings(v.svc.Repair(v.ctx, all)) {
		kinds = append(kinds, f.Kind)
		if f.Kind == voicemail.FoundAudioOrphaned {
			require.ErrorIs(e, f.Err, voicemail.ErrConflict)
			require.Empty(e, f.Action)
		}
	}
	require.Equal(e, []voicemail.FindingKind{voicemail.FoundAudioMissing, voicemail.FoundAudioOrphaned}, kinds)
	require.True(e, v.exists(other))
}

// repairFaults fails each call of a Repair, or a share of them. Whatever happens, the next one mends the rest, and after days and Maintain all is as without a fault.
func repairFaults(e *env) {
	run := func(tenant string, fault *faultstore.Fault) (left []string, calls int, struck bool) {
		n := newEnv(e.ctx, e.T, e.store, tenant, e.opts)
		wreckOne(n)
		faults := faultstore.New(n.store)
		svc, err := n.tryOpen(faults, func(o *voicemail.Options) { o.Limits.Parallel = 1 })
		require.NoError(e, err)
		faults.Reset()
		if fault != nil {
			faults.Set(*fault)
		}
		for f, err := range svc.Repair(n.ctx, nil) {
			require.True(e, fault != nil || f.Action != "" && err == nil, "%v %v", f, err)
		}
		calls, struck = len(faults.Calls()), faults.Disturbed() > 0
		faults.Set()
		for f, err := range svc.Repair(n.ctx, nil) {
			require.NoError(e, err)
			require.NotEmpty(e, f.Action, "%v", f)
		}
		require.Empty(e, n.findings(n.service().Check(n.ctx, nil)), "%v", fault)
		n.sound(n.service())
		return (&fixture{env: n}).settle(), calls, struck
	}
	want, calls, _ := run("whole", nil)
	for i := 1; i <= calls; i++ {
		for k, mode := range []faultstore.Mode{faultstore.Before, faultstore.After} {
			if (i+k)%e.opts.Every != 0 {
				continue
			}
			left, _, struck := run(fmt.Sprintf("fault-%d-%d", i, k), &faultstore.Fault{N: i, Mode: mode})
			require.True(e, struck)
			require.Equal(e, want, left, "call %d", i)
		}
	}
}

// wreckOne damages one mailbox in many ways.
func wreckOne(e *env) {
	e.Helper()
	box := e.mailboxWith("5001", &voicemail.Settings{Owner: voicemail.User("agent7")})
	e.mailbox("5002")
	names := e.keysOf("5001")
	var msgs []voicemail.Message
	for i := range 5 {
		msgs = append(msgs, e.deposit(box, &voicemail.DepositOptions{ID: fixedID(i + 1), Caller: voicemail.ParseCallerID("+15550100")}))
	}
	e.removeRaw(names.Audio(ref(msgs[0]), "wav"), names.CallerEntry(e.hash("+15550100"), ref(msgs[1])))
	e.mark(msgs[2], keys.Gone+"crashed")
	e.plant(e.markName(msgs[3], keys.Move), `{"to":"5002","nonce":"crashed"}`)
	stray := keys.Ref{ID: string(fixedID(9))}
	e.plant(names.Mark(stray, keys.Read), "")
	e.plant(names.Audio(stray, "wav"), "left")
	e.plant(names.CallerEntry(e.hash("x"), stray), "")
	e.removeRaw(e.names(e.space.Owners())...)
	e.plant(names.SettingsAt(keys.Revision{Gen: 1, Rev: 1}), "{")
	e.pass(rest)
}
