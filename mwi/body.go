package mwi

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bounds of the text that UnmarshalText reads.
const (
	maxBody  = 64 << 10
	maxLines = 1000
)

// UnmarshalText reads the body of a notification, of this library or of another system. s is unchanged after an error, which is
// [ErrInvalid].
//
// The grammar is that of RFC 3842, section 5.2, read generously: names in any case and order, spaces before the colon and around the
// counts, lines that end with LF or go on in the next one, an account in angle brackets, no urgent counts (they are 0 then), counts beyond
// 2^32-1 (they are that then). What is said of other kinds of messages (Fax-Message: 1/0) must be well formed and is passed over, and so
// are all other lines and the headers of single messages behind the first empty line. Refused are a missing status, a second status,
// account or count of voice messages, counts that are no numbers or contradict each other, an account that could not be written again,
// control characters, more than 64 KiB and more than 1,000 lines.
//
// The counts are believed, not the status, which speaks for fax and text messages too. A status without any counts is all that some
// systems send: "no" is zero, "yes" is Uncounted.
func (s *Summary) UnmarshalText(text []byte) error {
	lines, err := unfold(text)
	if err != nil {
		return err
	}
	p := parser{seen: map[string]bool{}}
	for i, line := range lines {
		if err := p.line(line); err != nil {
			return fmt.Errorf("%w (header %d)", err, i+1)
		}
	}
	if !p.seen[nameStatus] {
		return invalid("no status")
	}
	p.Uncounted = p.yes && !p.classes
	if err := p.check(); err != nil {
		return err
	}
	*s = p.Summary
	return nil
}

// unfold returns the lines before the first empty one, each with those that continue it.
func unfold(text []byte) ([]string, error) {
	if len(text) > maxBody {
		return nil, invalid("too long")
	}
	var lines []string
	n := 0
	for line := range strings.Lines(string(text)) {
		if n++; n > maxLines {
			return nil, invalid("too many lines")
		}
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line == "" {
			break
		}
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }) {
			return nil, invalid("control character")
		}
		if line[0] != ' ' && line[0] != '\t' {
			lines = append(lines, line)
			continue
		}
		if len(lines) == 0 {
			return nil, invalid("starts with a continuation")
		}
		lines[len(lines)-1] += " " + trim(line)
	}
	return lines, nil
}

func trim(s string) string { return strings.Trim(s, " \t") }

// The names of lines, in lower case.
const (
	nameStatus  = "messages-waiting"
	nameAccount = "message-account"
	nameVoice   = "voice-message"
)

// parser collects what the lines say.
type parser struct {
	Summary
	yes     bool // the status
	classes bool // something was counted, voice messages or others
	seen    map[string]bool
}

func (p *parser) line(line string) error {
	name, value, ok := strings.Cut(line, ":")
	name, value = strings.ToLower(trim(name)), trim(value)
	if !ok || name == "" || strings.ContainsAny(name, " \t") {
		return invalid("not a header")
	}
	switch name {
	case nameStatus, nameAccount, nameVoice:
		if p.seen[name] {
			return invalid(name + " twice")
		}
		p.seen[name] = true
	}
	switch {
	case name == nameStatus:
		p.yes = strings.EqualFold(value, "yes")
		if !p.yes && !strings.EqualFold(value, "no") {
			return invalid("status is neither yes nor no")
		}
	case name == nameAccount:
		if inner, ok := strings.CutPrefix(value, "<"); ok {
			value = strings.TrimSuffix(inner, ">")
		}
		p.Account = value
		return checkAccount(value)
	case name == "none" || strings.HasSuffix(name, "-message"): // the classes of RFC 3458, and those that others added
		counts, ok := parseCounts(value)
		if !ok {
			return invalid("not counts")
		}
		p.classes = true
		if name == nameVoice {
			p.Counts = counts
		}
	}
	return nil
}

// parseCounts reads "new/old", or "new/old (new urgent/old urgent)".
func parseCounts(s string) (Counts, bool) {
	r := countReader{rest: s, ok: true}
	var c Counts
	c.New = r.count()
	r.skip('/')
	c.Old = r.count()
	if r.rest != "" {
		r.skip('(')
		c.NewUrgent = r.count()
		r.skip('/')
		c.OldUrgent = r.count()
		r.skip(')')
	}
	return c, r.ok && r.rest == ""
}

// countReader takes counts and marks off a text, with the spaces around them. It is not ok after the first that is not there.
type countReader struct {
	rest string
	ok   bool
}

func (r *countReader) skip(mark byte) {
	if r.rest == "" || r.rest[0] != mark {
		r.ok = false
		return
	}
	r.rest = trim(r.rest[1:])
}

func (r *countReader) count() int {
	digits := len(r.rest) - len(strings.TrimLeft(r.rest, "0123456789"))
	if digits == 0 {
		r.ok = false
		return 0
	}
	n, err := strconv.ParseUint(r.rest[:digits], 10, 64)
	if err != nil { // only its range can be wrong
		n = math.MaxUint32
	}
	r.rest = trim(r.rest[digits:])
	return int(min(n, math.MaxUint32, math.MaxInt))
}
