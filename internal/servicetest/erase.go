package servicetest

import (
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

func deleteRules() []rule {
	return []rule{
		{"DeleteLeavesOnlyTheGoneMarkAndThenATombstone", "deleted means deleted, and a retry must still be recognised", deleteClean},
		{"DeleteTakesNothingElse", "the neighbour's message is not ours to delete", deleteExact},
		{"DeletingTwiceIsNoError", "a click that was lost is clicked again", deleteTwice},
		{"AHeldMessageIsNotDeleted", "a court asked to keep it", deleteHeld},
		{"AHeldMessageWhoseDeletionBrokeOffIsSeenAgain", "a crash must not hide for ever what has to be kept", deleteHeldCrashed},
		{"ADeletionThatFailedIsFinishedWithinHours", "who deleted a message does not wait a day for the recording to go", deleteFailed},
		{"ADeletionThatBrokeOffIsFinished", "half a deletion keeps the caller's number", deleteFinished},
	}
}

func deleteClean(e *env) {
	box := e.mailbox("5001")
	e.deposit(box, nil)
	before := e.tenantNames()
	caller := number().WithName("Zyx Wvut")
	audio := noise(5000)
	msg := e.depositAudio(box, audio, &voicemail.DepositOptions{Caller: caller, Urgent: true, Expires: e.clock.now().Add(time.Hour), CallID: "call-qwxz"})
	require.NoError(e, msg.MarkRead(e.ctx))
	require.NoError(e, msg.Trash(e.ctx))
	// What a later version keeps beside the recording goes with it.
	e.plant(e.keysOf("5001").Audio(ref(msg), "transcript.json"), "Hello, it is me")
	secrets := rawscan.Scan{Numbers: []string{caller.Reveal()}, Audio: [][]byte{audio}, Secrets: []rawscan.Secret{
		{Name: "the caller's name", Bytes: []byte("Zyx Wvut")}, {Name: "the call", Bytes: []byte("call-qwxz")}, {Name: "the transcript", Bytes: []byte("it is me")},
	}}
	e.unclean(secrets)
	require.NoError(e, msg.Delete(e.ctx))
	e.clean(secrets)
	var left []string
	for _, name := range e.tenantNames() {
		if !slices.Contains(before, name) {
			left = append(left, name)
		}
	}
	require.Len(e, left, 1)
	require.True(e, strings.HasPrefix(left[0], e.markName(msg, keys.Gone)), "only the gone mark is left")
	require.Empty(e, e.readRaw(left[0]))
	e.invisible(msg, "deleted")

	e.pass(23 * time.Hour)
	e.maintain()
	require.True(e, e.exists(left[0]), "a late commit is born dead for a day")
	e.pass(rest)
	require.Equal(e, 1, e.maintain().Tombstones)
	tombstone, err := e.space.Tombstone(string(msg.ID()))
	require.NoError(e, err)
	require.ElementsMatch(e, append(before, tombstone), e.tenantNames(), "the tombstone is all that is left")
	require.Empty(e, e.readRaw(tombstone))
	e.clean(secrets)
}

func deleteExact(e *env) {
	box := e.mailbox("5001")
	caller := number()
	var msgs []voicemail.Message
	for i := range 5 {
		msgs = append(msgs, e.depositAudio(box, []byte{1, byte(i)}, &voicemail.DepositOptions{ID: idAt(i), Caller: caller}))
	}
	copied, err := msgs[2].CopyTo(e.ctx, "5001", nil)
	require.NoError(e, err)
	require.NoError(e, msgs[2].Delete(e.ctx))
	require.NoError(e, msgs[0].Delete(e.ctx))
	require.Equal(e, 4, e.counts(box).New)
	for _, msg := range []voicemail.Message{msgs[1], msgs[3], msgs[4], copied} {
		require.NotEmpty(e, e.play(msg))
		require.Contains(e, e.find(e.service(), caller.Reveal()), place(msg))
	}
}

func deleteTwice(e *env) {
	box := e.mailbox("5001")
	msg := e.deposit(box, &voicemail.DepositOptions{Caller: number()})
	same, err := e.open().Mailbox("5001").Message(e.ctx, msg.ID())
	require.NoError(e, err)
	require.NoError(e, msg.Delete(e.ctx))
	require.NoError(e, msg.Delete(e.ctx))
	require.NoError(e, same.Delete(e.ctx), "in another process")
	e.pass(rest)
	e.maintain()
	require.ErrorIs(e, msg.Delete(e.ctx), voicemail.ErrNotFound, "long ago")
	require.Len(e, e.names(e.keysOf("5001").Prefix()), 1, "only the settings are left")

	msg = e.deposit(box, nil)
	errs := make([]error, 4)
	together(len(errs), func(i int) { errs[i] = msg.Delete(e.ctx) })
	for _, err := range errs {
		require.NoError(e, err, "at the same time")
	}
	e.invisible(msg, "deleted")
}

func deleteHeld(e *env) {
	box := e.mailbox("5001")
	e.mailbox("5002")
	msg := e.deposit(box, &voicemail.DepositOptions{Caller: number()})
	e.mark(msg, keys.Hold+"hold1")
	e.mark(msg, keys.Hold+"hold2")
	before := e.tenantNames()
	require.ErrorIs(e, msg.Delete(e.ctx), voicemail.ErrHeld)
	require.Equal(e, before, e.tenantNames())
	_, err := msg.MoveTo(e.ctx, "5002")
	require.ErrorIs(e, err, voicemail.ErrHeld)
	require.True(e, e.state(msg).Held)
	require.NoError(e, msg.MarkRead(e.ctx), "a held message is used as any other")
	require.NoError(e, msg.Trash(e.ctx))
	_, err = msg.CopyTo(e.ctx, "5002", nil)
	require.NoError(e, err)
	e.removeRaw(e.markName(msg, keys.Hold+"hold1"))
	require.ErrorIs(e, msg.Delete(e.ctx), voicemail.ErrHeld, "there is another hold")
	e.removeRaw(e.markName(msg, keys.Hold+"hold2"))
	require.NoError(e, msg.Delete(e.ctx))
}

func deleteHeldCrashed(e *env) {
	msg := e.deposit(e.mailbox("5001"), &voicemail.DepositOptions{Caller: number()})
	e.mark(msg, keys.Hold+"hold1")
	e.mark(msg, keys.Gone+"crashed")
	for range 3 {
		e.pass(rest)
		e.maintain()
	}
	require.True(e, e.state(msg).Held)
	require.NotEmpty(e, e.play(msg))
}

// deleteFailed fails what a deletion does with the recording. The metadata has to outlive it, since it is what Maintain knows the deletion by.
func deleteFailed(e *env) {
	e.mailbox("5001")
	store := faultstore.New(e.store)
	svc, err := e.tryOpen(store)
	require.NoError(e, err)
	media := e.keysOf("5001").Media() + "*"
	for _, fault := range []faultstore.Fault{{Op: faultstore.List, Pattern: media}, {Op: faultstore.Delete, Pattern: media}} {
		caller := number()
		audio := noise(500)
		msg := e.depositAudio(svc.Mailbox("5001"), audio, &voicemail.DepositOptions{Caller: caller})
		store.Set(fault)
		require.ErrorIs(e, msg.Delete(e.ctx), storage.ErrUnavailable)
		require.Equal(e, 1, store.Disturbed(), "%v", fault)
		store.Set()
		e.invisible(msg, "what is deleted is not seen any more, whatever is left of it")
		e.pass(3 * time.Hour)
		require.Equal(e, 1, e.maintain().Deletions)
		e.clean(rawscan.Scan{Numbers: []string{caller.Reveal()}, Audio: [][]byte{audio}})
	}
}

func deleteFinished(e *env) {
	box := e.mailbox("5001")
	e.deposit(box, nil)
	before := e.tenantNames()
	for name, broken := range map[string]func(names keys.Box, r keys.Ref, entry string){
		"after the gone mark": func(keys.Box, keys.Ref, string) {},
		"after the audio":     func(names keys.Box, r keys.Ref, _ string) { e.removeRaw(names.Audio(r, "wav")) },
		"after the metadata":  func(names keys.Box, r keys.Ref, _ string) { e.removeRaw(names.Audio(r, "wav"), names.Meta(r)) },
		"after the index": func(names keys.Box, r keys.Ref, entry string) {
			e.removeRaw(names.Audio(r, "wav"), names.Meta(r), entry)
		},
	} {
		caller := number()
		audio := wav(20)
		msg := e.depositAudio(box, audio, &voicemail.DepositOptions{Caller: caller, Urgent: true})
		entry := e.keysOf("5001").CallerEntry(e.hash(caller.Reveal()), ref(msg))
		e.mark(msg, keys.Gone+"crashed")
		broken(e.keysOf("5001"), ref(msg), entry)
		e.invisible(msg, name)
		e.maintain()
		e.pass(3 * time.Hour)
		e.maintain()
		require.Empty(e, e.names(e.keysOf("5001").MediaStem(ref(msg))), "%s: the recording is still there hours later", name)
		require.False(e, e.exists(e.keysOf("5001").Meta(ref(msg))), name)
		e.pass(rest)
		e.maintain()
		e.pass(rest)
		e.maintain()
		tombstone, err := e.space.Tombstone(string(msg.ID()))
		require.NoError(e, err)
		before = append(before, tombstone)
		require.ElementsMatch(e, before, e.tenantNames(), name)
		e.clean(rawscan.Scan{Numbers: []string{caller.Reveal()}, Audio: [][]byte{audio}})
	}
}
