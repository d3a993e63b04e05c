package voicemail

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/privacy"
	"github.com/genesys/voicemail/storage"
)

// discovery is one walk over what there is of a subject.
type discovery struct {
	*private
	subject           privacy.Subject
	tags              bool
	seen              map[privacy.Place]bool
	pending           map[string]*pendingRecord // by region and name: each is read once
	tagged            map[privacy.Place][]taggedObject
	listErrs, actErrs []error
}

func (p *private) Discover(ctx context.Context, s privacy.Subject, tags bool, act func(context.Context, *found) error) error {
	d := &discovery{
		private: p, subject: s, tags: tags,
		seen: map[privacy.Place]bool{}, pending: map[string]*pendingRecord{}, tagged: map[privacy.Place][]taggedObject{},
	}
	for range findRounds {
		fresh, err := d.round(ctx)
		if err != nil {
			return d.failures(err)
		}
		if len(fresh) == 0 {
			return d.failures(nil)
		}
		messages := byID(fresh)
		errs := make([]error, len(messages))
		p.parallel(len(messages), func(i int) {
			// Where a message comes from is looked at before where it goes to (rule 3): one that has left is committed by then.
			var failed []error
			for _, f := range messages[i] {
				ours, err := d.inspect(ctx, f)
				if err == nil && ours {
					err = act(ctx, f)
				}
				failed = append(failed, err)
			}
			errs[i] = errors.Join(failed...)
		})
		d.actErrs = appendErrors(d.actErrs, errs...)
	}
	return d.failures(in(p.regions.Master, errTooFast))
}

// taggedObject is what a tag search has found.
type taggedObject struct{ region, key string }

// failures joins all that went wrong.
func (d *discovery) failures(end error) error {
	return errors.Join(append(append(d.listErrs, d.actErrs...), end)...)
}

func appendErrors(list []error, errs ...error) []error {
	for _, err := range errs {
		if err != nil && len(list) < maxErrors {
			list = append(list, err)
		}
	}
	return list
}

// round lists what is new: where things come from before where they go to (rule 3).
func (d *discovery) round(ctx context.Context) ([]*found, error) {
	before := d.listErrs
	d.listErrs = nil // what failed in the round before is asked again
	fresh := map[privacy.Place]*found{}
	at := func(mailbox string, ref keys.Ref) *found {
		place := privacy.Place{Mailbox: mailbox, Ref: ref}
		if d.seen[place] {
			return nil
		}
		f, ok := fresh[place]
		if !ok {
			f = &found{Place: place}
			fresh[place] = f
		}
		return f
	}
	d.findPending(ctx, at)
	if err := d.findEntries(ctx, at); err != nil {
		return nil, in(d.regions.Master, err)
	}
	if d.tags {
		d.findTags(ctx, at)
	}
	if len(d.listErrs) == 0 {
		d.listErrs = before // what was found then may have been seen without what the listing that failed says of it
	}
	list := make([]*found, 0, len(fresh))
	for place, f := range fresh {
		d.seen[place] = true
		list = append(list, f)
	}
	return list, nil
}

// byID groups stays by message, each group in the order of its moves.
func byID(stays []*found) [][]*found {
	slices.SortFunc(stays, func(a, b *found) int {
		return cmp.Or(strings.Compare(a.Ref.ID, b.Ref.ID), cmp.Compare(a.Ref.Hop, b.Ref.Hop), strings.Compare(a.Mailbox, b.Mailbox))
	})
	var groups [][]*found
	for i, f := range stays {
		if i == 0 || f.Ref.ID != stays[i-1].Ref.ID {
			groups = append(groups, nil)
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], f)
	}
	return groups
}

func (d *discovery) findPending(ctx context.Context, at func(string, keys.Ref) *found) {
	for _, region := range d.regions.names() {
		for rec, err := range d.pendingOf(ctx, region, d.pending) {
			if err != nil {
				d.listErrs = appendErrors(d.listErrs, in(region, err))
				continue
			}
			if !shares(rec.Metadata.Caller.identities(), d.subject.Identities) {
				continue
			}
			if f := at(string(rec.Metadata.Mailbox), rec.Metadata.ref()); f != nil {
				f.Pending = append(f.Pending, region)
			}
		}
	}
}

func (d *discovery) findEntries(ctx context.Context, at func(string, keys.Ref) *found) error {
	x, err := d.callers(ctx)
	if err != nil {
		return err
	}
	for _, id := range d.subject.Identities {
		for info, err := range storage.All(ctx, d.master, &storage.ListOptions{Prefix: d.space.Caller(x.hash(id)), KeysOnly: true}) {
			if err != nil {
				return err
			}
			e, err := d.space.ParseCallerEntry(info.Key)
			if err != nil {
				continue // nothing of ours
			}
			if f := at(e.Mailbox, e.Ref); f != nil {
				f.Entries, f.Matched = append(f.Entries, info.Key), append(f.Matched, id)
			}
		}
	}
	return nil
}

