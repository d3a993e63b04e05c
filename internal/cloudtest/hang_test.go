package cloudtest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/testserver"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/blobstore"
	"github.com/genesys/voicemail/storage/s3store"
)

// line leads to the server until it is cut: from then on to one that takes connections and never says a word.
type line struct {
	transport *http.Transport
	silent    string
	cut       atomic.Bool
}

func newLine(t *testing.T) *line {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, c); _ = c.Close() }()
		}
	}()
	l := &line{silent: listener.Addr().String()}
	var dialer net.Dialer
	l.transport = &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if l.cut.Load() {
			addr = l.silent
		}
		return dialer.DialContext(ctx, network, addr)
	}}
	t.Cleanup(l.transport.CloseIdleConnections)
	return l
}

func (l *line) wrap(http.RoundTripper) http.RoundTripper { return l.transport }

func (l *line) hangs() {
	l.cut.Store(true)
	l.transport.CloseIdleConnections()
}

func TestAServerThatHangsIsUnavailableWithinTheBound(t *testing.T) {
	const patience = time.Second // for one try
	for _, cloud := range []struct {
		name  string
		tries int
		wait  time.Duration // between all tries of a request
		open  func(t *testing.T, wrap wrapper) func(ctx context.Context) (storage.Store, error)
	}{
		{"Azure", 3, 600 * time.Millisecond, func(t *testing.T, wrap wrapper) func(ctx context.Context) (storage.Store, error) {
			c := azure(t, wrap)
			return func(ctx context.Context) (storage.Store, error) {
				return blobstore.Open(ctx, c, &blobstore.Options{TryTimeout: patience})
			}
		}},
		{"S3", 4, 350 * time.Millisecond, func(t *testing.T, wrap wrapper) func(ctx context.Context) (storage.Store, error) {
			server := testserver.S3(t)
			c, name := s3Client(t, server, wrap), bucket(t, server)
			return func(ctx context.Context) (storage.Store, error) {
				return s3store.Open(ctx, c, name, &s3store.Options{TryTimeout: patience})
			}
		}},
	} {
		t.Run(cloud.name, func(t *testing.T) {
			t.Parallel()
			ctx, l := t.Context(), newLine(t)
			open := cloud.open(t, l.wrap)
			store, err := open(ctx)
			require.NoError(t, err)
			svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), nil)
			require.NoError(t, err)
			caller, audio := voicemail.ParseCallerID("+15551234567"), []byte("RIFF a recording that must not be lost")
			box, err := svc.CreateMailbox(ctx, "5001", nil)
			require.NoError(t, err)
			msg, err := box.Deposit(ctx, bytes.NewReader(audio), &voicemail.DepositOptions{Caller: caller})
			require.NoError(t, err)
			l.hangs()

			// All at once: each waits for the same silence.
			var wg sync.WaitGroup
			for _, op := range []struct {
				name  string
				trips int // requests that the operation waits for one after the other, when none is answered
				run   func() error
			}{
				{"deposit", 2, func() error { // the look, and the attempt to take the index entry back
					_, err := box.Deposit(ctx, bytes.NewReader(audio), &voicemail.DepositOptions{Caller: caller})
					var de *voicemail.DepositError
					if assert.ErrorAs(t, err, &de) {
						back, readErr := io.ReadAll(de.Audio)
						assert.NoError(t, readErr)
						assert.Equal(t, audio, back, "the recording is handed back")
						assert.NoError(t, de.Audio.Close())
					}
					return err
				}},
				{"deposit with an ID", 1, func() error {
					id := voicemail.NewMessageID(time.Now())
					_, err := box.Deposit(ctx, bytes.NewReader(audio), &voicemail.DepositOptions{Caller: caller, ID: id})
					var de *voicemail.DepositError
					if assert.ErrorAs(t, err, &de) {
						assert.Equal(t, id, de.ID)
						assert.NoError(t, de.Audio.Close())
					}
					return err
				}},
				{"counts", 1, func() error { _, err := box.Counts(ctx); return err }},
				{"messages", 1, func() error {
					var last error
					for _, err := range box.Messages(ctx, nil) {
						last = err
					}
					return last
				}},
				{"find", 1, func() error {
					var last error
					for _, err := range svc.FindByCaller(ctx, caller) {
						last = err
					}
					return last
				}},
				{"mark read", 2, func() error { return msg.MarkRead(ctx) }}, // and the attempt to take the mark back
				{"start of playback", 1, func() error {
					r, err := msg.Open(ctx)
					if err == nil {
						_, err = r.Read(make([]byte, 1))
					}
					return err
				}},
				{"delete", 1, func() error { return msg.Delete(ctx) }},
				{"ping", 2, func() error { return svc.Ping(ctx) }}, // and the attempt to take its object away
				{"open of the storage", 1, func() error { _, err := open(ctx); return err }},
				{"open of the service", 1, func() error { _, err := voicemail.Open(ctx, voicemail.OneRegion(store), nil); return err }},
			} {
				wg.Go(func() {
					start := time.Now()
					err := op.run()
					took := time.Since(start)
					assert.ErrorIs(t, err, storage.ErrUnavailable, op.name)
					request := time.Duration(cloud.tries)*patience + cloud.wait
					assert.Less(t, took, time.Duration(op.trips)*request+patience/2, op.name)
					assert.Greater(t, took, patience*9/10, "%s: it does not give up before one try is over", op.name)
				})
			}
			wg.Wait()
		})
	}
}

// Whoever does not want to wait for the bound has a context.
func TestACallOnAServerThatHangsEndsWithItsContext(t *testing.T) {
	for _, cloud := range clouds {
		t.Run(cloud.name, func(t *testing.T) {
			t.Parallel()
			l := newLine(t)
			svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(cloud.open(t, l.wrap)), nil)
			require.NoError(t, err)
			box, err := svc.CreateMailbox(t.Context(), "5001", nil)
			require.NoError(t, err)
			l.hangs()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err = box.Counts(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Less(t, time.Since(start), 3*time.Second)
		})
	}
}
