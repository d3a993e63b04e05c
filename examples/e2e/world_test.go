package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/config"
	"github.com/genesys/voicemail/examples/internal/gws/fakegws"
	"github.com/genesys/voicemail/internal/testserver/testurl"
	"github.com/genesys/voicemail/storage"
)

const (
	center  = "9350e2fc-a1dd-4c65-8d40-1f75a2e080dd"
	foreign = "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"

	ada     = "+15550100142"
	adaName = "Ada Lovelace"
	grace   = "+15550100187"

	password     = "c0rrect-horse"
	clientSecret = "iPdZIMR5qHAohE4wsCOLaOeAopUyJDZalmwN6FPH9rjUcztZ"
	switchSecret = "5w1tch-secret-of-sixteen-bytes"

	master, other = "frankfurt", "dublin"
)

// build builds the commands, with the race detector if this test has it, and returns their folder.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"build"}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, "-o", dir+"/", "../service", "../gdpr")...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir
}

// region is the storage of a region, as a test makes it.
type region struct {
	config config.Region
	direct storage.Store // past the proxy
	keys   map[string]string
	proxy  *proxy
}

// makeRegion takes the storage that a URL names, and puts a proxy in front of it.
func makeRegion(t *testing.T, raw string) *region {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	q := u.Query()
	direct, err := config.OpenURL(t.Context(), raw)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, direct.Close()) })
	server, err := url.Parse(q.Get("endpoint"))
	require.NoError(t, err)
	r := &region{direct: direct, keys: map[string]string{}, proxy: newProxy(t, server.Host)}
	server.Host = r.proxy.address
	files, err := os.ReadDir(q.Get("secret_dir"))
	require.NoError(t, err)
	for _, f := range files {
		key, err := os.ReadFile(filepath.Join(q.Get("secret_dir"), f.Name()))
		require.NoError(t, err)
		r.keys[f.Name()] = string(key)
	}
	r.config = config.Region{StorageInterface: config.BlobStorage, Account: q.Get("account"), Container: u.Host, Endpoint: server.String()}
	if u.Scheme == "s3" {
		r.config = config.Region{StorageInterface: config.S3, Bucket: u.Host, BucketRegion: q.Get("region"), PathStyle: true, Endpoint: server.String(), Prefix: strings.Trim(u.Path, "/")}
	}
	return r
}

func onAzure(t *testing.T) *region { return makeRegion(t, testurl.Azure(t, "e2e")) }
func onS3(t *testing.T) *region    { return makeRegion(t, testurl.S3(t, "e2e")) }

// world is a deployment in two regions, with a GWS.
type world struct {
	t       *testing.T
	dir     string // of what is mounted
	bin     string
	gws     *fakegws.Server
	regions map[string]*region
	secrets []string // and numbers: what nobody may log or print
}

