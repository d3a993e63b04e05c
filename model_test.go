package voicemail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage/memstore"
)

// What random operations do to a service, the same operations do to a map. After each one both show the same.
func TestVoicemailDoesWhatAPlainMapDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		defer m.store.Close()
		t.Repeat(map[string]func(*rapid.T){
			"create mailbox":  m.createMailbox,
			"deposit":         m.deposit,
			"retry a deposit": m.retry,
			"mark read":       m.toggle(voicemail.Message.MarkRead, func(s *modelMessage) { s.read = true }),
			"mark unread":     m.toggle(voicemail.Message.MarkUnread, func(s *modelMessage) { s.read = false }),
			"urgent":          m.toggle(setUrgent(true), func(s *modelMessage) { s.urgent = true }),
			"not urgent":      m.toggle(setUrgent(false), func(s *modelMessage) { s.urgent = false }),
			"trash":           m.toggle(voicemail.Message.Trash, func(s *modelMessage) { s.trash = true }),
			"restore":         m.toggle(voicemail.Message.Restore, func(s *modelMessage) { s.trash = false }),
			"set expiry":      m.setExpiry,
			"delete":          m.delete,
			"copy":            m.copy,
			"move":            m.move,
			"move back":       m.moveBack,
			"settings":        m.updateSettings,
			"time and upkeep": m.maintain,
			"find":            m.find,
			"list":            m.list,
			"use what's gone": m.useGone,
			"restart":         m.restart,
			"":                m.compare,
		})
	})
}

var (
	modelBoxes   = []voicemail.MailboxID{"0712", "712", "Sales/EU"}
	modelCallers = []string{"+15550100", "5550100", "sip:ann@example.com", ""}
)

const modelLimit = 4 // messages in a mailbox, so that it is full often

type modelMessage struct {
	id                  voicemail.MessageID
	caller              string
	audio               []byte
	received            time.Time
	origin              voicemail.MessageID
	read, urgent, trash bool
	expires             time.Time
}

type modelBox struct {
	max      int
	disabled bool
	revision int
	messages map[voicemail.MessageID]*modelMessage
}

type model struct {
	ctx   context.Context
	store *memstore.Store
	svc   *voicemail.Service
	now   time.Time
	boxes map[voicemail.MailboxID]*modelBox
	// gone are handles of messages that were deleted or moved away, with the place where a deposit of them would be a retry.
	gone  []voicemail.Message
	moved map[voicemail.MessageID]voicemail.MailboxID // the mailbox that a message was in before
	first map[voicemail.MessageID]deposited           // how each message was deposited
	// order has every message ID in the order of making: what is drawn must not hang on the IDs, which are random.
	order []voicemail.MessageID
}

type deposited struct {
	box   voicemail.MailboxID
	audio []byte
	opts  voicemail.DepositOptions
}

func newModel(t *rapid.T) *model {
	m := &model{
		ctx: context.Background(), now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), boxes: map[voicemail.MailboxID]*modelBox{},
		moved: map[voicemail.MessageID]voicemail.MailboxID{}, first: map[voicemail.MessageID]deposited{},
	}
	m.store = memstore.New(&memstore.Options{Now: m.clock, PageSize: rapid.IntRange(1, 40).Draw(t, "page size")})
	m.restart(t)
	return m
}

func (m *model) clock() time.Time { return m.now }

func setUrgent(urgent bool) func(voicemail.Message, context.Context) error {
	return func(msg voicemail.Message, ctx context.Context) error { return msg.SetUrgent(ctx, urgent) }
}

// restart goes on with a service that has cached nothing.
func (m *model) restart(t *rapid.T) {
	var err error
	m.svc, err = voicemail.Open(m.ctx, voicemail.OneRegion(m.store), &voicemail.Options{
		Now: m.clock, Limits: voicemail.Limits{Messages: modelLimit, Cache: 3},
	})
	require.NoError(t, err)
}

func (m *model) box(t *rapid.T) (voicemail.MailboxID, *modelBox) {
	id := rapid.SampledFrom(modelBoxes).Draw(t, "mailbox")
	return id, m.boxes[id]
}

// message chooses a message, or skips the step.
func (m *model) message(t *rapid.T) (voicemail.Message, *modelMessage) {
	where := map[voicemail.MessageID]voicemail.MailboxID{}
	for id, box := range m.boxes {
		for msg := range box.messages {
			where[msg] = id
		}
	}
	if len(where) == 0 {
		t.Skip("no message")
	}
	all := slices.DeleteFunc(slices.Clone(m.order), func(id voicemail.MessageID) bool { return where[id] == "" })
	id := all[rapid.IntRange(0, len(all)-1).Draw(t, "message")]
	msg, err := m.svc.Mailbox(where[id]).Message(m.ctx, id)
	require.NoError(t, err)
	return msg, m.boxes[where[id]].messages[id]
}

