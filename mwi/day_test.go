package mwi

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

// speech is a WAV file of a tenth of a second of silence.
func speech() []byte {
	const rate, samples = 8000, 800
	var b bytes.Buffer
	b.WriteString("RIFF")
	_ = binary.Write(&b, binary.LittleEndian, uint32(36+samples))
	b.WriteString("WAVEfmt ")
	_ = binary.Write(&b, binary.LittleEndian, []uint32{16, 1 | 1<<16, rate, rate, 1 | 8<<16})
	b.WriteString("data")
	_ = binary.Write(&b, binary.LittleEndian, uint32(samples))
	b.Write(bytes.Repeat([]byte{0x80}, samples))
	return b.Bytes()
}

func deposit(t *testing.T, box voicemail.Mailbox, opts *voicemail.DepositOptions) voicemail.Message {
	t.Helper()
	m, err := box.Deposit(t.Context(), bytes.NewReader(speech()), opts)
	require.NoError(t, err)
	return m
}

// day writes down what happens to a user and what their subscriptions are told of it.
type day struct {
	*testing.T
	told  *pad
	sales []string // what was told of 6001
	log   strings.Builder
}

// at lets something happen at a time of the day, and writes down what is told of it at once.
func (d *day) at(clock, what string, do func() error) {
	d.Helper()
	t, err := time.Parse("15:04", clock)
	require.NoError(d, err)
	now := time.Now().UTC()
	wait := t.Sub(time.Date(0, 1, 1, now.Hour(), now.Minute(), now.Second(), now.Nanosecond(), time.UTC))
	if wait < 0 { // the next day
		wait += 24 * time.Hour
	}
	pass(wait)
	require.Empty(d, d.told.take(), "told of late, before %s", clock)
	require.NoError(d, do(), what)
	synctest.Wait()
	fmt.Fprintf(&d.log, "%s  %s\n", clock, what)
	d.write(" ")
}

// within writes down what is told later, within that time.
func (d *day) within(wait time.Duration) {
	pass(wait)
	synctest.Wait()
	d.write("+")
}

func (d *day) write(mark string) {
	for _, line := range d.told.take() {
		fmt.Fprintf(&d.log, "       %s %s\n", mark, line)
		if strings.HasPrefix(line, "6001 ") {
			d.sales = append(d.sales, line)
		}
	}
}

func nothing() error { return nil }

