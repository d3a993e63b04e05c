package servicetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

func forwardRules() []rule {
	return []rule{
		{"ACopyHasTheCommentsOfWhoMadeIt", "a message that is passed on without a word is not understood", forwardComment},
		{"ACommentThatCannotBeMakesNoCopy", "a copy without the comment that was meant is not what was asked for", forwardRefused},
		{"APrivateMessageStaysInItsMailbox", "the caller asked that nobody else hears it", forwardPrivate},
		{"ManyCopiesAreMadeEachOnItsOwn", "one full mailbox among fifty must not keep the message from the others", copyMany},
		{"ManyCopiesThatAreRepeatedAreMadeOnce", "a click that was lost is clicked again, for fifty mailboxes", copyManyRepeated},
		{"ManyCopiesKeepTheQuotaOfEachMailbox", "a quota that holds for one copy at a time only is none", copyManyQuota},
		{"ManyMovesAreMadeEachOnItsOwn", "what could not be moved is still where it was", moveMany},
		{"CopyingManyCallsTheMessagesThatItIsGiven", "an application wraps messages to say who may do what", copyManyWrapped},
		{"ManyCopiesAreBounded", "a list that a program made wrong must not fill every mailbox", copyManyBounded},
	}
}

func forwardComment(e *env) {
	e.mailbox("5002")
	msg := e.deposit(e.mailbox("5001"), &voicemail.DepositOptions{Caller: number()})
	e.addPart(msg, voicemail.PartTranscript, "hello")
	said := wav(30)
	opts := &voicemail.CopyOptions{ID: idAt(5), Comment: bytes.NewReader(said), Note: "for you"}
	copied, err := msg.CopyTo(e.ctx, "5002", opts)
	require.NoError(e, err)
	want := []string{"comment-1: " + string(said), "comment-2: for you", "transcript-1: hello"}
	require.Equal(e, want, e.parts(copied))
	require.Equal(e, []string{"transcript-1: hello"}, e.parts(msg), "the message that was passed on is as it was")
	again, err := msg.CopyTo(e.ctx, "5002", &voicemail.CopyOptions{ID: opts.ID, Note: "another"})
	require.NoError(e, err)
	require.Equal(e, want, e.parts(again), "repeated, it is the first one")
	further, err := copied.CopyTo(e.ctx, "5001", &voicemail.CopyOptions{Note: "and for you"})
	require.NoError(e, err)
	require.Equal(e, []string{want[0], want[1], "comment-3: and for you", want[2]}, e.parts(further), "comments follow each other")
	require.Equal(e, msg.Envelope().SHA256, further.Envelope().SHA256)
}

func forwardRefused(e *env) {
	e.mailbox("5002")
	msg := e.deposit(e.mailbox("5001"), &voicemail.DepositOptions{Caller: number()})
	before := e.tenantNames()
	for _, tt := range []struct {
		opts voicemail.CopyOptions
		want error
	}{
		{voicemail.CopyOptions{Comment: bytes.NewReader(noise(500))}, voicemail.ErrInvalid},
		{voicemail.CopyOptions{Comment: strings.NewReader("")}, voicemail.ErrEmpty},
		{voicemail.CopyOptions{Comment: cut(wav(10))}, errReader},
		{voicemail.CopyOptions{Note: "\xff"}, voicemail.ErrInvalid},
		{voicemail.CopyOptions{Comment: bytes.NewReader(wav(10)), Note: strings.Repeat("x", 64<<10+1)}, voicemail.ErrTooLarge},
	} {
		_, err := msg.CopyTo(e.ctx, "5002", &tt.opts)
		require.ErrorIs(e, err, tt.want)
		require.Equal(e, before, e.tenantNames())
	}
}

func forwardPrivate(e *env) {
	box := e.mailbox("5001")
	e.mailbox("5002")
	msg := e.again(e.deposit(box, &voicemail.DepositOptions{Caller: number(), Private: true}))
	require.True(e, msg.Envelope().Private)
	before := e.tenantNames()
	_, err := msg.CopyTo(e.ctx, "5002", nil)
	require.ErrorIs(e, err, voicemail.ErrPrivate)
	_, err = msg.MoveTo(e.ctx, "5002")
	require.ErrorIs(e, err, voicemail.ErrPrivate)
	require.Equal(e, before, e.tenantNames())
	copied, err := msg.CopyTo(e.ctx, "5001", nil)
	require.NoError(e, err, "within its mailbox it may be copied")
	_, err = copied.CopyTo(e.ctx, "5002", nil)
	require.ErrorIs(e, err, voicemail.ErrPrivate, "and a copy is as private")
	open := e.deposit(box, &voicemail.DepositOptions{Caller: number()})
	list, err := e.service().CopyAll(e.ctx, []voicemail.Message{msg, open}, []voicemail.MailboxID{"5002"}, nil)
	require.NoError(e, err)
	require.ErrorIs(e, list[0].Err, voicemail.ErrPrivate)
	require.NoError(e, list[1].Err)
	require.False(e, list[1].Result.Envelope().Private)
}

