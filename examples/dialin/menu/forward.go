package menu

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/genesys/voicemail"
)

// draft is what is to be forwarded where.
type draft struct {
	batch   voicemail.MessageID // sent again, it makes no second copies
	to      []voicemail.MailboxID
	comment []byte
}

// maxDestinations is how many mailboxes a message is forwarded to at once.
const maxDestinations = 20

func (s *Session) forward(context.Context) (State, error) {
	if s.msg.Envelope().Private {
		return s.folder, refusal(IsPrivate)
	}
	s.draft = draft{batch: voicemail.NewMessageID(s.opts.Now())}
	return ForwardTo, nil
}

func (s *Session) takeDestination(ctx context.Context) (State, error) {
	if !s.isNumber() {
		return ForwardTo, refusal(NoNumber)
	}
	to := voicemail.MailboxID(s.digits)
	_, err := s.svc.Mailbox(to).Settings(ctx)
	switch {
	case errors.Is(err, voicemail.ErrNoMailbox):
		return ForwardTo, refusal(NoMailbox)
	case err != nil:
		return "", err
	}
	if !slices.Contains(s.to, to) {
		s.to = append(s.to, to)
	}
	s.say(Prompt{Name: ForwardsTo, Digits: string(to)})
	return Forward, nil
}

func (s *Session) leaveDestination(context.Context) (State, error) {
	if len(s.to) > 0 {
		return Forward, nil
	}
	return s.folder, nil
}

func (s *Session) another(context.Context) (State, error) {
	if len(s.to) == maxDestinations {
		return Forward, refusal(TooManyMailboxes)
	}
	return ForwardTo, nil
}

func (s *Session) takeComment(context.Context) (State, error) {
	if len(s.in.Audio) == 0 {
		return Forward, refusal(NothingSaid)
	}
	s.comment = s.in.Audio
	return Forward, nil
}

func (s *Session) playComment(ctx context.Context) (State, error) {
	if s.comment == nil {
		return Forward, refusal(NothingSaid)
	}
	return Forward, s.play(ctx, []track{spoken(s.comment)}, 0)
}

func (s *Session) backToMessage(context.Context) (State, error) { return s.folder, nil }

// send copies the message to all mailboxes. Those that failed stay, for another try; those that cannot take it are told and dropped.
func (s *Session) send(ctx context.Context) (State, error) {
	opts := &voicemail.CopyOptions{ID: s.batch}
	if s.comment != nil {
		opts.Comment = bytes.NewReader(s.comment)
	}
	results, err := s.svc.CopyAll(ctx, []voicemail.Message{s.msg}, s.to, opts)
	if err != nil {
		return "", err
	}
	var failed []error
	sent := 0
	s.to = nil
	for _, r := range results {
		switch {
		case r.Err == nil:
			sent++
		case errors.Is(r.Err, voicemail.ErrNotFound):
			return "", r.Err
		case errors.Is(r.Err, voicemail.ErrMailboxFull):
			s.say(Prompt{Name: IsFull, Digits: string(r.To)})
		case errors.Is(r.Err, voicemail.ErrDisabled), errors.Is(r.Err, voicemail.ErrNoMailbox):
			s.say(Prompt{Name: IsClosed, Digits: string(r.To)})
		default:
			s.to = append(s.to, r.To)
			failed = append(failed, r.Err)
		}
	}
	if sent > 0 {
		s.say(Prompt{Name: IsSent, Count: sent})
	}
	if len(failed) > 0 {
		return Forward, errors.Join(failed...)
	}
	return s.folder, nil
}
