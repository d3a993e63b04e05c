package menu

import (
	"context"
	"errors"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/access"
)

func (s *Session) takeMailbox(context.Context) (State, error) {
	if !s.isNumber() {
		return AskMailbox, refusal(NoNumber)
	}
	s.box = voicemail.MailboxID(s.digits)
	return AskPIN, nil
}

// maxNumber is how many digits a number of a mailbox has that can be typed.
const maxNumber = 32

// isNumber reports whether what was typed can be a number.
func (s *Session) isNumber() bool { return s.digits != "" && len(s.digits) <= maxNumber }

func (s *Session) takePIN(ctx context.Context) (State, error) {
	pin, err := access.ParsePIN(s.digits)
	if err != nil {
		return s.deny()
	}
	result, err := s.door.Verify(ctx, s.box, pin)
	var locked *access.LockedError
	switch {
	case errors.As(err, &locked):
		s.say(Prompt{Name: Locked, Time: locked.Until})
		return Over, nil
	case errors.Is(err, access.ErrNoPIN):
		s.say(Prompt{Name: NoPIN})
		return Over, nil
	case errors.Is(err, access.ErrWrongPIN), errors.Is(err, voicemail.ErrInvalid):
		return s.deny()
	case err != nil:
		return "", err
	}
	s.pin, s.mustChange = pin, result.MustChange
	if s.mustChange {
		s.say(Prompt{Name: MustChange})
		return NewPIN, nil
	}
	return s.enterMain(ctx)
}

func (s *Session) deny() (State, error) {
	s.denied++
	return AskPIN, refusal(WrongPIN)
}

// enterMain leads to the main menu with what waits.
func (s *Session) enterMain(ctx context.Context) (State, error) {
	n, err := s.mailbox().Counts(ctx)
	if err != nil {
		return "", err
	}
	s.say(Prompt{Name: CountNew, Count: n.New})
	if n.NewUrgent > 0 {
		s.say(Prompt{Name: CountUrgent, Count: n.NewUrgent})
	}
	s.say(Prompt{Name: CountSaved, Count: n.Old})
	return Main, nil
}

func (s *Session) takeNewPIN(context.Context) (State, error) {
	if _, err := access.ParsePIN(s.digits); err != nil {
		return NewPIN, refusal(WeakPIN)
	}
	s.chosen = s.digits
	return RepeatPIN, nil
}

// leaveNewPIN goes back, unless the PIN has to be changed first.
func (s *Session) leaveNewPIN(context.Context) (State, error) {
	if s.mustChange {
		return NewPIN, refusal(MustChange)
	}
	return Settings, nil
}

func (s *Session) takeRepeatedPIN(ctx context.Context) (State, error) {
	if s.digits != s.chosen {
		return NewPIN, refusal(DifferentPINs)
	}
	pin, err := access.ParsePIN(s.chosen)
	if err == nil {
		err = s.door.Change(ctx, s.box, s.pin, pin)
	}
	switch {
	case errors.Is(err, access.ErrWeakPIN):
		return NewPIN, refusal(WeakPIN)
	case err != nil:
		return "", err
	}
	s.pin, s.chosen = pin, ""
	s.say(Prompt{Name: PINChanged})
	if !s.mustChange {
		return Settings, nil
	}
	s.mustChange = false
	return Main, nil
}
