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
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/pvstore"
)

const (
	racers       = 8
	raceCallers  = 20
	raceBoxes    = 5
	wiped        = 3 // callers who are forgotten once more at the end
	raceStep     = 10 * time.Minute
	racePromise  = 90*time.Minute + gdpr.Settle + 5*raceInterval/2
	raceEra      = 4 * time.Hour
	raceInterval = 30 * time.Minute
	// longestRun is how long an operation may last: what lasts longer than an hour is refused or given up, by a clock that nobody moves.
	longestRun = 45 * time.Minute
)

// race is a tenant in two regions, on whose callers' messages all workers work at once.
type race struct {
	t       *testing.T
	stores  map[string]storage.Store
	ahead   atomic.Int64 // of the clock, a time.Duration
	ticks   atomic.Int64
	running [racers]atomic.Int64 // since when by the clock, as ahead, an operation is under way; -1 if none is

	mu        sync.Mutex
	left      map[voicemail.MessageID]leaving
	forgets   []forgetCall
	sweeps    []sweepCall
	exhibits  map[gdpr.HoldID]exhibit
	succeeded map[string]int
}

// leaving is an acknowledged deposit or copy, and when it was begun and acknowledged.
type leaving struct {
	caller     int
	audio      []byte
	begin, end int64
}

// forgetCall is an acknowledged ForgetMe. The time of acceptance tells the forgets of a case apart.
type forgetCall struct {
	caller     int
	caseID     string
	accepted   time.Time
	begin, end int64
}

// sweepCall is when a Sweep was under way. A ForgetMe that it meets half way it completes, so it may cover what comes until it ends.
type sweepCall struct{ begin, end int64 }

// exhibit is a message with an acknowledged hold.
type exhibit struct {
	id  voicemail.MessageID
	box voicemail.MailboxID
}

// racer is one of the workers: a process of its own, as far as memory goes.
type racer struct {
	*race
	n       int
	rng     *rand.Rand
	svc     *voicemail.Service
	gdpr    *gdpr.Controller
	recent  []voicemail.Message
	serials int
}

func raceCaller(n int) voicemail.CallerID {
	return voicemail.ParseCallerID(fmt.Sprintf("+1730%07d", 2_583_149+n*40_507))
}

func raceBox(n int) voicemail.MailboxID { return voicemail.MailboxID(fmt.Sprintf("box-%d", n)) }

func TestRacingRequestsEraseWhatTheyCoverAndNothingElse(t *testing.T) {
	t.Run("in memory", func(t *testing.T) {
		r := newRace(t)
		for _, region := range []string{"east", "west"} {
			r.stores[region] = memstore.New(&memstore.Options{Now: r.now})
		}
		r.run(200)
	})
	t.Run("on volumes", func(t *testing.T) {
		r := newRace(t)
		for _, region := range []string{"east", "west"} {
			dir := t.TempDir()
			require.NoError(t, pvstore.Init(t.Context(), dir))
			st, err := pvstore.Open(t.Context(), dir, nil)
			require.NoError(t, err)
			r.stores[region] = st
		}
		r.run(60)
	})
}

func newRace(t *testing.T) *race {
	return &race{
		t: t, stores: map[string]storage.Store{}, left: map[voicemail.MessageID]leaving{},
		exhibits: map[gdpr.HoldID]exhibit{}, succeeded: map[string]int{},
	}
}

func (r *race) now() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }

// worker opens the tenant anew.
func (r *race) worker(n int, seed uint64) *racer {
	local := []string{"east", "west"}[n%2]
	svc, err := voicemail.Open(r.t.Context(), voicemail.Regions{Master: "east", Local: local, Stores: r.stores}, &voicemail.Options{Now: r.now})
	require.NoError(r.t, err)
	c, err := gdpr.New(svc, &gdpr.Options{MaxSkew: 1000 * time.Hour, Promise: racePromise, Interval: raceInterval})
	require.NoError(r.t, err)
	return &racer{race: r, n: n, rng: rand.New(rand.NewPCG(seed, uint64(n))), svc: svc, gdpr: c}
}

