package storage

import (
	"fmt"
	"math"
	"strings"
)

// AgeLimit is how old objects get at most, for rules that a storage itself carries out: package s3store and package blobstore make them. Such a
// rule looks at nothing but the name and the age: a limit is for folders in which whatever is old may go, whoever would have wanted to keep it.
type AgeLimit struct {
	// Prefix is what the names of the objects start with; it ends with a slash, so that it means whole folders.
	Prefix string
	// Days is the age in days from which on the storage deletes them, at least [MinAgeLimit]. It does so when it comes by, a day or more later.
	Days int
}

// MinAgeLimit is the shortest [AgeLimit] in days. The rules run about once a day and round up: a shorter one would promise what they do not keep, and could
// take what was stored today.
const MinAgeLimit = 2

// CheckAgeLimits reports whether limits are legal and of different folders, as an error that wraps [ErrInvalid].
func CheckAgeLimits(limits []AgeLimit) error {
	seen := make(map[string]bool)
	for _, l := range limits {
		if err := CheckPrefix(l.Prefix); err != nil {
			return err
		}
		switch {
		case !strings.HasSuffix(l.Prefix, "/"):
			return fmt.Errorf("%w: the prefix of an age limit does not end with a slash", ErrInvalid)
		case l.Days < MinAgeLimit:
			return fmt.Errorf("%w: an age limit is shorter than %d days", ErrInvalid, MinAgeLimit)
		case l.Days > math.MaxInt32:
			return fmt.Errorf("%w: an age limit is longer than %d days", ErrInvalid, math.MaxInt32)
		case seen[l.Prefix]:
			return fmt.Errorf("%w: two age limits are of one folder", ErrInvalid)
		}
		seen[l.Prefix] = true
	}
	return nil
}
