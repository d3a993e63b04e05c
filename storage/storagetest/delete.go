package storagetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func deleteRules() []rule {
	return []rule{
		{"DeleteRemovesAllItNames", "an erasure that leaves one of a thousand names has not erased", deleteMany},
		{"DeleteRemovesOnlyWhatItNames", "the neighbours are other people's messages", deleteExactly},
		{"DeletingWhatIsAbsentIsNoError", "an erasure that was killed half way starts again from the beginning", deleteAbsent},
		{"ADeletedNameCanBeCreatedAgain", "a message is marked read, unread and read again", createAgain},
		{"ADeleteWithAnIllegalNameChangesNothing", "a call that cannot be right must not be half done", deleteIllegal},
		{"ConcurrentDeletesAllSucceed", "two sweeps may run at once", deleteConcurrently},
	}
}

func undeletableRules() []rule {
	return []rule{
		{"DeleteNamesWhatItCouldNotRemove", "the receipt of an erasure says what is left", deletePartly},
	}
}

func deleteMany(e *env) {
	const many = 1100 // more than the 1,000 that S3 deletes, and lists, in one request
	var keys []string
	for i := range many {
		keys = append(keys, fmt.Sprintf("v1/many/%d/%04d", i%10, i))
	}
	e.fill(keys...)
	slices.Sort(keys)
	require.Equal(e, keys, e.keys(e.store, ""))
	// Some that are not there, and some twice, in no order.
	e.fill("v1/stays")
	named := slices.Concat(keys[many/2:], []string{"v1/absent", "v1/many/0/absent"}, keys[:many/2], keys[:3])
	e.remove(named...)
	require.Equal(e, []string{"v1/stays"}, e.keys(e.store, ""))
	e.absent(e.store, keys[0], "deleted")
	e.absent(e.store, keys[many-1], "deleted")
	e.remove(named...)
	e.fill(keys[:3]...)
	require.Equal(e, append(slices.Clone(keys[:3]), "v1/stays"), e.keys(e.store, ""), "created again")
}

func deleteExactly(e *env) {
	names := family()
	e.fill(names...)
	// Each is above, below or beside objects, and none is one.
	e.remove("a", "a-b", "y", "deep", "deep/er", "a/1/below", "x/below", "a/11")
	e.lists(names, storage.ListOptions{})
	for _, key := range []string{"x", "a/1", "y/q", "a-b/1", "x=1/c/d"} {
		e.remove(key)
		names = slices.DeleteFunc(names, func(n string) bool { return n == key })
		e.lists(names, storage.ListOptions{})
		e.absent(e.store, key, "deleted")
	}
	for _, key := range names {
		e.holds(e.store, key, text(key), "a neighbour was deleted")
	}
}

func deleteAbsent(e *env) {
	e.remove()
	e.remove("v1/never/was")
	e.fill("v1/a", "v1/b")
	e.remove("v1/a")
	e.remove("v1/a")
	e.remove("v1/a", "v1/never/was", "v1/b/below")
	require.Equal(e, []string{"v1/b"}, e.keys(e.store, ""))
}

func createAgain(e *env) {
	for i := range 5 {
		content := noise(int64(i), int64(100*i))
		e.create("v1/box/read", content.fresh())
		e.holds(e.store, "v1/box/read", content, "created again")
		e.remove("v1/box/read")
		e.absent(e.store, "v1/box/read", "deleted again")
	}
}

func deleteIllegal(e *env) {
	keys := []string{"v1/a", "v1/b"}
	e.fill(keys...)
	for _, bad := range []string{"", "v1/", "v1/../v1/a", "V1/A", "v1/a\x00"} {
		for _, named := range [][]string{{bad, "v1/a"}, {"v1/a", bad}, {"v1/a", bad, "v1/b"}} {
			err := e.store.Delete(e.ctx, named...)
			e.refused(err, storage.ErrInvalid, bad, fmt.Sprintf("%q", named))
			e.lists(keys, storage.ListOptions{})
			// An error that names some keys says that the others are gone.
			if failed := storage.FailedKeys(err); len(failed) > 0 {
				require.Subset(e, failed, named, "nothing was deleted, and the error names only some of the keys")
			}
		}
	}
}

func deletePartly(e *env) {
	keys := []string{"v1/a", "v1/b", "v1/c", "v1/d"}
	e.fill(keys...)
	e.undeletable(e.store, "v1/b")
	for range 2 {
		err := e.store.Delete(e.ctx, keys...)
		require.Error(e, err, "v1/b cannot be deleted")
		var se *storage.Error
		require.ErrorAs(e, err, &se)
		require.NotErrorIs(e, err, storage.ErrNotExist)
		require.NotContains(e, err.Error(), "v1/b")
		require.Equal(e, []string{"v1/b"}, storage.FailedKeys(err))
		e.lists([]string{"v1/b"}, storage.ListOptions{})
	}
	e.holds(e.store, "v1/b", text("v1/b"), "could not be deleted")
}

func deleteConcurrently(e *env) {
	for round := range max(1, e.rounds/4) {
		var keys []string
		for i := range 20 {
			keys = append(keys, fmt.Sprintf("v1/sweep/%d/%02d", round, i))
		}
		e.fill(keys...)
		errs := together(8, 8, func(i int) error {
			named := slices.Clone(keys)
			if i%2 == 0 {
				slices.Reverse(named)
			}
			return e.store.Delete(e.ctx, named...)
		})
		require.NoError(e, errors.Join(errs...))
		require.Empty(e, e.keys(e.store, ""))
	}
}
