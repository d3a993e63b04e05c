package servicetest

import (
	"bytes"
	"io"
	"strings"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
)

func retryRules() []rule {
	return []rule{
		{"ARetriedDepositIsOneMessage", "a switch that lost the reply deposits again", retrySame},
		{"AtOnceRetriedDepositsAreOneMessage", "two servers may both believe that the other has died", retryRace},
		{"ARetryChangesNothingOfTheMessage", "a late retry must not undo what an agent did meanwhile", retryMarks},
		{"AnIDUsedForAnotherRecordingIsAConflict", "the first caller's message must not be taken for the second's", retryConflict},
		{"AConflictLeavesNothingOfTheSecondRecording", "what is left beside a message would be counted, and outlive its caller's request", retryConflictClean},
		{"ADeletedMessageIsNotDepositedAgain", "a retry must not bring back what an agent, or the law, deleted", retryDeleted},
		{"AMovedMessageIsNotDepositedAgain", "a retry would double the message in the mailbox that it left", retryMoved},
		{"ARetryLongAfterAFailureIsRefused", "what the first attempt left may be cleaned away under the second", retryStale},
	}
}

// readers are the ways in which a recording arrives: complete, and while the caller still speaks.
func readers(audio []byte) map[string]func() io.Reader {
	return map[string]func() io.Reader{
		"complete": func() io.Reader { return bytes.NewReader(audio) },
		"live":     func() io.Reader { return iotest.OneByteReader(bytes.NewReader(audio)) },
	}
}

func retrySame(e *env) {
	box := e.mailbox("5001")
	audio := wav(50)
	opts := &voicemail.DepositOptions{ID: idAt(0), Caller: number(), CallID: "c", Urgent: true}
	msg := e.depositAudio(box, audio, opts)
	before := e.tenantNames()
	for how, r := range readers(audio) {
		e.pass(3 * day) // a retry may come when a broken link is back
		e.maintain()
		for name, b := range map[string]voicemail.Mailbox{"same process": box, "another one": e.open().Mailbox("5001")} {
			got, err := b.Deposit(e.ctx, r(), opts)
			require.NoError(e, err, "%s, %s", how, name)
			require.Equal(e, msg.ID(), got.ID())
			require.Equal(e, msg.Envelope().ReceivedAt, got.Envelope().ReceivedAt, "the stored message is returned")
			require.True(e, got.State().Urgent)
		}
	}
	require.Equal(e, before, e.tenantNames(), "a retry stores nothing")
	require.Equal(e, voicemail.Counts{New: 1, NewUrgent: 1}, e.counts(box))
}

func retryRace(e *env) {
	e.mailbox("5001")
	const many = 5
	audio := wav(50)
	opts := &voicemail.DepositOptions{ID: idAt(0), Caller: number(), Urgent: true}
	boxes := make([]voicemail.Mailbox, many)
	for i := range boxes {
		boxes[i] = e.open().Mailbox("5001")
	}
	errs := make([]error, many)
	together(many, func(i int) {
		_, errs[i] = boxes[i].Deposit(e.ctx, bytes.NewReader(audio), opts)
	})
	for _, err := range errs {
		require.NoError(e, err)
	}
	require.Equal(e, voicemail.Counts{New: 1, NewUrgent: 1}, e.counts(e.service().Mailbox("5001")))
	require.Len(e, e.names(e.space.Media()), 1)
	require.Len(e, e.names(e.space.Callers()), 1)
}

func retryMarks(e *env) {
	box := e.mailbox("5001")
	audio := wav(20)
	for how, r := range readers(audio) {
		for name, caller := range map[string]voicemail.CallerID{"known": number(), "withheld": {}} {
			opts := &voicemail.DepositOptions{ID: voicemail.NewMessageID(e.clock.now()), Caller: caller, Urgent: true, Expires: e.clock.now().Add(day)}
			msg := e.depositAudio(box, audio, opts)
			require.NoError(e, msg.SetUrgent(e.ctx, false))
			require.NoError(e, msg.SetExpiry(e.ctx, time.Time{}))
			require.NoError(e, msg.MarkRead(e.ctx))
			got, err := box.Deposit(e.ctx, r(), opts)
			require.NoError(e, err)
			require.Equal(e, msg.ID(), got.ID())
			now := e.state(msg)
			require.False(e, now.Urgent, "%s, %s: a retry made the message urgent again", how, name)
			require.Zero(e, now.Expires, "%s, %s: a retry lets the message expire after all", how, name)
			require.True(e, now.Read, "%s, %s", how, name)
		}
	}
}

