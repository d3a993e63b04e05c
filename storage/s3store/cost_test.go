package s3store

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func TestEachCallCostsTheRequestsItShould(t *testing.T) {
	plain, versioned := plainServer(t), versionedServer(t)
	for _, row := range []struct {
		sv      server
		bucket  string
		refused []string // a create over an object
		one     []string // a delete of one
		many    int      // a delete of 1,500
		ping    []string
	}{
		{plain, plain.bucket(t), []string{"PutObject"}, []string{"DeleteObjects"}, 2, []string{"PutObject", "GetObject", "DeleteObjects"}},
		{
			versioned, versioned.versionedBucket(t), []string{"PutObject", "HeadObject"}, []string{"ListObjectVersions", "DeleteObjects"},
			1500 + 2, []string{"PutObject", "GetObject", "DeleteObjects"},
		},
	} {
		var rec recorder
		s := openStore(t, row.sv.client(t, rec.wrap), row.bucket, nil)
		rec.take()
		_, err := s.Create(t.Context(), "v1/a", strings.NewReader(strings.Repeat("x", 3<<20)), &storage.CreateOptions{Tags: map[string]string{"caller_id": "+1"}})
		require.NoError(t, err)
		assert.Equal(t, []string{"PutObject"}, rec.take(), "create: one request, with the tags in it")
		_, err = s.Create(t.Context(), "v1/a", strings.NewReader("x"), nil)
		require.ErrorIs(t, err, storage.ErrExists)
		assert.Equal(t, row.refused, rec.take())
		_, err = s.Stat(t.Context(), "v1/a")
		require.NoError(t, err)
		assert.Equal(t, []string{"HeadObject"}, rec.take())
		_, err = s.Stat(t.Context(), "v1/absent")
		require.ErrorIs(t, err, storage.ErrNotExist)
		assert.Equal(t, []string{"HeadObject"}, rec.take())
		o, err := s.Open(t.Context(), "v1/a", &storage.OpenOptions{Offset: 10, Length: 2 << 20})
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, o)
		require.NoError(t, err)
		require.NoError(t, o.Close())
		assert.Equal(t, []string{"GetObject"}, rec.take(), "a range is opened and read with one request")
		_, err = s.List(t.Context(), &storage.ListOptions{Prefix: "v1/"})
		require.NoError(t, err)
		assert.Equal(t, []string{"ListObjectsV2"}, rec.take())
		require.NoError(t, s.Delete(t.Context(), "v1/a"))
		assert.Equal(t, row.one, rec.take())
		_, err = s.Ping(t.Context())
		require.NoError(t, err)
		assert.Equal(t, row.ping, rec.take())

		keys := make([]string, 1500)
		for i := range keys {
			keys[i] = fmt.Sprintf("v1/many/%04d", i)
		}
		for _, err := range inParallel(8, len(keys), func(i int) error {
			_, err := s.Create(t.Context(), keys[i], nil, nil)
			return err
		}) {
			require.NoError(t, err)
		}
		rec.take()
		require.NoError(t, s.Delete(t.Context(), keys...))
		requests := rec.take()
		assert.Len(t, requests, row.many)
		assert.Equal(t, 2, len(slices.DeleteFunc(requests, func(op string) bool { return op != "DeleteObjects" })))
	}
}
