package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func probe(t testing.TB, b []byte) Info {
	t.Helper()
	info, err := Probe(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	if info != unknown {
		assert.Equal(t, info.ContentType, TypeOf(info.Ext), "the extension alone tells the type")
	}
	return info
}

func le(format string, values ...int64) []byte { return pack(binary.LittleEndian, format, values) }
func be(format string, values ...int64) []byte { return pack(binary.BigEndian, format, values) }

// pack appends each value in 2, 4 or 8 bytes, as the digit at its place in format says.
func pack(order binary.AppendByteOrder, format string, values []int64) []byte {
	var b []byte
	for i, width := range format {
		switch width {
		case '2':
			b = order.AppendUint16(b, uint16(values[i]))
		case '4':
			b = order.AppendUint32(b, uint32(values[i]))
		case '8':
			b = order.AppendUint64(b, uint64(values[i]))
		}
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// TestRecordingsMadeBySoX holds the lengths that soxi -D printed for these files.
func TestRecordingsMadeBySoX(t *testing.T) {
	for _, tt := range []struct {
		file     string
		want     Info
		soxi     float64
		measured bool
	}{
		{"pcm8.wav", Info{"audio/wav", "wav", "pcm_u8", 1, 8000, 0, true}, 0.500500, true},
		{"pcm16.wav", Info{"audio/wav", "wav", "pcm_s16le", 1, 8000, 0, true}, 0.500500, true},
		{"stereo.wav", Info{"audio/wav", "wav", "pcm_s16le", 2, 8000, 0, true}, 0.500500, true},
		{"extensible.wav", Info{"audio/wav", "wav", "pcm_s24le", 1, 8000, 0, true}, 0.500500, true},
		{"float32.wav", Info{"audio/wav", "wav", "pcm_f32le", 1, 8000, 0, true}, 0.500500, true},
		{"mulaw.wav", Info{"audio/wav", "wav", "pcm_mulaw", 1, 8000, 0, true}, 0.500500, true},
		{"alaw.wav", Info{"audio/wav", "wav", "pcm_alaw", 1, 8000, 0, true}, 0.500500, true},
		{"gsm.wav", Info{"audio/wav", "wav", "gsm", 1, 8000, 0, true}, 0.520000, true},
		{"adpcm-ms.wav", Info{"audio/wav", "wav", "adpcm_ms", 1, 8000, 0, true}, 0.562500, true},
		{"adpcm-ima.wav", Info{"audio/wav", "wav", "adpcm_ima", 1, 8000, 0, true}, 0.505000, true},
		{"mulaw.au", Info{"audio/x-au", "au", "pcm_mulaw", 1, 8000, 0, true}, 0.500500, true},
		{"pcm16.flac", Info{"audio/flac", "flac", "flac", 1, 8000, 0, true}, 0.500500, true},
		{"narrow.amr", Info{"audio/amr", "amr", "amr", 1, 8000, 0, true}, 0.520000, true},
		{"layer3.mp3", Info{"audio/mpeg", "mp3", "mp3", 1, 8000, 0, false}, 0, false},
		{"vorbis.ogg", Info{"audio/ogg", "ogg", "vorbis", 1, 8000, 0, false}, 0, false},
	} {
		t.Run(tt.file, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join("testdata", tt.file))
			require.NoError(t, err)
			got := probe(t, b)
			assert.InDelta(t, tt.soxi, got.Duration.Seconds(), 1e-6)
			got.Duration = 0
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestBytesOfNoAudioFormatAreNeverAnActiveType(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":                                    nil,
		"one byte":                                   {0},
		"text":                                       []byte("Please call me back."),
		"a page":                                     []byte("<!DOCTYPE html><script>alert(1)</script>"),
		"a page behind the start of a tag":           []byte("ID3<!DOCTYPE html><script>alert(1)</script>"),
		"a drawing that may hold scripts":            []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"),
		"a picture in the boxes of MP4":              append(be("4", 24), "ftypheic\x00\x00\x00\x00"...),
		"a PDF document":                             []byte("%PDF-1.7"),
		"silence of raw mu-law":                      bytes.Repeat([]byte{0xFF}, 4000),
		"silence of raw A-law":                       bytes.Repeat([]byte{0xD5}, 4000),
		"big-endian WAV":                             []byte("RIFX\x00\x00\x00\x24WAVEfmt "),
		"another RIFF file":                          []byte("RIFF\x24\x00\x00\x00AVI LIST"),
		"EBML of another document type":              []byte("\x1A\x45\xDF\xA3\x8F\x42\x82\x84html"),
		"one MP3 frame and then something else":      append(be("4", 0xFFFB9000), make([]byte, 2000)...),
		"two MP3 frames that do not agree":           join(mp3Frame(0xFFFB9000, 417), mp3Frame(0xFFFB9400, 384)),
		"two frames of different layers":             join(mp3Frame(0xFFFB9000, 417), mp3Frame(0xFFFD9000, 417)),
		"frames of a version that there is not":      join(mp3Frame(0xFFEB9000, 261), mp3Frame(0xFFEB9000, 261)),
		"a tag whose size has eight bits in a byte":  []byte("ID3\x04\x00\x00\x00\x00\x80\x00"),
		"an IFF file that is no AIFF":                []byte("FORM\x00\x00\x00\x04ILBM"),
		"the start of Ogg of a version not yet made": []byte("OggS\x01"),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, Info{ContentType: "application/octet-stream", Ext: "bin"}, probe(t, b))
		})
	}
}

func mp3Frame(header int64, size int) []byte {
	return append(be("4", header), make([]byte, size-4)...)
}

func oggPage(packet string) []byte {
	return join([]byte("OggS\x00\x02"), make([]byte, 20), []byte{1, byte(len(packet))}, []byte(packet))
}

func TestContainersAreKnownByTheirContent(t *testing.T) {
	frame := mp3Frame(0xFFFB9000, 417) // MPEG 1 layer 3, 128 kbit/s, 44.1 kHz
	for name, tt := range map[string]struct {
		content []byte
		want    Info
	}{
		"MP3 without a tag":           {join(frame, frame), Info{"audio/mpeg", "mp3", "mp3", 2, 44100, 0, false}},
		"MP3 with padding":            {join(mp3Frame(0xFFFB9200, 418), frame), Info{"audio/mpeg", "mp3", "mp3", 2, 44100, 0, false}},
		"MP3 of MPEG 2, one channel":  {join(mp3Frame(0xFFF380C0, 208), mp3Frame(0xFFF380C0, 208)), Info{"audio/mpeg", "mp3", "mp3", 1, 22050, 0, false}},
		"layer 2":                     {join(mp3Frame(0xFFFD8400, 384), mp3Frame(0xFFFD8400, 384)), Info{"audio/mpeg", "mp3", "mp2", 2, 48000, 0, false}},
		"layer 1":                     {join(mp3Frame(0xFFFF8400, 256), mp3Frame(0xFFFF8400, 256)), Info{"audio/mpeg", "mp3", "mp1", 2, 48000, 0, false}},
		"MP3 behind a tag":            {join([]byte("ID3\x04\x00\x00\x00\x00\x02\x00"), make([]byte, 256), frame, frame), Info{"audio/mpeg", "mp3", "mp3", 2, 44100, 0, false}},
		"a tag and nothing behind it": {[]byte("ID3\x03\x00\x00\x00\x00\x00\x00"), Info{"audio/mpeg", "mp3", "", 0, 0, 0, false}},
		"Opus":                        {oggPage("OpusHead\x01\x02\x38\x01\x40\x1f\x00\x00\x00\x00\x00"), Info{"audio/ogg", "opus", "opus", 2, 48000, 0, false}},
		"Speex": {oggPage("Speex   " + strings.Repeat("\x00", 28) + string(le("4444", 8000, 0, 4, 1)) + strings.Repeat("\x00", 28)),
			Info{"audio/ogg", "spx", "speex", 1, 8000, 0, false}},
		"FLAC in Ogg":                      {oggPage("\x7FFLAC\x01\x00"), Info{"audio/ogg", "oga", "flac", 0, 0, 0, false}},
		"Ogg of something else":            {oggPage("\x80theora"), Info{"application/ogg", "ogx", "", 0, 0, 0, false}},
		"Ogg that is cut off":              {[]byte("OggS\x00\x02"), Info{"application/ogg", "ogx", "", 0, 0, 0, false}},
		"Ogg that is cut off in the table": {join([]byte("OggS\x00\x02"), make([]byte, 20), []byte{200}), Info{"application/ogg", "ogx", "", 0, 0, 0, false}},
		"Vorbis with absurd numbers": {oggPage("\x01vorbis\x00\x00\x00\x00\x02\xFF\xFF\xFF\xFF" + strings.Repeat("\x00", 20)),
			Info{"audio/ogg", "ogg", "vorbis", 2, 0, 0, false}},
		"M4A":                             {append(be("4", 24), "ftypM4A "...), Info{"audio/mp4", "m4a", "", 0, 0, 0, false}},
		"MP4":                             {append(be("4", 24), "ftypmp42"...), Info{"audio/mp4", "mp4", "", 0, 0, 0, false}},
		"3GP":                             {append(be("4", 24), "ftyp3gp4"...), Info{"audio/3gpp", "3gp", "", 0, 0, 0, false}},
		"WebM":                            {[]byte("\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\x82\x84webm"), Info{"audio/webm", "webm", "", 0, 0, 0, false}},
		"Matroska":                        {[]byte("\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\x82\x88matroska"), Info{"audio/x-matroska", "mka", "", 0, 0, 0, false}},
		"CAF":                             {[]byte("caff\x00\x01\x00\x00desc"), Info{"audio/x-caf", "caf", "", 0, 0, 0, false}},
		"AIFF":                            {[]byte("FORM\x00\x00\x00\x2EAIFFCOMM"), Info{"audio/aiff", "aiff", "", 0, 0, 0, false}},
		"AIFF-C":                          {[]byte("FORM\x00\x00\x00\x2EAIFCFVER"), Info{"audio/aiff", "aiff", "", 0, 0, 0, false}},
		"AMR of several channels":         {[]byte("#!AMR_MC1.0\n\x00\x00\x00\x02"), Info{"audio/amr", "amr", "amr", 0, 0, 0, false}},
		"wide-band AMR, several channels": {[]byte("#!AMR-WB_MC1.0\n\x00\x00\x00\x02"), Info{"audio/amr-wb", "awb", "amr_wb", 0, 0, 0, false}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.want, probe(t, tt.content))
		})
	}
}

