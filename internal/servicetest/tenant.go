package servicetest

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
)

func tenantSettingsRules() []rule {
	return []rule{
		{"ATenantWithoutSettingsHasTheDefaults", "a tenant of before there were any must go on", tenantDefaults},
		{"TenantSettingsAreRevisionsThatNobodyLoses", "two administrators press save at the same time", tenantRevisions},
		{"TenantSettingsThatCannotBeRightAreRefused", "a typing error must not delete a tenant's messages", tenantRefused},
		{"AnUpdateOfTenantSettingsKeepsWhatALaterVersionWrote", "a rolling upgrade runs two versions on one store", tenantUnknown},
		{"MaintainTakesAwaySupersededTenantSettings", "a revision a day for years is a long listing", tenantPruned},
		{"AMailboxGoesByItsOwnSettingsAndThenByTheTenants", "an administrator sets a default once, and exceptions where they are needed", tenantPolicy},
		{"OtherProcessesFollowTheTenantsSettingsWithinTwoMinutes", "a new quota must hold in every pod, without a listing more for each deposit", tenantFollowed},
	}
}

func (e *env) updateTenant(change func(*voicemail.TenantSettings)) voicemail.TenantSettings {
	e.Helper()
	got, err := e.service().UpdateSettings(e.ctx, func(t *voicemail.TenantSettings) error { change(t); return nil })
	require.NoError(e, err, "update tenant settings")
	return got
}

func tenantDefaults(e *env) {
	e.mailbox("5001")
	before := e.tenantNames()
	got, err := e.service().Settings(e.ctx)
	require.NoError(e, err)
	require.Equal(e, voicemail.TenantSettings{AccessNumber: "5555"}, got)
	require.Equal(e, before, e.tenantNames(), "to read is to change nothing")
	use, err := e.service().Mailbox("5001").Usage(e.ctx)
	require.NoError(e, err)
	require.Equal(e, voicemail.Policy{MaxMessages: 1000, WhenFull: voicemail.Refuse, Retention: voicemail.Retention{KeepUnread: voicemail.Off}}, use.Policy)
}

func tenantRevisions(e *env) {
	const many, each = 4, 3
	services := make([]*voicemail.Service, many)
	for i := range services {
		services[i] = e.open()
	}
	errs := make([]error, many)
	together(many, func(i int) {
		for range each {
			_, err := services[i].UpdateSettings(e.ctx, func(t *voicemail.TenantSettings) error {
				t.MaxMessages, t.Revision, t.ChangedAt = t.MaxMessages+1, 77, time.Time{}
				return nil
			})
			errs[i] = errors.Join(errs[i], err)
		}
	})
	for _, err := range errs {
		require.NoError(e, err)
	}
	for _, svc := range append(services, e.open()) {
		got, err := svc.Settings(e.ctx)
		require.NoError(e, err)
		require.Equal(e, []int{many * each, many * each}, []int{got.MaxMessages, got.Revision}, "an update was lost")
		require.WithinDuration(e, e.clock.now(), got.ChangedAt, time.Minute)
	}
	require.Len(e, e.names(e.space.Tenant()), many*each)
}

