package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/internal/openapi"
	"github.com/genesys/voicemail/examples/service/internal/api"
	"github.com/genesys/voicemail/storage/faultstore"
)

const boxes = "/voicemail/v1/mailboxes"

func TestTheDocumentAndTheHandlersHaveTheSameOperations(t *testing.T) {
	doc, err := openapi.Load("../../openapi/openapi.yaml")
	require.NoError(t, err)
	assert.Equal(t, doc.Operations(), api.Operations())
}

func TestEveryOperationDoesWhatTheDocumentSays(t *testing.T) {
	w := newWorld(t, setup{})
	for _, path := range []string{"/healthz", "/readyz", "/openapi.yaml", "/openapi/gdpr.yaml"} {
		assert.Equal(t, http.StatusOK, w.get("", path).status, path)
	}
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", "/voicemail/v1/me").status)
	assert.Equal(t, http.StatusCreated, w.post("secret-admin", boxes, `{"id": "5003", "owner": {"kind": "user", "id": "agent9"}, "maxMessages": 2}`).status)
	assert.Equal(t, http.StatusOK, w.patch("secret-admin", boxes+"/5003", `{"disabled": true, "owner": null}`).status)
	assert.Equal(t, http.StatusNoContent, w.delete("secret-admin", boxes+"/5003").status)
	m := w.left("5001")
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", boxes+"/5001/usage").status)
	w.setPIN()
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", boxes+"/5001/pin").status)
	assert.Equal(t, http.StatusNoContent, w.changePIN(firstPIN, secondPIN).status)
	assert.Equal(t, http.StatusNoContent, w.do(w.http, "secret-admin", "POST", boxes+"/5001/pin/unlock", "", nil).status)
	assert.Equal(t, http.StatusNoContent, w.delete("secret-admin", boxes+"/5001/pin").status)
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", boxes).status)
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", boxes+"/5001").status)
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", boxes+"/5001/messages").status)
	path := boxes + "/5001/messages/" + m.ID
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", path).status)
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", path+"/recording").status)
	assert.Equal(t, http.StatusOK, w.patch("secret-agent7", path, `{"read": true}`).status)
	assert.Equal(t, http.StatusOK, w.post("secret-agent7", "/voicemail/v1/search", `{"caller": "`+caller+`"}`).status)
	assert.Equal(t, http.StatusOK, w.post("secret-agent7", path+"/copies", `{"to": ["5002"]}`).status)
	assert.Equal(t, http.StatusCreated, w.post("secret-agent7", "/voicemail/v1/tickets", `{"path": "`+m.Recording+`"}`).status)
	assert.Equal(t, http.StatusCreated, w.upload("secret-agent7", "POST", path+"/parts/note", "text/plain", "call back").status)
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", path+"/parts").status)
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", path+"/parts/note/1").status)
	assert.Equal(t, http.StatusNoContent, w.post("secret-agent7", path+"/move", `{"to": "6001"}`).status)
	assert.Equal(t, http.StatusOK, w.post("secret-agent7", boxes+"/6001/moves", `{"to": "5001", "messages": ["`+m.ID+`"]}`).status)
	assert.Equal(t, http.StatusNoContent, w.delete("secret-agent7", boxes+"/5001/messages/"+m.ID).status)
	greeting := boxes + "/5001/greetings/busy"
	assert.Equal(t, http.StatusOK, w.upload("secret-agent7", "PUT", greeting, "audio/wav", string(wav(80))).status)
	assert.Equal(t, http.StatusOK, w.get("secret-switch", boxes+"/5001/greetings").status)
	assert.Equal(t, http.StatusOK, w.get("secret-switch", boxes+"/5001/greeting?situation=busy").status)
	assert.Equal(t, http.StatusOK, w.get("secret-switch", greeting+"/recording").status)
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", greeting+"/revisions").status)
	assert.Equal(t, http.StatusOK, w.do(w.http, "secret-agent7", "POST", greeting+"/revisions/1/restore", "", nil).status)
	assert.Equal(t, http.StatusOK, w.get("secret-admin", "/voicemail/v1/settings").status)
	assert.Equal(t, http.StatusOK, w.patch("secret-admin", "/voicemail/v1/settings", `{"retentionDays": 30}`).status)
	assert.Equal(t, http.StatusNoContent, w.delete("secret-agent7", greeting).status)
	assert.Equal(t, []string{"streamEvents"}, w.checked.Unseen(), "which has tests of its own")
}

