package servicetest

import (
	"context"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
)

func openRules() []rule {
	return []rule{
		{"OpenRefusesRegionsThatCannotBe", "a region that is missing is audio that nobody can play or erase", openRegions},
		{"OpenRefusesImpossibleOptions", "a mistake in the configuration must show at the start", openOptions},
		{"OpenIsTheSameForEveryProcess", "ten pods start at the same time", openTogether},
		{"TheIndexKeyIsNeverMadeAnew", "with a new key every caller indexed before is lost to every search", openKeyLost},
		{"AnotherIndexKeyIsRefused", "half of the index under another key is half a search", openKeyOther},
		{"OpenOfADeadStoreIsAnError", "a service that cannot store must not answer calls", openDead},
	}
}

func openRegions(e *env) {
	stores := func(names ...string) map[string]storage.Store {
		m := map[string]storage.Store{}
		for _, n := range names {
			m[n] = e.store
		}
		return m
	}
	for name, r := range map[string]voicemail.Regions{
		"none":                 {},
		"no stores":            {Master: "a", Local: "a"},
		"master missing":       {Master: "b", Local: "a", Stores: stores("a")},
		"local missing":        {Master: "a", Local: "b", Stores: stores("a")},
		"local empty":          {Master: "a", Stores: stores("a")},
		"a store that is nil":  {Master: "a", Local: "a", Stores: map[string]storage.Store{"a": e.store, "b": nil}},
		"a name with a slash":  {Master: "a/b", Local: "a/b", Stores: stores("a/b")},
		"a name in capitals":   {Master: "EU", Local: "EU", Stores: stores("EU")},
		"an empty name":        {Master: "", Local: "", Stores: stores("")},
		"a name too long":      {Master: "a", Local: "a", Stores: stores("a", strings.Repeat("b", 65))},
		"nil for one of these": voicemail.OneRegion(nil),
	} {
		_, err := voicemail.Open(e.ctx, r, nil)
		require.ErrorIs(e, err, voicemail.ErrInvalid, name)
	}
	require.Empty(e, e.names(""), "what was refused left nothing")
	_, err := voicemail.Open(e.ctx, voicemail.Regions{Master: "eu-1", Local: "us-2", Stores: stores("eu-1", "us-2")}, nil)
	require.NoError(e, err)
	require.True(e, e.exists(e.space.Region("us-2")), "the local region is recorded before any audio lies there")
	require.False(e, e.exists(e.space.Region("eu-1")))
}

func openOptions(e *env) {
	for name, o := range map[string]voicemail.Options{
		"a tenant too long":     {Tenant: strings.Repeat("x", 65)},
		"a tenant that escapes": {Tenant: strings.Repeat("X", 22)},
		"a key too short":       {IndexKey: make([]byte, 15)},
		"an empty key":          {IndexKey: []byte{}},
		"negative audio":        {Limits: voicemail.Limits{AudioBytes: -1}},
		"negative duration":     {Limits: voicemail.Limits{Duration: -1}},
		"negative messages":     {Limits: voicemail.Limits{Messages: -1}},
		"negative spool memory": {Limits: voicemail.Limits{SpoolMemory: -1}},
		"negative parallel":     {Limits: voicemail.Limits{Parallel: -1}},
		"negative cache":        {Limits: voicemail.Limits{Cache: -1}},
	} {
		_, err := voicemail.Open(e.ctx, voicemail.OneRegion(e.store), &o)
		require.ErrorIs(e, err, voicemail.ErrInvalid, name)
	}
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	_, err := voicemail.Open(ctx, voicemail.OneRegion(e.store), nil)
	require.ErrorIs(e, err, context.Canceled)
	require.Empty(e, e.names(""), "what was refused left nothing")
	svc, err := voicemail.Open(e.ctx, voicemail.OneRegion(e.store), nil)
	require.NoError(e, err)
	require.Equal(e, DefaultTenant, svc.Tenant())
}

func openTogether(e *env) {
	const many = 6
	services := make([]*voicemail.Service, many)
	errs := make([]error, many)
	together(many, func(i int) { services[i], errs[i] = e.tryOpen(e.store) })
	for _, err := range errs {
		require.NoError(e, err)
	}
	require.Len(e, e.tenantNames(), 2, "one key and one region")
	caller := number()
	_, err := services[0].CreateMailbox(e.ctx, "5001", nil)
	require.NoError(e, err)
	msg := e.deposit(services[1].Mailbox("5001"), &voicemail.DepositOptions{Caller: caller})
	for _, svc := range services {
		require.Equal(e, []string{place(msg)}, e.find(svc, caller.Reveal()), "all have the same key")
	}
}

func openKeyLost(e *env) {
	e.damaged = true
	e.deposit(e.mailbox("5001"), nil)
	key := e.readRaw(e.space.IndexKey(1))
	e.removeRaw(e.space.IndexKey(1))
	e.plant(e.space.IndexKey(1), string(key)) // as a restored backup has it
	msg := e.deposit(e.open().Mailbox("5001"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+15550100")})
	require.Equal(e, []string{place(msg)}, e.find(e.service(), "+15550100"))
	e.removeRaw(e.space.IndexKey(1))
	before := e.tenantNames()
	for _, given := range [][]byte{nil, []byte("a key of the operator's own")} {
		_, err := e.tryOpen(e.store, func(o *voicemail.Options) { o.IndexKey = given })
		require.ErrorIs(e, err, voicemail.ErrIndexKey)
		require.Equal(e, before, e.tenantNames())
	}
	e.plant(e.space.IndexKey(1), "no JSON")
	_, err := e.tryOpen(e.store)
	require.ErrorIs(e, err, voicemail.ErrIndexKey)
}

func openKeyOther(e *env) {
	key := func(k string) func(*voicemail.Options) {
		return func(o *voicemail.Options) { o.IndexKey = []byte(k) }
	}
	const mine = "a key that the operator keeps"
	outside := func(o *voicemail.Options) { o.Tenant = "outside" }
	svc := e.open(outside, key(mine))
	_, err := svc.CreateMailbox(e.ctx, "5001", nil)
	require.NoError(e, err)
	msg := e.deposit(svc.Mailbox("5001"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+15550100")})
	require.Equal(e, []string{place(msg)}, e.find(e.open(outside, key(mine)), "+15550100"))
	_, err = e.tryOpen(e.store, outside, key("another key of the operator's"))
	require.ErrorIs(e, err, voicemail.ErrIndexKey)
	_, err = e.tryOpen(e.store, outside)
	require.ErrorIs(e, err, voicemail.ErrIndexKey, "the key is kept outside")
	e.clean(rawscan.Scan{Secrets: []rawscan.Secret{{Name: "the operator's key", Bytes: []byte(mine)}}})

	e.service()
	_, err = e.tryOpen(e.store, key(mine))
	require.ErrorIs(e, err, voicemail.ErrIndexKey, "the tenant has a key of its own")
}

func openDead(e *env) {
	_, err := e.tryOpen(&brokenStore{Store: e.store})
	require.ErrorIs(e, err, storage.ErrUnavailable)
	var ve *voicemail.Error
	require.ErrorAs(e, err, &ve)
	require.Equal(e, []string{"open", "main"}, []string{ve.Op, ve.Region})
}
