// Package health tells whether the storage can be used.
package health

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
)

// Status is how the storage does.
type Status string

const (
	// Ready is that every region answers.
	Ready Status = "ready"
	// Degraded is that the local region answers and another one does not. Messages are taken.
	Degraded Status = "degraded"
	// Unavailable is that the local region does not answer.
	Unavailable Status = "unavailable"
)

// Probe looks at the regions, and remembers for a moment what it saw: who asks may be anybody. It is safe for concurrent use.
type Probe struct {
	regions voicemail.Regions
	logger  *slog.Logger
	now     func() time.Time

	mu     sync.Mutex // held while looking, so that one looks for all
	status Status
	until  time.Time
}

const (
	// fresh is how long a status counts.
	fresh = 5 * time.Second
	// within bounds a look at one region.
	within = 5 * time.Second
)

// New returns a Probe. nil now is time.Now.
func New(regions voicemail.Regions, logger *slog.Logger, now func() time.Time) *Probe {
	if now == nil {
		now = time.Now
	}
	return &Probe{regions: regions, logger: logger, now: now}
}

// Status returns how the storage does now, or did a moment ago. What fails is logged.
func (p *Probe) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status == "" || !p.now().Before(p.until) {
		p.status = p.look()
		p.until = p.now().Add(fresh)
	}
	return p.status
}

// look asks every region. It does so for all who wait, so it is bound to none of their requests.
func (p *Probe) look() Status {
	var mu sync.Mutex
	var wg sync.WaitGroup
	status := Ready
	for name, store := range p.regions.Stores {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), within)
			defer cancel()
			err := ping(ctx, store)
			if err == nil {
				return
			}
			p.logger.WarnContext(ctx, "a region does not answer", "region", name, "error", err)
			mu.Lock()
			defer mu.Unlock()
			if name == p.regions.Local {
				status = Unavailable
			} else if status == Ready {
				status = Degraded
			}
		})
	}
	wg.Wait()
	return status
}

// ping proves that objects can be created, read and deleted, where the storage can prove that, and else that it can be listed.
func ping(ctx context.Context, store voicemail.Store) error {
	if p, ok := storage.As[storage.Pinger](store); ok {
		_, err := p.Ping(ctx)
		return err
	}
	_, err := store.List(ctx, &storage.ListOptions{MaxKeys: 1, KeysOnly: true})
	return err
}
