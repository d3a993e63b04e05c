package keys_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

func TestOwnersEntriesAreLegalAndReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space, err := keys.NewSpace("t")
		require.NoError(t, err)
		mailbox := anyID().Filter(short(keys.MaxMailbox)).Draw(t, "mailbox")
		owner := anyID().Filter(short(keys.MaxOwner)).Draw(t, "owner")
		box, err := space.Box(mailbox)
		require.NoError(t, err)
		folder, err := space.Owner("group", owner)
		require.NoError(t, err)
		rev := keys.Revision{Gen: rapid.IntRange(1, 999_999).Draw(t, "gen"), Rev: rapid.IntRange(0, 999_999_999).Draw(t, "rev")}
		name := box.OwnerEntry(folder, rev)
		require.NoError(t, storage.CheckKey(name))
		require.True(t, strings.HasPrefix(name, folder))
		got, err := space.ParseOwnerEntry(name)
		require.NoError(t, err)
		assert.Equal(t, keys.OwnedEntry{Kind: "group", Owner: owner, Mailbox: mailbox, Revision: rev}, got)
	})
}

func TestForeignOwnersNamesAreRefused(t *testing.T) {
	space, box, ref := longest(t)
	for _, name := range []string{box.Meta(ref), space.Owners(), space.Owners() + "user/a/5001", space.Owners() + "user/a/5001,1-1", space.Owners() + "user/A/5001,000001-000000000"} {
		_, err := space.ParseOwnerEntry(name)
		assert.ErrorIs(t, err, keys.ErrID, name)
	}
	_, err := space.Owner("user", strings.Repeat("a", keys.MaxOwner+1))
	assert.ErrorIs(t, err, keys.ErrID)
}
