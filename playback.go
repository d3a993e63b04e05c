package voicemail

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/genesys/voicemail/storage"
)

// rangeSize is how much of a recording is handed on before the next look at its message: 32 seconds of G.711, 8 of 16-bit wideband.
const rangeSize = 256 << 10

func (m *message) Open(ctx context.Context) (io.ReadSeekCloser, error) {
	return m.open(ctx, func() error {
		_, err := m.seen(ctx)
		return err
	})
}

// open opens the recording for as long as allowed does not object.
func (m *message) open(ctx context.Context, allowed func() error) (io.ReadSeekCloser, error) {
	return m.openRanges(ctx, "play", &ranges{what: "recording", key: m.audioKey(), size: m.meta.Size, allowed: allowed})
}

// openRanges opens an object that lies in the region of the recording.
func (m *message) openRanges(ctx context.Context, op string, r *ranges) (io.ReadSeekCloser, error) {
	r.ctx, r.region, r.fail = ctx, m.meta.Region, func(err error) error { return m.fail(op, err) }
	var err error
	if r.store, err = m.svc.region(r.region); err != nil {
		return nil, r.fail(err)
	}
	if err := r.next(); err != nil {
		return nil, err
	}
	return r, nil
}

// ranges reads an object in ranges, on demand. Before each one it asks whether it still may.
type ranges struct {
	ctx     context.Context
	store   storage.Store
	region  string
	what    string // it is
	key     string
	size    int64
	allowed func() error // nil: always
	fail    func(error) error

	pos    int64 // where the next Read reads
	at     int64 // where body stands
	body   io.ReadCloser
	left   int64 // bytes left in body
	closed bool
}

var errClosed = errors.New("recording is closed")

func (r *ranges) Read(p []byte) (int, error) {
	if r.closed {
		return 0, r.fail(errClosed)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if r.pos >= r.size {
		return 0, io.EOF
	}
	if r.body == nil || r.at != r.pos || r.left == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.body.Read(p)
	r.pos, r.at, r.left = r.pos+int64(n), r.at+int64(n), r.left-int64(n)
	switch {
	case r.left == 0, err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("%w: the %s ends after %d of %d bytes", ErrDamaged, r.what, r.pos, r.size)
	}
	return n, r.fail(in(r.region, err))
}

// next opens the range at pos beside asking whether it may be heard. Nothing is handed on before both have answered.
func (r *ranges) next() error {
	r.drop()
	var o storage.Object
	var openErr, askErr error
	open := func() {
		o, openErr = r.store.Open(r.ctx, r.key, &storage.OpenOptions{Offset: r.pos, Length: rangeSize})
	}
	if r.allowed == nil {
		open()
	} else {
		both(open, func() { askErr = r.allowed() })
	}
	switch {
	case askErr != nil:
		if o != nil {
			_ = o.Close()
		}
		return r.fail(askErr)
	case errors.Is(openErr, storage.ErrNotExist):
		if r.allowed != nil {
			if err := r.allowed(); err != nil { // deleted between the look and the open
				return r.fail(err)
			}
		}
		return r.fail(in(r.region, fmt.Errorf("%w: its %s is not there", ErrDamaged, r.what)))
	case openErr != nil:
		return r.fail(in(r.region, openErr))
	case o.Info().Size != r.size:
		_ = o.Close()
		return r.fail(in(r.region, fmt.Errorf("%w: the %s has %d bytes, not %d", ErrDamaged, r.what, o.Info().Size, r.size)))
	}
	r.body, r.at, r.left = o, r.pos, min(rangeSize, r.size-r.pos)
	return nil
}

func (r *ranges) drop() {
	if r.body != nil {
		_ = r.body.Close() // only read from
		r.body = nil
	}
}

// Seek moves without a request; the next Read opens what it needs.
func (r *ranges) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.size
	default:
		return 0, r.fail(invalid("whence of Seek"))
	}
	if offset < 0 {
		return 0, r.fail(invalid("Seek to before the start"))
	}
	r.pos = offset
	return offset, nil
}

func (r *ranges) Close() error {
	r.drop()
	r.closed = true
	return nil
}
