package voicemail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// transfer is a copy or a move under way, to a stay of a message that does not exist yet.
type transfer struct {
	svc  *Service
	from *message
	box  keys.Box
	meta *metadata
	view *boxView // of the destination
	over bool     // others have to go there for it

	parts    []storedPart // of the source
	partsErr error
	carried  []storedPart // those that the destination was committed with
	comments []*partDraft // parts that only the destination has

	fresh bool // the ID was made here, so nobody else can be about to commit it
}

func (m *message) transfer(ctx context.Context, meta *metadata) (*transfer, error) {
	box, err := m.svc.box(meta.Mailbox)
	if err != nil {
		return nil, err
	}
	t := &transfer{svc: m.svc, from: m, box: box, meta: meta}
	var tenantErr error
	m.svc.parallel(3, func(i int) {
		switch i {
		case 0:
			t.view, err = m.svc.list(ctx, box, listing{})
		case 1:
			t.parts, t.partsErr = m.parts(ctx)
		case 2:
			_, tenantErr = m.svc.recentSettings(ctx)
		}
	})
	if err = first(err, tenantErr); err == nil && !t.view.exists() {
		err = fmt.Errorf("%w: the destination %q", ErrNoMailbox, string(meta.Mailbox))
	}
	return t, err
}

// admit reports whether the destination takes the message with its parts, and whether others have to go for it.
func (t *transfer) admit(ctx context.Context) (over bool, err error) {
	if t.partsErr != nil {
		return false, t.partsErr
	}
	size := t.meta.Size
	for _, p := range t.parts {
		size += p.size
	}
	for _, d := range t.comments {
		size += d.size
	}
	if n := len(t.parts) + len(t.comments); n > maxParts && len(t.comments) > 0 {
		return false, &QuotaError{Quota: partQuota, Limit: maxParts, Used: int64(len(t.parts))}
	}
	return t.svc.admit(ctx, t.box, t.view, size)
}

// run announces the destination in the index, then looks at the source (rule 2): a forget request that the look does not see finds the
// index entry, and restricts what is about to be committed. allowed says whether the source may be taken and which marks the destination gets.
func (t *transfer) run(ctx context.Context, allowed func(*stay) ([]string, error)) (*message, error) {
	start := time.Now()
	s := t.svc
	entries, err := s.entries(ctx, t.box, t.meta)
	if err == nil {
		err = s.announce(ctx, entries, s.recent)
	}
	if err != nil {
		return nil, err
	}
	st, err := t.from.seen(ctx)
	if errors.Is(err, ErrNotFound) && t.fresh && len(entries) > 0 { // restricted or erased meanwhile: nothing may be left that leads to its caller
		back, cancel := withoutCancel(ctx)
		defer cancel()
		return nil, errors.Join(err, s.master.Delete(back, entries...))
	}
	var marks []string
	if err == nil {
		marks, err = allowed(&st)
	}
	if err == nil {
		err = t.copyMedia(ctx)
	}
	if err == nil {
		err = t.takeMarks(ctx, marks)
	}
	if err == nil && time.Since(start) > commitWithin {
		err = fmt.Errorf("%w: it took longer than %v; try again", storage.ErrUnavailable, commitWithin)
	}
	if err != nil {
		return nil, err // what was announced and not committed is taken away by Maintain
	}
	doc, err := t.meta.encode()
	if err != nil {
		return nil, err
	}
	ours, err := s.createOnce(ctx, s.master, t.box.Meta(t.meta.ref()), doc, s.tags(t.meta))
	if err != nil {
		return nil, err
	}
	if ours {
		t.carried = t.parts
	}
	done := stay{ref: t.meta.ref(), committed: true}
	for _, mark := range marks {
		done.add(mark, time.Time{})
	}
	if !ours {
		return t.existing(ctx, done)
	}
	return s.newMessage(t.box, t.meta, done), nil
}

// existing answers the retry of a transfer that was committed.
func (t *transfer) existing(ctx context.Context, st stay) (*message, error) {
	stored, err := t.svc.metadata(ctx, t.box, st.ref)
	if err != nil {
		return nil, err
	}
	if !stored.sameDeposit(t.meta) {
		return nil, errOtherRecording
	}
	return t.svc.newMessage(t.box, stored, st), nil
}

