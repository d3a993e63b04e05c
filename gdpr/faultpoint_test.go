package gdpr_test

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/genesys/voicemail/storage/faultstore"
)

// point is a storage call of an operation: its region, its sort, a pattern of its names, and how many such calls came before. Calls under way at the same time
// come in any order, so a point is not known by its number in the whole.
type point struct {
	region  string
	op      faultstore.Op
	pattern string
	nth     int
	several bool // it is a Delete of several names
}

func (p point) modes() []faultstore.Mode {
	modes := []faultstore.Mode{faultstore.Before, faultstore.After}
	if p.several {
		modes = append(modes, faultstore.Part)
	}
	return modes
}

// moment is a point at which a call fails, and how.
type moment struct {
	point
	mode faultstore.Mode
}

func (m moment) fault() faultstore.Fault {
	return faultstore.Fault{Op: m.op, Pattern: m.pattern, N: m.nth, Mode: m.mode}
}

// String says where, what, the how many-th and how.
func (m moment) String() string {
	return fmt.Sprintf("in %s: %s", m.region, strings.TrimPrefix(shapeOf(m.fault().String()), "fail "))
}

// pointsOf are the points of the calls that were made in all regions.
func (w *world) pointsOf() []point {
	var points []point
	for _, region := range regionNames() {
		calls := w.faults[region].Calls()
		for i, c := range calls {
			p := point{region: region, op: c.Op, several: c.Op == faultstore.Delete && len(c.Keys) > 1}
			if len(c.Keys) > 0 {
				p.pattern = noncePattern.ReplaceAllString(c.Keys[0], "$1*")
			}
			for _, earlier := range calls[:i+1] {
				if earlier.Op == c.Op && (p.pattern == "" || slices.ContainsFunc(earlier.Keys, p.means)) {
					p.nth++
				}
			}
			points = append(points, p)
		}
	}
	return points
}

// means is what faultstore.Fault.Pattern means.
func (p point) means(key string) bool {
	if strings.HasSuffix(p.pattern, "/") {
		return strings.HasPrefix(key, p.pattern)
	}
	ok, _ := path.Match(p.pattern, key)
	return ok
}

// momentsOf are all ways in which one call can fail.
func momentsOf(points []point) []moment {
	var all []moment
	for _, p := range points {
		for _, mode := range p.modes() {
			all = append(all, moment{p, mode})
		}
	}
	return all
}
