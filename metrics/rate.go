package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// window is what a rate is of, in seconds.
const window = 60

// rate counts in the slots of the last seconds.
type rate struct {
	slots [window]struct {
		second int64
		n      int
	}
}

func (r *rate) count(now time.Time) {
	second := now.Unix()
	slot := &r.slots[second%window]
	if slot.second != second {
		slot.second, slot.n = second, 0
	}
	slot.n++
}

// perSecond is the mean of the last seconds, this one included.
func (r *rate) perSecond(now time.Time) float64 {
	sum := 0
	for _, slot := range r.slots {
		if age := now.Unix() - slot.second; age >= 0 && age < window {
			sum += slot.n
		}
	}
	return float64(sum) / window
}

// rates are the rates of tenants, of which something was counted.
type rates struct {
	series[rate]
	desc *prometheus.Desc
	now  func() time.Time
}

func newRates(name, help string, now func() time.Time) *rates {
	return &rates{series[rate]{by: map[string]*rate{}}, prometheus.NewDesc(name, help, []string{"tenant"}, nil), now}
}

func (r *rates) count(tenant string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of(tenant).count(r.now())
}

// Describe implements prometheus.Collector.
func (r *rates) Describe(to chan<- *prometheus.Desc) { to <- r.desc }

// Collect implements prometheus.Collector.
func (r *rates) Collect(to chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for tenant, one := range r.by {
		to <- prometheus.MustNewConstMetric(r.desc, prometheus.GaugeValue, one.perSecond(r.now()), tenant)
	}
}
