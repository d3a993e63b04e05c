package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/genesys/voicemail"
)

// messageDoc is a message, with the numbers of people in it: it is shown to those only who may use its mailbox.
type messageDoc struct {
	ID               voicemail.MessageID `json:"id"`
	Mailbox          voicemail.MailboxID `json:"mailbox"`
	Caller           partyDoc            `json:"caller"`
	Called           *partyDoc           `json:"called,omitempty"`
	Redirecting      *partyDoc           `json:"redirecting,omitempty"`
	CallID           string              `json:"callId,omitempty"`
	ReceivedAt       time.Time           `json:"receivedAt"`
	DurationMS       int64               `json:"durationMs"`
	DurationMeasured bool                `json:"durationMeasured"`
	Size             int64               `json:"size"`
	ContentType      string              `json:"contentType"`
	SHA256           string              `json:"sha256"`
	Attributes       map[string]string   `json:"attributes,omitempty"`
	CopiedFrom       *voicemail.Origin   `json:"copiedFrom,omitempty"`
	Read             bool                `json:"read"`
	ReadAt           time.Time           `json:"readAt,omitzero"`
	Urgent           bool                `json:"urgent"`
	Trashed          bool                `json:"trashed"`
	TrashedAt        time.Time           `json:"trashedAt,omitzero"`
	Held             bool                `json:"held"`
	Private          bool                `json:"private"`
	Expires          time.Time           `json:"expires,omitzero"`
	Pending          bool                `json:"pending"`
	Recording        string              `json:"recording"`
	FirstReader      *readerDoc          `json:"firstReader,omitempty"` // where one message is answered
}

// readerDoc is who marked a message as heard first. User is empty if it was not said who.
type readerDoc struct {
	User string    `json:"user,omitempty"`
	At   time.Time `json:"at"`
}

// partyDoc is who called, or was called.
type partyDoc struct {
	Withheld bool   `json:"withheld"`
	Number   string `json:"number,omitempty"` // or another identity, as a SIP address
	Name     string `json:"name,omitempty"`
}

func newParty(c voicemail.CallerID) partyDoc {
	return partyDoc{Withheld: c.Withheld(), Number: c.Reveal(), Name: c.RevealName()}
}

func newOtherParty(c voicemail.CallerID) *partyDoc {
	if c.Withheld() {
		return nil
	}
	p := newParty(c)
	return &p
}

func newMessage(m voicemail.Message) messageDoc {
	e, s := m.Envelope(), m.State()
	return messageDoc{
		ID: m.ID(), Mailbox: m.Mailbox(), Caller: newParty(e.Caller), Called: newOtherParty(e.Called), Redirecting: newOtherParty(e.Redirecting), CallID: e.CallID,
		ReceivedAt: e.ReceivedAt, DurationMS: e.Duration.Milliseconds(), DurationMeasured: e.DurationMeasured, Size: e.Size, ContentType: e.ContentType,
		SHA256: e.SHA256, Attributes: e.Attributes, CopiedFrom: e.CopiedFrom,
		Read: s.Read, ReadAt: s.ReadAt, Urgent: s.Urgent, Trashed: s.Trashed, TrashedAt: s.TrashedAt, Held: s.Held, Private: e.Private, Expires: s.Expires, Pending: s.Pending,
		Recording: messageURL(m.Mailbox(), m.ID()) + "/recording",
	}
}

func mailboxURL(id voicemail.MailboxID) string {
	segment := url.PathEscape(string(id))
	if segment == "." || segment == ".." { // which are steps of a path otherwise
		segment = strings.ReplaceAll(segment, ".", "%2E")
	}
	return Prefix + "/mailboxes/" + segment
}

func messageURL(mailbox voicemail.MailboxID, id voicemail.MessageID) string {
	return mailboxURL(mailbox) + "/messages/" + url.PathEscape(string(id))
}

// pageDoc is a page of messages.
type pageDoc struct {
	Messages []messageDoc `json:"messages"`
	// Damaged are the messages of the page that cannot be read.
	Damaged []voicemail.MessageID `json:"damaged"`
	// Next is the value of before for the next page; empty if there is none.
	Next voicemail.MessageID `json:"next,omitempty"`
}

const (
	standardPage = 50
	maxPage      = 200
)

// message returns the message of the path, in a mailbox that who asks may use.
func (c *call) message() (voicemail.Mailbox, voicemail.Message, error) {
	box, _, err := c.mailbox(c.who.Administrator)
	if err != nil {
		return nil, nil, err
	}
	m, err := messageIn(c.r.Context(), box, voicemail.MessageID(c.r.PathValue("message")))
	return box, m, err
}

// messageIn returns a message of a mailbox. An ID that cannot be a message's is one of no message.
func messageIn(ctx context.Context, box voicemail.Mailbox, id voicemail.MessageID) (voicemail.Message, error) {
	m, err := box.Message(ctx, id)
	if errors.Is(err, voicemail.ErrInvalid) {
		err = voicemail.ErrNotFound
	}
	return m, err
}

