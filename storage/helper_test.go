package storage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// pager counts the pages that are fetched, and fails at one of them.
type pager struct {
	storage.Store
	pages, failAt int
}

var errPage = errors.New("page is lost")

func (p *pager) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	if p.pages++; p.pages == p.failAt {
		return nil, errPage
	}
	return p.Store.List(ctx, opts)
}

func filled(t *testing.T, n int) *pager {
	t.Helper()
	s := memstore.New(&memstore.Options{PageSize: 2})
	for i := range n {
		_, err := s.Create(t.Context(), fmt.Sprintf("box/%d/x", i), strings.NewReader("body"), nil)
		require.NoError(t, err)
	}
	return &pager{Store: s}
}

func TestAllYieldsEveryPageInOrder(t *testing.T) {
	s := filled(t, 5)
	var got []string
	for info, err := range storage.All(t.Context(), s, &storage.ListOptions{Prefix: "box/"}) {
		require.NoError(t, err)
		got = append(got, info.Key)
	}
	assert.Equal(t, []string{"box/0/x", "box/1/x", "box/2/x", "box/3/x", "box/4/x"}, got)
	assert.Equal(t, 3, s.pages)
}

func TestAllDoesNotChangeItsOptions(t *testing.T) {
	opts := &storage.ListOptions{Prefix: "box/"}
	for _, err := range storage.All(t.Context(), filled(t, 5), opts) {
		require.NoError(t, err)
	}
	assert.Equal(t, &storage.ListOptions{Prefix: "box/"}, opts)
}

func TestAllStartsAtTheToken(t *testing.T) {
	s := filled(t, 3)
	page, err := s.List(t.Context(), nil)
	require.NoError(t, err)
	var got []string
	for info, err := range storage.All(t.Context(), s, &storage.ListOptions{Token: page.Next}) {
		require.NoError(t, err)
		got = append(got, info.Key)
	}
	assert.Equal(t, []string{"box/2/x"}, got)
}

func TestAllYieldsAnErrorOnceAndEnds(t *testing.T) {
	s := filled(t, 5)
	s.failAt = 2
	var good, bad int
	for _, err := range storage.All(t.Context(), s, nil) {
		if err == nil {
			good++
			continue
		}
		require.ErrorIs(t, err, errPage)
		bad++
	}
	assert.Equal(t, [3]int{2, 1, 2}, [3]int{good, bad, s.pages})
}

func TestAllFetchesNoFurtherPageAfterABreak(t *testing.T) {
	s := filled(t, 5)
	n := 0
	for range storage.All(t.Context(), s, nil) {
		if n++; n == 2 {
			break
		}
	}
	assert.Equal(t, 1, s.pages)
}

func TestAllTakesNoDelimiter(t *testing.T) {
	s := filled(t, 1)
	for _, err := range storage.All(t.Context(), s, &storage.ListOptions{Delimiter: "/"}) {
		assert.ErrorIs(t, err, storage.ErrInvalid)
	}
	assert.Zero(t, s.pages)
}

func TestPrefixesYieldsTheFoldersOfAllPages(t *testing.T) {
	s := filled(t, 5)
	_, err := s.Create(t.Context(), "box/object", nil, nil)
	require.NoError(t, err)
	var got []string
	for p, err := range storage.Prefixes(t.Context(), s, "box/") {
		require.NoError(t, err)
		got = append(got, p)
	}
	assert.Equal(t, []string{"box/0/", "box/1/", "box/2/", "box/3/", "box/4/"}, got, "objects at the level are passed over")
}

func TestPrefixesYieldsAnErrorOnceAndABreakEndsIt(t *testing.T) {
	s := filled(t, 5)
	s.failAt = 2
	var errs []error
	for _, err := range storage.Prefixes(t.Context(), s, "box/") {
		if err != nil {
			errs = append(errs, err)
		}
	}
	require.Len(t, errs, 1)
	assert.ErrorIs(t, errs[0], errPage)

	s = filled(t, 5)
	for range storage.Prefixes(t.Context(), s, "box/") {
		break
	}
	assert.Equal(t, 1, s.pages)
}

func TestReadFileReturnsTheWholeObject(t *testing.T) {
	s := filled(t, 1)
	for _, limit := range []int64{4, 100} {
		got, err := storage.ReadFile(t.Context(), s, "box/0/x", limit)
		require.NoError(t, err)
		assert.Equal(t, "body", string(got))
	}
	_, err := storage.ReadFile(t.Context(), s, "box/0/x", 3)
	assert.ErrorIs(t, err, storage.ErrInvalid, "longer than the limit")
	_, err = storage.ReadFile(t.Context(), s, "none", 3)
	assert.ErrorIs(t, err, storage.ErrNotExist)
}

// liar hands out an object that says to have 4 bytes.
type liar struct {
	storage.Store
	body   io.Reader
	closed int
}

func (l *liar) Open(context.Context, string, *storage.OpenOptions) (storage.Object, error) {
	return lie{l.body, l}, nil
}

type lie struct {
	io.Reader
	of *liar
}

func (l lie) Info() storage.Info { return storage.Info{Size: 4} }
func (l lie) Close() error       { l.of.closed++; return nil }

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errPage }

func TestReadFileNeverReturnsAPart(t *testing.T) {
	for _, body := range []string{"", "bod"} {
		s := &liar{body: strings.NewReader(body)}
		got, err := storage.ReadFile(t.Context(), s, "a", 100)
		assert.ErrorIs(t, err, storage.ErrCorrupt, "%q", body)
		assert.Nil(t, got)
		assert.Equal(t, 1, s.closed)
	}
	s := &liar{body: brokenReader{}}
	_, err := storage.ReadFile(t.Context(), s, "a", 100)
	assert.ErrorIs(t, err, errPage)
	assert.Equal(t, 1, s.closed)
}

func TestExistsTellsAbsenceFromFailure(t *testing.T) {
	s := filled(t, 1)
	there, err := storage.Exists(t.Context(), s, "box/0/x")
	require.NoError(t, err)
	assert.True(t, there)
	there, err = storage.Exists(t.Context(), s, "box/9/x")
	require.NoError(t, err)
	assert.False(t, there)
	require.NoError(t, s.Close())
	there, err = storage.Exists(t.Context(), s, "box/0/x")
	assert.ErrorIs(t, err, storage.ErrClosed)
	assert.False(t, there)
}
