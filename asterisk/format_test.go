package asterisk_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/asterisk"
	"github.com/genesys/voicemail/storage/memstore"
)

// recording is what a server records in one format: made by sox from speech, or bytes of the same shape where there is no sox.
func recording(t *testing.T, speech string, ext string, args []string, instead []byte) []byte {
	t.Helper()
	sox, err := exec.LookPath("sox")
	if err != nil {
		return instead
	}
	out := filepath.Join(t.TempDir(), "out."+ext)
	from := []string{"-V1", "-D", "-n"}
	if speech != "" {
		from = []string{"-V1", "-D", speech}
	}
	all := append(append(from, args...), out, "rate", "8000")
	if speech == "" {
		all = append(append(from, append([]string{"-r", "8000"}, args...)...), out, "synth", "1.5", "sine", "440")
	}
	b, err := exec.CommandContext(t.Context(), sox, all...).CombinedOutput()
	require.NoError(t, err, "%s", b)
	made, err := os.ReadFile(out)
	require.NoError(t, err)
	return made
}

// speech is a file of somebody's voice, or "" where nobody can speak.
func speech(t *testing.T) string {
	t.Helper()
	espeak, err := exec.LookPath("espeak-ng")
	if err != nil {
		return ""
	}
	file := filepath.Join(t.TempDir(), "speech.wav")
	require.NoError(t, exec.CommandContext(t.Context(), espeak, "-w", file, "Please call me back.").Run())
	return file
}

func TestEveryFormatIsKnownMeasuredAndKept(t *testing.T) {
	voice := speech(t)
	linear := bytes.Repeat([]byte{1, 2}, 12000)
	au := append([]byte(".snd\x00\x00\x00\x18\xff\xff\xff\xff\x00\x00\x00\x01\x00\x00\x1f\x40\x00\x00\x00\x01"), bytes.Repeat([]byte{0xd5}, 12000)...)
	var length time.Duration // of the same speech in another format
	for _, tt := range []struct {
		ext, contentType string
		kept             int // bytes put before the recording
		args             []string
		instead          []byte
	}{
		{"wav", "audio/wav", 0, []string{"-t", "wav", "-c", "1", "-e", "signed", "-b", "16"}, wav("instead")},
		{"WAV", "audio/wav", 0, []string{"-t", "wav", "-c", "1", "-e", "gsm-full-rate"}, wav("instead")},
		{"wav49", "audio/wav", 0, []string{"-t", "wav", "-c", "1", "-e", "gsm-full-rate"}, wav("instead")},
		{"gsm", "audio/gsm", 0, []string{"-t", "gsm", "-c", "1"}, bytes.Repeat([]byte{0xd2}, 33*75)},
		{"ulaw", "audio/pcmu", 0, []string{"-t", "ul", "-c", "1"}, bytes.Repeat([]byte{0xd5}, 12000)},
		{"alaw", "audio/pcma", 0, []string{"-t", "al", "-c", "1"}, bytes.Repeat([]byte{0xd5}, 12000)},
		{"sln", "audio/wav", 44, []string{"-t", "raw", "-c", "1", "-e", "signed", "-b", "16", "-L"}, linear},
		{"au", "audio/x-au", 0, []string{"-t", "au", "-c", "1", "-e", "u-law"}, au},
	} {
		made := recording(t, voice, tt.ext, tt.args, tt.instead)
		s := newSpool(t)
		s.put("default/8000/INBOX/msg0000.txt", envelope(1, "5551001"))
		s.put("default/8000/INBOX/msg0000."+tt.ext, made)
		svc := service(t, memstore.New(nil))
		r := imported(t, s, svc, creating())
		require.Equal(t, []string{"default/8000/INBOX/msg0000 imported"}, outcomes(r), tt.ext)
		msg, err := svc.Mailbox("8000").Message(t.Context(), r.Items[0].Message)
		require.NoError(t, err)
		e := msg.Envelope()
		assert.Equal(t, tt.contentType, e.ContentType, tt.ext)
		assert.True(t, e.DurationMeasured, tt.ext)
		assert.Greater(t, e.Duration, 400*time.Millisecond, tt.ext)
		assert.Less(t, e.Duration, 10*time.Second, tt.ext)
		assert.Equal(t, made, content(t, msg)[tt.kept:], "%s: not a byte is changed", tt.ext)
		if length == 0 {
			length = e.Duration
		}
		if voice != "" {
			assert.InDelta(t, length.Seconds(), e.Duration.Seconds(), 0.05, tt.ext)
		}
	}
}

func TestTheBestFormatIsTakenWhateverOthersThereAre(t *testing.T) {
	formats := asterisk.DefaultFormats()
	s := newSpool(t)
	s.put("default/8000/INBOX/msg0000.txt", envelope(1, "5551001"))
	for i, ext := range formats {
		s.put("default/8000/INBOX/msg0000."+ext, bytes.Repeat([]byte{byte(i + 1)}, 100))
	}
	opts := creating()
	for i, ext := range formats {
		opts.Formats = formats[i:]
		svc := service(t, memstore.New(nil))
		r := imported(t, s, svc, opts)
		require.Equal(t, 1, r.Imported)
		msg, err := svc.Mailbox("8000").Message(t.Context(), r.Items[0].Message)
		require.NoError(t, err)
		b := content(t, msg)
		assert.Equal(t, byte(i+1), b[len(b)-1], ext)
	}
}
