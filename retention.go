package voicemail

import (
	"context"
	"slices"
	"time"

	"github.com/genesys/voicemail/internal/keys"
)

// Cause says why a message goes by itself.
type Cause string

// What a message can go for.
const (
	CauseExpiry Cause = "expiry" // its own: DepositOptions.Expires, or Message.SetExpiry
	CauseAge    Cause = "age"    // Retention.Days
	CauseTrash  Cause = "trash"  // Retention.TrashDays
)

const day = 24 * time.Hour

// due says when a message goes by itself, and why: the first of what there is; the zero time if it stays. Nothing else decides this. Without its metadata that is what the
// names tell: then CauseAge comes with the earliest time that is possible. The stay must be of a listing with times.
func (r Retention) due(st *stay, meta *metadata) (time.Time, Cause) {
	var at time.Time
	var why Cause
	if !st.committed || st.forget || st.hold || st.quarantine {
		return at, why
	}
	sooner := func(t time.Time, cause Cause) {
		if at.IsZero() || t.Before(at) {
			at, why = t, cause
		}
	}
	if !st.expires.IsZero() {
		sooner(st.expires, CauseExpiry)
	}
	if r.TrashDays > 0 && st.trash {
		sooner(st.trashedAt.Add(time.Duration(r.TrashDays)*day), CauseTrash)
	}
	if r.Days > 0 && (st.read || r.KeepUnread != On) {
		sooner(st.born(meta).Add(time.Duration(r.Days)*day), CauseAge)
	}
	return at, why
}

// born is from when the age of a message counts: Envelope.ReceivedAt, or the time in its ID if that is later, so that the names alone tell of most messages that they
// are young. An ID whose time is long after its metadata was stored says nothing: else it would keep its message for ever.
func (st *stay) born(meta *metadata) time.Time {
	t, err := keys.Time(st.ref.ID)
	if err != nil || t.Sub(st.metaAt) > garbageAge {
		t = time.Unix(0, 0)
	}
	if meta != nil && meta.ReceivedAt.After(t) {
		t = meta.ReceivedAt
	}
	return t
}

// shortest is what any retention leaves alone.
var shortest = Retention{Days: 1, TrashDays: 1}

// over reports whether the names let a message be due under a retention by a time.
func (r Retention) over(st *stay, by time.Time) bool {
	at, _ := r.due(st, nil)
	return st.visible() && !at.IsZero() && !at.After(by)
}

// retentionOf reads what is in force in a mailbox, if something in it may have to go by it until then.
func (s *Service) retentionOf(ctx context.Context, box keys.Box, v *boxView, tenant *TenantSettings, by time.Time) (Retention, error) {
	over := func(r Retention) bool {
		return slices.ContainsFunc(v.stays, func(st stay) bool { return r.over(&st, by) })
	}
	if !v.exists() || tenant == nil || !over(shortest) {
		return Retention{}, nil
	}
	own, err := s.settings(ctx, box, v.settings)
	if err != nil {
		return Retention{}, err
	}
	return s.inForce(own, tenant).Retention, nil
}

// retention reads what is in force in a mailbox. What the tenant's settings say is read anew before anything goes by it: a pass is long, and somebody may have
// changed them since it began.
func (k *keeper) retentionOf(ctx context.Context, box keys.Box, v *boxView) (Retention, error) {
	r, err := k.Service.retentionOf(ctx, box, v, k.tenant, k.now)
	if err != nil || r == (Retention{}) || !slices.ContainsFunc(v.stays, func(st stay) bool { return r.over(&st, k.now) }) {
		return r, err
	}
	tenant, _, err := k.tenantSettings(ctx)
	if err != nil {
		return Retention{}, err
	}
	return k.Service.retentionOf(ctx, box, v, tenant, k.now)
}

// retain deletes a message whose time has come. That is decided once more after the gone mark (rule 2): it may have been put off, marked as unread or restored.
func (k *keeper) retain(ctx context.Context, m *mailbox, box keys.Box, st *stay, r Retention) error {
	if !r.over(st, k.now) {
		return nil
	}
	meta, err := k.metadata(ctx, box, st.ref)
	if err != nil {
		return err
	}
	if at, _ := r.due(st, meta); at.After(k.now) {
		return nil
	}
	var why Cause
	now, err := k.erase(ctx, box, st.ref, meta, func(now *stay) error {
		at, cause := r.due(now, meta)
		if why = cause; at.IsZero() || at.After(k.now) {
			return ErrHeld
		}
		return nil
	})
	if now.gone {
		k.emit(EventExpired, m.id, meta.ID, "")
	}
	if err != nil {
		return err
	}
	switch why {
	case CauseExpiry:
		k.report.Expired++
	case CauseAge:
		k.report.Aged++
	case CauseTrash:
		k.report.Purged++
	}
	return nil
}
