package voicemail

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/genesys/voicemail/internal/keys"
)

// Mailbox is a handle of one mailbox. It holds no state: every method looks at the storage. It is safe for concurrent use.
//
// It is an interface so that an application can wrap it. The library has one implementation, which [Service.Mailbox] returns. Every method returns
// ErrInvalid if the handle's ID cannot be a mailbox's, ErrNoMailbox if there is no such mailbox, or an error of the storage.
type Mailbox interface {
	// ID returns the mailbox's ID.
	ID() MailboxID

	// Settings returns the current settings.
	Settings(ctx context.Context) (Settings, error)

	// UpdateSettings calls change with the current settings and stores what it makes of them. If others change them meanwhile,
	// change is called again with what they left. An error of change is returned and nothing is stored.
	UpdateSettings(ctx context.Context, change func(*Settings) error) (Settings, error)

	// Deposit stores the recording that audio reads to its end as a new message. When it returns, the message is durable, counted, and
	// found by its caller. nil opts are the defaults.
	//
	// If the master region cannot be reached and is not the local one, the message becomes durable in the local region, its State says Pending, and Service.Sync
	// brings it into its mailbox, which nobody could ask: it comes in also if that is disabled or full, and waits if it does not exist. Options with an ID whose own time is
	// more than 12 hours back are not taken so.
	//
	// Once it has begun to read audio, every error is a [*DepositError], which gives the recording back; what else it says, errors.Is tells: ErrDisabled,
	// ErrMailboxFull, ErrTooShort, ErrTooLarge, ErrEmpty, ErrGone, ErrConflict, or an error of the storage or of audio.
	Deposit(ctx context.Context, audio io.Reader, opts *DepositOptions) (Message, error)

	// Message returns one message. It returns ErrNotFound if it is in no state to be seen, or in another mailbox.
	Message(ctx context.Context, id MessageID) (Message, error)

	// Messages yields the messages, newest first; nil opts are all but those in the trash. A message that cannot be read is yielded as
	// an [*Error] that names it, and the listing goes on; any other error ends it.
	Messages(ctx context.Context, opts *ListOptions) iter.Seq2[Message, error]

	// Counts counts the messages: one listing, nothing opened. An error is never a zero.
	Counts(ctx context.Context) (Counts, error)

	// Usage returns what there is in the mailbox, and what is in force there. It costs a listing, one of the tenant's settings, one of the recordings in
	// each region, and a read of the settings once in ten minutes.
	Usage(ctx context.Context) (Usage, error)
}

// ListOptions choose and page the messages of [Mailbox.Messages].
type ListOptions struct {
	// Unread, Urgent: only those.
	Unread, Urgent bool
	// Trash says what of the trash is listed; default nothing.
	Trash TrashFilter
	// Caller, if known, is whose messages are listed, understood as in Service.FindByCaller. A withheld caller (the zero value) filters nothing.
	Caller CallerID
	// Since and Until bound Envelope.ReceivedAt: not before Since, before Until. Zero is no bound.
	Since, Until time.Time
	// Before continues a listing behind the message with this ID, as the last one of the page before.
	Before MessageID
	// Limit ends the listing after so many messages; 0 is no limit.
	Limit int
}

// TrashFilter says what of the trash is listed.
type TrashFilter int

const (
	// WithoutTrash lists what is not in the trash.
	WithoutTrash TrashFilter = iota
	// OnlyTrash lists what is.
	OnlyTrash
	// WithTrash lists both.
	WithTrash
)

func (o *ListOptions) check() error {
	switch {
	case o.Limit < 0:
		return invalid("Limit is negative")
	case o.Trash < WithoutTrash || o.Trash > WithTrash:
		return invalid("Trash is unknown")
	case o.Before != "" && keys.CheckID(string(o.Before)) != nil:
		return invalid("Before is not a message ID")
	case !o.Since.IsZero() && !o.Until.IsZero() && !o.Since.Before(o.Until):
		return invalid("Since is not before Until")
	}
	return nil
}

// marks reports whether the names alone let the message into the listing.
func (o *ListOptions) marks(st *stay) bool {
	switch {
	case !st.visible(),
		o.Before != "" && st.ref.ID >= string(o.Before),
		o.Unread && st.read,
		o.Urgent && !st.urgent,
		o.Trash == WithoutTrash && st.trash,
		o.Trash == OnlyTrash && !st.trash:
		return false
	}
	return true
}

// envelope reports whether the metadata lets the message into the listing. identities are what Caller is looked for as.
func (o *ListOptions) envelope(d *metadata, identities []string) bool {
	switch {
	case !o.Since.IsZero() && d.ReceivedAt.Before(o.Since),
		!o.Until.IsZero() && !d.ReceivedAt.Before(o.Until):
		return false
	}
	return o.Caller.Withheld() || shares(d.Caller.identities(), identities)
}

type mailbox struct {
	svc *Service
	id  MailboxID
}

func (m *mailbox) ID() MailboxID { return m.id }

func (m *mailbox) fail(op string, id MessageID, err error) error {
	return m.svc.fail(op, m.id, id, err)
}

