package menu

import (
	"context"

	"github.com/genesys/voicemail"
)

// enterOptOut tells where callers are connected who do not want to leave a message.
func (s *Session) enterOptOut(ctx context.Context) (State, error) {
	own, err := s.mailbox().Settings(ctx)
	if err != nil {
		return "", err
	}
	number := own.OptOutNumber
	if number == "" {
		all, err := s.svc.Settings(ctx)
		if err != nil {
			return "", err
		}
		number = all.OptOutNumber
	}
	if number == "" {
		s.say(Prompt{Name: NoOptOut})
	} else {
		s.say(Prompt{Name: OptOutIs, Digits: number})
	}
	return OptOut, nil
}

func (s *Session) clearOptOut(ctx context.Context) (State, error) { return s.setOptOut(ctx, "") }

func (s *Session) takeOptOut(ctx context.Context) (State, error) {
	if s.digits == "" || len(s.digits) > s.opts.OptOutDigits {
		return NewOptOut, refusal(NoNumber)
	}
	return s.setOptOut(ctx, s.digits)
}

func (s *Session) setOptOut(ctx context.Context, number string) (State, error) {
	_, err := s.mailbox().UpdateSettings(ctx, func(set *voicemail.Settings) error {
		set.OptOutNumber = number
		return nil
	})
	if err != nil {
		return "", err
	}
	return s.enterOptOut(ctx)
}
