package audio

import (
	"encoding/binary"
	"math"
)

// sniffAU reads the Sun format: a big-endian header of at least 24 bytes, then samples. Its media type is not audio/basic, which are the
// samples without the header.
func sniffAU(f *content, start []byte) (Info, bool) {
	if len(start) < 4 || string(start[:4]) != ".snd" {
		return Info{}, false
	}
	info := Info{ContentType: "audio/x-au", Ext: "au"}
	if len(start) < 24 {
		return info, true
	}
	field := func(i int) int64 { return int64(binary.BigEndian.Uint32(start[4*i:])) }
	offset, size, encoding, rate, channels := field(1), field(2), field(3), field(4), field(5)
	if rate <= math.MaxInt32 {
		info.SampleRate = int(rate)
	}
	if channels <= math.MaxUint16 {
		info.Channels = int(channels)
	}
	var sample int64
	switch encoding {
	case 1:
		info.Codec, sample = "pcm_mulaw", 1
	case 2:
		info.Codec, sample = "pcm_s8", 1
	case 3:
		info.Codec, sample = "pcm_s16be", 2
	case 4:
		info.Codec, sample = "pcm_s24be", 3
	case 5:
		info.Codec, sample = "pcm_s32be", 4
	case 6:
		info.Codec, sample = "pcm_f32be", 4
	case 7:
		info.Codec, sample = "pcm_f64be", 8
	case 27:
		info.Codec, sample = "pcm_alaw", 1
	}
	if sample == 0 || info.Channels == 0 || offset < 24 || offset > f.size {
		return info, true
	}
	data := f.size - offset
	if size > 0 && size < data { // 0xFFFFFFFF, and 0 of those who never came back to the header, are: up to the end
		data = size
	}
	return info.measured(data / (sample * channels)), true
}
