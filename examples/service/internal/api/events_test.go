package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/service/internal/api"
	"github.com/genesys/voicemail/gdpr"
)

// lamp is the data of an event.
type lamp struct {
	ID     string
	Group  bool
	Gone   bool
	Counts struct{ New, Old, NewUrgent, OldUrgent int }
}

// listener reads a stream of events.
type listener struct {
	w      *world
	status int
	header http.Header
	body   *bufio.Reader
	close  context.CancelFunc
}

// patience bounds what a test waits for.
const patience = time.Minute

func (w *world) listen(secret, path string, header ...string) *listener {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	w.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+path, nil)
	require.NoError(w.t, err)
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := w.plain.Do(r)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = resp.Body.Close() })
	return &listener{w, resp.StatusCode, resp.Header, bufio.NewReader(resp.Body), cancel}
}

// block returns the lines up to the next empty one.
func (l *listener) block() ([]string, error) {
	var lines []string
	for {
		line, err := l.body.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			return lines, nil
		}
		lines = append(lines, line)
	}
}

// next returns the next event of a mailbox.
func (l *listener) next(mailbox string) lamp {
	l.w.t.Helper()
	for {
		lines, err := l.block()
		require.NoError(l.w.t, err)
		if len(lines) != 2 || lines[0] != "event: mailbox" {
			continue
		}
		data, ok := strings.CutPrefix(lines[1], "data: ")
		require.True(l.w.t, ok)
		require.NoError(l.w.t, l.w.checked.CheckSchema("Lamp", []byte(data)))
		var v lamp
		require.NoError(l.w.t, json.Unmarshal([]byte(data), &v))
		if v.ID == mailbox {
			return v
		}
	}
}

const events = "/voicemail/v1/events"

func TestAStreamTellsTheStateFirstAndThenEveryChange(t *testing.T) {
	w := newWorld(t, setup{})
	old := w.left("5001")
	l := w.listen("secret-agent7", events)
	assert.Equal(t, http.StatusOK, l.status)
	assert.Equal(t, "text/event-stream", l.header.Get("Content-Type"))
	assert.Equal(t, "no-store", l.header.Get("Cache-Control"))
	first := l.next("5001")
	assert.Equal(t, 1, first.Counts.New, "the current state first")
	assert.False(t, first.Group)

	m := w.left("5001")
	assert.Equal(t, 2, l.next("5001").Counts.New, "a deposit")
	w.patch("secret-agent7", boxes+"/5001/messages/"+m.ID, `{"read": true}`)
	now := l.next("5001")
	assert.Equal(t, 1, now.Counts.New, "a read")
	assert.Equal(t, 1, now.Counts.Old)

	controller, err := gdpr.New(w.service("cc-1"), nil)
	require.NoError(t, err)
	_, err = controller.ForgetMe(t.Context(), &gdpr.Request{CaseID: "case-1", Actor: "user officer", Consumers: consumer(t)})
	require.NoError(t, err)
	gone := l.next("5001")
	if gone.Counts.New+gone.Counts.Old > 0 { // one of two was restricted a moment earlier
		gone = l.next("5001")
	}
	assert.Zero(t, gone.Counts, "a forget")
	assert.Equal(t, http.StatusNotFound, w.get("secret-agent7", old.Recording).status)
}

// consumer is who is forgotten in these tests.
func consumer(t *testing.T) []gdpr.Consumer {
	t.Helper()
	r, err := gdpr.ParseRequest(strings.NewReader(`{"caseid": "x", "consumers": [{"consumer": [{"phone": "` + caller + `"}]}]}`))
	require.NoError(t, err)
	return r.Consumers
}

func TestAStreamHasTheMailboxesOfWhoAsksAndNoOther(t *testing.T) {
	w := newWorld(t, setup{api: api.Options{StreamFor: 300 * time.Millisecond}})
	l := w.listen("secret-agent7", events)
	w.left("5002")
	all, err := io.ReadAll(l.body)
	require.NoError(t, err, "it ends by itself")
	assert.Contains(t, string(all), `"id":"5001"`)
	assert.Contains(t, string(all), `"id":"6001","group":true`)
	assert.NotContains(t, string(all), `"5002"`)
	assert.NotContains(t, string(all), caller[1:])
}

func TestAStreamTellsWhatAnotherProcessDid(t *testing.T) {
	w := newWorld(t, setup{watch: 20 * time.Millisecond})
	elsewhere, err := voicemail.Open(t.Context(), w.regions, &voicemail.Options{Tenant: "one"})
	require.NoError(t, err)
	l := w.listen("secret-agent7", events)
	assert.Zero(t, l.next("5001").Counts.New)
	_, err = elsewhere.Mailbox("5001").Deposit(t.Context(), strings.NewReader(string(wav(80))), nil)
	require.NoError(t, err)
	assert.Equal(t, 1, l.next("5001").Counts.New)
}

func TestAStreamTellsThatAMailboxWasDeleted(t *testing.T) {
	w := newWorld(t, setup{})
	l := w.listen("secret-agent7", events)
	l.next("5001")
	require.Equal(t, http.StatusNoContent, w.delete("secret-admin", boxes+"/5001").status)
	assert.True(t, l.next("5001").Gone)
}

func TestAStreamThatGoesOnAfterALostOneTellsTheWholeState(t *testing.T) {
	w := newWorld(t, setup{})
	w.left("5001")
	for _, id := range []string{"", "7", "\t;x", strings.Repeat("9", 4000)} {
		l := w.listen("secret-agent7", events, "Last-Event-ID", id)
		assert.Equal(t, 1, l.next("5001").Counts.New)
		l.close()
	}
}

func TestAQuietStreamHasAHeartbeat(t *testing.T) {
	w := newWorld(t, setup{api: api.Options{Heartbeat: 5 * time.Millisecond}})
	l := w.listen("secret-admin", events) // who has no mailbox
	for beats := 0; beats < 3; {
		lines, err := l.block()
		require.NoError(t, err)
		if len(lines) == 1 && lines[0] == ":" {
			beats++
		}
	}
}

func TestAStreamIsOpenedByATicket(t *testing.T) {
	w := newWorld(t, setup{})
	var ticket struct{ URL string }
	w.post("secret-agent7", "/voicemail/v1/tickets", `{"path": "`+events+`"}`).into(t, &ticket)
	l := w.listen("", ticket.URL)
	assert.Zero(t, l.next("5001").Counts.New)
}

func TestOneUserCannotHaveAllStreams(t *testing.T) {
	w := newWorld(t, setup{api: api.Options{Streams: 3, StreamsPerUser: 2}})
	first, second := w.listen("secret-agent7", events), w.listen("secret-agent7", events)
	first.next("5001")
	second.next("5001")
	assert.Equal(t, http.StatusServiceUnavailable, w.listen("secret-agent7", events).status)
	w.listen("secret-agent8", events).next("5002")
	assert.Equal(t, http.StatusServiceUnavailable, w.listen("secret-other", events).status, "as many as there can be")
	first.close()
	require.Eventually(t, func() bool {
		l := w.listen("secret-agent7", events)
		defer l.close()
		return l.status == http.StatusOK
	}, patience, time.Millisecond, "when one has gone")
}

func TestAStreamEndsWhenTheServiceStops(t *testing.T) {
	w := newWorld(t, setup{})
	l := w.listen("secret-agent7", events)
	l.next("5001")
	w.stop()
	_, err := io.ReadAll(l.body)
	assert.NoError(t, err, "it is ended and not cut off")
	assert.NoError(t, <-w.stopped)
	w.stopped = nil
}
