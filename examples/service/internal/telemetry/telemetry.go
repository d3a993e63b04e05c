// Package telemetry is what the service tells Prometheus, and the spans that it writes.
package telemetry

import (
	"context"
	"errors"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/metrics"
	"github.com/genesys/voicemail/tracing"
)

// Telemetry is that of the process. It is safe for concurrent use. A nil *Telemetry has tenants that nobody watches.
type Telemetry struct {
	registry *prometheus.Registry
	metrics  *metrics.Metrics
	file     *os.File
	tracers  *sdktrace.TracerProvider // nil: no spans
}

// New returns Telemetry that adds its spans to the file traces, a line of JSON for each; without a name there are none. Whoever has a collector takes another exporter here.
func New(traces string) (*Telemetry, error) {
	t := &Telemetry{registry: prometheus.NewRegistry()}
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var err error
	if t.metrics, err = metrics.New(t.registry, nil); err != nil {
		return nil, err
	}
	if traces != "" {
		if t.file, err = os.OpenFile(traces, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return nil, err
		}
		exporter, err := stdouttrace.New(stdouttrace.WithWriter(t.file))
		if err != nil {
			return nil, errors.Join(err, t.file.Close())
		}
		t.tracers = sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "voicemail"))))
	}
	return t, nil
}

// Close writes the spans that wait.
func (t *Telemetry) Close() error {
	if t.tracers == nil {
		return nil
	}
	return errors.Join(t.tracers.Shutdown(context.Background()), t.file.Close())
}

// Handler answers Prometheus.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Tenant returns the telemetry of a tenant; "" is what belongs to none.
func (t *Telemetry) Tenant(name string) (*Tenant, error) {
	if t == nil {
		return nil, nil
	}
	var tracers trace.TracerProvider // an interface, which is nil if there is none
	if t.tracers != nil {
		tracers = t.tracers
	}
	traced, err := tracing.New(tracers, nil, &tracing.Options{Tenant: name})
	return &Tenant{t.metrics.Tenant(name), traced}, err
}

// Verifier counts what GWS is asked. That it refuses somebody is an answer.
func (t *Telemetry) Verifier(v auth.Verifier) auth.Verifier {
	return &verifier{v, t.metrics.Tenant("")} // whose it is GWS has yet to say
}

type verifier struct {
	auth.Verifier
	counted *metrics.Tenant
}

func (v *verifier) Verify(ctx context.Context, c auth.Credentials) (auth.Principal, error) {
	p, err := v.Verifier.Verify(ctx, c)
	if errors.Is(err, auth.ErrRefused) {
		v.counted.GWSRequest(nil)
	} else {
		v.counted.GWSRequest(err)
	}
	return p, err
}

// Tenant is the telemetry of a tenant: each thing is counted, and traced below that. A nil *Tenant leaves everything as it is.
type Tenant struct {
	counted *metrics.Tenant
	traced  *tracing.Tracing
}

// Regions wraps the stores.
func (t *Tenant) Regions(r voicemail.Regions) voicemail.Regions {
	if t == nil {
		return r
	}
	return t.counted.Regions(t.traced.Regions(r))
}

// Mailbox wraps a mailbox.
func (t *Tenant) Mailbox(box voicemail.Mailbox) voicemail.Mailbox {
	if t == nil {
		return box
	}
	return t.counted.Mailbox(t.traced.Mailbox(box))
}

// Observer counts events, and tells next.
func (t *Tenant) Observer(next func(voicemail.Event)) func(voicemail.Event) {
	if t == nil {
		return next
	}
	return t.counted.Observer(t.traced.Observer(next))
}

// Operation calls f as the operation.
func (t *Tenant) Operation(ctx context.Context, name string, f func(context.Context) error) error {
	if t == nil {
		return f(ctx)
	}
	return t.counted.Operation(ctx, name, func(ctx context.Context) error { return t.traced.Operation(ctx, name, f) })
}
