package servicetest

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
)

func outageRules() []rule {
	return []rule{
		{"ARegionThatIsDownFailsOnlyWhatNeedsIt", "an agent in one region does not care for another one's outage", outageMatrix},
		{"PingNamesEveryRegionThatCannotBeUsed", "a request for erasure is refused when it cannot be kept", outagePing},
	}
}

// outageMatrix does everything that can be done with a message whose recording lies in us, in a process in asia, with each region down.
func outageMatrix(e *env) {
	w := newWorld(e)
	us := w.in("us")
	caller := number()
	var held voicemail.Message
	fresh := func(svc *voicemail.Service) voicemail.Message {
		deposited := w.deposit(us.Mailbox("5001"), &voicemail.DepositOptions{Caller: caller})
		msg, err := svc.Mailbox("5001").Message(e.ctx, deposited.ID())
		require.NoError(e, err)
		held = deposited
		return msg
	}
	for _, row := range []struct {
		name  string
		needs string // the regions without which it fails, the one that is named first
		do    func(svc *voicemail.Service, msg voicemail.Message) error
	}{
		{"count", "eu", func(svc *voicemail.Service, _ voicemail.Message) error {
			_, err := svc.Mailbox("5001").Counts(e.ctx)
			return err
		}},
		{"list", "eu", func(svc *voicemail.Service, _ voicemail.Message) error {
			for _, err := range svc.Mailbox("5001").Messages(e.ctx, nil) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"read a message", "eu", func(svc *voicemail.Service, msg voicemail.Message) error {
			_, err := svc.Mailbox("5001").Message(e.ctx, msg.ID())
			return err
		}},
		{"find by caller", "eu", func(svc *voicemail.Service, _ voicemail.Message) error { return w.tryFind(svc, caller) }},
		{"mark read", "eu", func(_ *voicemail.Service, msg voicemail.Message) error { return msg.MarkRead(e.ctx) }},
		{"mark unread", "eu", func(_ *voicemail.Service, msg voicemail.Message) error { return msg.MarkUnread(e.ctx) }},
		{"set urgent", "eu", func(_ *voicemail.Service, msg voicemail.Message) error { return msg.SetUrgent(e.ctx, true) }},
		{"set expiry", "eu", func(_ *voicemail.Service, msg voicemail.Message) error {
			return msg.SetExpiry(e.ctx, w.clock.now().Add(month))
		}},
		{"trash", "eu", func(_ *voicemail.Service, msg voicemail.Message) error { return msg.Trash(e.ctx) }},
		{"settings", "eu", func(svc *voicemail.Service, _ voicemail.Message) error {
			_, err := svc.Mailbox("5001").UpdateSettings(e.ctx, func(*voicemail.Settings) error { return nil })
			return err
		}},
		{"list mailboxes", "eu", func(svc *voicemail.Service, _ voicemail.Message) error {
			for _, err := range svc.Mailboxes(e.ctx) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"list regions", "eu", func(svc *voicemail.Service, _ voicemail.Message) error {
			_, err := svc.Regions(e.ctx)
			return err
		}},
		{"play", "us eu", func(_ *voicemail.Service, msg voicemail.Message) error {
			r, err := msg.Open(e.ctx)
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.ReadAll(r)
			return err
		}},
		{"deposit", "asia", func(svc *voicemail.Service, _ voicemail.Message) error { // without eu it waits in asia
			_, err := svc.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(wav(5)), &voicemail.DepositOptions{Caller: caller})
			return err
		}},
		{"copy", "us eu asia", func(_ *voicemail.Service, msg voicemail.Message) error {
			_, err := msg.CopyTo(e.ctx, "5002", nil)
			return err
		}},
		{"move", "us eu asia", func(_ *voicemail.Service, msg voicemail.Message) error {
			_, err := msg.MoveTo(e.ctx, "5002")
			return err
		}},
		{"delete", "us eu asia", func(_ *voicemail.Service, msg voicemail.Message) error { return msg.Delete(e.ctx) }},
		{"maintain", "us eu asia", func(svc *voicemail.Service, _ voicemail.Message) error {
			_, err := svc.Maintain(e.ctx)
			return err
		}},
		{"sync", "us eu asia", func(svc *voicemail.Service, _ voicemail.Message) error {
			_, err := svc.Sync(e.ctx)
			return err
		}},
		{"ping", "us eu asia", func(svc *voicemail.Service, _ voicemail.Message) error { return svc.Ping(e.ctx) }},
	} {
		for _, region := range worldRegions() {
			svc := w.in("asia")
			msg := fresh(svc)
			w.down(region)
			err := row.do(svc, msg)
			w.up()
			if strings.Contains(row.needs, region) {
				w.blames(err, region, storage.ErrUnavailable, row.name)
				w.letGo(err)
			} else {
				require.NoError(e, err, "%s without %s", row.name, region)
			}
			// What failed half way is finished, and nothing is lost or doubled.
			w.pass(rest)
			w.sync()
			w.maintain()
			w.pass(rest)
			w.maintain()
			e.sound(w.svc)
			in := w.places(held)
			if row.name == "delete" && region != "eu" { // the gone mark was made
				require.Empty(e, in)
				continue
			}
			require.Len(e, in, 1, "%s without %s", row.name, region)
			left, err := w.svc.Mailbox(in[0]).Message(e.ctx, held.ID())
			require.NoError(e, err)
			require.NoError(e, left.Delete(e.ctx))
		}
	}
}

// places are the mailboxes in which a message is.
func (w *world) places(msg voicemail.Message) []voicemail.MailboxID {
	w.Helper()
	var in []voicemail.MailboxID
	for _, id := range []voicemail.MailboxID{"5001", "5002"} {
		if _, err := w.svc.Mailbox(id).Message(w.ctx, msg.ID()); err == nil {
			in = append(in, id)
		}
	}
	return in
}

// letGo closes the recording that a failed deposit gives back.
func (w *world) letGo(err error) {
	w.Helper()
	var de *voicemail.DepositError
	if errors.As(err, &de) {
		w.handedBack(err)
	}
}

func outagePing(e *env) {
	w := newWorld(e)
	svc := w.in("us")
	require.NoError(e, svc.Ping(e.ctx))
	before := w.everything()
	for _, region := range worldRegions() {
		w.down(region)
		w.blames(svc.Ping(e.ctx), region, storage.ErrUnavailable, "ping")
		w.up()
	}
	w.down("us", "asia")
	err := svc.Ping(e.ctx)
	require.ErrorContains(e, err, "region us")
	require.ErrorContains(e, err, "region asia")
	w.up()
	require.Equal(e, before, w.everything())
}
