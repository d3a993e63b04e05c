package gdpr

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

var sinkTime = time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)

// sinkKind is a kind of sink: open returns one, and what is in it once it is closed.
type sinkKind struct {
	name string
	open func(t *testing.T) (Sink, func() map[string]string)
}

var sinkKinds = []sinkKind{
	{"directory", func(t *testing.T) (Sink, func() map[string]string) {
		dir := filepath.Join(t.TempDir(), "to", "export")
		s, err := DirSink(dir)
		require.NoError(t, err)
		return s, func() map[string]string { return dirFiles(t, dir) }
	}},
	{"zip", func(t *testing.T) (Sink, func() map[string]string) {
		var b bytes.Buffer
		return ZipSink(&b), func() map[string]string { return zipFiles(t, b.Bytes()) }
	}},
}

func dirFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		info, err := os.Lstat(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		if !info.Mode().IsRegular() {
			files[e.Name()] = info.Mode().Type().String()
			continue
		}
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), "for the owner only")
		assert.True(t, info.ModTime().Equal(sinkTime) || strings.HasSuffix(e.Name(), ".part"), "the time that it was given")
		doc, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		files[e.Name()] = string(doc)
	}
	return files
}

func zipFiles(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	files := map[string]string{}
	for _, f := range r.File {
		assert.NotContains(t, files, f.Name, "each name once")
		assert.Equal(t, zip.Store, f.Method)
		assert.True(t, f.Modified.Equal(sinkTime))
		assert.Equal(t, fs.FileMode(0o600), f.Mode())
		rc, err := f.Open()
		require.NoError(t, err)
		doc, err := io.ReadAll(rc) // compares the checksum
		require.NoError(t, err)
		files[f.Name] = string(doc)
	}
	return files
}

func eachSink(t *testing.T, test func(t *testing.T, s Sink, files func() map[string]string)) {
	for _, kind := range sinkKinds {
		t.Run(kind.name, func(t *testing.T) {
			s, files := kind.open(t)
			test(t, s, files)
		})
	}
}

func create(t *testing.T, s Sink, name, content string) File {
	t.Helper()
	f, err := s.Create(name, sinkTime)
	require.NoError(t, err)
	if content != "" {
		n, err := io.WriteString(f, content)
		require.NoError(t, err)
		require.Equal(t, len(content), n)
	}
	return f
}

func TestFilesOfASinkAreThoseThatWereCommitted(t *testing.T) {
	eachSink(t, func(t *testing.T, s Sink, files func() map[string]string) {
		long := strings.Repeat("n", maxFileName)
		for name, content := range map[string]string{"a": "audio", "empty": "", "index.html": strings.Repeat("x", 100_000), long: "1", "ü b": "2"} {
			f := create(t, s, name, content)
			require.NoError(t, f.Commit())
			assert.NoError(t, f.Abort(), "a deferred Abort takes nothing back")
			assert.Error(t, f.Commit(), "once")
			_, err := f.Write([]byte("more"))
			assert.Error(t, err, "a file that is complete stays as it is")
		}
		require.NoError(t, s.Close())
		assert.Equal(t, map[string]string{"a": "audio", "empty": "", "index.html": strings.Repeat("x", 100_000), long: "1", "ü b": "2"}, files())
	})
}

func TestAnAbortedFileIsNotTakenForWhole(t *testing.T) {
	eachSink(t, func(t *testing.T, s Sink, files func() map[string]string) {
		f := create(t, s, "broken", "half")
		require.NoError(t, f.Abort())
		require.NoError(t, f.Abort(), "again")
		assert.Error(t, f.Commit())
		require.NoError(t, create(t, s, "unread", "").Abort())
		require.NoError(t, create(t, s, "whole", "audio").Commit())
		require.NoError(t, s.Close())
		want := map[string]string{"whole": "audio"}
		if _, ok := s.(*zipSink); ok {
			want["broken"] = "half"
			want["broken.incomplete"] = "The file broken in this archive is not whole. It ends early, or what it holds is not what was recorded.\n"
		}
		assert.Equal(t, want, files(), "what left nothing behind has no note")
	})
}

func TestNothingIsOverwritten(t *testing.T) {
	eachSink(t, func(t *testing.T, s Sink, files func() map[string]string) {
		require.NoError(t, create(t, s, "a", "first").Commit())
		_, err := s.Create("a", sinkTime)
		require.ErrorIs(t, err, fs.ErrExist)
		require.NoError(t, s.Close())
		assert.Equal(t, map[string]string{"a": "first"}, files())
	})
}

