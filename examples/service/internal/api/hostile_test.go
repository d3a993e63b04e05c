package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/service/internal/api"
)

// attempt is a request that is refused.
type attempt struct {
	name        string
	secret      string // "" is agent7's
	method      string
	path        string // behind the mailboxes if it begins with one
	contentType string
	body        string
	status      int
	code        string
}

const (
	asJSON  = "application/json"
	asPatch = "application/merge-patch+json"
	asForm  = "multipart/form-data; boundary=b"
)

// upload is the body of a form with these parts.
func upload(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		name, content, _ := strings.Cut(p, "=")
		contentType := asJSON
		if name != "message" && name != "copy" {
			contentType = "audio/wav"
		}
		fmt.Fprintf(&b, "--b\r\nContent-Disposition: form-data; name=%q\r\nContent-Type: %s\r\n\r\n%s\r\n", name, contentType, content)
	}
	return b.String() + "--b--\r\n"
}

// refuse makes the attempts, each of which gets its problem and changes nothing.
func (w *world) refuse(attempts []attempt) {
	w.t.Helper()
	before := w.names()
	for _, a := range attempts {
		if a.secret == "" {
			a.secret = "secret-agent7"
		}
		if !strings.HasPrefix(a.path, "/") {
			a.path = boxes + "/" + a.path
		}
		client := w.http
		if a.status == http.StatusMethodNotAllowed || a.code == "not-found" {
			client = w.plain // since the document has no such operation
		}
		r := w.do(client, a.secret, a.method, a.path, a.contentType, strings.NewReader(a.body))
		assert.Equal(w.t, a.status, r.status, "%s: %s", a.name, r.body)
		assert.Equal(w.t, "application/problem+json", r.header.Get("Content-Type"), a.name)
		assert.Equal(w.t, a.code, r.code(w.t), a.name)
		for _, secret := range []string{caller[1:], firstPIN, secondPIN, wrongPIN} {
			assert.NotContains(w.t, string(r.body), secret, "%s: the number, or the PIN, comes back", a.name)
		}
		assert.Equal(w.t, before, w.names(), "%s: something was changed", a.name)
	}
}

