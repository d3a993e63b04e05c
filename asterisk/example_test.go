package asterisk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
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
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := writeExample(dir); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	if err != nil {
		log.Fatal(err)
	}
	spool, err := os.OpenRoot(dir) // /var/spool/asterisk/voicemail
	if err != nil {
		log.Fatal(err)
	}
	defer spool.Close()
	for range 2 {
		report, err := asterisk.Import(ctx, spool.FS(), svc, &asterisk.Options{
			Create: func(_, mailbox string) *voicemail.Settings {
				return &voicemail.Settings{Owner: voicemail.User(mailbox)}
			},
		})
		if err != nil {
			log.Print(err) // run it again, and it goes on
		}
		for _, it := range report.Items {
			line, err := json.Marshal(it)
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(string(line))
		}
	}
	counts, err := svc.Mailbox("8000").Counts(ctx)
	fmt.Println(counts.New, err)
	// Output:
	// {"context":"default","mailbox":"8000","folder":"INBOX","name":"msg0000","outcome":"imported","to":"8000","message":"01916cd4-7a70-7e4c-ab8b-e966b0be94d0"}
	// {"context":"default","mailbox":"8000","folder":"INBOX","name":"msg0001","outcome":"failed","reason":"no-recording","to":"8000"}
	// {"context":"default","mailbox":"8000","folder":"INBOX","name":"msg0000","outcome":"present","to":"8000","message":"01916cd4-7a70-7e4c-ab8b-e966b0be94d0"}
	// {"context":"default","mailbox":"8000","folder":"INBOX","name":"msg0001","outcome":"failed","reason":"no-recording","to":"8000"}
	// 1 <nil>
}
