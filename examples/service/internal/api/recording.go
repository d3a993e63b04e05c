package api

import (
	"net/http"
	"strings"

	"github.com/genesys/voicemail"
)

// extensions are the file names' endings by which systems know the formats.
var extensions = map[string]string{
	"audio/wav": ".wav", "audio/mpeg": ".mp3", "audio/ogg": ".ogg", "audio/flac": ".flac", "audio/mp4": ".m4a", "audio/amr": ".amr", "audio/webm": ".webm",
	"audio/basic": ".au", "audio/gsm": ".gsm",
}

// getRecording plays the message: all of it, or the one range that is asked for.
func (c *call) getRecording() error {
	q := c.query()
	disposition := "inline"
	if q.bool("download") {
		disposition = "attachment"
	}
	if err := q.end(); err != nil {
		return err
	}
	_, m, err := c.message()
	if err != nil {
		return err
	}
	audio, err := m.Open(c.r.Context())
	if err != nil {
		return err
	}
	defer audio.Close()
	e := m.Envelope()
	h := c.w.Header()
	h.Set("Content-Type", playable(e))
	h.Set("Content-Disposition", disposition+`; filename="`+string(m.ID())+extensions[e.ContentType]+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, no-store")
	h.Set("Etag", `"`+e.SHA256+`"`)
	if strings.Contains(c.r.Header.Get("Range"), ",") {
		c.r.Header.Del("Range") // each range costs a look and a request of the storage, and no player asks for several at once
	}
	http.ServeContent(c.w, c.r, "", e.ReceivedAt, audio)
	return nil
}

// playable is the media type of the recording. It is what the library read off the content, so what is no audio is not called so.
func playable(e voicemail.Envelope) string {
	if strings.HasPrefix(e.ContentType, "audio/") {
		return e.ContentType
	}
	return "application/octet-stream"
}
