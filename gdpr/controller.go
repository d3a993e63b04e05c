package gdpr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/privacy"
	"github.com/genesys/voicemail/storage"
)

// Defaults and bounds of [Options].
const (
	DefaultPromise  = 24 * time.Hour
	DefaultInterval = time.Hour
	DefaultWindow   = DefaultPromise - Settle - 5*DefaultInterval/2
	MaxPromise      = 30 * 24 * time.Hour
	// Settle is how long after an erasure its receipt is written at the earliest: nothing that began before the erasure can still put
	// anything beside it by then.
	Settle = 2 * time.Hour
)

// Options are the options of [New]. The zero value, and a nil *Options, are the defaults named below.
type Options struct {
	// Promise is the time from acceptance within which everything of the caller is gone, what the case itself records of them too; default 24 h, at most 30 days (GDPR, Article 12(3),
	// gives a month).
	Promise time.Duration
	// Interval is how often Sweep runs; Run keeps to it, and so must whoever schedules Sweep. Default 1 h.
	Interval time.Duration
	// Window is how long a forget can be undone. Default and most: Promise less Settle and two and a half times Interval, which is 19 h 30 min of 24 h. After its end there is a sweep
	// that erases within one Interval, and one that writes the receipt within another after Settle; half of one is for the sweeps themselves.
	Window time.Duration
	// ConfirmAbove is how many messages of one number are too many to be one person's: more than so many need Request.Confirm. Default 1,000.
	ConfirmAbove int
	// MaxSkew is how far this host's clock may be from that of the master region's storage, where the storage tells; beyond it nothing is accepted and nothing is
	// decided. Default 10 min.
	MaxSkew time.Duration
	// Foreign says of an object that another program deposited and tagged with caller_id whether it is this tenant's, by region and name. Default:
	// it is if the storage holds no other tenant. What is not this tenant's is never touched.
	Foreign func(region, name string) bool
	// OnReceipt gets every receipt once it is in the chain, to be anchored outside. It can get one twice. It must not block.
	OnReceipt func(Receipt)
	// OnSweep gets what each sweep of Run did. It must not block.
	OnSweep func(*SweepReport, error)
	// Progress is told how far a Sweep has come. It must not block.
	Progress func(Progress)
}

func (o *Options) check() error {
	set := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	set(&o.Promise, DefaultPromise)
	set(&o.Interval, DefaultInterval)
	set(&o.MaxSkew, 10*time.Minute)
	if o.ConfirmAbove == 0 {
		o.ConfirmAbove = 1000
	}
	switch {
	case o.Promise < 0 || o.Promise > MaxPromise:
		return invalid("Promise is %v; up to %v are possible", o.Promise, MaxPromise)
	case o.Interval < 0, o.Window < 0, o.ConfirmAbove < 0, o.MaxSkew < 0:
		return invalid("an option is negative; 0 is the default")
	}
	most := o.Promise - Settle - 5*o.Interval/2
	set(&o.Window, most)
	switch {
	case most <= 0:
		return invalid("a sweep every %v cannot keep a promise of %v: there has to be one that erases, one that looks again %v later, and time for both; sweep more often (hourly is the "+
			"default), or promise more", o.Interval, o.Promise, Settle)
	case o.Window > most:
		return invalid("a request that can be undone for %v is not surely gone within the promised %v, with a sweep every %v: shorten the window to %v or less, sweep more often, or "+
			"promise more", o.Window, o.Promise, o.Interval, most)
	}
	return nil
}

// What a request can meet.
var (
	// ErrNoCase: there is no case of this ID.
	ErrNoCase = errors.New("there is no such case")
	// ErrCaseConflict: the case ID is that of another request; use a new one.
	ErrCaseConflict = errors.New("case ID was used for another request")
	// ErrDecided: the erasure is decided; it cannot be undone any more.
	ErrDecided = errors.New("the erasure is decided and cannot be undone")
	// ErrRegions: a region cannot do its part, or a recorded one is not configured; nothing was changed. The text names it.
	ErrRegions = errors.New("not every region is up")
	// ErrClock: this host's clock and the storage's differ by more than Options.MaxSkew; nothing was changed.
	ErrClock = errors.New("clocks differ too much")
	// ErrConfirm: more messages match than one person leaves; the error is a [*ConfirmError].
	ErrConfirm = errors.New("more messages match than one caller leaves")
	// ErrNoHold: there is no hold of this ID.
	ErrNoHold = errors.New("there is no such hold")
	// ErrTampered: the chain of receipts does not hold together.
	ErrTampered = errors.New("the chain of receipts is broken")
)

