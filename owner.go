package voicemail

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// OwnerKind says what owns a mailbox.
type OwnerKind string

// A mailbox is a user's own, or a group's and so of every member.
const (
	OwnerUser  OwnerKind = "user"
	OwnerGroup OwnerKind = "group"
)

// Owner is who a mailbox belongs to. The zero value is nobody.
type Owner struct {
	Kind OwnerKind `json:"kind"`
	// ID is the application's name of the user or group: 1 to 192 bytes, of which each one other than a-z, 0-9 and - counts three. It is part of names.
	ID string `json:"id"`
}

// User returns the owner of a personal mailbox.
func User(id string) Owner { return Owner{OwnerUser, id} }

// Group returns the owner of a group mailbox.
func Group(id string) Owner { return Owner{OwnerGroup, id} }

func (o Owner) check() error {
	switch {
	case o == Owner{}:
		return nil
	case o.Kind != OwnerUser && o.Kind != OwnerGroup:
		return invalid("owner: kind %q is neither user nor group", string(o.Kind))
	}
	if _, err := keys.Escape(o.ID, keys.MaxOwner); err != nil {
		return invalid("owner: %v", err)
	}
	return nil
}

// owned is the folder of the owner's entries.
func (s *Service) owned(o Owner) (string, error) {
	if err := o.check(); err != nil {
		return "", err
	}
	return s.space.Owner(string(o.Kind), o.ID)
}

// announceOwner creates the owner's entry for a revision of settings that is about to be written, so that whatever has an owner is found by them. Entries are named for the revision, so
// none is created that somebody is about to take away. A user who has too many mailboxes with it is refused; the entry that stays then means nothing.
func (s *Service) announceOwner(ctx context.Context, box keys.Box, o Owner, rev keys.Revision) error {
	folder, err := s.owned(o)
	if err != nil {
		return err
	}
	if _, err := s.master.Create(ctx, box.OwnerEntry(folder, rev), nil, nil); err != nil && !errors.Is(err, storage.ErrExists) {
		return err
	}
	if o.Kind != OwnerUser {
		return nil
	}
	limit := s.opts.Limits.MailboxesPerUser
	others, err := s.ownersMailboxes(ctx, folder)
	if err != nil {
		return err
	}
	others = slices.DeleteFunc(others, func(id MailboxID) bool { return id == s.idOf(box) })
	if len(others) < limit {
		return nil
	}
	if others, err = s.ofOwner(ctx, others, o); err != nil {
		return err
	}
	if len(others) >= limit {
		return &QuotaError{Quota: mailboxQuota, Limit: int64(limit), Used: int64(len(others))}
	}
	return nil
}

