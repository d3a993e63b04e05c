package keys

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxPartRevision bounds the revisions of one kind of part of one message.
const MaxPartRevision = 999

// Part names a part of a message within what the names of its audio start with: what it is, which revision of that, counted from 1, and its format. The
// hyphen tells it from audio, whose names end with an extension of letters and digits.
type Part struct {
	Kind     string // a-z and 0-9
	Revision int
	Ext      string // a-z and 0-9
}

// String returns <kind>-<nnn>.<ext>; the names of a kind sort as its revisions follow each other.
func (p Part) String() string { return fmt.Sprintf("%s-%03d.%s", p.Kind, p.Revision, p.Ext) }

// ParsePart reads what Part.String writes.
func ParsePart(name string) (Part, bool) {
	head, ext, _ := strings.Cut(name, ".")
	kind, digits, _ := strings.Cut(head, "-")
	n, err := strconv.Atoi(digits)
	p := Part{Kind: kind, Revision: n, Ext: ext}
	if err != nil || n < 1 || n > MaxPartRevision || !word(kind) || !word(ext) || p.String() != name {
		return Part{}, false
	}
	return p, true
}

// word reports whether s consists of a-z and 0-9.
func word(s string) bool {
	for i := range len(s) {
		if !plain(s[i]) || s[i] == '-' {
			return false
		}
	}
	return s != ""
}

// Part is the name of a part of a message.
func (b Box) Part(r Ref, p Part) string { return b.MediaStem(r) + p.String() }
