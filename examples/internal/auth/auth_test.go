package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/internal/problem"
)

type verifier map[string]error

func (v verifier) Verify(_ context.Context, c auth.Credentials) (auth.Principal, error) {
	err, known := v[c.Header()]
	if !known {
		err = auth.ErrRefused
	}
	return auth.Principal{Name: c.Header()}, err
}

func TestOnlyWhoIsKnownGetsThrough(t *testing.T) {
	let := auth.Require(verifier{"Bearer good": nil, "Basic good": nil, "Bearer unsure": errors.New("down")}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := auth.From(r.Context())
		assert.True(t, ok)
		w.Header().Set("Who", p.Name)
	}))
	for _, tt := range []struct {
		headers []string
		status  int
		who     string
	}{
		{[]string{"Bearer good"}, 200, "Bearer good"},
		{[]string{"bearer  good"}, 200, "Bearer good"},
		{[]string{"BASIC good"}, 200, "Basic good"},
		{nil, 401, ""},
		{[]string{"Bearer"}, 401, ""},
		{[]string{"Bearer bad"}, 401, ""},
		{[]string{"Bearer good x"}, 401, ""},
		{[]string{"Digest good"}, 401, ""},
		{[]string{"Bearer good", "Bearer good"}, 401, ""},
		{[]string{"Bearer " + strings.Repeat("x", 9000)}, 401, ""},
		{[]string{"Bearer unsure"}, 503, ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = tt.headers
		w := httptest.NewRecorder()
		let.ServeHTTP(w, r)
		assert.Equal(t, tt.status, w.Code, "%q", tt.headers)
		assert.Equal(t, tt.who, w.Header().Get("Who"), "%q", tt.headers)
		if tt.status != http.StatusOK {
			assert.Equal(t, problem.ContentType, w.Header().Get("Content-Type"))
		}
		assert.Equal(t, tt.status == http.StatusUnauthorized, w.Header().Get("WWW-Authenticate") != "", "%q", tt.headers)
	}
}

func TestABrowserDoesNotAskForAPasswordOverAPage(t *testing.T) {
	let := auth.Require(verifier{}, http.NotFoundHandler())
	for mode, challenges := range map[string]int{"": 2, "navigate": 2, "cors": 1, "same-origin": 1, "no-cors": 1} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Sec-Fetch-Mode", mode)
		w := httptest.NewRecorder()
		let.ServeHTTP(w, r)
		assert.Len(t, w.Header().Values("WWW-Authenticate"), challenges, "%q", mode)
	}
}

func TestAPrincipalActsForItsOwnContactCentersOnly(t *testing.T) {
	for _, tt := range []struct {
		own   []string
		asked string
		want  string // or an error
	}{
		{[]string{"a"}, "", "a"},
		{[]string{"a"}, "A", "a"},
		{[]string{"a", "b"}, "b", "b"},
		{[]string{"a", "b"}, "", ""},
		{[]string{"a"}, "b", ""},
		{nil, "", ""},
		{nil, "a", ""},
	} {
		got, err := auth.Principal{ContactCenters: tt.own}.ContactCenter(tt.asked)
		assert.Equal(t, tt.want, got, "%v", tt)
		assert.Equal(t, tt.want == "", err != nil, "%v", tt)
	}
}
