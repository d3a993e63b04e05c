package menu_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/access"
	"github.com/genesys/voicemail/examples/dialin/menu"
	"github.com/genesys/voicemail/storage/memstore"
)

// A call is a loop of what the menu wants and what the caller does.
func Example() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		log.Fatal(err)
	}
	door, err := access.New(svc, &access.Options{Default: access.MailboxNumber})
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}
	recording, err := os.ReadFile("../audio/keys.wav")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := box.Deposit(ctx, bytes.NewReader(recording), nil); err != nil {
		log.Fatal(err)
	}

	call := menu.New(svc, door, nil)
	reply := call.Start()
	for _, key := range "5001#5001#1h" {
		if reply, err = call.Step(ctx, menu.Input{Event: menu.Event(key)}); err != nil {
			log.Print(err) // for the operator; the call goes on
		}
		if reply.Play != nil {
			fmt.Println(reply.Say[0].Text(), "Playing", reply.Play.Length, "of", reply.Play.ContentType)
			if err := reply.Play.Audio.Close(); err != nil {
				log.Fatal(err)
			}
		}
	}
	fmt.Println("ended:", reply.End)
	// Output:
	// Message 1. Playing 2.924s of audio/wav
	// ended: true
}
