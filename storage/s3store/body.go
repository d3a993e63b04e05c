package s3store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/genesys/voicemail/storage"
)

// body is what a Create stores.
type body struct {
	src  io.ReadSeeker // nil if size is 0
	size int64
}

// newBody returns r, whose length is where its end is.
func newBody(ctx context.Context, r io.ReadSeeker) (*body, error) {
	if r == nil {
		return &body{}, nil
	}
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, &failure{kind: storage.ErrInvalid, why: err}
	}
	b := &body{src: r, size: size}
	if size > 0 {
		return b, nil
	}
	// Of an empty body nothing is sent, so nobody else would see that it is none.
	if _, err := b.try(ctx).Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return nil, err
	}
	return &body{}, nil
}

// sum returns the SHA-256 of the body as S3 writes it.
func (b *body) sum(ctx context.Context) (string, error) {
	h := sha256.New()
	if b.size > 0 {
		r := b.try(ctx)
		defer r.done()
		if _, err := io.Copy(h, r); err != nil {
			return "", err
		}
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}

// try returns the body for one try to send it.
func (b *body) try(ctx context.Context) *bodyReader {
	return &bodyReader{ctx: ctx, body: b, moved: true}
}

// bodyReader reads a body, several times if need be: to hash it, to send it, to send it again. It gives away the last byte only when it has seen that the
// body ends there, so that a request with a body that lies is never complete.
type bodyReader struct {
	ctx  context.Context
	body *body

	mu    sync.Mutex // the transport may still read when the answer is there
	off   int64
	moved bool  // src is elsewhere
	err   error // what is wrong with the body
	over  bool
}

var errOver = errors.New("the try is over")

func (r *bodyReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.over:
		return 0, errOver
	case r.err != nil:
		return 0, r.err
	case r.ctx.Err() != nil:
		return 0, r.ctx.Err()
	case len(p) == 0:
		return 0, nil
	}
	if r.moved {
		if _, err := r.body.src.Seek(r.off, io.SeekStart); err != nil {
			return 0, r.lies(err)
		}
		r.moved = false
	}
	left := r.body.size - r.off
	if left == 0 {
		return 0, r.end()
	}
	n, err := r.body.src.Read(p[:min(int64(len(p)), left)])
	r.off += int64(n)
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		return 0, r.lies(fmt.Errorf("body ends after %d of %d bytes", r.off, r.body.size))
	case err != nil && !errors.Is(err, io.EOF):
		return 0, r.lies(err)
	case n > 0 && r.off == r.body.size:
		if err := r.end(); !errors.Is(err, io.EOF) {
			return 0, err
		}
	}
	return n, nil
}

// end returns io.EOF if the body ends where it is.
func (r *bodyReader) end() error {
	const patience = 100 // reads of nothing
	var one [1]byte
	for range patience {
		n, err := r.body.src.Read(one[:])
		switch {
		case n > 0:
			return r.lies(fmt.Errorf("body goes on after its %d bytes", r.body.size))
		case errors.Is(err, io.EOF):
			return io.EOF
		case err != nil:
			return r.lies(err)
		}
	}
	return r.lies(io.ErrNoProgress)
}

// lies notes what is wrong with the body.
func (r *bodyReader) lies(err error) error {
	r.err = &failure{kind: storage.ErrInvalid, why: err, undone: true}
	return r.err
}

func (r *bodyReader) Seek(offset int64, whence int) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += r.off
	case io.SeekEnd:
		offset += r.body.size
	}
	if offset < 0 || offset > r.body.size {
		return 0, errors.New("seek out of the body")
	}
	r.off, r.moved = offset, true
	return offset, nil
}

// done ends the reading, and returns what is wrong with the body, if anything was found.
func (r *bodyReader) done() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	return r.err
}
