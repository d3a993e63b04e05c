package voicemail_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail"
)

var modelOwners = []voicemail.Owner{{}, voicemail.User("ann"), voicemail.User("bob"), voicemail.Group("sales")}

func drawRetention(t *rapid.T) voicemail.Retention {
	return voicemail.Retention{
		Days:       rapid.SampledFrom([]int{2, 0, 1, voicemail.NoLimit}).Draw(t, "days"),
		KeepUnread: rapid.SampledFrom([]voicemail.Switch{voicemail.Inherit, voicemail.On, voicemail.Off}).Draw(t, "keep unread"),
		TrashDays:  rapid.SampledFrom([]int{0, 1, 3, voicemail.NoLimit}).Draw(t, "trash days"),
	}
}

func drawWhenFull(t *rapid.T) voicemail.WhenFull {
	return rapid.SampledFrom([]voicemail.WhenFull{"", voicemail.DropOldestRead, voicemail.DropOldestRead, voicemail.Refuse}).Draw(t, "when full")
}

func drawSettings(t *rapid.T) voicemail.Settings {
	return voicemail.Settings{
		Owner: rapid.SampledFrom(modelOwners).Draw(t, "owner"), Disabled: rapid.IntRange(0, 5).Draw(t, "disabled") == 5,
		MaxMessages: rapid.IntRange(0, modelLimit+1).Draw(t, "max"), MaxBytes: rapid.SampledFrom([]int64{0, 0, 60, 120}).Draw(t, "max bytes"),
		WhenFull: drawWhenFull(t), Retention: drawRetention(t),
	}
}

// policy is what is in force in a mailbox.
func (m *model) policy(box *modelBox) voicemail.Policy {
	own, tenant := box.set, m.tenant
	return voicemail.Policy{
		MaxMessages: min(cmp.Or(own.MaxMessages, tenant.MaxMessages, modelLimit), modelLimit),
		MaxBytes:    own.MaxBytes,
		WhenFull:    cmp.Or(own.WhenFull, tenant.WhenFull, voicemail.Refuse),
		Retention: voicemail.Retention{
			Days:       max(cmp.Or(own.Retention.Days, tenant.Retention.Days), 0),
			KeepUnread: cmp.Or(own.Retention.KeepUnread, tenant.Retention.KeepUnread, voicemail.Off),
			TrashDays:  max(cmp.Or(own.Retention.TrashDays, tenant.Retention.TrashDays), 0),
		},
	}
}

func (b *modelBox) used() (messages int, bytes int64) {
	for _, msg := range b.messages {
		if msg.visible() {
			messages++
			bytes += msg.bytes()
		}
	}
	return messages, bytes
}

// surplus returns what has to go for so much more, and whether that is enough.
func (m *model) surplus(b *modelBox, messages int, bytes int64, spared *modelMessage) ([]*modelMessage, bool) {
	p := m.policy(b)
	usedMessages, usedBytes := b.used()
	messages, bytes = messages+usedMessages, bytes+usedBytes
	fits := func() bool { return messages <= p.MaxMessages && (p.MaxBytes == 0 || bytes <= p.MaxBytes) }
	var gone []*modelMessage
	read := b.seen(func(msg *modelMessage) bool { return msg.state.Read && !msg.state.Held && msg != spared })
	slices.Reverse(read)
	slices.SortStableFunc(read, func(x, y voicemail.MessageID) int {
		order := map[bool]int{true: 0, false: 1}
		return order[b.messages[x].state.Trashed] - order[b.messages[y].state.Trashed]
	})
	for _, id := range read {
		if fits() {
			break
		}
		msg := b.messages[id]
		gone, messages, bytes = append(gone, msg), messages-1, bytes-msg.bytes()
	}
	return gone, fits()
}

// makeRoom deletes what a newcomer leaves no room for.
func (m *model) makeRoom(b *modelBox, newcomer *modelMessage) {
	if m.policy(b).WhenFull != voicemail.DropOldestRead {
		return
	}
	gone, _ := m.surplus(b, 0, 0, newcomer)
	for _, msg := range gone {
		delete(b.messages, msg.id)
	}
}

