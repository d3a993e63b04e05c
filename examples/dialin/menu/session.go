package menu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/access"
)

// Options are the options of [New]. The zero value, and a nil *Options, are the defaults named below.
type Options struct {
	// Mailbox is the mailbox of the telephone that calls, whose PIN is asked for at once; default none: the mailbox is asked for, too.
	Mailbox voicemail.MailboxID
	// Reader is who calls, an ID of the application's, for voicemail.Message.FirstReader; default nobody. A mailbox of a group has several who might.
	Reader string
	// Wait is how long a reply waits for a key; default 5 seconds.
	Wait time.Duration
	// Tries is how many bad or missing keys in a row, and how many wrong PINs, end the call; default 3. Package access bounds the wrong PINs of all calls.
	Tries int
	// Skip is how far 7 and 9 skip in a recording; default 5 seconds.
	Skip time.Duration
	// Longest is how long a greeting or a comment may be; default 2 minutes.
	Longest time.Duration
	// List is how many messages one visit to the new, the saved or the deleted ones brings, the newest; default 100.
	List int
	// OptOutDigits is the longest opt-out number that a caller may set; default 5, an extension: callers are connected there at the tenant's expense.
	OptOutDigits int
	// Now is the clock by which a temporary greeting expires, the same as voicemail.Options.Now; default time.Now. Location is where times are told for; default UTC.
	Now      func() time.Time
	Location *time.Location
}

func (o *Options) defaults() {
	set(&o.Wait, 5*time.Second)
	set(&o.Tries, 3)
	set(&o.Skip, 5*time.Second)
	set(&o.Longest, 2*time.Minute)
	set(&o.List, 100)
	set(&o.OptOutDigits, 5)
	set(&o.Location, time.UTC)
	if o.Now == nil {
		o.Now = time.Now
	}
}

// set sets what was left out.
func set[T int | time.Duration | *time.Location](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// Event is what happens in a call. A key of the telephone is the character on it: '0' to '9', '*' and '#'.
type Event rune

// What happens beside keys.
const (
	// HangUp: the caller did, or was cut off.
	HangUp Event = 'h'
	// TimeOut: no key came for Reply.Wait.
	TimeOut Event = 't'
	// Played: Reply.Play was played to its end.
	Played Event = 'p'
	// Broken: Reply.Play could not be played, or not to its end.
	Broken Event = 'b'
	// Recorded: Reply.Record has ended. By which key it was ended does not count.
	Recorded Event = 'r'
)

func (e Event) digit() bool { return '0' <= e && e <= '9' }

// Input is what happened, and what belongs to it.
type Input struct {
	Event Event
	// At is the position that Reply.Play had reached, from the start of the recording.
	At time.Duration
	// Audio, of Recorded, is what was said, in a format that says itself what it is. The session keeps it, and does not change it.
	Audio []byte
}

// Reply is what the platform does next.
type Reply struct {
	// Say is said first.
	Say []Prompt
	// Play is played then; nil is nothing. The platform closes Play.Audio, also when it plays nothing of it.
	Play *Recording
	// Record, if it is not 0, is how long may be recorded then, behind a tone. A key, silence, or the end of this time ends it.
	Record time.Duration
	// Wait is how long to wait for a key when nothing is played any more.
	Wait time.Duration
	// Secret: what is typed next is a PIN: it is neither shown nor logged.
	Secret bool
	// End ends the call.
	End bool
}

// Recording is a recording to play.
type Recording struct {
	Audio io.ReadSeekCloser
	// ContentType is its media type.
	ContentType string
	// From is where in it to begin; Length is how long it is, 0 if that is not known.
	From, Length time.Duration
}

// Session is one call to the access number. It is not safe for concurrent use, needs no closing, and prints nothing of what was typed.
type Session struct {
	svc  *voicemail.Service
	door *access.Access
	opts Options
	menu map[State]menu

	state           State
	digits          string // typed and not ended yet
	strikes, denied int
	in              Input
	reply           Reply
	fault           error // for the operator, of a step that went on without

	box        voicemail.MailboxID
	pin        access.PIN
	mustChange bool
	chosen     string // the new PIN, until it was typed again

	visit
	tape
	draft
	kind voicemail.GreetingKind
	said []byte // a greeting that is not kept yet

	walked func(from State, on Event, to State) // for tests
}

// New returns the menu of one call. It looks at nothing.
func New(svc *voicemail.Service, door *access.Access, opts *Options) *Session {
	s := &Session{svc: svc, door: door, menu: map[State]menu{}, state: AskMailbox}
	if opts != nil {
		s.opts = *opts
	}
	s.opts.defaults()
	for _, m := range menus() {
		s.menu[m.state] = m
	}
	if s.opts.Mailbox != "" {
		s.box, s.state = s.opts.Mailbox, AskPIN
	}
	return s
}

// Format prints that it is a call, under every verb.
func (Session) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "call") }

