package rawscan_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

func BenchmarkScan(b *testing.B) {
	const objects, size = 100, 100 << 10
	store := memstore.New(nil)
	for i := range objects {
		_, err := store.Create(b.Context(), fmt.Sprintf("v1/acme/media/5001/0192f0c1-2b3c-7def-8a9b-%012d-0.wav", i), bodyOf(noise(size)), nil)
		require.NoError(b, err)
	}
	s := rawscan.Scan{Stores: map[string]storage.Store{region: store}, Tenant: tenant, Audio: [][]byte{noise(size), noise(size)}}
	for i := range 5 {
		s.Numbers = append(s.Numbers, fmt.Sprintf("+1555010246%d", i))
	}
	b.SetBytes(objects * size)
	for b.Loop() {
		found, err := s.Run(b.Context())
		require.NoError(b, err)
		require.Empty(b, found)
	}
}

// An attack on a full range of one exchange.
func BenchmarkAttack(b *testing.B) {
	store := memstore.New(nil)
	_, err := store.Create(b.Context(), "v1/acme/small", bodyOf(noise(32)), nil)
	require.NoError(b, err)
	s := rawscan.Scan{Stores: map[string]storage.Store{region: store}, Tenant: tenant, Numbers: []string{number}, Keys: [][]byte{noise(32)}}
	s.Range = func(yield func(string) bool) {
		for i := range 20_000 {
			if !yield(fmt.Sprintf("+155501%05d", i)) {
				return
			}
		}
	}
	s.Recovered = func(string) {}
	for b.Loop() {
		_, err := s.Run(b.Context())
		require.NoError(b, err)
	}
}
