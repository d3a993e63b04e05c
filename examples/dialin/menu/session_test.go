package menu

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage"
)

// ways lead to each state but the end.
func ways(t *testing.T) map[State]string {
	all := map[State]string{
		AskMailbox: "", AskPIN: "5001#", NewPIN: login + "51", RepeatPIN: login + "518642#", Main: login, NewMessages: login + "1", SavedMessages: login + "2",
		DeletedMessages: login + "3", Purge: login + "33", ForwardTo: login + "14", Forward: login + "145002#2r", RecordComment: login + "145002#2", Greetings: login + "4",
		Greeting: login + "41", RecordGreeting: login + "412", ReviewGreeting: login + "432r", GreetingExpires: login + "432r#", Settings: login + "5", OptOut: login + "52",
		NewOptOut: login + "521",
	}
	for _, m := range menus() {
		if m.state != Over {
			require.Contains(t, all, m.state)
		}
	}
	return all
}

func TestThreeTimesNothingEndsTheCall(t *testing.T) {
	for state, script := range ways(t) {
		w := newWorld(t)
		w.press(script)
		require.Equal(t, state, w.s.State())
		w.said = nil
		require.NoError(t, w.step(Input{Event: TimeOut}))
		first := w.said
		w.press("t")
		require.Equal(t, state, w.s.State(), "two are not too many")
		assert.Contains(t, first, Silence)
		assert.Equal(t, []Name{Silence, Goodbye}, w.press("t"), "in %s", state)
		assert.True(t, w.reply.End)
		assert.Equal(t, untouched(), w.messages())
	}
}

func TestThreeBadKeysEndTheCall(t *testing.T) {
	for state, script := range ways(t) {
		w := newWorld(t)
		w.press(script)
		m := w.s.menu[state]
		for _, e := range "12345678909*#" {
			if _, ok := m.on(Event(e)); ok || m.collects() {
				continue
			}
			bad := string(e)
			assert.Equal(t, NoSuchKey, w.press(bad)[0])
			assert.Equal(t, NoSuchKey, w.press(bad)[0])
			require.Equal(t, state, w.s.State())
			assert.Equal(t, []Name{NoSuchKey, Goodbye}, w.press(bad))
			break
		}
	}
	w := newWorld(t)
	assert.Equal(t, []Name{NoNumber, Goodbye}, w.press("###")[4:])
}

func TestAGoodKeyForgivesTheBadOnes(t *testing.T) {
	w := newWorld(t)
	w.press(login + "770770tt077")
	assert.Equal(t, Main, w.s.State())
}

func TestWhatComesTooLateDoesNothing(t *testing.T) {
	w := newWorld(t)
	w.press(login + "18")
	assert.Empty(t, w.press("p"), "the end of what was paused")
	assert.Equal(t, untouched(), w.messages())
	w.press("*")
	assert.Empty(t, w.press("pbr"))
	assert.Equal(t, Main, w.s.State())
	w.press("*")
	assert.Empty(t, w.press("1t#"), "after the end")
	assert.True(t, w.reply.End)
}

func TestTheTelephonesOwnMailboxNeedsNoNumber(t *testing.T) {
	w := newWorld(t)
	w.dial(&Options{Mailbox: "5001"})
	assert.True(t, w.reply.Secret)
	assert.Empty(t, w.s.Mailbox())
	w.press("7391#")
	assert.Equal(t, Main, w.s.State())
	assert.Equal(t, voicemail.MailboxID("5001"), w.s.Mailbox())
}

func TestOnlyPINsAreSecret(t *testing.T) {
	for state, script := range ways(t) {
		w := newWorld(t)
		w.press(script)
		assert.Equal(t, state == AskPIN || state == NewPIN || state == RepeatPIN, w.reply.Secret, "in %s", state)
		assert.Equal(t, w.s.menu[state].kind == speaks, w.reply.Record > 0, "in %s", state)
	}
}

