package mwi

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// most is the largest count that is read: 2^32-1 where an int holds that.
var most = min(math.MaxUint32, math.MaxInt)

func TestBodiesOfOtherSystemsAreRead(t *testing.T) {
	const account = "sip:5001@pbx.example"
	for name, tt := range map[string]struct {
		body string
		want Summary
	}{
		"status, account and counts": {"Messages-Waiting: yes\r\nMessage-Account: sip:5001@pbx.example\r\nVoice-Message: 2/8 (0/2)\r\n",
			Summary{Account: account, Counts: counted(2, 8, 0, 2)}},
		"no urgent counts":           {"Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n", Summary{Counts: Counts{New: 1}}},
		"only old ones":              {"Messages-Waiting: no\r\nVoice-Message: 0/2 (0/0)\r\n", Summary{Counts: Counts{Old: 2}}},
		"other case":                 {"MESSAGES-WAITING: YES\r\nvoice-message: 1/0\r\n", Summary{Counts: Counts{New: 1}}},
		"other order":                {"Voice-Message: 1/0\r\nMessage-Account: sip:5001@pbx.example\r\nMessages-Waiting: yes\r\n", Summary{Account: account, Counts: Counts{New: 1}}},
		"line feeds":                 {"Messages-Waiting: yes\nVoice-Message: 1/0 (1/0)\n", Summary{Counts: Counts{New: 1, NewUrgent: 1}}},
		"no end of the last line":    {"Messages-Waiting: yes\r\nVoice-Message: 1/0", Summary{Counts: Counts{New: 1}}},
		"an empty line at the end":   {"Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n\r\n", Summary{Counts: Counts{New: 1}}},
		"no space behind the colon":  {"Messages-Waiting:yes\r\nVoice-Message:1/0(0/0)\r\n", Summary{Counts: Counts{New: 1}}},
		"spaces and tabs":            {"Messages-Waiting \t:\t yes \r\nVoice-Message : 1 / 2 ( 0 /\t1 ) \r\n", Summary{Counts: counted(1, 2, 0, 1)}},
		"lines that go on":           {"Messages-Waiting:\r\n yes\r\nVoice-Message: 1/2\r\n\t(0/1)\r\n", Summary{Counts: counted(1, 2, 0, 1)}},
		"leading zeros":              {"Messages-Waiting: yes\r\nVoice-Message: 01/002\r\n", Summary{Counts: Counts{New: 1, Old: 2}}},
		"account in angle brackets":  {"Messages-Waiting: no\r\nMessage-Account: <sip:5001@pbx.example>\r\n", Summary{Account: account}},
		"account without a scheme":   {"Messages-Waiting: no\r\nMessage-Account: 5001@pbx.example\r\n", Summary{Account: "5001@pbx.example"}},
		"account left empty":         {"Messages-Waiting: no\r\nMessage-Account:\r\n", Summary{}},
		"account with other letters": {"Messages-Waiting: no\r\nMessage-Account: sip:josé@pbx.example\r\n", Summary{Account: "sip:josé@pbx.example"}},
		"other kinds of messages":    {"Messages-Waiting: yes\r\nVoice-Message: 1/0\r\nFax-Message: 2/3 (1/1)\r\nVideo-Message: 0/1\r\nNone: 1/1\r\n", Summary{Counts: Counts{New: 1}}},
		"another line":               {"Messages-Waiting: no\r\nUpdate-Reason: NEW\r\nVoice-Message: 0/1\r\n", Summary{Counts: Counts{Old: 1}}},
		"headers of single messages": {"Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n\r\nFrom: <sip:5550100@pbx.example>\r\nVoice-Message: 9/9\r\n\r\nnot even a header\x00", Summary{Counts: Counts{New: 1}}},
		"counts beyond 32 bits":      {"Messages-Waiting: yes\r\nVoice-Message: 4294967296/18446744073709551616 (99999999999/0)\r\n", Summary{Counts: counted(most, most, most, 0)}},
		"the largest count":          {"Messages-Waiting: yes\r\nVoice-Message: 4294967295/0\r\n", Summary{Counts: Counts{New: most}}},
		"a lamp to light":            {"Messages-Waiting: yes\r\n", Summary{Uncounted: true}},
		"a lamp to put out":          {"Messages-Waiting: no\r\n", Summary{}},
		"it is a fax that waits":     {"Messages-Waiting: yes\r\nFax-Message: 1/0\r\n", Summary{}},
		"a fax waits, not a voice":   {"Messages-Waiting: yes\r\nFax-Message: 1/0\r\nVoice-Message: 0/3\r\n", Summary{Counts: Counts{Old: 3}}},
		"counts against the status":  {"Messages-Waiting: no\r\nVoice-Message: 1/0\r\n", Summary{Counts: Counts{New: 1}}},
		"as many lines as are read":  {"Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n" + strings.Repeat("X: y\r\n", maxLines-2), Summary{Counts: Counts{New: 1}}},
		"as many bytes as are read":  {"Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n\r\n" + strings.Repeat("x", maxBody-45), Summary{Counts: Counts{New: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Summary{Account: "what was there before", Counts: Counts{Old: 7}, Uncounted: true}
			require.NoError(t, got.UnmarshalText([]byte(tt.body)))
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestABodyThatMakesNoSenseIsRefused(t *testing.T) {
	const status = "Messages-Waiting: yes\r\n"
	for name, body := range map[string]string{
		"nothing":                           "",
		"an empty line":                     "\r\n" + status,
		"no status":                         "Voice-Message: 1/0\r\n",
		"neither yes nor no":                "Messages-Waiting: maybe\r\n",
		"a status with more":                "Messages-Waiting: yes indeed\r\n",
		"no value":                          "Messages-Waiting:\r\n",
		"two statuses":                      status + "messages-waiting: no\r\n",
		"two counts":                        status + "Voice-Message: 1/0\r\nVoice-Message: 1/0\r\n",
		"two accounts":                      status + "Message-Account: sip:a\r\nMessage-Account: sip:a\r\n",
		"a storage that was down":           status + "Voice-Message: -1/0 (0/0)\r\n",
		"a plus":                            status + "Voice-Message: +1/0\r\n",
		"no number":                         status + "Voice-Message: one/0\r\n",
		"other digits":                      status + "Voice-Message: \u0661/0\r\n",
		"one count":                         status + "Voice-Message: 1\r\n",
		"no counts":                         status + "Voice-Message:\r\n",
		"half a pair":                       status + "Voice-Message: 1/\r\n",
		"the other half of a pair":          status + "Voice-Message: /1\r\n",
		"half an urgent pair":               status + "Voice-Message: 1/0 (1)\r\n",
		"an open bracket":                   status + "Voice-Message: 1/0 (1/0\r\n",
		"a bracket too many":                status + "Voice-Message: 1/0 (0/0))\r\n",
		"no bracket":                        status + "Voice-Message: 1/0 0/0\r\n",
		"something behind the counts":       status + "Voice-Message: 1/0 (0/0) x\r\n",
		"a space within a count":            status + "Voice-Message: 1 0/0\r\n",
		"more urgent than new":              status + "Voice-Message: 1/0 (2/0)\r\n",
		"more urgent than old":              status + "Voice-Message: 2/0 (0/1)\r\n",
		"other messages, badly counted":     status + "Fax-Message: many\r\n",
		"no colon":                          status + "Voice-Message 1/0\r\n",
		"no name":                           status + ": 1/0\r\n",
		"a name with a space":               status + "Voice Message: 1/0\r\n",
		"a continuation first":              " " + status,
		"a carriage return alone":           "Messages-Waiting: yes\rVoice-Message: 1/0\r\n",
		"NUL":                               status + "X: \x00\r\n",
		"DEL":                               status + "X: \x7F\r\n",
		"a carriage return within a line":   status + "X: a\rb\r\n",
		"no kind of message, badly counted": status + "None: many\r\n",
		"account with a space":              status + "Message-Account: sip:a b\r\n",
		"account with a name":               status + "Message-Account: \"A\" <sip:a>\r\n",
		"account continued":                 status + "Message-Account: sip:a\r\n b\r\n",
		"account with half the brackets":    status + "Message-Account: sip:a>\r\n",
		"account that is no UTF-8":          status + "Message-Account: sip:\xFF\r\n",
		"a line more than is read":          status + strings.Repeat("X: y\r\n", maxLines),
		"a byte more than is read":          status + "\r\n" + strings.Repeat("x", maxBody-len(status)-1),
	} {
		t.Run(name, func(t *testing.T) {
			before := Summary{Account: "sip:a", Counts: Counts{Old: 1}}
			got := before
			require.ErrorIs(t, got.UnmarshalText([]byte(body)), ErrInvalid)
			assert.Equal(t, before, got, "it is left as it was")
		})
	}
}

func FuzzUnmarshalText(f *testing.F) {
	for _, s := range []Summary{{}, {Uncounted: true}, {Account: "sip:5001@pbx.example", Counts: counted(4, 8, 1, 2)}} {
		b, err := s.MarshalText()
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add([]byte("messages-waiting : No\nvoice-Message:\n 99999999999 / 2 ( 1/0 )\nFax-Message: 1/1\nMessage-Account: <sip:a>\n\nFrom: b"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var first, second Summary
		if err := first.UnmarshalText(body); err != nil {
			require.ErrorIs(t, err, ErrInvalid)
			require.Zero(t, first)
			return
		}
		text, err := first.MarshalText()
		require.NoError(t, err)
		require.NoError(t, second.UnmarshalText(text))
		require.Equal(t, first, second)
	})
}

func counted(fresh, old, freshUrgent, oldUrgent int) Counts {
	return Counts{New: fresh, Old: old, NewUrgent: freshUrgent, OldUrgent: oldUrgent}
}
