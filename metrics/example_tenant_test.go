package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/metrics"
	"github.com/genesys/voicemail/storage/memstore"
)

// What only the application knows, it tells: who calls, and how what it asks besides has answered. A panel of the product is fed by these.
func ExampleTenant() {
	ctx := context.Background()
	registry := prometheus.NewRegistry()
	m, err := metrics.New(registry, nil)
	if err != nil {
		log.Fatal(err)
	}
	t := m.Tenant("t100")
	t.AccessCall() // somebody dialled in
	t.TUIRequest() // and pressed a key
	t.GWSRequest(nil)
	t.GWSRequest(errors.New("no answer"))
	t.ConfigRequest(nil)
	t.ConsulRequest(nil)
	m.RedisConnectionFailure() // of the application's bus

	store := t.Store("vmeu", memstore.New(nil)) // a storage that is no region's, under the name of its account
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
	err = t.Message(msg).MarkRead(ctx) // a message that came from no wrapped mailbox
	if err != nil {
		log.Fatal(err)
	}
	err = t.Operation(ctx, "Service.Maintain", func(ctx context.Context) error {
		_, err := svc.Maintain(ctx)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}

	families, err := registry.Gather()
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			if metric.GetCounter() != nil && strings.Contains(f.GetName(), "_gws_") {
				fmt.Println(f.GetName(), metric.GetCounter().GetValue())
			}
			for _, label := range metric.GetLabel() {
				if f.GetName() == "voicemail_operation_total" && label.GetName() == "operation" {
					fmt.Println(f.GetName(), label.GetValue())
				}
			}
		}
	}
	// Output:
	// voicemail_gws_request_failed_total 1
	// voicemail_gws_request_total 2
	// voicemail_operation_total Message.MarkRead
	// voicemail_operation_total Service.Maintain
}
