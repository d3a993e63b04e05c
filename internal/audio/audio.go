// Package audio tells what a recording is and how long it takes, from its content and never from what somebody says about it.
//
// Recordings come from strangers' telephony: headers lie, are cut off or were never completed. So a duration is what the bytes that are
// really there take to play, every format has a bound on the work spent on it, and nothing is allocated by a size that a file declares.
package audio

import (
	"bytes"
	"errors"
	"io"
	"math/bits"
	"time"
)

// Info describes a recording.
type Info struct {
	// ContentType is its media type: one of this package's own, always audio/… or application/…, never one that a browser runs or
	// renders as a page.
	ContentType string
	// Ext is the usual ending of a file's name, without the dot: a-z and 0-9.
	Ext string
	// Codec is how the samples are coded: pcm_u8, pcm_s16le, pcm_mulaw, pcm_alaw, gsm, opus, …; empty if that was not found out.
	Codec string
	// Channels is 0 if it was not found out.
	Channels int
	// SampleRate is in samples per second; 0 if it was not found out.
	SampleRate int
	// Duration is how long the recording takes to play. It is 0 unless Measured.
	Duration time.Duration
	// Measured: Duration was found out. It can be 0 then: an empty recording.
	Measured bool
}

// unknown is what no format claims, text and pages among it.
var unknown = Info{ContentType: "application/octet-stream", Ext: "bin"}

// sniffLength is how much of the start of a file the formats other than WAV may look at, without a read of their own.
const sniffLength = 512

// maxSize is beyond every recording, and keeps the arithmetic on sizes within 64 bits.
const maxSize = 1 << 56

// Probe says what the first size bytes of r are. Bytes of no known format, raw samples among them (see [Headerless]), are
// application/octet-stream; a file of a known format that is damaged has its type, as far as it makes sense, and no Duration. The error is
// one of r.
//
// WAV, AU, AMR and FLAC files are measured; FLAC by the count in its header. Of MP3, Ogg (Opus, Vorbis, Speex), MP4, WebM, Matroska, CAF and
// AIFF files the type is told only. Big-endian WAV (RIFX), which nothing plays any more, is unknown bytes.
func Probe(r io.ReaderAt, size int64) (Info, error) {
	f := &content{r: r, size: min(size, maxSize)}
	start := f.read(0, sniffLength)
	info := unknown
	for _, sniff := range []func(*content, []byte) (Info, bool){
		sniffWAV, sniffAU, sniffFLAC, sniffAMR, sniffOgg, sniffMP4, sniffEBML, sniffMagic, sniffMPEG,
	} {
		if found, ok := sniff(f, start); ok {
			info = found
			break
		}
	}
	if f.err != nil {
		return Info{}, f.err
	}
	return info, nil
}

// content is the file that is looked at. It remembers its first error and has no bytes from then on.
type content struct {
	r    io.ReaderAt
	size int64
	err  error
}

// read returns the n bytes at off, or as many as there are.
func (f *content) read(off int64, n int) []byte {
	if f.err != nil || off < 0 || off >= f.size {
		return nil
	}
	b := make([]byte, min(int64(n), f.size-off))
	n, err := f.r.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
		return nil
	}
	return b[:n]
}

// measured returns info with the duration of that many samples per channel. Without a sample rate there is none.
func (info Info) measured(samples int64) Info {
	if info.SampleRate <= 0 || samples < 0 {
		return info
	}
	hi, lo := bits.Mul64(uint64(samples), uint64(time.Second))
	if hi >= uint64(info.SampleRate) {
		return info
	}
	d, _ := bits.Div64(hi, lo, uint64(info.SampleRate))
	if time.Duration(d) < 0 {
		return info
	}
	info.Duration, info.Measured = time.Duration(d), true
	return info
}

// sniffMagic knows formats by their first bytes alone.
func sniffMagic(_ *content, start []byte) (Info, bool) {
	has := func(off int, magic string) bool {
		return len(start) >= off && bytes.HasPrefix(start[off:], []byte(magic))
	}
	switch {
	case has(0, "caff\x00\x01"):
		return Info{ContentType: "audio/x-caf", Ext: "caf"}, true
	case has(0, "FORM") && (has(8, "AIFF") || has(8, "AIFC")):
		return Info{ContentType: "audio/aiff", Ext: "aiff"}, true
	}
	return Info{}, false
}
