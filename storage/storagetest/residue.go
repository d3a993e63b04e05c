package storagetest

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func residueRules() []rule {
	return []rule{
		{"WhatHasEndedLeavesNoResidue", "an erasure waits until none is left", endedCallsLeaveNothing},
	}
}

func strandRules() []rule {
	return []rule{
		{"WhatADeadCreateLeftIsFoundAndGoesWithItsName", "the recording of a call that a crash cut off is personal data, too", deadCreate},
	}
}

// residue returns the residue below prefix, by its object, and demands of each what its documentation says.
func (e *env) residue(prefix string) map[string]storage.Residue {
	e.Helper()
	residuer, ok := storage.As[storage.Residuer](e.store)
	require.True(e, ok, "the store is no Residuer")
	all := map[string]storage.Residue{}
	for r, err := range residuer.Residue(e.ctx, prefix) {
		require.NoError(e, err, "residue")
		require.True(e, r.Prefix == "" || strings.HasSuffix(r.Prefix, "/"), "its prefix is no folder")
		require.False(e, r.Modified.IsZero(), "it has no time")
		require.NotEqual(e, r.Key == "", r.Why == "", "either its object is known, or why it stays")
		if r.Key == "" {
			require.True(e, strings.HasPrefix(r.Prefix, prefix) || strings.HasPrefix(prefix, r.Prefix), "it can be of no object that was asked for")
		} else {
			require.NoError(e, storage.CheckKey(r.Key))
			require.True(e, strings.HasPrefix(r.Key, prefix), "it is of an object that was not asked for")
			require.True(e, strings.HasPrefix(r.Key, r.Prefix), "its object does not start with its prefix")
		}
		all[r.Key] = r
	}
	return all
}

func endedCallsLeaveNothing(e *env) {
	residuer, ok := storage.As[storage.Residuer](e.store)
	if !ok {
		return
	}
	require.Empty(e, e.residue(""), "an empty store")
	e.fill("v1/a", "v1/b", "v1/box/c")
	e.create("v1/large", noise(1, 3<<20))
	_, err := e.store.Create(e.ctx, "v1/a", noise(2, 1000), nil)
	e.refused(err, storage.ErrExists, "v1/a")
	_, err = e.store.Create(e.ctx, "v1/failed", failing(errBroken), nil)
	require.Error(e, err)
	ctx, cancel := context.WithCancel(e.ctx)
	b := noise(3, 1<<20)
	b.before = func(int64) error { cancel(); return nil }
	_, err = e.store.Create(ctx, "v1/cancelled", b, nil)
	require.ErrorIs(e, err, context.Canceled)
	o, err := e.store.Open(e.ctx, "v1/large", nil)
	require.NoError(e, err)
	require.NoError(e, o.Close())
	e.remove("v1/large", "v1/b", "v1/absent")
	require.Empty(e, e.residue(""), "all calls have ended")
	require.Empty(e, e.residue("v1/box/"), "a folder")
	require.Empty(e, e.residue("v2/"), "a folder that is not there")
	e.lists([]string{"v1/a", "v1/box/c"}, storage.ListOptions{})
	for _, bad := range []string{"/", "v1//", "V1/", "v1/../"} {
		n := 0
		for _, err := range residuer.Residue(e.ctx, bad) {
			e.refused(err, storage.ErrInvalid, bad)
			n++
		}
		require.Equal(e, 1, n, "an error is yielded once and ends it")
	}
}

func deadCreate(e *env) {
	e.fill("v1/box/b", "v1/media/1/done")
	// One of them was created by a later try.
	dead := []string{"v1/media/1/a", "v1/media/1/ab", "v1/media/1/done", "v1/media/2/c"}
	for _, key := range dead {
		e.strand(e.store, key)
	}
	of := func(prefix string) []string { return slices.Sorted(maps.Keys(e.residue(prefix))) }
	for prefix, want := range map[string][]string{
		"": dead, "v": dead, "v1/media/": dead, "v1/media/1/": dead[:3], "v1/media/1/a": dead[:2], "v1/media/1/ab": dead[1:2],
		"v1/media/1/b": nil, "v1/box/": nil, "v1/media/3/": nil, "v1/media/1/a/": nil,
	} {
		require.Equal(e, want, of(prefix), "the residue below %q", prefix)
	}
	residuer, _ := storage.As[storage.Residuer](e.store)
	for range residuer.Residue(e.ctx, "") {
		break // and nothing more is yielded
	}
	e.lists([]string{"v1/box/b", "v1/media/1/done"}, storage.ListOptions{})
	e.absent(e.store, "v1/media/1/a", "its creator died")

	e.remove("v1/media/1/a")
	require.Equal(e, dead[1:], of(""), "an object that never was is deleted")
	e.holds(e.store, "v1/media/1/done", text("v1/media/1/done"), "it has residue")
	e.fill("v1/media/2/c")
	e.holds(e.store, "v1/media/2/c", text("v1/media/2/c"), "created after one that died")
	e.remove(dead...)
	require.Empty(e, of(""), "all that had any are deleted")
	e.lists([]string{"v1/box/b"}, storage.ListOptions{})
}
