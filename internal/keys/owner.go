package keys

import (
	"fmt"
	"strings"
)

// Owners is the prefix of the index of owners.
func (s Space) Owners() string { return s.root + "owner/" }

// Owner is the folder of what is owned by an owner of a kind.
func (s Space) Owner(kind, owner string) (string, error) {
	o, err := Escape(owner, MaxOwner)
	if err != nil {
		return "", err
	}
	return s.Owners() + kind + "/" + o + "/", nil
}

// OwnerEntry says that a revision of the mailbox's settings names the owner whose folder it is in. Revisions are never used twice, so neither is this name.
func (b Box) OwnerEntry(folder string, r Revision) string {
	return b.OwnerEntries(folder) + r.digits()
}

// OwnerEntries is the prefix of an owner's entries for the mailbox. No other mailbox's start so.
func (b Box) OwnerEntries(folder string) string { return folder + b.esc + "," }

// OwnedEntry is what an entry of the index of owners says.
type OwnedEntry struct {
	Kind, Owner, Mailbox string
	Revision             Revision
}

// ParseOwnerEntry reads the name of an entry of the index of owners.
func (s Space) ParseOwnerEntry(key string) (OwnedEntry, error) {
	bad := fmt.Errorf("%w: not an owner's entry", ErrID)
	rest, ok := strings.CutPrefix(key, s.Owners())
	part := strings.Split(rest, "/")
	if !ok || len(part) != 3 {
		return OwnedEntry{}, bad
	}
	e := OwnedEntry{Kind: part[0]}
	var err error
	if e.Owner, err = Unescape(part[1], MaxOwner); err != nil {
		return OwnedEntry{}, bad
	}
	m, rev, ok := strings.Cut(part[2], ",")
	if e.Mailbox, err = Unescape(m, MaxMailbox); err != nil || !ok {
		return OwnedEntry{}, bad
	}
	if e.Revision, ok = parseDigits(rev); !ok {
		return OwnedEntry{}, bad
	}
	return e, nil
}
