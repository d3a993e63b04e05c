package voicemail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// SyncReport counts what a [Service.Sync] did.
type SyncReport struct {
	// Synced deposits are in their mailboxes now.
	Synced int
	// Dropped deposits were deleted, since their messages were deleted or erased already.
	Dropped int
	// Kept deposits could not be brought in. They stay where they are, and so does their audio, until somebody does something about it.
	Kept []KeptDeposit
}

// KeptDeposit is a pending deposit that cannot be brought into its mailbox.
type KeptDeposit struct {
	// Message and Mailbox say what was deposited; Mailbox is empty if the record cannot be read.
	Message MessageID
	Mailbox MailboxID
	// Region is where the deposit waits.
	Region string
	// Err is why: ErrNoMailbox; ErrDamaged, the audio or the record; errors.ErrUnsupported, a later version of the library wrote the record; ErrConflict,
	// another recording is in the mailbox under this ID; ErrHeld, it is deleted and held at once.
	Err error
}

// Sync brings the pending deposits of all regions into their mailboxes: those that were taken while the master region could not be reached. They were
// acknowledged, so they come in also where the mailbox is disabled or full by now. A message that was restricted meanwhile is restricted from the start. Run
// it every few minutes, from anywhere, also from several processes at once; it can be stopped at any point and started again.
//
// What fails in one region does not keep the others from their mailboxes: the error joins all that failed, each an [*Error] that names its region, and
// the report counts what was done.
func (s *Service) Sync(ctx context.Context) (SyncReport, error) {
	regions := s.regions.names()
	lists, errs := make([][]MessageID, len(regions)), make([]error, len(regions))
	list := func(i int) { lists[i], errs[i] = s.pendingIDs(ctx, regions[i]) }
	if list(0); errs[0] == nil { // nothing can be done without the master region
		s.parallel(len(regions)-1, func(i int) { list(i + 1) })
	}
	var all []KeptDeposit
	for i, region := range regions {
		errs[i] = s.fail("sync", "", "", in(region, errs[i]))
		for _, id := range lists[i] {
			all = append(all, KeptDeposit{Message: id, Region: region})
		}
	}
	outcomes := make([]outcome, len(all))
	s.parallel(len(all), func(i int) {
		if ctx.Err() == nil {
			a := &arrival{Service: s, region: all[i].Region, id: all[i].Message}
			outcomes[i], all[i].Err = a.run(ctx)
			all[i].Mailbox = a.mailbox()
		}
	})
	var report SyncReport
	for i, d := range all {
		switch outcomes[i] {
		case synced:
			report.Synced++
		case dropped:
			report.Dropped++
		case kept:
			report.Kept = append(report.Kept, d)
			continue
		}
		if d.Err != nil && len(errs) < maxErrors {
			errs = append(errs, s.fail("sync", d.Mailbox, d.Message, d.Err))
		}
	}
	return report, errors.Join(append(errs, s.fail("sync", "", "", ctx.Err()))...)
}

// arrival is a pending deposit on its way into its mailbox.
type arrival struct {
	*Service
	region string
	id     MessageID
	rec    *pendingRecord // nil before it was read
	box    keys.Box
	began  time.Time // by the monotonic clock
}

type outcome int

const (
	undone outcome = iota // it was done by another one meanwhile, or err says why it could not be done now
	synced
	dropped
	kept // err says why
)

func (a *arrival) mailbox() MailboxID {
	if a.rec == nil {
		return ""
	}
	return a.rec.Metadata.Mailbox
}

func (a *arrival) run(ctx context.Context) (outcome, error) {
	a.began = time.Now()
	var err error
	a.rec, err = a.readPending(ctx, a.region, a.id)
	switch {
	case errors.Is(err, storage.ErrNotExist):
		return undone, nil
	case errors.Is(err, ErrDamaged), errors.Is(err, errLaterRecord):
		return kept, err
	case err != nil:
		return undone, in(a.region, err)
	}
	if a.box, err = a.Service.box(a.mailbox()); err != nil {
		return kept, fmt.Errorf("%w: its mailbox: %w", ErrDamaged, err)
	}
	if done, what, err := a.decided(ctx); done {
		return what, err
	}
	switch _, err := a.Service.mailbox(a.mailbox()).existing(ctx, listing{prefix: "set-"}); {
	case errors.Is(err, ErrNoMailbox):
		return kept, err
	case err != nil:
		return undone, err
	}
	return a.arrive(ctx)
}

// decided looks at the names of the message. If it is committed or gone, what remains to be done with the deposit is done.
func (a *arrival) decided(ctx context.Context) (done bool, what outcome, err error) {
	v, err := a.list(ctx, a.box, listing{prefix: string(a.id) + "-"})
	if err != nil {
		return true, undone, err
	}
	st := v.stay(a.rec.Metadata.ref())
	if st.committed {
		what, err = a.committed(ctx)
		return true, what, err
	}
	gone := false
	for i := range v.stays {
		gone = gone || v.stays[i].gone
	}
	if !gone { // a gone mark becomes a tombstone before it goes (rule 3)
		err = a.tombstone(ctx, a.id)
	}
	switch {
	case gone && st.hold:
		return true, kept, ErrHeld // one of the two is about to be taken back
	case gone, errors.Is(err, ErrGone):
		what, err = a.drop(ctx)
		return true, what, err
	}
	return err != nil, undone, err
}

