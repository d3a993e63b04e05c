package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/testserver/testurl"
)

func quickstart(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, args))
	return out.String()
}

func TestTheMainJobRunsOnATemporaryVolume(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	out := quickstart(t)
	assert.Contains(t, out, "Voice-Message: 4/0 (0/0)\n", "before hearing")
	assert.Contains(t, out, "Voice-Message: 3/1 (0/0)\n", "after hearing")
	assert.Contains(t, out, "Voice-Message: 2/0 (1/0)\n", "the group's, one urgent")
	assert.Contains(t, out, "as deposited")
	assert.Contains(t, out, "  2 messages\n", "of one caller")
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	assert.Empty(t, left, "nothing stays behind")
}

func TestASecondRunShowsThatItAllLasted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "volume")
	play := filepath.Join(t.TempDir(), "played.wav")
	quickstart(t, "-dir", dir, "-play", play, "audio/invoice.wav")
	out := quickstart(t, "-dir", dir, "-play", play, "audio/invoice.wav", "audio/thanks.wav")
	assert.Contains(t, out, "5001   was here before, with 0 new and 1 old messages")
	assert.Contains(t, out, "Voice-Message: 2/1 (0/0)\n")

	want, err := os.ReadFile("audio/thanks.wav")
	require.NoError(t, err)
	got, err := os.ReadFile(play)
	require.NoError(t, err)
	assert.Equal(t, want, got, "the newest message, byte for byte")
}

func TestABadArgumentGetsOneClearLine(t *testing.T) {
	foreign := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(foreign, "something-else"), nil, 0o600))
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"unknown flag":         {[]string{"-nothing"}, "-nothing"},
		"no such recording":    {[]string{"missing.wav"}, "missing.wav: not a file that can be read"},
		"two storages":         {[]string{"-dir", foreign, "-store", "s3://b"}, "exclude each other"},
		"no URL of a storage":  {[]string{"-store", "http://example.invalid"}, "must begin with file://, azblob:// or s3://"},
		"a directory":          {[]string{foreign}, "not a file that can be read"},
		"foreign directory":    {[]string{"-dir", foreign}, "the directory is not empty"},
		"recording of nothing": {[]string{os.DevNull}, "not a file that can be read"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(context.Background(), &bytes.Buffer{}, c.args)
			require.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestTheMainJobRunsOnObjectStorage(t *testing.T) {
	for name, newURL := range map[string]func(testing.TB, string) string{"Azure Blob Storage": testurl.Azure, "S3": testurl.S3} {
		t.Run(name, func(t *testing.T) {
			store := newURL(t, "quickstart")
			out := quickstart(t, "-store", store)
			assert.Contains(t, out, "Voice-Message: 3/1 (0/0)\n", "after hearing")
			assert.Contains(t, out, "  2 messages\n", "of one caller")
			out = quickstart(t, "-store", store, "audio/thanks.wav")
			assert.Contains(t, out, "5001   was here before, with 3 new and 1 old messages")
		})
	}
}
