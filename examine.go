package voicemail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// mailboxes looks at every mailbox of which there is something in the master region. A position is a mailbox's folder, and the stay within it.
func (p *inspection) mailboxes(ctx context.Context, after string) error {
	folder, stayed, _ := strings.Cut(after, "/")
	folder += "/"
	for m, err := range p.folders(ctx) {
		if err != nil {
			return err
		}
		box, err := p.box(m.id)
		if err != nil {
			continue // nothing of ours
		}
		at := strings.TrimPrefix(box.Prefix(), p.space.Boxes())
		if after != "" && (at < folder || at == folder && stayed == "") {
			continue
		}
		begun := ""
		if after != "" && at == folder {
			begun = stayed
		}
		if err := p.mailbox(ctx, m, box, at, begun); err != nil {
			return err
		}
		p.progress.Mailboxes++
		p.reached("box", at)
	}
	return nil
}

// mailbox looks at the settings of a mailbox, and at its messages behind a stay.
func (p *inspection) mailbox(ctx context.Context, m *mailbox, box keys.Box, folder, after string) error {
	v, err := p.list(ctx, box, listing{times: true})
	if err != nil {
		return err
	}
	if after == "" {
		var r [1]inspected
		if err := p.settingsOf(ctx, m, box, v, &r[0]); err != nil {
			return err
		}
		if err := p.deliver(ctx, r[:]); err != nil {
			return err
		}
	}
	stays := v.stays
	for len(stays) > 0 && after != "" && stays[0].ref.String() <= after {
		stays = stays[1:]
	}
	for len(stays) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		exams := p.affordable(p.read(ctx, box, stays[:min(page, len(stays))]))
		results := make([]inspected, len(exams))
		p.parallel(len(exams), func(i int) { results[i].err = p.message(ctx, m, box, &exams[i], &results[i]) })
		for i := range exams {
			p.progress.Bytes += exams[i].heard
			if exams[i].st.remains() {
				p.progress.Messages++
			}
		}
		if err := p.deliver(ctx, results); err != nil {
			return err
		}
		if len(exams) == 0 {
			return errStopped
		}
		p.reached("box", folder+exams[len(exams)-1].st.ref.String())
		stays = stays[len(exams):]
	}
	return nil
}

// exam is the examination of one stay.
type exam struct {
	st    stay
	meta  *metadata
	err   error // why it could not be read
	heard int64 // bytes of audio that were read
}

func (p *inspection) read(ctx context.Context, box keys.Box, stays []stay) []exam {
	exams := make([]exam, len(stays))
	p.parallel(len(stays), func(i int) {
		e := &exams[i]
		if e.st = stays[i]; e.st.remains() {
			e.meta, e.err = p.readMetadata(ctx, box, e.st.ref)
		}
	})
	return exams
}

// affordable returns the first of the exams, as many as may be heard.
func (p *inspection) affordable(exams []exam) []exam {
	if p.opts.Audio != AudioDigest || p.opts.Bytes == 0 {
		return exams
	}
	sum := p.progress.Bytes
	for i := range exams {
		if meta := exams[i].meta; meta != nil && !exams[i].st.quarantine {
			if sum += meta.Size; sum > p.opts.Bytes && sum > meta.Size {
				return exams[:i]
			}
		}
	}
	return exams
}

// settingsOf looks whether the settings in force can be read, and whether the mailbox is found by its owner.
func (p *inspection) settingsOf(ctx context.Context, m *mailbox, box keys.Box, v *boxView, r *inspected) error {
	if v.settings == (keys.Revision{}) {
		return p.settingsMissing(ctx, m, box, v, r)
	}
	if !v.exists() {
		return nil
	}
	set, err := p.readSettings(ctx, box, v.settings)
	switch {
	case errors.Is(err, storage.ErrNotExist):
		return nil // superseded long since
	case err != nil && !errors.Is(err, storage.ErrCorrupt):
		return err
	}
	f := Finding{Kind: FoundSettingsUnreadable, Mailbox: m.id, Err: err}
	mend := func(ctx context.Context) (Action, error) { return p.rewriteSettings(ctx, box, v.settings) }
	if err == nil {
		if set.Owner == (Owner{}) || set.Owner.check() != nil {
			return nil
		}
		folder, err := p.owned(set.Owner)
		if err != nil {
			return err
		}
		for _, err := range storage.All(ctx, p.master, &storage.ListOptions{Prefix: box.OwnerEntries(folder), KeysOnly: true}) {
			return err // there is one, or that cannot be known
		}
		f.Kind = FoundOwnerMissing
		mend = func(ctx context.Context) (Action, error) { return p.restoreOwner(ctx, box, folder, v.settings) }
	}
	now, err := m.list(ctx, listing{prefix: "set-"})
	if err != nil || now.settings != v.settings {
		return err
	}
	p.found(ctx, r, f, mend)
	if f.Kind != FoundSettingsUnreadable || !p.mends {
		return nil
	}
	// Those that are in force now may name an owner.
	if now, err = m.list(ctx, listing{prefix: "set-"}); err != nil || now.settings == v.settings {
		return err
	}
	return p.settingsOf(ctx, m, box, now, r)
}

