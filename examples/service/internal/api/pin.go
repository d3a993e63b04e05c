package api

import (
	"context"
	"net/http"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/access"
)

// pinDoc says how a mailbox can be entered. No PIN is ever answered.
type pinDoc struct {
	Set         bool      `json:"set"`
	MustChange  bool      `json:"mustChange"`
	TriesLeft   int       `json:"triesLeft"`
	LockedUntil time.Time `json:"lockedUntil,omitzero"`
}

// pin returns the PINs of the tenant, and the mailbox of the path, whose PIN is meant.
func (c *call) pin() (*access.Access, voicemail.MailboxID, error) {
	box, _, err := c.mailbox(c.who.Administrator)
	if err != nil {
		return nil, "", err
	}
	return c.tenant.PINs, box.ID(), nil
}

func (c *call) getPIN() error {
	if err := c.query().end(); err != nil {
		return err
	}
	pins, id, err := c.pin()
	if err != nil {
		return err
	}
	s, err := pins.Status(c.r.Context(), id)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, pinDoc{s.Set, s.MustChange, s.Left, s.LockedUntil})
}

// setPIN asks for no other PIN.
func (c *call) setPIN() error {
	if err := c.admin(); err != nil {
		return err
	}
	var doc struct {
		PIN        access.PIN `json:"pin"`
		MustChange bool       `json:"mustChange"`
	}
	if err := c.decode(jsonType, &doc); err != nil {
		return err
	}
	pins, id, err := c.pin()
	if err == nil {
		err = pins.Set(c.r.Context(), id, doc.PIN, &access.SetOptions{MustChange: doc.MustChange})
	}
	if err != nil {
		return err
	}
	return c.nothing()
}

// changePIN wants the old one also of those whose token lets them use the mailbox: a page that was left open is not to give the telephone away.
func (c *call) changePIN() error {
	var doc struct {
		Old access.PIN `json:"old"`
		PIN access.PIN `json:"pin"`
	}
	if err := c.decode(jsonType, &doc); err != nil {
		return err
	}
	pins, id, err := c.pin()
	if err == nil {
		err = pins.Change(c.r.Context(), id, doc.Old, doc.PIN)
	}
	if err != nil {
		return err
	}
	return c.nothing()
}

func (c *call) unlockPIN() error { return c.resetPIN((*access.Access).Unlock) }

func (c *call) clearPIN() error { return c.resetPIN((*access.Access).Clear) }

// resetPIN does what has no body.
func (c *call) resetPIN(do func(*access.Access, context.Context, voicemail.MailboxID) error) error {
	if err := c.admin(); err != nil {
		return err
	}
	if err := c.query().end(); err != nil {
		return err
	}
	pins, id, err := c.pin()
	if err == nil {
		err = do(pins, c.r.Context(), id)
	}
	if err != nil {
		return err
	}
	return c.nothing()
}
