package tracing_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/tracing"
)

// The application brings the provider, with an exporter of its choice; here one that keeps the spans in memory.
func Example() {
	ctx := context.Background()
	exporter := tracetest.NewInMemoryExporter()
	t, err := tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)), nil, &tracing.Options{Tenant: "t100"})
	if err != nil {
		log.Fatal(err)
	}
	regions := t.Regions(voicemail.OneRegion(memstore.New(nil)))
	svc, err := voicemail.Open(ctx, regions, &voicemail.Options{Tenant: "t100", Observer: t.Observer(nil)})
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}
	box = t.Mailbox(box)
	if _, err := box.Deposit(ctx, strings.NewReader("RIFF"), nil); err != nil {
		log.Fatal(err)
	}
	exporter.Reset()
	if _, err := box.Counts(ctx); err != nil {
		log.Fatal(err)
	}
	for _, span := range exporter.GetSpans() {
		fmt.Println(span.SpanKind, span.Name)
	}
	// Output:
	// client storage list
	// internal Mailbox.Counts
}
