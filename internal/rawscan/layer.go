package rawscan

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

const (
	maxContent  = 1 << 30
	maxExpanded = 8 << 20 // of all layers of an item, beside 16 times its own length
	maxDepth    = 5       // of layers within layers
	minRun      = 10      // the characters of seven digits in base64
	minToken    = 16      // the characters of a hash
	maxToken    = 64      // the bytes of an object that is a hash
)

// scanner is a scan under way.
type scanner struct {
	index  *index
	found  map[Finding]bool
	tokens map[uint64]bool // the first eight bytes of what looks like a hash; nil if nobody asks

	item   Finding // what is being read
	budget int     // how much more it may expand to
	flate  io.ReadCloser
}

func (sc *scanner) place(ctx context.Context, p place) error {
	if err := sc.piece(Finding{Region: p.region, Key: p.Name, Where: "name"}, []byte(p.Name)); err != nil {
		return err
	}
	for name, value := range p.Tags {
		if err := sc.piece(Finding{Region: p.region, Key: p.Name, Where: "tag"}, []byte(name+"\n"+value)); err != nil {
			return err
		}
	}
	if p.Read == nil {
		return nil
	}
	b, err := p.Read(ctx)
	if gone(err) {
		return nil
	}
	if err == nil {
		err = sc.piece(Finding{Region: p.region, Key: p.Name, Where: "content"}, b)
	}
	if err != nil {
		return fmt.Errorf("region %s: %w", p.region, err)
	}
	return nil
}

// piece scans a name, a tag or a content.
func (sc *scanner) piece(item Finding, b []byte) error {
	sc.item, sc.budget = item, maxExpanded+16*len(b)
	if item.Where == "content" && len(b) <= maxToken {
		sc.token(b)
	}
	return sc.layer(b, "", 0)
}

// token notes something that looks like a hash.
func (sc *scanner) token(b []byte) {
	if sc.tokens != nil && len(b) >= 8 {
		sc.tokens[binary.BigEndian.Uint64(b)] = true
	}
}

// layer scans bytes, and what they are an encoding of. within says what encodings were taken off already, innermost first.
func (sc *scanner) layer(b []byte, within string, depth int) error {
	sc.index.search(b, func(what string) {
		f := sc.item
		f.What = what + within
		sc.found[f] = true
	})
	if depth == maxDepth {
		return nil
	}
	below := func(b []byte, how string) error {
		if sc.budget -= len(b); sc.budget < 0 {
			return invalid("an object expands to more than can be searched")
		}
		return sc.layer(b, ", in "+how+within, depth+1)
	}
	if err := sc.text(b, below); err != nil {
		return err
	}
	return sc.compressed(b, below)
}

// alphabet gives the value of each character, less than 0 if it is none.
type alphabet [256]int8

// newAlphabet takes characters in the order of their values; several alphabets are several spellings of one.
func newAlphabet(spellings ...string) *alphabet {
	var a alphabet
	for i := range a {
		a[i] = -1
	}
	for _, chars := range spellings {
		for i := range len(chars) {
			a[chars[i]] = int8(i)
		}
	}
	return &a
}

const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

var (
	hexChars    = newAlphabet("0123456789abcdef", "0123456789ABCDEF")
	base32Chars = newAlphabet(upper+"234567", strings.ToLower(upper)+"234567")
	base64Chars = newAlphabet(upper+strings.ToLower(upper)+"0123456789+/", upper+strings.ToLower(upper)+"0123456789-_")
	lineEnds    = newAlphabet("\r\n")
)

// decode puts bits of each character together, dropping what is no whole byte at the end.
func (a *alphabet) decode(text []byte, bits uint) []byte {
	out := make([]byte, 0, len(text)*int(bits)/8)
	var acc uint32
	var n uint
	for _, c := range text {
		acc = acc<<bits | uint32(a[c])
		if n += bits; n >= 8 {
			n -= 8
			out = append(out, byte(acc>>n))
		}
	}
	return out
}

