package voicemail

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// removing is the remedy for a name of a region that belongs to nothing.
func (p *inspection) removing(region, name string) remedy {
	return func(ctx context.Context) (Action, error) {
		return ActionRemoved, in(region, p.regions.Stores[region].Delete(ctx, name))
	}
}

// reindex creates index entries of a message, and looks then (rule 2): those of a message that was deleted meanwhile are taken back. As long as its metadata is there, they go
// with it.
func (s *Service) reindex(ctx context.Context, box keys.Box, ref keys.Ref, entries []string) (Action, error) {
	errs := make([]error, len(entries))
	s.parallel(len(entries), func(i int) {
		if _, err := s.master.Create(ctx, entries[i], nil, nil); !errors.Is(err, storage.ErrExists) {
			errs[i] = err
		}
	})
	st, err := s.look(ctx, box, ref)
	if err == nil && !st.committed {
		back, cancel := withoutCancel(ctx)
		defer cancel()
		return ActionNone, first(s.master.Delete(back, entries...), errPassed)
	}
	return ActionRestored, first(append(errs, err)...)
}

// restoreOwner creates the entry by which the mailbox is found by its owner, and looks then: if the settings are others by now, it is taken back.
func (s *Service) restoreOwner(ctx context.Context, box keys.Box, folder string, rev keys.Revision) (Action, error) {
	entry := box.OwnerEntry(folder, rev)
	if _, err := s.master.Create(ctx, entry, nil, nil); err != nil && !errors.Is(err, storage.ErrExists) {
		return ActionNone, err
	}
	v, err := s.list(ctx, box, listing{prefix: "set-"})
	if err != nil || v.settings == rev {
		return ActionRestored, err
	}
	if v.settings.Gen == rev.Gen {
		set, err := s.readSettings(ctx, box, v.settings)
		if err != nil {
			return ActionNone, err
		}
		if of, err := s.owned(set.Owner); err == nil && of == folder {
			return ActionRestored, nil
		}
	}
	back, cancel := withoutCancel(ctx)
	defer cancel()
	return ActionNone, first(s.master.Delete(back, entry), errPassed)
}

// rewriteSettings writes the newest settings of a mailbox that can be read again, as the revision behind those that cannot.
func (s *Service) rewriteSettings(ctx context.Context, box keys.Box, unreadable keys.Revision) (Action, error) {
	v, err := s.list(ctx, box, listing{prefix: "set-", times: true})
	if err != nil {
		return ActionNone, err
	}
	if v.settings != unreadable {
		return ActionNone, errPassed
	}
	set, err := readable(v.revisions, &Settings{Disabled: true}, func(rev keys.Revision) (*Settings, error) { return s.readSettings(ctx, box, rev) })
	if err != nil {
		return ActionNone, err
	}
	unreadable.Rev++
	return s.writeAgain(ctx, box, unreadable, set, EventSettingsChanged)
}

// readable returns a copy of the newest settings but the latest that can be read, or what there is instead of any. What was before the mailbox was deleted does not come back.
func readable[T any](revs revisions, instead *T, read func(keys.Revision) (*T, error)) (*T, error) {
	earlier := slices.SortedFunc(maps.Keys(revs.superseded), func(a, b keys.Revision) int { return b.Rev - a.Rev })
	for _, rev := range earlier {
		if rev.Gen != revs.settings.Gen {
			continue
		}
		set, err := read(rev)
		if err == nil {
			instead := *set
			return &instead, nil
		}
		if !errors.Is(err, storage.ErrCorrupt) && !errors.Is(err, storage.ErrNotExist) {
			return nil, err
		}
	}
	return instead, nil
}

// rewriteTenant does the same for the settings of the tenant. The defaults let nothing go.
func (s *Service) rewriteTenant(ctx context.Context, unreadable keys.Revision) (Action, error) {
	revs, err := s.tenantRevisions(ctx, true)
	if err != nil {
		return ActionNone, err
	}
	if revs.settings != unreadable {
		return ActionNone, errPassed
	}
	set, err := readable(revs, &TenantSettings{}, func(rev keys.Revision) (*TenantSettings, error) {
		return loadRevision(ctx, s, s.space.TenantAt(rev), rev, decodeTenantSettings)
	})
	if err != nil {
		return ActionNone, err
	}
	unreadable.Rev++
	won, err := s.writeTenantSettings(ctx, unreadable, set, nil)
	if won || errors.Is(err, errUncertain) {
		s.emit(EventTenantChanged, "", "", "")
	}
	if err == nil && !won {
		err = errPassed // another one did
	}
	return ActionRestored, err
}

// remake makes a mailbox whose settings were lost: in the life that its greetings and its PIN are of, if it has some.
func (s *Service) remake(ctx context.Context, box keys.Box) (Action, error) {
	rev := keys.Revision{Gen: 1}
	for _, folder := range box.Belongings() {
		for info, err := range storage.All(ctx, s.master, &storage.ListOptions{Prefix: folder, KeysOnly: true}) {
			if err != nil {
				return ActionNone, err
			}
			if gen, ok := keys.BelongsTo(info.Key[len(folder):]); ok && (keys.Revision{Gen: gen}).Exists() {
				rev.Gen = max(rev.Gen, gen)
			}
		}
	}
	return s.writeAgain(ctx, box, rev, &Settings{Disabled: true}, EventMailboxCreated)
}

