package blobstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/genesys/voicemail/storage"
)

const (
	// maxObject is what the service takes in one Put Blob.
	maxObject = 5000 << 20
	// writerKey names the metadata by which a Create knows its own object again.
	writerKey = "writer"
)

// Create implements [storage.Store]. It is one Put Blob at every size, up to 5,000 MiB; a larger body is [storage.ErrInvalid].
//
// Every Create gives its object a random mark in the metadata. A try that finds the name taken after one whose reply was lost reads it back, and so knows its own
// object from everybody else's, whatever the content.
func (s *Store) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	if err := s.begin(ctx, "create", key); err != nil {
		return storage.Info{}, err
	}
	made, err := s.put(ctx, key, body, opts)
	if err != nil {
		return storage.Info{}, fail("create", key, err)
	}
	return made.info, nil
}

// created is what the service says of a new blob.
type created struct {
	info storage.Info
	date time.Time // when it answered, by its clock; zero if it does not say
}

// put makes a blob that must not exist.
func (s *Store) put(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (made created, err error) {
	if opts == nil {
		opts = &storage.CreateOptions{}
	}
	size, err := bodySize(body)
	if err != nil {
		return made, err
	}
	if strings.ContainsFunc(opts.ContentType, func(r rune) bool { return r < ' ' || r > '~' }) {
		return made, because(storage.ErrInvalid, "content type is not plain text")
	}
	if size == 0 { // nothing of it will be sent, so nobody else looks whether that is true
		if _, err := (&source{ctx: ctx, body: body}).read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // it comes from below
			return made, err
		}
		body = nil
	}
	writer := rand.Text()
	upload := &blockblob.UploadOptions{
		Tags:             s.tagsOf(opts.Tags),
		Metadata:         map[string]*string{writerKey: &writer},
		AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}},
	}
	if opts.ContentType != "" {
		upload.HTTPHeaders = &blob.HTTPHeaders{BlobContentType: &opts.ContentType}
	}
	client := s.blockBlob(key)
	err = s.retry(ctx, func(t *try) error {
		src := &source{try: t, ctx: ctx, body: body, size: size}
		resp, err := client.Upload(t.ctx, src, upload)
		broken := src.stop()
		switch {
		case err == nil:
			s.sawVersion(resp.VersionID)
			made.info = storage.Info{Key: key, Size: size, Modified: timeOf(resp.LastModified)}
			made.date = timeOf(resp.Date)
			return nil
		case isTaken(err) && t.n == 0:
			return &storage.Error{Kind: storage.ErrExists}
		case isTaken(err):
			made.info, err = s.settle(t, key, writer)
			return err
		case broken != nil:
			return broken
		case upload.Tags != nil && hasCode(err, codeNotForHNS, codeNoTags):
			s.noTags.Store(true)
			upload.Tags = nil
			return errUntagged
		}
		return err
	})
	return made, err
}

var (
	errUntagged = errors.New("the account has no tags")
	errVanished = errors.New("the name was taken, and is not any more")
)

// isTaken reports whether a conditional Put Blob was refused since there is a blob of that name. A credential that may create but not overwrite is
// refused as if that was the matter, and a blob that is held or leased by what holds it.
func isTaken(err error) bool {
	return hasCode(err, bloberror.BlobAlreadyExists, bloberror.ConditionNotMet, bloberror.UnauthorizedBlobOverwrite,
		bloberror.BlobImmutableDueToPolicy, bloberror.LeaseIDMissing)
}

// settle finds out whether the blob that a repeated Create met is its own.
func (s *Store) settle(t *try, key, writer string) (storage.Info, error) {
	t.theirTurn()
	resp, err := s.blockBlob(key).BlobClient().GetProperties(t.ctx, nil)
	if hasCode(err, bloberror.BlobNotFound) {
		return storage.Info{}, errVanished
	}
	if err != nil {
		if !isPassing(err) {
			err = &storage.Error{Kind: storage.ErrUnavailable, Err: fmt.Errorf("whether the object is ours could not be found out: %w", classify(err).Err)}
		}
		return storage.Info{}, err
	}
	s.sawVersion(resp.VersionID)
	if metadata(resp.Metadata, writerKey) != writer {
		return storage.Info{}, &storage.Error{Kind: storage.ErrExists}
	}
	return properties(key, resp), nil
}