func TestAUIsMeasuredByWhatIsThere(t *testing.T) {
	au := func(offset, size, encoding, rate, channels int64, data int) []byte {
		return join([]byte(".snd"), be("44444", offset, size, encoding, rate, channels), make([]byte, data))
	}
	for name, tt := range map[string]struct {
		content []byte
		codec   string
		want    time.Duration
	}{
		"mu-law":                        {au(24, 8000, 1, 8000, 1, 8000), "pcm_mulaw", time.Second},
		"A-law":                         {au(24, 8000, 27, 8000, 1, 8000), "pcm_alaw", time.Second},
		"8 bits":                        {au(24, 8000, 2, 8000, 1, 8000), "pcm_s8", time.Second},
		"16 bits, stereo":               {au(24, 8000, 3, 8000, 2, 8000), "pcm_s16be", time.Second / 4},
		"24 bits":                       {au(24, 6000, 4, 8000, 1, 6000), "pcm_s24be", time.Second / 4},
		"32 bits":                       {au(24, 8000, 5, 8000, 1, 8000), "pcm_s32be", time.Second / 4},
		"float":                         {au(24, 8000, 6, 8000, 1, 8000), "pcm_f32be", time.Second / 4},
		"double":                        {au(24, 8000, 7, 8000, 1, 8000), "pcm_f64be", time.Second / 8},
		"an annotation before the data": {au(40, 8000, 1, 8000, 1, 8016), "pcm_mulaw", time.Second},
		"size unknown":                  {au(24, math.MaxUint32, 1, 8000, 1, 8000), "pcm_mulaw", time.Second},
		"size never filled in":          {au(24, 0, 1, 8000, 1, 8000), "pcm_mulaw", time.Second},
		"size beyond the file":          {au(24, 16000, 1, 8000, 1, 8000), "pcm_mulaw", time.Second},
		"something behind the data":     {au(24, 8000, 1, 8000, 1, 9000), "pcm_mulaw", time.Second},
		"empty":                         {au(24, 0, 1, 8000, 1, 0), "pcm_mulaw", 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := probe(t, tt.content)
			assert.Equal(t, "audio/x-au", got.ContentType)
			assert.Equal(t, tt.codec, got.Codec)
			assert.True(t, got.Measured)
			assert.Equal(t, tt.want, got.Duration)
		})
	}
	for name, b := range map[string][]byte{
		"cut off in the header":   au(24, 0, 1, 8000, 1, 0)[:20],
		"no channels":             au(24, 8000, 1, 8000, 0, 8000),
		"too many channels":       au(24, 8000, 1, 8000, 1<<20, 8000),
		"no sample rate":          au(24, 8000, 1, 0, 1, 8000),
		"absurd sample rate":      au(24, 8000, 1, math.MaxUint32, 1, 8000),
		"data beyond the file":    au(9000, 8000, 1, 8000, 1, 8000),
		"data inside the header":  au(8, 8000, 1, 8000, 1, 8000),
		"a coding without a size": au(24, 8000, 23, 8000, 1, 8000),
	} {
		t.Run("not measured: "+name, func(t *testing.T) {
			got := probe(t, b)
			assert.Equal(t, "audio/x-au", got.ContentType)
			assert.False(t, got.Measured)
			assert.Zero(t, got.Duration)
		})
	}
}

