package gdpr

import (
	"archive/zip"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/genesys/voicemail"
)

// Sink is where an export is written: a flat set of files. It is used by one goroutine, one file at a time.
//
// Whoever makes a Sink closes it. What is in it is personal data.
type Sink interface {
	// Create begins a file, whose time is at. It refuses with voicemail.ErrInvalid a name that could lead elsewhere (see [DirSink]), and with fs.ErrExist one
	// that is there: nothing is overwritten.
	Create(name string, at time.Time) (File, error)

	// Close ends the export. A file that was neither committed nor aborted by then is an error.
	Close() error
}

// File is a file that is being written. Commit or Abort ends it; after that, Abort does nothing and the rest is an error, so that a deferred Abort is right.
type File interface {
	io.Writer

	// Commit completes the file. If it fails, the file is aborted.
	Commit() error

	// Abort gives the file up. What was written of it must not be taken for the whole: it disappears, or where it cannot, a note beside it says so.
	Abort() error
}

const maxFileName = 200

// checkFileName refuses what could be another place than a file of that name, on any system. The name is not cited.
func checkFileName(name string) error {
	problem := ""
	switch {
	case name == "":
		problem = "is empty"
	case len(name) > maxFileName:
		problem = fmt.Sprintf("is longer than %d bytes", maxFileName)
	case name[0] == '.':
		problem = "begins with a dot"
	case strings.ContainsAny(name, `/\:`) || strings.ContainsFunc(name, unicode.IsControl):
		problem = "has a separator or a control character in it"
	case !filepath.IsLocal(name):
		problem = "is reserved"
	default:
		return nil
	}
	return fmt.Errorf("%w: the name of a file %s", voicemail.ErrInvalid, problem)
}

var (
	errFileExists = fmt.Errorf("export: file: %w", fs.ErrExist)
	errFileOpen   = errors.New("export: a file is neither committed nor aborted")
	errFileEnded  = errors.New("export: the file was ended before")
)

// DirSink writes into a directory, which is made if it is missing, for its owner only (directory 0700, files 0600). The directory may have other files in it.
//
// A name is one path element of at most 200 bytes without a leading dot, a colon and control characters; no symbolic link leads out of the directory.
// A file has its name only once it is complete and synced; until then, and after a crash, it is there as .<random>.part. An aborted one disappears.
func DirSink(dir string) (Sink, error) {
	if dir == "" {
		return nil, fmt.Errorf("%w: the export has no directory", voicemail.ErrInvalid)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fileError("make the directory", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fileError("open the directory", err)
	}
	return &dirSink{root: root, link: root.Link}, nil
}

// fileError returns err without paths: people name directories after whom they are about. A nil err stays nil.
func fileError(op string, err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return fmt.Errorf("export: %s: %w", op, err)
}

type dirSink struct {
	root *os.Root
	link func(from, to string) error // of the root
	open int
}

func (s *dirSink) Create(name string, at time.Time) (File, error) {
	if err := checkFileName(name); err != nil {
		return nil, err
	}
	if err := s.free(name); err != nil {
		return nil, err
	}
	part := "." + strings.ToLower(rand.Text()) + ".part"
	f, err := s.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fileError("create a file", err)
	}
	s.open++
	return &dirFile{sink: s, file: f, part: part, name: name, at: at}, nil
}

