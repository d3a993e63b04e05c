package audio

import (
	"bytes"
	"encoding/binary"
	"math"
)

// The codes of wFormatTag that are measured.
const (
	wavePCM        = 0x0001
	waveADPCM      = 0x0002
	waveFloat      = 0x0003
	waveALaw       = 0x0006
	waveMuLaw      = 0x0007
	waveIMA        = 0x0011
	waveGSM        = 0x0031
	waveExtensible = 0xFFFE
)

// maxChunks bounds how far the chunks of a file are followed.
const maxChunks = 256

// unsetSize is what a writer that cannot go back to its header, and every writer of RF64, leaves for the size of a chunk.
const unsetSize = math.MaxUint32

// sniffWAV reads RIFF and RF64 files (EBU Tech 3306). The size in the file's header is not looked at: it adds nothing to the sizes of the
// chunks and of the file.
func sniffWAV(f *content, start []byte) (Info, bool) {
	if len(start) < 12 || string(start[8:12]) != "WAVE" {
		return Info{}, false
	}
	switch string(start[:4]) {
	case "RIFF", "RF64", "BW64":
	default:
		return Info{}, false
	}
	info := Info{ContentType: "audio/wav", Ext: "wav"}
	format, data, found := scanWAV(f)
	if format == nil {
		return info, true
	}
	samples, ok := format.describe(&info, data)
	if ok && found {
		info = info.measured(samples)
	}
	return info, true
}

// scanWAV follows the chunks to the format and the length of the samples.
func scanWAV(f *content) (format *waveFormat, data int64, found bool) {
	long := int64(-1) // the size of the samples in RF64
	off := int64(12)
	for range maxChunks {
		header := f.read(off, 8)
		if len(header) < 8 {
			break
		}
		body := off + 8
		size := int64(binary.LittleEndian.Uint32(header[4:]))
		switch id := string(header[:4]); {
		case id == "ds64":
			if b := f.read(body, int(min(size, 16))); len(b) == 16 {
				long = int64(binary.LittleEndian.Uint64(b[8:]))
			}
		case id == "fmt " && format == nil:
			format = parseFormat(f.read(body, int(min(size, 40))))
		case id == "data" && !found:
			if size == unsetSize {
				size = long
			}
			data, found = f.samples(body, size), true
			size = data
		}
		if format != nil && found {
			break
		}
		off = f.nextChunk(body, size)
	}
	return format, data, found
}

// samples returns how many bytes of samples there are at body, where size are declared. A size that was never filled in (0, negative), or
// that is longer than the file, means: up to the file's end.
func (f *content) samples(body, size int64) int64 {
	left := max(f.size-body, 0)
	if size > 0 && size <= left {
		return size
	}
	if size == 0 && f.isChunk(body) {
		return 0 // really none: another chunk follows
	}
	return left
}

// nextChunk returns where the chunk behind the one at body starts. A chunk of odd length is followed by a zero byte, which some writers
// forget; no chunk's name starts with one.
func (f *content) nextChunk(body, size int64) int64 {
	end := body + size
	if size%2 == 0 {
		return end
	}
	if f.isChunk(end) {
		return end
	}
	return end + 1
}

// isChunk reports whether a chunk can start at off: a printable name, and a size that the file has room for.
func (f *content) isChunk(off int64) bool {
	header := f.read(off, 8)
	if len(header) < 8 {
		return false
	}
	for _, c := range header[:4] {
		if c < ' ' || c > '~' {
			return false
		}
	}
	size := int64(binary.LittleEndian.Uint32(header[4:]))
	return size <= f.size-off-8 || string(header[:4]) == "data"
}

// waveFormat is the fmt chunk. The byte rate is left out: it is often wrong, and the block says the same.
type waveFormat struct {
	tag        uint16
	channels   int
	rate       int64
	blockAlign int64
	bits       int
}

// subFormat is the GUID of WAVE_FORMAT_EXTENSIBLE behind its first two bytes, which are a format tag.
var subFormat = []byte{0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71}

// parseFormat returns nil for a chunk that is too short to be one.
func parseFormat(b []byte) *waveFormat {
	if len(b) < 16 {
		return nil
	}
	format := &waveFormat{
		tag:        binary.LittleEndian.Uint16(b),
		channels:   int(binary.LittleEndian.Uint16(b[2:])),
		rate:       int64(binary.LittleEndian.Uint32(b[4:])),
		blockAlign: int64(binary.LittleEndian.Uint16(b[12:])),
		bits:       int(binary.LittleEndian.Uint16(b[14:])),
	}
	if format.tag == waveExtensible && len(b) >= 40 && bytes.Equal(b[26:40], subFormat) {
		format.tag = binary.LittleEndian.Uint16(b[24:])
	}
	return format
}

// describe fills in what the format says, and returns how many samples per channel the data are. It is not ok for a format that is
// not known, or that contradicts itself.
func (w *waveFormat) describe(info *Info, data int64) (samples int64, ok bool) {
	if w.rate <= math.MaxInt32 {
		info.SampleRate = int(w.rate)
	}
	info.Channels = w.channels
	if w.channels == 0 {
		return 0, false
	}
	switch w.tag {
	case wavePCM:
		info.Codec = map[int]string{1: "pcm_u8", 2: "pcm_s16le", 3: "pcm_s24le", 4: "pcm_s32le"}[(w.bits+7)/8]
		return w.frames(data, info.Codec != "")
	case waveFloat:
		info.Codec = map[int]string{32: "pcm_f32le", 64: "pcm_f64le"}[w.bits]
		return w.frames(data, info.Codec != "")
	case waveMuLaw:
		info.Codec = "pcm_mulaw"
		return data / int64(w.channels), true
	case waveALaw:
		info.Codec = "pcm_alaw"
		return data / int64(w.channels), true
	case waveGSM:
		// Two frames of GSM 06.10 in a block of 65 bytes; there is no other, whatever the header says.
		info.Codec = "gsm"
		return data / 65 * 320, w.channels == 1
	case waveADPCM:
		// Each channel's block starts with 7 bytes, which hold two samples.
		info.Codec = "adpcm_ms"
		return w.blocks(data, 7, 2)
	case waveIMA:
		// Each channel's block starts with 4 bytes, which hold one sample.
		info.Codec = "adpcm_ima"
		return w.blocks(data, 4, 1)
	}
	return 0, false
}

// frames counts samples of whole bytes. A sample may lie in more bytes than it has bits for, which the block says; a block that is
// missing or too short for its samples is not believed.
func (w *waveFormat) frames(data int64, ok bool) (int64, bool) {
	channels := int64(w.channels)
	frame := channels * int64((w.bits+7)/8)
	if w.blockAlign%channels == 0 && w.blockAlign > frame && w.blockAlign <= 8*channels {
		frame = w.blockAlign
	}
	if !ok || frame == 0 {
		return 0, false
	}
	return data / frame, true
}

// blocks counts the samples of 4 bits in blocks that start with some bytes for each channel, which hold some samples themselves. A
// block that was cut off counts as far as it goes.
func (w *waveFormat) blocks(data, header, held int64) (int64, bool) {
	channels := int64(w.channels)
	inBlock := func(n int64) int64 {
		if n < header*channels {
			return 0
		}
		return held + (n-header*channels)*2/channels
	}
	if inBlock(w.blockAlign) == 0 {
		return 0, false
	}
	return data/w.blockAlign*inBlock(w.blockAlign) + inBlock(data%w.blockAlign), true
}
