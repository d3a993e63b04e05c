package asterisk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/genesys/voicemail"
)

// Greeting is a greeting of a mailbox.
type Greeting struct {
	// Context and Mailbox are the spool's, To is what Options.Mailbox made of them.
	Context, Mailbox string
	To               voicemail.MailboxID
	Kind             voicemail.GreetingKind
	// Audio is the recording; it is good until the callback returns. ContentType is its media type if it is of a raw format, else empty: it
	// can be recognized.
	Audio       io.Reader
	ContentType string
	// Modified is when its file was written.
	Modified time.Time
}

func greetingKind(stem string) (voicemail.GreetingKind, bool) {
	kind, ok := map[string]voicemail.GreetingKind{
		"unavail": voicemail.GreetingUnavailable, "busy": voicemail.GreetingBusy, "temp": voicemail.GreetingTemporary, "greet": voicemail.GreetingName,
	}[stem]
	return kind, ok
}

// greeting is one greeting on its way from the spool.
type greeting struct {
	*importer
	it    Item
	kind  voicemail.GreetingKind
	files files
	ext   string
}

// run imports the greeting and reports it. An error ends the import.
func (g *greeting) run(ctx context.Context) error {
	present, err := g.bring(ctx)
	var no refusal
	switch {
	case err == nil && present:
		g.done(g.it, Present, "", nil)
	case err == nil:
		g.done(g.it, Imported, "", nil)
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &no):
		g.fail(g.it, Storage, err)
		return err
	case no.why == Superseded || no.why == InProgress:
		g.skip(g.it, no.why)
	default:
		g.fail(g.it, no.why, no.err)
	}
	return nil
}

// bring hands the greeting over, or sets it unless it is present.
func (g *greeting) bring(ctx context.Context) (present bool, err error) {
	var why Reason
	if g.ext, why = g.files.recording(g.Formats); why != "" {
		return false, refusal{why: why}
	}
	if g.Greeting != nil {
		return false, g.open(func(r io.Reader, info fs.FileInfo) error {
			err := g.Greeting(ctx, Greeting{
				Context: g.it.Context, Mailbox: g.it.Mailbox, To: g.it.To, Kind: g.kind, Audio: r, ContentType: contentType(g.ext), Modified: info.ModTime(),
			})
			if err != nil {
				err = refusal{Refused, err}
			}
			return err
		})
	}
	if !g.files.settled(g.Now()) {
		return false, refusal{why: InProgress} // the server records over the one before
	}
	var modified time.Time
	h := sha256.New()
	err = g.open(func(r io.Reader, info fs.FileInfo) error {
		modified = info.ModTime()
		n, err := io.Copy(h, &interruptible{ctx, io.LimitReader(r, maxRecording+1)})
		switch {
		case err != nil:
			return refusal{Unreadable, err}
		case n > maxRecording:
			return refusal{TooLarge, fmt.Errorf("the recording is longer than %d bytes", maxRecording)}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	greetings := g.svc.Greetings(g.it.To)
	history, err := greetings.History(ctx, g.kind)
	if err != nil {
		return false, verdict(err)
	}
	v := verified{h: sha256.New()}
	h.Sum(v.want[:0])
	if len(history) > 0 {
		switch last := history[0]; {
		case last.SHA256 == hex.EncodeToString(v.want[:]):
			return true, nil
		case !last.SetAt.Before(modified):
			return false, refusal{why: Superseded}
		}
	}
	return false, g.open(func(r io.Reader, _ fs.FileInfo) error {
		v.r = r
		_, err := greetings.Set(ctx, g.kind, &v, &voicemail.GreetingOptions{ContentType: contentType(g.ext)})
		if v.err != nil {
			return v.err
		}
		return verdict(err)
	})
}

// open calls use with the recording, which starts with what it lacks to be recognized.
func (g *greeting) open(use func(io.Reader, fs.FileInfo) error) error {
	f, err := g.spool.Open(g.path(g.it) + "." + g.ext)
	if err != nil {
		return refusal{Unreadable, err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return refusal{Unreadable, err}
	}
	return use(withHeader(f, g.ext, info.Size()), info)
}
