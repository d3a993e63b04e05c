package voicemail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// CreateMailbox makes a mailbox with these settings; nil is none. It returns ErrMailboxExists if there is one, ErrInvalid for an ID or settings that
// cannot be right, a [*QuotaError] if the user who owns it has Limits.MailboxesPerUser already. A mailbox that was deleted can be made again two hours later, when nothing of it is left:
// until then it is ErrConflict.
func (s *Service) CreateMailbox(ctx context.Context, id MailboxID, settings *Settings) (Mailbox, error) {
	var set Settings
	if settings != nil {
		set = *settings
	}
	m := s.mailbox(id)
	err := m.create(ctx, set)
	if err == nil || errors.Is(err, errUncertain) {
		s.emit(EventMailboxCreated, id, "", "")
	}
	if err != nil {
		return nil, s.fail("create mailbox", id, "", err)
	}
	return m, nil
}

func (m *mailbox) create(ctx context.Context, set Settings) error {
	box, err := m.svc.box(m.id)
	if err != nil {
		return err
	}
	if err := set.check(&m.svc.opts.Limits); err != nil {
		return err
	}
	v, err := m.svc.list(ctx, box, listing{prefix: "set-"})
	if err != nil {
		return err
	}
	if v.exists() {
		return ErrMailboxExists
	}
	if v.settings != (keys.Revision{}) {
		if err := m.inherits(ctx, box, v.settings); err != nil {
			return err
		}
	}
	won, err := m.svc.writeSettings(ctx, box, keys.Revision{Gen: v.settings.Gen + 1}, &set, Owner{})
	if err == nil && !won {
		err = ErrMailboxExists
	}
	return err
}

// inherits reports, as an error, what a mailbox that was deleted would give to a new one of its ID: messages that are still there, and deposits that
// began before the deletion.
func (m *mailbox) inherits(ctx context.Context, box keys.Box, deleted keys.Revision) error {
	v, err := m.svc.list(ctx, box, listing{})
	if err != nil {
		return err
	}
	for i := range v.stays {
		if st := &v.stays[i]; st.committed && !st.gone {
			return fmt.Errorf("%w: the mailbox of this ID was deleted, and not all of it is gone yet: messages may be held or restricted; delete it again, or wait", ErrConflict)
		}
	}
	info, err := m.svc.master.Stat(ctx, box.SettingsAt(deleted))
	if err != nil {
		return err
	}
	if age := m.svc.opts.Now().Sub(info.Modified); age < abandonedAge {
		return fmt.Errorf("%w: the mailbox of this ID was deleted just now, and what was begun in it may go on; create it in %v", ErrConflict, (abandonedAge - age).Round(time.Minute))
	}
	return nil
}

// DeleteMailbox deletes a mailbox with all messages and greetings in it and its PIN, for good. While one of them is held or restricted by a forget request it is refused with ErrHeld, and nothing changes; one that
// gets held or restricted at the same moment may be in a deleted mailbox then, where it stays until it is not. From its return on there is no such mailbox; a DeleteMailbox that
// failed half way is finished by another one, or by Maintain. It returns ErrNoMailbox if there is none.
func (s *Service) DeleteMailbox(ctx context.Context, id MailboxID) error {
	m := s.mailbox(id)
	deleted, err := m.delete(ctx)
	if deleted {
		s.emit(EventMailboxDeleted, id, "", "")
	}
	return m.fail("delete mailbox", "", err)
}

// kept reports, as an error, whether something in the mailbox must not be deleted.
func (v *boxView) kept() error {
	for i := range v.stays {
		if st := &v.stays[i]; st.committed && !st.gone && (st.hold || st.forget) {
			return fmt.Errorf("%w: something in the mailbox is held, or restricted by a forget request", ErrHeld)
		}
	}
	return nil
}

// delete reports whether the mailbox does not exist any more since this call, or may not.
func (m *mailbox) delete(ctx context.Context) (deleted bool, err error) {
	s := m.svc
	box, err := s.box(m.id)
	if err != nil {
		return false, err
	}
	v, err := s.list(ctx, box, listing{})
	if err != nil {
		return false, err
	}
	if !v.exists() { // an earlier deletion may have been cut off
		left, err := m.strip(ctx, box, v.settings.Gen)
		if !left && err == nil && v.stored() == 0 {
			err = ErrNoMailbox
		}
		return false, first(err, m.empty(ctx, box, v))
	}
	if err := v.kept(); err != nil {
		return false, err
	}
	old, err := s.settings(ctx, box, v.settings)
	if err != nil {
		return false, err
	}
	gone := keys.Revision{Gen: v.settings.Gen + 1}
	won, err := s.writeSettings(ctx, box, gone, &Settings{}, old.Owner)
	if err != nil {
		return errors.Is(err, errUncertain), err
	}
	if !won {
		return false, ErrNoMailbox // another one deleted it
	}
	// What came in until then is seen now (rule 2). What was held or restricted in between is not erased until it is not; its mailbox is deleted
	// all the same, as if the hold had come a moment later. A deletion that is taken back could not be told from a mailbox that is made again.
	if v, err = s.list(ctx, box, listing{}); err != nil {
		return true, err
	}
	if v.settings.Gen != gone.Gen {
		return true, nil // it was made again long since: what is in it is not ours
	}
	_, err = m.strip(ctx, box, gone.Gen)
	return true, errors.Join(err, m.empty(ctx, box, v))
}

// strip removes what belongs to the lives of the mailbox before a generation, beside its messages. It reports whether there was something.
func (m *mailbox) strip(ctx context.Context, box keys.Box, gen int) (bool, error) {
	var names []string
	for _, folder := range box.Belongings() {
		for info, err := range storage.All(ctx, m.svc.master, &storage.ListOptions{Prefix: folder, KeysOnly: true}) {
			if err != nil {
				return false, err
			}
			if of, ok := keys.BelongsTo(info.Key[len(folder):]); ok && of < gen {
				names = append(names, info.Key)
			}
		}
	}
	if len(names) == 0 {
		return false, nil
	}
	return true, m.svc.master.Delete(ctx, names...)
}

// empty erases the messages of a mailbox that was deleted, those in quarantine among them. What is held or restricted by now stays until it is not.
func (m *mailbox) empty(ctx context.Context, box keys.Box, v *boxView) error {
	errs := make([]error, len(v.stays))
	m.svc.parallel(len(v.stays), func(i int) {
		st := &v.stays[i]
		if !st.remains() || st.forget {
			return
		}
		meta, err := m.svc.metadata(ctx, box, st.ref)
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged) {
			errs[i] = err
			return
		}
		_, err = m.svc.erase(ctx, box, st.ref, meta, notRestricted)
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrHeld) {
			errs[i] = err
		}
	})
	return errors.Join(errs...)
}
