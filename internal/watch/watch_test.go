package watch_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"iter"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/watch"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/storagetest"
)

// told is what was told of one call.
type told struct {
	watch.Call
	ends []error
}

type log struct {
	mu    sync.Mutex
	calls []*told
}

// inCall marks the context that goes on to a call.
type inCall struct{}

func (l *log) watch(ctx context.Context, c watch.Call) (context.Context, func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	call := &told{Call: c}
	l.calls = append(l.calls, call)
	return context.WithValue(ctx, inCall{}, c.Name), func(err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		call.ends = append(call.ends, err)
	}
}

// only returns the one call that was told of, which must have ended once, and forgets it.
func (l *log) only(t *testing.T, name string) *told {
	t.Helper()
	require.Len(t, l.calls, 1, name)
	call := l.calls[0]
	require.Equal(t, name, call.Name)
	require.Len(t, call.ends, 1, "%s ends once", name)
	l.calls = nil
	return call
}

func TestAWatchedStoreKeepsEveryRule(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store {
		return watch.Store(memstore.New(nil), new(log).watch)
	}, &storagetest.Options{Rounds: 2, MaxObject: 1 << 20})
}

// capable is a Store with every capability, which wants to be called with the context that the watch returned.
type capable struct {
	storage.Store
	t *testing.T
}

func (c capable) in(ctx context.Context, name string) {
	assert.Equal(c.t, name, ctx.Value(inCall{}), "the context of the watch goes on to the call")
}

func (c capable) Stat(ctx context.Context, key string) (storage.Info, error) {
	c.in(ctx, watch.Stat)
	return c.Store.Stat(ctx, key)
}

func (c capable) Copy(ctx context.Context, _, _ string, _ *storage.CreateOptions) (storage.Info, error) {
	c.in(ctx, watch.Copy)
	return storage.Info{Key: "copied"}, nil
}

func (c capable) FindByTag(ctx context.Context, _, _ string) iter.Seq2[string, error] {
	c.in(ctx, watch.Find)
	return func(yield func(string, error) bool) {
		_ = yield("a", nil) && yield("", storage.ErrUnavailable)
	}
}

func (c capable) Residue(ctx context.Context, _ string) iter.Seq2[storage.Residue, error] {
	c.in(ctx, watch.Residue)
	return func(yield func(storage.Residue, error) bool) {
		_ = yield(storage.Residue{Key: "a"}, nil) && yield(storage.Residue{Key: "b"}, nil)
	}
}

func (c capable) Clean(ctx context.Context) (int, error) {
	c.in(ctx, watch.Clean)
	return 7, nil
}

func (c capable) Ping(ctx context.Context) (storage.Health, error) {
	c.in(ctx, watch.Ping)
	return storage.Health{Skew: 3}, storage.ErrPermission
}

func (c capable) Retention(ctx context.Context) (storage.Retention, error) {
	c.in(ctx, watch.Retention)
	return storage.Retention{Versioned: true}, nil
}

func (c capable) SignURL(ctx context.Context, _ string, _ time.Duration) (storage.SignedURL, error) {
	c.in(ctx, watch.Sign)
	return storage.NewSignedURL("https://example.com/a", time.Time{}), nil
}

// A capability that is added to package storage and not to the wrapper goes by unseen.
func TestEveryCapabilityOfStorageIsWatched(t *testing.T) {
	var l log
	s := watch.Store(capable{memstore.New(nil), t}, l.watch)
	watched := map[string]func(){
		"Copier": func() {
			info, err := as[storage.Copier](t, s).Copy(t.Context(), "a", "b", nil)
			require.Equal(t, "copied", info.Key)
			require.Equal(t, err, l.only(t, watch.Copy).ends[0])
		},
		"TagFinder": func() {
			var keys []string
			for key, err := range as[storage.TagFinder](t, s).FindByTag(t.Context(), "k", "v") {
				keys = append(keys, fmt.Sprint(key, err))
			}
			require.Equal(t, []string{"a<nil>", fmt.Sprint("", storage.ErrUnavailable)}, keys)
			require.Equal(t, storage.ErrUnavailable, l.only(t, watch.Find).ends[0])
		},
		"Residuer": func() {
			for range as[storage.Residuer](t, s).Residue(t.Context(), "") {
				break
			}
			require.NoError(t, l.only(t, watch.Residue).ends[0], "leaving early is no error")
		},
		"Cleaner": func() {
			n, err := as[storage.Cleaner](t, s).Clean(t.Context())
			require.NoError(t, err)
			require.Equal(t, 7, n)
			l.only(t, watch.Clean)
		},
		"Pinger": func() {
			h, err := as[storage.Pinger](t, s).Ping(t.Context())
			require.Equal(t, storage.ErrPermission, err)
			require.EqualValues(t, 3, h.Skew)
			require.Equal(t, storage.ErrPermission, l.only(t, watch.Ping).ends[0])
		},
		"Retainer": func() {
			r, err := as[storage.Retainer](t, s).Retention(t.Context())
			require.NoError(t, err)
			require.True(t, r.Versioned)
			l.only(t, watch.Retention)
		},
		"Signer": func() {
			u, err := as[storage.Signer](t, s).SignURL(t.Context(), "a", time.Minute)
			require.NoError(t, err)
			require.Equal(t, "https://example.com/a", u.Reveal())
			l.only(t, watch.Sign)
		},
	}
	for _, name := range interfaces(t, "../../storage/capability.go") {
		require.Contains(t, watched, name)
		watched[name]()
	}
}

