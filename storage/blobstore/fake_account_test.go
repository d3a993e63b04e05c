package blobstore

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/storagetest"
)

// The fake is worth what it passes of the suite that Azurite passes.
func TestConformanceOnTheFakeAccount(t *testing.T) {
	for _, row := range []struct {
		name string
		fake func() *fakeAccount
		opts Options
	}{
		{name: "plain", fake: func() *fakeAccount { return &fakeAccount{} }},
		{
			name: "versions, which soft delete keeps and permanent delete does not", opts: Options{Prefix: "a/b"},
			fake: func() *fakeAccount { return &fakeAccount{versioning: true, softDeleteDays: 7, permanent: true} },
		},
		{name: "hierarchical namespace", opts: Options{PageSize: 7}, fake: func() *fakeAccount { return &fakeAccount{hierarchical: true} }},
	} {
		t.Run(row.name, func(t *testing.T) {
			open := func(t *testing.T, a *fakeAccount) storage.Store {
				opts := row.opts
				opts.Service = a.service(t)
				s, err := Open(t.Context(), a.container(t), &opts)
				require.NoError(t, err)
				s.tries = 1
				return s
			}
			var accounts sync.Map // by store
			storagetest.Run(t, func(t *testing.T) storage.Store {
				a := row.fake()
				s := open(t, a)
				accounts.Store(s, a)
				return s
			}, &storagetest.Options{
				Rounds:    4,
				MaxObject: 5<<20 + 1,
				Reopen: func(t *testing.T, s storage.Store) storage.Store {
					a, _ := accounts.Load(s)
					again := open(t, a.(*fakeAccount))
					accounts.Store(again, a)
					return again
				},
			})
		})
	}
}

func fill(t *testing.T, s storage.Store, keys ...string) {
	t.Helper()
	for _, key := range keys {
		_, err := s.Create(t.Context(), key, strings.NewReader(key), nil)
		require.NoError(t, err)
	}
}

func openFake(t *testing.T, a *fakeAccount, opts Options) *Store {
	t.Helper()
	opts.Service = a.service(t)
	return openStore(t, a.container(t), &opts)
}

func TestDeleteLeavesNoVersionAndNoSnapshot(t *testing.T) {
	for _, row := range []struct {
		why  string
		fake *fakeAccount
		kept []string // of each name, in the end
	}{
		{"there are only snapshots", &fakeAccount{}, nil},
		{"there are versions", &fakeAccount{versioning: true}, nil},
		{"soft delete keeps versions, and lets them go for good", &fakeAccount{versioning: true, softDeleteDays: 7, permanent: true}, nil},
		{
			"soft delete keeps versions whatever one does", &fakeAccount{versioning: true, softDeleteDays: 7},
			[]string{"version=false snapshot=true current=false deleted=true", "version=true snapshot=false current=false deleted=true"},
		},
		{
			"soft delete keeps a blob without versions", &fakeAccount{softDeleteDays: 7, permanent: true},
			[]string{"version=false snapshot=false current=true deleted=true"},
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			a := row.fake
			s := openFake(t, a, Options{})
			keys := []string{"v1/a", "v1/a-neighbour", "v1/b"}
			fill(t, s, keys...)
			for _, key := range keys {
				a.snapshot(key)
			}
			kept, err := s.kept(t.Context(), "v1/a", true)
			require.NoError(t, err)
			require.Len(t, kept, 1, "its snapshot, and nothing of its neighbour")
			require.NoError(t, s.Delete(t.Context(), "v1/a", "v1/b"))
			for _, key := range []string{"v1/a", "v1/b"} {
				require.ElementsMatch(t, row.kept, a.all(key), key)
			}
			require.Len(t, a.all("v1/a-neighbour"), 2, "its name only starts like that of a deleted one")
		})
	}
}

func TestNoMomentOfADeleteShowsTheObjectAgain(t *testing.T) {
	a := &fakeAccount{versioning: true, softDeleteDays: 7, permanent: true}
	s := openFake(t, a, Options{})
	fill(t, s, "v1/a", "v1/b")
	require.NoError(t, s.Delete(t.Context(), "v1/b"))
	fill(t, s, "v1/b")
	gone := false
	a.intercept = func(req *http.Request) (*http.Response, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		shown := a.current("v1/b") != nil
		require.False(t, gone && shown, "it was gone, and is there again before %s", req.Method)
		gone = !shown
		return nil, nil
	}
	require.NoError(t, s.Delete(t.Context(), "v1/b"))
	require.True(t, gone)
	require.Empty(t, a.all("v1/b"))
}

