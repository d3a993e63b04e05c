// Package tracing makes OpenTelemetry spans and metrics of what voicemail does. It uses the API only: the application brings the SDK and the exporter, or none.
//
//	t, err := tracing.New(tracerProvider, meterProvider, &tracing.Options{Tenant: "t100"})
//	svc, err := voicemail.Open(ctx, t.Regions(regions), &voicemail.Options{Tenant: "t100", Observer: t.Observer(lamps.Observe)})
//	box := t.Mailbox(svc.Mailbox("5001"))
//
// Nothing is taken from the environment or from OpenTelemetry's globals, and the library does not import this package: who does not want traces links none of it.
//
// # Spans
//
// A call of a method of a wrapped Mailbox or Message is a span with the name of the method, such as "Mailbox.Deposit"; [Tracing.Operation] makes one of anything else. Below it
// each request to a wrapped Store is a span of kind client, such as "storage create". The reading of an open object is one too, "storage read": it is as long as somebody listens. Spans carry
//
//	voicemail.tenant      the tenant
//	voicemail.region      of a request to a storage: its region
//	voicemail.message.id  of a method of a Message: the message, as errors, events and receipts name it
//	voicemail.outcome     "ok", "canceled", or the kind of the error, such as "mailbox_full" or "unavailable"
//	error.type            the same, if the system did not do what it should; then the status is Error, too
//
// A refusal (no such message, mailbox full, a name that is taken) is an answer and no error.
//
// # Metrics
//
//	voicemail.operation.duration  histogram, in seconds, by voicemail.operation
//	voicemail.storage.duration    histogram, in seconds, by voicemail.operation and voicemail.region; of an Open until its first byte
//	voicemail.events              counter of changes, by voicemail.event (a voicemail.EventKind)
//
// Each also by voicemail.tenant, and the histograms by voicemail.outcome and error.type as above.
//
// No attribute holds a number, a mailbox (which is named by a number), the name of an object or the text of an error, and none of a metric the ID of a message.
package tracing

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/watch"
	"github.com/genesys/voicemail/storage"
)

// scope is the name of the instrumentation.
const scope = "github.com/genesys/voicemail/tracing"

// The attributes.
const (
	tenantKey    = attribute.Key("voicemail.tenant")
	regionKey    = attribute.Key("voicemail.region")
	messageKey   = attribute.Key("voicemail.message.id")
	operationKey = attribute.Key("voicemail.operation")
	outcomeKey   = attribute.Key("voicemail.outcome")
	eventKey     = attribute.Key("voicemail.event")
	errorKey     = attribute.Key("error.type")
)

// Options are the options of [New]. The zero value, and a nil *Options, are the defaults.
type Options struct {
	// Tenant is the attribute voicemail.tenant. Default: there is none.
	Tenant string
}

// Tracing makes spans and metrics of what is done for one tenant. All methods are safe for concurrent use.
type Tracing struct {
	tracer              trace.Tracer // nil: no spans
	operations, storage metric.Float64Histogram
	events              metric.Int64Counter
	tenant              []attribute.KeyValue
}

// New returns Tracing whose spans are made by one provider and whose metrics by the other. Either may be nil, and then there are none of these.
func New(tracers trace.TracerProvider, meters metric.MeterProvider, opts *Options) (*Tracing, error) {
	t := &Tracing{}
	if opts != nil && opts.Tenant != "" {
		t.tenant = []attribute.KeyValue{tenantKey.String(text(opts.Tenant))}
	}
	if tracers != nil {
		t.tracer = tracers.Tracer(scope)
	}
	if meters != nil {
		var errs [3]error
		m := meters.Meter(scope)
		t.operations, errs[0] = m.Float64Histogram("voicemail.operation.duration", metric.WithUnit("s"), metric.WithDescription("How long calls took."), buckets())
		t.storage, errs[1] = m.Float64Histogram("voicemail.storage.duration", metric.WithUnit("s"), metric.WithDescription("How long requests to a storage took."), buckets())
		t.events, errs[2] = m.Int64Counter("voicemail.events", metric.WithUnit("{event}"), metric.WithDescription("Changes."))
		if err := errors.Join(errs[:]...); err != nil {
			return nil, errors.Join(errors.New("tracing: no instruments"), err)
		}
	}
	return t, nil
}