func as[T any](t *testing.T, s storage.Store) T {
	t.Helper()
	c, ok := storage.As[T](s)
	require.True(t, ok)
	return c
}

func TestCapabilitiesAreThoseOfTheWrappedStore(t *testing.T) {
	s := watch.Store(struct{ storage.Store }{memstore.New(nil)}, new(log).watch)
	_, copies := storage.As[storage.Copier](s)
	_, finds := storage.As[storage.TagFinder](s)
	_, pings := storage.As[storage.Pinger](s)
	_, cleans := storage.As[storage.Cleaner](s)
	_, leaves := storage.As[storage.Residuer](s)
	_, retains := storage.As[storage.Retainer](s)
	_, signs := storage.As[storage.Signer](s)
	require.False(t, copies || finds || pings || cleans || leaves || retains || signs)

	inner := memstore.New(nil)
	got, ok := storage.As[*memstore.Store](watch.Store(watch.Store(inner, new(log).watch), new(log).watch))
	require.True(t, ok)
	require.Same(t, inner, got)
}

// One that is watched twice, for metrics and for traces, tells both.
func TestWatchesStandOnEachOther(t *testing.T) {
	var under, over log
	s := watch.Store(watch.Store(capable{memstore.New(nil), t}, under.watch), over.watch)
	_, err := as[storage.Pinger](t, s).Ping(t.Context())
	require.Equal(t, err, under.only(t, watch.Ping).ends[0])
	require.Equal(t, err, over.only(t, watch.Ping).ends[0])
}

func TestReadingIsOneCallThatEndsWithTheContent(t *testing.T) {
	var l log
	inner := faultstore.New(memstore.New(nil))
	s := watch.Store(inner, l.watch)
	_, err := s.Create(t.Context(), "a", strings.NewReader("content"), nil)
	require.NoError(t, err)
	l.only(t, watch.Create)

	open := func() storage.Object {
		o, err := s.Open(t.Context(), "a", nil)
		require.NoError(t, err)
		l.only(t, watch.Open)
		return o
	}
	o := open()
	require.NoError(t, o.Close())
	require.Empty(t, l.calls, "nothing was read")

	o = open()
	_, err = io.ReadFull(o, make([]byte, 3))
	require.NoError(t, err)
	require.Empty(t, l.calls[0].ends, "there is more")
	require.NoError(t, o.Close())
	require.NoError(t, l.only(t, watch.Read).ends[0], "who has heard enough")

	o = open()
	_, err = io.ReadAll(o)
	require.NoError(t, err)
	require.NoError(t, o.Close())
	require.NoError(t, l.only(t, watch.Read).ends[0], "the end is no error")

	o = open()
	inner.Set(faultstore.Fault{Op: faultstore.Read})
	_, err = io.ReadAll(o)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.NoError(t, o.Close())
	require.Equal(t, err, l.only(t, watch.Read).ends[0])
}

// shop has two mailboxes; its Service is not watched.
func shop(t *testing.T) *voicemail.Service {
	t.Helper()
	svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(memstore.New(nil)), nil)
	require.NoError(t, err)
	for _, id := range []voicemail.MailboxID{"5001", "5002"} {
		_, err = svc.CreateMailbox(t.Context(), id, nil)
		require.NoError(t, err)
	}
	return svc
}

