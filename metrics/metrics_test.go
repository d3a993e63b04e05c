package metrics_test

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/metrics"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

// clock is Options.Now, which stands still unless it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type bench struct {
	*testing.T
	reg   *prometheus.Registry
	m     *metrics.Metrics
	clock *clock
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t, prometheus.NewPedanticRegistry(), nil, &clock{at: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}}
	var err error
	b.m, err = metrics.New(b.reg, &metrics.Options{Now: b.clock.now})
	require.NoError(t, err)
	return b
}

// sees demands lines of the exposition; none are of a metric that does not appear.
func (b *bench) sees(name string, lines ...string) {
	b.Helper()
	require.Equal(b, lines, b.lines(name))
}

// lines are the samples of a metric.
func (b *bench) lines(name string) (found []string) {
	b.Helper()
	for line := range strings.Lines(b.text()) {
		if after, ok := strings.CutPrefix(line, name); ok && (after[0] == '{' || after[0] == ' ') {
			found = append(found, strings.TrimSpace(after))
		}
	}
	return found
}

// text is what Prometheus is told.
func (b *bench) text() string {
	b.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(b.reg, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(b, 200, w.Code, w.Body)
	return w.Body.String()
}

// mailbox is the mailbox 5001 of the tenant, whose storage is not watched.
func (b *bench) mailbox(t *metrics.Tenant, store storage.Store) (*voicemail.Service, voicemail.Mailbox) {
	b.Helper()
	svc, err := voicemail.Open(b.Context(), voicemail.OneRegion(store), &voicemail.Options{Observer: t.Observer(nil)})
	require.NoError(b, err)
	box, err := svc.CreateMailbox(b.Context(), "5001", nil)
	require.NoError(b, err)
	return svc, t.Mailbox(box)
}

// Some of everything, against which dashboards and rules are held.
func TestTheExpositionIsThatOfItsGoldenFile(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	tenant := b.m.Tenant("t100")
	domain := faultstore.New(memstore.New(nil))
	svc, box := b.mailbox(tenant, domain)
	msg, err := box.Deposit(ctx, strings.NewReader("RIFF"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+15550100001")})
	require.NoError(t, err)
	require.NoError(t, msg.MarkRead(ctx))
	_, err = tenant.Mailbox(svc.Mailbox("5002")).Counts(ctx)
	require.ErrorIs(t, err, voicemail.ErrNoMailbox)
	for found, err := range svc.FindByCaller(ctx, voicemail.ParseCallerID("+15550100001")) {
		require.NoError(t, err)
		require.NoError(t, tenant.Message(found).Trash(ctx))
	}
	domain.Set(faultstore.Fault{Op: faultstore.List})
	_, err = box.Counts(ctx)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.NoError(t, tenant.Operation(ctx, "Service.Maintain", func(context.Context) error { return nil }))

	inner := faultstore.New(memstore.New(nil), faultstore.Fault{Op: faultstore.List, Kind: storage.ErrPermission})
	s := tenant.Regions(voicemail.OneRegion(inner)).Stores["main"]
	_, err = s.Create(ctx, "v1/box/5001/a", strings.NewReader("content"), nil)
	require.NoError(t, err)
	_, err = storage.ReadFile(ctx, s, "v1/box/5001/a", 100)
	require.NoError(t, err)
	_, err = s.Stat(ctx, "v1/box/5001/b")
	require.ErrorIs(t, err, storage.ErrNotExist)
	_, err = s.List(ctx, nil)
	require.ErrorIs(t, err, storage.ErrPermission)

	tenant.AccessCall()
	tenant.TUIRequest()
	tenant.ConfigRequest(nil)
	tenant.ConsulRequest(errors.New("no agent"))
	tenant.GWSRequest(nil)
	b.m.RedisConnectionFailure()
	b.m.Tenant("").GWSRequest(errors.New("no route"))

	text := b.text()
	golden(t, "metrics.txt", text)
	for _, secret := range []string{"5550100001", "5001", string(msg.ID())} {
		require.NotContains(t, text, secret)
	}
}

// They are those of the product's dashboards and rules: labels that differ break them as names do.
func TestTheProductsMetricsHaveItsNamesAndLabels(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "metrics.txt"))
	require.NoError(t, err)
	for _, sample := range []string{
		`voicemail_tui_request_total{tenant="t100"}`,
		`voicemail_access_call_rate{tenant="t100"}`, `voicemail_deposit_call_rate{tenant="t100"}`,
		`voicemail_storage_request_total{tenant="t100"}`, `voicemail_storage_request_passed_total{tenant="t100"}`, `voicemail_storage_request_failed_total{tenant="t100"}`,
		`voicemail_storage_access_latency_sum`, `voicemail_storage_access_latency_count`,
		`voicemail_storage_alive`, `voicemail_storage_failed_account{StorageAccount="main"}`,
		`voicemail_config_request_total{tenant="t100"}`, `voicemail_config_request_failed_total{tenant="t100"}`,
		`voicemail_consul_request_total{tenant="t100"}`, `voicemail_consul_request_failed_total{tenant="t100"}`,
		`voicemail_gws_request_total{tenant="t100"}`, `voicemail_gws_request_failed_total{tenant="t100"}`,
		`voicemail_redis_connection_failure`,
	} {
		assert.Contains(t, string(golden), "\n"+sample+" ", sample)
	}
}

func TestWhatIsNeverToldDoesNotAppear(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"redis_connection_failure", "config_request_total", "tui_request_total", "access_call_rate", "storage_alive", "storage_failed_account"} {
		require.NotContains(t, b.text(), "\nvoicemail_"+name)
	}
}

