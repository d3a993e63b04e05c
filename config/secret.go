package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

const (
	// poll is how long keys that were read are taken for those on disk.
	poll = time.Second
	// maxKeyFile is more than any key has.
	maxKeyFile = 16 << 10
	// dataLink is the link in a volume of Kubernetes that is exchanged when its files change. See AtomicWriter in k8s.io/kubernetes/pkg/volume/util.
	dataLink = "..data"
)

// secret is a set of keys in files that belong together. It is safe for concurrent use.
type secret struct {
	dir   string
	names []string
	check func(values []string) error // nil takes all
	use   func(values []string)       // called with those that were read, one call at a time; nil does nothing

	mu      sync.Mutex
	values  []string
	version int // counts the changes
	looked  time.Time
}

// mounted reports whether any of the files is there.
func (s *secret) mounted() (bool, error) {
	if _, err := os.Stat(s.dir); err != nil {
		return false, err
	}
	for _, name := range s.names {
		if _, err := os.Stat(filepath.Join(s.dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return true, nil // or it cannot be told
		}
	}
	return false, nil
}

// current returns the keys, and a number that tells whether they changed. Those that cannot be read leave the earlier ones.
func (s *secret) current() ([]string, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looked.IsZero() || time.Since(s.looked) >= poll {
		if err := s.look(); err != nil && s.values == nil {
			return nil, 0, err
		}
	}
	return s.values, s.version, nil
}

// changedSince looks at the files now, and reports whether the keys are others than those of a version.
func (s *secret) changedSince(version int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version == version {
		_ = s.look() // the keys stay then
	}
	return s.version != version
}

func (s *secret) look() error {
	s.looked = time.Now()
	values, err := s.read()
	if err == nil && s.check != nil {
		err = s.check(values)
	}
	if err != nil || slices.Equal(values, s.values) {
		return err
	}
	s.values = values
	s.version++
	if s.use != nil {
		s.use(values)
	}
	return nil
}

// attempts bounds how often files are read that change meanwhile.
const attempts = 10

var errChanging = errors.New("the files change all the time")

// read returns what stands in the files at one moment.
func (s *secret) read() (values []string, err error) {
	for range attempts {
		generation := s.generation()
		values, err = s.readAll()
		if s.generation() != generation {
			continue
		}
		if err != nil || generation != "" {
			return values, err // what a generation holds does not change
		}
		if again, err := s.readAll(); err == nil && slices.Equal(again, values) {
			return values, nil
		}
	}
	return nil, errChanging
}

// generation returns what the link names, another directory each time that the files change, "" if there is no link.
func (s *secret) generation() string {
	target, err := os.Readlink(filepath.Join(s.dir, dataLink))
	if err != nil {
		return ""
	}
	return target
}

func (s *secret) readAll() ([]string, error) {
	values := make([]string, len(s.names))
	for i, name := range s.names {
		v, err := readKey(filepath.Join(s.dir, name))
		if err != nil {
			return nil, &keyFileError{name, err}
		}
		values[i] = v
	}
	return values, nil
}

// keyFileError says which file is not right.
type keyFileError struct {
	name string
	err  error
}

func (e *keyFileError) Error() string { return "file " + e.name + ": " + e.err.Error() }

func (e *keyFileError) Unwrap() error { return e.err }

// readKey returns what is in a file, without white space around it.
func readKey(path string) (string, error) {
	// Not os.ReadFile: opening a pipe would wait for its writer.
	if info, err := os.Stat(path); err != nil {
		return "", bare(err)
	} else if !info.Mode().IsRegular() {
		return "", errors.New("is not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", bare(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return "", bare(err)
	}
	key := strings.TrimSpace(string(b))
	switch {
	case key == "":
		return "", errors.New("is empty")
	case len(b) > maxKeyFile || strings.ContainsFunc(key, func(r rune) bool { return unicode.IsSpace(r) || r < '!' || r > '~' }):
		return "", errors.New("holds something else than one key")
	}
	return key, nil
}

// bare returns err without the path.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
