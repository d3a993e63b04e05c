package api_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/genesys/voicemail"
	pins "github.com/genesys/voicemail/access"
	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/internal/openapi"
	"github.com/genesys/voicemail/examples/service/internal/access"
	"github.com/genesys/voicemail/examples/service/internal/api"
	"github.com/genesys/voicemail/examples/service/internal/health"
	"github.com/genesys/voicemail/examples/service/internal/serve"
	"github.com/genesys/voicemail/examples/service/internal/tenants"
	"github.com/genesys/voicemail/mwi"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What must be in no log. The numbers are of the 555-01xx range.
const (
	caller     = "+15550100142"
	callerName = "Ada Lovelace"
	otherOne   = "+15550100177"
)

// secrets are who is let in. The prefix makes them easy to find in a log.
func secrets() map[string]auth.Principal {
	user := func(name string, groups ...string) auth.Principal {
		return auth.Principal{Name: "user " + name, User: name, Groups: groups, ContactCenters: []string{"cc-1"}}
	}
	admin, pbx, other, foreign, both, expired := user("admin"), user("switch"), user("agent7"), user("agent7"), user("both"), user("agent7")
	admin.Administrator, pbx.Depositor = true, true
	officer, otherOfficer := user("officer"), user("officer")
	officer.Officer, otherOfficer.Officer, otherOfficer.ContactCenters = true, true, []string{"cc-2"}
	other.ContactCenters, foreign.ContactCenters, both.ContactCenters = []string{"cc-2"}, []string{"cc-unknown"}, []string{"cc-1", "cc-2"}
	both.Administrator = true
	expired.Expires = time.Now().Add(-time.Minute)
	return map[string]auth.Principal{
		"secret-agent7": user("agent7", "sales"), "secret-agent8": user("agent8", "sales"), "secret-admin": admin, "secret-switch": pbx,
		"secret-other": other, "secret-foreign": foreign, "secret-both": both, "secret-expired": expired,
		"secret-officer": officer, "secret-other-officer": otherOfficer,
	}
}

// world is a service on a listener of loopback, with mailboxes 5001 of agent7, 5002 of agent8 and 6001 of their group, and 5001 of another tenant's agent7.
type world struct {
	t       *testing.T
	url     string
	store   *faultstore.Store
	mem     *memstore.Store
	regions voicemail.Regions
	tenants *tenants.Pool
	log     *buffer
	http    *http.Client // held to the document
	plain   *http.Client
	checked *openapi.Transport
	stop    context.CancelFunc
	stopped chan error
}

// setup is what a test has other than the rest.
type setup struct {
	api   api.Options
	serve serve.Options
	limit voicemail.Limits
	watch time.Duration
	gap   time.Duration // of the Publisher; default 10 ms
	away  bool          // the service is in another region than the master's, which is w.store
}

func newWorld(t *testing.T, s setup) *world {
	t.Helper()
	w := &world{t: t, mem: memstore.New(nil), log: &buffer{}, stopped: make(chan error, 1)}
	w.store = faultstore.New(w.mem)
	w.regions = voicemail.OneRegion(w.store)
	if s.away {
		w.regions = voicemail.Regions{Master: "main", Local: "away", Stores: map[string]voicemail.Store{"main": w.store, "away": memstore.New(nil)}}
	}
	logger := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.tenants = tenants.New(w.regions, tenants.Options{
		Directory: tenants.Fixed{"cc-1": "one", "cc-2": "two"}, Logger: logger, Watch: s.watch,
		Service: voicemail.Options{Logger: logger, Limits: s.limit}, PINs: pins.Options{Argon2: pins.Argon2{Memory: 8, Time: 1}}, Lamps: mwi.Options{Gap: cmp.Or(s.gap, 10*time.Millisecond), Logger: logger},
	})
	s.serve.Logger = logger
	server := serve.New(s.serve)
	tickets, err := access.NewTickets(nil, nil)
	require.NoError(t, err)
	s.api.Verifier, s.api.Tickets, s.api.Tenants = access.NewTable(secrets(), nil), tickets, w.tenants
	s.api.Health, s.api.Draining = health.New(w.regions, logger, nil), server.Draining()
	s.api.Logger = logger
	a := api.New(s.api)
	server.Handle(a.Beside(http.NotFoundHandler()), a.MaxBody())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w.url = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	go func() { w.stopped <- server.Serve(ctx, l) }()

	doc, err := openapi.Load("../../openapi/openapi.yaml")
	require.NoError(t, err)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	w.checked = &openapi.Transport{Document: doc, Base: transport, Wrong: func(err error) { t.Errorf("not as openapi.yaml says: %v", err) }}
	w.http, w.plain = &http.Client{Transport: w.checked}, &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		if w.stopped != nil {
			assert.NoError(t, <-w.stopped)
		}
		assert.NoError(t, w.tenants.Close())
		w.discreet()
	})

	one, two := w.service("cc-1"), w.service("cc-2")
	w.mailbox(one, "5001", voicemail.User("agent7"))
	w.mailbox(one, "5002", voicemail.User("agent8"))
	w.mailbox(one, "6001", voicemail.Group("sales"))
	w.mailbox(two, "5001", voicemail.User("agent7"))
	return w
}

// discreet checks that nothing is logged that should not be.
func (w *world) discreet() {
	log := w.log.String()
	for what, text := range map[string]string{
		"a number": caller[1:], "another number": otherOne[1:], "a name": callerName, "a secret": "secret-", "a ticket": "ticket=", "an address": "127.0.0.1", "an object name": "v1/one/",
		"a PIN": firstPIN[:9], // which all begin with
	} {
		assert.NotContains(w.t, log, text, "%s is logged", what)
	}
}

