package asterisk_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/asterisk"
	"github.com/genesys/voicemail/storage/memstore"
)

// broken fails to open some files, and to read others to their end.
type broken struct {
	fs.FS
	open, read string
}

var errDisk = errors.New("input/output error")

func (b broken) Open(name string) (fs.File, error) {
	if name == b.open {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	f, err := b.FS.Open(name)
	if err == nil && name == b.read {
		f = &brokenFile{f}
	}
	return f, err
}

type brokenFile struct{ fs.File }

func (*brokenFile) Read([]byte) (int, error)           { return 0, errDisk }
func (*brokenFile) ReadDir(int) ([]fs.DirEntry, error) { return nil, errDisk }

func TestWhatCannotBeReadIsReportedAndTheRestIsImported(t *testing.T) {
	s := newSpool(t)
	s.message("default/8000/INBOX/msg0000", 1, "5551001")
	s.message("default/8000/INBOX/msg0001", 2, "5551002")
	s.message("other/1/INBOX/msg0000", 3, "5551003")
	for _, tt := range []struct {
		name   string
		failed string
		rest   int
	}{
		{"default", "default", 1},
		{"default/8000", "default/8000", 1},
		{"default/8000/INBOX", "default/8000/INBOX", 1},
		{"default/8000/INBOX/msg0000.txt", "default/8000/INBOX/msg0000", 2},
		{"default/8000/INBOX/msg0000.wav", "default/8000/INBOX/msg0000", 2},
	} {
		for _, spool := range []fs.FS{broken{FS: s.open(), open: tt.name}, broken{FS: s.open(), read: tt.name}} {
			r, err := asterisk.Import(t.Context(), spool, service(t, memstore.New(nil)), creating())
			require.NoError(t, err)
			assert.Contains(t, outcomes(r), tt.failed+" failed unreadable")
			assert.Equal(t, []int{tt.rest, 1}, []int{r.Imported, r.Failed})
		}
	}
	for _, spool := range []fs.FS{broken{FS: s.open(), open: "."}, broken{FS: s.open(), read: "."}} {
		_, err := asterisk.Import(t.Context(), spool, service(t, memstore.New(nil)), nil)
		require.Error(t, err, "a spool that is not mounted is not an empty one")
	}
}

// Whoever can write into the spool must not have other files of the host imported.
func TestLinksAreNotFollowed(t *testing.T) {
	outside := newSpool(t)
	outside.message("8000/INBOX/msg0000", 1, "5551001")
	s := newSpool(t)
	s.link(outside.dir, "default")
	s.link(filepath.Join(outside.dir, "8000"), "acme/8000")
	s.link(filepath.Join(outside.dir, "8000/INBOX"), "acme/8001/INBOX")
	s.message("acme/8002/INBOX/msg0000", 2, "5551001")
	s.link(filepath.Join(outside.dir, "8000/INBOX/msg0000.wav"), "acme/8002/unavail.wav")
	for name, fsys := range map[string]fs.FS{"a root": s.open(), "a directory, which follows links": os.DirFS(s.dir)} {
		opts := creating()
		opts.Greeting = func(context.Context, asterisk.Greeting) error {
			assert.Fail(t, "a greeting from outside")
			return nil
		}
		r, err := asterisk.Import(t.Context(), fsys, service(t, memstore.New(nil)), opts)
		require.NoError(t, err)
		assert.Equal(t, []string{
			"acme/8000 skipped not-a-regular-file", "acme/8001/INBOX skipped not-a-regular-file", "acme/8002/unavail failed not-a-regular-file",
			"acme/8002/INBOX/msg0000 imported", "default skipped not-a-regular-file",
		}, outcomes(r), name)
	}
	// A link that comes after the look leads nowhere, in a root.
	late := &live{FS: s.open(), at: []int{7}, steps: []func(){func() {
		require.NoError(t, os.Remove(filepath.Join(s.dir, "acme/8002/INBOX/msg0000.wav")))
		s.link(filepath.Join(outside.dir, "8000/INBOX/msg0000.wav"), "acme/8002/INBOX/msg0000.wav")
	}}}
	r, err := asterisk.Import(t.Context(), late, service(t, memstore.New(nil)), creating())
	require.NoError(t, err)
	assert.Contains(t, outcomes(r), "acme/8002/INBOX/msg0000 failed unreadable")
}
