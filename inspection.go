package voicemail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// inspection is one pass of Check or Repair.
type inspection struct {
	*keeper
	op       string
	opts     CheckOptions
	mends    bool
	yield    func(Finding, error) bool
	progress CheckProgress
	told     map[string]bool // regions that cannot be asked
}

// remedy mends a finding. It returns errPassed if there is nothing to be mended any more.
type remedy func(ctx context.Context) (Action, error)

var (
	errPassed  = errors.New("it is not so any more")
	errStopped = errors.New("the pass was ended")
)

func (s *Service) inspect(ctx context.Context, op string, opts *CheckOptions, mends bool) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		p := &inspection{keeper: s.newKeeper(), op: op, mends: mends, yield: yield, told: map[string]bool{}}
		if opts != nil {
			p.opts = *opts
		}
		err := p.opts.check()
		if err == nil {
			err = p.run(ctx)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(Finding{}, s.fail(op, "", "", err))
		}
	}
}

// step is a part of a pass. It goes on behind a position within it.
type step struct {
	name string
	run  func(ctx context.Context, after string) error
}

func (p *inspection) steps() []step {
	list := []step{{"tenant", p.tenantsOwn}, {"pending", p.pendings}, {"box", p.mailboxes}}
	for _, region := range p.regions.names() {
		list = append(list, step{"media-" + region, func(ctx context.Context, after string) error { return p.recordings(ctx, region, after) }})
	}
	return append(list, step{"caller", p.callersOf}, step{"owner", p.ownersOf})
}

func (p *inspection) run(ctx context.Context) error {
	steps := p.steps()
	if p.opts.After != "" {
		name, after, _ := strings.Cut(string(p.opts.After), "/")
		at := slices.IndexFunc(steps, func(s step) bool { return s.name == name })
		if at < 0 {
			return invalid("After is not the position of a pass over these regions; start anew")
		}
		run := steps[at].run
		steps = steps[at:]
		steps[0].run = func(ctx context.Context, _ string) error { return run(ctx, after) }
	}
	for _, err := range p.waiting(ctx) {
		if err := p.unknown(ctx, err); err != nil {
			return err
		}
	}
	for i, s := range steps {
		if err := s.run(ctx, ""); err != nil {
			return err
		}
		if i+1 < len(steps) {
			p.reached(steps[i+1].name, "")
		}
	}
	p.progress.Position, p.progress.Done = "", true
	p.tell()
	return nil
}

// reached notes that everything before a position was looked at.
func (p *inspection) reached(step, after string) {
	p.progress.Position = CheckPosition(step + "/" + after)
	p.tell()
}

func (p *inspection) tell() {
	if p.opts.Progress != nil {
		p.opts.Progress(p.progress)
	}
}

// unknown takes an error for what it says of a region: that nothing is known of what lies there. That is told once. An error of the master region ends the pass.
func (p *inspection) unknown(ctx context.Context, err error) error {
	var e *Error
	if ctx.Err() != nil || !errors.As(err, &e) || e.Region == "" || e.Region == p.regions.Master {
		return err
	}
	if p.told[e.Region] {
		return nil
	}
	p.told[e.Region], p.blind[e.Region] = true, true
	if !p.yield(Finding{Region: e.Region}, p.fail(p.op, "", "", err)) {
		return errStopped
	}
	return nil
}

// inspected is what was found of one thing, and the error that kept it from being looked at.
type inspected struct {
	findings []Finding
	err      error
}

// found adds a finding, and mends it if the pass does. It may be called from several goroutines, for a result each.
func (p *inspection) found(ctx context.Context, r *inspected, f Finding, mend remedy) {
	if f.Err != nil {
		f.Err = p.fail(p.op, f.Mailbox, f.Message, f.Err)
	}
	if p.mends && mend != nil {
		action, err := mend(ctx)
		if errors.Is(err, errPassed) {
			return
		}
		if err != nil {
			f.Err = errors.Join(f.Err, p.fail(p.op, f.Mailbox, f.Message, err))
		} else {
			f.Action = action
		}
	}
	r.findings = append(r.findings, f)
}

// each looks at n things, some at a time and in parallel, and yields what was found, in order.
func (p *inspection) each(ctx context.Context, n int, look func(i int, r *inspected)) error {
	for from := 0; from < n; from += page {
		if err := ctx.Err(); err != nil {
			return err
		}
		results := make([]inspected, min(page, n-from))
		p.parallel(len(results), func(i int) { look(from+i, &results[i]) })
		if err := p.deliver(ctx, results); err != nil {
			return err
		}
	}
	return nil
}

