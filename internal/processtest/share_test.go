//go:build unix

package processtest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

const (
	changes  = 5000
	attended = 24 // messages of which different processes change different marks
	roaming  = 48 // messages that every process moves, of which every second may be deleted
	baseline = 1 << 20
)

var (
	shared = []voicemail.MailboxID{"team", "5001", "5002", "5003"}
	roamIn = []voicemail.MailboxID{"inbox", "escalated", "archive"}
)

func TestProcessesShareOneVolume(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 8} {
		t.Run(fmt.Sprintf("%d processes", n), func(t *testing.T) {
			t.Parallel()
			shareOne(t, newVolume(t), n, changes)
		})
	}
}

// commons is what the parent prepares and all processes work on.
type commons struct {
	svc     *voicemail.Service
	ticks   *ticks
	boxes   []voicemail.MailboxID
	duties  [][]duty // by process
	roamers []roamer
	deleted map[voicemail.MessageID]bool // roamers of which a deletion was acknowledged
	history history
}

// shareOne lets n processes make so many changes in one place, and holds what is there against what they were told.
func shareOne(t *testing.T, p place, n, changes int) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	clock := filepath.Join(t.TempDir(), "ticks")
	require.NoError(t, os.WriteFile(clock, make([]byte, 8), 0o600))
	c := prepare(t, p, clock, n)

	children := make([]*child, n)
	for i := range children {
		own := append(slices.Clone(shared), private(i))
		var err error
		children[i], err = start(t, "share", shareJob{
			Place: p, Ticks: clock, Seed: seed, Worker: i, Changes: changes / n, Boxes: own, Duties: c.duties[i], RoamIn: roamIn, Roamers: c.roamers, EachLook: 5,
		})
		require.NoError(t, err)
	}
	for _, child := range children {
		require.NoError(t, child.ready())
	}
	reports := make([][]report, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i, child := range children {
		require.NoError(t, child.in.Close())
		wg.Go(func() { reports[i], errs[i] = child.reports() })
	}
	wg.Wait()
	var total looks
	var taken []look
	c.history.changes = 0 // what is acknowledged from now on
	for i := range children {
		require.NoError(t, errs[i], "process %d", i)
		for _, r := range reports[i] {
			if r.Look != nil {
				taken = append(taken, *r.Look)
			}
			require.NoError(t, c.add(r, &total))
		}
	}
	require.Equal(t, changes/n*n, c.history.changes, "acknowledged changes")
	if n > 2 {
		assert.Positive(t, total.Refused, "no two processes ever met at a message")
	}
	c.checkCounts(t, taken)
	c.checkMessages(t)
	c.checkDisk(t, p)
	t.Logf("%d processes: %d changes, %d of them of settings; %d messages; looks: %+v", n, c.history.changes, c.history.settings, len(c.history.messages), total)
}

func private(worker int) voicemail.MailboxID {
	return voicemail.MailboxID(fmt.Sprintf("private-%d", worker))
}

// reports reads all that a child has to say, until it ends.
func (c *child) reports() (all []report, err error) {
	for err == nil {
		var r report
		if err = c.out.Decode(&r); err == nil {
			all = append(all, r)
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := c.cmd.Wait(); err != nil {
		return nil, err
	}
	if len(all) == 0 || all[len(all)-1].Done == nil {
		return nil, errors.New("it ended before it was done")
	}
	return all, nil
}

func prepare(t *testing.T, p place, clock string, n int) *commons {
	t.Helper()
	c := &commons{
		boxes: slices.Clone(shared), duties: make([][]duty, n), deleted: map[voicemail.MessageID]bool{},
		history: history{messages: map[voicemail.MessageID]*past{}},
	}
	var err error
	c.ticks, err = openTicks(clock)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.ticks.close()) })
	c.svc, err = p.service(t.Context())
	require.NoError(t, err)
	for i := range n {
		c.boxes = append(c.boxes, private(i))
	}
	for _, id := range slices.Concat(c.boxes, roamIn) {
		_, err := c.svc.CreateMailbox(t.Context(), id, &voicemail.Settings{MaxMessages: baseline})
		require.NoError(t, err)
	}
	for i := range attended {
		w := write{Field: inBox, Box: shared[i%len(shared)], Born: &origin{i, i}}
		w.span, err = c.ticks.during(func() error {
			msg, err := w.Born.deposit(t.Context(), c.svc.Mailbox(w.Box), voicemail.DepositOptions{})
			if err == nil {
				w.ID = msg.ID()
			}
			return err
		})
		require.NoError(t, err)
		require.NoError(t, c.history.add(w))
		for f := range inBox {
			who := (i + int(f)) % n
			c.duties[who] = append(c.duties[who], duty{*w.Born, w.ID, w.Box, f, false})
		}
	}
	for i := range roaming {
		o := origin{attended + i, attended + i}
		msg, err := o.deposit(t.Context(), c.svc.Mailbox(roamIn[i%len(roamIn)]), voicemail.DepositOptions{})
		require.NoError(t, err)
		c.roamers = append(c.roamers, roamer{o, msg.ID(), i%2 == 1})
	}
	return c
}

// add takes in a report.
func (c *commons) add(r report, total *looks) error {
	switch {
	case r.Write != nil:
		return c.history.add(*r.Write)
	case r.Settings:
		c.history.changes++
		c.history.settings++
	case r.Roamed != nil:
		c.history.changes++
		if r.Roamed.Box == "" {
			c.deleted[r.Roamed.ID] = true
		}
	case r.Done != nil:
		total.Counted += r.Done.Counted
		total.Listed += r.Done.Listed
		total.Found += r.Done.Found
		total.Played += r.Done.Played
		total.Refused += r.Done.Refused
	}
	return nil
}

