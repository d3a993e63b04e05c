package api_test

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/internal/gdprapi"
	"github.com/genesys/voicemail/examples/internal/openapi"
)

// request is that of the caller.
const request = `{"caseid": "case-1", "consumers": [{"consumer": [{"phone": "` + caller + `"}]}]}`

// privacy returns the world with a client that is held to gdpr.yaml, and the client of the command.
func (w *world) privacy(secret string) (*world, *gdprapi.Client) {
	w.t.Helper()
	doc, err := openapi.Load("../../openapi/gdpr.yaml")
	require.NoError(w.t, err)
	transport := &openapi.Transport{Document: doc, Base: w.checked.Base, Wrong: func(err error) { w.t.Errorf("not as gdpr.yaml says: %v", err) }}
	client, err := gdprapi.NewClient(w.url, auth.NewCredentials(auth.Bearer, secret), transport)
	require.NoError(w.t, err)
	other := *w
	other.http = &http.Client{Transport: transport}
	return &other, client
}

func TestACallerIsForgottenRestoredAndExported(t *testing.T) {
	w := newWorld(t, setup{})
	m := w.left("5001")
	l := w.listen("secret-agent7", events)
	assert.Equal(t, 1, l.next("5001").Counts.New)
	_, officer := w.privacy("secret-officer")
	_, err := officer.Report(t.Context(), gdprapi.Forget, []byte(request), false)
	require.NoError(t, err)
	assert.Zero(t, l.next("5001").Counts.New, "the lamp goes out")
	assert.Equal(t, http.StatusNotFound, w.get("secret-agent7", m.Recording).status)
	_, err = officer.Report(t.Context(), gdprapi.Undo, []byte(request), false)
	require.NoError(t, err)
	assert.Equal(t, 1, l.next("5001").Counts.New)
	var archive bytes.Buffer
	_, err = officer.Export(t.Context(), []byte(request), &archive)
	require.NoError(t, err)
	z, err := zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
	require.NoError(t, err)
	i := slices.IndexFunc(z.File, func(f *zip.File) bool { return f.Name == m.ID || f.Name == m.ID+".wav" })
	require.GreaterOrEqual(t, i, 0)
	f, err := z.File[i].Open()
	require.NoError(t, err)
	defer f.Close()
	got, err := io.ReadAll(f)
	require.NoError(t, err)
	assert.Equal(t, wav(800), got)
	status, err := officer.Status(t.Context(), "", "case-1")
	require.NoError(t, err)
	assert.Equal(t, "user officer", status.Actor)
}

func TestDataProtectionRequestsAreAnOfficers(t *testing.T) {
	w := newWorld(t, setup{})
	w.left("5001")
	before := w.names()
	other, _ := w.privacy("")
	for secret, want := range map[string]int{"": 401, "secret-wrong": 401, "secret-agent7": 403, "secret-admin": 403, "secret-foreign": 403} {
		assert.Equal(t, want, other.post(secret, gdprapi.Base+"/forgetme", request).status, "%q", secret)
		assert.Equal(t, want, other.get(secret, gdprapi.Base+"/cases").status, "%q", secret)
	}
	r := other.post("secret-other-officer", gdprapi.Base+"/forgetme", request[:1]+`"ccid": "cc-1", `+request[1:])
	assert.Equal(t, http.StatusForbidden, r.status, "an officer of another contact center")
	assert.Equal(t, before, w.names())
}