func (p *inspection) settingsMissing(ctx context.Context, m *mailbox, box keys.Box, v *boxView, r *inspected) error {
	for i := range v.stays {
		if st := &v.stays[i]; st.remains() {
			p.found(ctx, r, Finding{Kind: FoundSettingsMissing, Mailbox: m.id}, func(ctx context.Context) (Action, error) {
				return p.remake(ctx, box)
			})
			return nil
		}
	}
	return nil
}

// message looks at all that belongs to a stay. Whatever is found is looked at again before it is reported: it may be somebody's work under way.
func (p *inspection) message(ctx context.Context, m *mailbox, box keys.Box, e *exam, r *inspected) error {
	if kind := p.leftover(&e.st); kind != "" {
		return p.left(ctx, m, box, kind, e, r)
	}
	if !e.st.remains() {
		return nil
	}
	f := Finding{Mailbox: m.id, Message: MessageID(e.st.ref.ID)}
	quarantine := func(ctx context.Context) (Action, error) { return p.quarantine(ctx, box, e.st.ref) }
	// damaged reports what is damaged of a message that still stands.
	damaged := func(f Finding) error {
		if e.st.quarantine {
			return nil
		}
		now, err := p.look(ctx, box, e.st.ref)
		if err == nil && now.remains() && !now.quarantine {
			p.found(ctx, r, f, quarantine)
		}
		return err
	}
	if e.st.quarantine && p.opts.Quarantined {
		f.Kind = FoundQuarantined
		p.found(ctx, r, f, nil)
	}
	switch {
	case errors.Is(e.err, ErrNotFound):
		return nil // deleted since it was listed
	case errors.Is(e.err, errForeign):
		f.Kind = FoundMetadataForeign
		return damaged(f)
	case errors.Is(e.err, ErrDamaged):
		f.Kind, f.Err = FoundMetadataUnreadable, e.err
		return damaged(f)
	case e.err != nil:
		return e.err
	}
	if err := p.indexed(ctx, box, e, r); err != nil || e.st.quarantine {
		return err
	}
	if lost, why, err := p.lost(ctx, &e.st); err != nil || len(lost) > 0 {
		if err != nil {
			return err
		}
		f.Kind, f.Err = FoundRestrictionLost, why
		return damaged(f)
	}
	if p.opts.Audio != AudioNone && !p.blind[e.meta.Region] {
		flaw, err := p.hear(ctx, box, e.st.ref, e.meta)
		if err != nil {
			return p.unheard(ctx, box, e.st.ref, err)
		}
		if e.heard = flaw.read; flaw.kind != "" {
			f.Kind, f.Region, f.Err = flaw.kind, e.meta.Region, flaw.why
			return damaged(f)
		}
	}
	if p.stuck(&e.st) {
		return p.left(ctx, m, box, FoundMoveInterrupted, e, r)
	}
	return nil
}

// unheard is the end of an attempt to read a recording that failed; unless that is so since it was deleted meanwhile.
func (p *inspection) unheard(ctx context.Context, box keys.Box, ref keys.Ref, why error) error {
	now, err := p.look(ctx, box, ref)
	if err == nil && now.remains() {
		return why
	}
	return err
}

// leftover says what a stay that does not stand is to Maintain, if it is the rest of something that was cut off.
func (k *keeper) leftover(st *stay) FindingKind {
	switch {
	case st.remains(),
		!st.committed && k.mayWait(st.ref.ID),
		st.committed && st.forget: // a forget request is at it
		return ""
	case st.gone && k.age(st.goneAt) >= abandonedAge && (st.committed || st.others() > 0 && !st.forget):
		return FoundDeletionInterrupted
	case (st.forget || !st.gone) && k.age(st.newest) >= garbageAge:
		return FoundStrayMarks
	}
	return ""
}

// others counts the marks beside those that say that the message is gone.
func (st *stay) others() int {
	n := 0
	for _, mark := range st.marks {
		if !strings.HasPrefix(mark, keys.Gone) {
			n++
		}
	}
	return n
}

// stuck reports whether a move of the stay was begun and given up.
func (k *keeper) stuck(st *stay) bool {
	return st.visible() && st.move && !st.hold && k.age(st.moveAt) > abandonedAge
}

