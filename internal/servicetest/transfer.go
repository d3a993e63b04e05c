package servicetest

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

func copyRules() []rule {
	return []rule{
		{"ACopyIsANewUnreadMessageOfTheSameCaller", "a forwarded message must be forgotten with its caller", copyWhole},
		{"ACopyWithAGivenIDIsMadeOnce", "a click that was lost is clicked again", copyRepeated},
		{"AnIDThatWasUsedIsNoCopys", "two messages of one ID are one to every search", copyUsedID},
		{"ACopyMeetsTheDestinationsQuota", "forwarding must not be the way around a full mailbox", copyQuota},
	}
}

func copyWhole(e *env) {
	from, to := e.mailbox("5001"), e.mailbox("5002")
	caller := number().WithName("Ann")
	audio := noise(ranged + 77)
	msg := e.depositAudio(from, audio, &voicemail.DepositOptions{
		ID: idAt(0), Caller: caller, Called: number(), CallID: "c", Urgent: true, Expires: e.clock.now().Add(day), Attributes: map[string]string{"k": "v"},
	})
	require.NoError(e, msg.MarkRead(e.ctx))
	require.NoError(e, msg.Trash(e.ctx))
	e.pass(time.Hour)
	for _, dest := range []voicemail.Mailbox{to, from} {
		copied, err := msg.CopyTo(e.ctx, dest.ID(), nil)
		require.NoError(e, err)
		require.NotEqual(e, msg.ID(), copied.ID())
		want := msg.Envelope()
		want.ID, want.Mailbox, want.CopiedFrom = copied.ID(), dest.ID(), &voicemail.Origin{Mailbox: "5001", Message: msg.ID()}
		for _, got := range []voicemail.Message{copied, e.again(copied)} {
			sameEnvelope(e, want, got.Envelope())
			require.Equal(e, voicemail.State{Urgent: true}, got.State(), "a copy is new, does not expire, and is no less urgent")
			require.Equal(e, audio, e.play(got))
		}
		require.Contains(e, e.find(e.service(), caller.Reveal()), place(copied))
		again, err := copied.CopyTo(e.ctx, dest.ID(), nil)
		require.NoError(e, err)
		require.Equal(e, &voicemail.Origin{Mailbox: dest.ID(), Message: copied.ID()}, again.Envelope().CopiedFrom, "of a copy's copy the origin is the copy")
		require.NoError(e, again.Delete(e.ctx))
	}
	require.NoError(e, msg.Delete(e.ctx))
	require.Equal(e, voicemail.Counts{New: 1, NewUrgent: 1}, e.counts(to), "a copy outlives its origin")
	require.Equal(e, voicemail.Counts{New: 1, NewUrgent: 1}, e.counts(from))
	e.pass(rest)
	e.maintain()
	require.Equal(e, audio, e.play(e.again(e.one(to))))
}

// one returns the only message of a mailbox.
func (e *env) one(box voicemail.Mailbox) voicemail.Message {
	e.Helper()
	ids := e.list(box, nil)
	require.Len(e, ids, 1)
	msg, err := box.Message(e.ctx, ids[0])
	require.NoError(e, err)
	return msg
}

func sameEnvelope(e *env, want, got voicemail.Envelope) {
	e.Helper()
	for _, pair := range [][2]voicemail.CallerID{{want.Caller, got.Caller}, {want.Called, got.Called}, {want.Redirecting, got.Redirecting}} {
		require.Equal(e, []string{pair[0].Reveal(), pair[0].RevealName()}, []string{pair[1].Reveal(), pair[1].RevealName()})
	}
	want.Caller, want.Called, want.Redirecting = got.Caller, got.Called, got.Redirecting
	require.Equal(e, want, got)
}

