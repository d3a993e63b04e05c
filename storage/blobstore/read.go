package blobstore

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/genesys/voicemail/storage"
)

// maxBlob is longer than any blob (190.7 TiB). Numbers beyond it are not sent.
const maxBlob = 1 << 48

// Stat implements [storage.Store].
func (s *Store) Stat(ctx context.Context, key string) (storage.Info, error) {
	if err := s.begin(ctx, "stat", key); err != nil {
		return storage.Info{}, err
	}
	info, err := s.stat(ctx, key)
	return info, fail("stat", key, err)
}

func (s *Store) stat(ctx context.Context, key string) (info storage.Info, err error) {
	err = s.retry(ctx, func(t *try) error {
		resp, err := s.blockBlob(key).BlobClient().GetProperties(t.ctx, nil)
		if err != nil {
			return err
		}
		s.sawVersion(resp.VersionID)
		if isFolder(resp.Metadata) {
			return &storage.Error{Kind: storage.ErrNotExist}
		}
		info = properties(key, resp)
		return nil
	})
	return info, err
}

func properties(key string, resp blob.GetPropertiesResponse) storage.Info {
	info := storage.Info{Key: key, Modified: timeOf(resp.LastModified)}
	if resp.ContentLength != nil {
		info.Size = *resp.ContentLength
	}
	return info
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// isFolder reports whether metadata is that of a directory of a hierarchical namespace.
func isFolder(m map[string]*string) bool { return metadata(m, "hdi_isfolder") == "true" }

// Open implements [storage.Store]. The context bounds the reading too. Where a connection breaks, the reading goes on at the next byte of the same blob.
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

func (s *Store) open(ctx context.Context, key string, opts *storage.OpenOptions) (*object, error) {
	if opts == nil {
		opts = &storage.OpenOptions{}
	}
	if opts.Offset < 0 || opts.Length < 0 {
		return nil, because(storage.ErrInvalid, "byte range is negative")
	}
	o := &object{s: s, ctx: ctx, info: storage.Info{Key: key}, next: opts.Offset, left: min(opts.Length, maxBlob)}
	if opts.Offset > maxBlob {
		return s.openAtEnd(ctx, key, opts)
	}
	beyond := false
	err := s.retry(ctx, func(t *try) error {
		err := o.get(t)
		if beyond = hasCode(err, bloberror.InvalidRange); beyond {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if beyond {
		return s.openAtEnd(ctx, key, opts)
	}
	return o, nil
}

// openAtEnd opens a range that has no byte, which the service cannot tell from one that starts beyond the end.
func (s *Store) openAtEnd(ctx context.Context, key string, opts *storage.OpenOptions) (*object, error) {
	info, err := s.stat(ctx, key)
	if err != nil {
		return nil, err
	}
	_, length, err := storage.CheckRange(opts, info.Size)
	if err != nil {
		return nil, &storage.Error{Kind: storage.ErrInvalid, Err: err}
	}
	if length > 0 {
		return nil, because(storage.ErrUnavailable, "the service refuses a range that there is")
	}
	return &object{s: s, ctx: ctx, info: info}, nil
}

// object is a [storage.Object] over the reply to a request for a range.
type object struct {
	s      *Store
	ctx    context.Context // of Open
	info   storage.Info
	etag   *azcore.ETag // of what is being read
	next   int64
	left   int64 // before the first reply: the length asked for, 0 being all
	try    *try  // nil if there is no reply to read from
	body   io.ReadCloser
	broken int // replies in a row that broke off without a byte
	closed bool
}

// get asks for what is left.
func (o *object) get(t *try) error {
	opts := &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: o.next, Count: o.left}}
	if o.etag != nil {
		opts.AccessConditions = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: o.etag}}
	}
	resp, err := o.s.blockBlob(o.info.Key).BlobClient().DownloadStream(t.ctx, opts)
	if err != nil {
		return err
	}
	if isFolder(resp.Metadata) {
		resp.Body.Close()
		return &storage.Error{Kind: storage.ErrNotExist}
	}
	size, length, ok := lengths(resp, opts.Range.Offset)
	if !ok || o.etag != nil && length != o.left {
		resp.Body.Close()
		return because(storage.ErrUnavailable, "the service sends another range than was asked for")
	}
	o.s.sawVersion(resp.VersionID)
	o.info.Size, o.info.Modified = size, timeOf(resp.LastModified)
	o.etag, o.left = resp.ETag, length
	o.try, o.body = t, resp.Body
	t.ourTurn()
	t.kept = true
	return nil
}

// lengths returns the size of the blob and the length of the range that is sent, which must start at offset.
func lengths(resp blob.DownloadStreamResponse, offset int64) (size, length int64, ok bool) {
	if resp.ContentLength == nil || resp.ETag == nil {
		return 0, 0, false
	}
	length = *resp.ContentLength
	if resp.ContentRange == nil {
		return length, length, offset == 0
	}
	span, total, ok := strings.Cut(strings.TrimPrefix(*resp.ContentRange, "bytes "), "/")
	first, _, _ := strings.Cut(span, "-")
	size, err := strconv.ParseInt(total, 10, 64)
	return size, length, ok && err == nil && first == strconv.FormatInt(offset, 10) && offset+length <= size
}

func (o *object) Info() storage.Info { return o.info }

func (o *object) Read(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	switch {
	case o.closed:
		return 0, o.fail(&storage.Error{Kind: storage.ErrInvalid, Err: os.ErrClosed})
	case o.left == 0:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	for {
		n, err := o.read(p[:min(int64(len(p)), o.left)])
		o.next += int64(n)
		o.left -= int64(n)
		if n > 0 {
			o.broken = 0
			return n, nil // an error, if it lasts, comes with the next call
		}
		if o.ctx.Err() != nil {
			return 0, o.ctx.Err()
		}
		if err == nil {
			return 0, nil
		}
		var final *storage.Error
		if o.drop(); errors.As(err, &final) {
			return 0, o.fail(err)
		}
		if o.broken++; o.broken >= o.s.tries {
			return 0, o.fail(&storage.Error{Kind: storage.ErrUnavailable, Err: noReply(err)})
		}
	}
}

// read reads from the reply, asking for one if there is none.
func (o *object) read(p []byte) (int, error) {
	if o.body == nil {
		err := o.s.retry(o.ctx, func(t *try) error {
			err := o.get(t)
			if hasCode(err, bloberror.ConditionNotMet, bloberror.InvalidRange) {
				return because(storage.ErrNotExist, "the object was deleted, and another one has its name")
			}
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	o.try.theirTurn()
	n, err := o.body.Read(p)
	o.try.ourTurn()
	if err != nil && o.try.wasSilent() {
		err = errSilent
	}
	return n, err
}

// drop gives a reply up.
func (o *object) drop() {
	if o.body != nil {
		o.body.Close()
		o.try.end()
		o.body, o.try = nil, nil
	}
}

func (o *object) Close() error {
	o.closed = true
	o.drop()
	return nil
}

func (o *object) fail(err error) error { return fail("read", o.info.Key, err) }
