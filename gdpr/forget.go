package gdpr

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/privacy"
	"github.com/genesys/voicemail/storage"
)

// linkTTL is how long a link of voicemail.Message.URL works at most.
const linkTTL = time.Hour

// forgetAttempts bounds how often a request is looked at anew because somebody else changed its case.
const forgetAttempts = 16

// ForgetMe restricts all messages of the request's numbers, at once and everywhere: also those in the trash, held ones, copies in other mailboxes and deposits that wait for the
// master region. They are erased after Options.Window, by Sweep. Greetings are the mailbox owner's and never touched. Messages that come later are not covered,
// unless the request is repeated while it can be undone.
//
// A repeated request is the same case, and its deadline stays what it was. With the case closed, the report says so and how many messages came since; a new
// case ID is needed for those.
//
// Errors: a [*RequestError]; ErrRegions, ErrClock, [*ConfirmError], ErrCaseConflict, and then nothing was changed; an error of the storage, and then the
// request may be recorded in part: repeat it, or undo it. Otherwise Sweep completes it, or gives it up within two hours if it was cut off before it was recorded who is meant.
func (c *Controller) ForgetMe(ctx context.Context, req *Request) (*ForgetReport, error) {
	if err := req.check(); err != nil {
		return nil, fail("forget", "", err)
	}
	r, err := c.forget(ctx, req)
	return r, fail("forget", req.CaseID, err)
}

func (c *Controller) forget(ctx context.Context, req *Request) (*ForgetReport, error) {
	targets, err := c.targets(req)
	if err != nil {
		return nil, err
	}
	if err := c.accept(ctx); err != nil {
		return nil, err
	}
	name, err := c.ops.CaseID(ctx, req.CaseID)
	if err != nil {
		return nil, err
	}
	meant := subjectOf(req, targets)
	r, err := c.match(ctx, targets, meant)
	if err != nil {
		return nil, err
	}
	if err := c.confirm(req, r); err != nil {
		return nil, err
	}
	var mine entry // what this call has begun, if it has
	for range forgetAttempts {
		log, err := c.readLog(ctx, name)
		if err != nil {
			return nil, err
		}
		n := log.current()
		switch log.last() {
		case kindUndo:
			n = len(log) + 1
			now := c.now().Truncate(time.Millisecond) // as exact as the name that says when it is due
			mine = entry{Kind: kindForget, CaseID: req.CaseID, Actor: req.Actor, At: now, Due: now.Add(c.opts.Window), Deadline: now.Add(c.opts.Promise)}
			if err := c.begin(ctx, name, n, mine); err != nil {
				return nil, err
			}
			continue // whose it is, the log tells
		case kindForget:
		default:
			r.Case = log.describe()
			r.Newer = newer(r.list)
			return r.ForgetReport, nil
		}
		begun := log[n-1].Due.Equal(mine.Due)
		if !begun && !mine.Due.IsZero() { // another one came first
			if err := c.master.Delete(ctx, c.space.DueAt(mine.Due, keys.Forgetting{Case: name, Entry: n})); err != nil {
				return nil, c.inMaster(err)
			}
		}
		open, err := c.open(ctx, name, n, log[n-1], meant, begun)
		if err != nil {
			return nil, err
		}
		if !open {
			continue
		}
		list, log, err := c.restrict(ctx, meant, keys.Forgetting{Case: name, Entry: n}, func(done int) {
			if req.Progress != nil {
				req.Progress(Progress{Op: "forget", CaseID: req.CaseID, Done: done, Total: done})
			}
		})
		if err != nil {
			return nil, err
		}
		r.Case, r.Phones = log.of(n).describe(), report(targets, list)
		if r.State == StateRestricted && c.hasLinks() {
			r.LinksUntil = c.now().Add(linkTTL)
		}
		return r.ForgetReport, nil
	}
	return nil, errBusy
}

var errBusy = errors.Join(storage.ErrUnavailable, errors.New("the case changes too fast; try again"))

// maxForeign bounds how many objects of other programs are recorded by name with the request. More are found again by their tag.
const maxForeign = 1000

// match is what a request meets.
type match struct {
	*ForgetReport
	list []*found
}

func (c *Controller) match(ctx context.Context, targets []target, meant *subject) (*match, error) {
	list, err := c.collect(ctx, meant.within())
	if err != nil {
		return nil, err
	}
	r := &ForgetReport{Phones: report(targets, list)}
	ours, others, err := c.foreign(ctx, meant.within())
	r.Foreign, r.ForeignElsewhere = len(ours), others
	meant.Foreign = ours[:min(len(ours), maxForeign)]
	return &match{r, list}, err
}

func (c *Controller) confirm(req *Request, r *match) error {
	for _, p := range r.Phones {
		if n := len(p.Messages); n > c.opts.ConfirmAbove && !req.Confirm {
			return &ConfirmError{Phone: p.Phone, Messages: n, Limit: c.opts.ConfirmAbove}
		}
	}
	return nil
}

