package voicemail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/interleave"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// greeter is an operation on the greeting for busy of mailbox a, or on the mailbox.
type greeter struct {
	name string
	run  func(ctx context.Context, s *Service) (any, error)
	may  []error
	ends bool // the mailbox may be deleted by it
}

// long is later than a deleted mailbox can be made again.
const long = 3 * time.Hour

func digestOf(audio []byte) string {
	sum := sha256.Sum256(audio)
	return hex.EncodeToString(sum[:])
}

func setting(spoken string) func(ctx context.Context, s *Service) (any, error) {
	return func(ctx context.Context, s *Service) (any, error) {
		return s.Greetings(boxA).Set(ctx, GreetingBusy, strings.NewReader(spoken), nil)
	}
}

func greeters() map[string]greeter {
	all := map[string]greeter{}
	for _, g := range []greeter{
		{name: "set", run: setting("one"), may: []error{ErrNoMailbox}},
		{name: "set another", run: setting("the other"), may: []error{ErrNoMailbox}},
		{name: "restore", run: func(ctx context.Context, s *Service) (any, error) {
			return s.Greetings(boxA).Restore(ctx, Greeting{Kind: GreetingBusy, Revision: 1}, nil)
		}, may: []error{ErrNoMailbox, ErrNoGreeting}},
		{name: "delete", run: func(ctx context.Context, s *Service) (any, error) {
			return nil, s.Greetings(boxA).Delete(ctx, GreetingBusy)
		}, may: []error{ErrNoMailbox, ErrNoGreeting}},
		{name: "choose", run: func(ctx context.Context, s *Service) (any, error) {
			return s.Greetings(boxA).For(ctx, GreetingBusy)
		}, may: []error{ErrNoMailbox, ErrNoGreeting}},
		{name: "delete mailbox", ends: true, run: func(ctx context.Context, s *Service) (any, error) {
			return nil, s.DeleteMailbox(ctx, boxA)
		}, may: []error{ErrNoMailbox}},
		{name: "delete mailbox and make it again", ends: true, run: func(ctx context.Context, s *Service) (any, error) {
			if err := s.DeleteMailbox(ctx, boxA); err != nil {
				return nil, err
			}
			// Its clock jumps, and that of the others does not: they are slower than they are allowed to be.
			s.opts.Now = func() time.Time { return time.Now().Add(long) }
			_, err := s.CreateMailbox(ctx, boxA, nil)
			if err == nil {
				_, err = setting("the next user")(ctx, s)
			}
			return nil, err
		}, may: []error{ErrNoMailbox}},
		{name: "maintain", run: func(ctx context.Context, s *Service) (any, error) { return s.Maintain(ctx) }},
	} {
		all[g.name] = g
	}
	return all
}

// greeting is a scenario; a has a greeting already, and half of another.
func greeting(crashes int, ops ...greeter) interleave.Scenario {
	sc := interleave.Scenario{
		New: func() storage.Store { return memstore.New(nil) }, MaxCrashes: crashes,
		Setup: func(ctx context.Context, w *interleave.World) error {
			svc, err := testService(ctx, w.Store(""), 0)
			if err == nil {
				_, err = svc.CreateMailbox(ctx, boxA, nil)
			}
			if err == nil {
				_, err = setting("before")(ctx, svc)
			}
			if err == nil {
				var v *greetingView
				if v, err = svc.Greetings(boxA).list(ctx); err == nil {
					_, err = svc.master.Create(ctx, v.box.GreetingAudio(v.next(GreetingBusy)), strings.NewReader("half"), nil)
				}
			}
			time.Sleep(50 * time.Hour)
			return err
		},
		Invariant: func(st *interleave.State) error { return checkGreetings(st, ops, false) },
		Recover: []interleave.Op{{Name: "maintain", Run: func(ctx context.Context, w *interleave.World) (any, error) {
			svc, err := testService(ctx, w.Store(""), 99)
			for range 2 {
				time.Sleep(50 * time.Hour)
				if err == nil {
					_, err = svc.Maintain(ctx)
				}
			}
			return nil, err
		}}},
		Final: func(st *interleave.State) error { return checkGreetings(st, ops, true) },
	}
	for _, op := range ops {
		sc.Ops = append(sc.Ops, interleave.Op{
			Name: op.name, CanCrash: op.name != "choose",
			Prepare: func(ctx context.Context, w *interleave.World) error {
				svc, err := testService(ctx, w.Store(""), w.Seed())
				w.Value = svc
				return err
			},
			Run: func(ctx context.Context, w *interleave.World) (any, error) { return op.run(ctx, w.Value.(*Service)) },
		})
	}
	return sc
}

