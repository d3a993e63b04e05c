package s3store

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func TestPingTellsTheClocksApart(t *testing.T) {
	sv := plainServer(t)
	h, err := sv.open(t, sv.bucket(t), nil).Ping(t.Context())
	require.NoError(t, err)
	assert.Less(t, h.Skew.Abs(), 2*time.Second, "the server is this host")

	synctest.Test(t, func(t *testing.T) {
		s, _ := script{
			"PutObject": {{status: 200, header: map[string]string{"Date": time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)}}},
			"GetObject": {fakeObject("ping")}, "DeleteObjects": {{status: 200, body: "<DeleteResult/>"}},
		}.store(t)
		h, err := s.Ping(t.Context())
		require.NoError(t, err)
		assert.InDelta(t, -time.Hour.Seconds(), h.Skew.Seconds(), 1)
	})
}

func TestPingSaysWhatCannotBeDone(t *testing.T) {
	gone := []fakeAnswer{{status: 200, body: "<DeleteResult/>"}}
	for _, row := range []struct {
		sc   script
		kind error
		text string
	}{
		{script{"PutObject": {fakeDenial}}, storage.ErrPermission, "cannot create: status 403"},
		{script{"PutObject": {fakeOK}, "GetObject": {fakeDenial}, "DeleteObjects": gone}, storage.ErrPermission, "cannot read: status 403"},
		{script{"PutObject": {fakeOK}, "GetObject": {fakeObject("pong")}, "DeleteObjects": gone}, storage.ErrCorrupt, "cannot read: the probe holds other bytes"},
		{script{"PutObject": {fakeOK}, "GetObject": {fakeObject("ping")}, "DeleteObjects": {fakeDenial}}, storage.ErrPermission, "cannot delete: status 403"},
		{script{"PutObject": {fakeRefusal}, "GetObject": {fakeObject("ping")}, "DeleteObjects": {fakeDenial}}, storage.ErrPermission, "cannot delete: status 403"},
	} {
		s, _ := row.sc.store(t)
		_, err := s.Ping(t.Context())
		require.ErrorIs(t, err, row.kind, row.text)
		assert.ErrorContains(t, err, row.text)
	}
}

func TestPingHasABoundOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fakeStore(t, func(_ string, r *http.Request) fakeAnswer {
			<-r.Context().Done()
			return fakeAnswer{err: r.Context().Err()}
		})
		start := time.Now()
		_, err := s.Ping(t.Context())
		require.ErrorIs(t, err, storage.ErrUnavailable)
		assert.Equal(t, pingBound, time.Since(start))
	})
}

func TestPingLeavesAtMostOneObjectWhereItMayNotDelete(t *testing.T) {
	plain, versioned := plainServer(t), versionedServer(t)
	for bucket, sv := range map[string]server{plain.bucket(t): plain, versioned.versionedBucket(t): versioned} {
		s := openStore(t, sv.client(t, func(next http.RoundTripper) http.RoundTripper {
			return transport(func(r *http.Request) (*http.Response, error) {
				if operation(r) == "DeleteObjects" {
					return fakeS3(func(string, *http.Request) fakeAnswer { return fakeDenial })(r)
				}
				return next.RoundTrip(r)
			})
		}), bucket, nil)
		for range 3 {
			_, err := s.Ping(t.Context())
			require.ErrorIs(t, err, storage.ErrPermission)
		}
		out, err := sv.client(t, nil).ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &bucket})
		require.NoError(t, err)
		assert.Len(t, out.Versions, 3, "two proofs and a ping")
		page, err := s.List(t.Context(), nil)
		require.NoError(t, err)
		assert.Empty(t, page.Objects)
	}
}

func TestPingLeavesNoVersion(t *testing.T) {
	sv := versionedServer(t)
	bucket := sv.versionedBucket(t)
	s := sv.open(t, bucket, nil)
	for range 2 {
		_, err := s.Ping(t.Context())
		require.NoError(t, err)
	}
	assert.Empty(t, rawVersions(t, sv.client(t, nil), bucket))
}
