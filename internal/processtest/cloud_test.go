//go:build unix

package processtest

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"strings"
	"testing"

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

// bucket is a place of kind "s3".
type bucket struct {
	Server       testserver.S3Server
	Name, Prefix string
	Versioned    bool
}

// newBucket makes a bucket on a server.
func newBucket(t *testing.T, server testserver.S3Server, prefix string, versioned bool) place {
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	b := &bucket{server, "t-" + strings.ToLower(rand.Text()), prefix, versioned}
	_, err := b.client().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &b.Name})
	require.NoError(t, err)
	if versioned {
		_, err = b.client().PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
			Bucket: &b.Name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
		})
		require.NoError(t, err)
	}
	return place{Kind: "s3", Bucket: b, Spool: t.TempDir()}
}

func (b *bucket) client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &b.Server.Endpoint, Region: testserver.Region, UsePathStyle: true, HTTPClient: http.DefaultClient,
		Credentials: credentials.NewStaticCredentialsProvider(b.Server.AccessKey, b.Server.SecretKey, ""),
	})
}

func (b *bucket) open(ctx context.Context) (storage.Store, error) {
	return s3store.Open(ctx, b.client(), b.Name, &s3store.Options{Prefix: b.Prefix})
}

// scan reads every version of every object, and hears of every delete marker.
func (b *bucket) scan(t *testing.T, each func(name string, text []byte)) {
	c := b.client()
	read := func(name, version *string) {
		got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Name, Key: name, VersionId: version})
		require.NoError(t, err)
		defer got.Body.Close()
		text, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		each(*name, text)
	}
	if !b.Versioned {
		for pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: &b.Name}); pages.HasMorePages(); {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			for _, o := range page.Contents {
				read(o.Key, nil)
			}
		}
		return
	}
	for pages := s3.NewListObjectVersionsPaginator(c, &s3.ListObjectVersionsInput{Bucket: &b.Name}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, v := range page.Versions {
			read(v.Key, v.VersionId)
		}
		for _, m := range page.DeleteMarkers {
			require.Fail(t, "a deletion left a marker", aws.ToString(m.Key))
		}
	}
}

// blobs is a place of kind "azure".
type blobs struct{ Connection, Container, Prefix string }

// newContainer makes a container on Azurite.
func newContainer(t *testing.T, prefix string) place {
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	b := &blobs{testserver.Azure(t), "t-" + strings.ToLower(rand.Text()), prefix}
	c, err := b.client()
	require.NoError(t, err)
	_, err = c.Create(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = c.Delete(context.Background(), nil) }) // what others leave makes Azurite slow
	return place{Kind: "azure", Blobs: b, Spool: t.TempDir()}
}

func (b *blobs) client() (*container.Client, error) {
	return container.NewClientFromConnectionString(b.Connection, b.Container, &container.ClientOptions{
		ClientOptions: policy.ClientOptions{Transport: http.DefaultClient},
	})
}

func (b *blobs) open(ctx context.Context) (storage.Store, error) {
	c, err := b.client()
	if err != nil {
		return nil, err
	}
	return blobstore.Open(ctx, c, &blobstore.Options{Prefix: b.Prefix})
}

// scan reads every blob and every snapshot.
func (b *blobs) scan(t *testing.T, each func(name string, text []byte)) {
	c, err := b.client()
	require.NoError(t, err)
	pages := c.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Include: container.ListBlobsInclude{Snapshots: true, UncommittedBlobs: true}})
	for pages.More() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, item := range page.Segment.BlobItems {
			require.Nil(t, item.Snapshot)
			got, err := c.NewBlobClient(*item.Name).DownloadStream(t.Context(), nil)
			require.NoError(t, err)
			text, err := io.ReadAll(got.Body)
			require.NoError(t, err)
			require.NoError(t, got.Body.Close())
			each(*item.Name, text)
		}
	}
}

const cloudChanges = 400

func TestProcessesShareOneBucket(t *testing.T) {
	t.Parallel()
	shareOne(t, newBucket(t, testserver.S3(t), "", false), 2, cloudChanges)
}

func TestProcessesShareOneBucketWithVersions(t *testing.T) {
	t.Parallel()
	shareOne(t, newBucket(t, testserver.VersionedS3(t), "voice/mail", true), 2, cloudChanges)
}

func TestProcessesShareOneContainer(t *testing.T) {
	t.Parallel()
	shareOne(t, newContainer(t, "voice/mail"), 2, cloudChanges)
}
