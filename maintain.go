package voicemail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// MaintainReport counts what a [Service.Maintain] did.
type MaintainReport struct {
	// Mailboxes and Messages were looked at.
	Mailboxes, Messages int
	// Expired, Aged and Purged messages were deleted since their time had come: their own expiry, the age that a mailbox keeps messages to, the time in its trash. See Cause.
	Expired, Aged, Purged int
	// Deletions and Moves were finished that a crash had left half done.
	Deletions, Moves int
	// Tombstones took the place of what marks a message as deleted.
	Tombstones int
	// Marks, Entries and Recordings that nothing refers to were taken away: state without a message, index entries without a message, audio
	// and parts without a message.
	Marks, Entries, Recordings int
	// Restrictions were lifted that the undoing of a forget request had left.
	Restrictions int
	// Remains of interrupted writes were removed from a storage that keeps such (see storage.Cleaner), of all its tenants; and of interrupted Pings.
	Remains int
	// Greetings were taken away that were superseded long enough, were never complete, or belonged to a deleted mailbox.
	Greetings int
	// Revisions of settings that were superseded for a day were taken away.
	Revisions int
	// Access are the names of package access that were taken away: PINs that were superseded for a day, tries that count no more, and what deleted mailboxes left.
	Access int
}

// Maintain goes over the tenant once: it deletes the messages that have expired or that [Retention] does not keep, finishes deletions and moves that a crash left half done, and takes away what
// failed operations left behind. Nothing that is younger than a day is taken for garbage, and nothing that belongs to a pending deposit. Run it every hour
// or so, from anywhere, also from several processes at once; it can be stopped at any point and started again.
//
// It lists everything once and opens little. What fails in one mailbox does not keep it from the others: the error joins all that failed, and the
// report counts what was done.
func (s *Service) Maintain(ctx context.Context) (MaintainReport, error) {
	k := s.newKeeper()
	for _, err := range k.waiting(ctx) {
		k.failed("", err)
	}
	k.failed("", k.settingsOfTenant(ctx))
	for m, err := range s.folders(ctx) {
		if err != nil {
			k.failed("", err)
			break
		}
		if ctx.Err() != nil {
			break
		}
		k.mailbox(ctx, m)
	}
	for _, region := range s.regions.names() {
		for _, task := range []func(context.Context, string) error{k.media, k.clean, k.probes} {
			k.failed("", in(region, task(ctx, region)))
		}
	}
	k.failed("", k.index(ctx))
	k.failed("", k.owners(ctx))
	k.failed("", k.greetings(ctx))
	k.failed("", k.access(ctx))
	k.failed("", ctx.Err())
	return k.report, errors.Join(k.errs...)
}

// keeper is one pass over the tenant, of Maintain or of Check and Repair.
type keeper struct {
	*Service
	now    time.Time
	report MaintainReport
	errs   []error
	tenant *TenantSettings // nil if they could not be read; then nothing goes by them

	pending map[string]bool          // the IDs that wait in some region
	blind   map[string]bool          // the regions of which that is not known
	undone  map[keys.Forgetting]bool // what was read of the logs of forget requests
}

func (s *Service) newKeeper() *keeper {
	return &keeper{Service: s, now: s.opts.Now(), pending: map[string]bool{}, blind: map[string]bool{}, undone: map[keys.Forgetting]bool{}}
}

// waiting lists the pending deposits of all regions, before anything else: a deposit that is not in the list any more is in its mailbox by then (rule 3). It returns why
// that is not known of some.
func (k *keeper) waiting(ctx context.Context) []error {
	var errs []error
	for _, region := range k.regions.names() {
		ids, err := k.pendingIDs(ctx, region)
		if err != nil {
			k.blind[region] = true
			errs = append(errs, in(region, fmt.Errorf("nothing was taken away that a pending deposit may need: %w", err)))
		}
		for _, id := range ids {
			k.pending[string(id)] = true
		}
	}
	return errs
}

// mayWait reports whether a message that is not committed may yet come in from some region.
func (k *keeper) mayWait(id string) bool { return len(k.blind) > 0 || k.pending[id] }