func TestBadRequestsAreRefusedAndChangeNothing(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("5001")
	msg := "5001/messages/" + m.ID
	long := strings.Repeat("x", 70<<10)
	fresh := string(voicemail.NewMessageID(time.Now()))
	bad := func(name, method, path, contentType, body string) attempt {
		return attempt{"", "", method, path, contentType, body, 400, "invalid-request"}.named(name)
	}
	var list []attempt
	for _, tt := range []struct{ name, method, path, contentType, good string }{
		{"ticket", "POST", "/voicemail/v1/tickets", asJSON, `{"path": "` + events + `"}`},
		{"search", "POST", "/voicemail/v1/search", asJSON, `{"caller": "` + caller + `"}`},
		{"copy", "POST", msg + "/copies", asJSON, `{"to": ["5002"]}`},
		{"move", "POST", msg + "/move", asJSON, `{"to": "5002"}`},
		{"moves", "POST", "5001/moves", asJSON, `{"to": "5002", "messages": ["` + m.ID + `"]}`},
		{"mark", "PATCH", msg, asPatch, `{"read": true}`},
	} {
		member := tt.good[1 : len(tt.good)-1]
		list = append(list,
			bad(tt.name+" without a body", tt.method, tt.path, tt.contentType, ""),
			bad(tt.name+" with half a body", tt.method, tt.path, tt.contentType, tt.good[:len(tt.good)-1]),
			bad(tt.name+" with two bodies", tt.method, tt.path, tt.contentType, tt.good+tt.good),
			bad(tt.name+" with an unknown member", tt.method, tt.path, tt.contentType, `{`+member+`, "`+caller+`": 1}`),
			bad(tt.name+" with a list", tt.method, tt.path, tt.contentType, `[`+tt.good+`]`),
			bad(tt.name+" with null", tt.method, tt.path, tt.contentType, `null`),
			bad(tt.name+" that is no UTF-8", tt.method, tt.path, tt.contentType, "{\"\xff\": 1}"),
			bad(tt.name+" with a parameter", tt.method, tt.path+"?x=1", tt.contentType, tt.good),
			attempt{tt.name + " that is too long", "", tt.method, tt.path, tt.contentType, `{` + member + `, "` + long + `": 1}`, 413, "too-large"},
			attempt{tt.name + " of another type", "", tt.method, tt.path, "text/plain", tt.good, 415, "unsupported-media-type"},
			attempt{tt.name + " of no type", "", tt.method, tt.path, "", tt.good, 415, "unsupported-media-type"},
			attempt{tt.name + " of half a type", "", tt.method, tt.path, tt.contentType + `; charset="`, tt.good, 415, "unsupported-media-type"},
			attempt{tt.name + " by another method", "", "PUT", tt.path, tt.contentType, tt.good, 405, "method-not-allowed"},
		)
	}
	list = append(list,
		bad("a withheld caller", "POST", "/voicemail/v1/search", asJSON, `{"caller": "anonymous"}`),
		bad("a caller of no text", "POST", "/voicemail/v1/search", asJSON, `{"caller": 15550100142}`),
		bad("a caller without end", "POST", "/voicemail/v1/search", asJSON, `{"caller": "sip:`+long[:1000]+`@x"}`),
		bad("too many found", "POST", "/voicemail/v1/search", asJSON, `{"caller": "1", "limit": 201}`),
		bad("copies to nobody", "POST", msg+"/copies", asJSON, `{"to": []}`),
		bad("copies to too many", "POST", msg+"/copies", asJSON, `{"to": ["1"`+strings.Repeat(`,"1"`, 20)+`]}`),
		bad("copies with an ID that is none", "POST", msg+"/copies", asJSON, `{"to": ["5002"], "id": "1"}`),
		bad("copies with a note that is a list", "POST", msg+"/copies", asJSON, `{"to": ["5002"], "note": []}`),
		bad("copies in a form without audio", "POST", msg+"/copies", asForm, upload(`copy={"to": ["5002"]}`)),
		bad("copies in a form with a message", "POST", msg+"/copies", asForm, upload(`message={"to": ["5002"]}`, "audio=x")),
		bad("copies in half a form", "POST", msg+"/copies", asForm, upload(`copy={"to": ["5002"]}`, "audio="+string(wav(80)))[:200]),
		bad("copies with an empty comment", "POST", msg+"/copies", asForm, upload(`copy={"to": ["5002"]}`, "audio=")),
		bad("copies with a form that does not end", "POST", msg+"/copies", asForm, upload(`copy={"to": ["5002"]}`, "audio="+string(wav(80)), "more=x")),
		bad("copies in a form to nobody", "POST", msg+"/copies", asForm, upload(`copy={"to": []}`, "audio="+string(wav(80)))),
		bad("moves of nothing", "POST", "5001/moves", asJSON, `{"to": "5002", "messages": []}`),
		bad("moves of too many", "POST", "5001/moves", asJSON, `{"to": "5002", "messages": ["1"`+strings.Repeat(`,"1"`, 50)+`]}`),
		attempt{"moves out of somebody else's mailbox", "", "POST", "5002/moves", asJSON, `{"to": "5001", "messages": ["` + m.ID + `"]}`, 404, "mailbox-not-found"},
		attempt{"a move to nowhere", "", "POST", msg + "/move", asJSON, `{"to": "none"}`, 404, "mailbox-not-found"},
		bad("a move to what cannot be", "POST", msg+"/move", asJSON, `{"to": ""}`),
		bad("a mark that is null", "PATCH", msg, asPatch, `{"read": null}`),
		bad("a mark that is a text", "PATCH", msg, asPatch, `{"read": "yes"}`),
		bad("one good and one bad mark", "PATCH", msg, asPatch, `{"urgent": true, "read": null}`),
		bad("an expiry that is no time", "PATCH", msg, asPatch, `{"expires": "tomorrow"}`),
		bad("a page of none", "GET", "5001/messages?limit=0", "", ""),
		bad("a page of too many", "GET", "5001/messages?limit=201", "", ""),
		bad("a page of many", "GET", "5001/messages?limit=many", "", ""),
		bad("a page behind nothing", "GET", "5001/messages?before=x", "", ""),
		bad("a time that is none", "GET", "5001/messages?since=yesterday", "", ""),
		bad("times the wrong way round", "GET", "5001/messages?since=2025-01-02T00:00:00Z&until=2025-01-01T00:00:00Z", "", ""),
		bad("a filter that is neither", "GET", "5001/messages?unread=1", "", ""),
		bad("a filter twice", "GET", "5001/messages?unread=true&unread=false", "", ""),
		bad("a filter that is misspelt", "GET", "5001/messages?unred=true", "", ""),
		bad("a trash of another kind", "GET", "5001/messages?trash=all", "", ""),
		bad("a query that is none", "GET", "5001/messages?limit=%zz", "", ""),
		bad("a download of another kind", "GET", msg+"/recording?download=1", "", ""),
		attempt{"a message that is none", "", "GET", "5001/messages/x", "", "", 404, "message-not-found"},
		attempt{"a message of nobody", "", "GET", "5001/messages/" + fresh, "", "", 404, "message-not-found"},
		attempt{"a recording of nobody", "", "GET", "5001/messages/" + fresh + "/recording", "", "", 404, "message-not-found"},
		attempt{"a mark on nothing", "", "PATCH", "5001/messages/" + fresh, asPatch, `{"read": true}`, 404, "message-not-found"},
		attempt{"a deletion of nothing", "", "DELETE", "5001/messages/" + fresh, "", "", 404, "message-not-found"},
		attempt{"a message of another mailbox", "", "GET", "6001/messages/" + m.ID, "", "", 404, "message-not-found"},
		attempt{"a path of nobody", "", "GET", "/voicemail/v1/greetings", "", "", 404, "not-found"},
		attempt{"a method of nobody", "", "BREW", "5001", "", "", 405, "method-not-allowed"},
	)
	w.refuse(list)
}

