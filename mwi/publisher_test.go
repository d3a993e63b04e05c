package mwi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

// inBubble runs f in fake time, with a Publisher that counts from a shelf.
func inBubble(t *testing.T, opts *Options, f func(t *testing.T, p *Publisher, s *shelf)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p, s := NewPublisher(opts), newShelf()
		p.Start(s)
		defer func() { assert.NoError(t, p.Close()) }()
		f(t, p, s)
	})
}

func TestASubscriberIsToldTheCurrentStateFirst(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		s.set("5001", 2)
		var told pad
		start := time.Now()
		subscribe(t, p, &told, "5001")
		synctest.Wait()
		assert.Equal(t, []string{"5001 2/0 (0/0)"}, told.take())
		assert.Equal(t, start, time.Now(), "at once")
	})
}

func TestALateSubscriberIsToldWhatIsTrueNowAndNotWhatOthersWereTold(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		s.set("5001", 1)
		var first, late pad
		subscribe(t, p, &first, "5001")
		pass(time.Hour)
		s.set("5001", 2) // by a process of which no events come
		subscribe(t, p, &late, "5001")
		synctest.Wait()
		assert.Equal(t, []string{"5001 2/0 (0/0)"}, late.take())
		assert.Equal(t, []string{"5001 1/0 (0/0)", "5001 2/0 (0/0)"}, first.take())
	})
}

func TestAnUnchangedStateIsNotRepeated(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		s.set("5001", 1)
		var told pad
		subscribe(t, p, &told, "5001")
		for range 5 {
			pass(time.Minute)
			p.Observe(read("5001"))
		}
		pass(time.Minute)
		p.Recount()
		pass(time.Minute)
		assert.Equal(t, []string{"5001 1/0 (0/0)"}, told.take())
		assert.Len(t, s.take(), 7, "it was counted each time")
	})
}

func TestAMoveChangesTwoMailboxes(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		s.set("5001", 1)
		s.set("5002", 0)
		var told pad
		subscribe(t, p, &told, "5001", "5002")
		pass(time.Minute)
		told.take()
		s.set("5001", 0)
		s.set("5002", 1)
		p.Observe(voicemail.Event{Kind: voicemail.EventMoved, Mailbox: "5002", From: "5001"})
		synctest.Wait()
		assert.Equal(t, []string{"5001 0/0 (0/0)", "5002 1/0 (0/0)"}, told.take())
	})
}

func TestOnlyMailboxesThatSomebodyIsSubscribedToAreCounted(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		for i := range 1000 {
			p.Observe(read(voicemail.MailboxID(fmt.Sprint(i))))
		}
		var told pad
		cancel := subscribe(t, p, &told, "5001")
		pass(time.Minute)
		assert.Equal(t, []voicemail.MailboxID{"5001"}, s.take())
		cancel()
		cancel() // once more is no harm
		p.Observe(read("5001"))
		p.Recount()
		pass(time.Hour)
		assert.Empty(t, s.take())
		assert.Zero(t, p.held().topics, "nothing is kept of what nobody is subscribed to")
	})
}

func TestAMailboxThatIsDeletedIsToldAsGone(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		var told pad
		subscribe(t, p, &told, "5001")
		pass(time.Minute)
		assert.Equal(t, []string{"5001 0/0 (0/0) gone"}, told.take(), "before it was created")
		for _, step := range []struct {
			change func()
			want   string
		}{
			{func() { s.set("5001", 0) }, "5001 0/0 (0/0)"},
			{func() { s.remove("5001") }, "5001 0/0 (0/0) gone"}, // the counts are the same
			{func() { s.set("5001", 3) }, "5001 3/0 (0/0)"},
			{func() { s.remove("5001") }, "5001 0/0 (0/0) gone"},
		} {
			step.change()
			p.Observe(voicemail.Event{Kind: voicemail.EventSettingsChanged, Mailbox: "5001"})
			pass(time.Minute)
			assert.Equal(t, []string{step.want}, told.take())
		}
	})
}

func TestAnErrorOfCountingTellsNobodyAnythingAndIsTriedAgain(t *testing.T) {
	var log bytes.Buffer
	opts := &Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	inBubble(t, opts, func(t *testing.T, p *Publisher, s *shelf) {
		s.set("5001", 1)
		var told pad
		subscribe(t, p, &told, "5001")
		pass(time.Minute)
		told.take()
		s.take()

		s.set("5001", 2)
		s.fail(errDown)
		for range 600 { // whatever else happens there
			p.Observe(read("5001"))
			pass(time.Second)
		}
		tries := len(s.take())
		assert.GreaterOrEqual(t, tries, 20, "half a minute apart at most")
		assert.LessOrEqual(t, tries, 35, "it backs off, also if there are events")
		assert.Empty(t, told.take())
		assert.Contains(t, log.String(), "storage is down")

		var late pad
		subscribe(t, p, &late, "5001")
		pass(time.Minute)
		assert.Empty(t, late.take())
		s.fail(nil)
		pass(30 * time.Second)
		assert.Equal(t, []string{"5001 2/0 (0/0)"}, told.take(), "without another event")
		assert.Equal(t, []string{"5001 2/0 (0/0)"}, late.take())
		s.take()
		s.fail(errDown)
		p.Observe(read("5001"))
		pass(3 * time.Second)
		assert.Len(t, s.take(), 3, "after a success the first retry comes soon again: at 0, 1 and 3 s, less the jitter")
	})
}

