package audio

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// chunk is a RIFF chunk as it should be.
func chunk(id string, body []byte) []byte {
	b := join([]byte(id), le("4", int64(len(body))), body)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

// sized is a chunk that declares a length of its own.
func sized(id string, size int64, body []byte) []byte {
	return join([]byte(id), le("4", size), body)
}

func wav(chunks ...[]byte) []byte {
	body := join(chunks...)
	return join([]byte("RIFF"), le("4", int64(len(body))+4), []byte("WAVE"), body)
}

func format(tag, channels, rate, blockAlign, bits int64) []byte {
	return le("224422", tag, channels, rate, rate*blockAlign, blockAlign, bits)
}

var (
	pcm16 = format(wavePCM, 1, 8000, 2, 16)
	mulaw = format(waveMuLaw, 1, 8000, 1, 8)
	// second is a second of mu-law. It has no bytes that could be the name of a chunk.
	second = bytes.Repeat([]byte{0xFF, 0x7F, 0xFE, 0x80}, 2000)
)

func extensible(tag int64, guid []byte) []byte {
	return join(format(waveExtensible, 1, 8000, 2, 16), le("224", 22, 16, 4), le("2", tag), guid)
}

func TestWAVIsMeasuredByTheSamplesThatAreThere(t *testing.T) {
	note := []byte("a note, 19 bytes on")
	require.Len(t, note, 19)
	for name, tt := range map[string]struct {
		content []byte
		codec   string
		want    time.Duration
	}{
		"PCM, 16 bits":            {wav(chunk("fmt ", pcm16), chunk("data", second)), "pcm_s16le", time.Second / 2},
		"PCM, 8 bits":             {wav(chunk("fmt ", format(wavePCM, 1, 8000, 1, 8)), chunk("data", second)), "pcm_u8", time.Second},
		"PCM, 24 bits":            {wav(chunk("fmt ", format(wavePCM, 1, 8000, 3, 24)), chunk("data", second[:6000])), "pcm_s24le", time.Second / 4},
		"PCM, 24 bits in 4 bytes": {wav(chunk("fmt ", format(wavePCM, 1, 8000, 4, 24)), chunk("data", second)), "pcm_s24le", time.Second / 4},
		"PCM, 32 bits":            {wav(chunk("fmt ", format(wavePCM, 1, 8000, 4, 32)), chunk("data", second)), "pcm_s32le", time.Second / 4},
		"PCM, stereo":             {wav(chunk("fmt ", format(wavePCM, 2, 8000, 4, 16)), chunk("data", second)), "pcm_s16le", time.Second / 4},
		"float":                   {wav(chunk("fmt ", format(waveFloat, 1, 8000, 4, 32)), chunk("data", second)), "pcm_f32le", time.Second / 4},
		"double":                  {wav(chunk("fmt ", format(waveFloat, 1, 8000, 8, 64)), chunk("data", second)), "pcm_f64le", time.Second / 8},
		"mu-law":                  {wav(chunk("fmt ", mulaw), chunk("data", second)), "pcm_mulaw", time.Second},
		"mu-law, stereo":          {wav(chunk("fmt ", format(waveMuLaw, 2, 8000, 2, 8)), chunk("data", second)), "pcm_mulaw", time.Second / 2},
		"A-law":                   {wav(chunk("fmt ", format(waveALaw, 1, 8000, 1, 8)), chunk("data", second)), "pcm_alaw", time.Second},
		"GSM":                     {wav(chunk("fmt ", join(format(waveGSM, 1, 8000, 65, 0), le("22", 2, 320))), chunk("data", second[:65*25])), "gsm", time.Second},
		"GSM that says nothing of its blocks": {wav(chunk("fmt ", format(waveGSM, 1, 8000, 0, 0)), chunk("data", second[:65*25])),
			"gsm", time.Second},
		"MS ADPCM":  {wav(chunk("fmt ", format(waveADPCM, 1, 8000, 256, 4)), chunk("data", second[:256*8])), "adpcm_ms", time.Second / 2},
		"IMA ADPCM": {wav(chunk("fmt ", format(waveIMA, 1, 8000, 256, 4)), chunk("data", second[:256*8])), "adpcm_ima", 505 * time.Millisecond},
		"IMA ADPCM, stereo, the last block cut off": {wav(chunk("fmt ", format(waveIMA, 2, 8000, 512, 4)), chunk("data", second[:512*4+260])),
			"adpcm_ima", (4*505 + 253) * time.Second / 8000},
		"PCM by its GUID":      {wav(chunk("fmt ", extensible(wavePCM, subFormat)), chunk("data", second)), "pcm_s16le", time.Second / 2},
		"mu-law by its GUID":   {wav(chunk("fmt ", extensible(waveMuLaw, subFormat)), chunk("data", second)), "pcm_mulaw", time.Second},
		"no block":             {wav(chunk("fmt ", format(wavePCM, 1, 8000, 0, 16)), chunk("data", second)), "pcm_s16le", time.Second / 2},
		"a block too short":    {wav(chunk("fmt ", format(wavePCM, 2, 8000, 1, 16)), chunk("data", second)), "pcm_s16le", time.Second / 4},
		"a block too long":     {wav(chunk("fmt ", format(wavePCM, 1, 8000, 160, 16)), chunk("data", second)), "pcm_s16le", time.Second / 2},
		"an odd block":         {wav(chunk("fmt ", format(wavePCM, 2, 8000, 5, 16)), chunk("data", second)), "pcm_s16le", time.Second / 4},
		"a wrong byte rate":    {wav(chunk("fmt ", le("224422", wavePCM, 1, 8000, 7, 2, 16)), chunk("data", second)), "pcm_s16le", time.Second / 2},
		"half a sample at end": {wav(chunk("fmt ", pcm16), chunk("data", second[:4001])), "pcm_s16le", time.Second / 4},
		"empty":                {wav(chunk("fmt ", mulaw), chunk("data", nil)), "pcm_mulaw", 0},

		"size never filled in": {wav(chunk("fmt ", mulaw), sized("data", 0, second)), "pcm_mulaw", time.Second},
		"size all ones":        {wav(chunk("fmt ", mulaw), sized("data", math.MaxUint32, second)), "pcm_mulaw", time.Second},
		"size beyond the file": {wav(chunk("fmt ", mulaw), sized("data", 1<<30, second)), "pcm_mulaw", time.Second},
		"size all ones, samples that look like a chunk": {wav(chunk("fmt ", mulaw), sized("data", math.MaxUint32, append([]byte("LIST\x00\x00\x00\x00"), second[8:]...))),
			"pcm_mulaw", time.Second},
		"file size wrong":                              {append([]byte("RIFF\x01\x00\x00\x00"), wav(chunk("fmt ", mulaw), chunk("data", second))[8:]...), "pcm_mulaw", time.Second},
		"junk behind the data":                         {wav(chunk("fmt ", mulaw), chunk("data", second), second), "pcm_mulaw", time.Second},
		"a second data chunk":                          {wav(chunk("fmt ", mulaw), chunk("data", second), chunk("data", second)), "pcm_mulaw", time.Second},
		"a fact that lies":                             {wav(chunk("fmt ", mulaw), chunk("fact", le("4", 1)), chunk("data", second)), "pcm_mulaw", time.Second},
		"a list before the data":                       {wav(chunk("LIST", note[:18]), chunk("fmt ", mulaw), chunk("bext", make([]byte, 602)), chunk("data", second)), "pcm_mulaw", time.Second},
		"a list behind the data":                       {wav(chunk("fmt ", mulaw), chunk("data", second[:3999]), chunk("LIST", note)), "pcm_mulaw", 3999 * time.Second / 8000},
		"an empty recording and a list":                {wav(chunk("fmt ", mulaw), chunk("data", nil), chunk("LIST", note)), "pcm_mulaw", 0},
		"the format behind two data chunks":            {wav(chunk("data", second), chunk("data", second[:4000]), chunk("fmt ", mulaw)), "pcm_mulaw", time.Second},
		"the format behind the data":                   {wav(chunk("data", second), chunk("fmt ", mulaw)), "pcm_mulaw", time.Second},
		"odd chunk with its padding":                   {wav(chunk("LIST", note), chunk("fmt ", mulaw), chunk("data", second)), "pcm_mulaw", time.Second},
		"odd chunk without padding":                    {wav(sized("LIST", 19, note), chunk("fmt ", mulaw), chunk("data", second)), "pcm_mulaw", time.Second},
		"odd chunk, data next, unset, without padding": {wav(chunk("fmt ", mulaw), sized("LIST", 19, note), sized("data", math.MaxUint32, second)), "pcm_mulaw", time.Second},
		"odd chunk with other padding than zero":       {wav(sized("LIST", 19, append(note[:19:19], 0xFF)), chunk("fmt ", mulaw), chunk("data", second)), "pcm_mulaw", time.Second},
		"a second format is not the first":             {wav(chunk("fmt ", mulaw), chunk("fmt ", pcm16), chunk("data", second)), "pcm_mulaw", time.Second},
		"a format too short, then a good one":          {wav(chunk("fmt ", mulaw[:8]), chunk("fmt ", mulaw), chunk("data", second)), "pcm_mulaw", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			got := probe(t, tt.content)
			assert.Equal(t, "audio/wav", got.ContentType)
			assert.Equal(t, tt.codec, got.Codec)
			assert.True(t, got.Measured)
			assert.Equal(t, tt.want, got.Duration)
		})
	}
}