// Nothing that fails ends in half: the caller is told, stays where they were, and can press the same key again.
func TestAKeyThatFailsCanBePressedAgain(t *testing.T) {
	failed := 0
	for state, script := range ways(t) {
		for _, k := range newWorld(t).s.menu[state].keys {
			if k.on == Recorded {
				continue // nothing is stored then
			}
			t.Run(fmt.Sprintf("%s %c", state, k.on), func(t *testing.T) {
				w := newWorld(t)
				w.press(script + typed(state, k.on))
				greetings := w.greeting(voicemail.GreetingUnavailable)
				if k.on == Played && !w.s.playing {
					w.press("1")
				}
				w.said = nil
				w.store.broken = func(string) bool { return true }
				err := w.step(Input{Event: k.on})
				w.store.broken = nil
				if err == nil {
					return
				}
				failed++
				require.ErrorIs(t, err, storage.ErrUnavailable)
				assert.Equal(t, state, w.s.State())
				assert.Contains(t, w.said, Unavailable)
				assert.Equal(t, untouched(), w.messages())
				assert.Equal(t, greetings, w.greeting(voicemail.GreetingUnavailable))
				if k.on != Played {
					w.press(typed(state, k.on) + string(k.on))
					assert.NotContains(t, w.said, Unavailable)
				}
			})
		}
	}
	assert.Greater(t, failed, 30)
}

// typed is what has to be typed in a state before #.
func typed(state State, on Event) string {
	if on != '#' {
		return ""
	}
	return map[State]string{AskMailbox: "5001", AskPIN: "7391", NewPIN: "8642", RepeatPIN: "8642", ForwardTo: "5002", GreetingExpires: "3", NewOptOut: "6000"}[state]
}

func TestAMessageThatIsGoneIsSkipped(t *testing.T) {
	for script, next := range map[string]State{
		"11": NewMessages, "12": NewMessages, "13": NewMessages, "16": NewMessages, "17": NewMessages, "19": NewMessages, "1p": NewMessages, "145002##": NewMessages,
		"21": Main, "22": Main, "23": Main, "31": Main, "32": Main, "331": Main,
	} {
		w := newWorld(t)
		w.press(login + script[:len(script)-1])
		id := w.s.msg.ID()
		msg, err := w.svc.Mailbox("5001").Message(t.Context(), id)
		require.NoError(t, err)
		require.NoError(t, msg.Delete(t.Context()))
		said := w.press(script[len(script)-1:])
		assert.NotContains(t, said, Unavailable, script)
		assert.Equal(t, next, w.s.State(), script)
		if script != "331" { // deleted twice is deleted
			assert.Equal(t, Gone, said[0], script)
		}
		if next != Main {
			assert.NotEqual(t, id, w.s.msg.ID(), script)
		}
	}
	w := newWorld(t)
	w.press(login + "1")
	require.NoError(t, w.svc.DeleteMailbox(t.Context(), "5001"))
	require.Error(t, w.step(Input{Event: '#'}))
	assert.Equal(t, Unavailable, w.said[len(w.said)-len(w.reply.Say)])
}

func TestAMessageThatCannotBePlayedCanBeSkippedAndDeleted(t *testing.T) {
	w := newWorld(t)
	w.store.broken = func(key string) bool {
		return strings.Contains(key, "/media/") && strings.Contains(key, string(w.ids["keys"]))
	}
	w.press(login + "1")
	w.said = nil
	require.ErrorIs(t, w.step(Input{Event: '#'}), storage.ErrUnavailable)
	assert.Equal(t, []Name{MessageNumber, CannotPlay, SayMessage}, w.said[:3])
	require.ErrorIs(t, w.step(Input{Event: '8'}), storage.ErrUnavailable, "it is not the message before that is played")
	w.press("3")
	assert.Equal(t, map[string]string{"bin": "saved deleted", "old": "saved", "pay": "new", "gate": "new urgent", "keys": "new deleted"}, w.messages())
	w.press("b")
	assert.Equal(t, []Name{CannotPlay, SayMessage}, w.said[:2])
	assert.Equal(t, "new", w.messages()["pay"], "what could not be played was not heard")
}

func TestAHeldMessageStaysInTheTrash(t *testing.T) {
	w := newWorld(t)
	privacy, err := gdpr.New(w.svc, nil)
	require.NoError(t, err)
	_, err = privacy.Hold(t.Context(), gdpr.Hold{Mailbox: "5001", Message: w.ids["bin"], Reason: "a case in court", Actor: "officer"})
	require.NoError(t, err)
	assert.Equal(t, []Name{IsHeld, SayMessage}, w.press(login + "331")[len(w.said)-len(w.reply.Say):][:2])
	assert.Equal(t, DeletedMessages, w.s.State())
	assert.Equal(t, untouched(), w.messages())
}

