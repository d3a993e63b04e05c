package benchmarks

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/go-kit/log"
	"github.com/stretchr/testify/require"
	objazure "github.com/thanos-io/objstore/providers/azure"
	"gocloud.dev/blob/azureblob"

	"github.com/genesys/voicemail/internal/testserver"
	"github.com/genesys/voicemail/storage/blobstore"
)

func openAzure(b testing.TB) *cloud {
	b.Helper()
	ctx, connection, name := b.Context(), testserver.Azure(b), "b-"+unique()
	client, err := container.NewClientFromConnectionString(connection, name, nil)
	require.NoError(b, err)
	_, err = client.Create(ctx, nil)
	require.NoError(b, err)

	store, err := blobstore.Open(ctx, client, nil)
	require.NoError(b, err)
	b.Cleanup(func() { _ = store.Close() })

	gocloud, err := azureblob.OpenBucket(ctx, client, nil)
	require.NoError(b, err)
	b.Cleanup(func() { _ = gocloud.Close() })

	config := objazure.DefaultConfig
	config.StorageAccountName = "of the connection string"
	config.StorageConnectionString, config.ContainerName, config.StorageCreateContainer = connection, name, false
	thanos, err := objazure.NewBucketWithConfig(log.NewNopLogger(), config, "benchmarks", nil)
	require.NoError(b, err)

	return &cloud{name: "azure", ours: store, routes: []route{
		rawAzure(client), ours(store),
		goCloud(gocloud, func(as func(any) bool) error {
			var opts *azblob.UploadStreamOptions
			if !as(&opts) {
				return errors.New("gocloud.dev shows no options")
			}
			opts.Tags = tags
			return nil
		}),
		objStore(thanos),
	}}
}

func rawAzure(client *container.Client) route {
	return route{
		name: "raw",
		upload: func(ctx context.Context, key string, content []byte) error {
			_, err := client.NewBlockBlobClient(key).Upload(ctx, streaming.NopCloser(bytes.NewReader(content)), &blockblob.UploadOptions{
				Tags: tags, HTTPHeaders: &blob.HTTPHeaders{BlobContentType: to.Ptr(contentType)},
				AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}},
			})
			return err
		},
		list: func(ctx context.Context, prefix string) (n int, err error) {
			pages := client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &prefix})
			for pages.More() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return n, err
				}
				n += len(page.Segment.BlobItems)
			}
			return n, nil
		},
	}
}
