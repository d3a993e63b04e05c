package s3store

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/storagetest"
)

func BenchmarkStore(b *testing.B) {
	sv := plainServer(b)
	storagetest.Bench(b, func(b *testing.B) storage.Store { return sv.open(b, sv.bucket(b), nil) })
}

// BenchmarkUpload compares what the driver costs beside the bare client, for the audio of a message. The transport is a fake that takes the body.
func BenchmarkUpload(b *testing.B) {
	audio := make([]byte, 480<<10) // a minute of G.711
	opts := &storage.CreateOptions{ContentType: "audio/wav", Tags: map[string]string{"caller_id": "+15550001111"}}
	client := fakeClient(fakeS3(func(string, *http.Request) fakeAnswer { return fakeOK }))
	overHTTP := s3.New(client.Options(), func(o *s3.Options) { o.BaseEndpoint = aws.String("http://s3.test") })
	for name, client := range map[string]*s3.Client{"TLS": client, "HTTP": overHTTP} {
		s, err := newStore(client, "bucket", nil)
		require.NoError(b, err)
		b.Run(name+"/driver", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(audio)))
			for b.Loop() {
				if _, err := s.Create(b.Context(), "v1/a", bytes.NewReader(audio), opts); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/client", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(audio)))
			for b.Loop() {
				_, err := client.PutObject(b.Context(), &s3.PutObjectInput{
					Bucket: aws.String("bucket"), Key: aws.String("v1/a"), Body: bytes.NewReader(audio), ContentType: aws.String("audio/wav"),
					IfNoneMatch: aws.String("*"), Tagging: aws.String("caller_id=%2B15550001111"),
				}, func(o *s3.Options) { o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired })
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
