package memstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

func create(t *testing.T, s storage.Store, key, body string) storage.Info {
	t.Helper()
	info, err := s.Create(t.Context(), key, strings.NewReader(body), nil)
	require.NoError(t, err)
	return info
}

func names(t *testing.T, s storage.Store, opts *storage.ListOptions) []string {
	t.Helper()
	var keys []string
	for info, err := range storage.All(t.Context(), s, opts) {
		require.NoError(t, err)
		keys = append(keys, info.Key)
	}
	return keys
}

func TestCreateRefusesANameThatWouldBeObjectAndFolder(t *testing.T) {
	s := memstore.New(nil)
	create(t, s, "a/b/c", "")
	create(t, s, "a/b-1", "")
	for _, key := range []string{"a", "a/b", "a/b/c/d", "a/b/c/d/e"} {
		_, err := s.Create(t.Context(), key, nil, nil)
		require.ErrorIs(t, err, storage.ErrInvalid, key)
	}
	require.Equal(t, []string{"a/b-1", "a/b/c"}, names(t, s, nil))

	require.NoError(t, s.Delete(t.Context(), "a/b/c"))
	create(t, s, "a/b", "free again, since nothing is below it")
}

func TestModifiedIsTheClockOfOptions(t *testing.T) {
	at := time.Date(2031, 2, 3, 4, 5, 6, 7, time.UTC)
	s := memstore.New(&memstore.Options{Now: func() time.Time { return at }})
	require.Equal(t, at, create(t, s, "a", "x").Modified)
}

func TestPageSizeBoundsEveryPage(t *testing.T) {
	s := memstore.New(&memstore.Options{PageSize: 2})
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		create(t, s, key, "")
	}
	page, err := s.List(t.Context(), &storage.ListOptions{MaxKeys: 1000})
	require.NoError(t, err)
	require.Len(t, page.Objects, 2)
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, names(t, s, nil))
}

func TestKeysOnlyLeavesEverythingElseUnset(t *testing.T) {
	s := memstore.New(nil)
	create(t, s, "a", "body")
	page, err := s.List(t.Context(), &storage.ListOptions{KeysOnly: true})
	require.NoError(t, err)
	require.Equal(t, []storage.Info{{Key: "a"}}, page.Objects)
}

func TestListRefusesATokenThatWasCutOrChanged(t *testing.T) {
	s := memstore.New(&memstore.Options{PageSize: 1})
	create(t, s, "abc/def", "")
	create(t, s, "abc/ghi", "")
	page, err := s.List(t.Context(), nil)
	require.NoError(t, err)
	for i := 1; i < len(page.Next); i++ {
		_, err := s.List(t.Context(), &storage.ListOptions{Token: page.Next[:i]})
		require.ErrorIs(t, err, storage.ErrInvalid, "the first %d characters of a token", i)
		flipped := []byte(page.Next)
		flipped[i] ^= 1
		_, err = s.List(t.Context(), &storage.ListOptions{Token: string(flipped)})
		require.ErrorIs(t, err, storage.ErrInvalid, "a token with character %d changed", i)
	}
}

func TestTagsAndContentTypeAreWhatCreateWasGiven(t *testing.T) {
	s := memstore.New(nil)
	tags := map[string]string{"k": "v"}
	_, err := s.Create(t.Context(), "a", nil, &storage.CreateOptions{ContentType: "audio/wav", Tags: tags})
	require.NoError(t, err)
	tags["k"] = "changed by the caller"
	got := s.Tags("a")
	require.Equal(t, map[string]string{"k": "v"}, got)
	got["k"] = "changed by the reader"
	require.Equal(t, map[string]string{"k": "v"}, s.Tags("a"))
	require.Equal(t, "audio/wav", s.ContentType("a"))
	require.Empty(t, s.Tags("absent"))
	require.Empty(t, s.ContentType("absent"))

	_, err = s.Copy(t.Context(), "b", "a", nil)
	require.NoError(t, err)
	require.Empty(t, s.Tags("b"), "a copy inherits no tags")
}

func TestAnObjectIsReadUnderTheContextOfItsOpen(t *testing.T) {
	s := memstore.New(nil)
	create(t, s, "a", "body")
	ctx, cancel := context.WithCancel(t.Context())
	o, err := s.Open(ctx, "a", nil)
	require.NoError(t, err)
	cancel()
	_, err = o.Read(make([]byte, 1))
	require.ErrorIs(t, err, context.Canceled)
}

func TestAClosedObjectCannotBeRead(t *testing.T) {
	s := memstore.New(nil)
	create(t, s, "a", "body")
	o, err := s.Open(t.Context(), "a", nil)
	require.NoError(t, err)
	require.NoError(t, o.Close())
	_, err = o.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrClosed)
}

// body is a body that says it has size bytes, whatever it has.
type body struct {
	io.Reader
	size int64
}

func (b body) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return b.size + offset, nil
	}
	return offset, nil
}

// idle is a Reader that neither gives anything nor ends.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestABodyThatIsNotWhatItSaysIsRefused(t *testing.T) {
	broken := errors.New("broken pipe")
	rows := []struct {
		why  string
		body body
		want error
	}{
		{"its end was promised further away", body{strings.NewReader("abc"), 4}, storage.ErrInvalid},
		{"it goes on after its end", body{strings.NewReader("abc"), 2}, storage.ErrInvalid},
		{"an empty one may go on too", body{strings.NewReader("abc"), 0}, storage.ErrInvalid},
		{"no promise is a reason to allocate", body{strings.NewReader("abc"), 1 << 62}, storage.ErrInvalid},
		{"a negative size is no size", body{strings.NewReader("abc"), -5}, storage.ErrInvalid},
		{"its error is the caller's to see", body{io.MultiReader(strings.NewReader("abc"), failing{broken}), 4}, broken},
		{"an error that wraps the end is not the end", body{io.MultiReader(strings.NewReader("abc"), failing{fmt.Errorf("lost: %w", io.EOF)}), 3}, io.EOF},
		{"it stands still for ever", body{idle{}, 4}, io.ErrNoProgress},
	}
	s := memstore.New(nil)
	for _, row := range rows {
		_, err := s.Create(t.Context(), "a", row.body, nil)
		require.ErrorIs(t, err, row.want, row.why)
		var e *storage.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, "memstore", e.Driver)
		require.Empty(t, names(t, s, nil), row.why)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAHundredThousandNamesStaySorted(t *testing.T) {
	s := memstore.New(nil)
	order := rand.New(rand.NewPCG(1, 2)).Perm(100_000)
	var want []string
	for _, n := range order {
		key := fmt.Sprintf("v1/t/box/%d/%05d", n%7, n)
		create(t, s, key, "")
		if n%3 != 0 {
			want = append(want, key)
		}
	}
	for _, n := range order {
		if n%3 == 0 {
			require.NoError(t, s.Delete(t.Context(), fmt.Sprintf("v1/t/box/%d/%05d", n%7, n)))
		}
	}
	slices.Sort(want)
	require.Equal(t, want, names(t, s, nil))

	require.NoError(t, s.Delete(t.Context(), want...))
	require.Empty(t, names(t, s, nil))
	create(t, s, "v1", "nothing is below it any more")
}

func TestALargeBodyIsReadInPieces(t *testing.T) {
	s := memstore.New(nil)
	want := bytes.Repeat([]byte("0123456789abcde"), 200_000)
	_, err := s.Create(t.Context(), "a", bytes.NewReader(want), nil)
	require.NoError(t, err)
	got, err := storage.ReadFile(t.Context(), s, "a", int64(len(want)))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
}
