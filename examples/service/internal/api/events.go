package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/mwi"
)

// lampEvent is the data of an event.
type lampEvent struct {
	ID     voicemail.MailboxID `json:"id"`
	Group  bool                `json:"group"`
	Counts countsDoc           `json:"counts"`
	Gone   bool                `json:"gone"`
}

// streamEvents streams what waits in the mailboxes of who asks, as server-sent events: the state of each mailbox first, and then again when it has changed. Since the whole
// state comes with every stream, Last-Event-ID says nothing, and an event that is lost with a connection does no harm.
func (c *call) streamEvents() error {
	if err := c.query().end(); err != nil {
		return err
	}
	if c.opts.Draining.Err() != nil {
		return busy("The service stops")
	}
	release, ok := c.streams.take(c.center + " " + c.who.Name)
	if !ok {
		return busy("There are as many streams as can be, or as one user can have")
	}
	defer release()

	news := &news{wake: make(chan struct{}, 1), next: map[voicemail.MailboxID]lampEvent{}}
	cancel, err := c.subscribe(news)
	defer cancel()
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // of nginx, which would keep events back
	c.w.WriteHeader(http.StatusOK)
	c.stream(news)
	return nil
}

// subscribe has news told of every mailbox of who asks.
func (c *call) subscribe(n *news) (cancel func(), err error) {
	var cancels []func()
	cancel = func() {
		for _, f := range cancels {
			f()
		}
	}
	own := map[voicemail.MailboxID]bool{}
	for box, err := range c.tenant.Service.MailboxesOf(c.r.Context(), c.who.User) {
		if err != nil {
			return cancel, err
		}
		own[box.ID()] = true
	}
	for box, err := range c.tenant.Service.MailboxesOf(c.r.Context(), c.who.User, c.who.Groups...) {
		if err != nil {
			return cancel, err
		}
		group := !own[box.ID()]
		stop, err := c.tenant.Lamps.Subscribe(box.ID(), mwi.NotifierFunc(func(_ context.Context, state mwi.Notification) error {
			n.tell(lampEvent{state.Mailbox, group, newCounts(state.Counts), state.Gone})
			return nil
		}))
		if err != nil {
			return cancel, err
		}
		cancels = append(cancels, stop)
	}
	return cancel, nil
}

// stream writes events until the client goes, the service stops, or it is time to authorize anew.
func (c *call) stream(n *news) {
	control := http.NewResponseController(c.w)
	limit := c.opts.StreamFor
	if e := c.who.Expires; !e.IsZero() {
		limit = min(limit, time.Until(e))
	}
	over := time.NewTimer(limit)
	defer over.Stop()
	beat := time.NewTicker(c.opts.Heartbeat)
	defer beat.Stop()
	_, err := fmt.Fprint(c.w, "retry: 2000\n\n")
	for err == nil {
		if err = control.Flush(); err != nil {
			return
		}
		select {
		case <-n.wake:
			for _, event := range n.take() {
				var data []byte
				if data, err = json.Marshal(event); err == nil {
					_, err = fmt.Fprintf(c.w, "event: mailbox\ndata: %s\n\n", data)
				}
			}
		case <-beat.C:
			_, err = fmt.Fprint(c.w, ":\n\n")
		case <-over.C:
			return
		case <-c.opts.Draining.Done():
			return
		case <-c.r.Context().Done():
			return
		}
	}
}

// news holds the newest state of each mailbox that was not written yet, so that a slow client makes nobody wait and nothing grow.
type news struct {
	wake chan struct{}

	mu    sync.Mutex
	next  map[voicemail.MailboxID]lampEvent
	order []voicemail.MailboxID
}

func (n *news) tell(e lampEvent) {
	n.mu.Lock()
	if _, waits := n.next[e.ID]; !waits {
		n.order = append(n.order, e.ID)
	}
	n.next[e.ID] = e
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *news) take() []lampEvent {
	n.mu.Lock()
	defer n.mu.Unlock()
	var events []lampEvent
	for _, id := range n.order {
		events = append(events, n.next[id])
	}
	clear(n.next)
	n.order = n.order[:0]
	return events
}

// quota bounds how many there are, in all and of one user.
type quota struct {
	mu      sync.Mutex
	left    int
	perUser int
	used    map[string]int
}

func newQuota(all, perUser int) *quota {
	return &quota{left: all, perUser: perUser, used: map[string]int{}}
}

// take reports whether there may be one more; release is called once.
func (q *quota) take(user string) (release func(), ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.left == 0 || q.used[user] >= q.perUser {
		return nil, false
	}
	q.left--
	q.used[user]++
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.left++
		if q.used[user]--; q.used[user] == 0 {
			delete(q.used, user)
		}
	}, true
}
