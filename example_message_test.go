package voicemail_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage/memstore"
)

// What an agent does with a message. Each call is one name created or deleted; a handle knows what it knew when it was read.
func ExampleMessage() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}
	msg, err := box.Deposit(ctx, strings.NewReader("please call back"), &voicemail.DepositOptions{
		Called: voicemail.ParseCallerID("+15550109999"), Attributes: map[string]string{"queue": "billing"},
	})
	if err != nil {
		log.Fatal(err)
	}
	e := msg.Envelope()
	fmt.Println("mailbox", msg.Mailbox(), "-", e.Size, "bytes -", e.Attributes["queue"], "- caller withheld:", e.Caller.Withheld())

	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"read", func() error { return msg.MarkRead(ctx) }},
		{"unread", func() error { return msg.MarkUnread(ctx) }},
		{"urgent", func() error { return msg.SetUrgent(ctx, true) }},
		{"expires", func() error { return msg.SetExpiry(ctx, time.Now().AddDate(0, 0, 30)) }},
		{"in the trash", func() error { return msg.Trash(ctx) }},
		{"restored", func() error { return msg.Restore(ctx) }},
		{"deleted", func() error { return msg.Delete(ctx) }},
	} {
		if err := step.do(); err != nil {
			log.Fatal(err)
		}
		counts, err := box.Counts(ctx)
		fmt.Println(step.name, counts, err)
	}
	fmt.Println("the handle still knows it as new:", !msg.State().Read)
	_, err = box.Message(ctx, msg.ID())
	fmt.Println("gone:", errors.Is(err, voicemail.ErrNotFound))
	// Output:
	// mailbox 5001 - 16 bytes - billing - caller withheld: true
	// read {0 1 0 0} <nil>
	// unread {1 0 0 0} <nil>
	// urgent {1 0 1 0} <nil>
	// expires {1 0 1 0} <nil>
	// in the trash {0 0 0 0} <nil>
	// restored {1 0 1 0} <nil>
	// deleted {0 0 0 0} <nil>
	// the handle still knows it as new: true
	// gone: true
}

// Playback over HTTP: http.ServeContent asks for the ranges that a player wants.
func ExampleMessage_Open() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}
	msg, err := box.Deposit(ctx, strings.NewReader("please call back"), &voicemail.DepositOptions{ContentType: "audio/x-example"})
	if err != nil {
		log.Fatal(err)
	}
	play := func(w http.ResponseWriter, r *http.Request) {
		audio, err := msg.Open(r.Context())
		if err != nil {
			http.Error(w, "no such message", http.StatusNotFound)
			return
		}
		defer audio.Close()
		w.Header().Set("Content-Type", msg.Envelope().ContentType)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", msg.Envelope().ReceivedAt, audio)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Range", "bytes=7-10")
	w := httptest.NewRecorder()
	play(w, r)
	fmt.Println(w.Code, w.Header().Get("Content-Range"), w.Body)
	// Output: 206 bytes 7-10/16 call
}

// A link plays the recording from the storage, without the service. Not every storage has links: then serve Open.
func ExampleMessage_URL() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
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
	link, err := msg.URL(ctx, 5*time.Minute)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		fmt.Println("a volume or memory: serve Message.Open")
	case err == nil:
		fmt.Println("redirect to", link.Reveal(), "until", link.Expires)
	}
	// Output: a volume or memory: serve Message.Open
}

// A copy is a new message, which is found and forgotten with the caller as well. A move keeps the ID.
func ExampleMessage_MoveTo() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range []voicemail.MailboxID{"5001", "5002", "support"} {
		if _, err := svc.CreateMailbox(ctx, id, nil); err != nil {
			log.Fatal(err)
		}
	}
	msg, err := svc.Mailbox("5001").Deposit(ctx, strings.NewReader("please call back"), nil)
	if err != nil {
		log.Fatal(err)
	}
	forwarded, err := msg.CopyTo(ctx, "support", &voicemail.CopyOptions{Note: "Who takes this?"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("a copy of", forwarded.Envelope().CopiedFrom.Mailbox, "- same ID:", forwarded.ID() == msg.ID())
	moved, err := msg.MoveTo(ctx, "5002")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("in", moved.Mailbox(), "- same ID:", moved.ID() == msg.ID())
	_, err = msg.Open(ctx)
	fmt.Println("left 5001:", errors.Is(err, voicemail.ErrNotFound))
	// Output:
	// a copy of 5001 - same ID: false
	// in 5002 - same ID: true
	// left 5001: true
}

// All messages of a caller, in all mailboxes, however many messages there are of others.
func ExampleService_FindByCaller() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), &voicemail.Options{
		Normalize: func(national string) string { return "+1" + national }, // a real one knows the country's numbering plan
	})
	if err != nil {
		log.Fatal(err)
	}
	for id, caller := range map[voicemail.MailboxID]string{"5001": "+15550100001", "5002": "555 010 0001", "5003": "+15550100002"} {
		box, err := svc.CreateMailbox(ctx, id, nil)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := box.Deposit(ctx, strings.NewReader("please call back"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(caller)}); err != nil {
			log.Fatal(err)
		}
	}
	for msg, err := range svc.FindByCaller(ctx, voicemail.ParseCallerID("tel:+1-555-010-0001")) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("in", msg.Mailbox())
	}
	// Unordered output:
	// in 5001
	// in 5002
}

// An agent leaves, and a colleague takes over what waits.
func ExampleService_MoveAll() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range []voicemail.MailboxID{"5001", "5002"} {
		if _, err := svc.CreateMailbox(ctx, id, nil); err != nil {
			log.Fatal(err)
		}
	}
	var messages []voicemail.Message
	for _, spoken := range []string{"one", "two"} {
		msg, err := svc.Mailbox("5001").Deposit(ctx, strings.NewReader(spoken), nil)
		if err != nil {
			log.Fatal(err)
		}
		messages = append(messages, msg)
	}
	if err := messages[0].Delete(ctx); err != nil {
		log.Fatal(err)
	}
	list, err := svc.MoveAll(ctx, messages, "5002")
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range list {
		fmt.Println("to", t.To, "- gone meanwhile:", errors.Is(t.Err, voicemail.ErrNotFound), "- moved:", t.Err == nil)
	}
	// Output:
	// to 5002 - gone meanwhile: true - moved: false
	// to 5002 - gone meanwhile: false - moved: true
}
