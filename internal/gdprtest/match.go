package gdprtest

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
)

func matchRules() []rule {
	return []rule{
		{"TheBoundsOfARequestAreKept", "numbers are given to other people, who left messages of their own", matchBounds},
		{"ABoundedRequestKeepsItsBoundsToTheEnd", "the sweep looks again, a day later, and must not find more", matchBoundsErase},
		{"AWithheldCallerIsRefusedAndTheRestProceeds", "withheld callers are many people, and one such line must not stop a request", matchWithheld},
		{"CandidatesAreShownAndNeverActedOn", "the same digits in another country are another person", matchCandidates},
		{"ANumberIsMatchedInEveryFormThatMeansIt", "a caller does not know how the switch wrote the number", matchForms},
		{"ANormalizedNumberIsMatchedUnderBothForms", "the hook may be new, and the messages old", matchNormalized},
		{"SuspiciouslyManyMatchesNeedAConfirmation", "a switchboard's number is not one person's", matchConfirm},
		{"PreviewChangesNothing", "a look before the act must be free", matchPreview},
		{"TheSameCaseWithOtherContentIsRefused", "two requests under one case cannot both be undone", matchConflict},
		{"TwoOfficersAtOnceMakeOneCase", "a double click is no second request", matchTogether},
		{"OtherCallersAreNeverTouched", "a prefix of a number is not the number", matchOthers},
	}
}

func matchBounds(e *env) {
	e.mailboxes()
	c := e.controller()
	who := newCaller()
	start := tomorrow(0, 0)
	for d := range 5 {
		e.set(start.Add(time.Duration(d) * day))
		e.leave(who, e.regions[d%len(e.regions)], personal, nil)
	}
	at := func(i int) time.Time { return who.left[i].Envelope().ReceivedAt }
	for i, tt := range []struct {
		why          string
		since, until time.Time
		want         []int
	}{
		{"no bounds", time.Time{}, time.Time{}, []int{0, 1, 2, 3, 4}},
		{"since is part of it", at(2), time.Time{}, []int{2, 3, 4}},
		{"until is not", time.Time{}, at(2), []int{0, 1}},
		{"both", at(1), at(3), []int{1, 2}},
		{"a moment later", at(1).Add(time.Millisecond), at(3).Add(time.Millisecond), []int{2, 3}},
		{"nothing then", start.Add(-2 * day), start.Add(-day), nil},
	} {
		var want []voicemail.MessageID
		for _, n := range tt.want {
			want = append(want, who.left[n].ID())
		}
		req := bounded(request("case-"+string(rune('a'+i)), who.number), tt.since, tt.until)
		p, err := c.Preview(e.ctx, req)
		require.NoError(e, err)
		require.Equal(e, want, p.Phones[0].Messages, "preview: %s", tt.why)
		r := e.forget(c, req)
		require.Equal(e, want, r.Phones[0].Messages, "forget: %s", tt.why)
		require.Len(e, e.find(e.svc(), who.number), 5-len(tt.want), tt.why)
		e.undo(c, req)
		require.Len(e, e.find(e.svc(), who.number), 5, tt.why)
	}
}

func matchBoundsErase(e *env) {
	e.mailboxes()
	c := e.controller()
	his, hers := newCaller(), newCaller()
	hers.number = his.number
	e.leave(his, e.regions[len(e.regions)-1], personal, nil)
	e.pass(400 * day)
	reassigned := e.clock.now()
	e.leave(hers, e.regions[len(e.regions)-1], personal, nil)
	req := bounded(request("c1", his.number), time.Time{}, reassigned)
	e.forget(c, req)
	e.leave(hers, e.place.Master, group, nil)
	receipts := e.erase(c)
	require.Equal(e, his.ids(), receipts[0].Messages)
	e.seen(hers)
	trace := his.trace("c1")
	trace.Numbers = nil
	e.clean(trace)
}

