package asterisk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/genesys/voicemail"
)

// Options are the options of [Import]. The zero value, and a nil *Options, are the defaults named below.
type Options struct {
	// Mailbox says which mailbox a spool's mailbox becomes, and false for one that is not imported. It must say the same in every run: another mailbox means
	// other messages. Default DefaultMailbox.
	Mailbox func(context, mailbox string) (voicemail.MailboxID, bool)

	// Create returns the settings with which a mailbox is made that does not exist; nil settings are the defaults. Default: none is made, and the
	// messages in it fail with NoMailbox.
	Create func(context, mailbox string) *voicemail.Settings

	// Folder says how the messages of a folder come in, and false if they are not imported. Default DefaultFolder.
	Folder func(folder string) (Folder, bool)

	// Formats are the endings of recordings, by preference: of each message the first one that is there and not empty is taken. They should be
	// the same in every run: another recording means another message. Default DefaultFormats.
	Formats []string

	// Greeting, if set, gets each greeting in place of its mailbox, the best format of each. An error is reported and the import goes on. A run that follows brings all
	// of them again. Default: they become the greetings of their mailboxes.
	Greeting func(ctx context.Context, g Greeting) error

	// Progress is told of every item, in the goroutine of Import. Default: nobody is told.
	Progress func(Item)

	// MaxFiles bounds the entries of one directory. Default 100,000, ten times what Asterisk can number in a folder.
	MaxFiles int

	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Folder says how the messages of a folder come in.
type Folder struct {
	Read, Urgent, Trash bool
}

// DefaultFolder imports the folders of Asterisk, in any case of letters: INBOX as new, Urgent as new and urgent, Deleted into the trash, and Old, Work, Family,
// Friends and Cust1 to Cust9 as read.
func DefaultFolder(folder string) (Folder, bool) {
	switch name := strings.ToLower(folder); name {
	case "inbox":
		return Folder{}, true
	case "urgent":
		return Folder{Urgent: true}, true
	case "deleted":
		return Folder{Read: true, Trash: true}, true
	case "old", "work", "family", "friends":
		return Folder{Read: true}, true
	default:
		digit, ok := strings.CutPrefix(name, "cust")
		return Folder{Read: true}, ok && len(digit) == 1 && '1' <= digit[0] && digit[0] <= '9'
	}
}

// DefaultMailbox gives the mailboxes of the context default their own number, and those of others the name that Asterisk has for them,
// number@context. It refuses numbers with an @, which could be two mailboxes' names.
func DefaultMailbox(context, mailbox string) (voicemail.MailboxID, bool) {
	switch {
	case strings.Contains(mailbox, "@"):
		return "", false
	case context == "default":
		return voicemail.MailboxID(mailbox), true
	}
	return voicemail.MailboxID(mailbox + "@" + context), true
}

func (o *Options) withDefaults() (Options, error) {
	var d Options
	if o != nil {
		d = *o
	}
	if d.MaxFiles < 0 {
		return d, fmt.Errorf("%w: MaxFiles is negative; 0 is the default", voicemail.ErrInvalid)
	}
	if d.Mailbox == nil {
		d.Mailbox = DefaultMailbox
	}
	if d.Folder == nil {
		d.Folder = DefaultFolder
	}
	if d.Formats == nil {
		d.Formats = DefaultFormats()
	}
	if slices.Contains(d.Formats, "txt") {
		return d, fmt.Errorf("%w: txt is no format of recordings", voicemail.ErrInvalid)
	}
	if d.Progress == nil {
		d.Progress = func(Item) {}
	}
	if d.MaxFiles == 0 {
		d.MaxFiles = 100_000
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return d, nil
}

// Import imports a spool. Give it the FS of an os.Root that was opened at the spool's top, so that nothing of the spool can lead out of it whatever
// changes meanwhile; links that are there are not followed in any case. The spool is only read, so it can be a snapshot, or a read-only mount.
//
// Messages keep their caller, called and redirecting number, and the time that they came in. What else Asterisk knew is in their attributes: asterisk.context,
// asterisk.mailbox, asterisk.folder, asterisk.msg_id, asterisk.category. Limits and quotas of the Service and of its mailboxes hold.
//
// Greetings are set where there is none yet, and anew where the one in the spool was written after the current one was set or deleted.
//
// What is wrong with one message or greeting is in the report, and the others are imported. An error of the storage, of the spool's top, or the end of ctx end the import: then
// the error says why, and the report what was done before. Run it again, and it goes on. Two runs at once make no second message either.
func Import(ctx context.Context, spool fs.FS, svc *voicemail.Service, opts *Options) (*Report, error) {
	im := &importer{spool: spool, svc: svc, report: &Report{Items: []Item{}}}
	var err error
	if im.Options, err = opts.withDefaults(); err == nil {
		err = im.contexts(ctx)
	}
	if err != nil {
		return im.report, fmt.Errorf("import from the spool: %w", err)
	}
	return im.report, nil
}

// importer is one run of Import.
type importer struct {
	Options
	spool  fs.FS
	svc    *voicemail.Service
	report *Report
}

func (im *importer) done(it Item, o Outcome, why Reason, err error) {
	it.Outcome, it.Reason = o, why
	if err != nil {
		it.Detail = err.Error()
	}
	im.report.add(it)
	im.Progress(it)
}

func (im *importer) skip(it Item, why Reason)            { im.done(it, Skipped, why, nil) }
func (im *importer) fail(it Item, why Reason, err error) { im.done(it, Failed, why, err) }

// readDir returns the entries of a directory, sorted. It fails with errTooMany if there are more than MaxFiles.
func (im *importer) readDir(dir string) ([]fs.DirEntry, error) {
	f, err := im.spool.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: dir, Err: fs.ErrInvalid}
	}
	var all []fs.DirEntry
	for {
		some, err := d.ReadDir(1000)
		all = append(all, some...)
		switch {
		case len(all) > im.MaxFiles:
			return nil, fmt.Errorf("%w: more than %d", errTooMany, im.MaxFiles)
		case errors.Is(err, io.EOF):
			slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
			return all, nil
		case err != nil:
			return nil, err
		}
	}
}

var errTooMany = errors.New("too many files in one directory")

// unread reports a directory that could not be read.
func (im *importer) unread(it Item, err error) {
	if errors.Is(err, errTooMany) {
		im.fail(it, TooManyFiles, err)
		return
	}
	im.fail(it, Unreadable, err)
}

// foreign reports the files of a directory that belong to nothing.
func (im *importer) foreign(it Item, files int) {
	if files > 0 {
		im.done(it, Skipped, Foreign, fmt.Errorf("%d files or directories", files))
	}
}
