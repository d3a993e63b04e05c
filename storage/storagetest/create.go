package storagetest

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func createRules() []rule {
	return []rule{
		{"OneOfManyCreatorsWins", "every decision among processes is one name, and two winners are two truths", oneCreatorWins},
		{"AnObjectIsVisibleWholeOrNotAtAll", "a message that is seen before it is complete is played cut off", wholeOrNotAtAll},
		{"AnExistingObjectIsNeverOverwritten", "the audio of a message is the only copy of it", neverOverwritten},
		{"CreateReturnsWhatStatReturns", "what Create returns is kept in the place of a Stat", createReturnsInfo},
		{"CreateKeepsNoHoldOfItsArguments", "a caller uses its buffers again", createCopies},
		{"TagsAndContentTypeHinderNobody", "callers set them whether the storage has them or not", tagsAreTaken},
	}
}

func oneCreatorWins(e *env) {
	const creators = 64
	stores := []storage.Store{e.store}
	if e.reopen != nil {
		stores = append(stores, e.elsewhere())
	}
	for round := range e.rounds {
		key := fmt.Sprintf("race/%d", round)
		// Of different lengths, so that a mixture of two contents is seen too.
		content := func(i int) *body { return noise(int64(i), int64(1000+i)) }
		errs := together(creators, creators, func(i int) error {
			b := content(i)
			b.step = 100
			b.before = func(int64) error { // so that many are under way before one is done
				runtime.Gosched()
				return nil
			}
			_, err := stores[i%len(stores)].Create(e.ctx, key, b, nil)
			return err
		})
		winners := 0
		for _, err := range errs {
			if err == nil {
				winners++
				continue
			}
			e.refused(err, storage.ErrExists, key, "a loser is told so")
		}
		require.Equal(e, 1, winners, "of %d concurrent creators of one name, in round %d", creators, round)
		winner := slices.Index(errs, nil)
		for _, s := range stores {
			e.holds(s, key, content(winner), "the content is the winner's")
		}
	}
}

func wholeOrNotAtAll(e *env) {
	for round := range max(1, e.rounds/4) {
		key := fmt.Sprintf("v1/whole/%d", round)
		content := noise(int64(round), 300_000)
		slow := content.fresh()
		slow.step = 64 << 10
		slow.before = func(off int64) error {
			if off == content.size {
				return nil // from here on the storage may have it all
			}
			_, err := e.store.Stat(e.ctx, key)
			assert.ErrorIs(e, err, storage.ErrNotExist, "stat while the body is being read")
			_, err = e.store.Open(e.ctx, key, nil)
			assert.ErrorIs(e, err, storage.ErrNotExist, "open while the body is being read")
			page, err := e.store.List(e.ctx, nil)
			if assert.NoError(e, err, "list while the body is being read") {
				assert.NotContains(e, keysOf(page.Objects), key, "listed while its body is being read")
			}
			return nil
		}
		watchers := []func() (seen bool, err error){
			func() (bool, error) {
				o, err := e.store.Open(e.ctx, key, nil)
				if errors.Is(err, storage.ErrNotExist) {
					return false, nil
				}
				if err != nil {
					return false, err
				}
				defer o.Close()
				return true, content.compare(o)
			},
			func() (bool, error) {
				page, err := e.store.List(e.ctx, &storage.ListOptions{Prefix: key})
				if err != nil || len(page.Objects) == 0 {
					return false, err
				}
				if got := page.Objects[0].Size; got != content.size {
					return true, fmt.Errorf("listed with %d of %d bytes", got, content.size)
				}
				return true, nil
			},
		}
		done := make(chan struct{})
		errs := together(1+len(watchers), 1+len(watchers), func(i int) error {
			if i == 0 {
				defer close(done)
				_, err := e.store.Create(e.ctx, key, slow, nil)
				return err
			}
			for {
				seen, err := watchers[i-1]()
				if seen || err != nil {
					return err
				}
				select {
				case <-done:
					return nil
				default:
				}
			}
		})
		require.NoError(e, errors.Join(errs...), "creator and watchers")
		e.holds(e.store, key, content, "after all")
	}
}

func neverOverwritten(e *env) {
	sizes := []int64{0, 1, 5 << 20, e.maxObject}
	for i, size := range sizes {
		if size > e.maxObject {
			continue
		}
		key := fmt.Sprintf("v1/taken/%d", i)
		first := noise(1, size)
		e.create(key, first.fresh())
		before, err := e.store.Stat(e.ctx, key)
		require.NoError(e, err)
		others := []*body{noise(2, size), noise(3, size/2+1), noise(4, 0)}
		for _, other := range others {
			_, err := e.store.Create(e.ctx, key, other, nil)
			e.refused(err, storage.ErrExists, key, fmt.Sprintf("create of %d bytes over %d", other.size, size))
		}
		_, err = e.store.Create(e.ctx, key, nil, nil)
		e.refused(err, storage.ErrExists, key, "create of nothing")
		e.holds(e.store, key, first, fmt.Sprintf("the first of %d bytes stays", size))
		after, err := e.store.Stat(e.ctx, key)
		require.NoError(e, err)
		require.True(e, before.Modified.Equal(after.Modified), "the time of the first stays")
	}
}

func createReturnsInfo(e *env) {
	created := e.create("v1/a", noise(1, 1234))
	require.Equal(e, "v1/a", created.Key)
	require.Equal(e, int64(1234), created.Size)
	stat, err := e.store.Stat(e.ctx, "v1/a")
	require.NoError(e, err)
	require.Equal(e, created.Key, stat.Key)
	require.Equal(e, created.Size, stat.Size)
	require.WithinDuration(e, created.Modified, stat.Modified, clockStep)
}

func createCopies(e *env) {
	buf := []byte("what was given")
	tags := map[string]string{"kind": "test"}
	b := &body{block: buf, size: int64(len(buf)), claims: int64(len(buf))}
	_, err := e.store.Create(e.ctx, "v1/a", b, &storage.CreateOptions{Tags: tags})
	require.NoError(e, err)
	require.Equal(e, map[string]string{"kind": "test"}, tags, "the tags were changed")
	copy(buf, "overwritten!!!")
	e.holds(e.store, "v1/a", text("what was given"), "the caller's buffer was used again")

	o, err := e.store.Open(e.ctx, "v1/a", nil)
	require.NoError(e, err)
	defer o.Close()
	got := make([]byte, 4)
	_, err = o.Read(got)
	require.NoError(e, err)
	clear(got)
	e.holds(e.store, "v1/a", text("what was given"), "the reader changed what it had read")
}

func tagsAreTaken(e *env) {
	opts := &storage.CreateOptions{ContentType: "audio/wav", Tags: map[string]string{"caller_id": "15551234567"}}
	_, err := e.store.Create(e.ctx, "v1/a", text("x"), opts)
	require.NoError(e, err)
	e.holds(e.store, "v1/a", text("x"), "with tags and a content type")
	_, err = e.store.Create(e.ctx, "v1/a", text("y"), opts)
	e.refused(err, storage.ErrExists, "v1/a", "with tags and a content type")
	_, err = e.store.Create(e.ctx, "v1/b", text("z"), &storage.CreateOptions{})
	require.NoError(e, err)
}
