package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/genesys/voicemail/internal/watch"
)

// Failure is a value of voicemail_storage_failed_account. The product publishes no codes but 0; the others are this package's.
type Failure int

const (
	// Healthy is that the account can be accessed.
	Healthy Failure = iota
	// Unavailable is that it does not do what it is asked for: network, throttling, a full or failing disk.
	Unavailable
	// Forbidden is that it refuses this to us: a key that was rotated, a right that is missing.
	Forbidden
	// TimedOut is that it did not answer before its caller gave up.
	TimedOut
	// Unsuitable is that it is not what it has to be: a volume that is not mounted, a bucket of another kind.
	Unsuitable
	// Unknown is an error that no driver should return.
	Unknown
)

// telling are the outcomes that say something of the account.
var telling = map[string]Failure{
	watch.OK.Kind:      Healthy,
	"not_exist":        Healthy,
	"exists":           Healthy,
	"unavailable":      Unavailable,
	"permission":       Forbidden,
	watch.Timeout.Kind: TimedOut,
	"unsuitable":       Unsuitable,
	watch.Other.Kind:   Unknown,
}

// account is how its last requests ended.
type account struct{ reading, writing Failure }

func (a *account) failure() Failure { return max(a.writing, a.reading) }

// accounts are the accounts of the process, by name.
type accounts struct {
	series[account]
	failed, alive *prometheus.Desc
}

func newAccounts() *accounts {
	return &accounts{
		series: series[account]{by: map[string]*account{}},
		failed: prometheus.NewDesc("voicemail_storage_failed_account", "0 if the account can be accessed, otherwise a failure code.", []string{"StorageAccount"}, nil),
		alive:  prometheus.NewDesc("voicemail_storage_alive", "1 if every account can be accessed.", nil, nil),
	}
}

func (a *accounts) add(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of(name)
}

// saw takes note of how a request ended. Reading and writing are told apart, since a full disk is read well, and each of them is asked for all the time.
func (a *accounts) saw(name, operation string, o watch.Outcome) {
	f, ok := telling[o.Kind]
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch one := a.of(name); operation {
	case watch.Create, watch.Delete, watch.Copy, watch.Clean:
		one.writing = f
	case watch.Ping:
		one.reading, one.writing = f, f
	default:
		one.reading = f
	}
}

// Describe implements prometheus.Collector.
func (a *accounts) Describe(to chan<- *prometheus.Desc) {
	to <- a.failed
	to <- a.alive
}

// Collect implements prometheus.Collector.
func (a *accounts) Collect(to chan<- prometheus.Metric) {
	a.mu.Lock()
	defer a.mu.Unlock()
	alive := 1.0
	for name, one := range a.by {
		f := one.failure()
		if f != Healthy {
			alive = 0
		}
		to <- prometheus.MustNewConstMetric(a.failed, prometheus.GaugeValue, float64(f), name)
	}
	if len(a.by) > 0 {
		to <- prometheus.MustNewConstMetric(a.alive, prometheus.GaugeValue, alive)
	}
}
