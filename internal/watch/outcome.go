package watch

import (
	"context"
	"errors"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
)

// Outcome is how a call ended: one of a small fixed set, so that it can be a label.
type Outcome struct {
	// Kind is "ok", or what went wrong.
	Kind string
	// Failed is whether the system did not do what it should. A call that was answered with a refusal (no such message, mailbox full) has not failed, nor has
	// one that its caller gave up.
	Failed bool
}

// What is no error of the library's.
var (
	OK       = Outcome{Kind: "ok"}
	Canceled = Outcome{Kind: "canceled"}
	Timeout  = Outcome{Kind: "timeout", Failed: true}
	Other    = Outcome{Kind: "other", Failed: true}
)

// kinds are the sentinels, in the order in which they are looked for: what was refused to the caller comes before its cause in the storage.
var kinds = []struct {
	err error
	Outcome
}{
	{context.Canceled, Canceled}, // whatever the storage makes of it
	{voicemail.ErrNotFound, Outcome{Kind: "not_found"}},
	{voicemail.ErrNoGreeting, Outcome{Kind: "no_greeting"}},
	{voicemail.ErrNoMailbox, Outcome{Kind: "no_mailbox"}},
	{voicemail.ErrMailboxExists, Outcome{Kind: "mailbox_exists"}},
	{voicemail.ErrDisabled, Outcome{Kind: "disabled"}},
	{voicemail.ErrMailboxFull, Outcome{Kind: "mailbox_full"}},
	{voicemail.ErrTooManyParts, Outcome{Kind: "too_many_parts"}},
	{voicemail.ErrTooManyMailboxes, Outcome{Kind: "too_many_mailboxes"}},
	{voicemail.ErrHeld, Outcome{Kind: "held"}},
	{voicemail.ErrPrivate, Outcome{Kind: "private"}},
	{voicemail.ErrGone, Outcome{Kind: "gone"}},
	{voicemail.ErrConflict, Outcome{Kind: "conflict"}},
	{voicemail.ErrDamaged, Outcome{Kind: "damaged", Failed: true}},
	{voicemail.ErrInvalid, Outcome{Kind: "invalid"}},
	{voicemail.ErrTooLarge, Outcome{Kind: "too_large"}},
	{voicemail.ErrTooShort, Outcome{Kind: "too_short"}},
	{voicemail.ErrEmpty, Outcome{Kind: "empty"}},
	{voicemail.ErrIndexKey, Outcome{Kind: "index_key", Failed: true}},
	{storage.ErrNotExist, Outcome{Kind: "not_exist"}},
	{storage.ErrExists, Outcome{Kind: "exists"}},
	{storage.ErrCorrupt, Outcome{Kind: "corrupt", Failed: true}},
	{storage.ErrBlocked, Outcome{Kind: "blocked", Failed: true}},
	{storage.ErrInvalid, Outcome{Kind: "invalid"}},
	{storage.ErrPermission, Outcome{Kind: "permission", Failed: true}},
	{storage.ErrUnavailable, Outcome{Kind: "unavailable", Failed: true}},
	{storage.ErrUnsuitable, Outcome{Kind: "unsuitable", Failed: true}},
	{storage.ErrClosed, Outcome{Kind: "closed", Failed: true}},
	{errors.ErrUnsupported, Outcome{Kind: "unsupported"}},
	{context.DeadlineExceeded, Timeout},
}

// OutcomeOf returns how a call ended that returned err.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return OK
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.Outcome
		}
	}
	return Other
}