func TestLongWAVHasItsSizeInAChunkOfItsOwn(t *testing.T) {
	for _, magic := range []string{"RF64", "BW64"} {
		file := func(ds64, data []byte) []byte {
			return join([]byte(magic), le("4", unsetSize), []byte("WAVE"), ds64, chunk("fmt ", mulaw), data)
		}
		ds64 := func(size int64) []byte { return chunk("ds64", le("8884", 0, size, 0, 0)) }
		unset := sized("data", unsetSize, join(second, second))
		for name, tt := range map[string]struct {
			content []byte
			want    time.Duration
		}{
			"as it should be":        {file(ds64(8000), unset), time.Second},
			"no such chunk":          {file(nil, unset), 2 * time.Second},
			"chunk too short":        {file(chunk("ds64", le("8", 1)), unset), 2 * time.Second},
			"size never filled in":   {file(ds64(0), unset), 2 * time.Second},
			"size beyond the file":   {file(ds64(1<<40), unset), 2 * time.Second},
			"size beyond all files":  {file(ds64(-1), unset), 2 * time.Second},
			"data says its own size": {file(ds64(4000), chunk("data", second)), time.Second},
		} {
			t.Run(magic+": "+name, func(t *testing.T) {
				got := probe(t, tt.content)
				assert.Equal(t, Info{"audio/wav", "wav", "pcm_mulaw", 1, 8000, tt.want, true}, got)
			})
		}
	}
}

