package main

import (
	"context"
	"embed"
	"errors"
	"os"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/access"
	"github.com/genesys/voicemail/storage/pvstore"
)

//go:embed audio/*.wav
var speech embed.FS

const banner = `
  Dialled 5555, on a volume in a folder of this machine. Your keyboard is the keypad: 0 to 9, * and #; q hangs up.

  mailbox 5001  PIN 7391  with new messages
  mailbox 5002  PIN 4826  which has to be changed

`

// demoMailboxes are what a new demo begins with.
var demoMailboxes = []struct {
	id         voicemail.MailboxID
	owner      string
	pin        string
	mustChange bool
}{
	{"5001", "agent7", "7391", false},
	{"5002", "agent8", "4826", true},
}

// demoMessages are in the first mailbox if that is new. 555-01xx numbers belong to nobody.
var demoMessages = []struct {
	file string
	opts voicemail.DepositOptions
}{
	{"keys.wav", voicemail.DepositOptions{Caller: voicemail.ParseCallerID("tel:+1-555-010-0010")}},
	{"salary.wav", voicemail.DepositOptions{Private: true}},
	{"urgent-gate.wav", voicemail.DepositOptions{Caller: voicemail.ParseCallerID("tel:+1-555-010-0142"), Urgent: true}},
}

// demo is a tenant with mailboxes.
type demo struct {
	svc  *voicemail.Service
	door *access.Access
	done []func() error
}

func (d *demo) close() {
	for _, done := range d.done {
		_ = done()
	}
}

// openDemo opens the volume in a directory, which it prepares if it is new. A real service opens only: preparing a volume is a step of the installation.
func openDemo(ctx context.Context, dir string) (*demo, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := pvstore.Init(ctx, dir); err != nil {
		return nil, err
	}
	store, err := pvstore.Open(ctx, dir, nil)
	if err != nil {
		return nil, err
	}
	d := &demo{done: []func() error{store.Close}}
	if d.svc, err = voicemail.Open(ctx, voicemail.OneRegion(store), &voicemail.Options{Tenant: "demo"}); err == nil {
		d.door, err = access.New(d.svc, nil)
	}
	if err == nil {
		err = d.fill(ctx)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// fill makes what is missing.
func (d *demo) fill(ctx context.Context) error {
	for i, m := range demoMailboxes {
		box, err := d.svc.CreateMailbox(ctx, m.id, &voicemail.Settings{Owner: voicemail.User(m.owner)})
		if err == nil && i == 0 {
			err = deposit(ctx, box)
		}
		if err != nil && !errors.Is(err, voicemail.ErrMailboxExists) {
			return err
		}
		status, err := d.door.Status(ctx, m.id)
		if err != nil {
			return err
		}
		if status.Set {
			continue
		}
		pin, err := access.ParsePIN(m.pin)
		if err == nil {
			err = d.door.Set(ctx, m.id, pin, &access.SetOptions{MustChange: m.mustChange})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func deposit(ctx context.Context, box voicemail.Mailbox) error {
	for _, m := range demoMessages {
		f, err := speech.Open("audio/" + m.file)
		if err != nil {
			return err
		}
		_, err = box.Deposit(ctx, f, &m.opts)
		var failed *voicemail.DepositError
		if errors.As(err, &failed) {
			err = errors.Join(err, failed.Audio.Close())
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}