func TestABoardHasTheMailboxesOfTheUserAndTheirGroups(t *testing.T) {
	w := newWorld(t, setup{})
	w.left("5001")
	w.left("6001")
	w.left("5002")
	var board struct {
		Mailboxes []struct {
			ID     string
			Group  bool
			Counts struct{ New, Old int }
		}
		Total struct{ New int }
	}
	w.get("secret-agent7", boxes).into(t, &board)
	require.Len(t, board.Mailboxes, 2)
	assert.Equal(t, "5001", board.Mailboxes[0].ID)
	assert.False(t, board.Mailboxes[0].Group)
	assert.Equal(t, "6001", board.Mailboxes[1].ID)
	assert.True(t, board.Mailboxes[1].Group)
	assert.Equal(t, 2, board.Total.New)
}

func TestADepositIsDurableCountedAndFoundWhenTheAnswerComes(t *testing.T) {
	w := newWorld(t, setup{})
	audio := wav(8000)
	r := w.deposit("secret-switch", "5001", `{"caller": "\"Ada\" <tel:+1-555-010-0142>", "urgent": true, "callId": "c1", "attributes": {"queue": "vip"}}`, audio)
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	var m message
	r.into(t, &m)
	assert.Equal(t, boxes+"/5001/messages/"+m.ID, r.header.Get("Location"))
	assert.Equal(t, caller, m.Caller.Number)
	assert.EqualValues(t, 1000, m.DurationMS)
	assert.Equal(t, "audio/wav", m.ContentType)
	assert.True(t, m.Urgent)
	n, _ := w.counts("secret-agent7", "5001")
	assert.Equal(t, 1, n)
	var found struct{ Messages []message }
	w.post("secret-agent7", "/voicemail/v1/search", `{"caller": "001 555 010 0142"}`).into(t, &found)
	require.Len(t, found.Messages, 1)
	assert.Equal(t, m.ID, found.Messages[0].ID)
	played := w.get("secret-agent7", m.Recording)
	assert.Equal(t, audio, played.body, "byte for byte")
}

func TestADepositThatIsRepeatedWithItsIDIsOneMessage(t *testing.T) {
	w := newWorld(t, setup{})
	id := string(voicemail.NewMessageID(time.Now()))
	details := `{"id": "` + id + `", "caller": "` + caller + `"}`
	for range 2 {
		r := w.deposit("secret-switch", "5001", details, wav(80))
		require.Equal(t, http.StatusCreated, r.status)
	}
	n, _ := w.counts("secret-agent7", "5001")
	assert.Equal(t, 1, n)
	r := w.deposit("secret-switch", "5001", details, wav(81))
	assert.Equal(t, http.StatusConflict, r.status)
	assert.Equal(t, "conflict", r.code(t))
}

func TestADepositThatTheStorageFailsNamesTheIDToRepeatItWith(t *testing.T) {
	w := newWorld(t, setup{})
	w.store.Set(faultstore.Fault{Op: faultstore.Create, Pattern: "v1/one/media/", Times: faultstore.Always})
	r := w.deposit("secret-switch", "5001", `{"caller": "`+caller+`"}`, wav(80))
	assert.Equal(t, http.StatusServiceUnavailable, r.status)
	assert.NotEmpty(t, r.header.Get("Retry-After"))
	id := r.header.Get("Voicemail-Message")
	require.NotEmpty(t, id)
	w.store.Reset()
	w.store.Set()
	r = w.deposit("secret-switch", "5001", `{"id": "`+id+`", "caller": "`+caller+`"}`, wav(80))
	assert.Equal(t, http.StatusCreated, r.status, "%s", r.body)
}

func TestAMessageIsTakenWhileTheMasterRegionIsDown(t *testing.T) {
	w := newWorld(t, setup{away: true})
	w.store.Set(faultstore.Fault{Times: faultstore.Always})
	assert.Equal(t, http.StatusServiceUnavailable, w.get("secret-agent7", boxes+"/5001").status)
	r := w.deposit("secret-switch", "5001", `{"caller": "`+caller+`"}`, wav(80))
	require.Equal(t, http.StatusAccepted, r.status, "%s", r.body)
	var m struct {
		ID      string
		Pending bool
	}
	r.into(t, &m)
	assert.True(t, m.Pending)
	w.store.Set()
	assert.Equal(t, http.StatusNotFound, w.get("secret-agent7", boxes+"/5001/messages/"+m.ID).status)
	_, err := w.service("cc-1").Sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", boxes+"/5001/messages/"+m.ID).status)
}

