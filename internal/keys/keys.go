// Package keys makes and reads the names under which everything is stored. No other package does.
//
// A name holds identifiers that the library made, and the escaped IDs of the tenant and the mailbox. It never holds a caller's
// number; the caller index has a keyed hash in its place.
//
//	v1/<t>/key/<n>                                    the key of the caller index
//	v1/<t>/region/<name>                              the tenant's regions
//	v1/<t>/tenant/set-<gen>-<rev>.json                the tenant's settings
//	v1/<t>/box/<m>/set-<gen>-<rev>.json               settings
//	v1/<t>/box/<m>/<id>-<hop>.<mark>                  marks
//	v1/<t>/box/<m>/<id>-<hop>.vm.json                 metadata
//	v1/<t>/media/<m>/<id>-<hop>.<ext>                 audio
//	v1/<t>/media/<m>/<id>-<hop>.<kind>-<nnn>.<ext>    parts: transcripts, notes, comments, renditions
//	v1/<t>/greeting/<m>/<kind>-<gen>-<rev>.audio      greetings
//	v1/<t>/greeting/<m>/<kind>-<gen>-<rev>.json       what is known of them
//	v1/<t>/caller/<3 hex>/<hash>,<m>,<id>-<hop>       the caller index
//	v1/<t>/gone/<yyyymm>/<id>                         tombstones
//	v1/<t>/owner/<user|group>/<owner>/<m>,<gen>-<rev> the mailboxes of an owner
//	v1/<t>/pending/<id>                               deposits that wait for the master region
//	v1/<t>/access/<m>/...                             PINs and how often they were tried, see Access
//	v1/<t>/probe/<nonce>                              whether a region can be used, now
//	v1/<t>/gdpr/...                                   data-protection requests, see Case
package keys

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// Bounds of escaped IDs, in bytes. With them the longest name part (a caller index entry) fits storage.MaxSegment.
const (
	MaxTenant  = 64
	MaxMailbox = 96
	MaxOwner   = 192
)

const root = "v1/"

// ErrID is returned for an ID that cannot be part of a name.
var ErrID = errors.New("unusable ID")

const hexDigits = "0123456789abcdef"

