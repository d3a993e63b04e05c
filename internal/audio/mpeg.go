package audio

import "encoding/binary"

// sniffMPEG knows MP3 (and its elder brothers) by a tag in front, or by two frames in a row: the pattern that starts a frame is too short to
// be believed once, raw telephony audio is full of it.
func sniffMPEG(f *content, start []byte) (Info, bool) {
	off := id3Size(start)
	tagged := off > 0
	if tagged {
		start = f.read(off, 4)
	}
	first, ok := parseFrame(start)
	if ok {
		var second mpegFrame
		second, ok = parseFrame(f.read(off+first.size, 4))
		ok = ok && second.rate == first.rate && second.layer == first.layer
	}
	info := Info{ContentType: "audio/mpeg", Ext: "mp3"}
	if ok {
		info.Codec = [4]string{1: "mp1", 2: "mp2", 3: "mp3"}[first.layer]
		info.Channels, info.SampleRate = first.channels, first.rate
	}
	return info, ok || tagged
}

// id3Size returns the length of an ID3v2 tag, 0 if there is none.
func id3Size(b []byte) int64 {
	if len(b) < 10 || string(b[:3]) != "ID3" || b[3] < 2 || b[3] > 4 {
		return 0
	}
	size := int64(10)
	for i, c := range b[6:10] {
		if c >= 0x80 {
			return 0
		}
		size += int64(c) << (7 * (3 - i))
	}
	return size
}

// mpegFrame is the header of a frame.
type mpegFrame struct {
	layer, channels, rate int
	size                  int64
}

// Bit rates in kbit/s by layer and index: of MPEG 1, and of MPEG 2 and 2.5, where layers 2 and 3 have the same.
var (
	mpeg1Rates = [4][16]int64{
		1: {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
		2: {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
		3: {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
	}
	mpeg2Rates = [4][16]int64{
		1: {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
		2: {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
		3: {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
	}
)

// parseFrame refuses reserved values and the free bit rate, whose frames have no known length.
func parseFrame(b []byte) (mpegFrame, bool) {
	if len(b) < 4 {
		return mpegFrame{}, false
	}
	h := binary.BigEndian.Uint32(b)
	version, layer := h>>19&3, 4-int(h>>17&3) // 0 is MPEG 2.5, 2 is MPEG 2, 3 is MPEG 1
	rate := [4]int{44100, 48000, 32000, 0}[h>>10&3]
	if h>>21 != 0x7FF || version == 1 || layer == 4 || rate == 0 {
		return mpegFrame{}, false
	}
	rates, samples := mpeg1Rates, int64(1152)
	if version != 3 {
		rates = mpeg2Rates
		rate /= 2
		if version == 0 {
			rate /= 2
		}
		if layer == 3 {
			samples = 576
		}
	}
	bitRate := rates[layer][h>>12&15] * 1000
	if bitRate == 0 {
		return mpegFrame{}, false
	}
	frame := mpegFrame{layer: layer, channels: 2, rate: rate}
	if h>>6&3 == 3 {
		frame.channels = 1
	}
	padding := int64(h >> 9 & 1)
	if layer == 1 {
		frame.size = (12*bitRate/int64(rate) + padding) * 4
	} else {
		frame.size = samples/8*bitRate/int64(rate) + padding
	}
	return frame, true
}