func (a attempt) named(name string) attempt {
	a.name = name
	return a
}

func TestBadDepositsAreRefusedAndLeaveNothing(t *testing.T) {
	w := newWorld(t, setup{api: api.Options{AudioBytes: 10_000}, limit: voicemail.Limits{AudioBytes: 10_000}})
	audio := "audio=" + string(wav(80))
	path := "5001/messages"
	bad := func(name, contentType, body string) attempt {
		return attempt{name, "", "POST", path, contentType, body, 400, "invalid-request"}
	}
	whole := upload("message={}", audio)
	w.refuse([]attempt{
		bad("nothing", asForm, ""),
		bad("no part", asForm, "--b--\r\n"),
		bad("no message", asForm, upload(audio)),
		bad("no audio", asForm, upload("message={}")),
		bad("the wrong way round", asForm, upload(audio, "message={}")),
		bad("a third part", asForm, upload("message={}", audio, "more=x")),
		bad("half a form", asForm, whole[:len(whole)-8]),
		bad("half the audio", asForm, whole[:len(whole)-40]),
		bad("another boundary", "multipart/form-data; boundary=c", whole),
		bad("empty audio", asForm, upload("message={}", "audio=")),
		bad("a message that is no JSON", asForm, upload("message=x", audio)),
		bad("an unknown member", asForm, upload(`message={"`+caller+`": 1}`, audio)),
		bad("an ID that is none", asForm, upload(`message={"id": "1"}`, audio)),
		bad("a caller without end", asForm, upload(`message={"caller": "sip:`+strings.Repeat("x", 300)+`@x"}`, audio)),
		bad("a name without end", asForm, upload(`message={"callerName": "`+strings.Repeat("x", 300)+`"}`, audio)),
		bad("a call without end", asForm, upload(`message={"callId": "`+strings.Repeat("x", 300)+`"}`, audio)),
		bad("attributes without end", asForm, upload(`message={"attributes": {"a": "`+strings.Repeat("x", 9000)+`"}}`, audio)),
		bad("a duration of the past", asForm, upload(`message={"durationMs": -1}`, audio)),
		bad("a duration that overflows", asForm, upload(`message={"durationMs": 9223372036854775807}`, audio)),
		bad("an expiry that is out of range", asForm, upload(`message={"expires": "9999-01-01T00:00:00Z"}`, audio)),
		{"a message that is too long", "", "POST", path, asForm, upload(`message={"callId": "` + strings.Repeat("x", 70<<10) + `"}`), 413, "too-large"},
		{"a recording that is too long", "", "POST", path, asForm, upload("message={}", "audio="+strings.Repeat("x", 10_001)), 413, "too-large"},
		{"a body that is too long", "", "POST", path, asForm, upload("message={}", "audio="+strings.Repeat("x", 200<<10)), 413, "too-large"},
		{"another type", "", "POST", path, "audio/wav", string(wav(80)), 415, "unsupported-media-type"},
		{"a form without boundary", "", "POST", path, "multipart/form-data", whole, 415, "unsupported-media-type"},
		{"a mixed form", "", "POST", path, "multipart/mixed; boundary=b", whole, 415, "unsupported-media-type"},
		{"somebody else's mailbox", "", "POST", "5002/messages", asForm, whole, 404, "mailbox-not-found"},
		{"a mailbox that cannot be", "secret-switch", "POST", strings.Repeat("x", 97) + "/messages", asForm, whole, 400, "invalid-request"},
		{"no mailbox", "secret-switch", "POST", "none/messages", asForm, whole, 404, "mailbox-not-found"},
	})
}

