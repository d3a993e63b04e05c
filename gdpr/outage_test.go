package gdpr_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/pvstore"
)

// down takes a region away from its n-th call on.
func (w *world) down(region string, n int) {
	w.faults[region].Set(faultstore.Fault{N: n, Times: faultstore.Always})
}

// blamed are the regions that an error names, as programs see it.
func blamed(err error) map[string]bool {
	regions := map[string]bool{}
	var walk func(err error)
	walk = func(err error) {
		if e, ok := err.(*voicemail.Error); ok && e.Region != "" { //nolint:errorlint // each one in the tree is asked
			regions[e.Region] = true
		}
		switch e := err.(type) { //nolint:errorlint // likewise
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				walk(err)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
	}
	walk(err)
	return regions
}

// callsIn counts the calls of an operation in a region.
func (p *play) callsIn(region string) int {
	n := 0
	for _, at := range p.points {
		if at.region == region {
			n++
		}
	}
	return n
}

// Down from the first call on is down before; from any other, in the middle.
func TestARequestSurvivesThatARegionGoesDownAtAnyOfItsCalls(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := rehearse(t, s)
			for _, region := range regionNames() {
				for n := 1; n <= p.callsIn(region); n++ {
					t.Run(fmt.Sprintf("%s from call %d on", region, n), func(t *testing.T) {
						w := p.began.clone(t)
						do := p.prepare(w)
						w.calm()
						w.down(region, n)
						err := do()
						require.Positive(t, w.faults[region].Disturbed(), "the call did not come: the operation calls the storage differently each time")
						require.Error(t, err, "nothing was missed of a region that is down")
						require.Equal(t, map[string]bool{region: true}, blamed(err), "%v", err)
						require.ErrorContains(t, err, "region "+region, "people do not see which one it is")
						if n == 1 && p.accepted {
							require.ErrorIs(t, err, gdpr.ErrRegions)
							nothingChanged(w, p.began)
						}
						p.tried(w, err)
						p.again(w, do, err)
					})
				}
			}
		})
	}
}

func TestWhileTheMasterRegionIsDownNothingChangesAnywhere(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := rehearse(t, s)
			w := p.began.clone(t)
			do := p.prepare(w)
			w.calm()
			w.down("eu", 1)
			err := do()
			require.Equal(t, map[string]bool{"eu": true}, blamed(err), "%v", err)
			nothingChanged(w, p.began)
		})
	}
}

func TestAnErasureGoesOnInTheRegionsThatAreUp(t *testing.T) {
	for _, away := range []string{"ap", "us"} {
		t.Run("without "+away, func(t *testing.T) {
			w := emptyWorld(t).start().fill()
			due(w)
			for range 3 {
				w.down(away, 1)
				r, err := w.gdpr.Sweep(t.Context())
				require.ErrorIs(t, err, faultstore.ErrInjected)
				require.Equal(t, map[string]bool{away: true}, blamed(err))
				require.Equal(t, 1, r.Open)
				require.Empty(t, r.Erased)
				w.calm()
				require.Equal(t, gdpr.StateErasing, w.state())
				w.unharmed()
				require.Zero(t, w.said("alice"))
				for _, name := range w.withoutRecords() {
					region, key, _ := strings.Cut(name, " ")
					require.True(t, region == away || !strings.Contains(key, "/media/") && !strings.Contains(key, "/pending/") && region == "eu",
						"%s could have been erased", name)
				}
				w.pass(time.Hour)
				if w.clock.now().After(w.caseOf().EraseBy) {
					w.down(away, 1)
					r, _ := w.gdpr.Sweep(t.Context())
					require.Equal(t, []string{caseID}, r.Late, "a promise that is over is not told of")
				}
			}
			w.calm()
			closes(w, nil)
			w.scan()
		})
	}
}

func (w *world) caseOf() gdpr.Case {
	w.Helper()
	c, err := w.gdpr.Status(context.Background(), caseID)
	require.NoError(w, err)
	return c
}

func TestAReceiptWaitsForEveryRegion(t *testing.T) {
	for _, away := range regionNames() {
		t.Run("without "+away, func(t *testing.T) {
			w := emptyWorld(t).start().fill()
			due(w)
			w.sweep()
			w.pass(gdpr.Settle)
			for range 2 {
				w.down(away, 1)
				_, err := w.gdpr.Sweep(t.Context())
				require.Equal(t, map[string]bool{away: true}, blamed(err))
				w.calm()
				require.Equal(t, gdpr.StateErased, w.state())
				require.Empty(t, w.receipts())
				w.pass(time.Hour)
			}
			w.sweep()
			isClosed(w, nil)
			w.scan()
		})
	}
}

