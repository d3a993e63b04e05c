package mwi

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

// watch runs Watch until the returned function is called, which returns its error.
func watch(t *testing.T, p *Publisher, opts *WatchOptions) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Watch(ctx, opts) }()
	synctest.Wait()
	return func() error {
		cancel()
		return <-done
	}
}

func TestWatchSeesAChangeOfAThousandMailboxesWithinOneInterval(t *testing.T) {
	const mailboxes, interval, listing = 1000, time.Minute, 20 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		inner := memstore.New(nil)
		elsewhere, err := voicemail.Open(t.Context(), voicemail.OneRegion(inner), nil) // in a process that tells nobody
		require.NoError(t, err)
		store := faultstore.New(inner)
		svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(store), nil)
		require.NoError(t, err)

		p := NewPublisher(nil)
		defer p.Close()
		p.Start(svc)
		told := make(chan Notification, 3*mailboxes)
		for i := range mailboxes {
			id := voicemail.MailboxID(fmt.Sprint(10000 + i))
			_, err := elsewhere.CreateMailbox(t.Context(), id, nil)
			require.NoError(t, err)
			subscribe(t, p, NotifierFunc(func(_ context.Context, n Notification) error {
				told <- n
				return nil
			}), id)
		}
		pass(interval)
		require.Len(t, told, mailboxes, "the first state of each")
		for range mailboxes {
			<-told
		}

		slow := faultstore.Fault{Op: faultstore.List, Mode: faultstore.Pass, Delay: listing, Times: faultstore.Always}
		store.Set(slow)
		stop := watch(t, p, nil)
		pass(interval)
		counts := store.Counts()
		assert.Equal(t, map[faultstore.Op]int{faultstore.List: counts[faultstore.List]}, counts, "nothing but listings")
		assert.GreaterOrEqual(t, counts[faultstore.List], mailboxes, "each was looked at within the first interval")
		assert.Less(t, counts[faultstore.List], 2*mailboxes)

		before, most := heap(), 0
		store.Set(slow)
		for range 20 {
			pass(interval / 2)
			most = max(most, runtime.NumGoroutine())
			store.Set(slow) // which forgets the calls, too
		}
		assert.Less(t, heap()-before, 1<<20, "it keeps what it kept")
		assert.Less(t, most, 100, "and has workers, not a goroutine for each mailbox")
		assert.Equal(t, held{topics: mailboxes}, p.held().settled())
		assert.Empty(t, told, "nothing has changed")

		store.Set(slow)
		pass(20 * interval)
		perMailbox := float64(store.Counts()[faultstore.List]) / mailboxes / 20
		assert.InDelta(t, 1/0.9, perMailbox, 0.02, "the price in the package comment")

		store.Set(slow)
		box := elsewhere.Mailbox("10321")
		for range 3 {
			deposit(t, box, nil)
			start := time.Now()
			n := <-told
			assert.Equal(t, voicemail.MailboxID("10321"), n.Mailbox)
			assert.LessOrEqual(t, time.Since(start), interval+2*listing)
		}
		for i := range mailboxes { // all at once
			deposit(t, elsewhere.Mailbox(voicemail.MailboxID(fmt.Sprint(10000+i))), nil)
		}
		pass(interval + 2*listing)
		assert.Len(t, told, mailboxes)
		assert.ErrorIs(t, stop(), context.Canceled)
		store.Set()
		pass(time.Hour)
		assert.Empty(t, store.Counts(), "no look after it has ended")
	})
}

// settled leaves out what is under way.
func (h held) settled() held { return held{topics: h.topics} }

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestWatchLooksMoreOftenAfterAChangeAndBacksOff(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		s.set("5001", 0)
		var told pad
		subscribe(t, p, &told, "5001")
		stop := watch(t, p, &WatchOptions{Interval: 8 * time.Minute, Busy: time.Minute})
		pass(time.Hour)
		s.set("5001", 1)
		told.take()
		for len(told.take()) == 0 {
			pass(time.Second)
		}
		s.take()
		looks := func(d time.Duration) int {
			pass(d)
			return len(s.take())
		}
		assert.Equal(t, 1, looks(time.Minute), "0.8 to 1 min after the change")
		assert.Equal(t, 1, looks(2*time.Minute), "1.6 to 2 min later")
		assert.Equal(t, 1, looks(4*time.Minute), "3.2 to 4")
		assert.Equal(t, 1, looks(8*time.Minute), "6.4 to 8")
		hour := looks(80 * time.Minute)
		assert.GreaterOrEqual(t, hour, 10)
		assert.LessOrEqual(t, hour, 13, "the interval, and no longer")
		require.ErrorIs(t, stop(), context.Canceled)
	})
}

