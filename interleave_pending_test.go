package voicemail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/interleave"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// The regions of the scenarios with pending deposits: metadata lies in eu.
const (
	regionEU = "eu"
	regionUS = "us"
)

// downStore is a region that cannot be reached.
type downStore struct{ storage.Store }

func (downStore) err(op string) error {
	return &storage.Error{Op: op, Driver: "downStore", Kind: storage.ErrUnavailable}
}

func (s downStore) Create(context.Context, string, io.ReadSeeker, *storage.CreateOptions) (storage.Info, error) {
	return storage.Info{}, s.err("create")
}

func (s downStore) Open(context.Context, string, *storage.OpenOptions) (storage.Object, error) {
	return nil, s.err("open")
}

func (s downStore) Stat(context.Context, string) (storage.Info, error) {
	return storage.Info{}, s.err("stat")
}
func (s downStore) Delete(context.Context, ...string) error { return s.err("delete") }
func (s downStore) List(context.Context, *storage.ListOptions) (*storage.Page, error) {
	return nil, s.err("list")
}

func twoRegions(local string, store func(name string) storage.Store) Regions {
	return Regions{Master: regionEU, Local: local, Stores: map[string]storage.Store{regionEU: store(regionEU), regionUS: store(regionUS)}}
}

// waiter is an operation on y, which waits in us, or is about to.
type waiter struct {
	name  string
	local string
	down  bool // the master region cannot be reached from where it runs
	run   func(ctx context.Context, s *Service) (any, error)
	may   []error
}

func depositY(ctx context.Context, s *Service) (any, error) {
	_, err := s.Mailbox(boxA).Deposit(ctx, bytes.NewReader(audioY), &DepositOptions{ID: msgY, Caller: testCaller(), Urgent: true})
	return nil, err
}

func waiters() map[string]waiter {
	all := map[string]waiter{}
	for _, w := range []waiter{
		// A retry of long ago may meet what is left of the first attempt.
		{name: "deposit in an outage", local: regionUS, down: true, run: depositY, may: []error{errStale, ErrGone}},
		{name: "deposit", local: regionUS, run: depositY, may: []error{errStale, ErrGone}},
		{name: "deposit elsewhere", local: regionEU, run: depositY, may: []error{errStale, ErrGone}},
		{name: "sync", local: regionEU, run: func(ctx context.Context, s *Service) (any, error) {
			report, err := s.Sync(ctx)
			if len(report.Kept) > 0 {
				err = errors.Join(err, fmt.Errorf("kept: %w", report.Kept[0].Err))
			}
			return report, err
		}},
		{name: "maintain", local: regionEU, run: func(ctx context.Context, s *Service) (any, error) { return s.Maintain(ctx) }},
		{name: "forget", local: regionEU, run: forgetY},
		{name: "delete", local: regionEU, run: deleteY},
		{name: "count", local: regionEU, run: func(ctx context.Context, s *Service) (any, error) { return s.Mailbox(boxA).Counts(ctx) }},
	} {
		all[w.name] = w
	}
	return all
}

