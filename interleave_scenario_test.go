package voicemail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/genesys/voicemail/internal/interleave"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// What every scenario starts with: the mailboxes a, b and c, and in a the message x.
const (
	boxA = MailboxID("a")
	boxB = MailboxID("b")
	boxC = MailboxID("c")
	msgX = MessageID("01890a5d-ac96-774b-bcce-b302099a8057")
	msgY = MessageID("01890a5d-ac96-774b-bcce-b302099a8058")
)

var (
	audioX = []byte("the recording of x")
	audioY = []byte("another recording, of y")
)

func testCaller() CallerID { return ParseCallerID("+1 555 010 0123") }

// testService is a Service as a process of its own would have it, whose IDs and nonces are the same in every run and different for every seed.
func testService(ctx context.Context, st storage.Store, seed int64) (*Service, error) {
	return testServiceIn(ctx, OneRegion(st), seed, nil)
}

func testServiceIn(ctx context.Context, regions Regions, seed int64, now func() time.Time) (*Service, error) {
	svc, err := Open(ctx, regions, &Options{IndexKey: []byte("the same key in every run"), Now: now})
	if err != nil {
		return nil, err
	}
	var n atomic.Int64
	svc.ids = idSource{
		message: func(time.Time) MessageID {
			return MessageID(fmt.Sprintf("01890a5d-ac96-7%03x-8%03x-000000000000", seed, n.Add(1)))
		},
		nonce: func() string { return fmt.Sprintf("%d-%d", seed, n.Add(1)) },
	}
	_, _ = svc.Settings(ctx) // which an operation reads now and then, and which say the same to all; a master region that is down has none
	return svc, nil
}

// actor is an operation on x, or beside it.
type actor struct {
	name    string
	trashed bool // x must be in the trash
	away    bool // x must have been moved to b
	alone   bool // not with every other: it is long, or has little to do with most
	// leaves makes what Maintain finds, old enough for it to act.
	leaves func(ctx context.Context, svc *Service) error
	run    func(ctx context.Context, a *stage) (any, error)
	// may are the errors that another operation can be the reason for.
	may []error
	// takes: x may be in no mailbox afterwards.
	takes bool
}

// stage is what an operation has: a Service of its own and the message, read before the scenario began.
type stage struct {
	svc *Service
	x   Message
}

func (a *stage) box(id MailboxID) Mailbox { return a.svc.Mailbox(id) }

func (op actor) op() interleave.Op {
	return interleave.Op{
		Name: op.name,
		Prepare: func(ctx context.Context, w *interleave.World) error {
			svc, err := testService(ctx, w.Store(""), w.Seed())
			if err != nil {
				return err
			}
			for x, err := range svc.FindByCaller(ctx, testCaller()) {
				if err != nil {
					return err
				}
				if x.ID() == msgX {
					w.Value = &stage{svc, x}
					return nil
				}
			}
			return errors.New("x is not there")
		},
		Run: func(ctx context.Context, w *interleave.World) (any, error) {
			return op.run(ctx, w.Value.(*stage))
		},
		CanCrash: true,
	}
}

func depositing(id MessageID, audio []byte) func(ctx context.Context, a *stage) (any, error) {
	return func(ctx context.Context, a *stage) (any, error) {
		_, err := a.box(boxA).Deposit(ctx, bytes.NewReader(audio), &DepositOptions{ID: id, Caller: testCaller(), Urgent: true})
		return nil, err
	}
}

func actors() []actor {
	return []actor{
		{name: "deposit", run: depositing(msgY, audioY)},
		{name: "deposit again", run: depositing(msgY, audioY)},
		{name: "deposit x again", run: depositing(msgX, audioX), may: []error{ErrGone}},
		{name: "mark read", run: func(ctx context.Context, a *stage) (any, error) { return nil, a.x.MarkReadBy(ctx, "ann") }, may: []error{ErrNotFound}},
		{name: "trash", run: func(ctx context.Context, a *stage) (any, error) { return nil, a.x.Trash(ctx) }, may: []error{ErrNotFound}},
		{name: "restore", trashed: true, run: func(ctx context.Context, a *stage) (any, error) { return nil, a.x.Restore(ctx) }, may: []error{ErrNotFound}},
		{name: "add part", run: adding("call back"), may: []error{ErrNotFound}},
		{name: "add another part", alone: true, run: adding("call again"), may: []error{ErrNotFound}},
		{name: "copy", run: func(ctx context.Context, a *stage) (any, error) {
			_, err := a.x.CopyTo(ctx, boxB, nil)
			return nil, err
		}, may: []error{ErrNotFound}},
		{name: "move", run: func(ctx context.Context, a *stage) (any, error) {
			_, err := a.x.MoveTo(ctx, boxB)
			return nil, err
		}, may: []error{ErrNotFound, ErrConflict}},
		{name: "move elsewhere", run: func(ctx context.Context, a *stage) (any, error) {
			_, err := a.x.MoveTo(ctx, boxC)
			return nil, err
		}, may: []error{ErrNotFound, ErrConflict}},
		{name: "move back", away: true, run: func(ctx context.Context, a *stage) (any, error) {
			_, err := a.x.MoveTo(ctx, boxA)
			return nil, err
		}, may: []error{ErrNotFound, ErrConflict}},
		{name: "move there and back", alone: true, run: func(ctx context.Context, a *stage) (any, error) {
			there, err := a.x.MoveTo(ctx, boxB)
			if err == nil {
				_, err = there.MoveTo(ctx, boxA)
			}
			return nil, err
		}, may: []error{ErrNotFound, ErrConflict}},
		{name: "delete", takes: true, run: func(ctx context.Context, a *stage) (any, error) { return nil, a.x.Delete(ctx) }, may: []error{ErrNotFound}},
		{name: "settings", run: func(ctx context.Context, a *stage) (any, error) {
			_, err := a.box(boxA).UpdateSettings(ctx, func(s *Settings) error { s.MaxMessages++; return nil })
			return nil, err
		}},
		{name: "count", run: func(ctx context.Context, a *stage) (any, error) { return a.box(boxA).Counts(ctx) }},
		{name: "list", run: func(ctx context.Context, a *stage) (any, error) {
			var ids []MessageID
			for m, err := range a.box(boxA).Messages(ctx, &ListOptions{Trash: WithTrash}) {
				if err != nil {
					return nil, err
				}
				ids = append(ids, m.ID())
			}
			return ids, nil
		}},
		{name: "find", run: func(ctx context.Context, a *stage) (any, error) {
			var ids []MessageID
			for m, err := range a.svc.FindByCaller(ctx, testCaller()) {
				if err != nil {
					return nil, err
				}
				ids = append(ids, m.ID())
			}
			return ids, nil
		}},
		{name: "forget", run: forget, takes: true},
		{name: "maintain", leaves: halfDeleted, run: maintain},
		{name: "maintain garbage", alone: true, leaves: neverCommitted, run: maintain},
	}
}

