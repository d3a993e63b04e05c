package voicemail

import (
	"context"
	"iter"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// Usage is what there is in a mailbox, and what is in force there. Restricted messages are in no count. The sum of the Used of all mailboxes is what agents see of
// the tenant; a storage holds more: metadata, what is restricted, and what Maintain has not taken away yet.
type Usage struct {
	Mailbox MailboxID
	// Counts are those of Mailbox.Counts, without the trash.
	Counts
	// Trashed is the number of messages in the trash.
	Trashed int
	// Bytes are the sizes of the recordings and of their parts, the trash among them, by region. A region with nothing is 0.
	Bytes map[string]int64
	// Policy is what is in force.
	Policy Policy
}

// Messages is the number that Policy.MaxMessages bounds.
func (u *Usage) Messages() int { return u.New + u.Old + u.Trashed }

// TotalBytes is the number that Policy.MaxBytes bounds.
func (u *Usage) TotalBytes() int64 {
	var sum int64
	for _, n := range u.Bytes {
		sum += n
	}
	return sum
}

// Usage yields what there is in each mailbox, in the order of [Service.Mailboxes], one at a time. An error ends it. It costs a listing of all mailboxes, and for each what
// Mailbox.Usage costs.
func (s *Service) Usage(ctx context.Context) iter.Seq2[Usage, error] {
	return func(yield func(Usage, error) bool) {
		for m, err := range s.folders(ctx) {
			var u Usage
			var exists bool
			if err == nil {
				u, exists, err = m.usage(ctx)
			}
			if err != nil {
				yield(Usage{}, s.fail("report usage", "", "", err))
				return
			}
			if exists && !yield(u, nil) {
				return
			}
		}
	}
}

func (m *mailbox) Usage(ctx context.Context) (Usage, error) {
	u, exists, err := m.usage(ctx)
	if err == nil && !exists {
		err = ErrNoMailbox
	}
	if err != nil {
		return Usage{}, m.fail("report usage", "", err)
	}
	return u, nil
}

// usage reports also whether the mailbox exists.
func (m *mailbox) usage(ctx context.Context) (Usage, bool, error) {
	s := m.svc
	box, err := s.box(m.id)
	if err != nil {
		return Usage{}, false, err
	}
	var v *boxView
	var tenant *TenantSettings
	var listErr, tenantErr error
	both(
		func() { v, listErr = s.list(ctx, box, listing{}) },
		func() { tenant, _, tenantErr = s.tenantSettings(ctx) },
	)
	if err := first(listErr, tenantErr); err != nil || !v.exists() {
		return Usage{}, false, err
	}
	var own *Settings
	var sizes map[string]map[keys.Ref]int64
	var ownErr, sizesErr error
	both(
		func() { own, ownErr = s.settings(ctx, box, v.settings) },
		func() { sizes, sizesErr = s.sizes(ctx, box) },
	)
	if err := first(ownErr, sizesErr); err != nil {
		return Usage{}, false, err
	}
	u := Usage{Mailbox: m.id, Bytes: make(map[string]int64, len(sizes)), Policy: s.inForce(own, tenant)}
	for region, of := range sizes {
		u.Bytes[region] = v.bytes(of)
	}
	for i := range v.stays {
		st := &v.stays[i]
		if u.add(st); st.visible() && st.trash {
			u.Trashed++
		}
	}
	return u, true, nil
}

// sizes are how many bytes lie in each region of each message of a mailbox, with its parts.
func (s *Service) sizes(ctx context.Context, box keys.Box) (map[string]map[keys.Ref]int64, error) {
	names := s.regions.names()
	sizes := make([]map[keys.Ref]int64, len(names))
	errs := make([]error, len(names))
	s.parallel(len(names), func(i int) {
		sizes[i] = map[keys.Ref]int64{}
		for info, err := range storage.All(ctx, s.regions.Stores[names[i]], &storage.ListOptions{Prefix: box.Media()}) {
			if err != nil {
				errs[i] = in(names[i], err)
				return
			}
			if _, ref, err := s.space.ParseMedia(info.Key); err == nil {
				sizes[i][ref] += info.Size
			}
		}
	})
	byRegion := make(map[string]map[keys.Ref]int64, len(names))
	for i, name := range names {
		byRegion[name] = sizes[i]
	}
	return byRegion, first(errs...)
}

// bytes is the sum of the sizes of the messages that can be seen.
func (v *boxView) bytes(sizes map[keys.Ref]int64) int64 {
	var sum int64
	for i := range v.stays {
		if st := &v.stays[i]; st.visible() {
			sum += sizes[st.ref]
		}
	}
	return sum
}
