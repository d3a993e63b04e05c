package voicemail

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// entry is a name of a mailbox's access and when it was created.
type entry struct {
	keys.Access
	at time.Time
}

// access takes away of every mailbox what has said nothing for a day: PINs that were followed by others, tries that count no more, and what belongs to a
// mailbox that was deleted. The last revision and the last reset stay, so that no number is given out twice.
func (k *keeper) access(ctx context.Context) error {
	var mailbox string
	var entries []entry
	flush := func() {
		if len(entries) > 0 {
			k.failed(MailboxID(mailbox), k.spentAccess(ctx, mailbox, entries))
		}
		entries = entries[:0]
	}
	for info, err := range storage.All(ctx, k.master, &storage.ListOptions{Prefix: k.space.Accesses()}) {
		if err != nil {
			return err
		}
		m, a, err := k.space.ParseAccess(info.Key)
		if err != nil {
			continue // nothing of ours
		}
		if m != mailbox {
			flush()
			mailbox = m
		}
		entries = append(entries, entry{a, info.Modified})
	}
	flush()
	return nil
}

func (k *keeper) spentAccess(ctx context.Context, mailbox string, entries []entry) error {
	old := func(at time.Time) bool { return k.age(at) > garbageAge }
	if !slices.ContainsFunc(entries, func(e entry) bool { return old(e.at) }) {
		return nil
	}
	box, err := k.box(MailboxID(mailbox))
	if err != nil {
		return err
	}
	v, err := k.list(ctx, box, listing{prefix: "set-"})
	if err != nil {
		return err
	}
	var names []string
	for _, e := range spentEntries(entries, v.settings.Gen, old) {
		names = append(names, box.AccessAt(e.Access))
	}
	if len(names) == 0 {
		return nil
	}
	if err := k.master.Delete(ctx, names...); err != nil {
		return err
	}
	k.report.Access += len(names)
	return nil
}

// spentEntries are the entries, which are in the order of their names, that say nothing any more since they were followed by others a day ago: nobody is at it who
// has not seen those. What was before the generation life is another mailbox's.
func spentEntries(entries []entry, life int, old func(time.Time) bool) []entry {
	// followed reports whether the first entry from a on is an old one of the same sort.
	followed := func(a keys.Access) bool {
		i, _ := slices.BinarySearchFunc(entries, a, func(e entry, a keys.Access) int { return strings.Compare(e.String(), a.String()) })
		if i == len(entries) || !old(entries[i].at) {
			return false
		}
		next := entries[i]
		return next.Kind == a.Kind && next.Gen == a.Gen && (a.Kind == keys.PIN || next.Rev == a.Rev)
	}
	var list []entry
	for _, e := range entries {
		// A try is followed by its own reset.
		after := keys.Access{Kind: keys.Reset, Gen: e.Gen, Rev: e.Rev, N: e.N}
		if e.Kind == keys.Reset {
			after.N++
		}
		switch {
		case !old(e.at):
		case e.Gen < life, followed(keys.Access{Kind: keys.PIN, Gen: e.Gen, Rev: e.Rev + 1}), e.Kind != keys.PIN && followed(after):
			list = append(list, e)
		}
	}
	return list
}
