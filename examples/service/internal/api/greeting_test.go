package api_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheGreetingThatIsSetIsChosenAndPlayed(t *testing.T) {
	w := newWorld(t, setup{})
	set := func(kind, query string, samples int) {
		r := w.upload("secret-agent7", "PUT", boxes+"/5001/greetings/"+kind+query, "audio/wav", string(wav(samples)))
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	}
	chosen := func(situation string) (kind string, recording []byte) {
		var g struct{ Kind, Recording string }
		w.get("secret-switch", boxes+"/5001/greeting?situation="+situation).into(t, &g)
		return g.Kind, w.get("secret-switch", g.Recording).body
	}
	set("unavailable", "", 80)
	kind, audio := chosen("busy")
	assert.Equal(t, "unavailable", kind, "when there is no other")
	assert.Equal(t, wav(80), audio)
	set("busy", "", 81)
	kind, audio = chosen("busy")
	assert.Equal(t, "busy", kind)
	assert.Equal(t, wav(81), audio)
	set("temporary", "?expires="+url.QueryEscape(time.Now().Add(time.Hour).Format(time.RFC3339)), 82)
	kind, audio = chosen("unavailable")
	assert.Equal(t, "temporary", kind)
	assert.Equal(t, wav(82), audio)
	assert.Equal(t, http.StatusNoContent, w.delete("secret-agent7", boxes+"/5001/greetings/temporary").status)
	kind, _ = chosen("unavailable")
	assert.Equal(t, "unavailable", kind)
}

func TestAnEarlierGreetingIsSetAnew(t *testing.T) {
	w := newWorld(t, setup{})
	path := boxes + "/5001/greetings/busy"
	w.upload("secret-agent7", "PUT", path, "audio/wav", string(wav(80)))
	w.upload("secret-agent7", "PUT", path, "audio/wav", string(wav(81)))
	w.delete("secret-agent7", path)
	var list struct {
		Revisions []struct {
			Revision int
			Deleted  bool
		}
	}
	w.get("secret-agent7", path+"/revisions").into(t, &list)
	require.Len(t, list.Revisions, 3)
	assert.True(t, list.Revisions[0].Deleted, "the latest first")
	restore := func(revision string) reply {
		return w.do(w.http, "secret-agent7", "POST", path+"/revisions/"+revision+"/restore", "", nil)
	}
	assert.Equal(t, http.StatusOK, restore("1").status)
	assert.Equal(t, wav(80), w.get("secret-switch", path+"/recording").body)
	before := w.names()
	for _, revision := range []string{"3", "9", "0", "-1", "01", "x"} {
		assert.Equal(t, "greeting-not-found", restore(revision).code(t), "%s: a deletion, or none", revision)
	}
	assert.Equal(t, http.StatusNotFound, w.get("secret-switch", path+"/revisions").status, "the switch plays what is set")
	assert.Equal(t, http.StatusNotFound, w.get("secret-agent8", path+"/revisions").status)
	assert.Equal(t, http.StatusBadRequest, w.get("secret-agent7", boxes+"/5001/greetings/funny/revisions").status)
	assert.Equal(t, http.StatusBadRequest, w.do(w.http, "secret-agent7", "POST", path+"/revisions/1/restore?expires=tomorrow", "", nil).status)
	assert.Equal(t, before, w.names())
}

func TestATicketPlaysAGreetingInRanges(t *testing.T) {
	w := newWorld(t, setup{})
	var g struct{ Recording string }
	w.upload("secret-agent7", "PUT", boxes+"/5001/greetings/name", "audio/wav", string(wav(80))).into(t, &g)
	var ticket struct{ URL string }
	w.post("secret-agent7", "/voicemail/v1/tickets", `{"path": "`+g.Recording+`"}`).into(t, &ticket)
	r := w.get("", ticket.URL, "Range", "bytes=0-3")
	assert.Equal(t, http.StatusPartialContent, r.status)
	assert.Equal(t, "RIFF", string(r.body))
}

func TestAPartIsReadAsItWasAdded(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("5001")
	path := boxes + "/5001/messages/" + m.ID + "/parts"
	for _, tt := range []struct{ kind, contentType, body, served string }{
		{"transcript", "text/vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\nHello", "text/vtt"},
		{"note", "text/plain", "<b>call back</b>", "text/plain; charset=utf-8"},
		{"comment", "audio/wav", string(wav(80)), "audio/wav"},
	} {
		r := w.upload("secret-agent7", "POST", path+"/"+tt.kind, tt.contentType, tt.body)
		require.Equal(t, http.StatusCreated, r.status, "%s: %s", tt.kind, r.body)
		var p struct{ Content string }
		r.into(t, &p)
		assert.Equal(t, p.Content, r.header.Get("Location"))
		got := w.get("secret-agent7", p.Content)
		assert.Equal(t, tt.body, string(got.body), tt.kind)
		assert.Equal(t, tt.served, got.header.Get("Content-Type"), tt.kind)
		assert.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
		assert.Equal(t, "default-src 'none'; sandbox", got.header.Get("Content-Security-Policy"))
	}
	again := w.upload("secret-agent7", "POST", path+"/note", "text/plain", "<b>call back</b>")
	assert.Equal(t, http.StatusCreated, again.status)
	var list struct {
		Parts []struct{ Kind string }
	}
	w.get("secret-agent7", path).into(t, &list)
	assert.Len(t, list.Parts, 3, "the same again is no second part")
}
