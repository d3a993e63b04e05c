package menu

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/genesys/voicemail"
)

// Name is the name of a prompt: what a platform calls the recording of it.
type Name string

// Prompt is something to say: a name, and what the name says is spoken with it. It prints as its name, without what it is spoken with.
type Prompt struct {
	Name Name
	// Key is the key that a prompt of the table announces.
	Key Event
	// Count is a number of messages, or of mailboxes.
	Count int
	// Digits is the number of a mailbox, or an opt-out number, spoken digit by digit; the latter may be a name.
	Digits string
	// Caller is who left a message.
	Caller voicemail.CallerID
	// Time is in Options.Location.
	Time time.Time
	// Length is how long a message is.
	Length time.Duration
}

// Format prints the name under every verb.
func (p Prompt) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, string(p.Name)) }

// What is said when a state is entered, and when nothing or something wrong was pressed there.
const (
	SayMailbox        Name = "say-mailbox"
	SayPIN            Name = "say-pin"
	SayNewPIN         Name = "say-new-pin"
	SayRepeatPIN      Name = "say-repeat-pin"
	SayMain           Name = "say-main"
	SayMessage        Name = "say-message"
	SayPurge          Name = "say-purge"
	SayForwardTo      Name = "say-forward-to"
	SayForward        Name = "say-forward"
	SayRecordComment  Name = "say-record-comment"
	SayGreetings      Name = "say-greetings"
	SayGreeting       Name = "say-greeting"
	SayRecordGreeting Name = "say-record-greeting"
	SayReviewGreeting Name = "say-review-greeting"
	SayExpires        Name = "say-expires"
	SaySettings       Name = "say-settings"
	SayOptOut         Name = "say-opt-out"
	SayNewOptOut      Name = "say-new-opt-out"
)

// What a key is for; Prompt.Key is the key.
const (
	HelpRepeat         Name = "help-repeat"
	HelpNew            Name = "help-new"
	HelpSaved          Name = "help-saved"
	HelpDeleted        Name = "help-deleted"
	HelpGreetings      Name = "help-greetings"
	HelpSettings       Name = "help-settings"
	HelpEnd            Name = "help-end"
	HelpBack           Name = "help-back"
	HelpAgain          Name = "help-again"
	HelpSave           Name = "help-save"
	HelpMarkNew        Name = "help-mark-new"
	HelpRestore        Name = "help-restore"
	HelpDelete         Name = "help-delete"
	HelpPurge          Name = "help-purge"
	HelpForward        Name = "help-forward"
	HelpEnvelope       Name = "help-envelope"
	HelpUrgent         Name = "help-urgent"
	HelpRewind         Name = "help-rewind"
	HelpPause          Name = "help-pause"
	HelpAhead          Name = "help-ahead"
	HelpNext           Name = "help-next"
	HelpKeep           Name = "help-keep"
	HelpCancel         Name = "help-cancel"
	HelpAnother        Name = "help-another"
	HelpComment        Name = "help-comment"
	HelpListen         Name = "help-listen"
	HelpSend           Name = "help-send"
	HelpUnavailable    Name = "help-unavailable"
	HelpBusy           Name = "help-busy"
	HelpTemporary      Name = "help-temporary"
	HelpName           Name = "help-name"
	HelpRecord         Name = "help-record"
	HelpRecordAgain    Name = "help-record-again"
	HelpDeleteGreeting Name = "help-delete-greeting"
	HelpEarlier        Name = "help-earlier"
	HelpPIN            Name = "help-pin"
	HelpOptOut         Name = "help-opt-out"
	HelpNewOptOut      Name = "help-new-opt-out"
	HelpNoOptOut       Name = "help-no-opt-out"
)

// What is told.
const (
	Welcome          Name = "welcome"
	Goodbye          Name = "goodbye"
	NoSuchKey        Name = "no-such-key"
	NoNumber         Name = "no-number"
	Silence          Name = "silence"
	Unavailable      Name = "unavailable"
	WrongPIN         Name = "wrong-pin"
	Locked           Name = "locked"
	NoPIN            Name = "no-pin"
	MustChange       Name = "must-change"
	WeakPIN          Name = "weak-pin"
	DifferentPINs    Name = "different-pins"
	PINChanged       Name = "pin-changed"
	CountNew         Name = "count-new"
	CountUrgent      Name = "count-urgent"
	CountSaved       Name = "count-saved"
	Damaged          Name = "damaged"
	NoMessages       Name = "no-messages"
	NoMore           Name = "no-more"
	MessageNumber    Name = "message-number"
	IsUrgent         Name = "is-urgent"
	IsNotUrgent      Name = "is-not-urgent"
	IsPrivate        Name = "is-private"
	WithComment      Name = "with-comment"
	CannotPlay       Name = "cannot-play"
	Gone             Name = "gone"
	Paused           Name = "paused"
	EndOfMessage     Name = "end-of-message"
	IsSaved          Name = "is-saved"
	IsNew            Name = "is-new"
	IsDeleted        Name = "is-deleted"
	IsRestored       Name = "is-restored"
	IsPurged         Name = "is-purged"
	IsHeld           Name = "is-held"
	ReceivedAt       Name = "received-at"
	FromNumber       Name = "from-number"
	FromAddress      Name = "from-address"
	FromNobody       Name = "from-nobody"
	ForwardedBy      Name = "forwarded-by"
	Lasts            Name = "lasts"
	NoMailbox        Name = "no-mailbox"
	TooManyMailboxes Name = "too-many-mailboxes"
	ForwardsTo       Name = "forwards-to"
	NothingSaid      Name = "nothing-said"
	IsSent           Name = "is-sent"
	IsFull           Name = "is-full"
	IsClosed         Name = "is-closed"
	NoGreeting       Name = "no-greeting"
	NoEarlier        Name = "no-earlier"
	CallersHear      Name = "callers-hear"
	KindUnavailable  Name = "kind-unavailable"
	KindBusy         Name = "kind-busy"
	KindTemporary    Name = "kind-temporary"
	KindName         Name = "kind-name"
	Until            Name = "until"
	GreetingSet      Name = "greeting-set"
	GreetingDeleted  Name = "greeting-deleted"
	GreetingRestored Name = "greeting-restored"
	TooLong          Name = "too-long"
	OptOutIs         Name = "opt-out-is"
	NoOptOut         Name = "no-opt-out"
)

// Text returns what is said, in English. It may hold a caller's number.
func (p Prompt) Text() string {
	return strings.NewReplacer(
		"{key}", p.Key.spoken(),
		"{count}", strconv.Itoa(p.Count),
		"{digits}", spell(p.Digits),
		"{caller}", spell(p.Caller.Reveal()),
		"{time}", p.Time.Format("Monday 2 January, 15:04"),
		"{length}", strconv.Itoa(int(p.Length.Round(time.Second)/time.Second)),
	).Replace(text(p.Name))
}

func (e Event) spoken() string {
	switch e {
	case '*':
		return "star"
	case '#':
		return "hash"
	}
	return string(e)
}

// spell puts spaces between digits, so that a synthesizer says each one. What is no number stays as it is.
func spell(number string) string {
	if strings.Trim(number, "+0123456789") != "" {
		return number
	}
	spaced := strings.Join(strings.Split(number, ""), " ")
	return strings.Replace(spaced, "+", "plus", 1)
}
