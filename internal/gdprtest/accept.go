package gdprtest

import (
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

func acceptRules() []rule {
	return []rule{
		{"ARegionThatIsNotConfiguredRefusesTheWhole", "what lies there would be left, and the caller told that it is gone", acceptUnknown},
		{"ARegionThatDoesNotAnswerRefusesTheWhole", "a caller would be forgotten in some regions and not in others", acceptDown},
		{"ARegionThatRefusesToDeleteRefusesTheWhole", "it would be found out a day later, when the promise is over", acceptPermission},
		{"AHostWhoseClockIsWrongIsRefused", "a host that lives in tomorrow takes away everybody's time to undo", acceptClock},
		{"ASweeperWhoseClockIsWrongDecidesNothing", "it would erase what can still be undone", acceptSweeperClock},
		{"ARequestThatCannotBeRightChangesNothing", "half of a request carried out is the wrong callers forgotten", acceptInvalid},
	}
}

// refused demands that no operation that acts is accepted, that errors say why and name the region, and that nothing changes anywhere.
func (e *env) refused(c *gdpr.Controller, who *caller, kind error, region string) {
	e.Helper()
	before := e.listing()
	_, err := c.ForgetMe(e.ctx, request("c2", who.number))
	require.ErrorIs(e, err, kind)
	require.ErrorContains(e, err, region)
	_, err = c.UndoForgetMe(e.ctx, request("c1", who.number))
	require.ErrorIs(e, err, kind)
	require.ErrorContains(e, err, region)
	dir := filepath.Join(e.TempDir(), "export")
	sink, err := gdpr.DirSink(dir)
	require.NoError(e, err)
	_, err = c.ExportMe(e.ctx, request("x1", who.number), sink)
	require.ErrorIs(e, err, kind)
	require.ErrorContains(e, err, region)
	require.NoError(e, sink.Close())
	require.Empty(e, files(e, dir), "an export that was refused wrote something")
	e.unchanged(before, "what was refused changed something")
}

func acceptUnknown(e *env) {
	s := e.scene()
	e.forget(e.controller(), request("c1", s.number))
	stores := e.disturbed()
	stores["lisbon"] = memstore.New(nil)
	stores["oslo"] = memstore.New(nil)
	e.openIn(voicemail.Regions{Master: e.place.Master, Local: "lisbon", Stores: stores})
	e.openIn(voicemail.Regions{Master: e.place.Master, Local: "oslo", Stores: stores})
	e.refused(e.controller(), s.caller, gdpr.ErrRegions, "lisbon, oslo")
	delete(stores, "oslo")
	some := e.controllerOf(e.openIn(voicemail.Regions{Master: e.place.Master, Local: e.place.Master, Stores: stores}))
	e.refused(some, s.caller, gdpr.ErrRegions, "oslo")
	stores["oslo"] = memstore.New(nil)
	all := e.controllerOf(e.openIn(voicemail.Regions{Master: e.place.Master, Local: e.place.Master, Stores: stores}))
	e.undo(all, request("c1", s.number))
	e.seen(s.caller)
}

func acceptDown(e *env) {
	s := e.scene()
	c := e.controller()
	e.forget(c, request("c1", s.number))
	for _, region := range e.regions {
		e.down(region)
		e.refused(c, s.caller, gdpr.ErrRegions, region)
		e.up(region)
	}
	e.forget(c, request("c2", s.number))
	e.undo(c, request("c1", s.number))
	e.undo(c, request("c2", s.number))
	e.seen(s.caller)
}

func acceptPermission(e *env) {
	who := e.one()
	c := e.controller()
	e.forget(c, request("c1", who.number))
	for _, region := range e.regions {
		// A driver proves its rights with an object of its own.
		e.stores[region].Set(faultstore.Fault{Op: faultstore.Ping, Times: faultstore.Always, Kind: storage.ErrPermission})
		e.refused(c, who, gdpr.ErrRegions, region)
		e.up(region)
	}
}

func acceptClock(e *env) {
	who := e.one()
	c := e.controller()
	e.forget(c, request("c1", who.number))
	for _, wrong := range []time.Duration{11 * time.Minute, -11 * time.Minute, 25 * hour} {
		host := e.open(e.place.Master, func(o *voicemail.Options) {
			o.Now = func() time.Time { return time.Now().Add(wrong) }
		})
		strict := e.controllerOf(host, func(o *gdpr.Options) { o.MaxSkew = 0 })
		e.refused(strict, who, gdpr.ErrClock, "NTP")
	}
	strict := e.controller(func(o *gdpr.Options) { o.MaxSkew = 0 })
	e.forget(strict, request("c2", who.number))
}

func acceptSweeperClock(e *env) {
	who := e.one()
	c := e.controller()
	e.forget(c, request("c1", who.number))
	host := e.open(e.place.Master, func(o *voicemail.Options) {
		o.Now = func() time.Time { return time.Now().Add(2 * day) }
	})
	before := e.listing()
	_, err := e.controllerOf(host, func(o *gdpr.Options) { o.MaxSkew = 0 }).Sweep(e.ctx)
	require.ErrorIs(e, err, gdpr.ErrClock)
	e.unchanged(before, "something changed")
	e.undo(c, request("c1", who.number))
	e.seen(who)
}

func acceptInvalid(e *env) {
	s := e.scene()
	c := e.controller()
	before := e.listing()
	for _, tt := range []struct {
		why string
		req *gdpr.Request
	}{
		{"there is none", nil},
		{"it has no case", request("", s.number)},
		{"it has no caller", request("c1")},
		{"nobody asks", &gdpr.Request{CaseID: "c1", Consumers: request("c1", s.number).Consumers}},
		{"the case would tell the number", request("case "+s.number, s.number)},
		{"every caller is withheld", request("c1", "anonymous", "", "0000000")},
		{"a redacted number is none", request("c1", "REDACTED", s.number)},
		{"the bounds are the wrong way round", bounded(request("c1", s.number), e.clock.now(), e.clock.now().Add(-hour))},
	} {
		for op, call := range map[string]func(*gdpr.Request) error{
			"forget":  func(r *gdpr.Request) error { _, err := c.ForgetMe(e.ctx, r); return err },
			"preview": func(r *gdpr.Request) error { _, err := c.Preview(e.ctx, r); return err },
			"export":  func(r *gdpr.Request) error { _, err := c.ExportMe(e.ctx, r, nil); return err },
		} {
			err := call(tt.req)
			require.ErrorIs(e, err, voicemail.ErrInvalid, "%s: %s", op, tt.why)
			var re *gdpr.RequestError
			require.ErrorAs(e, err, &re, "%s: %s", op, tt.why)
			require.NotContains(e, err.Error(), digits(s.number), "%s: %s", op, tt.why)
		}
	}
	e.unchanged(before, "something changed")
}

func bounded(r *gdpr.Request, since, until time.Time) *gdpr.Request {
	r.Since, r.Until = since, until
	return r
}