// refusal is why a mailbox takes no message, nil if it does.
func (b *modelBox) refusal() error {
	limit := modelLimit
	if b != nil && b.max > 0 {
		limit = min(limit, b.max)
	}
	switch {
	case b == nil:
		return voicemail.ErrNoMailbox
	case b.disabled:
		return voicemail.ErrDisabled
	case len(b.messages) >= limit:
		return voicemail.ErrMailboxFull
	}
	return nil
}

func (m *model) createMailbox(t *rapid.T) {
	id, box := m.box(t)
	_, err := m.svc.CreateMailbox(m.ctx, id, nil)
	if box != nil {
		require.ErrorIs(t, err, voicemail.ErrMailboxExists)
		return
	}
	require.NoError(t, err)
	m.boxes[id] = &modelBox{messages: map[voicemail.MessageID]*modelMessage{}}
}

func (m *model) updateSettings(t *rapid.T) {
	id, box := m.box(t)
	limit, disabled := rapid.IntRange(0, modelLimit+1).Draw(t, "max"), rapid.IntRange(0, 3).Draw(t, "disabled") == 0
	got, err := m.svc.Mailbox(id).UpdateSettings(m.ctx, func(s *voicemail.Settings) error {
		s.MaxMessages, s.Disabled = limit, disabled
		return nil
	})
	if box == nil {
		require.ErrorIs(t, err, voicemail.ErrNoMailbox)
		return
	}
	require.NoError(t, err)
	box.max, box.disabled = limit, disabled
	box.revision++
	require.Equal(t, box.revision, got.Revision)
}

func (m *model) deposit(t *rapid.T) {
	id, box := m.box(t)
	caller := rapid.SampledFrom(modelCallers).Draw(t, "caller")
	opts := voicemail.DepositOptions{Caller: voicemail.ParseCallerID(caller), Urgent: rapid.Bool().Draw(t, "urgent")}
	if rapid.Bool().Draw(t, "given ID") {
		opts.ID = voicemail.NewMessageID(m.now)
	}
	if rapid.Bool().Draw(t, "expires") {
		opts.Expires = m.now.Add(m.someTime(t))
	}
	audio := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "audio")
	msg, err := m.svc.Mailbox(id).Deposit(m.ctx, bytes.NewReader(audio), &opts)
	if want := box.refusal(); want != nil {
		require.ErrorIs(t, err, want)
		m.handedBack(t, err, audio)
		return
	}
	require.NoError(t, err)
	opts.ID = msg.ID()
	m.first[msg.ID()] = deposited{id, audio, opts}
	m.order = append(m.order, msg.ID())
	box.messages[msg.ID()] = &modelMessage{
		id: msg.ID(), caller: opts.Caller.Reveal(), audio: audio, received: m.now, urgent: opts.Urgent, expires: opts.Expires,
	}
}

func (m *model) handedBack(t *rapid.T, err error, audio []byte) {
	var de *voicemail.DepositError
	require.ErrorAs(t, err, &de)
	defer de.Audio.Close()
	back, err := io.ReadAll(de.Audio)
	require.NoError(t, err)
	require.Equal(t, audio, back)
}

func (m *model) someTime(t *rapid.T) time.Duration {
	return time.Duration(rapid.IntRange(1, 100).Draw(t, "hours")) * time.Hour
}

// retry deposits what was deposited once.
func (m *model) retry(t *rapid.T) {
	all := slices.DeleteFunc(slices.Clone(m.order), func(id voicemail.MessageID) bool { return m.first[id].box == "" })
	if len(all) == 0 {
		t.Skip("nothing was deposited")
	}
	id := all[rapid.IntRange(0, len(all)-1).Draw(t, "deposit")]
	d := m.first[id]
	audio := d.audio
	other := rapid.IntRange(0, 4).Draw(t, "another recording") == 0
	if other {
		audio = append([]byte("another "), audio...)
	}
	msg, err := m.svc.Mailbox(d.box).Deposit(m.ctx, bytes.NewReader(audio), &d.opts)
	_, moved := m.moved[id]
	if now := m.boxes[d.box].messages[id]; now != nil && !moved && !other {
		require.NoError(t, err)
		require.Equal(t, id, msg.ID())
		return
	}
	m.handedBack(t, err, audio)
	if m.boxes[d.box].messages[id] != nil && !moved {
		require.ErrorIs(t, err, voicemail.ErrConflict)
		return
	}
	if refusal := m.boxes[d.box].refusal(); refusal != nil && errors.Is(err, refusal) {
		return // the mailbox is looked at before the tombstones
	}
	require.ErrorIs(t, err, voicemail.ErrGone)
}

