package benchmarks

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/thanos-io/objstore"
	"gocloud.dev/blob"
	"golang.org/x/sync/errgroup"

	"github.com/genesys/voicemail/storage"
)

// cloud is a server and the ways to it. Each of them has a bucket or container that all of them share.
type cloud struct {
	name   string
	ours   storage.Store
	routes []route // raw is the first
}

// route is a library as it reaches the server.
type route struct {
	name   string
	upload func(ctx context.Context, key string, content []byte) error
	list   func(ctx context.Context, prefix string) (int, error) // names, sizes and times; it returns how many
}

// What comes with every upload, where the library can.
const contentType = "audio/basic"

var tags = map[string]string{"caller_id": "+15551234567", "mailbox": "5001"}

// onEach runs f against each server.
func onEach(b *testing.B, f func(b *testing.B, c *cloud)) {
	for _, open := range []func(testing.TB) *cloud{openS3, openAzure} {
		c := open(b)
		b.Run(c.name, func(b *testing.B) { f(b, c) })
	}
}

func ours(s storage.Store) route {
	return route{
		name: "ours",
		upload: func(ctx context.Context, key string, content []byte) error {
			_, err := s.Create(ctx, key, bytes.NewReader(content), &storage.CreateOptions{ContentType: contentType, Tags: tags})
			return err
		},
		list: func(ctx context.Context, prefix string) (n int, err error) {
			for _, err := range storage.All(ctx, s, &storage.ListOptions{Prefix: prefix}) {
				if err != nil {
					return n, err
				}
				n++
			}
			return n, nil
		},
	}
}

// goCloud is a bucket of gocloud.dev. setTags puts the tags into what the SDK is about to send.
func goCloud(bucket *blob.Bucket, setTags func(as func(any) bool) error) route {
	return route{
		name: "gocloud",
		upload: func(ctx context.Context, key string, content []byte) error {
			return bucket.Upload(ctx, key, bytes.NewReader(content), &blob.WriterOptions{ContentType: contentType, IfNotExist: true, BeforeWrite: setTags})
		},
		list: func(ctx context.Context, prefix string) (int, error) {
			objects := bucket.List(&blob.ListOptions{Prefix: prefix})
			for n := 0; ; n++ {
				if _, err := objects.Next(ctx); errors.Is(err, io.EOF) {
					return n, nil
				} else if err != nil {
					return n, err
				}
			}
		},
	}
}

// objStore is a bucket of objstore, which has neither tags nor creation under a condition, and lists no sizes.
func objStore(bucket objstore.Bucket) route {
	return route{
		name: "objstore",
		upload: func(ctx context.Context, key string, content []byte) error {
			return bucket.Upload(ctx, key, bytes.NewReader(content), objstore.WithContentType(contentType))
		},
		list: func(ctx context.Context, prefix string) (n int, err error) {
			return n, bucket.IterWithAttributes(ctx, prefix, func(objstore.IterObjectAttributes) error {
				n++
				return nil
			}, objstore.WithRecursiveIter(), objstore.WithUpdatedAt())
		},
	}
}

func unique() string { return strings.ToLower(rand.Text()) }

// fill creates n empty objects whose names start with prefix.
func (c *cloud) fill(b *testing.B, prefix string, n int) {
	b.Helper()
	all, ctx := errgroup.WithContext(b.Context())
	all.SetLimit(8)
	for i := range n {
		all.Go(func() error { return c.routes[0].upload(ctx, fmt.Sprintf("%s%s-%04d", prefix, unique(), i), nil) })
	}
	require.NoError(b, all.Wait())
}