// left reports what Maintain would finish, and finishes it as Maintain does.
func (p *inspection) left(ctx context.Context, m *mailbox, box keys.Box, kind FindingKind, e *exam, r *inspected) error {
	now, err := p.lookAgain(ctx, box, e.st.ref)
	if err != nil {
		return err
	}
	action := ActionFinished
	switch kind {
	case FoundMoveInterrupted:
		if !p.stuck(&now) {
			return nil
		}
	default:
		if kind = p.leftover(&now); kind == "" {
			return nil
		}
	}
	if kind == FoundStrayMarks {
		action = ActionRemoved
	}
	f := Finding{Kind: kind, Mailbox: m.id, Message: MessageID(e.st.ref.ID)}
	p.found(ctx, r, f, func(ctx context.Context) (Action, error) {
		own := *p.keeper // its report is not ours
		err := own.stay(ctx, m, box, &now, Retention{})
		if errors.Is(err, ErrNotFound) {
			err = errPassed
		}
		return action, err
	})
	return nil
}

// indexed looks whether the message is in the caller index under every form of its caller.
func (p *inspection) indexed(ctx context.Context, box keys.Box, e *exam, r *inspected) error {
	entries, err := p.entries(ctx, box, e.meta)
	if err != nil {
		return err
	}
	var missing []string
	for _, name := range entries {
		there, err := storage.Exists(ctx, p.master, name)
		if err != nil {
			return err
		}
		if !there {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	now, err := p.look(ctx, box, e.st.ref)
	if err != nil || !now.remains() {
		return err
	}
	f := Finding{Kind: FoundEntryMissing, Mailbox: e.meta.Mailbox, Message: e.meta.ID}
	p.found(ctx, r, f, func(ctx context.Context) (Action, error) { return p.reindex(ctx, box, e.st.ref, missing) })
	return nil
}

// lost returns the marks of the stay by which forget requests restrict it that nobody will undo or carry out: there is no record of them, or they are
// closed. why says more, if there is more to say.
func (s *Service) lost(ctx context.Context, st *stay) (marks []string, why, err error) {
	for _, mark := range st.marks {
		if !strings.HasPrefix(mark, keys.Forget) {
			continue
		}
		f, ok := keys.ParseForgetMark(mark)
		if !ok {
			marks = append(marks, mark)
			continue
		}
		begun, err := s.caseEntry(ctx, f.Case, f.Entry)
		end := ""
		if err == nil && begun != "" {
			end, err = s.caseEntry(ctx, f.Case, f.Entry+4)
		}
		if errors.Is(err, storage.ErrCorrupt) {
			why, err = err, nil
			marks = append(marks, mark)
		} else if err == nil && (begun == "" || end == "closed") {
			marks = append(marks, mark)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return marks, why, nil
}

// flaw is what is wrong with a recording; of one that is whole, only how much of it was read.
type flaw struct {
	kind FindingKind
	why  error
	read int64
}

// hear looks whether the recording of a message is what was deposited.
func (p *inspection) hear(ctx context.Context, box keys.Box, ref keys.Ref, meta *metadata) (flaw, error) {
	st, err := p.region(meta.Region)
	if err != nil {
		return flaw{}, err
	}
	key := box.Audio(ref, meta.Ext)
	var info storage.Info
	var body io.ReadCloser
	if p.opts.Audio == AudioDigest {
		var o storage.Object
		if o, err = st.Open(ctx, key, nil); err == nil {
			defer o.Close()
			info, body = o.Info(), o
		}
	} else {
		info, err = st.Stat(ctx, key)
	}
	switch {
	case errors.Is(err, storage.ErrNotExist), errors.Is(err, storage.ErrInvalid): // no recording can have that name
		return flaw{kind: FoundAudioMissing}, nil
	case errors.Is(err, storage.ErrCorrupt):
		return flaw{kind: FoundAudioAltered, why: fmt.Errorf("%w: %w", ErrDamaged, err)}, nil
	case err != nil:
		return flaw{}, in(meta.Region, err)
	case info.Size != meta.Size:
		return flaw{kind: FoundAudioLength, why: fmt.Errorf("%w: the recording has %d bytes, not %d", ErrDamaged, info.Size, meta.Size)}, nil
	case body == nil:
		return flaw{}, nil
	}
	sum := sha256.New()
	n, err := io.Copy(sum, body)
	switch {
	case errors.Is(err, storage.ErrCorrupt):
		return flaw{FoundAudioAltered, fmt.Errorf("%w: %w", ErrDamaged, err), n}, nil
	case err != nil:
		return flaw{}, in(meta.Region, err)
	case n != meta.Size:
		return flaw{FoundAudioLength, fmt.Errorf("%w: the recording ends after %d of %d bytes", ErrDamaged, n, meta.Size), n}, nil
	case hex.EncodeToString(sum.Sum(nil)) != meta.SHA256:
		return flaw{kind: FoundAudioAltered, read: n}, nil
	}
	return flaw{read: n}, nil
}
