package voicemail_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// A recording that a disk has lost: Check finds it, Repair hides the message, and whoever has a backup brings it back.
func ExampleService_Repair() {
	ctx := context.Background()
	store := memstore.New(nil)
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), nil)
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
	lost := lose(ctx, store, "v1/default/media/5001/")

	for f, err := range svc.Check(ctx, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("found:", f.Kind, "in", f.Mailbox)
	}
	for f, err := range svc.Repair(ctx, &voicemail.CheckOptions{Audio: voicemail.AudioDigest}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("repair:", f.Kind, f.Action)
	}
	n, err := box.Counts(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the lamp is on:", n.Waiting())

	if _, err := store.Create(ctx, lost, strings.NewReader("please call back"), nil); err != nil {
		log.Fatal(err)
	}
	if err := svc.ReleaseFromQuarantine(ctx, "5001", msg.ID()); err != nil {
		log.Fatal(err)
	}
	if n, err = box.Counts(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("the lamp is on:", n.Waiting())
	// Output:
	// found: audio-missing in 5001
	// repair: audio-missing quarantined
	// the lamp is on: false
	// the lamp is on: true
}

// A recording that no backup has: what is left of the message is deleted.
func ExampleService_DeleteFromQuarantine() {
	ctx := context.Background()
	store := memstore.New(nil)
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), nil)
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := box.Deposit(ctx, strings.NewReader("please call back"), nil); err != nil {
		log.Fatal(err)
	}
	lose(ctx, store, "v1/default/media/5001/")
	for f, err := range svc.Repair(ctx, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(f.Kind, svc.DeleteFromQuarantine(ctx, f.Mailbox, f.Message))
	}
	// Output: audio-missing <nil>
}

// lose deletes the first object below a prefix, as a disk would, and returns its name.
func lose(ctx context.Context, store storage.Store, prefix string) string {
	page, err := store.List(ctx, &storage.ListOptions{Prefix: prefix})
	if err == nil {
		err = store.Delete(ctx, page.Objects[0].Key)
	}
	if err != nil {
		log.Fatal(err)
	}
	return page.Objects[0].Key
}
