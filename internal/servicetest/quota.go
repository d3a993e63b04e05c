package servicetest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
)

func quotaRules() []rule {
	return []rule{
		{"ARecordingThatIsTooShortOrTooLongForItsMailboxIsRefused", "a caller who hangs up at the tone leaves a second of silence", quotaDuration},
		{"AFullMailboxDropsWhatWasReadIfItIsToldTo", "a caller must be able to leave a message for somebody who never tidies up", dropOldest},
		{"AFullMailboxDropsNothingThatMustStay", "what nobody heard, or a court wants to hear, is not dropped for the next call", dropKeeps},
		{"ADropMakesRoomForBytes", "one long recording takes the room of several", dropBytes},
		{"CopiesAndMovesMakeRoomAsDepositsDo", "a forwarded message must not be dropped for itself", dropTransfers},
		{"AMailboxWhoseQuotaWasLoweredIsClearedByTheNextMessage", "what a crash left over must go some time", dropSurplus},
		{"UsageIsWhatIsThereAndWhatIsInForce", "an operator sizes the storage by it", usageCounts},
		{"UsageCountsEachRegion", "two regions are two bills", usageRegions},
	}
}

func quotaDuration(e *env) {
	e.updateTenant(func(t *voicemail.TenantSettings) { t.MinDuration, t.MaxDuration = time.Second, 3*time.Second })
	box := e.mailbox("5001")
	quick := e.mailboxWith("5002", &voicemail.Settings{MinDuration: 100 * time.Millisecond, MaxDuration: 500 * time.Millisecond})
	before := e.tenantNames()
	for _, row := range []struct {
		box   voicemail.Mailbox
		audio []byte
		told  time.Duration
		want  error
		why   string
	}{
		{box, wav(999), 0, voicemail.ErrTooShort, "a moment too short"},
		{box, wav(1000), 0, nil, "just long enough"},
		{box, wav(3000), 0, nil, "just short enough"},
		{box, wav(3001), 0, voicemail.ErrTooLarge, "a moment too long"},
		{box, wav(500), time.Minute, voicemail.ErrTooShort, "what is measured counts more than what is told"},
		{box, noise(99), 0, nil, "nobody knows how long it is"},
		{box, noise(99), 999 * time.Millisecond, voicemail.ErrTooShort, "somebody knows"},
		{box, noise(99), 4 * time.Second, voicemail.ErrTooLarge, "likewise"},
		{quick, wav(99), 0, voicemail.ErrTooShort, "the mailbox has a minimum of its own"},
		{quick, wav(100), 0, nil, "less than the tenant's"},
		{quick, wav(501), 0, voicemail.ErrTooLarge, "and a maximum"},
	} {
		for _, r := range []io.Reader{bytes.NewReader(row.audio), io.MultiReader(bytes.NewReader(row.audio[:50]), bytes.NewReader(row.audio[50:]))} {
			msg, err := row.box.Deposit(e.ctx, r, &voicemail.DepositOptions{Caller: number(), Duration: row.told})
			require.ErrorIs(e, err, row.want, row.why)
			if row.want == nil {
				require.NoError(e, err, row.why)
				require.NoError(e, msg.Delete(e.ctx))
				continue
			}
			_, back := e.handedBack(err)
			require.Equal(e, row.audio, back, row.why)
		}
	}
	e.pass(rest)
	e.maintain()
	for _, name := range e.tenantNames() {
		require.True(e, strings.HasPrefix(name, e.space.Tombstones()) || strings.Contains(strings.Join(before, "\n"), name), "what was refused leaves nothing: %s", name)
	}
	long := e.depositAudio(e.mailboxWith("5003", &voicemail.Settings{MaxDuration: time.Hour}), wav(3500), nil)
	_, err := long.CopyTo(e.ctx, "5001", nil)
	require.NoError(e, err, "the bounds are for callers, not for what was taken")
}

// full makes a mailbox of three messages, oldest first.
func (e *env) full(id voicemail.MailboxID) (voicemail.Mailbox, []voicemail.Message) {
	e.Helper()
	box := e.mailboxWith(id, &voicemail.Settings{MaxMessages: 3, WhenFull: voicemail.DropOldestRead})
	var msgs []voicemail.Message
	for i := range 3 {
		msgs = append(msgs, e.deposit(box, &voicemail.DepositOptions{ReceivedAt: e.clock.now().Add(time.Duration(i-5) * time.Hour)}))
	}
	return box, msgs
}

// there demands that these, and no others, are in the mailbox.
func (e *env) there(box voicemail.Mailbox, want ...voicemail.Message) {
	e.Helper()
	ids := []voicemail.MessageID{}
	for _, msg := range want {
		ids = append(ids, msg.ID())
	}
	require.ElementsMatch(e, ids, e.list(box, &voicemail.ListOptions{Trash: voicemail.WithTrash}))
}