// checkGreetings checks that every greeting that can be seen is whole, what is acknowledged is in the history in its order, and nobody hears that of another life; and at the
// end that nothing else is left.
func checkGreetings(state *interleave.State, ops []greeter, final bool) error {
	ctx := context.Background()
	st := state.Stores[""]
	svc, err := testService(ctx, st, 98)
	if err != nil {
		return err
	}
	again, ended := false, false
	for i, op := range ops {
		r := state.Results[i]
		ended = ended || op.ends
		again = again || strings.HasSuffix(op.name, "again") && r.Done && r.Err == nil
		if r.Done && !r.Crashed && r.Err != nil && !slices.ContainsFunc(op.may, func(may error) bool { return errors.Is(r.Err, may) }) {
			return fmt.Errorf("%s: %w", op.name, r.Err)
		}
		if r.Done && !r.Crashed && errors.Is(r.Err, ErrNoMailbox) && !op.ends && !slices.ContainsFunc(ops, func(o greeter) bool { return o.ends }) {
			return errors.New("the mailbox was there")
		}
	}
	history, err := svc.Greetings(boxA).History(ctx, GreetingBusy)
	if errors.Is(err, ErrNoMailbox) && ended {
		history, err = nil, nil
	}
	if err != nil {
		return err
	}
	mine := map[string]bool{}
	v, err := svc.Greetings(boxA).list(ctx)
	if err == nil {
		for _, one := range history {
			ref := v.at(GreetingBusy, one.Revision)
			audio, err := storage.ReadFile(ctx, st, v.box.GreetingAudio(ref), 1000)
			if err != nil {
				return fmt.Errorf("revision %d can be seen and has no recording: %w", one.Revision, err)
			}
			if sum := digestOf(audio); !one.Deleted && sum != one.SHA256 || one.Deleted && len(audio) > 0 {
				return fmt.Errorf("revision %d has the recording of another: %q", one.Revision, audio)
			}
			if v.gen > 1 && string(audio) == "before" {
				return errors.New("the mailbox was made again and has a greeting of its earlier life")
			}
			mine[v.box.GreetingAudio(ref)], mine[v.box.GreetingMeta(ref)] = true, true
		}
		if v.gen == 1 {
			if err := checkAcknowledged(state, ops, history); err != nil {
				return err
			}
		}
	}
	if again && len(history) == 0 {
		return errors.New("the mailbox that was made again has lost its greeting")
	}
	over := !slices.ContainsFunc(state.Results[:len(ops)], func(r interleave.Result) bool { return !r.Done || r.Crashed })
	if deleted := errors.Is(err, ErrNoMailbox); !final && (!over || !deleted) {
		return nil // else nothing is left of it, without Maintain
	}
	for info, err := range storage.All(ctx, st, &storage.ListOptions{Prefix: svc.space.Greetings()}) {
		if err != nil {
			return err
		}
		if !mine[info.Key] {
			return fmt.Errorf("a name is left that belongs to nothing: %s", info.Key)
		}
	}
	return nil
}

