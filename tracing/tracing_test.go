package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/tracing"
)

const (
	caller = "+15550100001"
	number = "5550100001"
)

type bench struct {
	*testing.T
	*tracing.Tracing
	spans  *tracetest.InMemoryExporter
	reader *metric.ManualReader
	tracer trace.TracerProvider
	store  *faultstore.Store
	svc    *voicemail.Service
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader(), store: faultstore.New(memstore.New(nil))}
	b.tracer = sdktrace.NewTracerProvider(sdktrace.WithSyncer(b.spans))
	var err error
	b.Tracing, err = tracing.New(b.tracer, metric.NewMeterProvider(metric.WithReader(b.reader)), &tracing.Options{Tenant: "t100"})
	require.NoError(t, err)
	b.svc, err = voicemail.Open(t.Context(), b.Regions(voicemail.OneRegion(b.store)), &voicemail.Options{Tenant: "t100", Observer: b.Observer(nil)})
	require.NoError(t, err)
	for _, id := range []voicemail.MailboxID{"5001", "5002"} {
		_, err = b.svc.CreateMailbox(t.Context(), id, nil)
		require.NoError(t, err)
	}
	b.spans.Reset()
	return b
}

// deposit leaves a message in the mailbox 5001, with everything in it that must not be seen.
func (b *bench) deposit() voicemail.Message {
	b.Helper()
	msg, err := b.Mailbox(b.svc.Mailbox("5001")).Deposit(b.Context(), strings.NewReader("RIFF"), &voicemail.DepositOptions{
		Caller: voicemail.ParseCallerID(`"Ada" <tel:` + caller + `>`), CallID: "call-17",
	})
	require.NoError(b, err)
	return msg
}

// named returns the one span of the name.
func (b *bench) named(name string) tracetest.SpanStub {
	b.Helper()
	var found []tracetest.SpanStub
	for _, s := range b.spans.GetSpans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	require.Len(b, found, 1, name)
	return found[0]
}

