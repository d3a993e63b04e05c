package s3store

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"
)

// server is a real one that the tests run against.
type server struct{ endpoint, access, secret string }

// plainServer and versionedServer return the servers that the environment names; the second one keeps versions.
func plainServer(t testing.TB) server     { return serverAt(t, "VOICEMAIL_TEST_S3") }
func versionedServer(t testing.TB) server { return serverAt(t, "VOICEMAIL_TEST_S3_VERSIONED") }

func serverAt(t testing.TB, variable string) server {
	t.Helper()
	endpoint := os.Getenv(variable)
	if endpoint == "" {
		if os.Getenv("VOICEMAIL_TEST_SERVERS") == "required" {
			t.Fatalf("%s is not set", variable)
		}
		t.Skip("waits for versitygw: run make test")
	}
	return server{
		endpoint: endpoint,
		access:   cmp.Or(os.Getenv("VOICEMAIL_TEST_S3_ACCESS"), "test"),
		secret:   cmp.Or(os.Getenv("VOICEMAIL_TEST_S3_SECRET"), "testsecret"),
	}
}

// client returns a client of the server, whose requests go through wrap if that is not nil.
func (sv server) client(t testing.TB, wrap func(http.RoundTripper) http.RoundTripper) *s3.Client {
	base := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(base.CloseIdleConnections)
	var transport http.RoundTripper = base
	if wrap != nil {
		transport = wrap(base)
	}
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(sv.endpoint), Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(sv.access, sv.secret, ""),
		HTTPClient:  &http.Client{Transport: transport},
	})
}

// bucket makes an empty bucket.
func (sv server) bucket(t testing.TB) string {
	t.Helper()
	name := "t-" + strings.ToLower(rand.Text())
	_, err := sv.client(t, nil).CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: &name})
	require.NoError(t, err)
	return name
}

// versionedBucket makes an empty bucket that keeps versions.
func (sv server) versionedBucket(t testing.TB) string {
	t.Helper()
	name := sv.bucket(t)
	sv.setVersioning(t, name, types.BucketVersioningStatusEnabled)
	return name
}

func (sv server) setVersioning(t testing.TB, bucket string, status types.BucketVersioningStatus) {
	t.Helper()
	_, err := sv.client(t, nil).PutBucketVersioning(context.Background(), &s3.PutBucketVersioningInput{
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := Open(ctx, client, bucket, opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// roundTripper is a function as a transport.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
