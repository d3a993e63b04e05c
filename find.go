package voicemail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sort"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// FindByCaller yields the messages that a caller left, in all mailboxes of the tenant, newest first, also those in the trash. It costs a few listings and a
// look at each message found, however many mailboxes and other messages there are. Every hit is verified. A message that cannot be read is yielded as an
// [*Error] that names it, and the listing goes on; any other error ends it. A withheld caller is ErrInvalid: such callers cannot be told
// apart.
//
// A number without + is looked for as it is and as Options.Normalize understands it.
func (s *Service) FindByCaller(ctx context.Context, caller CallerID) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		if caller.Withheld() {
			yield(nil, s.fail("find by caller", "", "", invalid("a withheld caller cannot be looked for")))
			return
		}
		if err := caller.check(); err != nil {
			yield(nil, s.fail("find by caller", "", "", invalid("%v", err)))
			return
		}
		found, err := s.find(ctx, s.identify(caller).identities())
		if err != nil {
			yield(nil, s.fail("find by caller", "", "", err))
			return
		}
		for _, f := range found {
			switch {
			case errors.Is(f.err, ErrDamaged):
				if !yield(nil, s.fail("find by caller", MailboxID(f.entry.Mailbox), MessageID(f.entry.Ref.ID), f.err)) {
					return
				}
			case f.err != nil:
				yield(nil, s.fail("find by caller", MailboxID(f.entry.Mailbox), MessageID(f.entry.Ref.ID), f.err))
				return
			default:
				if !yield(f.msg, nil) {
					return
				}
			}
		}
	}
}

// finding is what an index entry led to: a message that can be seen, an error, or neither.
type finding struct {
	entry keys.Entry
	msg   *message
	err   error
}

// findRounds bounds how often the index is listed again because there was something new in it.
const findRounds = 100

// find follows the index entries of a caller, under all forms of the identity, until a listing brings nothing new: a message that is moved
// meanwhile is found where it was or where it went. The result is sorted newest first.
func (s *Service) find(ctx context.Context, identities []string) ([]finding, error) {
	found := map[string][]finding{} // by message ID
	seen := map[keys.Entry]bool{}
	for range findRounds {
		entries, err := s.newEntries(ctx, identities, seen)
		if err != nil {
			return nil, err
		}
		if len(entries) == 0 {
			return newestFirst(found), nil
		}
		messages := byMessage(entries)
		findings := make([][]finding, len(messages))
		s.parallel(len(messages), func(i int) {
			// Where a message comes from is looked at before where it goes to (rule 3): one that has left is committed by then.
			for _, e := range messages[i] {
				if f := s.follow(ctx, e, identities); f.msg != nil || f.err != nil {
					findings[i] = arrive(findings[i], f)
				}
			}
		})
		for _, message := range findings {
			for _, f := range message {
				found[f.entry.Ref.ID] = arrive(found[f.entry.Ref.ID], f) // rounds go the way of a move, too
			}
		}
	}
	return nil, errTooFast
}

var errTooFast = fmt.Errorf("%w: the caller's messages change too fast to be listed", storage.ErrUnavailable)

// arrive adds what was found of a message ID after the others: in the place of where the message came from, but beside what another mailbox has under
// the same ID and did not get by a move. Somebody deposited that under an ID already used, and it must not hide the other.
func arrive(others []finding, f finding) []finding {
	if len(others) > 0 && others[0].entry.Ref.Hop != f.entry.Ref.Hop {
		others = nil
	}
	return append(others, f)
}

// byMessage groups entries by message ID, each group in the order of its moves.
func byMessage(entries []keys.Entry) [][]keys.Entry {
	sort.Slice(entries, func(i, j int) bool {
		a, b := entries[i].Ref, entries[j].Ref
		return a.ID < b.ID || a.ID == b.ID && a.Hop < b.Hop
	})
	var groups [][]keys.Entry
	for i, e := range entries {
		if i == 0 || e.Ref.ID != entries[i-1].Ref.ID {
			groups = append(groups, nil)
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], e)
	}
	return groups
}

// newEntries lists the index entries that are not in seen, and puts them there. Two forms of an identity can lead to the same message.
func (s *Service) newEntries(ctx context.Context, identities []string, seen map[keys.Entry]bool) ([]keys.Entry, error) {
	x, err := s.callers(ctx)
	if err != nil {
		return nil, err
	}
	var entries []keys.Entry
	for _, id := range identities {
		for info, err := range storage.All(ctx, s.master, &storage.ListOptions{Prefix: s.space.Caller(x.hash(id)), KeysOnly: true}) {
			if err != nil {
				return nil, err
			}
			e, err := s.space.ParseCallerEntry(info.Key)
			if err != nil {
				continue // nothing of ours
			}
			e.Hash = ""
			if !seen[e] {
				seen[e] = true
				entries = append(entries, e)
			}
		}
	}
	return entries, nil
}

// follow looks at the message of an index entry beside reading its metadata, and verifies that it is the caller's.
func (s *Service) follow(ctx context.Context, e keys.Entry, identities []string) finding {
	f := finding{entry: e}
	box, err := s.box(MailboxID(e.Mailbox))
	if err != nil {
		return f // nothing of ours
	}
	var st stay
	var d *metadata
	var lookErr, readErr error
	both(
		func() { st, lookErr = s.look(ctx, box, e.Ref) },
		func() { d, readErr = s.metadata(ctx, box, e.Ref) },
	)
	switch {
	case lookErr != nil:
		f.err = lookErr
	case !st.visible(), errors.Is(readErr, ErrNotFound):
	case readErr != nil:
		f.err = readErr
	case shares(d.Caller.identities(), identities):
		f.msg = s.newMessage(box, d, st)
	}
	return f
}

func shares(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

func newestFirst(found map[string][]finding) []finding {
	var list []finding
	for _, f := range found {
		list = append(list, f...)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i].entry, list[j].entry
		return a.Ref.ID > b.Ref.ID || a.Ref.ID == b.Ref.ID && a.Mailbox < b.Mailbox
	})
	return list
}
