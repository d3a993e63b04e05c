package gdpr

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/privacy"
)

// target is a number of a request with what it is looked for as.
type target struct {
	phone      Phone
	identities []string
	refused    string // why it is not looked for
}

// targets resolves the numbers of a request. Those that match nobody are refused one by one.
func (c *Controller) targets(req *Request) ([]target, error) {
	var list []target
	usable := false
	for _, p := range req.phones() {
		t := target{phone: p}
		if p.CallerID().Withheld() {
			t.refused = "it is no number that can be told from others: empty, withheld or anonymous"
		} else {
			t.identities = c.ops.Identities(p.CallerID().Reveal())
			usable = true
		}
		list = append(list, t)
	}
	if !usable {
		return nil, &RequestError{Field: "consumers", Problem: "have no phone that can be looked for: every one is empty, withheld or anonymous"}
	}
	return list, nil
}

// subjectOf is who a request means.
func subjectOf(req *Request, targets []target) *subject {
	s := &subject{Version: recordVersion, Since: req.Since.UTC(), Until: req.Until.UTC()}
	for _, t := range targets {
		if t.refused != "" {
			continue
		}
		s.Callers = append(s.Callers, t.phone.CallerID().Reveal())
		for _, id := range t.identities {
			if !slices.Contains(s.Identities, id) {
				s.Identities = append(s.Identities, id)
			}
		}
	}
	slices.Sort(s.Callers)
	return s
}

// collect returns all stays of a subject that are not deleted, and those that are not committed yet among them.
func (c *Controller) collect(ctx context.Context, s privacy.Subject) ([]*found, error) {
	var mu sync.Mutex
	var list []*found
	err := c.ops.Discover(ctx, s, true, func(_ context.Context, f *found) error {
		if f.Gone {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		list = append(list, f)
		return nil
	})
	sortFound(list)
	return list, err
}

func sortFound(list []*found) { slices.SortFunc(list, compare) }

func compare(a, b *found) int {
	return cmp.Or(strings.Compare(a.Ref.ID, b.Ref.ID), cmp.Compare(a.Ref.Hop, b.Ref.Hop), strings.Compare(a.Mailbox, b.Mailbox))
}

// message reports whether there is a message of it: one that agents see or saw, or one that waits for the master region.
func message(f *found) bool { return !f.Gone && (f.Committed || len(f.Pending) > 0) }

// matches reports whether the message is the target's.
func (t *target) matches(f *found) bool {
	return slices.ContainsFunc(f.Matched, func(id string) bool { return slices.Contains(t.identities, id) })
}

// foreign returns what other programs deposited of the subject, that is this tenant's, and how much there is that may be another's.
func (c *Controller) foreign(ctx context.Context, s privacy.Subject) (ours []privacy.Foreign, others int, err error) {
	for _, r := range c.ops.Regions() {
		list, err := c.ops.Foreign(ctx, s, r.Name)
		if err != nil {
			return ours, others, err
		}
		if len(list) == 0 {
			continue
		}
		alone := false
		if c.opts.Foreign == nil {
			if alone, err = c.ops.Alone(ctx, r.Name); err != nil {
				return ours, others, err
			}
		}
		for _, f := range list {
			if alone || c.opts.Foreign != nil && c.opts.Foreign(f.Region, f.Key) {
				ours = append(ours, f)
			} else {
				others++
			}
		}
	}
	return ours, others, nil
}

// minNational is how many digits a national form has at least: shorter ones are extensions.
const minNational = 5

// otherForms returns other ways in which telephony may have delivered a number, of which it cannot be known that they are the same person's: without its country code (of one to
// three digits), with a trunk prefix, and without the plus.
func otherForms(c voicemail.CallerID, known []string) []string {
	if !c.IsNumber() {
		return nil
	}
	digits, plus := strings.CutPrefix(c.Reveal(), "+")
	var forms []string
	add := func(form string) {
		if len(form) >= minNational && !slices.Contains(known, form) && !slices.Contains(forms, form) && !voicemail.ParseCallerID(form).Withheld() {
			forms = append(forms, form)
		}
	}
	if plus {
		add(digits)
		for n := 1; n <= 3 && n < len(digits); n++ {
			add(digits[n:])
			add("0" + digits[n:])
		}
		return forms
	}
	add("+" + digits)
	add("0" + digits)
	if national, ok := strings.CutPrefix(digits, "0"); ok {
		add(national)
	}
	return forms
}
