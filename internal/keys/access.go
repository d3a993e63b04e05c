package keys

import (
	"fmt"
	"strconv"
	"strings"
)

// What a mailbox is entered by:
//
//	v1/<t>/access/<m>/pin-<gen>-<rev>.json            the PIN, each revision created once
//	v1/<t>/access/<m>/reset-<gen>-<rev>-<n>           tries up to n count no more
//	v1/<t>/access/<m>/try-<gen>-<rev>-<n>             the n-th try of a revision
//
// <gen> is the generation of settings in which the mailbox was created. Revisions and tries count from 1; revision 0 is no PIN at all. A listing in
// order shows the revisions first, and the tries behind what resets them.

// Accesses is the prefix of what the mailboxes of the tenant are entered by.
func (s Space) Accesses() string { return s.root + "access/" }

// Access is the folder of what the mailbox is entered by.
func (b Box) Access() string { return b.space.Accesses() + b.esc + "/" }

// AccessKind is what a name in Box.Access is of.
type AccessKind string

// The kinds of names in Box.Access.
const (
	PIN   AccessKind = "pin"
	Try   AccessKind = "try"
	Reset AccessKind = "reset"
)

// Access names something in Box.Access. N is 0 for a PIN.
type Access struct {
	Kind        AccessKind
	Gen, Rev, N int
}

// String returns the name.
func (a Access) String() string {
	s := fmt.Sprintf("%s-%06d-%09d", a.Kind, a.Gen, a.Rev)
	if a.Kind == PIN {
		return s + ".json"
	}
	return fmt.Sprintf("%s-%09d", s, a.N)
}

// AccessAt is the whole name.
func (b Box) AccessAt(a Access) string { return b.Access() + a.String() }

// ParseAccess reads the name of something that a mailbox of the space is entered by.
func (s Space) ParseAccess(key string) (mailbox string, a Access, err error) {
	bad := fmt.Errorf("%w: not a name of a mailbox's access", ErrID)
	rest, ok := strings.CutPrefix(key, s.Accesses())
	m, name, found := strings.Cut(rest, "/")
	if !ok || !found {
		return "", Access{}, bad
	}
	if mailbox, err = Unescape(m, MaxMailbox); err != nil {
		return "", Access{}, bad
	}
	part := strings.Split(strings.TrimSuffix(name, ".json"), "-")
	if len(part) < 3 || len(part) > 4 {
		return "", Access{}, bad
	}
	a.Kind = AccessKind(part[0])
	numbers := []*int{&a.Gen, &a.Rev, &a.N}
	for i, text := range part[1:] {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return "", Access{}, bad
		}
		*numbers[i] = int(n)
	}
	if known := a.Kind == PIN || a.Kind == Try || a.Kind == Reset; !known || a.Gen < 1 || a.String() != name {
		return "", Access{}, bad
	}
	return mailbox, a, nil
}