func TestMailboxesThatTakeNothingSaySo(t *testing.T) {
	w := newWorld(t, setup{})
	w.patch("secret-admin", boxes+"/5001", `{"disabled": true}`)
	w.patch("secret-admin", boxes+"/6001", `{"maxMessages": 1}`)
	w.patch("secret-admin", boxes+"/5002", `{"minDurationMs": 1000}`)
	m := w.left("6001")
	audio := "audio=" + string(wav(80))
	w.refuse([]attempt{
		{"a disabled mailbox", "secret-switch", "POST", "5001/messages", asForm, upload("message={}", audio), 409, "mailbox-disabled"},
		{"a recording that is too short", "secret-switch", "POST", "5002/messages", asForm, upload("message={}", audio), 400, "too-short"},
		{"a full mailbox", "secret-switch", "POST", "6001/messages", asForm, upload("message={}", audio), 409, "mailbox-full"},
		{"a move into a disabled mailbox", "", "POST", "6001/messages/" + m.ID + "/move", asJSON, `{"to": "5001"}`, 409, "mailbox-disabled"},
	})
	w.delete("secret-agent7", boxes+"/6001/messages/"+m.ID)
	w.refuse([]attempt{{"a message that is gone", "secret-switch", "POST", "6001/messages", asForm, upload(`message={"id": "`+m.ID+`"}`, audio), 410, "message-gone"}})
}

func TestBadGreetingsAndPartsAreRefusedAndChangeNothing(t *testing.T) {
	w := newWorld(t, setup{limit: voicemail.Limits{GreetingBytes: 1000}})
	m := w.left("5001")
	msg := "5001/messages/" + m.ID
	audio := string(wav(80))
	bad := func(name, method, path, contentType, body string) attempt {
		return attempt{name, "", method, path, contentType, body, 400, "invalid-request"}
	}
	w.refuse([]attempt{
		bad("a greeting of another kind", "PUT", "5001/greetings/funny", "audio/wav", audio),
		bad("an empty greeting", "PUT", "5001/greetings/busy", "audio/wav", ""),
		bad("a greeting that has expired", "PUT", "5001/greetings/temporary?expires=2020-01-01T00:00:00Z", "audio/wav", audio),
		bad("a greeting that cannot expire", "PUT", "5001/greetings/busy?expires=2100-01-01T00:00:00Z", "audio/wav", audio),
		bad("another situation", "GET", "5001/greeting?situation=asleep", "", ""),
		bad("no greeting of another kind to delete", "DELETE", "5001/greetings/funny", "", ""),
		{"a greeting that is too long", "", "PUT", "5001/greetings/busy", "audio/wav", string(wav(1000)), 413, "too-large"},
		{"a greeting in writing", "", "PUT", "5001/greetings/busy", "text/plain", "hello", 415, "unsupported-media-type"},
		{"a greeting of no type", "", "PUT", "5001/greetings/busy", "", audio, 415, "unsupported-media-type"},
		{"the switch sets no greeting", "secret-switch", "PUT", "5001/greetings/busy", "audio/wav", audio, 404, "mailbox-not-found"},
		{"a colleague sets no greeting", "secret-agent8", "PUT", "5001/greetings/busy", "audio/wav", audio, 404, "mailbox-not-found"},
		{"a colleague hears no greeting", "secret-agent8", "GET", "5001/greetings", "", "", 404, "mailbox-not-found"},
		{"no greeting to play", "", "GET", "5001/greeting", "", "", 404, "greeting-not-found"},
		{"no greeting to hear", "", "GET", "5001/greetings/busy/recording", "", "", 404, "greeting-not-found"},
		{"no greeting to delete", "", "DELETE", "5001/greetings/busy", "", "", 404, "greeting-not-found"},
		bad("a part of another kind", "POST", msg+"/parts/secret", "text/plain", "x"),
		bad("a transcript that is spoken", "POST", msg+"/parts/transcript", "audio/wav", audio+"\xff"),
		bad("a note that is no text", "POST", msg+"/parts/note", "text/plain", "\xff"),
		bad("a note in HTML", "POST", msg+"/parts/note", "text/html", "<script>"),
		{"a note of no type", "", "POST", msg + "/parts/note", "", "x", 415, "unsupported-media-type"},
		{"a note that is too long", "", "POST", msg + "/parts/note", "text/plain", strings.Repeat("x", 1<<20+1), 413, "too-large"},
		{"a note on nothing", "", "POST", "5001/messages/" + string(voicemail.NewMessageID(time.Now())) + "/parts/note", "text/plain", "x", 404, "message-not-found"},
		{"a part that is not there", "", "GET", msg + "/parts/note/1", "", "", 404, "part-not-found"},
		{"a part that cannot be", "", "GET", msg + "/parts/note/-1", "", "", 404, "part-not-found"},
		{"the switch reads no part", "secret-switch", "GET", msg + "/parts", "", "", 404, "mailbox-not-found"},
	})
}