// State returns where in the menu the call is.
func (s *Session) State() State { return s.state }

// Mailbox returns whose mailbox the call is in, "" until the PIN was right.
func (s *Session) Mailbox() voicemail.MailboxID {
	if s.state == AskMailbox || s.state == AskPIN {
		return ""
	}
	return s.box
}

// Start returns the first reply of a call.
func (s *Session) Start() Reply {
	s.reply = Reply{}
	s.say(Prompt{Name: Welcome})
	s.announce()
	return s.finish()
}

// Step takes what happened, and returns what to do next. An error is one of the library's, for the operator: the caller has been told that it did not work, and the call goes on with the reply,
// as if the key had not been pressed. ctx also governs Reply.Play until it is closed.
func (s *Session) Step(ctx context.Context, in Input) (Reply, error) {
	s.in, s.reply, s.fault = in, Reply{}, nil
	if in.Event == HangUp || s.state == Over {
		s.state, s.reply.End = Over, true
		return s.reply, nil
	}
	s.position()
	m, on := s.menu[s.state], in.Event
	if m.collects() {
		switch {
		case on.digit():
			if len(s.digits) <= maxTyped {
				s.digits += string(on)
			}
			return s.finish(), nil
		case on == TimeOut && s.digits != "":
			on = '#' // whoever types and stops has typed all
		}
	}
	err := s.act(ctx, m, on)
	return s.finish(), err
}

// maxTyped is how much is kept of what is typed. Nothing is that long, so what is longer is refused as a whole.
const maxTyped = 64

// refusal is the error of what the caller did, and is told about. It changes nothing else.
type refusal Name

func (r refusal) Error() string { return string(r) }

// act does what the table says of an event, and goes where that leads.
func (s *Session) act(ctx context.Context, m menu, on Event) error {
	k, ok := m.on(on)
	to, err := s.state, error(nil)
	switch {
	case (on == Played || on == Broken) && !s.playing:
		return nil // a key came first
	case ok:
		to, err = k.do(s, ctx)
	case on == TimeOut:
		err = refusal(Silence)
	case on == Broken:
		err = refusal(CannotPlay)
	case on.digit() || on == '*' || on == '#':
		err = refusal(NoSuchKey)
	default:
		return nil
	}
	if errors.Is(err, voicemail.ErrNotFound) {
		s.say(Prompt{Name: Gone})
		to, err = s.next(ctx)
		ok = false
	}
	var refused refusal
	switch {
	case err == nil:
		s.strikes = 0
	case errors.As(err, &refused):
		s.strikes++
		s.say(Prompt{Name: Name(refused)})
		err = nil
	default:
		s.strikes++
		s.say(Prompt{Name: Unavailable})
		to, ok = s.state, false
	}
	if ok && s.walked != nil {
		s.walked(s.state, on, to)
	}
	if s.strikes >= s.opts.Tries || s.denied >= s.opts.Tries {
		to = Over
	}
	again := s.strikes > 0 || to != s.state || s.menu[to].collects() || s.fault != nil
	s.state, s.digits = to, ""
	if again && s.reply.Play == nil {
		s.announce()
	}
	return errors.Join(err, s.fault)
}

// announce says what can be done.
func (s *Session) announce() {
	m := s.menu[s.state]
	s.say(Prompt{Name: m.intro})
	for _, k := range m.keys {
		if k.help != "" {
			s.say(Prompt{Name: k.help, Key: k.on})
		}
	}
	if m.kind == speaks {
		s.reply.Record = s.opts.Longest
	}
}

func (s *Session) say(p Prompt) {
	if !p.Time.IsZero() {
		p.Time = p.Time.In(s.opts.Location)
	}
	s.reply.Say = append(s.reply.Say, p)
}

func (s *Session) finish() Reply {
	s.reply.Secret = s.menu[s.state].kind == typesSecret
	s.reply.End = s.state == Over
	if !s.reply.End {
		s.reply.Wait = s.opts.Wait
	}
	s.playing = s.reply.Play != nil
	return s.reply
}

// mailbox returns the caller's mailbox.
func (s *Session) mailbox() voicemail.Mailbox { return s.svc.Mailbox(s.box) }
