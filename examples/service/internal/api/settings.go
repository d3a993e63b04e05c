package api

import (
	"net/http"
	"time"

	"github.com/genesys/voicemail"
)

// policyDoc is what a mailbox takes and keeps. Of the settings of a mailbox 0 and "" are the tenant's.
type policyDoc struct {
	MaxMessages   int                `json:"maxMessages"`
	MaxBytes      int64              `json:"maxBytes"`
	WhenFull      voicemail.WhenFull `json:"whenFull"`
	MinDurationMS int64              `json:"minDurationMs"`
	MaxDurationMS int64              `json:"maxDurationMs"`
	RetentionDays int                `json:"retentionDays"`
	KeepUnread    voicemail.Switch   `json:"keepUnread"`
	TrashDays     int                `json:"trashDays"`
	OptOutNumber  string             `json:"optOutNumber"`
}

func newPolicy(p voicemail.Policy) policyDoc {
	return policyDoc{
		MaxMessages: p.MaxMessages, MaxBytes: p.MaxBytes, WhenFull: p.WhenFull, MinDurationMS: p.MinDuration.Milliseconds(), MaxDurationMS: p.MaxDuration.Milliseconds(),
		RetentionDays: p.Retention.Days, KeepUnread: p.Retention.KeepUnread, TrashDays: p.Retention.TrashDays, OptOutNumber: p.OptOutNumber,
	}
}

// settingsDoc are the settings of a mailbox.
type settingsDoc struct {
	Owner    *voicemail.Owner `json:"owner"`
	Disabled bool             `json:"disabled"`
	policyDoc
}

func newSettings(s voicemail.Settings) settingsDoc {
	doc := settingsDoc{Disabled: s.Disabled, policyDoc: newPolicy(voicemail.Policy{
		MaxMessages: s.MaxMessages, MaxBytes: s.MaxBytes, WhenFull: s.WhenFull, MinDuration: s.MinDuration, MaxDuration: s.MaxDuration, Retention: s.Retention, OptOutNumber: s.OptOutNumber,
	})}
	if s.Owner != (voicemail.Owner{}) {
		doc.Owner = &s.Owner
	}
	return doc
}

// policy is what the document says.
func (d *policyDoc) policy() (voicemail.Policy, error) {
	for _, ms := range []int64{d.MinDurationMS, d.MaxDurationMS} {
		if ms < 0 || ms > maxDuration.Milliseconds() {
			return voicemail.Policy{}, badRequest("minDurationMs and maxDurationMs are from 0 to a day")
		}
	}
	return voicemail.Policy{
		MaxMessages: d.MaxMessages, MaxBytes: d.MaxBytes, WhenFull: d.WhenFull,
		MinDuration: time.Duration(d.MinDurationMS) * time.Millisecond, MaxDuration: time.Duration(d.MaxDurationMS) * time.Millisecond,
		Retention: voicemail.Retention{Days: d.RetentionDays, KeepUnread: d.KeepUnread, TrashDays: d.TrashDays}, OptOutNumber: d.OptOutNumber,
	}, nil
}

// set makes s what the document says.
func (d *settingsDoc) set(s *voicemail.Settings) error {
	p, err := d.policy()
	if err != nil {
		return err
	}
	if s.Owner = (voicemail.Owner{}); d.Owner != nil {
		s.Owner = *d.Owner
	}
	s.Disabled, s.MaxMessages, s.MaxBytes, s.WhenFull = d.Disabled, p.MaxMessages, p.MaxBytes, p.WhenFull
	s.MinDuration, s.MaxDuration, s.Retention, s.OptOutNumber = p.MinDuration, p.MaxDuration, p.Retention, p.OptOutNumber
	return nil
}

// policyPatch changes a policy: what is left out stays, null is the default.
type policyPatch struct {
	MaxMessages   optional[int]                `json:"maxMessages"`
	MaxBytes      optional[int64]              `json:"maxBytes"`
	WhenFull      optional[voicemail.WhenFull] `json:"whenFull"`
	MinDurationMS optional[int64]              `json:"minDurationMs"`
	MaxDurationMS optional[int64]              `json:"maxDurationMs"`
	RetentionDays optional[int]                `json:"retentionDays"`
	KeepUnread    optional[voicemail.Switch]   `json:"keepUnread"`
	TrashDays     optional[int]                `json:"trashDays"`
	OptOutNumber  optional[string]             `json:"optOutNumber"`
}

func (p *policyPatch) apply(doc *policyDoc) {
	apply(&doc.MaxMessages, p.MaxMessages)
	apply(&doc.MaxBytes, p.MaxBytes)
	apply(&doc.WhenFull, p.WhenFull)
	apply(&doc.MinDurationMS, p.MinDurationMS)
	apply(&doc.MaxDurationMS, p.MaxDurationMS)
	apply(&doc.RetentionDays, p.RetentionDays)
	apply(&doc.KeepUnread, p.KeepUnread)
	apply(&doc.TrashDays, p.TrashDays)
	apply(&doc.OptOutNumber, p.OptOutNumber)
}

// settingsPatch changes the settings of a mailbox likewise.
type settingsPatch struct {
	Owner    optional[*voicemail.Owner] `json:"owner"`
	Disabled optional[bool]             `json:"disabled"`
	policyPatch
}

func (p *settingsPatch) apply(s *voicemail.Settings) error {
	doc := newSettings(*s)
	apply(&doc.Owner, p.Owner)
	apply(&doc.Disabled, p.Disabled)
	p.policyPatch.apply(&doc.policyDoc)
	return doc.set(s)
}

// apply sets a setting if the patch has it; null is its default.
func apply[T any](field *T, member optional[T]) {
	if !member.given {
		return
	}
	var zero T
	if *field = zero; member.value != nil {
		*field = *member.value
	}
}

// usageDoc is what there is in a mailbox, and what is in force there.
type usageDoc struct {
	Counts   countsDoc        `json:"counts"`
	Trashed  int              `json:"trashed"`
	Messages int              `json:"messages"`
	Bytes    int64            `json:"bytes"`
	Regions  map[string]int64 `json:"regions"`
	Policy   policyDoc        `json:"policy"`
}

func (c *call) getUsage() error {
	if err := c.query().end(); err != nil {
		return err
	}
	box, _, err := c.mailbox(c.who.Administrator)
	if err != nil {
		return err
	}
	u, err := box.Usage(c.r.Context())
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, usageDoc{newCounts(u.Counts), u.Trashed, u.Messages(), u.TotalBytes(), u.Bytes, newPolicy(u.Policy)})
}
