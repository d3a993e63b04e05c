package gdpr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/privacy"
	"github.com/genesys/voicemail/storage"
)

// SweepReport says what a sweep did.
type SweepReport struct {
	// Decided cases cannot be undone any more since this sweep. Erased ones are erased since this sweep. Receipts were written by it.
	Decided []string  `json:"decided"`
	Erased  []string  `json:"erased"`
	Closed  []Receipt `json:"closed"`
	// Messages is how many messages this sweep erased.
	Messages int `json:"messages"`
	// Held are the messages that are to be erased and are kept by a hold; their cases stay open until it is released.
	Held []voicemail.MessageID `json:"held"`
	// Open is how many cases are decided and not closed: the erasure is not complete, or its receipt waits for the last look.
	Open int `json:"open"`
	// Late are the open cases whose promise is over: those that are not erased yet, unless a hold keeps them, those that this sweep erased too late, and those that were erased in time and
	// whose receipt is overdue.
	Late []string `json:"late"`
	// Next is when the next case is due; zero if none is.
	Next time.Time `json:"next,omitzero"`
}

// Sweep carries out what is due: of each case whose undo window is over it decides the erasure, erases everything it covers in every region, looks
// independently whether anything is left, and writes the receipt, no sooner than Settle after the erasure. A ForgetMe that was cut off it completes. Run it every Options.Interval, from anywhere, or use Run; it can
// be killed at any point, and several may run at once.
//
// A region that is down delays only what lies there. The error joins all that failed, and the report says what was done. With nothing due it costs one listing.
func (c *Controller) Sweep(ctx context.Context) (*SweepReport, error) {
	r := &SweepReport{}
	err := c.sweep(ctx, r)
	return r, fail("sweep", "", err)
}

func (c *Controller) sweep(ctx context.Context, r *SweepReport) error {
	list, err := c.openForgets(ctx)
	if err != nil {
		return err
	}
	now := c.ops.Now()
	var errs []error
	var here error // why nothing can be complete, seen from here
	checked := false
	for _, o := range list {
		if o.at.After(now) && o.due && o.marked {
			if r.Next.IsZero() {
				r.Next = o.at
			}
			continue
		}
		if !checked {
			if err := c.checkClock(ctx); err != nil {
				return err
			}
			here, checked = c.checkRegions(ctx), true
			errs = append(errs, here)
		}
		s := &sweeping{Controller: c, report: r, began: time.Now(), openForget: o, isDue: !o.at.After(now), incomplete: here}
		if err := s.run(ctx); err != nil {
			errs = append(errs, fail("sweep", s.caseID, err))
		}
		if ctx.Err() != nil {
			return errors.Join(append(errs, ctx.Err())...)
		}
	}
	return errors.Join(errs...)
}

// openForget is what the names of an open forget say.
type openForget struct {
	at          time.Time
	f           keys.Forgetting
	due, marked bool // which of the two names there are
}

// openForgets lists what is open, in the order of time.
func (c *Controller) openForgets(ctx context.Context) ([]openForget, error) {
	var list []openForget
	for info, err := range storage.All(ctx, c.master, &storage.ListOptions{Prefix: c.space.Due(), KeysOnly: true}) {
		if err != nil {
			return nil, c.inMaster(err)
		}
		at, f, marked, err := c.space.ParseDue(info.Key)
		if err != nil {
			continue // nothing of ours
		}
		if n := len(list); n == 0 || list[n-1].f != f || !list[n-1].at.Equal(at) {
			list = append(list, openForget{at: at, f: f})
		}
		o := &list[len(list)-1]
		o.marked, o.due = o.marked || marked, o.due || !marked
	}
	return list, nil
}

// sweeping is the sweep of one case.
type sweeping struct {
	*Controller
	openForget
	report     *SweepReport
	began      time.Time // by the monotonic clock
	isDue      bool
	incomplete error // why an erasure cannot be complete whatever is done
	caseID     string
	meant      *subject
	log        caseLog
}

