package servicetest

import (
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

func findRules() []rule {
	return []rule{
		{"ACallerIsFoundInAllMailboxes", "a request to be forgotten covers what nobody remembers", findEverywhere},
		{"ACallerIsFoundInAnyWriting", "numbers are written in as many ways as there are forms", findForms},
		{"SimilarCallersAreNotMixedUp", "somebody else's messages must not be exported or erased", findSimilar},
		{"AWithheldCallerCannotBeLookedFor", "it would find everybody who withholds the number", findWithheld},
		{"EveryHitIsVerified", "an index entry that lies must not hand over another's message", findVerified},
		{"OneRecordingInTwoMailboxesIsFoundInBoth", "an ID that was used twice must not hide a message from its caller's request", findSameID},
	}
}

func findEverywhere(e *env) {
	for _, id := range []voicemail.MailboxID{"5001", "5002", "5003"} {
		e.mailbox(id)
	}
	svc := e.service()
	caller, other := number(), number()
	var want []string
	add := func(msg voicemail.Message) { want = append([]string{place(msg)}, want...) }
	first := e.deposit(svc.Mailbox("5001"), &voicemail.DepositOptions{ID: idAt(1), Caller: caller})
	add(first)
	trashed := e.deposit(svc.Mailbox("5002"), &voicemail.DepositOptions{ID: idAt(2), Caller: caller.WithName("Ann")})
	require.NoError(e, trashed.Trash(e.ctx))
	add(trashed)
	moved := e.deposit(svc.Mailbox("5002"), &voicemail.DepositOptions{ID: idAt(3), Caller: caller})
	moved, err := moved.MoveTo(e.ctx, "5003")
	require.NoError(e, err)
	add(moved)
	copied, err := first.CopyTo(e.ctx, "5003", &voicemail.CopyOptions{ID: idAt(4)})
	require.NoError(e, err)
	add(copied)
	restricted := e.deposit(svc.Mailbox("5001"), &voicemail.DepositOptions{ID: idAt(5), Caller: caller})
	e.mark(restricted, keys.Forget+"case1")
	require.NoError(e, e.deposit(svc.Mailbox("5001"), &voicemail.DepositOptions{ID: idAt(6), Caller: caller}).Delete(e.ctx))
	theirs := e.deposit(svc.Mailbox("5001"), &voicemail.DepositOptions{ID: idAt(7), Caller: other})
	require.Equal(e, want, e.find(svc, caller.Reveal()), "all but the deleted and the restricted, newest first")
	require.Equal(e, want, e.find(e.open(), caller.Reveal()), "also in another process")
	require.Equal(e, []string{place(theirs)}, e.find(svc, other.Reveal()))
	require.Empty(e, e.find(svc, number().Reveal()))
	n := 0
	for range svc.FindByCaller(e.ctx, caller) {
		n++
		break
	}
	require.Equal(e, 1, n)
}

func findForms(e *env) {
	box := e.mailbox("5001")
	svc := e.service()
	for delivered, forms := range map[string][]string{
		"+1 (555) 010-0100":                    {"0015550100100", "tel:+1-555-0100100", `"Ann" <+15550100100>`, "sip:+15550100100@gw.example.com;user=phone"},
		"0711 555":                             {"0711/555", "tel:0711555"},
		"SIP:Ann@Example.com:5061;transport=t": {"sip:ann@example.com", "<sip:ANN@example.com>"},
		"Reception Desk":                       {"reception desk", " RECEPTION DESK "},
	} {
		msg := e.deposit(box, &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(delivered)})
		for _, form := range append(forms, delivered) {
			require.Equal(e, []string{place(msg)}, e.find(svc, form), "%q as %q", delivered, form)
			require.Equal(e, []voicemail.MessageID{msg.ID()}, e.list(box, &voicemail.ListOptions{Caller: voicemail.ParseCallerID(form)}), "%q as %q", delivered, form)
		}
	}
}

func findSimilar(e *env) {
	box := e.mailbox("5001")
	similar := []string{"555010", "5550100", "+5550100", "55501000", "0555010", "sip:555010@a", "sip:555010@a.b", "5550100x", "x5550100"}
	for i, who := range similar {
		e.deposit(box, &voicemail.DepositOptions{ID: idAt(i), Caller: voicemail.ParseCallerID(who)})
	}
	for i, who := range similar {
		require.Equal(e, []string{"5001/"}, cutIDs(e.find(e.service(), who)), who)
		got := e.list(box, &voicemail.ListOptions{Caller: voicemail.ParseCallerID(who)})
		require.Len(e, got, 1, who)
		require.Equal(e, string(idAt(i))[:13], string(got[0])[:13], who)
	}
}

func cutIDs(places []string) []string {
	var cut []string
	for _, p := range places {
		cut = append(cut, p[:strings.IndexByte(p, '/')+1])
	}
	return cut
}

func findWithheld(e *env) {
	box := e.mailbox("5001")
	e.deposit(box, nil)
	for name, caller := range map[string]voicemail.CallerID{
		"the zero value": {}, "anonymous": voicemail.ParseCallerID("anonymous"), "with a name": voicemail.CallerID{}.WithName("Ann"),
		"too long": voicemail.ParseCallerID("sip:" + strings.Repeat("x", 300)),
	} {
		n := 0
		for msg, err := range e.service().FindByCaller(e.ctx, caller) {
			n++
			require.Nil(e, msg, name)
			require.ErrorIs(e, err, voicemail.ErrInvalid, name)
		}
		require.Equal(e, 1, n, name)
	}
}

