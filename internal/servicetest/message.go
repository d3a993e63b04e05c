package servicetest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

func messageRules() []rule {
	return []rule{
		{"AMessageIsFoundInItsMailboxOnly", "who guesses IDs must not read another mailbox", messageWrongMailbox},
		{"IDsThatDifferInTheLastDigitAreTwoMessages", "a prefix that is cut too short finds the neighbour", messageNeighbours},
		{"ARestrictedMessageIsNobodysToSee", "what a forget request covers is gone for every agent at once", messageRestricted},
	}
}

func messageWrongMailbox(e *env) {
	box, other := e.mailbox("5001"), e.mailbox("500")
	msg := e.deposit(box, nil)
	_, err := other.Message(e.ctx, msg.ID())
	require.ErrorIs(e, err, voicemail.ErrNotFound)
	var ve *voicemail.Error
	require.ErrorAs(e, err, &ve)
	require.Equal(e, []any{voicemail.MailboxID("500"), msg.ID()}, []any{ve.Mailbox, ve.Message})
	_, err = box.Message(e.ctx, idAt(7))
	require.ErrorIs(e, err, voicemail.ErrNotFound)
	for _, bad := range []voicemail.MessageID{"", "x", msg.ID() + "-0", msg.ID()[:35], voicemail.MessageID("../" + string(msg.ID()))} {
		_, err := box.Message(e.ctx, bad)
		require.ErrorIs(e, err, voicemail.ErrInvalid, string(bad))
	}
}

func messageNeighbours(e *env) {
	box := e.mailbox("5001")
	id := []byte(idAt(0))
	var msgs []voicemail.Message
	for _, last := range "0123456789abcdef" {
		id[35] = byte(last)
		msgs = append(msgs, e.depositAudio(box, []byte{byte(last)}, &voicemail.DepositOptions{ID: voicemail.MessageID(id), Caller: number()}))
	}
	require.NoError(e, msgs[3].MarkRead(e.ctx))
	require.NoError(e, msgs[4].Trash(e.ctx))
	require.NoError(e, msgs[5].Delete(e.ctx))
	for i, msg := range msgs {
		if i == 5 {
			e.invisible(msg, "deleted")
			continue
		}
		st := e.state(msg)
		require.Equal(e, []bool{i == 3, i == 4}, []bool{st.Read, st.Trashed}, "message %x", i)
		require.Equal(e, []byte{"0123456789abcdef"[i]}, e.play(msg))
	}
}

// messageCalls are all methods of a message that look at the storage.
func messageCalls(e *env, msg voicemail.Message, to voicemail.MailboxID) map[string]func() error {
	return map[string]func() error{
		"mark read":    func() error { return msg.MarkRead(e.ctx) },
		"mark read by": func() error { return msg.MarkReadBy(e.ctx, "ann") },
		"first reader": func() error { _, err := msg.FirstReader(e.ctx); return err },
		"mark unread":  func() error { return msg.MarkUnread(e.ctx) },
		"urgent":       func() error { return msg.SetUrgent(e.ctx, true) },
		"not urgent":   func() error { return msg.SetUrgent(e.ctx, false) },
		"trash":        func() error { return msg.Trash(e.ctx) },
		"restore":      func() error { return msg.Restore(e.ctx) },
		"expiry":       func() error { return msg.SetExpiry(e.ctx, e.clock.now().Add(time.Hour)) },
		"clear expiry": func() error { return msg.SetExpiry(e.ctx, time.Time{}) },
		"open":         func() error { _, err := msg.Open(e.ctx); return err },
		"parts":        func() error { _, err := msg.Parts(e.ctx); return err },
		"add part": func() error {
			_, err := msg.AddPart(e.ctx, voicemail.PartNote, strings.NewReader("call back"), nil)
			return err
		},
		"copy": func() error { _, err := msg.CopyTo(e.ctx, to, nil); return err },
		"move": func() error { _, err := msg.MoveTo(e.ctx, to); return err },
	}
}

func messageRestricted(e *env) {
	box := e.mailbox("5001")
	e.mailbox("5002")
	caller := number()
	opts := &voicemail.DepositOptions{ID: idAt(0), Caller: caller, Urgent: true}
	msg := e.depositAudio(box, wav(20), opts)
	e.mark(msg, keys.Forget+"case1")
	before := e.names(e.space.Boxes())
	media := e.names(e.space.Media())
	for name, call := range messageCalls(e, msg, "5002") {
		require.ErrorIs(e, call(), voicemail.ErrNotFound, name)
		require.Equal(e, before, e.names(e.space.Boxes()), "%s left something behind", name)
		require.Equal(e, media, e.names(e.space.Media()), "%s left something behind", name)
	}
	require.ErrorIs(e, msg.Delete(e.ctx), voicemail.ErrNotFound, "what is restricted is deleted by the forget request only")
	require.Equal(e, before, e.names(e.space.Boxes()))
	require.Equal(e, media, e.names(e.space.Media()), "the recording is kept for an undo")
	e.invisible(msg, "restricted")
	require.Zero(e, e.counts(box))

	e.pass(3 * rest)
	e.maintain()
	require.Subset(e, e.names(e.space.Boxes()), before, "Maintain leaves it to the forget request")
	e.removeRaw(e.markName(msg, keys.Forget+"case1"))
	require.Equal(e, voicemail.Counts{New: 1, NewUrgent: 1}, e.counts(box), "undone, it is as it was")
	require.Equal(e, []string{place(msg)}, e.find(e.service(), caller.Reveal()))
}

