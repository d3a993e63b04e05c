package voicemail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// TenantSettings are the settings of a tenant: what holds for each mailbox whose own settings say nothing, see [Policy]. They are stored as revisions, as those of
// a mailbox are. The zero value, and a tenant whose settings were never changed, is the defaults.
type TenantSettings struct {
	// MaxMessages, MaxBytes, WhenFull, MinDuration and MaxDuration bound what a mailbox takes, see Policy; 0 and "" are the defaults.
	MaxMessages int
	MaxBytes    int64
	WhenFull    WhenFull
	MinDuration time.Duration
	MaxDuration time.Duration
	// Retention says when messages go by themselves; its zero value is never.
	Retention Retention
	// OptOutNumber is where a caller is connected who does not want to leave a message; default none.
	OptOutNumber string
	// AccessNumber is what users call to hear their messages; default DefaultAccessNumber. The library only keeps it.
	AccessNumber string

	// Revision counts the changes, from 0. UpdateSettings ignores what is set here.
	Revision int
	// ChangedAt is when this revision was made, by the maker's Options.Now. UpdateSettings ignores what is set here.
	ChangedAt time.Time

	rest unknown
}

// DefaultAccessNumber is the AccessNumber of a tenant that has set none.
const DefaultAccessNumber = "5555"

func (t *TenantSettings) policy() Policy {
	return Policy{
		MaxMessages: t.MaxMessages, MaxBytes: t.MaxBytes, WhenFull: t.WhenFull, MinDuration: t.MinDuration, MaxDuration: t.MaxDuration,
		Retention: t.Retention, OptOutNumber: t.OptOutNumber,
	}
}

func (t *TenantSettings) check(l *Limits) error {
	if err := checkNumber("AccessNumber", t.AccessNumber); err != nil {
		return err
	}
	p := t.policy()
	return p.check(l)
}

// tenantDoc is the stored form.
type tenantDoc struct {
	Version      int       `json:"v"`
	Nonce        string    `json:"nonce"`
	At           time.Time `json:"at"`
	AccessNumber string    `json:"accessNumber,omitempty"`
	policyDoc
}

func (t *TenantSettings) encode(nonce string) ([]byte, error) {
	return t.rest.encode(tenantDoc{
		Version: settingsVersion, Nonce: nonce, At: t.ChangedAt, AccessNumber: t.AccessNumber, policyDoc: newPolicyDoc(t.policy()),
	})
}

func decodeTenantSettings(doc []byte, rev keys.Revision) (*TenantSettings, error) {
	var d tenantDoc
	if err := json.Unmarshal(doc, &d); err != nil || d.Version < 1 {
		return nil, fmt.Errorf("%w: revision %d of the tenant's settings cannot be read", storage.ErrCorrupt, rev.Rev)
	}
	rest, err := unknownFields(doc, d)
	if err != nil {
		return nil, err
	}
	p := d.policy()
	t := &TenantSettings{
		MaxMessages: p.MaxMessages, MaxBytes: p.MaxBytes, WhenFull: p.WhenFull, MinDuration: p.MinDuration, MaxDuration: p.MaxDuration,
		Retention: p.Retention, OptOutNumber: p.OptOutNumber, AccessNumber: d.AccessNumber, Revision: rev.Rev, ChangedAt: d.At, rest: rest,
	}
	set(&t.AccessNumber, DefaultAccessNumber)
	return t, nil
}

// Settings returns the current settings of the tenant.
func (s *Service) Settings(ctx context.Context) (TenantSettings, error) {
	t, _, err := s.tenantSettings(ctx)
	if err != nil {
		return TenantSettings{}, s.fail("read tenant settings", "", "", err)
	}
	return *t, nil
}

