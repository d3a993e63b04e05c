package voicemail

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// CallerIDVersion is the version of the rules of [ParseCallerID]. It is stored with every message; the rules of a version
// never change, since what was deposited under them must be found under them.
const CallerIDVersion = 1

// MaxCallerID is the longest caller identity and the longest display name in bytes.
const MaxCallerID = 256

const redacted = "REDACTED"

// CallerID is who called: a number, another identity such as a SIP address, or nobody that is known. It may carry the display name
// that came with it. The zero value is a withheld caller.
//
// It prints as REDACTED under every verb of fmt, in JSON, in text and in slog, also as a field of a struct, so that a number is in no log by
// accident; [CallerID.Reveal] is the one way to get it. It is compared with [CallerID.Equal]: == compares nothing useful. A CallerID
// is immutable and safe for concurrent use.
type CallerID struct {
	p *sealed
}

// sealed hides a party behind a second pointer. Where fmt cannot call the methods of a CallerID, in an unexported field, it follows one
// pointer under a verb that does not fit, but never two.
type sealed struct{ *party }

type party struct {
	kind   partyKind
	number string // the canonical identity
	name   string
}

type partyKind byte

const (
	withheld partyKind = iota
	number
	opaque
)

// ParseCallerID takes a caller's identity as telephony delivers it: digits with or without separators, tel: and sip: URIs (RFC 3966, RFC 3261),
// with a display name before it or not. It never fails; what is no number is kept as it is, as an identity of its own.
//
// Version 1 of the rules:
//
//   - `"Name" <identity>`, `Name <identity>` and `<identity>` are taken apart; parameters behind a semicolon are dropped.
//   - tel: gives its number. sip: and sips: give the number before the @ if it has seven digits or more (a + counts as one), or if user=phone is set;
//     else the address without port and parameters, in lower case, is an opaque identity.
//   - Spaces and the separators - . ( ) / between digits do not count. 00 before at least eight more digits is +.
//   - One to 32 digits, with + or without, are a number. A number without + is not guessed to be of any country: see Options.Normalize.
//   - Nothing, anonymous, private, restricted, unavailable, unknown, withheld and blocked, also as the user of a SIP address, the number of zeros
//     only, one digit seven times or more, and the words ANONYMOUS, UNKNOWN and RESTRICTED typed on a keypad (266696687, 8656696, 7378742833)
//     are withheld: no index entry, no match.
//   - Anything else is opaque, without surrounding space and with A-Z in lower case.
//
// The canonical form, which Reveal returns, is read as itself.
func ParseCallerID(s string) CallerID {
	// What is no UTF-8 would not come back from JSON as it went in, and then match nothing.
	name, id := splitName(strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD")))
	p := &party{name: name}
	p.kind, p.number = canonical(id)
	return CallerID{&sealed{p}}
}

// WithName returns the caller with this display name, for switches that deliver it apart.
func (c CallerID) WithName(name string) CallerID {
	p := &party{name: strings.ToValidUTF8(name, "\uFFFD")}
	if c.p != nil {
		p.kind, p.number = c.p.kind, c.p.number
	}
	return CallerID{&sealed{p}}
}

// Reveal returns the identity in its canonical form, "" for a withheld caller. It is personal data.
func (c CallerID) Reveal() string {
	if c.p == nil {
		return ""
	}
	return c.p.number
}

// RevealName returns the display name. It is personal data.
func (c CallerID) RevealName() string {
	if c.p == nil {
		return ""
	}
	return c.p.name
}

// Withheld reports whether the caller is not known. Withheld callers match nothing, not even each other.
func (c CallerID) Withheld() bool { return c.p == nil || c.p.kind == withheld }

// IsNumber reports whether the identity is a telephone number, in the form of a country (+…) or not.
func (c CallerID) IsNumber() bool { return c.p != nil && c.p.kind == number }

// Equal reports whether both are the same known caller. Names do not count.
func (c CallerID) Equal(o CallerID) bool {
	return !c.Withheld() && !o.Withheld() && c.p.number == o.p.number
}

// check reports whether the caller can be stored.
func (c CallerID) check() error {
	if len(c.Reveal()) > MaxCallerID || len(c.RevealName()) > MaxCallerID {
		return fmt.Errorf("a caller's identity and name have at most %d bytes each", MaxCallerID)
	}
	return nil
}

// Format prints REDACTED under every verb.
func (CallerID) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// String returns REDACTED.
func (CallerID) String() string { return redacted }

// MarshalText returns REDACTED; so does JSON.
func (CallerID) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText parses a caller's identity. It refuses REDACTED: what was redacted once is gone.
func (c *CallerID) UnmarshalText(text []byte) error {
	if strings.EqualFold(strings.TrimSpace(string(text)), redacted) {
		return errors.New("a redacted caller ID cannot be read back")
	}
	*c = ParseCallerID(string(text))
	return nil
}

// LogValue returns REDACTED.
func (CallerID) LogValue() slog.Value { return slog.StringValue(redacted) }

func splitName(s string) (name, id string) {
	open := strings.LastIndexByte(s, '<')
	if open < 0 {
		return "", s
	}
	id = s[open+1:]
	if end := strings.IndexByte(id, '>'); end >= 0 {
		id = id[:end]
	}
	name = strings.TrimSpace(s[:open])
	if len(name) >= 2 && name[0] == '"' && name[len(name)-1] == '"' {
		name = name[1 : len(name)-1]
		name = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(name)
	}
	return name, strings.TrimSpace(id)
}

// canonical returns the identity in a form that is read as itself.
func canonical(id string) (partyKind, string) {
	id = lowerASCII(id)
	for _, scheme := range []string{"sip:", "sips:"} {
		if rest, ok := strings.CutPrefix(id, scheme); ok {
			return sipIdentity(scheme, rest)
		}
	}
	if rest, ok := strings.CutPrefix(id, "tel:"); ok {
		return plainIdentity("tel:", rest)
	}
	return plainIdentity("", id)
}

// plainIdentity reads what is no SIP URI: a number, else opaque with its scheme.
func plainIdentity(scheme, id string) (partyKind, string) {
	id, _, _ = strings.Cut(id, ";")
	id = strings.TrimSpace(id)
	if isWithheldWord(id) || strings.HasPrefix(id, "anonymous@") {
		return withheld, ""
	}
	if n, ok := digits(id); ok {
		return numberIdentity(n)
	}
	return opaque, scheme + id
}

// sipIdentity reads a SIP URI behind its scheme.
func sipIdentity(scheme, rest string) (partyKind, string) {
	user, host, found := strings.Cut(rest, "@")
	if !found {
		user, host = "", rest
	}
	host, _, _ = strings.Cut(host, "?")
	host, params, _ := strings.Cut(host, ";")
	host = stripPort(strings.TrimSpace(host))
	user, _, _ = strings.Cut(user, ";")
	user, _, _ = strings.Cut(user, ":")
	user = strings.TrimSpace(user)
	if found && isWithheldWord(user) || !found && isWithheldWord(host) || host == "anonymous.invalid" {
		return withheld, ""
	}
	phone := false
	for p := range strings.SplitSeq(params, ";") {
		phone = phone || strings.TrimSpace(p) == "user=phone"
	}
	if n, ok := digits(strings.ReplaceAll(user, "%2b", "+")); ok && (phone || len(n) >= sipNumber) {
		return numberIdentity(n)
	}
	if !found {
		return opaque, scheme + host
	}
	return opaque, scheme + user + "@" + host
}

// stripPort removes the port. What has more colons behind its brackets than the one of a port is left as it is.
func stripPort(host string) string {
	tail := host[strings.LastIndexByte(host, ']')+1:]
	if strings.Count(tail, ":") != 1 {
		return host
	}
	return strings.TrimSpace(host[:strings.LastIndexByte(host, ':')])
}

func numberIdentity(n string) (partyKind, string) {
	if isWithheldNumber(n) {
		return withheld, ""
	}
	return number, n
}

const maxDigits = 32

// sipNumber is from how many digits on the user of a SIP address is a number without saying so. Trunks deliver numbers that way; short ones are the extensions of
// some switch, and the same on the next.
const sipNumber = 7

// digits returns the number in s without separators, and whether s is a number.
func digits(s string) (string, bool) {
	s = strings.TrimSpace(s)
	var b strings.Builder
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		b.WriteByte('+')
		s = rest
	}
	n := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			b.WriteByte(c)
			n++
		case strings.IndexByte(" \t-.()/", c) >= 0:
		default:
			return "", false
		}
	}
	if n == 0 || n > maxDigits {
		return "", false
	}
	d := b.String()
	if rest, ok := strings.CutPrefix(d, "00"); ok && len(rest) >= 8 && strings.Trim(rest, "0") != "" {
		return "+" + rest, true
	}
	return d, true
}

func isWithheldWord(s string) bool {
	switch s {
	case "", "anonymous", "private", "restricted", "unavailable", "unknown", "withheld", "blocked":
		return true
	}
	return false
}

func isWithheldNumber(n string) bool {
	n = strings.TrimPrefix(n, "+")
	switch n {
	case "266696687", "8656696", "7378742833":
		return true
	}
	same := strings.Count(n, n[:1]) == len(n)
	return same && (n[0] == '0' || len(n) >= 7)
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + ('a' - 'A')
		}
	}
	return string(b)
}
