package storage_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// watcher wraps a Store and says so; renamer wraps one and does not.
type (
	watcher struct{ storage.Store }
	renamer struct{ storage.Store }
)

func (w watcher) Unwrap() storage.Store { return w.Store }

func TestAsFindsACapabilityThroughWrappersThatUnwrap(t *testing.T) {
	mem := memstore.New(nil)
	for _, s := range []storage.Store{mem, watcher{mem}, watcher{watcher{mem}}} {
		c, ok := storage.As[storage.Copier](s)
		assert.True(t, ok, "%T", s)
		assert.Same(t, mem, c)
	}
}

func TestAsStopsAtAWrapperThatRewritesNames(t *testing.T) {
	for _, s := range []storage.Store{renamer{memstore.New(nil)}, watcher{renamer{memstore.New(nil)}}} {
		_, ok := storage.As[storage.Copier](s)
		assert.False(t, ok, "%T: its Copy would take the wrong names", s)
	}
}

func TestAsFindsNothingWhereThereIsNothing(t *testing.T) {
	_, ok := storage.As[storage.Signer](memstore.New(nil))
	assert.False(t, ok, "the storage does not have it")
	_, ok = storage.As[storage.Copier](nil)
	assert.False(t, ok, "no storage")
	_, ok = storage.As[storage.Copier](watcher{})
	assert.False(t, ok, "a wrapper around none")
}

func TestASignedURLIsRevealedOnlyByName(t *testing.T) {
	const secret = "https://store.test/v1/x?sig=c2VjcmV0"
	expires := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	u := storage.NewSignedURL(secret, expires)
	assert.Equal(t, secret, u.Reveal())
	assert.Equal(t, expires, u.Expires)
	assert.Empty(t, storage.SignedURL{}.Reveal())

	type holder struct {
		Link   storage.SignedURL
		hidden storage.SignedURL
	}
	h := holder{u, u}
	assert.Equal(t, secret, h.hidden.Reveal())
	for _, v := range []any{u, &u, h, &h, []storage.SignedURL{u}, map[string]storage.SignedURL{"a": u}, map[storage.SignedURL]int{u: 1}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T", "%c", "%b", "%e", "%U"} {
			assert.NotContains(t, fmt.Sprintf(verb, v), "store.test", "%s of %T", verb, v)
			assert.NotContains(t, fmt.Sprintf(verb, v), fmt.Sprintf("%x", "store.test"), "%s of %T", verb, v)
		}
		assert.NotContains(t, fmt.Sprintln(v), "store.test")
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v, slog.Group("g", "v", v))
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v, slog.Group("g", "v", v))
		require.NoError(t, template.Must(template.New("").Parse("{{.}}")).Execute(&out, v))
		_ = xml.NewEncoder(&out).Encode(v)
		_ = gob.NewEncoder(&out).Encode(v)
		doc, err := json.Marshal(v)
		require.NoError(t, err)
		assert.NotContains(t, out.String()+string(doc), "store.test", "%T", v)
	}
	assert.Equal(t, "REDACTED", fmt.Sprintf("%s", u))
	assert.Equal(t, "REDACTED", u.LogValue().String())
}