// runs calls f for every run of at least minRun characters.
func (a *alphabet) runs(b []byte, f func(run []byte) error) error {
	start := -1
	for i, c := range b {
		if a[c] >= 0 {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 && i-start >= minRun {
			if err := f(b[start:i]); err != nil {
				return err
			}
		}
		start = -1
	}
	if start >= 0 && len(b)-start >= minRun {
		return f(b[start:])
	}
	return nil
}

// text scans below runs of text that may be hex, base32 or base64, over line ends. A run need not start where the encoding did, so every phase is tried.
func (sc *scanner) text(b []byte, below func([]byte, string) error) error {
	return encodedChars.runs(b, func(run []byte) error {
		if bytes.ContainsAny(run, "\r\n") {
			run = bytes.Map(func(r rune) rune {
				if r == '\r' || r == '\n' {
					return -1
				}
				return r
			}, run)
		}
		if sc.tokens != nil {
			sc.tokensIn(run)
		}
		for _, code := range []struct {
			name   string
			chars  *alphabet
			bits   uint
			phases int
		}{{"hex", hexChars, 4, 2}, {"base32", base32Chars, 5, 8}, {"base64", base64Chars, 6, 4}} {
			err := code.chars.runs(run, func(part []byte) error {
				for phase := range code.phases {
					if err := below(code.chars.decode(part[phase:], code.bits), code.name); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// encodedChars are the characters of all of these, which those of base64 are, and line ends.
var encodedChars = func() *alphabet {
	all := *base64Chars
	for c, v := range lineEnds {
		all[c] = max(all[c], v)
	}
	return &all
}()

// tokensIn notes what may be a hash in a run of text: between characters that are neither letter nor digit, or from its start.
func (sc *scanner) tokensIn(run []byte) {
	note := func(part []byte) {
		if len(part) < minToken {
			return
		}
		sc.token(base64Chars.decode(part, 6))
		_ = hexChars.runs(part, func(digits []byte) error {
			if len(digits) >= minToken {
				sc.token(hexChars.decode(digits, 4))
			}
			return nil
		})
	}
	note(run)
	for _, part := range bytes.FieldsFunc(run, func(r rune) bool { return strings.ContainsRune("+/-_", r) }) {
		note(part)
	}
}

// compressed scans below compressed data, wherever in b it starts.
func (sc *scanner) compressed(b []byte, below func([]byte, string) error) error {
	try := func(r io.Reader, how string) error {
		out, err := io.ReadAll(io.LimitReader(r, int64(sc.budget)+1))
		_ = err // data that breaks off, or never was compressed, gives what it gives
		if len(out) == 0 {
			return nil
		}
		return below(out, how)
	}
	deflated := func(b []byte, how string) error {
		if sc.flate == nil {
			sc.flate = flate.NewReader(bytes.NewReader(b))
		} else if err := sc.flate.(flate.Resetter).Reset(bytes.NewReader(b), nil); err != nil {
			return err
		}
		return try(sc.flate, how)
	}
	if err := deflated(b, "deflate"); err != nil {
		return err
	}
	for from := range starts(b, "\x1f\x8b\x08") {
		r, err := gzip.NewReader(bytes.NewReader(b[from:]))
		if err != nil {
			continue
		}
		if err := try(r, "gzip"); err != nil {
			return err
		}
	}
	for from := range starts(b, "\x78") {
		if !isZlib(b[from:]) {
			continue
		}
		if err := deflated(b[from+2:], "zlib"); err != nil {
			return err
		}
	}
	for from := range starts(b, "PK\x03\x04") {
		if data, ok := zipData(b[from:]); ok {
			if err := deflated(data, "zip"); err != nil {
				return err
			}
		}
	}
	return nil
}

// starts yields where magic is in b.
func starts(b []byte, magic string) func(func(int) bool) {
	return func(yield func(int) bool) {
		for at := 0; ; at++ {
			i := bytes.Index(b[at:], []byte(magic))
			if i < 0 {
				return
			}
			if at += i; !yield(at) {
				return
			}
		}
	}
}

// isZlib reports whether b starts as RFC 1950 says, with the largest window and without a dictionary.
func isZlib(b []byte) bool {
	const dictionary = 0x20
	return len(b) > 2 && binary.BigEndian.Uint16(b)%31 == 0 && b[1]&dictionary == 0
}

// zipData returns what follows the local header of a deflated file in a zip archive.
func zipData(b []byte) ([]byte, bool) {
	const header, deflated = 30, 8
	if len(b) < header || binary.LittleEndian.Uint16(b[8:]) != deflated {
		return nil, false
	}
	at := header + int(binary.LittleEndian.Uint16(b[26:])) + int(binary.LittleEndian.Uint16(b[28:]))
	if at > len(b) {
		return nil, false
	}
	return b[at:], true
}