// findTags asks the tag search, which lags behind and may be wrong: what it finds is looked at like the rest.
func (d *discovery) findTags(ctx context.Context, at func(string, keys.Ref) *found) {
	for _, region := range d.regions.names() {
		err := d.eachTagged(ctx, region, d.subject.Identities, func(key string) {
			mailbox, ref, err := d.space.ParseStay(key)
			if err != nil {
				mailbox, ref, err = d.space.ParseMedia(key)
			}
			if err == nil && at(mailbox, ref) != nil {
				place := privacy.Place{Mailbox: mailbox, Ref: ref}
				d.tagged[place] = append(d.tagged[place], taggedObject{region, key})
			}
		})
		d.listErrs = appendErrors(d.listErrs, in(region, err))
	}
}

const callerTag = "caller_id"

func (s *Service) eachTagged(ctx context.Context, region string, identities []string, f func(key string)) error {
	finder, ok := storage.As[storage.TagFinder](s.regions.Stores[region])
	if !ok {
		return nil
	}
	for _, id := range identities {
		for key, err := range finder.FindByTag(ctx, callerTag, id) {
			if errors.Is(err, storage.ErrInvalid) {
				break // no tag can have this value
			}
			if err != nil {
				return err
			}
			f(key)
		}
	}
	return nil
}

// inspect reads what there is of a stay, and reports whether it is the subject's and within the bounds.
func (d *discovery) inspect(ctx context.Context, f *found) (bool, error) {
	box, err := d.box(MailboxID(f.Mailbox))
	if err != nil {
		return false, nil // nothing of ours
	}
	var st stay
	var meta *metadata
	var lookErr, readErr error
	both(
		func() {
			var v *boxView
			if v, lookErr = d.list(ctx, box, listing{prefix: f.Ref.String() + ".", times: true}); lookErr == nil {
				st = v.stay(f.Ref)
			}
		},
		func() { meta, readErr = d.metadata(ctx, box, f.Ref) },
	)
	if lookErr != nil {
		return false, in(d.regions.Master, lookErr)
	}
	if errors.Is(readErr, ErrNotFound) && st.committed { // it came or went between the two
		if st, lookErr = d.look(ctx, box, f.Ref); lookErr != nil {
			return false, in(d.regions.Master, lookErr)
		}
		if st.committed {
			meta, readErr = d.metadata(ctx, box, f.Ref)
		}
	}
	f.Stay = st.public()
	switch {
	case errors.Is(readErr, ErrDamaged), errors.Is(readErr, storage.ErrCorrupt):
		f.Problem = readErr
	case errors.Is(readErr, ErrNotFound):
		for _, region := range f.Pending {
			if rec := d.pending[region+"/"+f.Ref.ID]; rec != nil {
				meta = rec.Metadata
			}
		}
	case readErr != nil:
		return false, in(d.regions.Master, readErr)
	}
	if meta == nil && len(f.Entries) == 0 && len(st.marks) == 0 {
		if there, err := d.anyThere(ctx, d.tagged[f.Place]); !there || err != nil {
			return false, err // the tag search lags behind
		}
	}
	received, _ := keys.Time(f.Ref.ID)
	if meta != nil {
		if len(f.Entries) == 0 && !shares(meta.Caller.identities(), d.subject.Identities) {
			return false, nil // a tag that is not so
		}
		m := d.newMessage(box, meta, st)
		e := meta.envelope()
		f.Envelope, f.State = &e, m.State()
		for _, id := range meta.Caller.identities() {
			if slices.Contains(d.subject.Identities, id) && !slices.Contains(f.Matched, id) {
				f.Matched = append(f.Matched, id)
			}
		}
		f.Open, f.Parts = m.openErasable, m.erasableParts
		received = meta.ReceivedAt
	}
	return (d.subject.Since.IsZero() || !received.Before(d.subject.Since)) && (d.subject.Until.IsZero() || received.Before(d.subject.Until)), nil
}

// anyThere reports whether one of the objects exists.
func (d *discovery) anyThere(ctx context.Context, objects []taggedObject) (bool, error) {
	for _, o := range objects {
		if there, err := storage.Exists(ctx, d.regions.Stores[o.region], o.key); there || err != nil {
			return there, in(o.region, err)
		}
	}
	return false, nil
}
