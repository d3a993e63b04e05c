package keys_test

import (
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

var forgetting = keys.Forgetting{Case: strings.Repeat("0a", 16), Entry: 3}

func TestTheNamesOfARequestAreLegalAndReadBack(t *testing.T) {
	space, _, _ := longest(t)
	at := time.UnixMilli(1_780_000_000_123).UTC()
	for _, name := range []string{
		space.PendingAt(id), space.CaseEntry(forgetting.Case, 7), space.Subject(forgetting), space.DueAt(at, forgetting), space.JournalAt(forgetting, 1),
		space.Receipt(12), space.HoldAt(strings.Repeat("f", 24)),
	} {
		assert.NoError(t, storage.CheckKey(name), name)
		assert.True(t, strings.HasPrefix(name, space.Root()))
	}
	gotID, err := space.ParsePending(space.PendingAt(id))
	require.NoError(t, err)
	assert.Equal(t, id, gotID)
	for name, marked := range map[string]bool{space.DueAt(at, forgetting): false, space.MarkedAt(at, forgetting): true} {
		assert.NoError(t, storage.CheckKey(name))
		gotAt, gotF, gotMarked, err := space.ParseDue(name)
		require.NoError(t, err)
		assert.Equal(t, at, gotAt)
		assert.Equal(t, forgetting, gotF)
		assert.Equal(t, marked, gotMarked)
	}
	c, n, err := space.ParseCaseEntry(space.CaseEntry(forgetting.Case, 7))
	require.NoError(t, err)
	assert.Equal(t, forgetting.Case, c)
	assert.Equal(t, 7, n)
	gotN, err := space.ParseReceipt(space.Receipt(12))
	require.NoError(t, err)
	assert.Equal(t, 12, gotN)
	f, ok := keys.ParseForgetMark(forgetting.Mark())
	assert.True(t, ok)
	assert.Equal(t, forgetting, f)
}

func TestWhatIsDueSortsByTime(t *testing.T) {
	space, _, _ := longest(t)
	early, late := keys.Forgetting{Case: strings.Repeat("f", 32), Entry: 9}, forgetting
	names := []string{space.DueAt(time.UnixMilli(5), early), space.DueAt(time.UnixMilli(1_000_000), late)}
	assert.True(t, sort.StringsAreSorted(names))
}

func TestForeignRequestNamesAreRefused(t *testing.T) {
	space, box, ref := longest(t)
	for _, name := range []string{
		box.Meta(ref), space.Due() + "1-x", space.Due() + strings.Repeat("1", 13) + "-" + strings.Repeat("g", 39), space.Receipts() + "1",
		space.Pending() + "x", space.Case("x") + "000001",
	} {
		_, _, _, err := space.ParseDue(name)
		assert.ErrorIs(t, err, keys.ErrID, name)
		_, err = space.ParseReceipt(name)
		assert.ErrorIs(t, err, keys.ErrID, name)
		_, err = space.ParsePending(name)
		assert.ErrorIs(t, err, keys.ErrID, name)
		_, _, err = space.ParseCaseEntry(name)
		assert.ErrorIs(t, err, keys.ErrID, name)
	}
	_, ok := keys.ParseForgetMark("forget-c")
	assert.False(t, ok)
	_, err := keys.ParseForgetting(forgetting.Case + "-000000")
	assert.ErrorIs(t, err, keys.ErrID, "entries are counted from 1")
}
