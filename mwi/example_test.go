package mwi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/mwi"
	"github.com/genesys/voicemail/storage/memstore"
)

func ExampleSummary_MarshalText() {
	summary := mwi.Summary{
		Account: "sip:5001@pbx.example",
		Counts:  mwi.Counts{New: 2, Old: 8, OldUrgent: 2},
	}
	body, err := summary.MarshalText()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("Event:", mwi.EventPackage)
	fmt.Println("Content-Type:", mwi.ContentType)
	fmt.Println()
	fmt.Print(strings.ReplaceAll(string(body), "\r\n", "\n"))
	// Output:
	// Event: message-summary
	// Content-Type: application/simple-message-summary
	//
	// Messages-Waiting: yes
	// Message-Account: sip:5001@pbx.example
	// Voice-Message: 2/8 (0/2)
}

func ExampleSummary_UnmarshalText() {
	body := "Messages-Waiting: yes\r\nVoice-Message: 1/3\r\n"
	var summary mwi.Summary
	if err := summary.UnmarshalText([]byte(body)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("lamp:", summary.Waiting())
	fmt.Println("new:", summary.Counts.New, "old:", summary.Counts.Old)
	// Output:
	// lamp: true
	// new: 1 old: 3
}

// Some systems say only whether the lamp is to be lit.
func ExampleSummary_Waiting() {
	var summary mwi.Summary
	if err := summary.UnmarshalText([]byte("Messages-Waiting: yes\r\n")); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("lamp:", summary.Waiting(), "- counted:", !summary.Uncounted)
	// Output:
	// lamp: true - counted: false
}

// A lamp follows a mailbox.
func ExamplePublisher() {
	ctx := context.Background()
	publisher := mwi.NewPublisher(nil)
	defer publisher.Close()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), &voicemail.Options{Observer: publisher.Observe})
	if err != nil {
		fmt.Println(err)
		return
	}
	publisher.Start(svc)
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	told := make(chan bool)
	cancel, err := publisher.Subscribe("5001", mwi.NotifierFunc(func(_ context.Context, n mwi.Notification) error {
		fmt.Println("mailbox", n.Mailbox, "new:", n.Counts.New, "old:", n.Counts.Old)
		told <- true
		return nil
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	<-told // the current state
	defer cancel()

	if _, err := box.Deposit(ctx, strings.NewReader(recording), nil); err != nil {
		fmt.Println(err)
		return
	}
	<-told
	// Output:
	// mailbox 5001 new: 0 old: 0
	// mailbox 5001 new: 1 old: 0
}

// Another process takes the message, and there is no bus that tells of it.
func ExamplePublisher_Watch() {
	ctx := context.Background()
	store := memstore.New(nil)
	here, err := voicemail.Open(ctx, voicemail.OneRegion(store), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	elsewhere, err := voicemail.Open(ctx, voicemail.OneRegion(store), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	box, err := elsewhere.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	publisher := mwi.NewPublisher(nil)
	defer publisher.Close()
	publisher.Start(here)
	go publisher.Watch(ctx, &mwi.WatchOptions{Interval: 100 * time.Millisecond})
	told := make(chan bool)
	if _, err := publisher.Subscribe("5001", mwi.NotifierFunc(func(_ context.Context, n mwi.Notification) error {
		fmt.Println("lamp:", n.Counts.Waiting())
		told <- true
		return nil
	})); err != nil {
		fmt.Println(err)
		return
	}
	<-told
	if _, err := box.Deposit(ctx, strings.NewReader(recording), nil); err != nil {
		fmt.Println(err)
		return
	}
	<-told
	// Output:
	// lamp: false
	// lamp: true
}

func ExampleReadBoard() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for id, owner := range map[voicemail.MailboxID]voicemail.Owner{"5001": voicemail.User("agent7"), "6001": voicemail.Group("sales")} {
		box, err := svc.CreateMailbox(ctx, id, &voicemail.Settings{Owner: owner})
		if err == nil {
			_, err = box.Deposit(ctx, strings.NewReader(recording), nil)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}

	board, err := mwi.ReadBoard(ctx, svc, "agent7", "sales")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range board.Entries {
		fmt.Println(e.Mailbox, "of a group:", e.Group, "new:", e.Counts.New)
	}
	fmt.Println("in all:", board.Total().New)
	// Output:
	// 5001 of a group: false new: 1
	// 6001 of a group: true new: 1
	// in all: 2
}

func ExampleDesktopEvent() {
	event, err := json.Marshal(mwi.DesktopEvent{Mailbox: "agent7", Counts: mwi.Counts{New: 1}})
	fmt.Println(mwi.DesktopChannel)
	fmt.Println(string(event), err)
	// Output:
	// /workspace/v3/voice
	// {"messageType":"EventUserEvent","userData":[{"key":"gsipmwi","type":"kvlist","value":[{"key":"Mailbox","type":"str","value":"agent7"},{"key":"Messages-Waiting","type":"str","value":"True"},{"key":"NewMessages","type":"int","value":1},{"key":"OldMessages","type":"int","value":0},{"key":"Voice-Message","type":"str","value":"1/0 (0/0)"}]}]} <nil>
}

const recording = "RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\x08\x00\x00\x00\x80\x80\x80\x80\x80\x80\x80\x80"