func (s *sweeping) run(ctx context.Context) error {
	var err error
	if s.meant, err = s.readSubject(ctx, s.f); err != nil {
		return err
	}
	if s.log, err = s.readLog(ctx, s.f.Case); err != nil {
		return err
	}
	if len(s.log) < s.f.Entry { // its ForgetMe was cut off before it was recorded, or is about to be
		if !s.isDue {
			return nil
		}
		return s.inMaster(s.master.Delete(ctx, s.space.DueAt(s.at, s.f)))
	}
	forget := s.log[s.f.Entry-1]
	s.caseID = forget.CaseID
	if !forget.Due.Equal(s.at) { // of another ForgetMe that came second
		return s.inMaster(s.master.Delete(ctx, s.space.DueAt(s.at, s.f)))
	}
	_, closed := s.log.after(s.f.Entry, kindClosed)
	switch {
	case s.meant == nil && closed: // all of it was done but these names
		return s.dropOpen(ctx, forget, s.f)
	case s.meant == nil && s.ops.Now().Sub(forget.At) < 2*openWithin: // its ForgetMe may yet write who is meant, even if it was undone: then this name must lead there
		return nil
	case s.meant == nil && len(s.log) > s.f.Entry:
		return s.dropOpen(ctx, forget, s.f)
	case s.meant == nil: // its ForgetMe was cut off before it did anything
		if err := s.add(ctx, s.f.Case, s.f.Entry+1, entry{Kind: kindUndo, CaseID: s.caseID}); err != nil {
			return err
		}
		return s.dropOpen(ctx, forget, s.f)
	case !s.marked && len(s.log) == s.f.Entry && !s.isDue && s.ops.Now().Sub(forget.At) < openWithin:
		return nil // its ForgetMe is under way: marking for it would cover what comes after its return
	case !s.marked && len(s.log) == s.f.Entry: // its ForgetMe was cut off
		if _, s.log, err = s.restrict(ctx, s.meant, s.f, func(int) {}); err != nil {
			return err
		}
	}
	if len(s.log) == s.f.Entry {
		if !s.isDue {
			return nil
		}
		if err := s.add(ctx, s.f.Case, s.f.Entry+1, entry{Kind: kindErase, CaseID: s.caseID}); err != nil {
			return err
		}
		if s.log, err = s.readLog(ctx, s.f.Case); err != nil {
			return err
		}
		s.report.Decided = append(s.report.Decided, s.caseID)
	}
	if _, undone := s.log.after(s.f.Entry, kindUndo); undone {
		return s.finishUndo(ctx, s.meant, forget, s.f, new([]*found))
	}
	held := len(s.report.Held)
	done, err := s.carryOut(ctx)
	if !done {
		s.report.Open++
		// What was erased after the deadline, for nobody swept or a hold kept it, is late in the sweep that erased it, and not once more while its receipt waits.
		erased, ok := s.log.after(s.f.Entry, kindErased)
		if s.ops.Now().After(forget.Deadline) && len(s.report.Held) == held && (!ok || erased.At.Before(forget.Deadline) || slices.Contains(s.report.Erased, s.caseID)) {
			s.report.Late = append(s.report.Late, s.caseID)
		}
	}
	return err
}

// carryOut takes a decided case as far as it goes, and reports whether it is closed.
func (s *sweeping) carryOut(ctx context.Context) (bool, error) {
	erased, ok := s.log.after(s.f.Entry, kindErased)
	if !ok {
		held, err := s.erase(ctx)
		if err != nil || held > 0 {
			return false, err
		}
		return false, s.record(ctx, 2, kindErased, nil)
	}
	if s.ops.Now().Sub(erased.At) < Settle {
		return false, nil
	}
	verified, ok := s.log.after(s.f.Entry, kindVerified)
	if !ok {
		body, err := s.verify(ctx, erased)
		if body == nil || err != nil {
			return false, err
		}
		if err := s.record(ctx, 3, kindVerified, body); err != nil {
			return false, err
		}
		if verified, ok = s.log.after(s.f.Entry, kindVerified); !ok {
			return false, s.inMaster(fmt.Errorf("%w: what was recorded is not there", storage.ErrUnavailable))
		}
	}
	if verified.Body == nil {
		return false, s.inMaster(fmt.Errorf("%w: a case is verified without a receipt", storage.ErrCorrupt))
	}
	receipt, err := s.chain(ctx, *verified.Body)
	if err != nil {
		return false, err
	}
	if _, closed := s.log.after(s.f.Entry, kindClosed); !closed {
		if err := s.add(ctx, s.f.Case, s.f.Entry+4, entry{Kind: kindClosed, CaseID: s.caseID, Receipt: receipt.Number}); err != nil {
			return false, err
		}
	}
	return true, s.close(ctx, receipt)
}

