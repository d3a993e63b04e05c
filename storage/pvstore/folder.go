package pvstore

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/genesys/voicemail/storage"
)

// entry is a name in a folder.
type entry struct {
	name string
	kind kind
}

// kind is what a name in a folder stands for, as far as the driver is concerned.
type kind uint8

const (
	foreign kind = iota // neither
	file
	dir
	unsure // the file system does not tell: look
)

// compare orders the names of a folder as the keys below them are ordered: a folder counts with its slash.
func (e entry) compare(f entry) int {
	if e.kind != dir && f.kind != dir {
		return strings.Compare(e.name, f.name)
	}
	n := min(len(e.name), len(f.name))
	if c := strings.Compare(e.name[:n], f.name[:n]); c != 0 {
		return c
	}
	return e.at(n) - f.at(n)
}

func (e entry) at(i int) int {
	switch {
	case i < len(e.name):
		return int(e.name[i])
	case e.kind == dir:
		return '/'
	}
	return -1
}

func (e entry) isObject() bool { return e.kind == file && isSegment(e.name) }

// readFolder returns all names in a folder but "." and "..", in the order of compare. What it returns was there at one instant, or
// was read twice with the same result. An absent folder is an error.
func (s *Store) readFolder(name string) ([]entry, error) {
	if s.nature == instant {
		entries, ok, err := s.readOnce(name)
		if ok || err != nil {
			return entries, err
		}
	}
	// A cookie of a directory that changes under a network file system can skip names, so one read alone proves nothing.
	const reads = 16
	var last []entry
	for i := range reads {
		entries, _, err := s.readOnce(name)
		if err != nil {
			return nil, err
		}
		if i > 0 && slices.Equal(entries, last) {
			return entries, nil
		}
		last = entries
	}
	return nil, because(storage.ErrUnavailable, "a folder changes faster than it can be read")
}

// readOnce reads a folder from its beginning to its end, and tells whether that was one call of the system.
func (s *Store) readOnce(name string) (entries []entry, whole bool, err error) {
	r, err := s.root()
	if err != nil {
		return nil, false, err
	}
	defer r.Close()
	if name == "" {
		name = "."
	}
	err = s.do("read folder", name, func() error {
		f, err := r.OpenFile(name, openDir, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		buf := s.buffers.Get().(*[]byte)
		defer s.buffers.Put(buf)
		entries, whole, err = readEntries(f, *buf)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	if err := resolve(r, name, entries); err != nil {
		return nil, false, err
	}
	slices.SortFunc(entries, entry.compare)
	return entries, whole, nil
}

// resolve looks at the entries of a folder whose kind the file system did not tell.
func resolve(r *os.Root, folder string, entries []entry) error {
	for i, e := range entries {
		if e.kind != unsure {
			continue
		}
		fi, err := r.Lstat(path.Join(folder, e.name))
		switch {
		case isAbsent(err):
			entries[i].kind = foreign
		case err != nil:
			return err
		default:
			entries[i].kind = kindOf(fi.Mode())
		}
	}
	return nil
}

func kindOf(m fs.FileMode) kind {
	switch {
	case m.IsRegular():
		return file
	case m.IsDir():
		return dir
	}
	return foreign
}

// readNames returns the names in the directory r.
func readNames(r *os.Root) ([]string, error) {
	f, err := r.OpenFile(".", openDir, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// inKey has the bytes that an object's name may have between slashes.
var inKey = func() (ok [256]bool) {
	for c := 'a'; c <= 'z'; c++ {
		ok[c] = true
	}
	for _, c := range "0123456789-_.,=~" {
		ok[c] = true
	}
	return ok
}()

// isSegment reports whether name may be a part of an object's name. It is storage.CheckKey for what has no slash, as fast as a
// listing needs it.
func isSegment(name string) bool {
	if name == "" || len(name) > storage.MaxSegment || name[0] == '.' || name[len(name)-1] == '.' {
		return false
	}
	for i := range len(name) {
		if !inKey[name[i]] {
			return false
		}
	}
	return true
}
