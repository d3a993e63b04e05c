package voicemail_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"

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
