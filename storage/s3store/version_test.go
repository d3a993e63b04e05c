package s3store

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

// rawPut and rawDelete do what any other program does to a bucket: the one makes a version over another, the other a delete marker.
func rawPut(t *testing.T, c *s3.Client, bucket, name string) {
	t.Helper()
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &name, Body: strings.NewReader("raw")})
	require.NoError(t, err)
}

func rawDelete(t *testing.T, c *s3.Client, bucket, name string) {
	t.Helper()
	_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &name})
	require.NoError(t, err)
}

// rawMarker makes a delete marker with nothing below.
func rawMarker(t *testing.T, c *s3.Client, bucket, name string) {
	t.Helper()
	out, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &name, Body: strings.NewReader("raw")})
	require.NoError(t, err)
	rawDelete(t, c, bucket, name)
	_, err = c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &name, VersionId: out.VersionId})
	require.NoError(t, err)
}

// rawVersions returns everything that a bucket holds but what the driver keeps for itself: names with "data" or "marker".
func rawVersions(t *testing.T, c *s3.Client, bucket string) []string {
	t.Helper()
	all := []string{}
	pages := s3.NewListObjectVersionsPaginator(c, &s3.ListObjectVersionsInput{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, v := range page.Versions {
			if !strings.Contains(*v.Key, proofName) {
				all = append(all, *v.Key+" data")
			}
		}
		for _, m := range page.DeleteMarkers {
			all = append(all, *m.Key+" marker")
		}
	}
	slices.Sort(all)
	return all
}

func TestDeleteErasesEveryVersionAndMarkerOfTheNameAlone(t *testing.T) {
	sv := versionedServer(t)
	bucket, raw := sv.versionedBucket(t), sv.client(t, nil)
	s := sv.open(t, bucket, nil)
	for range 3 {
		rawPut(t, raw, bucket, "v1/a")
	}
	rawDelete(t, raw, bucket, "v1/a")
	rawPut(t, raw, bucket, "v1/a.json")
	rawPut(t, raw, bucket, "v1/a-1")
	rawPut(t, raw, bucket, "v1/b")
	rawPut(t, raw, bucket, "v1/b")
	rawMarker(t, raw, bucket, "v1/c")
	require.Len(t, rawVersions(t, raw, bucket), 9)

	require.NoError(t, s.Delete(t.Context(), "v1/a", "v1/b", "v1/c", "v1/never"))
	assert.Equal(t, []string{"v1/a-1 data", "v1/a.json data"}, rawVersions(t, raw, bucket))
	require.NoError(t, s.Delete(t.Context(), "v1/a-1", "v1/a.json"))
	assert.Empty(t, rawVersions(t, raw, bucket))
}

func TestDeleteErasesMoreVersionsThanAPageLists(t *testing.T) {
	sv := versionedServer(t)
	bucket, raw := sv.versionedBucket(t), sv.client(t, nil)
	s := sv.open(t, bucket, &Options{Prefix: "below"})
	const many = 230 // a page of the driver has 100
	for i := range many {
		rawPut(t, raw, bucket, "below/v1/a")
		if i%50 == 0 {
			rawDelete(t, raw, bucket, "below/v1/a")
		}
	}
	rawPut(t, raw, bucket, "v1/a")
	require.NoError(t, s.Delete(t.Context(), "v1/a"))
	assert.Equal(t, []string{"v1/a data"}, rawVersions(t, raw, bucket), "only what is outside of the store is left")
}

// sight lists a bucket after each request that passes, and all the time besides.
type sight struct {
	mu   sync.Mutex
	seen [][]string
}

func (s *sight) look(t *testing.T, c *s3.Client, bucket string) {
	out, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String("v1/")})
	if !assert.NoError(t, err) {
		return
	}
	keys := []string{}
	for _, o := range out.Contents {
		keys = append(keys, *o.Key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, keys)
}