func copyRepeated(e *env) {
	from, to := e.mailbox("5001"), e.mailbox("5002")
	msg := e.deposit(from, &voicemail.DepositOptions{Caller: number()})
	opts := &voicemail.CopyOptions{ID: idAt(5)}
	for range 2 {
		copied, err := msg.CopyTo(e.ctx, "5002", opts)
		require.NoError(e, err)
		require.Equal(e, opts.ID, copied.ID())
		require.Equal(e, 1, e.counts(to).New)
	}
	other := e.deposit(from, &voicemail.DepositOptions{Caller: number()})
	_, err := other.CopyTo(e.ctx, "5002", opts)
	require.ErrorIs(e, err, voicemail.ErrConflict, "the ID is another recording's")
	errs := make([]error, 4)
	opts = &voicemail.CopyOptions{ID: idAt(6)}
	together(len(errs), func(i int) { _, errs[i] = msg.CopyTo(e.ctx, "5002", opts) })
	require.NoError(e, errors.Join(errs...), "at the same time")
	require.Equal(e, 2, e.counts(to).New)
	_, err = msg.CopyTo(e.ctx, "5002", &voicemail.CopyOptions{ID: "x"})
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	_, err = msg.CopyTo(e.ctx, "", nil)
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	require.Equal(e, 2, e.counts(to).New)
}

func copyUsedID(e *env) {
	from, to := e.mailbox("5001"), e.mailbox("5002")
	msg := e.deposit(from, &voicemail.DepositOptions{Caller: number()})
	opts := &voicemail.CopyOptions{ID: idAt(5)}
	copied, err := msg.CopyTo(e.ctx, "5002", opts)
	require.NoError(e, err)
	require.NoError(e, copied.Delete(e.ctx))
	_, err = msg.CopyTo(e.ctx, "5002", opts)
	require.ErrorIs(e, err, voicemail.ErrGone)
	e.pass(rest)
	e.maintain()
	_, err = msg.CopyTo(e.ctx, "5002", opts)
	require.ErrorIs(e, err, voicemail.ErrGone, "also by its tombstone")
	require.Zero(e, e.counts(to))
	for _, dest := range []voicemail.MailboxID{"5001", "5002"} {
		_, err = msg.CopyTo(e.ctx, dest, &voicemail.CopyOptions{ID: msg.ID()})
		require.ErrorIs(e, err, voicemail.ErrInvalid, "the origin's own ID, into %s", dest)
	}
	require.Equal(e, []string{place(msg)}, e.find(e.service(), msg.Envelope().Caller.Reveal()))
}

// refusals demands that a copy or move meets the destination's quota and settings.
func refusals(e *env, try func(msg voicemail.Message, to voicemail.MailboxID) error) {
	e.Helper()
	audio := wav(10)
	size := int64(len(audio))
	from := e.mailbox("5001")
	e.mailboxWith("full", &voicemail.Settings{MaxMessages: 1})
	e.mailboxWith("bytes", &voicemail.Settings{MaxBytes: size + 1})
	e.mailboxWith("off", &voicemail.Settings{Disabled: true})
	for _, to := range []voicemail.MailboxID{"full", "bytes"} {
		e.depositAudio(e.service().Mailbox(to), audio, nil)
	}
	msg := e.depositAudio(from, wav(10), &voicemail.DepositOptions{Caller: number()})
	before := e.tenantNames()
	for to, want := range map[voicemail.MailboxID]voicemail.QuotaError{
		"full": {Quota: "messages", Limit: 1, Used: 1}, "bytes": {Quota: "bytes", Limit: size + 1, Used: size},
	} {
		err := try(msg, to)
		require.ErrorIs(e, err, voicemail.ErrMailboxFull)
		var qe *voicemail.QuotaError
		require.ErrorAs(e, err, &qe)
		require.Equal(e, want, *qe)
	}
	require.ErrorIs(e, try(msg, "off"), voicemail.ErrDisabled)
	require.ErrorIs(e, try(msg, "none"), voicemail.ErrNoMailbox)
	require.ErrorIs(e, try(msg, ""), voicemail.ErrInvalid)
	require.Equal(e, before, e.tenantNames(), "what was refused leaves nothing")
	require.Zero(e, e.state(msg))
	_, err := from.UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.Disabled = true; return nil })
	require.NoError(e, err)
	_, err = e.service().Mailbox("off").UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.Disabled = false; return nil })
	require.NoError(e, err)
	require.NoError(e, try(msg, "off"), "out of a disabled mailbox")
}

