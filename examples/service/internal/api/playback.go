package api

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// content is something to be played, or read.
type content struct {
	io.ReadSeeker
	name        string // of the file, without its ending; nothing of a person
	contentType string
	digest      string // SHA-256 in hex; empty if it is not known
	at          time.Time
}

// extensions are the endings by which systems know the formats.
var extensions = map[string]string{
	"audio/wav": ".wav", "audio/mpeg": ".mp3", "audio/ogg": ".ogg", "audio/flac": ".flac", "audio/mp4": ".m4a", "audio/amr": ".amr", "audio/webm": ".webm",
	"audio/basic": ".au", "audio/x-au": ".au", "audio/gsm": ".gsm", "text/plain; charset=utf-8": ".txt", "text/vtt": ".vtt", "application/json": ".json",
}

// play serves all of it, or the one range that is asked for.
func (c *call) play(body content, disposition string) {
	h := c.w.Header()
	h.Set("Content-Type", playable(body.contentType))
	h.Set("Content-Disposition", disposition+`; filename="`+body.name+extensions[body.contentType]+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, no-store")
	if body.digest != "" {
		h.Set("Etag", `"`+body.digest+`"`)
	}
	if strings.Contains(c.r.Header.Get("Range"), ",") {
		c.r.Header.Del("Range") // each range costs a look and a request of the storage, and no player asks for several at once
	}
	http.ServeContent(c.w, c.r, "", body.at, body)
}

// playable is a media type under which a browser runs nothing. It is what the library read off the content, so what is neither audio nor text is not called so.
func playable(contentType string) string {
	if strings.HasPrefix(contentType, "audio/") || extensions[contentType] != "" {
		return contentType
	}
	return "application/octet-stream"
}

// disposition reads whether something is to be saved as a file.
func (q *query) disposition() string {
	if q.bool("download") {
		return "attachment"
	}
	return "inline"
}
