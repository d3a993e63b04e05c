package rawscan

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"html"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/genesys/voicemail/internal/keys"
)

// index holds all that is looked for, so that a layer of bytes is searched in two passes however much that is.
type index struct {
	digits automaton // numbers as text, of whatever separators and codes of characters

	// What is known by its bytes stands under its first four or eight.
	patterns map[uint32][]pattern
	digests  map[uint64]string // the first or last eight bytes of a digest, or an integer
	anchors  map[uint64][]anchor
	audio    [][]byte

	short, long filter
}

const (
	minDigits = 7
	minText   = 6
	tailLen   = 9  // of a number as text
	codedLen  = 10 // the least of a number as binary-coded decimal
)

// index makes the index of what the scan looks for.
func (s Scan) index(keys [][]byte, salts []string) (*index, error) {
	if len(s.Numbers)+len(s.Audio)+len(s.Secrets) == 0 {
		return nil, invalid("there is nothing to look for")
	}
	ix := &index{patterns: map[uint32][]pattern{}, digests: map[uint64]string{}, anchors: map[uint64][]anchor{}, audio: s.Audio}
	for i, number := range s.Numbers {
		if d, ok := digitsOf(number); ok && len(d) < minDigits || !ok && len(number) < minText {
			return nil, invalid("%s is too short to be told from chance", nth("Numbers", i))
		} else if ok {
			ix.addNumber(nth("Numbers", i), d)
		} else {
			ix.addText(nth("Numbers", i), []byte(number))
		}
		ix.addDigests(nth("Numbers", i), number, s.Tenant, keys, salts)
	}
	for i, secret := range s.Secrets {
		if len(secret.Bytes) < minText {
			return nil, invalid("%s is too short to be told from chance", nth("Secrets", i))
		}
		ix.addText(secret.Name, secret.Bytes)
	}
	for i, recording := range s.Audio {
		if err := ix.addRecording(i, recording); err != nil {
			return nil, err
		}
	}
	ix.digits.link()
	ix.seal()
	return ix, nil
}

// digitsOf returns the digits of a number; false if the identity is no number.
func digitsOf(number string) (string, bool) {
	d := strings.TrimPrefix(number, "+")
	return d, d != "" && strings.Trim(d, "0123456789") == ""
}

// last returns the last n bytes of s, or all.
func last(s string, n int) string { return s[max(0, len(s)-n):] }

func reversed[T any](s []T) []T {
	r := slices.Clone(s)
	slices.Reverse(r)
	return r
}

// addNumber adds what a number looks like, other than as a digest. Hex, base64 and base32 of it are found below the layer that they are.
func (ix *index) addNumber(name, digits string) {
	tail := last(digits, tailLen)
	ix.digits.add(tail, name+" as digits")
	ix.digits.add(string(reversed([]byte(tail))), name+" as digits in reverse")
	for what, code := range map[string]func(b *strings.Builder, c byte){
		"hex codes of digits":           func(b *strings.Builder, c byte) { b.WriteString("3" + string(c)) },
		"hex codes of digits, padded":   func(b *strings.Builder, c byte) { b.WriteString("03" + string(c)) },
		"escaped digits":                func(b *strings.Builder, c byte) { b.WriteString("003" + string(c)) },
		"escaped digits, long":          func(b *strings.Builder, c byte) { b.WriteString("0000003" + string(c)) },
		"decimal codes of digits":       func(b *strings.Builder, c byte) { b.WriteString(strconv.Itoa(int(c))) },
		"octal codes of digits":         func(b *strings.Builder, c byte) { b.WriteString(strconv.FormatInt(int64(c), 8)) },
		"octal codes of digits, padded": func(b *strings.Builder, c byte) { b.WriteString("0" + strconv.FormatInt(int64(c), 8)) },
	} {
		var b strings.Builder
		for i := range len(tail) {
			code(&b, tail[i])
		}
		ix.digits.add(b.String(), name+" as "+what)
	}
	for _, zero := range []rune{'０', '٠', '۰'} { // fullwidth, Arabic-Indic, extended Arabic-Indic
		foreign := strings.Map(func(r rune) rune { return r - '0' + zero }, tail)
		ix.add(pattern{what: name + " as digits of another script", bytes: []byte(foreign)})
	}
	for _, d := range slices.Compact([]string{digits, last(digits, codedLen), tail}) {
		if len(d) >= codedLen {
			for _, swapped := range []bool{false, true} {
				ix.add(coded(name, d, swapped, false))
				ix.add(coded(name, d, swapped, true))
			}
		}
		if n, err := strconv.ParseUint(d, 10, 64); err == nil {
			for _, v := range []uint64{n, math.Float64bits(float64(n))} {
				ix.digests[v] = name + " as a binary number"
				ix.digests[binary.LittleEndian.Uint64(binary.BigEndian.AppendUint64(nil, v))] = name + " as a binary number"
			}
		}
	}
}

