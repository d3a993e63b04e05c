package config

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// connections carry the requests of one store.
//
// A request that was refused may be sent again with another key while the transport still reads the body for the first time, since it returns as soon as
// there is an answer. So whoever sees that a request was refused can be sure that nobody reads its body any more.
type connections struct {
	*http.Client
}

func newConnections() *connections {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.IdleConnTimeout = 0, 64, time.Minute
	return &connections{&http.Client{
		Transport: sealing{t},
		// Neither service redirects to where the request would have the same signature.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type sealing struct{ *http.Transport }

func (s sealing) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.Body == nil || q.Body == http.NoBody {
		return s.Transport.RoundTrip(q)
	}
	body := &sealedBody{ReadCloser: q.Body}
	sent := q.WithContext(q.Context())
	sent.Body, sent.GetBody = body, nil
	res, err := s.Transport.RoundTrip(sent)
	if err != nil || !isRefusal(res.StatusCode) {
		return res, err
	}
	// The whole answer first: a body that cannot be read any more ends the connection.
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	body.seal()
	if closeErr := res.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(answer))
	return res, nil
}

// maxAnswer is more than the services say when they refuse a request.
const maxAnswer = 64 << 10

// isRefusal reports whether the answer of that status is what a key meets that is not valid.
func isRefusal(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// sealedBody is a body that can be taken from who reads it.
type sealedBody struct {
	io.ReadCloser
	mu     sync.Mutex
	sealed bool
}

var errSealed = errors.New("the request was refused")

func (b *sealedBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sealed {
		return 0, errSealed
	}
	return b.ReadCloser.Read(p)
}

func (b *sealedBody) seal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sealed = true
}
