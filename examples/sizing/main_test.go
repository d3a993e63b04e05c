package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/pvstore"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestTheSheetShowsTheArithmetic(t *testing.T) {
	for name, args := range map[string]string{
		"pcmu": "-boxes 500 -messages 10 -seconds 45 -codec pcmu",
		"opus": "-boxes 2000 -messages 100 -arrivals 1.5 -days 30 -seconds 60 -codec opus -safety 2",
	} {
		var out bytes.Buffer
		require.NoError(t, run(&out, strings.Fields(args)))
		golden := filepath.Join("testdata", name+".txt")
		if *update {
			require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		assert.Equal(t, string(want), out.String())
	}
}

func TestABadArgumentGetsOneClearLine(t *testing.T) {
	for args, says := range map[string]string{
		"-nothing":       "-nothing",
		"more":           `"more" is no flag`,
		"-codec wma":     "none of pcmu, pcma, pcm16, g729, gsm, opus, mp3",
		"-boxes 0":       "-boxes is 0",
		"-messages -1":   "-messages is -1",
		"-arrivals -1":   "-arrivals is -1",
		"-days -1":       "-days is -1",
		"-seconds 0":     "-seconds is 0",
		"-seconds NaN":   "-seconds is NaN",
		"-safety 0.5":    "-safety is 0.5",
		"-seconds 1e300": "-seconds is 1e+300",
	} {
		var out bytes.Buffer
		err := run(&out, strings.Fields(args))
		require.ErrorContains(t, err, says)
		assert.NotContains(t, err.Error(), "\n")
		assert.Empty(t, out.String())
	}
}

func TestRetentionBoundsWhatAMailboxKeeps(t *testing.T) {
	p := plan{messages: 10, arrivals: 0.5, days: 6}
	assert.EqualValues(t, 3, p.kept())
	p.days = 60
	assert.EqualValues(t, 10, p.kept())
	p.days = 0
	assert.EqualValues(t, 10, p.kept())
}

// contentType is what a raw recording is claimed to be.
var contentType = map[string]string{"g729": "audio/g729", "gsm": "audio/gsm"}

// recording makes one of a codec, as long as the plan says it is in bytes.
func recording(p *plan) []byte {
	b := bytes.Repeat([]byte{0x55}, int(p.recording()))
	format, width, known := map[string]uint16{"pcmu": 7, "pcma": 6, "pcm16": 1}[p.codec.name], uint16(1), false
	if known = format != 0; !known {
		return b
	}
	if format == 1 {
		width = 2
	}
	var h bytes.Buffer
	data := len(b) - int(p.codec.header)
	h.WriteString("RIFF")
	write := func(fields ...any) {
		for _, f := range fields {
			_ = binary.Write(&h, binary.LittleEndian, f)
		}
	}
	write(uint32(len(b) - 8))
	h.WriteString("WAVEfmt ")
	if format == 1 {
		write(uint32(16), format, uint16(1), uint32(8000), 8000*uint32(width), width, 8*width)
	} else {
		write(uint32(18), format, uint16(1), uint32(8000), uint32(8000), width, 8*width, uint16(0))
		h.WriteString("fact")
		write(uint32(4), uint32(data))
	}
	h.WriteString("data")
	write(uint32(data))
	copy(b, h.Bytes())
	return b
}

// What a codec's arithmetic says of a recording is what the library measures of it.
func TestASecondOfACodecHasAsManyBytesAsTheLibraryMeasures(t *testing.T) {
	svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(memstore.New(nil)), nil)
	require.NoError(t, err)
	box, err := svc.CreateMailbox(t.Context(), "5001", nil)
	require.NoError(t, err)
	for _, c := range codecs[:5] {
		p := &plan{codec: c, seconds: 7}
		msg, err := box.Deposit(t.Context(), bytes.NewReader(recording(p)), &voicemail.DepositOptions{ContentType: contentType[c.name]})
		require.NoError(t, err)
		assert.True(t, msg.Envelope().DurationMeasured, c.name)
		assert.Equal(t, 7*time.Second, msg.Envelope().Duration, c.name)
	}
}

// tenant deposits what a plan says.
func (p *plan) tenant(t *testing.T, store storage.Store) {
	svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(store), nil)
	require.NoError(t, err)
	audio := recording(p)
	for b := range p.boxes {
		id := voicemail.MailboxID(fmt.Sprint(5000 + b))
		box, err := svc.CreateMailbox(t.Context(), id, &voicemail.Settings{Owner: voicemail.User("agent-" + string(id))})
		require.NoError(t, err)
		for m := range int(p.kept()) {
			msg, err := box.Deposit(t.Context(), bytes.NewReader(audio), &voicemail.DepositOptions{
				Caller: voicemail.ParseCallerID(fmt.Sprintf(`"Ada Example" <+1555%03d%04d>`, b, m)), Called: voicemail.ParseCallerID("+15550100000"), CallID: "0123456789@pbx.example",
			})
			require.NoError(t, err)
			require.NoError(t, msg.MarkRead(t.Context()))
		}
	}
}

func TestTheEstimateIsWithinATenthOfWhatIsStored(t *testing.T) {
	pcmu := codecs[0]
	p := &plan{boxes: 12, messages: 10, seconds: 3, codec: pcmu}

	mem := memstore.New(nil)
	p.tenant(t, mem)
	var content float64
	for info, err := range storage.All(t.Context(), mem, nil) {
		require.NoError(t, err)
		content += float64(info.Size)
	}
	assert.InEpsilon(t, content, p.content(), 0.1)

	dir := t.TempDir()
	require.NoError(t, pvstore.Init(t.Context(), dir))
	volume, err := pvstore.Open(t.Context(), dir, nil)
	require.NoError(t, err)
	p.tenant(t, volume)
	var bytes, files float64
	require.NoError(t, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if files++; d.IsDir() {
			bytes += block // most file systems say so, and some say nothing
		} else {
			bytes += blocks(float64(info.Size()))
		}
		return err
	}))
	assert.InEpsilon(t, bytes, p.volume(), 0.1)
	assert.InEpsilon(t, files, p.files(), 0.1)
}