func tenantRefused(e *env) {
	svc := e.service()
	e.updateTenant(func(t *voicemail.TenantSettings) { t.Retention.Days = 30 })
	box := e.mailbox("5001")
	before := e.tenantNames()
	for why, p := range map[string]voicemail.Settings{
		"a quota below 0":              {MaxMessages: -1},
		"bytes below 0":                {MaxBytes: -1},
		"an unknown way":               {WhenFull: "drop-all"},
		"a minimum below 0":            {MinDuration: -time.Second},
		"a maximum below 0":            {MaxDuration: -time.Second},
		"a part of a millisecond":      {MinDuration: time.Microsecond},
		"more at least than at most":   {MinDuration: 2 * time.Second, MaxDuration: time.Second},
		"101 days":                     {Retention: voicemail.Retention{Days: 101}},
		"less than no limit":           {Retention: voicemail.Retention{Days: -2}},
		"101 days of trash":            {Retention: voicemail.Retention{TrashDays: 101}},
		"neither on nor off":           {Retention: voicemail.Retention{KeepUnread: "yes"}},
		"a number that is no text":     {OptOutNumber: "\xff"},
		"a number longer than a novel": {OptOutNumber: strings.Repeat("5", 257)},
	} {
		_, err := svc.UpdateSettings(e.ctx, func(t *voicemail.TenantSettings) error {
			t.MaxMessages, t.MaxBytes, t.WhenFull, t.MinDuration, t.MaxDuration, t.Retention, t.OptOutNumber =
				p.MaxMessages, p.MaxBytes, p.WhenFull, p.MinDuration, p.MaxDuration, p.Retention, p.OptOutNumber
			return nil
		})
		require.ErrorIs(e, err, voicemail.ErrInvalid, why)
		_, err = box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error { *s = p; return nil })
		require.ErrorIs(e, err, voicemail.ErrInvalid, why)
		_, err = svc.CreateMailbox(e.ctx, "5002", &p)
		require.ErrorIs(e, err, voicemail.ErrInvalid, why)
	}
	_, err := svc.UpdateSettings(e.ctx, func(t *voicemail.TenantSettings) error { t.AccessNumber = strings.Repeat("5", 257); return nil })
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	no := errors.New("not today")
	_, err = svc.UpdateSettings(e.ctx, func(t *voicemail.TenantSettings) error { t.Retention.Days = 1; return no })
	require.ErrorIs(e, err, no)
	require.Equal(e, before, e.tenantNames())
	got, err := svc.Settings(e.ctx)
	require.NoError(e, err)
	require.Equal(e, 30, got.Retention.Days)

	generous := e.open(func(o *voicemail.Options) { o.Limits.MinRetentionDays, o.Limits.MaxRetentionDays = 10, 4000 })
	_, err = generous.UpdateSettings(e.ctx, func(t *voicemail.TenantSettings) error { t.Retention.Days = 4000; return nil })
	require.NoError(e, err, "the bounds are the service's")
	_, err = generous.UpdateSettings(e.ctx, func(t *voicemail.TenantSettings) error { t.Retention.Days = 9; return nil })
	require.ErrorIs(e, err, voicemail.ErrInvalid)
}

func tenantUnknown(e *env) {
	const later = `{"v":1,"nonce":"n","at":"2026-03-01T09:00:00Z","retentionDays":30,"colour":{"of":["grey"]},"accessNumber":"5000"}`
	e.plant(e.space.TenantAt(keys.Revision{Gen: 1, Rev: 1}), later)
	got := e.updateTenant(func(t *voicemail.TenantSettings) {
		require.Equal(e, 30, t.Retention.Days)
		t.Retention.Days = 10
	})
	require.Equal(e, []any{2, 10, "5000"}, []any{got.Revision, got.Retention.Days, got.AccessNumber})
	var doc map[string]json.RawMessage
	require.NoError(e, json.Unmarshal(e.readRaw(e.space.TenantAt(keys.Revision{Gen: 1, Rev: 2})), &doc))
	require.JSONEq(e, `{"of":["grey"]}`, string(doc["colour"]))
	require.Equal(e, "10", string(doc["retentionDays"]))
}

func tenantPruned(e *env) {
	for range 4 {
		e.updateTenant(func(t *voicemail.TenantSettings) { t.MaxMessages++ })
	}
	e.pass(23 * time.Hour)
	require.Zero(e, e.maintain().Revisions, "a writer who read an earlier one may still be about to write")
	e.pass(2 * time.Hour)
	require.Equal(e, 3, e.maintain().Revisions)
	require.Len(e, e.names(e.space.Tenant()), 1)
	require.Zero(e, e.maintain().Revisions)
	got := e.updateTenant(func(t *voicemail.TenantSettings) { t.MaxMessages++ })
	require.Equal(e, []int{5, 5}, []int{got.MaxMessages, got.Revision})
}