// maxErrors bounds what a pass remembers of what went wrong.
const maxErrors = 100

func (k *keeper) failed(mailbox MailboxID, err error) {
	if err != nil && len(k.errs) < maxErrors {
		k.errs = append(k.errs, k.fail("maintain", mailbox, "", err))
	}
}

func (k *keeper) age(t time.Time) time.Duration { return k.now.Sub(t) }

func (k *keeper) mailbox(ctx context.Context, m *mailbox) {
	box, err := k.box(m.id)
	if err != nil {
		return // nothing of ours
	}
	v, err := k.list(ctx, box, listing{times: true})
	if err != nil {
		k.failed(m.id, err)
		return
	}
	k.report.Mailboxes++
	retention, err := k.retentionOf(ctx, box, v)
	k.failed(m.id, err) // what has an expiry of its own goes all the same
	for i := range v.stays {
		if v.stays[i].committed {
			k.report.Messages++
		}
		if err := k.stay(ctx, m, box, &v.stays[i], retention); err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrHeld) {
			k.failed(m.id, err)
		}
	}
	if !v.exists() && v.settings != (keys.Revision{}) {
		k.failed(m.id, m.empty(ctx, box, v)) // its deletion was cut off, or something came in while it was deleted
	}
	k.failed(m.id, k.prune(ctx, v.superseded, box.SettingsAt))
}

func (k *keeper) stay(ctx context.Context, m *mailbox, box keys.Box, st *stay, r Retention) error {
	switch {
	case !st.committed && k.mayWait(st.ref.ID):
		return nil
	case st.forget && st.committed:
		return k.restricted(ctx, box, st)
	case st.forget && st.gone:
		return k.stray(ctx, box, st, keys.Forget) // what is left to be done for a deletion is done next time
	case st.gone:
		return k.gone(ctx, box, st)
	case !st.committed:
		return k.stray(ctx, box, st, "")
	case st.move && k.age(st.moveAt) > abandonedAge:
		return k.move(ctx, box, st)
	}
	return k.retain(ctx, m, box, st, r)
}

// gone finishes a deletion that somebody began and gave up, and after a day puts a tombstone in place of its marks.
func (k *keeper) gone(ctx context.Context, box keys.Box, st *stay) error {
	settled := k.age(st.newest) > garbageAge
	if k.age(st.goneAt) < abandonedAge || !settled && !st.committed && len(st.marks) == len(st.goneNames(box)) {
		return nil // somebody is at it, or it is done
	}
	meta, err := k.metadata(ctx, box, st.ref)
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged) {
		return err
	}
	committed := st.committed
	now, err := k.eraseStay(ctx, box, st.ref, meta, notRestricted)
	if errors.Is(err, ErrHeld) && committed && k.age(st.newest) > abandonedAge {
		// Whoever began the deletion was about to take its mark back. It must not hide what has to be kept.
		return k.master.Delete(ctx, st.goneNames(box)...)
	}
	if err != nil {
		return err
	}
	if committed {
		k.report.Deletions++
		k.emit(EventDeleted, k.idOf(box), MessageID(st.ref.ID), "")
	}
	if !settled {
		return nil
	}
	// Whoever commits from now on began more than a day ago; nobody does (rule 7).
	key, err := k.space.Tombstone(st.ref.ID)
	if err != nil {
		return err
	}
	if _, err := k.master.Create(ctx, key, nil, nil); err != nil && !errors.Is(err, storage.ErrExists) {
		return err
	}
	if err := k.master.Delete(ctx, now.goneNames(box)...); err != nil {
		return err
	}
	k.report.Tombstones++
	return nil
}

func (st *stay) goneNames(box keys.Box) []string {
	var names []string
	for _, mark := range st.marks {
		if strings.HasPrefix(mark, keys.Gone) {
			names = append(names, box.Mark(st.ref, mark))
		}
	}
	return names
}