func (m *model) toggle(do func(voicemail.Message, context.Context) error, change func(*modelMessage)) func(*rapid.T) {
	return func(t *rapid.T) {
		msg, is := m.message(t)
		require.NoError(t, do(msg, m.ctx))
		change(is)
	}
}

func (m *model) setExpiry(t *rapid.T) {
	msg, is := m.message(t)
	is.expires = time.Time{}
	if rapid.IntRange(0, 3).Draw(t, "never") > 0 {
		is.expires = m.now.Add(m.someTime(t))
	}
	require.NoError(t, msg.SetExpiry(m.ctx, is.expires))
}

func (m *model) delete(t *rapid.T) {
	msg, is := m.message(t)
	require.NoError(t, msg.Delete(m.ctx))
	delete(m.boxes[msg.Mailbox()].messages, is.id)
	m.gone = append(m.gone, msg)
}

func (m *model) copy(t *rapid.T) {
	msg, is := m.message(t)
	to, box := m.box(t)
	copied, err := msg.CopyTo(m.ctx, to, nil)
	if want := box.refusal(); want != nil {
		require.ErrorIs(t, err, want)
		return
	}
	require.NoError(t, err)
	m.order = append(m.order, copied.ID())
	box.messages[copied.ID()] = &modelMessage{
		id: copied.ID(), caller: is.caller, audio: is.audio, received: is.received, urgent: is.urgent, origin: is.id,
	}
}

func (m *model) move(t *rapid.T) {
	msg, is := m.message(t)
	to, _ := m.box(t)
	m.moveTo(t, msg, is, to)
}

// moveBack moves a message to where it was before.
func (m *model) moveBack(t *rapid.T) {
	msg, is := m.message(t)
	to, ok := m.moved[is.id]
	if !ok {
		t.Skip("it was not moved")
	}
	m.moveTo(t, msg, is, to)
}

func (m *model) moveTo(t *rapid.T, msg voicemail.Message, is *modelMessage, to voicemail.MailboxID) {
	from, box := msg.Mailbox(), m.boxes[to]
	moved, err := msg.MoveTo(m.ctx, to)
	want := box.refusal()
	if to == from {
		want = voicemail.ErrInvalid
	}
	if want != nil {
		require.ErrorIs(t, err, want)
		return
	}
	require.NoError(t, err)
	require.Equal(t, []any{is.id, to}, []any{moved.ID(), moved.Mailbox()})
	delete(m.boxes[from].messages, is.id)
	box.messages[is.id] = is
	m.moved[is.id] = from
	m.gone = append(m.gone, msg)
}

// maintain lets time pass, which alone changes nothing, and then lets messages expire.
func (m *model) maintain(t *rapid.T) {
	m.now = m.now.Add(m.someTime(t))
	m.compare(t)
	report, err := m.svc.Maintain(m.ctx)
	require.NoError(t, err)
	expired := 0
	for _, box := range m.boxes {
		for id, msg := range box.messages {
			if !msg.expires.IsZero() && !msg.expires.After(m.now) {
				delete(box.messages, id)
				expired++
			}
		}
	}
	require.Equal(t, expired, report.Expired)
	require.Zero(t, report.Moves+report.Deletions, "nothing was left half done")
}

func (m *model) useGone(t *rapid.T) {
	if len(m.gone) == 0 {
		t.Skip("nothing is gone")
	}
	msg := m.gone[rapid.IntRange(0, len(m.gone)-1).Draw(t, "gone")]
	if m.boxes[msg.Mailbox()].messages[msg.ID()] != nil {
		t.Skip("it has come back")
	}
	for _, err := range []error{msg.MarkRead(m.ctx), msg.Trash(m.ctx), msg.SetUrgent(m.ctx, true), msg.SetExpiry(m.ctx, m.now.Add(time.Hour))} {
		require.ErrorIs(t, err, voicemail.ErrNotFound)
	}
	_, err := msg.Open(m.ctx)
	require.ErrorIs(t, err, voicemail.ErrNotFound)
	err = msg.Delete(m.ctx)
	require.True(t, err == nil || errors.Is(err, voicemail.ErrNotFound), "%v", err)
}

