package s3store

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

// fakeVersions is a bucket of a fake: what is deleted from it, and what it refuses to delete, by key and version.
type fakeVersions struct {
	entries string                      // of the answer to ListObjectVersions
	refuse  func(key, id string) string // the error's content, or ""
	lock    func(op string) fakeAnswer  // the answers about locks
	deleted []string                    // in order, one text for each request
	marker  bool                        // deletions without an id make delete markers
	before  func(deletions int)         // called before each DeleteObjects
	listed  int
}

func (f *fakeVersions) answer(op string, body []byte) fakeAnswer {
	switch op {
	case "ListObjectVersions":
		f.listed++
		return fakeAnswer{status: 200, body: "<ListVersionsResult><IsTruncated>false</IsTruncated>" + f.entries + "</ListVersionsResult>"}
	case "DeleteObjects":
		if f.before != nil {
			f.before(len(f.deleted))
		}
		var in struct {
			Object []struct {
				Key string
				ID  string `xml:"VersionId"`
			}
			Quiet bool
		}
		if err := xml.Unmarshal(body, &in); err != nil {
			return fakeAnswer{err: err}
		}
		var request, answer strings.Builder
		for _, o := range in.Object {
			if why := f.refuse(o.Key, o.ID); why != "" {
				fmt.Fprintf(&answer, "<Error><Key>%s</Key><VersionId>%s</VersionId>%s</Error>", o.Key, o.ID, why)
				continue
			}
			fmt.Fprintf(&request, "%s %s;", o.Key, o.ID)
			if !in.Quiet {
				fmt.Fprintf(&answer, "<Deleted><Key>%s</Key><DeleteMarker>%t</DeleteMarker></Deleted>", o.Key, f.marker)
			}
		}
		f.deleted = append(f.deleted, request.String())
		return fakeAnswer{status: 200, body: "<DeleteResult>" + answer.String() + "</DeleteResult>"}
	}
	return f.lock(op)
}

func (f *fakeVersions) store(t *testing.T, versioned bool) *Store {
	if f.refuse == nil {
		f.refuse = func(string, string) string { return "" }
	}
	s, err := newStore(fakeClient(transport(func(r *http.Request) (*http.Response, error) {
		var body []byte
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
			r.Body = nil
		}
		return fakeS3(func(op string, _ *http.Request) fakeAnswer { return f.answer(op, body) })(r)
	})), "bucket", &Options{Concurrency: 1})
	require.NoError(t, err)
	s.versioned.Store(versioned)
	return s
}

func fakeVersion(kind, key, id string, latest bool) string {
	return fmt.Sprintf("<%s><Key>%s</Key><VersionId>%s</VersionId><IsLatest>%t</IsLatest></%s>", kind, key, id, latest, kind)
}

func TestALockIsToldFromAMissingRight(t *testing.T) {
	const denied = "<Code>AccessDenied</Code><Message>Access Denied</Message>"
	hold := fakeAnswer{status: 200, body: "<LegalHold><Status>ON</Status></LegalHold>"}
	noHold := fakeAnswer{status: 200, body: "<LegalHold><Status>OFF</Status></LegalHold>"}
	retain := func(until time.Time) fakeAnswer {
		return fakeAnswer{status: 200, body: "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>" + until.Format(time.RFC3339) + "</RetainUntilDate></Retention>"}
	}
	noLock := fakeError(http.StatusBadRequest, "InvalidRequest")
	for _, row := range []struct {
		refusal         string
		hold, retention fakeAnswer
		kind            error
		why             string
	}{
		{denied, hold, noLock, storage.ErrBlocked, "a legal hold"},
		{denied, noHold, retain(time.Now().Add(time.Hour)), storage.ErrBlocked, "a retention"},
		{denied, noHold, retain(time.Now().Add(-time.Hour)), storage.ErrPermission, "a retention that is over"},
		{denied, noLock, noLock, storage.ErrPermission, "a bucket without object lock"},
		{denied, fakeDenial, fakeDenial, storage.ErrPermission, "the locks may not be asked for"},
		{denied, fakeDenial, retain(time.Now().Add(time.Hour)), storage.ErrBlocked, "only holds may not be asked for"},
		{"<Code>AccessDenied</Code><Message>Access Denied because object protected by object lock.</Message>", fakeAnswer{}, fakeAnswer{}, storage.ErrBlocked, "the server says it at once"},
		{"<Code>InvalidRequest</Code><Message>Object is WORM protected and cannot be overwritten</Message>", fakeAnswer{}, fakeAnswer{}, storage.ErrBlocked, "another server says it at once"},
		{"<Code>MethodNotAllowed</Code>", fakeAnswer{}, fakeAnswer{}, storage.ErrInvalid, "anything else"},
	} {
		t.Run(row.why, func(t *testing.T) {
			f := &fakeVersions{
				entries: fakeVersion("Version", "v1/a", "1", true),
				refuse:  func(string, string) string { return row.refusal },
				lock: func(op string) fakeAnswer {
					return map[string]fakeAnswer{"GetObjectLegalHold": row.hold, "GetObjectRetention": row.retention}[op]
				},
			}
			err := f.store(t, true).Delete(t.Context(), "v1/a", "v1/b")
			require.ErrorIs(t, err, row.kind)
			assert.Equal(t, []string{"v1/a"}, storage.FailedKeys(err))
			assert.NotContains(t, err.Error(), "rotected")
		})
	}
}

