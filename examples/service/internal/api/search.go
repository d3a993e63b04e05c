package api

import (
	"net/http"

	"github.com/genesys/voicemail"
)

// searchMessages finds what a caller left in the mailboxes that who asks may use; an administrator's are all. The number is in the body, since URLs end up in logs
// and histories.
func (c *call) searchMessages() error {
	doc := struct {
		Caller string `json:"caller"`
		Limit  int    `json:"limit"`
	}{Limit: standardPage}
	if err := c.decode(jsonType, &doc); err != nil {
		return err
	}
	if doc.Limit < 1 || doc.Limit > maxPage {
		return badRequest("limit is a number from 1 to 200")
	}
	caller := voicemail.ParseCallerID(doc.Caller)
	mine := map[voicemail.MailboxID]bool{}
	for box, err := range c.tenant.Service.MailboxesOf(c.r.Context(), c.who.User, c.who.Groups...) {
		if err != nil {
			return err
		}
		mine[box.ID()] = true
	}
	p := page{limit: doc.Limit}
	for m, err := range c.tenant.Service.FindByCaller(c.r.Context(), caller) {
		if err == nil && !mine[m.Mailbox()] && !c.who.Administrator {
			continue
		}
		if err := p.add(m, err); err != nil {
			return err
		}
		if p.full() {
			break
		}
	}
	found := p.doc()
	return c.answer(http.StatusOK, struct {
		Messages []messageDoc          `json:"messages"`
		Damaged  []voicemail.MessageID `json:"damaged"`
		More     bool                  `json:"more"`
	}{found.Messages, found.Damaged, found.Next != ""})
}
