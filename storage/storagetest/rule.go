package storagetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

// rule is one thing that every store does.
type rule struct {
	name string // of the subtest: the rule as a sentence
	why  string // what goes wrong in a system whose storage breaks it
	run  func(e *env)
}

// needing returns the rules, or none if the author has not given what they need.
func needing(given bool, all []rule) []rule {
	if given {
		return all
	}
	return nil
}

// rules returns those that a driver can be held to.
func rules(opts *Options) []rule {
	return slices.Concat(
		createRules(), bodyRules(), readRules(), nameRules(), listRules(), pageRules(),
		deleteRules(), needing(opts.Undeletable != nil, undeletableRules()), contextRules(),
		needing(opts.Reopen != nil, processRules()), capabilityRules(), residueRules(), needing(opts.Strand != nil, strandRules()), closeRules(),
	)
}

// tb is what a rule needs of a *testing.T, so that the suite's own tests can watch one fail.
type tb interface {
	require.TestingT
	Helper()
	Cleanup(func())
	Failed() bool
	Logf(format string, args ...any)
}

// harness is what a driver's author has given, bound to the test of one rule.
type harness struct {
	open        func() storage.Store
	reopen      func(s storage.Store) storage.Store // may be nil
	undeletable func(s storage.Store, key string)   // may be nil
	strand      func(s storage.Store, key string)   // may be nil
	maxObject   int64
	rounds      int
}

// env is what a rule runs in.
type env struct {
	tb
	harness
	ctx   context.Context
	store storage.Store // empty
}

// patience bounds what a rule waits for, so that a store that stands still is seen as that.
const patience = 3 * time.Minute

