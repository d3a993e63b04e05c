package servicetest

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
)

func quarantineRules() []rule {
	return []rule{
		{"AMessageInQuarantineIsSeenByNobody", "an agent who plays what is damaged calls back the wrong person", quarantineHidden},
		{"AMessageTakenOutOfQuarantineIsAsItWas", "a recording that was restored from a backup is as good as ever", quarantineReleased},
		{"ALostRestrictionEndsWithTheQuarantine", "nobody else would ever end it", quarantineLost},
		{"AMessageIsDeletedFromQuarantine", "what cannot be mended must not stay for ever", quarantineDeleted},
		{"ADeletionFromQuarantineHeedsHoldsAndRequests", "they are worth more than order", quarantineHeld},
		{"QuarantineIsKeptByRetention", "whoever looks into it may need longer than the message lives", quarantineKept},
		{"ADeletedMailboxTakesItsQuarantineAlong", "who deletes a mailbox deletes what people said into it", quarantineMailbox},
	}
}

// silenced is a victim in quarantine: its recording is not there.
func silenced(e *env) *victim {
	e.Helper()
	v := newVictim(e)
	require.NoError(e, v.msg.MarkRead(e.ctx))
	v.removeRaw(v.audioName())
	require.Len(e, e.findings(e.svc.Repair(e.ctx, nil)), 1)
	return v
}

func quarantineHidden(e *env) {
	v := newVictim(e)
	svc, told := e.observer()
	old, err := svc.Mailbox("5001").Message(e.ctx, v.msg.ID())
	require.NoError(e, err)
	_, err = svc.Mailbox("5001").UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.MaxMessages, s.MaxBytes = 2, 1<<20; return nil })
	require.NoError(e, err)
	_, err = v.box.Deposit(e.ctx, strings.NewReader("full"), nil)
	require.Error(e, err)
	e.handedBack(err)
	v.removeRaw(v.audioName())
	told()
	require.Len(e, e.findings(svc.Repair(e.ctx, nil)), 1)
	events := told()
	require.Len(e, events, 1)
	require.Equal(e, voicemail.EventQuarantined, events[0].Kind)
	require.Equal(e, voicemail.Counts{New: 1}, events[0].counts)
	e.invisible(v.msg, "it is in quarantine")
	for what, do := range map[string]func() error{
		"mark read":  func() error { return old.MarkRead(e.ctx) },
		"not urgent": func() error { return old.SetUrgent(e.ctx, false) },
		"trash":      func() error { return old.Trash(e.ctx) },
		"expire":     func() error { return old.SetExpiry(e.ctx, time.Now()) },
		"delete":     func() error { return old.Delete(e.ctx) },
		"copy":       func() error { _, err := old.CopyTo(e.ctx, "5002", nil); return err },
		"move":       func() error { _, err := old.MoveTo(e.ctx, "5002"); return err },
		"play":       func() error { _, err := old.Open(e.ctx); return err },
	} {
		require.ErrorIs(e, do(), voicemail.ErrNotFound, what)
	}
	require.Equal(e, []string{v.names.Mark(v.ref, keys.Quarantine), v.names.Mark(v.ref, keys.Urgent), v.names.Meta(v.ref)}, e.names(v.names.Stem(v.ref)), "nothing was done to it")
	e.deposit(v.box, nil) // it does not fill its mailbox
	require.Empty(e, e.findings(e.svc.Check(e.ctx, nil)))
	found := e.findings(e.svc.Repair(e.ctx, &voicemail.CheckOptions{Quarantined: true}))
	require.Equal(e, []voicemail.Finding{{Kind: voicemail.FoundQuarantined, Mailbox: "5001", Message: v.msg.ID()}}, found)
}

func quarantineReleased(e *env) {
	v := silenced(e)
	svc, told := e.observer()
	id := v.msg.ID()
	require.ErrorIs(e, svc.ReleaseFromQuarantine(e.ctx, "5002", id), voicemail.ErrNotFound)
	require.ErrorIs(e, svc.ReleaseFromQuarantine(e.ctx, "5001", v.beside.ID()), voicemail.ErrNotFound)
	require.ErrorIs(e, svc.ReleaseFromQuarantine(e.ctx, "5001", "no ID"), voicemail.ErrInvalid)
	require.ErrorIs(e, svc.ReleaseFromQuarantine(e.ctx, "", id), voicemail.ErrInvalid)
	require.Empty(e, told())
	v.plant(v.audioName(), string(v.audio))
	require.NoError(e, svc.ReleaseFromQuarantine(e.ctx, "5001", id))
	events := told()
	require.Len(e, events, 1)
	require.Equal(e, voicemail.EventUnquarantined, events[0].Kind)
	require.Equal(e, voicemail.Counts{New: 1, Old: 1, OldUrgent: 1}, events[0].counts)
	require.Equal(e, v.audio, e.play(e.again(v.msg)))
	require.True(e, e.state(v.msg).Read)
	require.True(e, e.state(v.msg).Urgent)
	require.ErrorIs(e, svc.ReleaseFromQuarantine(e.ctx, "5001", id), voicemail.ErrNotFound)
	require.Empty(e, e.findings(svc.Check(e.ctx, &voicemail.CheckOptions{Audio: voicemail.AudioDigest, Quarantined: true})))
}

