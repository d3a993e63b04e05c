package mwi

import (
	"errors"
	"slices"
	"time"

	"github.com/genesys/voicemail"
)

// topic is a mailbox that has subscriptions. Everything in it is guarded by the Publisher's lock.
//
// At most one count of it is under way, so what is counted last is the newest; that is all that keeps an older state from being told after a newer one.
type topic struct {
	id   voicemail.MailboxID
	subs map[*subscription]struct{}

	queued   bool // in Publisher.queue
	counting bool // a worker is at it
	again    bool // it changed since that count began

	counts   uint64    // how many counts have begun
	began    time.Time // when the last one did
	failures int       // how many failed in a row

	state Notification // what the last successful one found; zero if there was none

	timer *time.Timer
	armed bool          // the timer is to have an effect
	due   time.Time     // when
	poll  bool          // it is for Watch only
	pause time.Duration // about how long Watch waits for the next look
}

// changed has the mailbox counted, since it may have changed. The lock is held, here and in all that follows.
func (p *Publisher) changed(t *topic) {
	switch {
	case t.counting:
		t.again = true
	case t.queued:
	case t.failures > 0: // the retry will see it; an outage is not made worse by those who feel it
	default:
		t.poll = false
		p.wake(t, t.began.Add(p.opts.Gap))
	}
}

// wake has the mailbox counted at a time, or earlier if it is to be so already.
func (p *Publisher) wake(t *topic, at time.Time) {
	if t.queued || t.armed && !at.Before(t.due) {
		return
	}
	t.disarm()
	wait := time.Until(at)
	if wait <= 0 {
		p.enqueue(t)
		return
	}
	t.armed, t.due = true, at
	t.timer = time.AfterFunc(wait, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if t.armed && !time.Now().Before(t.due) { // and not disarmed, or armed anew, while this waited for the lock
			t.disarm()
			p.enqueue(t)
		}
	})
}

func (t *topic) disarm() {
	if t.timer != nil {
		t.timer.Stop()
	}
	t.timer, t.armed, t.poll = nil, false, false
}

func (p *Publisher) enqueue(t *topic) {
	t.queued = true
	p.queue = append(p.queue, t)
	p.help()
}

// drop forgets a mailbox that nobody is subscribed to any more.
func (p *Publisher) drop(t *topic) {
	t.disarm()
	if t.queued {
		t.queued = false
		p.queue = slices.DeleteFunc(p.queue, func(q *topic) bool { return q == t })
	}
}

// help adds a worker if there may be one more.
func (p *Publisher) help() {
	if p.boxes == nil || p.closed || p.workers >= p.opts.Workers {
		return
	}
	p.workers++
	p.wg.Go(p.work)
}

// work counts what is in the queue, and ends with it.
func (p *Publisher) work() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) > 0 {
		t := p.queue[0]
		p.queue = p.queue[1:]
		t.queued, t.counting, t.again = false, true, false
		t.began = time.Now()
		t.counts++
		boxes := p.boxes
		p.mu.Unlock()
		n, err := p.count(boxes, t.id)
		p.mu.Lock()
		t.counting = false
		p.counted(t, n, err)
	}
	p.workers--
}

// count counts without the lock.
func (p *Publisher) count(boxes Mailboxes, id voicemail.MailboxID) (Notification, error) {
	ctx, cancel := p.context()
	defer cancel()
	n := Notification{Mailbox: id, CountedAt: p.opts.Now()}
	var err error
	n.Counts, err = boxes.Mailbox(id).Counts(ctx)
	if errors.Is(err, voicemail.ErrNoMailbox) {
		n.Counts, n.Gone, err = Counts{}, true, nil
	}
	if err != nil {
		p.opts.Logger.WarnContext(ctx, "a mailbox could not be counted; it is tried again", "mailbox", string(id), "error", err)
	}
	return n, err
}

// counted takes what a count found, and says when the next one is.
func (p *Publisher) counted(t *topic, n Notification, err error) {
	if len(t.subs) == 0 || p.closed {
		return
	}
	if err != nil {
		t.failures++
		p.wake(t, time.Now().Add(retryAfter(t.failures, p.retryMost())))
		return
	}
	news := t.state.Mailbox != "" && !n.same(t.state)
	t.failures, t.state = 0, n
	for s := range t.subs {
		if s.since < t.counts { // it began after Subscribe
			p.offer(s, n)
		}
	}
	p.pace(t, news)
	switch {
	case t.again:
		p.wake(t, t.began.Add(p.opts.Gap))
	case p.watch != nil:
		p.wake(t, t.began.Add(jitter(t.pause)))
		t.poll = t.armed
	}
}
