package voicemail_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail"
)

type deposited struct {
	box   voicemail.MailboxID
	audio []byte
	opts  voicemail.DepositOptions
}

func setUrgent(urgent bool) func(voicemail.Message, context.Context) error {
	return func(msg voicemail.Message, ctx context.Context) error { return msg.SetUrgent(ctx, urgent) }
}

func (m *model) markRead(s *modelMessage) {
	if !s.state.Read {
		s.state.Read, s.state.ReadAt = true, m.now
	}
}

func (m *model) trash(s *modelMessage) {
	if !s.state.Trashed {
		s.state.Trashed, s.state.TrashedAt = true, m.now
	}
}

func (m *model) toggle(do func(voicemail.Message, context.Context) error, change func(*model, *modelMessage)) func(*rapid.T) {
	return func(t *rapid.T) {
		msg, is := m.message(t)
		require.NoError(t, do(msg, m.ctx))
		change(m, is)
	}
}

func (m *model) deposit(t *rapid.T) {
	id, box := m.box(t)
	caller := rapid.SampledFrom(modelCallers).Draw(t, "caller")
	opts := voicemail.DepositOptions{
		Caller: voicemail.ParseCallerID(caller), Urgent: rapid.Bool().Draw(t, "urgent"), Private: rapid.IntRange(0, 5).Draw(t, "private") == 5,
		Read: rapid.Bool().Draw(t, "read"), Trashed: rapid.IntRange(0, 3).Draw(t, "trashed") == 3,
	}
	if rapid.Bool().Draw(t, "given ID") {
		opts.ID = voicemail.NewMessageID(m.now)
	}
	if rapid.IntRange(0, 3).Draw(t, "expires") == 0 {
		opts.Expires = m.now.Add(m.someTime(t))
	}
	audio := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "audio")
	msg, err := m.svc.Mailbox(id).Deposit(m.ctx, bytes.NewReader(audio), &opts)
	if want := m.refusal(box, int64(len(audio))); want != nil {
		require.ErrorIs(t, err, want)
		m.handedBack(t, err, audio)
		return
	}
	require.NoError(t, err)
	opts.ID = msg.ID()
	m.first[msg.ID()] = deposited{id, audio, opts}
	is := &modelMessage{
		id: msg.ID(), caller: opts.Caller.Reveal(), audio: audio, received: m.now, private: opts.Private,
		state: voicemail.State{Read: opts.Read, Urgent: opts.Urgent, Trashed: opts.Trashed, Expires: opts.Expires},
	}
	is.takesPlace(m.now)
	m.add(box, is)
}

// add puts a new message into a mailbox, and what has to go for it goes.
func (m *model) add(box *modelBox, msg *modelMessage) {
	m.order = append(m.order, msg.id)
	box.messages[msg.id] = msg
	m.makeRoom(box, msg)
}

func (m *model) handedBack(t *rapid.T, err error, audio []byte) {
	var de *voicemail.DepositError
	require.ErrorAs(t, err, &de)
	require.Equal(t, audio, readAndClose(t, de.Audio))
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
	now := m.at(d.box, id) // also if it is restricted: whoever retries must not be told
	if _, moved := m.moved[id]; moved {
		now = nil
	}
	if now != nil && !other {
		require.NoError(t, err)
		require.Equal(t, id, msg.ID())
		m.makeRoom(m.boxes[d.box], now)
		return
	}
	m.handedBack(t, err, audio)
	if now != nil {
		require.ErrorIs(t, err, voicemail.ErrConflict)
		return
	}
	if refusal := m.refusal(m.boxes[d.box], int64(len(audio))); refusal != nil && errors.Is(err, refusal) {
		return // the mailbox is looked at before the tombstones
	}
	require.ErrorIs(t, err, voicemail.ErrGone)
}

func (m *model) setExpiry(t *rapid.T) {
	msg, is := m.message(t)
	is.state.Expires = time.Time{}
	if rapid.IntRange(0, 3).Draw(t, "never") > 0 {
		is.state.Expires = m.now.Add(m.someTime(t))
	}
	require.NoError(t, msg.SetExpiry(m.ctx, is.state.Expires))
}