func TestProvisioningIsAnAdministrators(t *testing.T) {
	w := newWorld(t, setup{})
	bad := func(name, method, path, contentType, body string) attempt {
		return attempt{name, "secret-admin", method, path, contentType, body, 400, "invalid-request"}
	}
	w.refuse([]attempt{
		{"create", "", "POST", boxes, asJSON, `{"id": "5009"}`, 403, "forbidden"},
		{"update", "", "PATCH", "5001", asPatch, `{"disabled": true}`, 403, "forbidden"},
		{"delete", "", "DELETE", "5001", "", "", 403, "forbidden"},
		{"delete by the switch", "secret-switch", "DELETE", "5001", "", "", 403, "forbidden"},
		{"create again", "secret-admin", "POST", boxes, asJSON, `{"id": "5001"}`, 409, "mailbox-exists"},
		{"delete nothing", "secret-admin", "DELETE", "none", "", "", 404, "mailbox-not-found"},
		{"update nothing", "secret-admin", "PATCH", "none", asPatch, `{}`, 404, "mailbox-not-found"},
		bad("create without ID", "POST", boxes, asJSON, `{}`),
		bad("create a long ID", "POST", boxes, asJSON, `{"id": "`+strings.Repeat("x", 97)+`"}`),
		bad("create for nobody", "POST", boxes, asJSON, `{"id": "5009", "owner": {"kind": "robot", "id": "x"}}`),
		bad("create with a quota of the past", "POST", boxes, asJSON, `{"id": "5009", "maxMessages": -1}`),
		bad("update the owner in part", "PATCH", "5001", asPatch, `{"owner": {"kind": "user"}}`),
		bad("update the owner with more", "PATCH", "5001", asPatch, `{"owner": {"kind": "user", "id": "x", "name": "y"}}`),
		bad("update with a quota of the past", "PATCH", "5001", asPatch, `{"maxBytes": -1}`),
		bad("update with a fullness of another kind", "PATCH", "5001", asPatch, `{"whenFull": "explode"}`),
		bad("update with a duration of the past", "PATCH", "5001", asPatch, `{"minDurationMs": -1}`),
		bad("update with a duration that overflows", "PATCH", "5001", asPatch, `{"maxDurationMs": 288230376151711744}`), // which is 0 nanoseconds
		bad("update with a duration of two days", "PATCH", "5001", asPatch, `{"maxDurationMs": 172800000}`),
		bad("update with durations the wrong way round", "PATCH", "5001", asPatch, `{"minDurationMs": 2000, "maxDurationMs": 1000}`),
		bad("update with a retention without end", "PATCH", "5001", asPatch, `{"retentionDays": 99999999}`),
		bad("update with a switch that is neither", "PATCH", "5001", asPatch, `{"keepUnread": "maybe"}`),
		bad("update with a number without end", "PATCH", "5001", asPatch, `{"optOutNumber": "`+strings.Repeat("1", 300)+`"}`),
		bad("create with a duration that overflows", "POST", boxes, asJSON, `{"id": "5009", "maxDurationMs": 288230376151711744}`),
		{"usage of nothing", "secret-admin", "GET", "none/usage", "", "", 404, "mailbox-not-found"},
		bad("usage with a parameter", "GET", "5001/usage?x=1", "", ""),
		bad("delete with a parameter", "DELETE", "5001?force=true", "", ""),
	})
}

