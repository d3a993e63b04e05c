// Package rawscan searches everything that stores hold, names and bytes, for what must not be in them any more: the numbers of forgotten callers, their
// recordings, and anything from which a number can be recomputed.
//
// It reads stores as an attacker would who has all of them and the tenant's key: without the library's own code, below every layer of encoding and
// compression that the standard library can take off. What it cannot know is a recording that was coded anew, a transcript, and a key that is in no store;
// the caller gives these as [Scan].Secrets and [Scan].Keys.
package rawscan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/genesys/voicemail/storage"
)

// Scan says where to search and for what. It is not changed by running it, and may be run many times.
type Scan struct {
	// Stores are the stores of all regions, by region.
	Stores map[string]storage.Store
	// More are further places, by a label of the caller's: the directory of a volume (see [Dir]), the versions of a bucket.
	More map[string]Source

	// Tenant is the tenant whose callers are looked for.
	Tenant string
	// Numbers are the canonical identities that must be gone. A number has at least seven digits, another identity six bytes: what is shorter cannot be
	// told from chance. A number is recognised by its last nine digits, so that callers who are to be told apart differ in them.
	Numbers []string
	// Audio are the recordings that must be gone, at least six bytes each. Of a longer one no 64 bytes in a row may be left, its first 64 apart, which are
	// alike in all recordings of a length, and apart from what is nearly silent: fewer than eight different bytes. Its digests must be gone as well.
	Audio [][]byte
	// Secrets are other things that must be gone: names, transcripts.
	Secrets []Secret

	// Keys are keys of the caller index that are kept outside of the stores.
	Keys [][]byte
	// Salts are what digests of numbers may be salted with, beside the tenant and every ID that a name in the stores holds: case ids as they were typed.
	Salts []string

	// Range are the numbers of a dictionary attack on every token left that looks like a hash. It must hold all of Numbers. What it says of Numbers is
	// known without it, since their digests are looked for everywhere, as tokens or not; so it is run only for Recovered.
	Range iter.Seq[string]
	// Recovered is told each number of Range that the attack recovers, once: of callers that were not forgotten too, so that a test can see that it works.
	Recovered func(number string)
}

// Secret is something that must be gone.
type Secret struct {
	// Name is what findings call it.
	Name string
	// Bytes are at least six.
	Bytes []byte
}

// Finding is a trace of something that must be gone.
type Finding struct {
	// Region is the region of the store, or the label of the place in [Scan].More.
	Region string
	// Key is the name of the object or file. If it is where the trace is, it is personal data.
	Key string
	// Where is "name", "content" or "tag".
	Where string
	// What says what was found and how it was encoded. It names a number by its place in [Scan].Numbers.
	What string
}

// String returns the finding with the name of the object, for the report of a test.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s of %s: %s", f.Region, f.Where, f.Key, f.What)
}

// T is what [Require] needs of a *testing.T, so that applications that scan do not link package testing.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	FailNow()
}

// Require runs the scan and ends the test if it finds anything.
func Require(ctx context.Context, t T, s Scan) {
	t.Helper()
	found, err := s.Run(ctx)
	if err != nil {
		t.Errorf("raw scan: %v", err)
	}
	const most = 20
	for i, f := range found {
		if i == most {
			t.Errorf("raw scan: and %d more", len(found)-most)
			break
		}
		t.Errorf("raw scan: %v", f)
	}
	if err != nil || len(found) > 0 {
		t.FailNow()
	}
}

// Run searches and returns what it finds, sorted, each trace once. It reads every object whole, one at a time. With an error the findings are not complete.
// A Scan that looks for nothing, nowhere, or for what is too short is [storage.ErrInvalid].
func (s Scan) Run(ctx context.Context) ([]Finding, error) {
	places, err := s.places(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := s.keys(ctx, places)
	if err != nil {
		return nil, err
	}
	ix, err := s.index(keys, salts(places, s.Salts))
	if err != nil {
		return nil, err
	}
	sc := &scanner{index: ix, found: map[Finding]bool{}}
	if s.Recovered != nil {
		sc.tokens = map[uint64]bool{}
	}
	for _, p := range places {
		if err = sc.place(ctx, p); err != nil {
			break
		}
	}
	if err == nil {
		err = s.tagged(ctx, sc.found)
	}
	if err == nil {
		err = s.attack(ctx, keys, sc.tokens)
	}
	return slices.SortedFunc(maps.Keys(sc.found), func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Where, b.Where), cmp.Compare(a.What, b.What))
	}), err
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", storage.ErrInvalid, fmt.Sprintf(format, args...))
}

// place is an item and where it is.
type place struct {
	region string
	stored bool // in one of Stores
	Item
}

// places lists everything.
func (s Scan) places(ctx context.Context) ([]place, error) {
	if len(s.Stores)+len(s.More) == 0 {
		return nil, invalid("there is no store to scan")
	}
	var all []place
	add := func(region string, stored bool, items Source) error {
		for item, err := range items(ctx) {
			if err != nil {
				return fmt.Errorf("region %s: %w", region, err)
			}
			all = append(all, place{region, stored, item})
		}
		return nil
	}
	for region, store := range s.Stores {
		if err := add(region, true, objects(store)); err != nil {
			return nil, err
		}
	}
	for label, source := range s.More {
		if err := add(label, false, source); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// tagged asks the stores that can be asked which objects are tagged with a number.
func (s Scan) tagged(ctx context.Context, found map[Finding]bool) error {
	for region, store := range s.Stores {
		finder, ok := storage.As[storage.TagFinder](store)
		if !ok {
			continue
		}
		for i, number := range s.Numbers {
			for key, err := range finder.FindByTag(ctx, callerTag, number) {
				if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, storage.ErrInvalid) {
					break // then it could not be set either
				}
				if err != nil {
					return fmt.Errorf("region %s: %w", region, err)
				}
				there, err := storage.Exists(ctx, store, key) // an index of tags lags behind
				if err != nil {
					return fmt.Errorf("region %s: %w", region, err)
				}
				if there {
					found[Finding{region, key, "tag", nth("Numbers", i) + " in the index of tags"}] = true
				}
			}
		}
	}
	return nil
}

// callerTag is the tag that holds a caller's number.
const callerTag = "caller_id"

func nth(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
