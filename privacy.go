package voicemail

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/privacy"
	"github.com/genesys/voicemail/storage"
)

// Privacy is for package gdpr, which sees restricted messages and erases them by rule. No package outside this module has a key for it.
func (s *Service) Privacy(privacy.Key) privacy.Ops[Envelope, State] { return &private{s} }

type found = privacy.Found[Envelope, State]

// private is what package gdpr sees of a Service.
type private struct{ *Service }

func (p *private) Space() keys.Space    { return p.space }
func (p *private) Now() time.Time       { return p.opts.Now() }
func (p *private) Nonce() string        { return p.ids.nonce() }
func (p *private) Logger() *slog.Logger { return p.opts.Logger }

func (p *private) Parallel(n int, f func(i int))       { p.parallel(n, f) }
func (p *private) Fail(region string, err error) error { return in(region, err) }

func (p *private) Regions() []privacy.Region {
	names := p.regions.names()
	list := make([]privacy.Region, len(names))
	for i, name := range names {
		list[i] = privacy.Region{Name: name, Store: p.regions.Stores[name]}
	}
	return list
}

func (p *private) CreateOnce(ctx context.Context, key string, doc []byte) (bool, error) {
	ours, err := p.createOnce(ctx, p.master, key, doc, nil)
	return ours, in(p.regions.Master, err)
}

func (p *private) Emit(kind, mailbox, message string) {
	p.emit(EventKind(kind), MailboxID(mailbox), MessageID(message), "")
}

func (p *private) Identities(number string) []string {
	return p.identify(ParseCallerID(number)).identities()
}

func (p *private) CaseID(ctx context.Context, id string) (string, error) {
	x, err := p.callers(ctx)
	if err != nil {
		return "", in(p.regions.Master, err)
	}
	return x.hash("case\x00" + id)[:32], nil
}

func (p *private) Alone(ctx context.Context, region string) (bool, error) {
	for tenant, err := range Tenants(ctx, p.regions.Stores[region]) {
		if err != nil {
			return false, in(region, err)
		}
		if tenant != p.opts.Tenant {
			return false, nil
		}
	}
	return true, nil
}

func (st *stay) public() privacy.Stay {
	s := privacy.Stay{Committed: st.committed, Gone: st.gone, Held: st.hold, Visible: st.visible()}
	for _, mark := range st.marks {
		if f, ok := keys.ParseForgetMark(mark); ok {
			s.Forgettings = append(s.Forgettings, f)
		}
	}
	return s
}

func (p *private) Restrict(ctx context.Context, at privacy.Place, f keys.Forgetting) (bool, error) {
	box, err := p.box(MailboxID(at.Mailbox))
	if err != nil {
		return false, err
	}
	if _, err = p.createMark(ctx, box, at.Ref, f.Mark()); err != nil {
		return false, in(p.regions.Master, err)
	}
	st, err := p.look(ctx, box, at.Ref)
	if err != nil {
		return false, in(p.regions.Master, err)
	}
	forgets := 0
	for _, mark := range st.marks {
		if strings.HasPrefix(mark, keys.Forget) {
			forgets++
		}
	}
	return st.remains() && !st.quarantine && forgets == 1, nil
}

func (p *private) Unrestrict(ctx context.Context, at privacy.Place, f keys.Forgetting) (bool, error) {
	box, err := p.box(MailboxID(at.Mailbox))
	if err != nil {
		return false, err
	}
	st, err := p.look(ctx, box, at.Ref)
	if err != nil || !st.has(f.Mark()) {
		return false, in(p.regions.Master, err)
	}
	shown := st.remains() && !st.quarantine && !slices.ContainsFunc(st.marks, func(mark string) bool { return mark != f.Mark() && strings.HasPrefix(mark, keys.Forget) })
	if err := p.master.Delete(ctx, box.Mark(at.Ref, f.Mark())); err != nil {
		return shown, in(p.regions.Master, err)
	}
	if st, err = p.look(ctx, box, at.Ref); err == nil {
		shown = st.visible()
	}
	return shown, in(p.regions.Master, err)
}

// openErasable opens the recording as long as it is not deleted.
func (m *message) openErasable(ctx context.Context) (io.ReadSeekCloser, error) {
	return m.open(ctx, m.erasable(ctx))
}