// errorsOf are the errors of transfers.
func errorsOf(list []voicemail.Transfer) []error {
	var errs []error
	for _, t := range list {
		errs = append(errs, t.Err)
	}
	return errs
}

// boxes makes mailboxes.
func (e *env) boxes(ids ...voicemail.MailboxID) {
	e.Helper()
	for _, id := range ids {
		e.mailbox(id)
	}
}

func copyMany(e *env) {
	e.boxes("5001", "a", "b")
	e.mailboxWith("off", &voicemail.Settings{Disabled: true})
	from := e.service().Mailbox("5001")
	first, second := e.deposit(from, &voicemail.DepositOptions{Caller: number()}), e.deposit(from, &voicemail.DepositOptions{Caller: number()})
	gone := e.deposit(from, nil)
	require.NoError(e, gone.Delete(e.ctx))
	said := wav(20)
	list, err := e.service().CopyAll(e.ctx, []voicemail.Message{first, gone, second, first}, []voicemail.MailboxID{"a", "off", "none", "b", "a"},
		&voicemail.CopyOptions{Comment: bytes.NewReader(said), Note: "look"})
	require.NoError(e, err)
	for _, t := range list {
		switch {
		case t.Message == gone.ID() && t.To != "none" && t.To != "off":
			require.ErrorIs(e, t.Err, voicemail.ErrNotFound)
		case t.To == "off" && t.Message != gone.ID():
			require.ErrorIs(e, t.Err, voicemail.ErrDisabled)
		case t.To == "none":
			require.ErrorIs(e, t.Err, voicemail.ErrNoMailbox)
		case t.Message != gone.ID():
			require.NoError(e, t.Err)
			require.Equal(e, t.To, t.Result.Mailbox())
			require.Equal(e, &voicemail.Origin{Mailbox: "5001", Message: t.Message}, t.Result.Envelope().CopiedFrom)
			require.Equal(e, []string{"comment-1: " + string(said), "comment-2: look"}, e.parts(t.Result))
		}
		require.Equal(e, t.Err == nil, t.Result != nil)
	}
	require.Len(e, list, 12, "each pair once")
	for i, t := range list {
		require.Equal(e, []voicemail.MailboxID{"a", "off", "none", "b"}[i%4], t.To, "in the order of the mailboxes")
		require.Equal(e, []voicemail.MessageID{first.ID(), gone.ID(), second.ID()}[i/4], t.Message, "and of the messages")
	}
	require.Equal(e, 2, e.counts(e.service().Mailbox("a")).New)
	require.Equal(e, 2, e.counts(e.service().Mailbox("b")).New)
}

func copyManyRepeated(e *env) {
	e.boxes("5001", "a", "b")
	from := e.service().Mailbox("5001")
	messages := []voicemail.Message{e.deposit(from, &voicemail.DepositOptions{Caller: number()}), e.deposit(from, &voicemail.DepositOptions{Caller: number()})}
	to := []voicemail.MailboxID{"a", "b"}
	opts := &voicemail.CopyOptions{ID: idAt(1), Note: "look"}
	ids := map[voicemail.MessageID]bool{}
	for range 2 {
		list, err := e.service().CopyAll(e.ctx, messages, to, opts)
		require.NoError(e, errors.Join(append(errorsOf(list), err)...))
		for _, t := range list {
			ids[t.Result.ID()] = true
			sourceTime, err := t.Message.Time()
			require.NoError(e, err)
			at, err := t.Result.ID().Time()
			require.NoError(e, err)
			require.Equal(e, sourceTime, at, "copies sort as the messages came in")
		}
	}
	require.Len(e, ids, 4, "four copies, each under an ID of its own")
	require.Equal(e, 2, e.counts(e.service().Mailbox("a")).New)
	list, err := e.service().CopyAll(e.ctx, messages, to, &voicemail.CopyOptions{ID: idAt(2)})
	require.NoError(e, errors.Join(append(errorsOf(list), err)...))
	require.Equal(e, 4, e.counts(e.service().Mailbox("b")).New, "another ID is another call")
}