// deliver yields what was found.
func (p *inspection) deliver(ctx context.Context, results []inspected) error {
	for _, r := range results {
		for _, f := range r.findings {
			if !p.yield(f, nil) {
				return errStopped
			}
		}
	}
	for _, r := range results {
		if r.err == nil {
			continue
		}
		if err := p.unknown(ctx, r.err); err != nil {
			return err
		}
	}
	return nil
}

// tenantsOwn looks whether the settings of the tenant in force can be read.
func (p *inspection) tenantsOwn(ctx context.Context, _ string) error {
	revs, err := p.tenantRevisions(ctx, false)
	if err != nil || revs.settings == (keys.Revision{}) {
		return err
	}
	_, why := loadRevision(ctx, p.Service, p.space.TenantAt(revs.settings), revs.settings, decodeTenantSettings)
	if why == nil || errors.Is(why, storage.ErrNotExist) {
		return nil // or superseded long since
	}
	if !errors.Is(why, storage.ErrCorrupt) {
		return why
	}
	now, err := p.tenantRevisions(ctx, false)
	if err != nil || now.settings != revs.settings {
		return err
	}
	var r [1]inspected
	p.found(ctx, &r[0], Finding{Kind: FoundSettingsUnreadable, Err: why}, func(ctx context.Context) (Action, error) { return p.rewriteTenant(ctx, revs.settings) })
	return p.deliver(ctx, r[:])
}

// pendings looks at the deposits that wait for the master region.
func (p *inspection) pendings(ctx context.Context, _ string) error {
	for _, region := range p.regions.names() {
		if p.blind[region] {
			continue
		}
		ids, err := p.pendingIDs(ctx, region)
		if err != nil {
			if err := p.unknown(ctx, in(region, err)); err != nil {
				return err
			}
			continue
		}
		if err := p.each(ctx, len(ids), func(i int, r *inspected) { r.err = p.pendingDeposit(ctx, region, ids[i], r) }); err != nil {
			return err
		}
	}
	return nil
}

func (p *inspection) pendingDeposit(ctx context.Context, region string, id MessageID, r *inspected) error {
	a := &arrival{Service: p.Service, region: region, id: id}
	var why error
	if a.rec, why = p.readPending(ctx, region, id); why == nil {
		a.box, why = p.box(a.mailbox())
	}
	if why == nil && p.opts.Audio != AudioNone {
		why = a.checkAudio(ctx)
	}
	switch {
	case why == nil, errors.Is(why, storage.ErrNotExist):
		return nil
	case !errors.Is(why, ErrDamaged) && !errors.Is(why, errLaterRecord) && !errors.Is(why, ErrInvalid):
		return in(region, why)
	}
	there, err := storage.Exists(ctx, p.regions.Stores[region], p.space.PendingAt(string(id)))
	if there {
		p.found(ctx, r, Finding{Kind: FoundPendingDamaged, Mailbox: a.mailbox(), Message: id, Region: region, Err: why}, nil)
	}
	return in(region, err)
}

// recordings looks for audio and parts in a region that belong to no message, and for audio beside that of a message.
func (p *inspection) recordings(ctx context.Context, region, after string) error {
	if p.blind[region] {
		return nil
	}
	w := p.mediaWalk(region)
	w.after = after
	w.passed = func(folder string) { p.reached("media-"+region, folder) }
	w.take = func(ctx context.Context, g *group) error {
		return p.each(ctx, len(g.names), func(i int, r *inspected) { r.err = p.recording(ctx, region, g, i, r) })
	}
	err := p.walk(ctx, w)
	if err != nil && !errors.Is(err, errStopped) {
		err = p.unknown(ctx, err)
	}
	return err
}

func (p *inspection) recording(ctx context.Context, region string, g *group, i int, r *inspected) error {
	name, ref := g.names[i], g.refs[i]
	f := Finding{Kind: FoundPartOrphaned, Mailbox: MailboxID(g.mailbox), Message: MessageID(ref.ID), Region: region}
	audio := keys.IsAudio(name)
	if audio {
		f.Kind = FoundAudioOrphaned
	}
	remove := p.removing(region, name)
	if p.orphan(g, i) {
		return p.unused(ctx, g.mailbox, ref, region, name, func() { p.found(ctx, r, f, remove) })
	}
	if !audio || p.opts.Audio != AudioDigest || p.pending[ref.ID] {
		return nil
	}
	box, err := p.box(f.Mailbox)
	if err != nil {
		return err
	}
	meta, err := p.readMetadata(ctx, box, ref)
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrDamaged):
		return nil
	case err != nil:
		return err
	case meta.Region == region && box.Audio(ref, meta.Ext) == name:
		return nil
	}
	own, err := p.hear(ctx, box, ref, meta)
	if err != nil {
		return err
	}
	there, err := storage.Exists(ctx, p.regions.Stores[region], name)
	if err != nil || !there {
		return in(region, err)
	}
	if now, err := p.look(ctx, box, ref); err != nil || !now.remains() {
		return err // it is being deleted with all that it has
	}
	if own.kind != "" {
		f.Err = fmt.Errorf("%w: it is beside the message's own recording, which is damaged, and may be what was deposited", ErrConflict)
		remove = nil
	}
	p.found(ctx, r, f, remove)
	return nil
}

