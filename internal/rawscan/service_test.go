package rawscan_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/pvstore"
)

func volume(t *testing.T) (storage.Store, string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, pvstore.Init(t.Context(), dir))
	store, err := pvstore.Open(t.Context(), dir, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store, dir
}

func TestNothingIsLeftOfAMessageThatWasDeleted(t *testing.T) {
	for kind, open := range map[string]func(t *testing.T) (storage.Store, string){
		"in memory":   func(*testing.T) (storage.Store, string) { return memstore.New(nil), "" },
		"on a volume": volume,
	} {
		t.Run(kind, func(t *testing.T) {
			ctx := t.Context()
			store, dir := open(t)
			now := time.Now()
			svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), &voicemail.Options{Tenant: tenant, Now: func() time.Time { return now }})
			require.NoError(t, err)
			box, err := svc.CreateMailbox(ctx, "5001", nil)
			require.NoError(t, err)
			deposit := func(caller string, audio []byte) voicemail.Message {
				msg, err := box.Deposit(ctx, bytes.NewReader(audio), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(caller).WithName("Zyx Wvut of " + caller)})
				require.NoError(t, err)
				return msg
			}
			for i := range 20 {
				deposit(fmt.Sprintf("+1555010%04d", i), noise(3000))
			}
			var recovered []string
			recording := noise(5000)
			s := scan(store)
			s.Audio = [][]byte{recording}
			s.Range = func(yield func(string) bool) {
				for i := range 100 {
					if !yield(fmt.Sprintf("+1555010%04d", i)) || !yield(fmt.Sprintf("+1555010%04d", 2400+i)) {
						return
					}
				}
			}
			s.Recovered = func(number string) { recovered = append(recovered, number) }
			if dir != "" {
				s.More = map[string]rawscan.Source{"volume": rawscan.Dir(dir)}
			}
			require.Empty(t, run(t, s), "others' messages are no finding")
			require.Len(t, recovered, 20, "whoever has the key and the index has the numbers")

			msg := deposit(number, recording)
			recovered = nil
			found := run(t, s)
			require.Contains(t, recovered, number)
			places := map[string]bool{}
			for _, f := range found {
				places[fmt.Sprintf("%s %s %s", f.Region, f.Where, filepath.Ext(f.Key))] = true
				require.NotContains(t, f.What, digits)
			}
			for _, place := range []string{"main content .json", "main content .wav", "main name "} {
				if place == "main content .wav" {
					place = "main content .bin" // noise is no WAV file
				}
				require.Contains(t, places, place, "the metadata, the recording, the entry of the index")
			}
			if dir != "" {
				require.Contains(t, places, "volume content .bin")
				require.Contains(t, places, "volume name ")
			}

			require.NoError(t, msg.Delete(ctx))
			require.Empty(t, run(t, s), "right after the deletion")
			now = now.Add(49 * time.Hour)
			_, err = svc.Maintain(ctx)
			require.NoError(t, err)
			recovered = nil
			rawscan.Require(ctx, t, s)
			require.Len(t, recovered, 20)
			require.NotContains(t, recovered, number)
		})
	}
}

func TestADirectoryIsScannedWithAllThatNoListingShows(t *testing.T) {
	store, dir := volume(t)
	s := scan(store)
	s.More = map[string]rawscan.Source{"volume": rawscan.Dir(dir)}
	require.Empty(t, run(t, s))
	sub := filepath.Join(dir, "v1", ".hidden")
	require.NoError(t, os.MkdirAll(filepath.Join(sub, digits), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(sub, ".nfs000001"), []byte("number="+number), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(sub, ".tmp-1-555-010-2468"), nil, 0o600))
	require.NoError(t, os.Symlink("/nowhere/"+digits, filepath.Join(sub, "link")))
	var got []string
	for _, f := range run(t, s) {
		if f.What == "Numbers[0] as digits" {
			require.Equal(t, "volume", f.Region)
			got = append(got, f.Where+" "+f.Key)
		}
	}
	require.Equal(t, []string{"content v1/.hidden/.nfs000001", "name v1/.hidden/.tmp-1-555-010-2468", "name v1/.hidden/" + digits, "content v1/.hidden/link"}, got)
}

func TestADirectoryThatCannotBeReadIsAnError(t *testing.T) {
	s := scan(memstore.New(nil))
	s.More = map[string]rawscan.Source{"volume": rawscan.Dir(filepath.Join(t.TempDir(), digits))}
	_, err := s.Run(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotContains(t, err.Error(), digits)
}

func TestVersionsOfTheCallersOwnListingAreScanned(t *testing.T) {
	s := scan(memstore.New(nil))
	s.More = map[string]rawscan.Source{"versions": func(context.Context) iter.Seq2[rawscan.Item, error] {
		return func(yield func(rawscan.Item, error) bool) {
			_ = yield(rawscan.Item{Name: "a delete marker of " + digits}, nil) &&
				yield(rawscan.Item{Name: "v1/a", Read: func(context.Context) ([]byte, error) { return []byte(number), nil }}, nil) &&
				yield(rawscan.Item{Name: "v1/b", Read: func(context.Context) ([]byte, error) { return nil, storage.ErrNotExist }}, nil)
		}
	}}
	found := run(t, s)
	require.Equal(t, "versions: content of v1/a: Numbers[0] as digits", found[len(found)-1].String())
	require.Equal(t, "name", found[0].Where)
}

// tagIndex is a store with an index of tags that lags behind.
type tagIndex struct {
	storage.Store
	hits []string
}

func (x tagIndex) FindByTag(_ context.Context, name, value string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, hit := range x.hits {
			if name != "caller_id" || value != number || !yield(hit, nil) {
				return
			}
		}
	}
}

func TestAnObjectThatTheIndexOfTagsFindsIsAFinding(t *testing.T) {
	store := memstore.New(nil)
	plant(t, store, "v1/a", nil)
	s := scan(tagIndex{store, []string{"v1/gone", "v1/a"}})
	require.Equal(t, []rawscan.Finding{{Region: region, Key: "v1/a", Where: "tag", What: "Numbers[0] in the index of tags"}}, run(t, s))
}