// coded is a number as binary-coded decimal: the first digit in the high half of a byte, or in the low one (swapped); from the start of a byte, or from its
// middle (shifted). Halves that are another's are not compared.
func coded(name, digits string, swapped, shifted bool) pattern {
	first, second := 4, 0
	what := name + " as BCD"
	if swapped {
		first, second = 0, 4
		what = name + " as swapped BCD"
	}
	p := pattern{what: what}
	if shifted {
		p.before, p.beforeMask = (digits[0]-'0')<<second, 0xf<<second
		digits = digits[1:]
	}
	for ; len(digits) >= 2; digits = digits[2:] {
		p.bytes = append(p.bytes, (digits[0]-'0')<<first|(digits[1]-'0')<<second)
	}
	if len(digits) == 1 {
		p.after, p.afterMask = (digits[0]-'0')<<first, 0xf<<first
	}
	return p
}

// addText adds bytes; if they are text, in the forms in which text is written.
func (ix *index) addText(name string, text []byte) {
	s := string(text)
	forms := map[string][]byte{s: nil}
	add := func(how string, form []byte) {
		if _, ok := forms[string(form)]; !ok && len(form) >= minText {
			forms[string(form)] = form
			ix.add(pattern{what: name + how, bytes: form})
		}
	}
	ix.add(pattern{what: name + " as it is", bytes: text})
	add(" in reverse", reversed(text))
	if !utf8.Valid(text) {
		return
	}
	add(" in lower case", bytes.ToLower(text))
	add(" in upper case", bytes.ToUpper(text))
	add(" escaped for a URL", []byte(url.QueryEscape(s)))
	add(" escaped for a URL", []byte(url.PathEscape(s)))
	add(" escaped for a URL", []byte(strings.ToLower(url.QueryEscape(s))))
	add(" escaped for HTML", []byte(html.EscapeString(s)))
	if doc, err := json.Marshal(s); err == nil {
		add(" escaped for JSON", doc[1:len(doc)-1])
	}
	if name, err := keys.Escape(s, math.MaxInt); err == nil {
		add(" escaped for an object name", []byte(name))
	}
	var little, big []byte
	for _, u := range utf16.Encode([]rune(s)) {
		little = binary.LittleEndian.AppendUint16(little, u)
		big = binary.BigEndian.AppendUint16(big, u)
	}
	add(" in UTF-16", little)
	add(" in UTF-16", big)
}

// pattern is bytes to be found. The byte before them and the one after count as far as their masks say.
type pattern struct {
	what               string
	bytes              []byte
	before, beforeMask byte
	after, afterMask   byte
}

const anchorLen = 4

func (ix *index) add(p pattern) {
	at := binary.BigEndian.Uint32(p.bytes)
	ix.patterns[at] = append(ix.patterns[at], p)
}

// at reports whether the pattern stands at b[i:].
func (p *pattern) at(b []byte, i int) bool {
	end := i + len(p.bytes)
	return end <= len(b) && bytes.Equal(b[i:end], p.bytes) &&
		(p.beforeMask == 0 || i > 0 && b[i-1]&p.beforeMask == p.before) &&
		(p.afterMask == 0 || end < len(b) && b[end]&p.afterMask == p.after)
}

// seal makes the filters, which say of most bytes that nothing starts there.
func (ix *index) seal() {
	ix.short, ix.long = newFilter(len(ix.patterns)), newFilter(len(ix.digests)+len(ix.anchors))
	for v := range ix.patterns {
		ix.short.add(uint64(v))
	}
	for v := range ix.digests {
		ix.long.add(v)
	}
	for v := range ix.anchors {
		ix.long.add(v)
	}
}

// search calls report for everything in b.
func (ix *index) search(b []byte, report func(what string)) {
	ix.digits.search(b, report)
	var x uint64
	for i, c := range b {
		x = x<<8 | uint64(c)
		if ix.short.has(uint64(uint32(x))) && i+1 >= anchorLen {
			for k := range ix.patterns[uint32(x)] {
				if p := &ix.patterns[uint32(x)][k]; p.at(b, i+1-anchorLen) {
					report(p.what)
				}
			}
		}
		if ix.long.has(x) && i+1 >= blockLen {
			if what, ok := ix.digests[x]; ok {
				report(what)
			}
			for _, a := range ix.anchors[x] {
				if a.continues(ix.audio[a.recording], b, i+1-blockLen) {
					report("64 bytes of " + nth("Audio", a.recording))
				}
			}
		}
	}
}

// filter is a set that may hold more than was added.
type filter struct {
	bits  []uint64
	shift uint
}

// newFilter returns a filter that is right about most of what was not added, for n things.
func newFilter(n int) filter {
	log := uint(14)
	for 1<<log < 16*n {
		log++
	}
	return filter{make([]uint64, 1<<(log-6)), 64 - log}
}

func (f *filter) place(v uint64) uint64 { return v * 0x9e3779b97f4a7c15 >> f.shift }

func (f *filter) add(v uint64) {
	at := f.place(v)
	f.bits[at>>6] |= 1 << (at & 63)
}

func (f *filter) has(v uint64) bool {
	at := f.place(v)
	return f.bits[at>>6]>>(at&63)&1 != 0
}
