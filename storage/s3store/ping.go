package s3store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genesys/voicemail/storage"
)

const pingBound = 10 * time.Second

// Ping implements [storage.Pinger]. Its bound is 10 s. The object it makes is one for every Store, so that where it may not delete it leaves one behind and not
// more with each Ping; no listing shows it.
func (s *Store) Ping(ctx context.Context) (storage.Health, error) {
	if err := s.begin(ctx, "ping"); err != nil {
		return storage.Health{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, pingBound)
	defer cancel()
	h, err := s.ping(bounded)
	if err == nil {
		return h, nil
	}
	if ctx.Err() != nil {
		return storage.Health{}, ctx.Err()
	}
	if isContext(err) {
		err = because(storage.ErrUnavailable, "the storage does not answer in time")
	}
	return storage.Health{}, fail("ping", "", err)
}

func (s *Store) ping(ctx context.Context) (h storage.Health, err error) {
	select {
	case s.pingSlot <- struct{}{}:
		defer func() { <-s.pingSlot }()
	case <-ctx.Done():
		return h, ctx.Err()
	}
	const text = "ping"
	b, err := newBody(ctx, bytes.NewReader([]byte(text)))
	if err != nil {
		return h, err
	}
	var version string
	start := time.Now()
	out, err := again(ctx, func() (*s3.PutObjectOutput, error) { return s.put(ctx, s.pingName, b, nil) })
	took := time.Since(start)
	switch {
	case err == nil:
		version = aws.ToString(out.VersionId)
		if at, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok {
			// The server tells whole seconds: on average it is half a second later.
			h.Skew = at.Add(time.Second / 2).Sub(start.Add(took / 2)).Round(time.Millisecond)
		}
	case !hasStatus(err, http.StatusPreconditionFailed): // an earlier Ping was not allowed to delete
		return h, cannot("create", err)
	}
	if err := s.readProbe(ctx, text); err != nil {
		err = cannot("read", err)
		return h, errors.Join(err, s.removeProbe(ctx, version))
	}
	return h, cannot("delete", s.removeProbe(ctx, version))
}

func (s *Store) readProbe(ctx context.Context, want string) error {
	o, err := s.open(ctx, s.pingName, nil)
	if err != nil {
		return err
	}
	defer o.Close()
	got, err := io.ReadAll(o)
	if err == nil && string(got) != want {
		return because(storage.ErrCorrupt, "the probe holds other bytes")
	}
	return err
}

// removeProbe deletes the version that was just made, or, if it was not, whatever is there.
func (s *Store) removeProbe(ctx context.Context, id string) error {
	if id == "" {
		return s.deleteBatch(ctx, []string{s.pingName})[0]
	}
	return s.deleteVersions(ctx, []version{{s.pingName, id}})[0]
}

// cannot returns the error of a part of a ping, with what could not be done.
func cannot(what string, err error) error {
	if err == nil || isContext(err) {
		return err
	}
	f := *explain(err)
	if f.why == nil {
		f.why = fmt.Errorf("cannot %s", what)
	} else {
		f.why = fmt.Errorf("cannot %s: %w", what, f.why)
	}
	return &f
}
