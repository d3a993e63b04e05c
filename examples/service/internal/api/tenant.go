package api

import (
	"net/http"

	"github.com/genesys/voicemail"
)

// tenantDoc are the settings of the tenant: what holds for mailboxes that say nothing.
type tenantDoc struct {
	policyDoc
	AccessNumber string `json:"accessNumber"`
}

func newTenant(s voicemail.TenantSettings) tenantDoc {
	return tenantDoc{newPolicy(voicemail.Policy{
		MaxMessages: s.MaxMessages, MaxBytes: s.MaxBytes, WhenFull: s.WhenFull, MinDuration: s.MinDuration, MaxDuration: s.MaxDuration, Retention: s.Retention, OptOutNumber: s.OptOutNumber,
	}), s.AccessNumber}
}

// tenantPatch changes them: what is left out stays, null is the default.
type tenantPatch struct {
	policyPatch
	AccessNumber optional[string] `json:"accessNumber"`
}

func (p *tenantPatch) apply(s *voicemail.TenantSettings) error {
	doc := newTenant(*s)
	p.policyPatch.apply(&doc.policyDoc)
	apply(&doc.AccessNumber, p.AccessNumber)
	all, err := doc.policy()
	if err != nil {
		return err
	}
	s.MaxMessages, s.MaxBytes, s.WhenFull, s.MinDuration, s.MaxDuration = all.MaxMessages, all.MaxBytes, all.WhenFull, all.MinDuration, all.MaxDuration
	s.Retention, s.OptOutNumber, s.AccessNumber = all.Retention, all.OptOutNumber, doc.AccessNumber
	return nil
}

func (c *call) getTenant() error {
	if err := c.admin(); err != nil {
		return err
	}
	if err := c.query().end(); err != nil {
		return err
	}
	s, err := c.tenant.Service.Settings(c.r.Context())
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, newTenant(s))
}

func (c *call) updateTenant() error {
	if err := c.admin(); err != nil {
		return err
	}
	var patch tenantPatch
	if err := c.decode(mergePatchType, &patch); err != nil {
		return err
	}
	s, err := c.tenant.Service.UpdateSettings(c.r.Context(), patch.apply)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, newTenant(s))
}
