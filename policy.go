package voicemail

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/genesys/voicemail/internal/keys"
)

// Policy is what is in force for a mailbox: each field as the mailbox's [Settings] say, where these say nothing as the [TenantSettings] say, and where these say nothing,
// too, the default that is named here.
type Policy struct {
	// MaxMessages is how many messages the mailbox holds, those in the trash among them; default, and at most, Limits.Messages.
	MaxMessages int
	// MaxBytes is how many bytes of audio it holds, likewise; 0, the default, is no limit.
	MaxBytes int64
	// WhenFull says what becomes of a message that does not fit; default Refuse.
	WhenFull WhenFull
	// MinDuration is the shortest recording that it takes; default 0. A shorter one is ErrTooShort, as when somebody hung up. One whose duration is not known is taken.
	MinDuration time.Duration
	// MaxDuration is the longest recording that it takes, as far as its duration is known; default, and at most, Limits.Duration. 0 is no limit. A longer one is ErrTooLarge.
	MaxDuration time.Duration
	// Retention says when messages go by themselves; default never.
	Retention Retention
	// OptOutNumber is where a caller is connected who does not want to leave a message; default none. The library only keeps it.
	OptOutNumber string
}

// WhenFull says what a full mailbox does with one more message: a deposit, a copy or a move.
type WhenFull string

const (
	// Refuse refuses it with a [*QuotaError].
	Refuse WhenFull = "refuse"
	// DropOldestRead takes it if messages that were read, and are neither held nor being moved, make room for it. When it is stored, they are deleted for good, those in the trash
	// first, the oldest of them first, as EventDropped tells. What is left over then, since a deletion failed or others came in at the same time, goes with the
	// next message. If that would not make room, the message is refused.
	DropOldestRead WhenFull = "drop-oldest-read"
)

// Retention says when messages go by themselves. [Service.Maintain] deletes them for good, unless they are held, or restricted by a forget request; of this, the
// expiry of the message, and the trash, the first to come counts.
type Retention struct {
	// Days is how long a message is kept, in days of 24 hours: from Limits.MinRetentionDays to Limits.MaxRetentionDays. 0 leaves it to the tenant, whose 0 is no limit; NoLimit is none,
	// whatever the tenant has. It counts from Envelope.ReceivedAt, or from the time in the ID if the application gave one that carries a later time.
	Days int
	// KeepUnread: Days does not count for a message that nobody has read. Its own expiry and TrashDays do.
	KeepUnread Switch
	// TrashDays is how long a message stays in the trash of a mailbox, likewise in days of 24 hours. It counts from when it was put there, and anew if it was restored meanwhile, or moved.
	TrashDays int
}

// NoLimit in a [Retention] is no limit, where 0 leaves it to the tenant.
const NoLimit = -1

// Switch is a yes or no that can be left open.
type Switch string

// Inherit leaves it to the tenant; of the tenant it is Off.
const (
	Inherit Switch = ""
	On      Switch = "on"
	Off     Switch = "off"
)

func (p *Policy) check(l *Limits) error {
	switch {
	case p.MaxMessages < 0 || p.MaxBytes < 0:
		return invalid("a quota is negative; 0 is the default")
	case p.WhenFull != "" && p.WhenFull != Refuse && p.WhenFull != DropOldestRead:
		return invalid("WhenFull %q is neither %q nor %q", string(p.WhenFull), string(Refuse), string(DropOldestRead))
	case p.MinDuration < 0 || p.MaxDuration < 0:
		return invalid("a duration is negative; 0 is the default")
	case p.MinDuration%time.Millisecond != 0 || p.MaxDuration%time.Millisecond != 0:
		return invalid("a duration is not in whole milliseconds")
	case p.MaxDuration > 0 && p.MinDuration > p.MaxDuration:
		return invalid("MinDuration is more than MaxDuration, so that no recording is taken")
	}
	return first(checkNumber("OptOutNumber", p.OptOutNumber), p.Retention.check(l))
}

// maxNumber is the longest number that settings can hold, in bytes. It may be the name of a routing point.
const maxNumber = 256

func checkNumber(field, number string) error {
	if len(number) > maxNumber || !utf8.ValidString(number) {
		return invalid("%s is not text of at most %d bytes", field, maxNumber)
	}
	return nil
}

// maxRetentionDays is the longest retention that Limits can allow, 100 years.
const maxRetentionDays = 36_500