func copyManyQuota(e *env) {
	e.mailbox("5001")
	e.mailboxWith("a", &voicemail.Settings{MaxMessages: 2})
	e.mailboxWith("b", &voicemail.Settings{MaxMessages: 3})
	var messages []voicemail.Message
	for range 4 {
		messages = append(messages, e.deposit(e.service().Mailbox("5001"), nil))
	}
	list, err := e.service().CopyAll(e.ctx, messages, []voicemail.MailboxID{"a", "b"}, nil)
	require.NoError(e, err)
	full := map[voicemail.MailboxID]int{}
	for _, t := range list {
		if t.Err != nil {
			require.ErrorIs(e, t.Err, voicemail.ErrMailboxFull)
			full[t.To]++
		}
	}
	require.Equal(e, map[voicemail.MailboxID]int{"a": 2, "b": 1}, full)
	require.Equal(e, 2, e.counts(e.service().Mailbox("a")).New)
	require.Equal(e, 3, e.counts(e.service().Mailbox("b")).New)
	list, err = e.service().MoveAll(e.ctx, messages, "b")
	require.NoError(e, err)
	for i, t := range list {
		require.ErrorIs(e, t.Err, voicemail.ErrMailboxFull)
		require.Equal(e, messages[i].ID(), t.Message)
	}
	require.Equal(e, 4, e.counts(e.service().Mailbox("5001")).New, "what was not moved is where it was")
}

func moveMany(e *env) {
	e.boxes("5001", "5002", "a")
	from := e.service().Mailbox("5001")
	first, held, gone := e.deposit(from, nil), e.deposit(from, nil), e.deposit(from, nil)
	there := e.deposit(e.service().Mailbox("a"), nil)
	other := e.deposit(e.service().Mailbox("5002"), nil)
	e.mark(held, "hold-1")
	require.NoError(e, gone.Delete(e.ctx))
	list, err := e.service().MoveAll(e.ctx, []voicemail.Message{first, held, gone, there, first, other}, "a")
	require.NoError(e, err)
	want := []error{nil, voicemail.ErrHeld, voicemail.ErrNotFound, voicemail.ErrInvalid, nil}
	require.Len(e, list, len(want))
	for i, t := range list {
		require.ErrorIs(e, t.Err, want[i], "%d", i)
	}
	require.Equal(e, first.ID(), list[0].Result.ID())
	require.Equal(e, voicemail.MailboxID("5002"), list[4].From)
	require.Equal(e, 3, e.counts(e.service().Mailbox("a")).New)
	require.Equal(e, []voicemail.MessageID{held.ID()}, e.list(from, nil))
}

// guarded is a message that an application lets nobody copy, and that says what it was asked.
type guarded struct {
	voicemail.Message
	mu    sync.Mutex
	asked []voicemail.MailboxID
}

var errForbidden = errors.New("forbidden")

func (g *guarded) CopyTo(context.Context, voicemail.MailboxID, *voicemail.CopyOptions) (voicemail.Message, error) {
	return nil, errForbidden
}

func (g *guarded) MoveTo(ctx context.Context, to voicemail.MailboxID) (voicemail.Message, error) {
	g.mu.Lock()
	g.asked = append(g.asked, to)
	g.mu.Unlock()
	return g.Message.MoveTo(ctx, to)
}

func copyManyWrapped(e *env) {
	e.boxes("5001", "a", "b")
	msg := &guarded{Message: e.deposit(e.service().Mailbox("5001"), nil)}
	list, err := e.service().CopyAll(e.ctx, []voicemail.Message{msg}, []voicemail.MailboxID{"a", "b"}, nil)
	require.NoError(e, err)
	for _, t := range list {
		require.ErrorIs(e, t.Err, errForbidden)
	}
	list, err = e.service().MoveAll(e.ctx, []voicemail.Message{msg}, "a")
	require.NoError(e, err)
	require.NoError(e, list[0].Err)
	require.Equal(e, []voicemail.MailboxID{"a"}, msg.asked)
}

func copyManyBounded(e *env) {
	e.mailbox("5001")
	msg := e.deposit(e.service().Mailbox("5001"), nil)
	before := e.tenantNames()
	var to []voicemail.MailboxID
	for i := range 1001 {
		to = append(to, voicemail.MailboxID(fmt.Sprint(i)))
	}
	_, err := e.service().CopyAll(e.ctx, []voicemail.Message{msg}, to, nil)
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	_, err = e.service().CopyAll(e.ctx, []voicemail.Message{nil}, to[:1], nil)
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	_, err = e.service().CopyAll(e.ctx, []voicemail.Message{msg}, []voicemail.MailboxID{"5001"}, &voicemail.CopyOptions{ID: "x"})
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	_, err = e.service().MoveAll(e.ctx, []voicemail.Message{msg, nil}, "5001")
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	require.Equal(e, before, e.tenantNames())
	list, err := e.service().CopyAll(e.ctx, nil, to, nil)
	require.NoError(e, err)
	require.Empty(e, list)
}
