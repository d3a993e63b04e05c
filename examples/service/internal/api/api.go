// Package api is voicemail over HTTP, as openapi.yaml describes it.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/internal/gdprapi"
	"github.com/genesys/voicemail/examples/internal/problem"
	"github.com/genesys/voicemail/examples/service/internal/access"
	"github.com/genesys/voicemail/examples/service/internal/health"
	"github.com/genesys/voicemail/examples/service/internal/serve"
	"github.com/genesys/voicemail/examples/service/internal/tenants"
	"github.com/genesys/voicemail/gdpr"
)

// Prefix is what the paths of everything begin with that belongs to a tenant.
const Prefix = "/voicemail/v1"

// Options are the options of [New]. What has no default is needed.
type Options struct {
	Verifier auth.Verifier
	Tickets  *access.Tickets
	Tenants  *tenants.Pool
	Health   *health.Probe
	// Logger is told what fails in data-protection requests.
	Logger *slog.Logger
	// Draining ends when the service begins to stop: streams end, and deposits are not begun.
	Draining context.Context

	// Banner is what a page has to show to everybody, as that the service is not to be used for real messages; empty is nothing.
	Banner string
	// AudioBytes is the longest recording in bytes, as the tenants' Limits have it; default 128 MiB.
	AudioBytes int64
	// Deposits is how many recordings are taken in at the same time at most; default 256.
	Deposits int
	// Streams is how many streams of events are open at the same time at most, StreamsPerUser how many of one user; default 4,096 and 16.
	Streams, StreamsPerUser int
	// StreamFor is how long a stream goes on before the client asks anew, and is authorized anew; default 10 minutes.
	StreamFor time.Duration
	// Heartbeat is how often a stream says something; default 15 seconds.
	Heartbeat time.Duration
}

// API is the handler of the whole document.
type API struct {
	opts     Options
	mux      *http.ServeMux
	privacy  http.Handler // of data-protection requests
	deposits slots
	streams  *quota
}

// New returns the API.
func New(opts Options) *API {
	set(&opts.AudioBytes, 128<<20)
	set(&opts.Deposits, 256)
	set(&opts.Streams, 4096)
	set(&opts.StreamsPerUser, 16)
	set(&opts.StreamFor, 10*time.Minute)
	set(&opts.Heartbeat, 15*time.Second)
	a := &API{opts: opts, mux: http.NewServeMux(), deposits: make(slots, opts.Deposits), streams: newQuota(opts.Streams, opts.StreamsPerUser)}
	a.privacy = auth.Require(opts.Verifier, gdprapi.NewHandler(a.controller, opts.Logger))
	for _, route := range routes() {
		a.mux.Handle(route.method+" "+route.path, a.handler(route))
	}
	return a
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// MaxBody is the longest body that the API takes: a recording, and what is known of it.
func (a *API) MaxBody() int64 { return a.opts.AudioBytes + 2*maxDetails }

// ServeHTTP answers what openapi.yaml describes. What it does not describe is a problem.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !clean(r) {
		problem.Write(w, nothingHere())
		return
	}
	if strings.HasPrefix(r.URL.Path, gdprapi.Base+"/") {
		serve.Note(r.Context(), slog.String("operation", "gdpr"))
		a.privacy.ServeHTTP(w, r)
		return
	}
	if _, pattern := a.mux.Handler(r); pattern == "" {
		a.unknown(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// controller returns who answers the data-protection requests of a contact center, for as long as ctx, a request's, goes on.
func (a *API) controller(ctx context.Context, contactCenter string) (*gdpr.Controller, error) {
	t, done, err := a.opts.Tenants.Use(ctx, contactCenter)
	if errors.Is(err, tenants.ErrUnknown) {
		return nil, gdprapi.ErrNoContactCenter
	}
	if err != nil {
		return nil, problemOf(err)
	}
	context.AfterFunc(ctx, done)
	serve.Note(ctx, slog.String("tenant", t.Service.Tenant()))
	return t.Privacy, nil
}

// pagePolicy keeps a page to files of its own origin, without scripts or styles inside a document, and its texts from being taken for markup.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Beside returns a handler that has the API, and pages for every other path.
func (a *API) Beside(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := a.mux.Handler(r); pattern == "" && !strings.HasPrefix(r.URL.Path, Prefix) && (r.Method == http.MethodGet || r.Method == http.MethodHead) && clean(r) {
			w.Header().Set("Content-Security-Policy", pagePolicy)
			pages.ServeHTTP(w, r)
			return
		}
		a.ServeHTTP(w, r)
	})
}

