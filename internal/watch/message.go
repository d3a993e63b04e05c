package watch

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
)

type message struct {
	voicemail.Message
	watch Func
}

// Message returns a Message that does what inner does, and tells w of it. A nil inner stays nil.
func Message(inner voicemail.Message, w Func) voicemail.Message {
	if inner == nil {
		return nil
	}
	return &message{inner, w}
}

// Format prints what inner prints: the library's prints nothing of what it holds.
func (m *message) Format(s fmt.State, verb rune) {
	_, _ = fmt.Fprintf(s, fmt.FormatString(s, verb), m.Message)
}

func (m *message) begin(ctx context.Context, method string) (context.Context, func(*error)) {
	return m.watch.begin(ctx, Call{Name: "Message." + method, Message: m.ID()})
}

func (m *message) Open(ctx context.Context) (r io.ReadSeekCloser, err error) {
	ctx, end := m.begin(ctx, "Open")
	defer end(&err)
	return m.Message.Open(ctx)
}

func (m *message) URL(ctx context.Context, ttl time.Duration) (url storage.SignedURL, err error) {
	ctx, end := m.begin(ctx, "URL")
	defer end(&err)
	return m.Message.URL(ctx, ttl)
}

func (m *message) AddPart(ctx context.Context, kind voicemail.PartKind, body io.Reader, opts *voicemail.PartOptions) (p voicemail.Part, err error) {
	ctx, end := m.begin(ctx, "AddPart")
	defer end(&err)
	return m.Message.AddPart(ctx, kind, body, opts)
}

func (m *message) Parts(ctx context.Context) (list []voicemail.Part, err error) {
	ctx, end := m.begin(ctx, "Parts")
	defer end(&err)
	return m.Message.Parts(ctx)
}

func (m *message) OpenPart(ctx context.Context, part voicemail.Part) (r io.ReadSeekCloser, err error) {
	ctx, end := m.begin(ctx, "OpenPart")
	defer end(&err)
	return m.Message.OpenPart(ctx, part)
}

func (m *message) MarkRead(ctx context.Context) (err error) {
	ctx, end := m.begin(ctx, "MarkRead")
	defer end(&err)
	return m.Message.MarkRead(ctx)
}

func (m *message) MarkUnread(ctx context.Context) (err error) {
	ctx, end := m.begin(ctx, "MarkUnread")
	defer end(&err)
	return m.Message.MarkUnread(ctx)
}

func (m *message) MarkReadBy(ctx context.Context, reader string) (err error) {
	ctx, end := m.begin(ctx, "MarkReadBy")
	defer end(&err)
	return m.Message.MarkReadBy(ctx, reader)
}

func (m *message) FirstReader(ctx context.Context) (r voicemail.Reader, err error) {
	ctx, end := m.begin(ctx, "FirstReader")
	defer end(&err)
	return m.Message.FirstReader(ctx)
}

func (m *message) SetUrgent(ctx context.Context, urgent bool) (err error) {
	ctx, end := m.begin(ctx, "SetUrgent")
	defer end(&err)
	return m.Message.SetUrgent(ctx, urgent)
}

func (m *message) SetExpiry(ctx context.Context, t time.Time) (err error) {
	ctx, end := m.begin(ctx, "SetExpiry")
	defer end(&err)
	return m.Message.SetExpiry(ctx, t)
}

func (m *message) Trash(ctx context.Context) (err error) {
	ctx, end := m.begin(ctx, "Trash")
	defer end(&err)
	return m.Message.Trash(ctx)
}

func (m *message) Restore(ctx context.Context) (err error) {
	ctx, end := m.begin(ctx, "Restore")
	defer end(&err)
	return m.Message.Restore(ctx)
}

func (m *message) Delete(ctx context.Context) (err error) {
	ctx, end := m.begin(ctx, "Delete")
	defer end(&err)
	return m.Message.Delete(ctx)
}

func (m *message) CopyTo(ctx context.Context, to voicemail.MailboxID, opts *voicemail.CopyOptions) (msg voicemail.Message, err error) {
	ctx, end := m.begin(ctx, "CopyTo")
	defer end(&err)
	msg, err = m.Message.CopyTo(ctx, to, opts)
	return Message(msg, m.watch), err
}

func (m *message) MoveTo(ctx context.Context, to voicemail.MailboxID) (msg voicemail.Message, err error) {
	ctx, end := m.begin(ctx, "MoveTo")
	defer end(&err)
	msg, err = m.Message.MoveTo(ctx, to)
	return Message(msg, m.watch), err
}
