package pvstore

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func TestAFolderThatMayNotBeReadIsAnErrorNotAnOmission(t *testing.T) {
	dir := volume(t)
	s := open(t, dir, nil)
	put(t, s, "box/1/a", "x")
	put(t, s, "box/2/b", "x")
	locked := filepath.Join(dir, "box/2")
	asNobody(t, dir, func() {
		require.NoError(t, os.Chmod(locked, 0))
		defer func() { require.NoError(t, os.Chmod(locked, 0o700)) }()
		for why, opts := range map[string]*storage.ListOptions{
			"all":      nil,
			"names":    {KeysOnly: true},
			"prefixes": {Prefix: "box/", Delimiter: "/"},
			"itself":   {Prefix: "box/2/"},
		} {
			page, err := s.List(t.Context(), opts)
			require.ErrorIs(t, err, storage.ErrPermission, why)
			assert.Nil(t, page, why)
		}
		_, err := s.Stat(t.Context(), "box/2/b")
		require.ErrorIs(t, err, storage.ErrPermission)
		_, err = s.Open(t.Context(), "box/2/b", nil)
		require.ErrorIs(t, err, storage.ErrPermission)
		_, err = s.Create(t.Context(), "box/2/c", nil, nil)
		require.ErrorIs(t, err, storage.ErrPermission)
		for _, err := range s.Residue(t.Context(), "") {
			require.ErrorIs(t, err, storage.ErrPermission)
		}
		_, err = s.Clean(t.Context())
		require.ErrorIs(t, err, storage.ErrPermission)

		err = s.Delete(t.Context(), "box/1/a", "box/2/b")
		require.ErrorIs(t, err, storage.ErrPermission)
		assert.Equal(t, []string{"box/2/b"}, storage.FailedKeys(err))
	})
	assert.Equal(t, []string{"box/2/b"}, keysOf(t, s, nil))
}

func TestAVolumeThatMayOnlyBeReadIsReadAndSaysSo(t *testing.T) {
	dir := volume(t)
	put(t, open(t, dir, nil), "box/a", "x")
	asNobody(t, dir, func() {
		for _, d := range []string{dir, filepath.Join(dir, "box")} {
			require.NoError(t, os.Chmod(d, 0o500))
			defer func() { require.NoError(t, os.Chmod(d, 0o700)) }()
		}
		s := open(t, dir, nil)
		assert.Equal(t, []string{"box/a"}, keysOf(t, s, nil))
		_, err := s.Create(t.Context(), "box/b", nil, nil)
		require.ErrorIs(t, err, storage.ErrPermission)
		_, err = s.Create(t.Context(), "new/b", nil, nil)
		require.ErrorIs(t, err, storage.ErrPermission)
		require.ErrorIs(t, s.Delete(t.Context(), "box/a"), storage.ErrPermission)
		_, err = s.ping()
		require.ErrorIs(t, err, storage.ErrPermission)
		assert.ErrorContains(t, fail("ping", "", err), "cannot create")
	})
}

func TestModesAreForTheOwnerAloneOrAsChosen(t *testing.T) {
	for _, row := range []struct {
		opts         *Options
		file, folder os.FileMode
		why          string
	}{
		{nil, 0o600, 0o700, "nobody else may hear a message"},
		{&Options{FileMode: 0o660, DirMode: 0o770}, 0o660, 0o770 | os.ModeSetgid, "a group shares the volume, in spite of the umask, and new folders belong to it"},
	} {
		t.Run(row.why, func(t *testing.T) {
			dir := volume(t)
			if row.folder&os.ModeSetgid != 0 {
				require.NoError(t, os.Chmod(dir, 0o770|os.ModeSetgid))
			}
			s := open(t, dir, row.opts)
			put(t, s, "box/1/full", "x")
			put(t, s, "box/1/empty", "")
			for name, want := range map[string]os.FileMode{
				"box": row.folder | os.ModeDir, "box/1": row.folder | os.ModeDir, "box/1/full": row.file, "box/1/empty": row.file,
			} {
				fi, err := os.Stat(filepath.Join(dir, name))
				require.NoError(t, err)
				assert.Equal(t, want, fi.Mode(), name)
			}
		})
	}
}

