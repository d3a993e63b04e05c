package pvstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/genesys/voicemail/storage"
)

// Delete implements [storage.Store]. With an object go all temporary files that were made for its name, whatever their age, so that
// the bytes of a Create that died do not outlive it; a Create of that name that is under way fails. In each folder it touches it also removes temporary files older
// than [Options].TempAge. Folders stay.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	if err := s.begin(ctx, "delete", keys...); err != nil {
		return err
	}
	keys = slices.Clone(keys)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	groups := make(map[string][]string)
	var folders []string
	for _, key := range keys {
		folder, _ := s.place(key)
		if groups[folder] == nil {
			folders = append(folders, folder)
		}
		groups[folder] = append(groups[folder], key)
	}
	var errs []error
	for _, folder := range folders {
		_, err := again(func() (struct{}, error) { return struct{}{}, s.deleteIn(ctx, folder, groups[folder]) })
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// deleteIn deletes objects of one folder. Its error names those that may be left.
func (s *Store) deleteIn(ctx context.Context, folder string, keys []string) error {
	d, err := s.folder(folder)
	if isAbsent(err) {
		if err = s.confirm(err, folder, dir); isAbsent(err) {
			return nil
		}
	}
	if err != nil {
		return failAll(keys, err)
	}
	defer d.Close()
	// Temporary files first: as long as the name is listed, whoever died here will be followed by another who tries again.
	tempErr := s.removeTemps(d, folder, keys)
	var errs []error
	for _, key := range keys {
		err := ctx.Err()
		if err == nil {
			_, name := s.place(key)
			err = s.remove(d, name)
		}
		if err == nil {
			err = tempErr
		}
		if err != nil {
			errs = append(errs, named(key, err))
		}
	}
	// Absent ones too: who removed them may have died before it saw to that.
	if err := s.syncDir(d, "."); err != nil {
		return failAll(keys, err)
	}
	return errors.Join(errs...)
}

// remove deletes a file, if it is there and a plain file.
func (s *Store) remove(d *os.Root, name string) error {
	_, err := s.statObject(d, name)
	if err == nil {
		err = s.do("unlink", name, func() error { return d.Remove(name) })
	}
	if isAbsent(err) {
		return nil
	}
	return err
}

// removeTemps deletes the temporary files that were made for one of keys, and those of any name that are too old to be in use.
func (s *Store) removeTemps(d *os.Root, folder string, keys []string) error {
	entries, err := s.readFolder(folder)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		target, ok := tempTarget(e.name)
		if !ok || e.kind != file {
			continue
		}
		ours := slices.ContainsFunc(keys, func(key string) bool { _, name := s.place(key); return name == target })
		if !ours && !s.isStale(d.Lstat(e.name)) {
			continue
		}
		if err := s.remove(d, e.name); err != nil && ours {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// isStale reports whether a temporary file is too old to be in use.
func (s *Store) isStale(fi fs.FileInfo, err error) bool {
	return err == nil && time.Since(fi.ModTime()) > s.tempAge
}

// failAll returns err for each of keys.
func failAll(keys []string, err error) error {
	errs := make([]error, len(keys))
	for i, key := range keys {
		errs[i] = named(key, err)
	}
	return errors.Join(errs...)
}

// named returns err as that of the deletion of key, also if it is a context's.
func named(key string, err error) error {
	if e := fail("delete", key, err); !isContext(err) {
		return e
	}
	return &storage.Error{Op: "delete", Driver: driver, Key: key, Err: err}
}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