func TestSkippingStaysInTheRecording(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		on       Event
		at, from time.Duration
	}{
		{'9', 3 * s, 8 * s}, {'9', 18 * s, 20 * s}, {'9', 90 * s, 20 * s}, {'7', 9 * s, 4 * s}, {'7', 3 * s, 0}, {'7', -3 * s, 0}, {'1', 3 * s, 0},
	} {
		w := newWorld(t)
		w.press(login + "1")
		require.NoError(t, w.step(Input{Event: c.on, At: c.at}))
		require.NotNil(t, w.reply.Play)
		assert.Equal(t, c.from, w.reply.Play.From, "%c at %v", c.on, c.at)
		assert.Equal(t, 20*s, w.reply.Play.Length)
	}

	w := newWorld(t)
	w.press(login + "1")
	require.NoError(t, w.step(Input{Event: '8', At: 7 * s}))
	assert.Nil(t, w.reply.Play)
	require.NoError(t, w.step(Input{Event: '6', At: 11 * s}))
	require.NoError(t, w.step(Input{Event: '8', At: 12 * s}))
	assert.Equal(t, 7*s, w.reply.Play.From, "where it was paused")
	require.NoError(t, w.step(Input{Event: Played}))
	require.NoError(t, w.step(Input{Event: '7'}))
	assert.Equal(t, 15*s, w.reply.Play.From, "from the end")
	require.NoError(t, w.step(Input{Event: Played}))
	require.NoError(t, w.step(Input{Event: '8'}))
	assert.Zero(t, w.reply.Play.From)
}

func TestWhoGetsAForwardedMessageHearsTheCommentFirst(t *testing.T) {
	w := newWorld(t)
	w.press(login + "1#") // what is forwarded is not the first
	w.press("45005#2r#h")
	require.NoError(t, w.door.Set(t.Context(), "5005", pin(t, "7391"), nil))
	w.dial(nil)
	assert.Contains(t, w.press("5005#7391#1"), WithComment)
	assert.Equal(t, wav(3), play(t, w))
	w.press("p")
	assert.Equal(t, wav(20), play(t, w))
	assert.Contains(t, w.press("p"), EndOfMessage)
	assert.Equal(t, []Name{ReceivedAt, FromNumber, ForwardedBy, Lasts}, w.press("5"))
	assert.Equal(t, "Forwarded by mailbox 5 0 0 1.", w.reply.Say[2].Text())
}

// play returns what would be heard now.
func play(t *testing.T, w *world) []byte {
	audio, err := w.s.tracks[0].open(t.Context())
	require.NoError(t, err)
	defer audio.Close()
	heard, err := io.ReadAll(audio)
	require.NoError(t, err)
	return heard
}

func TestForwardingAgainSendsWhatFailedOnly(t *testing.T) {
	w := newWorld(t)
	w.press(login + "145002#15005#2r")
	w.store.broken = func(key string) bool { return strings.Contains(key, "/box/5005") }
	w.said = nil
	require.ErrorIs(t, w.step(Input{Event: '#'}), storage.ErrUnavailable)
	assert.Equal(t, []Name{IsSent, Unavailable, SayForward}, w.said[:3])
	assert.Equal(t, Forward, w.s.State())
	w.store.broken = nil
	w.press("#")
	assert.Equal(t, NewMessages, w.s.State())
	assert.Equal(t, 1, w.count("5002"))
	assert.Equal(t, 1, w.count("5005"))
}

func TestForwardingAgainDoublesNothing(t *testing.T) {
	w := newWorld(t)
	w.press(login + "145002#")
	var lost atomic.Bool
	w.store.late = func(key string) bool {
		if strings.Contains(key, "/box/5002/") && strings.HasSuffix(key, ".vm.json") {
			lost.Store(true)
		}
		return lost.Load()
	}
	w.store.broken = func(string) bool { return lost.Load() }
	require.Error(t, w.step(Input{Event: '#'}))
	require.True(t, lost.Load())
	w.store.late, w.store.broken = nil, nil
	require.Equal(t, 1, w.count("5002"), "it was sent, though nobody knows")
	w.press("#")
	assert.Equal(t, 1, w.count("5002"))
}

func TestATemporaryGreetingExpires(t *testing.T) {
	w := newWorld(t)
	w.press(login + "432r#3#")
	for days, kind := range map[int]voicemail.GreetingKind{2: voicemail.GreetingTemporary, 3: voicemail.GreetingUnavailable} {
		began := w.now
		w.now = w.now.AddDate(0, 0, days)
		g, err := w.svc.Greetings("5001").For(t.Context(), voicemail.GreetingUnavailable)
		require.NoError(t, err)
		assert.Equal(t, kind, g.Kind)
		w.now = began
	}
}

