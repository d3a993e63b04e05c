package voicemail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genesys/voicemail/internal/interleave"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// inspecting is a pass of Check or Repair as an operation. An error, and a finding that could not be mended, is its error.
func inspecting(name string, mends bool) actor {
	return actor{name: name, run: func(ctx context.Context, a *stage) (any, error) {
		var found []Finding
		for f, err := range a.svc.inspect(ctx, name, &CheckOptions{Audio: AudioDigest}, mends) {
			if err != nil {
				return nil, err
			}
			if mends && f.Err != nil && f.Action == ActionNone {
				return nil, f.Err
			}
			found = append(found, f)
		}
		return found, nil
	}}
}

func repairs() actor { return inspecting("repair", true) }

// unfounded is a pass that must find nothing.
func unfounded(op actor) actor {
	run := op.run
	op.run = func(ctx context.Context, a *stage) (any, error) {
		found, err := run(ctx, a)
		if err == nil && len(found.([]Finding)) > 0 {
			err = fmt.Errorf("it finds %v, and nothing is wrong", found)
		}
		return nil, err
	}
	return op
}

// What is under way is no damage. A Repair that finds nothing makes the same calls.
func TestEveryInterleavingOfACheckBesideAnOperationFindsNothing(t *testing.T) {
	for _, op := range actors() {
		if op.leaves != nil || op.alone || op.name == "move elsewhere" || op.name == "forget" { // what forget leaves is a restriction without a record
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			sc := scenario(0, 0, unfounded(inspecting("check", false)), op)
			dayOld(&sc)
			interleave.Run(t, sc)
		})
	}
}

// dayOld lets a day go by after the setup, so that what belongs to nothing is garbage.
func dayOld(sc *interleave.Scenario) {
	setup := sc.Setup
	sc.Setup = func(ctx context.Context, w *interleave.World) error {
		err := setup(ctx, w)
		time.Sleep(30 * time.Hour)
		return err
	}
}

// A mailbox that changes hands is found by its new owner, and by nobody else in the end.
func TestEveryInterleavingOfAPassAndAChangeOfOwnerKeepsTheIndexOfOwners(t *testing.T) {
	gives := actor{name: "give away", run: func(ctx context.Context, a *stage) (any, error) {
		_, err := a.box(boxA).UpdateSettings(ctx, func(s *Settings) error { s.Owner = User("new"); return nil })
		return nil, err
	}}
	for name, c := range map[string]struct {
		pass    actor
		lost    bool
		crashes int
	}{
		"check":               {unfounded(inspecting("check", false)), false, 0},
		"repair":              {unfounded(repairs()), false, 0},
		"repair of the entry": {repairs(), true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := scenario(0, c.crashes, c.pass, gives)
			setup := sc.Setup
			sc.Setup = func(ctx context.Context, w *interleave.World) error {
				if err := setup(ctx, w); err != nil {
					return err
				}
				svc, err := testService(ctx, w.Store(""), 0)
				if err != nil {
					return err
				}
				if _, err = svc.Mailbox(boxA).UpdateSettings(ctx, func(s *Settings) error { s.Owner = User("old"); return nil }); err != nil || !c.lost {
					return err
				}
				return svc.master.Delete(ctx, namesBelow(ctx, svc, svc.space.Owners())...)
			}
			dayOld(&sc)
			ops := []actor{c.pass, gives}
			sc.Invariant = func(st *interleave.State) error {
				for _, r := range st.Results {
					if !r.Done || r.Crashed {
						return nil
					}
				}
				for info, err := range storage.All(context.Background(), st.Stores[""], nil) {
					if err != nil || strings.Contains(info.Key, "/owner/user/old/") {
						return fmt.Errorf("the earlier owner has an entry: %v %w", info.Key, err)
					}
				}
				return nil
			}
			sc.Recover = append(sc.Recover, interleave.Op{Name: "a pass", Run: func(ctx context.Context, w *interleave.World) (any, error) {
				svc, err := testService(ctx, w.Store(""), 97)
				if err != nil {
					return nil, err
				}
				if _, err := repairs().run(ctx, &stage{svc: svc}); err != nil {
					return nil, err
				}
				return unfounded(inspecting("check", false)).run(ctx, &stage{svc: svc})
			}})
			sc.Final = func(st *interleave.State) error {
				svc, err := testService(context.Background(), st.Stores[""], 96)
				if err != nil {
					return err
				}
				for i, r := range st.Results[:len(ops)] {
					if r.Done && !r.Crashed && r.Err != nil {
						return fmt.Errorf("%s: %w", ops[i].name, r.Err)
					}
				}
				set, err := svc.Mailbox(boxA).Settings(context.Background())
				if err != nil {
					return err
				}
				if acknowledged(st, ops, "give away") && set.Owner != User("new") {
					return errors.New("the change was lost")
				}
				folder, err := svc.owned(set.Owner)
				if err != nil {
					return err
				}
				for _, name := range namesBelow(context.Background(), svc, svc.space.Owners()) {
					if e, err := svc.space.ParseOwnerEntry(name); err != nil || !strings.HasPrefix(name, folder) && e.Revision.Less(keys.Revision{Gen: 1, Rev: set.Revision}) {
						return fmt.Errorf("an entry of an earlier owner is left: %v", name)
					}
				}
				return nil
			}
			interleave.Run(t, sc)
		})
	}
}

