package storagetest

import (
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func nameRules() []rule {
	return []rule{
		{"EveryLegalNameIsAnObjectOfItsOwn", "names that meet in one object mix up two messages", legalNames},
		{"EveryIllegalNameIsRefusedEverywhere", "a name that means something else to the storage reaches where it must not", illegalNames},
		{"NoErrorTellsAName", "names end up in logs, and say whose mailbox it is", noNameInErrors},
	}
}

func legalNames(e *env) {
	letters := strings.Repeat("a", storage.MaxSegment)
	longest := strings.Join([]string{letters, letters, letters, letters}, "/")[:storage.MaxKey]
	keys := []string{
		strings.Repeat("z", storage.MaxSegment), longest, longest[:storage.MaxKey-1] + "b",
		"con", "nul.txt", "aux", "1", "0/0", "desktop.ini", "web.config", "lost=found",
		"a..b", "a.b.c", "-", "--", "-rf", "_", ",", "=", "~", "~root", "e/~", "e/-", "e/_", "e/,", "e/=", "a=b,c=d",
		"deep/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e/e",
		"pct=41", "a_b", "a-b", "a,b", "a.b", "a=b", "a~b",
	}
	for c := 'a'; c <= 'z'; c++ {
		keys = append(keys, "letter/"+string(c), "letter/x"+string(c))
	}
	for c := '0'; c <= '9'; c++ {
		keys = append(keys, "digit/"+string(c), "digit/x"+string(c))
	}
	e.fill(keys...)
	for _, key := range keys {
		e.holds(e.store, key, text(key), fmt.Sprintf("a legal name of %d bytes", len(key)))
	}
	require.Len(e, e.keys(e.store, ""), len(keys))
	e.remove(keys...)
	require.Empty(e, e.keys(e.store, ""), "after deleting all")
}

func illegalNames(e *env) {
	letters := strings.Repeat("a", storage.MaxSegment)
	long := strings.Join([]string{letters, letters, letters, letters}, "/")[:storage.MaxKey]
	illegal := []string{
		"", "/", "/a", "a/", "a//b", "//", // segments that are empty
		".", "..", "../a", "a/..", "a/../b", "./a", "a/.", "a/./b", "..a", ".hidden", "a/.hidden", "a.", "a./b", // dots at a border
		"A", "aB", "v1/Box/5001", // letters that fold
		"a b", " a", "a\tb", "a\nb", "a\rb", "a\x00b", "\x00", "a\x1b", "a\x7f", // blanks and control characters
		"ä", "a\u0308", "\u65e5\u672c", "a\u2028b", "\xff", "a\xc0\xafb", "a\x80", // beyond ASCII, and no UTF-8 at all
		`a\b`, `..\a`, "a:b", "c:/a", "a*", "a?b", "a#b", "a%2fb", "a+b", "a&b", "a|b", "a<b", `a"b`, "a'b", "a;b", "a@b", "a$b", "a(b", "a[b", "a{b", "a^b", "a`b", "a!b",
		letters + "a", "a/" + letters + "a/b", // segments too long
		long + "a", // names too long
	}
	e.fill("a-b", "v1/box/5001/aa", "neighbour")
	before := e.keys(e.store, "")
	copier, copies := storage.As[storage.Copier](e.store)
	for _, key := range illegal {
		what := fmt.Sprintf("the name %.30q", key)
		_, err := e.store.Create(e.ctx, key, text("x"), nil)
		e.refused(err, storage.ErrInvalid, key, "create: "+what)
		o, err := e.store.Open(e.ctx, key, nil)
		if err == nil {
			_ = o.Close()
		}
		e.refused(err, storage.ErrInvalid, key, "open: "+what)
		_, err = e.store.Stat(e.ctx, key)
		e.refused(err, storage.ErrInvalid, key, "stat: "+what)
		e.refused(e.store.Delete(e.ctx, key), storage.ErrInvalid, key, "delete: "+what)
		if copies {
			_, err = copier.Copy(e.ctx, key, "neighbour", nil)
			e.refused(err, storage.ErrInvalid, key, "copy to: "+what)
			_, err = copier.Copy(e.ctx, "target", key, nil)
			e.refused(err, storage.ErrInvalid, key, "copy from: "+what)
		}
		// As a prefix it is illegal only if no legal name starts like that.
		if storage.CheckPrefix(key) != nil {
			_, err = e.store.List(e.ctx, &storage.ListOptions{Prefix: key})
			e.refused(err, storage.ErrInvalid, key, "list: "+what)
			_, err = e.store.List(e.ctx, &storage.ListOptions{Prefix: key, Delimiter: "/"})
			e.refused(err, storage.ErrInvalid, key, "list with a delimiter: "+what)
		}
	}
	require.Equal(e, before, e.keys(e.store, ""), "a refused call has changed something")
	e.holds(e.store, "neighbour", text("neighbour"), "a refused call has changed something")
}

func noNameInErrors(e *env) {
	const secret = "caller-15551234567"
	const key = "v1/" + secret + "/" + secret
	e.fill(key)
	calls := []struct {
		what string
		err  error
	}{
		{"create over an existing object", errOf(e.store.Create(e.ctx, key, text("x"), nil))},
		{"create with a body that fails", errOf(e.store.Create(e.ctx, key+"-1", failing(errBroken), nil))},
		{"create with an illegal name", errOf(e.store.Create(e.ctx, key+"/../x", text("x"), nil))},
		{"open of what is not there", errOf(e.store.Open(e.ctx, key+"-1", nil))},
		{"open with an illegal name", errOf(e.store.Open(e.ctx, key+"/../x", nil))},
		{"open of a range beyond the end", errOf(e.store.Open(e.ctx, key, &storage.OpenOptions{Offset: 1000}))},
		{"stat of what is not there", errOf(e.store.Stat(e.ctx, key+"-1"))},
		{"stat below an object", errOf(e.store.Stat(e.ctx, key+"/"+secret))},
		{"stat with an illegal name", errOf(e.store.Stat(e.ctx, key+"/../x"))},
		{"delete with an illegal name", e.store.Delete(e.ctx, key+"-1", key+"/../x")},
		{"list with an illegal prefix", errOf(e.store.List(e.ctx, &storage.ListOptions{Prefix: key + "/../x"}))},
		{"list with a foreign token", errOf(e.store.List(e.ctx, &storage.ListOptions{Prefix: key, Token: secret}))},
	}
	for _, c := range calls {
		require.Error(e, c.err, c.what)
		require.NotContains(e, c.err.Error(), secret, c.what)
	}
}

// errOf returns the error of a call that returns something else too.
func errOf[T any](_ T, err error) error { return err }

// failing returns a body that fails with err before its first byte.
func failing(err error) *body {
	b := noise(1, 10)
	b.before = func(int64) error { return err }
	return b
}
