package memstore

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/genesys/voicemail/storage"
)

// object is a [storage.Object] over data that never changes.
type object struct {
	ctx    context.Context // of Open: it bounds the reading too, as it does where bytes come over a network
	info   storage.Info
	rest   []byte
	closed bool
}

func (o *object) Info() storage.Info { return o.info }

func (o *object) Read(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	if o.closed {
		return 0, fail("read", o.info.Key, storage.ErrInvalid, os.ErrClosed)
	}
	if len(o.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, o.rest)
	o.rest = o.rest[n:]
	return n, nil
}

func (o *object) Close() error {
	o.closed = true
	return nil
}

// readBody returns all bytes of body from its start, if they are as many as its end says.
func readBody(ctx context.Context, body io.ReadSeeker) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	// One byte more than promised shows a body that goes on. A promise is no reason to allocate as much.
	const chunk = 256 << 10
	data := make([]byte, 0, max(0, min(size, chunk))+1)
	idle := 0
	for int64(len(data)) <= size {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := body.Read(data[len(data):min(cap(data), len(data)+chunk)])
		data = data[:len(data)+n]
		switch {
		case err == io.EOF: //nolint:errorlint // a reader ends with io.EOF itself; one that wraps it failed
			if int64(len(data)) == size {
				return data, nil
			}
			return nil, fmt.Errorf("body ends after %d of %d bytes", len(data), size)
		case err != nil:
			return nil, err
		case n > 0:
			idle = 0
		default:
			if idle++; idle == 100 {
				return nil, io.ErrNoProgress
			}
		}
	}
	return nil, fmt.Errorf("body goes on after its %d bytes", size)
}
