package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func connOptions() azcore.ClientOptions { return azcore.ClientOptions{} }

// writeKeys writes files into a directory.
func writeKeys(t testing.TB, dir string, keys map[string]string) {
	t.Helper()
	for name, key := range keys {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(key), 0o600))
	}
}

// volume is a directory in which a secret is mounted, as the kubelet does it: the files are links to ..data/<name>, and ..data is a link to the directory of a generation.
type volume struct {
	dir        string
	generation int
}

func mount(t testing.TB, keys map[string]string) *volume {
	t.Helper()
	v := &volume{dir: t.TempDir()}
	v.swap(t, keys)
	for name := range keys {
		require.NoError(t, os.Symlink(filepath.Join(dataLink, name), filepath.Join(v.dir, name)))
	}
	return v
}

// swap replaces all files at once.
func (v *volume) swap(t testing.TB, keys map[string]string) {
	t.Helper()
	old := "..2026_" + strconv.Itoa(v.generation)
	v.generation++
	name := "..2026_" + strconv.Itoa(v.generation)
	require.NoError(t, os.Mkdir(filepath.Join(v.dir, name), 0o700))
	writeKeys(t, filepath.Join(v.dir, name), keys)
	link := filepath.Join(v.dir, "..data_tmp")
	require.NoError(t, os.Symlink(name, link))
	require.NoError(t, os.Rename(link, filepath.Join(v.dir, dataLink)))
	require.NoError(t, os.RemoveAll(filepath.Join(v.dir, old)))
}

func pair(n int) map[string]string {
	return map[string]string{"a": "access" + strconv.Itoa(n), "b": "secret" + strconv.Itoa(n)}
}

func TestAPairIsReadAsItStoodTogether(t *testing.T) {
	v := mount(t, pair(0))
	s := &secret{dir: v.dir, names: []string{"a", "b"}}
	var swaps sync.WaitGroup
	done := make(chan struct{})
	swaps.Go(func() {
		defer close(done)
		for n := 1; n <= 300; n++ {
			v.swap(t, pair(n))
		}
	})
	read := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		values, err := s.read()
		if err != nil {
			require.ErrorIs(t, err, errChanging)
			continue
		}
		read++
		require.Equal(t, strings.TrimPrefix(values[0], "access"), strings.TrimPrefix(values[1], "secret"), "of two generations")
	}
	swaps.Wait()
	assert.NotZero(t, read)
	values, err := s.read()
	require.NoError(t, err)
	assert.Equal(t, []string{"access300", "secret300"}, values)
}

func TestKeysAreReadAgainAfterASecondAndNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := mount(t, pair(1))
		var used [][]string
		s := &secret{dir: v.dir, names: []string{"a", "b"}, use: func(values []string) { used = append(used, values) }}
		values, first, err := s.current()
		require.NoError(t, err)
		assert.Equal(t, []string{"access1", "secret1"}, values)

		v.swap(t, pair(2))
		time.Sleep(poll - 1)
		values, version, err := s.current()
		require.NoError(t, err)
		assert.Equal(t, "access1", values[0], "not read for every request")
		assert.Equal(t, first, version)

		time.Sleep(time.Nanosecond)
		values, version, err = s.current()
		require.NoError(t, err)
		assert.Equal(t, []string{"access2", "secret2"}, values)
		assert.NotEqual(t, first, version)
		assert.Len(t, used, 2)

		time.Sleep(time.Hour)
		_, same, err := s.current()
		require.NoError(t, err)
		assert.Equal(t, version, same, "nothing has changed")
		assert.Len(t, used, 2)
	})
}

func TestARefusedRequestLooksAtOnceAndKnowsWhatItWasSignedWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := mount(t, pair(1))
		s := &secret{dir: v.dir, names: []string{"a", "b"}}
		_, first, err := s.current()
		require.NoError(t, err)
		assert.False(t, s.changedSince(first), "the same key would be refused again")
		v.swap(t, pair(2))
		assert.True(t, s.changedSince(first))
		assert.True(t, s.changedSince(first), "another request, signed with the old one, that another one's look has overtaken")
		_, second, err := s.current()
		require.NoError(t, err)
		assert.False(t, s.changedSince(second))
	})
}

