package gdprapi

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/internal/openapi"
	"github.com/genesys/voicemail/examples/internal/problem"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

const (
	definition = "../../service/openapi/gdpr.yaml"
	center     = "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"
	foreign    = "9350e2fc-a1dd-4c65-8d40-1f75a2e080dd"
	ada        = "+15550100001"
	request    = `{"caseid": "DSR/2026 17", "consumers": [{"consumer": [{"name": "Ada"}, {"phone": "` + ada + `"}]}]}`
)

// office is a service with one contact center.
type office struct {
	*Client
	t         *testing.T
	faults    *faultstore.Store
	tags      *tags
	svc       *voicemail.Service
	box       voicemail.Mailbox
	now       time.Duration
	principal auth.Principal
	exchanges *openapi.Transport
	url       string
	log       bytes.Buffer
}

// tags finds nothing by its tag, and fails to the fail-th time.
type tags struct {
	storage.Store
	calls, fail atomic.Int64
}

func (s *tags) Unwrap() storage.Store { return s.Store }

func (s *tags) FindByTag(context.Context, string, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if s.calls.Add(1) == s.fail.Load() {
			yield("", &storage.Error{Op: "find", Kind: storage.ErrUnavailable})
		}
	}
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, principal: auth.Principal{Name: "user officer", ContactCenters: []string{center}, Officer: true}}
	o.faults = faultstore.New(memstore.New(nil))
	o.tags = &tags{Store: o.faults}
	var err error
	o.svc, err = voicemail.Open(t.Context(), voicemail.OneRegion(o.tags), &voicemail.Options{Now: func() time.Time { return time.Now().Add(o.now) }})
	require.NoError(t, err)
	o.box, err = o.svc.CreateMailbox(t.Context(), "5001", nil)
	require.NoError(t, err)
	c, err := gdpr.New(o.svc, &gdpr.Options{MaxSkew: 1000 * time.Hour, ConfirmAbove: 2})
	require.NoError(t, err)
	handler := NewHandler(func(_ context.Context, id string) (*gdpr.Controller, error) {
		if id != center {
			return nil, ErrNoContactCenter
		}
		return c, nil
	}, slog.New(slog.NewTextHandler(&o.log, nil)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(auth.With(r.Context(), o.principal)))
	}))
	t.Cleanup(server.Close)
	doc, err := openapi.Load(definition)
	require.NoError(t, err)
	o.url = server.URL
	o.exchanges = &openapi.Transport{Document: doc, Wrong: func(err error) { assert.NoError(t, err) }}
	o.Client, err = NewClient(server.URL, auth.NewCredentials(auth.Bearer, "t0ken"), o.exchanges)
	require.NoError(t, err)
	return o
}

func (o *office) deposit(audio string) voicemail.Message {
	o.t.Helper()
	m, err := o.box.Deposit(o.t.Context(), strings.NewReader(audio), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(ada)})
	require.NoError(o.t, err)
	return m
}

func (o *office) report(op Operation, doc string) gdpr.Case {
	o.t.Helper()
	answer, err := o.Report(o.t.Context(), op, []byte(doc), false)
	require.NoError(o.t, err)
	var one gdpr.Case
	require.NoError(o.t, json.Unmarshal(answer, &one))
	return one
}

func (o *office) names() (names []string) {
	o.t.Helper()
	for info, err := range storage.All(o.t.Context(), o.faults, nil) {
		require.NoError(o.t, err)
		names = append(names, info.Key)
	}
	return names
}

func requireProblem(t *testing.T, err error, status int, code string) *problem.Problem {
	t.Helper()
	var p *problem.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, code, p.Code(), "%v", p)
	require.Equal(t, status, p.Status)
	require.NotContains(t, fmt.Sprintf("%+v", *p), ada[2:])
	return p
}