func quarantineLost(e *env) {
	v := newVictim(e)
	lost, open := keys.Forgetting{Case: strings.Repeat("0f", 16), Entry: 1}, keys.Forgetting{Case: strings.Repeat("ab", 16), Entry: 1}
	v.mark(v.msg, lost.Mark())
	v.plant(v.space.CaseEntry(open.Case, 1), `{"v":1,"kind":"forget"}`)
	v.mark(v.msg, open.Mark())
	require.Len(e, e.findings(e.svc.Repair(e.ctx, nil)), 1)
	require.NoError(e, e.svc.ReleaseFromQuarantine(e.ctx, "5001", v.msg.ID()))
	e.invisible(v.msg, "the other request restricts it still")
	require.False(e, v.exists(v.markName(v.msg, lost.Mark())))
	require.True(e, v.exists(v.markName(v.msg, open.Mark())))
	require.Empty(e, e.findings(e.svc.Check(e.ctx, nil)))

	v.removeRaw(v.markName(v.msg, open.Mark()))
	v.mark(v.msg, lost.Mark())
	require.Len(e, e.findings(e.svc.Repair(e.ctx, nil)), 1)
	require.NoError(e, e.svc.ReleaseFromQuarantine(e.ctx, "5001", v.msg.ID()))
	require.Equal(e, v.audio, e.play(e.again(v.msg)))
}

func quarantineDeleted(e *env) {
	v := silenced(e)
	require.ErrorIs(e, e.svc.DeleteFromQuarantine(e.ctx, "5001", v.beside.ID()), voicemail.ErrNotFound, "what is not in quarantine is an agent's")
	svc, told := e.observer()
	require.NoError(e, svc.DeleteFromQuarantine(e.ctx, "5001", v.msg.ID()))
	require.Len(e, told(), 1)
	for _, name := range e.tenantNames() {
		require.True(e, !strings.Contains(name, v.ref.ID) || strings.Contains(name, keys.Gone), "%s is left", patternOf(name))
	}
	require.ErrorIs(e, svc.DeleteFromQuarantine(e.ctx, "5001", v.msg.ID()), voicemail.ErrNotFound)

	// Of one whose metadata cannot be read, what its caller is found by goes later.
	v.instead(v.names.Meta(ref(v.beside)), "{")
	require.Len(e, e.findings(e.open().Repair(e.ctx, nil)), 1)
	require.NoError(e, e.open().DeleteFromQuarantine(e.ctx, "5001", v.beside.ID()))
	e.pass(rest)
	e.maintain()
	for _, name := range e.tenantNames() {
		require.True(e, !strings.Contains(name, ref(v.beside).ID) || strings.HasPrefix(name, e.space.Tombstones()), "%s is left", patternOf(name))
	}
}

func quarantineHeld(e *env) {
	v := silenced(e)
	open := keys.Forgetting{Case: strings.Repeat("ab", 16), Entry: 1}
	v.plant(v.space.CaseEntry(open.Case, 1), `{"v":1,"kind":"forget"}`)
	for _, mark := range []string{keys.Hold + "h1", open.Mark()} {
		v.mark(v.msg, mark)
		before := e.tenantNames()
		require.ErrorIs(e, e.svc.DeleteFromQuarantine(e.ctx, "5001", v.msg.ID()), voicemail.ErrHeld, mark)
		require.Equal(e, before, e.tenantNames())
		v.removeRaw(v.markName(v.msg, mark))
	}
	require.NoError(e, e.svc.DeleteFromQuarantine(e.ctx, "5001", v.msg.ID()))
}

func quarantineKept(e *env) {
	v := newVictim(e)
	require.NoError(e, v.msg.SetExpiry(e.ctx, e.clock.now().Add(time.Hour)))
	v.removeRaw(v.audioName())
	require.Len(e, e.findings(e.svc.Repair(e.ctx, nil)), 1)
	e.pass(30 * day)
	before := e.tenantNames()
	require.Zero(e, e.maintain().Expired)
	require.Equal(e, before, e.tenantNames())
	require.NoError(e, e.svc.ReleaseFromQuarantine(e.ctx, "5001", v.msg.ID()))
	require.Equal(e, 1, e.maintain().Expired)
}

func quarantineMailbox(e *env) {
	v := silenced(e)
	v.instead(v.names.Meta(ref(v.beside)), "{")
	require.Len(e, e.findings(e.open().Repair(e.ctx, nil)), 1)
	require.NoError(e, e.open().DeleteMailbox(e.ctx, "5001"))
	require.False(e, v.exists(v.names.Meta(v.ref)))
	require.False(e, v.exists(v.names.Meta(ref(v.beside))))
	require.False(e, v.exists(v.names.Audio(ref(v.beside), "wav")))
}
