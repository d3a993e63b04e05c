package pvstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/genesys/voicemail/storage"
)

// Create implements [storage.Store]. Content type and tags are not kept: a volume has no place for them.
//
// The bytes go to a temporary file, which is linked to the name when it is on disk: link(2) refuses a name that is taken, on every host at once.
// An empty object needs no temporary file, since an exclusive open makes all of it. A name that another Create was refused is on disk
// as well.
func (s *Store) Create(ctx context.Context, key string, body io.ReadSeeker, _ *storage.CreateOptions) (storage.Info, error) {
	if err := s.begin(ctx, "create", key); err != nil {
		return storage.Info{}, err
	}
	size, err := bodySize(body)
	if err != nil {
		return storage.Info{}, fail("create", key, err)
	}
	fi, err := again(func() (fs.FileInfo, error) { return s.create(ctx, key, body, size) })
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) { // our own file went away under us
			err = because(storage.ErrUnavailable, "a folder was removed meanwhile")
		}
		return storage.Info{}, fail("create", key, err)
	}
	return storage.Info{Key: key, Size: size, Modified: fi.ModTime()}, nil
}

func (s *Store) create(ctx context.Context, key string, body io.ReadSeeker, size int64) (fs.FileInfo, error) {
	folder, name := s.place(key)
	d, err := s.makeFolder(folder)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if size == 0 {
		if err := s.fill(ctx, nil, body, 0); err != nil {
			return nil, err
		}
		return s.createEmpty(d, name)
	}
	return s.publish(ctx, d, name, body, size)
}

// createEmpty makes an object that has no bytes.
func (s *Store) createEmpty(d *os.Root, name string) (fs.FileInfo, error) {
	f, err := s.openNew(d, name)
	if errors.Is(err, fs.ErrExist) {
		return nil, s.refused(d, name)
	}
	if errors.Is(err, syscall.ESTALE) {
		return nil, unknown(err) // it may be there: tried again, we would meet our own
	}
	if err != nil {
		return nil, err
	}
	// From here on others may have seen it, so it stays whatever happens: it is whole.
	fi, err := s.finish(f)
	if err != nil {
		return nil, unknown(err)
	}
	return fi, unknown(s.syncDir(d, "."))
}

// publish makes an object of the bytes of body.
func (s *Store) publish(ctx context.Context, d *os.Root, name string, body io.ReadSeeker, size int64) (fs.FileInfo, error) {
	temp := tempName(name)
	fi, err := s.writeTemp(ctx, d, temp, body, size)
	if err == nil {
		err = s.do("link", name, func() error { return d.Link(temp, name) })
		err = s.settleLink(d, temp, name, err)
	}
	_ = s.do("unlink temp", temp, func() error { return d.Remove(temp) }) // what stays goes with the object, or by age
	if err != nil {
		return nil, err
	}
	return fi, unknown(s.syncDir(d, "."))
}

// writeTemp puts the bytes of body on disk, in a new file.
func (s *Store) writeTemp(ctx context.Context, d *os.Root, temp string, body io.ReadSeeker, size int64) (fs.FileInfo, error) {
	f, err := s.openNew(d, temp)
	if errors.Is(err, fs.ErrExist) {
		return nil, because(storage.ErrUnavailable, "a new temporary file exists already")
	}
	if err != nil {
		return nil, err
	}
	if err := s.fill(ctx, f, body, size); err != nil {
		f.Close()
		return nil, err
	}
	fi, err := s.finish(f)
	if err == nil {
		err = ctx.Err()
	}
	return fi, err
}

// settleLink returns nil if the link of temp to name was made by us. err is what link(2) said, which may be wrong: a server that made
// the link and lost the reply is asked again, and refuses. The link count of the temporary file, which nobody else links, tells, and so does
// that both names are of one file.
func (s *Store) settleLink(d *os.Root, temp, name string, err error) error {
	links, statErr := s.links(d.Lstat(temp))
	if err == nil && statErr == nil && links == 2 {
		return nil
	}
	// That count may come from a cache. Of a name that was just made nothing is cached, and opening a file asks an NFS server.
	final, finalErr := d.Lstat(name)
	if links, finalErr := s.links(final, finalErr); err == nil && finalErr == nil && links == 2 {
		return nil
	}
	own, statErr := statOpen(d, temp)
	links, statErr = s.links(own, statErr)
	switch {
	case statErr == nil && (links == 2 || finalErr == nil && os.SameFile(own, final)):
		return nil
	case isAbsent(statErr) && err == nil:
		return nil // a Delete of the name came after us and took both
	case isAbsent(statErr):
		return because(storage.ErrUnavailable, "the temporary file was deleted meanwhile")
	case statErr != nil:
		return because(storage.ErrUnavailable, "whether the name is ours could not be found out")
	case err == nil:
		return because(storage.ErrUnavailable, "the volume counts no second link to a file it linked")
	}
	if errors.Is(err, fs.ErrExist) {
		return s.refused(d, name)
	}
	if finalErr == nil { // some volumes refuse the loser of a race with another error
		return s.refused(d, name)
	}
	return err
}

