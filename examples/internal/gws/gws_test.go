package gws_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/internal/gws"
	"github.com/genesys/voicemail/examples/internal/gws/fakegws"
	"github.com/genesys/voicemail/examples/internal/problem"
)

const center = "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"

var (
	service   = gws.NewApplication("voicemail", "s3rvice")
	scheduler = gws.NewApplication("scheduler", "pa55")
)

func start(t *testing.T) (*fakegws.Server, *gws.Client) {
	t.Helper()
	s := fakegws.Start()
	t.Cleanup(s.Close)
	s.AddClient("voicemail", "s3rvice")
	s.AddClient("scheduler", "pa55")
	s.AddUser(fakegws.User{Name: `t2026\ada`, Password: "pass:word", ContactCenter: center, Authorities: []string{"PRIVACY"}})
	s.AddUser(fakegws.User{Name: `t2026\agent7`, Password: "x", ContactCenter: center, Authorities: []string{"AGENT"}})
	c, err := gws.New(s.URL, nil)
	require.NoError(t, err)
	return s, c
}

func options() *gws.VerifierOptions {
	return &gws.VerifierOptions{
		Application: service, Officers: []string{"PRIVACY"}, Administrators: []string{"PRIVACY"}, Groups: groups,
		Clients: map[string][]string{"scheduler": {center}},
	}
}

func groups(contactCenter, user string) []string {
	if contactCenter == center && user == "ada" {
		return []string{"sales"}
	}
	return nil
}

