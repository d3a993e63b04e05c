package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

var errAway = &storage.Error{Op: "open", Driver: "test", Kind: storage.ErrUnavailable}

// comeback is a region that does not answer for the first attempts.
type comeback struct {
	attempts, away int
	lasts          time.Duration
	mem            *memstore.Store
}

func (c *comeback) open(ctx context.Context) (storage.Store, error) {
	c.attempts++
	if c.lasts > 0 {
		time.Sleep(c.lasts)
	}
	if c.attempts <= c.away {
		return nil, fmt.Errorf("config: regions.west: %w", errAway)
	}
	c.mem = memstore.New(nil)
	return c.mem, ctx.Err()
}

func calls(ctx context.Context, s storage.Store) map[string]error {
	errs := map[string]error{}
	_, errs["create"] = s.Create(ctx, "x", strings.NewReader("x"), nil)
	_, errs["open"] = s.Open(ctx, "x", nil)
	_, errs["stat"] = s.Stat(ctx, "x")
	_, errs["list"] = s.List(ctx, nil)
	errs["delete"] = s.Delete(ctx, "x")
	return errs
}

func TestALateRegionIsOpenedByTheFirstCallThatFindsIt(t *testing.T) {
	c := &comeback{away: 5}
	s := &lateStore{open: c.open}
	for op, err := range calls(t.Context(), s) {
		assert.ErrorIs(t, err, storage.ErrUnavailable, op)
		assert.ErrorContains(t, err, "regions.west", op)
	}
	assert.Equal(t, 5, c.attempts, "each call tries")
	_, ok := storage.As[storage.Copier](s)
	assert.False(t, ok, "nobody knows yet")
	for op, err := range calls(t.Context(), s) {
		assert.NoError(t, err, op)
	}
	assert.Equal(t, 6, c.attempts, "and the first that finds it is enough")
	copier, ok := storage.As[storage.Copier](s)
	require.True(t, ok)
	assert.Same(t, c.mem, copier)
	require.NoError(t, s.Close())
	for op, err := range calls(t.Context(), s) {
		assert.ErrorIs(t, err, storage.ErrClosed, op)
	}
}

func TestALateRegionIsTriedByOneCallAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &comeback{away: 1, lasts: time.Minute}
		s := &lateStore{open: c.open}
		start := time.Now()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, err := s.Stat(t.Context(), "x")
				assert.ErrorIs(t, err, storage.ErrUnavailable)
			})
		}
		wg.Wait()
		assert.Equal(t, 1, c.attempts)
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

func TestALateRegionThatIsClosedIsNotOpenedAnyMore(t *testing.T) {
	c := &comeback{}
	s := &lateStore{open: c.open}
	require.NoError(t, s.Close())
	for op, err := range calls(t.Context(), s) {
		assert.ErrorIs(t, err, storage.ErrClosed, op)
	}
	assert.Zero(t, c.attempts)

	synctest.Test(t, func(t *testing.T) {
		c := &comeback{lasts: time.Minute}
		s := &lateStore{open: c.open}
		failed := make(chan error)
		go func() {
			_, err := s.Stat(t.Context(), "x")
			failed <- err
		}()
		synctest.Wait()
		require.NoError(t, s.Close(), "while it is being opened")
		require.ErrorIs(t, <-failed, storage.ErrClosed)
		_, err := c.mem.Stat(t.Context(), "x")
		require.ErrorIs(t, err, storage.ErrClosed, "what was opened is closed")
	})
}

func TestACancelledCallDoesNotTryALateRegion(t *testing.T) {
	c := &comeback{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for op, err := range calls(ctx, &lateStore{open: c.open}) {
		assert.ErrorIs(t, err, context.Canceled, op)
	}
	assert.Zero(t, c.attempts)
}

// gate forwards connections to a server while it is up, at an address that stays the same.
type gate struct {
	address, target string
	mu              sync.Mutex
	listener        net.Listener
	conns           []net.Conn
	wg              sync.WaitGroup
}

// newGate returns a gate that is down.
func newGate(t *testing.T, target string) *gate {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	u, err := url.Parse(target)
	require.NoError(t, err)
	g := &gate{address: l.Addr().String(), target: u.Host}
	t.Cleanup(g.down)
	return g
}

func (g *gate) up(t *testing.T) {
	l, err := net.Listen("tcp", g.address)
	require.NoError(t, err)
	g.mu.Lock()
	g.listener = l
	g.mu.Unlock()
	g.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", g.target)
			if err != nil {
				_ = in.Close()
				continue
			}
			g.mu.Lock()
			g.conns = append(g.conns, in, out)
			g.mu.Unlock()
			g.wg.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
			g.wg.Go(func() { _, _ = io.Copy(in, out); _ = in.Close() })
		}
	})
}

func (g *gate) down() {
	g.mu.Lock()
	if g.listener != nil {
		_ = g.listener.Close()
	}
	for _, c := range g.conns {
		_ = c.Close()
	}
	g.mu.Unlock()
	g.wg.Wait()
}

// The master region is down when a pod starts in another one: it takes messages, which come in when the region is back.
func TestARegionThatDoesNotAnswerAtTheStartIsOpenedWhenItDoes(t *testing.T) {
	ctx := t.Context()
	c := twoRegions(t)
	g := newGate(t, c.Regions["west"].Endpoint)
	there, err := c.Open(ctx)
	require.NoError(t, err)
	defer closeAll(t, there)
	svc, err := voicemail.Open(ctx, there, nil)
	require.NoError(t, err)
	_, err = svc.CreateMailbox(ctx, "5001", nil)
	require.NoError(t, err)

	change(c, "west", func(r *Region) {
		u, err := url.Parse(r.Endpoint)
		require.NoError(t, err)
		u.Host = g.address
		r.Endpoint = u.String()
	})
	start := time.Now()
	regions, err := c.Open(ctx)
	require.NoError(t, err)
	defer func() {
		for _, s := range regions.Stores {
			require.NoError(t, s.Close())
		}
	}()
	assert.Less(t, time.Since(start), 2*openWithin)
	holds(t, regions.Stores["east"], "x")
	_, err = regions.Stores["west"].Stat(ctx, "x")
	assert.True(t, errors.Is(err, storage.ErrUnavailable), "%v", err)
	assert.ErrorContains(t, err, "config: regions.west: blobstore: open")

	svc, err = voicemail.Open(ctx, regions, nil)
	require.NoError(t, err)
	msg, err := svc.Mailbox("5001").Deposit(ctx, strings.NewReader("hello"), nil)
	require.NoError(t, err)
	require.True(t, msg.State().Pending)
	g.up(t)
	report, err := svc.Sync(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, report.Synced)
	n, err := svc.Mailbox("5001").Counts(ctx)
	require.NoError(t, err)
	require.Equal(t, voicemail.Counts{New: 1}, n)
	_, ok := storage.As[storage.TagFinder](regions.Stores["west"])
	assert.True(t, ok, "the driver's capabilities are found")

	change(c, "east", func(r *Region) { r.Endpoint = "http://127.0.0.1:1/devstoreaccount1" })
	_, err = c.Open(ctx)
	assert.ErrorIs(t, err, storage.ErrUnavailable)
	assert.ErrorContains(t, err, "config: regions.east", "the current region must answer")
}
