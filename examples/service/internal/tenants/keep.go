package tenants

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/genesys/voicemail/gdpr"
)

// Keep does what a tenant needs from time to time, for each tenant at every interval until ctx is done: it brings in deposits that wait for the master region, takes away what has expired
// or was left behind, and erases what was forgotten, also if one of these fails. Several processes may do so at the same time.
func (p *Pool) Keep(ctx context.Context, interval time.Duration) {
	timer := time.NewTimer(rand.N(interval)) // processes that start together do not keep together
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		for _, tenant := range p.opts.Directory.Tenants() {
			p.keep(ctx, tenant)
		}
		timer.Reset(interval)
	}
}

func (p *Pool) keep(ctx context.Context, tenant string) {
	t, done, err := p.use(ctx, tenant)
	if err == nil {
		defer done()
		syncErr := t.Telemetry.Operation(ctx, "Service.Sync", func(ctx context.Context) error {
			_, err := t.Service.Sync(ctx)
			return err
		})
		maintainErr := t.Telemetry.Operation(ctx, "Service.Maintain", func(ctx context.Context) error {
			_, err := t.Service.Maintain(ctx)
			return err
		})
		var swept *gdpr.SweepReport
		sweepErr := t.Telemetry.Operation(ctx, "Controller.Sweep", func(ctx context.Context) (err error) {
			swept, err = t.Privacy.Sweep(ctx)
			return err
		})
		if sweepErr == nil && len(swept.Late) > 0 {
			p.opts.Logger.ErrorContext(ctx, "callers should have been erased by now, or their receipts be written", "tenant", tenant, "cases", len(swept.Late))
		}
		err = errors.Join(syncErr, maintainErr, sweepErr)
	}
	if err != nil && ctx.Err() == nil {
		p.opts.Logger.ErrorContext(ctx, "a tenant could not be kept; it is tried again", "tenant", tenant, "error", err)
	}
}
