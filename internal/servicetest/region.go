package servicetest

import (
	"bytes"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
)

func regionRules() []rule {
	return []rule{
		{"ARecordingLiesInTheRegionThatTookTheCall", "where personal data lies is a promise to the customer", regionPlaces},
		{"ADeletedMessageLeavesNothingInAnyRegion", "a copy in another region is found by the auditor", regionDelete},
		{"AQuotaCountsAllRegions", "two regions must not be twice the quota", regionQuota},
		{"ADepositRetriedInAnotherRegionLeavesOneRecording", "the switch fails over to the other region and deposits again", regionRetry},
		{"AMessageOfARegionThatIsNotConfiguredSaysSo", "an operator must see which region is missing", regionUnknown},
		{"MaintainCleansEveryRegion", "what a failed deposit left is left where its audio went", regionMaintain},
	}
}

// regions are a tenant in two regions: metadata lies in eu, and there is a service in each.
type regions struct {
	far    *env // the raw store of the region us
	eu, us *voicemail.Service
}

func (e *env) regions() regions {
	e.Helper()
	store := e.another()
	far := newEnv(e.ctx, e.T, store, e.tenant, e.opts)
	stores := map[string]storage.Store{"eu": e.store, "us": store}
	open := func(local string) *voicemail.Service {
		svc, err := voicemail.Open(e.ctx, voicemail.Regions{Master: "eu", Local: local, Stores: stores}, &voicemail.Options{Now: e.clock.now})
		require.NoError(e, err)
		return svc
	}
	r := regions{far: far, eu: open("eu"), us: open("us")}
	e.svc = r.eu
	e.damaged = true // its check knows one region only
	return r
}

func regionPlaces(e *env) {
	r := e.regions()
	e.mailbox("5001")
	e.mailbox("5002")
	caller := number()
	audio := noise(ranged + 9)
	msg := e.depositAudio(r.us.Mailbox("5001"), audio, &voicemail.DepositOptions{Caller: caller})
	require.Equal(e, "us", msg.Envelope().Region)
	require.Empty(e, e.names(e.space.Media()))
	require.Len(e, r.far.names(""), 2, "the region that is not the master holds recordings, and that it is recorded with the tenant")
	require.Equal(e, []string{e.keysOf("5001").Audio(ref(msg), "bin"), e.space.Region("us")}, r.far.names(""))
	for _, svc := range []*voicemail.Service{r.eu, r.us} {
		require.Equal(e, []string{place(msg)}, e.find(svc, caller.Reveal()))
		got, err := svc.Mailbox("5001").Message(e.ctx, msg.ID())
		require.NoError(e, err)
		require.Equal(e, audio, e.play(got), "every region plays it")
	}
	e.addPart(e.again(msg), voicemail.PartNote, "for all regions")
	require.Empty(e, e.names(e.space.Media()), "a part lies where its recording does, whoever adds it")
	copied, err := e.again(msg).CopyTo(e.ctx, "5002", nil)
	require.NoError(e, err)
	require.Equal(e, "eu", copied.Envelope().Region, "a copy lies where it was made")
	moved, err := e.again(msg).MoveTo(e.ctx, "5002")
	require.NoError(e, err)
	require.Equal(e, "eu", moved.Envelope().Region)
	require.Empty(e, r.far.names(e.space.Media()), "what was moved away leaves nothing")
	for _, now := range []voicemail.Message{copied, moved} {
		require.Equal(e, []string{"note-1: for all regions"}, e.parts(now))
		require.Equal(e, audio, e.play(now))
	}
}

func regionDelete(e *env) {
	r := e.regions()
	e.mailbox("5001")
	for _, svc := range []*voicemail.Service{r.eu, r.us} {
		caller, audio := number(), wav(20)
		secrets := rawscan.Scan{Stores: map[string]storage.Store{"eu": e.store, "us": r.far.store}, Numbers: []string{caller.Reveal()}, Audio: [][]byte{audio}}
		msg := e.depositAudio(svc.Mailbox("5001"), audio, &voicemail.DepositOptions{Caller: caller})
		e.unclean(secrets)
		e.plant(e.keysOf("5001").Audio(ref(msg), "transcript.json"), "part")
		r.far.plant(e.keysOf("5001").Audio(ref(msg), "rendition.mp3"), "part")
		require.NoError(e, e.again(msg).Delete(e.ctx))
		require.Empty(e, e.names(e.space.Media()))
		require.Equal(e, []string{e.space.Region("us")}, r.far.names(""))
		require.Empty(e, e.names(e.space.Callers()))
		e.clean(secrets)
	}
}

func regionQuota(e *env) {
	r := e.regions()
	audio := wav(10)
	size := int64(len(audio))
	e.mailboxWith("5001", &voicemail.Settings{MaxBytes: 3*size - 1})
	for _, svc := range []*voicemail.Service{r.eu, r.us} {
		e.depositAudio(svc.Mailbox("5001"), audio, nil)
	}
	_, err := r.us.Mailbox("5001").Deposit(e.ctx, bytes.NewReader(audio), nil)
	var qe *voicemail.QuotaError
	require.ErrorAs(e, err, &qe)
	require.Equal(e, voicemail.QuotaError{Quota: "bytes", Limit: 3*size - 1, Used: 2 * size}, *qe)
	e.handedBack(err)
}

func regionRetry(e *env) {
	r := e.regions()
	e.mailbox("5001")
	audio := wav(10)
	opts := &voicemail.DepositOptions{ID: idAt(0), Caller: number()}
	msg := e.depositAudio(r.eu.Mailbox("5001"), audio, opts)
	for how, reader := range readers(audio) {
		got, err := r.us.Mailbox("5001").Deposit(e.ctx, reader(), opts)
		require.NoError(e, err, how)
		require.Equal(e, "eu", got.Envelope().Region, how)
		require.Empty(e, r.far.names(e.space.Media()), how)
	}
	require.Equal(e, audio, e.play(msg))
	require.Equal(e, 1, e.counts(r.us.Mailbox("5001")).New)
}

func regionUnknown(e *env) {
	r := e.regions()
	e.mailbox("5001")
	msg := e.deposit(r.us.Mailbox("5001"), &voicemail.DepositOptions{Caller: number()})
	svc, err := voicemail.Open(e.ctx, voicemail.Regions{Master: "eu", Local: "eu", Stores: map[string]storage.Store{"eu": e.store}}, &voicemail.Options{Now: e.clock.now})
	require.NoError(e, err)
	got, err := svc.Mailbox("5001").Message(e.ctx, msg.ID())
	require.NoError(e, err, "it is seen all the same")
	require.Equal(e, 1, e.counts(svc.Mailbox("5001")).New)
	_, err = got.Open(e.ctx)
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	var ve *voicemail.Error
	require.ErrorAs(e, err, &ve)
	require.Equal(e, []string{"play", "us"}, []string{ve.Op, ve.Region})
	_, err = got.CopyTo(e.ctx, "5001", nil)
	require.ErrorAs(e, err, &ve)
	require.Equal(e, "us", ve.Region)
}

func regionMaintain(e *env) {
	r := e.regions()
	e.mailbox("5001")
	kept := e.deposit(r.us.Mailbox("5001"), nil)
	before := r.far.names("")
	orphan := e.keysOf("5001").Audio(ref(kept), "wav")
	orphan = strings.Replace(orphan, string(kept.ID()), string(idAt(3)), 1)
	r.far.plant(orphan, "x")
	e.pass(rest)
	require.Equal(e, 1, e.maintain().Recordings)
	require.Equal(e, before, r.far.names(""))
	require.NotEmpty(e, e.play(e.again(kept)))
}
