package audio

import (
	"bytes"
	"encoding/binary"
)

// sniffOgg tells the codec by the packet in the first page (RFC 3533, section 6). A file of several streams that starts with another one is
// application/ogg.
func sniffOgg(_ *content, start []byte) (Info, bool) {
	if !bytes.HasPrefix(start, []byte("OggS\x00")) {
		return Info{}, false
	}
	info := Info{ContentType: "application/ogg", Ext: "ogx"}
	const header = 27
	if len(start) < header || len(start) < header+int(start[26]) {
		return info, true
	}
	packet := start[header+int(start[26]):]
	is := func(magic string, size int) bool {
		return len(packet) >= size && bytes.HasPrefix(packet, []byte(magic))
	}
	switch {
	case is("OpusHead", 19): // RFC 7845, section 5.1; it always plays at 48 kHz
		return Info{ContentType: "audio/ogg", Ext: "opus", Codec: "opus", Channels: int(packet[9]), SampleRate: 48000}, true
	case is("\x01vorbis", 30):
		info = Info{ContentType: "audio/ogg", Ext: "ogg", Codec: "vorbis", Channels: int(packet[11])}
		info.SampleRate = int(int32(binary.LittleEndian.Uint32(packet[12:])))
	case is("Speex   ", 80):
		info = Info{ContentType: "audio/ogg", Ext: "spx", Codec: "speex"}
		info.SampleRate = int(int32(binary.LittleEndian.Uint32(packet[36:])))
		info.Channels = int(int32(binary.LittleEndian.Uint32(packet[48:])))
	case is("\x7FFLAC", 5):
		return Info{ContentType: "audio/ogg", Ext: "oga", Codec: "flac"}, true
	}
	info.SampleRate, info.Channels = max(info.SampleRate, 0), max(info.Channels, 0)
	return info, true
}
