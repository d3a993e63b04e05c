package voicemail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/access"
	"github.com/genesys/voicemail/internal/interleave"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// The PINs of the scenes: the mailbox's, the ones that an administrator and its user give it, and one that it never has.
const (
	pinNow, pinNext, pinLast, pinNever = "0417", "7294", "6139", "8350"
)

func parsed(digits string) access.PIN {
	pin, err := access.ParsePIN(digits)
	if err != nil {
		panic(err)
	}
	return pin
}

// knock is what somebody does at the door of a mailbox. It returns what was answered: right, wrong or locked; or done.
type knock struct {
	name string
	run  func(ctx context.Context, svc *voicemail.Service, door *access.Access) error
	// eager: its clock is two days ahead, so that Maintain takes everything for old.
	eager  bool
	strong bool // its hashes are stronger
	// deletes: the mailbox may be gone afterwards.
	deletes bool
}

func verifies(name, digits string) knock {
	return knock{name: name, run: func(ctx context.Context, _ *voicemail.Service, door *access.Access) error {
		_, err := door.Verify(ctx, voicemail.BoxA, parsed(digits))
		return err
	}}
}

var (
	right  = verifies("right", pinNow)
	wrong  = verifies("wrong", pinNever)
	raises = func() knock { k := right; k.name, k.strong = "right with a stronger hash", true; return k }()
	sets   = knock{name: "set", run: func(ctx context.Context, _ *voicemail.Service, door *access.Access) error {
		return door.Set(ctx, voicemail.BoxA, parsed(pinNext), nil)
	}}
	changes = knock{name: "change", run: func(ctx context.Context, _ *voicemail.Service, door *access.Access) error {
		return door.Change(ctx, voicemail.BoxA, parsed(pinNow), parsed(pinLast))
	}}
	unlocks = knock{name: "unlock", run: func(ctx context.Context, _ *voicemail.Service, door *access.Access) error {
		return door.Unlock(ctx, voicemail.BoxA)
	}}
	prunes = knock{name: "maintain", eager: true, run: func(ctx context.Context, svc *voicemail.Service, _ *access.Access) error {
		_, err := svc.Maintain(ctx)
		return err
	}}
	removes = knock{name: "delete the mailbox", deletes: true, run: func(ctx context.Context, svc *voicemail.Service, _ *access.Access) error {
		return svc.DeleteMailbox(ctx, voicemail.BoxA)
	}}
)

// doorstep is a scene: a mailbox whose PIN was tried so often, and who comes then.
type doorstep struct {
	attempts, failed int
	passed           time.Duration // since then
	crashes          int
	most             int // how often a PIN may be called wrong
	knocks           []knock
	bend             func(knock, *bent) // breaks a rule
}

const lockTime = 10 * time.Minute

// answered is what came of a knock.
func answered(err error) (any, error) {
	switch {
	case err == nil:
		return "done", nil
	case errors.Is(err, access.ErrWrongPIN):
		return "wrong", nil
	case errors.Is(err, access.ErrLocked):
		return "locked", nil
	case errors.Is(err, voicemail.ErrNoMailbox):
		return "no mailbox", nil
	}
	return nil, err
}

