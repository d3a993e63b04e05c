package pvstore

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"time"

	"github.com/genesys/voicemail/storage"
)

// Residue implements [storage.Residuer]. It finds the temporary files of Creates that are under way or died, whose objects are known, and what a
// client keeps of a file that was deleted while it was open (.nfs… on NFS, .fuse_hidden… on FUSE), whose object is not: that client removes it when it
// closes the file. If the client died first, an administrator of the volume has to. No folder is passed over: one that cannot be read is an error.
func (s *Store) Residue(ctx context.Context, prefix string) iter.Seq2[storage.Residue, error] {
	return func(yield func(storage.Residue, error) bool) {
		if err := s.begin(ctx, "residue"); err != nil {
			yield(storage.Residue{}, err)
			return
		}
		if err := storage.CheckPrefix(prefix); err != nil {
			yield(storage.Residue{}, &storage.Error{Op: "residue", Driver: driver, Kind: storage.ErrInvalid, Err: err})
			return
		}
		folder, _ := path.Split(prefix)
		err := s.walkResidue(ctx, folder, prefix, func(r storage.Residue, _ *os.Root, _ string) error {
			if !yield(r, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(storage.Residue{}, fail("residue", "", err))
		}
	}
}

// Clean removes the temporary files that are older than [Options].TempAge from the whole store, and returns how many there were.
// Delete does the same in the folders it touches, so that once a day is often enough.
func (s *Store) Clean(ctx context.Context) (removed int, err error) {
	if err := s.begin(ctx, "clean"); err != nil {
		return 0, err
	}
	err = s.walkResidue(ctx, "", "", func(r storage.Residue, d *os.Root, name string) error {
		if _, temp := tempTarget(name); !temp || time.Since(r.Modified) <= s.tempAge {
			return nil
		}
		if err := s.remove(d, name); err != nil {
			return err
		}
		removed++
		return s.syncDir(d, ".")
	})
	return removed, fail("clean", "", err)
}

// errStop ends a walk whose consumer has enough.
var errStop = errors.New("no more is wanted")

// walkResidue calls visit for the residue in and below a folder, with its directory and its name there.
func (s *Store) walkResidue(ctx context.Context, folder, prefix string, visit func(storage.Residue, *os.Root, string) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	place := strings.TrimSuffix(s.prefix+folder, "/")
	entries, err := again(func() ([]entry, error) {
		entries, err := s.readFolder(place)
		return entries, s.confirm(err, place, dir)
	})
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch {
		case e.kind == file && e.name[0] == '.':
			err = s.visitResidue(folder, prefix, e.name, visit)
		case e.kind == dir && isSegment(e.name) && (strings.HasPrefix(folder+e.name+"/", prefix) || strings.HasPrefix(prefix, folder+e.name+"/")):
			err = s.walkResidue(ctx, folder+e.name+"/", prefix, visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) visitResidue(folder, prefix, name string, visit func(storage.Residue, *os.Root, string) error) error {
	r := storage.Residue{Prefix: folder}
	switch target, temp := tempTarget(name); {
	case temp && isSegment(target):
		if r.Key = folder + target; !strings.HasPrefix(r.Key, prefix) {
			return nil
		}
	case strings.HasPrefix(name, ".nfs"), strings.HasPrefix(name, ".fuse_hidden"):
		r.Why = "a client of the volume has the deleted file open, or died while it had"
	default:
		return nil
	}
	var fi fs.FileInfo
	d, err := again(func() (*os.Root, error) {
		d, err := s.folder(strings.TrimSuffix(s.prefix+folder, "/"))
		if err != nil {
			return nil, err
		}
		if fi, err = s.statObject(d, name); err != nil {
			d.Close()
			return nil, err
		}
		return d, nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone since
	}
	if err != nil {
		return err
	}
	defer d.Close()
	r.Size, r.Modified = fi.Size(), fi.ModTime()
	return visit(r, d, name)
}
