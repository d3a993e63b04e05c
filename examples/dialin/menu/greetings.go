package menu

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/genesys/voicemail"
)

func (s *Session) greetings() *voicemail.Greetings { return s.svc.Greetings(s.box) }

// enterGreetings tells which greeting callers hear.
func (s *Session) enterGreetings(ctx context.Context) (State, error) {
	g, err := s.greetings().For(ctx, voicemail.GreetingUnavailable)
	switch {
	case errors.Is(err, voicemail.ErrNoGreeting):
		s.say(Prompt{Name: NoGreeting})
	case err != nil:
		return "", err
	default:
		s.say(Prompt{Name: CallersHear})
		s.say(Prompt{Name: kindName(g.Kind)})
		if !g.Expires.IsZero() {
			s.say(Prompt{Name: Until, Time: g.Expires})
		}
	}
	return Greetings, nil
}

func kindName(k voicemail.GreetingKind) Name {
	switch k {
	case voicemail.GreetingBusy:
		return KindBusy
	case voicemail.GreetingTemporary:
		return KindTemporary
	case voicemail.GreetingName:
		return KindName
	default:
		return KindUnavailable
	}
}

func choose(kind voicemail.GreetingKind) action {
	return func(s *Session, _ context.Context) (State, error) {
		s.kind = kind
		s.say(Prompt{Name: kindName(kind)})
		return Greeting, nil
	}
}

func (s *Session) playGreeting(ctx context.Context) (State, error) {
	set, err := s.greetings().Current(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(set, func(g voicemail.Greeting) bool { return g.Kind == s.kind })
	if i < 0 {
		return Greeting, refusal(NoGreeting)
	}
	g := set[i]
	if !g.Expires.IsZero() {
		s.say(Prompt{Name: Until, Time: g.Expires})
	}
	recording := track{g.ContentType, g.Duration, func(ctx context.Context) (io.ReadSeekCloser, error) { return s.greetings().Open(ctx, g) }}
	return Greeting, s.play(ctx, []track{recording}, 0)
}

func (s *Session) deleteGreeting(ctx context.Context) (State, error) {
	return s.changed(s.greetings().Delete(ctx, s.kind), GreetingDeleted, NoGreeting)
}

// restoreGreeting brings back the greeting that was before the current one, or the deleted one.
func (s *Session) restoreGreeting(ctx context.Context) (State, error) {
	history, err := s.greetings().History(ctx, s.kind)
	if err != nil {
		return "", err
	}
	for i, g := range history {
		if i > 0 && !g.Deleted {
			_, err := s.greetings().Restore(ctx, g, nil)
			return s.changed(err, GreetingRestored, NoEarlier)
		}
	}
	return Greeting, refusal(NoEarlier)
}

// changed tells that the greetings have changed, or that there was none to change.
func (s *Session) changed(err error, done, none Name) (State, error) {
	switch {
	case errors.Is(err, voicemail.ErrNoGreeting):
		return Greeting, refusal(none)
	case err != nil:
		return "", err
	}
	s.say(Prompt{Name: done})
	return Greeting, nil
}

func (s *Session) takeGreeting(context.Context) (State, error) {
	if len(s.in.Audio) == 0 {
		return Greeting, refusal(NothingSaid)
	}
	s.said = s.in.Audio
	return ReviewGreeting, nil
}

func (s *Session) playDraft(ctx context.Context) (State, error) {
	return ReviewGreeting, s.play(ctx, []track{spoken(s.said)}, 0)
}

func (s *Session) dropGreeting(context.Context) (State, error) {
	s.said = nil
	return Greeting, nil
}

func (s *Session) keepGreeting(ctx context.Context) (State, error) {
	if s.kind == voicemail.GreetingTemporary {
		return GreetingExpires, nil
	}
	return s.setGreeting(ctx, time.Time{})
}

// maxDays is how long a temporary greeting is set for at most.
const maxDays = 365

// takeDays takes for how many days the temporary greeting is played; 0 is until it is deleted.
func (s *Session) takeDays(ctx context.Context) (State, error) {
	days, err := strconv.Atoi(s.digits)
	if err != nil || days > maxDays {
		return GreetingExpires, refusal(NoNumber)
	}
	if days == 0 {
		return s.setGreeting(ctx, time.Time{})
	}
	return s.setGreeting(ctx, s.opts.Now().AddDate(0, 0, days))
}

func (s *Session) setGreeting(ctx context.Context, expires time.Time) (State, error) {
	_, err := s.greetings().Set(ctx, s.kind, bytes.NewReader(s.said), &voicemail.GreetingOptions{Expires: expires})
	switch {
	case errors.Is(err, voicemail.ErrTooLarge):
		return Greeting, refusal(TooLong)
	case err != nil:
		return "", err
	}
	s.said = nil
	s.say(Prompt{Name: GreetingSet})
	return Greeting, nil
}