func TestRequestsPassFailOrAreGivenUp(t *testing.T) {
	b := newBench(t)
	inner := faultstore.New(memstore.New(nil))
	s := b.m.Tenant("t100").Store("eu", inner)
	counts := func(all, passed, failed string) {
		t.Helper()
		b.sees("voicemail_storage_request_total", `{tenant="t100"} `+all)
		b.sees("voicemail_storage_request_passed_total", `{tenant="t100"} `+passed)
		b.sees("voicemail_storage_request_failed_total", `{tenant="t100"} `+failed)
	}
	counts("0", "0", "0") // they are there before the first request, so that the rate of the first failure is seen

	_, _ = s.Create(t.Context(), "a", strings.NewReader("content"), nil)
	_, _ = s.Create(t.Context(), "a", nil, nil)
	_, _ = s.Stat(t.Context(), "none")
	counts("3", "3", "0")

	inner.Set(faultstore.Fault{Op: faultstore.Stat})
	_, _ = s.Stat(t.Context(), "a")
	counts("4", "3", "1")

	done, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = s.Stat(done, "a")
	counts("5", "3", "1")

	o, err := s.Open(t.Context(), "a", nil)
	require.NoError(t, err)
	_, _ = io.ReadAll(o)
	require.NoError(t, o.Close())
	counts("6", "4", "1")

	inner.Set(faultstore.Fault{Op: faultstore.Read})
	o, err = s.Open(t.Context(), "a", nil)
	require.NoError(t, err)
	_, err = io.ReadAll(o)
	require.Error(t, err)
	require.NoError(t, o.Close())
	counts("8", "5", "2")
	b.sees("voicemail_storage_operation_total",
		`{StorageAccount="eu",operation="create",outcome="exists"} 1`, `{StorageAccount="eu",operation="create",outcome="ok"} 1`,
		`{StorageAccount="eu",operation="open",outcome="ok"} 2`,
		`{StorageAccount="eu",operation="read",outcome="ok"} 1`, `{StorageAccount="eu",operation="read",outcome="unavailable"} 1`,
		`{StorageAccount="eu",operation="stat",outcome="canceled"} 1`, `{StorageAccount="eu",operation="stat",outcome="not_exist"} 1`, `{StorageAccount="eu",operation="stat",outcome="unavailable"} 1`)
}

// slow is a Store whose Stat and Read take a second each.
type slow struct {
	storage.Store
	clock *clock
}

func (s slow) Stat(ctx context.Context, key string) (storage.Info, error) {
	s.clock.move(time.Second)
	return s.Store.Stat(ctx, key)
}

func (s slow) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	o, err := s.Store.Open(ctx, key, opts)
	return slowObject{o, s.clock}, err
}

type slowObject struct {
	storage.Object
	clock *clock
}

func (o slowObject) Read(p []byte) (int, error) {
	o.clock.move(time.Second)
	return o.Object.Read(p)
}

func TestTheLatencyIsThatOfTheStorageNotOfWhoListens(t *testing.T) {
	b := newBench(t)
	inner := memstore.New(nil)
	s := b.m.Tenant("t100").Store("eu", slow{inner, b.clock})
	_, err := s.Create(t.Context(), "a", strings.NewReader("content"), nil)
	require.NoError(t, err)
	_, err = s.Stat(t.Context(), "a")
	require.NoError(t, err)
	b.sees("voicemail_storage_access_latency_sum", "1")
	b.sees("voicemail_storage_access_latency_count", "2")
	o, err := s.Open(t.Context(), "a", nil)
	require.NoError(t, err)
	_, err = io.ReadAll(o)
	require.NoError(t, err)
	require.NoError(t, o.Close())
	b.sees("voicemail_storage_access_latency_sum", "1")
	b.sees("voicemail_storage_access_latency_count", "3")

	o, err = b.m.Tenant("t100").Store("us", faultstore.New(slow{inner, b.clock}, faultstore.Fault{Op: faultstore.Read, Mode: faultstore.After})).Open(t.Context(), "a", nil)
	require.NoError(t, err)
	_, err = io.ReadAll(o)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	b.sees("voicemail_storage_access_latency_sum", "1")
	b.sees("voicemail_storage_access_latency_count", "4")
}

