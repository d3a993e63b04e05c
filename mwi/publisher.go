package mwi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/genesys/voicemail"
)

// ErrClosed is the error of a [Publisher] that was closed.
var ErrClosed = errors.New("publisher is closed")

// Options are the options of [NewPublisher]. The zero value, and a nil *Options, are the defaults named below; so is a number that is not positive.
type Options struct {
	// Workers is how many mailboxes are counted at the same time at most; default 16.
	Workers int
	// Gap is the least time between the beginnings of two counts of the same mailbox. The first change after a quiet time is counted at once, those that follow
	// it within Gap are counted, and told, together. Default a second.
	Gap time.Duration
	// Logger gets what fails and is tried again: the mailbox, and the error of counting. Errors of a Notifier are the application's own, and may say who was to
	// be told, so only that there was one is logged. Default: silent.
	Logger *slog.Logger
	// Now is the clock of Notification.CountedAt. Default time.Now.
	Now func() time.Time
}

const defaultWorkers = 16

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Workers <= 0 {
		d.Workers = defaultWorkers
	}
	if d.Gap <= 0 {
		d.Gap = time.Second
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return d
}

// Publisher tells subscribers what waits in mailboxes, as the package comment promises. It is of one tenant. All its methods are safe for concurrent use.
//
// It keeps one state for each mailbox that has a subscription and one for each subscription, and nothing of other mailboxes, whatever happens there. It runs as many goroutines as
// Options.Workers at most while there is something to count, and one for each subscription that is being told something.
type Publisher struct {
	opts Options
	done chan struct{} // closed by Close
	wg   sync.WaitGroup

	mu      sync.Mutex // held for moments only: never while counting or telling
	boxes   Mailboxes  // nil until Start
	topics  map[voicemail.MailboxID]*topic
	queue   []*topic // to be counted now, each once
	workers int
	watch   *WatchOptions // nil if nobody watches
	closed  bool
}

// NewPublisher returns a Publisher. nil opts are the defaults. What it starts ends with Close.
func NewPublisher(opts *Options) *Publisher {
	return &Publisher{opts: opts.withDefaults(), done: make(chan struct{}), topics: map[voicemail.MailboxID]*topic{}}
}

// Start says where to count, which is a voicemail.Service as a rule, and lets counting begin. It comes apart from NewPublisher since the Service
// needs the Publisher first, as its Observer. Subscriptions made before are told now. Another Start changes where to count from then on.
func (p *Publisher) Start(boxes Mailboxes) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.boxes = boxes
	for range p.queue {
		p.help()
	}
}

// Observe takes an event: of this process as voicemail.Options.Observer, of another one from a bus. It does not block.
func (p *Publisher) Observe(ev voicemail.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range touched(ev) {
		if t := p.topics[id]; t != nil {
			p.changed(t)
		}
	}
}

// Recount counts every mailbox that has a subscription anew, and tells what has changed: after events may have been missed.
func (p *Publisher) Recount() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.topics {
		p.changed(t)
	}
}

// Subscribe tells n the state of a mailbox, now and whenever it changes, until cancel is called. It does not wait for the storage: the first state is
// counted after Subscribe, within Options.Gap, and told as soon as that succeeds. The mailbox need not exist.
//
// After cancel has returned no Notify begins; one that is under way may still go on. Errors: ErrClosed; voicemail.ErrInvalid without a mailbox or a Notifier.
func (p *Publisher) Subscribe(mailbox voicemail.MailboxID, n Notifier) (cancel func(), err error) {
	if mailbox == "" || n == nil {
		return nil, fmt.Errorf("%w: a subscription needs a mailbox and a notifier", voicemail.ErrInvalid)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	t := p.topics[mailbox]
	if t == nil {
		t = &topic{id: mailbox, subs: map[*subscription]struct{}{}}
		p.topics[mailbox] = t
	}
	s := &subscription{notifier: n, since: t.counts}
	t.subs[s] = struct{}{}
	p.changed(t)
	return func() { p.cancel(t, s) }, nil
}

func (p *Publisher) cancel(t *topic, s *subscription) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.end()
	delete(t.subs, s)
	if len(t.subs) == 0 && p.topics[t.id] == t {
		delete(p.topics, t.id)
		p.drop(t)
	}
}

// Close ends all subscriptions and waits for what is under way: counts, and calls of Notify, which have 30 seconds each. Nothing begins after it. What was not
// told yet is not told any more. A Watch ends. It returns nil, also when called again.
func (p *Publisher) Close() error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.done)
		for id, t := range p.topics {
			for s := range t.subs {
				s.end()
			}
			delete(p.topics, id)
			p.drop(t)
		}
	}
	p.mu.Unlock()
	p.wg.Wait()
	return nil
}

const (
	// within bounds one count and one Notify.
	within = 30 * time.Second
	// retryFirst and retryMost are about how long to wait after the first failure, and after many.
	retryFirst = time.Second
	retryMost  = 30 * time.Second
)

// retryAfter returns how long to wait after so many failures in a row.
func retryAfter(failures int, most time.Duration) time.Duration {
	return jitter(min(retryFirst<<min(failures-1, 10), most))
}

// jitter shortens d by up to a fifth, so that what happened at the same time does not happen so again.
func jitter(d time.Duration) time.Duration {
	return d - rand.N(d/5+1)
}

func (p *Publisher) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), within)
}