func namesBelow(ctx context.Context, svc *Service, prefix string) []string {
	var names []string
	for info, err := range storage.All(ctx, svc.master, &storage.ListOptions{Prefix: prefix}) {
		if err != nil {
			panic(err) // a store in memory
		}
		names = append(names, info.Key)
	}
	return names
}

// wreck is what is damaged of x before a scenario begins.
type wreck struct {
	name string
	do   func(ctx context.Context, svc *Service, box keys.Box, x *metadata) error
	// mute: its recording is lost, so it ends in quarantine, unless it is deleted.
	mute bool
}

func wrecks() []wreck {
	lose := func(ctx context.Context, svc *Service, box keys.Box, x *metadata) error {
		return svc.master.Delete(ctx, box.Audio(x.ref(), x.Ext))
	}
	return []wreck{
		{name: "no index entry", do: func(ctx context.Context, svc *Service, box keys.Box, x *metadata) error {
			entries, err := svc.entries(ctx, box, x)
			if err != nil {
				return err
			}
			return svc.master.Delete(ctx, entries...)
		}},
		{name: "no recording", mute: true, do: lose},
		{name: "quarantine", mute: true, do: func(ctx context.Context, svc *Service, box keys.Box, x *metadata) error {
			if err := lose(ctx, svc, box, x); err != nil {
				return err
			}
			_, err := svc.createMark(ctx, box, x.ref(), keys.Quarantine)
			return err
		}},
	}
}

// wrecked is a scenario that begins with a wreck. When it is over, the next passes and Maintain put the rest right.
func wrecked(w wreck, crashes int, ops ...actor) interleave.Scenario {
	sc := scenario(0, crashes, ops...)
	for i := range sc.Ops { // x may not be found by its caller
		sc.Ops[i].Prepare = func(ctx context.Context, world *interleave.World) error {
			svc, err := testService(ctx, world.Store(""), world.Seed())
			if err != nil {
				return err
			}
			box, err := svc.box(boxA)
			if err != nil {
				return err
			}
			x, err := svc.metadata(ctx, box, keys.Ref{ID: string(msgX)})
			world.Value = &stage{svc, svc.newMessage(box, x, stay{ref: keys.Ref{ID: string(msgX)}, committed: true})}
			return err
		}
	}
	setup := sc.Setup
	sc.Setup = func(ctx context.Context, world *interleave.World) error {
		if err := setup(ctx, world); err != nil {
			return err
		}
		svc, err := testService(ctx, world.Store(""), 0)
		if err != nil {
			return err
		}
		box, err := svc.box(boxA)
		if err != nil {
			return err
		}
		x, err := svc.metadata(ctx, box, keys.Ref{ID: string(msgX)})
		if err == nil {
			err = w.do(ctx, svc, box, x)
		}
		return err
	}
	sc.Invariant = func(st *interleave.State) error { return w.check(st, ops) }
	maintain := sc.Recover[0]
	sc.Recover = []interleave.Op{maintain, {Name: "a pass after two days", Run: func(ctx context.Context, world *interleave.World) (any, error) {
		svc, err := testService(ctx, world.Store(""), 97)
		if err != nil {
			return nil, err
		}
		time.Sleep(50 * time.Hour)
		for range 2 {
			if _, err := repairs().run(ctx, &stage{svc: svc}); err != nil {
				return nil, err
			}
		}
		return unfounded(inspecting("check", false)).run(ctx, &stage{svc: svc})
	}}, maintain}
	sc.Final = func(st *interleave.State) error { return w.final(st, ops) }
	return sc
}

func acknowledged(state *interleave.State, ops []actor, name string) bool {
	i := slices.IndexFunc(ops, func(op actor) bool { return op.name == name })
	return i >= 0 && state.Results[i].Done && !state.Results[i].Crashed && state.Results[i].Err == nil
}

// quarantined reports whether a Repair was told that it put x into quarantine.
func quarantined(state *interleave.State, ops []actor) bool {
	for i, r := range state.Results[:len(ops)] {
		found, _ := r.Value.([]Finding)
		if acknowledged(state, ops, ops[i].name) && slices.ContainsFunc(found, func(f Finding) bool { return f.Message == msgX && f.Action == ActionQuarantined }) {
			return true
		}
	}
	return false
}

// deleted reports whether somebody was told that x is deleted.
func deleted(state *interleave.State, ops []actor) bool {
	return acknowledged(state, ops, "delete") || acknowledged(state, ops, "discard")
}

