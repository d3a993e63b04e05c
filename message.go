package voicemail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// Message is a handle of one message in one mailbox, with what was known of it when it was read. It is safe for concurrent use.
//
// It is an interface so that an application can wrap it. The library has one implementation. Every method that takes a context looks at the storage,
// and returns ErrNotFound if the message cannot be seen any more: deleted, moved away, restricted by a forget request.
type Message interface {
	// ID returns the message's ID.
	ID() MessageID
	// Mailbox returns the mailbox that the message is in.
	Mailbox() MailboxID
	// Envelope returns what was known of the message when it came in. It never changes.
	Envelope() Envelope
	// State returns the state when the message was read.
	State() State

	// Open opens the recording. The result reads ranges on demand and looks before each one whether the message may still be heard, so reading ends with
	// ErrNotFound soon after the message is deleted or restricted. http.ServeContent can serve it. It is not safe for concurrent use; ctx
	// governs it until it is closed. Playing a message does not mark it as read.
	Open(ctx context.Context) (io.ReadSeekCloser, error)
	// URL returns a link that plays the recording from the storage without the library, for ttl; 0 is 15 minutes, more than an hour is ErrInvalid. A link that
	// was handed out works until it expires or the recording is erased, whatever happens to the message: keep ttl short. It returns
	// errors.ErrUnsupported where the storage has no links.
	URL(ctx context.Context, ttl time.Duration) (storage.SignedURL, error)

	// AddPart stores a part beside the recording: body to its end, up to 1 MiB of text in UTF-8, or a recording up to Limits.AudioBytes. It does not change the
	// message, and is taken also where the mailbox is full, for whose quota of bytes it counts. nil opts are the defaults. If the current part of the kind is the
	// same, byte for byte, there is no other: so an AddPart that failed, after which the part may be there or not, can be repeated.
	// A message has 100 parts at most (ErrTooManyParts). Other errors: ErrInvalid for a kind, a type or a content that cannot be; ErrTooLarge; ErrEmpty; an error of body.
	AddPart(ctx context.Context, kind PartKind, body io.Reader, opts *PartOptions) (Part, error)
	// Parts lists the parts, sorted by kind and revision: the last one of a kind is the current one. Without parts it is empty.
	Parts(ctx context.Context) ([]Part, error)
	// OpenPart opens a part that Parts or AddPart returned, by the rules of Open.
	OpenPart(ctx context.Context, part Part) (io.ReadSeekCloser, error)

	// MarkRead and MarkUnread say whether the message was heard. Both are no change if it is so already.
	MarkRead(ctx context.Context) error
	MarkUnread(ctx context.Context) error
	// MarkReadBy is MarkRead that says who: an ID of the application's, 1 to 256 bytes, which is stored with the message and goes with it. Of several who mark it, the
	// first one is kept, until it is marked as unread.
	MarkReadBy(ctx context.Context, reader string) error
	// FirstReader returns who marked the message as read; the zero Reader if it is not.
	FirstReader(ctx context.Context) (Reader, error)
	// SetUrgent says whether the message is urgent.
	SetUrgent(ctx context.Context, urgent bool) error
	// SetExpiry says when Service.Maintain deletes the message; the zero time is never. Until Maintain has done so it stays as it is. If two
	// set it at the same time, the later expiry holds.
	SetExpiry(ctx context.Context, t time.Time) error
	// Trash puts the message into the trash, where it is not counted; Restore takes it out, as it was.
	Trash(ctx context.Context) error
	Restore(ctx context.Context) error
	// Delete deletes the message with all that belongs to it, in every region, for good. If it is being moved at the same time, it may live on where it
	// goes. A held message is refused with ErrHeld. A Delete that failed is finished by
	// another one, or by Service.Maintain.
	Delete(ctx context.Context) error

	// CopyTo makes a new, unread message of the same recording in a mailbox, this one or another of the tenant. It keeps the caller, so it is found and
	// forgotten with them, and its parts. nil opts are the defaults. Errors of the destination: ErrNoMailbox, ErrDisabled, ErrMailboxFull; ErrPrivate.
	CopyTo(ctx context.Context, to MailboxID, opts *CopyOptions) (Message, error)
	// MoveTo moves the message to another mailbox. It keeps its ID and its state, and leaves the source only when it is stored in the destination; for a moment
	// it is seen in both. A mark that is changed meanwhile may stay behind, or come along although it was told ErrNotFound; so until a move that failed is
	// finished. Errors of the destination as in CopyTo; ErrHeld; ErrPrivate; ErrConflict if it is being moved
	// elsewhere. A move that failed is finished by another MoveTo of the same destination, or by Service.Maintain.
	MoveTo(ctx context.Context, to MailboxID) (Message, error)
}

