// Package fakegws is a fake of the authentication service of GWS, for tests and for trying things out. It is not GWS: it knows the two requests that package gws sends, and keeps
// everything in memory.
package fakegws

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// User is a user that the fake knows.
type User struct {
	// Name is tenant\user.
	Name, Password string
	// ContactCenter is the ccid that the tokens are of.
	ContactCenter string
	// Authorities are the roles.
	Authorities []string
}

// Server is a running fake. Its methods are safe for concurrent use.
type Server struct {
	// URL is the base for gws.New, on loopback.
	URL string

	http    *httptest.Server
	mu      sync.Mutex
	users   map[string]User
	clients map[string]string
	tokens  map[string]token
	down    bool
	asked   int
}

type token struct {
	user    *User // nil of a client
	client  string
	expires time.Time
}

// Start starts a fake that knows nobody.
func Start() *Server {
	s := &Server{users: map[string]User{}, clients: map[string]string{}, tokens: map[string]token{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/v3/oauth/token", s.token)
	mux.HandleFunc("GET /auth/v3/openid/userinfo", s.userinfo)
	s.http = httptest.NewServer(mux)
	s.URL = s.http.URL + "/auth/v3"
	return s
}

// Close stops it.
func (s *Server) Close() { s.http.Close() }

// AddUser makes a user known.
func (s *Server) AddUser(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[u.Name] = u
}

// AddClient makes a client known.
func (s *Server) AddClient(id, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[id] = secret
}

// UserToken returns a token of a user that works for so long. A user that is not known panics.
func (s *Server) UserToken(name string, lives time.Duration) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[name]
	if !ok {
		panic("fakegws: no such user")
	}
	return s.issue(token{user: &u, expires: time.Now().Add(lives)})
}

// SetDown makes every request fail with 503, or no more.
func (s *Server) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// Asked returns how many requests there were.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *Server) issue(t token) string {
	text := rand.Text()
	s.tokens[text] = t
	return text
}

// begin counts a request, and reports whether it is served. The caller unlocks.
func (s *Server) begin(w http.ResponseWriter) bool {
	s.mu.Lock()
	s.asked++
	if s.down {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	return !s.down
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	defer s.mu.Unlock()
	if !s.begin(w) {
		return
	}
	id, secret, _ := r.BasicAuth()
	if known, ok := s.clients[id]; !ok || known != secret {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	t := token{client: id, expires: time.Now().Add(12 * time.Hour)}
	switch r.PostFormValue("grant_type") {
	case "client_credentials":
	case "password":
		u, ok := s.users[r.PostFormValue("username")]
		if !ok || u.Password != r.PostFormValue("password") {
			answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
			return
		}
		t.user = &u
	default:
		answer(w, http.StatusBadRequest, map[string]any{"error": "unsupported_grant_type"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"access_token": s.issue(t), "token_type": "bearer", "expires_in": 43200, "scope": "*"})
}

func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	defer s.mu.Unlock()
	if !s.begin(w) {
		return
	}
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	t, known := s.tokens[text]
	if !ok || !known || !time.Now().Before(t.expires) {
		answer(w, http.StatusForbidden, map[string]any{"status": map[string]any{"code": 403}})
		return
	}
	if t.user == nil {
		answer(w, http.StatusOK, map[string]any{"sub": t.client, "aud": t.client})
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"sub": "id of " + t.user.Name, "user_name": t.user.Name, "contact_center_id": t.user.ContactCenter, "authorities": t.user.Authorities,
	})
}

func answer(w http.ResponseWriter, status int, doc map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc) // a client that went away
}
