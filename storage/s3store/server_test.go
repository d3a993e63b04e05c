package s3store

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/testserver"
)

// server is an S3 server.
type server struct{ testserver.S3Server }

func plainServer(t testing.TB) server     { return server{testserver.S3(t)} }
func versionedServer(t testing.TB) server { return server{testserver.VersionedS3(t)} }

// client returns a client of the server, whose requests go through wrap if that is not nil.
func (sv server) client(t testing.TB, wrap func(http.RoundTripper) http.RoundTripper) *s3.Client {
	base := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(base.CloseIdleConnections)
	var transport http.RoundTripper = base
	if wrap != nil {
		transport = wrap(base)
	}
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(sv.Endpoint), Region: testserver.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(sv.AccessKey, sv.SecretKey, ""),
		HTTPClient:  &http.Client{Transport: transport},
	})
}

// bucket makes an empty bucket, versionedBucket one that keeps versions, and lockableBucket one that locks objects too.
func (sv server) bucket(t testing.TB) string {
	t.Helper()
	return sv.makeBucket(t, &s3.CreateBucketInput{})
}

func (sv server) versionedBucket(t testing.TB) string {
	t.Helper()
	name := sv.bucket(t)
	sv.setVersioning(t, name, types.BucketVersioningStatusEnabled)
	return name
}

func (sv server) lockableBucket(t testing.TB) string {
	t.Helper()
	return sv.makeBucket(t, &s3.CreateBucketInput{ObjectLockEnabledForBucket: aws.Bool(true)})
}

func (sv server) makeBucket(t testing.TB, in *s3.CreateBucketInput) string {
	t.Helper()
	in.Bucket = aws.String("t-" + strings.ToLower(rand.Text()))
	_, err := sv.client(t, nil).CreateBucket(t.Context(), in)
	require.NoError(t, err)
	return *in.Bucket
}

func (sv server) setVersioning(t testing.TB, bucket string, status types.BucketVersioningStatus) {
	t.Helper()
	_, err := sv.client(t, nil).PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: status},
	})
	require.NoError(t, err)
}

// open opens a store in the bucket.
func (sv server) open(t testing.TB, bucket string, opts *Options) *Store {
	t.Helper()
	return openStore(t, sv.client(t, nil), bucket, opts)
}

func openStore(t testing.TB, client *s3.Client, bucket string, opts *Options) *Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := Open(ctx, client, bucket, opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// transport is a function as an http.RoundTripper.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// operation returns what S3 calls the request.
func operation(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case q.Has("versioning"):
		return "GetBucketVersioning"
	case q.Has("object-lock"):
		return "GetObjectLockConfiguration"
	case q.Has("versions"):
		return "ListObjectVersions"
	case q.Has("legal-hold"):
		return "GetObjectLegalHold"
	case q.Has("retention"):
		return "GetObjectRetention"
	case q.Has("delete"):
		return "DeleteObjects"
	case q.Has("lifecycle"):
		return map[string]string{"PUT": "PutBucketLifecycleConfiguration", "GET": "GetBucketLifecycleConfiguration"}[r.Method]
	case q.Has("list-type"):
		return "ListObjectsV2"
	}
	return map[string]string{"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject"}[r.Method]
}

// recorder notes the requests that go through it.
type recorder struct {
	mu       sync.Mutex
	requests []string
}

func (c *recorder) wrap(next http.RoundTripper) http.RoundTripper {
	return transport(func(r *http.Request) (*http.Response, error) {
		c.mu.Lock()
		c.requests = append(c.requests, operation(r))
		c.mu.Unlock()
		return next.RoundTrip(r)
	})
}

// take returns the requests since the last call.
func (c *recorder) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.requests
	c.requests = nil
	return slices.Clone(all)
}