// copyMedia puts the recording, its parts and the comments into the destination.
func (t *transfer) copyMedia(ctx context.Context) error {
	to, n := t.meta.ref(), len(t.parts)
	errs := make([]error, n+len(t.comments)+1)
	t.svc.parallel(len(errs), func(i int) {
		switch {
		case i < n:
			p := t.parts[i]
			errs[i] = t.copyObject(ctx, "part", t.from.box.Part(t.from.ref(), p.Part), t.box.Part(to, p.Part), p.size, p.contentType())
		case i < n+len(t.comments):
			errs[i] = t.createComment(ctx, i-n)
		default:
			errs[i] = t.copyObject(ctx, "recording", t.from.audioKey(), t.box.Audio(to, t.meta.Ext), t.meta.Size, t.meta.ContentType)
		}
	})
	return first(errs...)
}

// createComment creates the n-th comment, behind those that the source has.
func (t *transfer) createComment(ctx context.Context, n int) error {
	d := t.comments[n]
	p := storedPart{Part: keys.Part{Kind: d.kind, Revision: newest(t.parts, d.kind).Revision + n + 1, Ext: d.ext}}
	st, key := t.svc.regions.Stores[t.meta.Region], t.box.Part(t.meta.ref(), p.Part)
	_, err := st.Create(ctx, key, d.body(), &storage.CreateOptions{ContentType: p.contentType(), Tags: t.svc.tags(t.meta)})
	if errors.Is(err, storage.ErrExists) {
		err = t.svc.reuse(ctx, st, key, d.body())
	}
	return in(t.meta.Region, err)
}

// takeMarks creates marks at the destination as they are at the source: who read the message first goes along.
func (t *transfer) takeMarks(ctx context.Context, marks []string) error {
	s := t.svc
	errs := make([]error, len(marks))
	s.parallel(len(marks), func(i int) {
		var doc []byte
		if marks[i] == keys.Read {
			doc, errs[i] = storage.ReadFile(ctx, s.master, t.from.box.Mark(t.from.ref(), keys.Read), readerSize)
		}
		if errs[i] == nil {
			_, errs[i] = s.createMarkOf(ctx, t.box, t.meta.ref(), marks[i], doc)
		} else if errors.Is(errs[i], storage.ErrNotExist) {
			errs[i] = nil // it was marked as unread just now
		}
	})
	return first(errs...)
}

// copyObject copies an object of so many bytes to the destination, within the storage where it can.
func (t *transfer) copyObject(ctx context.Context, what, src, dst string, size int64, contentType string) error {
	s := t.svc
	from, err := s.region(t.from.meta.Region)
	if err != nil {
		return err
	}
	to := s.regions.Stores[t.meta.Region]
	opts := &storage.CreateOptions{ContentType: contentType, Tags: s.tags(t.meta)}
	info := storage.Info{Size: size}
	body := &ranges{ctx: ctx, store: from, region: t.from.meta.Region, what: what, key: src, size: size, fail: func(err error) error { return err }}
	defer body.Close()
	copier, ok := storage.As[storage.Copier](to)
	if ok && t.from.meta.Region == t.meta.Region {
		info, err = copier.Copy(ctx, dst, src, opts)
	} else {
		_, err = to.Create(ctx, dst, body, opts)
	}
	if errors.Is(err, storage.ErrExists) {
		_, _ = body.Seek(0, io.SeekStart)
		info.Size, err = size, s.reuse(ctx, to, dst, body)
	}
	var elsewhere *Error
	switch {
	case errors.Is(err, ErrDamaged), errors.Is(err, storage.ErrNotExist):
		if _, gone := t.from.seen(ctx); gone != nil {
			return gone
		}
		return fmt.Errorf("%w: its %s is not there", ErrDamaged, what)
	case errors.As(err, &elsewhere): // the source's
		return elsewhere
	case err != nil:
		return in(t.meta.Region, err)
	case info.Size != size:
		return fmt.Errorf("%w: the %s has %d bytes, not %d", ErrDamaged, what, info.Size, size)
	}
	return nil
}

