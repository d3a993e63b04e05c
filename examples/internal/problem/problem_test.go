package problem

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAProblemIsReadAsItWasWritten(t *testing.T) {
	p := New(http.StatusConflict, "confirmation-needed", "Too many", "sure?")
	p.Field, p.Messages, p.Limit, p.RetryAfter = "f", 3, 2, 1500*time.Millisecond
	w := httptest.NewRecorder()
	Write(w, p)
	assert.JSONEq(t, `{"type": "urn:problem-type:voicemail:confirmation-needed", "title": "Too many", "status": 409, "detail": "sure?", "field": "f", "messages": 3, "limit": 2}`, w.Body.String())
	got := Read(w.Result())
	p.RetryAfter = 2 * time.Second // whole ones
	assert.Equal(t, p, got)
	assert.Equal(t, "confirmation-needed", got.Code())
}

func TestATextOfAnotherMachineDoesNothingToATerminal(t *testing.T) {
	w := httptest.NewRecorder()
	Write(w, New(400, "x", "a\x1b[31m\r\n", strings.Repeat("é", 1000)))
	got := Read(w.Result())
	assert.Equal(t, "a?[31m??", got.Title)
	assert.LessOrEqual(t, len(got.Detail), maxText+len("…"))
	assert.Equal(t, Internal, (&Problem{Type: typePrefix + "no code\n"}).Code())
}

func TestRetryAfterIsReadInBothFormsAndBounded(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": -1, "0": 0, "7": 7 * time.Second, "-1": -1, "x": -1, "999999999999": maxRetryAfter,
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): 0,
	} {
		assert.Equal(t, want, retryAfter(http.Header{"Retry-After": {text}}), text)
	}
	in := retryAfter(http.Header{"Retry-After": {time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)}})
	assert.InDelta(t, time.Minute, in, float64(2*time.Second))
}

func TestABodyIsJSONAndBounded(t *testing.T) {
	send := func(kind, body string) error {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		_, err := Body(httptest.NewRecorder(), r, 3)
		return err
	}
	require.NoError(t, send("application/json; charset=utf-8", "{ }"))
	assert.Equal(t, TooLarge, Common(send("application/json", "{  }")).Code())
	assert.Equal(t, MediaType, Common(send("text/plain", "{}")).Code())
}
