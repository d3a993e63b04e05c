package access

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// A golden file says what is stored. Stored data outlives the code: a difference is a new format, which the code must read beside the old one.
var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a document with its file, and returns the file.
func golden(t *testing.T, name string, doc any) []byte {
	t.Helper()
	var got bytes.Buffer
	stored, err := json.Marshal(doc)
	require.NoError(t, err)
	require.NoError(t, json.Indent(&got, stored, "", "  "))
	got.WriteByte('\n')
	path := filepath.Join("testdata", "v1", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got.String(), "%s differs; if that is meant, run with -update", path)
	return want
}

var goldenTime = time.Date(2031, 2, 3, 4, 5, 6, 789_000_000, time.UTC)

func TestAPINIsStoredAsInItsGoldenFile(t *testing.T) {
	p, salt := Argon2{Memory: 64, Time: 3, Threads: 2}, []byte("0123456789abcdef")
	full := revision{
		Version: 1, Nonce: "0123456789abcdef01234567", At: goldenTime, MustChange: true,
		Hash: &hashed{Version: 19, Memory: p.Memory, Time: p.Time, Threads: p.Threads, Salt: salt, Key: p.key(pin(t, "0417"), salt)},
	}
	read, err := decodeRevision(golden(t, "pin.json", full))
	require.NoError(t, err)
	assert.Equal(t, &full, read)
	assert.True(t, read.Hash.matches(pin(t, "0417")))
	assert.False(t, read.Hash.matches(pin(t, "0418")))

	cleared := revision{Version: 1, Nonce: "0123456789abcdef01234567", At: goldenTime, Cleared: true}
	read, err = decodeRevision(golden(t, "pin-cleared.json", cleared))
	require.NoError(t, err)
	assert.Equal(t, &cleared, read)

	golden(t, "try.json", tryDoc{At: goldenTime, Nonce: "0123456789abcdef01234567"})
}

func TestNamesAreThoseOfTheGoldenFile(t *testing.T) {
	space, err := keys.NewSpace("Acme")
	require.NoError(t, err)
	box, err := space.Box("5001")
	require.NoError(t, err)
	v := view{box: box, gen: 1, rev: 2}
	golden(t, "names.json", []string{
		box.AccessAt(keys.Access{Kind: keys.PIN, Gen: 1, Rev: 2}), v.name(keys.Reset, 34), v.name(keys.Try, 35),
	})
}

// A record that was tampered with must not make the library take all memory there is.
func FuzzARevisionIsReadOrCorrupt(f *testing.F) {
	for _, name := range []string{"pin.json", "pin-cleared.json", "try.json"} {
		doc, err := os.ReadFile(filepath.Join("testdata", "v1", name))
		require.NoError(f, err)
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		r, err := decodeRevision(doc)
		if err != nil {
			require.ErrorIs(t, err, storage.ErrCorrupt)
			return
		}
		require.Equal(t, r.Cleared, r.Hash == nil)
		require.True(t, r.Cleared || r.Hash.parameters().possible())
	})
}
