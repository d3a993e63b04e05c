package servicetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
)

// fixedStem starts the message IDs that are the same in every run.
const fixedStem = "019ca8a0-0000-7000-8000-00000000"

func fixedID(n int) voicemail.MessageID {
	return voicemail.MessageID(fmt.Sprintf("%s%04d", fixedStem, n))
}

const month = 30 * day

// someMessages are messages in every state; operations work on the first.
func someMessages(f *fixture) {
	f.Helper()
	caller := voicemail.ParseCallerID("+15550100")
	in := f.service().Mailbox("5001")
	f.deposit(in, &voicemail.DepositOptions{ID: fixedID(1), Caller: caller})
	busy := f.deposit(in, &voicemail.DepositOptions{ID: fixedID(2), Caller: caller, Urgent: true, Expires: f.clock.now().Add(month)})
	require.NoError(f, busy.MarkReadBy(f.ctx, "ann"))
	require.NoError(f, busy.Trash(f.ctx))
	f.deposit(f.service().Mailbox("5002"), &voicemail.DepositOptions{ID: fixedID(3)})
}

// on makes an operation on message n of mailbox 5001.
func on(n int, do func(f *fixture, msg voicemail.Message) error) func(*fixture, *voicemail.Service) func(error) error {
	return func(f *fixture, svc *voicemail.Service) func(error) error {
		f.Helper()
		msg, err := svc.Mailbox("5001").Message(f.ctx, fixedID(n))
		require.NoError(f, err)
		return func(error) error { return do(f, msg) }
	}
}

// depositing makes a deposit. Repeated, it deposits what the failed one gave back.
func depositing(change func(f *fixture, o *voicemail.DepositOptions), live bool) func(*fixture, *voicemail.Service) func(error) error {
	return func(f *fixture, svc *voicemail.Service) func(error) error {
		o := voicemail.DepositOptions{}
		if change != nil {
			change(f, &o)
		}
		return func(failed error) error {
			var r io.Reader = bytes.NewReader(f.audio)
			var de *voicemail.DepositError
			if errors.As(failed, &de) {
				if _, err := de.Audio.Seek(0, io.SeekStart); err != nil {
					return err
				}
				defer de.Audio.Close()
				o.ID, r = de.ID, de.Audio
			} else if live {
				head := bytes.NewReader(f.audio[:100])
				tail := bytes.NewReader(f.audio[100:])
				r = io.MultiReader(head, readerFunc(func(p []byte) (int, error) {
					select { // the caller speaks on until the index is written
					case <-f.indexed:
					case <-time.After(10 * time.Second):
						return 0, errors.New("no index entry was created while the caller spoke")
					}
					for range 100 {
						runtime.Gosched()
					}
					return tail.Read(p)
				}))
			}
			_, err := svc.Mailbox("5001").Deposit(f.ctx, r, &o)
			return err
		}
	}
}

// dropping makes a deposit for which another message has to go. If that does not go, the deposit has succeeded all the same; repeated, it does.
func dropping(f *fixture, svc *voicemail.Service) func(error) error {
	deposit := depositing(func(_ *fixture, o *voicemail.DepositOptions) { o.ID = fixedID(9) }, false)(f, svc)
	return func(failed error) error {
		if err := deposit(failed); err != nil {
			return err
		}
		n := 0
		for _, st := range f.rawBoxes()["5001"] {
			if st.visible() {
				n++
			}
		}
		if n > 2 {
			return errors.New("nothing was dropped")
		}
		return nil
	}
}

func known(_ *fixture, o *voicemail.DepositOptions) { o.Caller = voicemail.ParseCallerID("+15550100") }

func german(o *voicemail.Options) { o.Normalize = func(n string) string { return "+49" + n } }

