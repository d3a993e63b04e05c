package check

import (
	"reflect"
	"slices"
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
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
)

// pod is a pod that an object makes.
type pod struct {
	name string
	corev1.PodTemplateSpec
}

// pods returns those that the objects make.
func pods(objects []metav1.Object) []pod {
	var list []pod
	for _, d := range of[*appsv1.Deployment](objects) {
		list = append(list, pod{d.Name, d.Spec.Template})
	}
	for _, j := range of[*batchv1.CronJob](objects) {
		list = append(list, pod{j.Name, j.Spec.JobTemplate.Spec.Template})
	}
	for _, j := range of[*batchv1.Job](objects) {
		list = append(list, pod{j.Name, j.Spec.Template})
	}
	return list
}

func podOf(t testing.TB, objects []metav1.Object, name string) pod {
	t.Helper()
	for _, p := range pods(objects) {
		if p.name == name {
			return p
		}
	}
	require.Fail(t, "no pod", name)
	return pod{}
}

func eachPod(t *testing.T, check func(t *testing.T, p pod)) {
	n := 0
	for _, target := range targets {
		for _, p := range pods(build(t, target)) {
			n++
			t.Run(target+" "+p.name, func(t *testing.T) { check(t, p) })
		}
	}
	require.Equal(t, 2*len(variants)+1, n)
}

func TestNoPodMayDoMoreThanItNeeds(t *testing.T) {
	eachPod(t, func(t *testing.T, p pod) {
		spec := p.Spec
		require.NotNil(t, spec.SecurityContext)
		assert.Equal(t, ptr.To(true), spec.SecurityContext.RunAsNonRoot)
		for _, id := range []*int64{spec.SecurityContext.RunAsUser, spec.SecurityContext.RunAsGroup, spec.SecurityContext.FSGroup} {
			assert.Equal(t, ptr.To(int64(500)), id, "the product's user, so that one volume serves both")
		}
		require.NotNil(t, spec.SecurityContext.SeccompProfile)
		assert.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, spec.SecurityContext.SeccompProfile.Type)
		assert.Equal(t, ptr.To(false), spec.AutomountServiceAccountToken)
		assert.False(t, spec.HostNetwork || spec.HostPID || spec.HostIPC)
		for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
			require.NotNil(t, c.SecurityContext, c.Name)
			assert.Equal(t, ptr.To(true), c.SecurityContext.ReadOnlyRootFilesystem)
			assert.Equal(t, ptr.To(false), c.SecurityContext.AllowPrivilegeEscalation)
			assert.Equal(t, &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}, c.SecurityContext.Capabilities)
			assert.Nil(t, c.SecurityContext.RunAsUser, "the pod's counts")
			for _, r := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				assert.Contains(t, c.Resources.Requests, r)
				assert.Contains(t, c.Resources.Limits, r)
			}
			for _, e := range c.Env {
				assert.Nil(t, e.ValueFrom, "%s: a secret is a file, which can rotate; the environment cannot", e.Name)
			}
		}
		for _, v := range spec.Volumes {
			assert.Nil(t, v.HostPath, v.Name)
		}
	})
}

// What is mounted by subPath is never updated, and what holds keys is read only.
func TestMountsFollowTheirSource(t *testing.T) {
	eachPod(t, func(t *testing.T, p pod) {
		mounts := 0
		for _, c := range p.Spec.Containers {
			for _, m := range c.VolumeMounts {
				mounts++
				assert.Empty(t, m.SubPath+m.SubPathExpr, m.Name)
				i := slices.IndexFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
				require.GreaterOrEqual(t, i, 0, m.Name)
				v := p.Spec.Volumes[i]
				assert.Equal(t, v.PersistentVolumeClaim == nil && v.EmptyDir == nil, m.ReadOnly, m.Name)
				if v.CSI != nil {
					assert.Equal(t, ptr.To(true), v.CSI.ReadOnly, m.Name)
				}
			}
		}
		assert.Len(t, p.Spec.Volumes, mounts, "every volume is mounted, once")
		for _, v := range p.Spec.Volumes {
			sources := 0
			for i := range reflect.TypeFor[corev1.VolumeSource]().NumField() {
				if !reflect.ValueOf(v.VolumeSource).Field(i).IsNil() {
					sources++
				}
			}
			assert.Equal(t, 1, sources, v.Name)
		}
	})
}

