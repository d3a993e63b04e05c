package storagetest

import (
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func processRules() []rule {
	return []rule{
		{"WhatOneStoreDoesTheOtherSeesAtOnce", "the lamp is lit by one process, and put out by another", seenAtOnce},
		{"WhatWasCreatedOutlivesTheStore", "a deposit that was acknowledged is durable", outlives},
		{"CloseLeavesOtherStoresAlone", "pods come and go while others work", closeAlone},
	}
}

// elsewhere returns a second store on the same data.
func (e *env) elsewhere() storage.Store {
	s := e.reopen(e.store)
	e.Cleanup(func() { _ = s.Close() })
	return s
}

func seenAtOnce(e *env) {
	here, there := e.store, e.elsewhere()
	for i := range 2 * e.rounds {
		key := fmt.Sprintf("v1/box/%d/message", i)
		e.absent(there, key, "not created yet") // so that a memory of absence would be one
		content := noise(int64(i), int64(i*100))
		_, err := here.Create(e.ctx, key, content.fresh(), nil)
		require.NoError(e, err)
		e.holds(here, key, content, "created here") // so that a memory of presence would be one
		e.holds(there, key, content, "created elsewhere")
		_, err = there.Create(e.ctx, key, text("other"), nil)
		e.refused(err, storage.ErrExists, key, "created elsewhere")
		_, prefixes := e.list(there, storage.ListOptions{Prefix: "v1/box/", Delimiter: "/"}, nil)
		require.Equal(e, []string{fmt.Sprintf("v1/box/%d/", i)}, prefixes)

		require.NoError(e, there.Delete(e.ctx, key))
		e.absent(here, key, "deleted elsewhere")
		e.absent(there, key, "deleted here")
		_, prefixes = e.list(here, storage.ListOptions{Prefix: "v1/box/", Delimiter: "/"}, nil)
		require.Empty(e, prefixes, "deleted elsewhere")
		here, there = there, here
	}
}

func outlives(e *env) {
	names := family()
	e.fill(names...)
	content := noise(1, min(5<<20, e.maxObject))
	e.create("large", content.fresh())
	e.fill("gone")
	e.remove("gone")
	require.NoError(e, e.store.Close())

	e.store = e.elsewhere()
	e.Cleanup(func() { _ = e.store.Close() })
	e.holds(e.store, "large", content, "after the store was opened again")
	for _, key := range names {
		e.holds(e.store, key, text(key), "after the store was opened again")
	}
	e.lists(slices.Concat(names, []string{"large"}), storage.ListOptions{})
}

func closeAlone(e *env) {
	other := e.elsewhere()
	e.fill("v1/a")
	require.NoError(e, e.store.Close())
	e.holds(other, "v1/a", text("v1/a"), "the other store was closed")
	_, err := other.Create(e.ctx, "v1/b", text("b"), nil)
	require.NoError(e, err)
	require.NoError(e, other.Delete(e.ctx, "v1/a"))
	require.Equal(e, []string{"v1/b"}, e.keys(other, ""))
}
