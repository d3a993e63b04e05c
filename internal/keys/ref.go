package keys

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxHop bounds the moves of one message.
const MaxHop = 99_999

// Ref names one stay of a message in a mailbox: its ID, which a move keeps, and how many moves came before.
type Ref struct {
	ID  string
	Hop int
}

// String returns <id>-<hop>.
func (r Ref) String() string { return r.ID + "-" + strconv.Itoa(r.Hop) }

const idLen = 36

// ParseRef reads what Ref.String writes.
func ParseRef(s string) (Ref, error) {
	if len(s) < idLen+2 || s[idLen] != '-' {
		return Ref{}, fmt.Errorf("%w: not <id>-<hop>", ErrID)
	}
	if err := CheckID(s[:idLen]); err != nil {
		return Ref{}, err
	}
	hop, err := strconv.Atoi(s[idLen+1:])
	if err != nil || hop < 0 || hop > MaxHop || strconv.Itoa(hop) != s[idLen+1:] {
		return Ref{}, fmt.Errorf("%w: not <id>-<hop>", ErrID)
	}
	return Ref{ID: s[:idLen], Hop: hop}, nil
}

// CheckID reports whether id is a UUID of version 7 (RFC 9562, section 5.7) in lower-case hex with hyphens.
func CheckID(id string) error {
	ok := len(id) == idLen
	for i := 0; ok && i < idLen; i++ {
		switch c := id[i]; i {
		case 8, 13, 18, 23:
			ok = c == '-'
		case 14:
			ok = c == '7'
		case 19:
			ok = c == '8' || c == '9' || c == 'a' || c == 'b'
		default:
			ok = '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
		}
	}
	if !ok {
		return fmt.Errorf("%w: a message ID is a UUID of version 7 in lower-case hex with hyphens", ErrID)
	}
	return nil
}

// Time returns the time in a message ID, to the millisecond, in UTC.
func Time(id string) (time.Time, error) {
	if err := CheckID(id); err != nil {
		return time.Time{}, err
	}
	var b [6]byte
	if _, err := hex.Decode(b[:], []byte(id[:8]+id[9:13])); err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrID, err)
	}
	ms := int64(b[0])<<40 | int64(b[1])<<32 | int64(b[2])<<24 | int64(b[3])<<16 | int64(b[4])<<8 | int64(b[5])
	return time.UnixMilli(ms).UTC(), nil
}

// The marks of a message. Metadata sorts after every mark, so that a listing read in order shows a restriction before the
// message that it restricts.
const (
	Expires = "expires-" // + time in milliseconds since 1970, 13 digits
	Forget  = "forget-"  // + case
	Gone    = "gone-"    // + nonce
	Hold    = "hold-"    // + hold
	Move    = "move"
	// Quarantine takes a damaged message out of sight.
	Quarantine = "quarantine"
	Read       = "read"
	Trash      = "trash"
	Urgent     = "urgent"
	Meta       = "vm.json"
)

// ExpiresAt is the mark of a message that expires at t.
func ExpiresAt(t time.Time) string { return fmt.Sprintf("%s%013d", Expires, t.UnixMilli()) }

// ParseExpires reads what ExpiresAt writes.
func ParseExpires(mark string) (time.Time, bool) {
	digits, ok := strings.CutPrefix(mark, Expires)
	if !ok || len(digits) != 13 {
		return time.Time{}, false
	}
	ms, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(ms)).UTC(), true
}

const settingsPrefix = "set-"

// Revision counts the settings of a mailbox. Gen counts births and deaths: odd while the mailbox exists, even while it is deleted, so that a
// listing tells without opening anything. Rev counts the changes within.
type Revision struct{ Gen, Rev int }

// String returns the revision's name; names sort as revisions follow each other.
func (r Revision) String() string { return settingsPrefix + r.digits() + ".json" }

const (
	genDigits = 6
	revDigits = 9
)

func (r Revision) digits() string {
	return fmt.Sprintf("%0*d-%0*d", genDigits, r.Gen, revDigits, r.Rev)
}

// parseDigits reads what Revision.digits writes.
func parseDigits(s string) (Revision, bool) {
	gen, rev, ok := strings.Cut(s, "-")
	if !ok || len(gen) != genDigits || len(rev) != revDigits {
		return Revision{}, false
	}
	g, ok1 := parseCount(gen)
	r, ok2 := parseCount(rev)
	if !ok1 || !ok2 || g < 1 {
		return Revision{}, false
	}
	return Revision{Gen: g, Rev: r}, true
}

func parseCount(digits string) (int, bool) {
	n, err := strconv.ParseUint(digits, 10, 31)
	return int(n), err == nil
}

// Exists reports whether the mailbox exists.
func (r Revision) Exists() bool { return r.Gen%2 == 1 }

// Less reports whether r was before o.
func (r Revision) Less(o Revision) bool { return r.Gen < o.Gen || r.Gen == o.Gen && r.Rev < o.Rev }

// ParseRevision reads what Revision.String writes.
func ParseRevision(name string) (Revision, bool) {
	s, ok := strings.CutPrefix(name, settingsPrefix)
	s, ended := strings.CutSuffix(s, ".json")
	if !ok || !ended {
		return Revision{}, false
	}
	return parseDigits(s)
}