func TestCredentialsOfNobodyOpenNothing(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("5001")
	before := w.names()
	type request struct{ method, path, contentType, body string }
	calls := []request{
		{"GET", "/voicemail/v1/me", "", ""}, {"GET", boxes, "", ""}, {"GET", events, "", ""}, {"POST", "/voicemail/v1/search", asJSON, `{"caller": "1"}`},
		{"POST", "/voicemail/v1/tickets", asJSON, `{"path": "` + events + `"}`}, {"POST", boxes, asJSON, `{"id": "x"}`},
		{"GET", boxes + "/5001", "", ""}, {"PATCH", boxes + "/5001", asPatch, `{}`}, {"DELETE", boxes + "/5001", "", ""},
		{"GET", boxes + "/5001/messages", "", ""}, {"POST", boxes + "/5001/messages", asForm, upload("message={}", "audio=x")},
		{"GET", boxes + "/5001/messages/" + m.ID, "", ""}, {"PATCH", boxes + "/5001/messages/" + m.ID, asPatch, `{"read": true}`},
		{"DELETE", boxes + "/5001/messages/" + m.ID, "", ""}, {"GET", m.Recording, "", ""},
		{"POST", boxes + "/5001/messages/" + m.ID + "/copies", asJSON, `{"to": ["6001"]}`}, {"POST", boxes + "/5001/messages/" + m.ID + "/move", asJSON, `{"to": "6001"}`},
		{"GET", "/voicemail/v1/settings", "", ""}, {"PATCH", "/voicemail/v1/settings", asPatch, `{"maxMessages": 1}`},
		{"POST", boxes + "/5001/moves", asJSON, `{"to": "6001", "messages": ["` + m.ID + `"]}`},
	}
	for _, c := range [][3]string{
		{"GET", "/greetings"}, {"GET", "/greeting"}, {"PUT", "/greetings/busy", "audio/wav"}, {"DELETE", "/greetings/busy"}, {"GET", "/greetings/busy/recording"},
		{"GET", "/messages/" + m.ID + "/parts"}, {"POST", "/messages/" + m.ID + "/parts/note", "text/plain"}, {"GET", "/messages/" + m.ID + "/parts/note/1"},
		{"GET", "/greetings/busy/revisions"}, {"POST", "/greetings/busy/revisions/1/restore"},
		{"GET", "/usage"}, {"GET", "/pin"}, {"PUT", "/pin", asJSON}, {"DELETE", "/pin"}, {"POST", "/pin/change", asJSON}, {"POST", "/pin/unlock"},
	} {
		calls = append(calls, request{c[0], boxes + "/5001" + c[1], c[2], ""})
	}
	secured := 0
	for _, op := range api.Operations() {
		if strings.Contains(op, api.Prefix) {
			secured++
		}
	}
	require.Len(t, calls, secured, "every operation is tried")
	for _, c := range calls {
		for name, want := range map[string]int{"": 401, "secret-wrong": 401, "secret-expired": 401, "secret-foreign": 403, "secret-both": 400} {
			r := w.do(w.http, name, c.method, c.path, c.contentType, strings.NewReader(c.body))
			assert.Equal(t, want, r.status, "%s %s as %q", c.method, c.path, name)
			if want == 401 {
				assert.NotEmpty(t, r.header.Values("Www-Authenticate"))
			}
		}
		r := w.do(w.http, "secret-agent7", c.method, c.path+"?ccid=cc-2", c.contentType, strings.NewReader(c.body))
		assert.Equal(t, 403, r.status, "%s %s of another contact center", c.method, c.path)
	}
	for _, header := range []string{"Bearer", "Bearer ", "secret-agent7", "Basic secret-agent7", "Basic Og==", "Digest x", "Bearer secret-agent7, Bearer secret-agent7", "bearer \tsecret-agent7"} {
		r := w.do(w.http, "", "GET", boxes, "", nil, "Authorization", header)
		assert.Equal(t, 401, r.status, "%q", header)
	}
	assert.Equal(t, before, w.names())
}

