package voicemail_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage/memstore"
)

// What random operations do to a service, the same operations do to a map. After each one both show the same, and in the end nothing is damaged.
func TestVoicemailDoesWhatAPlainMapDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		defer m.store.Close()
		t.Repeat(m.operations())
		m.upkeep(t)
		m.check(t)
	})
}

// operations are what can happen; what comes more often than the rest has a weight.
func (m *model) operations() map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){"": m.compare}
	for _, op := range []struct {
		name   string
		weight int
		do     func(*rapid.T)
	}{
		{"create mailbox", 1, m.createMailbox},
		{"delete mailbox", 1, m.deleteMailbox},
		{"settings", 2, m.updateSettings},
		{"settings of the tenant", 1, m.updateTenant},
		{"mailboxes of an owner", 1, m.mailboxesOf},
		{"usage", 1, m.usage},
		{"aging", 1, m.aging},
		{"time", 1, m.wait},
		{"time and upkeep", 2, m.maintain},
		{"restart", 1, m.restart},

		{"deposit", 8, m.deposit},
		{"retry a deposit", 1, m.retry},
		{"mark read", 3, m.toggle(voicemail.Message.MarkRead, (*model).markRead)},
		{"mark read by", 1, m.markReadBy},
		{"mark unread", 1, m.toggle(voicemail.Message.MarkUnread, func(_ *model, s *modelMessage) { s.state.Read, s.state.ReadAt, s.reader = false, time.Time{}, "" })},
		{"urgent", 1, m.toggle(setUrgent(true), func(_ *model, s *modelMessage) { s.state.Urgent = true })},
		{"not urgent", 1, m.toggle(setUrgent(false), func(_ *model, s *modelMessage) { s.state.Urgent = false })},
		{"trash", 2, m.toggle(voicemail.Message.Trash, (*model).trash)},
		{"restore", 1, m.toggle(voicemail.Message.Restore, func(_ *model, s *modelMessage) { s.state.Trashed, s.state.TrashedAt = false, time.Time{} })},
		{"set expiry", 1, m.setExpiry},
		{"delete", 1, m.delete},
		{"copy", 2, m.copy},
		{"move", 2, m.move},
		{"move back", 1, m.moveBack},
		{"copy many", 1, m.copyAll},
		{"move many", 1, m.moveAll},
		{"add part", 3, m.addPart},
		{"find", 1, m.find},
		{"list", 1, m.list},
		{"use what's gone", 1, m.useGone},

		{"set greeting", 2, m.setGreeting},
		{"delete greeting", 1, m.deleteGreeting},
		{"restore greeting", 1, m.restoreGreeting},

		{"hold", 1, m.hold},
		{"release", 1, m.release},
		{"forget", 2, m.forget},
		{"undo", 3, m.undo},
		{"sweep", 1, m.sweep},
	} {
		for i := range op.weight {
			actions[op.name+strings.Repeat("'", i)] = op.do
		}
	}
	return actions
}

var (
	modelBoxes   = []voicemail.MailboxID{"0712", "712", "Sales/EU"}
	modelCallers = []string{"+15550100", "5550100", "sip:ann@example.com", ""}
)

// Limits are low, so that they are met often.
const (
	modelLimit     = 4 // messages in a mailbox
	modelRevisions = 2 // of a greeting
	modelOwned     = 2 // mailboxes of a user
)

type modelMessage struct {
	id       voicemail.MessageID
	caller   string
	audio    []byte
	received time.Time
	origin   voicemail.MessageID
	private  bool
	state    voicemail.State
	reader   string // who marked it as read, if they said so; readBy is when they said it
	readBy   time.Time
	parts    []modelPart
	holds    []gdpr.HoldID
	cases    []*modelCase // that restrict it
}

func (msg *modelMessage) visible() bool { return len(msg.cases) == 0 }

func (msg *modelMessage) bytes() int64 {
	n := int64(len(msg.audio))
	for _, p := range msg.parts {
		n += p.Size
	}
	return n
}