// newer counts the messages that agents see.
func newer(list []*found) int {
	n := 0
	for _, f := range list {
		if message(f) && len(f.Forgettings) == 0 {
			n++
		}
	}
	return n
}

// openWithin is how long after its entry in the log a forget may still be opened. What was cut off before that is given up.
const openWithin = time.Hour

// begin records when a forget is due, and then the forget, unless another one comes first.
func (c *Controller) begin(ctx context.Context, name string, n int, e entry) error {
	if err := c.recordDue(ctx, e.Due, keys.Forgetting{Case: name, Entry: n}); err != nil {
		return err
	}
	return c.add(ctx, name, n, e)
}

func (c *Controller) recordDue(ctx context.Context, at time.Time, f keys.Forgetting) error {
	_, err := c.master.Create(ctx, c.space.DueAt(at, f), nil, nil)
	if errors.Is(err, storage.ErrExists) {
		return nil
	}
	return c.inMaster(err)
}

// open records who is meant, and reports whether the forget is open. That record comes after the name that says when it is due, so that Sweep finds each that there is; begun says
// that this name is there.
func (c *Controller) open(ctx context.Context, name string, n int, e entry, meant *subject, begun bool) (bool, error) {
	f := keys.Forgetting{Case: name, Entry: n}
	stored, err := c.readSubject(ctx, f)
	if err != nil {
		return false, err
	}
	if stored == nil {
		if c.now().Sub(e.At) > openWithin {
			return false, c.add(ctx, name, n+1, entry{Kind: kindUndo, CaseID: e.CaseID, Actor: e.Actor})
		}
		if !begun {
			if err := c.recordDue(ctx, e.Due, f); err != nil {
				return false, err
			}
		}
		meant.Nonce = c.ops.Nonce()
		ours, err := c.write(ctx, c.space.Subject(f), meant)
		if err != nil {
			return false, err
		}
		if stored = meant; !ours {
			if stored, err = c.readSubject(ctx, f); stored == nil || err != nil {
				return false, err
			}
		}
	}
	if !stored.same(meant) {
		return false, ErrCaseConflict
	}
	return true, nil
}

