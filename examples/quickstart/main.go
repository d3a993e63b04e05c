// Command quickstart is the library in one page: a volume, a personal and a group mailbox, recordings deposited, counted, heard, and looked up
// by their caller.
//
//	go run ./examples/quickstart [-dir DIRECTORY | -store URL] [-play FILE] [RECORDING.wav ...]
//
// Without -dir the volume is a temporary directory that is removed at the end. With it the volume stays, and a second run shows that all of it
// lasted. -store names an object storage instead, in the form that package config reads: azblob://container?account=… or s3://bucket/prefix?region=….
package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/config"
	"github.com/genesys/voicemail/mwi"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/pvstore"
)

//go:embed audio/*.wav
var speech embed.FS

const (
	personal = voicemail.MailboxID("5001")
	group    = voicemail.MailboxID("sales")
)

// Who calls in this example. 555 numbers belong to nobody.
var callers = []string{`"Ada" <tel:+1-555-010-0001>`, "sip:+15550100002@pbx.example;user=phone", "anonymous"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

const usage = "usage: quickstart [-dir DIRECTORY | -store URL] [-play FILE] [RECORDING.wav ...]"

func run(ctx context.Context, out io.Writer, args []string) (err error) {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	dir := flags.String("dir", "", "directory of the volume; default a temporary one")
	store := flags.String("store", "", "URL of an object storage instead of a volume")
	play := flags.String("play", "", "file to play one message back to; default a temporary one")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(out, usage)
		return err
	} else if err != nil {
		return fmt.Errorf("%w; %s", err, usage)
	}
	if *dir != "" && *store != "" {
		return errors.New("-dir and -store exclude each other; " + usage)
	}
	recordings, err := open(flags.Args())
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "voicemail-quickstart-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if *dir == "" {
		*dir = filepath.Join(temp, "volume")
	}
	if *play == "" {
		*play = filepath.Join(temp, "played-back.wav")
	}

	opened, where, err := openStore(ctx, *dir, *store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(opened), nil)
	if err != nil {
		return err
	}
	d := &demo{ctx: ctx, out: out, svc: svc}
	d.steps(where, *play, recordings)
	return d.err
}

// openStore opens an object storage, or the volume in dir, which it prepares if it is new. A real service opens only: preparing a volume is a step
// of the installation, so that a volume that is not mounted is never taken for a new one.
func openStore(ctx context.Context, dir, rawURL string) (store voicemail.Store, where string, err error) {
	if rawURL != "" {
		scheme, _, _ := strings.Cut(rawURL, ":")
		store, err = config.OpenURL(ctx, rawURL)
		return store, "An object storage, " + scheme, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", err
	}
	if err := pvstore.Init(ctx, dir); err != nil {
		return nil, "", err
	}
	store, err = pvstore.Open(ctx, dir, nil)
	return store, "A volume in " + dir, err
}

// recording is a file to deposit.
type recording struct {
	name string
	fs   fs.FS
	path string
}

// open checks the files named on the command line; without any it is the speech that comes with the example.
func open(paths []string) ([]recording, error) {
	var list []recording
	for _, p := range paths {
		if info, err := os.Stat(p); err != nil || !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s: not a file that can be read", p)
		}
		list = append(list, recording{filepath.Base(p), os.DirFS(filepath.Dir(p)), filepath.Base(p)})
	}
	if list != nil {
		return list, nil
	}
	names, err := fs.Glob(speech, "audio/*.wav")
	for _, name := range names {
		list = append(list, recording{strings.TrimPrefix(name, "audio/"), speech, name})
	}
	return list, err
}

// demo runs steps until one fails.
type demo struct {
	ctx context.Context
	out io.Writer
	svc *voicemail.Service
	err error
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) steps(where, play string, recordings []recording) {
	d.say("%s", where)
	d.mailbox(personal, &voicemail.Settings{Owner: voicemail.User("agent7")})
	d.mailbox(group, &voicemail.Settings{Owner: voicemail.Group("sales")})

	d.say("\nDeposit")
	for i, r := range recordings {
		to := personal
		if i%3 == 2 {
			to = group
		}
		d.deposit(to, r, callers[(i+i/3)%len(callers)])
	}

	d.say("\nWhat the mailboxes show, newest first")
	d.show(personal)
	d.show(group)
	d.say("\nMessage waiting, as a telephone is told (RFC 3842)")
	d.waiting(personal)
	d.waiting(group)

	d.say("\nagent7 hears the newest message")
	d.hear(personal, play)
	d.waiting(personal)

	d.say("\nEverything that one caller left, in all mailboxes")
	d.find(callers[0])
}