// claim is the content of the mark "move": where the message goes. Whoever creates the mark decides that, so that two who move the message
// at once do not leave it in two mailboxes.
type claim struct {
	To    MailboxID `json:"to"`
	Nonce string    `json:"nonce"`
}

func (m *message) MoveTo(ctx context.Context, to MailboxID) (Message, error) {
	if to == m.meta.Mailbox {
		return nil, m.fail("move", invalid("the message is in this mailbox"))
	}
	if err := m.private(to); err != nil {
		return nil, m.fail("move", err)
	}
	msg, moved, err := m.moveTo(ctx, to)
	if moved {
		m.svc.emit(EventMoved, to, m.meta.ID, m.meta.Mailbox)
	}
	if err != nil {
		return nil, m.fail("move", err)
	}
	return msg, nil
}

// moved is the metadata of the message after its move. Each attempt that failed for good has used up a hop: names are not used twice.
func (m *message) moved(to MailboxID, hop int) (*metadata, error) {
	if hop > keys.MaxHop {
		return nil, invalid("the message was moved %d times; copy it instead", m.meta.Hop)
	}
	meta := *m.meta
	meta.Hop, meta.Mailbox, meta.Region = hop, to, m.svc.regions.Local
	meta.MovedFrom = &movedFrom{Mailbox: m.meta.Mailbox, Hop: m.meta.Hop}
	return &meta, nil
}

func (m *message) moveTo(ctx context.Context, to MailboxID) (*message, bool, error) {
	if err := m.svc.endMove(ctx, m.box, m.meta); err != nil {
		return nil, false, err
	}
	meta, err := m.moved(to, m.meta.Hop+1)
	if err != nil {
		return nil, false, err
	}
	t, err := m.transfer(ctx, meta)
	if err != nil {
		return nil, false, err
	}
	for _, st := range t.view.stays {
		switch {
		case st.ref.ID != string(m.meta.ID) || st.ref.Hop <= m.meta.Hop:
		case st.committed && !st.gone:
			t.meta.Hop = st.ref.Hop
			return t.arrived(ctx, st)
		case st.gone && st.ref.Hop >= t.meta.Hop: // stays are in the order of names, and "10" is before "9"
			if t.meta, err = m.moved(to, st.ref.Hop+1); err != nil {
				return nil, false, err
			}
		}
	}
	if _, err := m.seen(ctx); err != nil {
		return nil, false, err
	}
	if t.over, err = t.admit(ctx); err != nil {
		return nil, false, err
	}
	mine, err := m.claim(ctx, to)
	if err != nil {
		return nil, false, err
	}
	msg, err := t.run(ctx, movable)
	if errors.Is(err, errStale) { // an attempt of long ago left its announcement
		if t.meta, err = m.moved(to, t.meta.Hop+1); err == nil {
			msg, err = t.run(ctx, movable)
		}
	}
	if err != nil {
		if mine && !errors.Is(err, errUncertain) {
			back, cancel := withoutCancel(ctx)
			defer cancel()
			_ = m.svc.master.Delete(back, m.box.Mark(m.ref(), keys.Move)) // else Maintain does, or finishes the move
		}
		return nil, false, err
	}
	msg, moved, err := t.leave(ctx, msg, true)
	if moved && t.over {
		m.svc.makeRoom(ctx, t.box, t.view, msg.ref())
	}
	return msg, moved, err
}

// movable refuses held messages, and says which marks move along.
func movable(st *stay) ([]string, error) {
	if st.hold {
		return nil, ErrHeld
	}
	return st.state(), nil
}

// state are the marks that are the message's state.
func (st *stay) state() []string {
	var marks []string
	for _, mark := range st.marks {
		switch {
		case mark == keys.Read, mark == keys.Urgent, mark == keys.Trash, strings.HasPrefix(mark, keys.Expires):
			marks = append(marks, mark)
		}
	}
	return marks
}

// arrived answers a move that has committed the destination already. If the message is still at the source, it leaves there now.
func (t *transfer) arrived(ctx context.Context, st stay) (*message, bool, error) {
	msg, err := t.existing(ctx, st)
	if err != nil {
		return nil, false, err
	}
	st, err = t.svc.look(ctx, t.from.box, t.from.ref())
	switch {
	case err != nil:
		return nil, false, err
	case !st.committed || st.forget || st.quarantine:
		return msg, false, nil
	}
	// Also if it is hidden: whoever is about to erase it may yet take that back. What came late is theirs to take along then.
	msg, _, err = t.leave(ctx, msg, st.visible())
	return msg, st.visible(), err
}