func playbackRules() []rule {
	return []rule{
		{"ARecordingIsReadAndSoughtLikeAFile", "players seek", playSeek},
		{"ARecordingIsServedInRanges", "browsers ask for ranges, and Safari plays nothing without", playHTTP},
		{"PlayingEndsWhenTheMessageIsDeleted", "a player that was opened before a forget request must not go on for minutes", playStops},
		{"ADamagedRecordingIsAnError", "silence at the end of a cut recording sounds like a caller who stopped", playDamaged},
		{"PlayingMarksNothing", "who only looks in must not put out the lamp", playUnread},
		{"ALinkIsShortOrUnsupported", "a link cannot be taken back", playLink},
	}
}

const ranged = 256 << 10 // how much is handed on before the next look

func playSeek(e *env) {
	box := e.mailbox("5001")
	audio := noise(2*ranged + 1000)
	msg := e.depositAudio(box, audio, nil)
	r, err := msg.Open(e.ctx)
	require.NoError(e, err)
	defer r.Close()
	require.NoError(e, iotest.TestReader(r, audio))
	for _, at := range []int64{0, ranged - 1, ranged, 2*ranged + 999, 5} {
		pos, err := r.Seek(at, io.SeekStart)
		require.NoError(e, err)
		require.Equal(e, at, pos)
		buf := make([]byte, 300)
		n, err := io.ReadFull(r, buf[:min(300, len(audio)-int(at))])
		require.NoError(e, err)
		require.Equal(e, audio[at:int(at)+n], buf[:n], "at %d", at)
		pos, err = r.Seek(-10, io.SeekCurrent)
		require.NoError(e, err)
		require.Equal(e, at+int64(n)-10, pos)
	}
	pos, err := r.Seek(0, io.SeekEnd)
	require.NoError(e, err)
	require.Equal(e, int64(len(audio)), pos)
	for _, beyond := range []int64{0, 1, 1 << 40} {
		_, err = r.Seek(beyond, io.SeekEnd)
		require.NoError(e, err)
		_, err = r.Read(make([]byte, 1))
		require.ErrorIs(e, err, io.EOF)
	}
	_, err = r.Seek(-1, io.SeekStart)
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	_, err = r.Seek(0, 7)
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	require.NoError(e, r.Close())
	_, err = r.Read(make([]byte, 1))
	require.Error(e, err, "closed")
	require.NotErrorIs(e, err, io.EOF, "what was closed has not come to its end")
}

func playHTTP(e *env) {
	audio := wav(40_000) // more than one range
	msg := e.depositAudio(e.mailbox("5001"), audio, nil)
	tag := `"` + msg.Envelope().SHA256 + `"`
	serve := func(header ...string) (status int, contentType string, body []byte) {
		r, err := msg.Open(e.ctx)
		require.NoError(e, err)
		defer r.Close()
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		w.Header().Set("ETag", tag)
		w.Header().Set("Content-Type", msg.Envelope().ContentType)
		http.ServeContent(w, req, "", msg.Envelope().ReceivedAt, r)
		return w.Code, w.Header().Get("Content-Type"), w.Body.Bytes()
	}
	status, contentType, body := serve()
	require.Equal(e, http.StatusOK, status)
	require.Equal(e, audio, body)
	require.Equal(e, "audio/wav", contentType)
	for spec, want := range map[string][]byte{
		"bytes=0-1": audio[:2], "bytes=300000-": audio[300_000:], "bytes=-44": audio[len(audio)-44:], "bytes=262143-262144": audio[262143:262145],
	} {
		for _, ifRange := range [][]string{nil, {"If-Range", tag}} {
			status, _, body := serve(append([]string{"Range", spec}, ifRange...)...)
			require.Equal(e, http.StatusPartialContent, status, spec)
			require.Equal(e, want, body, spec)
		}
	}
	status, _, body = serve("Range", "bytes=0-1", "If-Range", `"another"`)
	require.Equal(e, http.StatusOK, status)
	require.Len(e, body, len(audio))
	status, _, _ = serve("Range", "bytes=900000-")
	require.Equal(e, http.StatusRequestedRangeNotSatisfiable, status)
}

