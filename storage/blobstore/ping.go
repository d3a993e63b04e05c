package blobstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/genesys/voicemail/storage"
)

const (
	pingBound = 15 * time.Second
	// pingPrefix starts the names of the blobs that Ping makes. No object has such a name.
	pingPrefix = ".ping-"
	pingText   = "ping"
)

// Ping implements [storage.Pinger], by a blob of a name that no object has. Its bound is 20 s. The service tells the time in seconds, so Skew is good to a second or so.
// Where soft delete is on, each Ping leaves a deleted blob of four bytes for as long as it keeps those.
func (s *Store) Ping(ctx context.Context) (storage.Health, error) {
	if err := s.begin(ctx, "ping"); err != nil {
		return storage.Health{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, pingBound)
	defer cancel()
	h, err := s.ping(bounded)
	if ctx.Err() != nil {
		return storage.Health{}, ctx.Err()
	}
	return h, fail("ping", "", err)
}

func (s *Store) ping(ctx context.Context) (h storage.Health, err error) {
	key := pingPrefix + strings.ToLower(rand.Text())
	start := time.Now()
	made, err := s.put(ctx, key, strings.NewReader(pingText), nil)
	took := time.Since(start)
	if err == nil || !errors.Is(err, storage.ErrPermission) {
		defer func() {
			if delErr := s.pingDelete(ctx, key); err == nil {
				err = cannot("delete", delErr)
			}
		}()
	}
	if err != nil {
		return h, cannot("create", err)
	}
	if !made.date.IsZero() {
		h.Skew = made.date.Add(time.Second / 2).Sub(start.Add(took / 2)).Round(time.Millisecond)
	}
	return h, cannot("read", s.pingRead(ctx, key))
}

func (s *Store) pingRead(ctx context.Context, key string) error {
	o, err := s.open(ctx, key, nil)
	if err != nil {
		return err
	}
	defer o.Close()
	got, err := io.ReadAll(o)
	if err == nil && string(got) != pingText {
		return because(storage.ErrCorrupt, "the probe holds other bytes")
	}
	return err
}

// pingDelete deletes the probe, if need be after its time.
func (s *Store) pingDelete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingBound/3)
	defer cancel()
	return s.remove(ctx, []string{key})[key]
}

// cannot returns the error of a part of a ping, with what could not be done.
func cannot(what string, err error) error {
	if err == nil {
		return nil
	}
	e := classify(err) // a context's error is that of the bound
	if e.Err == nil {
		return &storage.Error{Kind: e.Kind, Err: fmt.Errorf("cannot %s", what)}
	}
	return &storage.Error{Kind: e.Kind, Err: fmt.Errorf("cannot %s: %w", what, e.Err)}
}