// State is the state of a message: what agents did with it.
type State struct {
	// Read: somebody heard it. ReadAt is when it was marked, by the storage's clock.
	Read   bool
	ReadAt time.Time
	// Urgent: it is counted as urgent.
	Urgent bool
	// Trashed: it is in the trash. TrashedAt is when it was put there, by the storage's clock.
	Trashed   bool
	TrashedAt time.Time
	// Held: it can be neither deleted nor moved.
	Held bool
	// Expires is when it will be deleted; zero if that is not set.
	Expires time.Time
	// Pending: the master region could not be reached when the message was deposited. It is durable in its region, and comes into its mailbox with
	// Service.Sync; until then no method finds it there.
	Pending bool
}

type message struct {
	svc  *Service
	box  keys.Box
	meta *metadata
	st   stay

	pending bool // it was when the deposit returned
}

func (s *Service) newMessage(box keys.Box, d *metadata, st stay) *message {
	return &message{svc: s, box: box, meta: d, st: st}
}

func (m *message) ID() MessageID      { return m.meta.ID }
func (m *message) Mailbox() MailboxID { return m.meta.Mailbox }
func (m *message) Envelope() Envelope { return m.meta.envelope() }
func (m *message) ref() keys.Ref      { return m.st.ref }
func (m *message) audioKey() string   { return m.box.Audio(m.ref(), m.meta.Ext) }

// Format names the message under every verb, and prints nothing of what it holds.
func (m *message) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "message %s in mailbox %q", string(m.meta.ID), string(m.meta.Mailbox))
}

func (m *message) State() State {
	return State{
		Read: m.st.read, ReadAt: m.st.readAt, Urgent: m.st.urgent, Trashed: m.st.trash, TrashedAt: m.st.trashedAt, Held: m.st.hold, Expires: m.st.expires,
		Pending: m.pending,
	}
}

func (m *message) fail(op string, err error) error {
	return m.svc.fail(op, m.meta.Mailbox, m.meta.ID, err)
}

// seen looks at the message, which must be visible.
func (m *message) seen(ctx context.Context) (stay, error) {
	st, err := m.svc.look(ctx, m.box, m.ref())
	if err == nil && !st.visible() {
		err = ErrNotFound
	}
	return st, err
}

// mark creates a mark beside a look at the message, and takes it back if the message cannot be seen (rule 2). It reports whether the mark is new, or
// may be.
func (m *message) mark(ctx context.Context, mark string, doc []byte) (bool, error) {
	var st stay
	var created bool
	var markErr, lookErr error
	both(
		func() { created, markErr = m.svc.createMarkOf(ctx, m.box, m.ref(), mark, doc) },
		func() { st, lookErr = m.seen(ctx) },
	)
	if lookErr == nil && markErr == nil {
		return created, nil
	}
	back, cancel := withoutCancel(ctx)
	defer cancel()
	if created && !errors.Is(lookErr, ErrNotFound) {
		// Others may have been told that the mark is there. It goes only if it must, and stays, as after a crash, if that cannot be known.
		if _, lookErr = m.seen(back); !errors.Is(lookErr, ErrNotFound) {
			return true, lookErr
		}
	}
	name := m.box.Mark(m.ref(), mark)
	if created || errors.Is(lookErr, ErrNotFound) && markErr != nil && !st.has(mark) {
		if undo := m.svc.master.Delete(back, name); undo != nil {
			return true, errors.Join(lookErr, undo)
		}
		return false, lookErr
	}
	if markErr == nil {
		return false, lookErr
	}
	there, err := storage.Exists(back, m.svc.master, name)
	if there && lookErr == nil {
		return true, nil
	}
	return there || err != nil, first(lookErr, markErr) // it may be another one's, which is not ours to take away
}

func (st *stay) has(mark string) bool {
	for _, m := range st.marks {
		if m == mark {
			return true
		}
	}
	return false
}

// createMark creates a mark and reports whether it was not there before.
func (s *Service) createMark(ctx context.Context, box keys.Box, ref keys.Ref, mark string) (bool, error) {
	return s.createMarkOf(ctx, box, ref, mark, nil)
}