// ownersMailboxes lists the mailboxes that an owner has entries of, sorted. Some may have another owner by now.
func (s *Service) ownersMailboxes(ctx context.Context, folder string) ([]MailboxID, error) {
	var ids []MailboxID
	for info, err := range storage.All(ctx, s.master, &storage.ListOptions{Prefix: folder, KeysOnly: true}) {
		if err != nil {
			return nil, err
		}
		if e, err := s.space.ParseOwnerEntry(info.Key); err == nil {
			ids = append(ids, MailboxID(e.Mailbox))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// ofOwner returns those of the mailboxes whose settings name the owner.
func (s *Service) ofOwner(ctx context.Context, ids []MailboxID, o Owner) ([]MailboxID, error) {
	theirs := make([]bool, len(ids))
	errs := make([]error, len(ids))
	s.parallel(len(ids), func(i int) {
		set, _, _, err := s.mailbox(ids[i]).currentSettings(ctx)
		if errors.Is(err, ErrNoMailbox) {
			return
		}
		theirs[i], errs[i] = err == nil && set.Owner == o, err
	})
	if err := first(errs...); err != nil {
		return nil, err
	}
	var list []MailboxID
	for i, id := range ids {
		if theirs[i] {
			list = append(list, id)
		}
	}
	return list, nil
}

// MailboxesOf yields the mailboxes of a user: their own, and those of the groups that the application says they are in; each once, in this order of owners, sorted by ID
// within each. It costs one listing for each owner, and a look at the settings of each mailbox. An error ends it.
func (s *Service) MailboxesOf(ctx context.Context, user string, groups ...string) iter.Seq2[Mailbox, error] {
	return func(yield func(Mailbox, error) bool) {
		owners := []Owner{User(user)}
		for _, g := range groups {
			owners = append(owners, Group(g))
		}
		seen := map[MailboxID]bool{}
		for _, o := range owners {
			folder, err := s.owned(o)
			var ids []MailboxID
			if err == nil {
				ids, err = s.ownersMailboxes(ctx, folder)
			}
			if err == nil {
				ids, err = s.ofOwner(ctx, ids, o)
			}
			if err != nil {
				yield(nil, s.fail("list mailboxes of an owner", "", "", err))
				return
			}
			for _, id := range ids {
				if seen[id] {
					continue
				}
				seen[id] = true
				if !yield(s.mailbox(id), nil) {
					return
				}
			}
		}
	}
}

// leaveOwner takes away an owner's entries for a mailbox of before a revision that names another one.
func (s *Service) leaveOwner(ctx context.Context, box keys.Box, o Owner, before keys.Revision) error {
	if o == (Owner{}) {
		return nil
	}
	folder, err := s.owned(o)
	if err != nil {
		return err
	}
	var names []string
	for info, err := range storage.All(ctx, s.master, &storage.ListOptions{Prefix: box.OwnerEntries(folder), KeysOnly: true}) {
		if err != nil {
			return err
		}
		if e, err := s.space.ParseOwnerEntry(info.Key); err == nil && e.Revision.Less(before) {
			names = append(names, info.Key)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return s.master.Delete(ctx, names...)
}

// owners takes away entries that are a day old and of an owner that the settings do not name.
func (k *keeper) owners(ctx context.Context) error {
	var stale []string
	for o, err := range k.oldOwners(ctx) {
		if err != nil {
			return err
		}
		if _, is, err := k.stale(ctx, o.OwnedEntry); err != nil {
			return err
		} else if is {
			stale = append(stale, o.key)
		}
	}
	if len(stale) == 0 {
		return nil
	}
	k.report.Entries += len(stale)
	return k.master.Delete(ctx, stale...)
}

// ownedKey is an entry of the index of owners and its name.
type ownedKey struct {
	keys.OwnedEntry
	key string
}

// oldOwners yields the entries of the index of owners that are a day old.
func (k *keeper) oldOwners(ctx context.Context) iter.Seq2[ownedKey, error] {
	return func(yield func(ownedKey, error) bool) {
		for info, err := range storage.All(ctx, k.master, &storage.ListOptions{Prefix: k.space.Owners()}) {
			if err != nil {
				yield(ownedKey{}, err)
				return
			}
			e, err := k.space.ParseOwnerEntry(info.Key)
			if err != nil || k.age(info.Modified) < garbageAge {
				continue
			}
			if !yield(ownedKey{e, info.Key}, nil) {
				return
			}
		}
	}
}

// stale reports whether the settings name another owner than the entry, and which revision does. An entry that is ahead of the settings was announced by
// somebody who gave up, or who is very slow; its revision may yet be written by another one.
func (k *keeper) stale(ctx context.Context, e keys.OwnedEntry) (keys.Revision, bool, error) {
	set, rev, _, err := k.Service.mailbox(MailboxID(e.Mailbox)).currentSettings(ctx)
	if err != nil && !errors.Is(err, ErrNoMailbox) {
		return rev, false, err
	}
	return rev, (err != nil || set.Owner != (Owner{OwnerKind(e.Kind), e.Owner})) && e.Revision.Less(rev), nil
}
