package servicetest

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

func recordingRules() []rule {
	return []rule{
		{"AnyRecordingIsKeptByteForByte", "what the caller said must not depend on how the bytes arrived", recordingSizes},
		{"TheContentTypeIsReadOffTheContent", "a page declared as audio would run in the agent's browser", recordingType},
		{"RawTelephonyAudioIsWhatItsCallerSays", "G.711 has no header to be recognised by", recordingRaw},
		{"AnEmptyRecordingIsRefused", "a caller who hung up has left no message", recordingEmpty},
		{"ARecordingTooLargeIsGivenBack", "the limit protects the store, and the recording is still the only copy", recordingTooLarge},
		{"ARecordingTooLongIsGivenBack", "a line that was never hung up fills a mailbox", recordingTooLong},
		{"ARecordingThatBreaksOffIsGivenBack", "half of what the caller said is better than nothing", recordingCut},
		{"ACancelledDepositLeavesNothing", "a call that was taken back must not light a lamp", recordingCancelled},
	}
}

func recordingSizes(e *env) {
	box := e.mailbox("5001")
	small := e.open(func(o *voicemail.Options) { o.Limits.SpoolMemory, o.Limits.SpoolDir = 1, e.TempDir() }).Mailbox("5001")
	for _, size := range []int{1, 2, 32<<10 - 1, 32 << 10, 32<<10 + 1, 256 << 10, 256<<10 + 1, 700_001} {
		audio := noise(size)
		for how, r := range map[string]io.Reader{
			"at once":          bytes.NewReader(audio),
			"in odd portions":  portions(audio),
			"EOF with data":    iotest.DataErrReader(bytes.NewReader(audio)),
			"half of each ask": iotest.HalfReader(bytes.NewReader(audio)),
		} {
			for _, b := range []voicemail.Mailbox{box, small} {
				if rs, ok := r.(io.Seeker); ok {
					_, err := rs.Seek(0, io.SeekStart)
					require.NoError(e, err)
				} else if b == small {
					continue
				}
				msg, err := b.Deposit(e.ctx, r, nil)
				require.NoError(e, err, "%d bytes %s", size, how)
				require.Equal(e, int64(size), msg.Envelope().Size)
				require.True(e, bytes.Equal(audio, e.play(msg)), "%d bytes %s", size, how)
			}
		}
	}
}

// portions reads audio in portions that fit no buffer.
func portions(audio []byte) io.Reader {
	r := bytes.NewReader(audio)
	return readerFunc(func(p []byte) (int, error) { return r.Read(p[:min(len(p), 1+rand.IntN(9000))]) })
}

func recordingType(e *env) {
	box := e.mailbox("5001")
	for claimed, want := range map[string]string{"": "audio/wav", "audio/mpeg": "audio/wav", "text/html": "audio/wav", "audio/pcmu": "audio/wav", "no type;": "audio/wav"} {
		msg := e.deposit(box, &voicemail.DepositOptions{ContentType: claimed})
		require.Equal(e, want, e.again(msg).Envelope().ContentType, "claimed %q", claimed)
	}
	for _, page := range []string{"<!DOCTYPE html><script>alert(1)</script>", "%PDF-1.7", "\x89PNG\r\n\x1a\n", "plain text", "\x00\x01\x02\x03"} {
		for _, claimed := range []string{"", "text/html", "audio/wav", "image/svg+xml"} {
			msg := e.depositAudio(box, []byte(page), &voicemail.DepositOptions{ContentType: claimed, Duration: 3 * time.Second})
			got := e.again(msg).Envelope()
			require.Equal(e, "application/octet-stream", got.ContentType, "%q claimed as %q", page, claimed)
			require.Equal(e, 3*time.Second, got.Duration, "what cannot be measured is as long as was told")
			require.False(e, got.DurationMeasured)
			require.Equal(e, page, string(e.play(msg)))
		}
	}
	typed, ok := e.store.(interface{ ContentType(key string) string })
	if !ok {
		return // a volume has no content types
	}
	msg := e.deposit(box, &voicemail.DepositOptions{ContentType: "text/html"})
	require.Equal(e, "audio/wav", typed.ContentType(e.keysOf("5001").Audio(ref(msg), "wav")), "what the storage serves is no page either")
}

func recordingRaw(e *env) {
	box := e.mailbox("5001")
	audio := bytes.Repeat([]byte{0xff}, 8000)
	for claimed, want := range map[string]time.Duration{"audio/basic": time.Second, "audio/PCMU": time.Second, "audio/pcma; rate=16000": time.Second / 2} {
		got := e.again(e.depositAudio(box, audio, &voicemail.DepositOptions{ContentType: claimed, Duration: time.Hour})).Envelope()
		require.Equal(e, want, got.Duration, claimed)
		require.True(e, got.DurationMeasured, claimed)
		require.True(e, strings.HasPrefix(strings.ToLower(claimed), got.ContentType[:10]), "%q became %q", claimed, got.ContentType)
	}
}

