package metrics

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options are the options of [New]. The zero value, and a nil *Options, are the defaults.
type Options struct {
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Metrics are the metrics of a process. All methods are safe for concurrent use.
type Metrics struct {
	now func() time.Time

	requests, passed, failed *prometheus.CounterVec
	latency                  prometheus.Histogram
	storageOps               *prometheus.CounterVec
	operations               *prometheus.CounterVec
	seconds                  *prometheus.HistogramVec
	events                   *prometheus.CounterVec
	tui                      *prometheus.CounterVec
	config, consul, gws      counters
	redis                    *prometheus.CounterVec

	accounts         *accounts
	access, deposits *rates
}

// counters count requests, and those that failed.
type counters struct{ all, failed *prometheus.CounterVec }

func (c counters) count(tenant string, err error) {
	c.all.WithLabelValues(tenant).Inc()
	failed := c.failed.WithLabelValues(tenant) // it is there from the first request, so that its rate is known
	if err != nil {
		failed.Inc()
	}
}

// buckets are seconds. A look at a volume takes a tenth of a millisecond, a time-out at a cloud half a minute.
var buckets = []float64{.0001, .0005, .001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// New returns Metrics that are registered with r, which must not have such already. On an error nothing is registered.
func New(r prometheus.Registerer, opts *Options) (*Metrics, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	var all []prometheus.Collector
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		all = append(all, c)
		return c
	}
	upstream := func(what string) counters {
		return counters{
			all:    counter("voicemail_"+what+"_request_total", "Requests to "+what+".", "tenant"),
			failed: counter("voicemail_"+what+"_request_failed_total", "Requests to "+what+" that failed.", "tenant"),
		}
	}
	latency := prometheus.HistogramOpts{Name: "voicemail_storage_access_latency", Help: "How long requests to a storage took, in seconds.", Buckets: buckets}
	seconds := prometheus.HistogramOpts{Name: "voicemail_operation_seconds", Help: "How long calls took, in seconds.", Buckets: buckets}
	m := &Metrics{
		now:        o.Now,
		requests:   counter("voicemail_storage_request_total", "Requests to a storage.", "tenant"),
		passed:     counter("voicemail_storage_request_passed_total", "Requests to a storage that were answered.", "tenant"),
		failed:     counter("voicemail_storage_request_failed_total", "Requests to a storage that were not done or not permitted.", "tenant"),
		latency:    prometheus.NewHistogram(latency),
		storageOps: counter("voicemail_storage_operation_total", "Requests to a storage, by what they were and how they ended.", "StorageAccount", "operation", "outcome"),
		operations: counter("voicemail_operation_total", "Calls, by what they were and how they ended.", "operation", "outcome"),
		seconds:    prometheus.NewHistogramVec(seconds, []string{"operation"}),
		events:     counter("voicemail_event_total", "Changes.", "tenant", "kind"),
		tui:        counter("voicemail_tui_request_total", "What users asked the telephone menu for.", "tenant"),
		config:     upstream("config"),
		consul:     upstream("consul"),
		gws:        upstream("gws"),
		redis:      counter("voicemail_redis_connection_failure", "Connections to Redis that failed."),
		accounts:   newAccounts(),
		access:     newRates("voicemail_access_call_rate", "Calls of users to their mailboxes, by the second.", o.Now),
		deposits:   newRates("voicemail_deposit_call_rate", "Messages taken, by the second.", o.Now),
	}
	all = append(all, m.latency, m.seconds, m.accounts, m.access, m.deposits)
	for i, c := range all {
		if err := r.Register(c); err != nil {
			for _, done := range all[:i] {
				r.Unregister(done)
			}
			return nil, errors.Join(errors.New("metrics: cannot be registered"), err)
		}
	}
	return m, nil
}

// RedisConnectionFailure counts a connection to Redis that failed, for an application that has one.
func (m *Metrics) RedisConnectionFailure() { m.redis.WithLabelValues().Inc() }

// Tenant returns the metrics of a tenant, whose name becomes a label: one of a set that is known. An empty name is for what belongs to no tenant, such as a health check.
func (m *Metrics) Tenant(name string) *Tenant { return &Tenant{m: m, name: label(name)} }

// label returns s as far as it can be a label: text.
func label(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// series are values by the value of one label.
type series[T any] struct {
	mu sync.Mutex
	by map[string]*T
}

// of returns the value of a label, which is new if there is none yet. The lock is held.
func (s *series[T]) of(label string) *T {
	v := s.by[label]
	if v == nil {
		v = new(T)
		s.by[label] = v
	}
	return v
}
