package voicemail

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/privacy"
	"github.com/genesys/voicemail/storage"
)

// Erase deletes a stay for a forget request that was decided, restricted as it is. Unlike [Message.Delete] it goes on where a region fails: what lies
// in the others goes now.
func (p *private) Erase(ctx context.Context, at privacy.Place, entries []string) error {
	box, err := p.box(MailboxID(at.Mailbox))
	if err != nil {
		return err
	}
	meta, err := p.metadata(ctx, box, at.Ref)
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged) && !errors.Is(err, storage.ErrCorrupt) {
		return in(p.regions.Master, err)
	}
	st, err := p.announceErasure(ctx, box, at.Ref, notHeld)
	if err != nil {
		return in(p.regions.Master, err)
	}
	elsewhere, err := p.eraseMedia(ctx, box, at.Ref, meta)
	if err != nil {
		return err
	}
	if meta != nil {
		own, err := p.entries(ctx, box, meta)
		if err != nil {
			return in(p.regions.Master, err)
		}
		entries = append(slices.Clone(entries), own...)
	}
	others, err := residue(ctx, p.master, box.Stem(at.Ref))
	if err == nil {
		others = slices.DeleteFunc(others, func(name string) bool { return strings.HasPrefix(name, box.Stem(at.Ref)+keys.Gone) })
		err = p.removeNames(ctx, box, &st, append(slices.Clone(entries), others...))
	}
	return errors.Join(elsewhere, in(p.regions.Master, err))
}

// residue returns the objects below the prefixes of which a storage holds something beside them that goes with their deletion.
func residue(ctx context.Context, st storage.Store, prefixes ...string) ([]string, error) {
	residuer, ok := storage.As[storage.Residuer](st)
	if !ok {
		return nil, nil
	}
	var names []string
	for _, prefix := range prefixes {
		for res, err := range residuer.Residue(ctx, prefix) {
			if err != nil {
				return nil, err
			}
			if res.Key != "" {
				names = append(names, res.Key)
			}
		}
	}
	return names, nil
}

// notHeld lets a decided erasure delete what is not held.
func notHeld(st *stay) error {
	if st.hold {
		return ErrHeld
	}
	return nil
}

// eraseMedia deletes audio, parts and pending deposits of a stay in every region. Where the recording may lie, a failure is err: its metadata has to
// stay. What failed elsewhere is in the other error.
func (p *private) eraseMedia(ctx context.Context, box keys.Box, ref keys.Ref, meta *metadata) (elsewhere, err error) {
	names := p.regions.names()
	errs := make([]error, len(names))
	p.parallel(len(names), func(i int) {
		st := p.regions.Stores[names[i]]
		others, err := residue(ctx, st, box.MediaStem(ref), p.space.PendingAt(ref.ID))
		if err == nil {
			err = p.removeMedia(ctx, st, box.MediaStem(ref), append(others, p.space.PendingAt(ref.ID))...)
		}
		errs[i] = in(names[i], err)
	})
	for i, region := range names {
		if errs[i] != nil && (meta == nil || meta.Region == region) {
			return nil, errors.Join(errs...)
		}
	}
	return errors.Join(errs...), nil
}

func (p *private) Remains(ctx context.Context, at privacy.Place, entries []string) ([]privacy.Remain, error) {
	box, err := p.box(MailboxID(at.Mailbox))
	if err != nil {
		return nil, err
	}
	regions := p.Regions()
	left := make([][]privacy.Remain, len(regions))
	errs := make([]error, len(regions))
	p.parallel(len(regions), func(i int) {
		left[i], errs[i] = p.remains(ctx, regions[i], box, at.Ref, entries)
	})
	return slices.Concat(left...), errors.Join(errs...)
}

func (p *private) remains(ctx context.Context, r privacy.Region, box keys.Box, ref keys.Ref, entries []string) ([]privacy.Remain, error) {
	var left []privacy.Remain
	add := func(key, why string) { left = append(left, privacy.Remain{Region: r.Name, Key: key, Why: why}) }
	stems, names := []string{box.MediaStem(ref)}, []string{p.space.PendingAt(ref.ID)}
	if r.Name == p.regions.Master {
		stems, names = append(stems, box.Stem(ref)), append(names, entries...)
	}
	for _, stem := range stems {
		for info, err := range storage.All(ctx, r.Store, &storage.ListOptions{Prefix: stem, KeysOnly: true}) {
			if err != nil {
				return nil, in(r.Name, err)
			}
			if !strings.HasPrefix(info.Key, box.Stem(ref)+keys.Gone) {
				add(info.Key, "")
			}
		}
	}
	for _, name := range names {
		there, err := storage.Exists(ctx, r.Store, name)
		if err != nil {
			return nil, in(r.Name, err)
		}
		if there {
			add(name, "")
		}
	}
	residuer, ok := storage.As[storage.Residuer](r.Store)
	if !ok {
		return left, nil
	}
	for _, stem := range append(stems, names...) {
		for res, err := range residuer.Residue(ctx, stem) {
			if err != nil {
				return nil, in(r.Name, err)
			}
			if !strings.HasPrefix(res.Key, box.Stem(ref)+keys.Gone) {
				add(res.Key, res.Why)
			}
		}
	}
	return left, nil
}
