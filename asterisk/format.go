package asterisk

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// DefaultFormats are the endings of the recordings that are taken, the best first: what is lossless or can be measured and played anywhere comes before
// what is not. They are told apart by case, as Asterisk does: wav is linear, WAV is GSM in a WAV file.
func DefaultFormats() []string {
	return []string{
		"wav", "wav16", "sln192", "sln96", "sln48", "sln44", "sln32", "sln24", "sln16", "sln12", "sln", "raw", "flac", "au",
		"g722", "ulaw", "ul", "mu", "ulw", "pcm", "alaw", "al", "alw", "ogg", "opus", "mp3", "WAV", "wav49", "gsm", "g729",
		"siren14", "siren7", "g726-40", "g726-32", "g726-24", "g726-16", "ilbc", "vox", "g723", "g723sf",
	}
}

// contentType is the media type of raw formats, which nobody can recognize. The others are recognized from their content.
func contentType(ext string) string {
	switch ext {
	case "ulaw", "ul", "mu", "ulw", "pcm":
		return "audio/pcmu"
	case "alaw", "al", "alw":
		return "audio/pcma"
	case "g722", "g729", "gsm":
		return "audio/" + ext
	}
	return ""
}

// header is what has to be put before a recording of size bytes, so that it says what it is. Signed linear files have their samples as a WAV file has them, of
// a rate that only the ending tells.
func header(ext string, size int64) []byte {
	rate, ok := linearRate(ext)
	if !ok || size > 1<<31 {
		return nil
	}
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("RIFF"), uint32(size)+36)
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(b, 1) // linear
	b = le.AppendUint16(b, 1) // of one channel
	b = le.AppendUint32(b, rate)
	b = le.AppendUint32(b, 2*rate)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 16)
	return le.AppendUint32(append(b, "data"...), uint32(size))
}

func linearRate(ext string) (uint32, bool) {
	if ext == "sln" || ext == "raw" {
		return 8000, true
	}
	digits, ok := strings.CutPrefix(ext, "sln")
	khz, err := strconv.ParseUint(digits, 10, 8)
	if !ok || err != nil {
		return 0, false
	}
	if khz == 44 {
		return 44100, true
	}
	return uint32(khz) * 1000, true
}
