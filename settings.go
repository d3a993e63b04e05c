package voicemail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// Settings are a mailbox's settings. They are stored as revisions, each one created once: two that change them at the same time both
// succeed, one on top of the other.
type Settings struct {
	// Owner is who the mailbox belongs to; Service.MailboxesOf finds it by them.
	Owner Owner
	// Disabled: the mailbox takes no messages. What is in it stays usable.
	Disabled bool
	// MaxMessages is how many messages the mailbox holds, those in the trash among them; 0 is the tenant's, or Limits.Messages, which it cannot exceed. Deposits that
	// run at the same time can exceed it by their number.
	MaxMessages int
	// MaxBytes is how many bytes of audio and of parts of messages the mailbox holds, likewise; 0 is the tenant's, or no limit. Parts count and are never refused for
	// it. With it a deposit costs one more listing for each region.
	MaxBytes int64
	// WhenFull, MinDuration and MaxDuration say what else the mailbox takes, Retention when messages go by themselves, see Policy. 0 and "" are the tenant's.
	WhenFull    WhenFull
	MinDuration time.Duration
	MaxDuration time.Duration
	Retention   Retention
	// OptOutNumber is where a caller is connected who does not want to leave a message; "" is the tenant's.
	OptOutNumber string

	// Revision counts the changes since the mailbox was created, from 0. UpdateSettings ignores what is set here.
	Revision int
	// ChangedAt is when this revision was made, by the maker's Options.Now. UpdateSettings ignores what is set here.
	ChangedAt time.Time

	rest unknown
}

func (s *Settings) policy() Policy {
	return Policy{
		MaxMessages: s.MaxMessages, MaxBytes: s.MaxBytes, WhenFull: s.WhenFull, MinDuration: s.MinDuration, MaxDuration: s.MaxDuration,
		Retention: s.Retention, OptOutNumber: s.OptOutNumber,
	}
}

func (s *Settings) check(l *Limits) error {
	p := s.policy()
	return first(p.check(l), s.Owner.check())
}

// settingsDoc is the stored form. Nonce makes every document different, so that equal content means equal creator (see storage.Store).
type settingsDoc struct {
	Version  int       `json:"v"`
	Nonce    string    `json:"nonce"`
	At       time.Time `json:"at"`
	Owner    Owner     `json:"owner"`
	Disabled bool      `json:"disabled,omitempty"`
	policyDoc
}

func (s *Settings) encode(nonce string) ([]byte, error) {
	return s.rest.encode(settingsDoc{
		Version: settingsVersion, Nonce: nonce, At: s.ChangedAt, Owner: s.Owner, Disabled: s.Disabled, policyDoc: newPolicyDoc(s.policy()),
	})
}

func decodeSettings(doc []byte, rev keys.Revision) (*Settings, error) {
	var d settingsDoc
	if err := json.Unmarshal(doc, &d); err != nil || d.Version < 1 {
		return nil, fmt.Errorf("%w: settings revision %d cannot be read", storage.ErrCorrupt, rev.Rev)
	}
	rest, err := unknownFields(doc, d)
	if err != nil {
		return nil, err
	}
	p := d.policy()
	return &Settings{
		Owner: d.Owner, Disabled: d.Disabled, MaxMessages: p.MaxMessages, MaxBytes: p.MaxBytes, WhenFull: p.WhenFull, MinDuration: p.MinDuration,
		MaxDuration: p.MaxDuration, Retention: p.Retention, OptOutNumber: p.OptOutNumber, Revision: rev.Rev, ChangedAt: d.At, rest: rest,
	}, nil
}

// settings reads a revision. The result is shared and must not be changed.
func (s *Service) settings(ctx context.Context, box keys.Box, rev keys.Revision) (*Settings, error) {
	return readRevision(ctx, s, box.SettingsAt(rev), rev, decodeSettings)
}