func TestWAVThatMakesNoSenseIsNotMeasured(t *testing.T) {
	for name, b := range map[string][]byte{
		"no chunks":                     wav(),
		"no format":                     wav(chunk("data", second)),
		"a format within the data":      wav(sized("data", math.MaxUint32, chunk("fmt ", mulaw))),
		"no data":                       wav(chunk("fmt ", mulaw)),
		"no channels":                   wav(chunk("fmt ", format(waveMuLaw, 0, 8000, 1, 8)), chunk("data", second)),
		"no sample rate":                wav(chunk("fmt ", format(waveMuLaw, 1, 0, 1, 8)), chunk("data", second)),
		"absurd sample rate":            wav(chunk("fmt ", format(waveMuLaw, 1, math.MaxUint32, 1, 8)), chunk("data", second)),
		"no bits":                       wav(chunk("fmt ", format(wavePCM, 1, 8000, 2, 0)), chunk("data", second)),
		"too many bits":                 wav(chunk("fmt ", format(wavePCM, 1, 8000, 8, 64)), chunk("data", second)),
		"float of a size there is not":  wav(chunk("fmt ", format(waveFloat, 1, 8000, 2, 16)), chunk("data", second)),
		"GSM of two channels":           wav(chunk("fmt ", format(waveGSM, 2, 8000, 65, 0)), chunk("data", second)),
		"ADPCM without a block":         wav(chunk("fmt ", format(waveIMA, 1, 8000, 0, 4)), chunk("data", second)),
		"ADPCM with too short a block":  wav(chunk("fmt ", format(waveADPCM, 2, 8000, 13, 4)), chunk("data", second)),
		"a codec not known":             wav(chunk("fmt ", format(0x55, 1, 8000, 1, 0)), chunk("data", second)),
		"a GUID not known":              wav(chunk("fmt ", extensible(wavePCM, make([]byte, 14))), chunk("data", second)),
		"a GUID cut off":                wav(chunk("fmt ", extensible(wavePCM, subFormat)[:38]), chunk("data", second)),
		"a format cut off":              wav(chunk("fmt ", mulaw))[:30],
		"a format too short":            wav(chunk("fmt ", mulaw[:14]), chunk("data", second)),
		"more chunks than are followed": wav(bytes.Repeat(chunk("LIST", nil), maxChunks), chunk("fmt ", mulaw), chunk("data", second)),
	} {
		t.Run(name, func(t *testing.T) {
			got := probe(t, b)
			assert.Equal(t, "audio/wav", got.ContentType)
			assert.Equal(t, "wav", got.Ext)
			assert.False(t, got.Measured)
			assert.Zero(t, got.Duration)
		})
	}
}

