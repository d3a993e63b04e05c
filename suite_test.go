package voicemail_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/servicetest"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/pvstore"
)

func TestVoicemailInMemory(t *testing.T) {
	servicetest.Run(t, func(*testing.T) storage.Store { return memstore.New(nil) }, nil)
}

// Pages that hold next to nothing show what forgets to follow a listing.
func TestVoicemailInMemoryWithSmallPages(t *testing.T) {
	servicetest.Run(t, func(*testing.T) storage.Store {
		return memstore.New(&memstore.Options{PageSize: 2})
	}, &servicetest.Options{NoFaults: true})
}

func TestVoicemailOnAVolume(t *testing.T) {
	servicetest.Run(t, func(t *testing.T) storage.Store {
		dir := t.TempDir()
		require.NoError(t, pvstore.Init(t.Context(), dir))
		s, err := pvstore.Open(t.Context(), dir, nil)
		require.NoError(t, err)
		return s
	}, &servicetest.Options{Every: 3, Pairs: 1}) // every call of every operation fails in memory already; here each one is on disk
}