// unused calls found if a name of a message that was not committed is there, and nobody is about to remove it.
func (p *inspection) unused(ctx context.Context, mailbox string, ref keys.Ref, region, name string, found func()) error {
	box, err := p.box(MailboxID(mailbox))
	if err != nil {
		return err
	}
	now, err := p.lookAgain(ctx, box, ref)
	if err != nil || now.committed || now.gone && p.age(now.goneAt) < abandonedAge {
		return err
	}
	there, err := storage.Exists(ctx, p.regions.Stores[region], name)
	if there {
		found()
	}
	return in(region, err)
}

// lookAgain lists the names of one message with their times.
func (p *inspection) lookAgain(ctx context.Context, box keys.Box, ref keys.Ref) (stay, error) {
	v, err := p.list(ctx, box, listing{prefix: ref.String() + ".", times: true})
	if err != nil {
		return stay{}, err
	}
	return v.stay(ref), nil
}

// callersOf looks for entries of the caller index that lead to no message, or to one of another caller.
func (p *inspection) callersOf(ctx context.Context, after string) error {
	if len(p.blind) > 0 {
		return nil
	}
	w := p.indexWalk()
	w.after = after
	w.passed = func(folder string) { p.reached("caller", folder) }
	w.take = func(ctx context.Context, g *group) error {
		return p.each(ctx, len(g.names), func(i int, r *inspected) { r.err = p.entry(ctx, g, i, r) })
	}
	return p.walk(ctx, w)
}

func (p *inspection) entry(ctx context.Context, g *group, i int, r *inspected) error {
	name, ref := g.names[i], g.refs[i]
	f := Finding{Kind: FoundEntryOrphaned, Mailbox: MailboxID(g.mailbox), Message: MessageID(ref.ID)}
	remove := p.removing(p.regions.Master, name)
	if p.orphan(g, i) {
		return p.unused(ctx, g.mailbox, ref, p.regions.Master, name, func() { p.found(ctx, r, f, remove) })
	}
	if p.pending[ref.ID] {
		return nil
	}
	box, err := p.box(f.Mailbox)
	if err != nil {
		return err
	}
	meta, err := p.readMetadata(ctx, box, ref)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrDamaged) {
		return nil
	}
	if err != nil {
		return err
	}
	own, err := p.entries(ctx, box, meta)
	if err != nil || slices.Contains(own, name) {
		return err
	}
	there, err := storage.Exists(ctx, p.master, name)
	if there {
		f.Kind = FoundEntryMisleading
		p.found(ctx, r, f, remove)
	}
	return err
}

// ownersOf looks for entries of owners whose mailboxes are others' by now.
func (p *inspection) ownersOf(ctx context.Context, _ string) error {
	for o, err := range p.oldOwners(ctx) {
		var r [1]inspected
		if err == nil {
			err = p.owner(ctx, o, &r[0])
		}
		if err != nil {
			return err
		}
		if err := p.deliver(ctx, r[:]); err != nil {
			return err
		}
	}
	return nil
}

func (p *inspection) owner(ctx context.Context, o ownedKey, r *inspected) error {
	rev, stale, err := p.stale(ctx, o.OwnedEntry)
	if errors.Is(err, storage.ErrCorrupt) {
		return nil // which settings are in force is not known
	}
	if err != nil || !stale {
		return err
	}
	box, err := p.box(MailboxID(o.Mailbox))
	if err != nil {
		return err
	}
	changed, err := p.master.Stat(ctx, box.SettingsAt(rev))
	if errors.Is(err, storage.ErrNotExist) || err == nil && p.age(changed.Modified) < abandonedAge {
		return nil // whoever changed them is about to remove it
	}
	if err != nil {
		return err
	}
	there, err := storage.Exists(ctx, p.master, o.key)
	if there {
		p.found(ctx, r, Finding{Kind: FoundOwnerStale, Mailbox: MailboxID(o.Mailbox)}, p.removing(p.regions.Master, o.key))
	}
	return err
}
