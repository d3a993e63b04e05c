package memstore

import (
	"slices"
	"sort"
)

// chunkSize is where a chunk of a nameList is halved: large enough that there are few chunks, small enough that moving the
// names behind an insertion costs nothing.
const chunkSize = 512

// nameList is a sorted list of distinct names, cut into chunks so that inserting into 100,000 does not move them all. No chunk is empty.
type nameList struct {
	chunks [][]string
}

// chunk returns the index of the chunk in which name is, or belongs; the last one for a name beyond all.
func (l *nameList) chunk(name string) int {
	i := sort.Search(len(l.chunks), func(i int) bool { return l.chunks[i][len(l.chunks[i])-1] >= name })
	return min(i, len(l.chunks)-1)
}

// insert adds a name that is not in the list.
func (l *nameList) insert(name string) {
	if len(l.chunks) == 0 {
		l.chunks = [][]string{{name}}
		return
	}
	i := l.chunk(name)
	at, _ := slices.BinarySearch(l.chunks[i], name)
	c := slices.Insert(l.chunks[i], at, name)
	l.chunks[i] = c
	if len(c) >= chunkSize {
		half := len(c) / 2
		l.chunks[i] = slices.Clone(c[:half])
		l.chunks = slices.Insert(l.chunks, i+1, slices.Clone(c[half:]))
	}
}

// remove takes away a name that is in the list.
func (l *nameList) remove(name string) {
	i := l.chunk(name)
	at, _ := slices.BinarySearch(l.chunks[i], name)
	l.chunks[i] = slices.Delete(l.chunks[i], at, at+1)
	if len(l.chunks[i]) == 0 {
		l.chunks = slices.Delete(l.chunks, i, i+1)
	}
}

// first returns the first name that is not less than from.
func (l *nameList) first(from string) (string, bool) {
	if len(l.chunks) == 0 {
		return "", false
	}
	c := l.chunks[l.chunk(from)]
	at, _ := slices.BinarySearch(c, from)
	if at == len(c) {
		return "", false
	}
	return c[at], true
}