func (m *mailbox) list(ctx context.Context, how listing) (*boxView, error) {
	box, err := m.svc.box(m.id)
	if err != nil {
		return nil, err
	}
	return m.svc.list(ctx, box, how)
}

// existing lists the whole mailbox, which must exist.
func (m *mailbox) existing(ctx context.Context, how listing) (*boxView, error) {
	v, err := m.list(ctx, how)
	if err == nil && !v.exists() {
		err = ErrNoMailbox
	}
	return v, err
}

func (m *mailbox) Counts(ctx context.Context) (Counts, error) {
	var c Counts
	if _, err := m.existing(ctx, listing{each: c.add}); err != nil {
		return Counts{}, m.fail("count", "", err)
	}
	return c, nil
}

func (m *mailbox) Message(ctx context.Context, id MessageID) (Message, error) {
	msg, err := m.message(ctx, id)
	if err != nil {
		return nil, m.fail("read message", id, err)
	}
	return msg, nil
}

func (m *mailbox) message(ctx context.Context, id MessageID) (*message, error) {
	box, err := m.svc.box(m.id)
	if err != nil {
		return nil, err
	}
	if err := keys.CheckID(string(id)); err != nil {
		return nil, invalid("%v", err)
	}
	v, err := m.svc.list(ctx, box, listing{prefix: string(id) + "-", times: true})
	if err != nil {
		return nil, err
	}
	st, ok := v.current()
	if !ok {
		return nil, m.whyNot(ctx)
	}
	d, err := m.svc.metadata(ctx, box, st.ref)
	if err != nil {
		return nil, err
	}
	return m.svc.newMessage(box, d, st), nil
}

// whyNot tells a missing message from a missing mailbox.
func (m *mailbox) whyNot(ctx context.Context) error {
	if _, err := m.existing(ctx, listing{prefix: "set-"}); err != nil {
		return err
	}
	return ErrNotFound
}

// current returns the stay of the listed message that can be seen; the last one, while it is being moved back.
func (v *boxView) current() (stay, bool) {
	var last stay
	found := false
	for _, st := range v.stays {
		if st.visible() && (!found || st.ref.Hop > last.ref.Hop) {
			last, found = st, true
		}
	}
	return last, found
}

func (m *mailbox) Messages(ctx context.Context, opts *ListOptions) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		var o ListOptions
		if opts != nil {
			o = *opts
		}
		box, err := m.svc.box(m.id)
		if err == nil {
			err = o.check()
		}
		var v *boxView
		if err == nil {
			v, err = m.existing(ctx, listing{times: true})
		}
		if err != nil {
			yield(nil, m.fail("list messages", "", err))
			return
		}
		var chosen []stay
		for i := len(v.stays) - 1; i >= 0; i-- { // newest first
			if o.marks(&v.stays[i]) {
				chosen = append(chosen, v.stays[i])
			}
		}
		m.svc.yieldMessages(ctx, box, chosen, &o, yield)
	}
}

// yieldMessages reads the metadata of the chosen messages, some ahead and in parallel, and yields those that the options let through, in order.
func (s *Service) yieldMessages(ctx context.Context, box keys.Box, chosen []stay, o *ListOptions, yield func(Message, error) bool) {
	left := o.Limit
	identities := s.identify(o.Caller).identities()
	for len(chosen) > 0 {
		n := min(len(chosen), s.readAhead(left))
		docs := make([]*metadata, n)
		errs := make([]error, n)
		s.parallel(n, func(i int) { docs[i], errs[i] = s.metadata(ctx, box, chosen[i].ref) })
		for i, st := range chosen[:n] {
			switch err := errs[i]; {
			case errors.Is(err, ErrNotFound):
				continue // deleted since it was listed
			case errors.Is(err, ErrDamaged):
				if !yield(nil, s.fail("list messages", s.idOf(box), MessageID(st.ref.ID), err)) {
					return
				}
				continue
			case err != nil:
				yield(nil, s.fail("list messages", s.idOf(box), MessageID(st.ref.ID), err))
				return
			}
			if !o.envelope(docs[i], identities) {
				continue
			}
			if !yield(s.newMessage(box, docs[i], st), nil) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
		chosen = chosen[n:]
	}
}

// page is how many messages are read ahead of the one that is yielded.
const page = 25

func (s *Service) readAhead(left int) int {
	if left > 0 && left < page {
		return left
	}
	return page
}

func (s *Service) idOf(box keys.Box) MailboxID {
	id, err := s.space.BoxID(box.Prefix())
	if err != nil {
		return "" // cannot be: the name was made from an ID
	}
	return MailboxID(id)
}

// parallel calls f for 0 to n-1, as many at a time as the limits allow, and returns when all are done.
func (s *Service) parallel(n int, f func(i int)) {
	if n == 1 {
		f(0)
		return
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, s.opts.Limits.Parallel)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	wg.Wait()
}

// both calls f and g at the same time and returns when both are done.
func both(f, g func()) {
	var wg sync.WaitGroup
	wg.Go(f)
	g()
	wg.Wait()
}
