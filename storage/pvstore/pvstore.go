package pvstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/genesys/voicemail/storage"
)

// Options are the options of [Open]. The zero value is the default.
type Options struct {
	// Prefix is the folder below the root of the volume that holds the objects, a legal object name; empty is the root.
	Prefix string
	// FileMode and DirMode are the permissions of new files and folders; 0 is 0600 and 0700, and the umask is applied. Others are set in spite of
	// the umask, so that pods of different users can share a group.
	FileMode, DirMode fs.FileMode
	// TempAge is the age from which on the temporary file of a Create that died is garbage; 0 is 36 hours. It must be far longer
	// than the longest Create and than clocks differ.
	TempAge time.Duration
	// PageSize is the most that one page of a listing holds; 0 is 10,000. Each page reads the folder it is in anew, so
	// that a small one makes a large folder expensive.
	PageSize int
}

// Store is a [storage.Store] in a directory on a volume, with the capabilities [storage.Cleaner], [storage.Pinger] and [storage.Retainer].
type Store struct {
	dir      string
	prefix   string // empty, or ends with a slash
	fileMode fs.FileMode
	dirMode  fs.FileMode
	chmod    bool // the modes hold in spite of the umask
	tempAge  time.Duration
	pageSize int
	volumeID string // what the marker says
	nature   nature
	closed   atomic.Bool
	mounted  atomic.Pointer[fs.FileInfo] // the root directory that last had the marker
	settled  folderSet
	buffers  sync.Pool // of *[]byte
	pingSlot chan struct{}
	disturb  func(step, name string, do func() error) error // nil but in tests
}

var (
	_ storage.Store    = (*Store)(nil)
	_ storage.Pinger   = (*Store)(nil)
	_ storage.Retainer = (*Store)(nil)
	_ storage.Cleaner  = (*Store)(nil)
)

// Open opens the store in dir, which [Init] has prepared. It never creates the marker of the volume: a directory without one is
// [storage.ErrUnsuitable], as is a volume that cannot hold exclusive names. nil opts are the defaults.
//
// What Open proves it proves by one link that is made once in the life of the volume, by Init or else by the first Open, and that every later
// Open must be refused. It deletes nothing.
func Open(ctx context.Context, dir string, opts *Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := newStore(dir, opts)
	if err != nil {
		return nil, fail("open", "", err)
	}
	if err := s.prove(); err != nil {
		return nil, fail("open", "", err)
	}
	return s, nil
}

func newStore(dir string, opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, because(storage.ErrInvalid, "working directory is not known")
	}
	s := &Store{
		dir: abs, fileMode: 0o600, dirMode: 0o700, tempAge: 36 * time.Hour, pageSize: 10_000,
		pingSlot: make(chan struct{}, 1),
	}
	s.buffers.New = func() any { b := make([]byte, 128<<10); return &b }
	if opts.Prefix != "" {
		if err := storage.CheckKey(opts.Prefix); err != nil {
			return nil, because(storage.ErrInvalid, "prefix is not a legal object name")
		}
		s.prefix = opts.Prefix + "/"
	}
	if (opts.FileMode|opts.DirMode)&^fs.ModePerm != 0 || opts.TempAge < 0 || opts.PageSize < 0 {
		return nil, because(storage.ErrInvalid, "options have a mode that is more than permissions, or a negative number")
	}
	if opts.FileMode != 0 {
		s.fileMode, s.chmod = opts.FileMode, true
	}
	if opts.DirMode != 0 {
		s.dirMode, s.chmod = opts.DirMode, true
	}
	if opts.TempAge != 0 {
		s.tempAge = opts.TempAge
	}
	if opts.PageSize != 0 {
		s.pageSize = opts.PageSize
	}
	return s, nil
}

// Close implements [storage.Store]. A second Close does nothing.
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}

// Retention implements [storage.Retainer]. A volume keeps nothing that it knows of; the notes say what others may keep.
func (s *Store) Retention(ctx context.Context) (storage.Retention, error) {
	if err := s.begin(ctx, "retention"); err != nil {
		return storage.Retention{}, err
	}
	return storage.Retention{Notes: []string{
		"Snapshots and backups of the volume (CSI VolumeSnapshot, EFS Backup, .snapshot folders, replicas) keep deleted files; the volume cannot tell of them.",
		"Deleting a file does not overwrite its blocks; only encryption whose key is destroyed makes them unreadable for who has the disk.",
		"On NFS a file that is deleted while a client plays it stays as .nfs… in its folder until that client closes it.",
	}}, nil
}

// begin refuses a call whose context is done, that comes after Close, or that names an illegal key.
func (s *Store) begin(ctx context.Context, op string, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return &storage.Error{Op: op, Driver: driver, Kind: storage.ErrClosed}
	}
	for _, key := range keys {
		if err := storage.CheckKey(key); err != nil {
			// The key is not named: of a Delete that is refused as a whole, that would say that the other keys are gone.
			return &storage.Error{Op: op, Driver: driver, Kind: storage.ErrInvalid, Err: err}
		}
	}
	return nil
}

