package voicemail_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage/memstore"
)

func ExampleGreetings() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := svc.CreateMailbox(ctx, "5001", nil); err != nil {
		fmt.Println(err)
		return
	}
	greetings := svc.Greetings("5001")
	_, err = greetings.For(ctx, voicemail.GreetingBusy)
	fmt.Println(err)
	for kind, opts := range map[voicemail.GreetingKind]*voicemail.GreetingOptions{
		voicemail.GreetingUnavailable: nil,
		voicemail.GreetingTemporary:   {Expires: time.Now().Add(14 * 24 * time.Hour)}, // on holiday
	} {
		if _, err := greetings.Set(ctx, kind, strings.NewReader("what was spoken"), opts); err != nil {
			fmt.Println(err)
			return
		}
	}
	play := func() {
		greeting, err := greetings.For(ctx, voicemail.GreetingBusy)
		if err != nil {
			fmt.Println(err)
			return
		}
		audio, err := greetings.Open(ctx, greeting)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer audio.Close() // copy it to the caller
		fmt.Println("play", greeting.Kind)
	}
	play()
	fmt.Println(greetings.Delete(ctx, voicemail.GreetingTemporary)) // back early
	play()
	set, err := greetings.Current(ctx)
	fmt.Println("set:", len(set), err)
	// Output:
	// choose greeting in mailbox "5001": greeting is not set
	// play temporary
	// <nil>
	// play unavailable
	// set: 1 <nil>
}

func ExampleGreetings_Restore() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := svc.CreateMailbox(ctx, "5001", nil); err != nil {
		fmt.Println(err)
		return
	}
	greetings := svc.Greetings("5001")
	for _, spoken := range []string{"as it was", "with a slip of the tongue"} {
		if _, err := greetings.Set(ctx, voicemail.GreetingName, strings.NewReader(spoken), nil); err != nil {
			fmt.Println(err)
			return
		}
	}
	history, err := greetings.History(ctx, voicemail.GreetingName) // the latest first
	if err != nil {
		fmt.Println(err)
		return
	}
	restored, err := greetings.Restore(ctx, history[1], nil)
	fmt.Println(restored.Revision, restored.SHA256 == history[1].SHA256, err)
	// Output: 3 true <nil>
}
