package blobstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/genesys/voicemail/storage"
)

// errSilent is the cause of a try that ended because the service was silent.
var errSilent = errors.New("no reply in time")

// Between two tries there are firstWait, then twice as much and so on, or what the service asks for, at most lastWait.
const (
	firstWait = 200 * time.Millisecond
	lastWait  = 5 * time.Second
)

// try is one request. Its context ends when the service is silent for too long: when it owes a reply, or the next bytes of one, or takes no more of a
// body. So there is a bound for a service that hangs, and none for the size of an object.
type try struct {
	ctx     context.Context
	n       int // how many were made before
	end     context.CancelFunc
	silence time.Duration
	kept    bool // it outlives the call: its reply is still being read

	mu    sync.Mutex
	timer *time.Timer // nil when ended
}

func (s *Store) newTry(ctx context.Context, n int) *try {
	// The SDK's own retries would hide that there was one.
	ctx = policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1})
	ctx, cancel := context.WithCancelCause(ctx)
	t := &try{ctx: ctx, n: n, silence: s.tryTimeout}
	t.timer = time.AfterFunc(t.silence, func() { cancel(errSilent) })
	t.end = func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.timer != nil {
			t.timer.Stop()
			t.timer = nil
		}
		cancel(nil)
	}
	return t
}

// theirTurn starts the time within which the service has to do something.
func (t *try) theirTurn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Reset(t.silence)
	}
}

// ourTurn stops it.
func (t *try) ourTurn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
	}
}

// wasSilent reports whether that ended it.
func (t *try) wasSilent() bool { return errors.Is(context.Cause(t.ctx), errSilent) }

// retry calls f until it has no error that another try could mend, Options.Tries times at most. It returns ctx's error, or a *storage.Error.
func (s *Store) retry(ctx context.Context, f func(t *try) error) error {
	for n := 0; ; n++ {
		t := s.newTry(ctx, n)
		err := f(t)
		if err == nil {
			if !t.kept {
				t.end()
			}
			return nil
		}
		if t.wasSilent() && isPassing(err) {
			err = errSilent
		}
		t.end()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if n+1 >= s.tries || !isPassing(err) {
			return classify(err)
		}
		if err := pause(ctx, n, retryAfter(err)); err != nil {
			return err
		}
	}
}

// pause waits before the next try after number n.
func pause(ctx context.Context, n int, asked time.Duration) error {
	wait := min(firstWait<<min(n, 8), lastWait)
	wait = wait/2 + rand.N(wait/2+1)
	timer := time.NewTimer(max(wait, min(asked, lastWait)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// each calls f for every one of 0 to n-1, several at once, and returns what each call returned. Once the service has been unavailable, or the
// context is done, no more calls are made, and the rest have that error: a service that hangs is waited for once, not n times.
func (s *Store) each(n int, f func(i int) error) []error {
	errs := make([]error, n)
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var given atomic.Pointer[error]
	var wg sync.WaitGroup
	for range min(n, s.concurrency) {
		wg.Go(func() {
			for i := range next {
				if last := given.Load(); last != nil {
					errs[i] = *last
				} else if errs[i] = f(i); isHopeless(errs[i]) {
					given.Store(&errs[i])
				}
			}
		})
	}
	wg.Wait()
	return errs
}

// isHopeless reports whether err says that the next request will fail as well.
func isHopeless(err error) bool { return isContext(err) || errors.Is(err, storage.ErrUnavailable) }
