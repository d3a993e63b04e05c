package s3store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genesys/voicemail/storage"
)

// Create implements [storage.Store], in one PutObject at every size (S3 takes up to 5 GiB). Over plain HTTP the body is read
// twice, since its hash is signed.
//
// Tags are stored as they are where S3 allows them. A character that it does not allow is stored as = and two hexadecimal digits for each of its bytes, and a value
// is cut at 256 UTF-16 units, so that an odd caller does not cost the message. More than ten tags, or a name that is empty, longer than 128
// units, or reserved (aws:) is [storage.ErrInvalid].
func (s *Store) Create(ctx context.Context, key string, r io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	if err := s.begin(ctx, "create", key); err != nil {
		return storage.Info{}, err
	}
	if opts == nil {
		opts = &storage.CreateOptions{}
	}
	info, err := s.create(ctx, key, r, opts)
	if err != nil {
		return storage.Info{}, fail("create", key, err)
	}
	return info, nil
}

func (s *Store) create(ctx context.Context, key string, r io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	b, err := newBody(ctx, r)
	if err != nil {
		return storage.Info{}, err
	}
	in := &s3.PutObjectInput{}
	if opts.ContentType != "" {
		in.ContentType = &opts.ContentType
	}
	if in.Tagging, err = tagging(opts.Tags); err != nil {
		return storage.Info{}, err
	}
	doubtful := false // a try was made whose outcome is not known
	for try := 1; ; try++ {
		out, err := s.put(ctx, key, b, in)
		if err == nil {
			return s.created(ctx, key, b.size, out)
		}
		if ctx.Err() != nil {
			return storage.Info{}, ctx.Err()
		}
		f := explain(err)
		doubtful = doubtful || !f.undone
		refused := f.status == http.StatusPreconditionFailed
		if doubtful && (refused || f.broke) {
			info, ours, err := s.readBack(ctx, key, b)
			switch {
			case ours:
				return info, nil
			case err == nil:
				return storage.Info{}, &failure{kind: storage.ErrExists}
			case refused && (!isKind(err, storage.ErrNotExist) || !s.versioned.Load()):
				return storage.Info{}, unknown(err, true)
			}
		}
		switch {
		case !refused:
			if err := pause(ctx, f, try); err != nil {
				return storage.Info{}, unknown(err, doubtful)
			}
		case !s.versioned.Load():
			return storage.Info{}, &failure{kind: storage.ErrExists}
		case try >= maxTries:
			return storage.Info{}, because(storage.ErrUnavailable, "the server refuses the creation, and shows no object")
		default:
			if err := s.purgeMarkers(ctx, key, doubtful); err != nil {
				return storage.Info{}, err
			}
		}
	}
}

// put tries once to create an object.
func (s *Store) put(ctx context.Context, key string, b *body, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, s.bound(b.size))
	defer cancel()
	var put s3.PutObjectInput
	if in != nil {
		put = *in
	}
	put.Bucket, put.Key, put.IfNoneMatch, put.ContentLength = s.bucket, s.name(key), aws.String("*"), &b.size
	if s.untagged.Load() {
		put.Tagging = nil
	}
	if s.summed.Load() {
		sum, err := b.sum(ctx)
		if err != nil {
			return nil, err
		}
		put.ChecksumSHA256 = &sum
	}
	var reader *bodyReader
	if b.size > 0 {
		reader = b.try(ctx)
		put.Body = reader
	}
	out, err := s.client.PutObject(ctx, &put, s.options)
	if reader != nil {
		if bodyErr := reader.done(); bodyErr != nil && err != nil {
			return nil, bodyErr
		}
	}
	if err != nil {
		f := explain(err)
		// What is learned here holds from now on. If it was not the reason, the same answer comes again.
		switch {
		case f.status == http.StatusNotImplemented && put.Tagging != nil:
			s.untagged.Store(true)
			f.pace, f.undone = soon, true
		case f.status == http.StatusBadRequest && f.code == "InvalidRequest" && put.ChecksumSHA256 == nil:
			s.summed.Store(true)
			f.pace = soon
		}
		return nil, f
	}
	if aws.ToString(out.VersionId) != "" {
		s.versioned.Store(true)
	}
	return out, nil
}

// created returns what is known of an object that was just created.
func (s *Store) created(ctx context.Context, key string, size int64, out *s3.PutObjectOutput) (storage.Info, error) {
	at, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
	if !ok {
		info, err := s.stat(ctx, key)
		return info, unknown(err, true)
	}
	return storage.Info{Key: key, Size: size, Modified: at.UTC().Truncate(time.Second)}, nil
}

// unknown returns err, as one that leaves the outcome open if a try before it was doubtful.
func unknown(err error, doubtful bool) error {
	var f *failure
	if !doubtful || !errors.As(err, &f) || errors.Is(f.kind, storage.ErrUnavailable) {
		return err
	}
	return &failure{kind: storage.ErrUnavailable, why: errors.Join(errors.New("an earlier try may have created the object"), f.why), status: f.status, code: f.code}
}

// readBack reports whether the object has the content of b: then a try whose answer was lost has created it.
func (s *Store) readBack(ctx context.Context, key string, b *body) (info storage.Info, ours bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.bound(b.size))
	defer cancel()
	o, err := s.open(ctx, key, nil)
	if err != nil {
		return storage.Info{}, false, err
	}
	defer o.Close()
	if o.info.Size != b.size {
		return storage.Info{}, false, nil
	}
	if b.size == 0 {
		return o.info, true, nil
	}
	r := b.try(ctx)
	defer r.done()
	theirs, own := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(o, theirs)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return storage.Info{}, false, err
		}
		m, ownErr := io.ReadFull(r, own[:max(n, 1)])
		if n == 0 && errors.Is(ownErr, io.EOF) {
			return o.info, true, nil
		}
		if ownErr != nil {
			return storage.Info{}, false, ownErr
		}
		if !bytes.Equal(theirs[:n], own[:m]) {
			return storage.Info{}, false, nil
		}
	}
}

// purgeMarkers makes a name free that only delete markers hold, as on servers that count them as objects. It returns ErrExists if
// there is an object.
func (s *Store) purgeMarkers(ctx context.Context, key string, doubtful bool) error {
	// Only a look at the object is asked of the rights of those who deposit and do not delete.
	_, err := s.stat(ctx, key)
	if err == nil || isKind(err, storage.ErrPermission) {
		return &failure{kind: storage.ErrExists}
	}
	if !isKind(err, storage.ErrNotExist) {
		return unknown(err, doubtful)
	}
	found, err := s.versionsOf(ctx, key)
	if err != nil {
		return unknown(err, doubtful)
	}
	switch {
	case found.current:
		return &failure{kind: storage.ErrExists}
	case len(found.latest) == 0 && doubtful:
		return because(storage.ErrUnavailable, "an earlier try may have created the object, and it is gone")
	case len(found.latest) == 0:
		return nil // deleted while we looked
	}
	if slices.ContainsFunc(found.all(), func(v version) bool { return v.id == nullVersion }) {
		// With versioning suspended all versions have this id, and what is deleted may be what somebody else creates now.
		return because(storage.ErrUnavailable, "a delete marker of the time when versioning was suspended holds the name; Delete removes it")
	}
	for _, batch := range [][]version{found.older, found.latest} {
		for _, err := range s.deleteVersions(ctx, batch) {
			if err != nil {
				return unknown(err, doubtful)
			}
		}
	}
	return nil
}