// run has every worker do so many operations, carries out what is open then, forgets some callers for good, and looks what there is.
func (r *race) run(operations int) {
	seed := rand.Uint64()
	r.t.Logf("seed %d", seed)
	last := r.worker(0, seed)
	for i := range raceBoxes {
		_, err := last.svc.CreateMailbox(r.t.Context(), raceBox(i), nil)
		require.NoError(r.t, err)
	}
	for i := range r.running {
		r.running[i].Store(-1)
	}
	var wg sync.WaitGroup
	for n := range racers {
		w := r.worker(n, seed)
		wg.Go(func() {
			for range operations {
				r.running[n].Store(r.ahead.Load())
				err := w.operate()
				r.running[n].Store(-1)
				if !assert.NoError(r.t, err, "worker %d", n) || r.t.Failed() {
					return
				}
				if w.rng.IntN(racers) == 0 {
					r.advance()
				}
			}
		})
	}
	wg.Wait()
	if r.t.Failed() {
		return
	}
	for id := range r.exhibits {
		require.NoError(r.t, last.gdpr.Release(r.t.Context(), id))
	}
	last.drain()
	for caller := range wiped {
		require.NoError(r.t, last.forget(caller, fmt.Sprintf("last of %d", caller)))
	}
	last.drain()
	r.t.Logf("%v passed; %v", time.Duration(r.ahead.Load()), r.succeeded)
	last.check()
}

// advance moves the clock on, unless an operation would last too long then.
func (r *race) advance() {
	now := r.ahead.Load()
	for i := range r.running {
		if since := r.running[i].Load(); since >= 0 && time.Duration(now-since) > longestRun {
			return
		}
	}
	r.ahead.CompareAndSwap(now, now+int64(raceStep))
}

// drain moves the clock on and sweeps until nothing is open.
func (w *racer) drain() {
	for range 20 {
		report, err := w.gdpr.Sweep(w.t.Context())
		if errors.Is(err, errSomethingLeft(err)) {
			err = nil
		}
		require.NoError(w.t, err)
		if report.Open == 0 && report.Next.IsZero() {
			return
		}
		w.ahead.Add(int64(raceInterval))
	}
	require.Fail(w.t, "cases stay open")
}

// errSomethingLeft returns err if it says only that a sweep found something after the erasure, and erased it.
func errSomethingLeft(err error) error {
	if err != nil && strings.Contains(err.Error(), "something is left after the erasure") {
		return err
	}
	return errors.ErrUnsupported
}

// operate does one operation, whichever it is.
func (w *racer) operate() error {
	ctx := w.t.Context()
	caller := w.rng.IntN(raceCallers)
	switch n := w.rng.IntN(100); {
	case n < 35 || len(w.recent) == 0:
		return w.deposit(ctx, caller)
	case n < 50:
		return w.read(ctx)
	case n < 58:
		return w.forward(ctx)
	case n < 66:
		return w.move(ctx)
	case n < 70:
		return w.hold(ctx)
	case n < 74:
		return w.release(ctx)
	case n < 84:
		return w.forget(caller, w.caseOf(caller))
	case n < 92:
		return w.undo(ctx, caller)
	}
	s := sweepCall{begin: w.ticks.Add(1)}
	report, err := w.gdpr.Sweep(ctx)
	if errors.Is(err, errSomethingLeft(err)) {
		err = nil
	}
	s.end = w.ticks.Add(1)
	w.mu.Lock()
	w.sweeps = append(w.sweeps, s)
	w.mu.Unlock()
	w.did("sweep: closed", len(report.Closed))
	return err
}

func (w *racer) did(what string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.succeeded[what] += n
}

// caseOf chooses one of the cases of a caller: of this worker alone, or one that all workers use. From time to time there is a new one.
func (w *racer) caseOf(caller int) string {
	era := time.Duration(w.ahead.Load()) / raceEra
	return fmt.Sprintf("of %d by %s, %d", caller, []string{"all", fmt.Sprint("worker ", w.n)}[w.rng.IntN(2)], era)
}

func (w *racer) box() voicemail.MailboxID { return raceBox(w.rng.IntN(raceBoxes)) }

func (w *racer) acknowledged(msg voicemail.Message, l leaving) {
	l.end = w.ticks.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left[msg.ID()] = l
	if len(w.recent) == 20 {
		w.recent = w.recent[1:]
	}
	w.recent = append(w.recent, msg)
}

func (w *racer) deposit(ctx context.Context, caller int) error {
	w.serials++
	audio := fmt.Appendf(nil, "RIFF%0128x of worker %d, number %d", w.rng.Uint64(), w.n, w.serials)
	for i := range audio[4:132] {
		audio[4+i] = byte(w.rng.Uint32())
	}
	l := leaving{caller: caller, audio: audio, begin: w.ticks.Add(1)}
	opts := voicemail.DepositOptions{ID: voicemail.NewMessageID(w.now()), Caller: raceCaller(caller)}
	box := w.svc.Mailbox(w.box())
	msg, err := box.Deposit(ctx, bytes.NewReader(audio), &opts)
	if err != nil {
		return err
	}
	w.acknowledged(msg, l)
	if w.rng.IntN(4) > 0 {
		return nil
	}
	// The acknowledgement was lost, so it is deposited again.
	_, err = box.Deposit(ctx, bytes.NewReader(audio), &opts)
	if errors.Is(err, voicemail.ErrGone) || errors.Is(err, voicemail.ErrConflict) { // forgotten meanwhile, or moved
		err = nil
	}
	return err
}