func TestLooksAreNotAllAtTheSameTime(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		var told pad
		for i := range 600 {
			subscribe(t, p, &told, voicemail.MailboxID(fmt.Sprint(i)))
		}
		synctest.Wait()
		stop := watch(t, p, nil)
		pass(10 * time.Minute)
		s.take()
		for range 60 {
			pass(time.Second)
			assert.Less(t, len(s.take()), 40, "11 on average")
		}
		require.ErrorIs(t, stop(), context.Canceled)
	})
}

func TestWatchLooksAtMailboxesThatAreSubscribedToLaterAndNotAtThoseThatAreCancelled(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		stop := watch(t, p, nil)
		var told pad
		cancel := subscribe(t, p, &told, "5001")
		pass(10 * time.Second)
		assert.Len(t, s.take(), 1)
		s.set("5001", 1)
		told.take()
		pass(time.Minute)
		assert.Equal(t, []string{"5001 1/0 (0/0)"}, told.take())
		cancel()
		s.take()
		pass(time.Hour)
		assert.Empty(t, s.take())
		require.ErrorIs(t, stop(), context.Canceled)
	})
}

func TestWatchTriesAgainWithinItsIntervalWhatFailed(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		var told pad
		subscribe(t, p, &told, "5001")
		stop := watch(t, p, &WatchOptions{Interval: 5 * time.Second})
		pass(time.Minute)
		s.fail(errDown)
		pass(time.Hour)
		told.take()
		s.set("5001", 1)
		s.fail(nil)
		pass(5 * time.Second)
		assert.Equal(t, []string{"5001 1/0 (0/0)"}, told.take())
		require.ErrorIs(t, stop(), context.Canceled)
	})
}

func TestAnEventIsNotLostWhenWatchEnds(t *testing.T) {
	inBubble(t, &Options{Gap: time.Minute}, func(t *testing.T, p *Publisher, s *shelf) {
		var told pad
		subscribe(t, p, &told, "5001")
		synctest.Wait()
		stop := watch(t, p, &WatchOptions{Interval: 40 * time.Second})
		pass(time.Second)
		s.set("5001", 1)
		told.take()
		p.Observe(read("5001")) // which the next look is to count, since it is before the end of the gap
		require.ErrorIs(t, stop(), context.Canceled)
		pass(time.Minute)
		assert.Equal(t, []string{"5001 1/0 (0/0)"}, told.take())
	})
}

func TestThereIsOneWatchAndItEndsWithThePublisher(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, _ *shelf) {
		done := make(chan error, 1)
		go func() { done <- p.Watch(t.Context(), nil) }()
		synctest.Wait()
		assert.ErrorIs(t, p.Watch(t.Context(), nil), voicemail.ErrInvalid)
		require.NoError(t, p.Close())
		assert.ErrorIs(t, <-done, ErrClosed)
		assert.ErrorIs(t, p.Watch(t.Context(), nil), ErrClosed)
	})
}

func TestWatchOptionsThatCannotBeRightAreRefused(t *testing.T) {
	p := NewPublisher(nil)
	defer p.Close()
	for _, o := range []WatchOptions{{Interval: -1}, {Busy: -1}, {Interval: time.Second, Busy: 2 * time.Second}, {Busy: time.Hour}} {
		assert.ErrorIs(t, p.Watch(t.Context(), &o), voicemail.ErrInvalid, "%+v", o)
	}
}

func TestAnEventIsCountedAtOnceHoweverLongWatchWouldWait(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *Publisher, s *shelf) {
		var told pad
		stop := watch(t, p, &WatchOptions{Interval: time.Hour})
		subscribe(t, p, &told, "5001")
		pass(time.Minute)
		told.take()
		s.set("5001", 1)
		p.Observe(read("5001"))
		synctest.Wait()
		assert.Equal(t, []string{"5001 1/0 (0/0)"}, told.take())
		s.take()
		p.Observe(read("5001"))
		pass(time.Minute / 2)
		p.Observe(read("5001"))
		pass(time.Minute / 2)
		assert.Len(t, s.take(), 2, "and no later than its gap")
		require.ErrorIs(t, stop(), context.Canceled)
	})
}

func TestAMailboxIsForgottenThoughItIsBeingCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPublisher(nil)
		var counts atomic.Int32
		ready := make(chan struct{})
		p.Start(counter(func(context.Context, voicemail.MailboxID) (Counts, error) {
			counts.Add(1)
			<-ready
			return Counts{}, errDown
		}))
		stop := watch(t, p, nil)
		var told pad
		cancel := subscribe(t, p, &told, "5001", "5002")
		synctest.Wait()
		cancel()
		close(ready)
		pass(time.Hour)
		assert.EqualValues(t, 2, counts.Load())
		assert.Equal(t, held{}, p.held())
		require.NoError(t, p.Close())
		require.ErrorIs(t, stop(), ErrClosed)
	})
}
