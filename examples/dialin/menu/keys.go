package menu

import (
	"context"
	"iter"

	"github.com/genesys/voicemail"
)

// State is where in the menu a call is.
type State string

// The states.
const (
	AskMailbox      State = "mailbox number"
	AskPIN          State = "PIN"
	NewPIN          State = "new PIN"
	RepeatPIN       State = "new PIN again"
	Main            State = "main menu"
	NewMessages     State = "new messages"
	SavedMessages   State = "saved messages"
	DeletedMessages State = "deleted messages"
	Purge           State = "delete for good"
	ForwardTo       State = "forward to"
	Forward         State = "forward"
	RecordComment   State = "record a comment"
	Greetings       State = "greetings"
	Greeting        State = "one greeting"
	RecordGreeting  State = "record a greeting"
	ReviewGreeting  State = "keep the greeting"
	GreetingExpires State = "days of the temporary greeting"
	Settings        State = "settings"
	OptOut          State = "opt-out number"
	NewOptOut       State = "new opt-out number"
	Over            State = "end"
)

// kind is what the caller does in a state.
type kind int

const (
	presses     kind = iota // a key
	types                   // digits, ended by #
	typesSecret             // likewise, but nobody sees them
	speaks                  // into a recording
)

// menu is what can be done in a state.
type menu struct {
	state State
	kind  kind
	intro Name
	keys  []key
}

// key is what an event does in a state. help announces it; what is announced by the intro of its state has none. to are the states that it can lead to; what leads to one in every state is not
// among them: an error, a message that is gone, too many tries, hanging up.
type key struct {
	on   Event
	help Name
	to   []State
	do   action
}

// action does what a key is for and returns the state it leads to. A refusal can lead to one, too; any other error leads nowhere.
type action func(*Session, context.Context) (State, error)

func (m menu) collects() bool { return m.kind == types || m.kind == typesSecret }

func (m menu) on(e Event) (key, bool) {
	for _, k := range m.keys {
		if k.on == e {
			return k, true
		}
	}
	return key{}, false
}

// enter leads to a state and does nothing else.
func enter(to State) action {
	return func(*Session, context.Context) (State, error) { return to, nil }
}

// repeat says once more what can be done.
func (s *Session) repeat(context.Context) (State, error) {
	s.announce()
	return s.state, nil
}

func help(in State) key { return key{'0', HelpRepeat, to(in), (*Session).repeat} }

func to(states ...State) []State { return states }