// arrive makes the message from what waits, as a deposit does: index, marks, commit. The look that decides comes after the index (rule 2).
func (a *arrival) arrive(ctx context.Context) (outcome, error) {
	meta := a.rec.Metadata
	entries, err := a.entries(ctx, a.box, meta)
	if err != nil {
		return undone, err
	}
	var announceErr, audioErr error
	both(
		func() { announceErr = a.announce(ctx, entries, a.young) },
		func() { audioErr = a.checkAudio(ctx) },
	)
	if announceErr != nil && !errors.Is(announceErr, errStale) {
		return undone, announceErr
	}
	if done, what, err := a.decided(ctx); done {
		return what, err
	}
	if err := first(announceErr, audioErr); err != nil {
		return a.broken(ctx, err)
	}
	if err := a.createMarks(ctx, a.box, meta.ref(), a.rec.Marks); err != nil {
		return undone, err
	}
	if time.Since(a.began) > commitWithin {
		return undone, fmt.Errorf("%w: it took longer than %v; sync again", storage.ErrUnavailable, commitWithin)
	}
	ours, err := a.createOnce(ctx, a.master, a.box.Meta(meta.ref()), a.rec.doc, a.tags(meta))
	switch {
	case errors.Is(err, errUncertain):
		a.emit(EventSynced, meta.Mailbox, a.id, "")
		return undone, err
	case err != nil:
		return undone, err
	case !ours:
		return a.committed(ctx)
	}
	return a.finish(ctx)
}

// young reports whether an index entry that was there already cannot be taken for garbage before the message is committed. Maintain leaves alone what
// belongs to a pending deposit; so an entry was in danger only before the deposit was put off, and for as long after it as a pass may last that did not know.
func (a *arrival) young(created time.Time) bool {
	return a.rec.at.Sub(created) <= garbageAge/2 || !a.recent(a.rec.at)
}

// checkAudio reports whether the recording is there, whole.
func (a *arrival) checkAudio(ctx context.Context) error {
	meta := a.rec.Metadata
	info, err := a.regions.Stores[a.region].Stat(ctx, a.box.Audio(meta.ref(), meta.Ext))
	switch {
	case errors.Is(err, storage.ErrNotExist):
		return fmt.Errorf("%w: its recording is not there", ErrDamaged)
	case err != nil:
		return in(a.region, err)
	case info.Size != meta.Size:
		return fmt.Errorf("%w: the recording has %d bytes, not %d", ErrDamaged, info.Size, meta.Size)
	}
	return nil
}

// broken is the end of an arrival that found something missing; unless that is so since another one has finished it.
func (a *arrival) broken(ctx context.Context, why error) (outcome, error) {
	if !errors.Is(why, ErrDamaged) && !errors.Is(why, errStale) {
		return undone, why
	}
	there, err := storage.Exists(ctx, a.regions.Stores[a.region], a.space.PendingAt(string(a.id)))
	if err != nil || !there {
		return undone, in(a.region, err)
	}
	return kept, why
}

// committed ends a deposit whose ID is committed: by an earlier Sync, by the deposit itself, or by a retry of it, maybe in another region.
func (a *arrival) committed(ctx context.Context) (outcome, error) {
	meta := a.rec.Metadata
	stored, err := a.metadata(ctx, a.box, meta.ref())
	switch {
	case errors.Is(err, ErrNotFound): // deleted meanwhile
		return a.drop(ctx)
	case errors.Is(err, ErrDamaged):
		return kept, err
	case err != nil:
		return undone, err
	case !stored.sameDeposit(meta):
		return kept, errOtherRecording
	}
	if stored.Region != a.region || stored.Ext != meta.Ext {
		if err := a.regions.Stores[a.region].Delete(ctx, a.box.Audio(meta.ref(), meta.Ext)); err != nil {
			return undone, in(a.region, err)
		}
	}
	return a.finish(ctx)
}

// finish tells of the message, which is in its mailbox now, and deletes the record. It may tell twice, so that a crash before does not leave a lamp dark.
func (a *arrival) finish(ctx context.Context) (outcome, error) {
	a.emit(EventSynced, a.mailbox(), a.id, "")
	return synced, in(a.region, a.deleteRecord(ctx))
}

// drop deletes a deposit whose message is gone. The record goes last: it is what all of it is found by.
func (a *arrival) drop(ctx context.Context) (outcome, error) {
	meta := a.rec.Metadata
	if err := a.removeMedia(ctx, a.regions.Stores[a.region], a.box.MediaStem(meta.ref())); err != nil {
		return undone, in(a.region, err)
	}
	entries, err := a.entries(ctx, a.box, meta)
	if err == nil && len(entries) > 0 {
		err = a.master.Delete(ctx, entries...)
	}
	if err == nil {
		err = in(a.region, a.deleteRecord(ctx))
	}
	if err != nil {
		return undone, err
	}
	return dropped, nil
}

func (a *arrival) deleteRecord(ctx context.Context) error {
	return a.regions.Stores[a.region].Delete(ctx, a.space.PendingAt(string(a.id)))
}
