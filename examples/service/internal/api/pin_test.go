package api_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/access"
)

// The PINs are long, so that what holds them by chance is not taken for a leak.
const (
	firstPIN  = "730512649018"
	secondPIN = "730512649027"
	wrongPIN  = "730512649036"
)

func (w *world) setPIN() {
	w.t.Helper()
	r := w.do(w.http, "secret-admin", "PUT", boxes+"/5001/pin", asJSON, strings.NewReader(`{"pin": "`+firstPIN+`", "mustChange": true}`))
	require.Equal(w.t, http.StatusNoContent, r.status, "%s", r.body)
}

func (w *world) changePIN(old, chosen string) reply {
	return w.post("secret-agent7", boxes+"/5001/pin/change", `{"old": "`+old+`", "pin": "`+chosen+`"}`)
}

type pinStatus struct {
	Set, MustChange bool
	TriesLeft       int
	LockedUntil     time.Time
}

func (w *world) pinStatus() (s pinStatus) {
	w.t.Helper()
	w.get("secret-agent7", boxes+"/5001/pin").into(w.t, &s)
	return s
}

func TestAPINIsSetByAnAdministratorAndChangedByWhoKnowsIt(t *testing.T) {
	w := newWorld(t, setup{})
	assert.Equal(t, pinStatus{TriesLeft: access.DefaultAttempts}, w.pinStatus())
	w.setPIN()
	assert.Equal(t, pinStatus{Set: true, MustChange: true, TriesLeft: access.DefaultAttempts}, w.pinStatus())
	assert.Equal(t, http.StatusNoContent, w.changePIN(firstPIN, secondPIN).status)
	assert.Equal(t, pinStatus{Set: true, TriesLeft: access.DefaultAttempts}, w.pinStatus())
	r := w.changePIN(firstPIN, wrongPIN)
	assert.Equal(t, "wrong-pin", r.code(t), "the old one is not good any more")
	assert.Contains(t, string(r.body), "tries left: 3")
	assert.Equal(t, http.StatusNoContent, w.delete("secret-admin", boxes+"/5001/pin").status)
	assert.False(t, w.pinStatus().Set)
}

func TestTooManyWrongPINsLockTheMailboxUntilAnAdministratorUnlocksIt(t *testing.T) {
	w := newWorld(t, setup{})
	w.setPIN()
	for range access.DefaultAttempts {
		assert.Equal(t, http.StatusForbidden, w.changePIN(wrongPIN, secondPIN).status)
	}
	r := w.changePIN(firstPIN, secondPIN)
	assert.Equal(t, http.StatusTooManyRequests, r.status, "also the right one")
	assert.Equal(t, "pin-locked", r.code(t))
	wait, err := strconv.Atoi(r.header.Get("Retry-After"))
	require.NoError(t, err)
	assert.InDelta(t, access.DefaultLock.Seconds(), wait, 30)
	assert.Zero(t, w.pinStatus().TriesLeft)
	assert.False(t, w.pinStatus().LockedUntil.IsZero())
	assert.Equal(t, http.StatusForbidden, w.do(w.http, "secret-agent7", "POST", boxes+"/5001/pin/unlock", "", nil).status)
	assert.Equal(t, http.StatusNoContent, w.do(w.http, "secret-admin", "POST", boxes+"/5001/pin/unlock", "", nil).status)
	assert.Equal(t, http.StatusNoContent, w.changePIN(firstPIN, secondPIN).status)
}

func TestBadPINsAreRefusedAndChangeNothing(t *testing.T) {
	w := newWorld(t, setup{})
	w.setPIN()
	bad := func(name, pin string) attempt {
		return attempt{name, "secret-admin", "PUT", "5001/pin", asJSON, `{"pin": ` + pin + `}`, 400, "invalid-request"}
	}
	w.refuse([]attempt{
		bad("no PIN", `""`), bad("null", "null"), bad("a number", wrongPIN), bad("a short one", `"123"`), bad("a long one", `"12345678901234567"`), bad("letters", `"73051264901x"`), bad("a list", "[]"),
		{"a set without a PIN", "secret-admin", "PUT", "5001/pin", asJSON, `{}`, 400, "invalid-request"},
		{"a PIN in the URL", "secret-admin", "PUT", "5001/pin?pin=" + wrongPIN, asJSON, `{"pin": "` + wrongPIN + `"}`, 400, "invalid-request"},
		{"one digit", "secret-admin", "PUT", "5001/pin", asJSON, `{"pin": "777777"}`, 400, "weak-pin"},
		{"the number of the mailbox", "secret-admin", "PUT", "5001/pin", asJSON, `{"pin": "5001"}`, 400, "weak-pin"},
		{"a set by the user", "", "PUT", "5001/pin", asJSON, `{"pin": "` + secondPIN + `"}`, 403, "forbidden"},
		{"a set by the switch", "secret-switch", "PUT", "5001/pin", asJSON, `{"pin": "` + secondPIN + `"}`, 403, "forbidden"},
		{"a set of nothing", "secret-admin", "PUT", "none/pin", asJSON, `{"pin": "` + secondPIN + `"}`, 404, "mailbox-not-found"},
		{"a deletion by the user", "", "DELETE", "5001/pin", "", "", 403, "forbidden"},
		{"a deletion with a parameter", "secret-admin", "DELETE", "5001/pin?x=1", "", "", 400, "invalid-request"},
		{"an unlock by the switch", "secret-switch", "POST", "5001/pin/unlock", "", "", 403, "forbidden"},
		{"an unlock of nothing", "secret-admin", "POST", "none/pin/unlock", "", "", 404, "mailbox-not-found"},
		{"a look by a colleague", "secret-agent8", "GET", "5001/pin", "", "", 404, "mailbox-not-found"},
		{"a look by the switch", "secret-switch", "GET", "5001/pin", "", "", 404, "mailbox-not-found"},
		{"a change by a colleague", "secret-agent8", "POST", "5001/pin/change", asJSON, `{"old": "` + firstPIN + `", "pin": "` + secondPIN + `"}`, 404, "mailbox-not-found"},
		{"a change of none", "secret-agent8", "POST", "5002/pin/change", asJSON, `{"old": "` + firstPIN + `", "pin": "` + secondPIN + `"}`, 409, "no-pin"},
		{"a change without the old one", "", "POST", "5001/pin/change", asJSON, `{"pin": "` + secondPIN + `"}`, 400, "invalid-request"},
		{"a change without the new one", "", "POST", "5001/pin/change", asJSON, `{"old": "` + firstPIN + `"}`, 400, "invalid-request"},
	})
}