func TestTheDeadlineOfACaseIsNotMovedByAnOutage(t *testing.T) {
	w := emptyWorld(t).start().fill()
	w.faults["eu"].Set(faultstore.Fault{Op: faultstore.Create, Pattern: "v1/default/box/5001/*.forget-*", Times: faultstore.Always})
	_, err := w.gdpr.ForgetMe(t.Context(), request())
	require.ErrorIs(t, err, faultstore.ErrInjected)
	w.calm()
	was := w.caseOf()
	for range 5 {
		w.pass(time.Hour)
		w.forgetMe()
		require.Equal(t, [2]time.Time{was.EraseBy, was.UndoUntil}, [2]time.Time{w.caseOf().EraseBy, w.caseOf().UndoUntil})
	}
}

// flood is a tenant in three regions with five mailboxes, whose master region is away while messages of twenty callers come in elsewhere.
type flood struct {
	*testing.T
	raw   map[string]storage.Store
	eu    *faultstore.Store
	clock *timepiece
	at    map[string]*voicemail.Service
	gdpr  *gdpr.Controller
}

const (
	floodMessages  = 1000
	floodCallers   = 20
	floodMailboxes = 5
)

func (*flood) caller(i int) voicemail.CallerID {
	return voicemail.ParseCallerID(fmt.Sprintf("+155501%05d", 10000+i%floodCallers))
}

// said is what the i-th caller says, and nobody else.
func (*flood) said(i int) []byte {
	return []byte(fmt.Sprintf("message %d, spoken by <%d> while the master region was away", i, i%floodCallers))
}

func newFlood(t *testing.T, newStore func(t *testing.T) storage.Store) *flood {
	f := &flood{T: t, raw: map[string]storage.Store{}, clock: &timepiece{at: time.Now()}, at: map[string]*voicemail.Service{}}
	for _, region := range regionNames() {
		f.raw[region] = newStore(t)
	}
	f.eu = faultstore.New(f.raw["eu"])
	for _, region := range regionNames() {
		svc, err := voicemail.Open(t.Context(), voicemail.Regions{Master: "eu", Local: region, Stores: map[string]voicemail.Store{
			"eu": f.eu, "us": f.raw["us"], "ap": f.raw["ap"],
		}}, &voicemail.Options{Now: f.clock.now})
		require.NoError(t, err)
		f.at[region] = svc
	}
	for i := range floodMailboxes {
		_, err := f.at["eu"].CreateMailbox(t.Context(), f.mailbox(i), nil)
		require.NoError(t, err)
	}
	var err error
	f.gdpr, err = gdpr.New(f.at["eu"], &gdpr.Options{MaxSkew: 1e6 * time.Hour})
	require.NoError(t, err)
	return f
}

func (*flood) mailbox(i int) voicemail.MailboxID {
	return voicemail.MailboxID(fmt.Sprintf("500%d", i%floodMailboxes))
}

// come deposits all messages, by eight workers, while the master region is away.
func (f *flood) come() {
	f.Helper()
	f.eu.Set(faultstore.Fault{Times: faultstore.Always})
	const workers = 8
	errs := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < floodMessages && errs[w] == nil; i += workers {
				box := f.at[[]string{"us", "ap"}[i/2%2]].Mailbox(f.mailbox(i / 7))
				msg, err := box.Deposit(f.Context(), bytes.NewReader(f.said(i)), &voicemail.DepositOptions{Caller: f.caller(i)})
				if err == nil && !msg.State().Pending {
					err = errors.New("it does not say that it waits")
				}
				errs[w] = err
			}
		})
	}
	all.Wait()
	require.NoError(f, errors.Join(errs...))
	f.eu.Set()
}

// request is that of one of the callers.
func (f *flood) request(i int) *gdpr.Request {
	return &gdpr.Request{CaseID: caseID, Actor: "officer", Consumers: []gdpr.Consumer{{Phones: []gdpr.Phone{gdpr.NewPhone(f.caller(i).Reveal())}}}}
}

// heard counts what agents can hear, by what was said.
func (f *flood) heard() map[string]int {
	f.Helper()
	all := map[string]int{}
	for i := range floodMailboxes {
		for msg, err := range f.at["eu"].Mailbox(f.mailbox(i)).Messages(f.Context(), nil) {
			require.NoError(f, err)
			r, err := msg.Open(f.Context())
			require.NoError(f, err)
			audio, err := io.ReadAll(r)
			require.NoError(f, err)
			require.NoError(f, r.Close())
			all[string(audio)]++
		}
	}
	return all
}

