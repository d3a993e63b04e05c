package pvstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail/storage"
)

// volume returns a directory as Init leaves it.
func volume(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	marker := filepath.Join(dir, markerName)
	require.NoError(t, os.WriteFile(marker, []byte(markerText+"TEST\n"), 0o600))
	require.NoError(t, os.Link(marker, filepath.Join(dir, proofName)))
	return dir
}

func open(t testing.TB, dir string, opts *Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, opts)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func put(t testing.TB, s storage.Store, key, body string) storage.Info {
	t.Helper()
	info, err := s.Create(t.Context(), key, strings.NewReader(body), nil)
	require.NoError(t, err, key)
	return info
}

func keysOf(t testing.TB, s storage.Store, opts *storage.ListOptions) []string {
	t.Helper()
	keys := []string{}
	for info, err := range storage.All(t.Context(), s, opts) {
		require.NoError(t, err)
		keys = append(keys, info.Key)
	}
	return keys
}

// hidden returns the names that start with a dot below dir, but for those of the driver itself.
func hidden(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if n := filepath.Base(path); err == nil && strings.HasPrefix(n, ".") && n != markerName && n != proofName {
			names = append(names, n)
		}
		return err
	})
	require.NoError(t, err)
	return names
}

func TestOpenRefusesAnUnmountedMountPoint(t *testing.T) {
	for name, dir := range map[string]string{
		"an empty directory":  t.TempDir(),
		"a missing directory": filepath.Join(t.TempDir(), "missing"),
	} {
		_, err := Open(t.Context(), dir, nil)
		require.ErrorIs(t, err, storage.ErrUnsuitable, name)
		assert.Contains(t, err.Error(), "mount the volume", name)
		assert.NotContains(t, err.Error(), dir, name)
	}
}

func TestInitIsIdempotentAndKeepsWhatIsThere(t *testing.T) {
	dir := volume(t)
	s := open(t, dir, nil)
	put(t, s, "a/b", "x")
	require.NoError(t, Init(t.Context(), dir))
	assert.Equal(t, []string{"a/b"}, keysOf(t, open(t, dir, nil), nil))
	assert.Equal(t, s.volumeID, open(t, dir, nil).volumeID)
}

func TestInitRefusesADirectoryOfOthers(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "lost+found"), 0o700))
	require.NoError(t, os.Mkdir(filepath.Join(dir, ".snapshot"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "photo"), nil, 0o600))
	require.ErrorIs(t, Init(t.Context(), dir), storage.ErrUnsuitable)
	require.NoError(t, os.Remove(filepath.Join(dir, "photo")))
	require.NoError(t, Init(t.Context(), dir), "what file servers put there does no harm")
}

func TestManyInitsAtOnceMakeOneVolume(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { assert.NoError(t, Init(context.Background(), dir)) })
	}
	wg.Wait()
	assert.Empty(t, hidden(t, dir))
	open(t, dir, nil)
}

func TestAnUnmountedVolumeIsAnErrorNotEmpty(t *testing.T) {
	dir := volume(t)
	s := open(t, dir, nil)
	put(t, s, "a/b", "x")
	away := dir + ".away"
	require.NoError(t, os.Rename(dir, away))

	check := func(why string) {
		_, err := s.List(t.Context(), nil)
		require.ErrorIs(t, err, storage.ErrUnavailable, why)
		_, err = s.Stat(t.Context(), "a/b")
		require.ErrorIs(t, err, storage.ErrUnavailable, why)
		require.NotErrorIs(t, err, storage.ErrNotExist, why)
		_, err = s.Create(t.Context(), "c", nil, nil)
		require.ErrorIs(t, err, storage.ErrUnavailable, why)
		require.ErrorIs(t, s.Delete(t.Context(), "a/b"), storage.ErrUnavailable, why)
	}
	check("nothing there")
	require.NoError(t, os.Mkdir(dir, 0o700))
	check("an empty mount point")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries, "nothing is written to a mount point")
	require.NoError(t, Init(t.Context(), dir))
	check("another volume is mounted there")
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.Rename(away, dir))
	assert.Equal(t, []string{"a/b"}, keysOf(t, s, nil), "mounted again")
}

