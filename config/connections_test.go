package config

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// watchedBody counts the reads that come when the answer is there.
type watchedBody struct {
	left     int
	answered atomic.Bool
	late     atomic.Int64
}

func (b *watchedBody) Read(p []byte) (int, error) {
	if b.answered.Load() {
		b.late.Add(1)
	}
	n := min(len(p), b.left)
	b.left -= n
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestNobodyReadsTheBodyOfARefusedRequest(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusUnauthorized} {
		const answer = "<Code>AuthenticationFailed</Code>"
		sv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			// It answers at the first byte, and takes the others nevertheless.
			control := http.NewResponseController(w)
			assert.NoError(t, control.EnableFullDuplex())
			_, _ = q.Body.Read(make([]byte, 1))
			w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
			w.WriteHeader(status)
			_, _ = io.WriteString(w, answer)
			assert.NoError(t, control.Flush())
			_, _ = io.Copy(io.Discard, q.Body)
		}))
		c := newConnections()
		body := &watchedBody{left: 64 << 20}
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPut, sv.URL, body)
		require.NoError(t, err)
		q.ContentLength = int64(body.left)
		res, err := c.Do(q)
		body.answered.Store(true)
		require.NoError(t, err)
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		assert.Equal(t, answer, string(text), "the answer can be read all the same")
		require.NoError(t, res.Body.Close())
		sv.Close() // waits for the handler
		assert.Zero(t, body.late.Load(), "it would take bytes from the next try")
		c.CloseIdleConnections()
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	sv := httptest.NewServer(http.RedirectHandler("http://elsewhere.invalid/", http.StatusTemporaryRedirect))
	defer sv.Close()
	c := newConnections()
	defer c.CloseIdleConnections()
	res, err := c.Get(sv.URL)
	require.NoError(t, err, "the signature must not go to another host")
	require.NoError(t, res.Body.Close())
	assert.Equal(t, http.StatusTemporaryRedirect, res.StatusCode)
}
