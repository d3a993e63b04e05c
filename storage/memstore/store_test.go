package memstore_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/storagetest"
)

func TestStore(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return memstore.New(nil) }, nil)
}

func TestStoreWithPagesOfTwo(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return memstore.New(&memstore.Options{PageSize: 2}) }, nil)
}

func BenchmarkStore(b *testing.B) {
	storagetest.Bench(b, func(*testing.B) storage.Store { return memstore.New(nil) })
}

func TestRandomOperationsMatchAMap(t *testing.T) {
	// Few names, so that they meet: as the same, as object and folder, as neighbours in order.
	key := rapid.StringMatching(`[ab](/[ab0-]){0,3}`)
	rapid.Check(t, func(t *rapid.T) {
		s, model := memstore.New(&memstore.Options{PageSize: 3}), map[string]string{}
		add := func(key, content string, err error) {
			_, taken := model[key]
			clash := slices.ContainsFunc(slices.Collect(maps.Keys(model)), func(k string) bool {
				return strings.HasPrefix(k, key+"/") || strings.HasPrefix(key, k+"/")
			})
			switch {
			case taken:
				require.ErrorIs(t, err, storage.ErrExists)
			case clash:
				require.ErrorIs(t, err, storage.ErrInvalid)
			default:
				require.NoError(t, err)
				model[key] = content
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				k, content := key.Draw(t, "key"), rapid.String().Draw(t, "content")
				_, err := s.Create(t.Context(), k, strings.NewReader(content), nil)
				add(k, content, err)
			},
			"copy": func(t *rapid.T) {
				dst, src := key.Draw(t, "dst"), key.Draw(t, "src")
				_, err := s.Copy(t.Context(), dst, src, nil)
				content, ok := model[src]
				if !ok {
					require.ErrorIs(t, err, storage.ErrNotExist)
					return
				}
				add(dst, content, err)
			},
			"delete": func(t *rapid.T) {
				keys := rapid.SliceOf(key).Draw(t, "keys")
				require.NoError(t, s.Delete(t.Context(), keys...))
				for _, k := range keys {
					delete(model, k)
				}
			},
			"read": func(t *rapid.T) {
				k := key.Draw(t, "key")
				got, err := storage.ReadFile(t.Context(), s, k, 1<<20)
				if want, ok := model[k]; ok {
					require.NoError(t, err)
					require.Equal(t, want, string(got))
				} else {
					require.True(t, errors.Is(err, storage.ErrNotExist))
				}
			},
			"": func(t *rapid.T) { // after every operation
				prefix := rapid.StringMatching(`([ab](/[ab0-]){0,2}/?)?`).Draw(t, "prefix")
				var want, got []string
				folders := map[string]bool{}
				for _, k := range slices.Sorted(maps.Keys(model)) {
					if rest, ok := strings.CutPrefix(k, prefix); ok {
						want = append(want, k)
						if i := strings.Index(rest, "/"); i >= 0 {
							folders[k[:len(prefix)+i+1]] = true
						}
					}
				}
				for info, err := range storage.All(t.Context(), s, &storage.ListOptions{Prefix: prefix}) {
					require.NoError(t, err)
					require.Equal(t, int64(len(model[info.Key])), info.Size)
					got = append(got, info.Key)
				}
				require.Equal(t, want, got)
				got = nil
				for p, err := range storage.Prefixes(t.Context(), s, prefix) {
					require.NoError(t, err)
					got = append(got, p)
				}
				require.Equal(t, slices.Sorted(maps.Keys(folders)), got)
			},
		})
	})
}