// readSettings is settings without the cache. What cannot be read is storage.ErrCorrupt.
func (s *Service) readSettings(ctx context.Context, box keys.Box, rev keys.Revision) (*Settings, error) {
	return loadRevision(ctx, s, box.SettingsAt(rev), rev, decodeSettings)
}

// writeSettings creates a revision and reports whether it is ours. before is the owner of the revision before.
func (s *Service) writeSettings(ctx context.Context, box keys.Box, rev keys.Revision, set *Settings, before Owner) (bool, error) {
	if set.Owner != before && set.Owner != (Owner{}) {
		if err := s.announceOwner(ctx, box, set.Owner, rev); err != nil {
			return false, err
		}
	}
	set.Revision, set.ChangedAt = rev.Rev, s.opts.Now().UTC()
	won, err := writeRevision(ctx, s, box.SettingsAt(rev), set, set.encode)
	if won && before != set.Owner && s.leaveOwner(ctx, box, before, rev) != nil {
		s.opts.Logger.WarnContext(ctx, "entries of an earlier owner stay until Maintain takes them away", "mailbox", string(s.idOf(box)))
	}
	return won, err
}

// createOnce creates a document that no other process writes in the same bytes, and reports whether it is there as ours. An error of
// the storage whose outcome is unknown is settled by reading back.
func (s *Service) createOnce(ctx context.Context, st storage.Store, key string, doc []byte, tags map[string]string) (bool, error) {
	_, err := st.Create(ctx, key, bytes.NewReader(doc), &storage.CreateOptions{ContentType: jsonType, Tags: tags})
	if err == nil {
		return true, nil
	}
	back, cancel := withoutCancel(ctx)
	defer cancel()
	stored, readErr := storage.ReadFile(back, st, key, documentSize)
	switch {
	case readErr == nil:
		return bytes.Equal(stored, doc), nil
	case errors.Is(readErr, storage.ErrNotExist) && !errors.Is(err, storage.ErrExists):
		return false, err
	case errors.Is(readErr, storage.ErrNotExist):
		return false, nil // another one was there, and is gone again
	case errors.Is(err, storage.ErrExists):
		return false, readErr
	}
	return false, errors.Join(errUncertain, err)
}

// errUncertain marks an error after which something may have been stored or not.
var errUncertain = errors.New("the outcome is unknown")

// documentSize is longer than any document that the library writes.
const documentSize = 1 << 20

func (m *mailbox) Settings(ctx context.Context) (Settings, error) {
	set, _, _, err := m.currentSettings(ctx)
	if err != nil {
		return Settings{}, m.fail("read settings", "", err)
	}
	return *set, nil
}

func (m *mailbox) currentSettings(ctx context.Context) (*Settings, keys.Revision, keys.Box, error) {
	box, err := m.svc.box(m.id)
	if err != nil {
		return nil, keys.Revision{}, box, err
	}
	v, err := m.svc.list(ctx, box, listing{prefix: "set-"})
	if err != nil {
		return nil, keys.Revision{}, box, err
	}
	if !v.exists() {
		return nil, v.settings, box, ErrNoMailbox
	}
	set, err := m.svc.settings(ctx, box, v.settings)
	return set, v.settings, box, err
}

func (m *mailbox) UpdateSettings(ctx context.Context, change func(*Settings) error) (Settings, error) {
	var box keys.Box
	set, err := reviser[Settings]{
		read: func(ctx context.Context) (set *Settings, rev keys.Revision, err error) {
			set, rev, box, err = m.currentSettings(ctx)
			return set, rev, err
		},
		check: func(set *Settings) error { return set.check(&m.svc.opts.Limits) },
		write: func(ctx context.Context, rev keys.Revision, set, old *Settings) (bool, error) {
			return m.svc.writeSettings(ctx, box, rev, set, old.Owner)
		},
	}.update(ctx, change)
	if err != nil {
		return Settings{}, m.fail("update settings", "", err)
	}
	m.svc.emit(EventSettingsChanged, m.id, "", "")
	return set, nil
}