// createMarkOf is createMark of a mark with a content.
func (s *Service) createMarkOf(ctx context.Context, box keys.Box, ref keys.Ref, mark string, doc []byte) (bool, error) {
	_, err := s.master.Create(ctx, box.Mark(ref, mark), bytes.NewReader(doc), nil)
	if errors.Is(err, storage.ErrExists) {
		return false, nil
	}
	return err == nil, err
}

// unmark removes marks once it has seen the message. A removal cannot be taken back, so unlike mark it looks first. Then it looks again: what was removed may be
// what the message was about to go for by itself, and whoever deletes it has decided that before, or sees the removal. It reports whether there was something to remove.
func (m *message) unmark(ctx context.Context, which func(mark string) bool) (bool, error) {
	st, err := m.seen(ctx)
	if err != nil {
		return false, err
	}
	var names []string
	for _, mark := range st.marks {
		if which(mark) {
			names = append(names, m.box.Mark(m.ref(), mark))
		}
	}
	if len(names) == 0 {
		return false, nil
	}
	if err := m.svc.master.Delete(ctx, names...); err != nil {
		return true, err
	}
	st, err = m.svc.look(ctx, m.box, m.ref())
	if err == nil && !st.remains() {
		err = ErrNotFound
	}
	return true, err
}

func (m *message) toggle(ctx context.Context, op, mark string, on bool, kind EventKind) error {
	var changed bool
	var err error
	if on {
		changed, err = m.mark(ctx, mark, nil)
	} else {
		changed, err = m.unmark(ctx, func(other string) bool { return other == mark })
	}
	if changed {
		m.svc.emit(kind, m.meta.Mailbox, m.meta.ID, "")
	}
	return m.fail(op, err)
}

func (m *message) MarkRead(ctx context.Context) error {
	return m.toggle(ctx, "mark read", keys.Read, true, EventRead)
}

func (m *message) MarkUnread(ctx context.Context) error {
	return m.toggle(ctx, "mark unread", keys.Read, false, EventUnread)
}

func (m *message) SetUrgent(ctx context.Context, urgent bool) error {
	kind := EventUrgent
	if !urgent {
		kind = EventNotUrgent
	}
	return m.toggle(ctx, "set urgent", keys.Urgent, urgent, kind)
}

func (m *message) Trash(ctx context.Context) error {
	return m.toggle(ctx, "trash", keys.Trash, true, EventTrashed)
}

func (m *message) Restore(ctx context.Context) error {
	return m.toggle(ctx, "restore", keys.Trash, false, EventRestored)
}

func (m *message) SetExpiry(ctx context.Context, t time.Time) error {
	var set, cleared bool
	var err error
	mark := ""
	if !t.IsZero() {
		if t.UnixMilli() < 0 || t.Year() > maxYear {
			return m.fail("set expiry", invalid("expiry is out of range"))
		}
		mark = keys.ExpiresAt(t)
		set, err = m.mark(ctx, mark, nil)
	}
	if err == nil {
		cleared, err = m.unmark(ctx, func(other string) bool { return strings.HasPrefix(other, keys.Expires) && other != mark })
	}
	if set || cleared {
		m.svc.emit(EventExpirySet, m.meta.Mailbox, m.meta.ID, "")
	}
	return m.fail("set expiry", err)
}

const (
	linkTTL    = 15 * time.Minute
	maxLinkTTL = time.Hour
)

func (m *message) URL(ctx context.Context, ttl time.Duration) (storage.SignedURL, error) {
	url, err := m.url(ctx, ttl)
	return url, m.fail("make link", err)
}

func (m *message) url(ctx context.Context, ttl time.Duration) (storage.SignedURL, error) {
	set(&ttl, linkTTL)
	if ttl < 0 || ttl > maxLinkTTL {
		return storage.SignedURL{}, invalid("a link works for up to %v", maxLinkTTL)
	}
	st, err := m.svc.region(m.meta.Region)
	if err != nil {
		return storage.SignedURL{}, err
	}
	signer, ok := storage.As[storage.Signer](st)
	if !ok {
		return storage.SignedURL{}, in(m.meta.Region, fmt.Errorf("%w: this storage has no links; serve Open instead", errors.ErrUnsupported))
	}
	if _, err := m.seen(ctx); err != nil {
		return storage.SignedURL{}, err
	}
	url, err := signer.SignURL(ctx, m.audioKey(), ttl)
	return url, in(m.meta.Region, err)
}

// cleanupWithin bounds what is taken back after a failure, for which the caller's context may be done already.
const cleanupWithin = 10 * time.Second

func withoutCancel(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupWithin)
}
