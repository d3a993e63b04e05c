package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// view is what one look at a mailbox says: which revision of the PIN is in force, and how often it was tried.
type view struct {
	box      keys.Box
	gen, rev int
	// reset is up to which try none counts, tried the last one.
	reset, tried int
	at           time.Time // by the monotonic clock, before the look
}

// used is how many tries count.
func (v view) used() int { return v.tried - v.reset }

// left is how many more get an answer.
func (a *Access) left(v view) int { return max(0, a.opts.Attempts-v.used()) }

// look lists what a mailbox is entered by, and then whether it exists: what is removed with a mailbox is not taken for a PIN that was never set.
func (a *Access) look(ctx context.Context, mailbox voicemail.MailboxID) (view, error) {
	space := a.ops.Space()
	box, err := space.Box(string(mailbox))
	if err != nil {
		return view{}, invalid("mailbox: %v", err)
	}
	v := view{box: box, at: time.Now()}
	var names []keys.Access
	for info, err := range storage.All(ctx, a.ops.Store(), &storage.ListOptions{Prefix: box.Access(), KeysOnly: true}) {
		if err != nil {
			return view{}, err
		}
		if _, name, err := space.ParseAccess(info.Key); err == nil {
			names = append(names, name)
		}
	}
	if v.gen, err = a.ops.Life(ctx, string(mailbox)); err != nil {
		return view{}, err
	}
	for _, name := range names { // the revisions come first
		switch {
		case name.Gen != v.gen:
		case name.Kind == keys.PIN:
			v.rev = name.Rev
		case name.Rev != v.rev:
		case name.Kind == keys.Reset:
			v.reset = name.N
			fallthrough
		default:
			v.tried = max(v.tried, name.N)
		}
	}
	return v, nil
}

// key is what opens a mailbox.
type key struct {
	hash       *hashed
	plain      PIN // the default PIN, if there is no hash
	mustChange bool
	setAt      time.Time
}

// key returns what opens the mailbox, or ErrNoPIN.
func (a *Access) key(ctx context.Context, mailbox voicemail.MailboxID, v view) (key, error) {
	if v.rev > 0 {
		doc, err := storage.ReadFile(ctx, a.ops.Store(), v.box.AccessAt(keys.Access{Kind: keys.PIN, Gen: v.gen, Rev: v.rev}), documentSize)
		if err != nil {
			return key{}, err
		}
		r, err := decodeRevision(doc)
		if err != nil || !r.Cleared {
			return newKey(r), err
		}
	}
	pin, err := ParsePIN(string(mailbox))
	if a.opts.Default != MailboxNumber || err != nil {
		return key{}, fmt.Errorf("%w: an administrator has to set one", ErrNoPIN)
	}
	return key{plain: pin, mustChange: a.opts.MustChangeDefault}, nil
}

func newKey(r *revision) key {
	if r == nil {
		return key{}
	}
	return key{hash: r.Hash, mustChange: r.MustChange, setAt: r.At}
}

// opens compares, which takes as long for a default PIN as for another one.
func (a *Access) opens(k key, pin PIN) bool {
	if k.hash != nil {
		return k.hash.matches(pin)
	}
	a.spendTime(pin)
	return pin.equal(k.plain)
}

func (a *Access) spendTime(pin PIN) { a.opts.Argon2.key(pin, make([]byte, saltSize)) }

// granted is the answer to a right PIN: the try that it was, and what was tried.
type granted struct {
	view
	key
	n int
}

// answer is the one way to an answer about a PIN. It returns an error for every answer but yes.
func (a *Access) answer(ctx context.Context, mailbox voicemail.MailboxID, pin PIN) (granted, error) {
	if err := pin.check(); err != nil {
		return granted{}, err
	}
	for range rounds {
		g, answered, err := a.round(ctx, mailbox, pin)
		switch {
		case errors.Is(err, voicemail.ErrNoMailbox):
			return granted{}, a.stranger(ctx, mailbox, pin)
		case errors.Is(err, storage.ErrNotExist): // superseded, and taken away
		case answered || err != nil:
			return g, err
		}
	}
	return granted{}, errBusy
}

// stranger answers who asks for a mailbox that does not exist, as if it did.
func (a *Access) stranger(ctx context.Context, mailbox voicemail.MailboxID, pin PIN) error {
	release, err := a.slot(ctx)
	if err != nil {
		return err
	}
	defer release()
	if _, err := a.look(ctx, mailbox); err != nil && !errors.Is(err, voicemail.ErrNoMailbox) {
		return err
	}
	a.spendTime(pin)
	return &WrongPINError{Left: a.opts.Attempts - 1}
}

