package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/records"
	"github.com/genesys/voicemail/storage"
)

// Defaults of [Options].
const (
	DefaultAttempts = 4
	DefaultLock     = 10 * time.Minute
)

// Options are the options of [New]. The zero value, and a nil *Options, are the defaults named below.
type Options struct {
	// Attempts is how many tries get an answer before the mailbox is locked, 1 to 100; default [DefaultAttempts].
	Attempts int
	// Lock is how long it is locked then, 1 second to 30 days; default [DefaultLock].
	Lock time.Duration
	// Default is the PIN of a mailbox for which none was set.
	Default DefaultPIN
	// MustChangeDefault: who comes in by the default PIN is told to change it (Result.MustChange).
	MustChangeDefault bool
	// MinDigits is the least number of digits of a new PIN; default and least [MinDigits], at most [MaxDigits].
	MinDigits int
	// AllowTrivial allows new PINs that are one digit repeated, a run up or down such as 1234, or the mailbox's own number.
	AllowTrivial bool
	// Argon2 are the parameters of new hashes. Hashes with other ones stay valid; one with less is made anew when its PIN was verified.
	Argon2 Argon2
	// Parallel is how many hashes this Access makes at the same time at most, each of which takes Argon2.Memory; default 4. The others wait.
	Parallel int
}

// DefaultPIN says which PIN a mailbox has for which none was set.
type DefaultPIN int

const (
	// NoDefault refuses everybody with ErrNoPIN until a PIN is set.
	NoDefault DefaultPIN = iota
	// MailboxNumber is the mailbox's ID, as in the documented product, if that can be a PIN (see ParsePIN); else it is NoDefault.
	MailboxNumber
)

func (o *Options) check() (err error) {
	if o.Attempts == 0 {
		o.Attempts = DefaultAttempts
	}
	if o.Lock == 0 {
		o.Lock = DefaultLock
	}
	if o.MinDigits == 0 {
		o.MinDigits = MinDigits
	}
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	switch {
	case o.Attempts < 1 || o.Attempts > 100:
		return invalid("Attempts is %d; 1 to 100 are possible", o.Attempts)
	case o.Lock < time.Second || o.Lock > 30*24*time.Hour:
		return invalid("Lock is %v; 1 second to 30 days are possible", o.Lock)
	case o.Default < NoDefault || o.Default > MailboxNumber:
		return invalid("Default is unknown")
	case o.MinDigits < MinDigits || o.MinDigits > MaxDigits:
		return invalid("MinDigits is %d; %d to %d are possible", o.MinDigits, MinDigits, MaxDigits)
	case o.Parallel < 1:
		return invalid("Parallel is negative; 0 is the default")
	}
	o.Argon2, err = o.Argon2.withDefaults()
	return err
}

// Access keeps the PINs of a tenant's mailboxes. All its methods are safe for concurrent use, by many processes on the same storage. Their errors are
// *voicemail.Error, which wraps one of this package's or voicemail's, or an error of the storage; after one of the storage the call may have had its effect, or used up a try.
type Access struct {
	ops   records.Ops
	opts  Options
	slots chan struct{}
}

// New returns the PINs of a Service's mailboxes. It looks at nothing. It returns voicemail.ErrInvalid for options that cannot be right.
func New(svc *voicemail.Service, opts *Options) (*Access, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if err := o.check(); err != nil {
		return nil, &voicemail.Error{Op: "open access", Err: err}
	}
	return &Access{ops: svc.Records(records.Key{}), opts: o, slots: make(chan struct{}, o.Parallel)}, nil
}

// SetOptions are the options of [Access.Set]. The zero value is the default.
type SetOptions struct {
	// MustChange: who comes in by the PIN is told to change it.
	MustChange bool
}

// Result is what a right PIN is answered.
type Result struct {
	// MustChange: the PIN is to be changed before anything else. The library does not enforce it.
	MustChange bool
}

