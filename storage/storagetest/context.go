package storagetest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func contextRules() []rule {
	return []rule{
		{"ADoneContextChangesNothing", "what the caller has given up must not happen behind its back", doneContext},
		{"ACreateCancelledWhileReadingLeavesNothing", "a caller that hangs up while the storage is written leaves no half message", cancelledWhileReading},
	}
}

func doneContext(e *env) {
	keys := []string{"v1/a", "v1/b"}
	e.fill(keys...)
	cancelled, cancel := context.WithCancel(e.ctx)
	cancel()
	late, cancel := context.WithDeadline(e.ctx, time.Unix(0, 0))
	defer cancel()
	for _, c := range []struct {
		ctx  context.Context
		want error
	}{{cancelled, context.Canceled}, {late, context.DeadlineExceeded}} {
		_, err := e.store.Create(c.ctx, "v1/new", text("x"), nil)
		require.ErrorIs(e, err, c.want, "create")
		_, err = e.store.Create(c.ctx, "v1/new", nil, nil)
		require.ErrorIs(e, err, c.want, "create of nothing")
		o, err := e.store.Open(c.ctx, "v1/a", nil)
		if err == nil {
			_ = o.Close()
		}
		require.ErrorIs(e, err, c.want, "open")
		_, err = e.store.Stat(c.ctx, "v1/a")
		require.ErrorIs(e, err, c.want, "stat")
		require.ErrorIs(e, e.store.Delete(c.ctx, keys...), c.want, "delete")
		_, err = e.store.List(c.ctx, nil)
		require.ErrorIs(e, err, c.want, "list")
		if copier, ok := storage.As[storage.Copier](e.store); ok {
			_, err = copier.Copy(c.ctx, "v1/new", "v1/a", nil)
			require.ErrorIs(e, err, c.want, "copy")
		}
		if pinger, ok := storage.As[storage.Pinger](e.store); ok {
			_, err = pinger.Ping(c.ctx)
			require.ErrorIs(e, err, c.want, "ping")
		}
		if residuer, ok := storage.As[storage.Residuer](e.store); ok {
			err = nil
			for _, err = range residuer.Residue(c.ctx, "") {
				break
			}
			require.ErrorIs(e, err, c.want, "residue")
		}
		e.lists(keys, storage.ListOptions{})
		e.absent(e.store, "v1/new", "created under a context that was done")
	}
	e.fill("v1/new")
}

func cancelledWhileReading(e *env) {
	const size = 1 << 20
	for _, at := range []int64{0, size / 4, size / 2} {
		key := fmt.Sprintf("v1/box/%d", at)
		ctx, cancel := context.WithCancel(e.ctx)
		b := noise(1, size)
		b.step = 16 << 10
		b.before = func(off int64) error {
			if off >= at {
				cancel()
			}
			return nil
		}
		_, err := e.store.Create(ctx, key, b, nil)
		cancel()
		require.ErrorIs(e, err, context.Canceled, "cancelled at byte %d of %d", at, size)
		e.absent(e.store, key, "cancelled while its body was read")
		e.fill(key)
		e.holds(e.store, key, text(key), "created after one that was cancelled")
	}
}
