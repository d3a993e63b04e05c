package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/internal/gdprapi"
	"github.com/genesys/voicemail/examples/internal/gws"
	"github.com/genesys/voicemail/examples/internal/gws/fakegws"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage/pvstore"
)

// asCommand makes the test binary the command.
const asCommand = "GDPR_TEST_IS_THE_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

const (
	center  = "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"
	foreign = "9350e2fc-a1dd-4c65-8d40-1f75a2e080dd"
	ada     = "+15550100001"
	grace   = "+15550100002"

	clientSecret = "iPdZIMR5qHAohE4wsCOLaOeAopUyJDZalmwN6FPH9rjUcztZ"
	password     = "c0rrect horse"
)

// plain is a request for Ada.
const plain = `{"caseid": "DSR-2026-17", "consumers": [{"consumer": [{"name": "Ada"}, {"phone": "` + ada + `"}, {"phone": "5550100009"}]}]}`

var withCCID = strings.Replace(plain, "{", `{"ccid": "`+center+`", `, 1)

// world is a service for two tenants on a volume, with a GWS.
type world struct {
	t       *testing.T
	volume  string
	store   voicemail.Store // on it
	gws     *fakegws.Server
	service *httptest.Server
	svc     *voicemail.Service
	box     voicemail.Mailbox
	// between, if it is set, serves requests in front of the service.
	between atomic.Pointer[func(w http.ResponseWriter, r *http.Request, next http.Handler)]
	secrets []string // and numbers: what no log may hold
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{t: t, volume: t.TempDir(), gws: fakegws.Start()}
	t.Cleanup(w.gws.Close)
	require.NoError(t, pvstore.Init(ctx, w.volume))
	store, err := pvstore.Open(ctx, w.volume, nil)
	require.NoError(t, err)
	w.store = store
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	controllers := map[string]*gdpr.Controller{}
	for id, tenant := range map[string]string{center: "t2026", foreign: "t2027"} {
		svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), &voicemail.Options{Tenant: tenant})
		require.NoError(t, err)
		box, err := svc.CreateMailbox(ctx, "5001", nil)
		require.NoError(t, err)
		if id == center {
			w.svc, w.box = svc, box
		}
		controllers[id], err = gdpr.New(svc, &gdpr.Options{ConfirmAbove: 3})
		require.NoError(t, err)
	}
	w.gws.AddClient("voicemail", "s3rvice-secret")
	w.gws.AddClient("scheduler", clientSecret)
	w.gws.AddUser(fakegws.User{Name: `t2026\officer`, Password: password, ContactCenter: center, Authorities: []string{"PRIVACY"}})
	w.gws.AddUser(fakegws.User{Name: `t2026\agent7`, ContactCenter: center, Authorities: []string{"AGENT"}})
	w.gws.AddUser(fakegws.User{Name: `t2027\officer`, ContactCenter: foreign, Authorities: []string{"PRIVACY"}})
	platform, err := gws.New(w.gws.URL, nil)
	require.NoError(t, err)
	verifier := gws.NewVerifier(platform, &gws.VerifierOptions{
		Application: gws.NewApplication("voicemail", "s3rvice-secret"), Officers: []string{"PRIVACY"}, Clients: map[string][]string{"scheduler": {center}}, CacheFor: -1,
	})
	api := auth.Require(verifier, gdprapi.NewHandler(func(_ context.Context, id string) (*gdpr.Controller, error) {
		if c := controllers[id]; c != nil {
			return c, nil
		}
		return nil, gdprapi.ErrNoContactCenter
	}, nil))
	w.service = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if f := w.between.Load(); f != nil {
			(*f)(rw, r, api)
			return
		}
		api.ServeHTTP(rw, r)
	}))
	w.service.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	w.service.Start()
	t.Cleanup(w.service.Close)
	w.secrets = []string{clientSecret, password, w.basic(), ada[2:], grace[2:], "5550100009", "Ada"}
	return w
}

func (w *world) intercept(f func(rw http.ResponseWriter, r *http.Request, next http.Handler)) {
	w.between.Store(&f)
}