// each calls every method of the value that takes a context, on a new value each time, and demands that the log tells of the call and of its error.
func each[T any](t *testing.T, kind string, l *log, fresh func() T) {
	t.Helper()
	typ := reflect.TypeFor[T]()
	calls := 0
	for i := range typ.NumMethod() {
		m := typ.Method(i)
		if m.Type.NumIn() == 0 || m.Type.In(0) != reflect.TypeFor[context.Context]() {
			continue
		}
		calls++
		v := reflect.ValueOf(fresh())
		l.calls = nil
		var in []reflect.Value
		for p := range m.Type.NumIn() {
			if m.Type.IsVariadic() && p == m.Type.NumIn()-1 {
				break
			}
			in = append(in, argument(t, m.Type.In(p)))
		}
		out := v.MethodByName(m.Name).Call(in)
		last := out[len(out)-1]
		if seq, ok := last.Interface().(iter.Seq2[voicemail.Message, error]); ok {
			require.Empty(t, l.calls, "nothing is done before the first is asked for")
			var err error
			for _, err = range seq {
			}
			last = reflect.ValueOf(&err).Elem()
		}
		err, _ := last.Interface().(error)
		name := m.Name
		if kind != "" {
			name = kind + "." + name
		} else {
			name = strings.ToLower(name)
		}
		require.Equal(t, err, l.only(t, name).ends[0], name)
	}
	require.GreaterOrEqual(t, calls, 5)
}

// argument returns something that a method of this parameter can be called with.
func argument(t *testing.T, typ reflect.Type) reflect.Value {
	for _, v := range []any{t.Context(), strings.NewReader("RIFF"), voicemail.MailboxID("5002"), voicemail.PartNote, func(*voicemail.Settings) error { return nil }} {
		if typ.Kind() == reflect.Interface && reflect.TypeOf(v).Implements(typ) || reflect.TypeOf(v) == typ {
			return reflect.ValueOf(v)
		}
	}
	return reflect.Zero(typ)
}

func TestEveryMethodOfAStoreIsWatched(t *testing.T) {
	var l log
	each(t, "", &l, func() storage.Store { return watch.Store(memstore.New(nil), l.watch) })
}

func TestEveryMethodOfAMailboxIsWatched(t *testing.T) {
	var l log
	svc := shop(t)
	each(t, "Mailbox", &l, func() voicemail.Mailbox { return watch.Mailbox(svc.Mailbox("5001"), l.watch) })
	each(t, "Mailbox", &l, func() voicemail.Mailbox { return watch.Mailbox(svc.Mailbox("none"), l.watch) })
}

func TestEveryMethodOfAMessageIsWatched(t *testing.T) {
	var l log
	box := watch.Mailbox(shop(t).Mailbox("5001"), l.watch)
	fresh := func() voicemail.Message {
		m, err := box.Deposit(t.Context(), strings.NewReader("RIFF"), nil)
		require.NoError(t, err)
		return m
	}
	each(t, "Message", &l, fresh)
	each(t, "Message", &l, func() voicemail.Message {
		m := fresh()
		require.NoError(t, m.Delete(t.Context()))
		return m
	})
}

func TestMessagesOfAWatchedMailboxAreWatched(t *testing.T) {
	var l log
	ctx := t.Context()
	box := watch.Mailbox(shop(t).Mailbox("5001"), l.watch)
	watched := func(m voicemail.Message, err error) voicemail.Message {
		t.Helper()
		require.NoError(t, err)
		l.calls = nil
		require.NoError(t, m.MarkRead(ctx))
		require.Equal(t, m.ID(), l.only(t, "Message.MarkRead").Message)
		return m
	}
	m := watched(box.Deposit(ctx, strings.NewReader("RIFF"), nil))
	watched(box.Message(ctx, m.ID()))
	for m, err := range box.Messages(ctx, nil) {
		watched(m, err)
	}
	watched(m.CopyTo(ctx, "5001", nil))
	watched(m.MoveTo(ctx, "5002"))

	missing, err := box.Message(ctx, m.ID())
	require.ErrorIs(t, err, voicemail.ErrNotFound)
	require.True(t, missing == nil, "no message is no wrapper of none")
	_, err = m.CopyTo(ctx, "none", nil)
	require.Error(t, err)
}

func TestAWatchedMessagePrintsNothingOfWhatItHolds(t *testing.T) {
	box := watch.Mailbox(shop(t).Mailbox("5001"), new(log).watch)
	m, err := box.Deposit(t.Context(), strings.NewReader("RIFF"), &voicemail.DepositOptions{CallID: "secret"})
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.Equal(t, fmt.Sprintf(`message %s in mailbox "5001"`, m.ID()), fmt.Sprintf(verb, m), verb)
	}
}

