package servicetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage/faultstore"
)

func readerRules() []rule {
	return []rule{
		{"TheFirstReaderIsKnown", "in a group mailbox somebody asks who took care of it", readerFirst},
		{"OfReadersAtOnceOneIsTheFirst", "two agents who both think that they are first call back twice", readerRace},
		{"TheFirstReaderMovesAlong", "who read it does not change by putting it elsewhere", readerMoves},
		{"AReadersIDIsBounded", "names in storage and documents have bounds", readerBounded},
	}
}

// reader returns who read a message first.
func (e *env) reader(msg voicemail.Message) voicemail.Reader {
	e.Helper()
	r, err := msg.FirstReader(e.ctx)
	require.NoError(e, err, "first reader")
	return r
}

func readerFirst(e *env) {
	box := e.mailbox("5001")
	msg := e.deposit(box, nil)
	require.Zero(e, e.reader(msg))
	e.pass(time.Hour)
	now := e.clock.now()
	require.NoError(e, msg.MarkReadBy(e.ctx, "ann@example.com"))
	require.NoError(e, msg.MarkReadBy(e.ctx, "bob"), "no change, as with MarkRead")
	require.NoError(e, msg.MarkRead(e.ctx))
	first := e.reader(msg)
	require.Equal(e, "ann@example.com", first.ID)
	require.WithinDuration(e, now, first.At, time.Minute)
	require.Equal(e, voicemail.Counts{Old: 1}, e.counts(box))
	copied, err := msg.CopyTo(e.ctx, "5001", nil)
	require.NoError(e, err)
	require.Zero(e, e.reader(copied), "nobody has read a copy")

	require.NoError(e, msg.MarkUnread(e.ctx))
	require.Zero(e, e.reader(msg), "that it is unread means that nobody read it")
	require.NoError(e, msg.MarkRead(e.ctx))
	require.NoError(e, msg.MarkReadBy(e.ctx, "bob"))
	anybody := e.reader(msg)
	require.Empty(e, anybody.ID, "who marked it first did not say who it was")
	require.Equal(e, e.state(msg).ReadAt, anybody.At)
	require.NoError(e, msg.MarkUnread(e.ctx))
	require.NoError(e, msg.MarkReadBy(e.ctx, "bob"))
	require.Equal(e, "bob", e.reader(msg).ID)

	e.mark(msg, keys.Forget+"case1")
	_, err = msg.FirstReader(e.ctx)
	require.ErrorIs(e, err, voicemail.ErrNotFound)
	imported := e.deposit(box, &voicemail.DepositOptions{Read: true})
	require.Empty(e, e.reader(imported).ID)
	require.False(e, e.reader(imported).At.IsZero())
}

func readerRace(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	const many = 5
	var errs [many]error
	together(many, func(i int) { errs[i] = msg.MarkReadBy(e.ctx, fmt.Sprint("agent", i)) })
	require.NoError(e, errors.Join(errs[:]...))
	first := e.reader(msg)
	require.True(e, strings.HasPrefix(first.ID, "agent"))
	require.NoError(e, msg.MarkReadBy(e.ctx, "too late"))
	require.Equal(e, first, e.reader(msg))
}

func readerMoves(e *env) {
	e.mailbox("5001")
	e.mailbox("5002")
	msg := e.deposit(e.service().Mailbox("5001"), &voicemail.DepositOptions{Caller: number()})
	require.NoError(e, msg.MarkReadBy(e.ctx, "ann"))
	first := e.reader(msg)
	moved, err := e.again(msg).MoveTo(e.ctx, "5002")
	require.NoError(e, err)
	require.Equal(e, first, e.reader(moved))
	require.NoError(e, moved.MarkUnread(e.ctx))
	store := &meddling{Store: e.store, at: "." + keys.Gone, meddle: func() { require.NoError(e, moved.MarkReadBy(e.ctx, "bob")) }}
	back, err := e.through(store, moved).MoveTo(e.ctx, "5001")
	require.NoError(e, err)
	require.Equal(e, "bob", e.reader(back).ID, "also when it was read while it was moved")
	require.True(e, e.state(back).Read)
}

func readerBounded(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	for _, bad := range []string{"", strings.Repeat("x", 257), "\xff"} {
		require.ErrorIs(e, msg.MarkReadBy(e.ctx, bad), voicemail.ErrInvalid)
	}
	require.False(e, e.state(msg).Read)
	longest := strings.Repeat("\x01", 256) // each takes six bytes in JSON
	require.NoError(e, msg.MarkReadBy(e.ctx, longest))
	require.Equal(e, longest, e.reader(msg).ID)
	store := faultstore.New(e.store)
	got := e.through(store, msg)
	store.Set(faultstore.Fault{Op: faultstore.Open, Times: faultstore.Always})
	_, err := got.FirstReader(e.ctx)
	require.ErrorIs(e, err, faultstore.ErrInjected, "an outage is not nobody")
}
