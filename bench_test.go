package voicemail_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/pvstore"
)

// volume is a tenant on a directory.
type volume struct {
	dir   string
	store storage.Store
	svc   *voicemail.Service
}

func openVolume(tb testing.TB, opts *voicemail.Options) *volume {
	tb.Helper()
	v := &volume{dir: tb.TempDir()}
	require.NoError(tb, pvstore.Init(tb.Context(), v.dir))
	var err error
	v.store, err = pvstore.Open(tb.Context(), v.dir, nil)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, v.store.Close()) })
	v.svc, err = voicemail.Open(tb.Context(), voicemail.OneRegion(v.store), opts)
	require.NoError(tb, err)
	return v
}

// calls returns how many storage calls f makes after warm.
func (v *volume) calls(tb testing.TB, warm, f func(*voicemail.Service)) float64 {
	tb.Helper()
	counting := faultstore.New(v.store)
	svc, err := voicemail.Open(tb.Context(), voicemail.OneRegion(counting), nil)
	require.NoError(tb, err)
	warm(svc)
	counting.Reset()
	f(svc)
	n := 0
	for op, k := range counting.Counts() {
		if op != faultstore.Read {
			n += k
		}
	}
	return float64(n)
}

// writeDurably is the least that keeps bytes through a power cut: the yardstick of a deposit.
func writeDurably(dir, name string, body []byte) error {
	temp := filepath.Join(dir, ".tmp")
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(body); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// BenchmarkDeposit reports how many times as long as one durable write of the same bytes a deposit of ten seconds of G.711 takes, in mailboxes
// of up to a hundred messages. A withheld caller has no index entry, so that deposit does what a live recording has to do after its last byte.
func BenchmarkDeposit(b *testing.B) {
	b.Run("complete", func(b *testing.B) {
		benchmarkDeposit(b, &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+15551234567")})
	})
	b.Run("live", func(b *testing.B) { benchmarkDeposit(b, nil) })
}

func benchmarkDeposit(b *testing.B, opts *voicemail.DepositOptions) {
	const perMailbox = 100
	v := openVolume(b, nil)
	body := bytes.Repeat([]byte("voice"), 16<<10)
	plain := b.TempDir()
	var box voicemail.Mailbox
	var ours, theirs time.Duration
	n := 0
	for b.Loop() {
		if n%perMailbox == 0 {
			var err error
			box, err = v.svc.CreateMailbox(b.Context(), voicemail.MailboxID(fmt.Sprintf("box-%d", n)), nil)
			require.NoError(b, err)
		}
		n++
		start := time.Now()
		_, err := box.Deposit(b.Context(), bytes.NewReader(body), opts)
		between := time.Now()
		plainErr := writeDurably(plain, fmt.Sprintf("%d", n), body)
		theirs += time.Since(between)
		ours += between.Sub(start)
		require.NoError(b, err)
		require.NoError(b, plainErr)
	}
	b.ReportMetric(float64(ours)/float64(theirs), "writes/deposit")
	b.ReportMetric(float64(ours.Microseconds())/float64(n), "µs/deposit")
	b.ReportMetric(v.calls(b, func(svc *voicemail.Service) {
		_, err := svc.Mailbox(box.ID()).Settings(b.Context())
		require.NoError(b, err)
	}, func(svc *voicemail.Service) {
		_, err := svc.Mailbox(box.ID()).Deposit(b.Context(), bytes.NewReader(body), opts)
		require.NoError(b, err)
	}), "calls/deposit")
}

// fill puts the names of n messages into a mailbox, half of them read, as deposits would leave them.
func (v *volume) fill(tb testing.TB, mailbox voicemail.MailboxID, n int) (folder string) {
	tb.Helper()
	_, err := v.svc.CreateMailbox(tb.Context(), mailbox, nil)
	require.NoError(tb, err)
	space, err := keys.NewSpace(v.svc.Tenant())
	require.NoError(tb, err)
	box, err := space.Box(string(mailbox))
	require.NoError(tb, err)
	for i := range n {
		ref := keys.Ref{ID: string(voicemail.NewMessageID(time.Now()))}
		require.NoError(tb, os.WriteFile(filepath.Join(v.dir, filepath.FromSlash(box.Meta(ref))), []byte("{}"), 0o600))
		if i%2 == 0 {
			require.NoError(tb, os.WriteFile(filepath.Join(v.dir, filepath.FromSlash(box.Mark(ref, keys.Read))), nil, 0o600))
		}
	}
	return filepath.Join(v.dir, filepath.FromSlash(box.Prefix()))
}

// BenchmarkCounts reports how many times as long as os.ReadDir of the mailbox's folder it takes to count its messages.
func BenchmarkCounts(b *testing.B) {
	for _, messages := range []int{10, 1000} {
		b.Run(fmt.Sprint(messages), func(b *testing.B) {
			v := openVolume(b, nil)
			folder := v.fill(b, "5001", messages)
			box := v.svc.Mailbox("5001")
			var ours, theirs time.Duration
			n := 0
			for b.Loop() {
				n++
				start := time.Now()
				counts, err := box.Counts(b.Context())
				between := time.Now()
				entries, dirErr := os.ReadDir(folder)
				theirs += time.Since(between)
				ours += between.Sub(start)
				if err != nil || dirErr != nil || counts.New+counts.Old != messages || len(entries) != messages*3/2+1 {
					b.Fatal(counts, err, len(entries), dirErr)
				}
			}
			b.ReportMetric(float64(ours)/float64(theirs), "ReadDirs/count")
			b.ReportMetric(float64(ours.Microseconds())/float64(n), "µs/count")
			b.ReportMetric(v.calls(b, func(*voicemail.Service) {}, func(svc *voicemail.Service) {
				_, err := svc.Mailbox("5001").Counts(b.Context())
				require.NoError(b, err)
			}), "calls/count")
		})
	}
}

// tone is an endless recording.
type tone struct{ at byte }

func (r *tone) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.at
		r.at += 7
	}
	return len(p), nil
}

// What is allocated in all bounds what is in use at any time, whatever the collector does.
func TestADepositOf100MiBTakesLessThan8MiBOfMemory(t *testing.T) {
	const size, limit = 100 << 20, 8 << 20
	v := openVolume(t, &voicemail.Options{Limits: voicemail.Limits{SpoolDir: t.TempDir()}})
	box, err := v.svc.CreateMailbox(t.Context(), "5001", nil)
	require.NoError(t, err)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	msg, err := box.Deposit(t.Context(), io.LimitReader(&tone{}, size), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+15551234567")})
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	assert.EqualValues(t, size, msg.Envelope().Size)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(limit))
	t.Logf("%.1f MiB allocated", float64(after.TotalAlloc-before.TotalAlloc)/(1<<20))
}

// Playing it takes no more, however it is read.
func TestPlayingARecordingTakesLittleMemory(t *testing.T) {
	const size, limit = 16 << 20, 8 << 20
	v := openVolume(t, nil)
	box, err := v.svc.CreateMailbox(t.Context(), "5001", nil)
	require.NoError(t, err)
	msg, err := box.Deposit(t.Context(), io.LimitReader(&tone{}, size), nil)
	require.NoError(t, err)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := msg.Open(t.Context())
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, struct{ io.Reader }{r})
	require.NoError(t, err)
	require.NoError(t, r.Close())
	runtime.ReadMemStats(&after)
	assert.EqualValues(t, size, n)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(limit))
	t.Logf("%.1f MiB allocated", float64(after.TotalAlloc-before.TotalAlloc)/(1<<20))
}