func TestANotifierThatFailsIsToldTheStateOfLater(t *testing.T) {
	var log bytes.Buffer
	opts := &Options{Gap: 100 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	inBubble(t, opts, func(t *testing.T, p *Publisher, s *shelf) {
		s.set("5001", 1)
		var told, other pad
		subscribe(t, p, &told, "5001")
		subscribe(t, p, &other, "5001")
		pass(time.Minute)
		told.take()
		other.take()

		told.fail(errors.New("408 to +15550100001"))
		s.set("5001", 2)
		p.Observe(read("5001"))
		synctest.Wait()
		assert.Equal(t, []string{"5001 2/0 (0/0)"}, told.take())
		told.fail(nil)
		s.set("5001", 1) // as it was before, but who knows what the subscriber knows
		pass(500 * time.Millisecond)
		p.Observe(read("5001"))
		pass(time.Minute)
		assert.Equal(t, []string{"5001 1/0 (0/0)"}, told.take(), "the newest state, once")
		assert.Equal(t, []string{"5001 2/0 (0/0)", "5001 1/0 (0/0)"}, other.take(), "others are not kept waiting")
		assert.Contains(t, log.String(), "could not be told")
		assert.NotContains(t, log.String(), "5550100001", "what the application's error says is its own")

		told.fail(errDown)
		s.set("5001", 5)
		p.Observe(read("5001"))
		pass(10 * time.Minute)
		tries := len(told.take())
		assert.GreaterOrEqual(t, tries, 20)
		assert.LessOrEqual(t, tries, 35, "it backs off")
		told.fail(nil)
		pass(30 * time.Second)
		assert.Equal(t, []string{"5001 5/0 (0/0)"}, told.take())
	})
}

// slow is a Notifier that waits until it is let go.
type slow struct {
	pad
	begun chan struct{}
	ready chan struct{}
}

func newSlow() *slow { return &slow{begun: make(chan struct{}, 100), ready: make(chan struct{})} }

func (s *slow) Notify(ctx context.Context, n Notification) error {
	s.begun <- struct{}{}
	<-s.ready
	return s.pad.Notify(ctx, n)
}

func TestASlowNotifierKeepsNobodyWaitingAndIsToldTheLastState(t *testing.T) {
	inBubble(t, &Options{Workers: 1}, func(t *testing.T, p *Publisher, s *shelf) {
		s.set("5001", 0)
		s.set("5002", 0)
		slow := newSlow()
		var quick pad
		for range 50 { // more than there are workers
			subscribe(t, p, slow, "5001")
		}
		subscribe(t, p, &quick, "5001", "5002")
		pass(2 * time.Second) // those who came when the first count had begun wait for the next one
		assert.Len(t, slow.begun, 50)
		for i := range 10 {
			s.set("5001", i+1)
			s.set("5002", i+1)
			p.Observe(read("5001"))
			p.Observe(read("5002"))
			pass(2 * time.Second)
		}
		assert.Len(t, quick.take(), 22)
		assert.Empty(t, slow.take())
		close(slow.ready)
		synctest.Wait()
		got := slow.take()
		require.Len(t, got, 100, "each is told what it was being told, and then the last state")
		assert.Equal(t, "5001 0/0 (0/0)", got[0])
		assert.Equal(t, "5001 10/0 (0/0)", got[99])
	})
}

func TestAnExpiredNotifyIsTriedAgain(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		s.set("5001", 1)
		tries := make(chan time.Time, 10)
		subscribe(t, p, NotifierFunc(func(ctx context.Context, _ Notification) error {
			tries <- time.Now()
			if len(tries) == 2 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}), "5001")
		pass(time.Hour)
		require.Len(t, tries, 2)
		first, second := <-tries, <-tries
		assert.InDelta(t, 30.9, second.Sub(first).Seconds(), 0.11, "30 seconds, and the first retry")
	})
}

func TestACountThatHangsIsGivenUpAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPublisher(nil)
		defer p.Close()
		var counts atomic.Int32
		p.Start(counter(func(ctx context.Context, _ voicemail.MailboxID) (Counts, error) {
			if counts.Add(1) == 1 {
				<-ctx.Done()
				return Counts{}, ctx.Err()
			}
			return Counts{New: 1}, nil
		}))
		var told pad
		subscribe(t, p, &told, "5001")
		pass(31 * time.Second)
		assert.Equal(t, []string{"5001 1/0 (0/0)"}, told.take())
	})
}

