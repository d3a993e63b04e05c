package voicemail

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// GreetingKind says when a greeting is played. The zero value is invalid.
type GreetingKind string

const (
	// GreetingUnavailable is played when nobody answers.
	GreetingUnavailable GreetingKind = "unavailable"
	// GreetingBusy is played when the line is busy.
	GreetingBusy GreetingKind = "busy"
	// GreetingTemporary is played in place of both, until it expires or is deleted.
	GreetingTemporary GreetingKind = "temporary"
	// GreetingName is the owner's spoken name, for a platform that says the rest: "… is not available".
	GreetingName GreetingKind = "name"
)

func greetingKinds() []GreetingKind {
	return []GreetingKind{GreetingUnavailable, GreetingBusy, GreetingTemporary, GreetingName}
}

func (k GreetingKind) check() error {
	if !slices.Contains(greetingKinds(), k) {
		return invalid("kind of greeting; it is one of %v", greetingKinds())
	}
	return nil
}

// Greeting is one revision of one kind of greeting of a mailbox: what was set, or that it was deleted.
type Greeting struct {
	Kind GreetingKind
	// Revision counts the changes of the kind, from 1. Numbers are not used twice, and some may be left out.
	Revision int
	// Deleted: with this revision there was no greeting of the kind any more. Of the fields below only SetAt is set then.
	Deleted bool
	// ContentType is the media type that was recognized, or for raw telephony audio the one that was claimed.
	ContentType string
	// Duration is how long the recording takes to play; 0 if that was neither measured nor given.
	Duration time.Duration
	// Size is the length of the recording in bytes, SHA256 its digest in hex.
	Size   int64
	SHA256 string
	// SetAt is when this revision was made, by the maker's Options.Now.
	SetAt time.Time
	// Expires is from when on a temporary greeting is not played any more; zero is never.
	Expires time.Time
}

// Expired reports whether the greeting is not played any more at a time.
func (g Greeting) Expired(now time.Time) bool { return !g.Expires.IsZero() && !now.Before(g.Expires) }

// GreetingOptions are what is known of a greeting beside its content. The zero value, and a nil *GreetingOptions, are a greeting that does not expire.
type GreetingOptions struct {
	// ContentType is the media type that the caller of Set claims. It counts only for raw telephony audio, as in DepositOptions.
	ContentType string
	// Duration is how long the recording is, for formats of which that is not measured.
	Duration time.Duration
	// Expires is from when on the greeting is not played any more. Only a temporary one expires; zero is never.
	Expires time.Time
}

func (o *GreetingOptions) check(kind GreetingKind, now time.Time) error {
	switch {
	case o.Duration < 0:
		return invalid("Duration is negative")
	case o.Expires.IsZero():
		return nil
	case kind != GreetingTemporary:
		return invalid("only a temporary greeting expires")
	case !o.Expires.After(now) || o.Expires.Year() > maxYear:
		return invalid("Expires is in the past or out of range")
	}
	return nil
}

// greetingDoc is the stored form of a revision. Nonce makes every document different (see storage.Store).
type greetingDoc struct {
	Version     int       `json:"v"`
	Nonce       string    `json:"nonce"`
	At          time.Time `json:"at"`
	Deleted     bool      `json:"deleted,omitempty"`
	ContentType string    `json:"contentType,omitempty"`
	DurationMS  int64     `json:"durationMs,omitempty"`
	Size        int64     `json:"size,omitempty"`
	SHA256      string    `json:"sha256,omitempty"`
	Expires     time.Time `json:"expires,omitzero"`
}

const greetingVersion = 1

func decodeGreeting(doc []byte, rev int) (*greetingDoc, error) {
	var d greetingDoc
	if err := json.Unmarshal(doc, &d); err != nil || d.Version < 1 || !d.Deleted && (d.Size < 1 || d.SHA256 == "") {
		return nil, fmt.Errorf("%w: greeting revision %d cannot be read", storage.ErrCorrupt, rev)
	}
	return &d, nil
}

func (d *greetingDoc) greeting(ref keys.GreetingRef) Greeting {
	return Greeting{
		Kind: GreetingKind(ref.Kind), Revision: ref.Rev, Deleted: d.Deleted, ContentType: d.ContentType, Duration: time.Duration(d.DurationMS) * time.Millisecond,
		Size: d.Size, SHA256: d.SHA256, SetAt: d.At, Expires: d.Expires,
	}
}
