package s3store

import (
	"testing"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/storagetest"
)

func TestConformance(t *testing.T) {
	sv := plainServer(t)
	conform(t, sv, sv.bucket, nil)
}

func TestConformanceBelowAPrefix(t *testing.T) {
	sv := plainServer(t)
	conform(t, sv, sv.bucket, &Options{Prefix: "voice/mail", PageSize: 7})
}

func TestConformanceWithVersions(t *testing.T) {
	sv := versionedServer(t)
	conform(t, sv, sv.versionedBucket, nil)
}

func conform(t *testing.T, sv server, bucket func(testing.TB) string, opts *Options) {
	client := sv.client(t, nil)
	storagetest.Run(t, func(t *testing.T) storage.Store { return openStore(t, client, bucket(t), opts) }, &storagetest.Options{
		Rounds: 4,
		Reopen: func(t *testing.T, s storage.Store) storage.Store {
			return openStore(t, client, *s.(*Store).bucket, opts)
		},
	})
}