func recordingEmpty(e *env) {
	box := e.mailbox("5001")
	before := e.tenantNames()
	for _, r := range []io.Reader{strings.NewReader(""), iotest.DataErrReader(strings.NewReader(""))} {
		_, err := box.Deposit(e.ctx, r, &voicemail.DepositOptions{Caller: number(), Urgent: true})
		require.ErrorIs(e, err, voicemail.ErrEmpty)
		_, back := e.handedBack(err)
		require.Empty(e, back)
	}
	require.Equal(e, before, e.tenantNames())
}

func recordingTooLarge(e *env) {
	e.mailbox("5001")
	box := e.open(func(o *voicemail.Options) { o.Limits.AudioBytes, o.Limits.SpoolMemory = 100_000, 1 }).Mailbox("5001")
	before := e.tenantNames()
	audio := noise(100_001)
	_, err := box.Deposit(e.ctx, bytes.NewReader(audio), &voicemail.DepositOptions{Caller: number(), Urgent: true})
	require.ErrorIs(e, err, voicemail.ErrTooLarge)
	_, back := e.handedBack(err)
	require.NotEmpty(e, back)
	require.True(e, bytes.HasPrefix(audio, back), "what was read comes back")
	require.GreaterOrEqual(e, len(back), 100_000)
	require.Equal(e, before, e.tenantNames())
	msg, err := box.Deposit(e.ctx, bytes.NewReader(audio[:100_000]), nil)
	require.NoError(e, err, "the limit itself is taken")
	require.Equal(e, int64(100_000), msg.Envelope().Size)
}

func recordingTooLong(e *env) {
	e.mailbox("5001")
	box := e.open(func(o *voicemail.Options) { o.Limits.Duration = time.Second }).Mailbox("5001")
	before := e.tenantNames()
	for name, try := range map[string]struct {
		audio []byte
		opts  voicemail.DepositOptions
	}{
		"measured": {wav(1001), voicemail.DepositOptions{Caller: number(), Urgent: true, Duration: time.Millisecond}},
		"told":     {[]byte("opaque"), voicemail.DepositOptions{Caller: number(), Duration: 1001 * time.Millisecond}},
	} {
		_, err := box.Deposit(e.ctx, bytes.NewReader(try.audio), &try.opts)
		require.ErrorIs(e, err, voicemail.ErrTooLarge, name)
		_, back := e.handedBack(err)
		require.Equal(e, try.audio, back, name)
		require.Equal(e, before, e.tenantNames(), name)
	}
	e.depositAudio(box, wav(1000), &voicemail.DepositOptions{Duration: time.Hour})
}

func recordingCut(e *env) {
	box := e.mailbox("5001")
	before := e.tenantNames()
	for _, size := range []int{0, 1, 1000, 600_000} {
		audio := noise(size)
		_, err := box.Deposit(e.ctx, cut(audio), &voicemail.DepositOptions{Caller: number(), Urgent: true})
		require.ErrorIs(e, err, errReader)
		de, back := e.handedBack(err)
		require.True(e, bytes.Equal(audio, back), "%d bytes before the cut", size)
		require.False(e, de.Uncertain)
		require.Equal(e, before, e.tenantNames())
		require.Zero(e, e.counts(box))
		if size == 0 {
			continue
		}
		_, err = de.Audio.Seek(0, io.SeekStart)
		require.NoError(e, err)
		msg, err := box.Deposit(e.ctx, de.Audio, &voicemail.DepositOptions{ID: de.ID})
		require.NoError(e, err, "what was saved can be deposited under the same ID")
		require.Equal(e, de.ID, msg.ID())
		require.True(e, bytes.Equal(audio, e.play(msg)))
		require.NoError(e, msg.Delete(e.ctx))
		before = e.tenantNames()
	}
}

func recordingCancelled(e *env) {
	box := e.mailbox("5001")
	before := e.tenantNames()
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	_, err := box.Deposit(ctx, iotest.ErrReader(errReader), nil)
	require.ErrorIs(e, err, context.Canceled)
	require.NotErrorIs(e, err, errReader, "the recording was not touched")

	audio := wav(500)
	for _, at := range []int{0, 1, len(audio) / 2, len(audio)} {
		ctx, cancel := context.WithCancel(e.ctx)
		rest := bytes.NewReader(audio[at:])
		r := io.MultiReader(bytes.NewReader(audio[:at]), readerFunc(func(p []byte) (int, error) {
			cancel()
			return rest.Read(p)
		}))
		_, err := box.Deposit(ctx, r, &voicemail.DepositOptions{Caller: number(), Urgent: true})
		require.ErrorIs(e, err, context.Canceled, "cancelled after %d bytes", at)
		_, back := e.handedBack(err)
		require.True(e, bytes.HasPrefix(audio, back), "cancelled after %d bytes", at)
		require.GreaterOrEqual(e, len(back), at, "what was read before comes back")
		for _, name := range e.tenantNames() {
			// A storage behind a network may do what was taken back, later.
			require.True(e, slices.Contains(before, name) || strings.HasPrefix(name, e.space.Callers()), "cancelled after %d bytes: %s", at, name)
		}
		require.Zero(e, e.counts(box))
	}
	e.pass(rest)
	e.maintain()
	require.Equal(e, before, e.tenantNames(), "and not for ever")
}