func TestANoteInAnArchiveHasItsNameForItself(t *testing.T) {
	s := ZipSink(io.Discard)
	require.NoError(t, create(t, s, "a.incomplete", "x").Commit())
	_, err := s.Create("a", sinkTime)
	require.ErrorIs(t, err, fs.ErrExist)
	require.NoError(t, create(t, s, "b", "x").Abort())
	_, err = s.Create("b.incomplete", sinkTime)
	require.ErrorIs(t, err, fs.ErrExist)
}

func TestNamesThatCouldLeadElsewhereAreRefused(t *testing.T) {
	for name, why := range map[string]string{
		"": "none", ".": "the directory", "..": "its parent", "../a": "outside", "a/b": "a directory", "/etc/x": "absolute", `a\b`: "a directory on Windows",
		"C:x": "another disk", ".a": "hidden, or being written", "a\x00b": "cut off by the system", "a\nb": "two lines", strings.Repeat("n", maxFileName+1): "too long for some systems",
	} {
		eachSink(t, func(t *testing.T, s Sink, files func() map[string]string) {
			_, err := s.Create(name, sinkTime)
			require.ErrorIs(t, err, voicemail.ErrInvalid, why)
			require.NoError(t, s.Close(), "nothing was begun")
			assert.Empty(t, files(), why)
		})
	}
}

func TestAFileThatNobodyEndedIsAnError(t *testing.T) {
	eachSink(t, func(t *testing.T, s Sink, _ func() map[string]string) {
		create(t, s, "a", "audio")
		assert.ErrorIs(t, s.Close(), errFileOpen)
	})
}

func TestAnArchiveTakesOneFileAtATime(t *testing.T) {
	s := ZipSink(io.Discard)
	create(t, s, "a", "audio")
	_, err := s.Create("b", sinkTime)
	assert.ErrorIs(t, err, errFileOpen)
}

func TestAFileHasItsNameOnceItIsComplete(t *testing.T) {
	dir := t.TempDir()
	s, err := DirSink(dir)
	require.NoError(t, err)
	f := create(t, s, "a", "half")
	files := dirFiles(t, dir)
	assert.NotContains(t, files, "a")
	require.Len(t, files, 1, "what a crash would leave")
	for name, content := range files {
		assert.Regexp(t, `^\.[a-z0-9]+\.part$`, name)
		assert.Equal(t, "half", content)
	}
	require.NoError(t, f.Commit())
	assert.Equal(t, map[string]string{"a": "half"}, dirFiles(t, dir))
	require.NoError(t, s.Close())
}

func TestAFileThatAnotherWroteMeanwhileStays(t *testing.T) {
	for why, link := range map[string]func(*dirSink) func(string, string) error{
		"with hard links":    func(s *dirSink) func(string, string) error { return s.link },
		"without hard links": func(*dirSink) func(string, string) error { return noLinks },
	} {
		dir := t.TempDir()
		s, err := DirSink(dir)
		require.NoError(t, err)
		s.(*dirSink).link = link(s.(*dirSink))
		f := create(t, s, "a", "mine")
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("theirs"), 0o600))
		require.NoError(t, os.Chtimes(filepath.Join(dir, "a"), sinkTime, sinkTime))
		require.ErrorIs(t, f.Commit(), fs.ErrExist, why)
		require.NoError(t, s.Close())
		assert.Equal(t, map[string]string{"a": "theirs"}, dirFiles(t, dir), why)
	}
}

func noLinks(from, to string) error {
	return &os.LinkError{Op: "link", Old: from, New: to, Err: errors.ErrUnsupported}
}

func TestAFileSystemWithoutHardLinksIsWrittenTo(t *testing.T) {
	dir := t.TempDir()
	s, err := DirSink(dir)
	require.NoError(t, err)
	s.(*dirSink).link = noLinks
	require.NoError(t, create(t, s, "a", "audio").Commit())
	_, err = s.Create("a", sinkTime)
	require.ErrorIs(t, err, fs.ErrExist)
	require.NoError(t, s.Close())
	assert.Equal(t, map[string]string{"a": "audio"}, dirFiles(t, dir))
}

