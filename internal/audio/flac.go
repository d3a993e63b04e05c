package audio

import "encoding/binary"

// sniffFLAC reads the STREAMINFO block, which comes first (RFC 9639, section 8.2). A stream that was not finished has no count of samples
// there.
func sniffFLAC(_ *content, start []byte) (Info, bool) {
	if len(start) < 4 || string(start[:4]) != "fLaC" {
		return Info{}, false
	}
	info := Info{ContentType: "audio/flac", Ext: "flac", Codec: "flac"}
	const header = 4 + 4 + 34
	if len(start) < header || start[4]&0x7F != 0 {
		return info, true
	}
	packed := binary.BigEndian.Uint64(start[18:]) // 20 bits rate, 3 channels-1, 5 bits-1, 36 samples
	info.SampleRate = int(packed >> 44)
	info.Channels = int(packed>>41&7) + 1
	if samples := int64(packed & (1<<36 - 1)); samples > 0 {
		info = info.measured(samples)
	}
	return info, true
}
