package keys_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail/internal/keys"
)

func TestThePartsOfAMessageAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := keys.Part{
			Kind: rapid.StringMatching(`[a-z0-9]{1,12}`).Draw(t, "kind"), Revision: rapid.IntRange(1, keys.MaxPartRevision).Draw(t, "revision"),
			Ext: rapid.StringMatching(`[a-z0-9]{1,5}`).Draw(t, "ext"),
		}
		got, ok := keys.ParsePart(p.String())
		assert.True(t, ok)
		assert.Equal(t, p, got)

		space, err := keys.NewSpace("t")
		require.NoError(t, err)
		box, err := space.Box("5001")
		require.NoError(t, err)
		ref := anyRef().Draw(t, "ref")
		mailbox, of, err := space.ParseMedia(box.Part(ref, p))
		require.NoError(t, err)
		assert.Equal(t, "5001", mailbox)
		assert.Equal(t, ref, of)
	})
}

func TestTheRevisionsOfAPartSortByTheirNumbers(t *testing.T) {
	before := ""
	for n := 1; n <= keys.MaxPartRevision; n++ {
		name := keys.Part{Kind: "note", Revision: n, Ext: "txt"}.String()
		assert.Less(t, before, name)
		before = name
	}
}

// An audio object is called by an extension of letters and digits alone.
func TestWhatIsNoPartIsNotReadAsOne(t *testing.T) {
	for _, name := range []string{
		"wav", "mp3", "3gp", "g722", "bin", "", "note", "note.txt", "note-1.txt", "note-0001.txt", "note-000.txt", "note-001", "note-001.", "-001.txt", "note-001.tar.gz",
		"Note-001.txt", "note-001.TXT", "no-te-001.txt", "note-+01.txt", "note-001.t_t", "note-1e3.txt", "transcript.json", "a.note-001.txt",
	} {
		_, ok := keys.ParsePart(name)
		assert.False(t, ok, "%q", name)
	}
}