// restrict marks everything that is there, then looks whether the forget was undone meanwhile (rule 2), and records that all is marked. It returns what it covers and the
// log.
func (c *Controller) restrict(ctx context.Context, meant *subject, f keys.Forgetting, progress func(done int)) ([]*found, caseLog, error) {
	var mu sync.Mutex
	var list []*found
	done := 0
	err := c.ops.Discover(ctx, meant.within(), true, func(ctx context.Context, s *found) error {
		if s.Gone && !s.Committed {
			return nil
		}
		hidden, err := c.ops.Restrict(ctx, s.Place, f)
		if err != nil {
			return err
		}
		if hidden {
			c.ops.Emit(string(voicemail.EventRestricted), s.Mailbox, s.Ref.ID)
		}
		mu.Lock()
		defer mu.Unlock()
		if !s.Gone {
			list = append(list, s)
		}
		done++
		progress(done)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	log, err := c.readLog(ctx, f.Case)
	if err != nil {
		return nil, nil, err
	}
	sortFound(list)
	forget := log[f.Entry-1]
	if _, undone := log.after(f.Entry, kindUndo); undone {
		return list, log, c.finishUndo(ctx, meant, forget, f, new([]*found))
	}
	_, err = c.master.Create(ctx, c.space.MarkedAt(forget.Due, f), nil, nil)
	if errors.Is(err, storage.ErrExists) {
		err = nil
	}
	return list, log, c.inMaster(err)
}

func (c *Controller) hasLinks() bool {
	for _, r := range c.ops.Regions() {
		if _, ok := storage.As[storage.Signer](r.Store); ok {
			return true
		}
	}
	return false
}

// UndoForgetMe takes a forget back: its messages are again what they were. What another open case covers too stays restricted. Without consumers the request means
// the case as it is.
//
// Errors: as of ForgetMe, and ErrNoCase; ErrDecided once the erasure is decided, at the first Sweep after Options.Window. One that failed half way is finished by
// repeating it, or by Sweep.
func (c *Controller) UndoForgetMe(ctx context.Context, req *Request) (*ForgetReport, error) {
	var err error
	if req != nil && len(req.Consumers) == 0 {
		err = req.checkNames()
	} else {
		err = req.check()
	}
	if err != nil {
		return nil, fail("undo", "", err)
	}
	r, err := c.undo(ctx, req)
	return r, fail("undo", req.CaseID, err)
}

// checkNames checks a request that names its case only.
func (r *Request) checkNames() error {
	for _, name := range []struct{ field, text string }{{"CaseID", r.CaseID}, {"Actor", r.Actor}} {
		if problem := textProblem(name.text); problem != "" {
			return &RequestError{name.field, problem}
		}
	}
	return nil
}

func (c *Controller) undo(ctx context.Context, req *Request) (*ForgetReport, error) {
	var targets []target
	var err error
	if len(req.Consumers) > 0 {
		if targets, err = c.targets(req); err != nil {
			return nil, err
		}
	}
	if err := c.accept(ctx); err != nil {
		return nil, err
	}
	name, err := c.ops.CaseID(ctx, req.CaseID)
	if err != nil {
		return nil, err
	}
	log, err := c.readLog(ctx, name)
	if err != nil {
		return nil, err
	}
	n := log.current()
	if n == 0 {
		return nil, ErrNoCase
	}
	f := keys.Forgetting{Case: name, Entry: n}
	meant, err := c.readSubject(ctx, f)
	if err != nil {
		return nil, err
	}
	if meant != nil && len(targets) > 0 && !meant.same(subjectOf(req, targets)) {
		return nil, ErrCaseConflict
	}
	if log.last() == kindForget {
		if err := c.add(ctx, name, n+1, entry{Kind: kindUndo, CaseID: req.CaseID, Actor: req.Actor}); err != nil {
			return nil, err
		}
		if log, err = c.readLog(ctx, name); err != nil {
			return nil, err
		}
	}
	if _, undone := log.after(n, kindUndo); !undone {
		return nil, ErrDecided
	}
	r := &ForgetReport{Case: log[:min(n+1, len(log))].describe()}
	if meant == nil {
		return r, nil // it was undone before
	}
	// Without this name the next Sweep looks at the case, and finishes the undo if this is cut off.
	if err := c.master.Delete(ctx, c.space.MarkedAt(log[n-1].Due, f)); err != nil {
		return nil, c.inMaster(err)
	}
	var list []*found
	if err := c.finishUndo(ctx, meant, log[n-1], f, &list); err != nil {
		return nil, err
	}
	r.Phones = report(targets, list)
	return r, nil
}

// finishUndo carries an undo out that is recorded. It appends what it restored to list.
func (c *Controller) finishUndo(ctx context.Context, meant *subject, forget entry, f keys.Forgetting, list *[]*found) error {
	if err := c.unrestrict(ctx, meant, f, list); err != nil {
		return err
	}
	return c.dropOpen(ctx, forget, f)
}

// dropOpen takes away what a forget has while it is open. The name that says when it is due goes last.
func (c *Controller) dropOpen(ctx context.Context, forget entry, f keys.Forgetting) error {
	for _, name := range []string{c.space.Subject(f), c.space.MarkedAt(forget.Due, f), c.space.DueAt(forget.Due, f)} {
		if err := c.master.Delete(ctx, name); err != nil {
			return c.inMaster(err)
		}
	}
	return nil
}

// unrestrict takes the marks of a forget away.
func (c *Controller) unrestrict(ctx context.Context, meant *subject, f keys.Forgetting, list *[]*found) error {
	var mu sync.Mutex
	err := c.ops.Discover(ctx, meant.of(), true, func(ctx context.Context, s *found) error {
		if !s.By(f) {
			return nil
		}
		shown, err := c.ops.Unrestrict(ctx, s.Place, f)
		if shown { // told of beside an error too: the next attempt finds no mark any more
			c.ops.Emit(string(voicemail.EventUnrestricted), s.Mailbox, s.Ref.ID)
		}
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		*list = append(*list, s)
		return nil
	})
	sortFound(*list)
	return err
}

// Preview says what a ForgetMe of the request would cover, and changes nothing. It also shows candidates: other ways to write a number under which there are
// messages. Errors as of ForgetMe, without those of acceptance.
func (c *Controller) Preview(ctx context.Context, req *Request) (*ForgetReport, error) {
	if err := req.check(); err != nil {
		return nil, fail("preview", "", err)
	}
	r, err := c.preview(ctx, req)
	return r, fail("preview", req.CaseID, err)
}

func (c *Controller) preview(ctx context.Context, req *Request) (*ForgetReport, error) {
	targets, err := c.targets(req)
	if err != nil {
		return nil, err
	}
	name, err := c.ops.CaseID(ctx, req.CaseID)
	if err != nil {
		return nil, err
	}
	log, err := c.readLog(ctx, name)
	if err != nil {
		return nil, err
	}
	r, err := c.match(ctx, targets, subjectOf(req, targets))
	if err != nil {
		return nil, err
	}
	r.Case, r.DryRun = log.describe(), true
	r.CaseID = req.CaseID
	for i, t := range targets {
		if t.refused != "" {
			continue
		}
		if r.Phones[i].Candidates, err = c.candidates(ctx, req, t); err != nil {
			return nil, err
		}
	}
	return r.ForgetReport, nil
}

// candidates looks for other forms of a number.
func (c *Controller) candidates(ctx context.Context, req *Request, t target) ([]Candidate, error) {
	var list []Candidate
	for _, form := range otherForms(t.phone.CallerID(), t.identities) {
		stays, err := c.collect(ctx, privacy.Subject{Identities: []string{form}, Since: req.Since, Until: req.Until})
		if err != nil {
			return nil, err
		}
		p := report([]target{{identities: []string{form}}}, stays)[0]
		if len(p.Messages) > 0 {
			list = append(list, Candidate{Phone: NewPhone(form), Messages: len(p.Messages)})
		}
	}
	return list, nil
}