func TestFLACIsMeasuredByItsHeader(t *testing.T) {
	flac := func(rate, channels, samples int64) []byte {
		return join([]byte("fLaC\x80\x00\x00\x22"), make([]byte, 10), be("8", rate<<44|(channels-1)<<41|15<<36|samples), make([]byte, 16))
	}
	assert.Equal(t, Info{"audio/flac", "flac", "flac", 2, 44100, 2 * time.Second, true}, probe(t, flac(44100, 2, 88200)))
	for name, b := range map[string][]byte{
		"count of samples left open": flac(44100, 2, 0),
		"no sample rate":             flac(0, 1, 8000),
		"cut off in the header":      flac(8000, 1, 8000)[:30],
		"another block comes first":  append([]byte("fLaC\x81"), flac(8000, 1, 8000)[5:]...),
	} {
		t.Run("not measured: "+name, func(t *testing.T) {
			got := probe(t, b)
			assert.Equal(t, "audio/flac", got.ContentType)
			assert.False(t, got.Measured)
		})
	}
}

func TestAMRIsMeasuredByItsFrames(t *testing.T) {
	frame := func(kind byte, size int) []byte { return append([]byte{kind<<3 | 4}, make([]byte, size)...) }
	narrow, wide := []byte("#!AMR\n"), []byte("#!AMR-WB\n")
	var everyNarrow, everyWide []byte
	for kind, size := range []int{12, 13, 15, 17, 19, 20, 26, 31, 5} {
		everyNarrow = append(everyNarrow, frame(byte(kind), size)...)
	}
	for kind, size := range []int{17, 23, 32, 36, 40, 46, 50, 58, 60, 5} {
		everyWide = append(everyWide, frame(byte(kind), size)...)
	}
	for name, tt := range map[string]struct {
		content  []byte
		want     time.Duration
		measured bool
	}{
		"frames of every kind":              {join(narrow, everyNarrow, frame(15, 0)), 200 * time.Millisecond, true},
		"wide-band frames of every kind":    {join(wide, everyWide, frame(14, 0), frame(15, 0)), 240 * time.Millisecond, true},
		"the last frame is cut off":         {join(narrow, frame(7, 31), frame(7, 30)), 20 * time.Millisecond, true},
		"no frames":                         {narrow, 0, true},
		"a kind of frame that there is not": {join(narrow, frame(7, 31), frame(9, 5)), 0, false},
		"too long to be read":               {join(narrow, make([]byte, maxAMR)), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := probe(t, tt.content)
			assert.Equal(t, 1, got.Channels)
			assert.Equal(t, tt.measured, got.Measured)
			assert.Equal(t, tt.want, got.Duration)
		})
	}
}