// The product's rule is: voicemail_storage_failed_account != 0 for 3 and 5 minutes.
func TestAnAccountHasFailedUntilTheSameIsAnsweredAgain(t *testing.T) {
	inner := faultstore.New(memstore.New(nil))
	read := func(s storage.Store) { _, _ = s.Stat(t.Context(), "none") }
	write := func(s storage.Store) { _ = s.Delete(t.Context(), "none") }
	create := func(s storage.Store) { _, _ = s.Create(t.Context(), "taken", nil, nil) }
	create(inner)
	ping := func(s storage.Store) {
		p, ok := storage.As[storage.Pinger](s)
		require.True(t, ok)
		_, _ = p.Ping(t.Context())
	}
	fails := func(f faultstore.Fault, call func(storage.Store)) func(storage.Store) {
		return func(s storage.Store) {
			inner.Set(f)
			call(s)
			require.Equal(t, 1, inner.Disturbed())
			inner.Set()
		}
	}
	badRead := fails(faultstore.Fault{Op: faultstore.Stat}, read)
	badWrite := fails(faultstore.Fault{Op: faultstore.Delete}, write)
	given := func(op faultstore.Op, kind error, call func(storage.Store)) func(storage.Store) {
		return fails(faultstore.Fault{Op: op, Kind: kind}, call)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	gone := func(s storage.Store) { _, _ = s.Stat(done, "none") }
	late, cancelLate := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancelLate()
	timeout := func(s storage.Store) { _, _ = s.Stat(late, "none") }

	type steps []func(storage.Store)
	for _, tt := range []struct {
		why  string
		do   steps
		want metrics.Failure
	}{
		{"it is well until it is known not to be", nil, metrics.Healthy},
		{"it answers that there is none", steps{read, write}, metrics.Healthy},
		{"it does not answer", steps{badRead}, metrics.Unavailable},
		{"it is read again", steps{badRead, read}, metrics.Healthy},
		{"it was written to, and still cannot be read", steps{badRead, write}, metrics.Unavailable},
		{"a full disk is read well", steps{badWrite, read}, metrics.Unavailable},
		{"it is written to again", steps{badWrite, write}, metrics.Healthy},
		{"it was asked for a name that is taken, which is an answer", steps{badWrite, create}, metrics.Healthy},
		{"a health check has read and written", steps{badRead, badWrite, ping}, metrics.Healthy},
		{"a health check could not", steps{fails(faultstore.Fault{Op: faultstore.Ping}, ping), read}, metrics.Unavailable},
		{"the key was rotated", steps{given(faultstore.Stat, storage.ErrPermission, read)}, metrics.Forbidden},
		{"a lock on one object is not the account's", steps{given(faultstore.Delete, storage.ErrBlocked, write)}, metrics.Healthy},
		{"nor is a damaged object, which says nothing of it", steps{badRead, given(faultstore.Stat, storage.ErrCorrupt, read)}, metrics.Unavailable},
		{"who gives up learns nothing", steps{badRead, gone}, metrics.Unavailable},
		{"who gives up has not found it failing", steps{gone}, metrics.Healthy},
		{"who waited long enough has", steps{timeout}, metrics.TimedOut},
		{"a Store that was closed says nothing", steps{given(faultstore.Stat, storage.ErrClosed, read)}, metrics.Healthy},
		{"it is not mounted", steps{given(faultstore.Stat, storage.ErrUnsuitable, read)}, metrics.Unsuitable},
		{"an error without a kind", steps{given(faultstore.Stat, errors.New("?"), read)}, metrics.Unknown},
	} {
		b := newBench(t)
		tenant := b.m.Tenant("t100")
		s := tenant.Store("eu", inner)
		tenant.Store("us", inner)
		for _, do := range tt.do {
			do(s)
		}
		got := b.lines("voicemail_storage_failed_account")
		alive := "1"
		if tt.want != metrics.Healthy {
			alive = "0"
		}
		assert.Equal(t, []string{`{StorageAccount="eu"} ` + string('0'+rune(tt.want)), `{StorageAccount="us"} 0`}, got, tt.why)
		assert.Equal(t, []string{alive}, b.lines("voicemail_storage_alive"), tt.why)
	}
}

func TestARateIsOfTheLastMinute(t *testing.T) {
	b := newBench(t)
	tenant := b.m.Tenant("t100")
	sees := func(rate string) {
		t.Helper()
		b.sees("voicemail_access_call_rate", `{tenant="t100"} `+rate)
	}
	for range 3 {
		tenant.AccessCall()
	}
	b.clock.move(30 * time.Second)
	for range 3 {
		tenant.AccessCall()
	}
	sees("0.1")
	b.clock.move(29 * time.Second)
	sees("0.1")
	b.clock.move(time.Second)
	sees("0.05")
	tenant.AccessCall() // in the slot of the first ones
	b.clock.move(30 * time.Second)
	sees("0.016666666666666666")
	b.clock.move(time.Hour)
	sees("0")
	b.clock.move(-2 * time.Hour) // a clock that was set
	sees("0")
}

func TestTenantsAreToldApartAndOneTenantIsOne(t *testing.T) {
	b := newBench(t)
	b.m.Tenant("t100").AccessCall()
	b.m.Tenant("t100").TUIRequest()
	b.m.Tenant("t200").TUIRequest()
	b.m.Tenant("t100").TUIRequest()
	b.m.Tenant("t100").AccessCall()
	b.sees("voicemail_tui_request_total", `{tenant="t100"} 2`, `{tenant="t200"} 1`)
	b.sees("voicemail_access_call_rate", `{tenant="t100"} 0.03333333333333333`)
}

func TestEventsAreCountedAndGoOn(t *testing.T) {
	b := newBench(t)
	var told []voicemail.Event
	observe := b.m.Tenant("t100").Observer(func(e voicemail.Event) { told = append(told, e) })
	for _, kind := range []voicemail.EventKind{voicemail.EventDeposited, voicemail.EventPending, voicemail.EventSynced, voicemail.EventRead} {
		observe(voicemail.Event{Kind: kind, Mailbox: "5001"})
	}
	require.Len(t, told, 4)
	require.Equal(t, voicemail.Event{Kind: voicemail.EventSynced, Mailbox: "5001"}, told[2])
	b.sees("voicemail_event_total", `{kind="deposited",tenant="t100"} 1`, `{kind="pending",tenant="t100"} 1`, `{kind="read",tenant="t100"} 1`, `{kind="synced",tenant="t100"} 1`)
	b.sees("voicemail_deposit_call_rate", `{tenant="t100"} 0.03333333333333333`)
}

func TestAnOperationIsTimedAndItsErrorComesBack(t *testing.T) {
	b := newBench(t)
	boom := errors.New("boom")
	err := b.m.Tenant("t100").Operation(t.Context(), "Controller.Sweep", func(context.Context) error {
		b.clock.move(2 * time.Second)
		return boom
	})
	require.Equal(t, boom, err)
	b.sees("voicemail_operation_total", `{operation="Controller.Sweep",outcome="other"} 1`)
	b.sees("voicemail_operation_seconds_sum", `{operation="Controller.Sweep"} 2`)
}

func TestRegionsOfTheCallerAreNotChanged(t *testing.T) {
	b := newBench(t)
	s := memstore.New(nil)
	given := voicemail.OneRegion(s)
	wrapped := b.m.Tenant("t100").Regions(given)
	require.Same(t, s, given.Stores[given.Local])
	require.NotEqual(t, given.Stores, wrapped.Stores)
	require.Equal(t, given.Master, wrapped.Master)
	require.Equal(t, given.Local, wrapped.Local)
}

func TestNamesThatAreNoTextAreNoPanic(t *testing.T) {
	b := newBench(t)
	tenant := b.m.Tenant("\xff")
	tenant.AccessCall()
	_, _ = tenant.Store("\xff", memstore.New(nil)).Stat(t.Context(), "a")
	require.Contains(t, b.text(), `tenant="`+"\uFFFD"+`"`)
}

func TestASecondRegistrationIsAnErrorAndLeavesTheFirst(t *testing.T) {
	b := newBench(t)
	_, err := metrics.New(b.reg, nil)
	require.ErrorAs(t, err, new(prometheus.AlreadyRegisteredError))
	b.m.Tenant("t100").TUIRequest()
	b.sees("voicemail_tui_request_total", `{tenant="t100"} 1`)

	reg := prometheus.NewRegistry()
	taken := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "voicemail_event_total", Help: "Changes."}, []string{"tenant", "kind"})
	reg.MustRegister(taken)
	_, err = metrics.New(reg, nil)
	require.Error(t, err)
	reg.Unregister(taken)
	_, err = metrics.New(reg, nil)
	require.NoError(t, err, "what was registered before the error is gone")
}
