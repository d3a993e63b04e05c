package serve_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/genesys/voicemail/examples/service/internal/serve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves until the end of the test, and returns the URL and what is logged.
func start(t *testing.T, opts serve.Options, h http.HandlerFunc) (url string, log func() string) {
	t.Helper()
	var mu sync.Mutex
	var b bytes.Buffer
	opts.Logger = slog.New(slog.NewJSONHandler(writer(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return b.Write(p)
	}), nil))
	s := serve.New(opts)
	s.Handle(h, 1000)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	stop := sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return "http://" + l.Addr().String(), func() string {
		stop()
		return b.String()
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func get(t *testing.T, url string) (int, http.Header, string, error) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(body), err
}

func TestAHandlerThatPanicsIsAnInternalErrorAndSaysNothing(t *testing.T) {
	url, log := start(t, serve.Options{}, func(http.ResponseWriter, *http.Request) { panic("+1 555 010 0142") })
	status, header, body, err := get(t, url)
	require.NoError(t, err)
	assert.Equal(t, http.StatusInternalServerError, status)
	assert.Equal(t, "application/problem+json", header.Get("Content-Type"))
	assert.NotContains(t, body, "010 0142")
	lines := log()
	assert.NotContains(t, lines, "010 0142")
	assert.Contains(t, lines, "a handler panicked")
	assert.Contains(t, lines, `"status":500`)
}

func TestHalfAResponseDoesNotLookWhole(t *testing.T) {
	for name, failure := range map[string]any{"a panic": "x", "an abort": http.ErrAbortHandler, "an error": errors.New("x")} {
		url, _ := start(t, serve.Options{}, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(failure)
		})
		_, _, body, err := get(t, url)
		assert.Equal(t, "half", body, name)
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
	}
}

func TestABodyIsBounded(t *testing.T) {
	failed := make(chan error, 1)
	url, _ := start(t, serve.Options{}, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		failed <- err
	})
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post(url, "text/plain", strings.NewReader(strings.Repeat("x", 1001)))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	var large *http.MaxBytesError
	assert.ErrorAs(t, <-failed, &large)
}

func TestALongAnswerMayTakeLongerThanABody(t *testing.T) {
	const grace = 20 * time.Millisecond
	url, _ := start(t, serve.Options{Pace: serve.Pace{Grace: grace}}, func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(5 * grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			_, _ = io.WriteString(w, "done")
		case <-r.Context().Done():
		}
	})
	_, _, body, err := get(t, url)
	require.NoError(t, err)
	assert.Equal(t, "done", body)
}

func TestAClientThatTakesNothingIsLetGo(t *testing.T) {
	ended := make(chan error, 1)
	url, _ := start(t, serve.Options{Pace: serve.Pace{Write: 30 * time.Millisecond}}, func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 64<<10)
		for {
			if _, err := w.Write(chunk); err != nil {
				ended <- err
				return
			}
		}
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	assert.Error(t, <-ended)
}

func TestTheHostAndTheHeadersAreChecked(t *testing.T) {
	opts := serve.Options{Hosts: []string{"localhost"}, Header: http.Header{"Voicemail-Development": {"true"}}}
	url, _ := start(t, opts, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	status, header, _, _ := get(t, url)
	assert.Equal(t, http.StatusMisdirectedRequest, status)
	assert.Equal(t, "true", header.Get("Voicemail-Development"))
	status, header, _, _ = get(t, strings.Replace(url, "127.0.0.1", "localhost", 1))
	assert.Equal(t, http.StatusNoContent, status)
	assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
	assert.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
}

func TestAListenerThatFailsEndsTheServer(t *testing.T) {
	s := serve.New(serve.Options{})
	s.Handle(http.NotFoundHandler(), 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	assert.Error(t, s.Serve(t.Context(), l))
}
