package metrics

import (
	"context"
	"maps"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/watch"
	"github.com/genesys/voicemail/storage"
)

// Tenant counts what is done for one tenant. All methods are safe for concurrent use.
type Tenant struct {
	m    *Metrics
	name string
}

// Store returns a Store that does what s does, and is counted as the account. It has the capabilities of s (see storage.As). The name of the account becomes a label: one of a
// set that is known, and no secret.
func (t *Tenant) Store(account string, s storage.Store) storage.Store {
	account = label(account)
	t.m.accounts.add(account)
	requests, passed, failed := t.m.requests.WithLabelValues(t.name), t.m.passed.WithLabelValues(t.name), t.m.failed.WithLabelValues(t.name)
	return watch.Store(s, func(ctx context.Context, c watch.Call) (context.Context, func(error)) {
		start := t.m.now()
		return ctx, func(err error) {
			o := watch.OutcomeOf(err)
			t.m.storageOps.WithLabelValues(account, c.Name, o.Kind).Inc()
			t.m.accounts.saw(account, c.Name, o)
			if c.Name == watch.Read && !o.Failed {
				return // it goes on with a request that was counted; one that breaks off is another that failed
			}
			requests.Inc()
			switch {
			case o.Failed:
				failed.Inc()
			case o != watch.Canceled:
				passed.Inc()
			}
			if c.Name != watch.Read { // whose time is that of who listens
				t.m.latency.Observe(t.m.now().Sub(start).Seconds())
			}
		}
	})
}

// Regions returns the same regions with every store wrapped by Store, as the account that is named as its region.
func (t *Tenant) Regions(r voicemail.Regions) voicemail.Regions {
	r.Stores = maps.Clone(r.Stores)
	for name, s := range r.Stores {
		r.Stores[name] = t.Store(name, s)
	}
	return r
}

// Mailbox returns a Mailbox that does what box does, and whose calls are counted, as are those of its messages.
func (t *Tenant) Mailbox(box voicemail.Mailbox) voicemail.Mailbox {
	return watch.Mailbox(box, t.operation)
}

// Message returns a Message that does what msg does, and whose calls are counted: for what voicemail.Service finds without a Mailbox.
func (t *Tenant) Message(msg voicemail.Message) voicemail.Message {
	return watch.Message(msg, t.operation)
}

// Operation calls f, and counts it as the operation: for what is no method of a Mailbox or Message, such as "Service.Maintain" or "Controller.Sweep". The name becomes a
// label: a constant. Its error is returned as it is.
func (t *Tenant) Operation(ctx context.Context, name string, f func(context.Context) error) error {
	return watch.Do(ctx, t.operation, name, f)
}

func (t *Tenant) operation(ctx context.Context, c watch.Call) (context.Context, func(error)) {
	start := t.m.now()
	return ctx, func(err error) {
		t.m.seconds.WithLabelValues(c.Name).Observe(t.m.now().Sub(start).Seconds())
		t.m.operations.WithLabelValues(c.Name, watch.OutcomeOf(err).Kind).Inc()
	}
}

// Observer returns a voicemail.Options.Observer that counts events, and the rate of deposits, before it tells next, which may be nil.
func (t *Tenant) Observer(next func(voicemail.Event)) func(voicemail.Event) {
	return func(e voicemail.Event) {
		t.m.events.WithLabelValues(t.name, string(e.Kind)).Inc()
		if e.Kind == voicemail.EventDeposited || e.Kind == voicemail.EventPending {
			t.m.deposits.count(t.name)
		}
		if next != nil {
			next(e)
		}
	}
}

// AccessCall counts a call of a user to their mailbox.
func (t *Tenant) AccessCall() { t.m.access.count(t.name) }

// TUIRequest counts what a user asked the telephone menu for: a choice, not each digit of a PIN.
func (t *Tenant) TUIRequest() { t.m.tui.WithLabelValues(t.name).Inc() }

// ConfigRequest counts a request to where the application's configuration is, which failed if err is not nil.
func (t *Tenant) ConfigRequest(err error) { t.m.config.count(t.name, err) }

// ConsulRequest counts a request to Consul, which failed if err is not nil.
func (t *Tenant) ConsulRequest(err error) { t.m.consul.count(t.name, err) }

// GWSRequest counts a request to GWS, such as the check of a token, which failed if err is not nil. A token that GWS refuses is no failure.
func (t *Tenant) GWSRequest(err error) { t.m.gws.count(t.name, err) }
