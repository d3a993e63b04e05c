package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/examples/service/internal/api"
	"github.com/genesys/voicemail/examples/service/internal/serve"
)

func TestABodyThatComesTooSlowlyIsCutOff(t *testing.T) {
	w := newWorld(t, setup{serve: serve.Options{Pace: serve.Pace{Grace: 50 * time.Millisecond}}})
	m := w.left("5001")
	before := w.names()
	for name, tt := range map[string]struct{ path, contentType, start string }{
		"a document":          {"/voicemail/v1/search", asJSON, `{"caller`},
		"a form":              {boxes + "/5001/messages", asForm, "--b\r\nContent-Dis"},
		"a recording":         {boxes + "/5001/messages", asForm, strings.TrimSuffix(upload("message={}", "audio="+string(wav(80))), "--b--\r\n")},
		"a PIN":               {boxes + "/5001/pin/change", asJSON, `{"old": "`},
		"a spoken comment":    {boxes + "/5001/messages/" + m.ID + "/copies", asForm, strings.TrimSuffix(upload(`copy={"to": ["6001"]}`, "audio="+string(wav(80))), "--b--\r\n")},
		"nothing of a body":   {"/voicemail/v1/search", asJSON, ""},
		"nothing of a form":   {boxes + "/5001/messages", asForm, ""},
		"audio not yet begun": {boxes + "/5001/messages", asForm, strings.TrimSuffix(upload("message={}"), "--b--\r\n")},
	} {
		r := w.send("POST " + tt.path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret-agent7\r\nContent-Type: " + tt.contentType + "\r\nContent-Length: 100000\r\n\r\n" + tt.start)
		assert.Equal(t, http.StatusRequestTimeout, r.status, "%s: %s", name, r.body)
		assert.Equal(t, "too-slow", r.code(t), name)
	}
	assert.Equal(t, before, w.names())
}

func TestALiveRecordingMayTakeItsTime(t *testing.T) {
	w := newWorld(t, setup{serve: serve.Options{Pace: serve.Pace{Grace: 200 * time.Millisecond, Rate: 1000}}})
	pipe, in := io.Pipe()
	m := multipart.NewWriter(in)
	go func() {
		part(t, m, "message", asJSON, []byte(`{}`))
		audio := wav(8000) // 8 KB at 1,000 bytes a second are 8 s of patience, beside Grace
		p, _ := m.CreatePart(map[string][]string{"Content-Disposition": {`form-data; name="audio"`}, "Content-Type": {"audio/wav"}})
		tick := time.NewTicker(30 * time.Millisecond)
		defer tick.Stop()
		for chunk := range bytesInChunks(audio, 500) {
			<-tick.C
			_, _ = p.Write(chunk)
		}
		_ = m.Close()
		_ = in.Close()
	}()
	r := w.do(w.plain, "secret-switch", "POST", boxes+"/5001/messages", m.FormDataContentType(), pipe)
	assert.Equal(t, http.StatusCreated, r.status, "%s", r.body)
}

func bytesInChunks(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 && yield(b[:min(n, len(b))]) {
			b = b[min(n, len(b)):]
		}
	}
}

func TestTooManyDepositsAtOnceAreAskedToWait(t *testing.T) {
	w := newWorld(t, setup{api: api.Options{Deposits: 1}})
	first := w.begin()
	r := w.deposit("secret-switch", "5001", `{}`, wav(80))
	assert.Equal(t, http.StatusServiceUnavailable, r.status)
	assert.NotEmpty(t, r.header.Get("Retry-After"))
	assert.Equal(t, http.StatusCreated, first.finish().status)
	require.Eventually(t, func() bool { return w.deposit("secret-switch", "5001", `{}`, wav(80)).status == http.StatusCreated }, patience, time.Millisecond)
}

// beginning is a deposit that has begun.
type beginning struct {
	w    *world
	conn net.Conn
	rest []byte
}

// begin begins a deposit into 5001, and returns when the service has begun to read it.
func (w *world) begin() *beginning {
	w.t.Helper()
	contentType, body := form(w.t, `{"caller": "`+caller+`"}`, wav(80))
	head := fmt.Sprintf("POST %s/5001/messages HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer secret-switch\r\nContent-Type: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		boxes, strings.TrimPrefix(w.url, "http://"), contentType, body.Len())
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(w.t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = conn.Write([]byte(head))
	require.NoError(w.t, err)
	goOn := "HTTP/1.1 100 Continue\r\n\r\n"
	answer := make([]byte, len(goOn)) // which comes when the body is read
	_, err = io.ReadFull(conn, answer)
	require.NoError(w.t, err)
	require.Equal(w.t, goOn, string(answer))
	return &beginning{w, conn, body.Bytes()}
}

func (b *beginning) finish() reply {
	b.w.t.Helper()
	_, err := b.conn.Write(b.rest)
	require.NoError(b.w.t, err)
	resp, err := http.ReadResponse(bufio.NewReader(b.conn), nil)
	require.NoError(b.w.t, err)
	defer resp.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(resp.Body)
	require.NoError(b.w.t, err)
	return reply{resp.StatusCode, resp.Header, body.Bytes()}
}

func TestAStopFinishesTheDepositThatHasBegunAndTakesNoNewOne(t *testing.T) {
	w := newWorld(t, setup{serve: serve.Options{StopDelay: 100 * time.Millisecond}})
	deposit := w.begin()
	listener := w.listen("secret-agent7", events)
	listener.next("5001")
	w.stop()
	_, err := io.ReadAll(listener.body)
	require.NoError(t, err, "a stream ends when the stop has begun")
	assert.Equal(t, http.StatusServiceUnavailable, w.deposit("secret-switch", "5001", `{}`, wav(80)).status, "a new one")
	assert.Equal(t, http.StatusServiceUnavailable, w.get("", "/readyz").status)
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", boxes).status, "what is short goes on")
	r := deposit.finish()
	assert.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	require.NoError(t, <-w.stopped)
	w.stopped = nil
	n, err := w.service("cc-1").Mailbox("5001").Counts(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, n.New, "what was acknowledged is there")
	_, err = net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	assert.Error(t, err, "nobody listens any more")
}

func TestAStopEndsThoughADepositDoesNot(t *testing.T) {
	w := newWorld(t, setup{serve: serve.Options{StopWithin: 20 * time.Millisecond}})
	before := w.names()
	w.begin()
	w.stop()
	assert.ErrorContains(t, <-w.stopped, "cut off")
	w.stopped = nil
	assert.Equal(t, before, w.names(), "what is cut off leaves nothing")
}
