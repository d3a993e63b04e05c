package servicetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

func countRules() []rule {
	return []rule{
		{"CountsFollowEveryCombinationOfMarks", "a lamp that burns for a deleted message is the complaint of every user", countMatrix},
		{"WhatIsUnknownChangesNoCount", "a later version may put names of its own beside ours", countUnknown},
	}
}

// countMatrix plants every combination of the marks that can be.
func countMatrix(e *env) {
	box := e.mailbox("5001")
	marks := []string{keys.Read, keys.Urgent, keys.Trash, keys.Forget + "case1", keys.Gone + "nonce", keys.Hold + "hold1"}
	var want voicemail.Counts
	var all, normal, trash []voicemail.MessageID
	for set := range 1 << len(marks) {
		msg := e.depositAudio(box, []byte("x"), &voicemail.DepositOptions{ID: idAt(set)})
		has := map[string]bool{}
		for i, mark := range marks {
			if set&(1<<i) != 0 {
				e.mark(msg, mark)
				has[mark] = true
			}
		}
		if has[marks[3]] || has[marks[4]] {
			continue
		}
		all = append(all, msg.ID())
		if has[keys.Trash] {
			trash = append(trash, msg.ID())
		} else {
			normal = append(normal, msg.ID())
			tally(&want, has[keys.Read], has[keys.Urgent])
		}
		require.Equal(e, has[marks[5]], e.state(msg).Held)
		require.Equal(e, want, e.counts(box), "after the message with the marks %06b", set)
	}
	require.Equal(e, voicemail.Counts{New: 4, Old: 4, NewUrgent: 2, OldUrgent: 2}, want)
	for _, ids := range [][]voicemail.MessageID{all, normal, trash} {
		slices.Reverse(ids)
	}
	require.Equal(e, normal, e.list(box, nil))
	require.Equal(e, trash, e.list(box, &voicemail.ListOptions{Trash: voicemail.OnlyTrash}))
	require.Equal(e, all, e.list(box, &voicemail.ListOptions{Trash: voicemail.WithTrash}))
}

func countUnknown(e *env) {
	box := e.mailbox("5001")
	msg := e.deposit(box, nil)
	stem := e.keysOf("5001").Stem(ref(msg))
	for _, name := range []string{stem + "later-x", stem + "read~later", stem + "a.b", e.keysOf("5001").Prefix() + "later", e.keysOf("5001").Prefix() + "zzz.json"} {
		e.plant(name, "")
	}
	require.Equal(e, voicemail.Counts{New: 1}, e.counts(box))
	require.Zero(e, e.state(msg))
	require.Equal(e, []voicemail.MessageID{msg.ID()}, e.list(box, nil))
	e.damaged = true // names of another version
}

func listRules() []rule {
	return []rule{
		{"MessagesAreListedNewestFirst", "the agent reads from the top", listOrder},
		{"EachFilterAndAllCombinationsHold", "a filter that leaks shows what the agent did not ask for, one that hides loses a message", listFilters},
		{"ImpossibleListOptionsAreInvalid", "a filter that can match nothing is a mistake and not an empty mailbox", listInvalid},
		{"PagesHaveNoGapsWhileTheMailboxChanges", "a message that is skipped between two pages is never heard", listPaging},
		{"ADamagedMessageIsNamedAndTheListingGoesOn", "one broken file must not hide a mailbox", listDamaged},
		{"BreakEndsAListing", "who wants the newest message must not read a thousand", listBreak},
	}
}

func listOrder(e *env) {
	box := e.mailbox("5001")
	order := rand.Perm(20)
	var want []voicemail.MessageID
	for _, i := range order {
		id := idAt(i)
		e.depositAudio(box, []byte{byte(i)}, &voicemail.DepositOptions{ID: id})
		want = append(want, id)
	}
	slices.Sort(want)
	slices.Reverse(want)
	require.Equal(e, want, e.list(box, nil))
}