func basic(user, password string) auth.Credentials {
	return auth.NewCredentials(auth.Basic, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

func bearer(token string) auth.Credentials { return auth.NewCredentials(auth.Bearer, token) }

func TestCredentialsBecomeWhoeverTheyAreOf(t *testing.T) {
	s, c := start(t)
	v := gws.NewVerifier(c, options())
	clientToken, err := c.ClientToken(t.Context(), scheduler)
	require.NoError(t, err)
	for _, tt := range []struct {
		name string
		of   auth.Credentials
		want auth.Principal
	}{
		{"a bearer token", bearer(s.UserToken(`t2026\ada`, time.Hour)), auth.Principal{Name: `user t2026\ada`, User: "ada", Groups: []string{"sales"}, ContactCenters: []string{center}, Officer: true, Administrator: true}},
		{"an agent may not answer requests", bearer(s.UserToken(`t2026\agent7`, time.Hour)), auth.Principal{Name: `user t2026\agent7`, User: "agent7", ContactCenters: []string{center}}},
		{"user and password", basic(`t2026\ada`, "pass:word"), auth.Principal{Name: `user t2026\ada`, User: "ada", Groups: []string{"sales"}, ContactCenters: []string{center}, Officer: true, Administrator: true}},
		{"a client", clientToken, auth.Principal{Name: "client scheduler", ContactCenters: []string{center}, Officer: true}},
	} {
		got, err := v.Verify(t.Context(), tt.of)
		require.NoError(t, err, tt.name)
		assert.Equal(t, tt.want, got, tt.name)
	}
}

func TestWhatGWSDoesNotAcceptIsOfNobody(t *testing.T) {
	s, c := start(t)
	other, err := c.ClientToken(t.Context(), service)
	require.NoError(t, err)
	withoutApplication := options()
	withoutApplication.Application = gws.Application{}
	for _, tt := range []struct {
		name string
		of   auth.Credentials
		opts *gws.VerifierOptions
	}{
		{"a wrong token", bearer("wrong"), options()},
		{"an expired one", bearer(s.UserToken(`t2026\ada`, -time.Second)), options()},
		{"a wrong password", basic(`t2026\ada`, "word"), options()},
		{"no password", auth.NewCredentials(auth.Basic, "dDIwMjY="), options()},
		{"no base64", auth.NewCredentials(auth.Basic, "%"), options()},
		{"a client that was given no contact center", other, options()},
		{"basic, and the service has no application", basic(`t2026\ada`, "pass:word"), withoutApplication},
	} {
		p, err := gws.NewVerifier(c, tt.opts).Verify(t.Context(), tt.of)
		require.ErrorIs(t, err, auth.ErrRefused, tt.name)
		assert.Zero(t, p, tt.name)
	}
	_, err = c.ClientToken(t.Context(), gws.NewApplication("scheduler", "wrong"))
	require.ErrorIs(t, err, auth.ErrRefused)
}

func TestAnAnswerIsBelievedForAWhileOnly(t *testing.T) {
	s, c := start(t)
	opts, off := options(), time.Duration(0)
	opts.Now = func() time.Time { return time.Now().Add(off) }
	v := gws.NewVerifier(c, opts)
	token := bearer(s.UserToken(`t2026\ada`, time.Hour))
	for range 3 {
		_, err := v.Verify(t.Context(), token)
		require.NoError(t, err)
	}
	assert.Equal(t, 1, s.Asked())
	off = 31 * time.Second
	_, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	assert.Equal(t, 2, s.Asked())

	opts.CacheFor = -1
	v = gws.NewVerifier(c, opts)
	for range 2 {
		_, err = v.Verify(t.Context(), token)
		require.NoError(t, err)
	}
	assert.Equal(t, 4, s.Asked(), "not at all, if so wished")
}

func TestAGWSThatIsDownRefusesNobody(t *testing.T) {
	s, c := start(t)
	s.SetDown(true)
	_, err := gws.NewVerifier(c, options()).Verify(t.Context(), bearer("t"))
	require.NotErrorIs(t, err, auth.ErrRefused)
	var p *problem.Problem
	require.ErrorAs(t, err, &p)
	assert.True(t, p.Temporary())
	assert.Zero(t, p.RetryAfter)
	s.Close()
	_, err = c.ClientToken(t.Context(), scheduler)
	require.ErrorAs(t, err, &p)
	assert.True(t, p.Temporary())
	assert.NotContains(t, err.Error(), "127.0.0.1", "an error cites no URL")
}

func TestSomebodyElseIsNotTakenForGWS(t *testing.T) {
	for _, answer := range []string{"<html>", `{}`, `{"access_token": "a b", "token_type": "bearer"}`, `{"access_token": "a", "token_type": "mac"}`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
		c, err := gws.New(server.URL, nil)
		require.NoError(t, err)
		_, err = c.ClientToken(t.Context(), scheduler)
		require.ErrorContains(t, err, "is the URL of GWS right?")
		_, err = c.UserInfo(t.Context(), bearer("t"))
		require.ErrorContains(t, err, "is the URL of GWS right?")
		server.Close()
	}
	for _, url := range []string{"", "gws.example.com", "ftp://gws.example.com", "https://u:p@gws.example.com", "https://gws.example.com?x=y"} {
		_, err := gws.New(url, nil)
		require.Error(t, err, url)
	}
}

func TestTheApplicationIsSentAsTheDocumentationSays(t *testing.T) {
	var form string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		body, _ := io.ReadAll(r.Body)
		form = fmt.Sprint(r.Method, " ", r.URL.Path, " ", id, " ", secret, " ", string(body))
		_, _ = io.WriteString(w, `{"access_token": "a", "token_type": "Bearer"}`)
	}))
	defer server.Close()
	c, err := gws.New(server.URL, nil)
	require.NoError(t, err)
	_, err = c.ClientToken(t.Context(), scheduler)
	require.NoError(t, err)
	assert.Equal(t, "POST /auth/v3/oauth/token scheduler pa55 grant_type=client_credentials&scope=%2A", form)
	c, err = gws.New(server.URL+"/gate/auth/v3/", nil)
	require.NoError(t, err)
	_, err = c.PasswordToken(t.Context(), service, `t\ada`, "pw")
	require.NoError(t, err)
	assert.Equal(t, `POST /gate/auth/v3/oauth/token voicemail s3rvice client_id=voicemail&grant_type=password&password=pw&scope=%2A&username=t%5Cada`, form)
}

func TestClientCredentialsAreReadInEveryFormThatPeopleHave(t *testing.T) {
	const secret = "iPdZIMR5qHAohE4wsCOLaOeAopUyJDZalmwN6FPH9rjUcztZ" // of the product's documentation
	for text, want := range map[string]gws.Application{
		"id:se:cret": gws.NewApplication("id", "se:cret"),
		"aWQ6c2U=":   gws.NewApplication("id", "se"),
		secret:       gws.NewApplication("known", secret),
	} {
		got, err := gws.ParseApplication(text, "known")
		require.NoError(t, err)
		assert.True(t, want == got, text)
	}
	for _, text := range []string{"", secret} {
		_, err := gws.ParseApplication(text, "")
		require.Error(t, err)
		assert.NotContains(t, err.Error(), secret)
	}
}

func TestSecretsArePrintedNowhere(t *testing.T) {
	for _, v := range []any{gws.NewApplication("id", "s3cret"), auth.NewCredentials(auth.Bearer, "s3cret")} {
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s %q %x", v, v, v, v, v, v)+log.String(), "s3cret")
		assert.NotContains(t, fmt.Sprintf("%x", v), "733363726574")
	}
}