func retryConflict(e *env) {
	box := e.mailbox("5001")
	audio := wav(20)
	caller := number()
	id := idAt(0)
	msg := e.depositAudio(box, audio, &voicemail.DepositOptions{ID: id, Caller: caller, CallID: "c"})
	other := wav(20)
	for name, try := range map[string]struct {
		audio []byte
		opts  voicemail.DepositOptions
	}{
		"another recording":         {other, voicemail.DepositOptions{Caller: caller, CallID: "c", Urgent: true}},
		"a longer recording":        {append(bytes.Clone(audio), 0), voicemail.DepositOptions{Caller: caller, CallID: "c"}},
		"of another type":           {[]byte("no audio"), voicemail.DepositOptions{Caller: caller, CallID: "c"}},
		"of another caller":         {audio, voicemail.DepositOptions{Caller: number(), CallID: "c", Urgent: true}},
		"of a withheld caller":      {audio, voicemail.DepositOptions{CallID: "c", Urgent: true}},
		"of another call":           {audio, voicemail.DepositOptions{Caller: caller, CallID: "d"}},
		"all of it another message": {other, voicemail.DepositOptions{Caller: number(), CallID: "d", Expires: e.clock.now().Add(day)}},
	} {
		for how, r := range readers(try.audio) {
			opts := try.opts
			opts.ID = id
			_, err := box.Deposit(e.ctx, r(), &opts)
			require.ErrorIs(e, err, voicemail.ErrConflict, "%s, %s", name, how)
			de, back := e.handedBack(err)
			require.Equal(e, try.audio, back, name)
			require.Equal(e, id, de.ID)
			require.Zero(e, e.state(msg), "%s, %s: the message that is there changed", name, how)
		}
	}
	require.Equal(e, audio, e.play(msg))
	require.Equal(e, voicemail.Counts{New: 1}, e.counts(box))
	require.Equal(e, []string{place(msg)}, e.find(e.service(), caller.Reveal()))
}

func retryConflictClean(e *env) {
	box := e.mailbox("5001")
	id := idAt(0)
	e.depositAudio(box, wav(20), &voicemail.DepositOptions{ID: id, Caller: number()})
	before := e.tenantNames()
	second := []byte("another recording, of another type")
	for how, r := range readers(second) {
		for name, caller := range map[string]voicemail.CallerID{"known": number(), "withheld": {}} {
			_, err := box.Deposit(e.ctx, r(), &voicemail.DepositOptions{ID: id, Caller: caller})
			require.ErrorIs(e, err, voicemail.ErrConflict)
			e.handedBack(err)
			e.pass(rest)
			e.maintain()
			require.Equal(e, before, e.tenantNames(), "%s, %s", how, name)
		}
	}
}

func retryDeleted(e *env) {
	box := e.mailbox("5001")
	audio := wav(20)
	caller := number()
	opts := &voicemail.DepositOptions{ID: idAt(0), Caller: caller, Urgent: true}
	require.NoError(e, e.depositAudio(box, audio, opts).Delete(e.ctx))
	gone := func(when string) {
		e.Helper()
		before := e.tenantNames()
		for how, r := range readers(audio) {
			_, err := box.Deposit(e.ctx, r(), opts)
			require.ErrorIs(e, err, voicemail.ErrGone, "%s, %s", when, how)
			_, back := e.handedBack(err)
			require.Equal(e, audio, back)
			require.Equal(e, before, e.tenantNames(), "%s, %s: the retry left something", when, how)
		}
		require.Zero(e, e.counts(box))
		require.Empty(e, e.find(e.service(), caller.Reveal()))
	}
	gone("deleted")
	e.pass(rest)
	e.maintain()
	gone("long ago")
	tombstone, err := e.space.Tombstone(string(opts.ID))
	require.NoError(e, err)
	require.True(e, e.exists(tombstone))
	for _, name := range e.tenantNames() {
		require.True(e, name == tombstone || !strings.Contains(name, string(opts.ID)), "only the tombstone is left")
	}
}

func retryMoved(e *env) {
	from, to := e.mailbox("5001"), e.mailbox("5002")
	audio := wav(20)
	opts := &voicemail.DepositOptions{ID: idAt(0), Caller: number()}
	msg, err := e.depositAudio(from, audio, opts).MoveTo(e.ctx, "5002")
	require.NoError(e, err)
	gone := func(when string, in voicemail.MessageID, where voicemail.Mailbox) {
		e.Helper()
		for how, r := range readers(audio) {
			_, err := from.Deposit(e.ctx, r(), opts)
			require.ErrorIs(e, err, voicemail.ErrGone, "%s, %s", when, how)
			e.handedBack(err)
			e.sound(e.service())
			require.Equal(e, []voicemail.MessageID{in}, e.list(where, nil), when)
		}
	}
	gone("moved away", msg.ID(), to)
	e.pass(rest)
	e.maintain()
	gone("moved away long ago", msg.ID(), to)
	msg, err = msg.MoveTo(e.ctx, "5001")
	require.NoError(e, err)
	gone("moved back", msg.ID(), from)
	e.pass(rest)
	e.maintain()
	gone("moved back long ago", msg.ID(), from)
}

func retryStale(e *env) {
	box := e.mailbox("5001")
	audio := wav(20)
	opts := &voicemail.DepositOptions{ID: idAt(0), Caller: number()}
	entry := e.keysOf("5001").CallerEntry(e.hash(opts.Caller.Reveal()), keys.Ref{ID: string(opts.ID)})
	e.plant(entry, "")
	e.depositAudio(box, audio, opts)

	opts = &voicemail.DepositOptions{ID: idAt(1), Caller: number()}
	entry = e.keysOf("5001").CallerEntry(e.hash(opts.Caller.Reveal()), keys.Ref{ID: string(opts.ID)})
	e.plant(entry, "")
	e.pass(13 * time.Hour)
	_, err := box.Deposit(e.ctx, bytes.NewReader(audio), opts)
	require.ErrorIs(e, err, voicemail.ErrConflict)
	e.handedBack(err)
	require.Equal(e, 1, e.counts(box).New)

	// Once it was cleaned away, the ID is as good as new.
	e.pass(day)
	e.maintain()
	require.False(e, e.exists(entry))
	e.depositAudio(box, audio, opts)
}