// record adds an entry to the log, and reads what is there then.
func (s *sweeping) record(ctx context.Context, step int, k kind, body *Receipt) error {
	if err := s.add(ctx, s.f.Case, s.f.Entry+step, entry{Kind: k, CaseID: s.caseID, Body: body}); err != nil {
		return err
	}
	log, err := s.readLog(ctx, s.f.Case)
	if err != nil {
		return err
	}
	s.log = log
	if k == kindErased {
		s.report.Erased = append(s.report.Erased, s.caseID)
	}
	return nil
}

// erase journals what is covered and erases it. It returns how many messages a hold keeps.
func (s *sweeping) erase(ctx context.Context) (held int, err error) {
	list, searchErr := s.covered(ctx)
	foreign, foreignErr := s.foreignLeft(ctx, nil)
	if time.Since(s.began) > openWithin {
		return 0, fmt.Errorf("%w: the sweep took longer than %v; run it again", storage.ErrUnavailable, openWithin) // the case may be closed by now
	}
	j, err := s.journalize(ctx, s.f, list, foreign)
	if err != nil {
		return 0, errors.Join(searchErr, foreignErr, err)
	}
	stays := make(map[privacy.Place]*found, len(list))
	for _, f := range list {
		stays[f.Place] = f
	}
	var mu sync.Mutex
	errs := []error{searchErr, foreignErr, s.incomplete}
	done := 0
	s.ops.Parallel(len(j.entries), func(i int) {
		e := j.entries[i]
		marked := stays[e.place()] != nil
		err := s.eraseStay(ctx, e, marked)
		mu.Lock()
		defer mu.Unlock()
		if err == nil && marked {
			s.report.Messages++
		}
		if done++; s.opts.Progress != nil {
			s.opts.Progress(Progress{Op: "sweep", CaseID: s.caseID, Done: done, Total: len(j.entries)})
		}
		switch {
		case errors.Is(err, voicemail.ErrHeld):
			held++
			s.report.Held = append(s.report.Held, voicemail.MessageID(e.ID))
			if failed := new(storage.Error); errors.As(err, &failed) {
				errs = append(errs, err) // the mark that hides it could not be taken back
			}
		case err != nil:
			errs = append(errs, err)
		}
	})
	errs = append(errs, s.eraseForeign(ctx, j.foreign))
	return held, errors.Join(errs...)
}

// eraseStay erases a stay of the journal, unless it was erased before.
func (s *sweeping) eraseStay(ctx context.Context, e journalEntry, marked bool) error {
	if !marked {
		left, err := s.ops.Remains(ctx, e.place(), e.Entries)
		if err == nil && len(left) == 0 {
			return nil
		}
	}
	return s.ops.Erase(ctx, e.place(), e.Entries)
}

// covered returns the stays that the forget marked.
func (s *sweeping) covered(ctx context.Context) ([]*found, error) {
	var mu sync.Mutex
	var list []*found
	err := s.ops.Discover(ctx, s.meant.of(), true, func(_ context.Context, f *found) error {
		if !f.By(s.f) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		list = append(list, f)
		return nil
	})
	sortFound(list)
	return list, err
}

// foreignLeft returns what other programs deposited of the caller until the forget was accepted, and what of the others is there still.
func (s *sweeping) foreignLeft(ctx context.Context, others []privacy.Foreign) ([]privacy.Foreign, error) {
	within := s.meant.within()
	if accepted := s.log[s.f.Entry-1].At; within.Until.IsZero() || within.Until.After(accepted) {
		within.Until = accepted
	}
	list, _, err := s.foreign(ctx, within)
	if err != nil {
		return list, err
	}
	known := make(map[object]bool, len(list))
	for _, f := range list {
		known[objectOf(f)] = true
	}
	stores := map[string]storage.Store{}
	for _, r := range s.ops.Regions() {
		stores[r.Name] = r.Store
	}
	for _, f := range slices.Concat(s.meant.Foreign, others) {
		if known[objectOf(f)] || stores[f.Region] == nil {
			continue
		}
		known[objectOf(f)] = true
		there, err := storage.Exists(ctx, stores[f.Region], f.Key)
		if err != nil {
			return list, s.ops.Fail(f.Region, err)
		}
		if there {
			list = append(list, f)
		}
	}
	return list, nil
}

