package pvstore

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/genesys/voicemail/storage"
)

const driver = "pvstore"

// because returns an error of that kind; fail completes it.
func because(kind error, why string) error {
	return &storage.Error{Kind: kind, Err: errors.New(why)}
}

// fail returns err as the error of an operation. Of what the system says only the error number is kept: its texts name files.
func fail(op, key string, err error) error {
	if err == nil || isContext(err) {
		return err
	}
	var e *storage.Error
	if errors.As(err, &e) {
		return &storage.Error{Op: op, Driver: driver, Key: key, Kind: e.Kind, Err: e.Err}
	}
	kind, cause := classify(err)
	return &storage.Error{Op: op, Driver: driver, Key: key, Kind: kind, Err: cause}
}

// classify returns the kind of an error of a file operation, and what of it may be told.
func classify(err error) (kind, cause error) {
	var no syscall.Errno
	if !errors.As(err, &no) {
		var p *fs.PathError
		switch {
		case errors.Is(err, os.ErrClosed):
			return storage.ErrInvalid, os.ErrClosed
		case errors.As(err, &p):
			return storage.ErrPermission, errors.New("a link leads out of the volume")
		}
		return storage.ErrUnavailable, bare(err)
	}
	switch no {
	case syscall.ENOENT:
		return storage.ErrNotExist, nil
	case syscall.EEXIST:
		return storage.ErrExists, nil
	case syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG:
		return storage.ErrInvalid, no
	case syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ELOOP:
		return storage.ErrPermission, no
	}
	// ENOSPC, EDQUOT, EIO, ESTALE, ETIMEDOUT, EMFILE and what else a network or a disk can come up with.
	return storage.ErrUnavailable, no
}

func hasNumber(err error) bool {
	var no syscall.Errno
	return errors.As(err, &no)
}

// bare returns err without the file name around it.
func bare(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	}
	return err
}

// isAbsent reports whether err says that there is no such file, also because what would be its folder is none.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
