package benchmarks

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/go-kit/log"
	"github.com/stretchr/testify/require"
	objs3 "github.com/thanos-io/objstore/providers/s3"
	"gocloud.dev/blob/s3blob"

	"github.com/genesys/voicemail/internal/testserver"
	"github.com/genesys/voicemail/storage/s3store"
)

func openS3(b testing.TB) *cloud {
	b.Helper()
	ctx, sv := b.Context(), testserver.S3(b)
	// Checksums as s3store has them, which are fewer than the SDK's default.
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(sv.Endpoint), Region: testserver.Region, UsePathStyle: true,
		Credentials:                credentials.NewStaticCredentialsProvider(sv.AccessKey, sv.SecretKey, ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
	bucket := "b-" + unique()
	_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	require.NoError(b, err)

	store, err := s3store.Open(ctx, client, bucket, nil)
	require.NoError(b, err)
	b.Cleanup(func() { _ = store.Close() })

	gocloud, err := s3blob.OpenBucket(ctx, client, bucket, nil)
	require.NoError(b, err)
	b.Cleanup(func() { _ = gocloud.Close() })

	config := objs3.DefaultConfig
	config.Bucket, config.Region, config.AccessKey, config.SecretKey = bucket, testserver.Region, sv.AccessKey, sv.SecretKey
	config.Endpoint, config.Insecure, config.BucketLookupType = strings.TrimPrefix(sv.Endpoint, "http://"), true, objs3.PathLookup
	thanos, err := objs3.NewBucketWithConfig(log.NewNopLogger(), config, "benchmarks", nil)
	require.NoError(b, err)

	return &cloud{name: "s3", ours: store, routes: []route{
		rawS3(client, bucket), ours(store),
		goCloud(gocloud, func(as func(any) bool) error {
			var in *transfermanager.UploadObjectInput
			if !as(&in) {
				return errors.New("gocloud.dev shows no input")
			}
			in.Tagging = aws.String(tagging())
			return nil
		}),
		objStore(thanos),
	}}
}

func rawS3(client *s3.Client, bucket string) route {
	return route{
		name: "raw",
		upload: func(ctx context.Context, key string, content []byte) error {
			_, err := client.PutObject(ctx, &s3.PutObjectInput{
				Bucket: &bucket, Key: &key, Body: bytes.NewReader(content), ContentLength: aws.Int64(int64(len(content))),
				ContentType: aws.String(contentType), Tagging: aws.String(tagging()), IfNoneMatch: aws.String("*"),
			})
			return err
		},
		list: func(ctx context.Context, prefix string) (n int, err error) {
			pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return n, err
				}
				n += len(page.Contents)
			}
			return n, nil
		},
	}
}

// tagging returns the tags as S3 takes them.
func tagging() string {
	query := make(url.Values, len(tags))
	for k, v := range tags {
		query.Set(k, v)
	}
	return query.Encode()
}