// menus is the table.
func menus() []menu {
	all := []menu{
		{AskMailbox, types, SayMailbox, []key{
			{'#', "", to(AskMailbox, AskPIN), (*Session).takeMailbox},
			{'*', "", to(AskMailbox), enter(AskMailbox)},
		}},
		{AskPIN, typesSecret, SayPIN, []key{
			{'#', "", to(AskPIN, Main, NewPIN, Over), (*Session).takePIN},
			{'*', "", to(AskMailbox), enter(AskMailbox)},
		}},
		{NewPIN, typesSecret, SayNewPIN, []key{
			{'#', "", to(NewPIN, RepeatPIN), (*Session).takeNewPIN},
			{'*', "", to(NewPIN, Settings), (*Session).leaveNewPIN},
		}},
		{RepeatPIN, typesSecret, SayRepeatPIN, []key{
			{'#', "", to(NewPIN, Main, Settings), (*Session).takeRepeatedPIN},
			{'*', "", to(NewPIN), enter(NewPIN)},
		}},
		{Main, presses, SayMain, []key{
			{'1', HelpNew, to(Main, NewMessages), open(NewMessages)},
			{'2', HelpSaved, to(Main, SavedMessages), open(SavedMessages)},
			{'3', HelpDeleted, to(Main, DeletedMessages), open(DeletedMessages)},
			{'4', HelpGreetings, to(Greetings), (*Session).enterGreetings},
			{'5', HelpSettings, to(Settings), enter(Settings)},
			help(Main),
			{'*', HelpEnd, to(Over), enter(Over)},
		}},
	}
	for _, folder := range []State{NewMessages, SavedMessages, DeletedMessages} {
		all = append(all, messageMenu(folder))
	}
	return append(all,
		menu{Purge, presses, SayPurge, []key{
			{'1', HelpPurge, to(DeletedMessages, Main), (*Session).purge},
			help(Purge),
			{'*', HelpKeep, to(DeletedMessages), enter(DeletedMessages)},
		}},
		menu{ForwardTo, types, SayForwardTo, []key{
			{'#', "", to(ForwardTo, Forward), (*Session).takeDestination},
			{'*', "", to(Forward, NewMessages, SavedMessages), (*Session).leaveDestination},
		}},
		menu{Forward, presses, SayForward, []key{
			{'1', HelpAnother, to(Forward, ForwardTo), (*Session).another},
			{'2', HelpComment, to(RecordComment), enter(RecordComment)},
			{'3', HelpListen, to(Forward), (*Session).playComment},
			{'#', HelpSend, to(NewMessages, SavedMessages), (*Session).send},
			help(Forward),
			{'*', HelpCancel, to(NewMessages, SavedMessages), (*Session).backToMessage},
			{Played, "", to(Forward), (*Session).repeat},
		}},
		menu{RecordComment, speaks, SayRecordComment, []key{
			{Recorded, "", to(Forward), (*Session).takeComment},
		}},
		menu{Greetings, presses, SayGreetings, []key{
			{'1', HelpUnavailable, to(Greeting), choose(voicemail.GreetingUnavailable)},
			{'2', HelpBusy, to(Greeting), choose(voicemail.GreetingBusy)},
			{'3', HelpTemporary, to(Greeting), choose(voicemail.GreetingTemporary)},
			{'4', HelpName, to(Greeting), choose(voicemail.GreetingName)},
			help(Greetings),
			{'*', HelpBack, to(Main), enter(Main)},
		}},
		menu{Greeting, presses, SayGreeting, []key{
			{'1', HelpListen, to(Greeting), (*Session).playGreeting},
			{'2', HelpRecord, to(RecordGreeting), enter(RecordGreeting)},
			{'3', HelpDeleteGreeting, to(Greeting), (*Session).deleteGreeting},
			{'4', HelpEarlier, to(Greeting), (*Session).restoreGreeting},
			help(Greeting),
			{'*', HelpBack, to(Greetings), enter(Greetings)},
			{Played, "", to(Greeting), (*Session).repeat},
		}},
		menu{RecordGreeting, speaks, SayRecordGreeting, []key{
			{Recorded, "", to(Greeting, ReviewGreeting), (*Session).takeGreeting},
		}},
		menu{ReviewGreeting, presses, SayReviewGreeting, []key{
			{'1', HelpListen, to(ReviewGreeting), (*Session).playDraft},
			{'2', HelpRecordAgain, to(RecordGreeting), enter(RecordGreeting)},
			{'#', HelpKeep, to(Greeting, GreetingExpires), (*Session).keepGreeting},
			help(ReviewGreeting),
			{'*', HelpCancel, to(Greeting), (*Session).dropGreeting},
			{Played, "", to(ReviewGreeting), (*Session).repeat},
		}},
		menu{GreetingExpires, types, SayExpires, []key{
			{'#', "", to(GreetingExpires, Greeting), (*Session).takeDays},
			{'*', "", to(ReviewGreeting), enter(ReviewGreeting)},
		}},
		menu{Settings, presses, SaySettings, []key{
			{'1', HelpPIN, to(NewPIN), enter(NewPIN)},
			{'2', HelpOptOut, to(OptOut), (*Session).enterOptOut},
			help(Settings),
			{'*', HelpBack, to(Main), enter(Main)},
		}},
		menu{OptOut, presses, SayOptOut, []key{
			{'1', HelpNewOptOut, to(NewOptOut), enter(NewOptOut)},
			{'2', HelpNoOptOut, to(OptOut), (*Session).clearOptOut},
			help(OptOut),
			{'*', HelpBack, to(Settings), enter(Settings)},
		}},
		menu{NewOptOut, types, SayNewOptOut, []key{
			{'#', "", to(NewOptOut, OptOut), (*Session).takeOptOut},
			{'*', "", to(OptOut), enter(OptOut)},
		}},
		menu{Over, presses, Goodbye, nil},
	)
}

// messageMenu is what can be done with a message. In the trash that is less.
func messageMenu(folder State) menu {
	keys := []key{{'1', HelpAgain, to(folder), (*Session).again}}
	switch folder {
	case NewMessages:
		keys = append(keys, key{'2', HelpSave, to(folder, Main), (*Session).save})
	case SavedMessages:
		keys = append(keys, key{'2', HelpMarkNew, to(folder, Main), (*Session).markNew})
	default:
		keys = append(keys,
			key{'2', HelpRestore, to(folder, Main), (*Session).restore},
			key{'3', HelpPurge, to(Purge), enter(Purge)},
		)
	}
	if folder != DeletedMessages {
		keys = append(keys,
			key{'3', HelpDelete, to(folder, Main), (*Session).trash},
			key{'4', HelpForward, to(folder, ForwardTo), (*Session).forward},
		)
	}
	keys = append(keys, key{'5', HelpEnvelope, to(folder), (*Session).tellEnvelope})
	if folder != DeletedMessages {
		keys = append(keys, key{'6', HelpUrgent, to(folder), (*Session).toggleUrgent})
	}
	return menu{folder, presses, SayMessage, append(keys,
		key{'7', HelpRewind, to(folder), (*Session).rewind},
		key{'8', HelpPause, to(folder), (*Session).pause},
		key{'9', HelpAhead, to(folder), (*Session).ahead},
		key{'#', HelpNext, to(folder, Main), (*Session).next},
		help(folder),
		key{'*', HelpBack, to(Main), enter(Main)},
		key{Played, "", to(folder), (*Session).heard},
	)}
}

// Keys yields the table: what each key does in each state, in the order in which it is announced. Where the caller types or speaks, the intro says which keys there are: it comes without a key.
func Keys() iter.Seq2[State, Prompt] {
	return func(yield func(State, Prompt) bool) {
		for _, m := range menus() {
			if m.kind != presses && !yield(m.state, Prompt{Name: m.intro}) {
				return
			}
			for _, k := range m.keys {
				if k.help != "" && !yield(m.state, Prompt{Name: k.help, Key: k.on}) {
					return
				}
			}
		}
	}
}