func (d doorstep) scenario() interleave.Scenario {
	var raw *memstore.Store
	deleted := false
	for _, k := range d.knocks {
		deleted = deleted || k.deletes
	}
	open := func(ctx context.Context, st storage.Store, seed int64, k knock) (*voicemail.Service, *access.Access, error) {
		var now func() time.Time
		if k.eager {
			now = func() time.Time { return time.Now().Add(50 * time.Hour) }
		}
		svc, err := voicemail.ServiceIn(ctx, voicemail.OneRegion(st), seed, now)
		if err != nil {
			return nil, nil, err
		}
		o := access.Options{Attempts: d.attempts, Lock: lockTime, Argon2: access.Argon2{Memory: 8, Time: 1, Threads: 1}}
		if k.strong {
			o.Argon2.Memory = 16
		}
		door, err := access.New(svc, &o)
		return svc, door, err
	}
	sc := interleave.Scenario{
		MaxCrashes: d.crashes,
		New:        func() storage.Store { raw = memstore.New(nil); return raw },
		Setup: func(ctx context.Context, w *interleave.World) error {
			svc, door, err := open(ctx, w.Store(""), 97, knock{})
			if err == nil {
				_, err = svc.CreateMailbox(ctx, voicemail.BoxA, nil)
			}
			if err == nil {
				err = door.Set(ctx, voicemail.BoxA, parsed(pinNow), nil)
			}
			for range d.failed {
				if err == nil {
					if _, err = door.Verify(ctx, voicemail.BoxA, parsed(pinNever)); errors.Is(err, access.ErrWrongPIN) {
						err = nil
					}
				}
			}
			time.Sleep(d.passed)
			return err
		},
		Invariant: d.check,
		Recover: []interleave.Op{{Name: "the lock ends, and two days pass", Run: func(ctx context.Context, w *interleave.World) (any, error) {
			svc, door, err := open(ctx, w.Store(""), 99, knock{})
			opened := ""
			for _, digits := range []string{pinNow, pinNext, pinLast} {
				time.Sleep(lockTime)
				if err != nil || opened != "" || deleted {
					break
				}
				if _, err = door.Verify(ctx, voicemail.BoxA, parsed(digits)); err == nil {
					opened = digits
				} else if errors.Is(err, access.ErrWrongPIN) {
					err = nil
				}
			}
			for range 2 {
				time.Sleep(50 * time.Hour)
				if err == nil {
					_, err = svc.Maintain(ctx)
				}
			}
			return opened, err
		}}},
		Final: func(st *interleave.State) error {
			if err := d.last(st); err != nil && !deleted {
				return err
			}
			return tidy(raw)
		},
	}
	for _, k := range d.knocks {
		sc.Ops = append(sc.Ops, interleave.Op{
			Name: k.name, CanCrash: true,
			Prepare: func(ctx context.Context, w *interleave.World) error {
				b := bend(w.Store(""))
				if !deleted { // then nothing else changes, and reading it need not be scheduled
					b.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
						if !strings.Contains(opts.Prefix, "/access/") {
							return raw.List(ctx, opts)
						}
						return b.Store.List(ctx, opts)
					}
				}
				if d.bend != nil {
					d.bend(k, b)
				}
				svc, door, err := open(ctx, b, w.Seed(), k)
				w.Value = func(ctx context.Context) error { return k.run(ctx, svc, door) }
				return err
			},
			Run: func(ctx context.Context, w *interleave.World) (any, error) {
				return answered(w.Value.(func(context.Context) error)(ctx))
			},
		})
	}
	return sc
}

// check demands that no more PINs are called wrong than may be, and the right one only when it is not any more.
func (d doorstep) check(st *interleave.State) error {
	wrongs, replaced := 0, false
	for i, r := range st.Results[:len(d.knocks)] {
		if r.Done && !r.Crashed && r.Err != nil {
			return fmt.Errorf("%s: %w", r.Name, r.Err)
		}
		if r.Value == "wrong" && d.knocks[i].name == wrong.name {
			wrongs++
		}
		name := d.knocks[i].name
		replaced = replaced || name == sets.name || name == changes.name || d.knocks[i].deletes
	}
	if wrongs > d.most {
		return fmt.Errorf("%d PINs were called wrong, of %d that may be", wrongs, d.most)
	}
	for i, r := range st.Results[:len(d.knocks)] {
		if r.Value == "wrong" && d.knocks[i].name != wrong.name && !replaced {
			return fmt.Errorf("%s: the right PIN was called wrong", r.Name)
		}
	}
	return nil
}

// last demands that the PIN in the end is the one of whoever succeeded last. Who changed it knew the one before, so that an administrator came last.
func (d doorstep) last(st *interleave.State) error {
	want, sure := pinNow, true
	for i, r := range st.Results[:len(d.knocks)] {
		name := d.knocks[i].name
		given := map[string]string{sets.name: pinNext, changes.name: pinLast}[name]
		switch {
		case given == "":
		case !r.Done || r.Crashed:
			sure = false
		case r.Value == "done" && want != pinNext:
			want = given
		}
	}
	if got := st.Results[len(d.knocks)].Value; got == "" || sure && got != want {
		return fmt.Errorf("the PIN in the end is %q, not %q", got, want)
	}
	return nil
}

// tidy demands that in the end there is a PIN and the last reset of it, or nothing if the mailbox is gone.
func tidy(raw *memstore.Store) error {
	ctx := context.Background()
	svc, err := voicemail.ServiceIn(ctx, voicemail.OneRegion(raw), 98, nil)
	if err != nil {
		return err
	}
	_, gone := svc.Mailbox(voicemail.BoxA).Counts(ctx)
	var kinds []string
	for info, err := range storage.All(ctx, raw, &storage.ListOptions{Prefix: "v1/default/access/"}) {
		if err != nil {
			return err
		}
		kind, _, _ := strings.Cut(info.Key[strings.LastIndexByte(info.Key, '/')+1:], "-")
		kinds = append(kinds, kind)
	}
	want := "pin reset"
	if errors.Is(gone, voicemail.ErrNoMailbox) {
		want = ""
	}
	if got := strings.Join(kinds, " "); got != want {
		if want == "" || got != "pin" { // which nobody has tried since it was set
			return fmt.Errorf("%q is left of the mailbox's access", got)
		}
	}
	return nil
}

