package s3store

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// How often a request is sent, and how long it waits in between: a random time up to a bound that doubles.
const (
	maxTries     = 4
	maxConflicts = 8
	firstWait    = 50 * time.Millisecond
	firstSlow    = 500 * time.Millisecond
	longestWait  = 5 * time.Second
)

// options are set on every request: the retries are ours, since who creates has to know whether an earlier try may have had its effect; headers
// are logged by nobody, since they hold the tags; checksums that older and compatible servers do not know are not sent unasked.
func (s *Store) options(o *s3.Options) {
	o.Retryer = aws.NopRetryer{}
	o.ClientLogMode = 0
	o.DisableLogOutputChecksumValidationSkipped = true
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
}

// bound returns how long one try may take whose body has size bytes.
func (s *Store) bound(size int64) time.Duration {
	const minRate = 128 << 10 // bytes a second
	return s.tryTimeout + time.Duration(size/minRate)*time.Second
}

// call sends a request until it is answered well, or for good, or was tried often enough. Each try has a bound of its own. An error is a
// *failure, or ctx's.
func call[T any](ctx context.Context, bound time.Duration, send func(context.Context) (T, error)) (T, error) {
	return again(ctx, func() (T, error) {
		ctx, cancel := context.WithTimeout(ctx, bound)
		defer cancel()
		return send(ctx)
	})
}

// again is call for a request that sees to its bound itself.
func again[T any](ctx context.Context, send func() (T, error)) (T, error) {
	for try := 1; ; try++ {
		out, err := send()
		if err == nil {
			return out, nil
		}
		if ctx.Err() == nil {
			err = pause(ctx, explain(err), try)
		} else {
			err = ctx.Err()
		}
		if err != nil {
			var zero T
			return zero, err
		}
	}
}

// pause waits after a try that failed so. It returns f if it was the last one.
func pause(ctx context.Context, f *failure, try int) error {
	tries := maxTries
	if f.pace == conflict {
		tries = maxConflicts
	}
	if f.pace == never || try >= tries {
		return f
	}
	return wait(ctx, f.pace, try)
}

// wait waits after a try, for a random time.
func wait(ctx context.Context, p pace, try int) error {
	first := firstWait
	if p == slow {
		first = firstSlow
	}
	t := time.NewTimer(rand.N(min(first<<(try-1), longestWait)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