func matchWithheld(e *env) {
	s := e.scene()
	nobody := &caller{number: "anonymous"}
	e.leave(nobody, e.place.Master, personal, nil)
	c := e.controller()
	withheld := []string{"anonymous", "", "Restricted", "unknown", "266696687", "0000000", "sip:anonymous@anonymous.invalid", "1111111"}
	req := request("c1", append(withheld, s.number)...)
	r := e.forget(c, req)
	require.Len(e, r.Phones, len(withheld)+1)
	for i, p := range r.Phones[:len(withheld)] {
		require.NotEmpty(e, p.Refused, "phone %d", i)
		require.Empty(e, p.Messages, "phone %d", i)
	}
	last := r.Phones[len(withheld)]
	require.Empty(e, last.Refused)
	require.Equal(e, s.ids(), last.Messages)
	e.erase(c)
	e.erased(s, "c1")
	require.Equal(e, nobody.left[0].audio, e.play(e.message(e.open(e.place.Master), nobody.left[0])), "nobody's message is left alone")
}

func matchCandidates(e *env) {
	e.mailboxes()
	c := e.controller()
	tail := digits(newCaller().number)[4:]
	full, national, trunk := &caller{number: "+49" + tail, name: "Zoe Full"}, &caller{number: tail, name: "Zoe National"}, &caller{number: "0" + tail, name: "Zoe Trunk"}
	e.leave(full, e.place.Master, personal, nil)
	e.leave(national, e.regions[len(e.regions)-1], personal, nil)
	e.leave(trunk, e.place.Master, personal, nil)
	e.leave(trunk, e.place.Master, group, nil)
	p, err := c.Preview(e.ctx, request("c1", full.number))
	require.NoError(e, err)
	require.Equal(e, full.ids(), p.Phones[0].Messages)
	got := map[string]int{}
	for _, candidate := range p.Phones[0].Candidates {
		got[candidate.Phone.Reveal()] = candidate.Messages
	}
	require.Equal(e, map[string]int{national.number: 1, trunk.number: 2}, got)
	r := e.forget(c, request("c1", full.number))
	require.Equal(e, full.ids(), r.Phones[0].Messages)
	e.hidden(full)
	e.seen(national)
	e.seen(trunk)
	e.erase(c)
	e.seen(national)
	e.seen(trunk)
	e.forget(c, request("c2", trunk.number))
	e.hidden(trunk)
	e.seen(national)
}

func matchForms(e *env) {
	s := e.scene()
	c := e.controller()
	n := digits(s.number)
	for _, form := range []string{
		"+" + n, "00" + n, "tel:+" + n, "+" + n[:1] + " (" + n[1:4] + ") " + n[4:7] + "-" + n[7:], "sip:+" + n + "@example.com;user=phone", "Zoe <sip:+" + n + "@example.com>",
	} {
		p, err := c.Preview(e.ctx, request("c1", form))
		require.NoError(e, err)
		require.Equal(e, s.ids(), p.Phones[0].Messages, strings.ReplaceAll(form, n, "…"))
	}
	p, err := c.Preview(e.ctx, request("c1", n))
	require.NoError(e, err)
	require.Empty(e, p.Phones[0].Messages, "without the plus it can be a number of any country")
}

func matchNormalized(e *env) {
	e.mailboxes()
	local := "0" + digits(newCaller().number)[4:]
	hook := func(o *voicemail.Options) {
		o.Normalize = func(number string) string {
			if rest, ok := strings.CutPrefix(number, "0"); ok {
				return "+49" + rest
			}
			return ""
		}
	}
	old, fresh := &caller{number: local, name: "Zoe Old"}, &caller{number: local, name: "Zoe New"}
	e.leave(old, e.place.Master, personal, nil)
	svc := e.open(e.place.Master, hook)
	msg, err := svc.Mailbox(group).Deposit(e.ctx, strings.NewReader("what was said after the hook"), &voicemail.DepositOptions{Caller: fresh.id()})
	require.NoError(e, err)
	fresh.left = []recorded{{msg, []byte("what was said after the hook")}}
	both := append(old.ids(), fresh.ids()...)
	c := e.controllerOf(svc)
	for _, tt := range []struct {
		form string
		want []voicemail.MessageID
	}{{local, both}, {"+49" + local[1:], fresh.ids()}} {
		p, err := c.Preview(e.ctx, request("c1", tt.form))
		require.NoError(e, err)
		require.Equal(e, tt.want, p.Phones[0].Messages)
	}
	e.forget(c, request("c1", local))
	e.erase(c)
	trace := fresh.trace("c1")
	trace.Audio = append(trace.Audio, old.left[0].audio)
	trace.Numbers = append(trace.Numbers, "+49"+local[1:])
	e.clean(trace)
}

