package storagetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func listRules() []rule {
	return []rule{
		{"AListingIsSortedByByteOrder", "marks are read before the message they belong to, by their order alone", sortedListing},
		{"APrefixMayBeCutAnywhere", "a prefix is text, not a folder: half a name finds what starts with it", anyPrefix},
		{"ADelimiterRollsUpWhatIsBelow", "mailboxes and tenants are found without listing what is in them", rolledUp},
		{"PrefixesStandOnlyAboveObjects", "a mailbox whose last name was deleted is not a mailbox any more", prefixesAboveObjects},
		{"AListingTellsWhatStatTells", "sizes and times are taken from the listing", listedInfo},
		{"AnEmptyStoreListsNothing", "the first tenant starts with it", emptyListing},
		{"IllegalListOptionsAreRefused", "an option that is passed over gives a listing of something else", illegalListOptions},
	}
}

// family returns names that are easily sorted or cut wrongly: '-', ',' and '.' come before the slash, '=', digits and letters after it, so
// that on a volume the order of directories is another than that of names.
func family() []string {
	return []string{
		"a,b/1", "a-b/1", "a-b/2", "a.b/1", "a/1", "a/10", "a/2", "a0/1", "a=b/1", "a_b/1", "aa/1", "a~b",
		"deep/er-1", "deep/er.and/x", "deep/er/and/deep/er", "deep/er/and/deeper", "deep/er0/x",
		"x", "x,z", "x-1", "x.y", "x0", "x=1/c-d/e", "x=1/c/d", "x=1/c0/d",
		"y,z", "y-1/y-1", "y.z", "y/q", "y=1/q", "y~",
	}
}

// cuts returns every text that starts one of the names, and some that start none.
func cuts(names []string) []string {
	var all []string
	for _, name := range names {
		for i := range len(name) + 1 {
			all = append(all, name[:i])
		}
		all = append(all, name+"/", name+"0", name+"-")
	}
	all = append(all, "b", "zzz", "a/3/4", strings.Repeat("a", storage.MaxSegment))
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(p string) bool { return storage.CheckPrefix(p) != nil })
}

// model lists names as every store has to.
func model(names []string, prefix, delimiter string) (objects, prefixes []string) {
	for _, name := range slices.Sorted(slices.Values(names)) {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if i := strings.Index(rest, "/"); i >= 0 && delimiter != "" {
			prefixes = append(prefixes, prefix+rest[:i+1])
		} else {
			objects = append(objects, name)
		}
	}
	return objects, slices.Compact(prefixes)
}

// lists demands that the store, which holds names, lists them as the model does.
func (e *env) lists(names []string, opts storage.ListOptions) {
	e.Helper()
	wantObjects, wantPrefixes := model(names, opts.Prefix, opts.Delimiter)
	objects, prefixes := e.list(e.store, opts, nil)
	what := fmt.Sprintf("%+v", opts)
	require.Equal(e, append([]string{}, wantObjects...), keysOf(objects), "objects of %s", what)
	require.Equal(e, append([]string{}, wantPrefixes...), append([]string{}, prefixes...), "prefixes of %s", what)
}

func sortedListing(e *env) {
	names := family()
	slices.Reverse(names)
	e.fill(names...)
	e.lists(names, storage.ListOptions{})
	e.lists(names, storage.ListOptions{KeysOnly: true})
	for _, prefix := range []string{"a", "x", "y", "deep/er"} {
		e.lists(names, storage.ListOptions{Prefix: prefix})
	}
}

func anyPrefix(e *env) {
	names := family()
	e.fill(names...)
	for _, prefix := range cuts(names) {
		e.lists(names, storage.ListOptions{Prefix: prefix, KeysOnly: true})
		e.lists(names, storage.ListOptions{Prefix: prefix, MaxKeys: 2})
	}
}

