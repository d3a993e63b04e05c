package voicemail

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/spool"
	"github.com/genesys/voicemail/storage"
)

// DepositOptions are what is known of a recording beside its content. The zero value is a recording of a withheld caller.
type DepositOptions struct {
	// ID is the message's ID; default a new one. Whoever may have to deposit the same recording twice (after a crash, a time-out, a lost reply) makes it with
	// NewMessageID and gives it each time: there will be one message. It must not be used for another recording. If two deposits of it run at the same time, the
	// later one may set Urgent again that somebody took away from the message of the earlier.
	ID MessageID

	// Caller is who left the message.
	Caller CallerID
	// Called is the number that was called, Redirecting the one that sent the call on to voicemail.
	Called, Redirecting CallerID
	// CallID is the switch's name for the call, 256 bytes at most.
	CallID string

	// ContentType is the media type that the caller of Deposit claims. It counts only for raw telephony audio, which cannot be recognised from its content
	// (audio/basic, audio/pcmu, audio/pcma, audio/gsm, audio/g722, audio/g729, audio/l16).
	ContentType string
	// Duration is how long the recording is, for formats of which that is not measured.
	Duration time.Duration

	// Private: the message stays in its mailbox: it is neither copied nor moved to another one.
	Private bool
	// Urgent: the message is counted as urgent from the start.
	Urgent bool
	// Read, Trashed: the message was heard, or is in the trash, from the start. They are for imports of what another system took; a retry does not set them again.
	Read, Trashed bool
	// ReceivedAt is when the message came in, for imports likewise; zero is now. It is not before 1970, and not more than 5 minutes after Options.Now. An ID that
	// Deposit makes carries it. Messages are listed in the order of their IDs, so a given ID should carry it, too.
	ReceivedAt time.Time
	// Expires is when Service.Maintain deletes the message; zero is never.
	Expires time.Time
	// Attributes are the application's own, 8 KiB of keys and values together at most. They are stored as they are, and printed with the
	// envelope: no place for personal data.
	Attributes map[string]string
}

func (o *DepositOptions) check(now time.Time) error {
	if o.ID != "" {
		if err := keys.CheckID(string(o.ID)); err != nil {
			return invalid("%v", err)
		}
	}
	for _, c := range []CallerID{o.Caller, o.Called, o.Redirecting} {
		if err := c.check(); err != nil {
			return invalid("%v", err)
		}
	}
	switch {
	case len(o.CallID) > maxCallID:
		return invalid("CallID has %d bytes, at most %d are possible", len(o.CallID), maxCallID)
	case o.Duration < 0:
		return invalid("Duration is negative")
	case !o.Expires.IsZero() && (o.Expires.UnixMilli() < 0 || o.Expires.Year() > maxYear):
		return invalid("Expires is out of range")
	case !o.ReceivedAt.IsZero() && (o.ReceivedAt.UnixMilli() < 0 || o.ReceivedAt.Sub(now) > maxAhead):
		return invalid("ReceivedAt is before 1970 or in the future")
	}
	n := 0
	for k, v := range o.Attributes {
		n += len(k) + len(v)
	}
	if n > maxAttributes {
		return invalid("Attributes have %d bytes, at most %d are possible", n, maxAttributes)
	}
	return nil
}

// maxYear is the last year whose times fit the expiry mark.
const maxYear = 2285

// maxAhead is how far the clock of who took a message may be ahead of ours.
const maxAhead = 5 * time.Minute

// deposit is one deposit under way.
type deposit struct {
	m    *mailbox
	box  keys.Box
	opts DepositOptions
	meta metadata
	// fresh: the ID was made here, so nobody else can be about to commit it and what was created can be taken back at once.
	fresh bool
	audio *spool.Spool

	announced  time.Time // by the monotonic clock, just before the index entries were created
	entries    []string  // nil as long as the caller index could not be read
	view       *boxView
	uploaded   bool      // the audio was stored, or may have been
	stored     bool      // it was
	doubtful   bool      // the audio may yet be stored
	committing bool      // it may be committed
	over       bool      // others have to go for it
	rival      *metadata // of another recording that waits under the given ID
}

