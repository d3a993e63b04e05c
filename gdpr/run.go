package gdpr

import (
	"context"
	"time"
)

// minPause keeps Run from spinning when a case cannot be carried out.
const minPause = time.Second

// Run sweeps until ctx is done, for services without a scheduler: every Options.Interval, and sooner when a case falls due before. Several processes may
// run it. What a sweep did is told to Options.OnSweep; an error ends nothing. It returns the cause of ctx's end.
func (c *Controller) Run(ctx context.Context) error {
	for {
		r, err := c.Sweep(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if c.opts.OnSweep != nil {
			c.opts.OnSweep(r, err)
		}
		pause := c.opts.Interval
		if !r.Next.IsZero() {
			pause = min(pause, max(r.Next.Sub(c.ops.Now()), minPause))
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}