func TestWhiteSpaceAroundAKeyDoesNotMatter(t *testing.T) {
	dir := t.TempDir()
	for _, content := range []string{"key", "key\n", "\r\n key \t\r\n", "key\n\n"} {
		writeKeys(t, dir, map[string]string{"a": content})
		values, err := (&secret{dir: dir, names: []string{"a"}}).read()
		require.NoError(t, err)
		assert.Equal(t, []string{"key"}, values, "%q", content)
	}
}

func TestAFileThatHoldsNoKeyIsAnErrorThatNamesTheFileOnly(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "directory"), 0o700))
	require.NoError(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	writeKeys(t, dir, map[string]string{
		"empty": "", "blank": " \n", "two": canary + "\n" + canary, "binary": canary + "\x00", "utf16": "\xff\xfek\x00", "wide": canary + "é",
		"long": strings.Repeat("k", maxKeyFile+1),
	})
	for name, want := range map[string]string{
		"directory": "is not a file", "empty": "is empty", "blank": "is empty", "two": "something else", "binary": "something else",
		"utf16": "something else", "wide": "something else", "long": "something else", "missing": "no such file", "loop": "too many levels",
	} {
		_, err := (&secret{dir: dir, names: []string{name}}).read()
		assert.ErrorContains(t, err, "file "+name+": ")
		assert.ErrorContains(t, err, want, name)
		assert.NotContains(t, err.Error(), canary)
		assert.NotContains(t, err.Error(), dir)
	}
}

func TestAKeyThatCannotBeReadIsAnErrorAtFirstAndLeavesTheOldOneLater(t *testing.T) {
	for _, broken := range []struct {
		keys map[string]string
		why  string
	}{
		{map[string]string{"a": "access2"}, "half of the pair is missing"},
		{map[string]string{"a": "access2", "b": ""}, "half of the pair is not written yet"},
		{map[string]string{}, "the secret was emptied"},
		{map[string]string{"a": "access2", "b": "bad"}, "it cannot be a key"},
	} {
		synctest.Test(t, func(t *testing.T) {
			check := func(values []string) error {
				if values[1] == "bad" {
					return errors.New("is bad")
				}
				return nil
			}
			v := mount(t, pair(1))
			s := &secret{dir: v.dir, names: []string{"a", "b"}, check: check}
			_, first, err := s.current()
			require.NoError(t, err)
			v.swap(t, broken.keys)
			time.Sleep(poll)
			values, version, err := s.current()
			require.NoError(t, err, broken.why)
			assert.Equal(t, []string{"access1", "secret1"}, values, broken.why)
			assert.False(t, s.changedSince(version), broken.why)

			_, _, err = (&secret{dir: v.dir, names: []string{"a", "b"}, check: check}).current()
			require.Error(t, err, broken.why)

			v.swap(t, pair(3))
			assert.True(t, s.changedSince(first), broken.why)
			values, _, err = s.current()
			require.NoError(t, err)
			assert.Equal(t, []string{"access3", "secret3"}, values, "it recovers")
		})
	}
}

func TestADirectoryWithoutTheLinkIsReadToo(t *testing.T) {
	dir := t.TempDir()
	writeKeys(t, dir, pair(1))
	values, err := (&secret{dir: dir, names: []string{"a", "b"}}).read()
	require.NoError(t, err)
	assert.Equal(t, []string{"access1", "secret1"}, values)
}

func TestAKeyIsMountedWhenOneOfItsFilesIsThere(t *testing.T) {
	dir := t.TempDir()
	s := &secret{dir: dir, names: []string{"a", "b"}}
	found, err := s.mounted()
	require.NoError(t, err)
	assert.False(t, found)
	writeKeys(t, dir, map[string]string{"b": "x"})
	found, err = s.mounted()
	require.NoError(t, err)
	assert.True(t, found, "so that half a pair is not taken for none")
	_, err = (&secret{dir: filepath.Join(dir, "missing"), names: []string{"a"}}).mounted()
	assert.ErrorIs(t, err, fs.ErrNotExist, "a secret that is not mounted is not one without keys")
}
