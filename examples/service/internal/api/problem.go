package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/access"
	"github.com/genesys/voicemail/examples/internal/problem"
	"github.com/genesys/voicemail/examples/service/internal/tenants"
	"github.com/genesys/voicemail/storage"
)

// Codes of problems, beside those of package problem.
const (
	messageNotFound  = "message-not-found"
	mailboxNotFound  = "mailbox-not-found"
	mailboxExists    = "mailbox-exists"
	mailboxDisabled  = "mailbox-disabled"
	mailboxFull      = "mailbox-full"
	tooManyMailboxes = "too-many-mailboxes"
	messageHeld      = "message-held"
	messageGone      = "message-gone"
	messagePrivate   = "message-private"
	tooManyParts     = "too-many-parts"
	tooShort         = "too-short"
	wrongPIN         = "wrong-pin"
	weakPIN          = "weak-pin"
	noPIN            = "no-pin"
	pinLocked        = "pin-locked"
	partNotFound     = "part-not-found"
	greetingNotFound = "greeting-not-found"
	messageDamaged   = "message-damaged"
	conflict         = "conflict"
	tooSlow          = "too-slow"
	methodNotAllowed = "method-not-allowed"
)

// known are the errors of the library that have a code, the first that fits first.
var known = []struct {
	err         error
	status      int
	code, title string
	detail      string
}{
	{voicemail.ErrNotFound, http.StatusNotFound, messageNotFound, "There is no such message in this mailbox", ""},
	{voicemail.ErrNoMailbox, http.StatusNotFound, mailboxNotFound, "There is no such mailbox", ""},
	{voicemail.ErrNoGreeting, http.StatusNotFound, greetingNotFound, "There is no such greeting", ""},
	{voicemail.ErrMailboxExists, http.StatusConflict, mailboxExists, "There is a mailbox of this ID", ""},
	{voicemail.ErrDisabled, http.StatusConflict, mailboxDisabled, "The mailbox takes no messages", ""},
	{voicemail.ErrMailboxFull, http.StatusConflict, mailboxFull, "The mailbox is full", "it takes messages again when some were deleted"},
	{voicemail.ErrTooManyMailboxes, http.StatusConflict, tooManyMailboxes, "The user has as many mailboxes as are allowed", ""},
	{voicemail.ErrHeld, http.StatusConflict, messageHeld, "A hold keeps the message", "it can be neither deleted nor moved"},
	{voicemail.ErrPrivate, http.StatusConflict, messagePrivate, "The message is private", "it is neither copied nor moved to another mailbox"},
	{voicemail.ErrTooManyParts, http.StatusConflict, tooManyParts, "The message has as many parts as it can have", ""},
	{voicemail.ErrTooShort, http.StatusBadRequest, tooShort, "The recording is shorter than the mailbox takes", ""},
	{access.ErrNoPIN, http.StatusConflict, noPIN, "The mailbox has no PIN", "an administrator has to set one"},
	{access.ErrWeakPIN, http.StatusBadRequest, weakPIN, "The PIN is too weak", "it is too short, one digit repeated, a run of digits, the number of the mailbox, or the old one"},
	{voicemail.ErrGone, http.StatusGone, messageGone, "The message of this ID was deleted or moved away", "it is not taken again"},
	{voicemail.ErrConflict, http.StatusConflict, conflict, "Somebody else is at it, or the ID is that of another message", "look again, then repeat"},
	{voicemail.ErrTooLarge, http.StatusRequestEntityTooLarge, problem.TooLarge, "What was sent is longer than is taken", ""},
	{voicemail.ErrEmpty, http.StatusBadRequest, problem.InvalidRequest, "The recording has no bytes", ""},
	{voicemail.ErrDamaged, http.StatusInternalServerError, messageDamaged, "What is stored of the message is not what was deposited", ""},
}

// problemOf returns the problem that an error of the library is to a client.
func problemOf(err error) *problem.Problem {
	var p *problem.Problem
	if errors.As(err, &p) {
		return p
	}
	if p := pinProblem(err); p != nil {
		return p
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return problem.New(k.status, k.code, k.title, k.detail).Because(err)
		}
	}
	switch {
	case errors.Is(err, voicemail.ErrInvalid):
		return badRequest(argument(err)).Because(err)
	case errors.Is(err, tenants.ErrBusy), errors.Is(err, tenants.ErrClosed):
		return busy("The service has too much to do").Because(err)
	case errors.Is(err, storage.ErrUnavailable):
		return busy("The storage does not answer").Because(err)
	case errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		return problem.Common(context.Canceled)
	}
	return problem.Common(err)
}

// pinProblem returns the problem of a PIN that was not right, or that is not looked at; nil if that is not the error.
func pinProblem(err error) *problem.Problem {
	var wrong *access.WrongPINError
	var locked *access.LockedError
	switch {
	case errors.As(err, &wrong):
		return problem.New(http.StatusForbidden, wrongPIN, "The PIN is not that of the mailbox", fmt.Sprintf("tries left: %d", wrong.Left)).Because(err)
	case errors.As(err, &locked):
		p := problem.New(http.StatusTooManyRequests, pinLocked, "Too many PINs were wrong", "wait, or ask an administrator to unlock the mailbox").Because(err)
		p.RetryAfter = max(time.Until(locked.Until), time.Second)
		return p
	}
	return nil
}

// argument returns what the library says of an argument, without the operation and the place, which the client knows. It holds no number, by the contract of the library.
func argument(err error) string {
	var e *voicemail.Error
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return ""
}

func badRequest(detail string) *problem.Problem {
	return problem.New(http.StatusBadRequest, problem.InvalidRequest, "The request is not right", detail)
}

func tooLarge(limit int64) *problem.Problem {
	return problem.New(http.StatusRequestEntityTooLarge, problem.TooLarge, "The request is too large", fmt.Sprintf("up to %d bytes are taken", limit))
}

func mediaType(want string) *problem.Problem {
	return problem.New(http.StatusUnsupportedMediaType, problem.MediaType, "The request has another media type", "set Content-Type to "+want)
}

func nothingHere() *problem.Problem {
	return problem.New(http.StatusNotFound, problem.NotFound, "There is nothing here", "")
}

func forbidden(detail string) *problem.Problem {
	return problem.New(http.StatusForbidden, problem.Forbidden, "This is not permitted", detail)
}

func busy(title string) *problem.Problem {
	p := problem.New(http.StatusServiceUnavailable, problem.Unavailable, title, "try again later")
	p.RetryAfter = 2 * time.Second
	return p
}
