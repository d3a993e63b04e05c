package mwi

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// What a notification says of itself in SIP.
const (
	// EventPackage is the value of the Event header (RFC 3842, section 3.1).
	EventPackage = "message-summary"
	// ContentType is the media type of the text form of a [Summary] (RFC 3842, section 3.5).
	ContentType = "application/simple-message-summary"
)

// ErrInvalid is wrapped by every error of a [Summary]: it cannot be written, or the text is none. The text of such an error says what is
// wrong, and where; it never repeats the account, which may be a telephone number.
var ErrInvalid = errors.New("invalid message summary")

// Summary says what waits in a mailbox. The zero value says that nothing does.
type Summary struct {
	// Account is the URI of the mailbox, without angle brackets, such as sip:5001@pbx.example. It may be empty where the subscription leaves
	// no doubt; one for several mailboxes needs it (RFC 3842, section 3.5). Only what would break the text is refused: spaces, control
	// characters, angle brackets, bytes that are no UTF-8.
	Account string
	// Counts are the voice messages. The text holds at most 2^32-1 of each kind; what is more is written as that.
	Counts Counts
	// Uncounted: messages wait, and nobody says how many. Counts is zero then. This library always counts; other systems send such
	// summaries, and a telephone shows them as its lamp alone.
	Uncounted bool
}

// Waiting reports whether there are new messages: whether the lamp is lit.
func (s Summary) Waiting() bool {
	return s.Uncounted || s.Counts.New > 0
}

// MarshalText returns the body of a notification, in the grammar of RFC 3842, section 5.2: the status, the account if there is one,
// and the counts with their urgent part, in lines that end with CR LF. A Summary that contradicts itself (more urgent messages than
// messages, a negative count, Uncounted with counts) is [ErrInvalid].
func (s Summary) MarshalText() ([]byte, error) {
	return s.AppendText(nil)
}

// AppendText appends what MarshalText returns.
func (s Summary) AppendText(b []byte) ([]byte, error) {
	if err := s.check(); err != nil {
		return b, err
	}
	if s.Waiting() {
		b = append(b, "Messages-Waiting: yes\r\n"...)
	} else {
		b = append(b, "Messages-Waiting: no\r\n"...)
	}
	if s.Account != "" {
		b = append(append(append(b, "Message-Account: "...), s.Account...), "\r\n"...)
	}
	if s.Uncounted {
		return b, nil
	}
	return append(appendCounts(append(b, "Voice-Message: "...), s.Counts), "\r\n"...), nil
}

// appendCounts appends "new/old (new urgent/old urgent)".
func appendCounts(b []byte, c Counts) []byte {
	b = append(appendCount(b, c.New), '/')
	b = append(appendCount(b, c.Old), " ("...)
	b = append(appendCount(b, c.NewUrgent), '/')
	return append(appendCount(b, c.OldUrgent), ')')
}

func appendCount(b []byte, n int) []byte {
	return strconv.AppendUint(b, min(uint64(n), math.MaxUint32), 10)
}

// check reports what keeps s from being written.
func (s Summary) check() error {
	c := s.Counts
	switch {
	case min(c.New, c.Old, c.NewUrgent, c.OldUrgent) < 0:
		return invalid("a count is negative")
	case c.NewUrgent > c.New || c.OldUrgent > c.Old:
		return invalid("more urgent messages than messages")
	case s.Uncounted && c != Counts{}:
		return invalid("counts of what is not counted")
	}
	return checkAccount(s.Account)
}

func checkAccount(account string) error {
	if !utf8.ValidString(account) {
		return invalid("account is not UTF-8")
	}
	for _, r := range account {
		if r == '<' || r == '>' || unicode.IsSpace(r) || !unicode.IsGraphic(r) {
			return invalid(fmt.Sprintf("account has the character %U", r))
		}
	}
	return nil
}

func invalid(what string) error {
	return fmt.Errorf("%w: %s", ErrInvalid, what)
}
