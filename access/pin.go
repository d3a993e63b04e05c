package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Bounds of a PIN, in digits.
const (
	MinDigits = 4
	MaxDigits = 16
)

const redacted = "REDACTED"

// PIN is what a user types to get into a mailbox: [MinDigits] to [MaxDigits] digits. The zero value is none.
//
// It prints as REDACTED under every verb of fmt, in JSON, in text and in slog, also as a field of a struct, and there is no way to get the digits back. It cannot be
// compared. A PIN is immutable and safe for concurrent use.
type PIN struct {
	digits func() string // a function, since nothing prints what it has
}

// ParsePIN takes the digits 0 to 9 and nothing else. The error, voicemail.ErrInvalid, does not say what s was.
func ParsePIN(s string) (PIN, error) {
	if len(s) < MinDigits || len(s) > MaxDigits || strings.Trim(s, "0123456789") != "" {
		return PIN{}, invalid("a PIN has %d to %d digits, and nothing else", MinDigits, MaxDigits)
	}
	return PIN{func() string { return s }}, nil
}

// Format prints REDACTED under every verb.
func (PIN) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// String returns REDACTED.
func (PIN) String() string { return redacted }

// MarshalText returns REDACTED; so does JSON.
func (PIN) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText parses a PIN, for requests that carry one as a string.
func (p *PIN) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePIN(string(text))
	return err
}

// LogValue returns REDACTED.
func (PIN) LogValue() slog.Value { return slog.StringValue(redacted) }

func (p PIN) check() error {
	if p.digits == nil {
		return invalid("there is no PIN; ParsePIN makes one")
	}
	return nil
}

// equal compares keyed digests, whose comparison tells nothing of how much is the same.
func (p PIN) equal(other PIN) bool {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	digest := func(p PIN) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(p.digits()))
		return mac.Sum(nil)
	}
	return hmac.Equal(digest(p), digest(other))
}

// trivial reports whether the PIN is among the first that somebody would try: one digit, a run of digits up or down, or the mailbox's own number.
func (p PIN) trivial(mailbox string) bool {
	s := p.digits()
	run := func(step byte) bool {
		for i := 1; i < len(s); i++ {
			if (s[i-1]-'0'+step)%10 != s[i]-'0' {
				return false
			}
		}
		return true
	}
	return run(0) || run(1) || run(9) || s == mailbox
}
