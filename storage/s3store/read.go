package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genesys/voicemail/storage"
)

// Open implements [storage.Store]. ctx bounds the reading too. A connection that breaks while the object is read is made anew, a few
// times, for the same object only.
func (s *Store) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	if err := s.begin(ctx, "open", key); err != nil {
		return nil, err
	}
	o, err := s.open(ctx, key, opts)
	if err != nil {
		return nil, fail("open", key, err)
	}
	return o, nil
}

// Stat implements [storage.Store].
func (s *Store) Stat(ctx context.Context, key string) (storage.Info, error) {
	if err := s.begin(ctx, "stat", key); err != nil {
		return storage.Info{}, err
	}
	info, err := s.stat(ctx, key)
	if err != nil {
		return storage.Info{}, fail("stat", key, err)
	}
	return info, nil
}

func (s *Store) stat(ctx context.Context, key string) (storage.Info, error) {
	out, err := call(ctx, s.tryTimeout, func(ctx context.Context) (*s3.HeadObjectOutput, error) {
		return s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: s.bucket, Key: s.name(key)}, s.options)
	})
	switch {
	case isAnonymous404(err):
		return storage.Info{}, s.confirmAbsence(ctx, key)
	case err != nil:
		return storage.Info{}, err
	case out.ContentLength == nil || out.LastModified == nil:
		return storage.Info{}, because(storage.ErrUnavailable, "the answer has no length or no time")
	}
	return storage.Info{Key: key, Size: *out.ContentLength, Modified: seconds(*out.LastModified)}, nil
}

// isAnonymous404 reports whether err is the answer to a HEAD that S3 need not have given: a HEAD has no code that tells a missing object from a proxy
// that does not know the host, but S3 puts a request id into its answers.
func isAnonymous404(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.status == http.StatusNotFound && !f.identified
}

// confirmAbsence asks in a way that S3 has a code for.
func (s *Store) confirmAbsence(ctx context.Context, key string) error {
	o, err := s.open(ctx, key, nil)
	if err != nil {
		return err
	}
	o.drop()
	return because(storage.ErrUnavailable, "the server says that there is no object, and gives it away")
}

// seconds returns the time as every answer tells it: headers have no fractions, and a listing that has some would disagree with them.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func (s *Store) open(ctx context.Context, key string, opts *storage.OpenOptions) (*object, error) {
	if opts == nil {
		opts = &storage.OpenOptions{}
	}
	if opts.Offset < 0 || opts.Length < 0 {
		return nil, because(storage.ErrInvalid, "byte range starts outside of the object")
	}
	in := &s3.GetObjectInput{Bucket: s.bucket, Key: s.name(key)}
	switch last := opts.Offset + opts.Length - 1; {
	case opts.Length > 0 && last >= opts.Offset:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", opts.Offset, last))
	case opts.Offset > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", opts.Offset))
	}
	p, err := s.get(ctx, in)
	if hasStatus(err, http.StatusRequestedRangeNotSatisfiable) {
		return s.openNothing(ctx, key, opts)
	}
	if err != nil {
		return nil, err
	}
	o := &object{s: s, ctx: ctx, info: storage.Info{Key: key, Size: p.total, Modified: p.modified}, etag: p.etag, part: p}
	offset, length, err := storage.CheckRange(opts, p.total)
	if err == nil && (offset != p.start || length != p.length) {
		err = errors.New("the server gives another range than was asked for")
	}
	if err != nil {
		p.close()
		return nil, &failure{kind: storage.ErrUnavailable, why: err}
	}
	o.next, o.end = offset, offset+length
	if length == 0 {
		o.drop()
	}
	return o, nil
}

// openNothing opens a range that S3 finds nothing in.
func (s *Store) openNothing(ctx context.Context, key string, opts *storage.OpenOptions) (*object, error) {
	info, err := s.stat(ctx, key)
	if err != nil {
		return nil, err
	}
	offset, length, err := storage.CheckRange(opts, info.Size)
	if err != nil {
		return nil, &failure{kind: storage.ErrInvalid, why: err}
	}
	if length > 0 {
		return nil, because(storage.ErrUnavailable, "the server refuses a range that the object has")
	}
	return &object{s: s, ctx: ctx, info: info, next: offset, end: offset}, nil
}

// part is the answer to one GetObject, whose body is being read. It is given up when the next bytes do not come in time.
type part struct {
	start, length, total int64
	modified             time.Time
	etag                 string
	body                 io.ReadCloser
	timeout              time.Duration
	watchdog             *time.Timer
	cancel               context.CancelFunc
}