// lost reports whether err is what a message that was restricted, moved, held or erased meanwhile may answer.
func lost(err error) bool {
	return errors.Is(err, voicemail.ErrNotFound) || errors.Is(err, voicemail.ErrConflict) || errors.Is(err, voicemail.ErrHeld) || errors.Is(err, voicemail.ErrGone)
}

func (w *racer) any() voicemail.Message { return w.recent[w.rng.IntN(len(w.recent))] }

func (w *racer) read(ctx context.Context) error {
	msg := w.any()
	body, err := msg.Open(ctx)
	if err != nil {
		return unless(lost, err)
	}
	defer body.Close()
	got, err := io.ReadAll(body)
	if err != nil {
		return unless(lost, err)
	}
	w.did("read", 1)
	w.mu.Lock()
	want := w.left[msg.ID()].audio
	w.mu.Unlock()
	if !bytes.Equal(want, got) {
		return fmt.Errorf("message %s plays something else", msg.ID())
	}
	return unless(lost, msg.MarkRead(ctx))
}

func unless(meant func(error) bool, err error) error {
	if err != nil && meant(err) {
		return nil
	}
	return err
}

func (w *racer) forward(ctx context.Context) error {
	msg := w.any()
	w.mu.Lock()
	l := w.left[msg.ID()]
	w.mu.Unlock()
	l.begin = w.ticks.Add(1)
	sent, err := msg.CopyTo(ctx, w.box(), nil)
	if err != nil {
		return unless(lost, err)
	}
	w.did("forward", 1)
	w.acknowledged(sent, l)
	return nil
}

func (w *racer) move(ctx context.Context) error {
	i := w.rng.IntN(len(w.recent))
	to := w.box()
	if to == w.recent[i].Mailbox() {
		return nil
	}
	msg, err := w.recent[i].MoveTo(ctx, to)
	if err != nil {
		return unless(lost, err)
	}
	w.did("move", 1)
	w.recent[i] = msg
	return nil
}

