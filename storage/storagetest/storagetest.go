// Package storagetest holds the rules of [storage.Store] as a test suite. Who writes a driver, or a wrapper around one, calls [Run]
// from a test, and [Bench] from a benchmark:
//
//	func TestStore(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T) storage.Store {
//			s, err := mystore.Open(t.Context(), t.TempDir(), nil)
//			require.NoError(t, err)
//			return s
//		}, nil)
//	}
//
// A driver that passes can keep voicemail. Each rule is a subtest with a store of its own, and is named for what it demands; one that fails also prints
// why it is demanded. The rules run in parallel, so run them with -race. A run makes some 4,000 objects, almost all of them small.
//
// A rule about a capability ([storage.Copier], [storage.Pinger], [storage.Residuer]) passes by itself where [storage.As] does not find it. Rules that
// need to see the data as another process does need [Options.Reopen]: set it if the driver's data outlives the Store.
//
// The suite demands more than one could see from outside in two places, since a body is often a call in progress. A Create
// looks at its context while it reads the body; and it hands the last byte of a body to the storage only when it has seen that the body ends there,
// so that a body that fails or goes on at its very end leaves nothing behind either.
package storagetest

import (
	"testing"

	"github.com/genesys/voicemail/storage"
)

// Options are the options of [Run]. The zero value is right for a store whose data ends with it.
type Options struct {
	// MaxObject is the size in bytes of the largest object that the rules make; 0 is one byte more than 16 MiB. A driver that changes its
	// way above some size sets one beyond it.
	MaxObject int64
	// Rounds is how often a rule about a race is tried; 0 is 20.
	Rounds int
	// Reopen returns a second Store on the data of s, as another process would have it; s may be closed. The suite closes it. nil leaves
	// the rules out that need one.
	Reopen func(t *testing.T, s storage.Store) storage.Store
	// Undeletable makes the storage refuse to delete the object key until the test ends. nil leaves the rule out that needs it.
	Undeletable func(t *testing.T, s storage.Store, key string)
	// Strand leaves in the storage what a Create of the object key leaves there whose process is killed before it has made the object. The Store must be a
	// [storage.Residuer]. nil leaves the rule out that needs it: a Create of the driver leaves nothing.
	Strand func(t *testing.T, s storage.Store, key string)
}

// Run checks every rule, as subtests of t. newStore returns an empty store, which the suite closes; what else has to be released,
// newStore registers with t.Cleanup. It is called many times, also at once, and each time with the T of the rule.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store, opts *Options) {
	if opts == nil {
		opts = &Options{}
	}
	for _, r := range rules(opts) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			h := harness{
				open:      func() storage.Store { return newStore(t) },
				maxObject: opts.MaxObject,
				rounds:    opts.Rounds,
			}
			if opts.Reopen != nil {
				h.reopen = func(s storage.Store) storage.Store { return opts.Reopen(t, s) }
			}
			if opts.Undeletable != nil {
				h.undeletable = func(s storage.Store, key string) { opts.Undeletable(t, s, key) }
			}
			if opts.Strand != nil {
				h.strand = func(s storage.Store, key string) { opts.Strand(t, s, key) }
			}
			r.check(t, h)
		})
	}
}