func (m *mailbox) Deposit(ctx context.Context, r io.Reader, opts *DepositOptions) (Message, error) {
	d := &deposit{m: m}
	if opts != nil {
		d.opts = *opts
	}
	if err := d.prepare(ctx); err != nil {
		return nil, m.fail("deposit", d.opts.ID, err)
	}
	msg, err := d.run(ctx, r)
	if err != nil {
		uncertain := errors.Is(err, errUncertain)
		if uncertain {
			m.svc.emit(EventDeposited, m.id, d.meta.ID, "")
		}
		return nil, &DepositError{
			ID: d.meta.ID, Audio: &handedBack{d.audio.Reader(), d.audio}, Uncertain: uncertain,
			Err: m.fail("deposit", d.meta.ID, err),
		}
	}
	_ = d.audio.Close() // a nameless file or memory: nothing can be left behind
	switch {
	case msg.new && msg.pending:
		m.svc.emit(EventPending, m.id, msg.ID(), "")
	case msg.new:
		m.svc.emit(EventDeposited, m.id, msg.ID(), "")
	}
	if !msg.pending && (d.over || !msg.new) { // an earlier attempt may not have come so far
		m.svc.makeRoom(ctx, d.box, d.view, msg.ref())
	}
	return msg.message, nil
}

// handedBack is a recording that could not be stored.
type handedBack struct {
	*io.SectionReader
	spool *spool.Spool
}

func (h *handedBack) Close() error { return h.spool.Close() }

// prepare checks everything that can be checked before the recording is read.
func (d *deposit) prepare(ctx context.Context) error {
	s := d.m.svc
	var err error
	if d.box, err = s.box(d.m.id); err != nil {
		return err
	}
	now := s.opts.Now().UTC().Round(0)
	if err = d.opts.check(now); err != nil {
		return err
	}
	if err = ctx.Err(); err != nil {
		return err
	}
	received := now
	if !d.opts.ReceivedAt.IsZero() {
		received = d.opts.ReceivedAt.UTC().Round(0)
	}
	if d.fresh = d.opts.ID == ""; d.fresh {
		d.opts.ID = s.ids.message(received)
	}
	d.meta = metadata{
		Version: metadataVersion, ID: d.opts.ID, Mailbox: d.m.id, CallID: d.opts.CallID, ReceivedAt: received, Region: s.regions.Local,
		Caller: s.identify(d.opts.Caller), Called: newPartyDoc(d.opts.Called), Redirecting: newPartyDoc(d.opts.Redirecting),
		Attributes: maps.Clone(d.opts.Attributes), Private: d.opts.Private,
	}
	l := s.opts.Limits
	d.audio = spool.New(l.SpoolDir, l.SpoolMemory, l.AudioBytes)
	return nil
}

// deposited is the message, and whether this deposit made it.
type deposited struct {
	*message
	new bool
}

// run takes the deposit through its three steps: index, audio, commit (rule 1). The mailbox is looked at beside the index if
// the recording is complete by then, beside the audio if it was still being read. With a given ID the look comes first: if the message is there,
// nothing may be created beside it, least of all a mark that somebody took away. If the master region cannot be reached at any of the steps, the
// deposit is put off.
func (d *deposit) run(ctx context.Context, r io.Reader) (deposited, error) {
	indexed := make(chan error, 1)
	if _, ready := d.m.svc.tenant.Peek(); ready && len(d.meta.Caller.identities()) == 0 {
		indexed <- nil
		d.announced = time.Now()
	} else {
		go func() { indexed <- d.index(ctx) }()
	}
	_, readErr := d.audio.ReadFrom(ctx, r)

	var indexErr, lookErr error
	live := false
	if d.fresh {
		select {
		case indexErr = <-indexed:
			live = true
		default:
		}
	}
	if !live {
		lookErr = d.look(ctx)
		indexErr = <-indexed
	}
	err := taken(d.audio, readErr, d.m.svc.opts.Limits.AudioBytes)
	if err == nil {
		err = d.describe()
	}
	if err != nil {
		return deposited{}, d.abandon(ctx, err)
	}
	msg, err := d.settle(ctx, live, lookErr, indexErr)
	if s := d.m.svc; err != nil && s.regions.Local != s.regions.Master {
		switch {
		case s.unreachable(ctx, err):
			return d.putOff(ctx, err)
		case !d.fresh && errors.Is(err, errStale): // what has waited for so long is in no danger
			if waits, _ := d.waiting(ctx); waits.message != nil {
				return waits, nil
			}
		}
	}
	if err == nil || d.committing { // what may yet be committed keeps its audio; Maintain takes away what was not
		return msg, err
	}
	return deposited{}, d.abandon(ctx, err)
}

