// Package tenants keeps the voicemail of tenants open while it is used.
package tenants

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/access"
	"github.com/genesys/voicemail/examples/service/internal/telemetry"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/mwi"
)

// Tenant is the voicemail of one tenant, open.
type Tenant struct {
	// Service is the voicemail.
	Service *voicemail.Service
	// Lamps tells what waits in its mailboxes, also of changes that other processes make.
	Lamps *mwi.Publisher
	// Privacy answers data-protection requests.
	Privacy *gdpr.Controller
	// Telemetry watches it.
	Telemetry *telemetry.Tenant
	// PINs keeps the PINs of its mailboxes.
	PINs *access.Access
}

// Options are the options of [New]. The zero value of a field is its default.
type Options struct {
	// Directory says which tenants there are. It is needed.
	Directory Directory
	// Max is how many tenants are open at the same time at most; default 256.
	Max int
	// Service are the options of each tenant's Service. Tenant and Observer are set here.
	Service voicemail.Options
	// Lamps are the options of each tenant's Publisher.
	Lamps mwi.Options
	// Privacy are the options of each tenant's Controller. Keep sweeps, so it has to be called at Interval at least.
	Privacy gdpr.Options
	// PINs are the options of each tenant's PINs.
	PINs access.Options
	// Watch is how often mailboxes that somebody listens to are looked at for changes that other processes made; default 15 seconds.
	Watch time.Duration
	// Telemetry watches the tenants; nil is nobody.
	Telemetry *telemetry.Telemetry
	// Logger is told of what fails.
	Logger *slog.Logger
}

// Pool opens tenants on demand, and closes those that nobody uses when there are too many. It is safe for concurrent use.
type Pool struct {
	regions voicemail.Regions
	opts    Options

	ctx    context.Context // of what runs for the tenants
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	open   map[string]*entry
	clock  uint64
	closed bool
}

// entry is a tenant that is open, or being opened.
type entry struct {
	ready  chan struct{} // closed when tenant or err is set
	tenant *Tenant
	err    error
	stop   context.CancelFunc

	uses int
	used uint64 // when it was given back, by Pool.clock
}

// What keeps a tenant from being opened.
var (
	// ErrUnknown: the contact center has no tenant here.
	ErrUnknown = errors.New("the service does not serve this contact center")
	// ErrBusy: Options.Max tenants are in use.
	ErrBusy = errors.New("too many tenants are in use")
	// ErrClosed: the Pool is closed.
	ErrClosed = errors.New("the service stops")
)

// New returns a Pool of the tenants in these regions, whose Stores stay the caller's to close.
func New(regions voicemail.Regions, opts Options) *Pool {
	p := &Pool{regions: regions, opts: opts, open: map[string]*entry{}}
	if p.opts.Max == 0 {
		p.opts.Max = 256
	}
	if p.opts.Watch == 0 {
		p.opts.Watch = 15 * time.Second
	}
	if p.opts.Logger == nil {
		p.opts.Logger = slog.New(slog.DiscardHandler)
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Use returns the tenant of a contact center, which stays open until done is called. One that was never used before is provisioned by this: who may name a contact center has been
// decided before.
func (p *Pool) Use(ctx context.Context, contactCenter string) (t *Tenant, done func(), err error) {
	tenant, ok := p.opts.Directory.Tenant(contactCenter)
	if !ok {
		return nil, nil, ErrUnknown
	}
	return p.use(ctx, tenant)
}

func (p *Pool) use(ctx context.Context, tenant string) (t *Tenant, done func(), err error) {
	e, err := p.take(tenant)
	if err != nil {
		return nil, nil, err
	}
	done = sync.OnceFunc(func() { p.giveBack(tenant, e) })
	select {
	case <-e.ready:
	case <-ctx.Done():
		done()
		return nil, nil, ctx.Err()
	}
	if e.err != nil {
		done()
		return nil, nil, e.err
	}
	return e.tenant, done, nil
}

// take counts a use of the tenant, and begins to open it if nobody has.
func (p *Pool) take(tenant string) (*entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	e := p.open[tenant]
	if e == nil {
		if len(p.open) >= p.opts.Max && !p.evict() {
			return nil, ErrBusy
		}
		e = &entry{ready: make(chan struct{})}
		p.open[tenant] = e
		p.wg.Go(func() { p.start(tenant, e) })
	}
	e.uses++
	return e, nil
}

// evict closes the tenant that was not used for the longest time, and reports whether there was one. The lock is held.
func (p *Pool) evict() bool {
	oldest := ""
	for name, e := range p.open {
		if e.uses == 0 && (oldest == "" || e.used < p.open[oldest].used) {
			oldest = name
		}
	}
	if oldest == "" {
		return false
	}
	p.end(oldest)
	return true
}

// end forgets a tenant that nobody uses, and has it closed. The lock is held.
func (p *Pool) end(tenant string) {
	e := p.open[tenant]
	delete(p.open, tenant)
	if e.tenant != nil {
		e.stop()
		p.wg.Go(func() { _ = e.tenant.Lamps.Close() }) // it returns nil
	}
}

func (p *Pool) giveBack(tenant string, e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock++
	e.uses, e.used = e.uses-1, p.clock
	if e.uses == 0 && e.err != nil && p.open[tenant] == e {
		delete(p.open, tenant) // the next one tries again
	}
}

// openWithin bounds the opening of a tenant, which goes on when the request that began it is gone.
const openWithin = 30 * time.Second

func (p *Pool) start(tenant string, e *entry) {
	ctx, cancel := context.WithTimeout(p.ctx, openWithin)
	defer cancel()
	lamps := mwi.NewPublisher(&p.opts.Lamps)
	opts := p.opts.Service
	var svc *voicemail.Service
	var privacy *gdpr.Controller
	var pins *access.Access
	watched, err := p.opts.Telemetry.Tenant(tenant)
	if err == nil {
		opts.Tenant, opts.Observer = tenant, watched.Observer(lamps.Observe)
		svc, err = voicemail.Open(ctx, watched.Regions(p.regions), &opts)
	}
	if err == nil {
		privacy, err = gdpr.New(svc, &p.opts.Privacy)
	}
	if err == nil {
		pins, err = access.New(svc, &p.opts.PINs)
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	defer close(e.ready)
	if err == nil && p.open[tenant] != e { // whoever asked went away, and it was evicted; or the Pool was closed
		err = ErrClosed
	}
	if err != nil {
		e.err = err
		_ = lamps.Close() // it returns nil
		if p.open[tenant] == e {
			delete(p.open, tenant)
		}
		return
	}
	lamps.Start(svc)
	watch, stop := context.WithCancel(p.ctx)
	e.tenant, e.stop = &Tenant{Service: svc, Lamps: lamps, Privacy: privacy, PINs: pins, Telemetry: watched}, stop
	p.wg.Go(func() {
		if err := lamps.Watch(watch, &mwi.WatchOptions{Interval: p.opts.Watch}); watch.Err() == nil && !errors.Is(err, mwi.ErrClosed) {
			p.opts.Logger.ErrorContext(watch, "changes that other processes make are not seen", "error", err)
		}
	})
}

// Close closes all tenants, and waits for what runs for them. Nobody uses one any more. It returns nil.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	p.cancel()
	for _, e := range p.open {
		if e.tenant != nil {
			p.wg.Go(func() { _ = e.tenant.Lamps.Close() })
		}
	}
	clear(p.open)
	p.mu.Unlock()
	p.wg.Wait()
	return nil
}