func TestNoListingShowsAnObjectAgainWhileItIsDeleted(t *testing.T) {
	sv := versionedServer(t)
	bucket, raw := sv.versionedBucket(t), sv.client(t, nil)
	var afterEach, meanwhile sight
	s := openStore(t, sv.client(t, func(next http.RoundTripper) http.RoundTripper {
		return transport(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if operation(r) == "DeleteObjects" {
				afterEach.look(t, raw, bucket)
			}
			return resp, err
		})
	}), bucket, nil)
	var keys []string
	for i := range 30 {
		key := fmt.Sprintf("v1/%02d", i)
		keys = append(keys, key)
		rawPut(t, raw, bucket, key)
		rawPut(t, raw, bucket, key)
		rawDelete(t, raw, bucket, key) // hidden: whoever takes the marker first shows the data
		if i%3 == 0 {
			rawPut(t, raw, bucket, key) // shown, with a marker below
		}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	meanwhile.look(t, raw, bucket)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				meanwhile.look(t, raw, bucket)
			}
		}
	}()
	require.NoError(t, s.Delete(t.Context(), keys...))
	close(stop)
	<-done
	meanwhile.look(t, raw, bucket)
	require.Len(t, meanwhile.seen[0], 10)
	require.Len(t, afterEach.seen, 2, "all but the latest go in one request, the latest in another")
	assert.Equal(t, meanwhile.seen[0], afterEach.seen[0], "what the first request shows")
	assert.Empty(t, afterEach.seen[1], "what the second request shows")
	for i := 1; i < len(meanwhile.seen); i++ {
		assert.Subset(t, meanwhile.seen[i-1], meanwhile.seen[i], "a listing shows what the one before did not")
	}
	assert.Empty(t, meanwhile.seen[len(meanwhile.seen)-1])
	assert.Empty(t, rawVersions(t, raw, bucket))
}

func TestADeleteMarkerDoesNotHoldTheName(t *testing.T) {
	sv := versionedServer(t)
	bucket, raw := sv.versionedBucket(t), sv.client(t, nil)
	s := sv.open(t, bucket, nil)
	rawPut(t, raw, bucket, "v1/a")
	rawDelete(t, raw, bucket, "v1/a")
	_, err := s.Create(t.Context(), "v1/a", strings.NewReader("new"), nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"v1/a data"}, rawVersions(t, raw, bucket), "what was hidden is not shown again")
	got, err := storage.ReadFile(t.Context(), s, "v1/a", 100)
	require.NoError(t, err)
	assert.Equal(t, "new", string(got))
	_, err = s.Create(t.Context(), "v1/a", strings.NewReader("other"), nil)
	assert.ErrorIs(t, err, storage.ErrExists)
}

func TestOneOfManyCreatorsWinsOverADeleteMarker(t *testing.T) {
	sv := versionedServer(t)
	bucket, raw := sv.versionedBucket(t), sv.client(t, nil)
	s := sv.open(t, bucket, nil)
	for round := range 10 {
		key := fmt.Sprintf("v1/%d", round)
		rawPut(t, raw, bucket, key)
		rawDelete(t, raw, bucket, key)
		winners := []string{}
		var mu sync.Mutex
		inParallel(8, 8, func(i int) error {
			body := fmt.Sprintf("creator %d", i)
			_, err := s.Create(t.Context(), key, strings.NewReader(body), nil)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				winners = append(winners, body)
			} else {
				assert.ErrorIs(t, err, storage.ErrExists)
			}
			return nil
		})
		require.Len(t, winners, 1)
		got, err := storage.ReadFile(t.Context(), s, key, 100)
		require.NoError(t, err)
		assert.Equal(t, winners[0], string(got))
	}
}

