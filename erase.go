package voicemail

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

func (m *message) Delete(ctx context.Context) error {
	hidden, err := m.delete(ctx)
	if hidden {
		m.svc.emit(EventDeleted, m.meta.Mailbox, m.meta.ID, "")
	}
	return m.fail("delete", err)
}

// delete reports whether it hid a message that could be seen until then, also if it could not remove all of it.
func (m *message) delete(ctx context.Context) (bool, error) {
	st, err := m.svc.look(ctx, m.box, m.ref())
	switch {
	case err != nil:
		return false, err
	case st.forget, st.quarantine && !st.gone:
		return false, ErrNotFound
	case !st.committed && !st.gone:
		return false, ErrNotFound
	case st.hold && !st.gone:
		return false, ErrHeld
	}
	visible := st.visible()
	now, err := m.svc.erase(ctx, m.box, m.ref(), m.meta, notRestricted)
	return visible && now.gone, err
}

// may says what an erasure heeds.
type may func(st *stay) error

// notRestricted lets agents and retention erase what is neither held nor restricted. A quarantine that comes in the middle of a deletion does not stop it.
func notRestricted(st *stay) error {
	switch {
	case st.hold:
		return ErrHeld
	case st.forget:
		return ErrNotFound
	}
	return nil
}

// erase deletes a stay of a message, with everything of it in every region (rule 5): the gone mark first, which hides it; then a look at whether it may
// be deleted, and if not, the mark is taken back (rule 2); then, of a message that is being moved, the parts follow it; then audio and parts, metadata, and last index entries and marks. The gone mark stays for
// Maintain. A crash at any point leaves what another erase, or Maintain, finishes. meta may be nil if it is not there any more. The result is
// what was seen of the message after the gone mark; it is gone if the mark may be there still, also beside an error.
//
// If the message was moved here and the move broke off, it is ended first: what is deleted here must not come back from there.
func (s *Service) erase(ctx context.Context, box keys.Box, ref keys.Ref, meta *metadata, allowed may) (stay, error) {
	if meta != nil {
		if err := s.endMove(ctx, box, meta); err != nil {
			return stay{ref: ref}, err
		}
	}
	return s.eraseStay(ctx, box, ref, meta, allowed)
}

// eraseStay is erase of what a move has brought and may take back, which leaves where it came from as it is.
func (s *Service) eraseStay(ctx context.Context, box keys.Box, ref keys.Ref, meta *metadata, allowed may) (stay, error) {
	st, err := s.announceErasure(ctx, box, ref, allowed)
	if err == nil && st.move && meta != nil {
		err = s.followed(ctx, box, &st, meta)
	}
	if err != nil {
		return st, err
	}
	return st, s.remove(ctx, box, &st, meta)
}

// endMove ends the move that has brought a message to a mailbox, if whoever moved it broke off: it erases what is left where the message came from. It does so
// only if the message is here, also after the gone mark there: if the move was taken back because of a hold, what is there is all that there is.
func (s *Service) endMove(ctx context.Context, here keys.Box, meta *metadata) error {
	if meta.MovedFrom == nil || meta.MovedFrom.Hop >= meta.Hop {
		return nil
	}
	box, err := s.box(meta.MovedFrom.Mailbox)
	if err != nil {
		return err
	}
	st, err := s.look(ctx, box, keys.Ref{ID: string(meta.ID), Hop: meta.MovedFrom.Hop})
	if err != nil || !st.committed {
		return err
	}
	there := func() error {
		now, err := s.look(ctx, here, meta.ref())
		if err == nil && !now.remains() {
			err = errNotArrived
		}
		return err
	}
	if err := there(); err != nil {
		return arrivedNot(err)
	}
	left, err := s.metadata(ctx, box, st.ref)
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged) {
		return err
	}
	now, err := s.erase(ctx, box, st.ref, left, func(now *stay) error {
		return first(notRestricted(now), there())
	})
	if st.visible() && now.gone {
		s.emit(EventMoved, meta.Mailbox, meta.ID, meta.MovedFrom.Mailbox)
	}
	return arrivedNot(err)
}

// errNotArrived says that a move has not brought a message, or was taken back.
var errNotArrived = errors.New("the message is not where it was moved")

// arrivedNot returns err, unless it says that there is no move to end. What its mark could not be taken back for is left to Maintain.
func arrivedNot(err error) error {
	if errors.Is(err, errNotArrived) {
		return nil
	}
	return err
}

// announceErasure creates a gone mark and looks whether the stay may be deleted. If not, the mark is taken back.
func (s *Service) announceErasure(ctx context.Context, box keys.Box, ref keys.Ref, allowed may) (stay, error) {
	mark := box.Mark(ref, keys.Gone+s.ids.nonce())
	st := stay{ref: ref}
	_, err := s.master.Create(ctx, mark, nil, nil)
	if err == nil {
		var v *boxView
		if v, err = s.list(ctx, box, listing{prefix: ref.String() + ".", times: true}); err == nil {
			st = v.stay(ref)
		}
	}
	if err == nil {
		err = allowed(&st)
	}
	if err == nil {
		return st, nil
	}
	back, cancel := withoutCancel(ctx)
	defer cancel()
	undo := s.master.Delete(back, mark)
	if st.gone = undo != nil; st.gone {
		err = errors.Join(err, undo) // the message stays hidden until Maintain has looked at it
	}
	return st, err
}

// remove deletes everything of a stay but its gone marks.
func (s *Service) remove(ctx context.Context, box keys.Box, st *stay, meta *metadata) error {
	names := s.regions.names()
	errs := make([]error, len(names))
	s.parallel(len(names), func(i int) {
		errs[i] = in(names[i], s.removeMedia(ctx, s.regions.Stores[names[i]], box.MediaStem(st.ref)))
	})
	if err := first(errs...); err != nil {
		return err
	}
	var entries []string
	if meta != nil {
		var err error
		if entries, err = s.entries(ctx, box, meta); err != nil {
			return err
		}
	}
	return s.removeNames(ctx, box, st, entries)
}

// removeNames deletes the metadata of a stay, and then its index entries and all marks but those that say that it is gone.
func (s *Service) removeNames(ctx context.Context, box keys.Box, st *stay, entries []string) error {
	last := slices.Clone(entries)
	for _, mark := range st.marks {
		if !strings.HasPrefix(mark, keys.Gone) {
			last = append(last, box.Mark(st.ref, mark))
		}
	}
	if err := s.master.Delete(ctx, box.Meta(st.ref)); err != nil {
		return err
	}
	s.cache.drop(box.Meta(st.ref))
	if len(last) == 0 {
		return nil
	}
	return s.master.Delete(ctx, last...)
}

// removeMedia deletes the audio and all parts of a message in one region, and others.
func (s *Service) removeMedia(ctx context.Context, st storage.Store, stem string, others ...string) error {
	names := slices.Clone(others)
	for info, err := range storage.All(ctx, st, &storage.ListOptions{Prefix: stem, KeysOnly: true}) {
		if err != nil {
			return err
		}
		names = append(names, info.Key)
	}
	if len(names) == 0 {
		return nil
	}
	return st.Delete(ctx, names...)
}