// answerMessage answers with a message, and who heard it first.
func (c *call) answerMessage(m voicemail.Message) error {
	doc := newMessage(m)
	if doc.Read {
		r, err := m.FirstReader(c.r.Context())
		if err != nil {
			return err
		}
		if r != (voicemail.Reader{}) { // marked as not heard meanwhile
			doc.FirstReader = &readerDoc{r.ID, r.At}
		}
	}
	return c.answer(http.StatusOK, doc)
}

func (c *call) listMessages() error {
	q := c.query()
	limit := q.number("limit", standardPage, maxPage)
	before, _ := q.take("before")
	opts := &voicemail.ListOptions{
		Unread: q.bool("unread"), Urgent: q.bool("urgent"), Since: q.time("since"), Until: q.time("until"), Before: voicemail.MessageID(before),
		Trash: map[string]voicemail.TrashFilter{"without": voicemail.WithoutTrash, "only": voicemail.OnlyTrash, "with": voicemail.WithTrash}[q.one("trash", "without", "only", "with")],
		Limit: limit + 1, // one more, to see whether there is a next page
	}
	if err := q.end(); err != nil {
		return err
	}
	box, _, err := c.mailbox(c.who.Administrator)
	if err != nil {
		return err
	}
	p := page{limit: limit}
	for m, err := range box.Messages(c.r.Context(), opts) {
		if err := p.add(m, err); err != nil {
			return err
		}
		if p.full() {
			break
		}
	}
	return c.answer(http.StatusOK, p.doc())
}

// page collects messages until there are more than its limit.
type page struct {
	limit   int
	docs    []messageDoc
	damaged []voicemail.MessageID
}

// add takes what a listing yields. It returns what ends the listing.
func (p *page) add(m voicemail.Message, err error) error {
	var e *voicemail.Error
	switch {
	case err == nil:
		p.docs = append(p.docs, newMessage(m))
	case errors.Is(err, voicemail.ErrDamaged) && errors.As(err, &e):
		p.damaged = append(p.damaged, e.Message)
	default:
		return err
	}
	return nil
}

// full reports whether there is one message more than belongs on the page. Damaged ones are bounded, too.
func (p *page) full() bool { return len(p.docs) > p.limit || len(p.damaged) >= maxPage }

func (p *page) doc() pageDoc {
	doc := pageDoc{Messages: p.docs, Damaged: p.damaged}
	if len(p.docs) > p.limit {
		doc.Messages = p.docs[:p.limit]
		doc.Next = doc.Messages[p.limit-1].ID
	}
	if doc.Messages == nil {
		doc.Messages = []messageDoc{}
	}
	if doc.Damaged == nil {
		doc.Damaged = []voicemail.MessageID{}
	}
	return doc
}

func (c *call) getMessage() error {
	if err := c.query().end(); err != nil {
		return err
	}
	_, m, err := c.message()
	if err != nil {
		return err
	}
	return c.answerMessage(m)
}

// updateMessage makes the changes one after the other. If one fails those before it stay; each can be repeated.
func (c *call) updateMessage() error {
	var patch struct {
		Read    optional[bool]      `json:"read"`
		Urgent  optional[bool]      `json:"urgent"`
		Trashed optional[bool]      `json:"trashed"`
		Expires optional[time.Time] `json:"expires"`
	}
	if err := c.decode(mergePatchType, &patch); err != nil {
		return err
	}
	changes, err := flags(
		flag{"urgent", patch.Urgent, func(m voicemail.Message, on bool) error { return m.SetUrgent(c.r.Context(), on) }},
		flag{"read", patch.Read, func(m voicemail.Message, on bool) error {
			if on {
				return m.MarkReadBy(c.r.Context(), cmp.Or(c.who.User, c.who.Name))
			}
			return m.MarkUnread(c.r.Context())
		}},
		flag{"trashed", patch.Trashed, func(m voicemail.Message, on bool) error {
			if on {
				return m.Trash(c.r.Context())
			}
			return m.Restore(c.r.Context())
		}},
	)
	if err != nil {
		return err
	}
	if patch.Expires.given {
		var expires time.Time
		if patch.Expires.value != nil {
			expires = *patch.Expires.value
		}
		changes = append(changes, func(m voicemail.Message) error { return m.SetExpiry(c.r.Context(), expires) })
	}
	box, m, err := c.message()
	for _, change := range changes {
		if err == nil {
			err = change(m)
		}
	}
	if err == nil {
		m, err = box.Message(c.r.Context(), m.ID())
	}
	if err != nil {
		return err
	}
	return c.answerMessage(m)
}

// flag is a member of a patch that is true or false.
type flag struct {
	name   string
	member optional[bool]
	set    func(m voicemail.Message, on bool) error
}

// flags returns the changes that a patch asks for.
func flags(list ...flag) (changes []func(voicemail.Message) error, err error) {
	for _, f := range list {
		if !f.member.given {
			continue
		}
		on, err := f.member.must(f.name)
		if err != nil {
			return nil, err
		}
		changes = append(changes, func(m voicemail.Message) error { return f.set(m, on) })
	}
	return changes, nil
}

func (c *call) deleteMessage() error {
	if err := c.query().end(); err != nil {
		return err
	}
	_, m, err := c.message()
	if err == nil {
		err = m.Delete(c.r.Context())
	}
	if err != nil {
		return err
	}
	return c.nothing()
}
