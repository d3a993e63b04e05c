package voicemail

import (
	"context"
	"io"
	"strings"

	"github.com/genesys/voicemail/internal/keys"
)

// CopyOptions are the options of [Message.CopyTo].
type CopyOptions struct {
	// ID is the copy's ID; default a new one. With one of the caller's (from NewMessageID), a repeated CopyTo makes no second copy: it returns the first one, whatever
	// its comments were.
	ID MessageID
	// Comment is what somebody says who passes the message on: a recording in a format that says itself what it is, read to its end. It becomes a part of the
	// copy (PartComment), which has it from the start. Default none.
	Comment io.Reader
	// Note is what they write, in UTF-8, 64 KiB at most. It becomes such a part likewise, behind Comment. Default none.
	Note string
}

// maxNote is the longest CopyOptions.Note in bytes.
const maxNote = 64 << 10

func (m *message) CopyTo(ctx context.Context, to MailboxID, opts *CopyOptions) (Message, error) {
	var o CopyOptions
	if opts != nil {
		o = *opts
	}
	msg, err := m.copyTo(ctx, to, o)
	if err != nil {
		return nil, m.fail("copy", err)
	}
	m.svc.emit(EventCopied, to, msg.ID(), m.meta.Mailbox)
	return msg, nil
}

// private refuses to let a private message out of its mailbox.
func (m *message) private(to MailboxID) error {
	if m.meta.Private && to != m.meta.Mailbox {
		return ErrPrivate
	}
	return nil
}

func (m *message) copyTo(ctx context.Context, to MailboxID, o CopyOptions) (*message, error) {
	fresh := o.ID == ""
	if fresh {
		o.ID = m.svc.ids.message(m.meta.ReceivedAt)
	} else if err := keys.CheckID(string(o.ID)); err != nil {
		return nil, invalid("%v", err)
	}
	if o.ID == m.meta.ID {
		return nil, invalid("the ID is that of the message itself")
	}
	if err := m.private(to); err != nil {
		return nil, err
	}
	said, err := m.svc.comments(ctx, &o)
	if err != nil {
		return nil, err
	}
	defer said.Close()
	meta := *m.meta
	meta.ID, meta.Hop, meta.Mailbox, meta.Region = o.ID, 0, to, m.svc.regions.Local
	meta.MovedFrom = nil
	meta.CopiedFrom = &Origin{Mailbox: m.meta.Mailbox, Message: m.meta.ID}
	var t *transfer
	var gone error
	both(
		func() { t, err = m.transfer(ctx, &meta) },
		func() { _, gone = m.seen(ctx) },
	)
	if err != nil {
		return nil, err
	}
	if st := t.view.stay(meta.ref()); st.committed && !st.gone {
		return t.existing(ctx, st)
	}
	for i := range t.view.stays {
		if st := &t.view.stays[i]; st.ref.ID == string(o.ID) && st.gone {
			return nil, ErrGone
		}
	}
	if gone != nil {
		return nil, gone // before anything is announced that leads to the caller of a message that is restricted or erased
	}
	if t.fresh = fresh; !fresh {
		if err := t.svc.tombstone(ctx, o.ID); err != nil {
			return nil, err
		}
	}
	t.comments = said.drafts
	if t.over, err = t.admit(ctx); err != nil {
		return nil, err
	}
	msg, err := t.run(ctx, func(st *stay) ([]string, error) {
		if st.urgent {
			return []string{keys.Urgent}, nil
		}
		return nil, nil
	})
	if err == nil && t.over {
		t.svc.makeRoom(ctx, t.box, t.view, msg.ref())
	}
	return msg, err
}

// comments are what goes with a copy beside the message.
type comments struct {
	drafts []*partDraft
	own    []*spooledDraft
}

// sharedComment is a CopyOptions.Comment that was taken in for several copies.
type sharedComment struct {
	*io.SectionReader
	draft *spooledDraft
}

// comments takes in what goes with a copy. The result has to be closed.
func (s *Service) comments(ctx context.Context, o *CopyOptions) (*comments, error) {
	c := &comments{}
	var err error
	if shared, ok := o.Comment.(*sharedComment); ok {
		c.drafts = append(c.drafts, &shared.draft.partDraft)
	} else if o.Comment != nil {
		err = c.take(s.draft(ctx, PartComment, "", o.Comment, 0))
	}
	if err == nil && o.Note != "" {
		err = c.take(s.draft(ctx, PartComment, "text/plain", strings.NewReader(o.Note), maxNote))
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *comments) take(d *spooledDraft, err error) error {
	if err == nil {
		c.drafts, c.own = append(c.drafts, &d.partDraft), append(c.own, d)
	}
	return err
}

// Close gives up what was taken in.
func (c *comments) Close() {
	for _, d := range c.own {
		_ = d.Close() // a nameless file or memory: nothing can be left behind
	}
}