// metadata returns a value of metadata, whose names the way of it may have changed the case of.
func metadata(m map[string]*string, name string) string {
	for k, v := range m {
		if v != nil && strings.EqualFold(k, name) {
			return *v
		}
	}
	return ""
}

// bodySize returns the length that body claims to have.
func bodySize(body io.ReadSeeker) (int64, error) {
	if body == nil {
		return 0, nil
	}
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, &storage.Error{Kind: storage.ErrInvalid, Err: err}
	}
	if size > maxObject {
		return 0, because(storage.ErrInvalid, fmt.Sprintf("body is longer than %d bytes", int64(maxObject)))
	}
	return size, nil
}

// source is a body as one try reads it. It hands out the last byte only when it has seen that the body ends there, so that one that fails or lies
// leaves a request that is cut off, and that the service drops. The transport may go on reading after it has returned; stop
// keeps it from the body of the next try, and from one that the caller uses again.
type source struct {
	try  *try
	ctx  context.Context // the caller's
	size int64

	mu      sync.Mutex
	body    io.ReadSeeker // nil is empty
	rewound bool
	done    int64
	ended   bool // the end was seen
	err     error
	stopped bool
}

// stop ends the reading, and returns why the body could not be read.
func (r *source) stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	return r.err
}

func (r *source) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return 0, errors.New("the request is over")
	}
	if r.err != nil {
		return 0, r.err
	}
	r.try.ourTurn() // the body may be slow for reasons of its own
	defer r.try.theirTurn()
	n, err := r.read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // it comes from below
		r.err = err
	}
	return n, err
}

func (r *source) read(p []byte) (int, error) {
	if r.body != nil && !r.rewound {
		if _, err := r.body.Seek(0, io.SeekStart); err != nil {
			return 0, &storage.Error{Kind: storage.ErrInvalid, Err: err}
		}
		r.rewound = true
	}
	if len(p) == 0 {
		return 0, nil
	}
	n := 0
	if left := r.size - r.done; left > 0 {
		var err error
		n, err = r.some(p[:min(int64(len(p)), left)])
		if err == io.EOF { //nolint:errorlint // a reader ends with io.EOF itself; one that wraps it failed
			return 0, because(storage.ErrInvalid, fmt.Sprintf("body ends after %d of %d bytes", r.done, r.size))
		}
		if err != nil {
			return 0, err
		}
		if r.done += int64(n); r.done < r.size {
			return n, nil
		}
	}
	if err := r.end(); err != nil {
		return 0, err
	}
	if n > 0 {
		return n, nil
	}
	return 0, io.EOF
}

// end demands that the body ends here.
func (r *source) end() error {
	if r.ended {
		return nil
	}
	n, err := r.some(make([]byte, 1))
	if n > 0 {
		return because(storage.ErrInvalid, fmt.Sprintf("body goes on after its %d bytes", r.size))
	}
	r.ended = err == io.EOF //nolint:errorlint // as above
	if r.ended {
		return nil
	}
	return err
}

// some reads at least one byte, or io.EOF, or an error that tells what went wrong.
func (r *source) some(p []byte) (int, error) {
	if r.body == nil {
		return 0, io.EOF
	}
	for range 100 {
		if r.ctx.Err() != nil {
			return 0, r.ctx.Err()
		}
		n, err := r.body.Read(p)
		switch {
		case r.ctx.Err() != nil:
			return 0, r.ctx.Err()
		case n > 0 && (err == nil || err == io.EOF): //nolint:errorlint // as above
			return n, nil
		case err == io.EOF: //nolint:errorlint // as above
			return 0, io.EOF
		case err != nil:
			return 0, &storage.Error{Kind: storage.ErrInvalid, Err: err}
		}
	}
	return 0, &storage.Error{Kind: storage.ErrInvalid, Err: io.ErrNoProgress}
}

// Seek serves the SDK, which asks for the length and rewinds.
func (r *source) Seek(offset int64, whence int) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case offset == 0 && whence == io.SeekEnd:
		return r.size, nil
	case offset == 0 && whence == io.SeekStart:
		r.rewound, r.ended, r.done = false, false, 0
		return 0, nil
	case offset == 0 && whence == io.SeekCurrent:
		return r.done, nil
	}
	return 0, errors.New("a body is only rewound")
}

func (r *source) Close() error { return nil }