func (w *racer) hold(ctx context.Context) error {
	msg := w.any()
	id, err := w.gdpr.Hold(ctx, gdpr.Hold{Mailbox: msg.Mailbox(), Message: msg.ID(), Actor: "lawyer", Reason: "case"})
	if err != nil {
		return unless(lost, err)
	}
	w.did("hold", 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.exhibits[id] = exhibit{msg.ID(), msg.Mailbox()}
	return nil
}

// release releases somebody's hold. As long as it was there, the message was, too.
func (w *racer) release(ctx context.Context) error {
	w.mu.Lock()
	var id gdpr.HoldID
	var held exhibit
	for id, held = range w.exhibits {
		delete(w.exhibits, id)
		break
	}
	w.mu.Unlock()
	if id == "" {
		return nil
	}
	committed := false
	for info, err := range storage.All(ctx, w.stores["east"], &storage.ListOptions{Prefix: "v1/default/box/" + string(held.box) + "/" + string(held.id), KeysOnly: true}) {
		if err != nil {
			return err
		}
		committed = committed || strings.HasSuffix(info.Key, ".vm.json")
	}
	if !committed {
		return fmt.Errorf("the held message %s is not there", held.id)
	}
	w.did("release", 1)
	return w.gdpr.Release(ctx, id)
}

func racingRequest(caller int, caseID string) *gdpr.Request {
	return &gdpr.Request{CaseID: caseID, Actor: "officer", Consumers: []gdpr.Consumer{{Phones: []gdpr.Phone{gdpr.NewPhone(raceCaller(caller).Reveal())}}}}
}

func (w *racer) forget(caller int, caseID string) error {
	f := forgetCall{caller: caller, caseID: caseID, begin: w.ticks.Add(1)}
	report, err := w.gdpr.ForgetMe(w.t.Context(), racingRequest(caller, caseID))
	f.end = w.ticks.Add(1)
	if err != nil {
		return err
	}
	f.accepted = report.AcceptedAt
	if report.State == gdpr.StateRestricted {
		w.did("forget", 1)
	} else { // undone or decided meanwhile; what it could mark until then is covered all the same
		w.did("forget: "+string(report.State), 1)
		f.begin = 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forgets = append(w.forgets, f)
	return nil
}

func (w *racer) undo(ctx context.Context, caller int) error {
	_, err := w.gdpr.UndoForgetMe(ctx, racingRequest(caller, w.caseOf(caller)))
	switch {
	case err == nil:
		w.did("undo", 1)
	case errors.Is(err, gdpr.ErrDecided):
		w.did("undo: decided", 1)
		return nil
	case errors.Is(err, gdpr.ErrNoCase):
		return nil
	}
	return err
}

// check compares what there is with what was acknowledged.
func (w *racer) check() {
	t, ctx := w.t, w.t.Context()
	type erasure struct {
		caseID   string
		accepted int64
	}
	erased := map[voicemail.MessageID]bool{}
	of := map[erasure][]voicemail.MessageID{}
	for receipt, err := range w.gdpr.Receipts(ctx) {
		require.NoError(t, err)
		e := erasure{receipt.CaseID, receipt.AcceptedAt.UnixNano()}
		require.NotContains(t, of, e, "a forget has two receipts")
		of[e] = receipt.Messages
		for _, id := range receipt.Messages {
			erased[id] = true
		}
	}
	t.Logf("%d receipts of %d messages, of %d that were left", len(of), len(erased), len(w.left))
	require.NotEmpty(t, of)

	ends := map[erasure]int64{}
	for _, f := range w.forgets {
		e := erasure{f.caseID, f.accepted.UnixNano()}
		ends[e] = max(ends[e], f.end)
		for _, s := range w.sweeps {
			if s.begin < f.end && s.end > f.begin {
				ends[e] = max(ends[e], s.end)
			}
		}
		if of[e] == nil {
			continue // undone
		}
		for id, l := range w.left {
			if l.caller == f.caller && l.end < f.begin && !erased[id] {
				require.Fail(t, "a message that a completed erasure covers is not among the erased ones", "%s, case %q", id, f.caseID)
			}
		}
	}
	for e, messages := range of {
		for _, id := range messages {
			if l, known := w.left[id]; known { // else a copy that was refused when it was announced already
				require.Less(t, l.begin, ends[e], "a message was erased that came after the last request of its case")
			}
		}
	}

	there := map[voicemail.MessageID]bool{}
	for caller := range raceCallers {
		for msg, err := range w.svc.FindByCaller(ctx, raceCaller(caller)) {
			require.NoError(t, err)
			l, known := w.left[msg.ID()]
			require.True(t, known && l.caller == caller, "nobody left message %s", msg.ID())
			require.False(t, there[msg.ID()], "message %s is there twice", msg.ID())
			there[msg.ID()] = true
			body, err := msg.Open(ctx)
			require.NoError(t, err)
			got, err := io.ReadAll(body)
			require.NoError(t, err)
			require.NoError(t, body.Close())
			require.Equal(t, l.audio, got)
		}
	}
	for id := range w.left {
		require.NotEqual(t, erased[id], there[id], "message %s is erased: %v, and there: %v", id, erased[id], there[id])
	}
	require.NotEmpty(t, there)
	w.checkNames(erased)
}

// checkNames demands that nothing is left of open cases and of what was erased.
func (w *racer) checkNames(erased map[voicemail.MessageID]bool) {
	t, ctx := w.t, w.t.Context()
	scan := rawscan.Scan{Tenant: "default", Stores: w.stores}
	for caller := range wiped {
		scan.Numbers = append(scan.Numbers, raceCaller(caller).Reveal())
	}
	still, heard := map[voicemail.MessageID]bool{}, map[string]bool{}
	for id, l := range w.left {
		if !erased[id] {
			still[id], heard[string(l.audio)] = true, true
		}
	}
	for id := range erased {
		if l, known := w.left[id]; known && !heard[string(l.audio)] {
			heard[string(l.audio)] = true
			scan.Audio = append(scan.Audio, l.audio)
		}
	}
	require.NotEmpty(t, scan.Audio)
	rawscan.Require(ctx, t, scan)
	for region, st := range w.stores {
		for info, err := range storage.All(ctx, st, &storage.ListOptions{KeysOnly: true}) {
			require.NoError(t, err)
			for _, open := range []string{"/gdpr/subject/", "/gdpr/due/", "/gdpr/journal/", "/gdpr/hold/", ".hold-"} {
				require.NotContains(t, info.Key, open, "of a case or a hold that ended there is something in region %s", region)
			}
			for id := range still {
				require.False(t, strings.Contains(info.Key, ".forget-") && strings.Contains(info.Key, string(id)), "message %s is still restricted", id)
			}
			if strings.Contains(info.Key, ".gone-") || strings.Contains(info.Key, ".forget-") { // who forgets what somebody else is erasing may leave a mark
				continue
			}
			for id := range erased {
				require.NotContains(t, info.Key, string(id), "of an erased message there is something in region %s", region)
			}
		}
	}
}
