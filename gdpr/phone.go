package gdpr

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/genesys/voicemail"
)

const redacted = "REDACTED"

// Phone is the number of a person as a request gave it. The zero value is an empty one, which matches nothing.
//
// It prints as REDACTED under every verb of fmt, in JSON, in text and in slog, also as a field of a struct; [Phone.Reveal] is the one way to get it.
// == compares nothing useful: compare what CallerID returns. A Phone is immutable and safe for concurrent use.
type Phone struct {
	p *sealed
}

// sealed hides a number behind a second pointer. Where fmt cannot call the methods of a Phone, in an unexported field, it follows one
// pointer under a verb that does not fit, but never two.
type sealed struct{ *given }

type given struct {
	text   string
	caller voicemail.CallerID
}

// NewPhone returns a phone as it is given; see [voicemail.ParseCallerID] for how it is understood.
func NewPhone(number string) Phone {
	return Phone{&sealed{&given{number, voicemail.ParseCallerID(number)}}}
}

// Reveal returns the number as it was given. It is personal data.
func (p Phone) Reveal() string {
	if p.p == nil {
		return ""
	}
	return p.p.text
}

// CallerID returns the caller that is meant; a withheld one if the number is of nobody.
func (p Phone) CallerID() voicemail.CallerID {
	if p.p == nil {
		return voicemail.CallerID{}
	}
	return p.p.caller
}

// Format prints REDACTED under every verb.
func (Phone) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// String returns REDACTED.
func (Phone) String() string { return redacted }

// MarshalText returns REDACTED; so does JSON. Who publishes a number reveals it on purpose.
func (Phone) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns REDACTED.
func (Phone) LogValue() slog.Value { return slog.StringValue(redacted) }
