package driver

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/genesys/voicemail/storage"
)

// readBody returns all bytes of body from its start, if they are as many as its end says: a recording that is cut off or goes on must not be stored as if it were whole.
func readBody(ctx context.Context, body io.ReadSeeker) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil { // it may have been read
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(reader{ctx, body}, size+1))
	if err == nil && int64(len(content)) != size {
		err = fmt.Errorf("body has not the %d bytes that its end says", size)
	}
	return content, err
}

// reader ends with its context: a body can be a call that is being recorded.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// object is a [storage.Object] over the content of a row.
type object struct {
	ctx    context.Context
	info   storage.Info
	rest   []byte
	closed bool
}

func (o *object) Info() storage.Info { return o.info }

func (o *object) Read(p []byte) (int, error) {
	switch {
	case o.closed:
		return 0, fail("read", o.info.Key, storage.ErrInvalid, os.ErrClosed)
	case o.ctx.Err() != nil:
		return 0, o.ctx.Err()
	case len(o.rest) == 0:
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
