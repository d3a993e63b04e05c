package asterisk

import (
	"bytes"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

func TestAnIDIsTheSameForEver(t *testing.T) {
	i := identity{context: "default", mailbox: "8000", to: "8000", received: time.Unix(1724107750, 0), recording: [32]byte{1, 2, 3}}
	want := i.messageID()
	assert.Equal(t, voicemail.MessageID("01916cd4-7a70-7e37-bdfd-3804e02db901"), want, "a spool that was imported by another version must not be imported again")
	at, err := want.Time()
	require.NoError(t, err)
	assert.True(t, at.Equal(i.received))
	seen := map[voicemail.MessageID]bool{want: true}
	for _, other := range []identity{
		{"defaul", "t8000", "8000", i.received, i.recording},
		{"default", "800", "08000", i.received, i.recording},
		{"default", "8001", "8000", i.received, i.recording},
		{"default", "8000", "8001", i.received, i.recording},
		{"default", "8000", "8000", i.received.Add(time.Second), i.recording},
		{"default", "8000", "8000", i.received, [32]byte{1, 2, 4}},
	} {
		id := other.messageID()
		assert.False(t, seen[id], "%+v", other)
		seen[id] = true
	}
}

func TestWhatTextsSay(t *testing.T) {
	for _, tt := range []struct {
		why, file string
		want      text
		ok        bool
	}{
		{"a section and a key", "[message]\nflag=Urgent\n", text{"flag": "Urgent"}, true},
		{"no section, but what only messages have", "origtime=5\n", text{"origtime": "5"}, true},
		{"something else that has lines", "flag=Urgent\n", text{"flag": "Urgent"}, false},
		{"a section alone", "[message]\n", text{}, false},
		{"another section", "[general]\norigtime=5\n", text{}, false},
		{"the last line was not written to its end", "[message]\norigtime=5\nduration=1", text{"origtime": "5"}, true},
		{"the first of two", "[message]\norigtime=5\norigtime=6\n", text{"origtime": "5"}, true},
		{"an = in the value", "[message]\ncategory=a=b\n", text{"category": "a=b"}, true},
		{"a ; in the value", "[message]\ncallerid=\"a;b\" <1>\n", text{"callerid": `"a;b" <1>`}, true},
		{"nothing", "", text{}, false},
	} {
		got, ok := parseText([]byte(tt.file))
		assert.Equal(t, tt.want, got, tt.why)
		assert.Equal(t, tt.ok, ok, tt.why)
	}
}

func TestTimesThatAreNone(t *testing.T) {
	for _, value := range []string{"", "0", "-5", "1e9", "17241077501724107750", "253402300800", "Mon Aug 19"} {
		assert.True(t, text{"origtime": value}.received().IsZero(), value)
	}
	for value, want := range map[string]time.Duration{"19": 19 * time.Second, "": 0, "-1": 0, "0": 0, "99999999": 0, "1.5": 0} {
		assert.Equal(t, want, text{"duration": value}.duration(), value)
	}
}

func TestAHeaderSaysTheRateThatTheEndingTells(t *testing.T) {
	for ext, rate := range map[string]uint32{"sln": 8000, "raw": 8000, "sln12": 12000, "sln16": 16000, "sln44": 44100, "sln48": 48000, "sln192": 192000} {
		got, ok := linearRate(ext)
		assert.True(t, ok, ext)
		assert.Equal(t, rate, got, ext)
		assert.Len(t, header(ext, 10), 44, ext)
	}
	for _, ext := range []string{"wav", "slnx", "sln-1", "gsm", "sln300"} {
		assert.Empty(t, header(ext, 10), ext)
	}
	assert.Empty(t, header("sln", 1<<33), "a WAV file cannot say that")
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{
		";\n; Message Information file\n;\n[message]\norigmailbox=8000\ncallerid=\"Alice\" <1001>\norigtime=1724107750\nflag=\nduration=19\n",
		"\ufeff[MESSAGE]\r\n callerid => \"Bob\r\n", "[message]\ncallerid=\"Name\" origdate=Mon\norigtime=-1\n", "[", "=", "[message]\n=x\ncallerid=<\n",
		"[message]\ncallerid=\"\"\"\nrdnis=\"x\" <1>\nexten=\xff\n", "[message]\ncallerid=<sip:a@b>;\x00\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		got, ok := parseText(file)
		require.False(t, ok && len(got) == 0)
		for key, value := range got {
			require.True(t, utf8.ValidString(key+value))
			require.NotContains(t, value, "\n")
		}
		whole := file[:bytes.LastIndexByte(file, '\n')+1]
		again, _ := parseText(whole)
		require.Equal(t, again, got, "a line counts when its end is written")
		if at := got.received(); !at.IsZero() {
			require.Greater(t, at.Unix(), int64(0))
			require.LessOrEqual(t, at.Year(), 9999)
		}
		require.GreaterOrEqual(t, got.duration(), time.Duration(0))
		require.LessOrEqual(t, len(got.caller().RevealName()), voicemail.MaxCallerID)
		require.LessOrEqual(t, len(got.redirecting().Reveal()), voicemail.MaxCallerID)
		require.LessOrEqual(t, len(got.called().Reveal()), voicemail.MaxCallerID)
	})
}