func TestMarksAreSetTogetherAndOneByOne(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("5001")
	path := boxes + "/5001/messages/" + m.ID
	var now message
	w.patch("secret-agent7", path, `{"read": true, "urgent": true, "expires": "2030-01-02T03:04:05Z"}`).into(t, &now)
	assert.True(t, now.Read)
	assert.True(t, now.Urgent)
	assert.Equal(t, time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), now.Expires)
	now = message{}
	w.patch("secret-agent7", path, `{"read": false, "urgent": false, "expires": null, "trashed": true}`).into(t, &now)
	assert.False(t, now.Read)
	assert.False(t, now.Urgent)
	assert.True(t, now.Trashed)
	assert.True(t, now.Expires.IsZero())
	n, _ := w.counts("secret-agent7", "5001")
	assert.Zero(t, n, "what is in the trash is not counted")
	w.patch("secret-agent7", path, `{"trashed": false}`)
	n, _ = w.counts("secret-agent7", "5001")
	assert.Equal(t, 1, n)
}

func TestPagesGoThroughAllMessagesOnce(t *testing.T) {
	w := newWorld(t, setup{})
	var want []string
	for range 5 {
		want = append(want, w.left("5001").ID)
	}
	slices.Reverse(want)
	var got []string
	before := ""
	for pages := 0; pages < 4; pages++ {
		var page struct {
			Messages []message
			Next     string
		}
		w.get("secret-agent7", boxes+"/5001/messages?limit=2"+before).into(t, &page)
		for _, m := range page.Messages {
			got = append(got, m.ID)
		}
		if page.Next == "" {
			break
		}
		before = "&before=" + page.Next
	}
	assert.Equal(t, want, got)
	w.patch("secret-agent7", boxes+"/5001/messages/"+want[1], `{"trashed": true}`)
	w.patch("secret-agent7", boxes+"/5001/messages/"+want[2], `{"read": true, "urgent": true}`)
	for filter, ids := range map[string][]string{
		"trash=only": {want[1]}, "trash=with": want, "unread=true": {want[0], want[3], want[4]}, "urgent=true": {want[2]},
		"since=2100-01-01T00:00:00Z": nil, "until=" + url.QueryEscape(time.Now().Add(time.Hour).Format(time.RFC3339)): {want[0], want[2], want[3], want[4]},
	} {
		var page struct{ Messages []message }
		w.get("secret-agent7", boxes+"/5001/messages?"+filter).into(t, &page)
		var got []string
		for _, m := range page.Messages {
			got = append(got, m.ID)
		}
		assert.Equal(t, ids, got, filter)
	}
}

func TestEachDestinationOfACopyHasItsOwnResult(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("5001")
	r := w.post("secret-agent7", boxes+"/5001/messages/"+m.ID+"/copies", `{"to": ["5002", "none", "6001", "5002"]}`)
	require.Equal(t, http.StatusOK, r.status)
	var answer struct {
		Results []struct {
			To, Message string
			Problem     *struct{ Type string }
		}
	}
	r.into(t, &answer)
	require.Len(t, answer.Results, 3, "the same mailbox twice is one copy")
	assert.NotEmpty(t, answer.Results[0].Message)
	assert.Equal(t, "urn:problem-type:voicemail:mailbox-not-found", answer.Results[1].Problem.Type)
	assert.NotEmpty(t, answer.Results[2].Message)
	n, _ := w.counts("secret-agent8", "5002")
	assert.Equal(t, 1, n)
}

func TestAMovedMessageIsInTheOtherMailboxOnly(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("5001")
	assert.Equal(t, http.StatusNoContent, w.post("secret-agent7", boxes+"/5001/messages/"+m.ID+"/move", `{"to": "6001"}`).status)
	assert.Equal(t, http.StatusNotFound, w.get("secret-agent7", boxes+"/5001/messages/"+m.ID).status)
	assert.Equal(t, http.StatusOK, w.get("secret-agent7", boxes+"/6001/messages/"+m.ID).status)
}