// attrs prints the attributes of a span or of a data point.
func attrs(list []attribute.KeyValue) string {
	var all []string
	for _, a := range list {
		all = append(all, fmt.Sprintf("%s=%s", a.Key, a.Value.AsString()))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestRequestsToTheStorageAreBelowWhatTheyAreFor(t *testing.T) {
	b := newBench(t)
	ctx, request := b.tracer.Tracer("application").Start(t.Context(), "POST /messages")
	_, err := b.Mailbox(b.svc.Mailbox("5001")).Deposit(ctx, strings.NewReader("RIFF"), nil)
	require.NoError(t, err)
	request.End()

	deposit := b.named("Mailbox.Deposit")
	require.Equal(t, request.SpanContext().SpanID(), deposit.Parent.SpanID())
	require.Equal(t, trace.SpanKindInternal, deposit.SpanKind)
	require.Equal(t, "voicemail.outcome=ok voicemail.tenant=t100", attrs(deposit.Attributes))
	creates := 0
	for _, s := range b.spans.GetSpans() {
		if !strings.HasPrefix(s.Name, "storage ") {
			continue
		}
		require.Equal(t, deposit.SpanContext.SpanID(), s.Parent.SpanID(), s.Name)
		require.Equal(t, trace.SpanKindClient, s.SpanKind)
		require.Equal(t, "voicemail.outcome=ok voicemail.region=main voicemail.tenant=t100", attrs(s.Attributes))
		if s.Name == "storage create" {
			creates++
		}
	}
	require.GreaterOrEqual(t, creates, 2, "the audio and the metadata")
}

func TestASpanOfAMessageNamesItAndAMetricDoesNot(t *testing.T) {
	b := newBench(t)
	msg := b.deposit()
	require.NoError(t, msg.MarkRead(t.Context()))
	require.Contains(t, attrs(b.named("Message.MarkRead").Attributes), "voicemail.message.id="+string(msg.ID()))
	for _, points := range b.points() {
		for attrs := range points {
			require.NotContains(t, attrs, string(msg.ID()))
		}
	}
}

func TestAFailureIsAnErrorAndARefusalIsNone(t *testing.T) {
	b := newBench(t)
	_, err := b.Mailbox(b.svc.Mailbox("none")).Counts(t.Context())
	require.ErrorIs(t, err, voicemail.ErrNoMailbox)
	refused := b.named("Mailbox.Counts")
	require.Equal(t, "voicemail.outcome=no_mailbox voicemail.tenant=t100", attrs(refused.Attributes))
	require.Equal(t, codes.Unset, refused.Status.Code)

	b.spans.Reset()
	b.store.Set(faultstore.Fault{Op: faultstore.List})
	_, err = b.Mailbox(b.svc.Mailbox("5001")).Counts(t.Context())
	require.ErrorIs(t, err, storage.ErrUnavailable)
	for _, name := range []string{"Mailbox.Counts", "storage list"} {
		failed := b.named(name)
		require.Contains(t, attrs(failed.Attributes), "error.type=unavailable")
		require.Contains(t, attrs(failed.Attributes), "voicemail.outcome=unavailable")
		require.Equal(t, sdktrace.Status{Code: codes.Error, Description: "unavailable"}, failed.Status)
	}
}

func TestListeningIsASpanOfItsOwn(t *testing.T) {
	b := newBench(t)
	msg := b.deposit()
	b.spans.Reset()
	ctx, request := b.tracer.Tracer("application").Start(t.Context(), "GET /recording")
	audio, err := msg.Open(ctx)
	require.NoError(t, err)
	_, err = io.ReadAll(audio)
	require.NoError(t, err)
	require.NoError(t, audio.Close())
	request.End()
	b.named("Message.Open")
	read := b.named("storage read")
	require.Equal(t, request.SpanContext().TraceID(), read.SpanContext.TraceID())
	require.NotContains(t, b.points()["voicemail.storage.duration"], "voicemail.operation=read voicemail.outcome=ok voicemail.region=main voicemail.tenant=t100")
}

// Everything that an application can put in is looked for in everything that goes out, in a run that uses all of it and fails here and there.
func TestNoSpanAndNoMetricHoldsANumberANameOrAnError(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	msg := b.deposit()
	found := 0
	for m, err := range b.svc.FindByCaller(ctx, voicemail.ParseCallerID(caller)) {
		require.NoError(t, err)
		found++
		require.NoError(t, b.Message(m).Trash(ctx))
		require.NoError(t, b.Message(m).Restore(ctx))
	}
	require.Equal(t, 1, found)
	_, err := b.Mailbox(b.svc.Mailbox("5001")).Message(ctx, number)
	require.ErrorIs(t, err, voicemail.ErrInvalid)
	_, err = b.Mailbox(b.svc.Mailbox(number)).Counts(ctx)
	require.ErrorIs(t, err, voicemail.ErrNoMailbox)
	require.NoError(t, msg.MarkReadBy(ctx, "agent Ada"))
	_, err = msg.AddPart(ctx, voicemail.PartNote, strings.NewReader("call "+number), nil)
	require.NoError(t, err)
	b.store.Set(faultstore.Fault{Times: 3})
	_, err = msg.MoveTo(ctx, "5002")
	require.Error(t, err)
	b.store.Set()
	_, err = msg.MoveTo(ctx, "5002")
	require.NoError(t, err)
	err = b.Operation(ctx, "Controller.Sweep", func(context.Context) error { return errors.New("cannot erase " + number) })
	require.ErrorContains(t, err, number, "the caller is told")

	out := fmt.Sprintf("%+v", b.points())
	for _, s := range b.spans.GetSpans() {
		out += fmt.Sprintf("%s %s %+v %+v %+v\n", s.Name, attrs(s.Attributes), s.Status, s.Events, s.Links)
	}
	for _, secret := range []string{number, "Ada", "call-17", "5001", "5002", "v1/", "caller/", "RIFF", "injected"} {
		require.NotContains(t, out, secret)
	}
}

// points returns what the reader sees: the attributes of each metric's points, and their counts.
func (b *bench) points() map[string]map[string]uint64 {
	b.Helper()
	var rm metricdata.ResourceMetrics
	require.NoError(b, b.reader.Collect(b.Context(), &rm))
	all := map[string]map[string]uint64{}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			points := map[string]uint64{}
			all[m.Name] = points
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				require.Equal(b, "s", m.Unit)
				for _, p := range data.DataPoints {
					points[attrs(p.Attributes.ToSlice())] = p.Count
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					points[attrs(p.Attributes.ToSlice())] = uint64(p.Value)
				}
			default:
				require.Fail(b, "an instrument of another kind", m.Name)
			}
		}
	}
	return all
}

