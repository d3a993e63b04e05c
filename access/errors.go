package access

import (
	"errors"
	"fmt"
	"time"

	"github.com/genesys/voicemail"
)

// What a PIN can meet.
var (
	// ErrWrongPIN: it is not the mailbox's; the error is a [*WrongPINError].
	ErrWrongPIN = errors.New("wrong PIN")
	// ErrLocked: too many tries failed; the error is a [*LockedError]. It says nothing of the PIN.
	ErrLocked = errors.New("mailbox is locked")
	// ErrNoPIN: the mailbox has no PIN, and Options.Default gives it none: an administrator has to set one.
	ErrNoPIN = errors.New("mailbox has no PIN")
	// ErrWeakPIN: the PIN is too short, too easy to guess, or the old one. Nothing was changed.
	ErrWeakPIN = errors.New("PIN is too weak")
)

// WrongPINError says how many tries are left before the mailbox is locked. It wraps [ErrWrongPIN].
type WrongPINError struct {
	// Left is 0 if the mailbox is locked now.
	Left int
}

// Error says how many tries are left.
func (e *WrongPINError) Error() string {
	return fmt.Sprintf("%v: %d tries are left", ErrWrongPIN, e.Left)
}

// Unwrap returns ErrWrongPIN.
func (e *WrongPINError) Unwrap() error { return ErrWrongPIN }

// LockedError says until when the mailbox is locked. It wraps [ErrLocked].
type LockedError struct {
	// Until is in UTC. An administrator can end the lock before, by Unlock or Set.
	Until time.Time
}

// Error says until when.
func (e *LockedError) Error() string {
	return fmt.Sprintf("%v until %s", ErrLocked, e.Until.Format(time.RFC3339))
}

// Unwrap returns ErrLocked.
func (e *LockedError) Unwrap() error { return ErrLocked }

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", voicemail.ErrInvalid, fmt.Sprintf(format, args...))
}
