package servicetest

import (
	"bytes"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
)

func ownerRules() []rule {
	return []rule{
		{"AUserHasTheirOwnMailboxesAndThoseOfTheirGroups", "a desktop shows the lamps of all of them", ownerBoard},
		{"AMailboxThatChangesItsOwnerIsTheNewOnes", "an agent who left must not see what comes in for their successor", ownerChange},
		{"OwnersAreToldApart", "user sales is not group sales, and agent1 not agent10", ownerApart},
		{"AUserHasSoManyMailboxesAtMost", "provisioning that repeats itself must stop somewhere", ownerLimit},
		{"AnEntryOfAnotherOwnerMeansNothing", "the index is derived: the settings decide", ownerStale},
		{"ADeletedMailboxIsGoneWithAllThatWasInIt", "who deletes a mailbox deletes what people said into it", deletedMailbox},
		{"AMailboxWithAHeldOrRestrictedMessageIsNotDeleted", "a hold, and a request that can be undone, are worth more than an administrator's wish", deletedHeld},
		{"ADeletedMailboxIsMadeAgainWithoutInheritingAnything", "the next user of the extension must not hear the last one's messages", deletedAgain},
		{"ADeletionOfAMailboxThatWasCutOffIsFinished", "half a mailbox is nobody's", deletedCutOff},
	}
}

func (e *env) of(user string, groups ...string) []voicemail.MailboxID {
	e.Helper()
	var ids []voicemail.MailboxID
	for box, err := range e.service().MailboxesOf(e.ctx, user, groups...) {
		require.NoError(e, err)
		ids = append(ids, box.ID())
	}
	return ids
}

func ownerBoard(e *env) {
	e.mailboxWith("5002", &voicemail.Settings{Owner: voicemail.User("agent7")})
	e.mailboxWith("5001", &voicemail.Settings{Owner: voicemail.User("agent7")})
	e.mailboxWith("support", &voicemail.Settings{Owner: voicemail.Group("support")})
	e.mailboxWith("sales", &voicemail.Settings{Owner: voicemail.Group("sales")})
	e.mailbox("nobody")
	require.Equal(e, []voicemail.MailboxID{"5001", "5002", "sales", "support"}, e.of("agent7", "sales", "support", "sales"))
	require.Equal(e, []voicemail.MailboxID{"5001", "5002"}, e.of("agent7"))
	require.Equal(e, []voicemail.MailboxID{"support"}, e.of("agent8", "support"))
	require.Empty(e, e.of("agent8"))
	for _, err := range e.service().MailboxesOf(e.ctx, "") {
		require.ErrorIs(e, err, voicemail.ErrInvalid)
	}
}

func ownerChange(e *env) {
	box := e.mailboxWith("5001", &voicemail.Settings{Owner: voicemail.User("agent7")})
	give := func(o voicemail.Owner) {
		_, err := box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.Owner = o; return nil })
		require.NoError(e, err)
	}
	give(voicemail.User("agent8"))
	require.Empty(e, e.of("agent7"))
	require.Equal(e, []voicemail.MailboxID{"5001"}, e.of("agent8"))
	require.Len(e, e.names(e.space.Owners()), 1, "the entry of the earlier owner is gone")
	give(voicemail.Owner{})
	require.Empty(e, e.of("agent8"))
	require.Empty(e, e.names(e.space.Owners()))
	give(voicemail.User("agent7"))
	_, err := box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.Disabled = true; return nil })
	require.NoError(e, err)
	require.Equal(e, []voicemail.MailboxID{"5001"}, e.of("agent7"), "also after changes of something else")
	_, err = box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.Owner = voicemail.User(string(make([]byte, 200))); return nil })
	require.ErrorIs(e, err, voicemail.ErrInvalid)
}

func ownerApart(e *env) {
	e.mailboxWith("a", &voicemail.Settings{Owner: voicemail.User("agent1")})
	e.mailboxWith("b", &voicemail.Settings{Owner: voicemail.User("agent10")})
	e.mailboxWith("c", &voicemail.Settings{Owner: voicemail.Group("agent1")})
	e.mailboxWith("d", &voicemail.Settings{Owner: voicemail.User("Agent1")})
	require.Equal(e, []voicemail.MailboxID{"a"}, e.of("agent1"))
	require.Equal(e, []voicemail.MailboxID{"b", "c"}, e.of("agent10", "agent1"))
	require.Equal(e, []voicemail.MailboxID{"d"}, e.of("Agent1"))
}

func ownerLimit(e *env) {
	svc := e.open(func(o *voicemail.Options) { o.Limits.MailboxesPerUser = 2 })
	create := func(id voicemail.MailboxID, o voicemail.Owner) error {
		_, err := svc.CreateMailbox(e.ctx, id, &voicemail.Settings{Owner: o})
		return err
	}
	require.NoError(e, create("1", voicemail.User("agent7")))
	require.NoError(e, create("2", voicemail.User("agent7")))
	err := create("3", voicemail.User("agent7"))
	require.ErrorIs(e, err, voicemail.ErrTooManyMailboxes)
	var quota *voicemail.QuotaError
	require.ErrorAs(e, err, &quota)
	require.Equal(e, voicemail.QuotaError{Quota: "mailboxes", Limit: 2, Used: 2}, *quota)
	require.Equal(e, []voicemail.MailboxID{"1", "2"}, e.of("agent7"))
	_, err = svc.Mailbox("3").Counts(e.ctx)
	require.ErrorIs(e, err, voicemail.ErrNoMailbox)
	require.NoError(e, create("3", voicemail.Group("agents")), "a group's are not bounded")
	_, err = svc.Mailbox("3").UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.Owner = voicemail.User("agent7"); return nil })
	require.ErrorIs(e, err, voicemail.ErrTooManyMailboxes)
	_, err = svc.Mailbox("1").UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.Owner = voicemail.Owner{}; return nil })
	require.NoError(e, err)
	require.NoError(e, create("4", voicemail.User("agent7")), "there is room again")
}

