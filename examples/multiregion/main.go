// Command multiregion shows a data-protection request over three regions of three kinds: a caller leaves messages in each, asks to be forgotten, changes their mind, asks
// again, and is erased everywhere, with a receipt; then every byte of every region is searched for the number and the recordings.
//
//	go run ./examples/multiregion [-dir DIRECTORY] [-dublin URL] [-oregon URL]
//
// The master region, frankfurt, is a volume. Dublin is a container of Azure Blob Storage and oregon an S3 bucket if their URLs are given, in the form that package config
// reads (azblob://container?account=…, s3://bucket/prefix?region=…), and volumes otherwise. Without -dir the volumes are temporary directories that are removed
// at the end. A day passes in no time: the example moves the clock of the library.
package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/config"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/pvstore"
)

//go:embed audio/*.wav
var speech embed.FS

// Who calls in this example. 555 numbers belong to nobody.
const (
	ada   = "+15550100001"
	grace = "+15550100002"
)

// officer is who answers requests here.
const officer = "privacy officer"

var regions = []string{"frankfurt", "dublin", "oregon"}

const master = "frankfurt"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "multiregion:", err)
		os.Exit(1)
	}
}

const usage = "usage: multiregion [-dir DIRECTORY] [-dublin URL] [-oregon URL]"

func run(ctx context.Context, out io.Writer, args []string) (err error) {
	flags := flag.NewFlagSet("multiregion", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	dir := flags.String("dir", "", "directory of the volumes; default a temporary one")
	dublin := flags.String("dublin", "", "URL of an object storage for the region dublin")
	oregon := flags.String("oregon", "", "URL of an object storage for the region oregon")
	err = flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("%d arguments too many", flags.NArg())
	}
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(out, usage)
		return err
	}
	if err != nil {
		return fmt.Errorf("%w; %s", err, usage)
	}
	if *dir == "" {
		if *dir, err = os.MkdirTemp("", "voicemail-multiregion-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(*dir)) }()
	}
	d := &demo{ctx: ctx, out: out, stores: map[string]voicemail.Store{}, pods: map[string]*voicemail.Service{}}
	defer func() {
		for _, s := range d.stores {
			err = errors.Join(err, s.Close())
		}
	}()
	for region, url := range map[string]string{master: "", "dublin": *dublin, "oregon": *oregon} {
		if d.stores[region], err = openStore(ctx, filepath.Join(*dir, region), url); err != nil {
			delete(d.stores, region)
			return fmt.Errorf("region %s: %w", region, err)
		}
	}
	return d.run()
}