func newWorld(t *testing.T, bin string, regions map[string]*region) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), bin: bin, gws: fakegws.Start(), regions: regions, secrets: []string{password, clientSecret, switchSecret, ada[1:], grace[1:], adaName}}
	t.Cleanup(w.gws.Close)
	w.gws.AddClient("voicemail", "s3rvice-secret")
	w.gws.AddClient("scheduler", clientSecret)
	w.gws.AddUser(fakegws.User{Name: `t100\officer`, Password: password, ContactCenter: center, Authorities: []string{"PRIVACY"}})
	w.gws.AddUser(fakegws.User{Name: `t100\admin`, ContactCenter: center, Authorities: []string{"ADMIN"}})
	w.gws.AddUser(fakegws.User{Name: `t100\agent7`, ContactCenter: center})
	w.gws.AddUser(fakegws.User{Name: `t101\officer`, ContactCenter: foreign, Authorities: []string{"PRIVACY", "ADMIN"}})
	w.file("gws-secret", "s3rvice-secret")
	w.json("gws.json", map[string]any{
		"url": w.gws.URL, "clientId": "voicemail", "clientSecretFile": filepath.Join(w.dir, "gws-secret"),
		"officers": []string{"PRIVACY"}, "administrators": []string{"ADMIN"}, "clients": map[string][]string{"scheduler": {center}},
	})
	w.json("secrets.json", []map[string]any{{"sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(switchSecret))), "ccid": center, "user": "switch", "depositor": true}})
	w.json("tenants.json", []map[string]any{
		{"name": "t100", "tenant_id": "t100", "tenant_uuid": center, "status": "INIT"}, {"name": "t101", "tenant_id": "t101", "tenant_uuid": foreign, "status": "INIT"},
	})
	require.NoError(t, os.Mkdir(filepath.Join(w.dir, "keys"), 0o700))
	all := map[string]config.Region{}
	for name, r := range regions {
		all[name] = r.config
		for file, key := range r.keys {
			w.file(filepath.Join("keys", name+"."+file), key)
		}
	}
	for name := range regions {
		w.json(name+".json", config.Config{
			StorageInterface: config.BlobStorage, CurrentRegion: name, VoicemailHome: master, Regions: all, SecretDirectory: filepath.Join(w.dir, "keys"),
			TenantsFile: filepath.Join(w.dir, "tenants.json"),
		})
	}
	return w
}

func (w *world) file(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	require.NoError(w.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func (w *world) json(name string, v any) {
	w.t.Helper()
	doc, err := json.Marshal(v)
	require.NoError(w.t, err)
	w.file(name, string(doc))
}

// token returns one of a user that works for so long.
func (w *world) token(user string, lives time.Duration) string {
	token := w.gws.UserToken(user, lives)
	w.secrets = append(w.secrets, token)
	return token
}

// names are all objects of both regions, past everything.
func (w *world) names() map[string][]string {
	w.t.Helper()
	all := map[string][]string{}
	for region, r := range w.regions {
		for info, err := range storage.All(w.t.Context(), r.direct, nil) {
			require.NoError(w.t, err)
			all[region] = append(all[region], info.Key)
		}
	}
	return all
}

// discreet checks that nothing is printed or logged that should not be.
func (w *world) discreet(what, text string) {
	w.t.Helper()
	for _, s := range w.secrets {
		assert.NotContains(w.t, text, s, what)
		assert.NotContains(w.t, text, url.QueryEscape(s), what)
	}
}

// service is a running process of the service.
type service struct {
	*world
	url  string
	stop func() // and see that it has ended well
}

// service starts the service in a region.
func (w *world) service(region string, args ...string) *service {
	w.t.Helper()
	path := func(name string) string { return filepath.Join(w.dir, name) }
	cmd := exec.Command(filepath.Join(w.bin, "service"), append([]string{
		"-listen", "127.0.0.1:0", "-config", path(region + ".json"), "-gws", path("gws.json"), "-secrets", path("secrets.json"),
		"-keep=false", // a round of its own would change names while they are compared
	}, args...)...)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.StdoutPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, cmd.Start())
	listens := make(chan string, 1)
	var log strings.Builder
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(listens)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			log.Write(append(lines.Bytes(), '\n'))
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "the service listens" {
				listens <- line.Address
			}
		}
	}()
	s := &service{world: w, stop: sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		assert.NoError(w.t, cmd.Wait(), "%s: %s%s", region, log.String(), failed.String())
		w.discreet("the log of the service", log.String()+failed.String())
		assert.NotContains(w.t, log.String(), `"status":500`)
	})}
	w.t.Cleanup(s.stop)
	address, ok := <-listens
	require.True(w.t, ok, "the service in %s does not start", region)
	s.url = "http://" + address
	return s
}

// reply is a response that was read.
type reply struct {
	status int
	body   []byte
}

