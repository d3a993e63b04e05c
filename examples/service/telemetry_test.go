package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/service/internal/telemetry"
)

func TestPrometheusIsToldWhatTheServiceDoes(t *testing.T) {
	url, _ := start(t, "-dir", filepath.Join(t.TempDir(), "volume"))
	require.Equal(t, http.StatusOK, ask(t, "dev-agent7", url+"/voicemail/v1/mailboxes/5001/messages").status)
	require.Equal(t, http.StatusOK, ask(t, "", url+"/readyz").status)
	page := ask(t, "", url+"/metrics")
	require.Equal(t, http.StatusOK, page.status)
	for _, sample := range []string{
		`voicemail_storage_alive 1`, `voicemail_storage_failed_account{StorageAccount="main"} 0`, `voicemail_storage_request_failed_total{tenant="demo"} 0`,
		`voicemail_storage_request_passed_total{tenant="demo"} `, `voicemail_storage_request_passed_total{tenant=""} 1`, `voicemail_deposit_call_rate{tenant="demo"} `,
		`voicemail_operation_total{operation="Mailbox.Messages",outcome="ok"} 1`, `go_goroutines `,
	} {
		assert.Contains(t, page.body, "\n"+sample)
	}
	assert.NotContains(t, page.body, "5550100")
}

func TestSpansAreWrittenWhereTheyAreAskedFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "traces.json")
	url, stop := start(t, "-dir", filepath.Join(t.TempDir(), "volume"), "-traces", file)
	require.Equal(t, http.StatusOK, ask(t, "dev-agent7", url+"/voicemail/v1/mailboxes/5001/messages").status)
	stop()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	type span struct {
		Name        string
		SpanContext struct{ SpanID string }
		Parent      struct{ SpanID string }
	}
	parents, listing := map[string]string{}, ""
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var s span
		require.NoError(t, json.Unmarshal(lines.Bytes(), &s))
		require.NotContains(t, lines.Text(), "5550100")
		if s.Name == "Mailbox.Messages" {
			listing = s.SpanContext.SpanID
		}
		parents[s.Parent.SpanID] = s.Name
	}
	require.NoError(t, lines.Err())
	require.NotEmpty(t, listing, "the span of the request")
	require.True(t, strings.HasPrefix(parents[listing], "storage "), "and below it those to the storage")
}

func TestAFileForSpansThatCannotBeWrittenIsAnError(t *testing.T) {
	_, err := telemetry.New(t.TempDir())
	require.Error(t, err)
}

// answers is a Verifier that has one answer.
type answers struct{ err error }

func (a answers) Verify(context.Context, auth.Credentials) (auth.Principal, error) {
	return auth.Principal{}, a.err
}

func TestThatGWSRefusesSomebodyIsNoFailure(t *testing.T) {
	watch, err := telemetry.New("")
	require.NoError(t, err)
	for _, answer := range []error{nil, auth.ErrRefused, os.ErrDeadlineExceeded} {
		_, err := watch.Verifier(answers{answer}).Verify(t.Context(), auth.Credentials{})
		require.Equal(t, answer, err)
	}
	w := httptest.NewRecorder()
	watch.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Contains(t, w.Body.String(), "\nvoicemail_gws_request_total{tenant=\"\"} 3\n")
	require.Contains(t, w.Body.String(), "\nvoicemail_gws_request_failed_total{tenant=\"\"} 1\n")
}