func TestWhatHidesAnObjectStaysWhenWhatItHidesCannotGo(t *testing.T) {
	f := &fakeVersions{
		entries: fakeVersion("DeleteMarker", "v1/a", "2", true) + fakeVersion("Version", "v1/a", "1", false) + fakeVersion("DeleteMarker", "v1/b", "4", true) + fakeVersion("Version", "v1/b", "3", false),
		refuse: func(_, id string) string {
			if id == "1" {
				return "<Code>AccessDenied</Code><Message>object lock</Message>"
			}
			return ""
		},
	}
	err := f.store(t, true).Delete(t.Context(), "v1/a", "v1/b")
	require.ErrorIs(t, err, storage.ErrBlocked)
	assert.Equal(t, []string{"v1/a"}, storage.FailedKeys(err))
	assert.Equal(t, []string{"v1/b 3;", "v1/b 4;"}, f.deleted)
}

func TestEntriesThatFailForNowAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		f := &fakeVersions{before: func(n int) { tries = n }, refuse: func(key, _ string) string {
			switch {
			case key == "v1/never":
				return "<Code>InternalError</Code>"
			case key == "v1/later" && tries < 2:
				return "<Code>SlowDown</Code>"
			case key == "v1/gone":
				return "<Code>NoSuchKey</Code>"
			}
			return ""
		}}
		err := f.store(t, false).Delete(t.Context(), "v1/at-once", "v1/later", "v1/never", "v1/gone")
		require.ErrorIs(t, err, storage.ErrUnavailable)
		assert.Equal(t, []string{"v1/never"}, storage.FailedKeys(err))
		assert.Equal(t, []string{"v1/at-once ;", "", "v1/later ;", ""}, f.deleted)
	})
}

func TestAVersionThatAnotherHasDeletedMeanwhileIsDeleted(t *testing.T) {
	f := &fakeVersions{entries: fakeVersion("Version", "v1/a", "1", true) + fakeVersion("Version", "v1/b", "2", true)}
	f.refuse = func(string, string) string {
		f.entries = fakeVersion("Version", "v1/b", "2", true)
		return "<Code>InvalidArgument</Code>"
	}
	err := f.store(t, true).Delete(t.Context(), "v1/a", "v1/b")
	require.ErrorIs(t, err, storage.ErrInvalid)
	assert.Equal(t, []string{"v1/b"}, storage.FailedKeys(err), "this one is still there")
}

func TestADeletionThatOnlyMadeMarkersIsNotBelieved(t *testing.T) {
	f := &fakeVersions{marker: true, entries: fakeVersion("DeleteMarker", "v1/a", "2", true) + fakeVersion("Version", "v1/a", "1", false)}
	s := f.store(t, false)
	require.NoError(t, s.Delete(t.Context(), "v1/a"))
	assert.Equal(t, []string{"v1/a ;", "v1/a 1;", "v1/a 2;"}, f.deleted)
	require.NoError(t, s.Delete(t.Context(), "v1/a"))
	assert.Len(t, f.deleted, 5, "from then on it looks first")
}

func TestADeleteThatFailsAsAWholeNamesEveryKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, versioned := range []bool{false, true} {
			s := fakeStore(t, func(string, *http.Request) fakeAnswer { return fakeTrouble })
			s.versioned.Store(versioned)
			err := s.Delete(t.Context(), "v1/b", "v1/a", "v1/b")
			require.ErrorIs(t, err, storage.ErrUnavailable)
			assert.Equal(t, []string{"v1/a", "v1/b"}, storage.FailedKeys(err))
		}
	})
}

func TestADeleteOfManyGivesUpOnAHungServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := make([]string, 3000)
		for i := range keys {
			keys[i] = fmt.Sprintf("v1/%04d", i)
		}
		for _, versioned := range []bool{false, true} {
			s := fakeStore(t, func(_ string, r *http.Request) fakeAnswer {
				<-r.Context().Done()
				return fakeAnswer{err: r.Context().Err()}
			})
			s.versioned.Store(versioned)
			start := time.Now()
			err := s.Delete(t.Context(), keys...)
			require.ErrorIs(t, err, storage.ErrUnavailable)
			assert.Equal(t, keys, storage.FailedKeys(err))
			assert.InDelta(t, maxTries*s.tryTimeout.Seconds(), time.Since(start).Seconds(), 2, "as long as one request")
		}
	})
}

func TestADeletePassesOverAnObjectThatCannotBeLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVersions{entries: fakeVersion("Version", "v1/a", "1", true) + fakeVersion("Version", "v1/c", "3", true)}
		s := f.store(t, true)
		inner := s.client.Options().HTTPClient
		s.client = s3.New(s.client.Options(), func(o *s3.Options) {
			o.HTTPClient = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
				if r.URL.Query().Get("prefix") == "v1/b" {
					return fakeS3(func(string, *http.Request) fakeAnswer { return fakeTrouble })(r)
				}
				return inner.Do(r)
			})}
		})
		err := s.Delete(t.Context(), "v1/a", "v1/b", "v1/c")
		require.ErrorIs(t, err, storage.ErrUnavailable)
		assert.Equal(t, []string{"v1/b"}, storage.FailedKeys(err))
		assert.Equal(t, []string{"v1/a 1;v1/c 3;"}, f.deleted)
	})
}

func TestAListingOfVersionsThatDoesNotGoOnIsAnError(t *testing.T) {
	s := fakeStore(t, func(string, *http.Request) fakeAnswer {
		return fakeAnswer{status: 200, body: "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>v1/a</NextKeyMarker>" +
			"<NextVersionIdMarker>1</NextVersionIdMarker>" + fakeVersion("Version", "v1/a", "1", true) + "</ListVersionsResult>"}
	})
	s.versioned.Store(true)
	require.ErrorIs(t, s.Delete(t.Context(), "v1/a"), storage.ErrUnavailable)
}
