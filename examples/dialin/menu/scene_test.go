package menu

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

const login = "5001#7391#"

// scene is a call: what happens, where it ends, what is said at the end, and which messages are different then.
type scene struct {
	name   string
	script string
	ends   State
	says   []Name
	leaves map[string]string
	check  func(*testing.T, *world)
}

func scenes() []scene {
	is := func(name, state string) map[string]string { return map[string]string{name: state} }
	unavailable := func(seconds int) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { assert.Equal(t, seconds, w.greeting(voicemail.GreetingUnavailable)) }
	}
	optOut := func(number string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			set, err := w.svc.Mailbox("5001").Settings(t.Context())
			require.NoError(t, err)
			assert.Equal(t, number, set.OptOutNumber)
		}
	}
	counts := func(box voicemail.MailboxID, n int) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { assert.Equal(t, n, w.count(box)) }
	}
	canEnter := func(box, digits string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			_, err := w.door.Verify(t.Context(), voicemail.MailboxID(box), pin(t, digits))
			assert.NoError(t, err)
		}
	}
	return []scene{
		{name: "no mailbox number", script: "#", ends: AskMailbox, says: []Name{NoNumber, SayMailbox}},
		{name: "a mailbox number begun anew", script: "12*5001#", ends: AskPIN, says: []Name{SayPIN}},
		{name: "another mailbox", script: "5001#*", ends: AskMailbox, says: []Name{SayMailbox}},
		{name: "a number that is too long", script: strings.Repeat("5", 100) + "#", ends: AskMailbox, says: []Name{NoNumber}},
		{name: "a wrong PIN", script: "5001#1111#", ends: AskPIN, says: []Name{WrongPIN, SayPIN}},
		{name: "no PIN at all", script: "5001##", ends: AskPIN, says: []Name{WrongPIN}},
		{name: "a PIN with more behind it", script: "5001#7391" + strings.Repeat("1", 100) + "#", ends: AskPIN, says: []Name{WrongPIN}},
		{name: "a mailbox that does not exist", script: "9999#1111#", ends: AskPIN, says: []Name{WrongPIN}},
		{name: "a mailbox without a PIN", script: "5005#1111#", ends: Over, says: []Name{NoPIN, Goodbye}},
		{name: "three wrong PINs of different mailboxes", script: "5001#1111#*5002#2222#*5003#3333#", ends: Over, says: []Name{WrongPIN, Goodbye}},
		{name: "in", script: login, ends: Main, says: []Name{CountNew, CountUrgent, CountSaved, SayMain, HelpNew, HelpEnd}},
		{name: "a PIN without hash", script: "5001t7391t", ends: Main, says: []Name{SayMain}},

		{name: "a PIN that must be changed", script: "5002#4826#", ends: NewPIN, says: []Name{MustChange, SayNewPIN}},
		{name: "no way around the change", script: "5002#4826#*", ends: NewPIN, says: []Name{MustChange, SayNewPIN}},
		{name: "a PIN changed as it must be", script: "5002#4826#8642#8642#", ends: Main, says: []Name{PINChanged, SayMain}, check: canEnter("5002", "8642")},
		{name: "a PIN that is no PIN", script: login + "5112#", ends: NewPIN, says: []Name{WeakPIN, SayNewPIN}, check: canEnter("5001", "7391")},
		{name: "a PIN that is easy to guess", script: login + "511234#1234#", ends: NewPIN, says: []Name{WeakPIN, SayNewPIN}, check: canEnter("5001", "7391")},
		{name: "two different new PINs", script: login + "518642#8643#", ends: NewPIN, says: []Name{DifferentPINs}, check: canEnter("5001", "7391")},
		{name: "another new PIN", script: login + "518642#*", ends: NewPIN, says: []Name{SayNewPIN}},
		{name: "no new PIN after all", script: login + "51*", ends: Settings, says: []Name{SaySettings}, check: canEnter("5001", "7391")},
		{name: "a new PIN", script: login + "518642#8642#", ends: Settings, says: []Name{PINChanged, SaySettings}, check: canEnter("5001", "8642")},

		{name: "help in the main menu", script: login + "0", ends: Main, says: []Name{SayMain, HelpEnd}},
		{name: "the end", script: login + "*", ends: Over, says: []Name{Goodbye}},
		{name: "new messages", script: login + "1", ends: NewMessages, says: []Name{MessageNumber, IsUrgent}},
		{name: "no new messages", script: login + "13331", ends: Main, says: []Name{NoMore, NoMessages}, leaves: map[string]string{
			"gate": "new urgent deleted", "keys": "new deleted", "pay": "new deleted",
		}},
		{name: "hearing a message saves it", script: login + "1p", ends: NewMessages, says: []Name{EndOfMessage, SayMessage, HelpSave}, leaves: is("gate", "saved urgent")},
		{name: "again", script: login + "11", ends: NewMessages, says: []Name{MessageNumber}},
		{name: "save", script: login + "1#2", ends: NewMessages, says: []Name{IsSaved, MessageNumber, IsPrivate}, leaves: is("keys", "saved")},
		{name: "save the last", script: login + "1##2", ends: Main, says: []Name{IsSaved, NoMore, SayMain}, leaves: is("pay", "saved")},
		{name: "delete", script: login + "13", ends: NewMessages, says: []Name{IsDeleted, MessageNumber}, leaves: is("gate", "new urgent deleted")},
		{name: "delete the last", script: login + "1##3", ends: Main, says: []Name{IsDeleted, NoMore}, leaves: is("pay", "new deleted")},
		{name: "what cannot be forwarded", script: login + "1##4", ends: NewMessages, says: []Name{IsPrivate, SayMessage}},
		{name: "from a number", script: login + "1#5", ends: NewMessages, says: []Name{ReceivedAt, FromNumber, Lasts}},
		{name: "from nobody", script: login + "15", ends: NewMessages, says: []Name{ReceivedAt, FromNobody, Lasts}},
		{name: "from an address", script: login + "25", ends: SavedMessages, says: []Name{ReceivedAt, FromAddress, Lasts}},
		{name: "not urgent", script: login + "16", ends: NewMessages, says: []Name{IsNotUrgent}, leaves: is("gate", "new")},
		{name: "urgent again", script: login + "166", ends: NewMessages, says: []Name{IsUrgent}},
		{name: "back", script: login + "17", ends: NewMessages},
		{name: "pause", script: login + "18", ends: NewMessages, says: []Name{Paused}},
		{name: "ahead", script: login + "19", ends: NewMessages},
		{name: "next", script: login + "1#", ends: NewMessages, says: []Name{MessageNumber}},
		{name: "behind the last", script: login + "1###", ends: Main, says: []Name{NoMore, SayMain}},
		{name: "help with a message", script: login + "10", ends: NewMessages, says: []Name{SayMessage, HelpNext}},
		{name: "back to the main menu", script: login + "1*", ends: Main, says: []Name{SayMain}},

		{name: "saved messages", script: login + "2", ends: SavedMessages, says: []Name{MessageNumber}},
		{name: "no saved messages", script: login + "232", ends: Main, says: []Name{NoMessages}, leaves: is("old", "saved deleted")},
		{name: "a saved one again", script: login + "21", ends: SavedMessages, says: []Name{MessageNumber}},
		{name: "new again", script: login + "1p*22", ends: SavedMessages, says: []Name{IsNew, MessageNumber}},
		{name: "the last new again", script: login + "22", ends: Main, says: []Name{IsNew, NoMore}, leaves: is("old", "new")},
		{name: "delete a saved one", script: login + "1p*23", ends: SavedMessages, says: []Name{IsDeleted, MessageNumber}, leaves: is("gate", "saved urgent deleted")},
		{name: "delete the last saved one", script: login + "23", ends: Main, says: []Name{IsDeleted, NoMore}, leaves: is("old", "saved deleted")},
		{name: "what was private and saved", script: login + "1##p*24", ends: SavedMessages, leaves: is("pay", "saved"), says: []Name{IsPrivate}},
		{name: "urgent", script: login + "26", ends: SavedMessages, says: []Name{IsUrgent}, leaves: is("old", "saved urgent")},
		{name: "back in a saved one", script: login + "27", ends: SavedMessages},
		{name: "pause a saved one, and go on", script: login + "288", ends: SavedMessages, says: []Name{Paused}},
		{name: "ahead in a saved one", script: login + "29", ends: SavedMessages},
		{name: "the next saved one", script: login + "1p*2#", ends: SavedMessages, says: []Name{MessageNumber}, leaves: is("gate", "saved urgent")},
		{name: "behind the last saved one", script: login + "2#", ends: Main, says: []Name{NoMore}},
		{name: "help with a saved one", script: login + "20", ends: SavedMessages, says: []Name{SayMessage, HelpMarkNew}},
		{name: "from saved ones to the main menu", script: login + "2*", ends: Main},
		{name: "the end of a saved one", script: login + "2p", ends: SavedMessages, says: []Name{EndOfMessage}},

		{name: "deleted messages", script: login + "3", ends: DeletedMessages, says: []Name{MessageNumber}},
		{name: "no deleted messages", script: login + "323", ends: Main, says: []Name{IsRestored, NoMessages}, leaves: is("bin", "saved")},
		{name: "a deleted one again", script: login + "31", ends: DeletedMessages},
		{name: "restore", script: login + "13*32", ends: DeletedMessages, says: []Name{IsRestored, MessageNumber}},
		{name: "restore the last", script: login + "32", ends: Main, says: []Name{IsRestored, NoMore}, leaves: is("bin", "saved")},
		{name: "delete for good?", script: login + "33", ends: Purge, says: []Name{SayPurge, HelpPurge, HelpKeep}},
		{name: "no", script: login + "33*", ends: DeletedMessages, says: []Name{SayMessage}},
		{name: "help before it is too late", script: login + "330", ends: Purge, says: []Name{SayPurge}},
		{name: "yes", script: login + "331", ends: Main, says: []Name{IsPurged, NoMore}, leaves: is("bin", "gone")},
		{name: "yes, and the next", script: login + "13*331", ends: DeletedMessages, says: []Name{IsPurged, MessageNumber}, leaves: is("gate", "gone")},
		{name: "when was it deleted", script: login + "35", ends: DeletedMessages, says: []Name{ReceivedAt}},
		{name: "back in a deleted one", script: login + "37", ends: DeletedMessages},
		{name: "pause a deleted one", script: login + "38", ends: DeletedMessages},
		{name: "ahead in a deleted one", script: login + "39", ends: DeletedMessages},
		{name: "the next deleted one", script: login + "13*3#", ends: DeletedMessages, leaves: is("gate", "new urgent deleted")},
		{name: "behind the last deleted one", script: login + "3#", ends: Main},
		{name: "help with a deleted one", script: login + "30", ends: DeletedMessages, says: []Name{HelpRestore}},
		{name: "from deleted ones to the main menu", script: login + "3*", ends: Main},
		{name: "the end of a deleted one changes nothing", script: login + "13*3p", ends: DeletedMessages, says: []Name{EndOfMessage}, leaves: is("gate", "new urgent deleted")},

		{name: "forward", script: login + "145002##", ends: NewMessages, says: []Name{ForwardsTo, IsSent, SayMessage}, check: counts("5002", 1)},
		{name: "forward to oneself", script: login + "145001##", ends: NewMessages, says: []Name{IsSent}, check: counts("5001", 5)},
		{name: "forward a saved one to several", script: login + "245002#15005##", ends: SavedMessages, says: []Name{IsSent}, check: counts("5005", 1)},
		{name: "forward to one twice", script: login + "145002#15002##", ends: NewMessages, says: []Name{IsSent}, check: counts("5002", 1)},
		{name: "forward to no number", script: login + "14#", ends: ForwardTo, says: []Name{NoNumber, SayForwardTo}},
		{name: "forward to no mailbox", script: login + "149999#", ends: ForwardTo, says: []Name{NoMailbox, SayForwardTo}},
		{name: "forward to nobody after all", script: login + "14*", ends: NewMessages, says: []Name{SayMessage}},
		{name: "a saved one to nobody after all", script: login + "24*", ends: SavedMessages, says: []Name{SayMessage}},
		{name: "no other mailbox after all", script: login + "145002#1*", ends: Forward, says: []Name{SayForward}},
		{name: "not sent", script: login + "145002#*", ends: NewMessages, check: counts("5002", 0)},
		{name: "a saved one not sent", script: login + "245002#*", ends: SavedMessages, check: counts("5002", 0)},
		{name: "help before sending", script: login + "145002#0", ends: Forward, says: []Name{SayForward, HelpSend}},
		{name: "a comment, heard and sent", script: login + "145002#2r3p#", ends: NewMessages, says: []Name{SayRecordComment, IsSent}, check: counts("5002", 1)},
		{name: "no comment to hear", script: login + "145002#3", ends: Forward, says: []Name{NothingSaid, SayForward}},
		{name: "a mailbox that is full", script: login + "145003##", ends: NewMessages, says: []Name{IsFull, SayMessage}, check: counts("5003", 1)},
		{name: "a mailbox that is disabled", script: login + "145004#15002##", ends: NewMessages, says: []Name{IsClosed, IsSent}, check: counts("5002", 1)},
		{name: "too many mailboxes", script: login + "14" + tooMany() + "1", ends: Forward, says: []Name{TooManyMailboxes}},

		{name: "greetings", script: login + "4", ends: Greetings, says: []Name{CallersHear, KindUnavailable, SayGreetings}},
		{name: "which greeting", script: login + "40", ends: Greetings, says: []Name{SayGreetings, HelpName}},
		{name: "from greetings to the main menu", script: login + "4*", ends: Main},
		{name: "listen to a greeting", script: login + "411p", ends: Greeting, says: []Name{KindUnavailable, SayGreeting}},
		{name: "no greeting to listen to", script: login + "421", ends: Greeting, says: []Name{KindBusy, NoGreeting, SayGreeting}},
		{name: "help with a greeting", script: login + "410", ends: Greeting, says: []Name{SayGreeting, HelpEarlier}},
		{name: "back to the greetings", script: login + "41*", ends: Greetings, says: []Name{SayGreetings}},
		{name: "record a greeting", script: login + "412r#", ends: Greeting, says: []Name{SayRecordGreeting, SayReviewGreeting, GreetingSet}, check: unavailable(3)},
		{name: "record it again", script: login + "412r2r#", ends: Greeting, says: []Name{SayRecordGreeting, GreetingSet}, check: unavailable(3)},
		{name: "listen to it first", script: login + "412r1p0", ends: ReviewGreeting, says: []Name{SayReviewGreeting, HelpKeep}, check: unavailable(2)},
		{name: "not kept", script: login + "412r*", ends: Greeting, says: []Name{SayGreeting}, check: unavailable(2)},
		{name: "a name", script: login + "442r#", ends: Greeting, says: []Name{KindName, GreetingSet}},
		{name: "for three days", script: login + "432r#3#**4", ends: Greetings, says: []Name{KindTemporary, SayExpires, GreetingSet, CallersHear, KindTemporary, Until}},
		{name: "a temporary one heard", script: login + "432r#3#1", ends: Greeting, says: []Name{GreetingSet, Until}},
		{name: "until it is deleted", script: login + "432r#0#", ends: Greeting, says: []Name{GreetingSet}},
		{name: "for no number of days", script: login + "432r##", ends: GreetingExpires, says: []Name{NoNumber, SayExpires}},
		{name: "for too many days", script: login + "432r#366#", ends: GreetingExpires, says: []Name{NoNumber}},
		{name: "not for days after all", script: login + "432r#*", ends: ReviewGreeting, says: []Name{SayReviewGreeting}},
		{name: "delete a greeting", script: login + "413**4", ends: Greetings, says: []Name{GreetingDeleted, NoGreeting}, check: unavailable(0)},
		{name: "no greeting to delete", script: login + "423", ends: Greeting, says: []Name{NoGreeting}},
		{name: "the greeting before", script: login + "414", ends: Greeting, says: []Name{GreetingRestored}, check: unavailable(1)},
		{name: "a deleted greeting back", script: login + "4134", ends: Greeting, says: []Name{GreetingDeleted, GreetingRestored}, check: unavailable(2)},
		{name: "no greeting before", script: login + "424", ends: Greeting, says: []Name{NoEarlier}},

		{name: "settings", script: login + "50", ends: Settings, says: []Name{SaySettings, HelpOptOut}},
		{name: "from settings to the main menu", script: login + "5*", ends: Main},
		{name: "opt-out", script: login + "520", ends: OptOut, says: []Name{NoOptOut, SayOptOut}},
		{name: "from the opt-out to settings", script: login + "52*", ends: Settings},
		{name: "set the opt-out", script: login + "5216000#", ends: OptOut, says: []Name{SayNewOptOut, OptOutIs}, check: optOut("6000")},
		{name: "clear the opt-out", script: login + "5216000#2", ends: OptOut, says: []Name{OptOutIs, NoOptOut}, check: optOut("")},
		{name: "an opt-out abroad", script: login + "521005511#", ends: NewOptOut, says: []Name{NoNumber, SayNewOptOut}, check: optOut("")},
		{name: "no opt-out after all", script: login + "521*", ends: OptOut, says: []Name{SayOptOut}},
	}
}

