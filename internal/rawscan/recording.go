package rawscan

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
)

const (
	windowLen = 64 // of a recording, that must not be left
	headLen   = 64 // of a recording, that says nothing
	varied    = 8  // the different bytes in a window that is not silence
	blockLen  = 8  // by which a window is recognised
)

// anchor is a block of a recording, by which the windows around it are recognised.
type anchor struct{ recording, at int }

// addRecording chooses anchors such that every window that is not silence has one inside.
func (ix *index) addRecording(i int, recording []byte) error {
	name := nth("Audio", i)
	if len(recording) < minText {
		return invalid("%s is too short to be told from chance", name)
	}
	ix.addSums(name, recording)
	if len(recording) < headLen+windowLen {
		ix.add(pattern{what: name + " as a whole", bytes: recording})
		return nil
	}
	var count [256]int
	different := 0
	for _, c := range recording[headLen : headLen+windowLen-1] {
		if count[c]++; count[c] == 1 {
			different++
		}
	}
	last := -1
	for at := headLen; at+windowLen <= len(recording); at++ {
		if c := recording[at+windowLen-1]; count[c] == 0 {
			different++
		}
		count[recording[at+windowLen-1]]++
		if different >= varied && last < at {
			last = at + mostVaried(recording[at:at+windowLen])
			x := binary.BigEndian.Uint64(recording[last:])
			ix.anchors[x] = append(ix.anchors[x], anchor{i, last})
		}
		if count[recording[at]]--; count[recording[at]] == 0 {
			different--
		}
	}
	if last < 0 {
		return invalid("%s is nothing but silence", name)
	}
	return nil
}

// mostVaried returns where in a window the block with the most different bytes is, the last of several.
func mostVaried(window []byte) (at int) {
	most := 0
	for i := 0; i+blockLen <= len(window); i++ {
		if n := different(window[i : i+blockLen]); n >= most {
			at, most = i, n
		}
	}
	return at
}

func different(b []byte) int {
	var seen [4]uint64
	n := 0
	for _, c := range b {
		if bit := uint64(1) << (c & 63); seen[c>>6]&bit == 0 {
			seen[c>>6] |= bit
			n++
		}
	}
	return n
}

// continues reports whether b has, around the anchor's block at b[i:], a window of the recording.
func (a anchor) continues(recording, b []byte, i int) bool {
	const reach = windowLen - blockLen
	before := 0
	for before < reach && before < i && a.at-before > headLen && b[i-before-1] == recording[a.at-before-1] {
		before++
	}
	n := before + blockLen
	for end := i - before; n < before+windowLen && end+n < len(b) && a.at-before+n < len(recording) && b[end+n] == recording[a.at-before+n]; {
		n++
	}
	for from := i - before; n >= windowLen; from, n = from+1, n-1 {
		if different(b[from:from+windowLen]) >= varied {
			return true
		}
	}
	return false
}

// addSums adds the digests of a recording.
func (ix *index) addSums(name string, recording []byte) {
	s1, s5, s2, s3 := sha1.Sum(recording), md5.Sum(recording), sha256.Sum256(recording), sha512.Sum512(recording)
	for _, sum := range [][]byte{s1[:], s5[:], s2[:], s3[:]} {
		ix.addSum("a digest of "+name, sum)
	}
}