func listFilters(e *env) {
	box := e.mailbox("5001")
	ann, bob := number(), number()
	type have struct {
		msg    voicemail.Message
		caller voicemail.CallerID
		at     time.Time
		state  voicemail.State
	}
	var all []have
	for i := range 24 {
		e.pass(time.Minute)
		h := have{caller: ann}
		if i%3 == 1 {
			h.caller = bob
		}
		if i%3 == 2 {
			h.caller = voicemail.CallerID{}
		}
		h.state = voicemail.State{Read: i%2 == 0, Urgent: i%4 < 2, Trashed: i%8 < 3}
		h.msg = e.depositAudio(box, []byte{1, byte(i)}, &voicemail.DepositOptions{Caller: h.caller, Urgent: h.state.Urgent})
		h.at = h.msg.Envelope().ReceivedAt
		if h.state.Read {
			require.NoError(e, h.msg.MarkRead(e.ctx))
		}
		if h.state.Trashed {
			require.NoError(e, h.msg.Trash(e.ctx))
		}
		all = append(all, h)
	}
	slices.Reverse(all)
	callers := []voicemail.CallerID{{}, ann, bob, number()}
	times := []time.Time{{}, all[18].at, all[5].at, all[5].at.Add(time.Nanosecond)}
	for n := range 2 * 2 * 3 * len(callers) * len(times) * 2 * 2 {
		pick := func(k int) int {
			i := n % k
			n /= k
			return i
		}
		o := voicemail.ListOptions{
			Unread: pick(2) == 1, Urgent: pick(2) == 1, Trash: voicemail.TrashFilter(pick(3)), Caller: callers[pick(len(callers))], Since: times[pick(len(times))],
		}
		if pick(2) == 1 {
			o.Until = all[2].at
		}
		if pick(2) == 1 {
			o.Before, o.Limit = all[8].msg.ID(), 3
		}
		want := []voicemail.MessageID{}
		for _, h := range all {
			switch {
			case o.Unread && h.state.Read, o.Urgent && !h.state.Urgent,
				o.Trash == voicemail.WithoutTrash && h.state.Trashed, o.Trash == voicemail.OnlyTrash && !h.state.Trashed,
				!o.Caller.Withheld() && !h.caller.Equal(o.Caller),
				!o.Since.IsZero() && h.at.Before(o.Since), !o.Until.IsZero() && !h.at.Before(o.Until),
				o.Before != "" && h.msg.ID() >= o.Before, o.Limit > 0 && len(want) == o.Limit:
				continue
			}
			want = append(want, h.msg.ID())
		}
		require.Equal(e, want, e.list(box, &o), "%+v", o)
	}
}

func listInvalid(e *env) {
	box := e.mailbox("5001")
	e.deposit(box, nil)
	now := e.clock.now()
	for name, o := range map[string]voicemail.ListOptions{
		"a negative limit":         {Limit: -1},
		"an unknown trash filter":  {Trash: 3},
		"a trash filter below 0":   {Trash: -1},
		"Before that is no ID":     {Before: "x"},
		"Since is Until":           {Since: now, Until: now},
		"Since is later as Until":  {Since: now, Until: now.Add(-1)},
		"Before that is a v4 UUID": {Before: "6f9619ff-8b86-4d01-b42d-00c04fc964ff"},
	} {
		n := 0
		for msg, err := range box.Messages(e.ctx, &o) {
			n++
			require.Nil(e, msg, name)
			require.ErrorIs(e, err, voicemail.ErrInvalid, name)
		}
		require.Equal(e, 1, n, "an error is yielded once: %s", name)
	}
}

func listPaging(e *env) {
	box := e.mailbox("5001")
	total := e.opts.Messages
	ids := make([]voicemail.MessageID, total)
	msgs := make([]voicemail.Message, total)
	errs := make([]error, 8)
	together(len(errs), func(k int) {
		for i := k; i < total; i += len(errs) {
			ids[i] = idAt(2 * i)
			var err error
			msgs[i], err = box.Deposit(e.ctx, strings.NewReader(fmt.Sprint(i)), &voicemail.DepositOptions{ID: ids[i]})
			errs[k] = errors.Join(errs[k], err)
		}
	})
	require.NoError(e, errors.Join(errs...))
	// While it is paged through, every third message is deleted, and as many new ones come in between the others.
	var wg sync.WaitGroup
	var failed error
	deleted := map[voicemail.MessageID]bool{}
	for i := 0; i < total; i += 3 {
		deleted[ids[i]] = true
	}
	other := e.open().Mailbox("5001")
	wg.Go(func() {
		for i := 0; i < total; i += 3 {
			_, err := other.Deposit(e.ctx, strings.NewReader("new"), &voicemail.DepositOptions{ID: idAt(2*i + 1)})
			failed = errors.Join(failed, err, msgs[i].Delete(e.ctx))
		}
	})
	var got []voicemail.MessageID
	for before := voicemail.MessageID(""); ; {
		page := e.list(box, &voicemail.ListOptions{Before: before, Limit: 7})
		require.LessOrEqual(e, len(page), 7)
		got = append(got, page...)
		if len(page) == 0 {
			break
		}
		before = page[len(page)-1]
	}
	wg.Wait()
	require.NoError(e, failed)
	sorted := slices.IsSortedFunc(got, func(a, b voicemail.MessageID) int { return strings.Compare(string(b), string(a)) })
	require.True(e, sorted, "newest first across pages")
	require.Equal(e, len(got), len(slices.Compact(slices.Clone(got))), "a message came twice")
	for _, id := range ids {
		if !deleted[id] {
			require.Contains(e, got, id, "a message that was there all the time was skipped")
		}
	}
}

