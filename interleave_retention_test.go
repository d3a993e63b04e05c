package voicemail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/interleave"
	"github.com/genesys/voicemail/internal/keys"
)

// protects is what an operation returns that keeps x from going by itself, if x was there after it.
type protects bool

// protecting makes an operation of one that keeps x once it is acknowledged.
func protecting(name string, protect func(ctx context.Context, a *stage) error) actor {
	return actor{name: name, takes: true, may: []error{ErrNotFound}, run: func(ctx context.Context, a *stage) (any, error) {
		err := protect(ctx, a)
		return protects(err == nil), err
	}}
}

// forgetting ends with a look at x, restricted as it is: what is there then is there for who undoes it.
func forgetting() actor {
	op := actorOf("forget")
	op.run = func(ctx context.Context, a *stage) (any, error) {
		if _, err := forget(ctx, a); err != nil {
			return nil, err
		}
		x := a.x.(*message)
		st, err := a.svc.look(ctx, x.box, x.ref())
		return protects(st.remains()), err
	}
	return op
}

func markUnread() actor {
	return protecting("mark unread", func(ctx context.Context, a *stage) error { return a.x.MarkUnread(ctx) })
}

func holdX() actor {
	return protecting("hold", func(ctx context.Context, a *stage) error {
		return (&private{a.svc}).Hold(ctx, string(boxA), string(msgX), "h")
	})
}

func actorOf(name string) actor {
	for _, op := range actors() {
		if op.name == name {
			return op
		}
	}
	panic("no operation " + name)
}

// retaining is Maintain of the mailbox a.
func retaining() actor {
	return actor{name: "retention", takes: true, run: func(ctx context.Context, a *stage) (any, error) {
		k := &keeper{Service: a.svc, now: a.svc.opts.Now(), pending: map[string]bool{}, blind: map[string]bool{}, undone: map[keys.Forgetting]bool{}}
		k.failed("", k.settingsOfTenant(ctx))
		k.mailbox(ctx, a.svc.mailbox(boxA))
		return k.report, errors.Join(k.errs...)
	}}
}

// aged is a scenario in which x, once prepared, is older than a day.
func aged(crashes int, set Settings, prepare func(ctx context.Context, x Message) error, ops ...actor) interleave.Scenario {
	sc := scenario(0, crashes, ops...)
	begin, during := sc.Setup, sc.Invariant
	sc.Setup = func(ctx context.Context, w *interleave.World) error {
		if err := begin(ctx, w); err != nil {
			return err
		}
		svc, err := testService(ctx, w.Store(""), 97)
		if err != nil {
			return err
		}
		x, err := svc.Mailbox(boxA).Message(ctx, msgX)
		if err == nil {
			err = prepare(ctx, x)
		}
		if err != nil {
			return err
		}
		_, err = svc.Mailbox(boxA).UpdateSettings(ctx, func(s *Settings) error {
			s.MaxMessages, s.WhenFull, s.Retention = set.MaxMessages, set.WhenFull, set.Retention
			return nil
		})
		time.Sleep(30 * time.Hour)
		return err
	}
	sc.Invariant = func(state *interleave.State) error {
		ended := state.Results[:len(ops)]
		if slices.ContainsFunc(ended, func(r interleave.Result) bool { return !r.Done && !r.Crashed }) {
			return during(state)
		}
		_, stays, _, err := survey(state.Stores[""])
		if err != nil {
			return err
		}
		for i, r := range ended {
			there := slices.ContainsFunc(stays, func(st rawStay) bool { return st.ref.ID == string(msgX) && st.remains() })
			if r.Done && !r.Crashed && r.Value == protects(true) && !there {
				return fmt.Errorf("the message went after %s", ops[i].name)
			}
		}
		return during(state)
	}
	return sc
}

func read(ctx context.Context, x Message) error { return x.MarkRead(ctx) }