func dropOldest(e *env) {
	_, msgs := e.full("5001")
	svc, told := e.observer()
	box := svc.Mailbox("5001")
	for _, msg := range msgs {
		require.NoError(e, msg.MarkRead(e.ctx))
	}
	require.NoError(e, msgs[1].Trash(e.ctx))
	told()
	fourth := e.deposit(box, nil)
	e.there(box, msgs[0], msgs[2], fourth)
	events := told()
	require.Len(e, events, 2)
	require.Equal(e, []voicemail.EventKind{voicemail.EventDeposited, voicemail.EventDropped}, []voicemail.EventKind{events[0].Kind, events[1].Kind}, "first what came, then what went")
	require.Equal(e, []any{msgs[1].ID(), box.ID(), voicemail.Counts{New: 1, Old: 2}}, []any{events[1].Message, events[1].Mailbox, events[1].counts})
	e.invisible(msgs[1], "what is in the trash goes first")
	fifth := e.deposit(box, &voicemail.DepositOptions{Caller: number()})
	e.there(box, msgs[2], fourth, fifth)
	e.invisible(msgs[0], "then the oldest")
	sixth := e.deposit(box, nil)
	e.there(box, fourth, fifth, sixth)
	_, err := box.Deposit(e.ctx, bytes.NewReader(wav(10)), nil)
	var qe *voicemail.QuotaError
	require.ErrorAs(e, err, &qe, "nobody has heard the rest")
	require.Equal(e, voicemail.QuotaError{Quota: "messages", Limit: 3, Used: 3}, *qe)
	e.handedBack(err)
	e.there(box, fourth, fifth, sixth)
	e.pass(rest)
	e.maintain()
	for _, msg := range msgs {
		require.Empty(e, e.names(e.keysOf("5001").MediaStem(ref(msg))), "a drop is a deletion")
	}
}

func dropKeeps(e *env) {
	box, msgs := e.full("5001")
	require.NoError(e, msgs[0].MarkRead(e.ctx))
	e.mark(msgs[0], keys.Hold+"hold1")
	require.NoError(e, msgs[1].Trash(e.ctx))
	before := e.tenantNames()
	_, err := box.Deposit(e.ctx, bytes.NewReader(wav(10)), nil)
	require.ErrorIs(e, err, voicemail.ErrMailboxFull, "one is held, one was thrown away unheard, one is new")
	e.handedBack(err)
	require.Equal(e, before, e.tenantNames())
	e.mark(msgs[2], keys.Forget+"case1")
	require.NoError(e, msgs[1].MarkRead(e.ctx))
	fourth, fifth := e.deposit(box, nil), e.deposit(box, nil)
	e.there(box, msgs[0], fourth, fifth)
	require.True(e, e.exists(e.keysOf("5001").Meta(ref(msgs[2]))), "a restricted message is in no count, and not ours to drop")
}

func dropBytes(e *env) {
	box := e.mailboxWith("5001", &voicemail.Settings{MaxBytes: 1000, WhenFull: voicemail.DropOldestRead})
	var msgs []voicemail.Message
	for i, n := range []int{300, 200, 400} {
		msgs = append(msgs, e.depositAudio(box, noise(n), &voicemail.DepositOptions{ReceivedAt: e.clock.now().Add(time.Duration(i-5) * time.Hour)}))
	}
	require.NoError(e, msgs[0].MarkRead(e.ctx))
	require.NoError(e, msgs[2].MarkRead(e.ctx))
	fits := e.depositAudio(box, noise(100), nil)
	e.there(box, msgs[0], msgs[1], msgs[2], fits)
	_, err := box.Deposit(e.ctx, bytes.NewReader(noise(801)), nil)
	require.ErrorIs(e, err, voicemail.ErrMailboxFull, "not if all that was read went")
	e.handedBack(err)
	e.there(box, msgs[0], msgs[1], msgs[2], fits)
	big := e.depositAudio(box, noise(301), nil)
	e.there(box, msgs[1], fits, big)
	use, err := box.Usage(e.ctx)
	require.NoError(e, err)
	require.Equal(e, int64(601), use.TotalBytes())
}

func dropTransfers(e *env) {
	box, msgs := e.full("5001")
	other := e.mailbox("5002")
	require.NoError(e, msgs[1].MarkRead(e.ctx))
	heard := e.deposit(other, &voicemail.DepositOptions{ReceivedAt: e.clock.now().Add(-30 * day), Read: true, Caller: number()})
	moved, err := heard.MoveTo(e.ctx, "5001")
	require.NoError(e, err)
	e.there(box, msgs[0], msgs[2], moved)
	require.NotEmpty(e, e.play(moved), "it was read, and older than all, and is not dropped for itself")
	copied, err := e.deposit(other, nil).CopyTo(e.ctx, "5001", nil)
	require.NoError(e, err)
	e.there(box, msgs[0], msgs[2], copied)
	last := e.deposit(other, nil)
	_, err = last.CopyTo(e.ctx, "5001", nil)
	require.ErrorIs(e, err, voicemail.ErrMailboxFull)
	_, err = last.MoveTo(e.ctx, "5001")
	require.ErrorIs(e, err, voicemail.ErrMailboxFull)
	e.there(box, msgs[0], msgs[2], copied)
}

