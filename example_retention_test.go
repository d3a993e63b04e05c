package voicemail_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage/memstore"
)

func ExampleService_UpdateSettings() {
	ctx := context.Background()
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), &voicemail.Options{Now: func() time.Time { return now }})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = svc.UpdateSettings(ctx, func(t *voicemail.TenantSettings) error {
		t.Retention = voicemail.Retention{Days: 30, KeepUnread: voicemail.On}
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for id, retention := range map[voicemail.MailboxID]voicemail.Retention{"5001": {}, "5002": {Days: voicemail.NoLimit}} {
		box, err := svc.CreateMailbox(ctx, id, &voicemail.Settings{Retention: retention})
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, read := range []bool{true, false} {
			if _, err := box.Deposit(ctx, strings.NewReader("a recording"), &voicemail.DepositOptions{Read: read}); err != nil {
				fmt.Println(err)
				return
			}
		}
	}
	for a, err := range svc.Aging(ctx, now.AddDate(0, 2, 0)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("one message of", a.Mailbox, "goes on", a.At.Format(time.DateOnly), "for its", a.Cause)
	}
	now = now.AddDate(0, 0, 31)
	report, err := svc.Maintain(ctx)
	fmt.Println(report.Aged, "went", err)
	// Output:
	// one message of 5001 goes on 2026-03-31 for its age
	// 1 went <nil>
}

func ExampleService_Usage() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	box, err := svc.CreateMailbox(ctx, "5001", &voicemail.Settings{MaxMessages: 2, WhenFull: voicemail.DropOldestRead, MinDuration: time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	first, err := box.Deposit(ctx, strings.NewReader("the first recording"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := first.MarkRead(ctx); err != nil {
		fmt.Println(err)
		return
	}
	for _, recording := range []string{"the second", "the third"} { // the first has to go for the third
		if _, err := box.Deposit(ctx, strings.NewReader(recording), nil); err != nil {
			fmt.Println(err)
			return
		}
	}
	_, err = box.Deposit(ctx, strings.NewReader("a click"), &voicemail.DepositOptions{Duration: 300 * time.Millisecond})
	fmt.Println("too short:", errors.Is(err, voicemail.ErrTooShort))
	_, err = box.Deposit(ctx, strings.NewReader("the fourth"), nil)
	fmt.Println("full:", errors.Is(err, voicemail.ErrMailboxFull))
	for u, err := range svc.Usage(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %d of %d messages, %d bytes\n", u.Mailbox, u.Messages(), u.Policy.MaxMessages, u.TotalBytes())
	}
	// Output:
	// too short: true
	// full: true
	// 5001: 2 of 2 messages, 19 bytes
}
