package blobstore

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
	"github.com/stretchr/testify/require"
)

type leases struct{}

// take leases an object for ever, so that it cannot be deleted.
func (*leases) take(t *testing.T, s *Store, key string) {
	t.Helper()
	c, err := lease.NewBlobClient(s.container.NewBlobClient(s.prefix+key), nil)
	require.NoError(t, err)
	_, err = c.AcquireLease(t.Context(), -1, nil)
	require.NoError(t, err)
}
