// Package auth says who sends a request to the HTTP service of the examples, and for which contact centers they may act.
package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/genesys/voicemail/examples/internal/problem"
)

// Principal is who sends a request.
type Principal struct {
	// Name is recorded as who did it: 1 to 128 bytes of printable text.
	Name string
	// ContactCenters are the IDs (ccid) of those that the principal may act for: that of a user, or all that a client was given. Without any the principal may do nothing.
	ContactCenters []string
	// Officer may answer data-protection requests: see, export and erase what any mailbox of the contact center holds of a caller.
	Officer bool
	// User is who they are as the owner of mailboxes, and Groups are those whose mailboxes they have, too; empty of clients.
	User   string
	Groups []string
	// Administrator may use every mailbox of the contact center, and make and delete them.
	Administrator bool
	// Depositor may leave messages in every mailbox of the contact center: the switch.
	Depositor bool
	// Expires is when the credentials end; zero if that is not known.
	Expires time.Time
}

// ContactCenter returns for which contact center a request is that asks for one, or for none (""). The error is a *problem.Problem: forbidden, or that one has to be named.
func (p Principal) ContactCenter(asked string) (string, error) {
	if asked == "" {
		if len(p.ContactCenters) == 1 {
			return p.ContactCenters[0], nil
		}
		if len(p.ContactCenters) > 1 {
			wrong := problem.New(http.StatusBadRequest, problem.InvalidRequest, "The request is not right", "ccid is missing; this client may act for several contact centers")
			wrong.Field = "ccid"
			return "", wrong
		}
	}
	i := slices.IndexFunc(p.ContactCenters, func(id string) bool { return strings.EqualFold(id, asked) })
	if i < 0 {
		return "", problem.New(http.StatusForbidden, problem.Forbidden, "This is not permitted", "the credentials are not of this contact center")
	}
	return p.ContactCenters[i], nil
}

type principalKey struct{}

// With returns a context of a request that p has sent.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns who has sent the request of ctx, and whether that is known.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// Credentials are what a request shows: the header Authorization. They print as REDACTED.
type Credentials struct{ scheme, value string }

// Schemes of Credentials.
const (
	Bearer = "Bearer"
	Basic  = "Basic"
)

// NewCredentials returns the credentials of a scheme, in the form that they have in the header.
func NewCredentials(scheme, value string) Credentials { return Credentials{scheme, value} }

// Header returns the value of the header. It is a secret.
func (c Credentials) Header() string { return c.scheme + " " + c.value }

// Scheme returns Bearer or Basic.
func (c Credentials) Scheme() string { return c.scheme }

// Reveal returns the token, or the user and password in base64. It is a secret.
func (c Credentials) Reveal() string { return c.value }

// Format prints REDACTED under every verb.
func (Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "REDACTED") }

// LogValue returns REDACTED.
func (Credentials) LogValue() slog.Value { return slog.StringValue("REDACTED") }

// Verifier tells who shows credentials.
type Verifier interface {
	// Verify returns ErrRefused for credentials that are of nobody any more or never were; any other error is that it cannot be told now. It is called by many at once.
	Verify(ctx context.Context, c Credentials) (Principal, error)
}

// ErrRefused is that the credentials are of nobody.
var ErrRefused = errors.New("credentials refused")

// maxHeader bounds the credentials that are looked at.
const maxHeader = 8 << 10

// Require lets requests through to next whose credentials v accepts, with their Principal in the context. Others are answered with 401, or with 503 if v cannot tell. Nothing of the body has
// been read by then.
func Require(v Verifier, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := parse(r.Header.Values("Authorization"))
		if !ok {
			refuse(w, r, "send a bearer token, or user and password as basic")
			return
		}
		p, err := v.Verify(r.Context(), c)
		switch {
		case errors.Is(err, ErrRefused):
			refuse(w, r, "they are wrong, have expired, or were revoked")
		case err != nil:
			down := problem.New(http.StatusServiceUnavailable, problem.Unavailable, "Nobody can be authenticated now", "try again later")
			down.RetryAfter = 5 * time.Second
			problem.Write(w, down)
		default:
			next.ServeHTTP(w, r.WithContext(With(r.Context(), p)))
		}
	})
}

func parse(headers []string) (Credentials, bool) {
	if len(headers) != 1 || len(headers[0]) > maxHeader {
		return Credentials{}, false
	}
	scheme, value, _ := strings.Cut(headers[0], " ")
	value = strings.TrimLeft(value, " ")
	for _, known := range []string{Bearer, Basic} {
		if strings.EqualFold(scheme, known) && value != "" && !strings.ContainsAny(value, " \t") {
			return Credentials{known, value}, true
		}
	}
	return Credentials{}, false
}

func refuse(w http.ResponseWriter, r *http.Request, detail string) {
	w.Header().Add("WWW-Authenticate", `Bearer realm="voicemail"`)
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode == "" || mode == "navigate" { // a browser asks for the password of Basic itself, over a page that wants to
		w.Header().Add("WWW-Authenticate", `Basic realm="voicemail", charset="UTF-8"`)
	}
	problem.Write(w, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "The credentials are not accepted", detail))
}