func (m *model) delete(t *rapid.T) {
	msg, is := m.message(t)
	err := msg.Delete(m.ctx)
	if is.state.Held {
		require.ErrorIs(t, err, voicemail.ErrHeld)
		return
	}
	require.NoError(t, err)
	delete(m.boxes[msg.Mailbox()].messages, is.id)
	m.gone = append(m.gone, msg)
}

func (m *model) copy(t *rapid.T) {
	msg, is := m.message(t)
	to, _ := m.box(t)
	opts := drawCopy(t)
	copied, err := msg.CopyTo(m.ctx, to, opts)
	m.copied(t, msg.Mailbox(), is, to, opts, copied, err)
}

func (m *model) move(t *rapid.T) {
	msg, is := m.message(t)
	to, _ := m.box(t)
	m.moveTo(t, msg, is, to)
}

// moveBack moves a message to where it was before.
func (m *model) moveBack(t *rapid.T) {
	mailbox, is := m.choose(t, func(msg *modelMessage) bool { return msg.visible() && m.moved[msg.id] != "" })
	msg, err := m.svc.Mailbox(mailbox).Message(m.ctx, is.id)
	require.NoError(t, err)
	m.moveTo(t, msg, is, m.moved[is.id])
}

func (m *model) moveTo(t *rapid.T, msg voicemail.Message, is *modelMessage, to voicemail.MailboxID) {
	moved, err := msg.MoveTo(m.ctx, to)
	if want := m.stays(msg.Mailbox(), is, to); want != nil {
		require.ErrorIs(t, err, want)
		return
	}
	require.NoError(t, err)
	require.Equal(t, []any{is.id, to}, []any{moved.ID(), moved.Mailbox()})
	m.movedTo(msg, is, to)
}

// stays is why a message cannot be moved, nil if it can.
func (m *model) stays(from voicemail.MailboxID, is *modelMessage, to voicemail.MailboxID) error {
	switch {
	case to == from:
		return voicemail.ErrInvalid
	case is.private:
		return voicemail.ErrPrivate
	}
	if refusal := m.refusal(m.boxes[to], is.bytes()); refusal != nil {
		return refusal
	}
	if is.state.Held {
		return voicemail.ErrHeld
	}
	return nil
}

func (m *model) movedTo(msg voicemail.Message, is *modelMessage, to voicemail.MailboxID) {
	delete(m.boxes[msg.Mailbox()].messages, is.id)
	m.boxes[to].messages[is.id] = is
	is.takesPlace(m.now)
	m.moved[is.id] = msg.Mailbox()
	m.gone = append(m.gone, msg)
	m.makeRoom(m.boxes[to], is)
}

func (m *model) useGone(t *rapid.T) {
	if len(m.gone) == 0 {
		t.Skip("nothing is gone")
	}
	msg := m.gone[rapid.IntRange(0, len(m.gone)-1).Draw(t, "gone")]
	is := m.at(msg.Mailbox(), msg.ID())
	if is != nil && is.visible() {
		t.Skip("it has come back")
	}
	for _, err := range []error{msg.MarkRead(m.ctx), msg.Trash(m.ctx), msg.SetUrgent(m.ctx, true), msg.SetExpiry(m.ctx, m.now.Add(time.Hour))} {
		require.ErrorIs(t, err, voicemail.ErrNotFound)
	}
	_, err := msg.Open(m.ctx)
	require.ErrorIs(t, err, voicemail.ErrNotFound)
	_, err = msg.AddPart(m.ctx, voicemail.PartNote, bytes.NewReader([]byte("too late")), nil)
	require.ErrorIs(t, err, voicemail.ErrNotFound)
	_, err = msg.Parts(m.ctx)
	require.ErrorIs(t, err, voicemail.ErrNotFound)
	if err = msg.Delete(m.ctx); err != nil || is != nil {
		require.ErrorIs(t, err, voicemail.ErrNotFound)
	}
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
		for _, msg := range box.seen(func(msg *modelMessage) bool { return msg.caller == caller.Reveal() }) {
			want = append(want, string(msg)+" in "+string(id))
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
	want := box.seen(func(msg *modelMessage) bool {
		st := msg.state
		switch {
		case o.Unread && st.Read, o.Urgent && !st.Urgent, o.Trash == voicemail.WithoutTrash && st.Trashed, o.Trash == voicemail.OnlyTrash && !st.Trashed,
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