func operations() []operation {
	deposited, someday := voicemail.EventDeposited, func(f *fixture, d time.Duration) time.Time { return f.clock.now().Add(d) }
	return []operation{
		{name: "Open", provisions: true},
		{name: "CreateMailbox", event: voicemail.EventMailboxCreated, repeated: voicemail.ErrMailboxExists, prepare: func(f *fixture, svc *voicemail.Service) func(error) error {
			return func(error) error {
				_, err := svc.CreateMailbox(f.ctx, "5003", &voicemail.Settings{MaxMessages: 5})
				return err
			}
		}},
		{name: "UpdateSettings", event: voicemail.EventSettingsChanged, prepare: func(f *fixture, svc *voicemail.Service) func(error) error {
			return func(error) error {
				_, err := svc.Mailbox("5001").UpdateSettings(f.ctx, func(s *voicemail.Settings) error { s.MaxMessages = 5; return nil })
				return err
			}
		}},
		{name: "Deposit", event: deposited, prepare: depositing(nil, false)},
		{name: "DepositOfAKnownCaller", event: deposited, prepare: depositing(known, false)},
		{name: "DepositWhileTheCallerSpeaks", event: deposited, prepare: depositing(known, true)},
		{name: "DepositUrgentWithExpiry", event: deposited, prepare: depositing(func(f *fixture, o *voicemail.DepositOptions) {
			known(f, o)
			o.Urgent, o.Expires = true, someday(f, month)
		}, false)},
		{name: "DepositUrgentWhileTheCallerSpeaks", event: deposited, prepare: depositing(func(f *fixture, o *voicemail.DepositOptions) {
			known(f, o)
			o.Urgent = true
		}, true)},
		{name: "DepositWithAnID", event: deposited, prepare: depositing(func(f *fixture, o *voicemail.DepositOptions) {
			known(f, o)
			o.ID, o.Urgent = fixedID(9), true
		}, false)},
		{name: "DepositNormalized", event: deposited, open: german, prepare: depositing(func(_ *fixture, o *voicemail.DepositOptions) {
			o.Caller = voicemail.ParseCallerID("711555")
		}, false)},
		{name: "DepositUnderAByteQuota", event: deposited, setup: func(f *fixture) {
			_, err := f.service().Mailbox("5001").UpdateSettings(f.ctx, func(s *voicemail.Settings) error { s.MaxBytes = 1 << 20; return nil })
			require.NoError(f, err)
		}, prepare: depositing(known, false)},
		{name: "DepositThatDrops", event: deposited, setup: func(f *fixture) {
			someMessages(f)
			_, err := f.service().Mailbox("5001").UpdateSettings(f.ctx, func(s *voicemail.Settings) error {
				s.MaxMessages, s.WhenFull = 2, voicemail.DropOldestRead
				return nil
			})
			require.NoError(f, err)
		}, prepare: dropping},
		{name: "UpdateTenantSettings", event: voicemail.EventTenantChanged, prepare: func(f *fixture, svc *voicemail.Service) func(error) error {
			return func(error) error {
				_, err := svc.UpdateSettings(f.ctx, func(t *voicemail.TenantSettings) error { t.MaxMessages = 5; return nil })
				return err
			}
		}},
		{name: "MarkRead", event: voicemail.EventRead, setup: someMessages, prepare: on(1, func(f *fixture, m voicemail.Message) error { return m.MarkRead(f.ctx) })},
		{name: "MarkUnread", event: voicemail.EventUnread, setup: someMessages, prepare: on(2, func(f *fixture, m voicemail.Message) error { return m.MarkUnread(f.ctx) })},
		{name: "SetUrgent", event: voicemail.EventUrgent, setup: someMessages, prepare: on(1, func(f *fixture, m voicemail.Message) error { return m.SetUrgent(f.ctx, true) })},
		{name: "SetNotUrgent", event: voicemail.EventNotUrgent, setup: someMessages, prepare: on(2, func(f *fixture, m voicemail.Message) error { return m.SetUrgent(f.ctx, false) })},
		{name: "SetExpiry", event: voicemail.EventExpirySet, setup: someMessages, prepare: on(1, func(f *fixture, m voicemail.Message) error {
			return m.SetExpiry(f.ctx, someday(f, month))
		})},
		{name: "SetExpirySooner", event: voicemail.EventExpirySet, setup: someMessages, prepare: on(2, func(f *fixture, m voicemail.Message) error {
			return m.SetExpiry(f.ctx, someday(f, month/2))
		})},
		{name: "ClearExpiry", event: voicemail.EventExpirySet, setup: someMessages, prepare: on(2, func(f *fixture, m voicemail.Message) error { return m.SetExpiry(f.ctx, time.Time{}) })},
		{name: "Trash", event: voicemail.EventTrashed, setup: someMessages, prepare: on(1, func(f *fixture, m voicemail.Message) error { return m.Trash(f.ctx) })},
		{name: "Restore", event: voicemail.EventRestored, setup: someMessages, prepare: on(2, func(f *fixture, m voicemail.Message) error { return m.Restore(f.ctx) })},
		{name: "Delete", event: voicemail.EventDeleted, setup: someMessages, prepare: on(2, func(f *fixture, m voicemail.Message) error { return m.Delete(f.ctx) })},
		{name: "DeleteOfAHeldMessage", want: voicemail.ErrHeld, hides: true, setup: func(f *fixture) {
			someMessages(f)
			f.plant(f.keysOf("5001").Mark(keys.Ref{ID: string(fixedID(2))}, keys.Hold+"hold1"), "")
		}, prepare: on(2, func(f *fixture, m voicemail.Message) error { return m.Delete(f.ctx) })},
		{name: "MarkReadBy", event: voicemail.EventRead, setup: someMessages, prepare: on(1, func(f *fixture, m voicemail.Message) error {
			return m.MarkReadBy(f.ctx, "ann")
		})},
		{name: "CopyWithComments", event: voicemail.EventCopied, setup: annotated, prepare: on(2, func(f *fixture, m voicemail.Message) error {
			_, err := m.CopyTo(f.ctx, "5002", &voicemail.CopyOptions{ID: fixedID(8), Comment: bytes.NewReader(f.audio), Note: "for you"})
			return err
		})},
		{name: "AddPart", event: voicemail.EventPartAdded, setup: someMessages, prepare: on(2, func(f *fixture, m voicemail.Message) error {
			_, err := m.AddPart(f.ctx, voicemail.PartTranscript, strings.NewReader("hello"), nil)
			return err
		})},
		{name: "AddAnotherPart", event: voicemail.EventPartAdded, setup: annotated, prepare: on(2, func(f *fixture, m voicemail.Message) error {
			_, err := m.AddPart(f.ctx, voicemail.PartNote, strings.NewReader("other"), nil)
			return err
		})},
		{name: "CopyTo", single: true, event: voicemail.EventCopied, setup: someMessages, prepare: on(2, func(f *fixture, m voicemail.Message) error {
			_, err := m.CopyTo(f.ctx, "5002", nil)
			return err
		})},
		{name: "CopyToWithAnID", event: voicemail.EventCopied, setup: someMessages, prepare: on(2, func(f *fixture, m voicemail.Message) error {
			_, err := m.CopyTo(f.ctx, "5001", &voicemail.CopyOptions{ID: fixedID(8)})
			return err
		})},
		{name: "CopyWithParts", event: voicemail.EventCopied, setup: annotated, prepare: on(2, func(f *fixture, m voicemail.Message) error {
			_, err := m.CopyTo(f.ctx, "5001", &voicemail.CopyOptions{ID: fixedID(8)})
			return err
		})},
		{name: "MoveWithParts", event: voicemail.EventMoved, setup: annotated, prepare: on(2, func(f *fixture, m voicemail.Message) error {
			_, err := m.MoveTo(f.ctx, "5002")
			return err
		})},
		{name: "MoveTo", event: voicemail.EventMoved, setup: someMessages, prepare: on(2, func(f *fixture, m voicemail.Message) error {
			_, err := m.MoveTo(f.ctx, "5002")
			return err
		})},
		{name: "MoveBack", event: voicemail.EventMoved, setup: func(f *fixture) {
			someMessages(f)
			msg, err := f.service().Mailbox("5002").Message(f.ctx, fixedID(3))
			require.NoError(f, err)
			_, err = msg.MoveTo(f.ctx, "5001")
			require.NoError(f, err)
		}, prepare: on(3, func(f *fixture, m voicemail.Message) error {
			_, err := m.MoveTo(f.ctx, "5002")
			return err
		})},
		{name: "SetGreeting", event: voicemail.EventGreetingSet, setup: someGreetings, prepare: func(f *fixture, svc *voicemail.Service) func(error) error {
			return func(error) error {
				_, err := svc.Greetings("5001").Set(f.ctx, voicemail.GreetingTemporary, bytes.NewReader(f.audio), &voicemail.GreetingOptions{Expires: someday(f, month)})
				return err
			}
		}},
		{name: "RestoreGreeting", event: voicemail.EventGreetingSet, setup: someGreetings, prepare: func(f *fixture, svc *voicemail.Service) func(error) error {
			return func(error) error {
				_, err := svc.Greetings("5001").Restore(f.ctx, voicemail.Greeting{Kind: voicemail.GreetingBusy, Revision: 1}, nil)
				return err
			}
		}},
		{name: "DeleteGreeting", event: voicemail.EventGreetingDeleted, repeated: voicemail.ErrNoGreeting, setup: someGreetings, prepare: func(f *fixture, svc *voicemail.Service) func(error) error {
			return func(error) error { return svc.Greetings("5001").Delete(f.ctx, voicemail.GreetingBusy) }
		}},
		{name: "DeleteMailbox", empties: true, event: voicemail.EventMailboxDeleted, repeated: voicemail.ErrNoMailbox, setup: func(f *fixture) {
			someMessages(f)
			someGreetings(f)
		}, prepare: func(f *fixture, svc *voicemail.Service) func(error) error {
			return func(error) error { return svc.DeleteMailbox(f.ctx, "5001") }
		}},
		{name: "Maintain", setup: mess, prepare: func(f *fixture, svc *voicemail.Service) func(error) error {
			return func(error) error {
				_, err := svc.Maintain(f.ctx)
				return err
			}
		}},
	}
}

