package cloudtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
)

// lossy loses every tenth reply, once the server has done what it was asked.
type lossy struct{ replies, lost atomic.Int64 }

func (l *lossy) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err != nil || l.replies.Add(1)%10 > 0 {
			return resp, err
		}
		l.lost.Add(1)
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return nil, io.ErrUnexpectedEOF // as when the connection is cut
	})
}

// depositor leaves messages, as an application does that heeds what Deposit returns.
type depositor struct {
	boxes  []voicemail.Mailbox // take turns, so that the listing that each deposit costs stays short
	worker int
	again  int // deposits that had to be repeated
}

func (d *depositor) recording(i int) []byte {
	return fmt.Appendf(nil, "RIFF recording %d of %d", i, d.worker)
}

func (d *depositor) caller() voicemail.CallerID {
	return voicemail.ParseCallerID(fmt.Sprintf("+1555000%04d", d.worker))
}

// deposit leaves the i-th message. What failed because of the storage is repeated with the ID and the recording that were handed back. Nothing else may happen.
func (d *depositor) deposit(ctx context.Context, i int) (voicemail.MessageID, error) {
	opts := voicemail.DepositOptions{Caller: d.caller()}
	if i%2 == 0 {
		opts.ID = voicemail.NewMessageID(time.Now())
	}
	var audio io.Reader = bytes.NewReader(d.recording(i))
	for range 5 {
		msg, err := d.boxes[i%len(d.boxes)].Deposit(ctx, audio, &opts)
		if err == nil {
			return msg.ID(), nil
		}
		var de *voicemail.DepositError
		if !errors.As(err, &de) || !errors.Is(err, storage.ErrUnavailable) || opts.ID != "" && opts.ID != de.ID {
			return "", fmt.Errorf("falsely refused: %w", err)
		}
		d.again++
		opts.ID, audio = de.ID, de.Audio
	}
	return "", errors.New("the deposit does not get through")
}

// In rounds, each in a place of its own: Azurite searches through all that there is for each listing.
func TestLostRepliesLoseDoubleAndRefuseNoDeposit(t *testing.T) {
	const messages, rounds = 2000, 5
	for _, cloud := range clouds {
		t.Run(cloud.name, func(t *testing.T) {
			t.Parallel()
			for range rounds {
				t.Run("round", func(t *testing.T) { loseReplies(t, cloud.open, messages/rounds) })
			}
		})
	}
}

func loseReplies(t *testing.T, open func(testing.TB, wrapper) storage.Store, messages int) {
	const workers, boxes = 8, 5 // boxes for each worker
	var l lossy
	var losing atomic.Bool
	store := open(t, func(next http.RoundTripper) http.RoundTripper {
		bad := l.wrap(next)
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if losing.Load() {
				return bad.RoundTrip(r)
			}
			return next.RoundTrip(r)
		})
	})
	ctx := t.Context()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), nil)
	require.NoError(t, err)
	deposited := make([]map[voicemail.MessageID]int, workers) // the number of the recording by ID
	all := make([]*depositor, workers)
	errs := make([]error, workers)
	for w := range workers {
		all[w], deposited[w] = &depositor{worker: w}, map[voicemail.MessageID]int{}
		for i := range boxes {
			box, err := svc.CreateMailbox(ctx, voicemail.MailboxID(fmt.Sprintf("%d-%d", w, i)), nil)
			require.NoError(t, err)
			all[w].boxes = append(all[w].boxes, box)
		}
	}

	losing.Store(true)
	start := time.Now()
	var wg sync.WaitGroup
	for w, d := range all {
		wg.Go(func() {
			for i := range messages / workers {
				id, err := d.deposit(ctx, i)
				if err != nil {
					errs[w] = err
					return
				}
				deposited[w][id] = i
			}
		})
	}
	wg.Wait()
	losing.Store(false)
	require.NoError(t, errors.Join(errs...))
	require.Greater(t, l.lost.Load(), int64(messages/10*4))

	again := 0
	for w, d := range all {
		again += d.again
		require.Len(t, deposited[w], messages/workers, "two deposits became one message")
		heard := map[voicemail.MessageID]int{}
		for _, box := range d.boxes {
			for msg, err := range box.Messages(ctx, nil) {
				require.NoError(t, err)
				i, ok := deposited[w][msg.ID()]
				require.True(t, ok, "a message that nobody deposited")
				heard[msg.ID()] = i
				if i%25 > 0 {
					continue
				}
				r, err := msg.Open(ctx)
				require.NoError(t, err)
				got, err := io.ReadAll(r)
				require.NoError(t, err)
				require.Equal(t, string(d.recording(i)), string(got))
			}
		}
		require.Equal(t, deposited[w], heard)
		found := map[voicemail.MessageID]int{}
		for msg, err := range svc.FindByCaller(ctx, d.caller()) {
			require.NoError(t, err)
			found[msg.ID()]++
		}
		require.Len(t, found, messages/workers, "each is found by its caller")
	}
	stored := map[string]int{}
	for info, err := range storage.All(ctx, store, &storage.ListOptions{Prefix: "v1/", KeysOnly: true}) {
		require.NoError(t, err)
		stored[strings.Split(info.Key, "/")[2]]++
	}
	require.Equal(t, messages, stored["media"], "recordings, also those that no message has")
	require.Equal(t, messages, stored["caller"], "index entries, likewise")
	require.Equal(t, messages+workers*boxes, stored["box"], "metadata and settings")
	t.Logf("%d messages in %v; %d of %d replies were lost; %d deposits were repeated", messages, time.Since(start).Round(time.Second), l.lost.Load(), l.replies.Load(), again)
}
