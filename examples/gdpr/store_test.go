package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/config"
	"github.com/genesys/voicemail/examples/internal/gdprapi"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/testserver/testurl"
)

func TestAStorageIsEnough(t *testing.T) {
	w := newWorld(t)
	message := w.deposit(ada, "hello")
	store := []string{"--store", "file://" + w.volume, "--tenant", "t2026", "--actor", "the officer"}
	in := w.file(plain)
	r := w.command(append(store, "-i", in, "-p", "forgetme")...)
	require.Zero(t, r.code, r.stderr)
	assert.Contains(t, r.read(t, outputFile), `"actor":"the officer"`)
	assert.Zero(t, w.waiting())
	r = w.command(append(store, "-p", "sweep")...)
	require.Zero(t, r.code, r.stderr)
	assert.Contains(t, r.read(t, outputFile), `"decided":null`)
	assert.Contains(t, r.stdout, "0 messages erased")
	r = w.command(append(store, "-i", in, "-p", "exportme")...)
	require.Zero(t, r.code, r.stderr)
	assert.Equal(t, "hello", r.read(t, string(message.ID())))
	r = w.command(append(store, "-i", in, "-p", "undoforgot")...)
	require.Zero(t, r.code, r.stderr)
	assert.Equal(t, 1, w.waiting())
	r, _ = w.run(append(store, "-i", w.file(strings.Replace(plain, "DSR-2026-17", "other", 1)), "-p", "undoforgot")...)
	assert.Equal(t, exitState, r.code, "the same codes as with a service")
}

func TestTheSameAnswerWithAndWithoutAService(t *testing.T) {
	w := newWorld(t)
	w.deposit(ada, "hello")
	in := w.file(plain)
	r, _ := w.run("-u", w.bearer(`t2026\officer`, time.Hour), "-i", in, "-p", "forgetme")
	require.Zero(t, r.code)
	again, _ := w.run("--store", "file://"+w.volume, "--tenant", "t2026", "-i", in, "-p", "forgetme")
	require.Zero(t, again.code)
	assert.Equal(t, r.read(t, outputFile), again.read(t, outputFile))
	assert.Equal(t, r.stdout, again.stdout)
}

func TestASweepErasesAndSaysWhenAPromiseIsBroken(t *testing.T) {
	w := newWorld(t)
	m := w.deposit(ada, "hello")
	ago := 25 * time.Hour
	svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(w.store), &voicemail.Options{Tenant: "t2026", Now: func() time.Time { return time.Now().Add(-ago) }})
	require.NoError(t, err)
	c, err := gdpr.New(svc, &gdpr.Options{MaxSkew: 100 * time.Hour})
	require.NoError(t, err)
	req, err := gdprapi.ParseRequest(gdprapi.Forget, []byte(plain))
	require.NoError(t, err)
	req.Actor = "officer"
	_, err = c.ForgetMe(t.Context(), req)
	require.NoError(t, err)

	ago = 90 * time.Minute // so the receipt cannot be written within the day
	_, err = c.Sweep(t.Context())
	require.NoError(t, err)
	sweep := []string{"--store", "file://" + w.volume, "--tenant", "t2026", "-p", "sweep"}
	r, _ := w.run(sweep...)
	assert.Equal(t, exitPart, r.code, r.stderr)
	assert.Contains(t, r.stdout, "0 cases decided, 0 messages erased, 0 receipts written, 1 case open")
	assert.Contains(t, r.stderr, "1 case should have been erased by now")
	var report gdpr.SweepReport
	require.NoError(t, json.Unmarshal([]byte(r.read(t, outputFile)), &report))
	assert.Equal(t, []string{"DSR-2026-17"}, report.Late)
	for name := range w.state() {
		assert.False(t, strings.Contains(name, "media") && strings.Contains(name, string(m.ID())), name)
	}
}

func TestATenantThatIsNotThereIsNotMade(t *testing.T) {
	w := newWorld(t)
	before := w.state()
	in := w.file(plain)
	for _, tt := range []struct {
		says string
		args []string
	}{
		{"no tenant", []string{"--tenant", "nobody", "-i", in}},
		{"no tenant", []string{"-i", in}},
		{"which tenant", []string{"-i", w.file(withCCID)}},
	} {
		r, _ := w.run(append(tt.args, "--store", "file://"+w.volume, "-p", "forgetme")...)
		assert.Equal(t, exitUsage, r.code)
		assert.Contains(t, r.stderr, tt.says)
	}
	assert.Equal(t, before, w.state())
}