func findVerified(e *env) {
	box := e.mailbox("5001")
	e.mailbox("5002")
	theirs := e.deposit(box, &voicemail.DepositOptions{Caller: number()})
	hash := e.hash("+15550100")
	folder := e.space.Caller(hash)
	for _, entry := range []string{
		e.keysOf("5001").CallerEntry(hash, ref(theirs)),                               // another caller's message
		e.keysOf("5001").CallerEntry(hash, keys.Ref{ID: string(idAt(0))}),             // no message
		e.keysOf("5002").CallerEntry(hash, ref(theirs)),                               // not in this mailbox
		e.keysOf("5001").CallerEntry(hash, keys.Ref{ID: string(theirs.ID()), Hop: 1}), // not at this hop
		e.keysOf("5003").CallerEntry(hash, ref(theirs)),                               // no mailbox
		folder + "later", folder + "5001,x", folder + "5001,x,y", // of another version
	} {
		e.plant(entry, "")
	}
	require.Empty(e, e.find(e.service(), "+15550100"))
}

func findSameID(e *env) {
	caller := number()
	audio := wav(20)
	same := idAt(9)
	var want []string
	for _, id := range []voicemail.MailboxID{"5001", "5002", "5003"} {
		want = append(want, place(e.depositAudio(e.mailbox(id), audio, &voicemail.DepositOptions{ID: same, Caller: caller})))
	}
	require.ElementsMatch(e, want, e.find(e.service(), caller.Reveal()))
}

func tenantRules() []rule {
	return []rule{
		{"TwoTenantsOfOneStoreSeeNothingOfEachOther", "one customer's voicemail is nobody else's", tenantsApart},
		{"TenantsYieldsThoseThatHaveSomething", "what nobody lists nobody maintains", tenantsListed},
		{"PingAnswersForEveryRegion", "a probe that lies keeps broken pods in service", ping},
	}
}

func tenantsApart(e *env) {
	caller := number()
	audio := wav(20)
	id := idAt(0)
	services := map[string]*voicemail.Service{}
	for _, tenant := range []string{"acme", "acm", "acme-2", "ACME", DefaultTenant} {
		svc := e.open(func(o *voicemail.Options) { o.Tenant = tenant })
		require.Equal(e, tenant, svc.Tenant())
		box, err := svc.CreateMailbox(e.ctx, "5001", &voicemail.Settings{Owner: voicemail.User(tenant)})
		require.NoError(e, err)
		e.depositAudio(box, append(audio[:len(audio):len(audio)], tenant...), &voicemail.DepositOptions{ID: id, Caller: caller, Expires: e.clock.now().Add(time.Hour)})
		services[tenant] = svc
	}
	secrets := map[string]bool{}
	for tenant, svc := range services {
		require.Equal(e, []string{"5001/" + string(id)}, e.find(svc, caller.Reveal()), tenant)
		set, err := svc.Mailbox("5001").Settings(e.ctx)
		require.NoError(e, err)
		require.Equal(e, tenant, set.Owner.ID)
		msg, err := svc.Mailbox("5001").Message(e.ctx, id)
		require.NoError(e, err)
		require.True(e, strings.HasSuffix(string(e.play(msg)), tenant), "each has its own recording")
		secrets[string(e.readRaw(keyOf(e, tenant)))] = true
	}
	require.Len(e, secrets, len(services), "each has its own key, so equal numbers have different hashes")
	e.pass(2 * time.Hour)
	report, err := services["acme"].Maintain(e.ctx)
	require.NoError(e, err)
	require.Equal(e, 1, report.Expired)
	for tenant, svc := range services {
		want := 1
		if tenant == "acme" {
			want = 0
		}
		n, err := svc.Mailbox("5001").Counts(e.ctx)
		require.NoError(e, err)
		require.Equal(e, want, n.New, tenant)
	}
}

func keyOf(e *env, tenant string) string {
	space, err := keys.NewSpace(tenant)
	require.NoError(e, err)
	return space.IndexKey(1)
}

func tenantsListed(e *env) {
	list := func() []string {
		var got []string
		for tenant, err := range voicemail.Tenants(e.ctx, e.store) {
			require.NoError(e, err)
			got = append(got, tenant)
		}
		slices.Sort(got)
		return got
	}
	require.Empty(e, list())
	want := []string{"Zoë & Co.", "a", DefaultTenant}
	for _, tenant := range want {
		e.open(func(o *voicemail.Options) { o.Tenant = tenant })
	}
	e.plant("v1/_zz/other", "")
	e.plant("v2/later/x", "")
	slices.Sort(want)
	require.Equal(e, want, list())
	for range voicemail.Tenants(e.ctx, e.store) {
		break
	}
	e.damaged = true // names of somebody else
}

func ping(e *env) {
	svc := e.service()
	before := e.names("")
	require.NoError(e, svc.Ping(e.ctx))
	require.Equal(e, before, e.names(""), "a probe leaves nothing")
	closed := &brokenStore{Store: e.store}
	down, err := voicemail.Open(e.ctx, voicemail.Regions{
		Master: "main", Local: "main", Stores: map[string]storage.Store{"main": e.store, "far": closed, "off": closed},
	}, &voicemail.Options{Now: e.clock.now})
	require.NoError(e, err)
	err = down.Ping(e.ctx)
	require.ErrorIs(e, err, storage.ErrUnavailable)
	require.ErrorContains(e, err, "far")
	require.ErrorContains(e, err, "off")
	require.NotContains(e, err.Error(), "main")
}
