package audio

import (
	"mime"
	"strconv"
)

// Raw is a format of samples or frames without any header. Nobody can recognize it: the one who recorded must say it.
type Raw struct {
	info    Info
	frame   int64 // bytes
	samples int64 // that a frame gives each channel
}

// Headerless returns the raw format that a media type names: audio/basic, audio/pcmu, audio/pcma, audio/gsm, audio/g722, audio/g729 or
// audio/l16 (RFC 3551, RFC 4856), in any case. pcmu, pcma and l16 take the parameters rate and channels; l16 must have a rate. It is not
// ok for every other type, those of files with headers among them.
//
// Ask [Probe] first, and this only about what Probe did not know: a file with a header is often declared as the samples in it.
func Headerless(contentType string) (Raw, bool) {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return Raw{}, false
	}
	narrow := Info{ContentType: media, Channels: 1, SampleRate: 8000}
	switch media {
	case "audio/basic":
		narrow.Ext, narrow.Codec = "ulaw", "pcm_mulaw"
		return Raw{narrow, 1, 1}, true
	case "audio/pcmu":
		narrow.Ext, narrow.Codec = "ulaw", "pcm_mulaw"
		return Raw{narrow, 1, 1}.with(params)
	case "audio/pcma":
		narrow.Ext, narrow.Codec = "alaw", "pcm_alaw"
		return Raw{narrow, 1, 1}.with(params)
	case "audio/l16":
		return Raw{Info{ContentType: media, Ext: "l16", Codec: "pcm_s16be", Channels: 1}, 2, 1}.with(params)
	case "audio/gsm":
		narrow.Ext, narrow.Codec = "gsm", "gsm"
		return Raw{narrow, 33, 160}, true
	case "audio/g722": // 16 kHz, although the clock of its RTP packets says 8 (RFC 3551, section 4.5.2)
		return Raw{Info{ContentType: media, Ext: "g722", Codec: "g722", Channels: 1, SampleRate: 16000}, 1, 2}, true
	case "audio/g729":
		narrow.Ext, narrow.Codec = "g729", "g729"
		return Raw{narrow, 10, 80}, true
	}
	return Raw{}, false
}

// with applies the parameters rate and channels. They stay in the media type, since nobody could play the recording without them.
func (r Raw) with(params map[string]string) (Raw, bool) {
	given := map[string]string{}
	for name, field := range map[string]*int{"rate": &r.info.SampleRate, "channels": &r.info.Channels} {
		if text, ok := params[name]; ok {
			n, err := strconv.ParseUint(text, 10, 20)
			if err != nil {
				return Raw{}, false
			}
			*field = int(n)
			given[name] = strconv.Itoa(*field)
		}
		if *field == 0 {
			return Raw{}, false
		}
	}
	r.info.ContentType = mime.FormatMediaType(r.info.ContentType, given)
	r.frame *= int64(r.info.Channels)
	return r, true
}

// Info describes a recording of size bytes. What is left behind the last whole frame does not count.
func (r Raw) Info(size int64) Info {
	if r.frame == 0 || size < 0 {
		return r.info
	}
	return r.info.measured(min(size, maxSize) / r.frame * r.samples)
}