func matchConfirm(e *env) {
	s := e.scene()
	for range 4 {
		e.leave(s.caller, e.place.Master, personal, nil)
	}
	n := len(s.ids())
	few := e.controller(func(o *gdpr.Options) { o.ConfirmAbove = n - 1 })
	before := e.listing()
	_, err := few.ForgetMe(e.ctx, request("c1", s.number))
	var ce *gdpr.ConfirmError
	require.ErrorAs(e, err, &ce)
	require.ErrorIs(e, err, gdpr.ErrConfirm)
	require.Equal(e, n, ce.Messages)
	require.Equal(e, n-1, ce.Limit)
	require.NotContains(e, err.Error(), digits(s.number))
	e.unchanged(before, "what was not confirmed changed something")
	e.seen(s.caller)
	enough := e.controller(func(o *gdpr.Options) { o.ConfirmAbove = n })
	e.forget(enough, request("c1", s.number))
	e.undo(enough, request("c1", s.number))
	confirmed := request("c1", s.number)
	confirmed.Confirm = true
	e.forget(few, confirmed)
	e.hidden(s.caller)
}

func matchPreview(e *env) {
	s := e.scene()
	c := e.controller()
	before := e.listing()
	e.events.reset()
	p, err := c.Preview(e.ctx, request("c1", s.number, "anonymous"))
	require.NoError(e, err)
	require.True(e, p.DryRun)
	require.Equal(e, s.ids(), p.Phones[0].Messages)
	require.NotEmpty(e, p.Phones[1].Refused)
	e.unchanged(before, "something changed")
	require.Empty(e, e.events.list)
	_, err = c.Status(e.ctx, "c1")
	require.ErrorIs(e, err, gdpr.ErrNoCase)
	e.forget(c, request("c1", s.number))
	before = e.listing()
	p, err = c.Preview(e.ctx, request("c2", s.number))
	require.NoError(e, err)
	require.Equal(e, s.ids(), p.Phones[0].Messages, "restricted messages would be covered, too")
	e.unchanged(before, "something changed")
}

func matchConflict(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	before := e.listing()
	for why, req := range map[string]*gdpr.Request{
		"another number": request("c1", s.other.number),
		"one more":       request("c1", s.number, s.other.number),
		"other bounds":   bounded(request("c1", s.number), time.Time{}, e.clock.now()),
	} {
		_, err := c.ForgetMe(e.ctx, req)
		require.ErrorIs(e, err, gdpr.ErrCaseConflict, why)
	}
	e.unchanged(before, "something changed")
	e.seen(s.other)
	same := request("c1", "00"+digits(s.number), s.number)
	e.forget(c, same)
}

func matchTogether(e *env) {
	s := e.scene()
	var reports [4]*gdpr.ForgetReport
	var errs [4]error
	var work []func()
	for i := range reports {
		c := e.controllerOf(e.open(e.regions[i%len(e.regions)]))
		work = append(work, func() { reports[i], errs[i] = c.ForgetMe(e.ctx, request("c1", s.number)) })
	}
	together(work...)
	require.NoError(e, errors.Join(errs[:]...))
	for _, r := range reports {
		require.Equal(e, reports[0].Case, r.Case, "one acceptance, one deadline")
		require.Equal(e, s.ids(), r.Phones[0].Messages)
	}
	require.Len(e, e.due(), 1)
	c := e.controller()
	require.Len(e, e.erase(c), 1)
	e.erased(s, "c1")
}

func matchOthers(e *env) {
	s := e.scene()
	near := []*caller{{number: s.number + "0"}, {number: s.number[:len(s.number)-1]}, {number: digits(s.number)}, {number: "sip:zoe@example.com"}}
	for i, c := range near {
		c.name = "Nearby"
		e.leave(c, e.regions[i%len(e.regions)], personal, nil)
	}
	c := e.controller()
	e.forget(c, request("c1", s.number))
	e.erase(c)
	for _, other := range near {
		e.seen(other)
	}
	e.seen(s.other)
	trace := s.trace("c1")
	trace.Numbers = nil // those of the others have it in them
	e.clean(trace)
}

// together runs functions at once.
func together(fs ...func()) {
	var wg sync.WaitGroup
	for _, f := range fs {
		wg.Go(f)
	}
	wg.Wait()
}
