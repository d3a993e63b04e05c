// Package gws talks to the authentication service of GWS (Genesys Web Services and Applications): it gets tokens for users and for clients, and asks whose a token is.
//
//	POST {base}/oauth/token       grant_type client_credentials or password, the application's ID and secret as basic authentication
//	GET  {base}/openid/userinfo   with the token: sub, user_name, contact_center_id, authorities
//
// These paths and fields are published (github.com/GenesysPureEngage/authentication-client-java). Not published is what userinfo says of the token of a client; here sub is taken for
// its ID. A client belongs to no contact center, so which ones it may act for is said to [NewVerifier].
package gws

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/internal/problem"
)

// DefaultPath is the path of the authentication service below GWS.
const DefaultPath = "/auth/v3"

const maxAnswer = 1 << 20

// Client is a client of the authentication service. It is safe for concurrent use. Its errors are *problem.Problem, have neither a token nor what the service said, and wrap
// [auth.ErrRefused] where GWS refuses what it was shown.
type Client struct {
	base *url.URL
	http *http.Client
}

// New returns a Client of the GWS at a URL, whose path is [DefaultPath] if it has none. A nil HTTP client is one that gives up after 30 seconds. Redirects are not followed.
func New(base string, hc *http.Client) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the URL of GWS must be like https://gws.example.com/auth/v3, without user and query")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = DefaultPath
	}
	if hc == nil {
		hc = &http.Client{Timeout: 30 * time.Second}
	}
	own := *hc
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: u, http: &own}, nil
}

// Application is the ID and secret of a client that GWS knows (an API client). It prints as REDACTED.
type Application struct{ id, secret string }

// NewApplication returns the application of an ID and its secret.
func NewApplication(id, secret string) Application { return Application{id, secret} }

// ParseApplication reads client credentials as people are given them: id:secret, the same in base64, or the secret alone, if the ID is known.
func ParseApplication(text, id string) (Application, error) {
	if user, secret, ok := strings.Cut(text, ":"); ok && user != "" && secret != "" {
		return Application{user, secret}, nil
	}
	if doc, err := base64.StdEncoding.DecodeString(text); err == nil {
		if user, secret, ok := strings.Cut(string(doc), ":"); ok && user != "" && secret != "" && problem.Printable(user) == user {
			return Application{user, secret}, nil
		}
	}
	if text == "" || id == "" {
		return Application{}, errors.New("client credentials must be id:secret, or a secret beside the client's ID")
	}
	return Application{id, text}, nil
}

// Format prints REDACTED under every verb.
func (Application) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "REDACTED") }

// LogValue returns REDACTED.
func (Application) LogValue() slog.Value { return slog.StringValue("REDACTED") }

// ClientToken returns a token for the application itself.
func (c *Client) ClientToken(ctx context.Context, app Application) (auth.Credentials, error) {
	return c.token(ctx, app, url.Values{"grant_type": {"client_credentials"}, "scope": {"*"}})
}

// PasswordToken returns a token for a user, whose name is tenant\user.
func (c *Client) PasswordToken(ctx context.Context, app Application, user, password string) (auth.Credentials, error) {
	return c.token(ctx, app, url.Values{"grant_type": {"password"}, "client_id": {app.id}, "username": {user}, "password": {password}, "scope": {"*"}})
}

func (c *Client) token(ctx context.Context, app Application, form url.Values) (auth.Credentials, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath("oauth", "token").String(), strings.NewReader(form.Encode()))
	if err != nil {
		return auth.Credentials{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(app.id, app.secret)
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
	}
	if err := c.do(req, &answer); err != nil {
		return auth.Credentials{}, err
	}
	if answer.AccessToken == "" || !strings.EqualFold(answer.TokenType, auth.Bearer) || strings.ContainsAny(answer.AccessToken, " \t\r\n") {
		return auth.Credentials{}, notGWS()
	}
	return auth.NewCredentials(auth.Bearer, answer.AccessToken), nil
}

// UserInfo is whose a token is.
type UserInfo struct {
	// Subject is the ID of the user or client.
	Subject string `json:"sub"`
	// UserName is what the user logs in as.
	UserName string `json:"user_name"`
	// ContactCenter is the user's (ccid); empty of clients.
	ContactCenter string `json:"contact_center_id"`
	// Authorities are the user's roles.
	Authorities []string `json:"authorities"`
}

// UserInfo asks whose a token is.
func (c *Client) UserInfo(ctx context.Context, token auth.Credentials) (UserInfo, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath("openid", "userinfo").String(), nil)
	if err != nil {
		return UserInfo{}, err
	}
	req.Header.Set("Authorization", token.Header())
	var u UserInfo
	if err := c.do(req, &u); err != nil {
		return UserInfo{}, err
	}
	if u.Subject == "" && u.UserName == "" {
		return UserInfo{}, notGWS()
	}
	return u, nil
}

// do sends a request and reads the answer, which is JSON.
func (c *Client) do(req *http.Request, answer any) error {
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return down(req.Context())
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden: // 400 is how OAuth refuses a password
		return problem.New(http.StatusUnauthorized, problem.Unauthenticated, "GWS does not accept the credentials", "they are wrong, have expired, or were revoked").Because(auth.ErrRefused)
	default:
		p := problem.Read(resp)
		if p.Temporary() {
			p.Title, p.Detail = "GWS does not answer", ""
			return p
		}
		return notGWS()
	}
	doc, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return down(req.Context())
	}
	if json.Unmarshal(doc, answer) != nil {
		return notGWS()
	}
	return nil
}

// down is that there was no answer. The error of the connection has the URL in its text; what is kept is whether the caller gave up.
func down(ctx context.Context) error {
	return problem.New(http.StatusServiceUnavailable, problem.Unavailable, "GWS cannot be reached", "").Because(ctx.Err())
}

func notGWS() error {
	return problem.New(0, "not-gws", "What answers is not the authentication service of GWS", "is the URL of GWS right?")
}