// Escape returns id in the alphabet a-z 0-9 - _, every other byte as _xx in lower-case hex, so that two IDs never meet in one name, also on
// storage that folds case. The ID must not be empty and its escaped form not longer than limit bytes.
func Escape(id string, limit int) (string, error) {
	if id == "" {
		return "", fmt.Errorf("%w: it is empty", ErrID)
	}
	var b strings.Builder
	for i := 0; i < len(id); i++ {
		c := id[i]
		if plain(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('_')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	if b.Len() > limit {
		return "", fmt.Errorf("%w: it takes %d bytes (characters other than a-z, 0-9 and - take three each), at most %d are possible", ErrID, b.Len(), limit)
	}
	return b.String(), nil
}

// Unescape is the inverse of Escape. It refuses what Escape does not write.
func Unescape(s string, limit int) (string, error) {
	if len(s) > limit {
		return "", fmt.Errorf("%w: it takes more than %d bytes", ErrID, limit)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if plain(c) {
			b.WriteByte(c)
			continue
		}
		if c != '_' || i+2 >= len(s) {
			return "", fmt.Errorf("%w: %q is not an escaped ID", ErrID, s)
		}
		hi, lo := strings.IndexByte(hexDigits, s[i+1]), strings.IndexByte(hexDigits, s[i+2])
		if hi < 0 || lo < 0 || plain(byte(hi<<4|lo)) {
			return "", fmt.Errorf("%w: %q is not an escaped ID", ErrID, s)
		}
		b.WriteByte(byte(hi<<4 | lo))
		i += 2
	}
	if b.Len() == 0 {
		return "", fmt.Errorf("%w: it is empty", ErrID)
	}
	return b.String(), nil
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-'
}

// Tenants is the prefix below which each tenant has a folder.
const Tenants = root

// TenantID returns the tenant of a folder "v1/<t>/".
func TenantID(folder string) (string, error) {
	t, ok := strings.CutPrefix(folder, root)
	if !ok {
		return "", fmt.Errorf("%w: not a tenant's folder", ErrID)
	}
	return Unescape(strings.TrimSuffix(t, "/"), MaxTenant)
}

// Space is where one tenant's names lie.
type Space struct{ root string }

// NewSpace returns the names of a tenant.
func NewSpace(tenant string) (Space, error) {
	t, err := Escape(tenant, MaxTenant)
	if err != nil {
		return Space{}, err
	}
	return Space{root: root + t + "/"}, nil
}

// IndexKeys is the prefix of the keys of the caller index.
func (s Space) IndexKeys() string { return s.root + "key/" }

// IndexKey is the n-th key of the caller index, counted from 1.
func (s Space) IndexKey(n int) string { return fmt.Sprintf("%skey/%d", s.root, n) }

// Regions is the prefix of the tenant's recorded regions.
func (s Space) Regions() string { return s.root + "region/" }

// Region is the record of a region. Its name is checked by CheckRegion.
func (s Space) Region(name string) string { return s.root + "region/" + name }

// CheckRegion reports whether name can be a region's name: 1 to 64 bytes of a-z, 0-9 and -.
func CheckRegion(name string) error {
	if name == "" || len(name) > 64 {
		return fmt.Errorf("%w: a region's name has 1 to 64 bytes", ErrID)
	}
	for i := 0; i < len(name); i++ {
		if !plain(name[i]) {
			return fmt.Errorf("%w: a region's name consists of a-z, 0-9 and -", ErrID)
		}
	}
	return nil
}

// Boxes is the prefix below which each mailbox has a folder.
func (s Space) Boxes() string { return s.root + "box/" }

// BoxID returns the mailbox of a folder "v1/<t>/box/<m>/".
func (s Space) BoxID(folder string) (string, error) {
	m, ok := strings.CutPrefix(folder, s.Boxes())
	if !ok {
		return "", fmt.Errorf("%w: not a mailbox's folder", ErrID)
	}
	return Unescape(strings.TrimSuffix(m, "/"), MaxMailbox)
}

// Media is the prefix of all audio of the tenant in a region.
func (s Space) Media() string { return s.root + "media/" }

// Callers is the prefix of the caller index.
func (s Space) Callers() string { return s.root + "caller/" }

// Caller is the prefix of the index entries of one caller, by the hex digits of the caller's keyed hash.
func (s Space) Caller(hash string) string {
	return s.root + "caller/" + hash[:3] + "/" + hash + ","
}

// Tombstones is the prefix of the tombstones.
func (s Space) Tombstones() string { return s.root + "gone/" }

// Tombstone is the name that says of a message ID that it was used and its message deleted.
func (s Space) Tombstone(id string) (string, error) {
	t, err := Time(id)
	if err != nil {
		return "", err
	}
	return s.root + "gone/" + t.Format("200601") + "/" + id, nil
}

// Box is where one mailbox's names lie.
type Box struct {
	space Space
	esc   string
}

// Box returns the names of a mailbox.
func (s Space) Box(mailbox string) (Box, error) {
	m, err := Escape(mailbox, MaxMailbox)
	if err != nil {
		return Box{}, err
	}
	return Box{space: s, esc: m}, nil
}

// Prefix is the folder of the mailbox: its settings, marks and metadata.
func (b Box) Prefix() string { return b.space.root + "box/" + b.esc + "/" }

// Settings is the prefix of the mailbox's settings.
func (b Box) Settings() string { return b.Prefix() + settingsPrefix }

// SettingsAt is the name of one revision of the mailbox's settings.
func (b Box) SettingsAt(r Revision) string { return b.Prefix() + r.String() }

// Stem is what the marks and the metadata of a message start with; it ends with a dot.
func (b Box) Stem(r Ref) string { return b.Prefix() + r.String() + "." }

// Hops is what the names of a message start with at every hop.
func (b Box) Hops(id string) string { return b.Prefix() + id + "-" }

// Mark is the name of a mark of a message.
func (b Box) Mark(r Ref, mark string) string { return b.Stem(r) + mark }

// Meta is the name of the metadata of a message.
func (b Box) Meta(r Ref) string { return b.Stem(r) + Meta }

// Media is the folder of the mailbox's audio in a region.
func (b Box) Media() string { return b.space.root + "media/" + b.esc + "/" }

// MediaStem is what the audio and the parts of a message start with; it ends with a dot.
func (b Box) MediaStem(r Ref) string { return b.Media() + r.String() + "." }

// Audio is the name of a message's audio.
func (b Box) Audio(r Ref, ext string) string { return b.MediaStem(r) + ext }

// CallerEntry is the caller index entry of a message.
func (b Box) CallerEntry(hash string, r Ref) string {
	return b.space.Caller(hash) + b.esc + "," + r.String()
}

// Entry is what a caller index entry says.
type Entry struct {
	Hash    string
	Mailbox string
	Ref     Ref
}

// ParseCallerEntry reads the name of a caller index entry of the space.
func (s Space) ParseCallerEntry(key string) (Entry, error) {
	bad := fmt.Errorf("%w: not a caller index entry", ErrID)
	rest, ok := strings.CutPrefix(key, s.Callers())
	if !ok {
		return Entry{}, bad
	}
	fan, rest, ok := strings.Cut(rest, "/")
	part := strings.Split(rest, ",")
	if !ok || len(part) != 3 || !isHash(part[0]) || part[0][:3] != fan {
		return Entry{}, bad
	}
	m, err := Unescape(part[1], MaxMailbox)
	if err != nil {
		return Entry{}, bad
	}
	ref, err := ParseRef(part[2])
	if err != nil {
		return Entry{}, bad
	}
	return Entry{Hash: part[0], Mailbox: m, Ref: ref}, nil
}

// ParseStay reads the mailbox and the message of the name of a mark or of metadata.
func (s Space) ParseStay(key string) (mailbox string, ref Ref, err error) {
	return parseStay(key, s.Boxes())
}

// isHash reports whether s is a SHA-256 digest in lower-case hex.
func isHash(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, hexDigits) == ""
}

// ParseMedia reads the mailbox and the message of the name of an audio object or a part.
func (s Space) ParseMedia(key string) (mailbox string, ref Ref, err error) {
	return parseStay(key, s.Media())
}

// IsAudio reports whether the name of an audio object or a part is that of audio.
func IsAudio(key string) bool {
	_, name, _ := strings.Cut(key[strings.LastIndexByte(key, '/')+1:], ".")
	return word(name)
}

// parseStay reads <folder><m>/<id>-<hop>.<anything>.
func parseStay(key, folder string) (mailbox string, ref Ref, err error) {
	bad := fmt.Errorf("%w: not the name of a message", ErrID)
	rest, ok := strings.CutPrefix(key, folder)
	if !ok {
		return "", Ref{}, bad
	}
	m, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return "", Ref{}, bad
	}
	if mailbox, err = Unescape(m, MaxMailbox); err != nil {
		return "", Ref{}, bad
	}
	stem, _, ok := strings.Cut(rest, ".")
	if ref, err = ParseRef(stem); err != nil || !ok {
		return "", Ref{}, bad
	}
	return mailbox, ref, nil
}