func TestDeleteFindsVersionsThatNoReplyHasShown(t *testing.T) {
	t.Run("once in a while", func(t *testing.T) {
		a := &fakeAccount{}
		s := openFake(t, a, Options{})
		fill(t, s, "v1/a", "v1/b")
		a.versioning = true // by an operator, after they were created
		require.NoError(t, s.Delete(t.Context(), "v1/a"))
		require.Empty(t, a.all("v1/a"), "the first Delete looks")
		require.NoError(t, s.Delete(t.Context(), "v1/b"))
		require.Empty(t, a.all("v1/b"), "it has seen one")
	})
	t.Run("if told", func(t *testing.T) {
		a := &fakeAccount{}
		s := openFake(t, a, Options{Versioned: true})
		fill(t, s, "v1/a", "v1/b")
		require.NoError(t, s.Delete(t.Context(), "v1/b"))
		a.versioning = true
		require.NoError(t, s.Delete(t.Context(), "v1/a"))
		require.Empty(t, a.all("v1/a"))
	})
}

func TestDeleteLeavesWhatIsCreatedMeanwhile(t *testing.T) {
	a := &fakeAccount{versioning: true}
	s, other := openFake(t, a, Options{}), openFake(t, a, Options{})
	fill(t, s, "v1/a")
	a.intercept = func(req *http.Request) (*http.Response, error) {
		if req.URL.Query().Get("comp") == "list" { // the object is gone, its versions are being looked for
			a.intercept = nil
			fill(t, other, "v1/a")
		}
		return nil, nil
	}
	require.NoError(t, s.Delete(t.Context(), "v1/a"))
	require.Equal(t, []string{"version=true snapshot=false current=true deleted=false"}, a.all("v1/a"))
}

func TestDeleteTellsWhatAHoldKeeps(t *testing.T) {
	for _, versioning := range []bool{false, true} {
		a := &fakeAccount{versioning: versioning, held: map[string]bool{"v1/b": true}}
		s := openFake(t, a, Options{})
		fill(t, s, "v1/a", "v1/b", "v1/c")
		for range 2 {
			err := s.Delete(t.Context(), "v1/a", "v1/b", "v1/c")
			require.ErrorIs(t, err, storage.ErrBlocked)
			require.Equal(t, []string{"v1/b"}, storage.FailedKeys(err))
		}
		require.NotEmpty(t, a.all("v1/b"))
		require.Empty(t, a.all("v1/a"))
		require.Empty(t, a.all("v1/c"))
		a.held = nil
		require.NoError(t, s.Delete(t.Context(), "v1/b"))
		require.Empty(t, a.all("v1/b"))
	}
}

func TestRetentionTellsWhatOutlivesADelete(t *testing.T) {
	for _, row := range []struct {
		why  string
		fake *fakeAccount
		want storage.Retention
	}{
		{"nothing is kept", &fakeAccount{}, storage.Retention{}},
		{"soft delete", &fakeAccount{softDeleteDays: 7}, storage.Retention{SoftDelete: 7 * 24 * time.Hour}},
		{"a blob itself never goes for good", &fakeAccount{softDeleteDays: 7, permanent: true}, storage.Retention{SoftDelete: 7 * 24 * time.Hour}},
		{"versions go for good", &fakeAccount{softDeleteDays: 7, permanent: true, versioning: true}, storage.Retention{Versioned: true}},
		{"versions are kept a week", &fakeAccount{softDeleteDays: 7, versioning: true}, storage.Retention{Versioned: true, SoftDelete: 7 * 24 * time.Hour}},
		{"a hold", &fakeAccount{held: map[string]bool{"x": true}}, storage.Retention{Lock: true}},
	} {
		t.Run(row.why, func(t *testing.T) {
			got, err := openFake(t, row.fake, Options{}).Retention(t.Context())
			require.NoError(t, err)
			require.NotEmpty(t, got.Notes)
			got.Notes = nil
			require.Equal(t, row.want, got)
		})
	}
	a := &fakeAccount{softDeleteDays: 7}
	_, err := openStore(t, a.container(t), nil).Retention(t.Context())
	require.ErrorIs(t, err, errors.ErrUnsupported, "not known is not nothing")
}

func TestAHierarchicalNamespaceGetsNoTags(t *testing.T) {
	for _, tells := range []bool{true, false} {
		a := &fakeAccount{hierarchical: true}
		a.intercept = func(req *http.Request) (*http.Response, error) {
			if req.URL.Query().Get("restype") == "account" && !tells {
				return refuse(req, 403, "AuthorizationPermissionMismatch"), nil
			}
			return nil, nil
		}
		s := openFake(t, a, Options{})
		_, err := s.Create(t.Context(), "v1/a", strings.NewReader("x"), &storage.CreateOptions{Tags: map[string]string{"caller_id": "15551234567"}})
		require.NoError(t, err)
		for _, err := range s.FindByTag(t.Context(), "caller_id", "15551234567") {
			require.ErrorIs(t, err, errors.ErrUnsupported)
		}
	}
}

