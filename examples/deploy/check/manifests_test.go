package check

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// deploy is the folder of the manifests.
const deploy = ".."

// variants are the storages, each applied by itself.
var variants = []string{"volume", "azure", "azure-keyvault", "s3"}

// targets are all that is applied.
var targets = append([]string{"volume/prepare", "monitoring"}, variants...)

// secretProviderClass has the fields of apis/v1 of sigs.k8s.io/secrets-store-csi-driver, written down here, since that module cannot be required beside the others.
type secretProviderClass struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec struct {
		Provider   string            `json:"provider,omitempty"`
		Parameters map[string]string `json:"parameters,omitempty"`
	} `json:"spec,omitempty"`
}

// kinds are what a manifest can be.
var kinds = map[string]func() metav1.Object{
	"apps/v1 Deployment":                                func() metav1.Object { return new(appsv1.Deployment) },
	"batch/v1 CronJob":                                  func() metav1.Object { return new(batchv1.CronJob) },
	"batch/v1 Job":                                      func() metav1.Object { return new(batchv1.Job) },
	"monitoring.coreos.com/v1 PodMonitor":               func() metav1.Object { return new(monitoringv1.PodMonitor) },
	"monitoring.coreos.com/v1 PrometheusRule":           func() metav1.Object { return new(monitoringv1.PrometheusRule) },
	"networking.k8s.io/v1 NetworkPolicy":                func() metav1.Object { return new(networkingv1.NetworkPolicy) },
	"policy/v1 PodDisruptionBudget":                     func() metav1.Object { return new(policyv1.PodDisruptionBudget) },
	"secrets-store.csi.x-k8s.io/v1 SecretProviderClass": func() metav1.Object { return new(secretProviderClass) },
	"v1 ConfigMap":                                      func() metav1.Object { return new(corev1.ConfigMap) },
	"v1 PersistentVolumeClaim":                          func() metav1.Object { return new(corev1.PersistentVolumeClaim) },
	"v1 Secret":                                         func() metav1.Object { return new(corev1.Secret) },
	"v1 Service":                                        func() metav1.Object { return new(corev1.Service) },
	"v1 ServiceAccount":                                 func() metav1.Object { return new(corev1.ServiceAccount) },
}

// strict decodes a document as the API server does with fieldValidation=Strict: a field that is not known, not in its case, or there twice is an error.
func strict(doc []byte, into any) error {
	asJSON, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return err
	}
	faults, err := json.UnmarshalStrict(asJSON, into)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return faults[0]
	}
	return nil
}

func decode(t testing.TB, doc []byte) metav1.Object {
	t.Helper()
	var meta metav1.TypeMeta
	require.NoError(t, yaml.Unmarshal(doc, &meta))
	create, known := kinds[meta.APIVersion+" "+meta.Kind]
	require.True(t, known, "%s %s", meta.APIVersion, meta.Kind)
	o := create()
	require.NoError(t, strict(doc, o), "%s", doc)
	return o
}

// build returns what `kubectl apply -k` sends to the cluster.
func build(t testing.TB, target string) []metav1.Object {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(deploy, target))
	require.NoError(t, err)
	var objects []metav1.Object
	for _, r := range resources.Resources() {
		doc, err := r.AsYAML()
		require.NoError(t, err)
		objects = append(objects, decode(t, doc))
	}
	return objects
}

// of returns the objects of a type.
func of[T metav1.Object](objects []metav1.Object) []T {
	var list []T
	for _, o := range objects {
		if typed, ok := o.(T); ok {
			list = append(list, typed)
		}
	}
	return list
}

func TestTheClusterTakesWhatIsApplied(t *testing.T) {
	for _, target := range targets {
		for _, o := range build(t, target) {
			assert.Equal(t, "voice", o.GetNamespace(), "%s: %s", target, o.GetName())
			_, isSecret := o.(*corev1.Secret)
			assert.False(t, isSecret, "%s: a Secret among what is applied overwrites that of the cluster", target)
		}
	}
}

func TestStrictRefusesWhatTheTypesDoNotHave(t *testing.T) {
	for why, doc := range map[string]string{
		"not known":       "{metadata: {name: x}, spec: {replica: 1}}",
		"not in its case": "{metadata: {name: x}, spec: {Replicas: 1}}",
		"there twice":     "{metadata: {name: x}, spec: {replicas: 1, replicas: 2}}",
		"of another type": `{metadata: {name: x}, spec: {replicas: "1"}}`,
		"not a quantity":  "{spec: {template: {spec: {containers: [{resources: {limits: {cpu: much}}}]}}}}",
	} {
		assert.Error(t, strict([]byte(doc), new(appsv1.Deployment)), why)
	}
}

// Every file is applied, patches something, or is an example.
func TestEveryFileIsAManifestThatIsUsed(t *testing.T) {
	used := map[string]bool{}
	documents := regexp.MustCompile(`(?m)^---$`)
	var files []string
	require.NoError(t, filepath.WalkDir(deploy, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Dir(path) == deploy || strings.HasPrefix(path, filepath.Join(deploy, "check")) {
			return err
		}
		doc, err := os.ReadFile(path)
		require.NoError(t, err)
		switch {
		case filepath.Base(path) == "kustomization.yaml":
			for name := range strings.FieldsFuncSeq(string(doc), func(r rune) bool { return strings.ContainsRune("[], \n", r) }) {
				used[filepath.Join(filepath.Dir(path), name)] = true
			}
		case filepath.Ext(path) == ".yaml":
			for _, part := range documents.Split(string(doc), -1) {
				decode(t, []byte(part))
			}
			if !strings.HasSuffix(path, ".example.yaml") {
				files = append(files, path)
			}
		default:
			assert.Equal(t, ".json", filepath.Ext(path), path)
			assert.False(t, bytes.Contains(doc, []byte("account-key")), path)
			files = append(files, path)
		}
		return nil
	}))
	require.NotEmpty(t, files)
	for _, path := range files {
		assert.True(t, used[path], "%s is in no kustomization beside it", path)
	}
}