func (r Retention) check(l *Limits) error {
	for _, days := range []struct {
		name string
		n    int
	}{{"Days", r.Days}, {"TrashDays", r.TrashDays}} {
		if days.n != 0 && days.n != NoLimit && (days.n < l.MinRetentionDays || days.n > l.MaxRetentionDays) {
			return invalid("Retention.%s is %d; %d to %d days are possible, 0 for the tenant's, or NoLimit", days.name, days.n, l.MinRetentionDays, l.MaxRetentionDays)
		}
	}
	if r.KeepUnread != Inherit && r.KeepUnread != On && r.KeepUnread != Off {
		return invalid("Retention.KeepUnread %q is neither %q nor %q", string(r.KeepUnread), string(On), string(Off))
	}
	return nil
}

// or fills what p leaves open.
func (p Policy) or(d Policy) Policy {
	set(&p.MaxMessages, d.MaxMessages)
	set(&p.MaxBytes, d.MaxBytes)
	set(&p.WhenFull, d.WhenFull)
	set(&p.MinDuration, d.MinDuration)
	set(&p.MaxDuration, d.MaxDuration)
	set(&p.Retention.Days, d.Retention.Days)
	set(&p.Retention.KeepUnread, d.Retention.KeepUnread)
	set(&p.Retention.TrashDays, d.Retention.TrashDays)
	set(&p.OptOutNumber, d.OptOutNumber)
	return p
}

// inForce is what follows from the settings of a mailbox and of its tenant.
func (s *Service) inForce(own *Settings, tenant *TenantSettings) Policy {
	l := &s.opts.Limits
	p := own.policy().or(tenant.policy()).or(Policy{
		MaxMessages: l.Messages, MaxDuration: l.Duration, WhenFull: Refuse, Retention: Retention{KeepUnread: Off},
	})
	p.MaxMessages = min(p.MaxMessages, l.Messages)
	if l.Duration > 0 {
		p.MaxDuration = min(p.MaxDuration, l.Duration)
	}
	p.Retention.Days, p.Retention.TrashDays = max(p.Retention.Days, 0), max(p.Retention.TrashDays, 0)
	return p
}

// policy reads what is in force for a mailbox, the tenant's part of it up to tenantAge old.
func (s *Service) policy(ctx context.Context, box keys.Box, v *boxView) (Policy, *Settings, error) {
	var own *Settings
	var tenant *TenantSettings
	var ownErr, tenantErr error
	both(
		func() { own, ownErr = s.settings(ctx, box, v.settings) },
		func() { tenant, tenantErr = s.recentSettings(ctx) },
	)
	if err := first(ownErr, tenantErr); err != nil {
		return Policy{}, nil, err
	}
	return s.inForce(own, tenant), own, nil
}

// policyDoc is the stored form of a policy, part of other documents.
type policyDoc struct {
	MaxMessages   int      `json:"maxMessages,omitempty"`
	MaxBytes      int64    `json:"maxBytes,omitempty"`
	WhenFull      WhenFull `json:"whenFull,omitempty"`
	MinDurationMS int64    `json:"minDurationMs,omitempty"`
	MaxDurationMS int64    `json:"maxDurationMs,omitempty"`
	RetentionDays int      `json:"retentionDays,omitempty"`
	KeepUnread    Switch   `json:"keepUnread,omitempty"`
	TrashDays     int      `json:"trashDays,omitempty"`
	OptOutNumber  string   `json:"optOutNumber,omitempty"`
}

func newPolicyDoc(p Policy) policyDoc {
	return policyDoc{
		MaxMessages: p.MaxMessages, MaxBytes: p.MaxBytes, WhenFull: p.WhenFull,
		MinDurationMS: p.MinDuration.Milliseconds(), MaxDurationMS: p.MaxDuration.Milliseconds(),
		RetentionDays: p.Retention.Days, KeepUnread: p.Retention.KeepUnread, TrashDays: p.Retention.TrashDays, OptOutNumber: p.OptOutNumber,
	}
}

func (d policyDoc) policy() Policy {
	return Policy{
		MaxMessages: d.MaxMessages, MaxBytes: d.MaxBytes, WhenFull: d.WhenFull,
		MinDuration: time.Duration(d.MinDurationMS) * time.Millisecond, MaxDuration: time.Duration(d.MaxDurationMS) * time.Millisecond,
		Retention: Retention{Days: d.RetentionDays, KeepUnread: d.KeepUnread, TrashDays: d.TrashDays}, OptOutNumber: d.OptOutNumber,
	}
}