func (m *model) find(t *rapid.T) {
	caller := voicemail.ParseCallerID(rapid.SampledFrom(modelCallers).Draw(t, "caller"))
	var got []string
	for msg, err := range m.svc.FindByCaller(m.ctx, caller) {
		if caller.Withheld() {
			require.ErrorIs(t, err, voicemail.ErrInvalid)
			return
		}
		require.NoError(t, err)
		got = append(got, string(msg.ID())+" in "+string(msg.Mailbox()))
	}
	var want []string
	for id, box := range m.boxes {
		for _, msg := range box.messages {
			if msg.caller == caller.Reveal() {
				want = append(want, string(msg.id)+" in "+string(id))
			}
		}
	}
	slices.Sort(want)
	slices.Reverse(want)
	require.Equal(t, want, got)
}

func (m *model) list(t *rapid.T) {
	id, box := m.box(t)
	if box == nil {
		for _, err := range m.svc.Mailbox(id).Messages(m.ctx, nil) {
			require.ErrorIs(t, err, voicemail.ErrNoMailbox)
		}
		return
	}
	o := voicemail.ListOptions{
		Unread: rapid.Bool().Draw(t, "unread"), Urgent: rapid.Bool().Draw(t, "urgent"), Trash: voicemail.TrashFilter(rapid.IntRange(0, 2).Draw(t, "trash")),
		Caller: voicemail.ParseCallerID(rapid.SampledFrom(modelCallers).Draw(t, "caller")), Limit: rapid.IntRange(0, 3).Draw(t, "limit"),
	}
	if rapid.Bool().Draw(t, "since") {
		o.Since = m.now.Add(-m.someTime(t))
	}
	want := box.newestFirst(func(msg *modelMessage) bool {
		switch {
		case o.Unread && msg.read, o.Urgent && !msg.urgent, o.Trash == voicemail.WithoutTrash && msg.trash, o.Trash == voicemail.OnlyTrash && !msg.trash,
			!o.Caller.Withheld() && msg.caller != o.Caller.Reveal(), msg.received.Before(o.Since):
			return false
		}
		return true
	})
	var got []voicemail.MessageID
	for { // page by page, if there is a limit
		n := 0
		for msg, err := range m.svc.Mailbox(id).Messages(m.ctx, &o) {
			require.NoError(t, err)
			got = append(got, msg.ID())
			o.Before = msg.ID()
			n++
		}
		if o.Limit == 0 || n == 0 {
			break
		}
	}
	require.Equal(t, want, got)
}

func (b *modelBox) newestFirst(match func(*modelMessage) bool) []voicemail.MessageID {
	var ids []voicemail.MessageID
	for id, msg := range b.messages {
		if match(msg) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids
}

const modelLine = "%s %s from %q audio %x received %v copy of %q read %v urgent %v trash %v expires %v"

// compare compares all that can be seen.
func (m *model) compare(t *rapid.T) {
	var want, got []string
	for id, box := range m.boxes {
		var n voicemail.Counts
		for _, msg := range box.messages {
			total, urgent := &n.New, &n.NewUrgent
			if msg.read {
				total, urgent = &n.Old, &n.OldUrgent
			}
			if !msg.trash {
				*total++
				if msg.urgent {
					*urgent++
				}
			}
			want = append(want, fmt.Sprintf(modelLine, id, msg.id, msg.caller, msg.audio, msg.received, msg.origin, msg.read, msg.urgent, msg.trash, msg.expires))
		}
		want = append(want, fmt.Sprint(id, n, box.max, box.disabled, box.revision))
	}
	for box, err := range m.svc.Mailboxes(m.ctx) {
		require.NoError(t, err)
		n, err := box.Counts(m.ctx)
		require.NoError(t, err)
		set, err := box.Settings(m.ctx)
		require.NoError(t, err)
		got = append(got, fmt.Sprint(box.ID(), n, set.MaxMessages, set.Disabled, set.Revision))
		for msg, err := range box.Messages(m.ctx, &voicemail.ListOptions{Trash: voicemail.WithTrash}) {
			require.NoError(t, err)
			e, st := msg.Envelope(), msg.State()
			var origin voicemail.MessageID
			if e.CopiedFrom != nil {
				origin = e.CopiedFrom.Message
			}
			got = append(got, fmt.Sprintf(modelLine,
				box.ID(), msg.ID(), e.Caller.Reveal(), m.play(t, msg), e.ReceivedAt, origin, st.Read, st.Urgent, st.Trashed, st.Expires))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(t, strings.Join(want, "\n"), strings.Join(got, "\n"))
}

func (m *model) play(t *rapid.T, msg voicemail.Message) []byte {
	r, err := msg.Open(m.ctx)
	require.NoError(t, err)
	defer r.Close()
	audio, err := io.ReadAll(r)
	require.NoError(t, err)
	return audio
}
