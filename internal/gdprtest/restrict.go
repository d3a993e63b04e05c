package gdprtest

import (
	"errors"
	"io"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage"
)

func restrictRules() []rule {
	return []rule{
		{"ARestrictedMessageIsReadListedAndFoundByNobody", "until it is erased it may only be stored (GDPR, Article 18)", restrictRead},
		{"AReaderThatIsOpenEnds", "an agent who has just begun to listen hears the rest of the caller", restrictOpen},
		{"NoLinkIsMadeOfARestrictedMessage", "a link would play it without the library", restrictLink},
		{"TheReportSaysUntilWhenEarlierLinksMayWork", "they cannot be taken back, so the officer has to know", restrictLinksUntil},
		{"NobodyCopiesOrMovesARestrictedMessage", "a copy would live on elsewhere", restrictTransfer},
		{"NobodyMarksOrDeletesARestrictedMessage", "undo would bring back another message than there was, or none", restrictMarks},
		{"RetentionLeavesARestrictedMessage", "undo could not bring it back, and the receipt would not know of it", restrictExpiry},
		{"WhatComesLaterIsNotCoveredUnlessTheRequestIsRepeated", "a forget is no standing block of a caller", restrictLater},
		{"ARestrictedMessageTakesNoRoom", "a mailbox would be full of what nobody can delete", restrictQuota},
	}
}

func restrictRead(e *env) {
	s := e.scene()
	e.seen(s.caller)
	e.forget(e.controller(), request("c1", s.number))
	e.hidden(s.caller)
	e.seen(s.other)
	for _, r := range s.left {
		_, err := r.Open(e.ctx)
		require.ErrorIs(e, err, voicemail.ErrNotFound, "by a handle from before")
		for m, err := range e.svc().Mailbox(r.Mailbox()).Messages(e.ctx, &voicemail.ListOptions{Caller: s.id(), Trash: voicemail.WithTrash}) {
			require.NoError(e, err)
			require.Fail(e, "a message of the caller is listed", "%v", m)
		}
	}
}

func restrictOpen(e *env) {
	e.mailboxes()
	who := newCaller()
	audio := wav(100_000) // 800 KB: several ranges
	r := e.leaveAudio(who, e.regions[len(e.regions)-1], personal, audio, nil)
	begun, err := e.message(e.svc(), r).Open(e.ctx)
	require.NoError(e, err)
	defer begun.Close()
	head := make([]byte, 1000)
	_, err = io.ReadFull(begun, head)
	require.NoError(e, err)
	fresh, err := e.message(e.svc(), r).Open(e.ctx)
	require.NoError(e, err)
	defer fresh.Close()

	e.forget(e.controller(), request("c1", who.number))

	rest, err := io.ReadAll(begun)
	require.ErrorIs(e, err, voicemail.ErrNotFound, "the reader goes on")
	require.Less(e, len(rest), 256<<10, "more than the rest of the range was heard")
	_, err = begun.Seek(0, io.SeekStart)
	require.NoError(e, err)
	_, err = begun.Read(head)
	require.ErrorIs(e, err, voicemail.ErrNotFound, "back to the start")
	_, err = fresh.Seek(400_000, io.SeekStart)
	require.NoError(e, err)
	_, err = fresh.Read(head)
	require.ErrorIs(e, err, voicemail.ErrNotFound, "a reader that has read nothing yet")
}

// signs reports whether a region's storage makes links.
func (e *env) signs(region string) bool {
	_, ok := storage.As[storage.Signer](e.undisturbed()[region])
	return ok
}

func restrictLink(e *env) {
	s := e.scene()
	links := 0
	for _, r := range s.left {
		url, err := r.URL(e.ctx, time.Minute)
		if !e.signs(r.Envelope().Region) {
			require.ErrorIs(e, err, errors.ErrUnsupported)
			continue
		}
		require.NoError(e, err)
		require.NotEmpty(e, url.Reveal())
		links++
	}
	e.forget(e.controller(), request("c1", s.number))
	for _, r := range s.left {
		url, err := r.URL(e.ctx, time.Minute)
		require.Error(e, err)
		require.Empty(e, url.Reveal())
		if e.signs(r.Envelope().Region) {
			require.ErrorIs(e, err, voicemail.ErrNotFound)
		}
	}
	e.undo(e.controller(), request("c1", s.number))
	for _, r := range s.left {
		if _, err := r.URL(e.ctx, time.Minute); err == nil {
			links--
		}
	}
	require.Zero(e, links, "undo brings links back")
}

