package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/examples/internal/gws/fakegws"
)

// output is written by the service while a test reads it.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs the service until stop is called, which returns what it printed.
func start(t testing.TB, args ...string) (url string, stop func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out := &output{}
	started, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- run(ctx, out, append([]string{"-listen", "127.0.0.1:0"}, args...), func(a net.Addr) { started <- "http://" + a.String() })
	}()
	select {
	case url = <-started:
	case err := <-ended:
		require.NoError(t, err)
	}
	stop = sync.OnceValue(func() string {
		cancel()
		assert.NoError(t, <-ended)
		return out.String()
	})
	t.Cleanup(func() { stop() })
	return url, stop
}

// reply is a response that was read.
type reply struct {
	status int
	header http.Header
	body   string
}

func ask(t *testing.T, secret, url string, header ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	for i := 0; i < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return reply{resp.StatusCode, resp.Header, string(body)}
}

type boardOfDemo struct {
	Mailboxes []struct{ ID string }
	Total     struct{ New, NewUrgent int }
}

func TestTheServiceStartsWithSpokenMessagesAndKeepsThem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "volume")
	for range 2 { // the second run finds what the first one left
		url, stop := start(t, "-dir", dir)
		resp := ask(t, "dev-agent7", url+"/voicemail/v1/mailboxes")
		var board boardOfDemo
		require.NoError(t, json.Unmarshal([]byte(resp.body), &board), resp.body)
		assert.Len(t, board.Mailboxes, 2)
		assert.Equal(t, 4, board.Total.New)
		assert.Equal(t, 1, board.Total.NewUrgent)
		stop()
	}
}

func TestTheOtherContactCenterSeesNothing(t *testing.T) {
	url, _ := start(t, "-dir", filepath.Join(t.TempDir(), "volume"))
	resp := ask(t, "dev-other-agent7", url+"/voicemail/v1/mailboxes")
	var board boardOfDemo
	require.NoError(t, json.Unmarshal([]byte(resp.body), &board), resp.body)
	assert.Empty(t, board.Mailboxes)
	resp = ask(t, "dev-other-agent7", url+"/voicemail/v1/mailboxes/5001")
	assert.Equal(t, http.StatusNotFound, resp.status)
}

func TestDevelopmentModeSaysSoEverywhere(t *testing.T) {
	url, stop := start(t, "-dir", filepath.Join(t.TempDir(), "volume"))
	resp := ask(t, "dev-agent7", url+"/voicemail/v1/me")
	assert.Equal(t, "true", resp.header.Get("Voicemail-Development"))
	assert.Contains(t, resp.body, demoBanner)
	resp = ask(t, "", url+"/nothing")
	assert.Equal(t, "true", resp.header.Get("Voicemail-Development"), "also with an error")
	assert.Contains(t, stop(), `"level":"WARN","msg":"DEVELOPMENT MODE`)
}

func TestDevelopmentModeAnswersToThisMachineOnly(t *testing.T) {
	url, _ := start(t, "-dir", filepath.Join(t.TempDir(), "volume"))
	resp := ask(t, "dev-agent7", url+"/voicemail/v1/me", "Host", "rebound.example")
	assert.Equal(t, http.StatusMisdirectedRequest, resp.status)
	for _, address := range []string{":8081", "0.0.0.0:8081", "192.0.2.1:8081", "voicemail.example:8081", "nonsense"} {
		err := run(t.Context(), io.Discard, []string{"-listen", address, "-dir", t.TempDir()}, nil)
		assert.ErrorContains(t, err, "listens on this machine only", address)
	}
}

