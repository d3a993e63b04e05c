package mwi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/genesys/voicemail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// golden compares got with a file in testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// counter counts mailboxes by a function.
type counter func(ctx context.Context, id voicemail.MailboxID) (Counts, error)

func (c counter) Mailbox(id voicemail.MailboxID) voicemail.Mailbox {
	return countedBox{id: id, count: c}
}

// countedBox is a mailbox that can be counted and nothing else.
type countedBox struct {
	voicemail.Mailbox
	id    voicemail.MailboxID
	count counter
}

func (b countedBox) ID() voicemail.MailboxID { return b.id }

func (b countedBox) Counts(ctx context.Context) (Counts, error) { return b.count(ctx, b.id) }

// shelf is mailboxes whose counts a test sets.
type shelf struct {
	mu     sync.Mutex
	counts map[voicemail.MailboxID]Counts // those that exist
	err    error
	asked  []voicemail.MailboxID
}

func newShelf() *shelf { return &shelf{counts: map[voicemail.MailboxID]Counts{}} }

func (s *shelf) set(id voicemail.MailboxID, fresh int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[id] = Counts{New: fresh}
}

func (s *shelf) remove(id voicemail.MailboxID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.counts, id)
}

func (s *shelf) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// take returns the mailboxes that were counted since the last call.
func (s *shelf) take() []voicemail.MailboxID {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func (s *shelf) Mailbox(id voicemail.MailboxID) voicemail.Mailbox {
	return counter(s.count).Mailbox(id)
}

func (s *shelf) count(_ context.Context, id voicemail.MailboxID) (Counts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, id)
	c, ok := s.counts[id]
	switch {
	case s.err != nil:
		return Counts{}, s.err
	case !ok:
		return Counts{}, &voicemail.Error{Op: "count", Mailbox: id, Err: voicemail.ErrNoMailbox}
	}
	return c, nil
}

// pad writes down what subscribers are told.
type pad struct {
	mu    sync.Mutex
	lines []string
	err   error // of Notify, which has written down all the same
}

func (p *pad) Notify(_ context.Context, n Notification) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := fmt.Sprintf("%s %s", n.Mailbox, appendCounts(nil, n.Counts))
	if n.Gone {
		line += " gone"
	}
	p.lines = append(p.lines, line)
	return p.err
}

func (p *pad) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// take returns what was told since the last call; that of different mailboxes comes in no order, so it is sorted by mailbox.
func (p *pad) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := p.lines
	p.lines = nil
	slices.SortStableFunc(lines, func(a, b string) int {
		a, _, _ = strings.Cut(a, " ")
		b, _, _ = strings.Cut(b, " ")
		return strings.Compare(a, b)
	})
	return lines
}

func subscribe(t *testing.T, p *Publisher, n Notifier, mailboxes ...voicemail.MailboxID) (cancel func()) {
	t.Helper()
	var cancels []func()
	for _, id := range mailboxes {
		c, err := p.Subscribe(id, n)
		require.NoError(t, err)
		cancels = append(cancels, c)
	}
	return func() {
		for _, c := range cancels {
			c()
		}
	}
}

func read(id voicemail.MailboxID) voicemail.Event {
	return voicemail.Event{Kind: voicemail.EventRead, Mailbox: id}
}

var errDown = errors.New("storage is down")

// pass lets so much time of a bubble pass, and all happen that is due by then. Only the test itself calls it; what takes time beside it sleeps.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// held is how much a Publisher keeps.
type held struct{ topics, queued, workers int }

func (p *Publisher) held() held {
	p.mu.Lock()
	defer p.mu.Unlock()
	return held{len(p.topics), len(p.queue), p.workers}
}