func restrictLinksUntil(e *env) {
	who := e.one()
	r := e.forget(e.controller(), request("c1", who.number))
	some := false
	for _, region := range e.regions {
		some = some || e.signs(region)
	}
	if !some {
		require.Zero(e, r.LinksUntil, "there are none")
		return
	}
	require.WithinDuration(e, e.clock.now().Add(hour), r.LinksUntil, time.Minute, "the longest that a link works")
	require.False(e, r.LinksUntil.Before(r.AcceptedAt.Add(hour)), "one that was made just before")
}

func restrictTransfer(e *env) {
	s := e.scene()
	third, err := e.svc().CreateMailbox(e.ctx, "5003", nil)
	require.NoError(e, err)
	e.forget(e.controller(), request("c1", s.number))
	before := e.listing()
	for _, r := range s.left {
		_, err := r.CopyTo(e.ctx, "5003", nil)
		require.ErrorIs(e, err, voicemail.ErrNotFound)
		_, err = r.CopyTo(e.ctx, "5003", &voicemail.CopyOptions{ID: voicemail.NewMessageID(e.clock.now())})
		require.ErrorIs(e, err, voicemail.ErrNotFound)
		_, err = r.MoveTo(e.ctx, "5003")
		require.ErrorIs(e, err, voicemail.ErrNotFound)
	}
	n, err := third.Counts(e.ctx)
	require.NoError(e, err)
	require.Zero(e, n)
	e.unchanged(before, "an attempt leaves a trace of the caller")
}

func restrictMarks(e *env) {
	s := e.scene()
	e.forget(e.controller(), request("c1", s.number))
	before := e.listing()
	for _, r := range s.left {
		for what, err := range map[string]error{
			"mark read":   r.MarkRead(e.ctx),
			"mark unread": r.MarkUnread(e.ctx),
			"urgent":      r.SetUrgent(e.ctx, true),
			"not urgent":  r.SetUrgent(e.ctx, false),
			"trash":       r.Trash(e.ctx),
			"restore":     r.Restore(e.ctx),
			"expiry":      r.SetExpiry(e.ctx, e.clock.now().Add(hour)),
			"no expiry":   r.SetExpiry(e.ctx, time.Time{}),
			"delete":      r.Delete(e.ctx),
		} {
			require.ErrorIs(e, err, voicemail.ErrNotFound, what)
		}
	}
	e.unchanged(before, "something changed")
}

func restrictExpiry(e *env) {
	e.mailboxes()
	who := newCaller()
	c := e.controller()
	r := e.leave(who, e.regions[len(e.regions)-1], personal, &voicemail.DepositOptions{Expires: e.clock.now().Add(2 * hour)})
	e.forget(c, request("c1", who.number))
	before := e.listing()
	e.pass(10 * hour)
	report, err := e.svc().Maintain(e.ctx)
	require.NoError(e, err)
	require.Zero(e, report.Expired)
	e.unchanged(before, "retention touched a restricted message")
	e.undo(c, request("c1", who.number))
	require.Equal(e, r.State().Expires, e.message(e.svc(), r).State().Expires, "its expiry is what it was")
	report, err = e.svc().Maintain(e.ctx)
	require.NoError(e, err)
	require.Equal(e, 1, report.Expired, "after the undo its time is over as before")
}

func restrictLater(e *env) {
	s := e.scene()
	c := e.controller()
	req := request("c1", s.number)
	r := e.forget(c, req)
	require.Len(e, r.Phones[0].Messages, len(s.ids()))
	later := &caller{number: s.number, name: s.name}
	e.pass(hour)
	e.leave(later, e.regions[len(e.regions)-1], personal, nil)
	e.seen(later)
	again := e.forget(c, req)
	require.Len(e, again.Phones[0].Messages, len(s.ids())+1, "the repeated request covers it, too")
	require.Equal(e, r.EraseBy, again.EraseBy)
	s.left = append(s.left, later.left...)
	e.hidden(s.caller)

	last := &caller{number: s.number, name: "Zoe again"}
	e.leave(last, e.place.Master, group, nil)
	receipts := e.erase(c)
	require.Equal(e, s.ids(), receipts[0].Messages)
	e.seen(last)
	trace := s.trace("c1")
	trace.Numbers, trace.Secrets = nil, nil // the last message has the number, too
	e.clean(trace)
}

func restrictQuota(e *env) {
	e.mailboxes()
	box := e.svc().Mailbox(personal)
	_, err := box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.MaxMessages = 1; return nil })
	require.NoError(e, err)
	who, other := newCaller(), newCaller()
	e.leave(who, e.place.Master, personal, nil)
	c := e.controller()
	e.forget(c, request("c1", who.number))
	r := e.leave(other, e.place.Master, personal, nil)
	require.NoError(e, r.Delete(e.ctx))
	e.undo(c, request("c1", who.number))
	e.seen(who)
	require.Equal(e, gdpr.StateUndone, e.status(c, "c1").State)
}