func TestAConfigurationSaysWhichTenantIsMeant(t *testing.T) {
	w := newWorld(t)
	w.deposit(ada, "hello")
	dir := t.TempDir()
	tenants := filepath.Join(dir, "tenants.json")
	require.NoError(t, os.WriteFile(tenants, []byte(`[{"name": "x", "tenant_id": "t2026", "tenant_uuid": "`+center+`"}, {"name": "y", "tenant_id": "t2027", "tenant_uuid": "`+foreign+`"}]`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, configFile), fmt.Appendf(nil, `{"storageInterface": "FileSystem", "mountPath": %q, "tenantsFile": %q}`, w.volume, tenants), 0o600))
	for _, store := range []string{dir, filepath.Join(dir, configFile)} {
		r, _ := w.run("--store", store, "-i", w.file(withCCID), "-p", "preview")
		require.Zero(t, r.code, r.stderr)
		assert.Contains(t, r.stdout, "would cover 1 message")
	}
	r, _ := w.run("--store", dir, "-i", w.file(plain), "-p", "preview")
	assert.Equal(t, exitUsage, r.code)
	assert.Contains(t, r.stderr, "several tenants")
	r, _ = w.run("--store", dir, "-i", w.file(strings.Replace(withCCID, center, strings.Replace(center, "2c", "3c", 1), 1)), "-p", "preview")
	assert.Equal(t, exitUsage, r.code)
}

func TestARequestIsAnsweredOnObjectStorage(t *testing.T) {
	for name, url := range map[string]string{"azure": testurl.Azure(t, "gdprcommand"), "s3": testurl.S3(t, "gdprcommand")} {
		store, err := config.OpenURL(t.Context(), url)
		require.NoError(t, err)
		svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(store), nil)
		require.NoError(t, err)
		box, err := svc.CreateMailbox(t.Context(), "5001", nil)
		require.NoError(t, err)
		message, err := box.Deposit(t.Context(), strings.NewReader("hello"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(ada)})
		require.NoError(t, err)
		w := &world{t: t, secrets: []string{ada[2:]}}
		for _, operation := range []string{"forgetme", "exportme", "undoforget"} {
			r := w.storeCommand("--store", url, "--actor", "officer", "-i", w.file(plain), "-p", operation)
			require.Zero(t, r.code, "%s: %s", name, r.stderr)
			if operation == "exportme" {
				assert.Equal(t, "hello", r.read(t, string(message.ID())), name)
			}
		}
		require.NoError(t, store.Close())
	}
}

// storeCommand runs the command in this process, without a service.
func (w *world) storeCommand(args ...string) result {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	r := result{out: w.t.TempDir()}
	r.code = run(w.t.Context(), &process{args: append([]string{"-o", r.out}, args...), getenv: func(string) string { return "" }, stdout: &stdout, stderr: &stderr, wait: wait})
	r.stdout, r.stderr = stdout.String(), stderr.String()
	w.checkSecrets(r)
	return r
}

// An archive can come from anywhere: nothing in it gets a place of its own choice.
func TestAStrangeArchiveIsNotUnpacked(t *testing.T) {
	w := newWorld(t)
	token := w.bearer(`t2026\officer`, time.Hour)
	archive := func(names ...string) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, name := range names {
			f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
			require.NoError(t, err)
			_, err = fmt.Fprint(f, "message,problem\n")
			require.NoError(t, err)
		}
		require.NoError(t, z.Close())
		return b.Bytes()
	}
	deflated := func() []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for name, method := range map[string]uint16{tableFile: zip.Store, outputFile: zip.Deflate} {
			f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
			require.NoError(t, err)
			_, err = fmt.Fprint(f, "message,problem\n")
			require.NoError(t, err)
		}
		require.NoError(t, z.Close())
		return b.Bytes()
	}()
	whole := archive(outputFile, tableFile)
	damaged := bytes.Replace(whole, []byte("message,problem\n"), []byte("message,problem!"), 1)
	for name, body := range map[string][]byte{
		"a path": archive("../x", tableFile, outputFile), "an absolute path": archive("/x", tableFile, outputFile), "a hidden file": archive(".profile", tableFile, outputFile),
		"the log": archive(logFile, tableFile, outputFile), "the input": archive("INPUT.json", tableFile, outputFile), "a name twice": archive(tableFile, outputFile, outputFile),
		"no table": archive(outputFile), "no output.json": archive(tableFile), "what may be longer than it was on the way": deflated, "a wrong check sum": damaged, "no archive": []byte("hello"), "nothing": {},
	} {
		w.intercept(func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
			rw.Header().Set("Content-Type", "application/zip")
			_, _ = rw.Write(body)
		})
		r, _ := w.run("-u", token, "-i", w.file(plain), "-p", "exportme")
		assert.NotZero(t, r.code, name)
		assert.NotContains(t, r.names(t), outputFile, name)
		assert.Equal(t, []string{logFile}, r.names(t), name)
		assert.Contains(t, r.read(t, logFile), "msg=finished", name)
	}
}
