// Package spool buffers a recording of unknown length on its way into a storage: in memory as long as it is short, in a
// nameless temporary file beyond that.
//
// The recording may be the only copy that exists. So whatever happens (the reader fails, the disk is full, the recording is
// too long, the context ends), every byte that was taken from the reader can still be read.
package spool

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"

	"github.com/genesys/voicemail/storage"
)

// ErrTooLarge is returned for a reader that has more bytes than the Spool's limit.
var ErrTooLarge = errors.New("content is longer than the limit")

// chunkSize is the unit in which memory is allocated and the file is written: four seconds of G.711.
const chunkSize = 32 << 10

// maxEmptyReads is how often in a row a reader may return neither a byte nor an error, as in package bufio.
const maxEmptyReads = 100

// Spool holds what was read into it with [Spool.ReadFrom]. It is safe for concurrent use, with one ReadFrom at a time; it may be
// closed while others still read from it, as a network client does with the body of a request that was given up.
type Spool struct {
	maxHead int
	limit   int64
	open    func() (file, error)

	mu sync.RWMutex
	// The content is head (whole chunks), then the first spilled bytes of f, then last (a chunk that is being filled).
	head    [][]byte
	f       file
	spilled int64
	last    []byte
	size    int64
	sum     hash.Hash
	closed  bool
}

// file is what a Spool needs of an *os.File.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// New returns an empty Spool for up to limit bytes. About the first memory bytes (whole chunks of 32 KiB, at least one) are kept in
// memory. The others go to a temporary file in the directory dir, [os.TempDir] if dir is empty; it is created when it is needed,
// for its owner only, and has lost its name before the first byte is written, so that a crash leaves no audio behind.
func New(dir string, memory, limit int64) *Spool {
	return &Spool{
		maxHead: int(max(memory/chunkSize-1, 0)),
		limit:   max(limit, 0),
		open:    func() (file, error) { return openNameless(dir) },
		sum:     sha256.New(),
	}
}

func openNameless(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "voicemail-spool-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ReadFrom appends everything that r has, up to its io.EOF, and returns the number of bytes appended. An error is
//
//   - [ErrTooLarge]: there is more than the limit. One byte beyond the limit was taken, and is part of the content;
//   - the error of r, or [io.ErrNoProgress] if r goes on returning nothing;
//   - the error of ctx, which is looked at between reads: a Read of r that blocks is not interrupted;
//   - [storage.ErrUnavailable] with its cause: the temporary file cannot be created or written, its disk is full;
//   - [storage.ErrClosed].
//
// After any of them but the last the Spool holds all bytes taken from r, so that it and the rest of r are together the whole of r.
// ReadFrom can be called again to go on.
func (s *Spool) ReadFrom(ctx context.Context, r io.Reader) (n int64, err error) {
	for empty := 0; ; {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		buf, err := s.room()
		if err != nil {
			return n, err
		}
		m, readErr := r.Read(buf)
		if m < 0 || m > len(buf) {
			return n, fmt.Errorf("%w: reader returned an impossible count", storage.ErrInvalid)
		}
		if err := s.extend(m); err != nil {
			return n, err
		}
		n += int64(m)
		switch {
		case s.Size() > s.limit:
			return n, ErrTooLarge
		case readErr == io.EOF:
			return n, nil
		case readErr != nil:
			return n, readErr
		case m > 0:
			empty = 0
		default:
			if empty++; empty == maxEmptyReads {
				return n, io.ErrNoProgress
			}
		}
	}
}

// room returns memory for the next bytes of the content: one at least, one beyond the limit at most.
func (s *Spool) room() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, storage.ErrClosed
	}
	if s.size > s.limit {
		return nil, ErrTooLarge
	}
	if len(s.last) == cap(s.last) {
		if err := s.putAside(); err != nil {
			return nil, err
		}
	}
	free := s.last[len(s.last):cap(s.last)]
	if left := s.limit - s.size; left < int64(len(free)) {
		free = free[:left+1]
	}
	return free, nil
}

// putAside makes last empty. A chunk counts as spilled only when it was written as a whole, so a full disk loses none of it.
func (s *Spool) putAside() error {
	if s.last == nil {
		s.last = make([]byte, 0, chunkSize)
		return nil
	}
	if len(s.head) < s.maxHead {
		s.head = append(s.head, s.last)
		s.last = make([]byte, 0, chunkSize)
		return nil
	}
	if s.f == nil {
		f, err := s.open()
		if err != nil {
			return fmt.Errorf("%w: create spool file: %w", storage.ErrUnavailable, err)
		}
		s.f = f
	}
	if _, err := s.f.WriteAt(s.last, s.spilled); err != nil {
		return fmt.Errorf("%w: write spool file: %w", storage.ErrUnavailable, err)
	}
	s.spilled += int64(len(s.last))
	s.last = s.last[:0]
	return nil
}

// extend makes the next n bytes of last, which were filled in meanwhile, a part of the content.
func (s *Spool) extend(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return storage.ErrClosed
	}
	end := len(s.last) + n
	s.sum.Write(s.last[len(s.last):end]) // a hash.Hash never fails
	s.last = s.last[:end]
	s.size += int64(n)
	return nil
}

// Reader returns a view of what the Spool holds now, independent of all other views.
func (s *Spool) Reader() *io.SectionReader {
	return io.NewSectionReader(s, 0, s.Size())
}

// ReadAt implements [io.ReaderAt]. A failing disk is [storage.ErrUnavailable]; after Close it is [storage.ErrClosed].
func (s *Spool) ReadAt(p []byte, off int64) (n int, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return 0, storage.ErrClosed
	}
	if off < 0 {
		return 0, fmt.Errorf("%w: negative offset", storage.ErrInvalid)
	}
	for n < len(p) {
		if off >= s.size {
			return n, io.EOF
		}
		m, err := s.readPart(p[n:], off)
		n += m
		off += int64(m)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// readPart reads from the chunk or the file that holds the byte at off, and no further.
func (s *Spool) readPart(p []byte, off int64) (int, error) {
	headEnd := int64(len(s.head)) * chunkSize
	if off < headEnd {
		return copy(p, s.head[off/chunkSize][off%chunkSize:]), nil
	}
	if off -= headEnd; off >= s.spilled {
		return copy(p, s.last[off-s.spilled:]), nil
	}
	want := int(min(int64(len(p)), s.spilled-off))
	m, err := s.f.ReadAt(p[:want], off)
	if m == want {
		return m, nil
	}
	return m, fmt.Errorf("%w: read spool file: %w", storage.ErrUnavailable, err)
}

// Size returns the number of bytes held. It keeps its value after Close.
func (s *Spool) Size() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.size
}

// SHA256 returns the hash of the bytes held. It keeps its value after Close.
func (s *Spool) SHA256() [sha256.Size]byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var sum [sha256.Size]byte
	s.sum.Sum(sum[:0])
	return sum
}

// Close gives up the content, in memory and on disk. Every Close but the first does nothing.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.head, s.last = nil, nil
	if s.f == nil {
		return nil
	}
	if err := s.f.Close(); err != nil {
		return fmt.Errorf("%w: close spool file: %w", storage.ErrUnavailable, err)
	}
	return nil
}
