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

func TestNamesOfAccessAreLegalAndReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space, err := keys.NewSpace("t")
		require.NoError(t, err)
		mailbox := anyID().Filter(short(keys.MaxMailbox)).Draw(t, "mailbox")
		box, err := space.Box(mailbox)
		require.NoError(t, err)
		a := keys.Access{
			Kind: rapid.SampledFrom([]keys.AccessKind{keys.PIN, keys.Try, keys.Reset}).Draw(t, "kind"),
			Gen:  rapid.IntRange(1, 999_999).Draw(t, "gen"), Rev: rapid.IntRange(0, 999_999_999).Draw(t, "rev"),
		}
		if a.Kind != keys.PIN {
			a.N = rapid.IntRange(1, 999_999_999).Draw(t, "n")
		}
		name := box.AccessAt(a)
		require.NoError(t, storage.CheckKey(name))
		require.True(t, strings.HasPrefix(name, box.Access()))
		of, got, err := space.ParseAccess(name)
		require.NoError(t, err)
		assert.Equal(t, mailbox, of)
		assert.Equal(t, a, got)
	})
}

// What is counted is counted in the order of a listing.
func TestAListingShowsPINsBeforeResetsBeforeTries(t *testing.T) {
	a := keys.Access{Kind: keys.PIN, Gen: 9, Rev: 9}
	reset, try := keys.Access{Kind: keys.Reset, Gen: 1, N: 1}, keys.Access{Kind: keys.Try, Gen: 1, N: 1}
	assert.Less(t, a.String(), reset.String())
	assert.Less(t, reset.String(), try.String())
	assert.Less(t, try.String(), keys.Access{Kind: keys.Try, Gen: 1, N: 10}.String())
	assert.Less(t, keys.Access{Kind: keys.PIN, Gen: 1, Rev: 9}.String(), keys.Access{Kind: keys.PIN, Gen: 1, Rev: 10}.String())
}

func TestForeignNamesOfAccessAreRefused(t *testing.T) {
	space, box, ref := longest(t)
	for _, name := range []string{
		box.Meta(ref), space.Accesses(), box.Access(), box.Access() + "pin-000001-000000001", box.Access() + "pin-000001-000000001-000000001.json",
		box.Access() + "pin-000000-000000001.json", box.Access() + "pin-1-1.json", box.Access() + "try-000001-000000001", box.Access() + "try-000001-000000001-000000001.json",
		box.Access() + "lock-000001-000000001-000000001", box.Access() + "reset-000001-000000001-00000000x", space.Accesses() + "A/try-000001-000000001-000000001",
		box.Access() + "try-000001-000000001-000000001-000000001",
	} {
		_, _, err := space.ParseAccess(name)
		assert.ErrorIs(t, err, keys.ErrID, name)
	}
}
