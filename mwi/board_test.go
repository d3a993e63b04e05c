package mwi

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

// directory is a Directory whose mailboxes are counted by boxes. A mailbox of an empty name is an error.
type directory struct {
	boxes         Mailboxes
	users, groups map[string][]voicemail.MailboxID
}

var errDirectory = errors.New("directory is down")

func (d directory) MailboxesOf(_ context.Context, user string, groups ...string) iter.Seq2[voicemail.Mailbox, error] {
	ids := slices.Clone(d.users[user])
	for _, g := range groups {
		ids = append(ids, d.groups[g]...)
	}
	return func(yield func(voicemail.Mailbox, error) bool) {
		for _, id := range ids {
			if id == "" {
				yield(nil, errDirectory)
				return
			}
			if !yield(d.boxes.Mailbox(id), nil) {
				return
			}
		}
	}
}

type ids = []voicemail.MailboxID

func TestABoardHasEveryMailboxOnceAndTheirTotal(t *testing.T) {
	s := newShelf()
	s.counts = map[voicemail.MailboxID]Counts{
		"5001": counted(1, 2, 0, 1), "5002": {}, "6001": counted(3, 0, 3, 0), "6002": counted(0, 7, 0, 0), "7001": counted(9, 9, 9, 9),
	}
	dir := directory{s, map[string]ids{"agent7": {"5002", "5001"}, "sales": {"7001"}},
		map[string]ids{"sales": {"6001"}, "support": {"6002", "6001", "5001"}, "billing": {"7001"}}}
	b, err := ReadBoard(t.Context(), dir, "agent7", "support", "nobody's", "sales", "support")
	require.NoError(t, err)
	assert.Equal(t, []Entry{
		{"5002", false, Counts{}}, {"5001", false, counted(1, 2, 0, 1)}, {"6002", true, counted(0, 7, 0, 0)}, {"6001", true, counted(3, 0, 3, 0)},
	}, b.Entries)
	assert.Equal(t, counted(4, 9, 3, 1), b.Total())
	assert.ElementsMatch(t, ids{"5001", "5002", "6001", "6002"}, s.take(), "one count each")

	b, err = ReadBoard(t.Context(), dir, "agent7")
	require.NoError(t, err)
	assert.Equal(t, []Entry{{"5002", false, Counts{}}, {"5001", false, counted(1, 2, 0, 1)}}, b.Entries)

	b, err = ReadBoard(t.Context(), dir, "newcomer", "nobody's")
	require.NoError(t, err)
	assert.Empty(t, b.Entries)
	assert.Equal(t, Counts{}, b.Total())
}

func TestABoardIsWholeOrAnErrorThatNamesWhatIsMissing(t *testing.T) {
	boxes := counter(func(_ context.Context, id voicemail.MailboxID) (Counts, error) {
		switch id {
		case "5002":
			return Counts{}, errDown // of a mailbox that the application wraps
		case "5004":
			return Counts{}, &voicemail.Error{Op: "count", Mailbox: id, Err: voicemail.ErrNoMailbox}
		}
		return Counts{New: 1}, nil
	})
	dir := directory{boxes, map[string]ids{"agent7": {"5001", "5002", "5003", "5004"}, "agent9": {""}}, map[string]ids{"sales": {"6001", ""}}}
	b, err := ReadBoard(t.Context(), dir, "agent7")
	assert.Zero(t, b, "a part of a board is none")
	require.ErrorIs(t, err, errDown)
	require.ErrorIs(t, err, voicemail.ErrNoMailbox)
	assert.EqualError(t, err, "count in mailbox \"5002\": storage is down\ncount in mailbox \"5004\": mailbox does not exist")

	for _, user := range []string{"agent8", "agent9"} {
		b, err = ReadBoard(t.Context(), dir, user, "sales")
		assert.Zero(t, b)
		require.ErrorIs(t, err, errDirectory)
	}
	_, err = ReadBoard(t.Context(), dir, "", "sales")
	assert.ErrorIs(t, err, voicemail.ErrInvalid)
}

func TestABoardIsReadAtOnceButWithABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var list ids
		for i := range 100 {
			list = append(list, voicemail.MailboxID(fmt.Sprint(i)))
		}
		var at, most atomic.Int32
		boxes := counter(func(context.Context, voicemail.MailboxID) (Counts, error) {
			most.Store(max(most.Load(), at.Add(1)))
			time.Sleep(time.Second)
			at.Add(-1)
			return Counts{New: 1}, nil
		})
		start := time.Now()
		b, err := ReadBoard(t.Context(), directory{boxes, map[string]ids{"agent7": list}, nil}, "agent7")
		require.NoError(t, err)
		assert.Equal(t, 100, b.Total().New)
		assert.EqualValues(t, 16, most.Load())
		assert.Equal(t, 7*time.Second, time.Since(start))
	})
}