// do does one file operation on the file of that name, or what a test wants of it.
func (s *Store) do(step, name string, f func() error) error {
	if s.disturb != nil {
		return s.disturb(step, name, f)
	}
	return f()
}

// place returns the folder of the volume that key is in, without slashes around it, and the name of its file there.
func (s *Store) place(key string) (folder, name string) {
	folder, name = path.Split(s.prefix + key)
	return strings.TrimSuffix(folder, "/"), name
}

// root opens the root directory of the volume. Nothing keeps a handle of it between calls: opening directories anew is what makes an NFS
// client look at them.
func (s *Store) root() (*os.Root, error) {
	r, err := os.OpenRoot(s.dir)
	if err != nil {
		if isAbsent(err) {
			return nil, because(storage.ErrUnavailable, "the directory of the volume is gone: it is not mounted")
		}
		return nil, err
	}
	if err := s.checkMounted(r); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// checkMounted refuses a directory that is not the one that had the marker, and has none itself: the volume was unmounted, and what is seen now
// is the empty mount point. A volume that was mounted again has it, whatever its device number is now.
func (s *Store) checkMounted(r *os.Root) error {
	var now fs.FileInfo
	err := s.do("stat root", ".", func() (err error) { now, err = r.Stat("."); return err })
	if err != nil {
		return err
	}
	if last := s.mounted.Load(); last != nil && os.SameFile(*last, now) {
		return nil
	}
	id, err := readMarker(r)
	switch {
	case isAbsent(err), err == nil && id != s.volumeID:
		return because(storage.ErrUnavailable, "another directory is where the volume was: it is not mounted")
	case err != nil:
		return err
	}
	s.mounted.Store(&now)
	return nil
}

// folder opens a directory of the volume, "" being its root. Every directory on the way is opened too, none of them through a link that leads out.
func (s *Store) folder(name string) (*os.Root, error) {
	r, err := s.root()
	if err != nil || name == "" {
		return r, err
	}
	defer r.Close()
	return s.openFolder(r, name)
}

func (s *Store) openFolder(r *os.Root, name string) (d *os.Root, err error) {
	err = s.do("open folder", name, func() error { d, err = r.OpenRoot(name); return err })
	if err != nil && !hasNumber(err) {
		// os has no error number for a file in the place of a folder, nor for a link that leads out.
		if fi, statErr := r.Lstat(name); statErr == nil && fi.Mode().IsRegular() {
			err = syscall.ENOTDIR
		}
	}
	return d, err
}

// makeFolder is folder, and makes what is missing of it, durably.
func (s *Store) makeFolder(name string) (*os.Root, error) {
	known := s.settled.has(name)
	if known || name == "" {
		d, err := s.folder(name)
		if !known || !errors.Is(err, fs.ErrNotExist) {
			return d, err
		}
	}
	r, err := s.root()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '/' {
			continue
		}
		// A folder that another process has just made may not be on disk yet: who has not seen to it itself does so once.
		if sub := name[:i]; known || !s.settled.has(sub) {
			if err := s.mkdir(r, sub); err != nil {
				return nil, err
			}
			s.settled.add(sub)
		}
	}
	return s.openFolder(r, name)
}

func (s *Store) mkdir(r *os.Root, name string) error {
	err := s.do("mkdir", name, func() error { return r.Mkdir(name, s.dirMode) })
	if err == nil && s.chmod {
		err = s.chmodFolder(r, name)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.syncDir(r, path.Dir(name))
}

// chmodFolder gives a new folder its permissions, and leaves it the set-group bit, by which what is made in it belongs to the same group.
func (s *Store) chmodFolder(r *os.Root, name string) error {
	fi, err := r.Lstat(name)
	if err != nil {
		return err
	}
	return r.Chmod(name, s.dirMode|fi.Mode()&fs.ModeSetgid)
}

// syncDir makes durable what was created and removed in the directory name of r.
func (s *Store) syncDir(r *os.Root, name string) error {
	f, err := r.OpenFile(name, openDir, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.do("fsync folder", name, f.Sync)
}

// again calls f until its error is no stale handle, a bounded number of times. A handle gets stale when another host removes or
// replaces the file; every call of f looks the names up anew.
func again[T any](f func() (T, error)) (T, error) {
	const tries = 5
	for try := 1; ; try++ {
		v, err := f()
		if try == tries || !errors.Is(err, syscall.ESTALE) {
			return v, err
		}
	}
}

// folderSet is the set of folders whose names this process knows to be on disk. It forgets all when it gets large: that
// costs some fsyncs.
type folderSet struct {
	mu    sync.Mutex
	names map[string]struct{}
}

func (f *folderSet) has(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.names[name]
	return ok
}

func (f *folderSet) add(name string) {
	const most = 1 << 16
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names == nil || len(f.names) == most {
		f.names = make(map[string]struct{})
	}
	f.names[strings.Clone(name)] = struct{}{}
}
