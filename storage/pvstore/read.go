package pvstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/genesys/voicemail/storage"
)

// Open implements [storage.Store].
func (s *Store) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	if err := s.begin(ctx, "open", key); err != nil {
		return nil, err
	}
	f, fi, err := s.openObject(key)
	if err != nil {
		return nil, fail("open", key, absent(err))
	}
	offset, length, err := storage.CheckRange(opts, fi.Size())
	if err != nil {
		f.Close()
		return nil, &storage.Error{Op: "open", Driver: driver, Key: key, Kind: storage.ErrInvalid, Err: err}
	}
	return &object{s: s, ctx: ctx, file: f, info: objectInfo(key, fi), next: offset, end: offset + length}, nil
}

// Stat implements [storage.Store].
func (s *Store) Stat(ctx context.Context, key string) (storage.Info, error) {
	if err := s.begin(ctx, "stat", key); err != nil {
		return storage.Info{}, err
	}
	fi, err := again(func() (fs.FileInfo, error) {
		folder, name := s.place(key)
		d, err := s.folder(folder)
		if err != nil {
			return nil, s.confirm(err, s.prefix+key, file)
		}
		defer d.Close()
		fi, err := s.statObject(d, name)
		return fi, s.confirm(err, s.prefix+key, file)
	})
	if err != nil {
		return storage.Info{}, fail("stat", key, absent(err))
	}
	return objectInfo(key, fi), nil
}

// statObject looks at the file of an object. What is no plain file is none.
func (s *Store) statObject(d *os.Root, name string) (fi fs.FileInfo, err error) {
	err = s.do("stat", name, func() error { fi, err = d.Lstat(name); return err })
	if err == nil && !fi.Mode().IsRegular() {
		return nil, syscall.ENOENT
	}
	return fi, err
}

func (s *Store) openObject(key string) (f *os.File, fi fs.FileInfo, err error) {
	f, err = again(func() (*os.File, error) {
		folder, name := s.place(key)
		d, err := s.folder(folder)
		if err != nil {
			return nil, s.confirm(err, s.prefix+key, file)
		}
		defer d.Close()
		if _, err := s.statObject(d, name); err != nil {
			return nil, s.confirm(err, s.prefix+key, file)
		}
		var f *os.File
		err = s.do("open", name, func() (err error) { f, err = d.OpenFile(name, openFile, 0); return err })
		if err != nil {
			return nil, s.confirm(err, s.prefix+key, file)
		}
		if fi, err = f.Stat(); err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	})
	return f, fi, err
}

// confirm returns err, unless it says that there is no such file or folder although what should hold it, read anew, lists it: then the lookup was
// answered from a cache, which is told as a stale handle and so tried again. Only distant file systems need it: it costs a read of the folder.
func (s *Store) confirm(err error, name string, k kind) error {
	if s.nature != distant || !isAbsent(err) {
		return err
	}
	for name != "" {
		folder, last := path.Split(name)
		name = strings.TrimSuffix(folder, "/")
		entries, _, readErr := s.readOnce(name)
		if isAbsent(readErr) {
			k = dir // the folder itself has to be looked for
			continue
		}
		if readErr != nil {
			return readErr
		}
		if slices.Contains(entries, entry{last, k}) {
			return fmt.Errorf("a lookup misses what its folder lists: %w", syscall.ESTALE)
		}
		return err
	}
	return err
}

// absent returns err with all ways to say that there is no object as one.
func absent(err error) error {
	if isAbsent(err) {
		return syscall.ENOENT
	}
	return err
}

func objectInfo(key string, fi fs.FileInfo) storage.Info {
	return storage.Info{Key: key, Size: fi.Size(), Modified: fi.ModTime()}
}

// object is a [storage.Object] over a range of a file.
type object struct {
	s         *Store
	ctx       context.Context // of Open: it bounds the reading too
	file      *os.File
	info      storage.Info
	next, end int64
	reopened  int
}

func (o *object) Info() storage.Info { return o.info }

func (o *object) Read(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	if o.next >= o.end {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	p = p[:min(int64(len(p)), o.end-o.next)]
	for {
		var n int
		err := o.s.do("read", o.info.Key, func() (err error) { n, err = o.file.ReadAt(p, o.next); return err })
		o.next += int64(n)
		switch {
		case n > 0 || err == nil:
			return n, nil // an error, if it lasts, comes with the next call
		case errors.Is(err, io.EOF):
			return 0, o.fail(because(storage.ErrCorrupt, "file ends before the size it had"))
		case !errors.Is(err, syscall.ESTALE) || o.reopened == 3:
			return 0, o.fail(err)
		}
		if err := o.reopen(); err != nil {
			return 0, o.fail(err)
		}
	}
}

// reopen looks the object up anew after its handle went stale.
func (o *object) reopen() error {
	f, fi, err := o.s.openObject(o.info.Key)
	if err != nil {
		return absent(err)
	}
	if fi.Size() != o.info.Size || !fi.ModTime().Equal(o.info.Modified) {
		f.Close()
		return syscall.ENOENT // another one of the same name
	}
	o.file.Close()
	o.file = f
	o.reopened++
	return nil
}

func (o *object) fail(err error) error { return fail("read", o.info.Key, err) }

func (o *object) Close() error {
	if err := o.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return o.fail(err)
	}
	return nil
}
