package api

import (
	"errors"
	"net/http"
	"slices"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/internal/problem"
	"github.com/genesys/voicemail/mwi"
)

// countsDoc is how many messages a mailbox has.
type countsDoc struct {
	New       int `json:"new"`
	Old       int `json:"old"`
	NewUrgent int `json:"newUrgent"`
	OldUrgent int `json:"oldUrgent"`
}

func newCounts(c voicemail.Counts) countsDoc {
	return countsDoc{c.New, c.Old, c.NewUrgent, c.OldUrgent}
}

// boardDoc is what waits for somebody.
type boardDoc struct {
	Mailboxes []lampDoc `json:"mailboxes"`
	Total     countsDoc `json:"total"`
}

// lampDoc is what waits in one mailbox.
type lampDoc struct {
	ID     voicemail.MailboxID `json:"id"`
	Group  bool                `json:"group"`
	Counts countsDoc           `json:"counts"`
}

// mailboxDoc is a mailbox with its settings.
type mailboxDoc struct {
	ID voicemail.MailboxID `json:"id"`
	settingsDoc
	Counts countsDoc `json:"counts"`
}

// theirs reports whether a mailbox of this owner is of who asks, or of a group of theirs.
func (c *call) theirs(o voicemail.Owner) bool {
	switch o.Kind {
	case voicemail.OwnerUser:
		return o.ID == c.who.User
	case voicemail.OwnerGroup:
		return slices.Contains(c.who.Groups, o.ID)
	}
	return false
}

// errNotTheirs is what all mailboxes are to those who may not use them, whether they exist or not.
func errNotTheirs() error {
	return problem.New(http.StatusNotFound, mailboxNotFound, "There is no such mailbox, or none that you may use", "")
}

// mailbox returns the mailbox of the path, with its settings, if who asks may use it: it is theirs or their group's, or they may use every mailbox.
func (c *call) mailbox(every bool) (voicemail.Mailbox, voicemail.Settings, error) {
	box := c.tenant.Telemetry.Mailbox(c.tenant.Service.Mailbox(voicemail.MailboxID(c.r.PathValue("mailbox"))))
	settings, err := box.Settings(c.r.Context())
	switch {
	case errors.Is(err, voicemail.ErrNoMailbox), errors.Is(err, voicemail.ErrInvalid):
		return nil, settings, errNotTheirs()
	case err != nil:
		return nil, settings, err
	case !every && !c.theirs(settings.Owner):
		return nil, settings, errNotTheirs()
	}
	return box, settings, nil
}

// admin refuses who may not provision.
func (c *call) admin() error {
	if !c.who.Administrator {
		return forbidden("only an administrator may do this")
	}
	return nil
}

// boardTries is how often a board is read if a mailbox is deleted meanwhile.
const boardTries = 3

func (c *call) listMailboxes() error {
	if err := c.query().end(); err != nil {
		return err
	}
	var board mwi.Board
	var err error
	for range boardTries {
		board, err = mwi.ReadBoard(c.r.Context(), c.tenant.Service, c.who.User, c.who.Groups...)
		if !errors.Is(err, voicemail.ErrNoMailbox) {
			break
		}
	}
	if err != nil {
		return err
	}
	doc := boardDoc{Mailboxes: []lampDoc{}, Total: newCounts(board.Total())}
	for _, e := range board.Entries {
		doc.Mailboxes = append(doc.Mailboxes, lampDoc{e.Mailbox, e.Group, newCounts(e.Counts)})
	}
	return c.answer(http.StatusOK, doc)
}

// answerMailbox answers with a mailbox as it is now.
func (c *call) answerMailbox(status int, box voicemail.Mailbox, settings voicemail.Settings) error {
	counts, err := box.Counts(c.r.Context())
	if err != nil {
		return err
	}
	return c.answer(status, mailboxDoc{box.ID(), newSettings(settings), newCounts(counts)})
}

func (c *call) getMailbox() error {
	if err := c.query().end(); err != nil {
		return err
	}
	box, settings, err := c.mailbox(c.who.Administrator)
	if err != nil {
		return err
	}
	return c.answerMailbox(http.StatusOK, box, settings)
}

func (c *call) createMailbox() error {
	if err := c.admin(); err != nil {
		return err
	}
	var doc struct {
		ID voicemail.MailboxID `json:"id"`
		settingsDoc
	}
	if err := c.decode(jsonType, &doc); err != nil {
		return err
	}
	var settings voicemail.Settings
	if err := doc.set(&settings); err != nil {
		return err
	}
	box, err := c.tenant.Service.CreateMailbox(c.r.Context(), doc.ID, &settings)
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", mailboxURL(doc.ID))
	return c.answerMailbox(http.StatusCreated, box, settings)
}

func (c *call) updateMailbox() error {
	if err := c.admin(); err != nil {
		return err
	}
	var patch settingsPatch
	if err := c.decode(mergePatchType, &patch); err != nil {
		return err
	}
	box, _, err := c.mailbox(c.who.Administrator)
	if err != nil {
		return err
	}
	settings, err := box.UpdateSettings(c.r.Context(), patch.apply)
	if err != nil {
		return err
	}
	return c.answerMailbox(http.StatusOK, box, settings)
}

func (c *call) deleteMailbox() error {
	if err := c.admin(); err != nil {
		return err
	}
	if err := c.query().end(); err != nil {
		return err
	}
	id := voicemail.MailboxID(c.r.PathValue("mailbox"))
	if err := c.tenant.Service.DeleteMailbox(c.r.Context(), id); err != nil {
		return err
	}
	return c.nothing()
}