// takesPlace says that the message is stored anew where it is now.
func (msg *modelMessage) takesPlace(at time.Time) {
	if msg.state.Read {
		msg.state.ReadAt = at
	}
	if msg.state.Trashed {
		msg.state.TrashedAt = at
	}
	for i := range msg.parts {
		msg.parts[i].Added = at
	}
}

type modelBox struct {
	set       voicemail.Settings
	messages  map[voicemail.MessageID]*modelMessage
	greetings map[voicemail.GreetingKind][]modelGreeting // as History has them
	revised   map[voicemail.GreetingKind]int
}

type model struct {
	ctx    context.Context
	store  *memstore.Store
	svc    *voicemail.Service
	gdpr   *gdpr.Controller
	now    time.Time
	tenant voicemail.TenantSettings
	boxes  map[voicemail.MailboxID]*modelBox
	// deleted is when each mailbox was deleted.
	deleted map[voicemail.MailboxID]time.Time
	// gone are handles of messages that were deleted, moved away or forgotten, with the place where a deposit of them would be a retry.
	gone  []voicemail.Message
	moved map[voicemail.MessageID]voicemail.MailboxID // the mailbox that a message was in before
	first map[voicemail.MessageID]deposited           // how each message was deposited
	// order has every message ID in the order of making: what is drawn must not hang on the IDs, which are random.
	order []voicemail.MessageID
	cases []*modelCase
	holds []modelHold
}

func newModel(t *rapid.T) *model {
	m := &model{
		ctx: context.Background(), now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), tenant: voicemail.TenantSettings{AccessNumber: voicemail.DefaultAccessNumber},
		boxes: map[voicemail.MailboxID]*modelBox{}, deleted: map[voicemail.MailboxID]time.Time{},
		moved: map[voicemail.MessageID]voicemail.MailboxID{}, first: map[voicemail.MessageID]deposited{},
	}
	m.store = memstore.New(&memstore.Options{Now: m.clock, PageSize: rapid.IntRange(1, 40).Draw(t, "page size")})
	m.restart(t)
	for range 2 {
		m.createMailbox(t)
	}
	for range 2 {
		m.deposit(t)
	}
	return m
}

func (m *model) clock() time.Time { return m.now }

// restart goes on with a service that has cached nothing.
func (m *model) restart(t *rapid.T) {
	var err error
	m.svc, err = voicemail.Open(m.ctx, voicemail.OneRegion(m.store), &voicemail.Options{
		Now: m.clock, Limits: voicemail.Limits{Messages: modelLimit, Cache: 3, GreetingRevisions: modelRevisions, MailboxesPerUser: modelOwned},
	})
	require.NoError(t, err)
	m.gdpr, err = gdpr.New(m.svc, &gdpr.Options{MaxSkew: 1e6 * time.Hour}) // the host has another clock than the model
	require.NoError(t, err)
}

// wait lets time pass, which alone changes nothing.
func (m *model) wait(t *rapid.T) { m.now = m.now.Add(m.someTime(t)) }

func (m *model) someTime(t *rapid.T) time.Duration {
	return time.Duration(rapid.IntRange(1, 100).Draw(t, "hours")) * time.Hour
}

func (m *model) box(t *rapid.T) (voicemail.MailboxID, *modelBox) {
	id := rapid.SampledFrom(modelBoxes).Draw(t, "mailbox")
	return id, m.boxes[id]
}

// at returns a message of a mailbox; nil if it is not there, restricted or not.
func (m *model) at(mailbox voicemail.MailboxID, id voicemail.MessageID) *modelMessage {
	if box := m.boxes[mailbox]; box != nil {
		return box.messages[id]
	}
	return nil
}

