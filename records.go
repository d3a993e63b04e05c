package voicemail

import (
	"context"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/records"
	"github.com/genesys/voicemail/storage"
)

// Records is for packages of this module that keep records of mailboxes, as package access does. No package outside this module has a key for it.
func (s *Service) Records(records.Key) records.Ops { return &recorder{s} }

// recorder is what such packages see of a Service.
type recorder struct{ *Service }

func (r *recorder) Space() keys.Space    { return r.space }
func (r *recorder) Now() time.Time       { return r.opts.Now() }
func (r *recorder) Nonce() string        { return r.ids.nonce() }
func (r *recorder) Store() storage.Store { return r.master }

func (r *recorder) CreateOnce(ctx context.Context, key string, doc []byte) (bool, error) {
	return r.createOnce(ctx, r.master, key, doc, nil)
}

func (r *recorder) Life(ctx context.Context, id string) (int, error) {
	v, err := r.mailbox(MailboxID(id)).existing(ctx, listing{prefix: "set-"})
	if err != nil {
		return 0, err
	}
	return v.settings.Gen, nil
}

func (r *recorder) Emit(kind, mailbox string) { r.emit(EventKind(kind), MailboxID(mailbox), "", "") }

func (r *recorder) Fail(op, mailbox string, err error) error {
	return r.fail(op, MailboxID(mailbox), "", err)
}
