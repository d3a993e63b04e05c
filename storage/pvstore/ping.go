package pvstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/genesys/voicemail/storage"
)

const pingBound = 10 * time.Second

// Ping implements [storage.Pinger], by a temporary file in the root folder of the store. Its bound is 10 s: file operations on a mount whose server
// is away do not return, and no context ends them, so the one that hangs is left behind, and no second one is begun until it
// returns.
func (s *Store) Ping(ctx context.Context) (storage.Health, error) {
	if err := s.begin(ctx, "ping"); err != nil {
		return storage.Health{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, pingBound)
	defer cancel()
	type result struct {
		health storage.Health
		err    error
	}
	done := make(chan result, 1)
	select {
	case s.pingSlot <- struct{}{}:
		go func() {
			defer func() { <-s.pingSlot }()
			h, err := s.ping()
			done <- result{h, err}
		}()
	case <-ctx.Done():
		return storage.Health{}, s.noAnswer(ctx)
	}
	select {
	case r := <-done:
		return r.health, fail("ping", "", r.err)
	case <-ctx.Done():
		return storage.Health{}, s.noAnswer(ctx)
	}
}

func (s *Store) noAnswer(ctx context.Context) error {
	return &storage.Error{Op: "ping", Driver: driver, Kind: storage.ErrUnavailable, Err: fmt.Errorf("the volume does not answer: %w", ctx.Err())}
}

func (s *Store) ping() (h storage.Health, err error) {
	const text = "ping"
	folder, _ := s.place(text)
	d, err := s.makeFolder(folder)
	if err != nil {
		return h, cannot("open the folder", err)
	}
	defer d.Close()
	temp := tempName(text)
	start := time.Now()
	f, err := s.openNew(d, temp)
	if err != nil {
		return h, cannot("create", err)
	}
	_, err = io.WriteString(f, text)
	fi, finishErr := s.finish(f)
	took := time.Since(start)
	if err == nil {
		err = finishErr
	}
	if err != nil {
		err = cannot("create", err)
	} else {
		h.Skew = fi.ModTime().Sub(start.Add(took / 2)).Round(time.Millisecond)
		err = cannot("read", s.do("read probe", temp, func() error { return probe(d, temp, text) }))
	}
	removeErr := s.do("unlink temp", temp, func() error { return d.Remove(temp) })
	if err == nil {
		err = cannot("delete", removeErr)
	}
	return h, err
}

// probe reads back what ping wrote.
func probe(d *os.Root, name, want string) error {
	f, err := d.OpenFile(name, openFile, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err == nil && string(got) != want {
		return because(storage.ErrCorrupt, "the probe holds other bytes")
	}
	return err
}

// cannot returns the error of a part of a ping, with what could not be done.
func cannot(what string, err error) error {
	if err == nil {
		return nil
	}
	var e *storage.Error
	if !errors.As(err, &e) {
		kind, cause := classify(err)
		e = &storage.Error{Kind: kind, Err: cause}
	}
	if e.Err == nil {
		return &storage.Error{Kind: e.Kind, Err: fmt.Errorf("cannot %s", what)}
	}
	return &storage.Error{Kind: e.Kind, Err: fmt.Errorf("cannot %s: %w", what, e.Err)}
}