// UpdateSettings calls change with the current settings of the tenant and stores what it makes of them. If others change them meanwhile, change is called again with
// what they left. An error of change is returned and nothing is stored; what cannot be right is ErrInvalid.
//
// In other processes deposits, copies and moves follow within two minutes. Maintain, Aging and Usage always see what is in force.
func (s *Service) UpdateSettings(ctx context.Context, change func(*TenantSettings) error) (TenantSettings, error) {
	t, err := reviser[TenantSettings]{
		read:  s.tenantSettings,
		check: func(t *TenantSettings) error { return t.check(&s.opts.Limits) },
		write: s.writeTenantSettings,
	}.update(ctx, change)
	if err == nil || errors.Is(err, errUncertain) {
		s.emit(EventTenantChanged, "", "", "")
	}
	if err != nil {
		return TenantSettings{}, s.fail("update tenant settings", "", "", err)
	}
	return t, nil
}

// writeTenantSettings creates a revision and reports whether it is ours.
func (s *Service) writeTenantSettings(ctx context.Context, rev keys.Revision, t, _ *TenantSettings) (bool, error) {
	now := s.opts.Now()
	set(&t.AccessNumber, DefaultAccessNumber)
	t.Revision, t.ChangedAt = rev.Rev, now.UTC()
	won, err := writeRevision(ctx, s, s.space.TenantAt(rev), t, t.encode)
	if won {
		stored := *t
		s.lately.keep(&stored, now)
	}
	return won, err
}

// tenantSettings reads the settings of the tenant. The result is shared and must not be changed.
func (s *Service) tenantSettings(ctx context.Context) (*TenantSettings, keys.Revision, error) {
	now := s.opts.Now()
	revs, err := s.tenantRevisions(ctx, false)
	if err != nil {
		return nil, keys.Revision{}, err
	}
	t, err := s.tenantSettingsAt(ctx, revs.settings)
	if err != nil {
		return nil, keys.Revision{}, err
	}
	s.lately.keep(t, now)
	return t, keys.Revision{Gen: 1, Rev: revs.settings.Rev}, nil
}

// tenantRevisions lists the revisions of the tenant's settings.
func (s *Service) tenantRevisions(ctx context.Context, times bool) (revisions, error) {
	var revs revisions
	folder := s.space.Tenant()
	for info, err := range storage.All(ctx, s.master, &storage.ListOptions{Prefix: folder, KeysOnly: !times}) {
		if err != nil {
			return revs, err
		}
		if rev, ok := keys.ParseRevision(strings.TrimPrefix(info.Key, folder)); ok {
			revs.add(rev, info.Modified)
		}
	}
	return revs, nil
}

// tenantSettingsAt reads a revision; the zero one is the defaults.
func (s *Service) tenantSettingsAt(ctx context.Context, rev keys.Revision) (*TenantSettings, error) {
	if rev == (keys.Revision{}) {
		return &TenantSettings{AccessNumber: DefaultAccessNumber}, nil
	}
	return readRevision(ctx, s, s.space.TenantAt(rev), rev, decodeTenantSettings)
}

// settingsOfTenant reads what the pass goes by, and takes away what was superseded.
func (k *keeper) settingsOfTenant(ctx context.Context) error {
	revs, err := k.tenantRevisions(ctx, true)
	if err != nil {
		return err
	}
	if k.tenant, err = k.tenantSettingsAt(ctx, revs.settings); err != nil {
		return err
	}
	return k.prune(ctx, revs.superseded, k.space.TenantAt)
}

// tenantAge is how old the tenant's settings may be that a deposit, a copy or a move goes by, so that none of these is dearer for them but one every two minutes.
const tenantAge = 2 * time.Minute

// recentSettings returns the tenant's settings as they were up to tenantAge ago.
func (s *Service) recentSettings(ctx context.Context) (*TenantSettings, error) {
	if t := s.lately.get(s.opts.Now()); t != nil {
		return t, nil
	}
	t, _, err := s.tenantSettings(ctx)
	return t, err
}

// recentTenant are the tenant's settings as they were read last.
type recentTenant struct {
	mu  sync.Mutex
	set *TenantSettings
	at  time.Time
}

func (r *recentTenant) keep(t *TenantSettings, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.set == nil || t.Revision >= r.set.Revision { // a reader who began earlier may end later
		r.set, r.at = t, now
	}
}

func (r *recentTenant) get(now time.Time) *TenantSettings {
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := now.Sub(r.at); r.set == nil || age < 0 || age > tenantAge {
		return nil
	}
	return r.set
}
