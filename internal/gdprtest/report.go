package gdprtest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
)

func reportRules() []rule {
	return []rule{
		{"TheActorIsRecorded", "accountability needs to know who asked (GDPR, Article 5(2))", reportActor},
		{"ProgressIsTold", "an officer who sees nothing for a minute starts it again", reportProgress},
		{"TheAnswerIsTheDocumentedJSON", "scripts read it", reportJSON},
		{"StatusFollowsTheCaseFromStateToState", "whoever waits for a receipt has to see how far it is", reportStatus},
		{"BothFormsOfTheProductsRequestAreTaken", "existing scripts send one, and people write the other", reportForms},
		{"WhatIsPrintedIsRedacted", "a log line is the first place where a number gets lost", reportPrint},
	}
}

func reportActor(e *env) {
	who := e.one()
	c := e.controller()
	req := request("c1", who.number)
	req.Actor = "alice"
	require.Equal(e, "alice", e.forget(c, req).Actor)
	require.Equal(e, "alice", e.status(c, "c1").Actor)
	req.Actor = "bob"
	e.forget(c, req)
	require.Equal(e, "alice", e.status(c, "c1").Actor, "a retry is not a new request")
	req.Actor = "carol"
	e.undo(c, req)
	require.Equal(e, "carol", e.status(c, "c1").Actor)
	req.Actor = "about " + who.number
	_, err := c.ForgetMe(e.ctx, req)
	require.ErrorIs(e, err, voicemail.ErrInvalid, "the actor would tell the number, and is kept")
}

func reportProgress(e *env) {
	s := e.scene()
	var told []gdpr.Progress
	add := func(p gdpr.Progress) { told = append(told, p) }
	demand := func(op string) {
		e.Helper()
		require.NotEmpty(e, told, op)
		for i, p := range told {
			require.Equal(e, gdpr.Progress{Op: op, CaseID: "c1", Done: i + 1, Total: max(p.Total, p.Done)}, p, op)
		}
		require.Equal(e, len(s.left), told[len(told)-1].Done, op)
		told = nil
	}
	c := e.controller(func(o *gdpr.Options) { o.Progress = add })
	req := request("c1", s.number)
	req.Progress = add
	sink, _ := e.dir()
	_, err := c.ExportMe(e.ctx, req, sink)
	require.NoError(e, err)
	require.NoError(e, sink.Close())
	demand("export")
	e.forget(c, req)
	demand("forget")
	e.pass(window)
	e.sweep(c)
	demand("sweep")
}

func reportJSON(e *env) {
	s := e.scene()
	c := e.controller()
	held := s.left[0]
	e.hold(c, held, "a lawsuit")
	r := e.forget(c, request("c1", s.number, "anonymous", newCaller().number))
	doc, err := json.Marshal(r)
	require.NoError(e, err)
	var got struct {
		CaseID, Status, Actor string
		AcceptedAt, EraseBy   string
		UndoUntil             string
		Consumers             map[string]struct {
			Messages []string
			Held     []string
			Refused  string
		}
	}
	require.NoError(e, json.Unmarshal(doc, &got))
	require.Equal(e, "c1", got.CaseID)
	require.Equal(e, "restricted", got.Status)
	require.Equal(e, officer, got.Actor)
	for _, at := range []string{got.AcceptedAt, got.EraseBy, got.UndoUntil} {
		require.True(e, strings.HasSuffix(at, "Z"), "times are in UTC")
	}
	require.Len(e, got.Consumers, 3)
	require.Len(e, got.Consumers[s.number].Messages, len(s.ids()))
	require.Equal(e, []string{string(held.ID())}, got.Consumers[s.number].Held)
	require.NotEmpty(e, got.Consumers["anonymous"].Refused)
	require.Contains(e, string(doc), `"messages":[]`, "a number without messages has an empty list, not null")
	require.NotContains(e, string(doc), "null")
}

func reportStatus(e *env) {
	who := e.one()
	c := e.controller()
	e.forget(c, request("c1", who.number))
	at := e.status(c, "c1")
	require.Equal(e, gdpr.StateRestricted, at.State)
	require.Zero(e, at.DecidedAt)
	e.pass(window)
	e.sweep(c)
	at = e.status(c, "c1")
	require.Equal(e, gdpr.StateErased, at.State)
	require.False(e, at.ErasedAt.Before(at.DecidedAt))
	require.Zero(e, at.VerifiedAt, "the last look comes after the settling time")
	require.Zero(e, at.Receipt)
	e.pass(gdpr.Settle - time.Minute)
	require.Empty(e, e.sweep(c).Closed)
	e.pass(2 * time.Minute)
	e.sweep(c)
	at = e.status(c, "c1")
	require.Equal(e, gdpr.StateClosed, at.State)
	require.GreaterOrEqual(e, at.VerifiedAt.Sub(at.ErasedAt), gdpr.Settle)
	require.Equal(e, 1, at.Receipt)
	cases, err := c.Cases(e.ctx)
	require.NoError(e, err)
	require.Equal(e, []gdpr.Case{at}, cases)
}

func reportForms(e *env) {
	s := e.scene()
	c := e.controller()
	for i, doc := range []string{
		`{"caseid": "case-%d", "consumers": [{"consumer": [{"name": "Dan Archer"}, {"phone": %q}, {"phone": "anonymous"}, {"email": "dan@example.com"}, {"fbid": "1"}]}], "ccid": "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"}`,
		`{"consumers": [{"consumer": {"phone": [%[2]q, "anonymous"], "name": "Dan Archer"}}], "caseid": "case-%[1]d", "shortcodes": [1, 2]}`,
	} {
		req, err := gdpr.ParseRequest(strings.NewReader(fmt.Sprintf(doc, i, s.number)))
		require.NoError(e, err)
		req.Actor = officer
		r := e.forget(c, req)
		require.Equal(e, s.ids(), r.Phones[0].Messages)
		e.hidden(s.caller)
		e.undo(c, req)
	}
}

func reportPrint(e *env) {
	s := e.scene()
	c := e.controller()
	req := request("c1", s.number)
	r := e.forget(c, req)
	sink, _ := e.dir()
	x, err := c.ExportMe(e.ctx, request("x1", s.number), sink)
	require.NoError(e, err)
	require.NoError(e, sink.Close())
	receipts := e.erase(c)
	for _, v := range []any{req, *req, r, *r, r.Phones, x, *x, receipts[0], e.status(c, "c1"), gdpr.ConfirmError{Phone: gdpr.NewPhone(s.number)}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text := fmt.Sprintf(verb, v)
			require.NotContains(e, text, digits(s.number)[4:], "%T under %s", v, verb)
			require.NotContains(e, text, fmt.Sprintf("%x", s.number), "%T under %s", v, verb)
		}
	}
}