func (w *world) deposit(from, audio string) voicemail.Message {
	w.t.Helper()
	m, err := w.box.Deposit(w.t.Context(), strings.NewReader(audio), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(from)})
	require.NoError(w.t, err)
	return m
}

func (w *world) waiting() int {
	w.t.Helper()
	n, err := w.box.Counts(w.t.Context())
	require.NoError(w.t, err)
	return n.New
}

// bearer returns a token of a user that works for so long.
func (w *world) bearer(user string, lives time.Duration) string {
	token := w.gws.UserToken(user, lives)
	w.secrets = append(w.secrets, token)
	return token
}

func (w *world) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(`t2026\officer:` + password))
}

// file writes an input and returns its path.
func (w *world) file(content string) string {
	w.t.Helper()
	name := filepath.Join(w.t.TempDir(), "request.json")
	require.NoError(w.t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

// state is every file of the volume, with the digest of its content.
func (w *world) state() map[string][sha256.Size]byte {
	w.t.Helper()
	return tree(w.t, w.volume)
}

func tree(t *testing.T, dir string) map[string][sha256.Size]byte {
	t.Helper()
	all := map[string][sha256.Size]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = sha256.Sum256(content)
		return err
	}))
	return all
}

// environment is what a command finds around it.
func (w *world) environment() map[string]string {
	return map[string]string{"VOICEMAIL_URL": w.service.URL, "GWS_URL": strings.TrimSuffix(w.gws.URL, "/auth/v3"), "GWS_CLIENT_ID": "scheduler", "CLIENT": clientSecret}
}

// result is what a command did.
type result struct {
	code           int
	stdout, stderr string
	out            string // the output folder
}

// command runs the command as a process of its own, with an output folder.
func (w *world) command(args ...string) result {
	w.t.Helper()
	return w.commandIn(w.t.TempDir(), args...)
}

func (w *world) commandIn(out string, args ...string) result {
	w.t.Helper()
	cmd := w.process(out, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		require.NoError(w.t, err)
	}
	r := result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), out}
	w.checkSecrets(r)
	return r
}

func (w *world) process(out string, args ...string) *exec.Cmd {
	w.t.Helper()
	self, err := os.Executable()
	require.NoError(w.t, err)
	cmd := exec.CommandContext(w.t.Context(), self, append([]string{"-o", out}, args...)...)
	cmd.Env = []string{asCommand + "=1", "HOME=" + os.Getenv("HOME")}
	for name, value := range w.environment() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// run runs the command in this process, and returns how long it waited between attempts, too.
func (w *world) run(args ...string) (result, []time.Duration) {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	var waits []time.Duration
	r := result{out: w.t.TempDir()}
	environment := w.environment()
	r.code = run(w.t.Context(), &process{
		args: append([]string{"-o", r.out}, args...), getenv: func(name string) string { return environment[name] }, stdout: &stdout, stderr: &stderr,
		wait: func(_ context.Context, d time.Duration) error {
			waits = append(waits, d)
			return nil
		},
	})
	r.stdout, r.stderr = stdout.String(), stderr.String()
	w.checkSecrets(r)
	return r, waits
}

// checkSecrets: neither the log nor what is printed holds a token or a number.
func (w *world) checkSecrets(r result) {
	w.t.Helper()
	log, err := os.ReadFile(filepath.Join(r.out, logFile))
	if err != nil {
		require.ErrorIs(w.t, err, fs.ErrNotExist)
	}
	for where, text := range map[string]string{"the log": string(log), "standard output": r.stdout, "standard error": r.stderr} {
		for _, s := range w.secrets {
			assert.NotContains(w.t, text, s, where)
		}
		// In a URL, or as a part of one.
		for _, s := range w.secrets {
			assert.NotContains(w.t, text, url.QueryEscape(s), where)
		}
	}
}

// read returns a file of the output.
func (r result) read(t *testing.T, name string) string {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(r.out, name))
	require.NoError(t, err, r.stderr)
	return string(doc)
}

// names returns what is in the output folder, also what is hidden.
func (r result) names(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(r.out)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