// clean reports whether the path is one that the mux serves as it is, without a redirection to what it takes it for.
func clean(r *http.Request) bool {
	p := r.URL.EscapedPath()
	return r.Method != http.MethodConnect && strings.HasPrefix(p, "/") && path.Clean(p) == p
}

// unknown tells a path that nothing has from a method that a path does not have.
func (a *API) unknown(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := *r
		other.Method = method
		if _, pattern := a.mux.Handler(&other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if allowed == nil {
		problem.Write(w, nothingHere())
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	problem.Write(w, problem.New(http.StatusMethodNotAllowed, methodNotAllowed, "This is done by another method", strings.Join(allowed, ", ")))
}

// call is one request under way.
type call struct {
	*API
	w http.ResponseWriter
	r *http.Request

	// Unless the operation is public:
	who    auth.Principal
	center string // the contact center that it is about
	tenant *tenants.Tenant
}

// handler turns a route into a handler: who asks, of which tenant, and errors as problems.
func (a *API) handler(route route) http.Handler {
	h := a.serve(route)
	switch route.entrance {
	case identified:
		h = auth.Require(a.opts.Verifier, h)
	case ticketed:
		h = a.ticket(h, auth.Require(a.opts.Verifier, h))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve.Note(r.Context(), slog.String("operation", route.operation))
		h.ServeHTTP(w, r)
	})
}

// ticket lets requests through to next that have a ticket instead of credentials; all others go to otherwise.
func (a *API) ticket(next, otherwise http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ticket := r.URL.Query().Get("ticket")
		if ticket == "" || len(r.Header.Values("Authorization")) > 0 {
			otherwise.ServeHTTP(w, r)
			return
		}
		p, err := a.opts.Tickets.Open(ticket, r.URL.EscapedPath())
		if err != nil {
			problem.Write(w, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "The ticket is not accepted", "it is for another path, or too old; ask for a new one"))
			return
		}
		next.ServeHTTP(w, r.WithContext(auth.With(r.Context(), p)))
	})
}

func (a *API) serve(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{API: a, w: w, r: r}
		if err := c.run(route); err != nil {
			c.fail(err)
		}
	})
}

func (c *call) run(route route) error {
	if route.entrance == public {
		return route.handle(c)
	}
	var known bool
	if c.who, known = auth.From(c.r.Context()); !known {
		return errors.New("a route without authentication") // cannot be
	}
	var err error
	if c.center, err = c.who.ContactCenter(c.r.URL.Query().Get("ccid")); err != nil {
		return err
	}
	tenant, done, err := c.opts.Tenants.Use(c.r.Context(), c.center)
	switch {
	case errors.Is(err, tenants.ErrUnknown):
		return forbidden(err.Error())
	case err != nil:
		return err
	}
	defer done()
	c.tenant = tenant
	serve.Note(c.r.Context(), slog.String("tenant", tenant.Service.Tenant()))
	return route.handle(c)
}

// fail tells an error. No handler returns one when it has begun to respond.
func (c *call) fail(err error) {
	p := problemOf(err)
	serve.Note(c.r.Context(), slog.String("code", p.Code()))
	if p.Status >= 500 && p.Cause != nil {
		serve.Note(c.r.Context(), slog.Any("error", p.Cause))
	}
	h := c.w.Header()
	for _, name := range []string{"Content-Disposition", "Etag", "Location"} { // of what was to be served
		h.Del(name)
	}
	var failed *voicemail.DepositError
	if errors.As(err, &failed) {
		h.Set("Voicemail-Message", string(failed.ID)) // to repeat the deposit with
	}
	if p.Status == http.StatusRequestTimeout {
		h.Set("Connection", "close")
	}
	problem.Write(c.w, p)
}
