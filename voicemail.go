package voicemail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/late"
	"github.com/genesys/voicemail/storage"
)

// Options are the options of [Open]. The zero value, and a nil *Options, are the defaults named below.
type Options struct {
	// Tenant is whose voicemail this is: 1 to 64 bytes, of which each one other than a-z, 0-9 and - counts three. Default "default".
	Tenant string

	// Normalize turns a number without + into the E.164 form (+…) that the tenant's place gives it, or returns "" if it cannot tell. It gets numbers only,
	// in canonical form. A message is indexed under both forms, so a changed hook hides none. It must be safe for concurrent use. Default: none.
	Normalize func(number string) string

	// CallerTags says what the tag caller_id of audio and metadata holds, on storages that have tags.
	CallerTags CallerTags

	// IndexKey is the key of the caller index, at least 16 bytes, for those who keep keys themselves. It must be the same in every process
	// and for all time: another one is refused with ErrIndexKey. Default: a random key that the first Open stores with the tenant.
	IndexKey SecretKey

	// Limits bound what is taken in.
	Limits Limits

	// Observer is told of every change that this Service makes, after it can be seen, from the goroutine that made it. It must not block and must
	// be safe for concurrent use. Default: nobody is told.
	Observer func(Event)

	// Logger gets what an operator should know and no caller of a method is told. Nothing personal is logged. Default: silent.
	Logger *slog.Logger

	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// CallerTags says what the tag caller_id holds.
type CallerTags int

const (
	// TagNumber tags with the canonical number, as the documented product does, so that operators can search for it.
	TagNumber CallerTags = iota
	// TagNone sets no tag. The library finds callers by its own index and needs none.
	TagNone
)

// Limits bound what is taken in. A zero field is its default.
type Limits struct {
	// AudioBytes is the longest recording in bytes; default 128 MiB.
	AudioBytes int64
	// GreetingBytes is the longest greeting in bytes; default 8 MiB.
	GreetingBytes int64
	// GreetingRevisions is how many revisions of each greeting Maintain keeps, the current one among them; default 5.
	GreetingRevisions int
	// Duration is the longest recording in time, as far as it can be measured or is given; default none.
	Duration time.Duration
	// Messages is how many messages a mailbox holds, those in the trash among them, unless its settings say less; default 1,000.
	Messages int
	// MinRetentionDays and MaxRetentionDays bound what settings can say of Retention, in days; default 1 and 100. What was stored under other bounds stays in force.
	MinRetentionDays, MaxRetentionDays int
	// MailboxesPerUser is how many mailboxes a user owns at most; default 10. A group's are not bounded.
	MailboxesPerUser int
	// SpoolMemory is how many bytes of a recording are kept in memory while it is taken in; more go to an unlinked temporary file. Default 512 KiB.
	SpoolMemory int64
	// SpoolDir is where that file lies; default os.TempDir.
	SpoolDir string
	// Parallel is how many requests one operation has under way at the storage at most; default 16.
	Parallel int
	// Cache is how many decoded metadata objects are kept in memory; default 1,024.
	Cache int
}

func (l Limits) withDefaults() (Limits, error) {
	if l.AudioBytes < 0 || l.GreetingBytes < 0 || l.GreetingRevisions < 0 || l.Duration < 0 || l.Messages < 0 || l.MailboxesPerUser < 0 || l.SpoolMemory < 0 || l.Parallel < 0 || l.Cache < 0 ||
		l.MinRetentionDays < 0 || l.MaxRetentionDays < 0 {
		return l, invalid("a limit is negative; 0 is the default")
	}
	set(&l.AudioBytes, 128<<20)
	set(&l.GreetingBytes, 8<<20)
	set(&l.GreetingRevisions, 5)
	set(&l.Messages, 1000)
	set(&l.MinRetentionDays, 1)
	set(&l.MaxRetentionDays, max(100, l.MinRetentionDays))
	set(&l.MailboxesPerUser, 10)
	set(&l.SpoolMemory, 512<<10)
	set(&l.Parallel, 16)
	set(&l.Cache, 1024)
	if l.MinRetentionDays > l.MaxRetentionDays || l.MaxRetentionDays > maxRetentionDays {
		return l, invalid("the bounds of retention are not from 1 to %d days, the lower first", maxRetentionDays)
	}
	return l, nil
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Service is the voicemail of one tenant. All its methods are safe for concurrent use, by many processes on the same storage.
type Service struct {
	opts    Options
	space   keys.Space
	regions Regions
	master  storage.Store
	tenant  *late.Value[callerIndex]
	// provision makes the tenant's part of the master region if it is not there, and reads it. It is a function, since fmt prints nothing of the key in it.
	provision func(context.Context) (callerIndex, error)
	cache     *cache
	lately    *recentTenant
	ids       idSource
}

// Open opens the voicemail of a tenant in its regions. The first Open of a tenant provisions it: it makes the key of the caller index and
// records the local region. The stores stay the caller's to close.
//
// If the master region does not answer and is not the local one, the Service opens all the same, so that a process that starts during an outage can
// take messages (see [Service.Sync]). What Open would have done there is then done by the first operation that needs it, which returns its error.
//
// Errors: ErrInvalid for options or regions that cannot be right; ErrIndexKey; an error of the storage if the master region cannot be used.
func Open(ctx context.Context, regions Regions, opts *Options) (*Service, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	set(&o.Tenant, "default")
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	fail := func(err error) (*Service, error) { return nil, &Error{Op: "open", Err: err} }
	var err error
	if o.Limits, err = o.Limits.withDefaults(); err != nil {
		return fail(err)
	}
	if o.IndexKey != nil && len(o.IndexKey) < minIndexKey {
		return fail(invalid("IndexKey has %d bytes, at least %d are needed", len(o.IndexKey), minIndexKey))
	}
	if err := regions.check(); err != nil {
		return fail(err)
	}
	space, err := keys.NewSpace(o.Tenant)
	if err != nil {
		return fail(invalid("tenant: %v", err))
	}
	s := &Service{
		opts: o, space: space, regions: regions, master: regions.Stores[regions.Master],
		tenant: new(late.Value[callerIndex]), cache: newCache(o.Limits.Cache), lately: new(recentTenant), ids: randomIDs(),
	}
	key := o.IndexKey
	s.opts.IndexKey = nil
	s.provision = func(ctx context.Context) (callerIndex, error) {
		x, err := openIndex(ctx, s.master, space, o.Tenant, key)
		if err == nil {
			err = s.recordRegion(ctx)
		}
		return x, err
	}
	if _, err := s.callers(ctx); err != nil {
		if regions.Local == regions.Master || !s.unreachable(ctx, err) {
			return nil, &Error{Op: "open", Region: s.blame(regions.Master, err), Err: err}
		}
		o.Logger.WarnContext(ctx, "opened while the master region cannot be reached: deposits are pending until Sync", "region", regions.Master)
	}
	return s, nil
}

// blame returns the region if err is the storage's.
func (s *Service) blame(region string, err error) string {
	var e *storage.Error
	if errors.As(err, &e) {
		return region
	}
	return ""
}

// fail wraps the error of an operation. A nil err stays nil.
func (s *Service) fail(op string, mailbox MailboxID, message MessageID, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		if e.Op == "" { // a region's error, not yet an operation's
			return &Error{Op: op, Mailbox: mailbox, Message: message, Region: e.Region, Err: e.Err}
		}
		return err
	}
	return &Error{Op: op, Mailbox: mailbox, Message: message, Region: s.blame(s.regions.Master, err), Err: err}
}

// region returns the store of a region that a message names.
func (s *Service) region(name string) (storage.Store, error) {
	if st, ok := s.regions.Stores[name]; ok {
		return st, nil
	}
	return nil, &Error{Region: name, Err: invalid("the region is not configured: add it to Regions.Stores")}
}

// in marks err as the region's, unless it tells its region already. A nil err stays nil.
func in(region string, err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) && e.Region != "" {
		return err
	}
	return &Error{Region: region, Err: err}
}

