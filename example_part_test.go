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
	"github.com/genesys/voicemail/storage/memstore"
)

// A transcription service adds what was said. Delivered twice, it is there once; delivered better, it is the current one.
func ExampleMessage_parts() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}
	msg, err := box.Deposit(ctx, strings.NewReader("RIFF"), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"hello its me", "hello its me", "Hello, it's me."} {
		if _, err := msg.AddPart(ctx, voicemail.PartTranscript, strings.NewReader(text), nil); err != nil {
			log.Fatal(err)
		}
	}
	parts, err := msg.Parts(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range parts {
		r, err := msg.OpenPart(ctx, p)
		if err != nil {
			log.Fatal(err)
		}
		text, err := io.ReadAll(r)
		_ = r.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %d, %s: %s\n", p.Kind, p.Revision, p.ContentType, text)
	}
	// Output:
	// transcript 1, text/plain; charset=utf-8: hello its me
	// transcript 2, text/plain; charset=utf-8: Hello, it's me.
}

// Somebody passes two messages on to a group and to a colleague, with a word, and is told of each what became of it.
func ExampleService_CopyAll() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range []voicemail.MailboxID{"5001", "support"} {
		if _, err := svc.CreateMailbox(ctx, id, nil); err != nil {
			log.Fatal(err)
		}
	}
	var messages []voicemail.Message
	for _, private := range []bool{false, true} {
		msg, err := svc.Mailbox("5001").Deposit(ctx, strings.NewReader("RIFF"), &voicemail.DepositOptions{Private: private})
		if err != nil {
			log.Fatal(err)
		}
		messages = append(messages, msg)
	}
	list, err := svc.CopyAll(ctx, messages, []voicemail.MailboxID{"support", "5009"}, &voicemail.CopyOptions{
		ID: voicemail.NewMessageID(time.Now()), Note: "Please call back.",
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range list {
		switch {
		case errors.Is(t.Err, voicemail.ErrPrivate):
			fmt.Println(t.To, "must not have it")
		case errors.Is(t.Err, voicemail.ErrNoMailbox):
			fmt.Println(t.To, "is no mailbox")
		case t.Err == nil:
			fmt.Println(t.To, "has it")
		}
	}
	// Output:
	// support has it
	// 5009 is no mailbox
	// support must not have it
	// 5009 must not have it
}

// In a group mailbox everybody sees who took care of a message.
func ExampleMessage_firstReader() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "support", nil)
	if err != nil {
		log.Fatal(err)
	}
	msg, err := box.Deposit(ctx, strings.NewReader("RIFF"), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, agent := range []string{"agent7", "agent9"} {
		if err := msg.MarkReadBy(ctx, agent); err != nil {
			log.Fatal(err)
		}
	}
	first, err := msg.FirstReader(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first.ID)
	// Output: agent7
}
