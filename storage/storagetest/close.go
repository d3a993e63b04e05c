package storagetest

import (
	"context"
	"io"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func closeRules() []rule {
	return []rule{
		{"AClosedStoreRefusesEveryCall", "a call that comes too late must not be lost in silence", closedStore},
		{"AnOpenObjectOutlivesClose", "a player reads to the end while the service shuts down", openObjectSurvives},
		{"NoGoroutineIsLeft", "a service that opens a store a tenant runs out of memory in the end", noGoroutineLeft},
	}
}

func closedStore(e *env) {
	e.fill("v1/a")
	copier, copies := storage.As[storage.Copier](e.store)
	pinger, pings := storage.As[storage.Pinger](e.store)
	residuer, leaves := storage.As[storage.Residuer](e.store)
	require.NoError(e, e.store.Close())
	if err := e.store.Close(); err != nil { // closing twice is harmless; a driver may mention it
		require.ErrorIs(e, err, storage.ErrClosed, "a second Close")
	}
	b := text("x")
	_, err := e.store.Create(e.ctx, "v1/b", b, nil)
	e.refused(err, storage.ErrClosed, "v1/b", "create")
	o, err := e.store.Open(e.ctx, "v1/a", nil)
	if err == nil {
		_ = o.Close()
	}
	e.refused(err, storage.ErrClosed, "v1/a", "open")
	_, err = e.store.Stat(e.ctx, "v1/a")
	e.refused(err, storage.ErrClosed, "v1/a", "stat")
	_, err = e.store.Stat(e.ctx, "v1/absent")
	e.refused(err, storage.ErrClosed, "v1/absent", "stat of what is not there")
	e.refused(e.store.Delete(e.ctx, "v1/a"), storage.ErrClosed, "v1/a", "delete")
	_, err = e.store.List(e.ctx, nil)
	e.refused(err, storage.ErrClosed, "", "list")
	if copies {
		_, err = copier.Copy(e.ctx, "v1/b", "v1/a", nil)
		e.refused(err, storage.ErrClosed, "v1/b", "copy")
	}
	if pings {
		_, err = pinger.Ping(e.ctx)
		e.refused(err, storage.ErrClosed, "", "ping")
	}
	if leaves {
		err = nil
		for _, err = range residuer.Residue(e.ctx, "") {
			break
		}
		e.refused(err, storage.ErrClosed, "", "residue")
	}
}

func openObjectSurvives(e *env) {
	content := noise(1, 3<<20)
	e.create("v1/a", content.fresh())
	o, err := e.store.Open(e.ctx, "v1/a", nil)
	require.NoError(e, err)
	defer o.Close()
	untouched, err := e.store.Open(e.ctx, "v1/a", nil)
	require.NoError(e, err)
	defer untouched.Close()
	head := make([]byte, 1000)
	_, err = io.ReadFull(o, head)
	require.NoError(e, err)
	require.NoError(e, e.store.Close())

	rest, err := io.ReadAll(o)
	require.NoError(e, err)
	require.Equal(e, content.size, int64(len(head)+len(rest)))
	require.NoError(e, content.compare(untouched))
	require.Equal(e, content.size, o.Info().Size)
}

// noGoroutineLeft does what is likely to leave one; that none is left is looked at after every rule.
func noGoroutineLeft(e *env) {
	e.fill(family()...)
	e.create("large", noise(1, 3<<20))
	o, err := e.store.Open(e.ctx, "large", nil)
	require.NoError(e, err)
	_, err = io.ReadFull(o, make([]byte, 10))
	require.NoError(e, err)
	require.NoError(e, o.Close(), "closed half way")
	ctx, cancel := context.WithCancel(e.ctx)
	o, err = e.store.Open(ctx, "large", nil)
	require.NoError(e, err)
	cancel()
	_ = o.Close()
	_, err = e.store.List(e.ctx, &storage.ListOptions{MaxKeys: 1}) // and not followed to its end
	require.NoError(e, err)
	_, err = e.store.Create(e.ctx, "failed", failing(errBroken), nil)
	require.Error(e, err)
	_, err = e.store.Create(e.ctx, "large", noise(2, 3<<20), nil)
	require.Error(e, err)
	e.remove(family()...)
	require.NoError(e, e.store.Close())
}
