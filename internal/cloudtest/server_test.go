package cloudtest

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/testserver"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/blobstore"
	"github.com/genesys/voicemail/storage/s3store"
)

// wrapper stands between a client and the network.
type wrapper func(http.RoundTripper) http.RoundTripper

// roundTrip is a function as an http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// client returns an HTTP client of the test's own.
func client(t testing.TB, wrap wrapper) *http.Client {
	base := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(base.CloseIdleConnections)
	if wrap == nil {
		return &http.Client{Transport: base}
	}
	return &http.Client{Transport: wrap(base)}
}

// transporter is an http.Client as Azure's SDK wants it.
type transporter struct{ *http.Client }

func (c transporter) Do(r *http.Request) (*http.Response, error) { return c.Client.Do(r) }

// azure returns a client of a container of the test's own. Its requests go through wrap, if that is not nil, once the container is there.
func azure(t testing.TB, wrap wrapper) *container.Client {
	t.Helper()
	name := "t-" + strings.ToLower(rand.Text())
	connection := testserver.Azure(t)
	admin, err := container.NewClientFromConnectionString(connection, name, azureOptions(t, nil))
	require.NoError(t, err)
	_, err = admin.Create(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = admin.Delete(context.Background(), nil) }) // what others leave makes Azurite slow
	c, err := container.NewClientFromConnectionString(connection, name, azureOptions(t, wrap))
	require.NoError(t, err)
	return c
}

func azureOptions(t testing.TB, wrap wrapper) *container.ClientOptions {
	return &container.ClientOptions{ClientOptions: policy.ClientOptions{Transport: transporter{client(t, wrap)}}}
}

func openAzure(t testing.TB, c *container.Client, opts *blobstore.Options) *blobstore.Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := blobstore.Open(ctx, c, opts)
	require.NoError(t, err)
	return s
}

// s3Client returns a client whose requests go through wrap, if that is not nil.
func s3Client(t testing.TB, server testserver.S3Server, wrap wrapper) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(server.Endpoint), Region: testserver.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(server.AccessKey, server.SecretKey, ""),
		HTTPClient:  client(t, wrap),
	})
}

// bucket makes a bucket of the test's own.
func bucket(t testing.TB, server testserver.S3Server) string {
	t.Helper()
	name := "t-" + strings.ToLower(rand.Text())
	_, err := s3Client(t, server, nil).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
	require.NoError(t, err)
	return name
}

// versionedBucket makes one that keeps versions.
func versionedBucket(t testing.TB) (testserver.S3Server, string) {
	t.Helper()
	server := testserver.VersionedS3(t)
	name := bucket(t, server)
	_, err := s3Client(t, server, nil).PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	require.NoError(t, err)
	return server, name
}

func openS3(t testing.TB, c *s3.Client, bucket string, opts *s3store.Options) *s3store.Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := s3store.Open(ctx, c, bucket, opts)
	require.NoError(t, err)
	return s
}

// clouds are the stores that a test runs on which takes the requests of one apart.
var clouds = []struct {
	name string
	// open opens a store in a container or bucket of its own, whose requests go through wrap.
	open func(t testing.TB, wrap wrapper) storage.Store
}{
	{"Azure", func(t testing.TB, wrap wrapper) storage.Store { return openAzure(t, azure(t, wrap), nil) }},
	{"S3", func(t testing.TB, wrap wrapper) storage.Store {
		server := testserver.S3(t)
		return openS3(t, s3Client(t, server, wrap), bucket(t, server), nil)
	}},
}