func playStops(e *env) {
	box := e.mailbox("5001")
	e.mailbox("5002")
	other := e.open()
	for name, end := range map[string]func(msg voicemail.Message){
		"deleted by another process": func(msg voicemail.Message) {
			same, err := other.Mailbox("5001").Message(e.ctx, msg.ID())
			require.NoError(e, err)
			require.NoError(e, same.Delete(e.ctx))
		},
		"restricted": func(msg voicemail.Message) { e.mark(msg, keys.Forget+"case1") },
		"moved":      func(msg voicemail.Message) { _, err := msg.MoveTo(e.ctx, "5002"); require.NoError(e, err) },
	} {
		audio := noise(4 * ranged)
		msg := e.depositAudio(box, audio, nil)
		r, err := msg.Open(e.ctx)
		require.NoError(e, err)
		head := make([]byte, 100)
		_, err = io.ReadFull(r, head)
		require.NoError(e, err)
		end(msg)
		tail, err := io.ReadAll(r)
		require.ErrorIs(e, err, voicemail.ErrNotFound, name)
		require.LessOrEqual(e, len(head)+len(tail), ranged, "%s: more was played than what had been handed out", name)
		_, err = r.Seek(0, io.SeekStart)
		require.NoError(e, err)
		_, err = r.Read(head)
		require.ErrorIs(e, err, voicemail.ErrNotFound, "%s: also from its start", name)
		require.NoError(e, r.Close())
	}
}

func playDamaged(e *env) {
	e.damaged = true
	box := e.mailbox("5001")
	e.mailbox("5002")
	audio := noise(ranged + 500)
	for name, damage := range map[string]func(key string){
		"missing":   func(string) {},
		"empty":     func(key string) { e.plant(key, "") },
		"truncated": func(key string) { e.plant(key, string(audio[:ranged+499])) },
		"longer":    func(key string) { e.plant(key, string(audio)+"x") },
	} {
		msg := e.depositAudio(box, audio, nil)
		key := e.keysOf("5001").Audio(ref(msg), "bin")
		e.removeRaw(key)
		damage(key)
		_, err := msg.Open(e.ctx)
		require.ErrorIs(e, err, voicemail.ErrDamaged, name)
		var ve *voicemail.Error
		require.ErrorAs(e, err, &ve, name)
		require.Equal(e, msg.ID(), ve.Message)
		_, err = msg.CopyTo(e.ctx, "5002", nil)
		require.ErrorIs(e, err, voicemail.ErrDamaged, "copy: %s", name)
		_, err = msg.MoveTo(e.ctx, "5002")
		require.ErrorIs(e, err, voicemail.ErrDamaged, "move: %s", name)
		require.Zero(e, e.counts(e.service().Mailbox("5002")), name)
		require.Zero(e, e.state(msg).Read, "a message whose recording is damaged can still be seen, and deleted")
		require.NoError(e, msg.Delete(e.ctx), name)
	}
	// What goes missing while it is played, too.
	msg := e.depositAudio(box, audio, nil)
	r, err := msg.Open(e.ctx)
	require.NoError(e, err)
	defer r.Close()
	e.removeRaw(e.keysOf("5001").Audio(ref(msg), "bin"))
	_, err = r.Seek(ranged+1, io.SeekStart)
	require.NoError(e, err)
	_, err = r.Read(make([]byte, 1))
	require.ErrorIs(e, err, voicemail.ErrDamaged)
}

func playUnread(e *env) {
	box := e.mailbox("5001")
	msg := e.deposit(box, nil)
	before := e.tenantNames()
	require.True(e, bytes.HasPrefix(e.play(msg), []byte("RIFF")))
	require.Equal(e, before, e.tenantNames())
	require.Equal(e, voicemail.Counts{New: 1}, e.counts(box))
	require.NoError(e, msg.Trash(e.ctx))
	require.NotEmpty(e, e.play(msg), "also out of the trash")
}

func playLink(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	for _, ttl := range []time.Duration{-1, time.Hour + 1} {
		_, err := msg.URL(e.ctx, ttl)
		require.ErrorIs(e, err, voicemail.ErrInvalid)
	}
	if _, ok := storage.As[storage.Signer](e.store); !ok {
		_, err := msg.URL(e.ctx, 0)
		require.ErrorIs(e, err, errors.ErrUnsupported)
		return
	}
	link, err := msg.URL(e.ctx, 0)
	require.NoError(e, err)
	require.NotEmpty(e, link.Reveal())
	require.WithinDuration(e, time.Now().Add(15*time.Minute), link.Expires, 2*time.Minute)
	require.NoError(e, msg.Delete(e.ctx))
	_, err = msg.URL(e.ctx, 0)
	require.ErrorIs(e, err, voicemail.ErrNotFound, "no link to what cannot be seen")
}
