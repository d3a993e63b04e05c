package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage/faultstore"
)

// result is what became of a copy or a move.
type result struct {
	To, Message string
	Problem     *struct{ Type string }
}

func results(t *testing.T, r reply) []result {
	t.Helper()
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	var answer struct{ Results []result }
	r.into(t, &answer)
	return answer.Results
}

// leftPrivately is left of a private message.
func (w *world) leftPrivately(mailbox string) message {
	w.t.Helper()
	r := w.deposit("secret-switch", mailbox, `{"caller": "`+caller+`", "private": true}`, wav(800))
	require.Equal(w.t, http.StatusCreated, r.status, "%s", r.body)
	var m message
	r.into(w.t, &m)
	return m
}

func TestACopyThatIsRepeatedWithItsIDIsNoSecondCopy(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("5001")
	body := `{"to": ["5002", "6001"], "note": "please call back", "id": "` + string(voicemail.NewMessageID(time.Now())) + `"}`
	path := boxes + "/5001/messages/" + m.ID + "/copies"
	w.store.Set(faultstore.Fault{Op: faultstore.Create, Pattern: "v1/one/box/6001/", Times: faultstore.Always})
	first := results(t, w.post("secret-agent7", path, body))
	w.store.Set()
	again := results(t, w.post("secret-agent7", path, body))
	require.Len(t, again, 2)
	assert.Equal(t, "urn:problem-type:voicemail:unavailable", first[1].Problem.Type, "one that fails keeps no other one back")
	assert.Equal(t, first[0].Message, again[0].Message)
	assert.NotEmpty(t, again[1].Message)
	n, _ := w.counts("secret-agent8", "5002")
	assert.Equal(t, 1, n)
}

func TestACommentGoesWithACopyInWritingAndSpoken(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("5001")
	path := boxes + "/5001/messages/" + m.ID + "/copies"
	r := w.do(w.http, "secret-agent7", "POST", path, asForm, strings.NewReader(upload(`copy={"to": ["5002", "6001"], "note": "please call back"}`, "audio="+string(wav(80)))))
	for _, copied := range results(t, r) {
		var list struct {
			Parts []struct{ Kind, ContentType, Content string }
		}
		secret := map[string]string{"5002": "secret-agent8", "6001": "secret-agent7"}[copied.To]
		w.get(secret, boxes+"/"+copied.To+"/messages/"+copied.Message+"/parts").into(t, &list)
		require.Len(t, list.Parts, 2, copied.To)
		assert.Equal(t, wav(80), w.get(secret, list.Parts[0].Content).body)
		assert.Equal(t, "please call back", string(w.get(secret, list.Parts[1].Content).body))
	}
	var list struct{ Parts []any }
	w.get("secret-agent7", boxes+"/5001/messages/"+m.ID+"/parts").into(t, &list)
	assert.Empty(t, list.Parts, "the message itself has none")
}

func TestAPrivateMessageStaysInItsMailbox(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.leftPrivately("5001")
	var doc struct{ Private bool }
	w.get("secret-agent7", boxes+"/5001/messages/"+m.ID).into(t, &doc)
	assert.True(t, doc.Private)
	path := "5001/messages/" + m.ID
	w.refuse([]attempt{
		{"a copy", "", "POST", path + "/copies", asJSON, `{"to": ["5002"]}`, 409, "message-private"},
		{"a copy within and out of the mailbox", "", "POST", path + "/copies", asJSON, `{"to": ["5001", "5002"]}`, 409, "message-private"},
		{"a copy by an administrator", "secret-admin", "POST", path + "/copies", asJSON, `{"to": ["5002"]}`, 409, "message-private"},
		{"a move", "", "POST", path + "/move", asJSON, `{"to": "6001"}`, 409, "message-private"},
	})
	moved := results(t, w.post("secret-agent7", boxes+"/5001/moves", `{"to": "6001", "messages": ["`+m.ID+`"]}`))
	assert.Equal(t, "urn:problem-type:voicemail:message-private", moved[0].Problem.Type)
	within := results(t, w.post("secret-agent7", boxes+"/"+path+"/copies", `{"to": ["5001"]}`))
	assert.Nil(t, within[0].Problem)
}

func TestEachMessageOfAMoveHasItsOwnResult(t *testing.T) {
	w := newWorld(t, setup{})
	one, two, private := w.left("5001"), w.left("5001"), w.leftPrivately("5001")
	elsewhere := w.left("5002")
	moved := results(t, w.post("secret-agent7", boxes+"/5001/moves", `{"to": "6001", "messages": ["`+two.ID+`", "`+elsewhere.ID+`", "x", "`+private.ID+`", "`+one.ID+`"]}`))
	require.Len(t, moved, 5)
	for i, want := range []string{"", "message-not-found", "message-not-found", "message-private", ""} {
		if want == "" {
			assert.Nil(t, moved[i].Problem)
			assert.Equal(t, http.StatusOK, w.get("secret-agent7", boxes+"/6001/messages/"+moved[i].Message).status)
			continue
		}
		assert.Equal(t, "urn:problem-type:voicemail:"+want, moved[i].Problem.Type)
	}
	n, _ := w.counts("secret-agent7", "5001")
	assert.Equal(t, 1, n)
}

func TestWhoHeardAMessageFirstIsKept(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("6001")
	path := boxes + "/6001/messages/" + m.ID
	first := func() string {
		var doc struct{ FirstReader struct{ User string } }
		w.get("secret-agent8", path).into(t, &doc)
		return doc.FirstReader.User
	}
	assert.Empty(t, first())
	w.patch("secret-agent8", path, `{"read": true}`)
	w.patch("secret-agent7", path, `{"read": true}`)
	assert.Equal(t, "agent8", first())
	w.patch("secret-agent7", path, `{"read": false}`)
	assert.Empty(t, first())
	w.patch("secret-agent7", path, `{"read": true}`)
	assert.Equal(t, "agent7", first())
}