func TestAPageIsServedBesideTheAPI(t *testing.T) {
	url, _ := start(t, "-dir", filepath.Join(t.TempDir(), "volume"))
	resp := ask(t, "", url+"/")
	assert.Equal(t, http.StatusOK, resp.status)
	assert.Contains(t, resp.body, "<title>Voicemail</title>")
	assert.Contains(t, resp.header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'; style-src 'self';")
	resp = ask(t, "", url+"/voicemail/v1/nothing")
	assert.Equal(t, "application/problem+json", resp.header.Get("Content-Type"))
}

// deployment is a volume, a file of tenants and secrets, as they are mounted.
func deployment(t *testing.T, secrets string) (args []string) {
	t.Helper()
	dir := t.TempDir()
	volume := filepath.Join(dir, "volume")
	regions, err := demoVolume(t.Context(), volume)
	require.NoError(t, err)
	for _, s := range regions.Stores {
		require.NoError(t, s.Close())
	}
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	list := file("tenants.json", `[{"name": "t100", "tenant_id": "t100", "tenant_uuid": "9350e2fc-a1dd-4c65-8d40-1f75a2e080dd", "status": "INIT"}]`)
	doc, err := json.Marshal(map[string]string{"storageInterface": "FileSystem", "mountPath": volume, "tenantsFile": list})
	require.NoError(t, err)
	return []string{"-config", file("config.json", string(doc)), "-secrets", file("secrets.json", secrets), "-ticket-key", file("ticket-key", strings.Repeat("k", 32)+"\n")}
}

// sum returns the digest of a secret, as the table has it.
func sum(secret string) string {
	digest := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(digest[:])
}

func TestADeploymentLetsThoseInWhoseSecretsAreMounted(t *testing.T) {
	args := deployment(t, `[
		{"sha256": "`+sum("one-secret")+`", "ccid": "9350E2FC-a1dd-4c65-8d40-1f75a2e080dd", "user": "agent7"},
		{"sha256": "`+sum("foreign-secret")+`", "ccid": "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d", "user": "agent7"}
	]`)
	url, stop := start(t, args...)
	resp := ask(t, "one-secret", url+"/voicemail/v1/mailboxes")
	assert.Equal(t, http.StatusOK, resp.status)
	assert.Empty(t, resp.header.Get("Voicemail-Development"))
	resp = ask(t, "foreign-secret", url+"/voicemail/v1/mailboxes")
	assert.Equal(t, http.StatusForbidden, resp.status, "of a contact center that is not among the tenants")
	resp = ask(t, "dev-agent7", url+"/voicemail/v1/mailboxes")
	assert.Equal(t, http.StatusUnauthorized, resp.status, "what is let in in development")
	assert.NotContains(t, stop(), "DEVELOPMENT")
}

func TestADeploymentLetsThoseInWhoseTokensAreOfGWS(t *testing.T) {
	fake := fakegws.Start()
	defer fake.Close()
	fake.AddUser(fakegws.User{Name: `t100\agent7`, Password: "pw", ContactCenter: "9350e2fc-a1dd-4c65-8d40-1f75a2e080dd"})
	fake.AddUser(fakegws.User{Name: `t101\agent7`, Password: "pw", ContactCenter: "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"})
	file := filepath.Join(t.TempDir(), "gws.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"url": "`+fake.URL+`", "groups": {"9350e2fc-a1dd-4c65-8d40-1f75a2e080dd": {"sales": ["agent7"]}}}`), 0o600))
	args := deployment(t, `[{"sha256": "`+sum("one-secret")+`", "ccid": "9350e2fc-a1dd-4c65-8d40-1f75a2e080dd", "user": "switch"}]`)
	url, stop := start(t, append(args, "-gws", file)...)
	for name, tt := range map[string]struct {
		token string
		want  int
	}{
		"a user":                    {fake.UserToken(`t100\agent7`, time.Hour), http.StatusOK},
		"a token that has expired":  {fake.UserToken(`t100\agent7`, -time.Hour), http.StatusUnauthorized},
		"a token of nobody":         {"wrong", http.StatusUnauthorized},
		"a foreign contact center":  {fake.UserToken(`t101\agent7`, time.Hour), http.StatusForbidden},
		"a secret that GWS has not": {"one-secret", http.StatusOK},
	} {
		assert.Equal(t, tt.want, ask(t, tt.token, url+"/voicemail/v1/mailboxes").status, name)
	}
	me := ask(t, fake.UserToken(`t100\agent7`, time.Hour), url+"/voicemail/v1/me").body
	assert.Contains(t, me, `"user":"agent7","groups":["sales"]`)
	fake.SetDown(true)
	resp := ask(t, fake.UserToken(`t100\agent7`, time.Hour), url+"/voicemail/v1/me")
	assert.Equal(t, http.StatusServiceUnavailable, resp.status, "nobody is let in when it cannot be told")
	assert.NotContains(t, stop(), "agent7")
}

func TestABadArgumentGetsOneClearLine(t *testing.T) {
	good := deployment(t, `[]`)
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"unknown flag":         {[]string{"-nothing"}, "-nothing"},
		"no time to undo":      {[]string{"-undo-window", "0s"}, "more than nothing"},
		"too long to undo":     {[]string{"-undo-window", "20h"}, "at most 19h30m0s"},
		"an argument":          {[]string{"x"}, "too many"},
		"nobody is let in":     {good[:2], "give -gws or -secrets"},
		"no such file":         {[]string{"-config", "missing.json", "-secrets", "x"}, "missing.json"},
		"a table that is none": {append(good[:2:2], "-secrets", good[1]), "is not a JSON array"},
		"a key that is short":  {append(good[:4:4], "-ticket-key", good[3]), "has 32 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), io.Discard, append([]string{"-listen", "127.0.0.1:0"}, c.args...), nil)
			require.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestTheDemoIsSmall(t *testing.T) {
	total := int64(0)
	require.NoError(t, fs.WalkDir(os.DirFS("demo"), ".", func(_ string, d fs.DirEntry, err error) error {
		info, infoErr := d.Info()
		total += info.Size()
		require.NoError(t, infoErr)
		return err
	}))
	assert.Less(t, total, int64(200<<10))
}