// checkCounts holds every count against what was acknowledged before it and begun after it.
func (c *commons) checkCounts(t *testing.T, taken []look) {
	t.Helper()
	exact := 0
	for _, l := range taken {
		least, most := c.history.bounds(l)
		got := tallyOf(l.Counts)
		require.True(t, got.within(least, most), "mailbox %q: counted %+v, where at least %+v and at most %+v can be", l.Box, got, least, most)
		if least == most {
			exact++
		}
	}
	t.Logf("%d counts of mailboxes are right, of %d there was one right answer only", len(taken), exact)
	require.Greater(t, exact, len(taken)/10, "if nearly every answer can be right, nothing is checked")
}

// checkMessages holds everything that can be seen or heard against the history.
func (c *commons) checkMessages(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	callers := map[int][]voicemail.MessageID{}
	for _, p := range c.history.messages {
		callers[p.Caller] = nil // also those of whom everything was deleted
	}
	for _, id := range c.boxes {
		box := c.svc.Mailbox(id)
		want := c.history.in(id)
		listed, err := list(ctx, box)
		require.NoError(t, err)
		require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(listed)), "mailbox %q", id)
		for m, p := range want {
			require.Equal(t, p.last(), marksOf(listed[m].State()), "marks of %v", listed[m])
			require.NoError(t, p.plays(ctx, listed[m]))
			callers[p.Caller] = append(callers[p.Caller], m)
		}
		counts, err := box.Counts(ctx)
		require.NoError(t, err)
		var now look
		now.span, now.Box = span{c.ticks.n.Load() + 1, c.ticks.n.Load() + 2}, id
		least, most := c.history.bounds(now)
		require.Equal(t, least, most, "nothing is under way")
		require.Equal(t, least, tallyOf(counts), "mailbox %q", id)
	}
	for caller, want := range callers {
		found, err := origin{Caller: caller}.find(ctx, c.svc)
		require.NoError(t, err)
		require.ElementsMatch(t, want, slices.Collect(maps.Keys(found)), "messages of a caller")
	}
	set, err := c.svc.Mailbox(shared[0]).Settings(ctx)
	require.NoError(t, err)
	require.Equal(t, c.history.settings, set.MaxMessages-baseline, "acknowledged updates of settings")
	require.Equal(t, c.history.settings, set.Revision)
	c.checkRoamers(t)
}

// checkRoamers demands that each roamer is in one place, or in none if a deletion of it was acknowledged.
func (c *commons) checkRoamers(t *testing.T) {
	t.Helper()
	in := map[voicemail.MessageID]int{}
	for _, id := range roamIn {
		listed, err := list(t.Context(), c.svc.Mailbox(id))
		require.NoError(t, err)
		counts, err := c.svc.Mailbox(id).Counts(t.Context())
		require.NoError(t, err)
		require.Equal(t, voicemail.Counts{New: len(listed)}, counts)
		for m := range listed {
			in[m]++
		}
	}
	for _, r := range c.roamers {
		found, err := r.find(t.Context(), c.svc)
		require.NoError(t, err)
		require.Len(t, found, in[r.ID], "what is listed is found")
		if c.deleted[r.ID] {
			require.LessOrEqual(t, in[r.ID], 1, "in how many mailboxes message %s is", r.ID)
			if in[r.ID] == 1 {
				t.Logf("message %s outlived an acknowledged deletion, since it was being moved", r.ID)
			}
		} else {
			require.Equal(t, 1, in[r.ID], "in how many mailboxes message %s is", r.ID)
		}
		for _, msg := range found {
			require.NoError(t, r.plays(t.Context(), msg))
		}
	}
}

// checkDisk demands that of what can be seen everything is on the disk, and of nothing else anything, before Maintain and after.
func (c *commons) checkDisk(t *testing.T, p place) {
	t.Helper()
	audio, callers := map[int]bool{}, map[int]bool{}
	for _, past := range c.history.messages {
		if past.box.last() != "" {
			audio[past.Audio], callers[past.Caller] = true, true
		}
	}
	loose := map[int]bool{} // a deletion that met a move may leave something to Maintain
	entries := p.entries(t)
	for _, r := range c.roamers {
		delete(entries, r.ID)
	}
	for id, past := range c.history.messages {
		if past.box.last() != "" {
			require.Equal(t, 1, entries[id], "index entries of message %s", id)
			delete(entries, id)
		}
	}
	require.Empty(t, entries, "index entries of deleted messages")
	for _, r := range c.roamers {
		found, err := r.find(t.Context(), c.svc)
		require.NoError(t, err)
		if len(found) > 0 {
			audio[r.Audio], callers[r.Caller] = true, true
		} else {
			loose[r.Audio] = true
		}
	}
	for _, after := range []string{"the deletions", "Maintain"} {
		found := p.scan(t)
		for kind, on := range map[string][2]any{"audio": {found.audio, audio}, "callers": {found.callers, callers}} {
			more, missing := differ(on[0].(map[int]string), on[1].(map[int]bool))
			if after == "the deletions" {
				more = slices.DeleteFunc(more, func(n int) bool { return loose[n] })
			}
			require.Empty(t, missing, "%s missing on the disk after %s", kind, after)
			require.Empty(t, more, "%s of deleted messages on the disk after %s", kind, after)
		}
		if after == "the deletions" {
			report := p.maintain(t)
			t.Logf("%d files; %+v", found.files, report)
		}
	}
	require.Empty(t, p.spooled(t), "spool files")
	c.checkMessages(t)
}