func TestAVisitGoesByWhatIsThereWhenItIsHeard(t *testing.T) {
	w := newWorld(t)
	w.press(login + "1")
	keys, err := w.svc.Mailbox("5001").Message(t.Context(), w.ids["keys"])
	require.NoError(t, err)
	require.NoError(t, keys.Delete(t.Context()))
	w.deposit("5001", "late", voicemail.DepositOptions{})
	assert.Equal(t, []Name{MessageNumber, IsPrivate}, w.press("#"), "the one between is gone")
	assert.Equal(t, NoMore, w.press("#")[0], "the late one is not in this visit")
	w.press("1##")
	assert.Equal(t, w.ids["pay"], w.s.msg.ID(), "the late one was the second of the next visit")
}

func TestMessagesThatCannotBeReadAreCounted(t *testing.T) {
	w := newWorld(t)
	var meta string
	for info, err := range storage.All(t.Context(), w.store, nil) {
		require.NoError(t, err)
		if strings.Contains(info.Key, string(w.ids["keys"])) && strings.HasSuffix(info.Key, ".vm.json") {
			meta = info.Key
		}
	}
	require.NoError(t, w.store.Delete(t.Context(), meta))
	_, err := w.store.Create(t.Context(), meta, strings.NewReader("{"), nil)
	require.NoError(t, err)
	w.svc, err = voicemail.Open(t.Context(), voicemail.OneRegion(w.store), nil) // another one, which does not know the message from before
	require.NoError(t, err)
	w.dial(nil)
	assert.Equal(t, []Name{Damaged, MessageNumber, IsUrgent}, w.press(login + "1")[len(w.said)-3:])
	assert.Equal(t, "Messages that cannot be read: 1.", w.reply.Say[0].Text())
}

func TestTheTenantsOptOutIsTold(t *testing.T) {
	w := newWorld(t)
	_, err := w.svc.UpdateSettings(t.Context(), func(s *voicemail.TenantSettings) error {
		s.OptOutNumber = "operator"
		return nil
	})
	require.NoError(t, err)
	w.press(login + "52")
	assert.Equal(t, "The opt-out number is operator.", w.reply.Say[0].Text())
}

func TestAVisitIsBounded(t *testing.T) {
	w := newWorld(t)
	w.dial(&Options{List: 2})
	w.press(login + "1##")
	assert.Equal(t, Main, w.s.State())
}

func TestWhoCallsIsTheFirstReader(t *testing.T) {
	w := newWorld(t)
	w.dial(&Options{Reader: "agent7"})
	w.press(login + "1p#2")
	for _, name := range []string{"gate", "keys"} {
		msg, err := w.svc.Mailbox("5001").Message(t.Context(), w.ids[name])
		require.NoError(t, err)
		reader, err := msg.FirstReader(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "agent7", reader.ID)
	}
}

func TestTimesAreToldWhereTheCallerIs(t *testing.T) {
	w := newWorld(t)
	w.dial(&Options{Location: time.FixedZone("", 2*60*60)})
	w.press(login + "1#5")
	assert.Equal(t, "Received on Monday 2 March, 11:36.", w.reply.Say[0].Text())
	assert.Equal(t, "From plus 1 5 5 5 0 1 0 0 1 4 2.", w.reply.Say[1].Text())
	assert.Equal(t, "Seconds: 20.", w.reply.Say[2].Text())
}

func TestNothingThatIsPrintedTellsWhoCalledOrAPIN(t *testing.T) {
	w := newWorld(t)
	w.press(login + "1#5")
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("call", "session", w.s, "reply", w.reply)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		fmt.Fprintf(&log, verb+verb, w.s, w.reply)
	}
	w.press("*518642#864")
	fmt.Fprintf(&log, "%v %+v %#v", w.s, *w.s, w.s)
	for _, secret := range []string{"5550100142", "5 5 5 0 1", "7391", "8642"} {
		assert.NotContains(t, log.String(), secret)
	}
}

func TestWhatIsLeftOutIsTheDefault(t *testing.T) {
	s := New(nil, nil, &Options{Tries: 7})
	assert.Equal(t, 7, s.opts.Tries)
	assert.Equal(t, 5*time.Second, s.Start().Wait)
}
