package serve

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// Pace bounds how slow a client may be, so that slow ones do not keep connections and what hangs on them for ever. The zero value of a field is its
// default. What a handler or the storage takes is not the client's time.
type Pace struct {
	// Grace is how long a client may take for a body, beside what Rate gives it; default 20 seconds.
	Grace time.Duration
	// Rate is how many bytes of a body a client sends in a second at least, on average; default 4,000: half of what a telephone line carries.
	Rate int64
	// Write is how long a client may take to make room for more of a response; default a minute. A listener who pauses for longer goes on with a range.
	Write time.Duration
}

func (p Pace) withDefaults() Pace {
	if p.Grace == 0 {
		p.Grace = 20 * time.Second
	}
	if p.Rate == 0 {
		p.Rate = 4000
	}
	if p.Write == 0 {
		p.Write = time.Minute
	}
	return p
}

func (p Pace) pace(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if r.Body == nil || r.Body == http.NoBody {
			_ = control.SetReadDeadline(time.Time{}) // of the header, which is read; it would end a long response
		} else {
			r.Body = &pacedBody{ReadCloser: r.Body, control: control, pace: p, now: time.Now}
		}
		next.ServeHTTP(&pacedWriter{w, control, p.Write}, r)
	})
}

// pacedBody gives the client time for what it sends. Errors of deadlines cannot be: every connection of package http has them.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	pace    Pace
	now     func() time.Time

	read  int64
	spent time.Duration // in Read
}

func (b *pacedBody) Read(p []byte) (int, error) {
	start := b.now()
	allowed := b.pace.Grace + time.Duration(float64(b.read)/float64(b.pace.Rate)*float64(time.Second))
	_ = b.control.SetReadDeadline(start.Add(allowed - b.spent))
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	b.spent += b.now().Sub(start)
	switch {
	case errors.Is(err, io.EOF):
		_ = b.control.SetReadDeadline(time.Time{})
	default:
		// While nobody reads, package http may: what it discards when the handler is done is bounded by this.
		_ = b.control.SetReadDeadline(b.now().Add(b.pace.Grace))
	}
	return n, err
}

// pacedWriter gives the client time to take what is written.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	within  time.Duration
}

func (w *pacedWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.within))
	return w.ResponseWriter.Write(p)
}

// FlushError gives the client time to take what is flushed.
func (w *pacedWriter) FlushError() error {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.within))
	return w.control.Flush()
}

// Unwrap is for http.ResponseController.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