func TestEveryOperationIsAsTheDefinitionSays(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	first, second := o.deposit("hello"), o.deposit("hello again")

	preview := o.report(Preview, request)
	assert.Empty(t, preview.State)
	assert.Equal(t, gdpr.StateRestricted, o.report(Forget, request).State)
	_, err := first.Open(ctx)
	require.ErrorIs(t, err, voicemail.ErrNotFound)
	undone := o.report(Undo, `{"caseid": "DSR/2026 17"}`)
	assert.Equal(t, gdpr.StateUndone, undone.State)
	assert.Equal(t, "user officer", undone.Actor, "the token says who asks")

	var archive bytes.Buffer
	n, err := o.Export(ctx, []byte(request), &archive)
	require.NoError(t, err)
	z, err := zip.NewReader(bytes.NewReader(archive.Bytes()), n)
	require.NoError(t, err)
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	assert.ElementsMatch(t, []string{string(first.ID()), string(second.ID()), "output.json", "messages.csv", "index.html"}, names)

	o.report(Forget, request)
	c, err := gdpr.New(o.svc, &gdpr.Options{MaxSkew: 1000 * time.Hour})
	require.NoError(t, err)
	for range 2 {
		o.now += gdpr.DefaultWindow
		_, err = c.Sweep(ctx)
		require.NoError(t, err)
	}
	one, err := o.Status(ctx, "", "DSR/2026 17")
	require.NoError(t, err)
	assert.Equal(t, gdpr.StateClosed, one.State)
	list, err := o.Cases(ctx, center)
	require.NoError(t, err)
	assert.Equal(t, &Cases{Cases: []gdpr.Case{one}}, list)
	receipts, err := o.Receipts(ctx, "", 0)
	require.NoError(t, err)
	require.Len(t, receipts.Receipts, 1)
	assert.ElementsMatch(t, []voicemail.MessageID{first.ID(), second.ID()}, receipts.Receipts[0].Messages)
	assert.Len(t, receipts.Head, 64)
	later, err := o.Receipts(ctx, "", 1)
	require.NoError(t, err)
	assert.Empty(t, later.Receipts)

	assert.Empty(t, o.exchanges.Unseen(), "operations of the definition that this test has not used")
}

func TestTheHandlerAndTheDefinitionHaveTheSameOperations(t *testing.T) {
	doc, err := openapi.Load(definition)
	require.NoError(t, err)
	var routes []string
	for _, r := range (&handler{}).routes() {
		routes = append(routes, r.method+" "+r.path)
	}
	slices.Sort(routes)
	assert.Equal(t, doc.Operations(), routes)
}

// Some members are there in rare cases only.
func TestEverythingThatAnAnswerCanSayIsDefined(t *testing.T) {
	doc, err := openapi.Load(definition)
	require.NoError(t, err)
	at, ids := time.Now(), []voicemail.MessageID{"id"}
	one := gdpr.Case{
		CaseID: "c", State: gdpr.StateClosed, Actor: "a", AcceptedAt: at, UndoUntil: at, EraseBy: at, UndoneAt: at, DecidedAt: at, ErasedAt: at, VerifiedAt: at, Receipt: 1,
	}
	for schema, value := range map[string]any{
		"Case": one,
		"Report": gdpr.ForgetReport{Case: one, LinksUntil: at, Newer: 1, Foreign: 1, ForeignElsewhere: 1, DryRun: true, Phones: []gdpr.PhoneReport{{
			Phone: gdpr.NewPhone(ada), Refused: "why", Messages: ids, Held: ids, Candidates: []gdpr.Candidate{{Phone: gdpr.NewPhone("1"), Messages: 1}},
		}}},
		"Receipt": gdpr.Receipt{Messages: ids, Regions: []gdpr.RegionReceipt{{Name: "main", RecoverableUntil: at, Versioned: true, Lock: true, Notes: []string{"note"}}}},
		"Problem": problem.Problem{Type: problem.New(400, Decided, "", "").Type, Title: "t", Status: 400, Detail: "d", Field: "f", Messages: 3, Limit: 2},
	} {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		require.NoError(t, doc.CheckSchema(schema, text))
	}
	for _, code := range []string{
		problem.InvalidRequest, problem.Unauthenticated, problem.Forbidden, problem.NotFound, problem.TooLarge, problem.MediaType, problem.TooMany, problem.Internal, problem.Unavailable,
		problem.Canceled, NoCase, CaseConflict, Decided, ConfirmationNeeded, RegionsDown, ClocksDiffer, Tampered, StorageRefuses,
	} {
		require.NoError(t, doc.CheckSchema("Problem", fmt.Appendf(nil, `{"type": %q, "title": "", "status": 500}`, problem.New(500, code, "", "").Type)), code)
	}
}

