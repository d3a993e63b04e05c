package voicemail_test

import (
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail"
)

// markReadBy says who heard a message; the first one who does counts.
func (m *model) markReadBy(t *rapid.T) {
	msg, is := m.message(t)
	who := rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "reader")
	require.NoError(t, msg.MarkReadBy(m.ctx, who))
	if !is.state.Read {
		is.reader, is.readBy = who, m.now
	}
	m.markRead(is)
}

func (msg *modelMessage) firstReader() voicemail.Reader {
	switch {
	case !msg.state.Read:
		return voicemail.Reader{}
	case msg.reader == "":
		return voicemail.Reader{At: msg.state.ReadAt}
	}
	return voicemail.Reader{ID: msg.reader, At: msg.readBy}
}

func drawCopy(t *rapid.T) *voicemail.CopyOptions {
	return &voicemail.CopyOptions{Note: rapid.SampledFrom([]string{"", "please call"}).Draw(t, "note")}
}

// copied compares what a copy came to, and makes it.
func (m *model) copied(t *rapid.T, from voicemail.MailboxID, is *modelMessage, to voicemail.MailboxID, opts *voicemail.CopyOptions, got voicemail.Message, err error) {
	box := m.boxes[to]
	want := m.refusal(box, is.bytes()+int64(len(opts.Note)))
	switch {
	case is.private && to != from:
		want = voicemail.ErrPrivate
	case box != nil && m.at(from, is.id) == nil: // an earlier one of many has taken its place
		want = voicemail.ErrNotFound
	}
	if want != nil {
		require.ErrorIs(t, err, want)
		return
	}
	require.NoError(t, err)
	c := &modelMessage{
		id: got.ID(), caller: is.caller, audio: is.audio, received: is.received, origin: is.id, private: is.private,
		state: voicemail.State{Urgent: is.state.Urgent}, parts: slices.Clone(is.parts),
	}
	if opts.Note != "" {
		c.newPart(voicemail.Part{Kind: voicemail.PartComment, ContentType: "text/plain; charset=utf-8"}, opts.Note, m.now)
	}
	c.takesPlace(m.now)
	m.add(box, c)
}

// some chooses up to three messages that can be seen, each once.
func (m *model) some(t *rapid.T) ([]voicemail.Message, []*modelMessage) {
	var handles []voicemail.Message
	var list []*modelMessage
	for range rapid.IntRange(1, 3).Draw(t, "messages") {
		if msg, is := m.message(t); !slices.Contains(list, is) {
			handles, list = append(handles, msg), append(list, is)
		}
	}
	return handles, list
}

// copyAll copies to two mailboxes, unless a copy in one could take a source's place while it is copied to the other.
func (m *model) copyAll(t *rapid.T) {
	handles, list := m.some(t)
	to := []voicemail.MailboxID{modelBoxes[0], modelBoxes[2]}
	if slices.ContainsFunc(to, func(id voicemail.MailboxID) bool {
		box := m.boxes[id]
		return box != nil && m.policy(box).WhenFull == voicemail.DropOldestRead
	}) {
		to = to[:1]
	}
	opts := drawCopy(t)
	got, err := m.svc.CopyAll(m.ctx, handles, to, opts)
	require.NoError(t, err)
	require.Len(t, got, len(handles)*len(to))
	for i, c := range got {
		is, from, dest := list[i/len(to)], handles[i/len(to)].Mailbox(), to[i%len(to)]
		require.Equal(t, []any{is.id, from, dest}, []any{c.Message, c.From, c.To})
		m.copied(t, from, is, dest, opts, c.Result, c.Err)
	}
}

func (m *model) moveAll(t *rapid.T) {
	handles, list := m.some(t)
	to, _ := m.box(t)
	got, err := m.svc.MoveAll(m.ctx, handles, to)
	require.NoError(t, err)
	require.Len(t, got, len(handles))
	for i, moved := range got {
		if want := m.stays(handles[i].Mailbox(), list[i], to); want != nil {
			require.ErrorIs(t, moved.Err, want)
			continue
		}
		require.NoError(t, moved.Err)
		require.Equal(t, to, moved.Result.Mailbox())
		m.movedTo(handles[i], list[i], to)
	}
}
