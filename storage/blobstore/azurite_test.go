package blobstore

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/testserver"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/storagetest"
)

// newContainer makes a container of its own for the test and returns a client of it, whose requests go through transport; nil is the usual one.
func newContainer(t testing.TB, transport policy.Transporter) *container.Client {
	t.Helper()
	name := "t-" + strings.ToLower(rand.Text())
	admin, err := container.NewClientFromConnectionString(testserver.Azure(t), name, nil)
	require.NoError(t, err)
	_, err = admin.Create(t.Context(), nil)
	require.NoError(t, err)
	client, err := container.NewClientFromConnectionString(testserver.Azure(t), name, &container.ClientOptions{
		ClientOptions: policy.ClientOptions{Transport: transport},
	})
	require.NoError(t, err)
	return client
}

func openStore(t testing.TB, client *container.Client, opts *Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), client, opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestConformanceOnAzurite(t *testing.T) { conform(t, nil) }

func TestConformanceOnAzuriteBelowAPrefix(t *testing.T) {
	conform(t, &Options{Prefix: "voice/mail", PageSize: 7})
}

func conform(t *testing.T, opts *Options) {
	leases := &leases{}
	storagetest.Run(t, func(t *testing.T) storage.Store {
		return openStore(t, newContainer(t, nil), opts)
	}, &storagetest.Options{
		Rounds: 6,
		Reopen: func(t *testing.T, s storage.Store) storage.Store {
			return openStore(t, s.(*Store).container, opts)
		},
		Undeletable: func(t *testing.T, s storage.Store, key string) { leases.take(t, s.(*Store), key) },
	})
}