func rolledUp(e *env) {
	names := family()
	e.fill(names...)
	for _, prefix := range cuts(names) {
		e.lists(names, storage.ListOptions{Prefix: prefix, Delimiter: "/", KeysOnly: true})
		e.lists(names, storage.ListOptions{Prefix: prefix, Delimiter: "/", MaxKeys: 2})
		e.lists(names, storage.ListOptions{Prefix: prefix, Delimiter: "/", MaxKeys: 1})
	}
}

func prefixesAboveObjects(e *env) {
	e.fill("v1/a/1", "v1/b/1/2", "v1/c")
	expect := func(why string, want ...string) {
		e.Helper()
		_, prefixes := e.list(e.store, storage.ListOptions{Prefix: "v1/", Delimiter: "/"}, nil)
		require.Equal(e, append([]string{}, want...), append([]string{}, prefixes...), why)
	}
	expect("folders of objects", "v1/a/", "v1/b/")
	e.remove("v1/a/1")
	expect("the only object below v1/a/ was deleted", "v1/b/")
	e.lists([]string{"v1/b/1/2", "v1/c"}, storage.ListOptions{Prefix: "v1/a/"})
	_, err := e.store.Create(e.ctx, "v1/d/1", failing(errBroken), nil)
	require.Error(e, err)
	expect("the create of v1/d/1 failed", "v1/b/")
	e.absent(e.store, "v1/e/1", "never created")
	e.remove("v1/f/1")
	expect("nothing was ever below v1/e/ and v1/f/", "v1/b/")
	e.remove("v1/b/1/2")
	expect("no folder is left")
	_, prefixes := e.list(e.store, storage.ListOptions{Delimiter: "/"}, nil)
	require.Equal(e, []string{"v1/"}, prefixes)
	e.remove("v1/c")
	_, prefixes = e.list(e.store, storage.ListOptions{Delimiter: "/"}, nil)
	require.Empty(e, prefixes, "the store is empty")
	e.fill("v1/a/1")
	expect("created again", "v1/a/")
}

func listedInfo(e *env) {
	keys := []string{"v1/a", "v1/b/c", "v1/d"}
	for i, key := range keys {
		e.create(key, noise(int64(i), int64(1000*i)))
	}
	objects, _ := e.list(e.store, storage.ListOptions{}, nil)
	require.Equal(e, keys, keysOf(objects))
	for i, listed := range objects {
		stat, err := e.store.Stat(e.ctx, keys[i])
		require.NoError(e, err)
		require.Equal(e, stat.Size, listed.Size)
		require.True(e, stat.Modified.Equal(listed.Modified), "Stat says %v, List %v", stat.Modified, listed.Modified)
	}
}

func emptyListing(e *env) {
	for _, opts := range []*storage.ListOptions{nil, {}, {Prefix: "v1/"}, {Delimiter: "/"}, {Prefix: "v1/x", Delimiter: "/", MaxKeys: 1, KeysOnly: true}} {
		page, err := e.store.List(e.ctx, opts)
		require.NoError(e, err)
		require.NotNil(e, page)
		require.Empty(e, page.Objects)
		require.Empty(e, page.Prefixes)
		require.Empty(e, page.Next)
	}
	e.fill("v1/a", "v1/b")
	var all []storage.Info
	for info, err := range storage.All(e.ctx, e.store, nil) {
		require.NoError(e, err)
		all = append(all, info)
	}
	require.Equal(e, []string{"v1/a", "v1/b"}, keysOf(all), "no options list everything")
}

func illegalListOptions(e *env) {
	e.fill("v1/a", "v1/b")
	for _, opts := range []storage.ListOptions{
		{MaxKeys: -1}, {Delimiter: "-"}, {Delimiter: "//"}, {Delimiter: "\x00"},
	} {
		page, err := e.store.List(e.ctx, &opts)
		e.refused(err, storage.ErrInvalid, "", fmt.Sprintf("%+v", opts))
		assert.Nil(e, page, "a page beside an error")
	}
}
