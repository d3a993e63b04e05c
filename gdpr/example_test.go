package gdpr_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage/memstore"
)

// From the request to the receipt. The example moves the library's clock; a service calls Run, or Sweep every hour.
func ExampleController() {
	ctx := context.Background()
	moved := time.Duration(0)
	now := func() time.Time { return time.Now().Add(moved) }
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(&memstore.Options{Now: now})), &voicemail.Options{Now: now})
	if err != nil {
		log.Fatal(err)
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := box.Deposit(ctx, strings.NewReader("please call back"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+15550100001")}); err != nil {
		log.Fatal(err)
	}
	office, err := gdpr.New(svc, &gdpr.Options{MaxSkew: 48 * time.Hour}) // as the clock is moved; a service leaves it alone
	if err != nil {
		log.Fatal(err)
	}
	req, err := gdpr.ParseRequest(strings.NewReader(`{"caseid": "DSR-2026-17", "consumers": [{"consumer": [{"name": "Ada"}, {"phone": "+15550100001"}]}]}`))
	if err != nil {
		log.Fatal(err)
	}
	req.Actor = "privacy officer" // from the login
	lamp := func() bool {
		counts, err := box.Counts(ctx)
		if err != nil {
			log.Fatal(err)
		}
		return counts.Waiting()
	}

	preview, err := office.Preview(ctx, req)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("would cover", len(preview.Phones[0].Messages), "- lamp:", lamp())
	if _, err := office.ForgetMe(ctx, req); err != nil {
		log.Fatal(err)
	}
	fmt.Println("forgotten - lamp:", lamp())
	if _, err := office.UndoForgetMe(ctx, req); err != nil {
		log.Fatal(err)
	}
	fmt.Println("undone - lamp:", lamp())
	if _, err := office.ForgetMe(ctx, req); err != nil {
		log.Fatal(err)
	}

	moved += gdpr.DefaultWindow // the time to undo is over
	for range 2 {
		report, err := office.Sweep(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("sweep: erased", len(report.Erased), "closed", len(report.Closed))
		moved += gdpr.Settle
	}
	_, err = office.UndoForgetMe(ctx, req)
	fmt.Println("too late:", errors.Is(err, gdpr.ErrDecided))
	c, err := office.Status(ctx, "DSR-2026-17")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.State, "- within the promise:", c.VerifiedAt.Before(c.EraseBy))
	for receipt, err := range office.Receipts(ctx) { // also checks the chain
		fmt.Println("receipt", receipt.Number, "of", len(receipt.Messages), "message", err)
	}
	all, err := office.Cases(ctx)
	fmt.Println("cases:", len(all), err)
	// Output:
	// would cover 1 - lamp: true
	// forgotten - lamp: false
	// undone - lamp: true
	// sweep: erased 1 closed 0
	// sweep: erased 0 closed 1
	// too late: true
	// closed - within the promise: true
	// receipt 1 of 1 message <nil>
	// cases: 1 <nil>
}

// A message that a court wants is kept: a forget restricts it, and it is erased when the hold is released.
func ExampleController_Hold() {
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
	office, err := gdpr.New(svc, nil)
	if err != nil {
		log.Fatal(err)
	}
	id, err := office.Hold(ctx, gdpr.Hold{Mailbox: "5001", Message: msg.ID(), Reason: "case 4 of 2026", Actor: "counsel"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("cannot be deleted:", errors.Is(msg.Delete(ctx), voicemail.ErrHeld))
	holds, err := office.Holds(ctx)
	fmt.Println(len(holds), "held by", holds[0].Actor, err)
	fmt.Println(office.Release(ctx, id), msg.Delete(ctx))
	// Output:
	// cannot be deleted: true
	// 1 held by counsel <nil>
	// <nil> <nil>
}

// Everything that is stored of a person, as an archive to hand over, or in a directory.
func ExampleController_ExportMe() {
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	id := voicemail.MessageID("01a2046a-b078-7604-8325-db97842ede38")
	if _, err := box.Deposit(ctx, strings.NewReader("please call back"), &voicemail.DepositOptions{ID: id, Caller: voicemail.ParseCallerID("+15550100001")}); err != nil {
		fmt.Println(err)
		return
	}
	office, err := gdpr.New(svc, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	req := &gdpr.Request{
		CaseID: "DSR-2026-18", Actor: "privacy officer",
		Consumers: []gdpr.Consumer{{Phones: []gdpr.Phone{gdpr.NewPhone("+15550100001"), gdpr.NewPhone("+15550100002")}}},
	}
	var archive bytes.Buffer
	dir, err := os.MkdirTemp("", "export")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	folder, err := gdpr.DirSink(filepath.Join(dir, "DSR-2026-18"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, sink := range []gdpr.Sink{folder, gdpr.ZipSink(&archive)} {
		report, err := office.ExportMe(ctx, req, sink)
		if err = errors.Join(err, sink.Close()); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(report.Messages, "message,", len(report.Problems), "problems")
	}
	files, err := zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range files.File {
		fmt.Println(f.Name)
	}
	// Unordered output:
	// 1 message, 0 problems
	// 1 message, 0 problems
	// 01a2046a-b078-7604-8325-db97842ede38
	// index.html
	// messages.csv
	// output.json
}

// Run sweeps when a case is due and as often as Options.Interval says, until its context is done.
func ExampleController_Run() {
	ctx, stop := context.WithCancel(context.Background())
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		log.Fatal(err)
	}
	office, err := gdpr.New(svc, &gdpr.Options{OnSweep: func(report *gdpr.SweepReport, err error) {
		fmt.Println("open cases:", report.Open, err) // alert on err, and on report.Late
		stop()
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(office.Run(ctx))
	// Output:
	// open cases: 0 <nil>
	// context canceled
}