func selects(t testing.TB, s *metav1.LabelSelector, p pod) bool {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(s)
	require.NoError(t, err)
	return selector.Matches(labels.Set(p.Labels))
}

func TestSelectorsMeanThePodsThatTheyAreFor(t *testing.T) {
	monitor := of[*monitoringv1.PodMonitor](build(t, "monitoring"))[0]
	for _, variant := range variants {
		objects := build(t, variant)
		service, upkeep := podOf(t, objects, "voice-voicemail"), podOf(t, objects, "voice-voicemail-upkeep")
		only := map[string]*metav1.LabelSelector{
			"Deployment": of[*appsv1.Deployment](objects)[0].Spec.Selector,
			"Service":    {MatchLabels: of[*corev1.Service](objects)[0].Spec.Selector},
			"budget":     of[*policyv1.PodDisruptionBudget](objects)[0].Spec.Selector,
			"monitor":    &monitor.Spec.Selector,
			"spread":     service.Spec.TopologySpreadConstraints[0].LabelSelector,
		}
		for name, s := range only {
			assert.True(t, selects(t, s, service), name)
			assert.False(t, selects(t, s, upkeep), name)
		}
		closed := 0
		for _, policy := range of[*networkingv1.NetworkPolicy](objects) {
			assert.True(t, selects(t, &policy.Spec.PodSelector, service), policy.Name)
			in := slices.Contains(policy.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
			out := slices.Contains(policy.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
			opens := len(policy.Spec.Ingress)+len(policy.Spec.Egress) > 0
			if in && out && !opens {
				closed++
				assert.True(t, selects(t, &policy.Spec.PodSelector, upkeep))
				assert.True(t, selects(t, &policy.Spec.PodSelector, podOf(t, build(t, "volume/prepare"), "voice-voicemail-prepare")))
			}
			if in && opens {
				assert.False(t, selects(t, &policy.Spec.PodSelector, upkeep), "nobody calls a job")
			}
		}
		assert.Equal(t, 1, closed, "what is not let is refused")
	}
}

// ports returns the ports of the service, by name.
func ports(c corev1.Container) map[string]int32 {
	byName := map[string]int32{}
	for _, p := range c.Ports {
		byName[p.Name] = p.ContainerPort
	}
	return byName
}

func TestEverybodyMeansThePortAtWhichTheServiceListens(t *testing.T) {
	monitor := of[*monitoringv1.PodMonitor](build(t, "monitoring"))[0]
	objects := build(t, "volume")
	c := podOf(t, objects, "voice-voicemail").Spec.Containers[0]
	assert.Equal(t, map[string]int32{"http": 8081}, ports(c))
	assert.Contains(t, c.Args, "-listen=:8081")
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		assert.Equal(t, "http", probe.HTTPGet.Port.String())
	}
	for _, p := range of[*corev1.Service](objects)[0].Spec.Ports {
		assert.EqualValues(t, 8081, p.Port)
		assert.Equal(t, "http", p.TargetPort.String())
	}
	for _, e := range monitor.Spec.PodMetricsEndpoints {
		assert.Equal(t, "http", *e.Port)
	}
	for _, policy := range of[*networkingv1.NetworkPolicy](objects) {
		for _, rule := range policy.Spec.Ingress {
			for _, p := range rule.Ports {
				assert.Equal(t, "http", p.Port.String())
			}
		}
	}
}

func TestAStopLeavesTimeForWhatIsUnderWay(t *testing.T) {
	p := podOf(t, build(t, "volume"), "voice-voicemail")
	const stopWithin = 30 // serve.Options.StopWithin
	pause := p.Spec.Containers[0].Lifecycle.PreStop.Sleep.Seconds
	assert.Positive(t, pause, "the endpoints are told meanwhile")
	assert.Greater(t, *p.Spec.TerminationGracePeriodSeconds, pause+stopWithin)
}

func TestTheUpkeepRunsAsOftenAsThePromiseNeeds(t *testing.T) {
	j := of[*batchv1.CronJob](build(t, "volume"))[0]
	assert.Equal(t, "17 * * * *", j.Spec.Schedule, "hourly, as gdpr.Options.Interval")
	assert.Less(t, *j.Spec.JobTemplate.Spec.ActiveDeadlineSeconds, int64(3600), "one that hangs does not hold up the next")
}
