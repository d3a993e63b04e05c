package audio

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRawTypesAreMeasuredByTheirSize(t *testing.T) {
	for _, tt := range []struct {
		declared string
		size     int64
		want     Info
	}{
		{"audio/basic", 8000, Info{"audio/basic", "ulaw", "pcm_mulaw", 1, 8000, time.Second, true}},
		{"AUDIO/Basic; rate=16000", 8000, Info{"audio/basic", "ulaw", "pcm_mulaw", 1, 8000, time.Second, true}}, // it has no parameters
		{"audio/PCMU", 8000, Info{"audio/pcmu", "ulaw", "pcm_mulaw", 1, 8000, time.Second, true}},
		{"audio/pcmu; rate=16000", 8000, Info{"audio/pcmu; rate=16000", "ulaw", "pcm_mulaw", 1, 16000, time.Second / 2, true}},
		{"audio/PCMA;channels=2;rate=08000", 8000, Info{"audio/pcma; channels=2; rate=8000", "alaw", "pcm_alaw", 2, 8000, time.Second / 2, true}},
		{"audio/gsm", 1650, Info{"audio/gsm", "gsm", "gsm", 1, 8000, time.Second, true}},
		{"audio/gsm", 1650 + 32, Info{"audio/gsm", "gsm", "gsm", 1, 8000, time.Second, true}}, // the last frame is not whole
		{"audio/G722", 8000, Info{"audio/g722", "g722", "g722", 1, 16000, time.Second, true}},
		{"audio/L16;rate=8000", 16000, Info{"audio/l16; rate=8000", "l16", "pcm_s16be", 1, 8000, time.Second, true}},
		{"audio/L16;rate=44100;channels=2", 4 * 44100, Info{"audio/l16; channels=2; rate=44100", "l16", "pcm_s16be", 2, 44100, time.Second, true}},
		{"audio/g729", 1000, Info{"audio/g729", "g729", "g729", 1, 8000, time.Second, true}},
		{"audio/pcma", 0, Info{"audio/pcma", "alaw", "pcm_alaw", 1, 8000, 0, true}},
	} {
		raw, ok := Headerless(tt.declared)
		require.True(t, ok, tt.declared)
		assert.Equal(t, tt.want, raw.Info(tt.size))
	}
}

func TestATypeThatIsNotRawIsNotTaken(t *testing.T) {
	for declared, why := range map[string]string{
		"":                               "nothing is declared",
		"audio/wav":                      "it has a header, which Probe reads",
		"audio/ogg; codecs=opus":         "likewise",
		"audio/l16":                      "nobody knows its rate",
		"audio/l16; rate=0":              "a rate of nothing",
		"audio/l16; rate=-8000":          "no number",
		"audio/l16; rate=99999999":       "no rate of anything",
		"audio/l16; rate=8000; channels": "it cannot be parsed",
		"audio/pcmu; channels=0":         "no channels",
		"text/html":                      "it is no audio",
		"audio/gsm\r\nX: y":              "it cannot be parsed",
	} {
		_, ok := Headerless(declared)
		assert.False(t, ok, "%q: %s", declared, why)
	}
}

func TestARawRecordingOfAbsurdSizeIsNotMeasuredWrongly(t *testing.T) {
	raw, ok := Headerless("audio/gsm")
	require.True(t, ok)
	assert.False(t, raw.Info(-1).Measured)
	assert.False(t, raw.Info(math.MaxInt64).Measured)
	assert.Zero(t, Raw{}.Info(10))
}