// failing fails every read that reaches beyond its first bytes.
type failing struct {
	b    []byte
	good int
}

var errDisk = errors.New("disk on fire")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > int64(f.good) {
		return 0, errDisk
	}
	return bytes.NewReader(f.b).ReadAt(p, off)
}

func TestAReadErrorIsReturnedAndNotTakenForTheEnd(t *testing.T) {
	page := make([]byte, 4096)
	for name, b := range map[string][]byte{
		"WAV": join([]byte("RIFF\x00\x00\x00\x00WAVE"), chunk("LIST", page), chunk("fmt ", pcm16), chunk("data", page)),
		"AMR": join([]byte("#!AMR\n"), bytes.Repeat([]byte{0x7C}, 2000), make([]byte, 64<<10)),
		"MP3": join([]byte("ID3\x04\x00\x00\x00\x00\x08\x00"), page),
	} {
		t.Run(name, func(t *testing.T) {
			for _, good := range []int{0, sniffLength} {
				info, err := Probe(failing{b, good}, int64(len(b)))
				require.ErrorIs(t, err, errDisk, "good for %d bytes", good)
				require.Zero(t, info)
			}
		})
	}
}

func TestAReaderShorterThanItsSizeIsACutOffFile(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "pcm16.wav"))
	require.NoError(t, err)
	for n := range 200 {
		got, err := Probe(bytes.NewReader(b[:n]), int64(n))
		require.NoError(t, err)
		want, err := Probe(bytes.NewReader(b[:n]), int64(len(b)))
		require.NoError(t, err)
		require.Equal(t, want.ContentType, got.ContentType)
	}
}

