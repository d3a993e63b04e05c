package storagetest

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func readRules() []rule {
	return []rule{
		{"ARangeIsExactAtEveryBorder", "a player asks for ranges, and a byte off is noise in the ear", ranges},
		{"AnEmptyObjectHasAnEmptyRange", "reading from the end of nothing is reading nothing", emptyRange},
		{"ReadersDoNotDisturbEachOther", "many people listen to one message", manyReaders},
		{"AnObjectDeletedWhileReadNeverEndsEarly", "a recording cut off without an error passes for whole", deletedWhileRead},
		{"WhatIsNotThereIsErrNotExist", "a storage that cannot say so makes absence look like failure, or failure like absence", notThere},
		{"ModifiedIsTheTimeOfCreation", "when a message is old enough to go is decided by it", modified},
	}
}

// clockStep is how far two readings of one storage's clock for one object may lie apart when only one of them is the object's own
// (a server answers a creation with the time of its answer).
const clockStep = 2 * time.Second

func ranges(e *env) {
	for i, size := range []int64{1, 10, 1_000_003} {
		key := fmt.Sprintf("v1/ranges/%d", i)
		content := noise(int64(i), size)
		e.create(key, content.fresh())
		for _, offset := range []int64{0, 1, size / 2, size - 1, size} {
			if offset > size {
				continue
			}
			for _, length := range []int64{0, 1, size - 1, size, size + 1, math.MaxInt64} {
				e.ranged(key, content, offset, length)
			}
		}
		refused := []storage.OpenOptions{
			{Offset: size + 1}, {Offset: size + 1, Length: 1}, {Offset: math.MaxInt64}, {Offset: math.MaxInt64, Length: math.MaxInt64},
			{Offset: -1}, {Length: -1}, {Offset: -1, Length: 1}, {Offset: math.MinInt64},
		}
		for _, opts := range refused {
			o, err := e.store.Open(e.ctx, key, &opts)
			if err == nil {
				_ = o.Close()
			}
			e.refused(err, storage.ErrInvalid, key, fmt.Sprintf("range %+v of %d bytes", opts, size))
		}
	}
}

// ranged demands that a range of the object is what it should be, and that its Info is the whole object's.
func (e *env) ranged(key string, content *body, offset, length int64) {
	e.Helper()
	want := content.size - offset
	if length > 0 {
		want = min(want, length)
	}
	what := fmt.Sprintf("offset %d, length %d of %d bytes", offset, length, content.size)
	o, err := e.store.Open(e.ctx, key, &storage.OpenOptions{Offset: offset, Length: length})
	require.NoError(e, err, what)
	defer o.Close()
	got, err := io.ReadAll(o)
	require.NoError(e, err, what)
	require.Len(e, got, int(want), what)
	whole := content.fresh()
	_, _ = whole.Seek(offset, io.SeekStart)
	expected := make([]byte, want)
	_, _ = io.ReadFull(whole, expected)
	require.True(e, string(expected) == string(got), "%s: the bytes are others", what)
	require.Equal(e, key, o.Info().Key, what)
	require.Equal(e, content.size, o.Info().Size, "%s: Info is the whole object's", what)
}

func emptyRange(e *env) {
	e.create("v1/empty", text(""))
	e.ranged("v1/empty", text(""), 0, 0)
	e.ranged("v1/empty", text(""), 0, 1)
	_, err := e.store.Open(e.ctx, "v1/empty", &storage.OpenOptions{Offset: 1})
	e.refused(err, storage.ErrInvalid, "v1/empty", "offset 1 of nothing")
}

func manyReaders(e *env) {
	content := noise(1, 200_000)
	e.create("v1/a", content.fresh())
	errs := together(8, 16, func(i int) error {
		o, err := e.store.Open(e.ctx, "v1/a", nil)
		if err != nil {
			return err
		}
		defer o.Close()
		// Of different appetite, so that they come to stand at different places.
		return content.compare(&sipping{o, 1000 * (i + 1)})
	})
	require.NoError(e, errors.Join(errs...))

	o, err := e.store.Open(e.ctx, "v1/a", nil)
	require.NoError(e, err)
	defer o.Close()
	_, err = io.Copy(io.Discard, o)
	require.NoError(e, err)
	for range 2 {
		n, err := o.Read(make([]byte, 1))
		require.Zero(e, n)
		require.ErrorIs(e, err, io.EOF, "the end stays the end")
	}
}

// sipping reads at most max bytes at once.
type sipping struct {
	io.Reader
	max int
}

func (s *sipping) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(len(p), s.max)]) }

func deletedWhileRead(e *env) {
	for i, size := range []int64{1000, 3 << 20} {
		key := fmt.Sprintf("v1/going/%d", i)
		content := noise(int64(i), size)
		e.create(key, content.fresh())
		o, err := e.store.Open(e.ctx, key, nil)
		require.NoError(e, err)
		head := make([]byte, 10)
		_, err = io.ReadFull(o, head)
		require.NoError(e, err)
		e.remove(key)
		n, err := io.Copy(io.Discard, o)
		if err == nil {
			require.Equal(e, size-10, n, "it ended early without an error")
		}
		require.NoError(e, o.Close())
		e.absent(e.store, key, "deleted while it was open")
	}
}

func notThere(e *env) {
	e.fill("v1/box/5001/aa", "v1/box/5001/cc")
	for _, key := range []string{
		"v1/box/5001/bb", "v1/box/5001/a", "v1/box/5001/aaa", // beside objects
		"v1/box/5001", "v1", // above one
		"v1/box/5001/aa/below", "v1/box/5001/aa/far/below", // below one
		"v1/box/5002/aa", "nowhere/at/all", // where nothing is
	} {
		e.absent(e.store, key, "never created")
		_, err := e.store.Open(e.ctx, key, &storage.OpenOptions{Offset: 1, Length: 1})
		e.refused(err, storage.ErrNotExist, key, "a range of what was never created")
	}
}

func modified(e *env) {
	const sane = 5 * time.Minute
	before := time.Now()
	created := e.create("v1/a", noise(1, 100))
	stat, err := e.store.Stat(e.ctx, "v1/a")
	require.NoError(e, err)
	for _, info := range []storage.Info{created, stat} {
		require.WithinDuration(e, before, info.Modified, sane, "the storage's clock is far from this host's")
	}
	for range 2 {
		again, err := e.store.Stat(e.ctx, "v1/a")
		require.NoError(e, err)
		require.True(e, stat.Modified.Equal(again.Modified), "Stat: it was %v and is %v", stat.Modified, again.Modified)
		o, err := e.store.Open(e.ctx, "v1/a", nil)
		require.NoError(e, err)
		_, err = io.Copy(io.Discard, o)
		require.NoError(e, err)
		require.NoError(e, o.Close())
		require.True(e, stat.Modified.Equal(o.Info().Modified), "Open: it was %v and is %v", stat.Modified, o.Info().Modified)
		objects, _ := e.list(e.store, storage.ListOptions{}, nil)
		require.Len(e, objects, 1)
		require.True(e, stat.Modified.Equal(objects[0].Modified), "List: it was %v and is %v", stat.Modified, objects[0].Modified)
		_, err = e.store.Create(e.ctx, "v1/a", text("refused"), nil)
		require.ErrorIs(e, err, storage.ErrExists)
	}
}
