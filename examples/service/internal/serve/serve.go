// Package serve is an HTTP server that bounds what a client can cost, and that stops without losing what is under way.
package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options are the options of [New]. The zero value of a field is its default.
type Options struct {
	// Pace bounds how slow a client may be.
	Pace Pace
	// StopWithin is how long a stop waits for what is under way; default 30 seconds.
	StopWithin time.Duration
	// StopDelay is how long the server goes on to answer, and to say that it is not ready, before it stops to listen: the time in which those learn it who send
	// it requests. Default none.
	StopDelay time.Duration
	// Logger gets a line for every request, see [Note].
	Logger *slog.Logger
	// Header are headers of every response.
	Header http.Header
	// Hosts, if set, are the names that a request may be for, without port. In development it keeps out pages of other origins, whose names somebody makes
	// resolve to this machine.
	Hosts []string
}

// Server serves HTTP/1.1.
type Server struct {
	opts     Options
	http     *http.Server
	draining context.Context
	drain    context.CancelFunc
	requests inFlight
}

// New returns a Server that needs a handler yet, which can learn from Draining when it is about to stop.
func New(opts Options) *Server {
	if opts.StopWithin == 0 {
		opts.StopWithin = 30 * time.Second
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	opts.Pace = opts.Pace.withDefaults()
	s := &Server{opts: opts}
	s.draining, s.drain = context.WithCancel(context.Background())
	s.http = &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       opts.Pace.Grace,
		WriteTimeout:      opts.Pace.Write,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(withoutAddress{opts.Logger.Handler()}, slog.LevelDebug),
	}
	return s
}

// Handle sets the handler, before Serve. The bodies that it reads are bounded by maxBody, beyond which it gets an *http.MaxBytesError; these, and what it writes, are paced.
func (s *Server) Handle(h http.Handler, maxBody int64) {
	h = s.safe(http.MaxBytesHandler(s.opts.Pace.pace(h), maxBody))
	h = s.log(h)
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.requests.begin() {
			panic(http.ErrAbortHandler)
		}
		defer s.requests.end()
		h.ServeHTTP(w, r)
	})
}

// Draining ends when the server begins to stop. Streams end then, and nothing long is begun.
func (s *Server) Draining() context.Context { return s.draining }

// Serve answers what comes in on l until ctx is done, and then stops: requests that are under way are finished, for Options.StopWithin; what is not
// done by then is cut off. It returns when no handler runs any more, with an error if l failed or something was cut off.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.drain()
	if s.opts.StopDelay > 0 {
		delay := time.NewTimer(s.opts.StopDelay)
		defer delay.Stop()
		<-delay.C
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.StopWithin)
	defer cancel()
	err := s.http.Shutdown(stop)
	if err != nil {
		err = errors.Join(errCutOff, s.http.Close())
	}
	s.requests.wait() // without a connection, a request ends soon: its context is done
	return err
}

var errCutOff = errors.New("requests that took too long were cut off")

// inFlight counts requests until wait, which lets none begin any more.
type inFlight struct {
	mu   sync.Mutex
	n    int
	over chan struct{} // set by wait
}

func (f *inFlight) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over != nil {
		return false
	}
	f.n++
	return true
}

func (f *inFlight) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n--; f.n == 0 && f.over != nil {
		close(f.over)
	}
}

func (f *inFlight) wait() {
	f.mu.Lock()
	f.over = make(chan struct{})
	if f.n == 0 {
		close(f.over)
	}
	over := f.over
	f.mu.Unlock()
	<-over
}

// withoutAddress passes on what package http complains of, without the addresses of clients in it.
type withoutAddress struct{ slog.Handler }

func (a withoutAddress) Handle(ctx context.Context, r slog.Record) error {
	return a.Handler.Handle(ctx, slog.NewRecord(r.Time, r.Level, "a connection was refused or broke", r.PC))
}