// ask sends a request with credentials; "" are none.
func (s *service) ask(credentials, method, path, contentType string, body []byte) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/voicemail/v1"+path, bytes.NewReader(body))
	require.NoError(s.t, err)
	r.Header.Set("Authorization", credentials)
	r.Header.Set("Content-Type", contentType)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return reply{resp.StatusCode, got}
}

// do sends a request that is carried out.
func (s *service) do(credentials, method, path, contentType string, body []byte, answer any) {
	s.t.Helper()
	r := s.ask(credentials, method, path, contentType, body)
	require.Less(s.t, r.status, 300, "%s %s: %s", method, path, r.body)
	if answer != nil {
		require.NoError(s.t, json.Unmarshal(r.body, answer))
	}
}

// message is what a test looks at of one.
type message struct {
	ID, Recording string
	Pending       bool
}

// deposit leaves a call in 5001.
func (s *service) deposit(caller, name string, audio []byte) (m message) {
	s.t.Helper()
	contentType, body := form(s.t, caller, name, audio)
	s.do("Bearer "+switchSecret, "POST", "/mailboxes/5001/messages", contentType, body, &m)
	m.Recording = strings.TrimPrefix(m.Recording, "/voicemail/v1")
	return m
}

func form(t *testing.T, caller, name string, audio []byte) (contentType string, body []byte) {
	t.Helper()
	details, err := json.Marshal(map[string]string{"caller": caller, "callerName": name})
	require.NoError(t, err)
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for _, p := range []struct {
		name, contentType string
		content           []byte
	}{{"message", "application/json", details}, {"audio", "audio/wav", audio}} {
		part, err := m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + p.name + `"`}, "Content-Type": {p.contentType}})
		require.NoError(t, err)
		_, err = part.Write(p.content)
		require.NoError(t, err)
	}
	require.NoError(t, m.Close())
	return m.FormDataContentType(), b.Bytes()
}

// waiting is how many new messages are in 5001.
func (s *service) waiting() int {
	s.t.Helper()
	var box struct{ Counts struct{ New int } }
	s.do("Bearer "+s.token(`t100\agent7`, time.Hour), "GET", "/mailboxes/5001", "", nil, &box)
	return box.Counts.New
}

// result is what the command did.
type result struct {
	code           int
	stdout, stderr string
	out            string // the output folder
}

// command runs the command for data-protection requests against the service.
func (s *service) command(environment []string, args ...string) result {
	s.t.Helper()
	return s.run(append(environment, "VOICEMAIL_URL="+s.url, "GWS_URL="+strings.TrimSuffix(s.gws.URL, "/auth/v3"), "GWS_CLIENT_ID=scheduler"), args...)
}

func (w *world) run(environment []string, args ...string) result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	r := result{out: w.t.TempDir()}
	cmd := exec.CommandContext(ctx, filepath.Join(w.bin, "gdpr"), append([]string{"-o", r.out}, args...)...)
	cmd.Env = append([]string{"HOME=" + w.dir}, environment...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		require.NoError(w.t, err)
	}
	r.code, r.stdout, r.stderr = cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
	log, err := os.ReadFile(filepath.Join(r.out, "execution.log"))
	require.NoError(w.t, err, r.stderr)
	w.discreet("what the command says", r.stdout+r.stderr+string(log))
	return r
}

// read returns a file of the output.
func (r result) read(t *testing.T, name string) string {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(r.out, name))
	require.NoError(t, err, r.stderr)
	return string(doc)
}

// basic are user and password.
func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

// noise is a recording of a second that is like no other.
func noise(seed uint64) []byte {
	const samples = 8000
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
	random := rand.New(rand.NewPCG(seed, 1))
	for range samples {
		b.WriteByte(byte(random.Uint32()))
	}
	return b.Bytes()
}

// input is a request for a caller.
func input(caseID, caller string) string {
	return fmt.Sprintf(`{"caseid": %q, "ccid": %q, "consumers": [{"consumer": [{"name": %q}, {"phone": %q}]}]}`, caseID, center, adaName, caller)
}
