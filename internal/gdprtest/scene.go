package gdprtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/rawscan"
)

const (
	personal voicemail.MailboxID = "5001"
	group    voicemail.MailboxID = "5002"
)

// recorded is a message with what was said in it.
type recorded struct {
	voicemail.Message
	audio []byte
}

// caller is somebody who leaves messages.
type caller struct {
	number string
	name   string
	left   []recorded
}

func (c *caller) id() voicemail.CallerID {
	return voicemail.ParseCallerID(c.number).WithName(c.name)
}

// newCaller returns somebody whom nobody else is like.
func newCaller() *caller {
	const digits, letters = "0123456789", "abcdefghijklmnopqrstuvwxyz"
	number, name := []byte("+1555"), []byte("Zoe ")
	number = append(number, digits[1+rand.IntN(9)]) // a zero would be a trunk prefix
	for range 8 {
		number = append(number, digits[rand.IntN(10)])
		name = append(name, letters[rand.IntN(len(letters))])
	}
	return &caller{number: string(number), name: string(name)}
}

// ids are the IDs of the caller's messages, sorted.
func (c *caller) ids() []voicemail.MessageID {
	var ids []voicemail.MessageID
	for _, r := range c.left {
		ids = append(ids, r.ID())
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (c *caller) places() []string {
	list := []string{}
	for _, r := range c.left {
		list = append(list, string(r.Mailbox())+"/"+string(r.ID()))
	}
	slices.Sort(list)
	return list
}

// trace is what must not be left of the caller.
func (c *caller) trace(caseIDs ...string) rawscan.Scan {
	s := rawscan.Scan{Numbers: []string{c.number}, Secrets: []rawscan.Secret{{Name: "the name", Bytes: []byte(c.name)}}, Salts: caseIDs}
	for _, r := range c.left {
		if !slices.ContainsFunc(s.Audio, func(a []byte) bool { return bytes.Equal(a, r.audio) }) {
			s.Audio = append(s.Audio, r.audio)
		}
	}
	return s
}

// scene is a caller with messages in every region, in all states, and somebody else with messages beside them.
type scene struct {
	*caller
	other *caller
}

// mailboxes makes the mailboxes of the scenes.
func (e *env) mailboxes() {
	e.Helper()
	for id, owner := range map[voicemail.MailboxID]voicemail.Owner{personal: voicemail.User("agent7"), group: voicemail.Group("support")} {
		_, err := e.svc().CreateMailbox(e.ctx, id, &voicemail.Settings{Owner: owner})
		if !errors.Is(err, voicemail.ErrMailboxExists) {
			require.NoError(e, err, "create mailbox")
		}
	}
}

// scene lets a caller leave messages in both mailboxes, through every region.
func (e *env) scene() scene {
	e.Helper()
	e.mailboxes()
	s := scene{newCaller(), newCaller()}
	for _, region := range e.regions {
		e.leave(s.caller, region, personal, nil)
		e.leave(s.caller, region, group, &voicemail.DepositOptions{Urgent: true})
		e.leave(s.other, region, personal, nil)
	}
	first, second := s.left[0], s.left[1]
	require.NoError(e, first.MarkRead(e.ctx))
	require.NoError(e, second.Trash(e.ctx))
	last := e.in(e.regions[len(e.regions)-1])
	forwarded, err := e.message(last, first).CopyTo(e.ctx, group, nil)
	require.NoError(e, err, "copy")
	s.left = append(s.left, recorded{forwarded, first.audio})
	return s
}

// one lets a caller leave one message.
func (e *env) one() *caller {
	e.Helper()
	e.mailboxes()
	c := newCaller()
	e.leave(c, e.place.Master, personal, nil)
	return c
}

// leave lets the caller leave a message through a region.
func (e *env) leave(c *caller, region string, mailbox voicemail.MailboxID, opts *voicemail.DepositOptions) recorded {
	e.Helper()
	return e.leaveAudio(c, region, mailbox, wav(500), opts)
}

func (e *env) leaveAudio(c *caller, region string, mailbox voicemail.MailboxID, audio []byte, opts *voicemail.DepositOptions) recorded {
	e.Helper()
	var o voicemail.DepositOptions
	if opts != nil {
		o = *opts
	}
	o.Caller = c.id()
	msg, err := e.in(region).Mailbox(mailbox).Deposit(e.ctx, bytes.NewReader(audio), &o)
	require.NoError(e, err, "deposit")
	c.left = append(c.left, recorded{msg, audio})
	return c.left[len(c.left)-1]
}

// message reads a message anew, by another process.
func (e *env) message(svc *voicemail.Service, r voicemail.Message) voicemail.Message {
	e.Helper()
	m, err := svc.Mailbox(r.Mailbox()).Message(e.ctx, r.ID())
	require.NoError(e, err, "read message")
	return m
}

func (e *env) counts(mailbox voicemail.MailboxID) voicemail.Counts {
	e.Helper()
	n, err := e.svc().Mailbox(mailbox).Counts(e.ctx)
	require.NoError(e, err, "counts")
	return n
}

func (e *env) find(svc *voicemail.Service, number string) []string {
	e.Helper()
	list := []string{}
	for m, err := range svc.FindByCaller(e.ctx, voicemail.ParseCallerID(number)) {
		require.NoError(e, err, "find")
		list = append(list, string(m.Mailbox())+"/"+string(m.ID()))
	}
	slices.Sort(list)
	return list
}

// play reads the whole recording.
func (e *env) play(m voicemail.Message) []byte {
	e.Helper()
	r, err := m.Open(e.ctx)
	require.NoError(e, err, "open the recording")
	defer r.Close()
	b, err := io.ReadAll(r)
	require.NoError(e, err, "play")
	return b
}

// hidden demands that no agent sees the caller's messages, by any process.
func (e *env) hidden(c *caller) {
	e.Helper()
	for _, svc := range []*voicemail.Service{e.svc(), e.in(e.regions[len(e.regions)-1]), e.open(e.place.Master)} {
		for _, r := range c.left {
			box := svc.Mailbox(r.Mailbox())
			_, err := box.Message(e.ctx, r.ID())
			require.ErrorIs(e, err, voicemail.ErrNotFound, "a restricted message is read")
			for m, err := range box.Messages(e.ctx, &voicemail.ListOptions{Trash: voicemail.WithTrash}) {
				require.NoError(e, err)
				require.NotEqual(e, r.ID(), m.ID(), "a restricted message is listed")
			}
		}
		require.Empty(e, e.find(svc, c.number), "a restricted caller is found")
	}
}

// seen demands that agents see all messages of the caller, and hear what was said.
func (e *env) seen(c *caller) {
	e.Helper()
	svc := e.open(e.regions[len(e.regions)-1])
	require.Equal(e, c.places(), e.find(svc, c.number))
	for _, r := range c.left {
		require.Equal(e, r.audio, e.play(e.message(svc, r)))
	}
}

// erased demands that nothing of the caller is left anywhere, and that the other one's messages are.
func (e *env) erased(s scene, caseIDs ...string) {
	e.Helper()
	e.hidden(s.caller)
	e.clean(s.trace(caseIDs...))
	e.seen(s.other)
}

// wav returns a WAV file of PCM, 8 bits, 8 kHz, of so many milliseconds, with noise of its own.
func wav(ms int) []byte {
	n := ms * 8
	var b bytes.Buffer
	b.WriteString("RIFF")
	_ = binary.Write(&b, binary.LittleEndian, uint32(36+n))
	b.WriteString("WAVEfmt ")
	for _, field := range []any{uint32(16), uint16(1), uint16(1), uint32(8000), uint32(8000), uint16(1), uint16(8)} {
		_ = binary.Write(&b, binary.LittleEndian, field)
	}
	b.WriteString("data")
	_ = binary.Write(&b, binary.LittleEndian, uint32(n))
	for range n {
		b.WriteByte(byte(rand.Uint32()))
	}
	return b.Bytes()
}

// digits are the digits of a number.
func digits(number string) string { return strings.TrimPrefix(number, "+") }