func (s *sweeping) eraseForeign(ctx context.Context, list []privacy.Foreign) error {
	names := map[string][]string{}
	for _, f := range list {
		names[f.Region] = append(names[f.Region], f.Key)
	}
	var errs []error
	for _, r := range s.ops.Regions() {
		if len(names[r.Name]) > 0 {
			errs = append(errs, s.ops.Fail(r.Name, r.Store.Delete(ctx, names[r.Name]...)))
		}
	}
	return errors.Join(errs...)
}

// keptAtMost is how long a receipt waits for what a storage keeps and cannot delete, such as a file that a client has open. After that the receipt names it: the file of a client
// that is gone may stay.
const keptAtMost = 24 * time.Hour

// verify looks whether anything is left, by all ways that there are, and returns the body of the receipt if nothing is. What is left, such as
// what somebody committed while it was erased, is erased now; the next sweep looks again.
func (s *sweeping) verify(ctx context.Context, erased entry) (*Receipt, error) {
	if s.incomplete != nil {
		return nil, nil // which Sweep has reported
	}
	list, err := s.covered(ctx)
	if err != nil {
		return nil, err
	}
	j, err := s.readJournal(ctx, s.f)
	if err != nil {
		return nil, err
	}
	if s.ops.Now().Sub(j.last) < Settle {
		return nil, nil //nolint:nilnil // something was found late, and has to settle like the rest
	}
	foreign, err := s.foreignLeft(ctx, j.foreign)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	left := len(list) + len(foreign)
	kept := map[string]string{} // what the storage keeps and cannot delete, by region
	var errs []error
	s.ops.Parallel(len(j.entries), func(i int) {
		remains, err := s.ops.Remains(ctx, j.entries[i].place(), j.entries[i].Entries)
		mu.Lock()
		defer mu.Unlock()
		for _, r := range remains {
			if r.Key == "" {
				kept[r.Region] = r.Why
			} else {
				left++
			}
		}
		if err != nil {
			errs = append(errs, err)
		}
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if left > 0 {
		held, err := s.erase(ctx)
		if err == nil && held == 0 {
			err = fmt.Errorf("%w after the erasure, and was erased now; the receipt waits for the next sweep", errLeft)
		}
		return nil, err
	}
	if len(kept) > 0 && s.ops.Now().Sub(erased.At) < keptAtMost {
		return nil, fmt.Errorf("%w that the storage cannot delete: %s; the receipt waits for up to %v", errLeft, slices.Sorted(maps.Values(kept))[0], keptAtMost)
	}
	now := s.now()
	regions, err := s.retained(ctx, now)
	if err != nil {
		return nil, err
	}
	for i := range regions {
		if why := kept[regions[i].Name]; why != "" {
			regions[i].Notes = append(regions[i].Notes, "At the time of this receipt: "+why)
		}
	}
	forget, decided := s.log[s.f.Entry-1], s.log[s.f.Entry]
	body := &Receipt{
		Version: recordVersion, Nonce: s.ops.Nonce(), CaseID: s.caseID, Entry: s.f.Entry, AcceptedAt: forget.At, EraseBy: forget.Deadline, DecidedAt: decided.At,
		ErasedAt: erased.At, VerifiedAt: now, Foreign: len(j.foreign), Regions: regions, Messages: []voicemail.MessageID{},
	}
	seen := map[string]bool{}
	for _, e := range j.entries {
		if !seen[e.ID] {
			seen[e.ID] = true
			body.Messages = append(body.Messages, voicemail.MessageID(e.ID))
		}
	}
	return body, nil
}

// close tells who waits, and takes away what the case held of the caller. The name that says that it is due goes last.
func (s *sweeping) close(ctx context.Context, r *Receipt) error {
	s.report.Closed = append(s.report.Closed, *r)
	if s.opts.OnReceipt != nil {
		s.opts.OnReceipt(*r)
	}
	j, err := s.readJournal(ctx, s.f)
	if err != nil {
		return err
	}
	for _, e := range j.entries {
		s.ops.Emit(string(voicemail.EventErased), e.Mailbox, e.ID)
	}
	if err := s.dropJournal(ctx, s.f); err != nil {
		return err
	}
	return s.dropOpen(ctx, s.log[s.f.Entry-1], s.f)
}
