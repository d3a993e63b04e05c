package s3store

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func TestOpenProvesOnceAndIsRefusedEverAfter(t *testing.T) {
	sv := plainServer(t)
	bucket := sv.bucket(t)
	var rec recorder
	client := sv.client(t, rec.wrap)
	openStore(t, client, bucket, nil)
	first := rec.take()
	assert.Equal(t, "GetBucketVersioning", first[0])
	assert.Len(t, first, 1+2+8, "the first Open creates, is refused, and has eight race")
	openStore(t, client, bucket, nil)
	assert.Equal(t, []string{"GetBucketVersioning", "PutObject"}, rec.take(), "every later Open is refused")
	openStore(t, client, bucket, &Options{Prefix: "another"})
	assert.Len(t, rec.take(), 1+2+8, "a folder is a store of its own")
}

func TestAnUnsuitableBucketIsRefusedByName(t *testing.T) {
	sv := plainServer(t)
	bucket := sv.bucket(t)
	open := func(change func(*s3.Options), bucket string) error {
		_, err := Open(t.Context(), s3.New(sv.client(t, nil).Options(), change), bucket, nil)
		return err
	}
	for _, row := range []struct {
		change func(*s3.Options)
		bucket string
		kind   error
		text   string
	}{
		{func(*s3.Options) {}, "no-such-bucket-here", storage.ErrUnsuitable, "bucket does not exist"},
		{func(o *s3.Options) { o.Region = "eu-west-9" }, bucket, storage.ErrUnsuitable, "another region"},
		{func(o *s3.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider("unknown", "x", "")
		}, bucket, storage.ErrPermission, "credentials are not accepted"},
		{func(o *s3.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider(sv.AccessKey, "wrong", "")
		}, bucket, storage.ErrPermission, "credentials are not accepted"},
		{func(o *s3.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{}, errors.New("no secret-file")
			})
		}, bucket, storage.ErrPermission, "there are no credentials"},
	} {
		err := open(row.change, row.bucket)
		require.ErrorIs(t, err, row.kind, row.text)
		require.ErrorContains(t, err, row.text)
		assert.NotContains(t, err.Error(), row.bucket)
		assert.NotContains(t, err.Error(), "secret-file")
	}
}

func TestAServerThatLetsASecondCreationWinIsRefused(t *testing.T) {
	plain := fakeAnswer{status: 200, body: "<VersioningConfiguration/>"}
	for _, row := range []struct {
		put  func(n int64) fakeAnswer
		kind error // nil: opened
		text string
	}{
		{func(int64) fakeAnswer { return fakeOK }, storage.ErrUnsuitable, "ignores If-None-Match"},
		{func(n int64) fakeAnswer {
			if n == 2 {
				return fakeRefusal
			}
			return fakeOK
		}, storage.ErrUnsuitable, "come at once"},
		{func(n int64) fakeAnswer {
			if n == 1 || n == 3 {
				return fakeOK
			}
			return fakeRefusal
		}, nil, "one wins"},
		{func(int64) fakeAnswer { return fakeError(http.StatusNotImplemented, "NotImplemented") }, storage.ErrUnsuitable, "does not implement If-None-Match"},
		{func(int64) fakeAnswer { return fakeDenial }, storage.ErrPermission, "AccessDenied"},
		{func(n int64) fakeAnswer {
			if n == 1 {
				return fakeTrouble
			}
			return fakeRefusal
		}, nil, "whoever has created it, a creation is refused"},
	} {
		t.Run(row.text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int64
				_, err := Open(t.Context(), fakeClient(fakeS3(func(op string, r *http.Request) fakeAnswer {
					if op == "GetBucketVersioning" {
						return plain
					}
					assert.Equal(t, "*", r.Header.Get("If-None-Match"))
					return row.put(n.Add(1))
				})), "bucket", nil)
				if row.kind == nil {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, row.kind)
				assert.ErrorContains(t, err, row.text)
			})
		})
	}
}

func TestABucketThatDoesNotSayHasVersions(t *testing.T) {
	for _, row := range []struct {
		answer    fakeAnswer
		versioned bool
		kind      error
		why       string
	}{
		{fakeAnswer{status: 200, body: "<VersioningConfiguration/>"}, false, nil, "never versioned"},
		{fakeAnswer{status: 200, body: "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"}, true, nil, "suspended: old versions are there"},
		{fakeDenial, true, nil, "we may not ask"},
		{fakeError(http.StatusNotImplemented, "NotImplemented"), false, nil, "the server has no versions"},
		{fakeError(http.StatusForbidden, "InvalidAccessKeyId"), false, storage.ErrPermission, "who we are is not known"},
		{fakeTrouble, false, storage.ErrUnavailable, "no answer is none"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, err := Open(t.Context(), fakeClient(fakeS3(func(op string, _ *http.Request) fakeAnswer {
				if op == "GetBucketVersioning" {
					return row.answer
				}
				return fakeRefusal
			})), "bucket", nil)
			if row.kind != nil {
				require.ErrorIs(t, err, row.kind, row.why)
				return
			}
			require.NoError(t, err, row.why)
			assert.Equal(t, row.versioned, s.versioned.Load(), row.why)
		})
	}
}

func TestIllegalOptionsAreRefused(t *testing.T) {
	client := fakeClient(fakeS3(func(string, *http.Request) fakeAnswer { return fakeOK }))
	for _, row := range []struct {
		client *s3.Client
		bucket string
		opts   Options
	}{
		{nil, "bucket", Options{}},
		{client, "", Options{}},
		{client, "bucket", Options{Prefix: "a/"}},
		{client, "bucket", Options{Prefix: "/a"}},
		{client, "bucket", Options{Prefix: strings.Repeat("a/", 112) + "a"}},
		{client, "bucket", Options{PageSize: 1001}},
		{client, "bucket", Options{PageSize: -1}},
		{client, "bucket", Options{TryTimeout: -1}},
		{client, "bucket", Options{Concurrency: -1}},
		{client, "bucket", Options{MaxLinkTTL: maxLinkTTL + 1}},
	} {
		_, err := Open(t.Context(), row.client, row.bucket, &row.opts)
		require.ErrorIs(t, err, storage.ErrInvalid, "%+v", row.opts)
	}
}
