//go:build unix

package processtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/access"
)

const (
	burglars  = 4 // processes
	hands     = 4 // goroutines in each
	tries     = 4 // that get an answer before the mailbox is locked
	lockFor   = 10 * time.Minute
	windows   = 6
	drift     = lockFor / 40 // by which the clock moves each time that somebody is turned away
	goodPIN   = "0417"
	afterLock = lockFor + time.Second
)

// breakInJob tells a process to try PINs until it is told to end: those that start with Process.
type breakInJob struct {
	Place   place
	Clock   string // a file that says by how many nanoseconds all clocks are ahead
	Process int
}

// attack is what a process is told to do next: every hand tries until it was told so often that the mailbox is locked. 0 is enough.
type attack struct {
	Locked int
	// Drift is how far a hand moves the clock each time.
	Drift time.Duration
}

// round is what a process has seen in an attack.
type round struct{ Wrong, Locked int }

// clock is the time of all processes, which the parent moves.
func (c *ticks) clock() time.Time { return time.Now().Add(time.Duration(c.n.Load())) }

func (p place) door(ctx context.Context, c *ticks) (*access.Access, *voicemail.Service, error) {
	store, err := p.open(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	opts := p.options()
	opts.Now = c.clock
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), opts)
	if err != nil {
		return nil, nil, err
	}
	door, err := access.New(svc, &access.Options{Attempts: tries, Lock: lockFor, Argon2: access.Argon2{Memory: 64, Time: 1, Threads: 1}})
	return door, svc, err
}

// breakIn does a breakInJob.
func breakIn(ctx context.Context, c parent) error {
	var job breakInJob
	if err := c.in.Decode(&job); err != nil {
		return err
	}
	clock, err := openTicks(job.Clock)
	if err != nil {
		return err
	}
	door, _, err := job.Place.door(ctx, clock)
	if err != nil {
		return err
	}
	if err := c.out.Encode(true); err != nil {
		return err
	}
	tried := make([]int, hands)
	for {
		var order attack
		if err := c.in.Decode(&order); err != nil || order.Locked == 0 {
			return err
		}
		seen, errs := make([]round, hands), make([]error, hands)
		var wg sync.WaitGroup
		for hand := range hands {
			wg.Go(func() {
				for seen[hand].Locked < order.Locked && errs[hand] == nil {
					tried[hand]++
					pin, err := access.ParsePIN(fmt.Sprintf("9%d%d%06d", job.Process, hand, tried[hand]))
					if err == nil {
						_, err = door.Verify(ctx, common, pin)
					}
					switch {
					case errors.Is(err, access.ErrWrongPIN):
						seen[hand].Wrong++
					case errors.Is(err, access.ErrLocked):
						seen[hand].Locked++
						clock.n.Add(int64(order.Drift))
					default:
						errs[hand] = fmt.Errorf("neither wrong nor locked: %w", err)
					}
				}
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		var all round
		for _, s := range seen {
			all.Wrong += s.Wrong
			all.Locked += s.Locked
		}
		if err := c.out.Encode(all); err != nil {
			return err
		}
	}
}

func TestManyProcessesGetNoMoreAnswersAboutAPINThanThereAreTries(t *testing.T) {
	t.Parallel()
	p := newVolume(t)
	file := filepath.Join(t.TempDir(), "clock")
	require.NoError(t, os.WriteFile(file, make([]byte, 8), 0o600))
	clock, err := openTicks(file)
	require.NoError(t, err)
	defer clock.close()
	began := time.Now()
	door, svc, err := p.door(t.Context(), clock)
	require.NoError(t, err)
	_, err = svc.CreateMailbox(t.Context(), common, nil)
	require.NoError(t, err)
	pin, err := access.ParsePIN(goodPIN)
	require.NoError(t, err)
	require.NoError(t, door.Set(t.Context(), common, pin, nil))

	var gang []*child
	for i := range burglars {
		c, err := start(t, "break in", breakInJob{p, file, i})
		require.NoError(t, err)
		gang = append(gang, c)
	}
	for _, c := range gang {
		require.NoError(t, c.ready())
	}
	// All try until each has met the lock.
	for window := range windows {
		seen := strike(t, gang, attack{Locked: 3})
		assert.Equal(t, tries, seen.Wrong, "window %d: the wrong PINs that were told so", window)
		_, err := door.Verify(t.Context(), common, pin)
		require.ErrorIs(t, err, access.ErrLocked)
		clock.n.Add(int64(afterLock))
	}
	// And while the clock moves on.
	before := clock.n.Load()
	seen := strike(t, gang, attack{Locked: 30, Drift: drift})
	passed := time.Duration(clock.n.Load()-before) + time.Since(began)
	most := tries * (1 + int(passed/lockFor))
	t.Logf("%d wrong PINs in %v, of %d", seen.Wrong, passed, most)
	assert.LessOrEqual(t, seen.Wrong, most)
	assert.Greater(t, seen.Wrong, tries, "the lock ends meanwhile")

	for _, c := range gang {
		require.NoError(t, json.NewEncoder(c.in).Encode(attack{}))
		require.NoError(t, c.cmd.Wait())
	}
	clock.n.Add(int64(afterLock))
	_, err = door.Verify(t.Context(), common, pin)
	require.NoError(t, err, "the lock ends, and the right PIN opens")
	report := p.maintain(t)
	assert.Greater(t, report.Access, tries*windows)
	assert.Len(t, p.names(t, "v1/default/access/"), 2, "the PIN and the last reset")
}

// strike has all processes do an attack, and returns what they have seen together.
func strike(t *testing.T, gang []*child, order attack) round {
	t.Helper()
	for _, c := range gang {
		require.NoError(t, json.NewEncoder(c.in).Encode(order))
	}
	var all round
	for _, c := range gang {
		var seen round
		require.NoError(t, c.out.Decode(&seen), "a process has ended")
		all.Wrong += seen.Wrong
		all.Locked += seen.Locked
	}
	return all
}