// erasable returns what reports, as an error, that the message is deleted.
func (m *message) erasable(ctx context.Context) func() error {
	return func() error {
		st, err := m.svc.look(ctx, m.box, m.ref())
		if err == nil && st.gone {
			err = ErrNotFound
		}
		return err
	}
}

// erasableParts lists all parts as long as the message is not deleted, also those of which this version does not know what they are. The look comes after
// the list, from which a deletion or a move that had begun may have taken some.
func (m *message) erasableParts(ctx context.Context) ([]privacy.Part, error) {
	list, err := m.parts(ctx)
	if err == nil {
		err = m.erasable(ctx)()
	}
	if err != nil {
		return nil, m.fail("list parts", err)
	}
	parts := make([]privacy.Part, len(list))
	for i, p := range list {
		parts[i] = privacy.Part{Name: p.String(), Added: p.added, Open: func(ctx context.Context) (io.ReadSeekCloser, error) {
			return m.openPart(ctx, p.public(), m.erasable(ctx))
		}}
	}
	return parts, nil
}

func (p *private) Foreign(ctx context.Context, s privacy.Subject, region string) ([]privacy.Foreign, error) {
	var list []privacy.Foreign
	var names []string
	err := p.eachTagged(ctx, region, s.Identities, func(key string) {
		if !strings.HasPrefix(key, keys.Tenants) {
			names = append(names, key)
		}
	})
	if err != nil {
		return nil, in(region, err)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		info, err := p.regions.Stores[region].Stat(ctx, name)
		if errors.Is(err, storage.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, in(region, err)
		}
		if (s.Since.IsZero() || !info.Modified.Before(s.Since)) && (s.Until.IsZero() || info.Modified.Before(s.Until)) {
			list = append(list, privacy.Foreign{Region: region, Key: name, Size: info.Size, Modified: info.Modified})
		}
	}
	return list, nil
}

// Hold creates the mark and looks then (rule 2): a deletion that came first wins.
func (p *private) Hold(ctx context.Context, mailbox, id, hold string) error {
	box, err := p.box(MailboxID(mailbox))
	if err != nil {
		return err
	}
	st, err := p.standing(ctx, box, id)
	if err != nil {
		return err
	}
	mark := keys.Hold + hold
	_, err = p.createMark(ctx, box, st.ref, mark)
	var now stay
	if err == nil {
		now, err = p.look(ctx, box, st.ref)
	}
	if err == nil && (now.gone || !now.committed) {
		err = ErrNotFound
	}
	if err != nil {
		back, cancel := withoutCancel(ctx)
		defer cancel()
		return errors.Join(in(p.regions.Master, err), in(p.regions.Master, p.master.Delete(back, box.Mark(st.ref, mark))))
	}
	return nil
}

// standing returns the stay of a message that is not deleted, restricted or not; the last one, while it is moved.
func (p *private) standing(ctx context.Context, box keys.Box, id string) (stay, error) {
	if err := keys.CheckID(id); err != nil {
		return stay{}, invalid("%v", err)
	}
	v, err := p.list(ctx, box, listing{prefix: id + "-"})
	if err != nil {
		return stay{}, in(p.regions.Master, err)
	}
	var last stay
	for _, st := range v.stays {
		if st.committed && !st.gone && (last.ref.ID == "" || st.ref.Hop > last.ref.Hop) {
			last = st
		}
	}
	if last.ref.ID == "" {
		return stay{}, ErrNotFound
	}
	return last, nil
}

func (p *private) Release(ctx context.Context, mailbox, id, hold string) error {
	box, err := p.box(MailboxID(mailbox))
	if err != nil {
		return err
	}
	if err := keys.CheckID(id); err != nil {
		return invalid("%v", err)
	}
	v, err := p.list(ctx, box, listing{prefix: id + "-"})
	if err != nil {
		return in(p.regions.Master, err)
	}
	var names []string
	for i := range v.stays {
		if v.stays[i].has(keys.Hold + hold) {
			names = append(names, box.Mark(v.stays[i].ref, keys.Hold+hold))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return in(p.regions.Master, p.master.Delete(ctx, names...))
}
