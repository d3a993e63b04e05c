package watch_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/metrics"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/pvstore"
	"github.com/genesys/voicemail/tracing"
)

// BenchmarkOverhead counts the ten messages of a mailbox and marks one of them, bare and watched in turn, and reports how many times as long it takes: on a volume, which is
// the fastest storage that there is, and in memory, where there is nothing but the overhead.
func BenchmarkOverhead(b *testing.B) {
	m, err := metrics.New(prometheus.NewRegistry(), nil)
	require.NoError(b, err)
	counted := m.Tenant("t100")
	discarded := sdktrace.NewTracerProvider(sdktrace.WithSyncer(tracetest.NewNoopExporter()))
	traced, err := tracing.New(discarded, nil, nil)
	require.NoError(b, err)

	for _, place := range []struct {
		name string
		open func(b *testing.B) storage.Store
	}{
		{"volume", volume},
		{"memory", func(*testing.B) storage.Store { return memstore.New(nil) }},
	} {
		for _, by := range []struct {
			name    string
			regions func(voicemail.Regions) voicemail.Regions
			mailbox func(voicemail.Mailbox) voicemail.Mailbox
		}{
			{"metrics", counted.Regions, counted.Mailbox},
			{"traces", traced.Regions, traced.Mailbox},
		} {
			b.Run(place.name+"/"+by.name, func(b *testing.B) {
				bare := mailboxOf(b, voicemail.OneRegion(place.open(b)))
				watched := by.mailbox(mailboxOf(b, by.regions(voicemail.OneRegion(place.open(b)))))
				var counting, marking [2][]time.Duration
				boxes := [2]voicemail.Mailbox{bare, watched}
				msgs := [2]voicemail.Message{first(b, bare), first(b, watched)}
				turn := 0
				for b.Loop() {
					for i := range 2 {
						i ^= turn & 1 // who is first finds colder caches
						counting[i] = append(counting[i], took(func() { count(b, boxes[i]) }))
						marking[i] = append(marking[i], took(func() { mark(b, msgs[i]) }))
					}
					turn++
				}
				b.ReportMetric(median(counting[1])/median(counting[0]), "x-count")
				b.ReportMetric(median(marking[1])/median(marking[0]), "x-mark")
			})
		}
	}
}

func volume(b *testing.B) storage.Store {
	dir := b.TempDir()
	require.NoError(b, pvstore.Init(b.Context(), dir))
	s, err := pvstore.Open(b.Context(), dir, nil)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	return s
}

func mailboxOf(b *testing.B, regions voicemail.Regions) voicemail.Mailbox {
	svc, err := voicemail.Open(b.Context(), regions, nil)
	require.NoError(b, err)
	box, err := svc.CreateMailbox(b.Context(), "5001", nil)
	require.NoError(b, err)
	for range 10 {
		_, err := box.Deposit(b.Context(), strings.NewReader("RIFF"), nil)
		require.NoError(b, err)
	}
	return box
}

func first(b *testing.B, box voicemail.Mailbox) voicemail.Message {
	for m, err := range box.Messages(b.Context(), nil) {
		require.NoError(b, err)
		return m
	}
	return nil
}

func took(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

func median(list []time.Duration) float64 {
	slices.Sort(list)
	return float64(list[len(list)/2])
}

func count(b *testing.B, box voicemail.Mailbox) {
	_, err := box.Counts(b.Context())
	require.NoError(b, err)
}

func mark(b *testing.B, m voicemail.Message) {
	require.NoError(b, m.MarkRead(b.Context()))
	require.NoError(b, m.MarkUnread(b.Context()))
}