func (w *world) service(contactCenter string) *voicemail.Service {
	w.t.Helper()
	t, done, err := w.tenants.Use(w.t.Context(), contactCenter)
	require.NoError(w.t, err)
	w.t.Cleanup(done)
	return t.Service
}

func (w *world) mailbox(svc *voicemail.Service, id voicemail.MailboxID, owner voicemail.Owner) {
	w.t.Helper()
	_, err := svc.CreateMailbox(w.t.Context(), id, &voicemail.Settings{Owner: owner})
	require.NoError(w.t, err)
}

// names are all objects of the storage but those of its own making.
func (w *world) names() []string {
	w.t.Helper()
	var names []string
	for info, err := range storage.All(context.Background(), w.mem, nil) {
		require.NoError(w.t, err)
		names = append(names, info.Key)
	}
	return names
}

// reply is a response that was read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) into(t *testing.T, v any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(r.body, v), "%s", r.body)
}

// code returns the last part of the problem's type.
func (r reply) code(t *testing.T) string {
	t.Helper()
	var p struct{ Type string }
	r.into(t, &p)
	return p.Type[strings.LastIndexByte(p.Type, ':')+1:]
}

// do sends a request as who has the secret; "" is nobody.
func (w *world) do(client *http.Client, secret, method, path, contentType string, body io.Reader, header ...string) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, body)
	require.NoError(w.t, err)
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(r)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return reply{resp.StatusCode, resp.Header, got}
}

func (w *world) get(secret, path string, header ...string) reply {
	w.t.Helper()
	return w.do(w.http, secret, http.MethodGet, path, "", nil, header...)
}

func (w *world) post(secret, path, body string) reply {
	w.t.Helper()
	return w.do(w.http, secret, http.MethodPost, path, "application/json", strings.NewReader(body))
}

func (w *world) patch(secret, path, body string) reply {
	w.t.Helper()
	return w.do(w.http, secret, http.MethodPatch, path, "application/merge-patch+json", strings.NewReader(body))
}

// upload sends a body that is stored as it is.
func (w *world) upload(secret, method, path, contentType, body string) reply {
	w.t.Helper()
	return w.do(w.http, secret, method, path, contentType, strings.NewReader(body))
}

func (w *world) delete(secret, path string) reply {
	w.t.Helper()
	return w.do(w.http, secret, http.MethodDelete, path, "", nil)
}

// form returns the body of a deposit, and its type.
func form(t testing.TB, details string, audio []byte) (string, *bytes.Buffer) {
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part(t, m, "message", "application/json", []byte(details))
	part(t, m, "audio", "audio/wav", audio)
	require.NoError(t, m.Close())
	return m.FormDataContentType(), &body
}

func part(t testing.TB, m *multipart.Writer, name, contentType string, content []byte) {
	p, err := m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + name + `"`}, "Content-Type": {contentType}})
	require.NoError(t, err)
	_, err = p.Write(content)
	require.NoError(t, err)
}

func (w *world) deposit(secret, mailbox, details string, audio []byte) reply {
	w.t.Helper()
	contentType, body := form(w.t, details, audio)
	return w.do(w.http, secret, http.MethodPost, "/voicemail/v1/mailboxes/"+mailbox+"/messages", contentType, body)
}

// message is what tests look at of a message.
type message struct {
	ID          string
	Mailbox     string
	Caller      struct{ Number, Name string }
	Read        bool
	Urgent      bool
	Trashed     bool
	DurationMS  int64 `json:"durationMs"`
	ContentType string
	Expires     time.Time
	Recording   string
}

// left deposits a message from caller into a mailbox, and returns it.
func (w *world) left(mailbox string) message {
	w.t.Helper()
	r := w.deposit("secret-switch", mailbox, `{"caller": "`+caller+`", "callerName": "`+callerName+`"}`, wav(800))
	require.Equal(w.t, http.StatusCreated, r.status, "%s", r.body)
	var m message
	r.into(w.t, &m)
	return m
}

func (w *world) counts(secret, mailbox string) (n, old int) {
	w.t.Helper()
	var box struct{ Counts struct{ New, Old int } }
	r := w.get(secret, "/voicemail/v1/mailboxes/"+mailbox)
	require.Equal(w.t, http.StatusOK, r.status)
	r.into(w.t, &box)
	return box.Counts.New, box.Counts.Old
}

// wav is a recording of so many samples of 8 kHz mu-law.
func wav(samples int) []byte {
	var b bytes.Buffer
	le := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	b.WriteString("RIFF")
	le(uint32(36 + samples))
	b.WriteString("WAVEfmt ")
	le(uint32(16))
	le([]uint16{7, 1})
	le([]uint32{8000, 8000})
	le([]uint16{1, 8})
	b.WriteString("data")
	le(uint32(samples))
	for i := range samples {
		b.WriteByte(byte(i))
	}
	return b.Bytes()
}

// buffer is a log that is written and read at the same time.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// lines returns the lines of the log that are of requests, as objects.
func (b *buffer) lines(t *testing.T) []map[string]any {
	t.Helper()
	var list []map[string]any
	for line := range strings.Lines(b.String()) {
		var v map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		if v["msg"] == "request" {
			list = append(list, maps.Clone(v))
		}
	}
	return list
}