// check checks that x is there until somebody deletes it, and not afterwards.
func (w wreck) check(state *interleave.State, ops []actor) error {
	_, stays, names, err := survey(state.Stores[""])
	if err != nil {
		return err
	}
	for i, r := range state.Results[:len(ops)] {
		if r.Done && !r.Crashed && r.Err != nil && !slices.ContainsFunc(ops[i].may, func(may error) bool { return errors.Is(r.Err, may) }) {
			return fmt.Errorf("%s: %w", ops[i].name, r.Err)
		}
	}
	there := slices.ContainsFunc(stays, func(s rawStay) bool { return s.committed && s.ref.ID == string(msgX) })
	gone := deleted(state, ops) && !slices.ContainsFunc(ops, func(op actor) bool { return op.name == "move" })
	switch takes := slices.ContainsFunc(ops, func(op actor) bool { return op.takes }); {
	case gone && there:
		return errors.New("x was deleted and is there")
	case !takes && !there:
		return errors.New("x is lost")
	}
	over := !slices.ContainsFunc(state.Results[:len(ops)], func(r interleave.Result) bool { return !r.Done || r.Crashed })
	for name := range names {
		if over && gone && strings.Contains(name, string(msgX)) && (strings.Contains(name, "/caller/") || strings.HasSuffix(name, keys.Quarantine)) {
			return fmt.Errorf("x was deleted, and %s is there", name)
		}
	}
	if ops[len(ops)-1].name == "retention" && quarantined(state, ops) && !there {
		return errors.New("x was in quarantine, and retention deleted it")
	}
	if acknowledged(state, ops, "deposit") && len(where(stays, msgY)) != 1 {
		return errors.New("y was deposited and is not there")
	}
	return nil
}

// final checks that x is whole, or in quarantine, or gone with everything.
func (w wreck) final(state *interleave.State, ops []actor) error {
	if !w.mute {
		return checkFinal(state, ops)
	}
	_, stays, names, err := survey(state.Stores[""])
	if err != nil {
		return err
	}
	standing := 0
	for _, s := range stays {
		if s.ref.ID != string(msgX) || !s.remains() {
			continue
		}
		if standing++; !s.quarantine {
			return fmt.Errorf("x can be seen in %s and not heard", s.mailbox)
		}
	}
	if standing > 1 {
		return errors.New("x is there twice")
	}
	for name := range names {
		if standing == 0 && strings.Contains(name, string(msgX)) && !strings.Contains(name, "/gone/") {
			return fmt.Errorf("x is not there, and %s is left", name)
		}
	}
	return nil
}

func TestEveryInterleavingOfARepairMendsAndLosesNothing(t *testing.T) {
	damaged := func(op actor) actor {
		op.may = append(slices.Clone(op.may), ErrDamaged, ErrNotFound)
		return op
	}
	release := actor{name: "release", may: []error{ErrNotFound}, run: func(ctx context.Context, a *stage) (any, error) {
		return nil, a.svc.ReleaseFromQuarantine(ctx, boxA, msgX)
	}}
	discard := actor{name: "discard", takes: true, may: []error{ErrNotFound}, run: func(ctx context.Context, a *stage) (any, error) {
		return nil, a.svc.DeleteFromQuarantine(ctx, boxA, msgX)
	}}
	retention := actor{name: "retention", takes: true, run: maintain}
	again := repairs()
	again.name = "repair too"
	for _, w := range wrecks() {
		others := []actor{again, named("deposit"), named("mark read"), named("delete"), named("move"), named("copy")}
		if w.name == "quarantine" {
			others = []actor{again, release, discard}
		}
		for _, op := range others {
			crashes := 1
			if op.name == "deposit" || op.name == "mark read" { // their crashes have nothing to do with x, or leave a mark
				crashes = 0
			}
			t.Run(w.name+" and "+op.name, func(t *testing.T) {
				t.Parallel()
				interleave.Run(t, wrecked(w, crashes, repairs(), damaged(op)))
			})
		}
		if w.name == "no recording" {
			t.Run("no recording and retention", func(t *testing.T) {
				t.Parallel()
				expired, lose := w, w.do
				expired.do = func(ctx context.Context, svc *Service, box keys.Box, x *metadata) error {
					if _, err := svc.createMark(ctx, box, x.ref(), keys.ExpiresAt(time.Now().Add(time.Hour))); err != nil {
						return err
					}
					time.Sleep(2 * time.Hour)
					return lose(ctx, svc, box, x)
				}
				interleave.Run(t, wrecked(expired, 0, repairs(), retention))
			})
		}
		if w.name == "quarantine" {
			t.Run("quarantine, release and discard", func(t *testing.T) {
				t.Parallel()
				interleave.Run(t, wrecked(w, 1, release, discard))
			})
		}
	}
}
