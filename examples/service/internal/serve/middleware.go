package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/genesys/voicemail/examples/internal/problem"
)

// record is what is known of a request when it is done.
type record struct {
	http.ResponseWriter
	status int
	bytes  int64

	mu    sync.Mutex
	notes []slog.Attr
}

// WriteHeader notes the status.
func (r *record) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write counts bytes.
func (r *record) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (r *record) Unwrap() http.ResponseWriter { return r.ResponseWriter }

type recordKey struct{}

// Note adds to the line that is logged of a request. What is noted must be no personal data: no path, no user, no error that a client can choose the text of.
func Note(ctx context.Context, attrs ...slog.Attr) {
	if r, ok := ctx.Value(recordKey{}).(*record); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.notes = append(r.notes, attrs...)
	}
}

// log logs a line for each request. Method, status, lengths and times are in it, and what was noted: not the path, the query, the headers or the client's address, which can be of a
// person or a secret. It answers with the line's number in X-Request-Id. A handler that panics is an internal error.
func (s *Server) log(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := rand.Text()
		rec := &record{ResponseWriter: w}
		ctx := context.WithValue(r.Context(), recordKey{}, rec)
		w.Header().Set("X-Request-Id", id)
		defer func() {
			failure := recover()
			begun := rec.status != 0
			err, _ := failure.(error)
			abort := errors.Is(err, http.ErrAbortHandler)
			if failure != nil && !abort {
				s.opts.Logger.ErrorContext(ctx, "a handler panicked", "request", id, "stack", string(debug.Stack())) // the value may hold anything
				if !begun {
					problem.Write(rec, problem.New(http.StatusInternalServerError, problem.Internal, "Something is wrong in the service", ""))
				}
			}
			level := slog.LevelInfo
			if rec.status >= 500 {
				level = slog.LevelError
			}
			rec.mu.Lock()
			attrs := append([]slog.Attr{
				slog.String("request", id), slog.String("method", method(r)), slog.Int("status", rec.status), slog.Int64("bytes", rec.bytes),
				slog.Int64("ms", time.Since(start).Milliseconds()),
			}, rec.notes...)
			rec.mu.Unlock()
			s.opts.Logger.LogAttrs(ctx, level, "request", attrs...)
			if failure != nil && (begun || abort) {
				panic(http.ErrAbortHandler) // half a response must not look whole
			}
		}()
		next.ServeHTTP(rec, r.WithContext(ctx))
	})
}

// method returns the method if it is a usual one: a client can make one of anything.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// safe sets the headers of every response, and refuses what no handler is to see.
func (s *Server) safe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		for name, values := range s.opts.Header {
			h[name] = values
		}
		if p := s.check(r); p != nil {
			problem.Write(w, p)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) check(r *http.Request) *problem.Problem {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	switch {
	case len(s.opts.Hosts) > 0 && !slices.Contains(s.opts.Hosts, host):
		return problem.New(http.StatusMisdirectedRequest, "wrong-host", "The service answers for another host name", "")
	case r.Header.Get("Content-Encoding") != "":
		return problem.New(http.StatusUnsupportedMediaType, problem.MediaType, "The body is encoded", "leave Content-Encoding out")
	}
	return nil
}
