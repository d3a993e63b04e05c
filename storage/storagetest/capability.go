package storagetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func capabilityRules() []rule {
	return []rule{
		{"CopyIsACreate", "a copy that overwrites destroys a message as any other write would", copyCreates},
		{"OneOfManyCopiesWins", "two copies to one name are two creators of it", oneCopyWins},
		{"PingLeavesNothingBehind", "it runs every few seconds, for years", pingLeavesNothing},
	}
}

func copyCreates(e *env) {
	copier, ok := storage.As[storage.Copier](e.store)
	if !ok {
		return
	}
	source := noise(1, 300_000)
	e.create("v1/source", source.fresh())
	e.fill("v1/taken")
	info, err := copier.Copy(e.ctx, "v1/copy", "v1/source", &storage.CreateOptions{ContentType: "audio/wav", Tags: map[string]string{"kind": "copy"}})
	require.NoError(e, err)
	require.Equal(e, "v1/copy", info.Key)
	require.Equal(e, source.size, info.Size)
	e.holds(e.store, "v1/copy", source, "a copy")

	_, err = copier.Copy(e.ctx, "v1/taken", "v1/source", nil)
	e.refused(err, storage.ErrExists, "v1/taken", "a copy over an existing object")
	e.holds(e.store, "v1/taken", text("v1/taken"), "somebody wanted to copy over it")
	_, err = copier.Copy(e.ctx, "v1/source", "v1/source", nil)
	e.refused(err, storage.ErrExists, "v1/source", "a copy over itself")
	_, err = copier.Copy(e.ctx, "v1/new", "v1/absent", nil)
	e.refused(err, storage.ErrNotExist, "v1/absent", "a copy of nothing")
	e.absent(e.store, "v1/new", "a copy of nothing")

	e.remove("v1/source")
	e.holds(e.store, "v1/copy", source, "its source was deleted")
	_, err = copier.Copy(e.ctx, "v1/source", "v1/copy", nil)
	require.NoError(e, err)
	e.remove("v1/copy")
	e.holds(e.store, "v1/source", source, "its copy was deleted")
	e.create("v1/empty", text(""))
	_, err = copier.Copy(e.ctx, "v1/empty-copy", "v1/empty", nil)
	require.NoError(e, err)
	e.holds(e.store, "v1/empty-copy", text(""), "a copy of an empty object")
}

func oneCopyWins(e *env) {
	copier, ok := storage.As[storage.Copier](e.store)
	if !ok {
		return
	}
	e.create("v1/source", noise(1, 1000))
	for round := range max(1, e.rounds/4) {
		key := fmt.Sprintf("v1/copy/%d", round)
		// Half of them copy, half create.
		content := func(i int) *body { return noise(int64(1+i%2), 1000) }
		errs := together(16, 16, func(i int) error {
			if i%2 == 0 {
				_, err := copier.Copy(e.ctx, key, "v1/source", nil)
				return err
			}
			_, err := e.store.Create(e.ctx, key, content(i), nil)
			return err
		})
		winners := 0
		for _, err := range errs {
			if err == nil {
				winners++
				continue
			}
			e.refused(err, storage.ErrExists, key, "a loser is told so")
		}
		require.Equal(e, 1, winners, "of 16 concurrent copiers and creators of one name, in round %d", round)
		e.holds(e.store, key, content(slices.Index(errs, nil)), "the content is the winner's")
	}
}

func pingLeavesNothing(e *env) {
	pinger, ok := storage.As[storage.Pinger](e.store)
	if !ok {
		return
	}
	ping := func(int) error {
		_, err := pinger.Ping(e.ctx)
		return err
	}
	require.NoError(e, ping(0), "of an empty store")
	e.lists(nil, storage.ListOptions{})
	e.lists(nil, storage.ListOptions{Delimiter: "/"})
	e.fill("v1/a")
	require.NoError(e, errors.Join(together(8, 16, ping)...), "many at once")
	e.lists([]string{"v1/a"}, storage.ListOptions{})
	e.lists([]string{"v1/a"}, storage.ListOptions{Delimiter: "/"})
}