// choose chooses a message that fits and returns where it is, or skips the step.
func (m *model) choose(t *rapid.T, fits func(*modelMessage) bool) (voicemail.MailboxID, *modelMessage) {
	where := map[voicemail.MessageID]voicemail.MailboxID{}
	for id, box := range m.boxes {
		for _, msg := range box.messages {
			if fits(msg) {
				where[msg.id] = id
			}
		}
	}
	if len(where) == 0 {
		t.Skip("no message")
	}
	all := slices.DeleteFunc(slices.Clone(m.order), func(id voicemail.MessageID) bool { return where[id] == "" })
	id := all[rapid.IntRange(0, len(all)-1).Draw(t, "message")]
	return where[id], m.boxes[where[id]].messages[id]
}

// message chooses a message that can be seen, or skips the step.
func (m *model) message(t *rapid.T) (voicemail.Message, *modelMessage) {
	mailbox, is := m.choose(t, (*modelMessage).visible)
	msg, err := m.svc.Mailbox(mailbox).Message(m.ctx, is.id)
	require.NoError(t, err)
	return msg, is
}

// seen returns the messages that can be seen, newest first.
func (b *modelBox) seen(match func(*modelMessage) bool) []voicemail.MessageID {
	var ids []voicemail.MessageID
	for id, msg := range b.messages {
		if msg.visible() && match(msg) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids
}

func (b *modelBox) counts() voicemail.Counts {
	var n voicemail.Counts
	for _, msg := range b.messages {
		total, urgent := &n.New, &n.NewUrgent
		if msg.state.Read {
			total, urgent = &n.Old, &n.OldUrgent
		}
		if msg.visible() && !msg.state.Trashed {
			*total++
			if msg.state.Urgent {
				*urgent++
			}
		}
	}
	return n
}

const modelLine = "%s %s from %q audio %x received %v copy of %q private %v %+v by %+v parts %v"

// compare compares all that can be seen.
func (m *model) compare(t *rapid.T) {
	var want, got []string
	for id, box := range m.boxes {
		for _, msg := range box.messages {
			if msg.visible() {
				want = append(want, fmt.Sprintf(modelLine, id, msg.id, msg.caller, msg.audio, msg.received, msg.origin, msg.private, msg.state, msg.firstReader(), modelParts(msg.parts)))
			}
		}
		want = append(want, fmt.Sprintf("%s %v %+v", id, box.counts(), box.set), fmt.Sprintf("%s greets %v", id, box.current()))
	}
	for box, err := range m.svc.Mailboxes(m.ctx) {
		require.NoError(t, err)
		n, err := box.Counts(m.ctx)
		require.NoError(t, err)
		set, err := box.Settings(m.ctx)
		require.NoError(t, err)
		greetings, err := m.svc.Greetings(box.ID()).Current(m.ctx)
		require.NoError(t, err)
		got = append(got, fmt.Sprintf("%s %v %+v", box.ID(), n, set), fmt.Sprintf("%s greets %v", box.ID(), greetings))
		for msg, err := range box.Messages(m.ctx, &voicemail.ListOptions{Trash: voicemail.WithTrash}) {
			require.NoError(t, err)
			e := msg.Envelope()
			reader, err := msg.FirstReader(m.ctx)
			require.NoError(t, err)
			var origin voicemail.MessageID
			if e.CopiedFrom != nil {
				origin = e.CopiedFrom.Message
			}
			got = append(got, fmt.Sprintf(modelLine,
				box.ID(), msg.ID(), e.Caller.Reveal(), m.play(t, msg), e.ReceivedAt, origin, e.Private, msg.State(), reader, modelParts(m.readParts(t, msg))))
		}
	}
	tenant, err := m.svc.Settings(m.ctx)
	require.NoError(t, err)
	want, got = append(want, fmt.Sprintf("tenant %+v", m.tenant)), append(got, fmt.Sprintf("tenant %+v", tenant))
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(t, strings.Join(want, "\n"), strings.Join(got, "\n"))
}

func (m *model) play(t *rapid.T, msg voicemail.Message) []byte {
	r, err := msg.Open(m.ctx)
	require.NoError(t, err)
	return readAndClose(t, r)
}

func readAndClose(t *rapid.T, r io.ReadCloser) []byte {
	defer r.Close()
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	return content
}