func TestSearchShowsWhatSomebodyMayHearOnly(t *testing.T) {
	w := newWorld(t, setup{})
	mine, group, theirs := w.left("5001"), w.left("6001"), w.left("5002")
	ids := func(secret string) (ids []string) {
		var found struct{ Messages []message }
		w.post(secret, "/voicemail/v1/search", `{"caller": "`+caller+`"}`).into(t, &found)
		for _, m := range found.Messages {
			ids = append(ids, m.ID)
		}
		return ids
	}
	assert.Equal(t, []string{group.ID, mine.ID}, ids("secret-agent7"))
	assert.Equal(t, []string{theirs.ID, group.ID}, ids("secret-agent8"))
	assert.Equal(t, []string{theirs.ID, group.ID, mine.ID}, ids("secret-admin"))
	assert.Empty(t, ids("secret-switch"), "whoever deposits everywhere hears nothing")
	assert.Empty(t, ids("secret-other"))
}

func TestARecordingIsPlayedInRanges(t *testing.T) {
	w := newWorld(t, setup{})
	audio := wav(300 << 10) // more than one range of the library
	r := w.deposit("secret-switch", "5001", `{}`, audio)
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	var m message
	r.into(t, &m)
	sum := sha256.Sum256(audio)
	tag := `"` + hex.EncodeToString(sum[:]) + `"`
	for _, tt := range []struct {
		name   string
		header []string
		status int
		body   []byte
	}{
		{"all", nil, 200, audio},
		{"from the start", []string{"Range", "bytes=0-99"}, 206, audio[:100]},
		{"from the middle", []string{"Range", "bytes=262100-262200"}, 206, audio[262100:262201]},
		{"the end", []string{"Range", "bytes=-10"}, 206, audio[len(audio)-10:]},
		{"to the end", []string{"Range", fmt.Sprintf("bytes=%d-", len(audio)-1)}, 206, audio[len(audio)-1:]},
		{"behind the end", []string{"Range", fmt.Sprintf("bytes=%d-", len(audio))}, 416, nil},
		{"several ranges are the whole", []string{"Range", "bytes=0-0,2-2,4-4"}, 200, audio},
		{"no unit", []string{"Range", "seconds=1-2"}, 416, nil},
		{"as it is known", []string{"If-None-Match", tag}, 304, []byte{}},
		{"as it is not known", []string{"If-Match", `"x"`}, 412, nil},
		{"a range of another recording", []string{"Range", "bytes=0-9", "If-Range", `"x"`}, 200, audio},
		{"a range of this recording", []string{"Range", "bytes=0-9", "If-Range", tag}, 206, audio[:10]},
	} {
		r := w.get("secret-agent7", m.Recording, tt.header...)
		assert.Equal(t, tt.status, r.status, tt.name)
		if tt.body != nil {
			assert.True(t, slices.Equal(tt.body, r.body), "%s: the bytes", tt.name)
		}
		assert.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"), tt.name)
		if r.status < 300 {
			assert.Equal(t, "audio/wav", r.header.Get("Content-Type"), tt.name)
			assert.Equal(t, `inline; filename="`+m.ID+`.wav"`, r.header.Get("Content-Disposition"), tt.name)
			assert.Equal(t, "private, no-store", r.header.Get("Cache-Control"), tt.name)
			assert.Equal(t, tag, r.header.Get("Etag"), tt.name)
		}
	}
	r = w.get("secret-agent7", m.Recording+"?download=true")
	assert.Equal(t, `attachment; filename="`+m.ID+`.wav"`, r.header.Get("Content-Disposition"))
	n, _ := w.counts("secret-agent7", "5001")
	assert.Equal(t, 1, n, "playing marks nothing as heard")
}

func TestWhatIsNoAudioIsNotServedAsWhatItIs(t *testing.T) {
	w := newWorld(t, setup{})
	var body strings.Builder
	body.WriteString("--b\r\nContent-Disposition: form-data; name=\"message\"\r\nContent-Type: application/json\r\n\r\n{}\r\n")
	body.WriteString("--b\r\nContent-Disposition: form-data; name=\"audio\"; filename=\"x.html\"\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>\r\n--b--\r\n")
	r := w.do(w.http, "secret-switch", http.MethodPost, boxes+"/5001/messages", "multipart/form-data; boundary=b", strings.NewReader(body.String()))
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	var m message
	r.into(t, &m)
	r = w.get("secret-agent7", m.Recording)
	assert.Equal(t, "application/octet-stream", r.header.Get("Content-Type"))
	assert.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"))
	assert.Equal(t, "default-src 'none'; sandbox", r.header.Get("Content-Security-Policy"))
	assert.Equal(t, `inline; filename="`+m.ID+`"`, r.header.Get("Content-Disposition"), "the client's name of the file is not kept")
}