// expect is what is to be heard: of everybody, but of one caller if forgotten is not negative.
func (f *flood) expect(forgotten int) map[string]int {
	all := map[string]int{}
	for i := range floodMessages {
		if i%floodCallers != forgotten {
			all[string(f.said(i))] = 1
		}
	}
	return all
}

// sync brings in what waits, through failures of the master region, until nothing does.
func (f *flood) sync() {
	f.Helper()
	seed := rand.Uint64()
	f.Cleanup(func() {
		if f.Failed() {
			f.Logf("seed %d", seed)
		}
	})
	random := rand.New(rand.NewPCG(seed, 0))
	for _, chance := range []float64{0.1, 0.05, 0} {
		f.eu.Set(
			faultstore.Fault{Mode: faultstore.Before, Chance: chance / 2, Seed: random.Uint64(), Times: faultstore.Always},
			faultstore.Fault{Mode: faultstore.After, Chance: chance / 2, Seed: random.Uint64(), Times: faultstore.Always},
		)
		if chance == 0 {
			f.eu.Set()
		}
		r, err := f.at["eu"].Sync(f.Context())
		require.Empty(f, r.Kept)
		if chance == 0 {
			require.NoError(f, err)
		}
	}
	for region, st := range f.raw {
		for info, err := range storage.All(f.Context(), st, &storage.ListOptions{Prefix: "v1/default/pending/"}) {
			require.NoError(f, err)
			require.Fail(f, "a deposit still waits", "%s %s", region, info.Key)
		}
	}
}

// erase carries the case out.
func (f *flood) erase() {
	f.Helper()
	f.clock.set(f.clock.now().Add(24 * time.Hour))
	for range 2 {
		_, err := f.gdpr.Sweep(f.Context())
		require.NoError(f, err)
		f.clock.set(f.clock.now().Add(gdpr.Settle))
	}
	c, err := f.gdpr.Status(f.Context(), caseID)
	require.NoError(f, err)
	require.Equal(f, gdpr.StateClosed, c.State)
}

// scan demands that nothing of a caller is left.
func (f *flood) scan(i int) {
	f.Helper()
	scan := rawscan.Scan{Stores: f.raw, Tenant: "default", Numbers: []string{f.caller(i).Reveal()}, Salts: []string{caseID}}
	scan.Secrets = []rawscan.Secret{{Name: "recording", Bytes: []byte(fmt.Sprintf("spoken by <%d>", i))}}
	rawscan.Require(f.Context(), f, scan)
}

func floodPlaces() map[string]func(t *testing.T) storage.Store {
	return map[string]func(t *testing.T) storage.Store{
		"memory": func(*testing.T) storage.Store { return memstore.New(nil) },
		"volume": func(t *testing.T) storage.Store {
			dir := t.TempDir()
			require.NoError(t, pvstore.Init(t.Context(), dir))
			st, err := pvstore.Open(t.Context(), dir, nil)
			require.NoError(t, err)
			t.Cleanup(func() { _ = st.Close() })
			return st
		},
	}
}

func TestNoDepositIsLostWhileTheMasterRegionIsDown(t *testing.T) {
	for place, newStore := range floodPlaces() {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			f := newFlood(t, newStore)
			f.come()
			f.sync()
			require.Equal(t, f.expect(-1), f.heard())
		})
	}
}

func TestACallerIsForgottenWhoseDepositsWait(t *testing.T) {
	const who = 7
	for place, newStore := range floodPlaces() {
		for name, run := range map[string]func(f *flood) error{
			"synced after the forget": func(f *flood) error {
				_, err := f.gdpr.ForgetMe(f.Context(), f.request(who))
				f.sync()
				return err
			},
			"synced during the forget": func(f *flood) error {
				var err error
				var both sync.WaitGroup
				both.Go(func() { _, err = f.gdpr.ForgetMe(f.Context(), f.request(who)) })
				_, syncErr := f.at["us"].Sync(f.Context())
				both.Wait()
				return errors.Join(err, syncErr)
			},
			"not synced before the erasure": func(f *flood) error {
				_, err := f.gdpr.ForgetMe(f.Context(), f.request(who))
				return err
			},
		} {
			if place == "volume" && name != "synced during the forget" {
				continue // the others differ in nothing that a volume does
			}
			t.Run(place+", "+name, func(t *testing.T) {
				t.Parallel()
				f := newFlood(t, newStore)
				f.come()
				require.NoError(t, run(f))
				for text := range f.heard() {
					require.NotContains(t, text, fmt.Sprintf("<%d>", who), "a forgotten message can be heard")
				}
				f.erase()
				f.sync()
				require.Equal(t, f.expect(who), f.heard())
				f.scan(who)
			})
		}
	}
}
