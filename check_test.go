package voicemail_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// tally counts the calls and remembers nothing of them, and looks now and then how much memory is in use.
type tally struct {
	storage.Store
	open, stat, list, changes atomic.Int64

	mu   sync.Mutex
	peak int64
}

const sampleEvery = 2000

func (s *tally) sample() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peak = max(s.peak, heap())
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func (s *tally) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	s.changes.Add(1)
	return s.Store.Create(ctx, key, body, opts)
}

func (s *tally) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	if s.open.Add(1)%sampleEvery == 0 {
		s.sample()
	}
	return s.Store.Open(ctx, key, opts)
}

func (s *tally) Stat(ctx context.Context, key string) (storage.Info, error) {
	s.stat.Add(1)
	return s.Store.Stat(ctx, key)
}

func (s *tally) Delete(ctx context.Context, keys ...string) error {
	s.changes.Add(1)
	return s.Store.Delete(ctx, keys...)
}

func (s *tally) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	s.list.Add(1)
	return s.Store.List(ctx, opts)
}

// calls returns how often the store was opened, asked and listed since the last time, and how often changed.
func (s *tally) calls() [4]int64 {
	return [4]int64{s.open.Swap(0), s.stat.Swap(0), s.list.Swap(0), s.changes.Swap(0)}
}

// A pass over a healthy tenant changes nothing, asks for each thing once, and holds little of it.
func TestAPassOverTenThousandMessagesChangesNothingAndHoldsLittle(t *testing.T) {
	const boxes, each = 100, 100
	ctx := t.Context()
	counted := &tally{Store: memstore.New(&memstore.Options{PageSize: 1000})}
	later := time.Duration(0)
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(counted), &voicemail.Options{
		Limits: voicemail.Limits{Cache: 1}, Now: func() time.Time { return time.Now().Add(later) },
	})
	require.NoError(t, err)
	for i := range boxes {
		id := voicemail.MailboxID(fmt.Sprintf("box-%03d", i))
		box, err := svc.CreateMailbox(ctx, id, &voicemail.Settings{Owner: voicemail.Group("support")})
		require.NoError(t, err)
		for n := range each {
			caller := voicemail.ParseCallerID(fmt.Sprintf("+1555%06d", i*each+n))
			_, err := box.Deposit(ctx, bytes.NewReader([]byte("please call back")), &voicemail.DepositOptions{Caller: caller})
			require.NoError(t, err)
		}
	}
	names := func() (all []string) {
		for info, err := range storage.All(ctx, counted.Store, nil) {
			require.NoError(t, err)
			all = append(all, info.Key+info.Modified.String())
		}
		return all
	}
	before := names()
	const messages = boxes * each
	for _, pass := range []struct {
		audio voicemail.AudioCheck
		// what each message costs, beside listings: its metadata is read for itself and for its index entry, with digests for its recording, too
		open, stat int64
	}{
		{voicemail.AudioNone, 2, 1},
		{voicemail.AudioSize, 2, 2},
		{voicemail.AudioDigest, 4, 1},
	} {
		later += 48 * time.Hour
		counted.calls()
		counted.peak = 0
		start := heap()
		var last voicemail.CheckProgress
		opts := &voicemail.CheckOptions{Audio: pass.audio, Progress: func(p voicemail.CheckProgress) { last = p }}
		for f, err := range svc.Repair(ctx, opts) {
			t.Fatal(f, err)
		}
		want := voicemail.CheckProgress{Done: true, Mailboxes: boxes, Messages: messages}
		if pass.audio == voicemail.AudioDigest {
			want.Bytes = messages * 16
		}
		assert.Equal(t, want, last)
		got := counted.calls()
		assert.Equal(t, []int64{pass.open*messages + 2*boxes, pass.stat * messages, 0}, []int64{got[0], got[1], got[3]}, "settings are read for the mailbox and for its owner's entry")
		assert.Less(t, got[2], int64(1000), "listings")
		assert.Positive(t, counted.peak)
		assert.Less(t, counted.peak-start, int64(3<<20), "bytes that the pass holds, of which the names of the longest listing are most")
		t.Log(got, counted.peak-start)
	}
	assert.Equal(t, before, names())
}
