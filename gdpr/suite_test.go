package gdpr_test

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/gdprtest"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/pvstore"
)

func memory(*testing.T) storage.Store { return memstore.New(nil) }

// cloud is a store in memory with what the clouds have: tags that can be searched, and links.
type cloud struct{ *memstore.Store }

func (c cloud) FindByTag(ctx context.Context, name, value string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for info, err := range storage.All(ctx, c, &storage.ListOptions{KeysOnly: true}) {
			if err != nil {
				yield("", err)
				return
			}
			if c.Tags(info.Key)[name] == value && !yield(info.Key, nil) {
				return
			}
		}
	}
}

func (c cloud) SignURL(ctx context.Context, _ string, ttl time.Duration) (storage.SignedURL, error) {
	return storage.NewSignedURL("https://storage.example/one", time.Now().Add(ttl)), errors.Join(ctx.Err())
}

func memoryAsCloud(*testing.T) storage.Store { return cloud{memstore.New(nil)} }

func directory(t *testing.T, dir string) storage.Store {
	t.Helper()
	require.NoError(t, pvstore.Init(t.Context(), dir))
	s, err := pvstore.Open(t.Context(), dir, nil)
	require.NoError(t, err)
	return s
}

// placed places a tenant in stores, the first of which is the master's.
func placed(t *testing.T, master func(*testing.T) storage.Store, others ...func(*testing.T) storage.Store) gdprtest.Placement {
	p := gdprtest.Placement{Master: "frankfurt", Stores: map[string]storage.Store{"frankfurt": master(t)}}
	for i, other := range others {
		p.Stores[[]string{"dublin", "virginia"}[i]] = other(t)
	}
	return p
}

// onVolumes places a tenant in directories, which are searched as they are, too.
func onVolumes(t *testing.T, regions ...string) gdprtest.Placement {
	p := gdprtest.Placement{Master: regions[0], Stores: map[string]storage.Store{}, More: map[string]rawscan.Source{}}
	for _, region := range regions {
		dir := t.TempDir()
		p.Stores[region] = directory(t, dir)
		p.More[filepath.Join("volume of", region)] = rawscan.Dir(dir)
	}
	return p
}

func TestGDPRInMemory(t *testing.T) {
	gdprtest.Run(t, func(t *testing.T) gdprtest.Placement { return placed(t, memory) })
}

func TestGDPRInMemoryInThreeRegions(t *testing.T) {
	gdprtest.Run(t, func(t *testing.T) gdprtest.Placement { return placed(t, memory, memory, memory) })
}

func TestGDPRWithTagsAndLinks(t *testing.T) {
	gdprtest.Run(t, func(t *testing.T) gdprtest.Placement { return placed(t, memoryAsCloud) })
}

func TestGDPRWithTagsAndLinksInSomeRegions(t *testing.T) {
	gdprtest.Run(t, func(t *testing.T) gdprtest.Placement { return placed(t, memory, memoryAsCloud, memory) })
}

func TestGDPROnAVolume(t *testing.T) {
	gdprtest.Run(t, func(t *testing.T) gdprtest.Placement { return onVolumes(t, "frankfurt") })
}

func TestGDPROnThreeVolumes(t *testing.T) {
	gdprtest.Run(t, func(t *testing.T) gdprtest.Placement { return onVolumes(t, "frankfurt", "dublin", "virginia") })
}