func TestAContactCenterSeesItsOwnOnly(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("5001") // of cc-1
	w.refuse([]attempt{
		{"read", "secret-other", "GET", "5001/messages/" + m.ID, "", "", 404, "message-not-found"},
		{"play", "secret-other", "GET", "5001/messages/" + m.ID + "/recording", "", "", 404, "message-not-found"},
		{"mark", "secret-other", "PATCH", "5001/messages/" + m.ID, asPatch, `{"read": true}`, 404, "message-not-found"},
		{"delete", "secret-other", "DELETE", "5001/messages/" + m.ID, "", "", 404, "message-not-found"},
		{"the other mailboxes", "secret-other", "GET", "6001", "", "", 404, "mailbox-not-found"},
	})
	var board struct{ Total struct{ New int } }
	w.get("secret-other", boxes).into(t, &board)
	assert.Zero(t, board.Total.New)
	for ccid, want := range map[string]int{"cc-1": 1, "cc-2": 0} {
		var box struct{ Counts struct{ New int } }
		w.get("secret-both", boxes+"/5001?ccid="+ccid).into(t, &box)
		assert.Equal(t, want, box.Counts.New, "who may act for both says for which")
	}
}

func TestTheMailboxOfAPathIsOneSegment(t *testing.T) {
	w := newWorld(t, setup{})
	for _, id := range []string{"a/b", "..", ".", "a b", "a%2Fb", "ü", "a?b", "5001/messages"} {
		r := w.post("secret-admin", boxes, `{"id": `+fmt.Sprintf("%q", id)+`, "owner": {"kind": "user", "id": "agent7"}}`)
		require.Equal(t, http.StatusCreated, r.status, "%q: %s", id, r.body)
		location := r.header.Get("Location")
		var box struct{ ID string }
		r = w.raw("GET", location, "secret-agent7")
		require.Equal(t, http.StatusOK, r.status, "%q at %s", id, location)
		r.into(t, &box)
		assert.Equal(t, id, box.ID)
	}
}

// raw sends a request whose path is as it is.
func (w *world) raw(method, path, secret string, lines ...string) reply {
	w.t.Helper()
	address := strings.TrimPrefix(w.url, "http://")
	head := method + " " + path + " HTTP/1.1\r\nHost: " + address + "\r\nConnection: close\r\n"
	if secret != "" {
		head += "Authorization: Bearer " + secret + "\r\n"
	}
	return w.send(head + strings.Join(append(lines, ""), "\r\n") + "\r\n")
}

// send sends bytes, and reads what is answered.
func (w *world) send(request string) reply {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	require.NoError(w.t, err)
	defer conn.Close()
	require.NoError(w.t, conn.SetDeadline(time.Now().Add(patience)))
	_, _ = conn.Write([]byte(request)) // the server may hang up before the end
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return reply{resp.StatusCode, resp.Header, body}
}

func TestTricksWithPathsLeadNowhere(t *testing.T) {
	w := newWorld(t, setup{})
	w.left("5002")
	before := w.names()
	for _, path := range []string{
		boxes + "/../mailboxes/5002", boxes + "/5001/../5002", boxes + "/5001/..%2F5002", boxes + "/5001%2F..%2F5002", boxes + "//5002", "//voicemail/v1/mailboxes", "/voicemail/v1/./mailboxes",
		boxes + "/5002%00", boxes + "/", boxes + "/5001/messages/", "/voicemail/v1", "/voicemail/v1/", "/../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", boxes + "/5002;5001", boxes + "\\5002",
	} {
		r := w.raw("GET", path, "secret-agent7")
		assert.Equal(t, http.StatusNotFound, r.status, "%s: %s", path, r.body)
	}
	for _, path := range []string{"%", "*", "nothing", boxes + "/%zz"} {
		r := w.raw("GET", path, "secret-agent7")
		assert.GreaterOrEqual(t, r.status, 400, path)
		assert.Less(t, r.status, 500, path)
	}
	r := w.raw("GET", "http://elsewhere.example"+boxes+"/5002", "secret-agent7")
	assert.Equal(t, http.StatusNotFound, r.status, "in the form for a proxy")
	r = w.raw("CONNECT", boxes+"/5001", "secret-agent7")
	assert.GreaterOrEqual(t, r.status, 400)
	assert.Equal(t, before, w.names())
}