// free returns nil if there is nothing under the name, not even a link.
func (s *dirSink) free(name string) error {
	_, err := s.root.Lstat(name)
	switch {
	case err == nil:
		return errFileExists
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fileError("look for a file", err)
}

// publish gives a file its name, if nobody else took it.
func (s *dirSink) publish(part, name string) error {
	err := s.link(part, name)
	switch {
	case err == nil:
		return fileError("remove the second name of a file", s.root.Remove(part))
	case errors.Is(err, fs.ErrExist):
		return errFileExists
	}
	// A file system without hard links: of what others write there meanwhile, only what comes between the look and the rename can be overwritten.
	if err := s.free(name); err != nil {
		return err
	}
	return fileError("rename a file", s.root.Rename(part, name))
}

func (s *dirSink) Close() error {
	err := fileError("close the directory", s.root.Close())
	if s.open > 0 {
		err = errors.Join(errFileOpen, err)
	}
	return err
}

type dirFile struct {
	sink       *dirSink
	file       *os.File
	part, name string
	at         time.Time
	ended      bool
}

func (f *dirFile) Write(b []byte) (int, error) {
	n, err := f.file.Write(b)
	return n, fileError("write a file", err)
}

func (f *dirFile) Commit() error {
	if f.ended {
		return errFileEnded
	}
	f.end()
	err := f.file.Sync()
	if e := f.file.Close(); err == nil {
		err = e // network file systems tell here that a write failed
	}
	if err == nil && !f.at.IsZero() {
		err = f.sink.root.Chtimes(f.part, f.at, f.at)
	}
	if err = fileError("complete a file", err); err == nil {
		err = f.sink.publish(f.part, f.name)
	}
	if err != nil {
		return errors.Join(err, f.remove())
	}
	return nil
}

func (f *dirFile) Abort() error {
	if f.ended {
		return nil
	}
	f.end()
	return errors.Join(fileError("close a file", f.file.Close()), f.remove())
}

func (f *dirFile) end() {
	f.ended = true
	f.sink.open--
}

// remove removes what was written of the file.
func (f *dirFile) remove() error {
	err := f.sink.root.Remove(f.part)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fileError("remove a file", err)
}

// ZipSink writes an archive to w as it comes, without a temporary file and without compression, of which recordings have little. It takes the names that
// DirSink takes.
//
// What is in the stream cannot be taken out of it: an aborted file of which something was written stays, cut off, and <name>.incomplete beside it says so.
//
// Close writes the directory of the archive and leaves w open. An archive without it cannot be opened: close the Sink of an export that succeeded, and leave
// the other unclosed.
func ZipSink(w io.Writer) Sink {
	return &zipSink{zip: zip.NewWriter(w), names: make(map[string]bool)}
}

type zipSink struct {
	zip   *zip.Writer
	names map[string]bool
	file  *zipFile // being written; nil if none is
}

func (s *zipSink) Create(name string, at time.Time) (File, error) {
	if err := checkFileName(name); err != nil {
		return nil, err
	}
	if s.file != nil {
		return nil, errFileOpen
	}
	if s.names[name] || s.names[name+incomplete] {
		return nil, errFileExists
	}
	s.file = &zipFile{sink: s, name: name, at: at}
	return s.file, nil
}

func (s *zipSink) entry(name string, at time.Time) (io.Writer, error) {
	h := &zip.FileHeader{Name: name, Modified: at, Method: zip.Store}
	h.SetMode(0o600)
	s.names[name] = true
	return s.zip.CreateHeader(h)
}

func (s *zipSink) Close() error {
	if s.file != nil {
		return errFileOpen
	}
	return fileError("complete the archive", s.zip.Close())
}

const incomplete = ".incomplete"

type zipFile struct {
	sink *zipSink
	name string
	at   time.Time
	w    io.Writer // nil until something is written: what is aborted before leaves nothing
}

func (f *zipFile) Write(b []byte) (int, error) {
	if f.sink.file != f {
		return 0, errFileEnded
	}
	if err := f.begin(); err != nil {
		return 0, err
	}
	n, err := f.w.Write(b)
	return n, fileError("write a file", err)
}

func (f *zipFile) begin() (err error) {
	if f.w == nil {
		f.w, err = f.sink.entry(f.name, f.at)
	}
	return fileError("begin a file", err)
}

// Commit leaves the end of the entry to what follows, as package zip does, but not the bytes: an archive that cannot be written should fail here.
func (f *zipFile) Commit() error {
	if f.sink.file != f {
		return errFileEnded
	}
	err := f.begin()
	if err == nil {
		err = fileError("complete a file", f.sink.zip.Flush())
	}
	if err != nil {
		return errors.Join(err, f.Abort())
	}
	f.sink.file = nil
	return nil
}

func (f *zipFile) Abort() error {
	if f.sink.file != f {
		return nil
	}
	f.sink.file = nil
	if f.w == nil {
		return nil
	}
	w, err := f.sink.entry(f.name+incomplete, f.at)
	if err == nil {
		_, err = fmt.Fprintf(w, "The file %s in this archive is not whole. It ends early, or what it holds is not what was recorded.\n", f.name)
	}
	return fileError("note that a file is not whole", err)
}
