// Package privacy is what package gdpr may do to messages and nobody else: see what is restricted, restrict and erase by rule. It keeps that out of
// the public API: a Service gives its [Ops] only for a [Key], which no package outside this module can make.
package privacy

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// Key opens the Ops of a Service.
type Key struct{ _ struct{ key byte } }

// Subject is whose messages are meant.
type Subject struct {
	// Identities are the canonical forms of one or more callers.
	Identities []string
	// Since and Until bound when the messages were received: not before Since, before Until. Zero is no bound.
	Since, Until time.Time
}

// Place names a stay of a message.
type Place struct {
	Mailbox string
	Ref     keys.Ref
}

// Stay is what the names of a stay say.
type Stay struct {
	// Committed: its metadata is there. Gone: it is deleted, or will be. Visible: agents see it.
	Committed, Gone, Held, Visible bool
	// Forgettings restrict it.
	Forgettings []keys.Forgetting
}

// By reports whether f restricts the stay.
func (s *Stay) By(f keys.Forgetting) bool {
	for _, other := range s.Forgettings {
		if other == f {
			return true
		}
	}
	return false
}

// Found is a stay of a message of the subject, or of what may become one.
type Found[Envelope, State any] struct {
	Place
	Stay
	// Entries are the index entries that led to it; none if a tag or a pending deposit did.
	Entries []string
	// Pending are the regions that keep a pending deposit of it.
	Pending []string
	// Matched are the identities of the subject that it was found by.
	Matched []string
	// Envelope and State are set if the metadata could be read.
	Envelope *Envelope
	State    State
	// Problem is why the metadata could not be read, of a committed message.
	Problem error
	// Open opens the recording, whether it is restricted or not. Parts lists the parts of the message likewise.
	Open  func(ctx context.Context) (io.ReadSeekCloser, error)
	Parts func(ctx context.Context) ([]Part, error)
}

// Part is a part of a message.
type Part struct {
	// Name is <kind>-<number>.<extension>, which no other part of the message has.
	Name  string
	Added time.Time
	// Open opens it, whether the message is restricted or not.
	Open func(ctx context.Context) (io.ReadSeekCloser, error)
}

// Foreign is an object that another program deposited and tagged with the caller.
type Foreign struct {
	Region, Key string
	Size        int64
	Modified    time.Time
}

// Remain is something that is left of a stay.
type Remain struct {
	Region string
	// Key is its name, empty if it is not known.
	Key string
	// Why says why it is still there, if that is known.
	Why string
}

// Region is a configured region.
type Region struct {
	Name  string
	Store storage.Store
}

// Ops are the operations. They are safe for concurrent use. Errors of a region's storage name the region.
type Ops[Envelope, State any] interface {
	// Space, Regions (the master first), Now, Nonce, Logger, Parallel are the Service's.
	Space() keys.Space
	Regions() []Region
	Now() time.Time
	Nonce() string
	Logger() *slog.Logger
	Parallel(n int, f func(i int))
	// Fail wraps the error of a region's storage with the region.
	Fail(region string, err error) error
	// CreateOnce creates a document in the master region that nobody else writes in the same bytes, and reports whether it is there as ours.
	CreateOnce(ctx context.Context, key string, doc []byte) (bool, error)

	// Identities returns the forms that a number is deposited under.
	Identities(number string) []string
	// CaseID returns the name of a case, by the ID that people gave it.
	CaseID(ctx context.Context, id string) (string, error)

	// Discover calls act, in parallel, with every stay of the subject that it has not called it with: in rounds, until there is nothing new. With
	// tags it asks the storages' tag search too. A region that fails, and a failing act, are in the joined error; the others are gone on with.
	// Only an error of the master region ends it.
	Discover(ctx context.Context, s Subject, tags bool, act func(ctx context.Context, f *Found[Envelope, State]) error) error
	// Foreign returns the objects that carry the subject's tag and no name of this library, in one region.
	Foreign(ctx context.Context, s Subject, region string) ([]Foreign, error)
	// Alone reports whether a region's storage has no other tenant.
	Alone(ctx context.Context, region string) (bool, error)

	// Restrict hides the stay, and reports whether it could be seen until then.
	Restrict(ctx context.Context, p Place, f keys.Forgetting) (bool, error)
	// Unrestrict takes f's restriction away, and reports whether it was there and the stay can be seen now; beside an error, whether that may be so.
	Unrestrict(ctx context.Context, p Place, f keys.Forgetting) (bool, error)
	// Erase deletes everything of a stay in every region, unless it is held (voicemail.ErrHeld). What lies in regions that fail is left, and
	// the error names them.
	Erase(ctx context.Context, p Place, entries []string) error
	// Remains returns what is left of a stay beside the mark that says that it is gone.
	Remains(ctx context.Context, p Place, entries []string) ([]Remain, error)

	// Hold keeps a message from being deleted, also while it is restricted. Release ends that.
	Hold(ctx context.Context, mailbox, message, hold string) error
	Release(ctx context.Context, mailbox, message, hold string) error

	// Emit tells the Service's observer.
	Emit(kind, mailbox, message string)
}
