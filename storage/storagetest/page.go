package storagetest

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func pageRules() []rule {
	return []rule{
		{"PagesJoinToTheWhole", "a message that falls between two pages is not counted", joinedPages},
		{"AListingSurvivesChangesBetweenPages", "the last name of a page may be gone when the next one is asked for", changesBetweenPages},
		{"AListingSurvivesConcurrentChanges", "deposits do not wait until a mailbox has been counted", changesMeanwhile},
		{"AForeignTokenIsRefused", "a token that is taken for another listing leaves out what lies before it", foreignTokens},
	}
}

func joinedPages(e *env) {
	names := family()
	e.fill(names...)
	n := len(names)
	for _, size := range []int{1, 2, 3, 7, n - 1, n, n + 1, 1000, math.MaxInt} {
		for _, prefix := range []string{"", "a", "x", "y/"} {
			e.lists(names, storage.ListOptions{Prefix: prefix, MaxKeys: size})
			e.lists(names, storage.ListOptions{Prefix: prefix, MaxKeys: size, KeysOnly: true})
			e.lists(names, storage.ListOptions{Prefix: prefix, MaxKeys: size, Delimiter: "/"})
		}
	}
}

func changesBetweenPages(e *env) {
	var stable, going []string
	for i := range 20 {
		stable = append(stable, fmt.Sprintf("v1/%02d", i))
		going = append(going, fmt.Sprintf("v1/%02d-going", i), fmt.Sprintf("v1/%02d.dir/going/%d", i, i))
	}
	for _, opts := range []storage.ListOptions{{MaxKeys: 3}, {MaxKeys: 1, KeysOnly: true}, {MaxKeys: 2, Prefix: "v1/"}, {MaxKeys: 2, Prefix: "v1/", Delimiter: "/"}} {
		e.fill(append(stable, going...)...)
		left, pages := going, 0
		var coming []string
		objects, _ := e.list(e.store, opts, func() {
			// Two that a listing has just come to, or not yet, go; one comes at a place before and one after.
			if len(left) > 0 {
				e.remove(left[:2]...)
				left = left[2:]
			}
			fresh := []string{fmt.Sprintf("v1/%02d,coming/%d", pages%20, pages), fmt.Sprintf("v1/%02d=coming-%d", 19-pages%20, pages)}
			if pages < 20 {
				e.fill(fresh...)
				coming = append(coming, fresh...)
			}
			pages++
		})
		e.complete(keysOf(objects), stable, slices.Concat(going, coming))
		e.remove(slices.Concat(stable, going, coming)...)
	}
}

// complete demands that a listing has every stable name (each one once: its order was looked at), and none that never existed.
func (e *env) complete(listed, stable, possible []string) {
	e.Helper()
	for _, name := range stable {
		_, found := slices.BinarySearch(listed, name)
		require.True(e, found, "%s existed all the time and is not listed", name)
	}
	known := slices.Sorted(slices.Values(slices.Concat(stable, possible)))
	for _, name := range listed {
		_, found := slices.BinarySearch(known, name)
		require.True(e, found, "%s is listed and never existed", name)
	}
}

func changesMeanwhile(e *env) {
	const churners, changes, walks = 3, 60, 10
	var stable, possible []string
	for i := range 12 {
		stable = append(stable, fmt.Sprintf("v1/%02d", i), fmt.Sprintf("v1/%02d.dir/%d", i, i))
	}
	name := func(churner, i int) string {
		return fmt.Sprintf("v1/%02d%s%d", i%12, []string{"-x", ".dir/x", ",dir/x"}[i%3], churner)
	}
	for c := range churners {
		for i := range 12 {
			possible = append(possible, name(c, i))
		}
	}
	e.fill(stable...)
	var running, walked atomic.Int32 // who changes goes on until there were enough walks, who walks until there are no more changes
	running.Store(churners)
	var listings [][]storage.Info
	errs := together(churners+1, churners+1, func(worker int) error {
		if worker < churners {
			defer running.Add(-1)
			for i := 0; i < changes || walked.Load() < walks; i++ {
				if err := e.flicker(name(worker, i)); err != nil {
					return err
				}
			}
			return nil
		}
		defer walked.Store(walks)
		for i := 0; running.Load() > 0; i++ {
			objects, err := e.walk(storage.ListOptions{MaxKeys: 1 + 4*(i%3), Prefix: "v1/", KeysOnly: i%2 == 0})
			if err != nil {
				return err
			}
			listings = append(listings, objects)
			walked.Add(1)
		}
		return nil
	})
	require.NoError(e, errors.Join(errs...))
	for _, objects := range listings {
		ascending(e, "objects", objects, func(i storage.Info) string { return i.Key })
		e.complete(keysOf(objects), stable, possible)
	}
}

// flicker creates an object and deletes it.
func (e *env) flicker(key string) error {
	if _, err := e.store.Create(e.ctx, key, text(key), nil); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	runtime.Gosched()
	if err := e.store.Delete(e.ctx, key); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

// walk follows a listing to its end, leaving others time between two pages.
func (e *env) walk(opts storage.ListOptions) (objects []storage.Info, err error) {
	for {
		page, err := e.store.List(e.ctx, &opts)
		if err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		objects = append(objects, page.Objects...)
		if opts.Token = page.Next; opts.Token == "" {
			return objects, nil
		}
		runtime.Gosched()
	}
}

func foreignTokens(e *env) {
	e.fill("v1/a/1", "v1/a/2", "v1/b/1", "v1/b/2", "v1/c")
	garbage := []string{
		"x", "v1/a/1", "!", "0", "1", "-1", "null", "{}", " ", "\x00", "\xff\xfe", "../../etc/passwd", "djEvYS8x", "AAAA", "%00", strings.Repeat("A", 5000),
	}
	for _, token := range garbage {
		for _, opts := range []storage.ListOptions{{}, {Prefix: "v1/"}, {Prefix: "v1/", Delimiter: "/"}} {
			opts.Token = token
			_, err := e.store.List(e.ctx, &opts)
			e.refused(err, storage.ErrInvalid, "", fmt.Sprintf("the token %.20q", token))
		}
	}
	all := []storage.ListOptions{{}, {Prefix: "v1/"}, {Prefix: "v1/a"}, {Prefix: "v1/a/"}, {Delimiter: "/", Prefix: "v1/"}}
	for _, made := range all {
		made.MaxKeys = 1
		page, err := e.store.List(e.ctx, &made)
		require.NoError(e, err)
		require.NotEmpty(e, page.Next, "%+v has more than one entry", made)
		for _, used := range all {
			if used.Prefix == made.Prefix && used.Delimiter == made.Delimiter {
				continue
			}
			used.MaxKeys, used.Token = 1, page.Next
			_, err := e.store.List(e.ctx, &used)
			e.refused(err, storage.ErrInvalid, "", fmt.Sprintf("a token of prefix %q delimiter %q, used with %q %q", made.Prefix, made.Delimiter, used.Prefix, used.Delimiter))
		}
	}
}
