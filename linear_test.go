package voicemail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/interleave"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

const (
	linearSeeds     = 200
	linearProcesses = 2
	linearClients   = 2 // of each process, which share its Service
	linearCalls     = 8 // of each client
)

// linearService is what is wrong with the service: the zero value is nothing.
type linearService struct {
	store  func(storage.Store) storage.Store                             // of a process
	counts func() func(ctx context.Context, box Mailbox) (Counts, error) // of a client
}

func (s linearService) count() func(ctx context.Context, box Mailbox) (Counts, error) {
	if s.counts != nil {
		return s.counts()
	}
	return func(ctx context.Context, box Mailbox) (Counts, error) { return box.Counts(ctx) }
}

// linearHistoryOf lets two processes work on one store. The seed decides what is called, in which order the storage calls are made, which of them fail, and
// whether a process crashes.
func linearHistoryOf(t *testing.T, seed uint64, broken linearService) *linearHistory {
	random := rand.New(rand.NewPCG(seed, 1))
	h := &linearHistory{paged: seed%2 == 1, numbers: map[MessageID]int{}}
	pageSize := 0
	if h.paged {
		pageSize = 1 + random.IntN(6)
	}
	var faults []faultstore.Fault
	if random.IntN(2) == 0 {
		mode := []faultstore.Mode{faultstore.Before, faultstore.After}[random.IntN(2)]
		faults = append(faults, faultstore.Fault{Mode: mode, Chance: 0.04, Seed: seed, Times: faultstore.Always})
	}
	var disturbed *faultstore.Store
	sc := interleave.Scenario{
		New: func() storage.Store {
			disturbed = faultstore.New(memstore.New(&memstore.Options{PageSize: pageSize}))
			return disturbed
		},
		Setup: func(ctx context.Context, w *interleave.World) error {
			svc, err := testService(ctx, w.Store(""), 0)
			for _, id := range []MailboxID{boxA, boxB} {
				if err == nil {
					_, err = svc.CreateMailbox(ctx, id, nil)
				}
			}
			return err
		},
		MaxCrashes: random.IntN(2),
	}
	for process := range linearProcesses {
		sc.Ops = append(sc.Ops, interleave.Op{
			Name: fmt.Sprintf("process %d", process), CanCrash: true,
			Prepare: func(ctx context.Context, w *interleave.World) error {
				st := w.Store("")
				if broken.store != nil {
					st = broken.store(st)
				}
				svc, err := testService(ctx, st, w.Seed())
				w.Value = svc
				if process == linearProcesses-1 {
					disturbed.Set(faults...)
				}
				return err
			},
			Run: func(ctx context.Context, w *interleave.World) (any, error) {
				var wg sync.WaitGroup
				for i := range linearClients {
					id := process*linearClients + i
					c := &linearClient{linearHistory: h, id: id, svc: w.Value.(*Service), counts: broken.count(), random: rand.New(rand.NewPCG(seed, uint64(2+id)))}
					wg.Go(func() {
						_, _ = w.Store("").Stat(ctx, fmt.Sprintf("client/%d", id)) // one begins after the other
						for range linearCalls {
							if ctx.Err() == nil {
								c.act(ctx)
							}
						}
					})
				}
				wg.Wait()
				return nil, nil
			},
		})
	}
	sc.Recover = []interleave.Op{{Name: "look", Run: func(ctx context.Context, w *interleave.World) (any, error) {
		disturbed.Set()
		svc, err := testService(ctx, w.Store(""), 99)
		if err != nil {
			return nil, err
		}
		c := &linearClient{linearHistory: h, id: linearProcesses * linearClients, svc: svc, counts: linearService{}.count(), random: random}
		for box := uint8(1); box <= 2; box++ {
			c.list(ctx, box)
			c.count(ctx, box)
			if err := playAll(ctx, svc.Mailbox(linearBoxes[box])); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}}}
	_, err := interleave.Walk(t, sc, seed)
	require.NoError(t, err, "seed %d", seed)
	h.plan()
	return h
}

// playAll plays what can be seen.
func playAll(ctx context.Context, box Mailbox) error {
	for m, err := range box.Messages(ctx, &ListOptions{Trash: WithTrash}) {
		if err != nil {
			return err
		}
		audio, err := m.Open(ctx)
		if err == nil {
			_, err = io.Copy(io.Discard, audio)
			err = errors.Join(err, audio.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func TestCallsFromTwoProcessesAreLinearizable(t *testing.T) {
	total := 0
	for seed := range uint64(linearSeeds) {
		h := linearHistoryOf(t, seed, linearService{})
		total += len(h.calls)
		if wrong, ops := h.check(); wrong != "" {
			t.Fatalf("seed %d: not linearizable: %s\n%s\n%s", seed, wrong, h, visualize(t, ops))
		}
	}
	require.Greater(t, total, linearSeeds*linearProcesses*linearClients*linearCalls/2)
	t.Logf("%d calls", total)
}

func TestAHistoryIsTheSameAgainForItsSeed(t *testing.T) {
	for seed := range uint64(20) {
		require.Equal(t, linearHistoryOf(t, seed, linearService{}).String(), linearHistoryOf(t, seed, linearService{}).String())
	}
}

// visualize writes what Porcupine found, and returns where.
func visualize(t *testing.T, ops []porcupine.Operation) string {
	dir := t.TempDir()
	if a, ok := any(t).(interface{ ArtifactDir() string }); ok {
		dir = a.ArtifactDir()
	}
	model := linearModel()
	_, info := porcupine.CheckOperationsVerbose(model, ops, 0)
	name := filepath.Join(dir, "linear.html")
	f, err := os.Create(name)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, porcupine.Visualize(model, info, f))
	return name
}