func TestNoLinkLeadsOutOfTheDirectory(t *testing.T) {
	outside := t.TempDir()
	target := filepath.Join(outside, "target")
	require.NoError(t, os.WriteFile(target, []byte("outside"), 0o600))
	for why, to := range map[string]string{"to a file": target, "to nothing": filepath.Join(outside, "new"), "to a directory": outside, "relative": "../x"} {
		dir := t.TempDir()
		require.NoError(t, os.Symlink(to, filepath.Join(dir, "a")))
		s, err := DirSink(dir)
		require.NoError(t, err)
		_, err = s.Create("a", sinkTime)
		require.ErrorIs(t, err, fs.ErrExist, why)

		for name, link := range map[string]func(string, string) error{"linked": s.(*dirSink).link, "renamed": noLinks} {
			s.(*dirSink).link = link
			f := create(t, s, name, "secret")
			_ = os.Remove(filepath.Join(dir, name))
			require.NoError(t, os.Symlink(to, filepath.Join(dir, name)), "planted while the file is written")
			require.ErrorIs(t, f.Commit(), fs.ErrExist, why)
		}

		require.NoError(t, os.Symlink(outside, filepath.Join(dir, "sub")))
		_, err = s.Create("sub/new", sinkTime)
		require.ErrorIs(t, err, voicemail.ErrInvalid, "through a directory")
		require.NoError(t, s.Close())
	}
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing came there")
	doc, err := os.ReadFile(target)
	require.NoError(t, err)
	assert.Equal(t, "outside", string(doc))
}

func TestADirectoryIsMadeForItsOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s, err := DirSink(dir)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for _, d := range []string{dir, filepath.Dir(dir)} {
		info, err := os.Stat(d)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	}
}

func TestADirectoryThatCannotBeIsRefusedWithoutItsName(t *testing.T) {
	_, err := DirSink("")
	require.ErrorIs(t, err, voicemail.ErrInvalid)
	file := filepath.Join(t.TempDir(), secretDigits)
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		_, err = DirSink(dir)
		require.Error(t, err)
		assert.False(t, leaks(err.Error()), err)
	}

	dir := filepath.Join(t.TempDir(), secretDigits)
	s, err := DirSink(dir)
	require.NoError(t, err)
	f := create(t, s, "a", "x")
	require.NoError(t, f.Commit())
	_, late := f.Write([]byte("y"))
	f = create(t, s, "b", "x")
	require.NoError(t, os.RemoveAll(dir))
	lost := f.Commit()
	_, gone := s.Create("c", sinkTime)
	require.NoError(t, s.Close())
	_, closed := s.Create("d", sinkTime)
	for i, err := range []error{late, lost, gone, closed} {
		require.Error(t, err, i)
		assert.False(t, leaks(err.Error()), err)
	}
}

// shortWriter fails after so many bytes.
type shortWriter struct{ left int }

var errDisconnected = errors.New("disconnected")

func (w *shortWriter) Write(b []byte) (int, error) {
	if len(b) > w.left {
		n := w.left
		w.left = 0
		return n, errDisconnected
	}
	w.left -= len(b)
	return len(b), nil
}

func TestAnArchiveThatCannotBeWrittenFails(t *testing.T) {
	export := func(w io.Writer) error {
		s := ZipSink(w)
		for _, name := range []string{"a", "b"} {
			f, err := s.Create(name, sinkTime)
			if err != nil {
				return err
			}
			_, err = io.WriteString(f, strings.Repeat("x", 10_000))
			if err != nil {
				return errors.Join(err, f.Abort())
			}
			if err := f.Commit(); err != nil {
				return err
			}
		}
		return s.Close()
	}
	var whole bytes.Buffer
	require.NoError(t, export(&whole))
	for left := 0; left < whole.Len(); left += 97 {
		require.ErrorIs(t, export(&shortWriter{left}), errDisconnected, "after %d bytes", left)
	}
	require.NoError(t, export(&shortWriter{whole.Len()}))
}

func TestAnArchiveIsWrittenAsItComes(t *testing.T) {
	var b bytes.Buffer
	s := ZipSink(&b)
	f := create(t, s, "a", strings.Repeat("x", 10_000))
	require.NoError(t, f.Commit())
	assert.Greater(t, b.Len(), 10_000, "a committed file is on its way")
	_, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.Error(t, err, "an archive that was not closed cannot be taken for a whole one")
	require.NoError(t, s.Close())
	assert.Equal(t, []string{"a"}, slices.Collect(maps.Keys(zipFiles(t, b.Bytes()))))
}