// unknown returns err, met after the name was taken, as one after which nothing is tried again: that would meet our own object.
func unknown(err error) error {
	if err == nil {
		return nil
	}
	_, cause := classify(err)
	return because(storage.ErrUnavailable, fmt.Sprintf("object may not be on disk: %v", cause))
}

func (s *Store) links(fi fs.FileInfo, err error) (uint64, error) {
	if err != nil {
		return 0, err
	}
	var n uint64
	err = s.do("count links", fi.Name(), func() error { n = linkCount(fi); return nil })
	return n, err
}

func statOpen(d *os.Root, name string) (fs.FileInfo, error) {
	f, err := d.OpenFile(name, openFile, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// refused returns the error of a Create whose name is taken. Who is told so may act on it, so it must survive a power cut too, although its
// creator may have died before it saw to that.
func (s *Store) refused(d *os.Root, name string) error {
	if fi, err := d.Lstat(name); err == nil && !fi.Mode().IsRegular() {
		return because(storage.ErrInvalid, "name is a folder or a foreign file of the volume")
	}
	if err := s.syncDir(d, "."); err != nil {
		return err
	}
	return &storage.Error{Kind: storage.ErrExists}
}

// openNew creates a file that must not exist.
func (s *Store) openNew(d *os.Root, name string) (f *os.File, err error) {
	err = s.do("create", name, func() error {
		f, err = d.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, s.fileMode)
		return err
	})
	return f, err
}

// finish puts a written file on disk and closes it. An error of any of it is an error of the writing: a network file system may
// report a full disk only now.
func (s *Store) finish(f *os.File) (fs.FileInfo, error) {
	if s.chmod {
		if err := f.Chmod(s.fileMode); err != nil {
			f.Close()
			return nil, err
		}
	}
	err := s.do("fsync", f.Name(), f.Sync)
	var fi fs.FileInfo
	if err == nil {
		fi, err = f.Stat()
	}
	if closeErr := s.do("close", f.Name(), f.Close); err == nil {
		err = closeErr
	}
	return fi, err
}

// fill writes all of body, which must be size bytes long, to f.
func (s *Store) fill(ctx context.Context, f *os.File, body io.ReadSeeker, size int64) error {
	if body == nil {
		return nil
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return &storage.Error{Kind: storage.ErrInvalid, Err: err}
	}
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	var done int64
	for idle := 0; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := body.Read(*buf)
		if done += int64(n); done > size {
			return because(storage.ErrInvalid, fmt.Sprintf("body goes on after its %d bytes", size))
		}
		if n > 0 {
			idle = 0
			if err := s.do("write", f.Name(), func() error { _, err := f.Write((*buf)[:n]); return err }); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF: //nolint:errorlint // a reader ends with io.EOF itself; one that wraps it failed
			if done != size {
				return because(storage.ErrInvalid, fmt.Sprintf("body ends after %d of %d bytes", done, size))
			}
			return nil
		case err != nil:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &storage.Error{Kind: storage.ErrInvalid, Err: err}
		case n == 0:
			if idle++; idle == 100 {
				return &storage.Error{Kind: storage.ErrInvalid, Err: io.ErrNoProgress}
			}
		}
	}
}

// bodySize returns the length that body claims to have.
func bodySize(body io.ReadSeeker) (int64, error) {
	if body == nil {
		return 0, nil
	}
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, &storage.Error{Kind: storage.ErrInvalid, Err: err}
	}
	return size, nil
}

// A temporary file is in the folder of its target, since a link cannot leave a file system, and named after it, so that
// Delete and Residue know whose bytes it has. Its name starts with a dot, as no object's does.
const (
	tempPrefix = ".tmp-"
	nonceLen   = 26
)

func tempName(name string) string {
	return tempPrefix + rand.Text() + "." + name
}

// tempTarget returns the name that a temporary file was made for.
func tempTarget(name string) (target string, ok bool) {
	rest, ok := strings.CutPrefix(name, tempPrefix)
	if !ok || len(rest) <= nonceLen || rest[nonceLen] != '.' {
		return "", false
	}
	return rest[nonceLen+1:], true
}