// settle is what follows when the recording is complete.
func (d *deposit) settle(ctx context.Context, live bool, lookErr, indexErr error) (deposited, error) {
	if lookErr != nil {
		return deposited{}, lookErr
	}
	if !live {
		if st, done := d.already(); done { // however old its index entry is
			return d.existing(ctx, st)
		}
	}
	err := indexErr
	if errors.Is(err, errStale) {
		if gone := d.m.svc.tombstone(ctx, d.meta.ID); gone != nil { // what an attempt of long ago left says nothing then
			err = gone
		}
	}
	if err == nil && !live {
		err = d.admit(ctx)
	}
	if err == nil {
		err = d.store(ctx, live)
	}
	if err != nil {
		return deposited{}, err
	}
	if time.Since(d.announced) > commitWithin {
		return deposited{}, fmt.Errorf("%w: the deposit took longer than %v; retry it", storage.ErrUnavailable, commitWithin)
	}
	return d.commit(ctx)
}

// store creates the audio and the marks, beside what is left to ask: whether the mailbox takes the message, or whether its given ID was used up, or
// is that of another deposit that waits.
func (d *deposit) store(ctx context.Context, live bool) error {
	var errs [4]error
	d.m.svc.parallel(len(errs), func(i int) {
		switch {
		case i == 0:
			errs[i] = d.storeAudio(ctx)
		case i == 1:
			errs[i] = d.storeMarks(ctx)
		case i == 2 && live:
			errs[i] = d.look(ctx)
		case i == 2 && !d.fresh:
			errs[i] = d.m.svc.tombstone(ctx, d.meta.ID)
		case i == 3 && !d.fresh:
			errs[i] = d.checkPending(ctx)
		}
	})
	if live && errs[2] == nil {
		errs[2] = d.admit(ctx)
	}
	if d.rival != nil {
		d.withdraw(ctx, d.rival)
	}
	return first(errs[:]...)
}

// index creates the caller index entries.
func (d *deposit) index(ctx context.Context) error {
	entries, err := d.m.svc.entries(ctx, d.box, &d.meta)
	if err != nil {
		return err
	}
	d.entries, d.announced = entries, time.Now()
	return d.m.svc.announce(ctx, entries, d.m.svc.recent)
}

// describe fills in what the recording itself says.
func (d *deposit) describe() error {
	info, err := recognize(d.audio, d.opts.ContentType)
	if err != nil {
		return err
	}
	d.meta.ContentType, d.meta.Ext, d.meta.Size = info.ContentType, info.Ext, d.audio.Size()
	sum := d.audio.SHA256()
	d.meta.SHA256 = hex.EncodeToString(sum[:])
	length := d.opts.Duration
	if info.Measured {
		length, d.meta.Measured = info.Duration, true
	}
	d.meta.DurationMS = length.Milliseconds()
	if limit := d.m.svc.opts.Limits.Duration; limit > 0 && length > limit {
		return fmt.Errorf("%w: it lasts %v, at most %v are taken", ErrTooLarge, length, limit)
	}
	return nil
}

// look lists the mailbox, beside what the tenant's settings say that admit goes by.
func (d *deposit) look(ctx context.Context) error {
	var listErr, tenantErr error
	both(
		func() { d.view, listErr = d.m.existing(ctx, listing{}) },
		func() { _, tenantErr = d.m.svc.recentSettings(ctx) },
	)
	return first(listErr, tenantErr)
}

// already reports whether an earlier attempt has committed the message.
func (d *deposit) already() (stay, bool) {
	st := d.view.stay(d.meta.ref())
	return st, st.committed && !st.gone
}