// openStore opens an object storage, or the volume in dir, which it prepares if it is new. Preparing a volume is a step of the installation in a real service.
func openStore(ctx context.Context, dir, url string) (voicemail.Store, error) {
	if url != "" {
		return config.OpenURL(ctx, url)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := pvstore.Init(ctx, dir); err != nil {
		return nil, err
	}
	return pvstore.Open(ctx, dir, nil)
}

// demo is a contact centre in three regions.
type demo struct {
	ctx    context.Context
	out    io.Writer
	stores map[string]voicemail.Store
	pods   map[string]*voicemail.Service // one in each region
	moved  atomic.Int64                  // how far the clock is moved
	office *gdpr.Controller
	left   map[voicemail.MailboxID][]voicemail.Message // what Ada left
	audio  [][]byte                                    // and what she said
	other  voicemail.Message
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) now() time.Time { return time.Now().Add(time.Duration(d.moved.Load())) }

func (d *demo) run() error {
	for _, step := range []func() error{d.open, d.deposit, d.preview, d.forget, d.undo, d.forget, d.tooSoon, d.sweep, d.receipts, d.scanForNothing, d.others} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// open opens a Service in each region, as its pods would. Metadata lies in the master region, audio in the region of the call.
func (d *demo) open() error {
	for _, region := range regions {
		svc, err := voicemail.Open(d.ctx, voicemail.Regions{Master: master, Local: region, Stores: d.stores}, &voicemail.Options{Now: d.now})
		if err != nil {
			return err
		}
		d.pods[region] = svc
	}
	for _, id := range []voicemail.MailboxID{"5001", "5002", "sales"} {
		if _, err := d.pods[master].CreateMailbox(d.ctx, id, nil); err != nil && !errors.Is(err, voicemail.ErrMailboxExists) {
			return err
		}
	}
	var err error
	// MaxSkew lets the example move its clock; a service leaves it alone, and a host with a wrong clock is refused.
	d.office, err = gdpr.New(d.pods[master], &gdpr.Options{MaxSkew: 30 * 24 * time.Hour})
	return err
}

func (d *demo) deposit() error {
	d.say("Ada leaves a message in each region, Grace one in dublin")
	d.left = map[voicemail.MailboxID][]voicemail.Message{}
	for i, call := range []struct {
		region, file string
		to           voicemail.MailboxID
		from         string
	}{
		{"frankfurt", "appointment", "5001", ada}, {"dublin", "callback", "5002", ada}, {"oregon", "invoice", "sales", ada}, {"dublin", "thanks", "sales", grace},
	} {
		f, err := speech.Open("audio/" + call.file + ".wav")
		if err != nil {
			return err
		}
		msg, err := d.pods[call.region].Mailbox(call.to).Deposit(d.ctx, f, &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(call.from), Urgent: i == 0})
		if err != nil {
			return errors.Join(err, f.Close())
		}
		d.say("  %-9s message %d, mailbox %s", call.region, i+1, call.to)
		if err := f.Close(); err != nil {
			return err
		}
		if call.from == grace {
			d.other = msg
			continue
		}
		d.left[call.to] = append(d.left[call.to], msg)
		audio, err := speech.ReadFile("audio/" + call.file + ".wav")
		if err != nil {
			return err
		}
		d.audio = append(d.audio, audio)
	}
	first := d.left["5001"][0]
	if err := first.MarkRead(d.ctx); err != nil {
		return err
	}
	if _, err := first.CopyTo(d.ctx, "sales", nil); err != nil {
		return err
	}
	d.say("  agent 5001 hears the first and forwards it to sales")
	return d.counts()
}

// counts prints what the mailboxes' lamps show, which is one listing each.
func (d *demo) counts() error {
	for _, id := range []voicemail.MailboxID{"5001", "5002", "sales"} {
		n, err := d.pods[master].Mailbox(id).Counts(d.ctx)
		if err != nil {
			return err
		}
		d.say("    %-6s %d new, %d old", id, n.New, n.Old)
	}
	return nil
}

// request is what the officer got, in the form that the documented product takes.
func request() (*gdpr.Request, error) {
	file := fmt.Sprintf(`{"caseid": "DSR-2026-17", "consumers": [{"consumer": [{"name": "Ada"}, {"phone": %q}, {"email": "ada@example.com"}]}]}`, ada)
	req, err := gdpr.ParseRequest(strings.NewReader(file))
	if err != nil {
		return nil, err
	}
	req.Actor = officer
	return req, nil
}

func (d *demo) preview() error {
	req, err := request()
	if err != nil {
		return err
	}
	r, err := d.office.Preview(d.ctx, req)
	if err != nil {
		return err
	}
	d.say("\nPreview: %d messages match", len(r.Phones[0].Messages))
	return nil
}

func (d *demo) forget() error {
	req, err := request()
	if err != nil {
		return err
	}
	r, err := d.office.ForgetMe(d.ctx, req)
	if err != nil {
		return err
	}
	d.say("\nForget: case %s is %s, %d messages; it can be undone for %v and is erased within %v", r.CaseID, r.State, len(r.Phones[0].Messages),
		r.UndoUntil.Sub(r.AcceptedAt), r.EraseBy.Sub(r.AcceptedAt))
	if _, err := d.left["5001"][0].Open(d.ctx); !errors.Is(err, voicemail.ErrNotFound) {
		return fmt.Errorf("a restricted message can be played: %w", err)
	}
	d.say("  nobody can play them any more, and the lamps follow")
	return d.counts()
}

func (d *demo) undo() error {
	req, err := request()
	if err != nil {
		return err
	}
	r, err := d.office.UndoForgetMe(d.ctx, req)
	if err != nil {
		return err
	}
	d.say("\nUndo: case %s is %s, and all is as it was", r.CaseID, r.State)
	return d.counts()
}

// tooSoon sweeps while the request can be undone: nothing happens.
func (d *demo) tooSoon() error {
	d.moved.Store(int64(gdpr.DefaultWindow - time.Hour))
	r, err := d.office.Sweep(d.ctx)
	if err != nil {
		return err
	}
	d.say("\nSweep after %v: %d cases decided, the next is due in %v", gdpr.DefaultWindow-time.Hour, len(r.Decided), r.Next.Sub(d.now()).Round(time.Minute))
	return nil
}

// sweep erases when the time has come, and looks again later.
func (d *demo) sweep() error {
	before, err := d.scan()
	if err != nil {
		return err
	}
	if len(before) == 0 {
		return errors.New("the search finds nothing before the erasure, so it would find nothing after it either")
	}
	d.moved.Store(int64(gdpr.DefaultWindow + 30*time.Minute))
	r, err := d.office.Sweep(d.ctx)
	if err != nil {
		return err
	}
	d.say("Sweep after %v: %d messages erased, in all regions", gdpr.DefaultWindow+30*time.Minute, r.Messages)
	d.moved.Add(int64(gdpr.Settle))
	if r, err = d.office.Sweep(d.ctx); err != nil {
		return err
	}
	d.say("Sweep %v later: an independent search finds nothing, %d receipt", gdpr.Settle, len(r.Closed))
	return nil
}

// receipts prints the newest receipt, and checks the chain of all.
func (d *demo) receipts() error {
	var last gdpr.Receipt
	n := 0
	for r, err := range d.office.Receipts(d.ctx) {
		if err != nil {
			return err
		}
		last, n = r, n+1
	}
	doc, err := json.MarshalIndent(last, "  ", "  ")
	if err != nil {
		return err
	}
	d.say("\nThe receipt; the chain of %d holds together\n  %s\n  SHA-256 %s", n, doc, last.Digest())
	return nil
}

// scan searches every name and every byte of every region for Ada's number, in many encodings, and for what she said.
func (d *demo) scan() ([]rawscan.Finding, error) {
	s := rawscan.Scan{Stores: map[string]storage.Store{}, Tenant: "default", Numbers: []string{ada}, Audio: d.audio}
	for region, st := range d.stores {
		s.Stores[region] = st
	}
	return s.Run(d.ctx)
}

func (d *demo) scanForNothing() error {
	found, err := d.scan()
	if err != nil {
		return err
	}
	for _, f := range found {
		d.say("  FOUND in %s: %s", f.Region, f.What)
	}
	if len(found) > 0 {
		return fmt.Errorf("%d traces of the caller are left", len(found))
	}
	d.say("\nRaw search of all three regions for the number and the recordings: nothing")
	return nil
}

// others shows that nobody else was touched.
func (d *demo) others() error {
	audio, err := d.other.Open(d.ctx)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, audio)
	if err := errors.Join(err, audio.Close()); err != nil {
		return err
	}
	d.say("Grace's message still plays: %d bytes", n)
	return d.counts()
}