// refusal is why a mailbox takes no message of so many bytes, nil if it does.
func (m *model) refusal(b *modelBox, bytes int64) error {
	switch {
	case b == nil:
		return voicemail.ErrNoMailbox
	case b.set.Disabled:
		return voicemail.ErrDisabled
	}
	gone, enough := m.surplus(b, 1, bytes, nil)
	if !enough || len(gone) > 0 && m.policy(b).WhenFull != voicemail.DropOldestRead {
		return voicemail.ErrMailboxFull
	}
	return nil
}

// ownsEnough reports whether a user can have no mailbox beside those that they have.
func (m *model) ownsEnough(o voicemail.Owner, id voicemail.MailboxID) bool {
	if o.Kind != voicemail.OwnerUser {
		return false
	}
	n := 0
	for other, box := range m.boxes {
		if other != id && box.set.Owner == o {
			n++
		}
	}
	return n >= modelOwned
}

func (m *model) createMailbox(t *rapid.T) {
	id, box := m.box(t)
	set := drawSettings(t)
	_, err := m.svc.CreateMailbox(m.ctx, id, &set)
	at, deleted := m.deleted[id]
	switch {
	case box != nil:
		require.ErrorIs(t, err, voicemail.ErrMailboxExists)
		return
	case deleted && m.now.Sub(at) < 2*time.Hour:
		require.ErrorIs(t, err, voicemail.ErrConflict)
		return
	case m.ownsEnough(set.Owner, id):
		require.ErrorIs(t, err, voicemail.ErrTooManyMailboxes)
		return
	}
	require.NoError(t, err)
	set.ChangedAt = m.now
	m.boxes[id] = &modelBox{
		set: set, messages: map[voicemail.MessageID]*modelMessage{},
		greetings: map[voicemail.GreetingKind][]modelGreeting{}, revised: map[voicemail.GreetingKind]int{},
	}
}

func (m *model) deleteMailbox(t *rapid.T) {
	id, box := m.box(t)
	err := m.svc.DeleteMailbox(m.ctx, id)
	if box == nil {
		require.ErrorIs(t, err, voicemail.ErrNoMailbox)
		return
	}
	for _, msg := range box.messages {
		if msg.state.Held || !msg.visible() {
			require.ErrorIs(t, err, voicemail.ErrHeld)
			return
		}
	}
	require.NoError(t, err)
	delete(m.boxes, id)
	m.deleted[id] = m.now
}

func (m *model) updateSettings(t *rapid.T) {
	id, box := m.box(t)
	set := drawSettings(t)
	got, err := m.svc.Mailbox(id).UpdateSettings(m.ctx, func(s *voicemail.Settings) error {
		*s = set
		return nil
	})
	switch {
	case box == nil:
		require.ErrorIs(t, err, voicemail.ErrNoMailbox)
		return
	case set.Owner != box.set.Owner && m.ownsEnough(set.Owner, id):
		require.ErrorIs(t, err, voicemail.ErrTooManyMailboxes)
		return
	}
	require.NoError(t, err)
	set.Revision, set.ChangedAt = box.set.Revision+1, m.now
	box.set = set
	require.Equal(t, set, got)
}

func (m *model) updateTenant(t *rapid.T) {
	set := voicemail.TenantSettings{
		MaxMessages: rapid.IntRange(0, modelLimit).Draw(t, "max"), WhenFull: drawWhenFull(t), Retention: drawRetention(t),
		AccessNumber: rapid.SampledFrom([]string{"", "6666"}).Draw(t, "access number"),
	}
	_, err := m.svc.UpdateSettings(m.ctx, func(s *voicemail.TenantSettings) error {
		*s = set
		return nil
	})
	require.NoError(t, err)
	set.AccessNumber = cmp.Or(set.AccessNumber, voicemail.DefaultAccessNumber)
	set.Revision, set.ChangedAt = m.tenant.Revision+1, m.now
	m.tenant = set
}

func (m *model) mailboxesOf(t *rapid.T) {
	user := rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "user")
	var got, want []voicemail.MailboxID
	for box, err := range m.svc.MailboxesOf(m.ctx, user, "sales") {
		require.NoError(t, err)
		got = append(got, box.ID())
	}
	for _, o := range []voicemail.Owner{voicemail.User(user), voicemail.Group("sales")} {
		for _, id := range slices.Sorted(slices.Values(modelBoxes)) {
			if box := m.boxes[id]; box != nil && box.set.Owner == o {
				want = append(want, id)
			}
		}
	}
	require.Equal(t, want, got)
}