// mailbox makes a mailbox, or says what is in it from an earlier run.
func (d *demo) mailbox(id voicemail.MailboxID, settings *voicemail.Settings) {
	if d.err != nil {
		return
	}
	_, err := d.svc.CreateMailbox(d.ctx, id, settings)
	switch {
	case err == nil:
		d.say("  %-6s a new mailbox of %s %s", id, settings.Owner.Kind, settings.Owner.ID)
	case errors.Is(err, voicemail.ErrMailboxExists):
		n, err := d.svc.Mailbox(id).Counts(d.ctx)
		d.err = err
		d.say("  %-6s was here before, with %d new and %d old messages", id, n.New, n.Old)
	default:
		d.err = err
	}
}

func (d *demo) deposit(to voicemail.MailboxID, r recording, caller string) {
	if d.err != nil {
		return
	}
	f, err := r.fs.Open(r.path)
	if err != nil {
		d.err = err
		return
	}
	defer f.Close()
	msg, err := d.svc.Mailbox(to).Deposit(d.ctx, f, &voicemail.DepositOptions{
		Caller: voicemail.ParseCallerID(caller),
		Urgent: strings.HasPrefix(r.name, "urgent"),
	})
	if err != nil {
		d.err = fmt.Errorf("%s: %w", r.name, err)
		var failed *voicemail.DepositError
		if errors.As(err, &failed) {
			d.err = errors.Join(d.err, failed.Audio.Close()) // a service would keep the audio, and try again
		}
		return
	}
	d.say("  %-6s <- %-16s %s", to, r.name, describe(msg.Envelope()))
}

// describe is a line about a message. It shows the caller, which a service does only to those who may see it.
func describe(e voicemail.Envelope) string {
	from := e.Caller.Reveal()
	if e.Caller.Withheld() {
		from = "withheld"
	}
	if name := e.Caller.RevealName(); name != "" {
		from = name + ", " + from
	}
	return fmt.Sprintf("%4.1f s  %6d bytes  from %s", e.Duration.Seconds(), e.Size, from)
}

func (d *demo) show(id voicemail.MailboxID) {
	if d.err != nil {
		return
	}
	d.say("  %s", id)
	for msg, err := range d.svc.Mailbox(id).Messages(d.ctx, &voicemail.ListOptions{Limit: 10}) {
		if err != nil {
			d.err = err
			return
		}
		state := "new"
		if msg.State().Read {
			state = "old"
		}
		if msg.State().Urgent {
			state += ", urgent"
		}
		d.say("    %-11s %s  %s", state, msg.Envelope().ReceivedAt.Format(time.DateTime), describe(msg.Envelope()))
	}
}

func (d *demo) waiting(id voicemail.MailboxID) {
	if d.err != nil {
		return
	}
	n, err := d.svc.Mailbox(id).Counts(d.ctx)
	if err != nil {
		d.err = err
		return
	}
	body, err := mwi.Summary{Account: fmt.Sprintf("sip:%s@pbx.example", id), Counts: n}.MarshalText()
	d.err = err
	for line := range strings.Lines(string(body)) {
		d.say("    %s", strings.TrimSpace(line))
	}
}

func (d *demo) hear(id voicemail.MailboxID, file string) {
	if d.err != nil {
		return
	}
	for msg, err := range d.svc.Mailbox(id).Messages(d.ctx, &voicemail.ListOptions{Limit: 1}) {
		if err != nil {
			d.err = err
			return
		}
		sum, err := save(d.ctx, msg, file)
		if err != nil {
			d.err = err
			return
		}
		if sum != msg.Envelope().SHA256 {
			d.err = fmt.Errorf("%w: %s is not what was deposited", storage.ErrCorrupt, file)
			return
		}
		d.say("  %d bytes in %s\n  SHA-256 %s…, as deposited", msg.Envelope().Size, file, sum[:16])
		d.err = msg.MarkRead(d.ctx)
		return
	}
}

// save plays a message to a file and returns its SHA-256.
func save(ctx context.Context, msg voicemail.Message, file string) (string, error) {
	audio, err := msg.Open(ctx)
	if err != nil {
		return "", err
	}
	defer audio.Close()
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), audio)
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, f.Close())
}

func (d *demo) find(caller string) {
	if d.err != nil {
		return
	}
	n := 0
	for msg, err := range d.svc.FindByCaller(d.ctx, voicemail.ParseCallerID(caller)) {
		if err != nil {
			d.err = err
			return
		}
		n++
		d.say("  %-6s %s  %s", msg.Mailbox(), msg.ID(), describe(msg.Envelope()))
	}
	d.say("  %d messages", n)
}
