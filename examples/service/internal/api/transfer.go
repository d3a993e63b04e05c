package api

import (
	"errors"
	"net/http"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/internal/problem"
)

// maxDestinations is how many mailboxes a message is copied to with one request.
const maxDestinations = 20

// resultDoc is what became of a copy. It says of a mailbox that may be another one's only whether it took the message.
type resultDoc struct {
	To      voicemail.MailboxID `json:"to"`
	Message voicemail.MessageID `json:"message,omitempty"`
	Problem *problem.Problem    `json:"problem,omitempty"`
}

// copyMessage forwards a message to any mailboxes of the tenant. A destination that does not take it keeps it from no other one.
func (c *call) copyMessage() error {
	var doc struct {
		To []voicemail.MailboxID `json:"to"`
	}
	if err := c.decode(jsonType, &doc); err != nil {
		return err
	}
	if len(doc.To) == 0 || len(doc.To) > maxDestinations {
		return badRequest("the member to names 1 to 20 mailboxes")
	}
	_, m, err := c.message()
	if err != nil {
		return err
	}
	var answer struct {
		Results []resultDoc `json:"results"`
	}
	seen := map[voicemail.MailboxID]bool{}
	for _, to := range doc.To {
		if seen[to] {
			continue
		}
		seen[to] = true
		result := resultDoc{To: to}
		copied, err := m.CopyTo(c.r.Context(), to, nil)
		switch {
		case errors.Is(err, voicemail.ErrNotFound): // it was deleted or restricted meanwhile
			return err
		case err != nil:
			result.Problem = problemOf(err)
		default:
			result.Message = copied.ID()
		}
		answer.Results = append(answer.Results, result)
	}
	return c.answer(http.StatusOK, answer)
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