const modelUsage = "%s %v trashed %d messages %d bytes %d %+v"

func (m *model) usage(t *rapid.T) {
	var got, want []string
	for u, err := range m.svc.Usage(m.ctx) {
		require.NoError(t, err)
		got = append(got, fmt.Sprintf(modelUsage, u.Mailbox, u.Counts, u.Trashed, u.Messages(), u.TotalBytes(), u.Policy))
	}
	for id, box := range m.boxes {
		messages, bytes := box.used()
		trashed := len(box.seen(func(msg *modelMessage) bool { return msg.state.Trashed }))
		want = append(want, fmt.Sprintf(modelUsage, id, box.counts(), trashed, messages, bytes, m.policy(box)))
	}
	require.ElementsMatch(t, want, got)
}

// due says when a message goes by itself, and why.
func (m *model) due(box *modelBox, msg *modelMessage) (at time.Time, why voicemail.Cause) {
	const day = 24 * time.Hour
	r, st := m.policy(box).Retention, msg.state
	for _, may := range []struct {
		at    time.Time
		cause voicemail.Cause
		is    bool
	}{
		{st.Expires, voicemail.CauseExpiry, !st.Expires.IsZero()},
		{st.TrashedAt.Add(time.Duration(r.TrashDays) * day), voicemail.CauseTrash, st.Trashed && r.TrashDays > 0},
		{msg.received.Add(time.Duration(r.Days) * day), voicemail.CauseAge, r.Days > 0 && (st.Read || r.KeepUnread == voicemail.Off)},
	} {
		if may.is && msg.visible() && !st.Held && (why == "" || may.at.Before(at)) {
			at, why = may.at, may.cause
		}
	}
	return at, why
}

// ages returns what goes by itself before a time.
func (m *model) ages(before time.Time) []voicemail.Aging {
	var list []voicemail.Aging
	for id, box := range m.boxes {
		for _, msg := range box.messages {
			if at, why := m.due(box, msg); why != "" && at.Before(before) {
				list = append(list, voicemail.Aging{Mailbox: id, Message: msg.id, At: at, Cause: why})
			}
		}
	}
	return list
}

func (m *model) aging(t *rapid.T) { m.agingBefore(t, m.now.Add(m.someTime(t))) }

func (m *model) agingBefore(t *rapid.T, before time.Time) []voicemail.Aging {
	var got []voicemail.Aging
	for a, err := range m.svc.Aging(m.ctx, before) {
		require.NoError(t, err)
		got = append(got, a)
	}
	require.ElementsMatch(t, m.ages(before), got)
	return got
}

// maintain lets time pass, which alone changes nothing, and then lets messages go.
func (m *model) maintain(t *rapid.T) {
	m.wait(t)
	m.compare(t)
	m.upkeep(t)
	if rapid.IntRange(0, 3).Draw(t, "check") == 0 {
		m.check(t)
	}
}

// upkeep deletes what Aging said, and nothing else.
func (m *model) upkeep(t *rapid.T) {
	went := map[voicemail.Cause]int{}
	for _, a := range m.agingBefore(t, m.now.Add(1)) {
		delete(m.boxes[a.Mailbox].messages, a.Message)
		went[a.Cause]++
	}
	for _, box := range m.boxes {
		box.pruneGreetings(m.now)
	}
	report, err := m.svc.Maintain(m.ctx)
	require.NoError(t, err)
	require.Equal(t, []int{went[voicemail.CauseExpiry], went[voicemail.CauseAge], went[voicemail.CauseTrash]}, []int{report.Expired, report.Aged, report.Purged})
	require.Zero(t, report.Moves+report.Deletions+report.Restrictions, "nothing was left half done")
	m.compare(t)
}

// check looks for damage.
func (m *model) check(t *rapid.T) {
	for f, err := range m.svc.Check(m.ctx, &voicemail.CheckOptions{Audio: voicemail.AudioDigest, Quarantined: true}) {
		require.NoError(t, err)
		t.Fatalf("found %v", f)
	}
}