// check runs the rule against a store of its own. Goroutines inherit the labels of the one that starts them, which is how those
// that the store leaves behind are told from everybody else's.
func (r rule) check(t tb, h harness) {
	if h.maxObject == 0 {
		h.maxObject = 16<<20 + 1
	}
	if h.rounds == 0 {
		h.rounds = 20
	}
	label := rand.Text()
	t.Cleanup(func() { // the first to be registered is the last to run: all that newStore has registered is done by then
		if left := lingering(label); left != "" && !t.Failed() {
			t.Errorf("goroutines are left behind:\n%s", left)
		}
		if t.Failed() {
			t.Logf("the rule %s is there because %s", r.name, r.why)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	pprof.Do(ctx, pprof.Labels("storagetest", label), func(ctx context.Context) {
		e := &env{tb: t, harness: h, ctx: ctx, store: h.open()}
		t.Cleanup(func() { _ = e.store.Close() })
		r.run(e)
	})
}

// lingering returns the stacks of the goroutines that carry the label, after giving them time to end. Idle connections of net/http
// do not count: they belong to the client that was handed to the driver.
func lingering(label string) string {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(3 * time.Second)
	for {
		var profile bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
			return err.Error()
		}
		var left []string
		for stack := range strings.SplitSeq(profile.String(), "\n\n") {
			if strings.Contains(stack, label) && !strings.Contains(stack, "net/http.(*persistConn)") && !strings.Contains(stack, "net/http.(*http2") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
		<-tick.C
	}
}

// kinds are the kinds that a *storage.Error may have.
func kinds() []error {
	return []error{
		storage.ErrNotExist, storage.ErrExists, storage.ErrCorrupt, storage.ErrBlocked, storage.ErrInvalid, storage.ErrPermission,
		storage.ErrUnavailable, storage.ErrUnsuitable, storage.ErrClosed,
	}
}

// refused demands that err is a *storage.Error that wraps want, and that it does not tell the name.
func (e *env) refused(err, want error, key string, msg ...any) {
	e.Helper()
	require.ErrorIs(e, err, want, msg...)
	var se *storage.Error
	require.ErrorAs(e, err, &se, msg...)
	require.NotEmpty(e, se.Driver, "the error does not name its driver")
	require.NotEmpty(e, se.Op, "the error does not name its operation")
	require.True(e, slices.Contains(kinds(), se.Kind), "the error's kind is %v, which is no sentinel of package storage", se.Kind)
	if len(key) > 8 { // shorter ones may stand in any text
		require.NotContains(e, err.Error(), key, "the error's text tells the object's name")
	}
}

// create makes the object.
func (e *env) create(key string, b *body) storage.Info {
	e.Helper()
	info, err := e.store.Create(e.ctx, key, b, nil)
	require.NoError(e, err, "create")
	return info
}

// fill makes an object of every name, whose content is the name, several at once.
func (e *env) fill(keys ...string) {
	e.Helper()
	errs := together(8, len(keys), func(i int) error {
		_, err := e.store.Create(e.ctx, keys[i], strings.NewReader(keys[i]), nil)
		return err
	})
	for _, err := range errs {
		require.NoError(e, err, "create")
	}
}

// remove deletes the objects.
func (e *env) remove(keys ...string) {
	e.Helper()
	require.NoError(e, e.store.Delete(e.ctx, keys...), "delete")
}

// absent demands that there is no object of that name, whichever way one looks.
func (e *env) absent(s storage.Store, key, msg string) {
	e.Helper()
	_, err := s.Stat(e.ctx, key)
	e.refused(err, storage.ErrNotExist, key, "stat: "+msg)
	o, err := s.Open(e.ctx, key, nil)
	if err == nil {
		_ = o.Close()
	}
	e.refused(err, storage.ErrNotExist, key, "open: "+msg)
	for _, got := range e.keys(s, key) {
		require.NotEqual(e, key, got, "listed: "+msg)
	}
}

// holds demands that the object is exactly b, whichever way one looks.
func (e *env) holds(s storage.Store, key string, b *body, msg string) {
	e.Helper()
	info, err := s.Stat(e.ctx, key)
	require.NoError(e, err, "stat: "+msg)
	require.Equal(e, key, info.Key, "stat: "+msg)
	require.Equal(e, b.size, info.Size, "stat: size: "+msg)
	o, err := s.Open(e.ctx, key, nil)
	require.NoError(e, err, "open: "+msg)
	defer o.Close()
	require.NoError(e, b.compare(o), msg)
	require.Contains(e, e.keys(s, key), key, "listed: "+msg)
}

// list follows a listing to its end, and demands of every page what holds for all of them.
func (e *env) list(s storage.Store, opts storage.ListOptions, between func()) (objects []storage.Info, prefixes []string) {
	e.Helper()
	const endless = 10_000
	for range endless {
		page, err := s.List(e.ctx, &opts)
		require.NoError(e, err, "list")
		require.NotNil(e, page, "list")
		if opts.MaxKeys > 0 {
			require.LessOrEqual(e, len(page.Objects)+len(page.Prefixes), opts.MaxKeys, "a page holds more than MaxKeys")
		}
		objects = append(objects, page.Objects...)
		prefixes = append(prefixes, page.Prefixes...)
		if page.Next == "" {
			ascending(e, "objects", objects, func(i storage.Info) string { return i.Key })
			ascending(e, "prefixes", prefixes, func(p string) string { return p })
			return objects, prefixes
		}
		opts.Token = page.Next
		if between != nil {
			between()
		}
	}
	require.Fail(e, fmt.Sprintf("the listing has not ended after %d pages", endless))
	return nil, nil
}

// ascending demands that the names of a listing are sorted, each one there once.
func ascending[T any](e *env, what string, list []T, name func(T) string) {
	e.Helper()
	for i := 1; i < len(list); i++ {
		require.Less(e, name(list[i-1]), name(list[i]), "%s are not in byte order, or not once", what)
	}
}

// keys returns the names that start with prefix.
func (e *env) keys(s storage.Store, prefix string) []string {
	e.Helper()
	objects, _ := e.list(s, storage.ListOptions{Prefix: prefix, KeysOnly: true}, nil)
	return keysOf(objects)
}

func keysOf(objects []storage.Info) []string {
	keys := make([]string, len(objects))
	for i, o := range objects {
		keys[i] = o.Key
	}
	return keys
}