// leave erases the source of a move, and takes along before, if it is to, what was set or added there since the move began. If a hold came first, the
// destination is taken back.
func (t *transfer) leave(ctx context.Context, msg *message, late bool) (*message, bool, error) {
	s := t.svc
	st, err := s.announceErasure(ctx, t.from.box, t.from.ref(), notRestricted)
	switch {
	case errors.Is(err, ErrHeld), errors.Is(err, ErrNotFound) && st.forget:
		// The destination has an index entry, so a forget request marks it, too, and a sweep erases both.
		if errors.Is(err, ErrHeld) {
			back, cancel := withoutCancel(ctx)
			defer cancel()
			_, undo := s.eraseStay(back, t.box, msg.ref(), msg.meta, notRestricted)
			if undo == nil {
				undo = s.master.Delete(back, t.from.box.Mark(t.from.ref(), keys.Move))
			}
			return nil, false, first(err, undo)
		}
		return nil, false, err
	case err != nil:
		return nil, st.gone, err
	}
	if late {
		if err := t.follow(ctx, msg, &st); err != nil {
			return nil, true, err // Maintain goes on
		}
	}
	return msg, true, s.remove(ctx, t.from.box, &st, t.from.meta)
}

// follow takes along what was set or added at the source since the move began.
func (t *transfer) follow(ctx context.Context, msg *message, st *stay) error {
	var late []string
	for _, mark := range st.state() {
		if !msg.st.has(mark) {
			late = append(late, mark)
			msg.st.add(mark, time.Time{})
		}
	}
	var partsErr, marksErr error
	both(
		func() { partsErr = msg.follow(ctx, t.from, t.carried) },
		func() { marksErr = t.takeMarks(ctx, late) },
	)
	return first(partsErr, marksErr)
}

// claim creates the mark that says where the message goes, and reports whether it is ours. Another one's that is fresh is respected; one that is
// old enough that its maker has given up (rule 7) is followed if it goes to the same mailbox.
func (m *message) claim(ctx context.Context, to MailboxID) (bool, error) {
	s := m.svc
	doc, err := json.Marshal(claim{To: to, Nonce: s.ids.nonce()})
	if err != nil {
		return false, err
	}
	key := m.box.Mark(m.ref(), keys.Move)
	mine, err := s.createOnce(ctx, s.master, key, doc, nil)
	if mine {
		return true, nil
	}
	if err != nil {
		// Whoever ended the message's stay just now deleted this name, too, and a create that is cut off so is an error on a volume.
		if _, gone := m.seen(ctx); errors.Is(gone, ErrNotFound) {
			err = gone
		}
		return false, err
	}
	theirs, at, err := s.readClaim(ctx, key)
	switch {
	case errors.Is(err, storage.ErrNotExist):
		return false, fmt.Errorf("%w: another move of the message ended just now; try again", ErrConflict)
	case err != nil:
		return false, err
	case s.opts.Now().Sub(at) < abandonedAge || theirs.To != to:
		return false, fmt.Errorf("%w: the message is being moved", ErrConflict)
	}
	return false, nil
}

// abandonedAge is how old the beginning of an operation must be for others to know that whoever began it will not go on: twice as old as it may
// get (rule 7), for clocks that differ.
const abandonedAge = 2 * commitWithin

func (s *Service) readClaim(ctx context.Context, key string) (claim, time.Time, error) {
	var c claim
	o, err := s.master.Open(ctx, key, nil)
	if err != nil {
		return c, time.Time{}, err
	}
	defer o.Close()
	var doc bytes.Buffer
	if _, err := doc.ReadFrom(o); err != nil {
		return c, time.Time{}, err
	}
	if err := json.Unmarshal(doc.Bytes(), &c); err != nil {
		return c, time.Time{}, fmt.Errorf("%w: the record of a move cannot be read", storage.ErrCorrupt)
	}
	return c, o.Info().Modified, nil
}
