package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

func TestSettingsAreReadAsTheyWereWritten(t *testing.T) {
	w := newWorld(t, setup{})
	const policy = `"maxMessages": 20, "maxBytes": 1000000, "whenFull": "drop-oldest-read", "minDurationMs": 500, "maxDurationMs": 120000, "retentionDays": 30, "keepUnread": "on", "trashDays": -1, ` +
		`"optOutNumber": "5550"`
	r := w.post("secret-admin", boxes, `{"id": "5003", "owner": {"kind": "user", "id": "agent9"}, "disabled": true, `+policy+`}`)
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	assert.JSONEq(t, `{"id": "5003", "owner": {"kind": "user", "id": "agent9"}, "disabled": true, `+policy+`, "counts": {"new": 0, "old": 0, "newUrgent": 0, "oldUrgent": 0}}`, string(r.body))
	assert.Equal(t, string(r.body), string(w.get("secret-admin", boxes+"/5003").body))
	r = w.patch("secret-admin", boxes+"/5003", `{"retentionDays": 7, "keepUnread": null, "whenFull": null, "maxDurationMs": null, "owner": null, "disabled": false}`)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	assert.JSONEq(t, `{"id": "5003", "owner": null, "disabled": false, "maxMessages": 20, "maxBytes": 1000000, "whenFull": "", "minDurationMs": 500, "maxDurationMs": 0, "retentionDays": 7,
		"keepUnread": "", "trashDays": -1, "optOutNumber": "5550", "counts": {"new": 0, "old": 0, "newUrgent": 0, "oldUrgent": 0}}`, string(r.body))
}

func TestAPatchChangesEachSettingByItself(t *testing.T) {
	w := newWorld(t, setup{})
	for member, value := range map[string]string{
		"owner": `{"kind":"group","id":"sales"}`, "disabled": "true", "maxMessages": "3", "maxBytes": "4000", "whenFull": `"refuse"`, "minDurationMs": "5", "maxDurationMs": "6000", "retentionDays": "7",
		"keepUnread": `"off"`, "trashDays": "8", "optOutNumber": `"9"`,
	} {
		var before, after map[string]json.RawMessage
		w.get("secret-admin", boxes+"/5001").into(t, &before)
		r := w.patch("secret-admin", boxes+"/5001", `{"`+member+`": `+value+`}`)
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		r.into(t, &after)
		assert.NotEqual(t, before[member], after[member], member)
		before[member] = json.RawMessage(value)
		assert.Equal(t, before, after, "%s and nothing else", member)
	}
}

func TestWhatAMailboxLeavesOpenIsTheTenants(t *testing.T) {
	w := newWorld(t, setup{})
	const settings = "/voicemail/v1/settings"
	var before map[string]any
	w.get("secret-admin", settings).into(t, &before)
	assert.Equal(t, voicemail.DefaultAccessNumber, before["accessNumber"])
	for member, value := range map[string]string{
		"maxMessages": "30", "maxBytes": "4000000", "whenFull": `"drop-oldest-read"`, "minDurationMs": "5", "maxDurationMs": "6000", "retentionDays": "7", "keepUnread": `"on"`, "trashDays": "8",
		"optOutNumber": `"9"`, "accessNumber": `"5556"`,
	} {
		var before, after map[string]json.RawMessage
		w.get("secret-admin", settings).into(t, &before)
		r := w.patch("secret-admin", settings, `{"`+member+`": `+value+`}`)
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		r.into(t, &after)
		assert.NotEqual(t, before[member], after[member], member)
		before[member] = json.RawMessage(value)
		assert.Equal(t, before, after, "%s and nothing else", member)
	}
	var u struct {
		Policy struct{ MaxMessages, RetentionDays int }
	}
	w.get("secret-agent7", boxes+"/5001/usage").into(t, &u)
	assert.Equal(t, 30, u.Policy.MaxMessages)
	assert.Equal(t, 7, u.Policy.RetentionDays)
	bad := func(name, body string) attempt {
		return attempt{name, "secret-admin", "PATCH", settings, asPatch, body, 400, "invalid-request"}
	}
	w.refuse([]attempt{
		{"a look by a user", "", "GET", settings, "", "", 403, "forbidden"},
		{"a change by a user", "", "PATCH", settings, asPatch, `{"maxMessages": 1}`, 403, "forbidden"},
		{"a change by the switch", "secret-switch", "PATCH", settings, asPatch, `{"maxMessages": 1}`, 403, "forbidden"},
		bad("a quota of the past", `{"maxMessages": -1}`), bad("a duration that overflows", `{"maxDurationMs": 288230376151711744}`), bad("an owner", `{"owner": null}`),
		bad("a number without end", `{"accessNumber": "`+strings.Repeat("1", 300)+`"}`), bad("a retention that is a text", `{"retentionDays": "7"}`),
		{"a look with a parameter", "secret-admin", "GET", settings + "?x=1", "", "", 400, "invalid-request"},
	})
}

func TestUsageSaysWhatThereIsAndWhatIsInForce(t *testing.T) {
	w := newWorld(t, setup{})
	w.patch("secret-admin", boxes+"/5001", `{"maxMessages": 20}`)
	m := w.left("5001")
	w.left("5001")
	w.patch("secret-agent7", boxes+"/5001/messages/"+m.ID, `{"trashed": true}`)
	var u struct {
		Counts            struct{ New int }
		Trashed, Messages int
		Bytes             int
		Regions           map[string]int
		Policy            struct {
			MaxMessages int
			WhenFull    string
		}
	}
	w.get("secret-agent7", boxes+"/5001/usage").into(t, &u)
	assert.Equal(t, 1, u.Counts.New)
	assert.Equal(t, 1, u.Trashed)
	assert.Equal(t, 2, u.Messages)
	assert.Equal(t, 2*len(wav(800)), u.Bytes)
	assert.Equal(t, map[string]int{"main": u.Bytes}, u.Regions)
	assert.Equal(t, 20, u.Policy.MaxMessages)
	assert.Equal(t, "refuse", u.Policy.WhenFull, "the default")
	for _, secret := range []string{"secret-agent8", "secret-switch"} {
		assert.Equal(t, http.StatusNotFound, w.get(secret, boxes+"/5001/usage").status, secret)
	}
}
