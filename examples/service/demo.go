package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/service/internal/tenants"
	"github.com/genesys/voicemail/storage/pvstore"
)

//go:embed demo/*.wav
var speech embed.FS

const demoBanner = "Development mode: everybody on this machine is let in. Not for real messages."

// The contact centers of development mode. The second one is there to see that it sees nothing of the first one.
const (
	demoCenter  = "00000000-0000-4000-8000-00000000da7a"
	otherCenter = "00000000-0000-4000-8000-000000000002"
)

func demoTenants() tenants.Directory {
	return tenants.Fixed{demoCenter: "demo", otherCenter: "other"}
}

// demoSecrets are who is let in by which secret.
func demoSecrets() map[string]auth.Principal {
	user := func(center, name string, groups ...string) auth.Principal {
		return auth.Principal{Name: "user " + name, User: name, Groups: groups, ContactCenters: []string{center}}
	}
	agent, colleague := user(demoCenter, "agent7", "sales"), user(demoCenter, "agent8", "sales")
	officer, admin, pbx, other := user(demoCenter, "officer"), user(demoCenter, "admin"), user(demoCenter, "switch"), user(otherCenter, "agent7")
	officer.Officer, admin.Administrator, pbx.Depositor = true, true, true
	return map[string]auth.Principal{
		"dev-agent7": agent, "dev-agent8": colleague, "dev-officer": officer, "dev-admin": admin, "dev-switch": pbx, "dev-other-agent7": other,
	}
}

// demoVolume opens the volume in a directory, which it prepares if it is new. A real service opens only: preparing a volume is a step of the installation, so that
// one that is not mounted is never taken for a new one.
func demoVolume(ctx context.Context, dir string) (voicemail.Regions, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return voicemail.Regions{}, err
	}
	if err := pvstore.Init(ctx, dir); err != nil {
		return voicemail.Regions{}, err
	}
	store, err := pvstore.Open(ctx, dir, nil)
	if err != nil {
		return voicemail.Regions{}, err
	}
	return voicemail.OneRegion(store), nil
}

// demoMessages are what a new demo begins with. 555 numbers belong to nobody.
var demoMessages = []struct {
	mailbox      voicemail.MailboxID
	owner        voicemail.Owner
	file, caller string
}{
	{"5001", voicemail.User("agent7"), "parcel.wav", `"Front desk" <tel:+1-555-010-0010>`},
	{"5001", voicemail.User("agent7"), "meeting.wav", `"Ada" <tel:+1-555-010-0142>`},
	{"5002", voicemail.User("agent8"), "parcel.wav", `"Front desk" <tel:+1-555-010-0010>`},
	{"6001", voicemail.Group("sales"), "quote.wav", "sip:+15550100002@pbx.example;user=phone"},
	{"6001", voicemail.Group("sales"), "urgent-order.wav", `"Ada" <tel:+1-555-010-0142>`},
}

// demo makes the mailboxes of the demo tenants, with messages in those that are new, and says what can be done with them.
func (s *service) demo(ctx context.Context, out io.Writer, url string) error {
	t, done, err := s.tenants.Use(ctx, demoCenter)
	if err != nil {
		return err
	}
	defer done()
	fresh := map[voicemail.MailboxID]bool{}
	for _, m := range demoMessages {
		_, err := t.Service.CreateMailbox(ctx, m.mailbox, &voicemail.Settings{Owner: m.owner})
		if err != nil && !errors.Is(err, voicemail.ErrMailboxExists) {
			return err
		}
		fresh[m.mailbox] = fresh[m.mailbox] || err == nil
		if !fresh[m.mailbox] {
			continue
		}
		if err := depositDemo(ctx, t.Service.Mailbox(m.mailbox), m.file, m.caller); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, `
  Voicemail in DEVELOPMENT MODE at %[1]s

  Pages:  %[1]s/ (an inbox), %[1]s/privacy.html (for dev-officer)

  Who is let in:  dev-agent7, dev-agent8 (agents in the group sales), dev-admin, dev-switch, dev-officer, dev-other-agent7 (another contact center)

  curl -H 'Authorization: Bearer dev-agent7' %[1]s/voicemail/v1/mailboxes
  curl -H 'Authorization: Bearer dev-agent7' -N %[1]s/voicemail/v1/events
  curl -H 'Authorization: Bearer dev-switch' -F 'message={"caller": "+1 555 010 0003"};type=application/json' -F audio=@examples/service/demo/quote.wav %[1]s/voicemail/v1/mailboxes/5001/messages

`, url)
	return err
}

func depositDemo(ctx context.Context, box voicemail.Mailbox, file, caller string) error {
	f, err := speech.Open("demo/" + file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = box.Deposit(ctx, f, &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(caller), Urgent: strings.HasPrefix(file, "urgent")})
	var failed *voicemail.DepositError
	if errors.As(err, &failed) {
		err = errors.Join(err, failed.Audio.Close())
	}
	return err
}