// round makes one try, if the mailbox is not locked and nobody comes first.
//
// The try is announced by its number, which is given out once: it is the number that is counted, whatever becomes of whoever has it. Then the mailbox is looked at
// again. A number that counts no more by then, or of a PIN that is not in force any more, gets no answer: whoever took it had seen the state of long ago. So
// between one reset and the next no more answers are given than there are numbers.
func (a *Access) round(ctx context.Context, mailbox voicemail.MailboxID, pin PIN) (g granted, answered bool, err error) {
	v, err := a.look(ctx, mailbox)
	if err != nil {
		return g, false, err
	}
	if a.left(v) == 0 {
		return g, false, a.locked(ctx, v)
	}
	k, err := a.key(ctx, mailbox, v)
	if err != nil {
		return g, false, err
	}
	release, err := a.slot(ctx) // before the try, so that waiting costs none
	if err != nil {
		return g, false, err
	}
	defer release()
	n := v.tried + 1
	if ours, err := a.announce(ctx, v, n); !ours || err != nil {
		return g, false, err
	}
	now, err := a.look(ctx, mailbox)
	if err != nil {
		return g, false, err
	}
	if now.gen != v.gen || now.rev != v.rev || n <= now.reset || n > now.reset+a.opts.Attempts {
		return g, false, nil
	}
	if a.opens(k, pin) {
		return granted{view: now, key: k, n: n}, true, nil
	}
	if n == now.reset+a.opts.Attempts {
		a.ops.Emit(string(voicemail.EventPINLocked), string(mailbox))
	}
	return g, true, &WrongPINError{Left: a.left(now)}
}

// tryDoc is the content of a try.
type tryDoc struct {
	At    time.Time `json:"at"`
	Nonce string    `json:"nonce"`
}

// announce creates the n-th try, and reports whether it is ours.
func (a *Access) announce(ctx context.Context, v view, n int) (bool, error) {
	doc, err := json.Marshal(tryDoc{a.ops.Now().UTC(), a.ops.Nonce()})
	if err != nil {
		return false, err
	}
	return a.ops.CreateOnce(ctx, v.name(keys.Try, n), doc)
}

func (v view) name(kind keys.AccessKind, n int) string {
	return v.box.AccessAt(keys.Access{Kind: kind, Gen: v.gen, Rev: v.rev, N: n})
}

// reset makes the tries up to n count no more. It has no maker: whoever creates it, it says the same.
func (a *Access) reset(ctx context.Context, v view, n int) error {
	_, err := a.ops.Store().Create(ctx, v.name(keys.Reset, n), nil, nil)
	if errors.Is(err, storage.ErrExists) {
		return nil
	}
	return err
}

// locked says until when no try gets an answer; if the time is over, it ends the lock.
func (a *Access) locked(ctx context.Context, v view) error {
	until, err := a.lockedUntil(ctx, v)
	if err != nil {
		return err
	}
	if a.ops.Now().Before(until) {
		return &LockedError{Until: until}
	}
	return a.reset(ctx, v, v.tried)
}

// lockedUntil is when the lock ends that the last try brought about. It may be over.
func (a *Access) lockedUntil(ctx context.Context, v view) (time.Time, error) {
	o, err := a.ops.Store().Open(ctx, v.name(keys.Try, v.tried), nil)
	if err != nil {
		return time.Time{}, err
	}
	defer o.Close()
	doc, err := io.ReadAll(io.LimitReader(o, documentSize))
	if err != nil {
		return time.Time{}, err
	}
	var t tryDoc
	if err := json.Unmarshal(doc, &t); err != nil {
		return time.Time{}, fmt.Errorf("%w: the record of a try cannot be read; unlock the mailbox", storage.ErrCorrupt)
	}
	return lockBegan(o.Info().Modified, t.At, a.ops.Now()).Add(a.opts.Lock).UTC(), nil
}

// lockBegan is when the last try was made, of which the storage and its maker say different times: the later one that is not in the future. If both are, it is
// the earlier one.
func lockBegan(stored, made, now time.Time) time.Time {
	earlier, later := stored, made
	if later.Before(earlier) {
		earlier, later = later, earlier
	}
	if later.After(now) {
		return earlier
	}
	return later
}
