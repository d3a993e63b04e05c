package metrics_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/metrics"
	"github.com/genesys/voicemail/storage/memstore"
)

// The storage and the observer of a tenant are wrapped, and Prometheus asks at /metrics.
func Example() {
	ctx := context.Background()
	registry := prometheus.NewRegistry()
	m, err := metrics.New(registry, nil)
	if err != nil {
		log.Fatal(err)
	}
	t := m.Tenant("t100")
	regions := t.Regions(voicemail.OneRegion(memstore.New(nil)))
	svc, err := voicemail.Open(ctx, regions, &voicemail.Options{Tenant: "t100", Observer: t.Observer(nil)})
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := t.Mailbox(box).Deposit(ctx, strings.NewReader("RIFF"), nil); err != nil {
		log.Fatal(err)
	}

	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(page.Body.String()) {
		if strings.HasPrefix(line, "voicemail_storage_alive") || strings.HasPrefix(line, "voicemail_operation_total") || strings.HasPrefix(line, "voicemail_event_total") {
			fmt.Print(line)
		}
	}
	// Output:
	// voicemail_event_total{kind="deposited",tenant="t100"} 1
	// voicemail_event_total{kind="mailbox-created",tenant="t100"} 1
	// voicemail_operation_total{operation="Mailbox.Deposit",outcome="ok"} 1
	// voicemail_storage_alive 1
}