func exploreDoor(t *testing.T, d doorstep) {
	t.Helper()
	var names []string
	for _, k := range d.knocks {
		names = append(names, k.name)
	}
	t.Run(fmt.Sprintf("%d of %d tries, %v later, %d crashes: %s", d.failed, d.attempts, d.passed, d.crashes, strings.Join(names, ", ")), func(t *testing.T) {
		t.Parallel()
		report := interleave.Run(t, d.scenario())
		t.Logf("%d schedules, %d states", report.Schedules, report.States)
	})
}

func TestEveryInterleavingOfPINsKeepsTheBoundOnTries(t *testing.T) {
	for _, other := range []knock{wrong, right, raises, sets, changes, unlocks, prunes} {
		exploreDoor(t, doorstep{attempts: 2, failed: 1, crashes: 1, most: 1, knocks: []knock{wrong, other}})
	}
	for _, other := range []knock{right, sets, changes, unlocks, prunes} { // as long as one does not use the last try up
		exploreDoor(t, doorstep{attempts: 4, failed: 1, crashes: 1, knocks: []knock{right, other}})
	}
	// Who is right uses a try up as well, so that one PIN is called wrong; a new PIN, and who unlocks the mailbox in the midst, give one more.
	for _, other := range []knock{right, raises, changes, prunes} {
		exploreDoor(t, doorstep{attempts: 1, most: 1, knocks: []knock{other, wrong, wrong}})
	}
	for _, other := range []knock{sets, unlocks} {
		exploreDoor(t, doorstep{attempts: 1, most: 2, knocks: []knock{other, wrong, wrong}})
		exploreDoor(t, doorstep{attempts: 1, failed: 1, most: 1, knocks: []knock{other, wrong, wrong}})
	}
	exploreDoor(t, doorstep{attempts: 2, most: 2, knocks: []knock{wrong, wrong, wrong}})
	// The lock has run out, and all see it.
	exploreDoor(t, doorstep{attempts: 1, failed: 1, passed: lockTime, most: 1, knocks: []knock{right, wrong, wrong}})
	exploreDoor(t, doorstep{attempts: 1, failed: 1, passed: lockTime, most: 1, knocks: []knock{prunes, wrong, wrong}})
	exploreDoor(t, doorstep{attempts: 1, failed: 1, passed: lockTime, most: 2, knocks: []knock{unlocks, wrong, wrong}})
	exploreDoor(t, doorstep{attempts: 1, failed: 1, passed: lockTime, most: 1, crashes: 1, knocks: []knock{wrong, wrong, wrong}})
	exploreDoor(t, doorstep{attempts: 1, most: 1, knocks: []knock{right, wrong, wrong, prunes}})
	exploreDoor(t, doorstep{attempts: 4, crashes: 1, knocks: []knock{sets, changes}})
	exploreDoor(t, doorstep{attempts: 4, crashes: 1, knocks: []knock{changes, changes}})
	for _, other := range []knock{right, sets, changes} {
		exploreDoor(t, doorstep{attempts: 2, crashes: 1, knocks: []knock{removes, other}})
	}
}

// The rules are taken out one by one, and the exploration notices.
func TestTheExplorationNoticesPINsWithoutTheirRules(t *testing.T) {
	for name, tt := range map[string]struct {
		knocks []knock
		bend   func(knock, *bent)
	}{
		"no second look": {[]knock{right, wrong, wrong, prunes}, func(k knock, b *bent) {
			var first *storage.Page
			list := b.list
			b.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
				if k.name != wrong.name || !strings.Contains(opts.Prefix, "/access/") {
					return list(ctx, opts)
				}
				if page := first; page != nil {
					first = nil
					return page, nil
				}
				page, err := list(ctx, opts)
				first = page
				return page, err
			}
			create := b.create
			b.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				info, err := create(ctx, key, body, opts)
				if err != nil {
					first = nil // it begins anew
				}
				return info, err
			}
		}},
		"a number for two": {[]knock{wrong, wrong}, func(_ knock, b *bent) {
			create := b.create
			b.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				info, err := create(ctx, key, body, opts)
				if strings.Contains(key, "/try-") && errors.Is(err, storage.ErrExists) {
					return info, nil
				}
				return info, err
			}
		}},
		"an answer before the number": {[]knock{wrong, wrong}, func(_ knock, b *bent) {
			create := b.create
			b.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				if strings.Contains(key, "/try-") {
					return storage.Info{Key: key}, nil
				}
				return create(ctx, key, body, opts)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := interleave.Explore(t, doorstep{attempts: 1, most: 1, knocks: tt.knocks, bend: tt.bend}.scenario())
			require.NotNil(t, report.Violation)
			require.ErrorContains(t, report.Violation.Err, "called wrong")
			t.Log(report.Violation)
		})
	}
}
