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

// Residue is a file beside the objects that may hold the bytes of one: the temporary file of a Create that is under way or died, or what a client
// keeps of a file that was deleted while it was open (.nfs… on NFS, .fuse_hidden… on FUSE), until it is closed.
type Residue struct {
	// Folder is what the names of the objects in the same folder start with; empty, or ends with a slash.
	Folder string
	// Key is the object that it was made for; empty if its name does not tell, as that of a .nfs file does not.
	Key string
	// Size is its length in bytes.
	Size int64
	// Modified is when it was last written to, by the storage's clock.
	Modified time.Time
}

// Residue yields the residue of objects whose names start with prefix, and that of unknown objects in the folders where such
// names can be. Delete and Clean remove temporary files; a .nfs file goes when its reader closes it. An error is yielded once and ends it.
func (s *Store) Residue(ctx context.Context, prefix string) iter.Seq2[Residue, error] {
	return func(yield func(Residue, error) bool) {
		if err := s.begin(ctx, "residue"); err != nil {
			yield(Residue{}, err)
			return
		}
		if err := storage.CheckPrefix(prefix); err != nil {
			yield(Residue{}, &storage.Error{Op: "residue", Driver: driver, Kind: storage.ErrInvalid, Err: err})
			return
		}
		folder, _ := path.Split(prefix)
		err := s.walkResidue(ctx, folder, prefix, func(r Residue, _ *os.Root, _ string) error {
			if !yield(r, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(Residue{}, fail("residue", "", err))
		}
	}
}

// Clean removes the temporary files that are older than [Options].TempAge from the whole store, and returns how many there were.
// Delete does the same in the folders it touches, so that once a day is often enough.
func (s *Store) Clean(ctx context.Context) (removed int, err error) {
	if err := s.begin(ctx, "clean"); err != nil {
		return 0, err
	}
	err = s.walkResidue(ctx, "", "", func(r Residue, d *os.Root, name string) error {
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
func (s *Store) walkResidue(ctx context.Context, folder, prefix string, visit func(Residue, *os.Root, string) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	place := strings.TrimSuffix(s.prefix+folder, "/")
	entries, err := again(func() ([]entry, error) { return s.readFolder(place) })
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

func (s *Store) visitResidue(folder, prefix, name string, visit func(Residue, *os.Root, string) error) error {
	r := Residue{Folder: folder}
	if target, ok := tempTarget(name); ok {
		if r.Key = folder + target; !strings.HasPrefix(r.Key, prefix) {
			return nil
		}
	} else if !strings.HasPrefix(name, ".nfs") && !strings.HasPrefix(name, ".fuse_hidden") {
		return nil
	}
	d, err := s.folder(strings.TrimSuffix(s.prefix+folder, "/"))
	if err != nil {
		return err
	}
	defer d.Close()
	fi, err := s.statObject(d, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone since
	}
	if err != nil {
		return err
	}
	r.Size, r.Modified = fi.Size(), fi.ModTime()
	return visit(r, d, name)
}