func TestWhatIsForeignIsNeitherListedNorTouched(t *testing.T) {
	dir, outside := volume(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	s := open(t, dir, nil)
	put(t, s, "box/a", "x")
	at := func(name string) string { return filepath.Join(dir, "box", name) }
	foreign := []string{"README", "a b", "x+y", ".nfs00000000deadbeef00000001", ".hidden", tempName("live"), "dot.", "ümlaut"}
	for _, name := range foreign {
		require.NoError(t, os.WriteFile(at(name), []byte("foreign"), 0o600))
	}
	require.NoError(t, syscall.Mkfifo(at("pipe"), 0o600))
	require.NoError(t, os.Symlink("a", at("alias")))
	require.NoError(t, os.Symlink("missing", at("dangling")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), at("out")))
	require.NoError(t, os.Symlink(outside, at("outdir")))
	require.NoError(t, os.Symlink("../../..", at("up")))
	require.NoError(t, os.MkdirAll(at("Lost+Found/x"), 0o700))
	require.NoError(t, os.MkdirAll(at("empty/folder"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(at("Lost+Found/x"), "y"), nil, 0o600))
	before, err := os.ReadDir(filepath.Join(dir, "box"))
	require.NoError(t, err)

	for _, n := range []nature{instant, distant} {
		s.nature = n
		assert.Equal(t, []string{"box/a"}, keysOf(t, s, nil))
		page, err := s.List(t.Context(), &storage.ListOptions{Prefix: "box/", Delimiter: "/"})
		require.NoError(t, err)
		assert.Empty(t, page.Prefixes, "no folder here has an object")

		for _, name := range []string{"alias", "dangling", "out", "pipe", "empty"} {
			key := "box/" + name
			_, err := s.Stat(t.Context(), key)
			require.ErrorIs(t, err, storage.ErrNotExist, name)
			_, err = s.Open(t.Context(), key, nil)
			require.ErrorIs(t, err, storage.ErrNotExist, name)
			for _, body := range []string{"", "x"} {
				_, err = s.Create(t.Context(), key, strings.NewReader(body), nil)
				require.ErrorIs(t, err, storage.ErrInvalid, name)
			}
			require.NoError(t, s.Delete(t.Context(), key), name)
		}
		for _, name := range []string{"outdir", "up"} {
			key := "box/" + name + "/secret"
			_, err := s.Stat(t.Context(), key)
			require.ErrorIs(t, err, storage.ErrPermission, name)
			_, err = s.Open(t.Context(), key, nil)
			require.ErrorIs(t, err, storage.ErrPermission, name)
			_, err = s.Create(t.Context(), key+"s", strings.NewReader("x"), nil)
			require.ErrorIs(t, err, storage.ErrPermission, name)
			require.ErrorIs(t, s.Delete(t.Context(), key), storage.ErrPermission, name)
			_, err = s.List(t.Context(), &storage.ListOptions{Prefix: "box/" + name + "/"})
			require.ErrorIs(t, err, storage.ErrPermission, name)
			assert.NotContains(t, err.Error(), name)
		}
	}
	after, err := os.ReadDir(filepath.Join(dir, "box"))
	require.NoError(t, err)
	assert.Equal(t, namesOf(before), namesOf(after))
	left, err := os.ReadDir(outside)
	require.NoError(t, err)
	assert.Equal(t, []string{"secret"}, namesOf(left))
}

func namesOf(entries []os.DirEntry) (names []string) {
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestAnUntoldKindIsLookedAt(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "box/folder"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(root, "box/file"), nil, 0o600))
	require.NoError(t, os.Symlink("file", filepath.Join(root, "box/link")))
	r, err := os.OpenRoot(root)
	require.NoError(t, err)
	defer r.Close()
	entries := []entry{{"folder", unsure}, {"file", unsure}, {"link", unsure}, {"gone", unsure}, {"told", file}}
	require.NoError(t, resolve(r, "box", entries))
	assert.Equal(t, []entry{{"folder", dir}, {"file", file}, {"link", foreign}, {"gone", foreign}, {"told", file}}, entries)
}
