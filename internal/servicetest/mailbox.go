package servicetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
)

func mailboxRules() []rule {
	return []rule{
		{"ANewMailboxIsEmptyAndHasItsSettings", "the first call must find what the administrator made", mailboxNew},
		{"AMailboxIsCreatedOnce", "a second Create that succeeded would hide the settings of the first", mailboxOnce},
		{"OfManyWhoCreateAMailboxOneSucceeds", "two administrators must not each believe that the settings are theirs", mailboxRace},
		{"EveryMethodOfAnAbsentMailboxSaysSo", "an absent mailbox that counts as empty hides a lost one", mailboxAbsent},
		{"MailboxIDsAreOpaque", "extension 0712 is another user than 712", mailboxOpaque},
		{"AnImpossibleMailboxIDIsInvalid", "a name that is cut or folded is another user's mailbox", mailboxInvalid},
		{"MailboxesYieldsThoseThatExist", "an operator's list decides what is backed up and migrated", mailboxesListed},
	}
}

func mailboxNew(e *env) {
	before := e.clock.now()
	box := e.mailboxWith("5001", &voicemail.Settings{Owner: voicemail.User("agent7"), MaxMessages: 7, MaxBytes: 70, Disabled: true, Revision: 99})
	require.Equal(e, voicemail.MailboxID("5001"), box.ID())
	require.Zero(e, e.counts(box))
	require.False(e, e.counts(box).Waiting())
	require.Empty(e, e.list(box, nil))
	got, err := box.Settings(e.ctx)
	require.NoError(e, err)
	require.Equal(e, voicemail.Owner{Kind: voicemail.OwnerUser, ID: "agent7"}, got.Owner)
	require.Equal(e, []any{7, int64(70), true, 0}, []any{got.MaxMessages, got.MaxBytes, got.Disabled, got.Revision}, "a new mailbox starts with revision 0")
	require.WithinRange(e, got.ChangedAt, before, e.clock.now())
	fresh, err := e.open().Mailbox("5001").Settings(e.ctx)
	require.NoError(e, err)
	require.Equal(e, got, fresh, "another process reads the same settings")
}

func mailboxOnce(e *env) {
	e.mailboxWith("5001", &voicemail.Settings{MaxMessages: 7})
	_, err := e.service().CreateMailbox(e.ctx, "5001", &voicemail.Settings{MaxMessages: 8})
	require.ErrorIs(e, err, voicemail.ErrMailboxExists)
	var ve *voicemail.Error
	require.ErrorAs(e, err, &ve)
	require.Equal(e, voicemail.MailboxID("5001"), ve.Mailbox)
	got, err := e.service().Mailbox("5001").Settings(e.ctx)
	require.NoError(e, err)
	require.Equal(e, 7, got.MaxMessages)

	for name, set := range map[string]voicemail.Settings{
		"a quota below 0":        {MaxMessages: -1},
		"a byte quota below 0":   {MaxBytes: -1},
		"an owner of no kind":    {Owner: voicemail.Owner{Kind: "robot", ID: "x"}},
		"an owner without an ID": {Owner: voicemail.User("")},
		"an endless owner":       {Owner: voicemail.Group(strings.Repeat("x", 257))},
	} {
		_, err := e.service().CreateMailbox(e.ctx, "5002", &set)
		require.ErrorIs(e, err, voicemail.ErrInvalid, name)
	}
	require.Empty(e, e.names(e.keysOf("5002").Prefix()), "a mailbox that was refused leaves nothing")
}

func mailboxRace(e *env) {
	const many = 8
	e.service()
	errs := make([]error, many)
	together(many, func(i int) {
		_, errs[i] = e.svc.CreateMailbox(e.ctx, "5001", &voicemail.Settings{MaxMessages: i + 1})
	})
	won := 0
	for i, err := range errs {
		if err != nil {
			require.ErrorIs(e, err, voicemail.ErrMailboxExists)
			continue
		}
		won++
		got, err := e.svc.Mailbox("5001").Settings(e.ctx)
		require.NoError(e, err)
		require.Equal(e, i+1, got.MaxMessages, "the winner's settings are the mailbox's")
	}
	require.Equal(e, 1, won)
}

// together calls f for 0 to n-1 at the same time.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