// tooMany adds as many mailboxes as possible; those beyond the first are in the world's hands.
func tooMany() string {
	var b strings.Builder
	for i := range maxDestinations {
		if i > 0 {
			b.WriteString("1")
		}
		b.WriteString("70" + string(rune('0'+i/10)) + string(rune('0'+i%10)) + "#")
	}
	return b.String()
}

func (w *world) more() {
	for i := range maxDestinations {
		_, err := w.svc.CreateMailbox(w.t.Context(), voicemail.MailboxID("70"+string(rune('0'+i/10))+string(rune('0'+i%10))), nil)
		require.NoError(w.t, err)
	}
}

func TestEveryWayOfTheMenuDoesWhatItSays(t *testing.T) {
	walked := map[way]bool{}
	for _, sc := range scenes() {
		t.Run(sc.name, func(t *testing.T) {
			w := newWorld(t)
			if strings.Contains(sc.script, "7000#") {
				w.more()
			}
			said := w.press(sc.script)
			assert.Equal(t, sc.ends, w.s.State())
			for _, name := range sc.says {
				i := slices.Index(said, name)
				require.GreaterOrEqual(t, i, 0, "%s is not said, or too early", name)
				said = said[i+1:]
			}
			want := untouched()
			maps.Copy(want, sc.leaves)
			assert.Equal(t, want, w.messages())
			if sc.check != nil {
				sc.check(t, w)
			}
			before := w.messages()
			w.press("h")
			assert.True(t, w.reply.End)
			assert.Equal(t, before, w.messages(), "hanging up changes nothing")
			for _, s := range w.steps {
				walked[s] = true
			}
		})
	}
	t.Run("locked", func(t *testing.T) {
		w := newWorld(t)
		for range 4 {
			_, err := w.door.Verify(t.Context(), "5001", pin(t, "1111"))
			require.Error(t, err)
		}
		said := w.press(login)
		assert.Contains(t, said, Locked)
		assert.Equal(t, Over, w.s.State(), "the right PIN does not help")
	})
	t.Run("nothing recorded", func(t *testing.T) {
		for script, leads := range map[string]State{login + "412": Greeting, login + "145002#2": Forward} {
			w := newWorld(t)
			w.press(script)
			w.said = nil
			require.NoError(t, w.step(Input{Event: Recorded, Audio: []byte{}}))
			assert.Equal(t, NothingSaid, w.said[0])
			assert.Equal(t, leads, w.s.State())
			walked[w.steps[len(w.steps)-1]] = true
		}
	})
	t.Run("recorded too long", func(t *testing.T) {
		w := newWorld(t)
		w.press(login + "412")
		require.NoError(t, w.step(Input{Event: Recorded, Audio: make([]byte, greetingBytes+1)}))
		assert.Contains(t, w.press("#"), TooLong)
		assert.Equal(t, 2, w.greeting(voicemail.GreetingUnavailable))
	})
	for _, m := range menus() {
		for _, k := range m.keys {
			for _, to := range k.to {
				assert.True(t, walked[way{m.state, k.on, to}], "nothing walks from %q by %c to %q", m.state, k.on, to)
				delete(walked, way{m.state, k.on, to})
			}
		}
	}
	assert.Empty(t, walked, "the table does not know of these")
}
