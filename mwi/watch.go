package mwi

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/genesys/voicemail"
)

// WatchOptions are the options of [Publisher.Watch]. The zero value, and a nil *WatchOptions, are the defaults named below.
type WatchOptions struct {
	// Interval is the longest time between two looks at a mailbox; default a minute.
	Interval time.Duration
	// Busy is the time to the next look after a change was seen, since changes come together; it doubles with each look that sees none, up to Interval. At
	// most Interval, which turns that off; default a quarter of it.
	Busy time.Duration
}

func (o *WatchOptions) withDefaults() (*WatchOptions, error) {
	var d WatchOptions
	if o != nil {
		d = *o
	}
	if d.Interval == 0 {
		d.Interval = time.Minute
	}
	if d.Busy == 0 {
		d.Busy = max(1, d.Interval/4)
	}
	if d.Interval < 0 || d.Busy < 0 || d.Busy > d.Interval {
		return nil, fmt.Errorf("%w: Interval and Busy are positive, and Busy is at most Interval", voicemail.ErrInvalid)
	}
	return &d, nil
}

// Watch looks at every mailbox that has a subscription, again and again until ctx is done, and so finds the changes that other processes make where no bus tells of
// them. It costs one listing for each look; the package comment has the price. A change is counted no later than Interval after it was made, as long as the storage answers and
// Options.Workers are enough: they are if the mailboxes, times the time that one listing takes, are less than Workers times Busy. What fails is tried again as
// always, and no later than Interval.
//
// It returns ctx.Err(), or ErrClosed if the Publisher is closed, or at once voicemail.ErrInvalid if the options cannot be right or there is a Watch
// already.
func (p *Publisher) Watch(ctx context.Context, opts *WatchOptions) error {
	o, err := opts.withDefaults()
	if err == nil {
		err = p.beginWatch(o)
	}
	if err != nil {
		return err
	}
	defer p.endWatch()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.done:
		return ErrClosed
	}
}

// beginWatch spreads the first looks over the interval. Mailboxes that are about to be counted come to their first look by that.
func (p *Publisher) beginWatch(o *WatchOptions) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case p.watch != nil:
		return fmt.Errorf("%w: there is a Watch already", voicemail.ErrInvalid)
	}
	p.watch = o
	for _, t := range p.topics {
		t.pause = o.Interval
		if !t.armed && !t.queued && !t.counting {
			p.wake(t, time.Now().Add(rand.N(o.Interval)))
			t.poll = t.armed
		}
	}
	return nil
}

func (p *Publisher) endWatch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watch = nil
	for _, t := range p.topics {
		if t.poll {
			t.disarm()
		}
	}
}

// pace says how long Watch waits after a count that did, or did not, bring news. The lock is held.
func (p *Publisher) pace(t *topic, news bool) {
	switch {
	case p.watch == nil:
	case news:
		t.pause = p.watch.Busy
	case t.pause == 0:
		t.pause = p.watch.Interval
	default:
		t.pause = min(2*t.pause, p.watch.Interval)
	}
}

// retryMost is how long a count that failed waits at most. The lock is held.
func (p *Publisher) retryMost() time.Duration {
	if p.watch != nil {
		return min(retryMost, p.watch.Interval)
	}
	return retryMost
}