func mailboxAbsent(e *env) {
	e.mailbox("5001")
	msg := e.deposit(e.service().Mailbox("5001"), nil)
	absent := e.service().Mailbox("5002")
	for name, call := range mailboxCalls(e, absent) {
		err := call()
		require.ErrorIs(e, err, voicemail.ErrNoMailbox, name)
		var ve *voicemail.Error
		require.ErrorAs(e, err, &ve, name)
		require.Equal(e, voicemail.MailboxID("5002"), ve.Mailbox, name)
	}
	_, err := msg.CopyTo(e.ctx, "5002", nil)
	require.ErrorIs(e, err, voicemail.ErrNoMailbox, "copy")
	_, err = msg.MoveTo(e.ctx, "5002")
	require.ErrorIs(e, err, voicemail.ErrNoMailbox, "move")
	require.Empty(e, e.names(e.keysOf("5002").Prefix()), "nothing of it came to be")
	require.Empty(e, e.names(e.keysOf("5002").Media()), "no recording lies in a mailbox that nobody can open")
}

// mailboxCalls are all methods of a mailbox that take a context.
func mailboxCalls(e *env, box voicemail.Mailbox) map[string]func() error {
	return map[string]func() error{
		"settings": func() error { _, err := box.Settings(e.ctx); return err },
		"update settings": func() error {
			_, err := box.UpdateSettings(e.ctx, func(*voicemail.Settings) error { return nil })
			return err
		},
		"deposit": func() error {
			_, err := box.Deposit(e.ctx, iotest.OneByteReader(strings.NewReader("audio")), nil)
			return err
		},
		"message": func() error { _, err := box.Message(e.ctx, idAt(0)); return err },
		"messages": func() error {
			for _, err := range box.Messages(e.ctx, nil) {
				return err
			}
			return nil
		},
		"counts": func() error { _, err := box.Counts(e.ctx); return err },
	}
}

func mailboxOpaque(e *env) {
	ids := []voicemail.MailboxID{
		"0712", "712", "A", "a", "_41", "00", "müller", "mu\u0308ller", "a/b", ".", "..", "../x", "%2e", "a b", "set-000001-000000000.json", "\x00", "日本", "con",
		voicemail.MailboxID(strings.Repeat("x", 96)), voicemail.MailboxID(strings.Repeat("X", 32)),
	}
	seen := map[voicemail.MailboxID]voicemail.MessageID{}
	for _, id := range ids {
		box := e.mailboxWith(id, &voicemail.Settings{Owner: voicemail.User("of " + strings.ToValidUTF8(string(id), "?"))})
		require.Equal(e, id, box.ID())
		seen[id] = e.deposit(box, &voicemail.DepositOptions{Caller: number()}).ID()
	}
	for id, msg := range seen {
		box := e.service().Mailbox(id)
		require.Equal(e, []voicemail.MessageID{msg}, e.list(box, nil), "mailbox %q holds its own message only", string(id))
		require.Equal(e, 1, e.counts(box).New)
		set, err := box.Settings(e.ctx)
		require.NoError(e, err)
		require.Equal(e, "of "+string(id), set.Owner.ID)
	}
	listed := 0
	for box, err := range e.service().Mailboxes(e.ctx) {
		require.NoError(e, err)
		require.Contains(e, seen, box.ID())
		listed++
	}
	require.Equal(e, len(seen), listed)
}

func mailboxInvalid(e *env) {
	svc := e.service()
	before := e.tenantNames()
	for _, id := range []voicemail.MailboxID{"", voicemail.MailboxID(strings.Repeat("x", 97)), voicemail.MailboxID(strings.Repeat("X", 33))} {
		for name, call := range mailboxCalls(e, svc.Mailbox(id)) {
			require.ErrorIs(e, call(), voicemail.ErrInvalid, "%s of a mailbox ID of %d bytes", name, len(id))
		}
		_, err := svc.CreateMailbox(e.ctx, id, nil)
		require.ErrorIs(e, err, voicemail.ErrInvalid)
	}
	require.Equal(e, before, e.tenantNames())
}

func mailboxesListed(e *env) {
	svc := e.service()
	for range svc.Mailboxes(e.ctx) {
		require.Fail(e, "a new tenant has no mailbox")
	}
	for i := range 12 {
		e.mailbox(voicemail.MailboxID(fmt.Sprintf("5%03d", i)))
	}
	// What a failed deposit left in a mailbox that never was makes no mailbox.
	e.plant(e.keysOf("6000").Mark(keys.Ref{ID: string(idAt(0))}, keys.Urgent), "")
	var ids []string
	for box, err := range svc.Mailboxes(e.ctx) {
		require.NoError(e, err)
		ids = append(ids, string(box.ID()))
	}
	require.Len(e, ids, 12)
	require.IsIncreasing(e, ids)
	n := 0
	for range svc.Mailboxes(e.ctx) {
		if n++; n == 3 {
			break
		}
	}
	require.Equal(e, 3, n, "break ends it")
}