func ownerStale(e *env) {
	e.mailboxWith("5001", &voicemail.Settings{Owner: voicemail.User("agent7")})
	folder, err := e.space.Owner("user", "agent8")
	require.NoError(e, err)
	stale := e.keysOf("5001").OwnerEntry(folder, keys.Revision{Gen: 1})
	absent := e.keysOf("5009").OwnerEntry(folder, keys.Revision{Gen: 1})
	e.plant(stale, "")
	e.plant(absent, "")
	_, err = e.service().Mailbox("5001").UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.Disabled = true; return nil })
	require.NoError(e, err)
	require.Empty(e, e.of("agent8"))
	e.pass(rest)
	e.maintain()
	require.False(e, e.exists(stale))
	require.Equal(e, []voicemail.MailboxID{"5001"}, e.of("agent7"), "Maintain leaves alone what means something")
	e.removeRaw(absent)
}

func deletedMailbox(e *env) {
	box := e.mailboxWith("5001", &voicemail.Settings{Owner: voicemail.User("agent7")})
	caller := number()
	audio := wav(30)
	e.depositAudio(box, audio, &voicemail.DepositOptions{Caller: caller})
	trashed := e.deposit(box, &voicemail.DepositOptions{Caller: caller})
	require.NoError(e, trashed.Trash(e.ctx))
	require.NoError(e, e.service().DeleteMailbox(e.ctx, "5001"))
	_, err := box.Counts(e.ctx)
	require.ErrorIs(e, err, voicemail.ErrNoMailbox)
	_, err = box.Deposit(e.ctx, bytes.NewReader(audio), nil)
	require.ErrorIs(e, err, voicemail.ErrNoMailbox)
	require.Empty(e, e.find(e.service(), caller.Reveal()))
	require.Empty(e, e.of("agent7"))
	require.Empty(e, e.names(e.space.Media()))
	require.Empty(e, e.names(e.space.Callers()))
	require.ErrorIs(e, e.service().DeleteMailbox(e.ctx, "5001"), voicemail.ErrNoMailbox)
	require.ErrorIs(e, e.service().DeleteMailbox(e.ctx, "never"), voicemail.ErrNoMailbox)
	require.ErrorIs(e, e.service().DeleteMailbox(e.ctx, ""), voicemail.ErrInvalid)
	for other, err := range e.service().Mailboxes(e.ctx) {
		require.NoError(e, err)
		require.NotEqual(e, voicemail.MailboxID("5001"), other.ID())
	}
}

func deletedHeld(e *env) {
	for _, mark := range []string{keys.Hold + "h", keys.Forgetting{Case: "0123456789abcdef0123456789abcdef", Entry: 1}.Mark()} {
		id := voicemail.MailboxID("box-" + mark[:4])
		box := e.mailboxWith(id, &voicemail.Settings{Owner: voicemail.User("agent-" + mark[:4])})
		e.deposit(box, nil)
		msg := e.deposit(box, nil)
		e.mark(msg, mark)
		before := e.names(e.keysOf(id).Prefix())
		require.ErrorIs(e, e.service().DeleteMailbox(e.ctx, id), voicemail.ErrHeld)
		require.Equal(e, before, e.names(e.keysOf(id).Prefix()), "nothing has changed")
		require.Len(e, e.of("agent-"+mark[:4]), 1)
		e.removeRaw(e.markName(msg, mark))
		require.NoError(e, e.service().DeleteMailbox(e.ctx, id))
	}
}

func deletedAgain(e *env) {
	box := e.mailboxWith("5001", &voicemail.Settings{Owner: voicemail.User("agent7"), MaxMessages: 7})
	e.deposit(box, nil)
	require.NoError(e, e.service().DeleteMailbox(e.ctx, "5001"))
	_, err := e.service().CreateMailbox(e.ctx, "5001", nil)
	require.ErrorIs(e, err, voicemail.ErrConflict, "a deposit that began before the deletion could still come in")
	e.pass(2*time.Hour + time.Minute)
	e.mailbox("5001")
	require.Zero(e, e.counts(box))
	set, err := box.Settings(e.ctx)
	require.NoError(e, err)
	require.Zero(e, set.MaxMessages)
	require.Zero(e, set.Owner)
	require.Empty(e, e.of("agent7"))
	e.deposit(box, nil)
	e.pass(rest)
	e.maintain()
	require.Equal(e, 1, e.counts(box).New, "Maintain takes nothing of the new one for the old one's")
}

func deletedCutOff(e *env) {
	box := e.mailbox("5001")
	e.deposit(box, nil)
	e.deposit(box, nil)
	e.plant(e.keysOf("5001").SettingsAt(keys.Revision{Gen: 2}), `{"v":1,"nonce":"n","at":"2026-01-01T00:00:00Z","owner":{"kind":"","id":""}}`)
	e.pass(3 * time.Hour)
	_, err := e.service().CreateMailbox(e.ctx, "5001", nil)
	require.ErrorIs(e, err, voicemail.ErrConflict, "messages of the old one are left")
	e.maintain()
	require.Empty(e, e.names(e.space.Media()))
	e.mailbox("5001")
	require.Zero(e, e.counts(box))
}
