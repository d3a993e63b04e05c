package voicemail

import (
	"context"
	"errors"
	"slices"
)

// withdraw takes back what this deposit created beside the message that has its ID, and that is not the message's: nobody will commit it any more, and
// Maintain does not tell it from what belongs to the message.
func (d *deposit) withdraw(ctx context.Context, stored *metadata) {
	ctx, cancel := withoutCancel(ctx)
	defer cancel()
	s := d.m.svc
	err := d.withdrawAudio(ctx, stored)
	var theirs []string
	if err == nil {
		theirs, err = s.entries(ctx, d.box, stored)
	}
	names := slices.DeleteFunc(slices.Clone(d.entries), func(name string) bool { return slices.Contains(theirs, name) })
	if err == nil && len(names) > 0 {
		err = s.master.Delete(ctx, names...)
	}
	if err != nil {
		s.opts.Logger.WarnContext(ctx, "a deposit that was refused left names beside a message", "mailbox", string(d.m.id), "message", string(d.meta.ID))
	}
}

// withdrawAudio takes back the audio that this deposit created, if it is not that of stored.
func (d *deposit) withdrawAudio(ctx context.Context, stored *metadata) error {
	if !d.uploaded || d.meta.Ext == stored.Ext && d.meta.Region == stored.Region {
		return nil
	}
	return d.m.svc.regions.Stores[d.meta.Region].Delete(ctx, d.box.Audio(d.meta.ref(), d.meta.Ext))
}

// dead reports whether the ID is not committed and never will be.
func (d *deposit) dead(why error) bool {
	return errors.Is(why, ErrGone) && d.view != nil && !d.view.stay(d.meta.ref()).committed
}

// abandon takes back what a deposit created that will not be committed, and returns why. It does so only if nobody else can be about to commit the
// same ID; else Maintain does, a day later. What cannot be taken back now is left to Maintain, too.
func (d *deposit) abandon(ctx context.Context, why error) error {
	if !d.fresh && !d.dead(why) {
		return why
	}
	ctx, cancel := withoutCancel(ctx)
	defer cancel()
	s := d.m.svc
	var err error
	var names []string
	if !d.doubtful { // an index entry stays as long as audio may be left that it finds
		names = append(names, d.entries...)
	}
	if d.uploaded {
		err = s.regions.Stores[s.regions.Local].Delete(ctx, d.box.Audio(d.meta.ref(), d.meta.Ext))
		for _, mark := range d.marks() {
			names = append(names, d.box.Mark(d.meta.ref(), mark))
		}
	}
	if err == nil && len(names) > 0 {
		err = s.master.Delete(ctx, names...)
	}
	if err != nil {
		s.opts.Logger.WarnContext(ctx, "a failed deposit left names behind, which Maintain takes away", "mailbox", string(d.m.id), "message", string(d.meta.ID))
	}
	return why
}