// someGreetings are two revisions of one greeting in mailbox 5001, and one of another mailbox.
func someGreetings(f *fixture) {
	f.Helper()
	f.greet("5001", voicemail.GreetingBusy, wav(10))
	f.greet("5001", voicemail.GreetingBusy, wav(20))
	f.greet("5002", voicemail.GreetingName, wav(30))
}

// annotated are messages of which the second has parts.
func annotated(f *fixture) {
	f.Helper()
	someMessages(f)
	msg, err := f.service().Mailbox("5001").Message(f.ctx, fixedID(2))
	require.NoError(f, err)
	f.addPart(msg, voicemail.PartNote, "first")
	f.addPart(msg, voicemail.PartTranscript, "hello")
}

// mess leaves what Maintain has to do, all of it older than it has to be.
func mess(f *fixture) {
	f.Helper()
	someMessages(f)
	in := f.service().Mailbox("5001")
	names := f.keysOf("5001")
	caller := voicemail.ParseCallerID("+15550100")
	f.deposit(in, &voicemail.DepositOptions{ID: fixedID(4), Caller: caller, Expires: f.clock.now().Add(time.Hour)})
	half := f.deposit(in, &voicemail.DepositOptions{ID: fixedID(5), Caller: caller, Urgent: true})
	f.mark(half, keys.Gone+"crashed")
	require.NoError(f, f.deposit(in, &voicemail.DepositOptions{ID: fixedID(6), Caller: caller}).Delete(f.ctx))
	moving := f.deposit(in, &voicemail.DepositOptions{ID: fixedID(7), Caller: caller, Urgent: true})
	f.plant(f.markName(moving, keys.Move), `{"to":"5002","nonce":"crashed"}`)
	stray := keys.Ref{ID: string(fixedID(8))}
	f.plant(names.Mark(stray, keys.Read), "")
	f.plant(names.Mark(stray, keys.Urgent), "")
	f.plant(names.Audio(stray, "wav"), "orphan")
	f.plant(names.CallerEntry(f.hash("x"), stray), "")
	for range 2 {
		_, err := in.UpdateSettings(f.ctx, func(s *voicemail.Settings) error { s.MaxMessages++; return nil })
		require.NoError(f, err)
		_, err = f.service().UpdateSettings(f.ctx, func(t *voicemail.TenantSettings) error {
			t.MaxMessages, t.Retention = t.MaxMessages+10, voicemail.Retention{Days: 1, KeepUnread: voicemail.On, TrashDays: 1}
			return nil
		})
		require.NoError(f, err)
	}
	someGreetings(f)
	f.plant(names.GreetingAudio(ofBusy(1, 3)), "orphan")
	for _, name := range []keys.Access{
		{Kind: keys.PIN, Gen: 1, Rev: 1}, {Kind: keys.PIN, Gen: 1, Rev: 2}, {Kind: keys.Try, Gen: 1, Rev: 2, N: 1}, {Kind: keys.Reset, Gen: 1, Rev: 2, N: 1},
	} {
		f.plant(names.AccessAt(name), "{}")
	}
	f.pass(rest)
}
