// Package records is what a package beside the root may do to keep records of a mailbox in the master region, by the rules of the root. It keeps that out of the
// public API: a Service gives its [Ops] only for a [Key], which no package outside this module can make.
package records

import (
	"context"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// Key opens the Ops of a Service.
type Key struct{ _ struct{ key byte } }

// Ops are the operations. They are safe for concurrent use.
type Ops interface {
	// Space, Now and Nonce are the Service's; Store is that of its master region.
	Space() keys.Space
	Now() time.Time
	Nonce() string
	Store() storage.Store
	// CreateOnce creates a document that nobody else writes in the same bytes, and reports whether it is there as ours.
	CreateOnce(ctx context.Context, key string, doc []byte) (bool, error)
	// Life returns the generation of settings in which a mailbox was created: what was recorded of an earlier one is not this mailbox's. It returns
	// voicemail.ErrNoMailbox and voicemail.ErrInvalid as the methods of a mailbox do.
	Life(ctx context.Context, mailbox string) (int, error)
	// Emit tells the Service's observer.
	Emit(kind, mailbox string)
	// Fail wraps the error of an operation on a mailbox. A nil err stays nil.
	Fail(op, mailbox string, err error) error
}