func copyQuota(e *env) {
	refusals(e, func(msg voicemail.Message, to voicemail.MailboxID) error {
		_, err := msg.CopyTo(e.ctx, to, nil)
		return err
	})
}

func moveRules() []rule {
	return []rule{
		{"AMoveKeepsTheMessageAndEmptiesTheSource", "a move that loses what the agent marked is a new message to everyone", moveWhole},
		{"AMessageIsMovedBackAndForth", "the mailbox that it comes back to has its gone mark", moveBack},
		{"AMoveMeetsTheDestinationsQuota", "moving must not be the way around a full mailbox", moveQuota},
		{"AMoveToItsOwnMailboxIsInvalid", "it would delete the only copy", moveToItself},
		{"TwoMovesOfOneMessageLeaveItInOneMailbox", "two agents grab the same message of the group", moveRace},
		{"AMoveRepeatedIsOneMove", "a click that was lost is clicked again", moveRepeated},
		{"AMoveByAHandleOfLongAgoIsTheSameMove", "a click on a list that is out of date must not look like a broken message", moveStale},
		{"AMoveThatIsAcknowledgedHasLeft", "whoever was about to erase the source may take that back", moveLeft},
		{"WhatIsDeletedWhereItWentDoesNotComeBack", "a move that broke off would bring it back hours later", moveThenDelete},
		{"WhatIsMovedOnIsInOneMailbox", "a move that broke off would double it hours later", moveOn},
		{"AMoveThatAHoldTookBackEndsNothing", "a click on a list that is out of date must not erase what is held elsewhere", moveTakenBack},
		{"AMoveIsNeverBornDead", "a message committed under a gone mark is lost when its source goes", moveHops},
		{"AMoveThatBrokeOffIsFinished", "a message in two mailboxes is answered twice", moveFinished},
	}
}

func moveWhole(e *env) {
	from, to := e.mailbox("5001"), e.mailbox("5002")
	caller := number().WithName("Ann")
	audio := noise(ranged + 77)
	expires := e.clock.now().Add(9 * day).Truncate(time.Millisecond).UTC()
	msg := e.depositAudio(from, audio, &voicemail.DepositOptions{
		ID: idAt(0), Caller: caller, CallID: "c", Urgent: true, Expires: expires, Attributes: map[string]string{"k": "v"},
	})
	require.NoError(e, msg.MarkRead(e.ctx))
	require.NoError(e, msg.Trash(e.ctx))
	e.pass(time.Hour)
	moved, err := msg.MoveTo(e.ctx, "5002")
	require.NoError(e, err)
	want := msg.Envelope()
	want.Mailbox = "5002"
	for _, got := range []voicemail.Message{moved, e.again(moved)} {
		sameEnvelope(e, want, got.Envelope())
		st := got.State()
		require.Equal(e, []bool{true, true, true}, []bool{st.Read, st.Urgent, st.Trashed}, "the state moves along")
		require.Equal(e, expires, st.Expires)
		require.Equal(e, audio, e.play(got))
	}
	e.invisible(msg, "moved away")
	require.Zero(e, e.counts(from))
	require.Equal(e, []string{place(moved)}, e.find(e.service(), caller.Reveal()))
	require.Empty(e, e.names(e.keysOf("5001").Media()), "the source keeps no recording")
	require.Len(e, e.names(e.space.Callers()), 1, "the source keeps no index entry")
	for name, call := range messageCalls(e, msg, "5002") {
		if name != "move" {
			require.ErrorIs(e, call(), voicemail.ErrNotFound, "%s of the old handle", name)
		}
	}
	require.NoError(e, moved.Restore(e.ctx))
	require.Equal(e, voicemail.Counts{Old: 1, OldUrgent: 1}, e.counts(to))
	e.pass(rest)
	e.maintain()
	require.Equal(e, audio, e.play(e.again(moved)), "the tombstone of its first stay does not touch it")
}

