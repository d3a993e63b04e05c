package mwi

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/genesys/voicemail"
)

// Directory knows which mailboxes a user has. A [voicemail.Service] does, by the owners in its mailboxes' settings. Applications that keep this themselves implement it; it must be safe
// for concurrent use.
type Directory interface {
	// MailboxesOf yields the handles of the user's own mailboxes, and behind them those that belong to the groups, in the order in which they are to be
	// shown. Who is in a group is not its question: the application says which groups the user is in. Whoever has no mailboxes, or is not known,
	// has an empty sequence. An error is yielded once and ends it.
	MailboxesOf(ctx context.Context, user string, groups ...string) iter.Seq2[voicemail.Mailbox, error]
}

// Mailboxes gives the handles of mailboxes by which they are counted. A [voicemail.Service] does.
type Mailboxes interface {
	// Mailbox returns the handle of a mailbox, without a look at the storage.
	Mailbox(id voicemail.MailboxID) voicemail.Mailbox
}

var (
	_ Directory = (*voicemail.Service)(nil)
	_ Mailboxes = (*voicemail.Service)(nil)
)

// Board is what waits for a user, in all their mailboxes.
type Board struct {
	// Entries are the mailboxes, as the [Directory] yields them. None is there twice.
	Entries []Entry
}

// Entry is what waits in one mailbox of a [Board].
type Entry struct {
	Mailbox voicemail.MailboxID
	// Group: the user has the mailbox by a group. Otherwise it is their own.
	Group  bool
	Counts Counts
}

// Total returns the sum over all mailboxes: what a telephone shows that has one lamp for all of them.
func (b Board) Total() Counts {
	var sum Counts
	for _, e := range b.Entries {
		sum.New += e.Counts.New
		sum.Old += e.Counts.Old
		sum.NewUrgent += e.Counts.NewUrgent
		sum.OldUrgent += e.Counts.OldUrgent
	}
	return sum
}

// ReadBoard counts the mailboxes of a user and of the groups that the application says they are in: one listing each, at most 16 at a time. The counts are each of its own
// instant. If there are groups, dir is asked twice, with and without them, to tell the user's own mailboxes.
//
// It returns the whole board or an error: that of dir, or one that joins a [*voicemail.Error] for each mailbox that could not be counted. A mailbox that dir yields and that
// does not exist is such an error, voicemail.ErrNoMailbox.
func ReadBoard(ctx context.Context, dir Directory, user string, groups ...string) (Board, error) {
	if user == "" {
		return Board{}, fmt.Errorf("%w: no user", voicemail.ErrInvalid)
	}
	own, err := collect(dir.MailboxesOf(ctx, user))
	all := own
	if err == nil && len(groups) > 0 {
		all, err = collect(dir.MailboxesOf(ctx, user, groups...))
	}
	if err != nil {
		return Board{}, err
	}
	entries := make([]Entry, len(all))
	err = parallel(len(all), func(i int) (err error) {
		id := all[i].ID()
		isOwn := slices.ContainsFunc(own, func(m voicemail.Mailbox) bool { return m.ID() == id })
		entries[i] = Entry{Mailbox: id, Group: !isOwn}
		entries[i].Counts, err = all[i].Counts(ctx)
		return naming(id, err)
	})
	if err != nil {
		return Board{}, err
	}
	return Board{entries}, nil
}

// collect returns what a directory yields, each mailbox once.
func collect(seq iter.Seq2[voicemail.Mailbox, error]) ([]voicemail.Mailbox, error) {
	var list []voicemail.Mailbox
	seen := map[voicemail.MailboxID]bool{}
	for m, err := range seq {
		if err != nil {
			return nil, err
		}
		if !seen[m.ID()] {
			seen[m.ID()] = true
			list = append(list, m)
		}
	}
	return list, nil
}

// naming makes sure that an error of counting says of which mailbox; that of a mailbox which an application wraps may not.
func naming(id voicemail.MailboxID, err error) error {
	var e *voicemail.Error
	if err == nil || errors.As(err, &e) && e.Mailbox == id {
		return err
	}
	return &voicemail.Error{Op: "count", Mailbox: id, Err: err}
}

// parallel calls f for 0 to n-1, at most 16 at a time, and joins the errors when all are done.
func parallel(n int, f func(i int) error) error {
	var wg sync.WaitGroup
	slots := make(chan struct{}, defaultWorkers)
	errs := make([]error, n)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = f(i)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
