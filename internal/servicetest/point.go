package servicetest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/genesys/voicemail/storage/faultstore"
)

// point is one storage call of an operation: its sort, a pattern of its names below the tenant's folder, and how many such calls came before. Calls under
// way at the same time come in any order, so a point is not known by its number in the whole.
type point struct {
	op      faultstore.Op
	pattern string
	nth     int
	several bool // it is a Delete of several names
}

func (p point) String() string { return fmt.Sprintf("%s %s #%d", p.op, p.pattern, p.nth) }

// modes are the ways in which the call can fail that can be told apart afterwards.
func (p point) modes() []faultstore.Mode {
	switch p.op {
	case faultstore.Create, faultstore.Copy, faultstore.Read:
		return []faultstore.Mode{faultstore.Before, faultstore.After}
	case faultstore.Delete:
		if p.several {
			return []faultstore.Mode{faultstore.Before, faultstore.After, faultstore.Part}
		}
		return []faultstore.Mode{faultstore.Before, faultstore.After}
	}
	return []faultstore.Mode{faultstore.Before}
}

// fault is a point at which an operation fails.
type fault struct {
	point
	mode faultstore.Mode
}

func (f fault) in(folder string) faultstore.Fault {
	if f.pattern == "" { // the call has no names
		folder = ""
	}
	return faultstore.Fault{Op: f.op, Pattern: folder + f.pattern, N: f.nth, Mode: f.mode}
}

func (f fault) String() string { return strings.TrimPrefix(f.in("").String(), "fail ") }

// pointsOf are the points of the calls from the first on that is not before start.
func pointsOf(calls []faultstore.Call, folder string, start int) []point {
	var points []point
	for i, c := range calls {
		if i < start {
			continue
		}
		p := point{op: c.Op, several: len(c.Keys) > 1}
		if len(c.Keys) > 0 {
			p.pattern = patternOf(strings.TrimPrefix(c.Keys[0], folder))
		}
		for _, earlier := range calls[:i+1] {
			if earlier.Op == c.Op && len(c.Keys) == 0 || earlier.Op == c.Op && slices.ContainsFunc(earlier.Keys, func(key string) bool { return match(folder+p.pattern, key) }) {
				p.nth++
			}
		}
		points = append(points, p)
	}
	return points
}

// match is what faultstore.Fault.Pattern means.
func match(pattern, key string) bool {
	if strings.HasSuffix(pattern, "/") {
		return strings.HasPrefix(key, pattern)
	}
	ok, _ := path.Match(pattern, key)
	return ok
}

// What makes the same name another one in each run.
var (
	idPattern    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	noncePattern = regexp.MustCompile(`gone-[0-9a-f]{24}`)
	hashPattern  = regexp.MustCompile(`caller/[0-9a-f]{3}/[0-9a-f]{64}`)
	timePattern  = regexp.MustCompile(`expires-\d{13}`)
	monthPattern = regexp.MustCompile(`^gone/\d{6}/`)
	hopPattern   = regexp.MustCompile(`([0-9a-f]{12}|\*)-\d+\b`)
	revPattern   = regexp.MustCompile(`([a-z]+-\d{6})-\d{9}`)
)

// patternOf is the name with stars for what differs from run to run.
func patternOf(name string) string {
	name = hashPattern.ReplaceAllString(name, "caller/*/*")
	name = noncePattern.ReplaceAllString(name, "gone-*")
	name = timePattern.ReplaceAllString(name, "expires-*")
	name = monthPattern.ReplaceAllString(name, "gone/*/")
	return idPattern.ReplaceAllStringFunc(name, func(id string) string {
		if strings.HasPrefix(id, fixedStem) {
			return id
		}
		return "*"
	})
}

// shapeOf is the name also without what an attempt that failed uses up.
func shapeOf(name string) string {
	return revPattern.ReplaceAllString(hopPattern.ReplaceAllString(patternOf(name), "$1"), "$1")
}