func TestAWAVCutOffAnywhereIsMeasuredAsFarAsItGoes(t *testing.T) {
	whole := wav(chunk("LIST", second[:100]), chunk("fmt ", mulaw), chunk("data", second))
	start := len(whole) - len(second)
	for n := range len(whole) {
		got := probe(t, whole[:n])
		if n < start {
			require.False(t, got.Measured, "cut at %d", n)
			continue
		}
		require.True(t, got.Measured, "cut at %d", n)
		require.Equal(t, time.Duration(n-start)*time.Second/8000, got.Duration, "cut at %d", n)
	}
}

func TestNothingIsAllocatedByADeclaredSize(t *testing.T) {
	for name, b := range map[string][]byte{
		"data":   wav(chunk("fmt ", mulaw), sized("data", math.MaxUint32-1, second)),
		"list":   wav(sized("LIST", math.MaxUint32, second)),
		"format": wav(sized("fmt ", math.MaxUint32, join(mulaw, second))),
		"ds64":   wav(sized("ds64", math.MaxUint32, second)),
	} {
		t.Run(name, func(t *testing.T) {
			r := &countingReader{ReaderAt: bytes.NewReader(b)}
			_, err := Probe(r, int64(len(b)))
			require.NoError(t, err)
			assert.Less(t, r.bytes, sniffLength+200)
		})
	}
}

func TestADurationTooLongToSayIsNotMeasured(t *testing.T) {
	info := Info{SampleRate: 1}
	assert.Equal(t, time.Duration(math.MaxInt64/int64(time.Second))*time.Second, info.measured(math.MaxInt64/int64(time.Second)).Duration)
	for _, samples := range []int64{math.MaxInt64/int64(time.Second) + 1, math.MaxInt64, -1} {
		assert.False(t, info.measured(samples).Measured, samples)
	}
	assert.Equal(t, 3*time.Hour, Info{SampleRate: 768000}.measured(3*3600*768000).Duration)
}
