package voicemail

import (
	"context"
	"slices"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// greetings takes away the greetings of deleted mailboxes; and of those that exist, what was superseded long enough, and recordings that were never committed. The names are sorted by
// mailbox, so each mailbox is looked at once, after its greetings.
func (k *keeper) greetings(ctx context.Context) error {
	var names []greetingFile
	flush := func() error {
		if len(names) == 0 {
			return nil
		}
		defer func() { names = names[:0] }()
		m := k.Service.mailbox(MailboxID(names[0].Mailbox))
		box, err := k.box(m.id)
		if err != nil {
			return err
		}
		v, err := k.list(ctx, box, listing{prefix: "set-"})
		if err != nil {
			return err
		}
		commits, recordings := k.spent(box, names, v.settings.Gen)
		if len(commits)+len(recordings) == 0 {
			return nil
		}
		k.report.Greetings += len(recordings)
		if len(commits) > 0 { // what can be seen has its recording
			if err := k.master.Delete(ctx, commits...); err != nil {
				return err
			}
		}
		return k.master.Delete(ctx, recordings...)
	}
	for info, err := range storage.All(ctx, k.master, &storage.ListOptions{Prefix: k.space.Greetings()}) {
		if err != nil {
			return err
		}
		n, err := k.space.ParseGreeting(info.Key)
		if err != nil {
			continue // nothing of ours
		}
		if len(names) > 0 && names[0].Mailbox != n.Mailbox {
			if err := flush(); err != nil {
				return err
			}
		}
		names = append(names, greetingFile{n, info.Modified})
	}
	return flush()
}

// greetingFile is a name of a greeting and when it was created.
type greetingFile struct {
	keys.GreetingName
	at time.Time
}

// spent returns the names of what can go. names are all those of the mailbox, sorted; gen is the generation of its settings. A revision beyond those that are
// kept goes a day after it was superseded: earlier, a slow writer could use its number again.
func (k *keeper) spent(box keys.Box, names []greetingFile, gen int) (commits, recordings []string) {
	later := map[string]int{}           // committed revisions of a kind
	successor := map[string]time.Time{} // when the next one of a kind was committed
	stays := map[keys.GreetingRef]bool{}
	for _, n := range slices.Backward(names) { // the last revision first, and its commit before its recording
		switch ref := n.GreetingRef; {
		case n.Committed:
			stays[ref] = n.Gen >= gen && (later[n.Kind] < k.opts.Limits.GreetingRevisions || k.age(successor[n.Kind]) <= garbageAge)
			later[n.Kind]++
			successor[n.Kind] = n.at
			if !stays[ref] {
				commits = append(commits, box.GreetingMeta(ref))
			}
		default:
			keep, committed := stays[ref]
			if !committed {
				keep = n.Gen >= gen && k.age(n.at) <= garbageAge
			}
			if !keep {
				recordings = append(recordings, box.GreetingAudio(ref))
			}
		}
	}
	return commits, recordings
}