func TestATicketPlaysOneRecordingWithoutAHeader(t *testing.T) {
	w := newWorld(t, setup{})
	m, other := w.left("5001"), w.left("5001")
	var ticket struct{ URL string }
	w.post("secret-agent7", "/voicemail/v1/tickets", `{"path": "`+m.Recording+`"}`).into(t, &ticket)
	assert.NotContains(t, ticket.URL, "agent7")
	r := w.get("", ticket.URL, "Range", "bytes=0-3")
	assert.Equal(t, http.StatusPartialContent, r.status)
	assert.Equal(t, "RIFF", string(r.body))
	_, query, _ := strings.Cut(ticket.URL, "?")
	before := w.names()
	for name, tt := range map[string]struct{ method, path string }{
		"of another recording": {"GET", other.Recording + "?" + query},
		"of the message":       {"GET", boxes + "/5001/messages/" + m.ID + "?" + query},
		"of the events":        {"GET", "/voicemail/v1/events?" + query},
		"that was changed":     {"GET", m.Recording + "?" + query[:len(query)-2] + "AA"},
		"that is none":         {"GET", m.Recording + "?ticket=x"},
		"to delete":            {"DELETE", boxes + "/5001/messages/" + m.ID + "?" + query},
	} {
		assert.Equal(t, http.StatusUnauthorized, w.do(w.http, "", tt.method, tt.path, "", nil).status, name)
	}
	assert.Equal(t, before, w.names())
	w.delete("secret-agent7", boxes+"/5001/messages/"+m.ID)
	assert.Equal(t, http.StatusNotFound, w.get("", ticket.URL).status, "of a message that is gone")
	for _, path := range []string{"/voicemail/v1/mailboxes", "https://example.com" + m.Recording, "//example.com" + m.Recording, m.Recording + "?x=1", m.Recording + "/../recording", "x", ""} {
		r := w.post("secret-agent7", "/voicemail/v1/tickets", `{"path": "`+path+`"}`)
		assert.Equal(t, http.StatusBadRequest, r.status, "%q", path)
	}
}

func TestReadinessFollowsTheStorage(t *testing.T) {
	w := newWorld(t, setup{})
	w.store.Set(faultstore.Fault{Op: faultstore.Ping, Times: faultstore.Always})
	r := w.get("", "/readyz")
	assert.Equal(t, http.StatusServiceUnavailable, r.status)
	assert.Equal(t, "unavailable", r.code(t))
	assert.Equal(t, http.StatusOK, w.get("", "/healthz").status, "which a restart would not mend")
	w.store.Set()
	before := len(w.store.Calls())
	assert.Equal(t, http.StatusServiceUnavailable, w.get("", "/readyz").status, "it is not asked again at once")
	assert.Len(t, w.store.Calls(), before)
}

func TestALineIsLoggedOfEachRequestAndSaysNothingOfPeople(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("5001")
	w.post("secret-agent7", "/voicemail/v1/search", `{"caller": "`+otherOne+`"}`)
	r := w.get("secret-agent7", boxes+"/5001/messages/"+m.ID)
	w.get("secret-agent7", boxes+"/5001/messages?before="+url.QueryEscape(otherOne))
	w.get("secret-wrong", boxes+"/"+url.PathEscape(otherOne))
	w.get("secret-agent7", boxes+"/"+url.PathEscape(otherOne))
	lines := w.log.lines(t)
	require.Len(t, lines, 6)
	assert.Equal(t, "getMessage", lines[2]["operation"])
	assert.Equal(t, r.header.Get("X-Request-Id"), lines[2]["request"])
	assert.Equal(t, "one", lines[2]["tenant"])
	assert.EqualValues(t, 200, lines[2]["status"])
	assert.EqualValues(t, len(r.body), lines[2]["bytes"])
	assert.Equal(t, "invalid-request", lines[3]["code"])
	assert.NotContains(t, lines[4], "tenant")
	assert.NotContains(t, w.log.String(), "agent7")
}