func TestErrorsAreProblemsAndSayWhatToDo(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	send := func(op Operation, doc string) error {
		_, err := o.Report(ctx, op, []byte(doc), false)
		return err
	}
	p := requireProblem(t, send(Forget, `{"caseid": "c", "consumers": [{"consumer": {"phone": 15550100001}}]}`), 400, problem.InvalidRequest)
	assert.Equal(t, "consumers[0].consumer.phone", p.Field)
	assert.False(t, p.Temporary())
	requireProblem(t, send(Forget, `{`), 400, problem.InvalidRequest)
	requireProblem(t, send(Forget, `{"caseid": "c"}`), 400, problem.InvalidRequest)
	requireProblem(t, send(Undo, `{"caseid": "c", "Consumers": []}`), 400, problem.InvalidRequest)
	requireProblem(t, send(Undo, request), 404, NoCase)
	requireProblem(t, send(Forget, strings.Repeat(" ", MaxRequest+1)), 413, problem.TooLarge)
	_, err := o.Status(ctx, "", "..")
	requireProblem(t, err, 404, NoCase)
	_, err = o.Receipts(ctx, "", -1)
	requireProblem(t, err, 400, problem.InvalidRequest)

	for range 3 {
		o.deposit("hello")
	}
	p = requireProblem(t, send(Forget, request), 409, ConfirmationNeeded)
	assert.Equal(t, []int{3, 2}, []int{p.Messages, p.Limit})
	_, err = o.Report(ctx, Forget, []byte(request), true)
	require.NoError(t, err)
	requireProblem(t, send(Undo, strings.Replace(request, ada, "+15550100002", 1)), 409, CaseConflict)
	o.now += 2 * gdpr.DefaultWindow
	c, err := gdpr.New(o.svc, &gdpr.Options{MaxSkew: 1000 * time.Hour})
	require.NoError(t, err)
	_, err = c.Sweep(ctx)
	require.NoError(t, err)
	requireProblem(t, send(Undo, request), 409, Decided)
}

func TestWhatIsNoRequestOfTheAPIIsRefused(t *testing.T) {
	o := newOffice(t)
	for _, tt := range []struct {
		method, path, kind string
		status             int
	}{
		{"POST", "/forgetme", "text/plain", 415},
		{"POST", "/forgetme", "", 415},
		{"GET", "/forgetme", "", 405},
		{"DELETE", "/cases", "", 405},
		{"POST", "/undoforgot", "application/json", 404},
		{"POST", "/forgetme?confirm=perhaps", "application/json", 400},
		{"POST", "/exportme/..%2fcases", "application/json", 404},
		{"GET", "/receipts?after=x", "", 400},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, o.url+Base+tt.path, strings.NewReader(request))
		require.NoError(t, err)
		r.Header.Set("Content-Type", tt.kind)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		assert.Equal(t, tt.status, resp.StatusCode, "%s %s", tt.method, tt.path)
		assert.Equal(t, problem.ContentType, resp.Header.Get("Content-Type"), "%s %s", tt.method, tt.path)
		assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
		require.NoError(t, resp.Body.Close())
	}
	assert.Empty(t, o.log.String(), "what a client does wrong is no error of the service")
}

func TestOnlyOfficersOfTheContactCenterChangeAnything(t *testing.T) {
	o := newOffice(t)
	o.deposit("hello")
	before := o.names()
	withCCID := strings.Replace(request, "{", `{"ccid": "`+center+`", `, 1)
	for _, tt := range []struct {
		name      string
		principal auth.Principal
		doc       string
		status    int
	}{
		{"no officer", auth.Principal{Name: "x", ContactCenters: []string{center}}, request, 403},
		{"of another contact center, which the request does not name", auth.Principal{Name: "x", ContactCenters: []string{foreign}, Officer: true}, request, 403},
		{"of another contact center, and the request names this one", auth.Principal{Name: "x", ContactCenters: []string{foreign}, Officer: true}, withCCID, 403},
		{"of this contact center, and the request names another", o.principal, strings.Replace(withCCID, center, foreign, 1), 403},
		{"a client of several, and the request names none", auth.Principal{Name: "x", ContactCenters: []string{center, foreign}, Officer: true}, request, 400},
		{"a client of none", auth.Principal{Name: "x", Officer: true}, withCCID, 403},
	} {
		o.principal = tt.principal
		for _, op := range []Operation{Forget, Undo, Preview} {
			_, err := o.Report(t.Context(), op, []byte(tt.doc), false)
			var p *problem.Problem
			require.ErrorAs(t, err, &p, tt.name)
			assert.Equal(t, tt.status, p.Status, "%s: %s", tt.name, op)
		}
		var archive bytes.Buffer
		_, err := o.Export(t.Context(), []byte(tt.doc), &archive)
		require.Error(t, err, tt.name)
		assert.Empty(t, archive.String(), tt.name)
		assert.Equal(t, before, o.names(), tt.name)
	}
	o.principal = auth.Principal{Name: "x", ContactCenters: []string{foreign, strings.ToUpper(center)}, Officer: true}
	_, err := o.Report(t.Context(), Preview, []byte(withCCID), false)
	requireProblem(t, err, 403, problem.Forbidden) // the controllers know it by its own spelling
	o.principal.ContactCenters[1] = center
	_, err = o.Report(t.Context(), Preview, []byte(strings.Replace(withCCID, center, strings.ToUpper(center), 1)), false)
	require.NoError(t, err)
}