func tenantPolicy(e *env) {
	svc := e.open(func(o *voicemail.Options) { o.Limits.Messages, o.Limits.Duration = 50, 5*time.Minute })
	_, err := svc.UpdateSettings(e.ctx, func(t *voicemail.TenantSettings) error {
		t.MaxMessages, t.MaxBytes, t.WhenFull, t.MinDuration, t.OptOutNumber = 40, 1<<20, voicemail.DropOldestRead, time.Second, "5100"
		t.Retention = voicemail.Retention{Days: 30, KeepUnread: voicemail.On, TrashDays: 7}
		return nil
	})
	require.NoError(e, err)
	base := voicemail.Policy{
		MaxMessages: 40, MaxBytes: 1 << 20, WhenFull: voicemail.DropOldestRead, MinDuration: time.Second, MaxDuration: 5 * time.Minute, OptOutNumber: "5100",
		Retention: voicemail.Retention{Days: 30, KeepUnread: voicemail.On, TrashDays: 7},
	}
	for id, row := range map[voicemail.MailboxID]struct {
		own  voicemail.Settings
		want func(*voicemail.Policy)
		why  string
	}{
		"1": {voicemail.Settings{}, func(*voicemail.Policy) {}, "it says nothing"},
		"2": {voicemail.Settings{MaxMessages: 45, MaxBytes: 9, OptOutNumber: "5200", WhenFull: voicemail.Refuse}, func(p *voicemail.Policy) {
			p.MaxMessages, p.MaxBytes, p.OptOutNumber, p.WhenFull = 45, 9, "5200", voicemail.Refuse
		}, "it may be more than the tenant's"},
		"3": {voicemail.Settings{MaxMessages: 60, MaxDuration: time.Hour}, func(p *voicemail.Policy) { p.MaxMessages = 50 }, "but not more than the service's"},
		"4": {voicemail.Settings{MinDuration: time.Millisecond, MaxDuration: time.Minute}, func(p *voicemail.Policy) {
			p.MinDuration, p.MaxDuration = time.Millisecond, time.Minute
		}, "shorter"},
		"5": {voicemail.Settings{Retention: voicemail.Retention{Days: voicemail.NoLimit, TrashDays: voicemail.NoLimit}}, func(p *voicemail.Policy) {
			p.Retention.Days, p.Retention.TrashDays = 0, 0
		}, "no limit where the tenant has one"},
		"6": {voicemail.Settings{Retention: voicemail.Retention{Days: 100, KeepUnread: voicemail.Off}}, func(p *voicemail.Policy) {
			p.Retention.Days, p.Retention.KeepUnread = 100, voicemail.Off
		}, "the trash is still the tenant's"},
	} {
		_, err := svc.CreateMailbox(e.ctx, id, &row.own)
		require.NoError(e, err)
		use, err := svc.Mailbox(id).Usage(e.ctx)
		require.NoError(e, err)
		want := base
		row.want(&want)
		require.Equal(e, want, use.Policy, row.why)
	}
}

func tenantFollowed(e *env) {
	e.mailbox("5001")
	other := e.open().Mailbox("5001")
	e.deposit(other, nil)
	e.updateTenant(func(t *voicemail.TenantSettings) { t.MaxMessages = 1 })
	_, err := e.service().Mailbox("5001").Deposit(e.ctx, strings.NewReader("x"), nil)
	require.ErrorIs(e, err, voicemail.ErrMailboxFull, "at once, where they were changed")
	e.handedBack(err)
	e.pass(3 * time.Minute)
	_, err = other.Deposit(e.ctx, strings.NewReader("x"), nil)
	require.ErrorIs(e, err, voicemail.ErrMailboxFull, "soon, elsewhere")
	e.handedBack(err)
}
