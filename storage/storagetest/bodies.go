package storagetest

import (
	"errors"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func bodyRules() []rule {
	return []rule{
		{"ABodyThatFailsLeavesNothing", "a recording that breaks off is kept by the caller and tried again under the same name", failingBody},
		{"ABodyThatEndsEarlyLeavesNothing", "a file cut off behind our back would become a message cut off", shortBody},
		{"ABodyThatGoesOnLeavesNothing", "a file still growing would become a message cut off", longBody},
		{"ABodyIsRewoundFirst", "a body is handed on after its header was read, or its bytes counted", rewoundBody},
		{"NoBodyIsAnEmptyObject", "marks are names without content", noBody},
	}
}

var errBroken = errors.New("the line broke")

// leavesNothing demands that b is refused with want, and that its name stays free.
func (e *env) leavesNothing(b *body, want error, why string) {
	e.Helper()
	const key = "v1/box/5001/message"
	e.fill("v1/box/5001/message-1") // a neighbour: it stays
	_, err := e.store.Create(e.ctx, key, b, nil)
	e.refused(err, want, key, why)
	e.absent(e.store, key, why)

	whole := noise(9, 1000)
	e.create(key, whole.fresh())
	e.holds(e.store, key, whole, "created after one that failed: "+why)
	e.remove(key, "v1/box/5001/message-1")

	e.fill(key)
	again := *b
	again.off = 0
	_, err = e.store.Create(e.ctx, key, &again, nil)
	require.Error(e, err, why)
	e.holds(e.store, key, text(key), "created before one that failed: "+why)
	e.remove(key)
}

func failingBody(e *env) {
	rows := []struct {
		size, at int64
		why      string
	}{
		{100, 0, "it fails at once"},
		{100, 50, "it fails half way"},
		{100, 100, "it fails instead of ending"},
		{3 << 20, 2 << 20, "it fails after more than one buffer"},
		{3 << 20, 3 << 20, "it fails instead of ending, after more than one buffer"},
	}
	for _, row := range rows {
		b := noise(1, row.size)
		b.step = int(max(1, row.size/6))
		b.before = func(off int64) error {
			if off >= row.at {
				return errBroken
			}
			return nil
		}
		e.leavesNothing(b, errBroken, row.why)
	}
}

func shortBody(e *env) {
	for _, size := range []int64{0, 1, 50, 2 << 20} {
		b := noise(1, size)
		b.claims = size + 10
		e.leavesNothing(b, storage.ErrInvalid, "it has ten bytes less than its end says")
	}
}

func longBody(e *env) {
	for _, size := range []int64{1, 50, 2 << 20} {
		b := noise(1, size)
		b.claims = size - 1
		e.leavesNothing(b, storage.ErrInvalid, "it has a byte more than its end says")
	}
}

func rewoundBody(e *env) {
	for _, row := range []struct {
		key string
		off int64
	}{{"v1/middle", 500}, {"v1/end", 1000}, {"v1/beyond", 5000}} {
		b := noise(1, 1000)
		b.off = row.off
		e.create(row.key, b)
		e.holds(e.store, row.key, b, "the body was not at its start")
	}
}

func noBody(e *env) {
	info, err := e.store.Create(e.ctx, "v1/nil", nil, nil)
	require.NoError(e, err)
	require.Zero(e, info.Size)
	e.holds(e.store, "v1/nil", text(""), "a nil body")
	e.create("v1/empty", text(""))
	e.holds(e.store, "v1/empty", text(""), "an empty body")
}