// checkAcknowledged checks what the operations on the first life of the mailbox have returned against its history, the latest first.
func checkAcknowledged(state *interleave.State, ops []greeter, history []Greeting) error {
	deletions := 0
	for i, op := range ops {
		r := state.Results[i]
		if !r.Done || r.Crashed || r.Err != nil {
			continue
		}
		switch set, ok := r.Value.(Greeting); {
		case ok && !slices.Contains(history, set):
			return fmt.Errorf("%s was acknowledged as revision %d, which is not there", op.name, set.Revision)
		case op.name == "delete":
			deletions++
		}
	}
	there := 0
	for _, one := range history {
		if one.Deleted {
			there++
		}
	}
	if there < deletions {
		return fmt.Errorf("%d deletions were acknowledged, %d are there", deletions, there)
	}
	return nil
}

func TestEveryInterleavingOfGreetingsKeepsThemWhole(t *testing.T) {
	all := greeters()
	for _, names := range [][]string{
		{"set", "set another"}, {"set", "set"}, {"set", "delete"}, {"set", "restore"}, {"delete", "delete"}, {"set", "choose"}, {"set", "maintain"}, {"set", "delete mailbox"},
		{"set", "delete mailbox and make it again"}, {"delete", "delete mailbox and make it again"}, {"restore", "delete mailbox"}, {"choose", "delete mailbox and make it again"},
		{"delete mailbox", "delete mailbox"}, {"maintain", "delete mailbox and make it again"},
	} {
		t.Run(strings.Join(names, " and "), func(t *testing.T) {
			t.Parallel()
			var ops []greeter
			for _, name := range names {
				ops = append(ops, all[name])
			}
			report := interleave.Run(t, greeting(1, ops...))
			require.Greater(t, report.Schedules, 1)
		})
	}
}

// What is held at the moment when its mailbox is deleted stays. A deletion that is refused has changed nothing, greetings included.
func TestEveryInterleavingOfADeletedMailboxKeepsWhatIsHeld(t *testing.T) {
	hold := greeter{name: "hold", run: func(ctx context.Context, s *Service) (any, error) {
		box, err := s.box(boxA)
		if err != nil {
			return nil, err
		}
		x := keys.Ref{ID: string(msgX)}
		if _, err := s.createMark(ctx, box, x, keys.Hold+"h"); err != nil {
			return nil, err
		}
		st, err := s.look(ctx, box, x)
		if err == nil && (st.gone || !st.committed) {
			return nil, errors.Join(ErrNotFound, s.master.Delete(ctx, box.Mark(x, keys.Hold+"h")))
		}
		return nil, err
	}}
	sc := greeting(1, greeters()["delete mailbox"], hold)
	setup := sc.Setup
	sc.Setup = func(ctx context.Context, w *interleave.World) error {
		err := setup(ctx, w)
		if err == nil {
			var svc *Service
			if svc, err = testService(ctx, w.Store(""), 97); err == nil {
				_, err = svc.Mailbox(boxA).Deposit(ctx, bytes.NewReader(audioX), &DepositOptions{ID: msgX, Caller: testCaller()})
			}
		}
		return err
	}
	check := func(state *interleave.State, final bool) error {
		svc, stays, _, err := survey(state.Stores[""])
		if err != nil {
			return err
		}
		deletion, holding := state.Results[0], state.Results[1]
		held := holding.Done && !holding.Crashed && holding.Err == nil
		if held && len(where(stays, msgX)) == 0 && (final || !slices.ContainsFunc(stays, func(s rawStay) bool { return s.gone })) {
			return errors.New("what is held was erased")
		}
		current, err := svc.Greetings(boxA).Current(context.Background())
		switch {
		case errors.Is(deletion.Err, ErrHeld) && (err != nil || len(current) != 1):
			return errors.New("the deletion was refused, and the mailbox or its greeting is not what it was")
		case deletion.Done && deletion.Err == nil && !errors.Is(err, ErrNoMailbox):
			return errors.New("the mailbox was deleted and is there")
		}
		return nil
	}
	sc.Invariant = func(st *interleave.State) error { return check(st, false) }
	sc.Final = func(st *interleave.State) error { return check(st, true) }
	require.Greater(t, interleave.Run(t, sc).Schedules, 1)
}
