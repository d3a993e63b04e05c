package voicemail

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// followed takes the parts of a stay that is deleted to where the message was moved, if it was.
func (s *Service) followed(ctx context.Context, box keys.Box, st *stay, meta *metadata) error {
	c, _, err := s.readClaim(ctx, box.Mark(st.ref, keys.Move))
	if errors.Is(err, storage.ErrNotExist) || errors.Is(err, storage.ErrCorrupt) {
		return nil // whoever ended the move has done so, or nobody can have moved the message
	}
	if err != nil {
		return err
	}
	to, err := s.box(c.To)
	if err != nil {
		return err
	}
	v, err := s.list(ctx, to, listing{prefix: st.ref.ID + "-"})
	if err != nil {
		return err
	}
	for _, there := range v.stays {
		if there.ref.Hop <= st.ref.Hop || !there.remains() {
			continue
		}
		arrived, err := s.metadata(ctx, to, there.ref)
		if err == nil {
			err = s.newMessage(to, arrived, there).follow(ctx, s.newMessage(box, meta, *st), nil)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// follow takes over the parts that a message has where it is being moved away from. It comes after the gone mark there: whoever was told that a part is
// added had looked before, so the part is listed. A part keeps its number, unless another one was added here under it meanwhile. have are those that it has.
func (m *message) follow(ctx context.Context, from *message, have []storedPart) error {
	list, err := from.parts(ctx)
	if err != nil {
		return err
	}
	st, err := m.svc.region(from.meta.Region)
	if err != nil {
		return err
	}
	for _, p := range list { // in order, so that of two that cannot keep their number the newer one stays the newer
		if slices.ContainsFunc(have, func(other storedPart) bool { return other.Part == p.Part }) {
			continue
		}
		key := from.box.Part(from.ref(), p.Part)
		body := &ranges{ctx: ctx, store: st, region: from.meta.Region, what: "part", key: key, size: p.size, fail: func(err error) error { return err }}
		_, _, err := m.put(ctx, &partDraft{kind: p.Kind, ext: p.Ext, revision: p.Revision, size: p.size, body: func() io.ReadSeeker {
			_, _ = body.Seek(0, io.SeekStart)
			return body
		}}, (*stay).remains)
		_ = body.Close() // only read from
		if errors.Is(err, ErrNotFound) {
			return nil // the message is deleted here, too
		}
		if err != nil {
			if there, look := storage.Exists(ctx, st, key); look == nil && !there {
				continue // another one who ends the same move has taken it
			}
			return err
		}
	}
	return nil
}
