// Command dialin is the telephone menu behind 5555 in a terminal, with the keyboard as its keypad: package menu on a volume in a local folder.
//
//	go run ./examples/dialin [-dir DIRECTORY] [-play COMMAND] [-say FILE]
//	go run ./examples/dialin -keys
//
// It prepares the volume, with mailboxes and a few spoken messages if they are new, and prints what is said. With -play, recordings are heard, too. The volume and its tenant are those
// of examples/service's development mode, so both can run at the same time and see what the other does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/dialin/menu"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdin, os.Stdout, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dialin:", err)
		os.Exit(1)
	}
}

const usage = "usage: dialin [-dir DIRECTORY] [-mailbox NUMBER] [-play COMMAND] [-say FILE] [-keys]"

// options are what the command line says.
type options struct {
	dir, mailbox, play, say string
	keys                    bool
}

func parse(out io.Writer, args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("dialin", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.dir, "dir", "voicemail-demo", "directory of the volume")
	flags.StringVar(&o.mailbox, "mailbox", "", "mailbox of the telephone that calls, so that only its PIN is asked for")
	flags.StringVar(&o.play, "play", "", `command that plays the recording on its standard input, such as "aplay -q" or "play -q -t wav -"`)
	flags.StringVar(&o.say, "say", "", "WAV file that is what you say when something is recorded; default a greeting")
	flags.BoolVar(&o.keys, "keys", false, "print what each key does, and end")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(out, usage)
		flags.SetOutput(out)
		flags.PrintDefaults()
		return o, err
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("%d arguments are too many", flags.NArg())
	}
	if err != nil {
		return o, fmt.Errorf("%w; %s", err, usage)
	}
	return o, nil
}

func run(ctx context.Context, in, out *os.File, args []string) error {
	o, err := parse(out, args)
	if err != nil {
		return err
	}
	if o.keys {
		return printKeys(out)
	}
	said, err := o.speech()
	if err != nil {
		return err
	}
	d, err := openDemo(ctx, o.dir)
	if err != nil {
		return err
	}
	defer d.close()
	if _, err := io.WriteString(out, banner); err != nil {
		return err
	}
	p, err := pickUp(in, out)
	if err != nil {
		return err
	}
	defer p.hangUp()
	p.player, p.said = strings.Fields(o.play), said
	return p.call(ctx, menu.New(d.svc, d.door, &menu.Options{Mailbox: voicemail.MailboxID(o.mailbox)}))
}

// speech returns what is said when something is recorded.
func (o options) speech() ([]byte, error) {
	if o.say == "" {
		return speech.ReadFile("audio/say.wav")
	}
	return os.ReadFile(o.say)
}

// printKeys prints the table of the menu in Markdown.
func printKeys(out io.Writer) error {
	var b strings.Builder
	b.WriteString("| where | key | what is said of it |\n|---|---|---|\n")
	last := menu.State("")
	for state, p := range menu.Keys() {
		where, key := "", ""
		if state != last {
			where, last = string(state), state
		}
		if p.Key != 0 {
			key = "`" + string(p.Key) + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", where, key, p.Text())
	}
	_, err := io.WriteString(out, b.String())
	return err
}