// stray takes away the marks that start so, of a message that is not there.
func (k *keeper) stray(ctx context.Context, box keys.Box, st *stay, prefix string) error {
	if k.age(st.newest) < garbageAge {
		return nil
	}
	var names []string
	for _, mark := range st.marks {
		if strings.HasPrefix(mark, prefix) {
			names = append(names, box.Mark(st.ref, mark))
		}
	}
	if err := k.master.Delete(ctx, names...); err != nil {
		return err
	}
	k.report.Marks += len(names)
	return nil
}

// restricted lifts the restrictions of forget requests that were undone: one that was created while its request was being undone is nobody else's. Everything
// else is up to the requests.
func (k *keeper) restricted(ctx context.Context, box keys.Box, st *stay) error {
	var names []string
	left := 0
	for _, mark := range st.marks {
		if !strings.HasPrefix(mark, keys.Forget) {
			continue
		}
		f, ok := keys.ParseForgetMark(mark)
		if ok {
			var err error
			if ok, err = k.wasUndone(ctx, f); err != nil {
				return err
			}
		}
		if ok {
			names = append(names, box.Mark(st.ref, mark))
		} else {
			left++
		}
	}
	if len(names) == 0 {
		return nil
	}
	if err := k.master.Delete(ctx, names...); err != nil {
		return err
	}
	k.report.Restrictions += len(names)
	if left == 0 && !st.gone {
		k.emit(EventUnrestricted, k.idOf(box), MessageID(st.ref.ID), "")
	}
	return nil
}

// wasUndone reports whether the log of the case says so in the entry that decides.
func (k *keeper) wasUndone(ctx context.Context, f keys.Forgetting) (bool, error) {
	if undone, known := k.undone[f]; known {
		return undone, nil
	}
	kind, err := k.caseEntry(ctx, f.Case, f.Entry+1)
	if err != nil {
		return false, err
	}
	k.undone[f] = kind == "undo"
	return k.undone[f], nil
}

// caseEntry returns what an entry of the log of a forget request says, "" if there is none.
func (s *Service) caseEntry(ctx context.Context, name string, n int) (string, error) {
	doc, err := storage.ReadFile(ctx, s.master, s.space.CaseEntry(name, n), documentSize)
	if errors.Is(err, storage.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var entry struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal(doc, &entry) != nil || entry.Kind == "" {
		return "", fmt.Errorf("%w: the log of a forget request cannot be read", storage.ErrCorrupt)
	}
	return entry.Kind, nil
}

// move finishes a move that somebody began and gave up. One whose destination is not there any more is given up for good.
func (k *keeper) move(ctx context.Context, box keys.Box, st *stay) error {
	key := box.Mark(st.ref, keys.Move)
	c, _, err := k.readClaim(ctx, key)
	if errors.Is(err, storage.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	meta, err := k.metadata(ctx, box, st.ref)
	if err != nil {
		return err
	}
	msg := k.newMessage(box, meta, *st)
	_, moved, err := msg.moveTo(ctx, c.To)
	if moved {
		k.emit(EventMoved, c.To, meta.ID, meta.Mailbox)
	}
	if errors.Is(err, ErrNoMailbox) && k.age(st.moveAt) > garbageAge {
		return k.master.Delete(ctx, key)
	}
	if err != nil {
		return err
	}
	if moved {
		k.report.Moves++
	}
	return nil
}

// clean removes what the storage itself keeps of interrupted work.
func (k *keeper) clean(ctx context.Context, region string) error {
	cleaner, ok := storage.As[storage.Cleaner](k.regions.Stores[region])
	if !ok {
		return nil
	}
	n, err := cleaner.Clean(ctx)
	k.report.Remains += n
	return err
}

// probes takes away what a Ping left that was cut off.
func (k *keeper) probes(ctx context.Context, region string) error {
	st := k.regions.Stores[region]
	if _, ok := storage.As[storage.Pinger](st); ok {
		return nil
	}
	var names []string
	for info, err := range storage.All(ctx, st, &storage.ListOptions{Prefix: k.space.Probes()}) {
		if err != nil {
			return err
		}
		if k.age(info.Modified) > garbageAge {
			names = append(names, info.Key)
		}
	}
	if len(names) == 0 {
		return nil
	}
	k.report.Remains += len(names)
	return st.Delete(ctx, names...)
}
