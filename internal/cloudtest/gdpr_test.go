package cloudtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/gdprtest"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/internal/testserver"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/pvstore"
)

// region makes the store of a region.
type region func(t *testing.T, p gdprtest.Placement, name string) storage.Store

func azureRegion(t *testing.T, _ gdprtest.Placement, _ string) storage.Store {
	return openAzure(t, azure(t, nil), nil)
}

func s3Region(t *testing.T, _ gdprtest.Placement, _ string) storage.Store {
	server := testserver.S3(t)
	return openS3(t, s3Client(t, server, nil), bucket(t, server), nil)
}

func versionedS3Region(t *testing.T, _ gdprtest.Placement, _ string) storage.Store {
	server, name := versionedBucket(t)
	return openS3(t, s3Client(t, server, nil), name, nil)
}

func volumeRegion(t *testing.T, p gdprtest.Placement, name string) storage.Store {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, pvstore.Init(t.Context(), dir))
	s, err := pvstore.Open(t.Context(), dir, nil)
	require.NoError(t, err)
	p.More["volume of "+name] = rawscan.Dir(dir)
	return s
}

// onServers places a tenant in regions, the first of which is the master.
func onServers(t *testing.T, master region, others ...region) {
	gdprtest.Run(t, func(t *testing.T) gdprtest.Placement {
		p := gdprtest.Placement{Master: "frankfurt", Stores: map[string]storage.Store{}, More: map[string]rawscan.Source{}}
		p.Stores["frankfurt"] = master(t, p, "frankfurt")
		for i, other := range others {
			name := []string{"dublin", "virginia"}[i]
			p.Stores[name] = other(t, p, name)
		}
		return p
	})
}

func TestGDPROnAzurite(t *testing.T) {
	testserver.Azure(t) // without it, one skip says enough
	onServers(t, azureRegion)
}

// A bucket with versions is the harder one: there a deletion has to take the versions, too.
func TestGDPROnS3WithVersions(t *testing.T) {
	testserver.VersionedS3(t)
	onServers(t, versionedS3Region)
}

func TestGDPROnAVolumeWithAzuriteAndS3(t *testing.T) {
	testserver.Azure(t)
	testserver.S3(t)
	onServers(t, volumeRegion, azureRegion, s3Region)
}