// Status is how a mailbox can be entered.
type Status struct {
	// Set: a PIN was set. If not, the mailbox has Options.Default.
	Set bool
	// MustChange is what Verify would answer.
	MustChange bool
	// Left is how many tries get an answer before the mailbox is locked; 0 while it is.
	Left int
	// LockedUntil is zero if it is not locked.
	LockedUntil time.Time
}

// Set gives the mailbox a PIN. It is for administrators: it asks for no other PIN, and ends a lock. nil opts are the defaults. Of two at the same time both succeed, one after the
// other. Errors: ErrWeakPIN, voicemail.ErrNoMailbox.
func (a *Access) Set(ctx context.Context, mailbox voicemail.MailboxID, pin PIN, opts *SetOptions) error {
	err := a.set(ctx, mailbox, pin, opts != nil && opts.MustChange)
	if err == nil {
		a.ops.Emit(string(voicemail.EventPINSet), string(mailbox))
	}
	return a.ops.Fail("set PIN", string(mailbox), err)
}

func (a *Access) set(ctx context.Context, mailbox voicemail.MailboxID, pin PIN, mustChange bool) error {
	if err := a.acceptable(mailbox, pin); err != nil {
		return err
	}
	r, err := a.seal(ctx, pin, mustChange)
	if err != nil {
		return err
	}
	return a.replace(ctx, mailbox, r)
}

// Clear takes the PIN away: the mailbox has Options.Default, and is not locked. It is for administrators. It returns voicemail.ErrNoMailbox.
func (a *Access) Clear(ctx context.Context, mailbox voicemail.MailboxID) error {
	r := a.revision()
	r.Cleared = true
	err := a.replace(ctx, mailbox, r)
	if err == nil {
		a.ops.Emit(string(voicemail.EventPINCleared), string(mailbox))
	}
	return a.ops.Fail("clear PIN", string(mailbox), err)
}

// replace writes the next revision, whatever the one before is.
func (a *Access) replace(ctx context.Context, mailbox voicemail.MailboxID, r revision) error {
	for range rounds {
		v, err := a.look(ctx, mailbox)
		if err != nil {
			return err
		}
		if won, err := a.write(ctx, v, r); won || err != nil {
			return err
		}
	}
	return errBusy
}

// rounds bounds how often an operation begins anew because others came first.
const rounds = 64

var errBusy = fmt.Errorf("%w: others were at it %d times meanwhile; try again", voicemail.ErrConflict, rounds)

// commitWithin is how long after its look a revision is created at the latest: its number may be given out again a day after the next one was.
const commitWithin = time.Hour

// write creates the revision behind the one that v shows, and reports whether it is ours.
func (a *Access) write(ctx context.Context, v view, r revision) (bool, error) {
	doc, err := json.Marshal(r)
	if err != nil || time.Since(v.at) > commitWithin {
		return false, err
	}
	return a.ops.CreateOnce(ctx, v.box.AccessAt(keys.Access{Kind: keys.PIN, Gen: v.gen, Rev: v.rev + 1}), doc)
}

// acceptable reports, as an error, why a PIN cannot be the mailbox's new one.
func (a *Access) acceptable(mailbox voicemail.MailboxID, pin PIN) error {
	switch err := pin.check(); {
	case err != nil:
		return err
	case len(pin.digits()) < a.opts.MinDigits:
		return fmt.Errorf("%w: at least %d digits are needed", ErrWeakPIN, a.opts.MinDigits)
	case !a.opts.AllowTrivial && pin.trivial(string(mailbox)):
		return fmt.Errorf("%w: one digit repeated, a run of digits, or the mailbox's own number is what others try first", ErrWeakPIN)
	}
	return nil
}

// Verify says whether the PIN is the mailbox's. If it is, the count of failures begins anew. Errors: a [*WrongPINError], also of a mailbox that does not exist; a [*LockedError];
// ErrNoPIN; voicemail.ErrInvalid for what is no PIN or cannot be a mailbox's ID; voicemail.ErrConflict after too many that came first. An error of the storage is no answer.
//
// It costs four listings, the read of the record and two creates, one of them before the comparison; less while the mailbox is locked.
func (a *Access) Verify(ctx context.Context, mailbox voicemail.MailboxID, pin PIN) (Result, error) {
	g, err := a.answer(ctx, mailbox, pin)
	if err == nil {
		err = a.welcome(ctx, g, pin)
	}
	if err != nil {
		return Result{}, a.ops.Fail("verify PIN", string(mailbox), err)
	}
	return Result{MustChange: g.mustChange}, nil
}