func TestCallsRequestsAndEventsAreMeasured(t *testing.T) {
	b := newBench(t)
	box := b.Mailbox(b.svc.Mailbox("5001"))
	_, err := box.Counts(t.Context())
	require.NoError(t, err)
	_, err = box.Counts(t.Context())
	require.NoError(t, err)
	b.store.Set(faultstore.Fault{Op: faultstore.List})
	_, err = box.Counts(t.Context())
	require.Error(t, err)
	b.store.Set()
	require.NoError(t, b.deposit().MarkRead(t.Context()))

	got := b.points()
	ops := got["voicemail.operation.duration"]
	assert.EqualValues(t, 2, ops["voicemail.operation=Mailbox.Counts voicemail.outcome=ok voicemail.tenant=t100"])
	assert.EqualValues(t, 1, ops["error.type=unavailable voicemail.operation=Mailbox.Counts voicemail.outcome=unavailable voicemail.tenant=t100"])
	assert.EqualValues(t, 1, ops["voicemail.operation=Message.MarkRead voicemail.outcome=ok voicemail.tenant=t100"])
	requests := got["voicemail.storage.duration"]
	assert.Positive(t, requests["voicemail.operation=create voicemail.outcome=ok voicemail.region=main voicemail.tenant=t100"])
	assert.EqualValues(t, 1, requests["error.type=unavailable voicemail.operation=list voicemail.outcome=unavailable voicemail.region=main voicemail.tenant=t100"])
	assert.Equal(t, map[string]uint64{
		"voicemail.event=mailbox-created voicemail.tenant=t100": 2, "voicemail.event=deposited voicemail.tenant=t100": 1, "voicemail.event=read voicemail.tenant=t100": 1,
	}, got["voicemail.events"])
}

func TestEventsGoOn(t *testing.T) {
	b := newBench(t)
	var told []voicemail.Event
	event := voicemail.Event{Kind: voicemail.EventRead, Mailbox: "5001"}
	b.Observer(func(e voicemail.Event) { told = append(told, e) })(event)
	require.Equal(t, []voicemail.Event{event}, told)
}

func TestWithoutProvidersEverythingGoesOnWithoutSpans(t *testing.T) {
	none, err := tracing.New(nil, nil, nil)
	require.NoError(t, err)
	svc, err := voicemail.Open(t.Context(), none.Regions(voicemail.OneRegion(memstore.New(nil))), &voicemail.Options{Observer: none.Observer(nil)})
	require.NoError(t, err)
	box, err := svc.CreateMailbox(t.Context(), "5001", nil)
	require.NoError(t, err)
	msg, err := none.Mailbox(box).Deposit(t.Context(), strings.NewReader("RIFF"), nil)
	require.NoError(t, err)
	require.NoError(t, msg.MarkRead(t.Context()))
}

func TestSpansWithoutMetricsAndMetricsWithoutSpans(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	only, err := tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)), nil, nil)
	require.NoError(t, err)
	require.NoError(t, only.Operation(t.Context(), "Service.Maintain", func(context.Context) error { return nil }))
	require.Len(t, spans.GetSpans(), 1)
	require.Equal(t, "voicemail.outcome=ok", attrs(spans.GetSpans()[0].Attributes), "there is no tenant")

	b := &bench{T: t, reader: metric.NewManualReader()}
	only, err = tracing.New(nil, metric.NewMeterProvider(metric.WithReader(b.reader)), nil)
	require.NoError(t, err)
	require.NoError(t, only.Operation(t.Context(), "Service.Maintain", func(context.Context) error { return nil }))
	require.Len(t, b.points()["voicemail.operation.duration"], 1)
}

func TestRegionsOfTheCallerAreNotChanged(t *testing.T) {
	b := newBench(t)
	s := memstore.New(nil)
	given := voicemail.OneRegion(s)
	wrapped := b.Regions(given)
	require.Same(t, s, given.Stores[given.Local])
	require.NotEqual(t, given.Stores, wrapped.Stores)
}