func settingsRules() []rule {
	return []rule{
		{"AnUpdateIsTheNextRevision", "who changed what, when, is asked later", settingsRevisions},
		{"ConcurrentUpdatesAllHold", "two administrators must not undo each other's change", settingsConcurrent},
		{"AnUpdateThatIsRefusedStoresNothing", "a check in the change function is the application's way to say no", settingsRefused},
		{"AnUpdateKeepsWhatALaterVersionWrote", "a rolling upgrade runs two versions on one store", settingsUnknown},
	}
}

func settingsRevisions(e *env) {
	box := e.mailboxWith("5001", &voicemail.Settings{Owner: voicemail.User("agent7")})
	other := e.open().Mailbox("5001")
	for i := 1; i <= 4; i++ {
		e.pass(time.Hour)
		writer := []voicemail.Mailbox{box, other}[i%2]
		got, err := writer.UpdateSettings(e.ctx, func(s *voicemail.Settings) error {
			require.Equal(e, i-1, s.Revision)
			require.Equal(e, i-1, s.MaxMessages, "the change function sees what the last one left")
			s.MaxMessages, s.Revision, s.ChangedAt = i, 77, time.Time{}
			return nil
		})
		require.NoError(e, err)
		require.Equal(e, []int{i, i}, []int{got.Revision, got.MaxMessages})
		require.WithinDuration(e, e.clock.now(), got.ChangedAt, time.Minute)
		require.Equal(e, "agent7", got.Owner.ID, "what was not changed stays")
		for _, reader := range []voicemail.Mailbox{box, other} {
			read, err := reader.Settings(e.ctx)
			require.NoError(e, err)
			require.Equal(e, got, read, "every process sees the update at once")
		}
	}
}

func settingsConcurrent(e *env) {
	const many, each = 6, 3
	e.mailbox("5001")
	boxes := make([]voicemail.Mailbox, many)
	for i := range boxes {
		boxes[i] = e.open().Mailbox("5001")
	}
	errs := make([]error, many)
	together(many, func(i int) {
		for range each {
			_, err := boxes[i].UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.MaxMessages++; return nil })
			errs[i] = errors.Join(errs[i], err)
		}
	})
	for _, err := range errs {
		require.NoError(e, err)
	}
	got, err := e.service().Mailbox("5001").Settings(e.ctx)
	require.NoError(e, err)
	require.Equal(e, many*each, got.MaxMessages, "an update was lost")
	require.Equal(e, many*each, got.Revision)
}

func settingsRefused(e *env) {
	box := e.mailboxWith("5001", &voicemail.Settings{MaxMessages: 7})
	before := e.tenantNames()
	no := errors.New("not today")
	_, err := box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.MaxMessages = 9; return no })
	require.ErrorIs(e, err, no)
	_, err = box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.MaxBytes = -1; return nil })
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	_, err = box.UpdateSettings(ctx, func(s *voicemail.Settings) error { s.MaxMessages = 9; return nil })
	require.ErrorIs(e, err, context.Canceled)
	require.Equal(e, before, e.tenantNames())
	got, err := box.Settings(e.ctx)
	require.NoError(e, err)
	require.Equal(e, 7, got.MaxMessages)
}

func settingsUnknown(e *env) {
	box := e.mailbox("5001")
	const later = `{"v":1,"nonce":"n","at":"2026-03-01T09:00:00Z","owner":{"kind":"group","id":"sales"},"maxMessages":3,"greeting":{"kind":"busy","takes":[1,2.50]},"since":9007199254740993}`
	e.plant(e.keysOf("5001").SettingsAt(keys.Revision{Gen: 1, Rev: 1}), later)
	got, err := box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error {
		require.Equal(e, voicemail.Group("sales"), s.Owner)
		s.MaxMessages = 4
		return nil
	})
	require.NoError(e, err)
	require.Equal(e, 2, got.Revision)
	var doc map[string]json.RawMessage
	require.NoError(e, json.Unmarshal(e.readRaw(e.keysOf("5001").SettingsAt(keys.Revision{Gen: 1, Rev: 2})), &doc))
	require.JSONEq(e, `{"kind":"busy","takes":[1,2.50]}`, string(doc["greeting"]))
	require.Equal(e, "9007199254740993", string(doc["since"]), "also a number that a float cannot hold")
	require.Equal(e, "4", string(doc["maxMessages"]))
}