func dropSurplus(e *env) {
	box := e.mailbox("5001")
	for range 6 {
		require.NoError(e, e.deposit(box, nil).MarkRead(e.ctx))
	}
	unread := e.deposit(box, nil)
	_, err := box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error {
		s.MaxMessages, s.WhenFull = 2, voicemail.DropOldestRead
		return nil
	})
	require.NoError(e, err)
	e.maintain()
	require.Equal(e, voicemail.Counts{New: 1, Old: 6}, e.counts(box), "nothing goes before something comes")
	errs := make([]error, 2)
	msgs := make([]voicemail.Message, 2)
	together(2, func(i int) {
		msgs[i], errs[i] = e.open().Mailbox("5001").Deposit(e.ctx, bytes.NewReader(wav(20)), nil)
	})
	n := 0
	for i, err := range errs {
		if err == nil {
			n++
			require.NotEmpty(e, e.play(msgs[i]), "what is acknowledged stays")
			continue
		}
		var de *voicemail.DepositError
		require.ErrorAs(e, err, &de, "only one of the two may fit")
		require.True(e, errors.Is(err, voicemail.ErrMailboxFull))
		require.NoError(e, de.Audio.Close())
	}
	require.Positive(e, n)
	require.Equal(e, voicemail.Counts{New: 1 + n}, e.counts(box))
	require.NotEmpty(e, e.play(unread))
}

func usageCounts(e *env) {
	box := e.mailboxWith("5001", &voicemail.Settings{MaxMessages: 9})
	e.mailbox("5002")
	sizes := []int{100, 200, 300, 400, 500, 600}
	msgs := make([]voicemail.Message, len(sizes))
	for i, n := range sizes {
		msgs[i] = e.depositAudio(box, noise(n), &voicemail.DepositOptions{Urgent: i == 0})
	}
	require.NoError(e, msgs[1].MarkRead(e.ctx))
	require.NoError(e, msgs[2].Trash(e.ctx))
	require.NoError(e, msgs[3].Delete(e.ctx))
	e.mark(msgs[4], keys.Forget+"case1")
	e.plant(e.keysOf("5001").Audio(keys.Ref{ID: string(idAt(9))}, "wav"), "of no message")
	want := voicemail.Usage{
		Mailbox: "5001", Counts: voicemail.Counts{New: 2, Old: 1, NewUrgent: 1}, Trashed: 1, Bytes: map[string]int64{"main": 1200},
		Policy: voicemail.Policy{MaxMessages: 9, WhenFull: voicemail.Refuse, Retention: voicemail.Retention{KeepUnread: voicemail.Off}},
	}
	got, err := box.Usage(e.ctx)
	require.NoError(e, err)
	require.Equal(e, want, got)
	require.Equal(e, []any{4, int64(1200)}, []any{got.Messages(), got.TotalBytes()})
	var all []voicemail.Usage
	for u, err := range e.service().Usage(e.ctx) {
		require.NoError(e, err)
		all = append(all, u)
	}
	empty := voicemail.Usage{Mailbox: "5002", Bytes: map[string]int64{"main": 0}, Policy: want.Policy}
	empty.Policy.MaxMessages = 1000
	require.Equal(e, []voicemail.Usage{want, empty}, all)
	_, err = e.service().Mailbox("5009").Usage(e.ctx)
	require.ErrorIs(e, err, voicemail.ErrNoMailbox)
	require.NoError(e, e.service().DeleteMailbox(e.ctx, "5002"))
	for u, err := range e.service().Usage(e.ctx) {
		require.NoError(e, err)
		require.Equal(e, voicemail.MailboxID("5001"), u.Mailbox)
	}
}

func usageRegions(e *env) {
	r := e.regions()
	e.mailbox("5001")
	e.depositAudio(r.us.Mailbox("5001"), noise(100), nil)
	e.depositAudio(r.eu.Mailbox("5001"), noise(30), nil)
	e.depositAudio(r.us.Mailbox("5001"), noise(3), nil)
	for _, svc := range []*voicemail.Service{r.eu, r.us} {
		u, err := svc.Mailbox("5001").Usage(e.ctx)
		require.NoError(e, err)
		require.Equal(e, map[string]int64{"eu": 30, "us": 103}, u.Bytes)
	}
}