func TestOfManyCreatorsOneWins(t *testing.T) {
	dir := volume(t)
	a, b := open(t, dir, nil), open(t, dir, nil)
	for _, body := range []string{"", "bytes"} {
		for round := range 25 {
			key := fmt.Sprintf("race/%d-%d", len(body), round)
			var wg sync.WaitGroup
			won := make(chan int, 8)
			for i, s := range []*Store{a, b, a, b, a, b, a, b} {
				wg.Go(func() {
					_, err := s.Create(context.Background(), key, strings.NewReader(body), nil)
					if err == nil {
						won <- i
						return
					}
					assert.ErrorIs(t, err, storage.ErrExists)
				})
			}
			wg.Wait()
			assert.Len(t, won, 1, key)
		}
	}
	assert.Empty(t, hidden(t, dir))
}

func TestListIsInByteOrderOfWholeNames(t *testing.T) {
	s := open(t, volume(t), &Options{Prefix: "in/side"})
	want := []string{"a,b", "a-b/x", "a-b/y/z", "a.b", "a/x", "a/y", "a0/x", "a=/x", "aa", "b/c/d/e"}
	for i := range want {
		put(t, s, want[(i*7+3)%len(want)], "x")
	}
	require.True(t, slices.IsSorted(want))
	assert.Equal(t, want, keysOf(t, s, nil))
	for size := 1; size <= len(want); size++ {
		assert.Equal(t, want, keysOf(t, s, &storage.ListOptions{MaxKeys: size}), size)
	}
}

// TestListIsThatOfAMap compares every kind of listing with one that is computed from a set of names.
func TestListIsThatOfAMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, err := Open(context.Background(), volume(t), &Options{PageSize: rapid.IntRange(1, 7).Draw(rt, "page size")})
		require.NoError(rt, err)
		s.disturb = func(step, _ string, f func() error) error { return unlessSync(step, f)() }
		s.nature = rapid.SampledFrom([]nature{instant, local, distant}).Draw(rt, "nature")
		have := map[string]bool{}
		for _, key := range rapid.SliceOfN(rapid.StringMatching(`[ab][a,.=-]?[a0](/[ab][.-]?a){0,2}`), 0, 25).Draw(rt, "keys") {
			_, err := s.Create(context.Background(), key, nil, nil)
			if err == nil {
				have[key] = true
			} else if !errors.Is(err, storage.ErrInvalid) {
				require.ErrorIs(rt, err, storage.ErrExists)
			}
		}
		for key := range have {
			if rapid.IntRange(0, 4).Draw(rt, "delete") == 0 {
				require.NoError(rt, s.Delete(context.Background(), key))
				delete(have, key)
			}
		}
		opts := &storage.ListOptions{
			Prefix:    rapid.StringMatching(`([ab][a,.=-]?[a0]?(/[ab]?){0,2})?`).Filter(func(p string) bool { return storage.CheckPrefix(p) == nil }).Draw(rt, "prefix"),
			Delimiter: rapid.SampledFrom([]string{"", "/"}).Draw(rt, "delimiter"),
			KeysOnly:  rapid.Bool().Draw(rt, "keys only"),
			MaxKeys:   rapid.IntRange(0, 3).Draw(rt, "max keys"),
		}
		var want []string
		for key := range have {
			rest, ok := strings.CutPrefix(key, opts.Prefix)
			if !ok {
				continue
			}
			if i := strings.Index(rest, "/"); opts.Delimiter != "" && i >= 0 {
				key = opts.Prefix + rest[:i+1]
			}
			want = append(want, key)
		}
		slices.Sort(want)
		want = slices.Compact(want)
		var got []string
		for {
			page, err := s.List(context.Background(), opts)
			require.NoError(rt, err)
			items := slices.Clone(page.Prefixes)
			for _, info := range page.Objects {
				items = append(items, info.Key)
				require.Equal(rt, opts.KeysOnly, info.Modified.IsZero())
			}
			slices.Sort(items)
			got = append(got, items...)
			if page.Next == "" {
				break
			}
			opts.Token = page.Next
		}
		require.Equal(rt, want, got)
	})
}

func TestReadReturnsWhatWasCreated(t *testing.T) {
	s := open(t, volume(t), nil)
	body := bytes.Repeat([]byte("0123456789"), 40_000)
	info, err := s.Create(t.Context(), "audio", bytes.NewReader(body), nil)
	require.NoError(t, err)
	got, err := storage.ReadFile(t.Context(), s, "audio", 1<<20)
	require.NoError(t, err)
	assert.Equal(t, body, got)
	stat, err := s.Stat(t.Context(), "audio")
	require.NoError(t, err)
	assert.Equal(t, info, stat)
}