func (p *part) Read(b []byte) (int, error) {
	p.watchdog.Reset(p.timeout)
	n, err := p.body.Read(b)
	p.watchdog.Stop()
	return n, err
}

func (p *part) close() {
	p.watchdog.Stop()
	p.cancel()
	_ = p.body.Close() // nothing was written
}

// get sends a GetObject, and returns when its headers are there.
func (s *Store) get(ctx context.Context, in *s3.GetObjectInput) (*part, error) {
	return again(ctx, func() (*part, error) {
		ctx, cancel := context.WithCancel(ctx)
		watchdog := time.AfterFunc(s.tryTimeout, cancel)
		out, err := s.client.GetObject(ctx, in, s.options)
		watchdog.Stop()
		if err != nil {
			cancel()
			return nil, err
		}
		p := &part{body: out.Body, etag: aws.ToString(out.ETag), timeout: s.tryTimeout, watchdog: watchdog, cancel: cancel}
		if out.ContentLength == nil || out.LastModified == nil {
			p.close()
			return nil, because(storage.ErrUnavailable, "the answer has no length or no time")
		}
		p.length, p.total, p.modified = *out.ContentLength, *out.ContentLength, seconds(*out.LastModified)
		if out.ContentRange != nil {
			var ok bool
			if p.start, p.total, ok = parseRange(*out.ContentRange); !ok {
				p.close()
				return nil, because(storage.ErrUnavailable, "the answer has no sensible range")
			}
		}
		return p, nil
	})
}

// parseRange reads a Content-Range: bytes 0-9/100.
func parseRange(s string) (start, total int64, ok bool) {
	s, unit := strings.CutPrefix(s, "bytes ")
	span, whole, slash := strings.Cut(s, "/")
	first, _, dash := strings.Cut(span, "-")
	start, err := strconv.ParseInt(first, 10, 64)
	total, err2 := strconv.ParseInt(whole, 10, 64)
	return start, total, unit && slash && dash && err == nil && err2 == nil
}

// object is a [storage.Object] over a range of an object in the bucket.
type object struct {
	s         *Store
	ctx       context.Context // of Open: it bounds the reading too
	info      storage.Info
	etag      string
	next, end int64
	part      *part // nil if the connection broke, and at the end
	breaks    int
	closed    bool
}

func (o *object) Info() storage.Info { return o.info }

func (o *object) Read(p []byte) (int, error) {
	n, err := o.read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fail("read", o.info.Key, err)
	}
	return n, err
}

func (o *object) read(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	if o.closed {
		return 0, because(storage.ErrInvalid, "object is closed")
	}
	if o.next >= o.end {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	p = p[:min(int64(len(p)), o.end-o.next)]
	for {
		if o.part == nil {
			if err := o.resume(); err != nil {
				return 0, err
			}
		}
		n, err := o.part.Read(p)
		o.next += int64(n)
		if err != nil || o.next == o.end {
			o.drop()
		}
		if n > 0 || err == nil {
			return n, nil // what broke is looked at by the next call
		}
		if o.ctx.Err() != nil {
			return 0, o.ctx.Err()
		}
		if o.breaks++; o.breaks == maxTries {
			return 0, &failure{kind: storage.ErrUnavailable, why: fmt.Errorf("the connection breaks again and again: %w", explainSilence(err).why)}
		}
		if err := wait(o.ctx, soon, o.breaks); err != nil {
			return 0, err
		}
	}
}

// resume goes on where the connection broke.
func (o *object) resume() error {
	if o.etag == "" {
		return because(storage.ErrUnavailable, "the connection broke, and the object has no tag to know it by")
	}
	p, err := o.s.get(o.ctx, &s3.GetObjectInput{
		Bucket: o.s.bucket, Key: o.s.name(o.info.Key), IfMatch: &o.etag,
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", o.next, o.end-1)),
	})
	if hasStatus(err, http.StatusPreconditionFailed) {
		return &failure{kind: storage.ErrNotExist} // another one of the same name
	}
	if err != nil {
		return err
	}
	if p.start != o.next || p.length != o.end-o.next || p.etag != o.etag {
		p.close()
		return because(storage.ErrUnavailable, "the server gives another range than was asked for")
	}
	o.part = p
	return nil
}

func (o *object) drop() {
	if o.part != nil {
		o.part.close()
		o.part = nil
	}
}

func (o *object) Close() error {
	o.drop()
	o.closed = true
	return nil
}
