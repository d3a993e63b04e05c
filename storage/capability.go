package storage

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"time"
)

// As finds the capability T in s, or in a Store that s wraps. A wrapper that only watches or disturbs calls has a method
//
//	Unwrap() Store
//
// and so keeps the capabilities of what it wraps; one that rewrites names must not have it.
func As[T any](s Store) (T, bool) {
	for s != nil {
		if t, ok := s.(T); ok {
			return t, true
		}
		u, ok := s.(interface{ Unwrap() Store })
		if !ok {
			break
		}
		s = u.Unwrap()
	}
	var zero T
	return zero, false
}

// TagFinder finds objects by a tag that Create set. Azure Blob Storage has it. What it finds lags behind, and may be gone by now:
// callers verify every hit, and never take an empty answer for "there is none".
type TagFinder interface {
	// FindByTag yields the names of the objects of this Store whose tag name has exactly value, in no order. An error is yielded once
	// and ends it.
	FindByTag(ctx context.Context, name, value string) iter.Seq2[string, error]
}

// Signer makes links that read one object without any other credential.
type Signer interface {
	// SignURL returns a link to the object that works for ttl at most. The link can work for less where the credential ends earlier: SignedURL.Expires
	// is what really holds. A ttl longer than the storage allows is [ErrInvalid]. The object is not looked for.
	SignURL(ctx context.Context, key string, ttl time.Duration) (SignedURL, error)
}

// Copier copies an object within the storage, without moving its bytes through this process.
type Copier interface {
	// Copy creates dst with the content of src under the rules of [Store.Create]: never over an existing object, whole or
	// not at all, opts as in Create (tags are not inherited). A missing src is [ErrNotExist].
	Copy(ctx context.Context, dst, src string, opts *CreateOptions) (Info, error)
}

// Pinger proves that the storage can be used now.
type Pinger interface {
	// Ping creates, reads and deletes an object of its own, within a bound of its own even when ctx has none. An error names what
	// could not be done.
	Ping(ctx context.Context) (Health, error)
}

// Health is what a [Pinger] saw.
type Health struct {
	// Skew is how far the storage's clock is ahead of this host's, give or take the time of a request.
	Skew time.Duration
}

// Retainer tells what outlives a Delete, where the storage keeps copies of its own.
type Retainer interface {
	Retention(ctx context.Context) (Retention, error)
}

// Cleaner removes what Creates left that were cut off by a crash, where such a thing stays in the storage and no listing shows it: the temporary
// files of a volume.
type Cleaner interface {
	// Clean removes what is so old that no Create can still be at it, and returns how many there were.
	Clean(ctx context.Context) (removed int, err error)
}

// Residuer finds what a storage holds beside its objects: the bytes of deleted ones, and of Creates that did not end. No listing shows them, and they are
// personal data all the same.
type Residuer interface {
	// Residue yields the residue of objects whose names start with prefix, and that of unknown objects whose names may, in no order. What
	// comes or goes meanwhile may or may not be there. An error is yielded once and ends it.
	//
	// There is no other call to remove it: [Store.Delete] of a name takes its residue too, whether there is an object of that name or not, or
	// its error names the name.
	Residue(ctx context.Context, prefix string) iter.Seq2[Residue, error]
}

// Residue is what a [Residuer] has found. Which object it is of is either known, or cannot be found out.
type Residue struct {
	// Key is the object whose bytes it may hold; a Delete of Key removes it at once, and makes a Create of Key that is under way fail. Empty if that is not
	// known: then the Store cannot remove it, and it is there until it goes by itself, see Why.
	Key string
	// Prefix is what the name of that object starts with; empty, or ends with a slash. Without a Key it is all that is known of the name.
	Prefix string
	// Size is its length in bytes.
	Size int64
	// Modified is when it was last written to, by the storage's clock. When its object was deleted is not known.
	Modified time.Time
	// Why is a sentence for the privacy officer, without names: what keeps it there. Empty if Key is set.
	Why string
}

// Retention describes the copies that a storage may still hold after a Delete that succeeded. The zero value: none that the storage
// knows of.
type Retention struct {
	// SoftDelete is for how long deleted objects can be restored; 0 if they cannot.
	SoftDelete time.Duration
	// Versioned: earlier versions are kept unless they are deleted too, which Delete does.
	Versioned bool
	// Lock: objects may be locked against deletion.
	Lock bool
	// Notes are sentences for the privacy officer, on what the storage cannot tell (snapshots, replicas, backups).
	Notes []string
}

// SignedURL is a link that a [Signer] made. Whoever has it can read the object until it expires, so it prints as REDACTED in
// every form; Reveal is the one way to get it.
type SignedURL struct {
	url *string
	// Expires is when the link stops working.
	Expires time.Time
}

// NewSignedURL returns the link url that works until expires.
func NewSignedURL(url string, expires time.Time) SignedURL {
	return SignedURL{url: &url, Expires: expires}
}

// Reveal returns the link itself, "" for the zero value.
func (u SignedURL) Reveal() string {
	if u.url == nil {
		return ""
	}
	return *u.url
}

const redacted = "REDACTED"

// Format prints REDACTED under every verb.
func (SignedURL) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalText returns REDACTED.
func (SignedURL) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns REDACTED.
func (SignedURL) LogValue() slog.Value { return slog.StringValue(redacted) }