func moveBack(e *env) {
	boxes := []voicemail.Mailbox{e.mailbox("5001"), e.mailbox("5002")}
	caller := number()
	audio := wav(20)
	msg := e.depositAudio(boxes[0], audio, &voicemail.DepositOptions{Caller: caller})
	var err error
	for i := 1; i <= 13; i++ {
		msg, err = msg.MoveTo(e.ctx, boxes[i%2].ID())
		require.NoError(e, err, "move %d", i)
		require.Equal(e, audio, e.play(e.again(msg)))
		require.Equal(e, voicemail.Counts{New: 1}, e.counts(boxes[i%2]), "move %d", i)
		require.Zero(e, e.counts(boxes[1-i%2]), "move %d", i)
		require.Equal(e, []string{place(msg)}, e.find(e.service(), caller.Reveal()), "move %d", i)
		if i == 6 {
			e.pass(rest)
			e.maintain()
		}
	}
	require.NoError(e, msg.MarkRead(e.ctx))
	require.NoError(e, msg.Delete(e.ctx))
	require.Empty(e, e.find(e.service(), caller.Reveal()))
	require.Empty(e, e.names(e.space.Media()))
	e.clean(rawscan.Scan{Numbers: []string{caller.Reveal()}, Audio: [][]byte{audio}})
}

func moveQuota(e *env) {
	refusals(e, func(msg voicemail.Message, to voicemail.MailboxID) error {
		_, err := msg.MoveTo(e.ctx, to)
		return err
	})
}

func moveToItself(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	_, err := msg.MoveTo(e.ctx, "5001")
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	require.NotEmpty(e, e.play(msg))
}

func moveRace(e *env) {
	e.mailbox("5000")
	const many = 5
	for i := range many {
		e.mailbox(dest(i))
	}
	caller := number()
	msg := e.deposit(e.service().Mailbox("5000"), &voicemail.DepositOptions{Caller: caller})
	msgs := make([]voicemail.Message, many)
	for i := range msgs {
		var err error
		msgs[i], err = e.open().Mailbox("5000").Message(e.ctx, msg.ID())
		require.NoError(e, err)
	}
	errs := make([]error, many)
	together(many, func(i int) { _, errs[i] = msgs[i].MoveTo(e.ctx, dest(i)) })
	var won []string
	for i, err := range errs {
		if err == nil {
			won = append(won, string(dest(i))+"/"+string(msg.ID()))
			continue
		}
		require.True(e, errors.Is(err, voicemail.ErrConflict) || errors.Is(err, voicemail.ErrNotFound), "%v", err)
	}
	require.Len(e, won, 1)
	require.Equal(e, won, e.find(e.service(), caller.Reveal()))
	total := 0
	for i := range many {
		total += e.counts(e.service().Mailbox(dest(i))).New
	}
	require.Equal(e, 1, total)
	require.Zero(e, e.counts(e.service().Mailbox("5000")))
}

func dest(i int) voicemail.MailboxID { return voicemail.MailboxID(fmt.Sprintf("51%02d", i)) }

func moveRepeated(e *env) {
	from, to := e.mailbox("5001"), e.mailbox("5002")
	msg := e.deposit(from, &voicemail.DepositOptions{Caller: number()})
	for range 3 {
		moved, err := msg.MoveTo(e.ctx, "5002")
		require.NoError(e, err)
		require.Equal(e, msg.ID(), moved.ID())
		require.Equal(e, 1, e.counts(to).New)
	}
	require.Zero(e, e.counts(from))
}

