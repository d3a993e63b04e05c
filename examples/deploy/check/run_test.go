package check

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// commands is where TestMain puts the commands of the image.
var commands string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "voicemail-commands-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-o", dir, "./examples/service", "./examples/upkeep")
		build.Dir = filepath.Join(deploy, "..", "..")
		if out, err := build.CombinedOutput(); err != nil {
			panic(string(out))
		}
		commands = dir
		return m.Run()
	}())
}

// command is the container's, in an empty folder and with no environment but its own.
func (tr *tree) command(args ...string) *exec.Cmd {
	require.Len(tr.t, tr.container.Command, 1)
	cmd := exec.CommandContext(tr.t.Context(), filepath.Join(commands, filepath.Base(tr.container.Command[0])), args...)
	cmd.Dir = tr.t.TempDir()
	temp := tr.t.TempDir()
	cmd.Env = []string{"TMPDIR=" + temp}
	for _, e := range tr.container.Env {
		cmd.Env = append(cmd.Env, e.Name+"="+e.Value)
	}
	tr.t.Cleanup(func() {
		for _, dir := range []string{cmd.Dir, temp} {
			left, err := os.ReadDir(dir)
			assert.NoError(tr.t, err)
			assert.Empty(tr.t, left, "the root file system is read only, and the spool leaves no names")
		}
	})
	return cmd
}

// run runs the container to its end.
func (tr *tree) run() (string, error) {
	out, err := tr.command(tr.args()...).CombinedOutput()
	return string(out), err
}

// The pods of the volume, one after the other as they are applied.
func TestWhatIsDeployedOnAVolumeWorks(t *testing.T) {
	claim := t.TempDir()
	objects := build(t, "volume")
	upkeep := layOut(t, "volume", objects, podOf(t, objects, "voice-voicemail-upkeep"), claim)
	out, err := upkeep.run()
	require.Error(t, err, "a volume that nobody prepared is not taken for a store")
	require.Contains(t, out, "mountPath")

	preparing := build(t, "volume/prepare")
	out, err = layOut(t, "volume/prepare", preparing, podOf(t, preparing, "voice-voicemail-prepare"), claim).run()
	require.NoError(t, err, out)

	s := layOut(t, "volume", objects, podOf(t, objects, "voice-voicemail"), claim)
	base, stop := s.serve()
	for _, probe := range []string{s.container.LivenessProbe.HTTPGet.Path, s.container.ReadinessProbe.HTTPGet.Path, s.container.StartupProbe.HTTPGet.Path} {
		get(t, base+probe, "")
	}
	get(t, base+"/voicemail/v1/mailboxes", switchSecret) // the tenant is there since
	for _, endpoint := range of[*monitoringv1.PodMonitor](build(t, "monitoring"))[0].Spec.PodMetricsEndpoints {
		page := get(t, base+endpoint.Path, "")
		for metric, by := range exported {
			assert.Equal(t, by == "the service", strings.Contains(page, "\n"+metric), metric)
		}
	}
	stop()

	out, err = upkeep.run()
	require.NoError(t, err, out)
	assert.Contains(t, out, `"msg":"kept","tenant":"t100"`)
}

// get returns what is there.
func get(t *testing.T, url, secret string) string {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	if secret != "" {
		q.Header.Set("Authorization", "Bearer "+secret)
	}
	res, err := http.DefaultClient.Do(q)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, url)
	return string(body)
}

