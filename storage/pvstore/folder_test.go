package pvstore

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail/storage"
)

func TestALargeFolderIsReadWhole(t *testing.T) {
	dir := volume(t)
	folder := filepath.Join(dir, "box")
	require.NoError(t, os.Mkdir(folder, 0o700))
	const files = 6000 // beyond the first buffer
	for i := range files {
		require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("0192f5e1-7d4a-7c3b-%06d", i*7%files)), nil, 0o600))
	}
	for _, n := range []nature{instant, local} {
		s := open(t, dir, nil)
		s.nature = n
		keys := keysOf(t, s, nil)
		assert.Len(t, slices.Compact(keys), files)
		assert.True(t, slices.IsSorted(keys))
	}
	oneCall := open(t, dir, nil).nature == instant // the file system that the tests run on
	f, err := os.Open(folder)
	require.NoError(t, err)
	defer f.Close()
	for _, size := range []int{512, 4096, 1 << 20} {
		_, err := f.Seek(0, 0)
		require.NoError(t, err)
		entries, whole, err := readEntries(f, make([]byte, size))
		require.NoError(t, err)
		assert.Len(t, entries, files, size)
		assert.True(t, whole || !oneCall, "a buffer that is too small grows")
	}
}

func TestASegmentIsWhatCheckKeyTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.StringMatching(`[a-z0-9_.,=~-]{0,8}`), rapid.StringN(0, 4, -1), rapid.StringMatching(`[a.]{212,218}`)).
			Filter(func(s string) bool { return !slices.Contains([]byte(s), '/') }).Draw(t, "name")
		require.Equal(t, storage.CheckKey(name) == nil, isSegment(name))
	})
	for c := range 256 {
		if name := "a" + string([]byte{byte(c)}) + "a"; c != '/' {
			assert.Equal(t, storage.CheckKey(name) == nil, isSegment(name), c)
		}
	}
}

func TestOptionsThatCannotBeRightAreRefused(t *testing.T) {
	dir := volume(t)
	for why, opts := range map[string]*Options{
		"a prefix that leaves the volume": {Prefix: "../x"},
		"a prefix that ends in a slash":   {Prefix: "x/"},
		"a negative page":                 {PageSize: -1},
		"a negative age":                  {TempAge: -1},
		"a mode that is no permission":    {FileMode: os.ModeSetuid | 0o600},
	} {
		_, err := Open(t.Context(), dir, opts)
		require.ErrorIs(t, err, storage.ErrInvalid, why)
	}
}
