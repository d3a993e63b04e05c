package voicemail

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// What a mailbox or message can be.
var (
	// ErrNotFound: there is no such message in this mailbox, or none that may be seen: deleted, moved away, restricted by a forget request.
	ErrNotFound = errors.New("message not found")
	// ErrNoGreeting: the mailbox has no such greeting, or none to play.
	ErrNoGreeting = errors.New("greeting is not set")
	// ErrNoMailbox: there is no such mailbox, or it was deleted.
	ErrNoMailbox = errors.New("mailbox does not exist")
	// ErrMailboxExists: CreateMailbox of one that exists.
	ErrMailboxExists = errors.New("mailbox exists already")
	// ErrDisabled: the mailbox takes no messages.
	ErrDisabled = errors.New("mailbox is disabled")
	// ErrMailboxFull: a quota is reached; the error is a [*QuotaError].
	ErrMailboxFull = errors.New("mailbox is full")
	// ErrTooManyParts: the message has 100 parts; the error is a [*QuotaError].
	ErrTooManyParts = errors.New("message has too many parts")
	// ErrTooManyMailboxes: a user owns as many mailboxes as Limits.MailboxesPerUser says; the error is a [*QuotaError].
	ErrTooManyMailboxes = errors.New("user has too many mailboxes")
	// ErrHeld: a hold keeps the message from being deleted and moved; or a hold or a forget request keeps its mailbox from being deleted.
	ErrHeld = errors.New("message is held")
	// ErrPrivate: the message is private, so it is neither copied nor moved to another mailbox.
	ErrPrivate = errors.New("message is private")
	// ErrGone: the message ID was used, and its message was deleted or moved away since. A deposit of it is not repeated.
	ErrGone = errors.New("message ID was used and its message is gone")
	// ErrConflict: somebody else is at it: the ID was used for another message, or the message is being moved. What to do stands in the text.
	ErrConflict = errors.New("conflict")
	// ErrDamaged: what is stored of the message or greeting is not what was deposited.
	ErrDamaged = errors.New("message is damaged")
)

// What a call can be.
var (
	// ErrInvalid: an argument cannot be right; the text says which and what is possible. Nothing was changed.
	ErrInvalid = errors.New("invalid argument")
	// ErrTooLarge: the recording is longer than Limits or the mailbox allow, in bytes or in time; or a part of a message is longer than it may be.
	ErrTooLarge = errors.New("recording is too large")
	// ErrTooShort: the recording lasts less than the mailbox takes, as far as that is known; see Policy.MinDuration.
	ErrTooShort = errors.New("recording is too short")
	// ErrEmpty: the recording, or the part, has no bytes.
	ErrEmpty = errors.New("recording is empty")
	// ErrIndexKey: the caller index was made with another key, or its key is missing. See Options.IndexKey.
	ErrIndexKey = errors.New("key of the caller index does not fit")
)

// Error is the error of an operation of this package. It wraps one of the package's sentinels or an error of the storage (see
// the sentinels of package storage, first of all storage.ErrUnavailable). Its text never holds a caller's number or name.
type Error struct {
	// Op is the operation: "deposit", "mark read", "count", …
	Op string
	// Mailbox and Message say where; either may be empty.
	Mailbox MailboxID
	Message MessageID
	// Region is the region whose storage failed; empty if none did.
	Region string
	// Err is the cause.
	Err error
}

// Error returns the operation, the place and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Mailbox != "" {
		fmt.Fprintf(&b, " in mailbox %q", string(e.Mailbox))
	}
	if e.Message != "" {
		fmt.Fprintf(&b, " message %s", string(e.Message))
	}
	if e.Region != "" {
		fmt.Fprintf(&b, " (region %s)", e.Region)
	}
	return strings.TrimPrefix(b.String()+": ", " ") + e.Err.Error() // a part of an operation has no name
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// QuotaError says which quota of a mailbox a deposit, copy or move met, or that a user has too many mailboxes, or a message too many parts. It wraps
// [ErrMailboxFull], [ErrTooManyMailboxes] or [ErrTooManyParts].
type QuotaError struct {
	// Quota is "messages", "bytes", "mailboxes" or "parts".
	Quota string
	// Limit is the quota, Used what there is.
	Limit, Used int64
}

const (
	mailboxQuota = "mailboxes"
	partQuota    = "parts"
)

// Error says which quota, how large it is, and what is in use.
func (e *QuotaError) Error() string {
	return fmt.Sprintf("%v: %d of %d %s are used", e.Unwrap(), e.Used, e.Limit, e.Quota)
}

// Unwrap returns the sentinel of the quota.
func (e *QuotaError) Unwrap() error {
	switch e.Quota {
	case mailboxQuota:
		return ErrTooManyMailboxes
	case partQuota:
		return ErrTooManyParts
	}
	return ErrMailboxFull
}

// DepositError is what a failed deposit returns once it has begun to read the recording. The recording is often the only copy of
// what the caller said, so it comes back: Audio reads what was read, from its start. The caller closes Audio.
//
// Depositing Audio again with DepositOptions.ID set to ID cannot make a second message.
type DepositError struct {
	// ID is the message's ID, given or made.
	ID MessageID
	// Audio is all that was read from the recording.
	Audio io.ReadSeekCloser
	// Uncertain: the storage failed in such a way that the message may have been stored after all. Only a retry with the same ID tells.
	Uncertain bool
	// Err is the cause; an [*Error].
	Err error
}

// Error returns the cause's text.
func (e *DepositError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *DepositError) Unwrap() error { return e.Err }

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
