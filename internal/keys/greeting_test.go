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

func TestNamesOfGreetingsAreLegalAndReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space, err := keys.NewSpace("t")
		require.NoError(t, err)
		mailbox := anyID().Filter(short(keys.MaxMailbox)).Draw(t, "mailbox")
		box, err := space.Box(mailbox)
		require.NoError(t, err)
		ref := keys.GreetingRef{
			Kind:     rapid.SampledFrom([]string{"unavailable", "busy", "temporary", "name"}).Draw(t, "kind"),
			Revision: keys.Revision{Gen: rapid.IntRange(1, 999_999).Draw(t, "gen"), Rev: rapid.IntRange(0, 999_999_999).Draw(t, "rev")},
		}
		for name, committed := range map[string]bool{box.GreetingAudio(ref): false, box.GreetingMeta(ref): true} {
			require.NoError(t, storage.CheckKey(name))
			got, err := space.ParseGreeting(name)
			require.NoError(t, err)
			assert.Equal(t, keys.GreetingName{Mailbox: mailbox, GreetingRef: ref, Committed: committed}, got)
			require.Contains(t, box.Belongings(), box.Greetings())
			gen, ok := keys.BelongsTo(strings.TrimPrefix(name, box.Greetings()))
			assert.True(t, ok)
			assert.Equal(t, ref.Gen, gen)
		}
		next := ref
		next.Rev++
		assert.Less(t, box.GreetingAudio(ref), box.GreetingMeta(ref), "a recording sorts before what commits it")
		if next.Rev < 1_000_000_000 {
			assert.Less(t, box.GreetingMeta(ref), box.GreetingAudio(next))
		}
	})
}

func TestForeignNamesOfGreetingsAreRefused(t *testing.T) {
	space, box, ref := longest(t)
	folder := box.Greetings()
	for _, name := range []string{
		box.Meta(ref), space.Greetings(), folder, folder + "busy", folder + "busy.json", folder + "busy-000001-000000001", folder + "busy-000001-000000001.wav",
		folder + "busy-1-1.json", folder + "-000001-000000001.json", folder + "Busy-000001-000000001.json", folder + "busy-000000-000000001.json",
		folder + "busy-000001-000000001.audio.json", folder + "x/busy-000001-000000001.json", space.Greetings() + "A/busy-000001-000000001.json",
		folder + "busy-000001-+00000001.json",
	} {
		_, err := space.ParseGreeting(name)
		assert.ErrorIs(t, err, keys.ErrID, name)
	}
	for _, name := range []string{"", "busy", "busy-", "busy-1-", "busy-00000x-", "busy-0000001", "busy-000001"} {
		_, ok := keys.BelongsTo(name)
		assert.False(t, ok, name)
	}
}
