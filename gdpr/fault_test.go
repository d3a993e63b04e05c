package gdpr_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage/faultstore"
)

// play is a scene with what it was without a fault.
type play struct {
	scene
	filled, began *world
	points        []point
	shapes        []string
}

// rehearse plays a scene without a fault.
func rehearse(t *testing.T, s scene) *play {
	t.Helper()
	p := &play{scene: s, filled: emptyWorld(t).start().fill()}
	p.began = p.filled.clone(t)
	if s.before != nil {
		s.before(p.began)
	}
	w := p.began.clone(t)
	do := s.prepare(w)
	w.calm()
	require.NoError(t, do())
	p.points = w.pointsOf()
	require.Positive(t, p.callsIn("eu"))
	if s.local {
		require.Equal(t, len(p.points), p.callsIn("eu"), "it asks other regions than it needs")
	}
	s.done(w, p.began)
	w.told(s)
	w.unharmed()
	p.shapes = p.shapesOf(w)
	if s.onward != nil {
		s.onward(w, p.filled)
		isClosed(w, nil)
		w.scan()
	}
	return p
}

// shapesOf are the shapes of what the operation leaves, whether a call failed or not.
func (p *play) shapesOf(w *world) []string {
	return slices.DeleteFunc(w.shapes(), func(name string) bool { return p.lasts != "" && strings.Contains(name, p.lasts) })
}

// told demands that somebody was told of each message.
func (w *world) told(s scene) {
	w.Helper()
	if s.event == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	of := map[string]bool{}
	for _, ev := range w.events {
		if ev.Kind == s.event {
			of[string(ev.Mailbox)+" "+string(ev.Message)] = true
		}
	}
	require.Len(w, of, s.events, "%s was not told", s.event)
}

// tried is what follows each attempt.
func (p *play) tried(w *world, err error) {
	w.Helper()
	w.calm()
	if err == nil {
		p.done(w, p.began)
	}
	if p.onward == nil {
		nothingChanged(w, p.began)
	}
	w.unharmed()
}

// again repeats the operation until it is done, which takes one call without faults.
func (p *play) again(w *world, do func() error, err error) {
	w.Helper()
	if err != nil {
		w.calm()
		err = do()
		if p.repeated == nil || !errors.Is(err, p.repeated) {
			require.NoError(w, err, "the same call again")
		}
		p.tried(w, nil)
	}
	w.told(p.scene)
	require.Equal(w, p.shapes, p.shapesOf(w), "another end than without the fault")
	if p.onward != nil {
		p.onward(w, p.filled)
	}
}

func TestEveryStorageCallOfEveryRequestMayFail(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := rehearse(t, s)
			for _, m := range momentsOf(p.points) {
				t.Run(m.String(), func(t *testing.T) {
					w := p.began.clone(t)
					do := p.prepare(w)
					w.calm()
					w.faults[m.region].Set(m.fault())
					err := do()
					require.Equal(t, 1, w.faults[m.region].Disturbed(), "the call did not come: the operation calls the storage differently each time")
					p.tried(w, err)
					p.again(w, do, err)
				})
			}
		})
	}
}

// Each call fails with a chance, before or after its effect, in every attempt anew; the storm calms down.
func TestManyFaultsAtOnceOnlyDelayARequest(t *testing.T) {
	const storms, attempts = 4, 30
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := rehearse(t, s)
			for range storms {
				seed := rand.Uint64()
				t.Run("", func(t *testing.T) {
					t.Cleanup(func() {
						if t.Failed() {
							t.Logf("seed %d", seed)
						}
					})
					random := rand.New(rand.NewPCG(seed, 0))
					w := p.began.clone(t)
					do := p.prepare(w)
					err := errors.New("not tried")
					for n := 1; err != nil && n <= attempts; n++ {
						w.calm()
						for _, region := range regionNames() {
							chance := random.Float64() / 10 * (1 - float64(n)/attempts)
							if chance == 0 {
								continue // faultstore takes no chance for certainty
							}
							w.faults[region].Set(
								faultstore.Fault{Mode: faultstore.Before, Chance: chance, Seed: random.Uint64(), Times: faultstore.Always},
								faultstore.Fault{Mode: faultstore.After, Chance: chance, Seed: random.Uint64(), Times: faultstore.Always},
							)
						}
						if err = do(); p.repeated != nil && errors.Is(err, p.repeated) {
							err = nil
						}
						p.tried(w, err)
					}
					require.NoError(t, err, "in %d attempts", attempts)
					p.again(w, do, nil)
					if s.onward != nil {
						w.scan()
					}
				})
			}
		})
	}
}