func moveStale(e *env) {
	from, to := e.mailbox("5001"), e.mailbox("5002")
	first := e.deposit(from, nil)
	msg := first
	for _, next := range []voicemail.MailboxID{"5002", "5001", "5002"} {
		var err error
		msg, err = msg.MoveTo(e.ctx, next)
		require.NoError(e, err)
	}
	moved, err := first.MoveTo(e.ctx, "5002")
	require.NoError(e, err)
	require.Equal(e, place(msg), place(moved))
	require.Equal(e, voicemail.Counts{New: 1}, e.counts(to))
	require.Zero(e, e.counts(from))
}

// moveLeft moves a message that is in the destination already, and that another process is about to take from the source.
func moveLeft(e *env) {
	from, to := e.mailbox("5001"), e.mailbox("5002")
	store := faultstore.New(e.store)
	svc, err := e.tryOpen(store)
	require.NoError(e, err)
	msg, err := svc.Mailbox("5001").Message(e.ctx, e.deposit(from, nil).ID())
	require.NoError(e, err)
	gone := e.markName(msg, keys.Gone+"theirs")
	store.Set(faultstore.Fault{Op: faultstore.Create, Pattern: path.Dir(gone) + "/*." + keys.Gone + "*"})
	_, err = msg.MoveTo(e.ctx, "5002")
	require.ErrorIs(e, err, storage.ErrUnavailable)
	require.Equal(e, 1, e.counts(from).New+e.counts(to).New-1, "it is in both")

	e.plant(gone, "")
	require.ErrorIs(e, msg.MarkRead(e.ctx), voicemail.ErrNotFound, "it is hidden")
	_, err = msg.MoveTo(e.ctx, "5002")
	require.NoError(e, err)
	e.removeRaw(gone)
	e.invisible(msg, "moved away")
	require.Equal(e, voicemail.Counts{New: 1}, e.counts(to))
}

// broken moves a message of a caller to 5002, where it is when the move breaks off, and returns it as it is there.
func (e *env) broken(caller voicemail.CallerID) voicemail.Message {
	e.Helper()
	store := faultstore.New(e.store)
	svc, err := e.tryOpen(store)
	require.NoError(e, err)
	msg, err := svc.Mailbox("5001").Message(e.ctx, e.deposit(e.mailbox("5001"), &voicemail.DepositOptions{Caller: caller}).ID())
	require.NoError(e, err)
	store.Set(faultstore.Fault{Op: faultstore.Create, Pattern: path.Dir(e.markName(msg, keys.Move)) + "/*." + keys.Gone + "*"})
	to := e.mailbox("5002")
	_, err = msg.MoveTo(e.ctx, "5002")
	require.ErrorIs(e, err, storage.ErrUnavailable)
	require.NotEmpty(e, e.play(msg), "it is in both")
	return e.one(to)
}

func moveThenDelete(e *env) {
	caller := number()
	msg := e.broken(caller)
	require.NoError(e, msg.Delete(e.ctx))
	require.Empty(e, e.find(e.service(), caller.Reveal()))
	for range 2 {
		e.pass(3 * time.Hour)
		e.maintain()
		require.Zero(e, e.counts(e.service().Mailbox("5001")))
		require.Zero(e, e.counts(e.service().Mailbox("5002")))
	}
	require.Empty(e, e.names(e.space.Media()))
}

func moveTakenBack(e *env) {
	e.mailbox("5003")
	arrived := e.broken(number())
	msg := e.one(e.service().Mailbox("5001"))
	e.mark(msg, keys.Hold+"hold1")
	_, err := msg.MoveTo(e.ctx, "5002")
	require.ErrorIs(e, err, voicemail.ErrHeld)
	require.Zero(e, e.counts(e.service().Mailbox("5002")), "it is taken back")
	e.removeRaw(e.markName(msg, keys.Hold+"hold1"))
	_, err = arrived.MoveTo(e.ctx, "5003")
	require.ErrorIs(e, err, voicemail.ErrNotFound)
	require.NoError(e, arrived.Delete(e.ctx), "there it is gone already")
	require.NotEmpty(e, e.play(e.one(e.service().Mailbox("5001"))))
}

