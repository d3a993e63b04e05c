//go:build unix

package processtest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

const (
	rounds     = 500
	atOnce     = 4                     // how many processes deposit at the same time
	unharmed   = 4                     // how many deposits, less one, a process may finish in peace
	longest    = 30 * time.Millisecond // how long after them it is killed
	perRound   = 1000                  // more recordings than a process can deposit
	keptRounds = 5                     // the messages of every fifth round are not deleted before the end
)

// depositJob tells a process to deposit until it is killed: recordings First, First+1 and so on.
type depositJob struct {
	Place place
	First int
	// Boxes take turns.
	Boxes []voicemail.MailboxID
	// Named: each message's ID is made beforehand and told, so that a deposit that was cut off can be repeated.
	Named bool
}

// origin is the i-th recording.
func (j depositJob) origin(i int) origin { return origin{j.First + i, j.First + i} }

func (j depositJob) box(i int) voicemail.MailboxID { return j.Boxes[i%len(j.Boxes)] }

// progress is one line of a process that deposits: the ID of what it is about to deposit, or of what it has deposited.
type progress struct{ Begun, Done voicemail.MessageID }

// depositForEver does a depositJob.
func depositForEver(ctx context.Context, c parent) error {
	var job depositJob
	if err := c.in.Decode(&job); err != nil {
		return err
	}
	svc, err := job.Place.service(ctx)
	if err != nil {
		return err
	}
	if err := c.out.Encode(true); err != nil {
		return err
	}
	for i := range perRound {
		var opts voicemail.DepositOptions
		if job.Named {
			opts.ID = voicemail.NewMessageID(time.Now())
			if err := c.out.Encode(progress{Begun: opts.ID}); err != nil {
				return err
			}
		}
		msg, err := job.origin(i).deposit(ctx, svc.Mailbox(job.box(i)), opts)
		if err != nil {
			return err
		}
		if err := c.out.Encode(progress{Done: msg.ID()}); err != nil {
			return err
		}
	}
	return fmt.Errorf("not killed within %d deposits", perRound)
}

func TestKilledDepositsLoseNothing(t *testing.T) {
	t.Parallel()
	killDeposits(t, newVolume(t), rounds)
}

const common = voicemail.MailboxID("common")

// stored is a message that has to be there.
type stored struct {
	origin
	box voicemail.MailboxID
}

// morgue is what the parent knows of what the killed processes left.
type morgue struct {
	place place
	svc   *voicemail.Service

	mu      sync.Mutex
	kept    map[voicemail.MessageID]stored
	deleted map[int]voicemail.MessageID // by the number of the recording, which is also that of its caller
	lost    map[int]bool                // recordings whose deposit was cut off before anybody could see it
	tally   struct{ Acknowledged, AfterAll, Repeated, CutOff, BeforeAny int }
}