// serve starts the service at a free port, and returns where it is and what stops it as the kubelet does.
func (tr *tree) serve() (base string, stop func()) {
	tr.t.Helper()
	args := tr.args()
	i := slices.Index(args, "-listen=:8081")
	require.GreaterOrEqual(tr.t, i, 0)
	args[i] = "-listen=127.0.0.1:0"
	cmd := tr.command(args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(tr.t, err)
	require.NoError(tr.t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	for base == "" && lines.Scan() {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "the service listens" {
			base = "http://" + line.Address
		}
	}
	if base == "" {
		_ = cmd.Wait()
		require.Fail(tr.t, "the service does not start", stderr.String())
	}
	rest := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, stdout)
		rest <- err
	}()
	return base, func() {
		require.NoError(tr.t, cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(tr.t, <-rest)
		require.NoError(tr.t, cmd.Wait(), "a stop is no failure: %s", &stderr)
	}
}

// cloud is a storage that refuses everything, and remembers who asked.
type cloud struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.asked = append(c.asked, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(c.Close)
	return c
}

// document is what is looked at of a config.json.
type document struct {
	StorageInterface string                    `json:"storageInterface"`
	Regions          map[string]map[string]any `json:"regions"`
	SecretDirectory  string                    `json:"secretDirectory"`
	TenantsFile      string                    `json:"tenantsFile"`
}

// Both pods sign the first request to each region with the key that is mounted for it.
func TestEachRegionIsOpenedWithItsMountedKey(t *testing.T) {
	for _, variant := range variants[1:] {
		objects := build(t, variant)
		for _, p := range pods(objects) {
			t.Run(variant+" "+p.name, func(t *testing.T) {
				tr := layOut(t, variant, objects, p, "")
				const file = "/opt/genesys/katana/voicemail/config/config.json"
				var whole map[string]any
				var doc document
				require.NoError(t, json.Unmarshal(tr.read(file), &whole))
				require.NoError(t, json.Unmarshal(tr.read(file), &doc))
				for name, region := range doc.Regions {
					c := newCloud(t)
					region["endpoint"] = c.URL
					whole["regions"], whole["currentRegion"], whole["voicemailHome"] = map[string]any{name: region}, name, name
					changed, err := json.Marshal(whole)
					require.NoError(t, err)
					tr.write(filepath.Dir(file), filepath.Base(file), string(changed))
					out, err := tr.run()
					require.Error(t, err)
					assert.Contains(t, out, "config: regions."+name+": ", "it was read, and the region refuses")
					require.NotEmpty(t, c.asked, out)
					want := "Credential=content-of-" + name + ".access-key-id/"
					if doc.StorageInterface == "BlobStorage" {
						want = "SharedKey " + region["account"].(string) + ":"
					}
					assert.Contains(t, c.asked[0], want)
				}
			})
		}
	}
}

// What is mounted is read, and what is read is mounted.
func TestEveryMountedFileIsUsed(t *testing.T) {
	for _, variant := range variants {
		objects := build(t, variant)
		for _, p := range pods(objects) {
			t.Run(variant+" "+p.name, func(t *testing.T) {
				tr := layOut(t, variant, objects, p, t.TempDir())
				read := map[string][]string{}
				use := func(path string) {
					read[filepath.Dir(path)] = append(read[filepath.Dir(path)], filepath.Base(path))
				}
				for _, arg := range tr.container.Args {
					_, path, _ := strings.Cut(arg, "=")
					if filepath.IsAbs(path) {
						use(path)
					}
					if strings.HasPrefix(arg, "-gws=") {
						var gws struct {
							ClientSecretFile string `json:"clientSecretFile"`
						}
						require.NoError(t, json.Unmarshal([]byte(tr.there(tr.read(path))), &gws))
						use(gws.ClientSecretFile)
					}
				}
				var doc document
				require.NoError(t, json.Unmarshal([]byte(tr.there(tr.read("/opt/genesys/katana/voicemail/config/config.json"))), &doc))
				if filepath.Base(tr.container.Command[0]) == "service" {
					use(doc.TenantsFile)
				}
				for name := range doc.Regions {
					keys := []string{".access-key-id", ".secret-access-key"} // see package config
					if doc.StorageInterface == "BlobStorage" {
						keys = []string{".account-key"}
					}
					for _, key := range keys {
						use(filepath.Join(doc.SecretDirectory, name+key))
					}
				}
				for _, mounted := range []map[string][]string{read, tr.mounts} {
					for _, names := range mounted {
						slices.Sort(names)
					}
				}
				assert.Equal(t, tr.mounts, read)
			})
		}
	}
}

// there returns a text with the paths of the container.
func (tr *tree) there(doc []byte) string {
	return strings.ReplaceAll(string(doc), tr.root, "")
}
