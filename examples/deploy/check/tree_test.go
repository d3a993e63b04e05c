package check

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// switchSecret is let in by the tree's secrets.json.
const switchSecret = "0123456789abcdef0123456789abcdef"

// content is what the tests put into a file of a secret.
func content(name string) string {
	switch {
	case name == "secrets.json":
		digest := sha256.Sum256([]byte(switchSecret))
		return fmt.Sprintf(`[{"sha256": %q, "ccid": "9350e2fc-a1dd-4c65-8d40-1f75a2e080dd", "user": "switch", "depositor": true}]`, hex.EncodeToString(digest[:]))
	case name == "ticket.key":
		return strings.Repeat("k", 32) + "\n"
	case strings.HasSuffix(name, ".account-key"):
		return base64.StdEncoding.EncodeToString([]byte(name)) + "\n"
	}
	return "content-of-" + name + "\n"
}

// secretFiles returns the names of the files of a volume's secret: of the example of the Secret, or of the SecretProviderClass.
func secretFiles(t testing.TB, variant string, objects []metav1.Object, v corev1.Volume) []string {
	t.Helper()
	var names []string
	if v.CSI != nil {
		for _, class := range of[*secretProviderClass](objects) {
			if class.Name == v.CSI.VolumeAttributes["secretProviderClass"] {
				return vaultFiles(t, class)
			}
		}
		require.Fail(t, "no SecretProviderClass", v.Name)
	}
	for _, pattern := range []string{"base/*.example.yaml", variant + "/*.example.yaml"} {
		paths, err := filepath.Glob(filepath.Join(deploy, pattern))
		require.NoError(t, err)
		for _, path := range paths {
			doc, err := os.ReadFile(path)
			require.NoError(t, err)
			if s, ok := decode(t, doc).(*corev1.Secret); ok && s.Name == v.Secret.SecretName {
				for name := range s.StringData {
					names = append(names, name)
				}
			}
		}
	}
	require.NotEmpty(t, names, "no example of Secret %s", v.Secret.SecretName)
	slices.Sort(names)
	return names
}

// vaultFiles reads what the Azure provider of the driver reads.
func vaultFiles(t testing.TB, class *secretProviderClass) []string {
	t.Helper()
	known := []string{"keyvaultName", "tenantID", "clientID", "usePodIdentity", "objects"}
	assert.Equal(t, "azure", class.Spec.Provider)
	for name := range class.Spec.Parameters {
		assert.Contains(t, known, name)
	}
	var list struct {
		Array []string `json:"array"`
	}
	require.NoError(t, strict([]byte(class.Spec.Parameters["objects"]), &list))
	var names []string
	for _, doc := range list.Array {
		var o struct {
			Name  string `json:"objectName"`
			Alias string `json:"objectAlias"`
			Type  string `json:"objectType"`
		}
		require.NoError(t, strict([]byte(doc), &o))
		assert.Regexp(t, regexp.MustCompile(`^[0-9a-zA-Z-]{1,127}$`), o.Name, "what a vault can hold")
		assert.Equal(t, "secret", o.Type)
		names = append(names, o.Alias)
	}
	return names
}

// tree is what a container sees, below a folder.
type tree struct {
	t         testing.TB
	root      string
	container corev1.Container
	here      *strings.Replacer   // from paths in the container to paths here
	mounts    map[string][]string // the files by path of the mount
	sources   map[string]corev1.Volume
}

// layOut makes the tree of the first container of a pod. The volume of the claim is the given folder.
func layOut(t testing.TB, variant string, objects []metav1.Object, p pod, claim string) *tree {
	t.Helper()
	tr := &tree{t: t, root: t.TempDir(), container: p.Spec.Containers[0], mounts: map[string][]string{}, sources: map[string]corev1.Volume{}}
	volumes := map[string]corev1.Volume{}
	for _, v := range p.Spec.Volumes {
		volumes[v.Name] = v
	}
	var pairs []string
	for _, m := range tr.container.VolumeMounts {
		v := volumes[m.Name]
		if v.PersistentVolumeClaim != nil {
			pairs = append(pairs, m.MountPath, claim)
		} else if v.EmptyDir == nil {
			pairs = append(pairs, m.MountPath, filepath.Join(tr.root, m.MountPath))
		}
	}
	tr.here = strings.NewReplacer(pairs...)
	for _, m := range tr.container.VolumeMounts {
		v := volumes[m.Name]
		tr.sources[m.MountPath] = v
		files := map[string]string{}
		switch {
		case v.ConfigMap != nil:
			i := slices.IndexFunc(of[*corev1.ConfigMap](objects), func(c *corev1.ConfigMap) bool { return c.Name == v.ConfigMap.Name })
			require.GreaterOrEqual(t, i, 0, "no ConfigMap %s", v.ConfigMap.Name)
			files = of[*corev1.ConfigMap](objects)[i].Data
		case v.Secret != nil || v.CSI != nil:
			for _, name := range secretFiles(t, variant, objects, v) {
				files[name] = content(name)
			}
		}
		for name, text := range files {
			tr.mounts[m.MountPath] = append(tr.mounts[m.MountPath], name)
			tr.write(m.MountPath, name, tr.here.Replace(text))
		}
	}
	return tr
}

// write puts a file into a volume as the kubelet does: through the link that is exchanged when the files change.
func (tr *tree) write(mount, name, text string) {
	dir := filepath.Join(tr.root, mount)
	require.NoError(tr.t, os.MkdirAll(filepath.Join(dir, "..2026"), 0o700))
	require.NoError(tr.t, os.WriteFile(filepath.Join(dir, "..2026", name), []byte(text), 0o600))
	for link, target := range map[string]string{"..data": "..2026", name: filepath.Join("..data", name)} {
		if err := os.Symlink(target, filepath.Join(dir, link)); !os.IsExist(err) {
			require.NoError(tr.t, err)
		}
	}
}

// read returns a file as the container sees it.
func (tr *tree) read(path string) []byte {
	tr.t.Helper()
	doc, err := os.ReadFile(tr.here.Replace(path))
	require.NoError(tr.t, err)
	return doc
}

// args are the arguments of the container, with paths of here.
func (tr *tree) args() []string {
	var args []string
	for _, a := range tr.container.Args {
		args = append(args, tr.here.Replace(a))
	}
	return args
}
