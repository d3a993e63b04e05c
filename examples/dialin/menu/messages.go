package menu

import (
	"context"
	"errors"
	"slices"

	"github.com/genesys/voicemail"
)

// visit is a walk through the new, the saved or the deleted messages.
type visit struct {
	folder State
	msg    voicemail.Message // the current one
	urgent bool
	number int // of the current one, from 1
	rest   []voicemail.MessageID
}

// open begins a visit.
func open(folder State) action {
	return func(s *Session, ctx context.Context) (State, error) {
		ids, damaged, err := s.list(ctx, folder)
		if err != nil {
			return "", err
		}
		if damaged > 0 {
			s.say(Prompt{Name: Damaged, Count: damaged})
		}
		if len(ids) == 0 {
			s.say(Prompt{Name: NoMessages})
			return Main, nil
		}
		s.visit = visit{folder: folder, rest: ids}
		return s.next(ctx)
	}
}

// list returns the messages of a folder, the urgent ones first, then the newest, and how many more cannot be read.
func (s *Session) list(ctx context.Context, folder State) (ids []voicemail.MessageID, damaged int, err error) {
	opts := &voicemail.ListOptions{Unread: folder == NewMessages}
	if folder == DeletedMessages {
		opts.Trash = voicemail.OnlyTrash
	}
	urgent := 0
	for msg, err := range s.mailbox().Messages(ctx, opts) {
		var one *voicemail.Error
		switch {
		case errors.As(err, &one) && one.Message != "":
			damaged++
			continue
		case err != nil:
			return nil, 0, err
		case folder == SavedMessages && !msg.State().Read:
			continue
		case msg.State().Urgent:
			ids = slices.Insert(ids, urgent, msg.ID())
			urgent++
		default:
			ids = append(ids, msg.ID())
		}
		if len(ids) == s.opts.List {
			break
		}
	}
	return ids, damaged, nil
}

// next plays the message behind the current one. Behind the last it leads to the main menu.
func (s *Session) next(ctx context.Context) (State, error) {
	for len(s.rest) > 0 {
		msg, err := s.mailbox().Message(ctx, s.rest[0])
		if err == nil {
			err = s.begin(ctx, msg, s.number+1)
		}
		switch {
		case errors.Is(err, voicemail.ErrNotFound):
			s.rest = s.rest[1:]
			continue
		case err != nil:
			return "", err
		}
		s.rest = s.rest[1:]
		s.number++
		return s.folder, nil
	}
	s.say(Prompt{Name: NoMore})
	return Main, nil
}

// begin makes a message the current one and plays it.
func (s *Session) begin(ctx context.Context, msg voicemail.Message, number int) error {
	tapes, err := tapesOf(ctx, msg)
	if err != nil {
		return err
	}
	err = s.play(ctx, tapes, 0)
	if errors.Is(err, voicemail.ErrNotFound) {
		return err
	}
	s.say(Prompt{Name: MessageNumber, Count: number})
	if msg.State().Urgent {
		s.say(Prompt{Name: IsUrgent})
	}
	if msg.Envelope().Private {
		s.say(Prompt{Name: IsPrivate})
	}
	if len(tapes) > 1 {
		s.say(Prompt{Name: WithComment})
	}
	if err != nil { // it is damaged, or its region is down: the caller can still skip and delete it
		s.say(Prompt{Name: CannotPlay})
		s.tracks, s.head, s.fault = tapes, 0, err
	}
	s.msg, s.urgent = msg, msg.State().Urgent
	return nil
}

func (s *Session) again(ctx context.Context) (State, error) {
	msg, err := s.mailbox().Message(ctx, s.msg.ID())
	if err == nil {
		err = s.begin(ctx, msg, s.number)
	}
	return s.folder, err
}

// then goes on to the next message once something was done with this one.
func (s *Session) then(ctx context.Context, done Name, err error) (State, error) {
	if err != nil {
		return "", err
	}
	s.say(Prompt{Name: done})
	return s.next(ctx)
}

func (s *Session) save(ctx context.Context) (State, error) {
	return s.then(ctx, IsSaved, s.markRead(ctx))
}

func (s *Session) markRead(ctx context.Context) error {
	if s.opts.Reader == "" {
		return s.msg.MarkRead(ctx)
	}
	return s.msg.MarkReadBy(ctx, s.opts.Reader)
}

func (s *Session) markNew(ctx context.Context) (State, error) {
	return s.then(ctx, IsNew, s.msg.MarkUnread(ctx))
}

func (s *Session) trash(ctx context.Context) (State, error) {
	return s.then(ctx, IsDeleted, s.msg.Trash(ctx))
}

func (s *Session) restore(ctx context.Context) (State, error) {
	return s.then(ctx, IsRestored, s.msg.Restore(ctx))
}

// purge deletes a message for good.
func (s *Session) purge(ctx context.Context) (State, error) {
	err := s.msg.Delete(ctx)
	if errors.Is(err, voicemail.ErrHeld) {
		return DeletedMessages, refusal(IsHeld)
	}
	return s.then(ctx, IsPurged, err)
}

func (s *Session) toggleUrgent(ctx context.Context) (State, error) {
	if err := s.msg.SetUrgent(ctx, !s.urgent); err != nil {
		return "", err
	}
	s.urgent = !s.urgent
	name := IsUrgent
	if !s.urgent {
		name = IsNotUrgent
	}
	s.say(Prompt{Name: name})
	return s.folder, nil
}

// tellEnvelope tells when the message came in, and from whom.
func (s *Session) tellEnvelope(context.Context) (State, error) {
	e := s.msg.Envelope()
	s.say(Prompt{Name: ReceivedAt, Time: e.ReceivedAt})
	switch {
	case e.Caller.IsNumber():
		s.say(Prompt{Name: FromNumber, Caller: e.Caller})
	case e.Caller.Withheld():
		s.say(Prompt{Name: FromNobody})
	default:
		s.say(Prompt{Name: FromAddress})
	}
	if e.CopiedFrom != nil {
		s.say(Prompt{Name: ForwardedBy, Digits: string(e.CopiedFrom.Mailbox)})
	}
	s.say(Prompt{Name: Lasts, Length: e.Duration})
	return s.folder, nil
}
