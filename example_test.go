package voicemail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/pvstore"
)

// The main job: a message comes in, the lamp is lit, the agent plays it.
func Example() {
	ctx := context.Background()
	store := memstore.New(nil) // in production pvstore, blobstore or s3store
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), nil)
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", &voicemail.Settings{Owner: voicemail.User("agent7")})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := box.Deposit(ctx, strings.NewReader("please call back"), &voicemail.DepositOptions{
		Caller: voicemail.ParseCallerID(`"Ada" <tel:+1-555-010-0001>`),
	}); err != nil {
		log.Fatal(err)
	}
	counts, err := box.Counts(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("new:", counts.New, "lamp:", counts.Waiting())

	for msg, err := range box.Messages(ctx, nil) {
		if err != nil {
			log.Fatal(err)
		}
		audio, err := msg.Open(ctx)
		if err != nil {
			log.Fatal(err)
		}
		spoken, err := io.ReadAll(audio)
		_ = audio.Close()
		if err != nil {
			log.Fatal(err)
		}
		caller := msg.Envelope().Caller
		fmt.Printf("%s (in a log: %v): %s\n", caller.RevealName(), caller, spoken)
		if err := msg.MarkRead(ctx); err != nil {
			log.Fatal(err)
		}
	}
	if counts, err = box.Counts(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("new:", counts.New, "old:", counts.Old, "lamp:", counts.Waiting())
	// Output:
	// new: 1 lamp: true
	// Ada (in a log: REDACTED): please call back
	// new: 0 old: 1 lamp: false
}

// A caller is the same in every form in which telephony delivers the number. Nothing prints it but Reveal.
func ExampleParseCallerID() {
	ada := voicemail.ParseCallerID(`"Ada" <sip:+15550100001@sbc.example;user=phone>`)
	for _, text := range []string{"+1 (555) 010-0001", "tel:+1-555-010-0001", "0015550100001", "15550100001", "Anonymous"} {
		c := voicemail.ParseCallerID(text)
		fmt.Println(text, "| same:", c.Equal(ada), "| number:", c.IsNumber(), "| withheld:", c.Withheld())
	}
	fmt.Println(ada, "-", ada.Reveal(), "-", ada.WithName("Countess Lovelace").RevealName())
	// Output:
	// +1 (555) 010-0001 | same: true | number: true | withheld: false
	// tel:+1-555-010-0001 | same: true | number: true | withheld: false
	// 0015550100001 | same: true | number: true | withheld: false
	// 15550100001 | same: false | number: true | withheld: false
	// Anonymous | same: false | number: false | withheld: true
	// REDACTED - +15550100001 - Countess Lovelace
}

// Who makes the ID before the deposit can repeat the deposit, and there is one message.
func ExampleNewMessageID() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}
	now := time.Now()
	id := voicemail.NewMessageID(now)
	for range 3 {
		if _, err := box.Deposit(ctx, strings.NewReader("please call back"), &voicemail.DepositOptions{ID: id}); err != nil {
			log.Fatal(err)
		}
	}
	counts, err := box.Counts(ctx)
	if err != nil {
		log.Fatal(err)
	}
	made, err := id.Time()
	fmt.Println("messages:", counts.New, "- the ID tells when it was made:", made.Equal(now.Truncate(time.Millisecond)), err)
	// Output: messages: 1 - the ID tells when it was made: true <nil>
}

// A storage holds many tenants. A Service is opened for one of them, and sees nothing of the others.
func ExampleTenants() {
	ctx := context.Background()
	store := memstore.New(nil)
	for _, tenant := range []string{"t100", "t200"} {
		svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), &voicemail.Options{Tenant: tenant})
		if err != nil {
			log.Fatal(err)
		}
		if _, err := svc.CreateMailbox(ctx, "5001", nil); err != nil {
			log.Fatal(err)
		}
	}
	for tenant, err := range voicemail.Tenants(ctx, store) {
		fmt.Println(tenant, err)
	}
	// Output:
	// t100 <nil>
	// t200 <nil>
}

// From one storage to another, with nothing running on either: what counts are names and content, and these are the same everywhere.
func Example_anotherStorage() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "volume")
	if err != nil {
		log.Fatal(err)
	}
	from := memstore.New(nil)
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(from), nil)
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, read := range []bool{true, false} {
		if _, err := box.Deposit(ctx, strings.NewReader("please call back"), &voicemail.DepositOptions{Read: read}); err != nil {
			log.Fatal(err)
		}
	}

	if err := pvstore.Init(ctx, dir); err != nil {
		log.Fatal(err)
	}
	to, err := pvstore.Open(ctx, dir, nil)
	if err != nil {
		log.Fatal(err)
	}
	for info, err := range storage.All(ctx, from, nil) {
		if err != nil {
			log.Fatal(err)
		}
		content, err := storage.ReadFile(ctx, from, info.Key, 1<<30)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := to.Create(ctx, info.Key, bytes.NewReader(content), nil); err != nil && !errors.Is(err, storage.ErrExists) {
			log.Fatal(err)
		}
	}

	svc, err = voicemail.Open(ctx, voicemail.OneRegion(to), nil)
	if err != nil {
		log.Fatal(err)
	}
	for finding, err := range svc.Check(ctx, &voicemail.CheckOptions{Audio: voicemail.AudioDigest}) {
		fmt.Println(finding, err)
	}
	counts, err := svc.Mailbox("5001").Counts(ctx)
	fmt.Println("new:", counts.New, "old:", counts.Old, err, os.RemoveAll(dir))
	// Output: new: 1 old: 1 <nil> <nil>
}