func TestEveryInterleavingOfRetentionKeepsWhatIsProtectedMeanwhile(t *testing.T) {
	keepsUnread := Settings{MaxMessages: 10, Retention: Retention{Days: 1, KeepUnread: On}}
	forever := Settings{MaxMessages: 10}
	trash := Settings{MaxMessages: 10, Retention: Retention{TrashDays: 1}}
	trashed := func(ctx context.Context, x Message) error { return errors.Join(x.MarkRead(ctx), x.Trash(ctx)) }
	expiring := func(ctx context.Context, x Message) error { return x.SetExpiry(ctx, time.Now().Add(time.Hour)) }
	later := func(ctx context.Context, a *stage) error { return a.x.SetExpiry(ctx, time.Now().AddDate(1, 0, 0)) }
	for _, row := range []struct {
		set     Settings
		prepare func(ctx context.Context, x Message) error
		beside  actor
	}{
		{keepsUnread, read, markUnread()},
		{keepsUnread, read, holdX()},
		{keepsUnread, read, forgetting()},
		{keepsUnread, read, actorOf("move")},
		{keepsUnread, read, actorOf("copy")},
		{trash, trashed, protecting("restore", func(ctx context.Context, a *stage) error { return a.x.Restore(ctx) })},
		{trash, trashed, protecting("restore and trash again", func(ctx context.Context, a *stage) error { return errors.Join(a.x.Restore(ctx), a.x.Trash(ctx)) })},
		{forever, expiring, protecting("put off", later)},
	} {
		t.Run(row.beside.name, func(t *testing.T) {
			t.Parallel()
			interleave.Run(t, aged(0, row.set, row.prepare, retaining(), row.beside))
		})
	}
}

func TestEveryCrashOfRetentionIsMended(t *testing.T) {
	sc := aged(1, Settings{MaxMessages: 10, Retention: Retention{Days: 1}}, read, retaining())
	end := sc.Final
	sc.Final = func(state *interleave.State) error {
		_, stays, _, err := survey(state.Stores[""])
		if err == nil && len(where(stays, msgX)) > 0 {
			err = errors.New("the message is still there")
		}
		return errors.Join(err, end(state))
	}
	report := interleave.Run(t, sc)
	require.Greater(t, report.Schedules, 1)
}

func TestEveryInterleavingOfADropKeepsWhatIsProtectedMeanwhile(t *testing.T) {
	full := Settings{MaxMessages: 1, WhenFull: DropOldestRead}
	deposit := actorOf("deposit")
	deposit.may = []error{ErrMailboxFull}
	for _, beside := range []actor{markUnread(), holdX(), forgetting(), actorOf("delete")} {
		t.Run(beside.name, func(t *testing.T) {
			t.Parallel()
			interleave.Run(t, aged(0, full, read, deposit, beside))
		})
	}
}

// dropping are deposits, acknowledged at the end, into a mailbox that has room for one message and holds x, which was read.
func dropping(crashes int, prepare func(ctx context.Context, x Message) error, retry []interleave.Op, deposits ...actor) interleave.Scenario {
	for i := range deposits {
		deposits[i].takes, deposits[i].may = true, []error{ErrMailboxFull}
	}
	sc := aged(crashes, Settings{MaxMessages: 1, WhenFull: DropOldestRead}, prepare, deposits...)
	sc.Recover = append(retry, sc.Recover...)
	end := sc.Final
	sc.Final = func(state *interleave.State) error {
		_, stays, _, err := survey(state.Stores[""])
		if err == nil && len(where(stays, msgX)) > 0 {
			err = errors.New("nothing went for the message")
		}
		if err == nil && len(where(stays, msgY)) != 1 {
			err = errors.New("the message is not there")
		}
		return errors.Join(err, end(state))
	}
	return sc
}

// Two that clear a mailbox with x and y, which has room for one, do it once.
func TestEveryInterleavingOfTwoDropsAgreesOnWhatGoes(t *testing.T) {
	clearing := actor{name: "clear", run: func(ctx context.Context, a *stage) (any, error) {
		m := a.svc.mailbox(boxA)
		v, err := m.existing(ctx, listing{})
		if err != nil {
			return nil, err
		}
		return nil, a.svc.tryMakeRoom(ctx, a.x.(*message).box, v, keys.Ref{})
	}}
	two := func(ctx context.Context, x Message) error {
		_, err := x.(*message).svc.Mailbox(boxA).Deposit(ctx, bytes.NewReader(audioY), &DepositOptions{ID: msgY, Caller: testCaller(), Read: true})
		return errors.Join(err, x.MarkRead(ctx))
	}
	interleave.Run(t, dropping(0, two, nil, clearing, clearing))
}

func TestEveryCrashOfADropIsMendedByTheRetry(t *testing.T) {
	deposit := actorOf("deposit").op()
	again := interleave.Op{Name: "retry", Run: func(ctx context.Context, w *interleave.World) (any, error) {
		svc, err := testService(ctx, w.Store(""), w.Seed())
		if err != nil {
			return nil, err
		}
		w.Value = &stage{svc: svc}
		return deposit.Run(ctx, w)
	}}
	report := interleave.Run(t, dropping(1, read, []interleave.Op{again}, actorOf("deposit")))
	require.Greater(t, report.Schedules, 1)
}