func adding(note string) func(ctx context.Context, a *stage) (any, error) {
	return func(ctx context.Context, a *stage) (any, error) {
		return a.x.AddPart(ctx, PartNote, strings.NewReader(note), nil)
	}
}

func maintain(ctx context.Context, a *stage) (any, error) { return a.svc.Maintain(ctx) }

// forget restricts the messages of the caller by the rules of a forget request: every index entry is marked, committed or not, until a listing
// brings nothing new.
func forget(ctx context.Context, a *stage) (any, error) {
	s := a.svc
	x, err := s.callers(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for fresh := true; fresh; {
		fresh = false
		for info, err := range storage.All(ctx, s.master, &storage.ListOptions{Prefix: s.space.Caller(x.hash(testCaller().Reveal()))}) {
			if err != nil {
				return nil, err
			}
			if seen[info.Key] {
				continue
			}
			seen[info.Key], fresh = true, true
			e, err := s.space.ParseCallerEntry(info.Key)
			if err != nil {
				return nil, err
			}
			box, err := s.box(MailboxID(e.Mailbox))
			if err != nil {
				return nil, err
			}
			if _, err := s.createMark(ctx, box, e.Ref, keys.Forget+"case"); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// halfDeleted leaves, in c, a message whose deletion stopped half way.
func halfDeleted(ctx context.Context, svc *Service) error {
	half, err := svc.Mailbox(boxC).Deposit(ctx, strings.NewReader("half deleted"), &DepositOptions{Caller: testCaller()})
	if err != nil {
		return err
	}
	dead := half.(*message)
	if _, err := svc.createMark(ctx, dead.box, dead.ref(), keys.Gone+"crashed"); err != nil {
		return err
	}
	return svc.master.Delete(ctx, dead.audioKey())
}

// neverCommitted leaves, in c, the audio and the index entry of a deposit that was never committed.
func neverCommitted(ctx context.Context, svc *Service) error {
	box, err := svc.box(boxC)
	if err != nil {
		return err
	}
	never := keys.Ref{ID: string(msgY)}
	x, err := svc.callers(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{box.CallerEntry(x.hash(testCaller().Reveal()), never), box.Audio(never, "bin")} {
		if _, err := svc.master.Create(ctx, name, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// scenario is two or three operations at the same time.
func scenario(pageSize, crashes int, ops ...actor) interleave.Scenario {
	some := func(is func(actor) bool) bool { return slices.ContainsFunc(ops, is) }
	sc := interleave.Scenario{
		New:        func() storage.Store { return memstore.New(&memstore.Options{PageSize: pageSize}) },
		MaxCrashes: crashes,
		Setup: func(ctx context.Context, w *interleave.World) error {
			svc, err := testService(ctx, w.Store(""), 0)
			if err != nil {
				return err
			}
			for _, id := range []MailboxID{boxA, boxB, boxC} {
				if _, err := svc.CreateMailbox(ctx, id, &Settings{MaxMessages: 10}); err != nil {
					return err
				}
			}
			for i, op := range ops {
				if op.leaves == nil || i > 0 && ops[i-1].name == op.name {
					continue
				}
				if err := op.leaves(ctx, svc); err != nil {
					return err
				}
			}
			time.Sleep(30 * time.Hour)
			x, err := svc.Mailbox(boxA).Deposit(ctx, bytes.NewReader(audioX), &DepositOptions{ID: msgX, Caller: testCaller()})
			if err == nil && some(func(op actor) bool { return op.trashed }) {
				err = x.Trash(ctx)
			}
			if err == nil && some(func(op actor) bool { return op.away }) {
				_, err = x.MoveTo(ctx, boxB)
			}
			return err
		},
		Invariant: func(st *interleave.State) error { return checkVisible(st, ops) },
		Recover: []interleave.Op{{Name: "maintain after two days", Run: func(ctx context.Context, w *interleave.World) (any, error) {
			svc, err := testService(ctx, w.Store(""), 99)
			for range 2 {
				time.Sleep(50 * time.Hour)
				if err == nil {
					_, err = svc.Maintain(ctx)
				}
			}
			return nil, err
		}}},
		Final: func(st *interleave.State) error { return checkFinal(st, ops) },
	}
	for _, op := range ops {
		sc.Ops = append(sc.Ops, op.op())
	}
	return sc
}