func TestABucketThatGetsVersionsIsNoticed(t *testing.T) {
	sv := versionedServer(t)
	for _, suspended := range []bool{false, true} {
		bucket, raw := sv.bucket(t), sv.client(t, nil)
		deletes, creates := sv.open(t, bucket, nil), sv.open(t, bucket, nil)
		for _, key := range []string{"v1/old", "v1/older"} {
			_, err := deletes.Create(t.Context(), key, strings.NewReader("x"), nil)
			require.NoError(t, err)
		}
		require.False(t, deletes.versioned.Load())
		sv.setVersioning(t, bucket, types.BucketVersioningStatusEnabled)
		if suspended {
			rawPut(t, raw, bucket, "v1/old")
			sv.setVersioning(t, bucket, types.BucketVersioningStatusSuspended)
		}
		require.NoError(t, deletes.Delete(t.Context(), "v1/old"))
		assert.Equal(t, []string{"v1/older data"}, rawVersions(t, raw, bucket), "the first Delete since then erases")

		if !suspended {
			_, err := creates.Create(t.Context(), "v1/new", strings.NewReader("x"), nil)
			require.NoError(t, err)
			require.True(t, creates.versioned.Load())
		}
		require.NoError(t, creates.Delete(t.Context(), "v1/new", "v1/older"))
		assert.Empty(t, rawVersions(t, raw, bucket))
	}
}

func TestAVersionUnderALockIsBlocked(t *testing.T) {
	sv := versionedServer(t)
	bucket, raw := sv.lockableBucket(t), sv.client(t, nil)
	s := sv.open(t, bucket, nil)
	for _, key := range []string{"v1/free", "v1/held", "v1/kept"} {
		_, err := s.Create(t.Context(), key, strings.NewReader("x"), nil)
		require.NoError(t, err)
	}
	_, err := raw.PutObjectLegalHold(t.Context(), &s3.PutObjectLegalHoldInput{
		Bucket: &bucket, Key: aws.String("v1/held"), LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOn},
	})
	require.NoError(t, err)
	_, err = raw.PutObjectRetention(t.Context(), &s3.PutObjectRetentionInput{
		Bucket: &bucket, Key: aws.String("v1/kept"),
		Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeCompliance, RetainUntilDate: aws.Time(time.Now().Add(time.Hour))},
	})
	require.NoError(t, err)

	err = s.Delete(t.Context(), "v1/free", "v1/held", "v1/kept")
	require.ErrorIs(t, err, storage.ErrBlocked)
	require.NotErrorIs(t, err, storage.ErrPermission)
	assert.Equal(t, []string{"v1/held", "v1/kept"}, storage.FailedKeys(err))
	assert.Equal(t, []string{"v1/held data", "v1/kept data"}, rawVersions(t, raw, bucket))
}

func TestABucketThatLocksByDefaultTakesObjects(t *testing.T) {
	sv := versionedServer(t)
	bucket, raw := sv.lockableBucket(t), sv.client(t, nil)
	_, err := raw.PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{
		Bucket: &bucket, ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule:              &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeCompliance, Days: aws.Int32(1)}},
		},
	})
	require.NoError(t, err)
	s := sv.open(t, bucket, nil)
	_, err = s.Create(t.Context(), "v1/a", strings.NewReader("x"), nil)
	require.NoError(t, err)
	err = s.Delete(t.Context(), "v1/a")
	require.ErrorIs(t, err, storage.ErrBlocked)
	assert.Equal(t, []string{"v1/a"}, storage.FailedKeys(err))
}

func TestRetentionTellsOfVersionsAndLocks(t *testing.T) {
	plain, sv := plainServer(t), versionedServer(t)
	for _, row := range []struct {
		store             *Store
		versioned, locked bool
		why               string
	}{
		{plain.open(t, plain.bucket(t), nil), false, false, "a plain bucket"},
		{sv.open(t, sv.versionedBucket(t), nil), true, false, "one with versions"},
		{sv.open(t, sv.lockableBucket(t), nil), true, true, "one with object lock"},
	} {
		r, err := row.store.Retention(t.Context())
		require.NoError(t, err, row.why)
		assert.Equal(t, row.versioned, r.Versioned, row.why)
		assert.Equal(t, row.locked, r.Lock, row.why)
		assert.NotEmpty(t, r.Notes, row.why)
	}
}
