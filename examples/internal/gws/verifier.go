package gws

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/genesys/voicemail/examples/internal/auth"
)

// VerifierOptions are the options of [NewVerifier].
type VerifierOptions struct {
	// Application is the service's own, by which it exchanges user and password for a token. Without it basic authentication is refused.
	Application Application
	// Officers are the authorities, as userinfo names them, whose users may answer data-protection requests. Default: none, and then no user may.
	Officers []string
	// Administrators are likewise the authorities whose users may use every mailbox, and make and delete them.
	Administrators []string
	// Groups says which groups a user is in, whose mailboxes they have, too; userinfo does not. It is called by many at once. Default: in none.
	Groups func(contactCenter, user string) []string
	// Clients are the contact centers that clients may act for, by the client's ID; such a client may answer data-protection requests. One that is not named here is
	// refused.
	Clients map[string][]string
	// CacheFor is how long an answer of GWS is believed, and so how long a revoked or expired token may still work. Default 30 s; negative: not at all.
	CacheFor time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

const maxCache = 1024

// Verifier asks GWS whose credentials are.
type Verifier struct {
	gws  *Client
	opts VerifierOptions

	mu    sync.Mutex
	known map[[sha256.Size]byte]verified
}

var _ auth.Verifier = (*Verifier)(nil)

type verified struct {
	principal auth.Principal
	until     time.Time
}

// NewVerifier returns a Verifier; nil options are the defaults.
func NewVerifier(c *Client, opts *VerifierOptions) *Verifier {
	v := &Verifier{gws: c, known: map[[sha256.Size]byte]verified{}}
	if opts != nil {
		v.opts = *opts
	}
	if v.opts.CacheFor == 0 {
		v.opts.CacheFor = 30 * time.Second
	}
	if v.opts.Now == nil {
		v.opts.Now = time.Now
	}
	return v
}

// Verify implements [auth.Verifier]. What GWS refuses is not remembered.
func (v *Verifier) Verify(ctx context.Context, c auth.Credentials) (auth.Principal, error) {
	key := sha256.Sum256([]byte(c.Header()))
	if p, ok := v.cached(key); ok {
		return p, nil
	}
	if c.Scheme() == auth.Basic {
		token, err := v.exchange(ctx, c)
		if err != nil {
			return auth.Principal{}, err
		}
		c = token
	}
	u, err := v.gws.UserInfo(ctx, c)
	if err != nil {
		return auth.Principal{}, err
	}
	p, err := v.principal(u)
	if err == nil {
		v.keep(key, p)
	}
	return p, err
}

// exchange gets a token for user and password.
func (v *Verifier) exchange(ctx context.Context, c auth.Credentials) (auth.Credentials, error) {
	doc, err := base64.StdEncoding.DecodeString(c.Reveal())
	user, password, ok := strings.Cut(string(doc), ":")
	if err != nil || !ok || user == "" || v.opts.Application == (Application{}) {
		return auth.Credentials{}, auth.ErrRefused
	}
	return v.gws.PasswordToken(ctx, v.opts.Application, user, password)
}

// principal says what a user or client may do.
func (v *Verifier) principal(u UserInfo) (auth.Principal, error) {
	if u.ContactCenter != "" {
		has := func(one []string) bool {
			return slices.ContainsFunc(u.Authorities, func(a string) bool { return slices.Contains(one, a) })
		}
		p := auth.Principal{
			Name: name("user ", u.UserName, u.Subject), ContactCenters: []string{u.ContactCenter},
			User:    u.UserName[strings.LastIndexByte(u.UserName, '\\')+1:], // behind the tenant, which is said by the contact center
			Officer: has(v.opts.Officers), Administrator: has(v.opts.Administrators),
		}
		if v.opts.Groups != nil {
			p.Groups = v.opts.Groups(u.ContactCenter, p.User)
		}
		return p, nil
	}
	centers := v.opts.Clients[u.Subject]
	if len(centers) == 0 {
		return auth.Principal{}, auth.ErrRefused
	}
	return auth.Principal{Name: name("client ", u.Subject), ContactCenters: slices.Clone(centers), Officer: true}, nil
}

// name is what is recorded: what people read, if it can be.
func name(kind string, from ...string) string {
	for _, s := range from {
		n := kind + s
		if s != "" && len(n) <= 128 && strings.TrimSpace(n) == n && !strings.ContainsFunc(n, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
			return n
		}
	}
	return kind + "without a printable name"
}

func (v *Verifier) cached(key [sha256.Size]byte) (auth.Principal, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	k, ok := v.known[key]
	return k.principal, ok && v.opts.Now().Before(k.until)
}

func (v *Verifier) keep(key [sha256.Size]byte, p auth.Principal) {
	if v.opts.CacheFor < 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.opts.Now()
	for other, k := range v.known { // bounded, so that looking at all is nothing
		if !now.Before(k.until) {
			delete(v.known, other)
		}
	}
	for other := range v.known {
		if len(v.known) < maxCache {
			break
		}
		delete(v.known, other)
	}
	v.known[key] = verified{p, now.Add(v.opts.CacheFor)}
}