func TestARegionThatIsDownIsWorthAnotherTry(t *testing.T) {
	o := newOffice(t)
	o.faults.Set(faultstore.Fault{Op: faultstore.Ping, Times: faultstore.Always})
	_, err := o.Report(t.Context(), Forget, []byte(request), false)
	p := requireProblem(t, err, 503, RegionsDown)
	assert.True(t, p.Temporary())
	assert.Equal(t, retryRegions, p.RetryAfter)
	assert.Contains(t, o.log.String(), "code=regions-down")
	assert.NotContains(t, o.log.String(), ada[2:])
}

func TestAnExportThatFailsIsAnAnswerOnlyBeforeItHasBegun(t *testing.T) {
	o := newOffice(t)
	o.deposit(strings.Repeat("hello ", 1000))
	o.faults.Set(faultstore.Fault{Op: faultstore.List, Times: faultstore.Always})
	var archive bytes.Buffer
	_, err := o.Export(t.Context(), []byte(request), &archive)
	requireProblem(t, err, 503, problem.Unavailable)
	assert.Empty(t, archive.String())

	o.faults.Set()
	o.tags.calls.Store(0)
	_, err = o.Export(t.Context(), []byte(request), io.Discard)
	require.NoError(t, err)
	o.tags.fail.Store(o.tags.calls.Swap(0)) // what is looked for last are objects of other programs, when ours are written
	o.exchanges = nil
	c, err := NewClient(o.url, auth.NewCredentials(auth.Bearer, "t0ken"), nil)
	require.NoError(t, err)
	_, err = c.Export(t.Context(), []byte(request), &archive)
	requireProblem(t, err, 503, Unreachable)
	assert.Contains(t, archive.String(), "hello hello")
	_, err = zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
	require.Error(t, err, "what was cut off cannot be taken for the whole")
	assert.Contains(t, o.log.String(), "an export was cut off")
}

func TestACutArchiveIsAnErrorOfTheClient(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/zip")
		_, _ = w.Write([]byte("PK..."))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	t.Cleanup(server.Close)
	c, err := NewClient(server.URL, auth.NewCredentials(auth.Bearer, "t"), nil)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	n, err := c.Export(t.Context(), []byte(request), io.Discard)
	assert.EqualValues(t, 5, n)
	p := requireProblem(t, err, 503, Unreachable)
	assert.True(t, p.Temporary())
}

func TestOnlyAnAnswerOfTheServiceIsASuccess(t *testing.T) {
	for _, tt := range []struct {
		name, kind, body string
		status           int
		code             string
	}{
		{"a login page", "text/html", "<html>", 200, problem.NotVoicemail},
		{"somebody's JSON", "text/plain", `{"status": "restricted"}`, 200, problem.NotVoicemail},
		{"half an answer", "application/json", `{"caseid": "c"`, 200, problem.NotVoicemail},
		{"nothing here", "text/html", "", 404, problem.NotVoicemail},
		{"a redirect", "text/html", "", 307, problem.NotVoicemail},
		{"a gateway's 401", "text/html", "", 401, problem.Unauthenticated},
		{"a gateway's 503", "text/html", "", 503, problem.Unavailable},
		{"a problem of a strange type", problem.ContentType, `{"type": "about:blank", "title": "x\u001b[2J"}`, 409, problem.Internal},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tt.kind)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		}))
		c, err := NewClient(server.URL, auth.NewCredentials(auth.Bearer, "t"), nil)
		require.NoError(t, err)
		_, err = c.Report(t.Context(), Forget, []byte(request), false)
		var p *problem.Problem
		require.ErrorAs(t, err, &p, tt.name)
		assert.Equal(t, tt.code, p.Code(), tt.name)
		assert.NotContains(t, p.Error(), "\x1b", tt.name)
		c.Close()
		server.Close()
	}
}