// writeAgain writes settings in the place of those that were lost. Their owner's entry, if there is none, is found missing like any other.
func (s *Service) writeAgain(ctx context.Context, box keys.Box, rev keys.Revision, set *Settings, kind EventKind) (Action, error) {
	won, err := s.writeSettings(ctx, box, rev, set, set.Owner)
	if won || errors.Is(err, errUncertain) {
		s.emit(kind, s.idOf(box), "", "")
	}
	if err == nil && !won {
		err = errPassed // another one did
	}
	return ActionRestored, err
}

// quarantine takes a message out of sight, and looks then (rule 2): of one that is being deleted, the mark is taken back, and the deletion goes on.
func (s *Service) quarantine(ctx context.Context, box keys.Box, ref keys.Ref) (Action, error) {
	created, err := s.createMark(ctx, box, ref, keys.Quarantine)
	var st stay
	if err == nil {
		st, err = s.look(ctx, box, ref)
	}
	if err != nil {
		return ActionNone, err // what is damaged is not hidden for nothing
	}
	if st.remains() {
		if created && !st.forget {
			s.emit(EventQuarantined, s.idOf(box), MessageID(ref.ID), "")
		}
		return ActionQuarantined, nil
	}
	if created {
		back, cancel := withoutCancel(ctx)
		defer cancel()
		err = s.master.Delete(back, box.Mark(ref, keys.Quarantine))
	}
	return ActionNone, first(err, errPassed)
}

// ReleaseFromQuarantine takes a message out of the quarantine that [Service.Repair] put it into: agents see it again as it was, damaged or not. If a forget request restricts it of
// which there is no record, or that is closed, that restriction ends with it; one that is open stays. It returns ErrNotFound if the message is not in quarantine.
func (s *Service) ReleaseFromQuarantine(ctx context.Context, mailbox MailboxID, id MessageID) error {
	return s.fail("release from quarantine", mailbox, id, s.release(ctx, mailbox, id))
}

func (s *Service) release(ctx context.Context, mailbox MailboxID, id MessageID) error {
	box, st, err := s.quarantined(ctx, mailbox, id)
	if err != nil {
		return err
	}
	marks, why, err := s.lost(ctx, st)
	if err == nil {
		err = why
	}
	if err != nil {
		return err
	}
	var names []string
	for _, mark := range append(marks, keys.Quarantine) {
		names = append(names, box.Mark(st.ref, mark))
	}
	if err := s.master.Delete(ctx, names...); err != nil {
		return err
	}
	s.emit(EventUnquarantined, mailbox, id, "")
	return nil
}

// DeleteFromQuarantine deletes a message in quarantine with all that belongs to it, in every region, for good. It returns ErrNotFound if the message is not in quarantine, and ErrHeld if it is
// held, or restricted by a forget request that is open and will erase it. If its metadata cannot be read, its index entries stay until Maintain takes them away. A
// DeleteFromQuarantine that failed is finished by another one, or by Maintain.
func (s *Service) DeleteFromQuarantine(ctx context.Context, mailbox MailboxID, id MessageID) error {
	deleted, err := s.deleteQuarantined(ctx, mailbox, id)
	if deleted {
		s.emit(EventDeleted, mailbox, id, "")
	}
	return s.fail("delete from quarantine", mailbox, id, err)
}

func (s *Service) deleteQuarantined(ctx context.Context, mailbox MailboxID, id MessageID) (bool, error) {
	box, st, err := s.quarantined(ctx, mailbox, id)
	if err != nil {
		return false, err
	}
	lost, _, err := s.lost(ctx, st)
	if err != nil {
		return false, err
	}
	allowed := func(now *stay) error {
		for _, mark := range now.marks {
			if _, forget := keys.ParseForgetMark(mark); forget && !slices.Contains(lost, mark) {
				return fmt.Errorf("%w: a forget request restricts it, and will erase it", ErrHeld)
			}
		}
		switch {
		case now.hold:
			return ErrHeld
		case !now.quarantine:
			return ErrNotFound // released meanwhile
		}
		return nil
	}
	if err := allowed(st); err != nil {
		return false, err
	}
	meta, err := s.readMetadata(ctx, box, st.ref)
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged) {
		return false, err
	}
	now, err := s.erase(ctx, box, st.ref, meta, allowed)
	return now.gone, err
}

// quarantined returns the stay of a message in quarantine, also of one whose deletion was begun.
func (s *Service) quarantined(ctx context.Context, mailbox MailboxID, id MessageID) (keys.Box, *stay, error) {
	box, err := s.box(mailbox)
	if err != nil {
		return box, nil, err
	}
	if err := keys.CheckID(string(id)); err != nil {
		return box, nil, invalid("%v", err)
	}
	v, err := s.list(ctx, box, listing{prefix: string(id) + "-"})
	if err != nil {
		return box, nil, err
	}
	for i := range v.stays {
		if st := &v.stays[i]; st.committed && st.quarantine {
			return box, st, nil
		}
	}
	return box, nil, ErrNotFound
}
