package voicemail_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

// Two regions. While the master region is away, the other one goes on taking messages.
func ExampleService_Sync() {
	ctx := context.Background()
	eu := faultstore.New(memstore.New(nil)) // so that it can fail below
	stores := map[string]voicemail.Store{"eu": eu, "us": memstore.New(nil)}
	svc, err := voicemail.Open(ctx, voicemail.Regions{Master: "eu", Local: "us", Stores: stores}, nil)
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}

	eu.Set(faultstore.Fault{Times: faultstore.Always, Kind: storage.ErrUnavailable})
	msg, err := box.Deposit(ctx, strings.NewReader("please call back"), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("durable in", msg.Envelope().Region, "- pending:", msg.State().Pending)
	_, err = box.Counts(ctx)
	fmt.Println("counts:", errors.Is(err, storage.ErrUnavailable))

	eu.Set() // it is back
	report, err := svc.Sync(ctx)
	fmt.Println("synced:", report.Synced, err)
	counts, err := box.Counts(ctx)
	fmt.Println("new:", counts.New, err)
	// Output:
	// durable in us - pending: true
	// counts: true
	// synced: 1 <nil>
	// new: 1 <nil>
}

// A region goes when nothing of the tenant is left there. That is proved, not believed.
func ExampleService_RetireRegion() {
	ctx := context.Background()
	stores := map[string]voicemail.Store{"eu": memstore.New(nil), "us": memstore.New(nil)}
	open := func(local string) *voicemail.Service { // as a pod of that region does
		svc, err := voicemail.Open(ctx, voicemail.Regions{Master: "eu", Local: local, Stores: stores}, nil)
		if err != nil {
			log.Fatal(err)
		}
		return svc
	}
	eu, us := open("eu"), open("us")
	box, err := us.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}
	msg, err := box.Deposit(ctx, strings.NewReader("please call back"), nil)
	if err != nil {
		log.Fatal(err)
	}
	list, err := eu.Regions(ctx)
	for _, r := range list {
		fmt.Println(r.Name, "master:", r.Master, "configured:", r.Configured, err)
	}
	fmt.Println(eu.RetireRegion(ctx, "us"))
	if err := msg.Delete(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(eu.RetireRegion(ctx, "us"))
	// Output:
	// eu master: true configured: true <nil>
	// us master: false configured: true <nil>
	// retire region: region is in use: us has 1 recordings, 0 pending deposits and 0 other objects of the tenant
	// <nil>
}