// Mailbox 5001 is agent7's own, 6001 is of the group sales and 6002 of the group support, in both of which agent7 is.
func TestADayOfAUserWithAPersonalAndTwoGroupMailboxes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		inner := memstore.New(nil)
		store := faultstore.New(inner)
		p := NewPublisher(nil)
		defer p.Close()
		svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), &voicemail.Options{Observer: p.Observe})
		require.NoError(t, err)
		elsewhere, err := voicemail.Open(ctx, voicemail.OneRegion(inner), nil) // in another process, of which no events come
		require.NoError(t, err)
		office, err := gdpr.New(svc, nil)
		require.NoError(t, err)
		p.Start(svc)

		d := &day{T: t, told: &pad{}}
		ada := &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+1 555 010 0001")}
		forget, err := gdpr.ParseRequest(strings.NewReader(`{"caseid":"1","consumers":[{"consumer":{"phone":"+15550100001"}}]}`))
		require.NoError(t, err)
		forget.Actor = "privacy officer"
		own, sales, support := svc.Mailbox("5001"), svc.Mailbox("6001"), svc.Mailbox("6002")
		var m1, m2, m3, m4 voicemail.Message
		var cancel func()
		var colleague pad

		create := func(id voicemail.MailboxID, owner voicemail.Owner) error {
			_, err := svc.CreateMailbox(ctx, id, &voicemail.Settings{Owner: owner})
			return err
		}
		require.NoError(t, create("5001", voicemail.User("agent7")))
		require.NoError(t, create("6001", voicemail.Group("sales")))
		m1 = deposit(t, sales, nil)
		d.at("08:00", "agent7 logs in; there is no mailbox 6002 yet", func() error {
			cancel = subscribe(t, p, d.told, "5001", "6001", "6002")
			subscribe(t, p, &colleague, "6001")
			return nil
		})
		d.at("08:05", "mailbox 6002 is created", func() error { return create("6002", voicemail.Group("support")) })
		d.at("08:10", "its settings are changed", func() error {
			_, err := support.UpdateSettings(ctx, func(s *voicemail.Settings) error { s.MaxMessages = 100; return nil })
			return err
		})
		d.at("08:15", "a caller leaves a message for agent7", func() error { m2 = deposit(t, own, ada); return nil })
		d.at("08:20", "the same caller leaves an urgent one for sales", func() error {
			m3 = deposit(t, sales, &voicemail.DepositOptions{Caller: ada.Caller, Urgent: true})
			return nil
		})
		d.at("08:25", "agent7 hears their message", func() error { return m2.MarkRead(ctx) })
		d.at("08:26", "and once more", func() error { return m2.MarkRead(ctx) })
		d.at("08:30", "a colleague hears the urgent one of sales", func() error {
			m, err := svc.Mailbox("6001").Message(ctx, m3.ID())
			if err != nil {
				return err
			}
			return m.MarkRead(ctx)
		})
		d.at("08:35", "and marks it as not heard", func() error { return m3.MarkUnread(ctx) })
		d.at("08:40", "the other one of sales becomes urgent", func() error { return m1.SetUrgent(ctx, true) })
		d.at("08:41", "and is not urgent after all", func() error { return m1.SetUrgent(ctx, false) })
		d.at("08:45", "it is moved to support", func() (err error) { m1, err = m1.MoveTo(ctx, "6002"); return err })
		d.at("08:50", "and copied to agent7", func() (err error) { m4, err = m1.CopyTo(ctx, "5001", nil); return err })
		d.at("08:55", "agent7 puts the copy into the trash", func() error { return m4.Trash(ctx) })
		d.at("08:56", "and takes it out", func() error { return m4.Restore(ctx) })
		d.at("09:00", "it is to expire at 10:00", func() error { return m4.SetExpiry(ctx, time.Now().Add(time.Hour)) })
		d.at("10:00", "it does, but is there until Maintain", nothing)
		d.at("10:15", "Maintain", func() error { _, err := svc.Maintain(ctx); return err })
		d.at("10:20", "the message of support is deleted", func() error { return m1.Delete(ctx) })
		d.at("10:30", "five messages for support at once", func() error {
			deposit(t, support, nil)
			synctest.Wait() // the first count is over
			for range 4 {
				deposit(t, support, nil)
			}
			return nil
		})
		d.within(time.Second)
		d.at("10:40", "another process deposits for agent7, and nobody tells of it", func() error { deposit(t, elsewhere.Mailbox("5001"), nil); return nil })
		d.at("10:41", "the bus is there again", func() error { p.Recount(); return nil })
		d.at("11:00", "no mailbox can be listed; a message comes in elsewhere", func() error {
			store.Set(faultstore.Fault{Op: faultstore.List, Times: faultstore.Always})
			deposit(t, elsewhere.Mailbox("6001"), nil)
			p.Recount()
			return nil
		})
		d.at("11:30", "nobody was told anything for half an hour", nothing)
		store.Set()
		d.within(30 * time.Second)
		d.at("12:00", "the caller asks to be forgotten", func() error { _, err := office.ForgetMe(ctx, forget); return err })
		d.at("12:10", "and to be remembered", func() error { _, err := office.UndoForgetMe(ctx, forget); return err })
		d.at("12:20", "and to be forgotten, as another case", func() error {
			forget.CaseID = "2"
			_, err := office.ForgetMe(ctx, forget)
			return err
		})
		d.at("11:40", "the next day they are erased", func() error {
			report, err := office.Sweep(ctx)
			if err == nil {
				assert.Equal(t, 2, report.Messages)
			}
			return err
		})
		d.at("17:00", "agent7 logs out", func() error { cancel(); return nil })
		assert.Equal(t, d.sales, colleague.take(), "a group's mailbox has one state for all")
		d.at("17:30", "a message for agent7", func() error { deposit(t, own, nil); return nil })
		d.at("07:30", "agent7 logs in", func() error { subscribe(t, p, d.told, "5001", "6001", "6002"); return nil })

		board, err := ReadBoard(ctx, svc, "agent7", "sales", "support")
		require.NoError(t, err)
		assert.Len(t, board.Entries, 3)
		fmt.Fprintf(&d.log, "         in all %s\n", appendCounts(nil, board.Total()))
		d.at("07:40", "mailbox 6002 is deleted", func() error { return svc.DeleteMailbox(ctx, "6002") })
		golden(t, "day.txt", d.log.String())
	})
}

func TestAStormOfTenThousandChangesIsFewNotificationsAndTheRightLastOne(t *testing.T) {
	const changes, length, mailboxes, each = 10000, 20 * time.Second, 10, 20
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(nil)
		p := NewPublisher(nil)
		defer p.Close()
		var events atomic.Int32
		svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(store), &voicemail.Options{Observer: func(ev voicemail.Event) {
			events.Add(1)
			p.Observe(ev)
		}})
		require.NoError(t, err)
		p.Start(svc)

		var messages []voicemail.Message
		var read []bool
		var pads [mailboxes][each]pad
		for i := range mailboxes {
			box, err := svc.CreateMailbox(t.Context(), voicemail.MailboxID(fmt.Sprint(5000+i)), nil)
			require.NoError(t, err)
			for range 5 {
				messages, read = append(messages, deposit(t, box, nil)), append(read, false)
			}
			for j := range each {
				subscribe(t, p, &pads[i][j], box.ID())
			}
		}
		pass(time.Minute)
		for i := range pads {
			for j := range pads[i] {
				pads[i][j].take()
			}
		}
		events.Store(0)

		random := rand.New(rand.NewPCG(1, 2))
		for range changes {
			i := random.IntN(len(messages))
			if read[i] = !read[i]; read[i] {
				err = messages[i].MarkRead(t.Context())
			} else {
				err = messages[i].MarkUnread(t.Context())
			}
			require.NoError(t, err)
			pass(length / changes)
		}
		require.EqualValues(t, changes, events.Load())
		pass(time.Second)
		for i := range pads {
			counts, err := svc.Mailbox(voicemail.MailboxID(fmt.Sprint(5000 + i))).Counts(t.Context())
			require.NoError(t, err)
			for j := range pads[i] {
				got := pads[i][j].take()
				require.NotEmpty(t, got)
				assert.LessOrEqual(t, len(got), int(length/time.Second)+1, "one a second, of 50")
				assert.Equal(t, fmt.Sprintf("%d %s", 5000+i, appendCounts(nil, counts)), got[len(got)-1])
			}
		}
	})
}