func moveOn(e *env) {
	for _, to := range []voicemail.MailboxID{"5001", "5003"} {
		caller := number()
		msg := e.broken(caller)
		if to == "5003" {
			e.mailbox("5003")
		}
		late := e.addPart(e.one(e.service().Mailbox("5001")), voicemail.PartNote, "came late")
		on, err := msg.MoveTo(e.ctx, to)
		require.NoError(e, err)
		require.Equal(e, "came late", string(e.readPart(on, late)))
		for range 3 {
			require.Equal(e, []string{place(on)}, e.find(e.service(), caller.Reveal()))
			require.Equal(e, 1, e.counts(e.service().Mailbox(to)).New)
			e.pass(3 * time.Hour)
			e.maintain()
		}
		require.NoError(e, on.Delete(e.ctx))
		require.Empty(e, e.find(e.service(), caller.Reveal()))
		require.NoError(e, e.service().DeleteMailbox(e.ctx, "5001"))
		require.NoError(e, e.service().DeleteMailbox(e.ctx, "5002"))
		e.pass(3 * day)
		e.maintain()
	}
}

// moveHops plants what moves that were taken back leave in the destination.
func moveHops(e *env) {
	from, to := e.mailbox("5001"), e.mailbox("5002")
	msg := e.deposit(from, &voicemail.DepositOptions{Caller: number()})
	for hop := 1; hop <= 11; hop++ {
		e.plant(e.keysOf("5002").Mark(keys.Ref{ID: string(msg.ID()), Hop: hop}, keys.Gone+"taken-back"), "")
	}
	moved, err := msg.MoveTo(e.ctx, "5002")
	require.NoError(e, err)
	require.NotEmpty(e, e.play(e.again(moved)))
	require.Equal(e, 1, e.counts(to).New)
	require.Zero(e, e.counts(from))
}

func moveFinished(e *env) {
	from, to := e.mailbox("5001"), e.mailbox("5002")
	caller := number()
	claim := func(msg voicemail.Message, to string) {
		e.plant(e.markName(msg, keys.Move), fmt.Sprintf(`{"to":%q,"nonce":"crashed"}`, to))
	}
	msg := e.deposit(from, &voicemail.DepositOptions{Caller: caller})
	claim(msg, "5002")
	e.mailbox("5003")
	_, err := msg.MoveTo(e.ctx, "5003")
	require.ErrorIs(e, err, voicemail.ErrConflict, "it is being moved elsewhere")
	require.Zero(e, e.maintain().Moves, "whoever moves it may be at it")
	e.pass(3 * time.Hour)
	require.Equal(e, 1, e.maintain().Moves)
	require.Equal(e, voicemail.Counts{New: 1}, e.counts(to))
	require.Zero(e, e.counts(from))
	require.Equal(e, []string{"5002/" + string(msg.ID())}, e.find(e.service(), caller.Reveal()))

	// One whose claim is old is finished by whoever moves it to the same mailbox.
	msg = e.deposit(from, &voicemail.DepositOptions{Caller: caller})
	claim(msg, "5002")
	e.pass(3 * time.Hour)
	_, err = msg.MoveTo(e.ctx, "5002")
	require.NoError(e, err)
	require.Equal(e, voicemail.Counts{New: 2}, e.counts(to))

	// One whose destination does not exist is given up after a day.
	msg = e.deposit(from, &voicemail.DepositOptions{Caller: caller})
	claim(msg, "none")
	e.pass(3 * time.Hour)
	_, err = e.service().Maintain(e.ctx)
	require.ErrorIs(e, err, voicemail.ErrNoMailbox, "an operator should know")
	e.pass(rest)
	e.maintain()
	require.NotContains(e, strings.Join(e.tenantNames(), "\n"), "."+keys.Move)
	_, err = msg.MoveTo(e.ctx, "5002")
	require.NoError(e, err)
}
