package audio

import "bytes"

// sniffMP4 goes by the brand of the ftyp box (ISO/IEC 14496-12): pictures are in the same boxes.
func sniffMP4(_ *content, start []byte) (Info, bool) {
	if len(start) < 12 || string(start[4:8]) != "ftyp" {
		return Info{}, false
	}
	switch brand := string(start[8:12]); brand {
	case "M4A ", "M4B ", "M4P ", "F4A ":
		return Info{ContentType: "audio/mp4", Ext: "m4a"}, true
	case "isom", "iso2", "iso3", "iso4", "iso5", "iso6", "mp41", "mp42", "dash", "MSNV":
		return Info{ContentType: "audio/mp4", Ext: "mp4"}, true
	default:
		if brand[:3] == "3gp" || brand[:3] == "3g2" {
			return Info{ContentType: "audio/3gpp", Ext: "3gp"}, true
		}
		return Info{}, false
	}
}

// sniffEBML goes by the document type, which stands among the first few elements of the header (RFC 8794, section 11.2.6).
func sniffEBML(_ *content, start []byte) (Info, bool) {
	if !bytes.HasPrefix(start, []byte{0x1A, 0x45, 0xDF, 0xA3}) {
		return Info{}, false
	}
	head := start[:min(len(start), 64)]
	switch {
	case bytes.Contains(head, []byte("\x42\x82\x84webm")):
		return Info{ContentType: "audio/webm", Ext: "webm"}, true
	case bytes.Contains(head, []byte("\x42\x82\x88matroska")):
		return Info{ContentType: "audio/x-matroska", Ext: "mka"}, true
	}
	return Info{}, false
}