// buckets are seconds. A look at a volume takes a tenth of a millisecond, a time-out at a cloud half a minute.
func buckets() metric.HistogramOption {
	return metric.WithExplicitBucketBoundaries(.0001, .0005, .001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30)
}

// text returns s as far as it can be an attribute.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// Store returns a Store that does what s does, whose requests are spans. It has the capabilities of s (see storage.As). The region becomes an attribute: one of a set that is known.
func (t *Tracing) Store(region string, s storage.Store) storage.Store {
	attrs := append(slices.Clone(t.tenant), regionKey.String(text(region)))
	return watch.Store(s, func(ctx context.Context, c watch.Call) (context.Context, func(error)) {
		durations := t.storage
		if c.Name == watch.Read { // whose time is that of who listens
			durations = nil
		}
		return t.start(ctx, "storage "+c.Name, trace.SpanKindClient, c, attrs, durations)
	})
}

// Regions returns the same regions with every store wrapped by Store.
func (t *Tracing) Regions(r voicemail.Regions) voicemail.Regions {
	r.Stores = maps.Clone(r.Stores)
	for name, s := range r.Stores {
		r.Stores[name] = t.Store(name, s)
	}
	return r
}

// Mailbox returns a Mailbox that does what box does, whose calls are spans, as are those of its messages.
func (t *Tracing) Mailbox(box voicemail.Mailbox) voicemail.Mailbox {
	return watch.Mailbox(box, t.operation)
}

// Message returns a Message that does what msg does, whose calls are spans: for what voicemail.Service finds without a Mailbox.
func (t *Tracing) Message(msg voicemail.Message) voicemail.Message {
	return watch.Message(msg, t.operation)
}

// Operation calls f in a span of this name: for what is no method of a Mailbox or Message, such as "Service.Maintain" or "Controller.Sweep". The name becomes an attribute of
// metrics: a constant. Its error is returned as it is.
func (t *Tracing) Operation(ctx context.Context, name string, f func(context.Context) error) error {
	return watch.Do(ctx, t.operation, name, f)
}

func (t *Tracing) operation(ctx context.Context, c watch.Call) (context.Context, func(error)) {
	return t.start(ctx, c.Name, trace.SpanKindInternal, c, t.tenant, t.operations)
}

// Observer returns a voicemail.Options.Observer that counts events before it tells next, which may be nil.
func (t *Tracing) Observer(next func(voicemail.Event)) func(voicemail.Event) {
	return func(e voicemail.Event) {
		if t.events != nil {
			// An Event has no context: it belongs to what was done, whoever did it.
			t.events.Add(context.Background(), 1, metric.WithAttributes(append(slices.Clone(t.tenant), eventKey.String(string(e.Kind)))...))
		}
		if next != nil {
			next(e)
		}
	}
}

// start begins a span of the name, which is measured if durations is not nil.
func (t *Tracing) start(ctx context.Context, name string, kind trace.SpanKind, c watch.Call, attrs []attribute.KeyValue, durations metric.Float64Histogram) (context.Context, func(error)) {
	var span trace.Span
	if t.tracer != nil {
		ctx, span = t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
		if c.Message != "" {
			span.SetAttributes(messageKey.String(string(c.Message)))
		}
	}
	began := time.Now()
	return ctx, func(err error) {
		o := watch.OutcomeOf(err)
		ended := []attribute.KeyValue{outcomeKey.String(o.Kind)}
		if o.Failed {
			ended = append(ended, errorKey.String(o.Kind))
		}
		if span != nil {
			span.SetAttributes(ended...)
			if o.Failed {
				span.SetStatus(codes.Error, o.Kind)
			}
			span.End()
		}
		if durations != nil {
			ended = append(append(ended, operationKey.String(c.Name)), attrs...)
			durations.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(ended...))
		}
	}
}