func TestTricksWithHeadersLeadNowhere(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("5001")
	before := w.names()
	for name, tt := range map[string]struct {
		method, path string
		lines        []string
		status       int
	}{
		"another method by header":   {"POST", boxes + "/5001/messages/" + m.ID, []string{"X-HTTP-Method-Override: DELETE", "Content-Length: 0"}, 405},
		"another path by header":     {"GET", boxes + "/5002", []string{"X-Original-URL: " + boxes + "/5001", "X-Rewrite-URL: " + boxes + "/5001"}, 404},
		"another host by header":     {"GET", boxes + "/5002", []string{"X-Forwarded-Host: admin", "X-Forwarded-User: agent8"}, 404},
		"two lengths":                {"POST", boxes, []string{"Content-Length: 0", "Content-Length: 5"}, 400},
		"a length and chunks":        {"POST", boxes, []string{"Content-Length: 5", "Transfer-Encoding: chunked", "", "0", ""}, 403},
		"a length of the past":       {"POST", boxes, []string{"Content-Length: -1"}, 400},
		"a transfer of another kind": {"POST", boxes, []string{"Transfer-Encoding: gzip, chunked"}, 501},
		"a header without end":       {"GET", boxes, []string{"X: " + strings.Repeat("x", 40<<10)}, 431},
		"headers without end":        {"GET", boxes, strings.Split(strings.TrimSuffix(strings.Repeat("X: x\n", 9000), "\n"), "\n"), 431},
		"two credentials":            {"GET", boxes, []string{"Authorization: Bearer secret-agent8"}, 401},
		"a header in two lines":      {"GET", boxes, []string{"X: a", " b"}, 200},
		"a name with a space":        {"GET", boxes, []string{"X : a"}, 400},
		"a value with a zero":        {"GET", boxes, []string{"X: a\x00b"}, 400},
		"an encoded body":            {"POST", "/voicemail/v1/search", []string{"Content-Encoding: gzip", "Content-Length: 0"}, 415},
		"an expectation":             {"POST", "/voicemail/v1/search", []string{"Expect: wonders", "Content-Length: 0"}, 417},
		"an upgrade":                 {"GET", boxes, []string{"Connection: Upgrade", "Upgrade: websocket"}, 200},
		"a range without end":        {"GET", m.Recording, []string{"Range: bytes=" + strings.Repeat("0-0,", 2000) + "0-0"}, 200},
		"a range of nonsense":        {"GET", m.Recording, []string{"Range: bytes=9999999999999999999999-"}, 416},
		"an old protocol":            {"GET", boxes, []string{"Via: 1.0 x"}, 200},
	} {
		r := w.raw(tt.method, tt.path, "secret-agent7", tt.lines...)
		assert.Equal(t, tt.status, r.status, "%s: %s", name, r.body)
	}
	assert.Equal(t, before, w.names())
}

func TestManyRangesCostTheStorageNoMoreThanOne(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("5001")
	cost := func(ranges string) int {
		w.store.Reset()
		w.get("secret-agent7", m.Recording, "Range", "bytes="+ranges)
		return len(w.store.Calls())
	}
	assert.LessOrEqual(t, cost("0-0,9-9,19-19,29-29,39-39"), cost("0-"))
}

func TestThePathOfATicketIsAsTheServiceGivesIt(t *testing.T) {
	w := newWorld(t, setup{})
	r := w.post("secret-admin", boxes, `{"id": "a/b c", "owner": {"kind": "user", "id": "agent7"}}`)
	require.Equal(t, http.StatusCreated, r.status)
	m := w.left(url.PathEscape("a/b c"))
	var ticket struct{ URL string }
	w.post("secret-agent7", "/voicemail/v1/tickets", `{"path": "`+m.Recording+`"}`).into(t, &ticket)
	assert.Equal(t, http.StatusOK, w.raw("GET", ticket.URL, "").status)
}