// killDeposits kills so many processes that deposit in one place.
func killDeposits(t *testing.T, p place, rounds int) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	svc, err := p.service(t.Context())
	require.NoError(t, err)
	m := &morgue{place: p, svc: svc, kept: map[voicemail.MessageID]stored{}, deleted: map[int]voicemail.MessageID{}, lost: map[int]bool{}}
	_, err = svc.CreateMailbox(t.Context(), common, nil)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for slot := range atOnce {
		rng := rand.New(rand.NewPCG(seed, uint64(slot)))
		wg.Go(func() {
			for round := slot; round < rounds && !t.Failed(); round += atOnce {
				if err := m.round(t, rng, round); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d rounds: %+v", rounds, m.tally)
	assert.Positive(t, m.tally.Acknowledged)
	assert.Positive(t, m.tally.CutOff, "no process was killed within a deposit")
	m.checkLeftovers(t)
}

// round has one process killed, and looks at what is there. The process deposits in a mailbox where nobody else does, so that nobody else tidies up
// there, and in one where all do.
func (m *morgue) round(t *testing.T, rng *rand.Rand, round int) error {
	ctx := t.Context()
	own := voicemail.MailboxID(fmt.Sprintf("round-%d", round))
	if _, err := m.svc.CreateMailbox(ctx, own, nil); err != nil {
		return err
	}
	job := depositJob{
		Place: m.place, First: (round + 1) * perRound, Boxes: []voicemail.MailboxID{own, common}, Named: rng.IntN(3) == 0,
	}
	done, begun, err := m.kill(t, job, rng.IntN(unharmed), time.Duration(rng.Int64N(int64(longest))))
	if err != nil {
		return err
	}
	there := map[voicemail.MessageID]stored{}
	for i, id := range done {
		there[id] = stored{job.origin(i), job.box(i)}
	}
	if err := m.cutOff(ctx, job, len(done), begun, there); err != nil {
		return err
	}
	for id, s := range there {
		if err := m.whole(ctx, id, s); err != nil {
			return err
		}
	}
	m.mu.Lock()
	m.tally.Acknowledged += len(done)
	if len(done) == 0 {
		m.tally.BeforeAny++
	}
	keep := round%keptRounds == 0
	if keep {
		maps.Copy(m.kept, there)
	}
	m.mu.Unlock()
	in := maps.Clone(there)
	maps.DeleteFunc(in, func(_ voicemail.MessageID, s stored) bool { return s.box != own })
	if err := m.only(ctx, own, in); err != nil || keep {
		return err
	}
	return m.remove(ctx, there)
}

// kill has a process deposit so many recordings, and more for so long, and kills it. It returns what the process acknowledged, and the ID of the
// deposit under way, if it was told.
func (m *morgue) kill(t *testing.T, job depositJob, first int, then time.Duration) (done []voicemail.MessageID, begun voicemail.MessageID, err error) {
	c, err := start(t, "deposit", job)
	if err != nil {
		return nil, "", err
	}
	if err := c.ready(); err != nil {
		return nil, "", err
	}
	for end := false; ; {
		if len(done) == first && !end {
			end = true
			time.AfterFunc(then, func() { _ = c.cmd.Process.Kill() })
		}
		var p progress
		if err := c.out.Decode(&p); err != nil {
			break // the end, or the line that it was killed in
		}
		if p.Begun != "" {
			begun = p.Begun
		} else {
			done, begun = append(done, p.Done), ""
		}
	}
	_ = c.cmd.Wait()
	if code := c.cmd.ProcessState.ExitCode(); code != -1 {
		return nil, "", fmt.Errorf("the process ended by itself, with code %d", code)
	}
	return done, begun, nil
}

// cutOff looks at the i-th deposit of a job, in which its process was killed. If the message is there, it is all there.
func (m *morgue) cutOff(ctx context.Context, job depositJob, i int, begun voicemail.MessageID, there map[voicemail.MessageID]stored) error {
	s := stored{job.origin(i), job.box(i)}
	found, err := s.find(ctx, m.svc)
	if err != nil {
		return err
	}
	if len(found) > 1 {
		return broken("one deposit made %d messages", len(found))
	}
	seen := len(found) == 1
	if begun != "" {
		// Whoever took the call has the recording and the ID, and deposits it again.
		msg, err := s.deposit(ctx, m.svc.Mailbox(s.box), voicemail.DepositOptions{ID: begun})
		if err != nil {
			return fmt.Errorf("repeat the deposit: %w", err)
		}
		if seen && found[begun] == nil || msg.ID() != begun {
			return broken("a repeated deposit made a second message")
		}
		found = map[voicemail.MessageID]voicemail.Message{begun: msg}
	}
	for id := range found {
		there[id] = s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case seen:
		m.tally.AfterAll++
	case begun != "":
		m.tally.Repeated++
	default:
		m.tally.CutOff++
		m.lost[s.Audio] = true
	}
	return nil
}

// whole demands that a message is there with every byte, and is found.
func (m *morgue) whole(ctx context.Context, id voicemail.MessageID, s stored) error {
	msg, err := m.svc.Mailbox(s.box).Message(ctx, id)
	if err != nil {
		return err
	}
	if err := s.plays(ctx, msg); err != nil {
		return err
	}
	found, err := s.find(ctx, m.svc)
	if err == nil && (len(found) != 1 || found[id] == nil) {
		err = broken("message %s is found %d times by its caller", id, len(found))
	}
	return err
}

// only demands that these messages are listed and counted in a mailbox, and no other.
func (m *morgue) only(ctx context.Context, id voicemail.MailboxID, want map[voicemail.MessageID]stored) error {
	box := m.svc.Mailbox(id)
	listed, err := list(ctx, box)
	if err != nil {
		return err
	}
	for m := range want {
		if listed[m] == nil {
			return broken("message %s is not listed in mailbox %q", m, id)
		}
	}
	counts, err := box.Counts(ctx)
	if err == nil && (len(listed) != len(want) || counts != voicemail.Counts{New: len(want)}) {
		err = broken("mailbox %q lists %d messages and counts %+v, where there are %d", id, len(listed), counts, len(want))
	}
	return err
}

func (m *morgue) remove(ctx context.Context, messages map[voicemail.MessageID]stored) error {
	for id, s := range messages {
		msg, err := m.svc.Mailbox(s.box).Message(ctx, id)
		if err == nil {
			err = msg.Delete(ctx)
		}
		if err != nil {
			return err
		}
		m.mu.Lock()
		m.deleted[s.Audio] = id
		m.mu.Unlock()
	}
	return nil
}

// checkLeftovers demands that of what was deleted nothing is on the disk; and, after Maintain, nothing of what was cut off.
func (m *morgue) checkLeftovers(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	kept := map[int]bool{}
	for _, s := range m.kept {
		kept[s.Audio] = true
	}
	intact := func(when string) {
		boxes := map[voicemail.MailboxID]map[voicemail.MessageID]stored{}
		for id, s := range m.kept {
			require.NoError(t, m.whole(ctx, id, s), when)
			if boxes[s.box] == nil {
				boxes[s.box] = map[voicemail.MessageID]stored{}
			}
			boxes[s.box][id] = s
		}
		for box, err := range m.svc.Mailboxes(ctx) {
			require.NoError(t, err)
			require.NoError(t, m.only(ctx, box.ID(), boxes[box.ID()]), when)
		}
	}
	onDisk := func(when string, also map[int]bool) (extra int) {
		found := m.place.scan(t)
		for kind, on := range map[string]map[int]string{"audio": found.audio, "number": found.callers} {
			more, missing := differ(on, kept)
			require.Empty(t, missing, "%s of acknowledged messages, %s", kind, when)
			for _, n := range more {
				require.Empty(t, m.deleted[n], "%s of a deleted message is in %s, %s", kind, on[n], when)
				require.True(t, also[n], "%s of recording %d is in %s, %s", kind, n, on[n], when)
			}
			extra += len(more)
		}
		entries := m.place.entries(t)
		for _, id := range m.deleted {
			require.Zero(t, entries[id], "index entries of the deleted message %s, %s", id, when)
		}
		return extra
	}

	intact("after the kills")
	extra := onDisk("after the deletions", m.lost)
	t.Logf("%d messages are kept, %d were deleted; the audio or number of others was found %d times", len(m.kept), len(m.deleted), extra)
	assert.Positive(t, extra, "no killed process left anything, so nothing shows that Maintain takes it away")
	t.Logf("files left where recordings are spooled: %d", len(m.place.spooled(t)))

	t.Logf("%+v", m.place.maintain(t))
	intact("after Maintain")
	onDisk("after Maintain", nil)

	require.NoError(t, m.remove(ctx, m.kept))
	clear(m.kept)
	clear(kept)
	intact("after all was deleted")
	onDisk("after all was deleted", nil)
	t.Logf("%+v", m.place.maintain(t))
	onDisk("at the end", nil)
	for _, name := range m.place.names(t, "v1/default/") {
		known := slices.ContainsFunc([]string{"key/", "region/", "gone/", "box/"}, func(kind string) bool { return strings.HasPrefix(name, "v1/default/"+kind) })
		require.True(t, known, "of the callers and their recordings there is still %s", name)
		require.False(t, strings.HasPrefix(name, "v1/default/box/") && !strings.Contains(name, "/set-"), "of a message there is still %s", name)
	}
}
