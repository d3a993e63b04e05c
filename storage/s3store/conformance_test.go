package s3store

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

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

func TestConformanceWithObjectLock(t *testing.T) {
	sv := versionedServer(t)
	conform(t, sv, sv.lockableBucket, &Options{Prefix: "locked"})
}

func conform(t *testing.T, sv server, bucket func(testing.TB) string, opts *Options) {
	client := sv.client(t, nil)
	suite := &storagetest.Options{
		Rounds: 4,
		Reopen: func(t *testing.T, s storage.Store) storage.Store {
			return openStore(t, client, *s.(*Store).bucket, opts)
		},
	}
	if opts != nil && opts.Prefix == "locked" {
		suite.Undeletable = func(t *testing.T, s storage.Store, key string) {
			_, err := client.PutObjectLegalHold(t.Context(), &s3.PutObjectLegalHoldInput{
				Bucket: s.(*Store).bucket, Key: s.(*Store).name(key),
				LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOn},
			})
			require.NoError(t, err)
		}
	}
	storagetest.Run(t, func(t *testing.T) storage.Store { return openStore(t, client, bucket(t), opts) }, suite)
}
