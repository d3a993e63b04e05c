package check

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// exported are the metrics that rules may be about, with who exports them.
var exported = map[string]string{
	"voicemail_storage_failed_account":         "the service",
	"container_memory_working_set_bytes":       "cAdvisor",
	"container_cpu_usage_seconds_total":        "cAdvisor",
	"kube_pod_container_resource_limits":       "kube-state-metrics",
	"kube_pod_container_status_restarts_total": "kube-state-metrics",
	"kube_pod_status_phase":                    "kube-state-metrics",
	"kube_pod_status_ready":                    "kube-state-metrics",
	"kube_pod_owner":                           "kube-state-metrics",
	"kube_job_status_failed":                   "kube-state-metrics",
	"kube_cronjob_created":                     "kube-state-metrics",
	"kube_cronjob_status_last_successful_time": "kube-state-metrics",
	"log_output_bytes_total":                   "the platform's log collector",
}

// The product's alerts, but those about its configuration node and Redis, which this service does not have; by how long they wait and how severe they are.
var alertsOfTheProduct = map[string]string{
	"storage_account_is_not_accessible": "3m0s warning",
	"storage_account_is_down":           "5m0s critical",
	"voicemail_node_memory_usage":       "5m0s warning",
	"voicemail_node_memory_usage_80":    "5m0s critical",
	"voicemail_node_cpu_usage":          "5m0s warning",
	"voicemail_node_cpu_usage_80":       "5m0s critical",
	"PodStatusFailed":                   "0s warning",
	"PodStatusUnknown":                  "5m0s warning",
	"PodStatusPending":                  "5m0s warning",
	"PodStatusNotReadyfor10mins":        "10m0s critical",
	"ContainerRestartedRepeatedly":      "0s critical",
	"log_messages_rate_exceeds_limit":   "1m0s warning",
}

func TestEveryAlertIsAboutWhatIsThere(t *testing.T) {
	objects := build(t, "volume")
	containers := map[string]bool{}
	for _, p := range pods(objects) {
		containers[p.Spec.Containers[0].Name] = true
	}
	alerts := map[string]string{}
	for _, group := range of[*monitoringv1.PrometheusRule](build(t, "monitoring"))[0].Spec.Groups {
		for _, rule := range group.Rules {
			wait := time.Duration(0)
			if rule.For != nil {
				var err error
				wait, err = time.ParseDuration(string(*rule.For))
				require.NoError(t, err, rule.Alert)
			}
			alerts[rule.Alert] = wait.String() + " " + rule.Labels["severity"]
			assert.Equal(t, rule.Labels["severity"] == "critical", rule.Labels["category"] == "voicemail_pager", rule.Alert)
			assert.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			expr, err := parser.ParseExpr(rule.Expr.String())
			require.NoError(t, err, rule.Alert)
			metrics := 0
			parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
				if s, ok := n.(*parser.VectorSelector); ok {
					metrics++
					assert.Contains(t, exported, s.Name, rule.Alert)
					for _, m := range s.LabelMatchers {
						known := true
						switch m.Name {
						case "namespace":
							known = m.Matches("voice")
						case "container":
							known = containers[m.Value]
						case "cronjob":
							podOf(t, objects, m.Value)
						case "pod", "job_name":
							known = m.Matches("voice-voicemail-upkeep-29400017")
						}
						assert.True(t, known, "%s: %s", rule.Alert, m)
					}
				}
				return nil
			})
			assert.Positive(t, metrics, rule.Alert)
		}
	}
	for name, want := range alertsOfTheProduct {
		assert.Equal(t, want, alerts[name], name)
	}
}

// The image has what the pods start, for the user that they are.
func TestTheImageHasWhatThePodsStart(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(deploy, "Dockerfile"))
	require.NoError(t, err)
	text := string(doc)
	assert.Contains(t, text, "\nUSER 500:500\n")
	built := strings.Fields(regexp.MustCompile(`(?m)^RUN .*go build .* -o /out/ (.*)$`).FindStringSubmatch(text)[1])
	for _, dir := range built {
		assert.FileExists(t, filepath.Join(deploy, "..", "..", dir, "main.go"))
	}
	assert.Contains(t, text, "COPY --from=build /out/ /usr/local/bin/\n")
	for _, from := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(text, -1) {
		assert.Regexp(t, `^[a-z0-9./-]+:[a-z0-9.]+$`, from[1], "a tag")
		assert.NotContains(t, from[1], ":latest")
	}
	image := ""
	eachPod(t, func(t *testing.T, p pod) {
		for _, c := range slices.Concat([]corev1.Container{}, p.Spec.Containers) {
			name, ok := strings.CutPrefix(c.Command[0], "/usr/local/bin/")
			assert.True(t, ok)
			assert.Contains(t, built, "./examples/"+name)
			if image == "" {
				image = c.Image
			}
			assert.Equal(t, image, c.Image, "one image for all")
		}
	})
}
