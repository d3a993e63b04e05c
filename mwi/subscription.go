package mwi

import "time"

// subscription is one Notifier's of one mailbox. Everything in it is guarded by the Publisher's lock.
type subscription struct {
	notifier Notifier
	since    uint64 // how many counts of the mailbox had begun before it

	next Notification // the newest state; zero before the first
	last Notification // what was told last
	told bool         // the subscriber is known to know last

	telling  bool // a goroutine is at it
	failures int
	retry    *time.Timer // set while the next try waits
	ended    bool
}

// offer gives the subscription a newer state. The lock is held.
func (p *Publisher) offer(s *subscription, n Notification) {
	s.next = n
	p.tell(s)
}

// tell begins to tell what there is, unless that is under way or waits. The lock is held.
func (p *Publisher) tell(s *subscription) {
	if s.telling || s.retry != nil || !s.due() {
		return
	}
	s.telling = true
	p.wg.Go(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for s.due() {
			p.tellOnce(s)
		}
		s.telling = false
	})
}

// due reports whether there is something to tell now.
func (s *subscription) due() bool {
	return !s.ended && s.retry == nil && s.next.Mailbox != "" && (!s.told || !s.next.same(s.last))
}

// tellOnce calls Notify without the lock, which is held before and after.
func (p *Publisher) tellOnce(s *subscription) {
	n := s.next
	p.mu.Unlock()
	ctx, cancel := p.context()
	err := s.notifier.Notify(ctx, n)
	if err != nil {
		p.opts.Logger.WarnContext(ctx, "a subscriber could not be told; it is tried again", "mailbox", string(n.Mailbox))
	}
	cancel()
	p.mu.Lock()
	if err == nil {
		s.last, s.told, s.failures = n, true, 0
		return
	}
	s.told = false // it may know n, or what it knew before
	if s.ended {
		return
	}
	s.failures++
	s.retry = time.AfterFunc(retryAfter(s.failures, retryMost), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		s.retry = nil
		if !s.ended {
			p.tell(s)
		}
	})
}

// end keeps anything more from being told. The lock is held.
func (s *subscription) end() {
	s.ended = true
	if s.retry != nil {
		s.retry.Stop()
	}
}
