package cloudtest

import (
	"testing"
	"time"

	"github.com/genesys/voicemail/internal/servicetest"
	"github.com/genesys/voicemail/internal/testserver"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/blobstore"
	"github.com/genesys/voicemail/storage/s3store"
)

// patience is that of a machine that runs other tests at the same time, beside servers that answer one request after the other.
const patience = 15 * time.Minute

// Every call of every operation fails in memory already. Here a share of them does, another one in each run.
var (
	someFaults = &servicetest.Options{Messages: 30, Every: 24, Pairs: 1, Patience: patience}
	noFaults   = &servicetest.Options{Messages: 30, NoFaults: true, Patience: patience}
)

func TestVoicemailOnAzurite(t *testing.T) {
	testserver.Azure(t) // without it, one skip says enough
	servicetest.Run(t, func(t *testing.T) storage.Store { return openAzure(t, azure(t, nil), nil) }, someFaults)
}

func TestVoicemailOnAzuriteBelowAPrefix(t *testing.T) {
	testserver.Azure(t) // without it, one skip says enough
	servicetest.Run(t, func(t *testing.T) storage.Store {
		return openAzure(t, azure(t, nil), &blobstore.Options{Prefix: "voice/mail", PageSize: 7})
	}, noFaults)
}

func TestVoicemailOnS3(t *testing.T) {
	server := testserver.S3(t)
	servicetest.Run(t, func(t *testing.T) storage.Store {
		return openS3(t, s3Client(t, server, nil), bucket(t, server), nil)
	}, someFaults)
}

func TestVoicemailOnS3BelowAPrefix(t *testing.T) {
	server := testserver.S3(t)
	servicetest.Run(t, func(t *testing.T) storage.Store {
		return openS3(t, s3Client(t, server, nil), bucket(t, server), &s3store.Options{Prefix: "voice/mail", PageSize: 7})
	}, noFaults)
}

func TestVoicemailOnS3WithVersions(t *testing.T) {
	testserver.VersionedS3(t) // without it, one skip says enough
	servicetest.Run(t, func(t *testing.T) storage.Store {
		server, name := versionedBucket(t)
		return openS3(t, s3Client(t, server, nil), name, nil)
	}, someFaults)
}
