package api

import (
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/internal/problem"
)

const (
	// maxDestinations is how many mailboxes a message is copied to with one request.
	maxDestinations = 20
	// maxMoves is how many messages are moved with one request.
	maxMoves = 50
)

// copyDoc says where a message is copied to, and what goes with it.
type copyDoc struct {
	ID   voicemail.MessageID   `json:"id"`
	To   []voicemail.MailboxID `json:"to"`
	Note string                `json:"note"`
}

// resultDoc is what became of a copy. It says of a mailbox that may be another one's only whether it took the message.
type resultDoc struct {
	To      voicemail.MailboxID `json:"to"`
	Message voicemail.MessageID `json:"message,omitempty"`
	Problem *problem.Problem    `json:"problem,omitempty"`
}

// copyMessage forwards a message to any mailboxes of the tenant. A destination that does not take it keeps it from no other one. The body is a JSON document, or a form of two parts
// with a spoken comment behind it.
func (c *call) copyMessage() error {
	if err := c.query().end(); err != nil {
		return err
	}
	_, m, err := c.message()
	if err != nil {
		return err
	}
	var doc copyDoc
	var spoken io.Reader
	if form, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err == nil && form == formType {
		release, err := c.admitDeposit()
		if err != nil {
			return err
		}
		defer release()
		if spoken, err = c.upload("copy", &doc); err != nil {
			return err
		}
	} else if err := c.decode(jsonType, &doc); err != nil {
		return err
	}
	if len(doc.To) == 0 || len(doc.To) > maxDestinations {
		return badRequest("the member to names 1 to 20 mailboxes")
	}
	if err := leaves(m, doc.To...); err != nil {
		return err
	}
	copies, err := c.tenant.Service.CopyAll(c.r.Context(), []voicemail.Message{m}, doc.To, &voicemail.CopyOptions{ID: doc.ID, Comment: spoken, Note: doc.Note})
	if err != nil {
		return err
	}
	var answer struct {
		Results []resultDoc `json:"results"`
	}
	gone := 0
	for _, t := range copies {
		result := resultDoc{To: t.To}
		if t.Err != nil {
			result.Problem = problemOf(t.Err)
		} else {
			result.Message = t.Result.ID()
		}
		if errors.Is(t.Err, voicemail.ErrNotFound) { // it was deleted or restricted meanwhile
			gone++
		}
		answer.Results = append(answer.Results, result)
	}
	if gone == len(copies) {
		return voicemail.ErrNotFound
	}
	return c.answer(http.StatusOK, answer)
}

// leaves refuses to take a private message out of its mailbox, before anything is done.
func leaves(m voicemail.Message, to ...voicemail.MailboxID) error {
	for _, one := range to {
		if m.Envelope().Private && one != m.Mailbox() {
			return voicemail.ErrPrivate
		}
	}
	return nil
}

func (c *call) moveMessage() error {
	var doc struct {
		To voicemail.MailboxID `json:"to"`
	}
	if err := c.decode(jsonType, &doc); err != nil {
		return err
	}
	_, m, err := c.message()
	if err == nil {
		_, err = m.MoveTo(c.r.Context(), doc.To)
	}
	if err != nil {
		return err
	}
	return c.nothing()
}

// moveDoc is what became of a move.
type moveDoc struct {
	Message voicemail.MessageID `json:"message"`
	Problem *problem.Problem    `json:"problem,omitempty"`
}

// moveMessages moves several messages. One that stays where it is keeps no other one back.
func (c *call) moveMessages() error {
	var doc struct {
		Messages []voicemail.MessageID `json:"messages"`
		To       voicemail.MailboxID   `json:"to"`
	}
	if err := c.decode(jsonType, &doc); err != nil {
		return err
	}
	if len(doc.Messages) == 0 || len(doc.Messages) > maxMoves {
		return badRequest("the member messages names 1 to 50 messages")
	}
	box, _, err := c.mailbox(c.who.Administrator)
	if err != nil {
		return err
	}
	var found []voicemail.Message
	failed := map[voicemail.MessageID]error{}
	for _, id := range doc.Messages {
		m, err := messageIn(c.r.Context(), box, id)
		if failed[id] = err; err == nil {
			found = append(found, m)
		}
	}
	moves, err := c.tenant.Service.MoveAll(c.r.Context(), found, doc.To)
	if err != nil {
		return err
	}
	for _, t := range moves {
		failed[t.Message] = t.Err
	}
	var answer struct {
		Results []moveDoc `json:"results"`
	}
	for _, id := range doc.Messages {
		result := moveDoc{Message: id}
		if err := failed[id]; err != nil {
			result.Problem = problemOf(err)
		}
		answer.Results = append(answer.Results, result)
	}
	return c.answer(http.StatusOK, answer)
}