// Tenant returns whose voicemail this is.
func (s *Service) Tenant() string { return s.opts.Tenant }

// Mailbox returns the handle of a mailbox, without a look at the storage: the handle's methods return ErrNoMailbox if there is none, and
// ErrInvalid if id cannot be a mailbox's.
func (s *Service) Mailbox(id MailboxID) Mailbox { return s.mailbox(id) }

func (s *Service) mailbox(id MailboxID) *mailbox { return &mailbox{svc: s, id: id} }

// box returns the names of a mailbox, or ErrInvalid.
func (s *Service) box(id MailboxID) (keys.Box, error) {
	b, err := s.space.Box(string(id))
	if err != nil {
		return b, invalid("mailbox: %v", err)
	}
	return b, nil
}

// Mailboxes yields the mailboxes that exist, sorted by name in storage. It costs one listing for all and one for each.
func (s *Service) Mailboxes(ctx context.Context) iter.Seq2[Mailbox, error] {
	return func(yield func(Mailbox, error) bool) {
		for m, err := range s.folders(ctx) {
			if err == nil {
				var v *boxView
				if v, err = m.list(ctx, listing{prefix: "set-"}); err == nil && !v.exists() {
					continue
				}
			}
			if err != nil {
				yield(nil, s.fail("list mailboxes", "", "", err))
				return
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// folders yields every mailbox of which there is something in the master region, whether it exists or not.
func (s *Service) folders(ctx context.Context) iter.Seq2[*mailbox, error] {
	return func(yield func(*mailbox, error) bool) {
		for folder, err := range storage.Prefixes(ctx, s.master, s.space.Boxes()) {
			if err != nil {
				yield(nil, err)
				return
			}
			id, err := s.space.BoxID(folder)
			if err != nil {
				continue // nothing of ours
			}
			if !yield(s.mailbox(MailboxID(id)), nil) {
				return
			}
		}
	}
}

// Tenants yields the tenants that a store has something of, sorted by name in storage.
func Tenants(ctx context.Context, store Store) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for folder, err := range storage.Prefixes(ctx, store, keys.Tenants) {
			if err != nil {
				yield("", &Error{Op: "list tenants", Err: err})
				return
			}
			id, err := keys.TenantID(folder)
			if err != nil {
				continue // nothing of ours
			}
			if !yield(id, nil) {
				return
			}
		}
	}
}

// Ping proves that every region can be used now: that an object can be created, read and deleted there, within 10 seconds even when ctx has no bound. The error
// joins those of all regions that failed, each one an [*Error] that names its region.
func (s *Service) Ping(ctx context.Context) error {
	names := s.regions.names()
	errs := make([]error, len(names))
	s.parallel(len(names), func(i int) {
		if err := s.ping(ctx, s.regions.Stores[names[i]]); err != nil {
			errs[i] = &Error{Op: "ping", Region: names[i], Err: err}
		}
	})
	return errors.Join(errs...)
}

const pingWithin = 10 * time.Second

func (s *Service) ping(ctx context.Context, st storage.Store) error {
	ctx, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	if p, ok := storage.As[storage.Pinger](st); ok {
		_, err := p.Ping(ctx)
		return err
	}
	nonce := s.ids.nonce()
	probe := s.space.Probe(nonce)
	if _, err := st.Create(ctx, probe, strings.NewReader(nonce), nil); err != nil {
		return err
	}
	content, err := storage.ReadFile(ctx, st, probe, documentSize)
	if err == nil && string(content) != nonce {
		err = fmt.Errorf("%w: what was created is not what is read", storage.ErrCorrupt)
	}
	if err != nil { // Maintain takes away what this does not
		back, cancel := withoutCancel(ctx)
		defer cancel()
		return errors.Join(err, st.Delete(back, probe))
	}
	return st.Delete(ctx, probe)
}
