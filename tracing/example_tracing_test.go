package tracing_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/tracing"
)

// One wrapper at a time: a store, a message, and what has no wrapper of its own.
func ExampleTracing() {
	ctx := context.Background()
	exporter := tracetest.NewInMemoryExporter()
	t, err := tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)), nil, &tracing.Options{Tenant: "t100"})
	if err != nil {
		log.Fatal(err)
	}
	store := t.Store("main", memstore.New(nil))
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), &voicemail.Options{Tenant: "t100"})
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}
	msg, err := box.Deposit(ctx, strings.NewReader("please call back"), nil)
	if err != nil {
		log.Fatal(err)
	}
	exporter.Reset()
	if err := t.Message(msg).MarkUnread(ctx); err != nil {
		log.Fatal(err)
	}
	err = t.Operation(ctx, "look", func(ctx context.Context) error {
		_, err := store.List(ctx, &storage.ListOptions{MaxKeys: 1})
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, span := range exporter.GetSpans() {
		fmt.Println(span.SpanKind, span.Name)
	}
	// Output:
	// client storage list
	// internal Message.MarkUnread
	// client storage list
	// internal look
}