// welcome begins the count anew: by a new hash if the parameters were raised, else by a reset.
func (a *Access) welcome(ctx context.Context, g granted, pin PIN) error {
	if h := g.hash; h != nil && h.parameters().below(a.opts.Argon2) {
		r, err := a.seal(ctx, pin, g.mustChange)
		if err != nil {
			return err
		}
		r.At = g.setAt
		if won, err := a.write(ctx, g.view, r); won || err != nil {
			return err
		}
	}
	return a.reset(ctx, g.view, g.n)
}

// Change gives the mailbox a new PIN, for who knows the old one. Trying the old one counts as in Verify and has the same errors; ErrWeakPIN also if both are the same.
func (a *Access) Change(ctx context.Context, mailbox voicemail.MailboxID, old, chosen PIN) error {
	err := a.change(ctx, mailbox, old, chosen)
	if err == nil {
		a.ops.Emit(string(voicemail.EventPINSet), string(mailbox))
	}
	return a.ops.Fail("change PIN", string(mailbox), err)
}

func (a *Access) change(ctx context.Context, mailbox voicemail.MailboxID, old, chosen PIN) error {
	if err := errors.Join(old.check(), a.acceptable(mailbox, chosen)); err != nil {
		return err
	}
	if old.equal(chosen) {
		return fmt.Errorf("%w: it is the old one", ErrWeakPIN)
	}
	r, err := a.seal(ctx, chosen, false)
	if err != nil {
		return err
	}
	for range rounds {
		g, err := a.answer(ctx, mailbox, old)
		if err != nil {
			return err
		}
		if won, err := a.write(ctx, g.view, r); won || err != nil {
			return err
		}
	}
	return errBusy
}

// Unlock begins the count of failures anew, and so ends a lock. It is for administrators. It returns voicemail.ErrNoMailbox.
func (a *Access) Unlock(ctx context.Context, mailbox voicemail.MailboxID) error {
	v, err := a.look(ctx, mailbox)
	if err == nil && v.used() > 0 {
		if err = a.reset(ctx, v, v.tried); err == nil {
			a.ops.Emit(string(voicemail.EventPINUnlocked), string(mailbox))
		}
	}
	return a.ops.Fail("unlock", string(mailbox), err)
}

// Status says how the mailbox can be entered. It is for administrators: it counts as no try. It returns voicemail.ErrNoMailbox.
func (a *Access) Status(ctx context.Context, mailbox voicemail.MailboxID) (Status, error) {
	for range rounds {
		st, err := a.status(ctx, mailbox)
		if errors.Is(err, storage.ErrNotExist) {
			continue // superseded, and taken away
		}
		return st, a.ops.Fail("read PIN status", string(mailbox), err)
	}
	return Status{}, a.ops.Fail("read PIN status", string(mailbox), errBusy)
}

func (a *Access) status(ctx context.Context, mailbox voicemail.MailboxID) (Status, error) {
	v, err := a.look(ctx, mailbox)
	if err != nil {
		return Status{}, err
	}
	k, err := a.key(ctx, mailbox, v)
	if err != nil && !errors.Is(err, ErrNoPIN) {
		return Status{}, err
	}
	st := Status{Set: k.hash != nil, MustChange: k.mustChange, Left: a.left(v)}
	if st.Left > 0 {
		return st, nil
	}
	until, err := a.lockedUntil(ctx, v)
	if err != nil {
		return Status{}, err
	}
	if a.ops.Now().Before(until) {
		st.LockedUntil = until
	} else {
		st.Left = a.opts.Attempts
	}
	return st, nil
}
