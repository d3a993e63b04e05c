package voicemail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

// Provisioning: mailboxes of users and groups, whose they are, and what runs beside them.
func ExampleService() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), &voicemail.Options{Tenant: "t100"})
	if err != nil {
		log.Fatal(err)
	}
	for id, owner := range map[voicemail.MailboxID]voicemail.Owner{
		"5001": voicemail.User("agent7"), "5002": voicemail.User("agent9"), "6001": voicemail.Group("sales"),
	} {
		if _, err := svc.CreateMailbox(ctx, id, &voicemail.Settings{Owner: owner}); err != nil {
			log.Fatal(err)
		}
	}
	for box, err := range svc.MailboxesOf(ctx, "agent7", "sales") {
		fmt.Println("agent7 has", box.ID(), err)
	}
	if err := svc.DeleteMailbox(ctx, "5002"); err != nil {
		log.Fatal(err)
	}
	for box, err := range svc.Mailboxes(ctx) {
		fmt.Println(svc.Tenant(), "has", box.ID(), err)
	}
	tenant, err := svc.Settings(ctx)
	fmt.Println("dial", tenant.AccessNumber, "to listen", err)

	fmt.Println("every region can create, read and delete now:", svc.Ping(ctx) == nil)
	_, err = svc.Maintain(ctx) // every hour or so, from anywhere
	fmt.Println(err)
	// Output:
	// agent7 has 5001 <nil>
	// agent7 has 6001 <nil>
	// t100 has 5001 <nil>
	// t100 has 6001 <nil>
	// dial 5555 to listen <nil>
	// every region can create, read and delete now: true
	// <nil>
}

// What an agent's desktop asks of a mailbox: its settings, a page of what is new, one message, what it holds.
func ExampleMailbox() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := svc.CreateMailbox(ctx, "5001", nil); err != nil {
		log.Fatal(err)
	}
	box := svc.Mailbox("5001") // a handle; whether it exists each call sees for itself
	settings, err := box.UpdateSettings(ctx, func(s *voicemail.Settings) error {
		s.Owner, s.MaxMessages = voicemail.User("agent7"), 20
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	again, err := box.Settings(ctx)
	fmt.Println(settings.Owner.ID, again.Revision == settings.Revision, err)

	now := time.Now()
	for i, spoken := range []string{"one", "two", "three"} {
		at := now.Add(time.Duration(i-3) * time.Hour)
		if _, err := box.Deposit(ctx, strings.NewReader(spoken), &voicemail.DepositOptions{ReceivedAt: at, Urgent: i == 0}); err != nil {
			log.Fatal(err)
		}
	}
	var last voicemail.MessageID
	for page := 1; page <= 2; page++ {
		for msg, err := range box.Messages(ctx, &voicemail.ListOptions{Unread: true, Limit: 2, Before: last}) {
			if err != nil {
				log.Fatal(err)
			}
			last = msg.ID()
			fmt.Println("page", page, "received", now.Sub(msg.Envelope().ReceivedAt).Round(time.Hour), "ago")
		}
	}
	oldest, err := box.Message(ctx, last)
	if err != nil {
		log.Fatal(err)
	}
	counts, err := box.Counts(ctx)
	fmt.Println("urgent:", oldest.State().Urgent, counts, err)
	usage, err := box.Usage(ctx)
	fmt.Println(usage.Messages(), "of", usage.Policy.MaxMessages, "messages,", usage.TotalBytes(), "bytes", err)
	// Output:
	// agent7 true <nil>
	// page 1 received 1h0m0s ago
	// page 1 received 2h0m0s ago
	// page 2 received 3h0m0s ago
	// urgent: true {3 0 1 0} <nil>
	// 3 of 20 messages, 11 bytes <nil>
}

// A deposit that fails gives the recording back, which may be the only copy. Repeated under the same ID there is one message, however often.
func ExampleMailbox_Deposit() {
	ctx := context.Background()
	store := faultstore.New(memstore.New(nil))
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), nil)
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}
	store.Set(faultstore.Fault{Op: faultstore.Create, Pattern: "v1/default/media/"}) // the storage fails once
	var audio io.Reader = strings.NewReader("please call back")
	var id voicemail.MessageID
	for try := 1; ; try++ {
		_, err := box.Deposit(ctx, audio, &voicemail.DepositOptions{ID: id})
		var failed *voicemail.DepositError
		if errors.As(err, &failed) {
			defer failed.Audio.Close()
			fmt.Println("try", try, "failed")
			id, audio = failed.ID, failed.Audio
			continue
		}
		fmt.Println("try", try, err)
		break
	}
	counts, err := box.Counts(ctx)
	fmt.Println("messages:", counts.New, err)
	// Output:
	// try 1 failed
	// try 2 <nil>
	// messages: 1 <nil>
}
