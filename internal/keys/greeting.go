package keys

import (
	"fmt"
	"strings"
)

// The ends of the two names of a revision of a greeting. Whoever creates the recording has the number; what creates the other commits it.
const (
	greetingAudio = ".audio"
	greetingMeta  = ".json"
)

// GreetingRef names one revision of one kind of greeting. Revision.Gen is the generation of the settings of the mailbox that it was made in, so a mailbox that is
// made again has none of the greetings of the deleted one; Revision.Rev counts the changes of the kind within.
type GreetingRef struct {
	Kind string
	Revision
}

// String returns <kind>-<gen>-<rev>.
func (g GreetingRef) String() string { return g.Kind + "-" + g.digits() }

// Greetings is the prefix of the greetings of all mailboxes.
func (s Space) Greetings() string { return s.root + "greeting/" }

// Greetings is the folder of the mailbox's greetings.
func (b Box) Greetings() string { return b.space.Greetings() + b.esc + "/" }

// GreetingAudio is the name of the recording of a revision. It has no ending of its own for each format, so that it exists once.
func (b Box) GreetingAudio(g GreetingRef) string { return b.Greetings() + g.String() + greetingAudio }

// GreetingMeta is the name that commits a revision.
func (b Box) GreetingMeta(g GreetingRef) string { return b.Greetings() + g.String() + greetingMeta }

// GreetingName is what the name of a part of a greeting says.
type GreetingName struct {
	Mailbox string
	GreetingRef
	// Committed: it is the name that commits the revision, not that of its recording.
	Committed bool
}

// ParseGreeting reads the names of greetings. Kinds may be those of a later version.
func (s Space) ParseGreeting(key string) (GreetingName, error) {
	bad := fmt.Errorf("%w: not the name of a greeting", ErrID)
	rest, ok := strings.CutPrefix(key, s.Greetings())
	esc, file, found := strings.Cut(rest, "/")
	if !ok || !found {
		return GreetingName{}, bad
	}
	var n GreetingName
	var err error
	if n.Mailbox, err = Unescape(esc, MaxMailbox); err != nil {
		return GreetingName{}, bad
	}
	stem, ok := strings.CutSuffix(file, greetingAudio)
	if !ok {
		stem, n.Committed = strings.CutSuffix(file, greetingMeta)
	}
	kind, digits, found := strings.Cut(stem, "-")
	if n.Kind = kind; !ok && !n.Committed || !found || kind == "" || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz") != "" {
		return GreetingName{}, bad
	}
	if n.Revision, ok = parseDigits(digits); !ok {
		return GreetingName{}, bad
	}
	return n, nil
}

// Belongings are the folders, beside its own, of what belongs to one life of the mailbox. BelongsTo reads their names.
func (b Box) Belongings() []string { return []string{b.Greetings(), b.Access()} }

// BelongsTo returns the generation in a name <word>-<gen>-… of a folder of Box.Belongings.
func BelongsTo(name string) (gen int, ok bool) {
	_, digits, ok := strings.Cut(name, "-")
	if !ok || len(digits) <= genDigits || digits[genDigits] != '-' {
		return 0, false
	}
	return parseCount(digits[:genDigits])
}