func listDamaged(e *env) {
	e.damaged = true
	box := e.mailbox("5001")
	caller := number()
	var ids []voicemail.MessageID
	for i := range 5 {
		ids = append(ids, e.depositAudio(box, []byte{1, byte(i)}, &voicemail.DepositOptions{ID: idAt(i), Caller: caller}).ID())
	}
	names := e.keysOf("5001")
	other := e.readRaw(names.Meta(keys.Ref{ID: string(ids[0])}))
	for id, content := range map[voicemail.MessageID]string{ids[1]: "no JSON", ids[2]: "", ids[3]: string(other)} {
		key := names.Meta(keys.Ref{ID: string(id)})
		e.removeRaw(key)
		e.plant(key, content)
	}
	svc := e.open() // without a cache of what was there
	for how, seq := range map[string]func(yield func(voicemail.Message, error) bool){
		"listing": svc.Mailbox("5001").Messages(e.ctx, nil),
		"finding": svc.FindByCaller(e.ctx, caller),
	} {
		var fine, bad []voicemail.MessageID
		for msg, err := range seq {
			if err == nil {
				fine = append(fine, msg.ID())
				continue
			}
			require.ErrorIs(e, err, voicemail.ErrDamaged, how)
			var ve *voicemail.Error
			require.ErrorAs(e, err, &ve, how)
			require.Equal(e, voicemail.MailboxID("5001"), ve.Mailbox, how)
			require.NotContains(e, err.Error(), caller.Reveal()[1:], how)
			bad = append(bad, ve.Message)
		}
		require.Equal(e, []voicemail.MessageID{ids[4], ids[0]}, fine, how)
		require.Equal(e, []voicemail.MessageID{ids[3], ids[2], ids[1]}, bad, how)
	}
	n, err := svc.Mailbox("5001").Counts(e.ctx)
	require.NoError(e, err)
	require.Equal(e, 5, n.New, "the names are there, and the counts are of names")
	_, err = svc.Mailbox("5001").Message(e.ctx, ids[1])
	require.ErrorIs(e, err, voicemail.ErrDamaged)
	require.Equal(e, []voicemail.MessageID{ids[4]}, e.list(svc.Mailbox("5001"), &voicemail.ListOptions{Limit: 1}))
}

func listBreak(e *env) {
	box := e.mailbox("5001")
	for i := range 30 {
		e.depositAudio(box, []byte{1, byte(i)}, &voicemail.DepositOptions{ID: idAt(i)})
	}
	watched := &listCounter{Store: e.store}
	svc, err := e.tryOpen(watched)
	require.NoError(e, err)
	n := 0
	for _, err := range svc.Mailbox("5001").Messages(e.ctx, nil) {
		require.NoError(e, err)
		if n++; n == 2 {
			break
		}
	}
	require.Equal(e, 2, n)
	require.Less(e, watched.opened(), 30, "the messages behind the break were read")
}

// listCounter counts the objects that are opened.
type listCounter struct {
	storage.Store
	mu    sync.Mutex
	opens int
}

func (l *listCounter) opened() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opens
}

func (l *listCounter) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	l.mu.Lock()
	l.opens++
	l.mu.Unlock()
	return l.Store.Open(ctx, key, opts)
}
