package watch

import (
	"context"
	"io"
	"iter"

	"github.com/genesys/voicemail"
)

type mailbox struct {
	voicemail.Mailbox
	watch Func
}

// Mailbox returns a Mailbox that does what inner does, and tells w of it and of what its messages do.
func Mailbox(inner voicemail.Mailbox, w Func) voicemail.Mailbox { return &mailbox{inner, w} }

func (m *mailbox) Settings(ctx context.Context) (s voicemail.Settings, err error) {
	ctx, end := m.watch.begin(ctx, Call{Name: "Mailbox.Settings"})
	defer end(&err)
	return m.Mailbox.Settings(ctx)
}

func (m *mailbox) UpdateSettings(ctx context.Context, change func(*voicemail.Settings) error) (s voicemail.Settings, err error) {
	ctx, end := m.watch.begin(ctx, Call{Name: "Mailbox.UpdateSettings"})
	defer end(&err)
	return m.Mailbox.UpdateSettings(ctx, change)
}

func (m *mailbox) Deposit(ctx context.Context, audio io.Reader, opts *voicemail.DepositOptions) (msg voicemail.Message, err error) {
	ctx, end := m.watch.begin(ctx, Call{Name: "Mailbox.Deposit"})
	defer end(&err)
	msg, err = m.Mailbox.Deposit(ctx, audio, opts)
	return Message(msg, m.watch), err
}

func (m *mailbox) Message(ctx context.Context, id voicemail.MessageID) (msg voicemail.Message, err error) {
	ctx, end := m.watch.begin(ctx, Call{Name: "Mailbox.Message"})
	defer end(&err)
	msg, err = m.Mailbox.Message(ctx, id)
	return Message(msg, m.watch), err
}

func (m *mailbox) Messages(ctx context.Context, opts *voicemail.ListOptions) iter.Seq2[voicemail.Message, error] {
	return sequence(ctx, m.watch, Call{Name: "Mailbox.Messages"}, func(ctx context.Context) iter.Seq2[voicemail.Message, error] {
		return func(yield func(voicemail.Message, error) bool) {
			for msg, err := range m.Mailbox.Messages(ctx, opts) {
				if !yield(Message(msg, m.watch), err) {
					return
				}
			}
		}
	})
}

func (m *mailbox) Counts(ctx context.Context) (c voicemail.Counts, err error) {
	ctx, end := m.watch.begin(ctx, Call{Name: "Mailbox.Counts"})
	defer end(&err)
	return m.Mailbox.Counts(ctx)
}

func (m *mailbox) Usage(ctx context.Context) (u voicemail.Usage, err error) {
	ctx, end := m.watch.begin(ctx, Call{Name: "Mailbox.Usage"})
	defer end(&err)
	return m.Mailbox.Usage(ctx)
}