// ConfirmError says how many messages of one number match. It wraps [ErrConfirm].
type ConfirmError struct {
	// Phone is the number.
	Phone Phone
	// Messages match; more than Limit need Request.Confirm.
	Messages, Limit int
}

// Error says how many match and what to do.
func (e *ConfirmError) Error() string {
	return fmt.Sprintf("%v: %d of one number, where more than %d have to be confirmed (Request.Confirm); is it an office's or a switchboard's?", ErrConfirm, e.Messages, e.Limit)
}

// Unwrap returns ErrConfirm.
func (e *ConfirmError) Unwrap() error { return ErrConfirm }

// Error is the error of an operation of this package. Its text never holds a caller's number.
type Error struct {
	// Op is the operation: "forget", "undo", "export", "sweep", …
	Op string
	// CaseID is the case, as it was given; may be empty.
	CaseID string
	// Err is the cause.
	Err error
}

// Error returns the operation, the case and the cause.
func (e *Error) Error() string {
	if e.CaseID == "" {
		return e.Op + ": " + e.Err.Error()
	}
	return fmt.Sprintf("%s case %q: %v", e.Op, e.CaseID, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func fail(op, caseID string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, CaseID: caseID, Err: err}
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", voicemail.ErrInvalid, fmt.Sprintf(format, args...))
}

type (
	ops   = privacy.Ops[voicemail.Envelope, voicemail.State]
	found = privacy.Found[voicemail.Envelope, voicemail.State]
)

// Controller answers the requests of one tenant. All its methods are safe for concurrent use, by many processes on the same storage.
type Controller struct {
	svc    *voicemail.Service
	ops    ops
	opts   Options
	space  keys.Space
	master storage.Store
}

// New returns the Controller of the Service's tenant; nil opts are the defaults. It returns voicemail.ErrInvalid for options that cannot keep the promise.
func New(svc *voicemail.Service, opts *Options) (*Controller, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if err := o.check(); err != nil {
		return nil, fail("open", "", err)
	}
	c := &Controller{svc: svc, ops: svc.Privacy(privacy.Key{}), opts: o}
	c.space, c.master = c.ops.Space(), c.ops.Regions()[0].Store
	return c, nil
}

// inMaster marks err as the master region's.
func (c *Controller) inMaster(err error) error { return c.ops.Fail(c.ops.Regions()[0].Name, err) }

func (c *Controller) now() time.Time { return c.ops.Now().UTC().Round(0) }

// acceptWithin bounds the proof that all regions are up.
const acceptWithin = 30 * time.Second

// accept proves that every recorded region is configured and can do its part now, so that nothing is begun that could not be finished.
func (c *Controller) accept(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	if err := c.svc.Ping(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrRegions, err)
	}
	if err := c.checkRegions(ctx); err != nil {
		return err
	}
	return c.checkClock(ctx)
}

// checkRegions compares the configured regions with those that are recorded.
func (c *Controller) checkRegions(ctx context.Context) error {
	configured := map[string]bool{}
	for _, r := range c.ops.Regions() {
		configured[r.Name] = true
	}
	var missing []string
	for info, err := range storage.All(ctx, c.master, &storage.ListOptions{Prefix: c.space.Regions(), KeysOnly: true}) {
		if err != nil {
			return c.inMaster(err)
		}
		if name := strings.TrimPrefix(info.Key, c.space.Regions()); !configured[name] {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("%w: the tenant has recordings in %s, which this process does not know: add it to Regions.Stores, or retire it", ErrRegions, strings.Join(missing, ", "))
	}
	return nil
}

// checkClock compares the clocks, so that a host that lives in tomorrow takes nobody's time to change their mind.
func (c *Controller) checkClock(ctx context.Context) error {
	p, ok := storage.As[storage.Pinger](c.master)
	if !ok {
		return nil
	}
	h, err := p.Ping(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRegions, c.inMaster(err))
	}
	if skew := time.Now().Add(h.Skew).Sub(c.ops.Now()).Round(time.Second); skew.Abs() > c.opts.MaxSkew {
		return fmt.Errorf("%w: this host's is %v from that of the master region, more than %v: set it right, by NTP", ErrClock, skew, c.opts.MaxSkew)
	}
	return nil
}