// countingReader adds up what is asked of it.
type countingReader struct {
	io.ReaderAt
	calls, bytes int
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	c.calls++
	c.bytes += len(p)
	return c.ReaderAt.ReadAt(p, off)
}

func FuzzProbe(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, name := range files {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(b[:min(len(b), 600)])
	}
	f.Add(join([]byte("RF64\xFF\xFF\xFF\xFFWAVE"), chunk("ds64", le("888", 0, 6, 0)), chunk("fmt ", pcm16), chunk("data", make([]byte, 6))))
	f.Add(join([]byte("RIFF\x00\x00\x00\x00WAVE"), bytes.Repeat(chunk("LIST", nil), 300)))
	f.Add(join(mp3Frame(0xFFFB9000, 417), mp3Frame(0xFFFB9000, 417)))
	f.Add(oggPage("OpusHead\x01\x02\x38\x01\x40\x1f\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &countingReader{ReaderAt: bytes.NewReader(b)}
		got, err := Probe(r, int64(len(b)))
		require.NoError(t, err)
		assert.Regexp(t, `^(audio|application)/[a-z0-9-]+$`, got.ContentType)
		assert.Regexp(t, `^[a-z0-9]{2,4}$`, got.Ext)
		assert.GreaterOrEqual(t, got.Duration, time.Duration(0))
		assert.GreaterOrEqual(t, got.Channels, 0)
		assert.GreaterOrEqual(t, got.SampleRate, 0)
		if !got.Measured {
			assert.Zero(t, got.Duration)
		}
		assert.LessOrEqual(t, r.calls, 4*maxChunks+len(b)/(32<<10)+10)
		assert.LessOrEqual(t, r.bytes, 64*maxChunks+2*len(b)+sniffLength+(64<<10))
	})
}