func TestFindByTagReadsAllPagesAndVerifiesEveryHit(t *testing.T) {
	a := &fakeAccount{softDeleteDays: 7}
	s := openFake(t, a, Options{Prefix: "in", PageSize: 2})
	tagged := &storage.CreateOptions{Tags: map[string]string{"caller_id": "+1 555"}}
	var want []string
	for i := range 9 {
		key := fmt.Sprintf("v1/%d", i)
		_, err := s.Create(t.Context(), key, nil, tagged)
		require.NoError(t, err)
		want = append(want, key)
	}
	require.NoError(t, s.Delete(t.Context(), "v1/3", "v1/8"), "the fake's index still has them")
	other := openFake(t, a, Options{})
	_, err := other.Create(t.Context(), "outside", nil, tagged)
	require.NoError(t, err)
	want = slices.DeleteFunc(want, func(k string) bool { return k == "v1/3" || k == "v1/8" })

	var got []string
	for key, err := range s.FindByTag(t.Context(), "caller_id", "+1 555") {
		require.NoError(t, err)
		got = append(got, key)
	}
	require.ElementsMatch(t, want, got)
	for _, err := range s.FindByTag(t.Context(), "caller_id", "+1 555") {
		require.NoError(t, err)
		break // and no more is asked for
	}
}

func TestARefusedSearchIsNoEmptyAnswer(t *testing.T) {
	a := &fakeAccount{}
	s := openFake(t, a, Options{})
	_, err := s.Create(t.Context(), "v1/a", nil, &storage.CreateOptions{Tags: map[string]string{"caller_id": "1"}})
	require.NoError(t, err)
	for _, method := range []string{http.MethodGet, http.MethodHead} { // of the search, of the look at a hit
		a.intercept = func(req *http.Request) (*http.Response, error) {
			if req.Method == method {
				return refuse(req, 403, "AuthorizationPermissionMismatch"), nil
			}
			return nil, nil
		}
		var errs []error
		for key, err := range s.FindByTag(t.Context(), "caller_id", "1") {
			require.Empty(t, key)
			errs = append(errs, err)
		}
		require.Len(t, errs, 1, "an error is yielded once")
		require.ErrorIs(t, errs[0], storage.ErrPermission)
	}
}

func TestALinkByUserDelegationEndsWithItsKey(t *testing.T) {
	a := &fakeAccount{}
	keys := 0
	var life time.Duration // of keys, if the account bounds it
	a.intercept = func(req *http.Request) (*http.Response, error) {
		if req.URL.Query().Get("comp") != "userdelegationkey" {
			return nil, nil
		}
		keys++
		if life == 0 {
			return nil, nil
		}
		end := time.Now().Add(life).UTC().Format(time.RFC3339)
		req.Body = io.NopCloser(strings.NewReader("<KeyInfo><Start>2026-01-01T00:00:00Z</Start><Expiry>" + end + "</Expiry></KeyInfo>"))
		body, _ := io.ReadAll(req.Body)
		return a.serve(req, body), nil
	}
	s := openFake(t, a, Options{Prefix: "in"})
	link, err := s.SignURL(t.Context(), "v1/a", 10*time.Minute)
	require.NoError(t, err)
	u, err := url.Parse(link.Reveal())
	require.NoError(t, err)
	require.Equal(t, "/"+fakeContainer+"/in/v1/a", u.Path)
	q := u.Query()
	require.Equal(t, "r", q.Get("sp"), "reading and nothing else")
	require.Equal(t, "https", q.Get("spr"))
	require.Equal(t, "b", q.Get("sr"))
	require.Equal(t, link.Expires.Format(time.RFC3339), q.Get("se"))
	require.WithinDuration(t, time.Now().Add(10*time.Minute), link.Expires, 2*time.Second)
	require.Equal(t, "REDACTED", fmt.Sprintf("%v", link))
	_, err = s.SignURL(t.Context(), "v1/b", 20*time.Minute)
	require.NoError(t, err)
	require.Equal(t, 1, keys, "one key serves many links")
	_, err = s.SignURL(t.Context(), "v1/b", 7*24*time.Hour)
	require.NoError(t, err)
	require.Equal(t, 2, keys)

	for _, ttl := range []time.Duration{0, -time.Hour, 7*24*time.Hour + time.Second} {
		_, err := s.SignURL(t.Context(), "v1/a", ttl)
		require.ErrorIs(t, err, storage.ErrInvalid, ttl)
	}
	life = time.Hour
	link, err = openFake(t, a, Options{}).SignURL(t.Context(), "v1/a", 5*time.Hour)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(life), link.Expires, 2*time.Second, "the account gives shorter keys")
}

func TestWithoutACredentialThereAreNoLinks(t *testing.T) {
	a := &fakeAccount{}
	_, err := openStore(t, a.container(t), nil).SignURL(t.Context(), "v1/a", time.Minute)
	require.ErrorIs(t, err, errors.ErrUnsupported)
}