func TestEverySentinelHasAKind(t *testing.T) {
	// As they are named, since errors.New values cannot be found by reflection.
	named := map[string]error{
		"ErrNotFound": voicemail.ErrNotFound, "ErrNoGreeting": voicemail.ErrNoGreeting, "ErrNoMailbox": voicemail.ErrNoMailbox,
		"ErrMailboxExists": voicemail.ErrMailboxExists, "ErrDisabled": voicemail.ErrDisabled, "ErrMailboxFull": voicemail.ErrMailboxFull,
		"ErrTooManyParts": voicemail.ErrTooManyParts, "ErrTooManyMailboxes": voicemail.ErrTooManyMailboxes, "ErrHeld": voicemail.ErrHeld,
		"ErrPrivate": voicemail.ErrPrivate, "ErrGone": voicemail.ErrGone, "ErrConflict": voicemail.ErrConflict, "ErrDamaged": voicemail.ErrDamaged,
		"ErrInvalid": voicemail.ErrInvalid, "ErrTooLarge": voicemail.ErrTooLarge, "ErrTooShort": voicemail.ErrTooShort, "ErrEmpty": voicemail.ErrEmpty,
		"ErrIndexKey": voicemail.ErrIndexKey,
		"ErrNotExist": storage.ErrNotExist, "ErrExists": storage.ErrExists, "ErrCorrupt": storage.ErrCorrupt, "ErrBlocked": storage.ErrBlocked,
		"ErrPermission": storage.ErrPermission, "ErrUnavailable": storage.ErrUnavailable, "ErrUnsuitable": storage.ErrUnsuitable, "ErrClosed": storage.ErrClosed,
	}
	names := append(sentinels(t, "../../errors.go"), sentinels(t, "../../storage/errors.go")...)
	require.Len(t, names, len(named)+1, "ErrInvalid is in both; add what is new to kinds")
	for _, name := range names {
		require.Contains(t, named, name)
		require.NotEqual(t, watch.Other, watch.OutcomeOf(fmt.Errorf("wrapped: %w", named[name])), name)
	}
	require.Equal(t, watch.OutcomeOf(voicemail.ErrInvalid), watch.OutcomeOf(storage.ErrInvalid))
}

func TestAnOutcomeTellsAFailureFromAnAnswer(t *testing.T) {
	for _, tt := range []struct {
		why  string
		err  error
		want watch.Outcome
	}{
		{"nothing went wrong", nil, watch.OK},
		{"the caller was refused", &voicemail.Error{Err: voicemail.ErrMailboxFull}, watch.Outcome{Kind: "mailbox_full"}},
		{"no object is an answer", storage.ErrNotExist, watch.Outcome{Kind: "not_exist"}},
		{"that a name is taken is one, too", storage.ErrExists, watch.Outcome{Kind: "exists"}},
		{"the storage did not do it", &storage.Error{Kind: storage.ErrUnavailable, Err: context.DeadlineExceeded}, watch.Outcome{Kind: "unavailable", Failed: true}},
		{"the caller went away, and the storage calls it an outage", errors.Join(storage.ErrUnavailable, context.Canceled), watch.Canceled},
		{"the caller waited long enough", context.DeadlineExceeded, watch.Timeout},
		{"what nobody has foreseen", errors.New("+15550100001"), watch.Other},
		{"what a message is said to be, not why", errors.Join(storage.ErrCorrupt, voicemail.ErrDamaged), watch.Outcome{Kind: "damaged", Failed: true}},
	} {
		assert.Equal(t, tt.want, watch.OutcomeOf(tt.err), tt.why)
	}
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	return f
}

// interfaces returns the names of the interfaces of a file.
func interfaces(t *testing.T, file string) (names []string) {
	t.Helper()
	ast.Inspect(parse(t, file), func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			if _, ok := spec.Type.(*ast.InterfaceType); ok {
				names = append(names, spec.Name.Name)
			}
		}
		return true
	})
	require.NotEmpty(t, names)
	return names
}

// sentinels returns the names of the errors of a file.
func sentinels(t *testing.T, file string) (names []string) {
	t.Helper()
	ast.Inspect(parse(t, file), func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Err") {
			names = append(names, spec.Names[0].Name)
		}
		return true
	})
	require.NotEmpty(t, names)
	return names
}
