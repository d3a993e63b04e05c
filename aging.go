package voicemail

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"
)

// Aging is a message that will go by itself.
type Aging struct {
	Mailbox MailboxID
	Message MessageID
	// At is when its time comes, in UTC; the next Maintain after it deletes the message.
	At time.Time
	// Cause is why.
	Cause Cause
}

// Aging yields the messages that Maintain will delete until then, as settings and messages are now: mailboxes as [Service.Mailboxes] does, and in each the
// messages by time. Held and restricted messages stay, and are not among them. A message that cannot be read is yielded as an [*Error] that names it, and the report goes on;
// any other error ends it.
//
// It holds the messages of one mailbox at a time. It costs a listing of the tenant's settings, one of all mailboxes and one of each, a read of the settings of those that have
// messages of before, and one of the metadata of each message that age may take.
func (s *Service) Aging(ctx context.Context, before time.Time) iter.Seq2[Aging, error] {
	return func(yield func(Aging, error) bool) {
		fail := func(mailbox MailboxID, message MessageID, err error) bool {
			return yield(Aging{}, s.fail("report aging", mailbox, message, err))
		}
		tenant, _, err := s.tenantSettings(ctx)
		if err != nil {
			fail("", "", err)
			return
		}
		for m, err := range s.folders(ctx) {
			var list []Aging
			var damaged map[MessageID]error
			if err == nil {
				list, damaged, err = m.aging(ctx, tenant, before)
			}
			if err != nil {
				id := MailboxID("")
				if m != nil {
					id = m.id
				}
				fail(id, "", err)
				return
			}
			for _, a := range list {
				if why := damaged[a.Message]; why != nil {
					if !fail(a.Mailbox, a.Message, why) {
						return
					}
				} else if !yield(a, nil) {
					return
				}
			}
		}
	}
}

// aging returns what goes before then, in order, and what of it cannot be read.
func (m *mailbox) aging(ctx context.Context, tenant *TenantSettings, before time.Time) ([]Aging, map[MessageID]error, error) {
	s := m.svc
	box, err := s.box(m.id)
	if err != nil {
		return nil, nil, err
	}
	v, err := s.list(ctx, box, listing{times: true})
	if err != nil || !v.exists() {
		return nil, nil, err
	}
	last := before.Add(-1)
	r, err := s.retentionOf(ctx, box, v, tenant, last)
	if err != nil {
		return nil, nil, err
	}
	var may []stay
	for i := range v.stays {
		if r.over(&v.stays[i], last) {
			may = append(may, v.stays[i])
		}
	}
	docs, errs := make([]*metadata, len(may)), make([]error, len(may))
	s.parallel(len(may), func(i int) {
		if _, why := r.due(&may[i], nil); why == CauseAge {
			docs[i], errs[i] = s.metadata(ctx, box, may[i].ref)
		}
	})
	var list []Aging
	damaged := map[MessageID]error{}
	for i := range may {
		at, why := r.due(&may[i], docs[i])
		a := Aging{Mailbox: m.id, Message: MessageID(may[i].ref.ID), At: at.UTC(), Cause: why}
		switch err := errs[i]; {
		case errors.Is(err, ErrNotFound):
			continue // deleted since it was listed
		case errors.Is(err, ErrDamaged):
			damaged[a.Message] = err
		case err != nil:
			return nil, nil, err
		case at.After(last):
			continue
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b Aging) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Message, b.Message)) })
	return list, damaged, nil
}