func TestOneSubscriptionIsToldOneThingAtATime(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		var at, most atomic.Int32
		subscribe(t, p, NotifierFunc(func(context.Context, Notification) error {
			most.Store(max(most.Load(), at.Add(1)))
			time.Sleep(3 * time.Second)
			at.Add(-1)
			return errDown
		}), "5001")
		for i := range 100 {
			s.set("5001", i)
			p.Observe(read("5001"))
			pass(time.Second)
		}
		assert.EqualValues(t, 1, most.Load())
	})
}

func TestNoMoreMailboxesAreCountedAtATimeThanThereAreWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPublisher(&Options{Workers: 3})
		defer p.Close()
		var at, most atomic.Int32
		p.Start(counter(func(context.Context, voicemail.MailboxID) (Counts, error) {
			most.Store(max(most.Load(), at.Add(1)))
			time.Sleep(10 * time.Millisecond)
			at.Add(-1)
			return Counts{}, nil
		}))
		var told pad
		for i := range 100 {
			subscribe(t, p, &told, voicemail.MailboxID(fmt.Sprint(i)))
		}
		pass(time.Minute)
		assert.EqualValues(t, 3, most.Load())
		assert.Len(t, told.take(), 100)
		assert.Zero(t, p.held().workers, "no goroutine waits for work")
	})
}

func TestCloseWaitsForWhatIsUnderWayAndNothingBeginsAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := NewPublisher(nil), newShelf()
		p.Start(s)
		slow := newSlow()
		cancel := subscribe(t, p, slow, "5001", "5002", "5003")
		synctest.Wait()
		p.Observe(read("5001")) // waits for its gap
		closed := make(chan error)
		go func() { closed <- p.Close() }()
		synctest.Wait()
		select {
		case <-closed:
			t.Fatal("Notify is under way")
		default:
		}
		_, err := p.Subscribe("5001", slow)
		assert.ErrorIs(t, err, ErrClosed)
		s.set("5001", 7)
		p.Observe(read("5001"))
		p.Recount()
		close(slow.ready)
		assert.NoError(t, <-closed)
		slow.take()
		s.take()
		p.Observe(read("5001"))
		cancel()
		pass(time.Hour)
		assert.Empty(t, slow.take())
		assert.Empty(t, s.take())
		assert.NoError(t, p.Close(), "once more")
	})
}

func TestAfterCancelNoNotifyBegins(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		slow := newSlow()
		cancelSlow := subscribe(t, p, slow, "5001")
		var failing pad
		failing.fail(errDown)
		cancelFailing := subscribe(t, p, &failing, "5001")
		pass(2 * time.Second)
		s.set("5001", 1)
		pass(time.Second)
		p.Observe(read("5001"))
		synctest.Wait()
		cancelSlow()
		cancelFailing()
		failing.take()
		close(slow.ready)
		pass(time.Hour)
		assert.Equal(t, []string{"5001 0/0 (0/0) gone"}, slow.take(), "what was under way")
		assert.Empty(t, failing.take(), "and no retry")
	})
}

func TestANotifierMayCancelItself(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, _ *shelf) {
		ready := make(chan struct{})
		var cancel func()
		cancel = subscribe(t, p, NotifierFunc(func(_ context.Context, n Notification) error {
			<-ready
			assert.True(t, n.Gone)
			cancel()
			return errDown
		}), "5001")
		close(ready)
		pass(time.Hour)
		assert.Zero(t, p.held().topics)
	})
}

func TestSubscriptionsMadeBeforeStartAreToldWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := NewPublisher(nil), newShelf()
		defer p.Close()
		s.set("5001", 1)
		var told pad
		subscribe(t, p, &told, "5001", "5002")
		subscribe(t, p, &told, "5003")()
		p.Observe(read("5001"))
		pass(time.Hour)
		assert.Empty(t, told.take())
		p.Start(s)
		synctest.Wait()
		assert.Equal(t, []string{"5001 1/0 (0/0)", "5002 0/0 (0/0) gone"}, told.take())
		assert.ElementsMatch(t, []voicemail.MailboxID{"5001", "5002"}, s.take(), "each once, and not the cancelled one")
	})
}

func TestASubscriptionNeedsAMailboxAndANotifier(t *testing.T) {
	p := NewPublisher(nil)
	defer p.Close()
	_, err := p.Subscribe("", &pad{})
	assert.ErrorIs(t, err, voicemail.ErrInvalid)
	_, err = p.Subscribe("5001", nil)
	assert.ErrorIs(t, err, voicemail.ErrInvalid)
}

func TestANotificationSaysWhenItWasCounted(t *testing.T) {
	at := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	inBubble(t, &Options{Now: func() time.Time { return at }}, func(t *testing.T, p *Publisher, _ *shelf) {
		got := make(chan Notification, 1)
		subscribe(t, p, NotifierFunc(func(_ context.Context, n Notification) error {
			got <- n
			return nil
		}), "5001")
		assert.Equal(t, Notification{Mailbox: "5001", Gone: true, CountedAt: at}, <-got)
	})
}
