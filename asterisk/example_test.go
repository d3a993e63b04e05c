package asterisk_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/asterisk"
	"github.com/genesys/voicemail/storage/memstore"
)

// writeExample writes a spool with one message that has a recording and one that lost it.
func writeExample(dir string) error {
	inbox := filepath.Join(dir, "default", "8000", "INBOX")
	if err := os.MkdirAll(inbox, 0o755); err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"msg0000.txt": envelope(0, `"Alice" <5551001>`), "msg0000.wav": wav("hello"), "msg0001.txt": envelope(60, "5551002"),
	} {
		file := filepath.Join(inbox, name)
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(file, written, written); err != nil {
			return err
		}
	}
	return nil
}

func ExampleImport() {
	dir, err := os.MkdirTemp("", "")
	if err == nil {
		defer os.RemoveAll(dir)
		err = writeExample(dir)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	spool, err := os.OpenRoot(dir) // /var/spool/asterisk/voicemail
	if err != nil {
		fmt.Println(err)
		return
	}
	defer spool.Close()
	for range 2 {
		report, err := asterisk.Import(ctx, spool.FS(), svc, &asterisk.Options{
			Create: func(_, mailbox string) *voicemail.Settings {
				return &voicemail.Settings{Owner: voicemail.User(mailbox)}
			},
		})
		if err != nil {
			fmt.Println(err) // run it again, and it goes on
		}
		for _, it := range report.Items {
			fmt.Printf("%s/%s/%s/%s: %s %q\n", it.Context, it.Mailbox, it.Folder, it.Name, it.Outcome, it.Reason)
		}
	}
	counts, err := svc.Mailbox("8000").Counts(ctx)
	fmt.Println(counts.New, err)
	// Output:
	// default/8000/INBOX/msg0000: imported ""
	// default/8000/INBOX/msg0001: failed "no-recording"
	// default/8000/INBOX/msg0000: present ""
	// default/8000/INBOX/msg0001: failed "no-recording"
	// 1 <nil>
}

// Rules of one's own, with the defaults for the rest: a context is left out, a folder is new, and one format is all there is to be.
func ExampleDefaultMailbox() {
	opts := asterisk.Options{
		Mailbox: func(where, mailbox string) (voicemail.MailboxID, bool) {
			if where == "test" {
				return "", false // left out, and said so in the report
			}
			return asterisk.DefaultMailbox(where, mailbox)
		},
		Folder: func(folder string) (asterisk.Folder, bool) {
			if folder == "Done" { // somebody's own
				return asterisk.Folder{Read: true}, true
			}
			return asterisk.DefaultFolder(folder)
		},
		Formats: asterisk.DefaultFormats()[:1],
	}
	fmt.Println(opts.Mailbox("default", "8000"))
	fmt.Println(opts.Mailbox("sales", "8000"))
	fmt.Println(opts.Mailbox("test", "8000"))
	fmt.Println(opts.Folder("Urgent"))
	fmt.Println(opts.Formats)
	// Output:
	// 8000 true
	// 8000@sales true
	//  false
	// {false true false} true
	// [wav]
}