// forgetY restricts y by the rules of a forget request: where it comes from is looked at before where it goes to, until nothing new is found.
func forgetY(ctx context.Context, s *Service) (any, error) {
	marked := map[keys.Ref]bool{}
	for fresh := true; fresh; {
		fresh = false
		mark := func(ref keys.Ref) error {
			if marked[ref] {
				return nil
			}
			marked[ref], fresh = true, true
			box, err := s.box(boxA)
			if err == nil {
				_, err = s.createMark(ctx, box, ref, keys.Forget+"case")
			}
			return err
		}
		for rec, err := range s.pendingOf(ctx, regionUS, map[string]*pendingRecord{}) {
			if err == nil {
				err = mark(rec.Metadata.ref())
			}
			if err != nil {
				return nil, err
			}
		}
		x, err := s.callers(ctx)
		if err != nil {
			return nil, err
		}
		for info, err := range storage.All(ctx, s.master, &storage.ListOptions{Prefix: s.space.Caller(x.hash(testCaller().Reveal()))}) {
			if err != nil {
				return nil, err
			}
			e, err := s.space.ParseCallerEntry(info.Key)
			if err == nil {
				err = mark(e.Ref)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// deleteY erases y, wherever it is, as a sweep does.
func deleteY(ctx context.Context, s *Service) (any, error) {
	box, err := s.box(boxA)
	if err != nil {
		return nil, err
	}
	ref := keys.Ref{ID: string(msgY)}
	meta, err := s.metadata(ctx, box, ref)
	if errors.Is(err, ErrNotFound) {
		var rec *pendingRecord
		if rec, err = s.readPending(ctx, regionUS, msgY); err == nil {
			meta = rec.Metadata
		}
	}
	if errors.Is(err, storage.ErrNotExist) {
		return nil, nil // it came into its mailbox just now
	}
	if err != nil {
		return nil, err
	}
	_, err = s.erase(ctx, box, ref, meta, func(*stay) error { return nil })
	return true, err
}

// waiting is a scenario; with aged, y waits for two days when it begins, and its index entry was there before.
func waiting(crashes int, aged bool, ops ...waiter) interleave.Scenario {
	sc := interleave.Scenario{
		Stores: []string{regionEU, regionUS}, MaxCrashes: crashes,
		New: func() storage.Store { return memstore.New(nil) },
		Setup: func(ctx context.Context, w *interleave.World) error {
			if _, err := testServiceIn(ctx, twoRegions(regionEU, w.Store), 97, nil); err != nil {
				return err
			}
			svc, err := testServiceIn(ctx, twoRegions(regionUS, w.Store), 0, nil)
			if err != nil {
				return err
			}
			if _, err := svc.CreateMailbox(ctx, boxA, nil); err != nil || !aged {
				return err
			}
			box, err := svc.box(boxA)
			if err != nil {
				return err
			}
			x, err := svc.callers(ctx)
			if err != nil {
				return err
			}
			if _, err := svc.master.Create(ctx, box.CallerEntry(x.hash(testCaller().Reveal()), keys.Ref{ID: string(msgY)}), nil, nil); err != nil {
				return err
			}
			svc.master = downStore{}
			svc.regions.Stores[regionEU] = svc.master
			if _, err := depositY(ctx, svc); err != nil {
				return err
			}
			time.Sleep(50 * time.Hour)
			return nil
		},
		Invariant: func(st *interleave.State) error { return checkWaiting(st, ops, aged, false) },
		Recover: []interleave.Op{{Name: "sync and maintain", Run: func(ctx context.Context, w *interleave.World) (any, error) {
			svc, err := testServiceIn(ctx, twoRegions(regionEU, w.Store), 99, nil)
			for range 3 {
				if err == nil {
					_, err = svc.Sync(ctx)
				}
				time.Sleep(50 * time.Hour)
				if err == nil {
					_, err = svc.Maintain(ctx)
				}
			}
			return nil, err
		}}},
		Final: func(st *interleave.State) error { return checkWaiting(st, ops, aged, true) },
	}
	for _, op := range ops {
		sc.Ops = append(sc.Ops, interleave.Op{
			Name: op.name, CanCrash: true,
			Prepare: func(ctx context.Context, w *interleave.World) error {
				svc, err := testServiceIn(ctx, twoRegions(op.local, w.Store), w.Seed(), nil)
				if err == nil && op.down {
					svc.master = downStore{}
					svc.regions.Stores[regionEU] = svc.master
				}
				w.Value = svc
				return err
			},
			Run: func(ctx context.Context, w *interleave.World) (any, error) { return op.run(ctx, w.Value.(*Service)) },
		})
	}
	return sc
}

// checkWaiting checks that y, once a deposit of it is acknowledged, is in its mailbox or waits, once, whole, unless it was deleted; and at the end
// that it is in its mailbox and that nothing else is left.
func checkWaiting(state *interleave.State, ops []waiter, acknowledged, final bool) error {
	ctx := context.Background()
	names := map[string]map[string]bool{regionEU: {}, regionUS: {}}
	for region, all := range names {
		for info, err := range storage.All(ctx, state.Stores[region], nil) {
			if err != nil {
				return err
			}
			all[info.Key] = true
		}
	}
	svc, err := testServiceIn(ctx, twoRegions(regionEU, func(name string) storage.Store { return state.Stores[name] }), 98, nil)
	if err != nil {
		return err
	}
	box, err := svc.box(boxA)
	if err != nil {
		return err
	}
	st, err := svc.look(ctx, box, keys.Ref{ID: string(msgY)})
	if err != nil {
		return err
	}
	away, forgotten := false, false
	for i, op := range ops {
		r := state.Results[i]
		if op.name == "delete" {
			away = true
		}
		if op.name == "forget" {
			away, forgotten = true, forgotten || r.Done && !r.Crashed
		}
		if !r.Done || r.Crashed {
			continue
		}
		if r.Err != nil {
			ok := false
			for _, may := range op.may {
				ok = ok || errors.Is(r.Err, may)
			}
			if cut := op.name == "sync" && (away || errors.Is(r.Err, storage.ErrUnavailable)); !ok && !cut {
				return fmt.Errorf("%s: %w", op.name, r.Err)
			}
			continue
		}
		acknowledged = acknowledged || strings.HasPrefix(op.name, "deposit")
		if n, isCount := r.Value.(Counts); isCount && (n.New > 1 || n.New != n.NewUrgent) {
			return fmt.Errorf("counted %+v", n)
		}
	}
	visible := st.visible()
	waits := names[regionUS][svc.space.PendingAt(string(msgY))]
	if forgotten && visible && acknowledgedBefore(ops) {
		return errors.New("y can be seen although its caller was forgotten")
	}
	if acknowledged && !away && !visible && !waits {
		return errors.New("an acknowledged deposit is neither in its mailbox nor waits")
	}
	if acknowledged && !away && final && !visible {
		return errors.New("an acknowledged deposit is not in its mailbox")
	}
	mine := map[string]bool{}
	if st.committed {
		meta, err := svc.metadata(ctx, box, st.ref)
		if err != nil {
			return err
		}
		entries, err := svc.entries(ctx, box, meta)
		if err != nil {
			return err
		}
		audio := box.Audio(st.ref, meta.Ext)
		if !st.gone && !names[meta.Region][audio] {
			return fmt.Errorf("y lacks its recording in %s", meta.Region)
		}
		for _, name := range entries {
			if visible && !names[regionEU][name] {
				return errors.New("y lacks its index entry")
			}
			mine[regionEU+name] = true
		}
		if visible && !st.urgent {
			return errors.New("y lacks its mark")
		}
		mine[meta.Region+audio] = true
	} else if waits && !st.gone && !away {
		rec, err := svc.readPending(ctx, regionUS, msgY)
		if err != nil {
			return err
		}
		if !names[regionUS][box.Audio(st.ref, rec.Metadata.Ext)] {
			return errors.New("the pending deposit lacks its recording")
		}
	}
	if !final {
		return nil
	}
	for region, all := range names {
		for name := range all {
			rest := strings.TrimPrefix(name, "v1/default/")
			switch {
			case mine[region+name], strings.HasPrefix(rest, "key/"), strings.HasPrefix(rest, "region/"), strings.HasPrefix(rest, "gone/"), strings.Contains(rest, "/set-"):
			case st.committed && strings.HasPrefix(name, box.Stem(st.ref)):
			case st.committed && strings.HasPrefix(name, box.MediaStem(st.ref)): // of a retry in another region that has crashed: it goes with the message
			default:
				return fmt.Errorf("a name is left that belongs to nothing: %s %s", region, rest)
			}
		}
	}
	return nil
}

// acknowledgedBefore reports whether everything that the forget request covers was there when it began.
func acknowledgedBefore(ops []waiter) bool {
	for _, op := range ops {
		if strings.HasPrefix(op.name, "deposit") {
			return false
		}
	}
	return true
}

func TestEveryInterleavingOfAPendingDepositKeepsTheInvariants(t *testing.T) {
	all := waiters()
	for _, pair := range [][2]string{
		{"deposit in an outage", "deposit in an outage"}, {"deposit in an outage", "deposit"}, {"deposit in an outage", "deposit elsewhere"},
		{"deposit in an outage", "sync"}, {"deposit in an outage", "maintain"}, {"deposit in an outage", "forget"},
	} {
		t.Run(pair[0]+" and "+pair[1], func(t *testing.T) {
			t.Parallel()
			report := interleave.Run(t, waiting(1, false, all[pair[0]], all[pair[1]]))
			require.Greater(t, report.Schedules, 1)
		})
	}
	for _, pair := range [][2]string{
		{"sync", "sync"}, {"sync", "maintain"}, {"sync", "deposit in an outage"}, {"sync", "deposit"}, {"sync", "deposit elsewhere"}, {"sync", "forget"},
		{"sync", "delete"}, {"sync", "count"}, {"maintain", "deposit in an outage"}, {"maintain", "deposit"}, {"maintain", "forget"},
	} {
		t.Run("waiting: "+pair[0]+" and "+pair[1], func(t *testing.T) {
			t.Parallel()
			report := interleave.Run(t, waiting(1, true, all[pair[0]], all[pair[1]]))
			require.Greater(t, report.Schedules, 1)
		})
	}
	for _, three := range [][3]string{{"sync", "sync", "maintain"}, {"sync", "delete", "forget"}} {
		t.Run("waiting: "+strings.Join(three[:], ", "), func(t *testing.T) {
			t.Parallel()
			interleave.Run(t, waiting(0, true, all[three[0]], all[three[1]], all[three[2]]))
		})
	}
}
