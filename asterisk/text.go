package asterisk

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/genesys/voicemail"
)

// maxText bounds a text file. Those that Asterisk writes have a few hundred bytes.
const maxText = 64 << 10

// text is what the text file of a message says: the values by their keys, in lower case.
type text map[string]string

// parseText reads a text file as leniently as Asterisk reads its own, and no line that was not written to its end: half a number is another
// number. It reports whether there is anything of a message in it.
func parseText(file []byte) (text, bool) {
	t := text{}
	known := false
	section := "message"
	file = bytes.TrimPrefix(file, []byte("\ufeff"))
	for line := range bytes.Lines(file) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		s := strings.TrimSpace(strings.ToValidUTF8(string(line), "\uFFFD"))
		if strings.HasPrefix(s, ";") {
			continue
		}
		if name, ok := strings.CutPrefix(s, "["); ok {
			name, _, _ = strings.Cut(name, "]")
			section = strings.ToLower(strings.TrimSpace(name))
			known = known || section == "message"
			continue
		}
		key, value, ok := strings.Cut(s, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		if _, double := t[key]; !ok || double || section != "message" {
			continue
		}
		t[key] = strings.TrimSpace(strings.TrimPrefix(value, ">"))
		known = known || key == "origtime" || key == "callerid"
	}
	return t, known && len(t) > 0
}

// received is when the message came in; the zero time if the file does not say. origdate is no help: it is written in a zone that the
// file misnames.
func (t text) received() time.Time {
	sec, err := strconv.ParseInt(t["origtime"], 10, 64)
	if err != nil || sec <= 0 || sec > maxUnix {
		return time.Time{}
	}
	return time.Unix(sec, 0).UTC()
}

// maxUnix is the last second of the year 9999.
const maxUnix = 253402300799

// duration is how long the recording is said to be, in whole seconds.
func (t text) duration() time.Duration {
	sec, err := strconv.ParseUint(t["duration"], 10, 20)
	if err != nil {
		return 0
	}
	return time.Duration(sec) * time.Second
}

func (t text) urgent() bool { return strings.EqualFold(t["flag"], "urgent") }

// caller is who left the message. Asterisk writes `"name" <number>`, or the one of the two that there is; a name without a number is no identity,
// unless it is a number itself.
func (t text) caller() voicemail.CallerID {
	s := t["callerid"]
	if i := strings.Index(s, "origdate="); i >= 0 { // one of its writers forgets the end of the line behind a name without number
		s = strings.TrimSpace(s[:i])
	}
	if name, ok := strings.CutPrefix(s, `"`); ok && !strings.Contains(s, "<") {
		name = strings.TrimSuffix(name, `"`)
		if c := voicemail.ParseCallerID(name); c.IsNumber() {
			return c
		}
		return voicemail.CallerID{}.WithName(clip(name, voicemail.MaxCallerID))
	}
	c := voicemail.ParseCallerID(s)
	if name := c.RevealName(); len(name) > voicemail.MaxCallerID {
		c = c.WithName(clip(name, voicemail.MaxCallerID))
	}
	return c
}

// called is the number that was called, if the extension that took the call is one and not a name of the dialplan's.
func (t text) called() voicemail.CallerID {
	if c := voicemail.ParseCallerID(t["exten"]); c.IsNumber() {
		return c
	}
	return voicemail.CallerID{}
}

func (t text) redirecting() voicemail.CallerID {
	if c := voicemail.ParseCallerID(t["rdnis"]); len(c.Reveal()) <= voicemail.MaxCallerID {
		return c.WithName("")
	}
	return voicemail.CallerID{}
}

// clip cuts s to n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