// existing answers a retry of a deposit that was committed.
func (d *deposit) existing(ctx context.Context, st stay) (deposited, error) {
	stored, err := d.m.svc.metadata(ctx, d.box, st.ref)
	if errors.Is(err, ErrNotFound) {
		return deposited{}, ErrGone // deleted a moment ago
	}
	if err != nil {
		return deposited{}, err
	}
	d.withdraw(ctx, stored)
	if !stored.sameDeposit(&d.meta) {
		return deposited{}, errOtherRecording
	}
	return deposited{message: d.m.svc.newMessage(d.box, stored, st)}, nil
}

// admit reports whether the mailbox takes the message.
func (d *deposit) admit(ctx context.Context) error {
	for i := range d.view.stays {
		// Also at a later hop: a message that was moved on, or came back, was deposited.
		if st := &d.view.stays[i]; st.ref.ID == d.meta.ref().ID && st.gone {
			return ErrGone
		}
	}
	p, err := d.m.svc.takes(ctx, d.box, d.view)
	if err == nil {
		err = p.lasts(&d.meta)
	}
	if err == nil {
		d.over, err = d.m.svc.room(ctx, d.box, d.view, p, d.meta.Size)
	}
	return err
}

// storeAudio creates the audio in the local region. On a retry it may be there; then it must be the same.
func (d *deposit) storeAudio(ctx context.Context) error {
	s := d.m.svc
	st := s.regions.Stores[s.regions.Local]
	key := d.box.Audio(d.meta.ref(), d.meta.Ext)
	if err := ctx.Err(); err != nil || d.stored {
		return err
	}
	d.uploaded = true
	_, err := st.Create(ctx, key, d.audio.Reader(), &storage.CreateOptions{ContentType: d.meta.ContentType, Tags: s.tags(&d.meta)})
	if errors.Is(err, storage.ErrExists) {
		err = s.reuse(ctx, st, key, d.audio.Reader())
	} else {
		d.doubtful = err != nil
	}
	d.stored = err == nil
	return in(s.regions.Local, err)
}

// storeMarks creates the marks with which the message comes into sight.
func (d *deposit) storeMarks(ctx context.Context) error {
	return d.m.svc.createMarks(ctx, d.box, d.meta.ref(), d.marks())
}

func (d *deposit) marks() []string {
	var marks []string
	if d.opts.Urgent {
		marks = append(marks, keys.Urgent)
	}
	if d.opts.Read {
		marks = append(marks, keys.Read)
	}
	if d.opts.Trashed {
		marks = append(marks, keys.Trash)
	}
	if !d.opts.Expires.IsZero() {
		marks = append(marks, keys.ExpiresAt(d.opts.Expires))
	}
	return marks
}

func (s *Service) createMarks(ctx context.Context, box keys.Box, ref keys.Ref, marks []string) error {
	errs := make([]error, len(marks))
	s.parallel(len(marks), func(i int) { _, errs[i] = s.createMark(ctx, box, ref, marks[i]) })
	return errors.Join(errs...)
}

// tombstone refuses an ID whose message was deleted long ago. It comes after the look at the mailbox: a gone mark becomes a tombstone
// before it goes (rule 3).
func (s *Service) tombstone(ctx context.Context, id MessageID) error {
	key, err := s.space.Tombstone(string(id))
	if err != nil {
		return err
	}
	dead, err := storage.Exists(ctx, s.master, key)
	if err == nil && dead {
		err = ErrGone
	}
	return err
}

func (d *deposit) commit(ctx context.Context) (deposited, error) {
	s := d.m.svc
	doc, err := d.meta.encode()
	if err != nil {
		return deposited{}, err
	}
	d.committing = true
	ours, err := s.createOnce(ctx, s.master, d.box.Meta(d.meta.ref()), doc, s.tags(&d.meta))
	if err != nil {
		return deposited{}, err
	}
	st := d.stay()
	st.committed = true
	if !ours {
		return d.existing(ctx, st)
	}
	s.cache.put(d.box.Meta(d.meta.ref()), &d.meta)
	return deposited{message: s.newMessage(d.box, &d.meta, st), new: true}, nil
}

// stay is what the names of the message say when it comes into sight.
func (d *deposit) stay() stay {
	return stay{
		ref: d.meta.ref(), urgent: d.opts.Urgent, read: d.opts.Read, trash: d.opts.Trashed, expires: d.opts.Expires.UTC().Truncate(time.Millisecond),
	}
}

// first returns the first error that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
