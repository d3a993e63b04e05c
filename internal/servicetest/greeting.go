package servicetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

func greetingRules() []rule {
	return []rule{
		{"AGreetingIsWhatWasSet", "callers hear it, byte for byte", greetingSet},
		{"TheGreetingOfTheSituationIsPlayed", "a temporary one overrides, and what is missing falls back instead of leaving callers in silence", greetingFor},
		{"ATemporaryGreetingExpires", "people forget to take down that they are on holiday", greetingExpires},
		{"EarlierGreetingsCanBeRestored", "a recording that went wrong, or was deleted, is not the end of the one before", greetingHistory},
		{"GreetingsOfSeveralMailboxesAndKindsAreApart", "nobody greets with the voice of another", greetingApart},
		{"TwoWhoSetAGreetingAtTheSameTimeBothSucceed", "neither hears that they failed, and the recordings are not mixed up", greetingRace},
		{"BadGreetingsAreRefused", "nothing is stored of what cannot be right", greetingBad},
		{"AGreetingIsReadInRangesAndSoughtIn", "a web page plays it with http.ServeContent", greetingRanges},
		{"ADeletedMailboxHasNoGreetings", "the next user of the extension must not speak with the voice of the last one", greetingDeleted},
		{"ADeletionThatWasCutOffRemovesGreetingsToo", "half a mailbox is nobody's", greetingCutOff},
		{"MaintainKeepsTheLastRevisionsOfAGreeting", "recordings of people are not kept without end, and not taken too soon", greetingPruned},
		{"ARecordingThatWasNeverCommittedIsNoGreeting", "whoever died while setting it left half of it", greetingOrphan},
		{"ADamagedGreetingIsAnErrorAndNotSilence", "the platform must know to play its own", greetingDamaged},
	}
}

func (e *env) greet(id voicemail.MailboxID, kind voicemail.GreetingKind, audio []byte) voicemail.Greeting {
	e.Helper()
	return e.greetWith(id, kind, audio, nil)
}

func (e *env) greetWith(id voicemail.MailboxID, kind voicemail.GreetingKind, audio []byte, opts *voicemail.GreetingOptions) voicemail.Greeting {
	e.Helper()
	set, err := e.service().Greetings(id).Set(e.ctx, kind, bytes.NewReader(audio), opts)
	require.NoError(e, err, "set greeting")
	return set
}

// current are the greetings of a mailbox as a process sees them that has never seen them before.
func (e *env) current(id voicemail.MailboxID) []voicemail.Greeting {
	e.Helper()
	all, err := e.open().Greetings(id).Current(e.ctx)
	require.NoError(e, err, "current greetings")
	return all
}

func (e *env) history(id voicemail.MailboxID, kind voicemail.GreetingKind) []voicemail.Greeting {
	e.Helper()
	all, err := e.open().Greetings(id).History(e.ctx, kind)
	require.NoError(e, err, "history of greetings")
	return all
}

func revisions(all []voicemail.Greeting) []int {
	numbers := []int{}
	for _, one := range all {
		numbers = append(numbers, one.Revision)
	}
	return numbers
}

// heard is the recording of a greeting.
func (e *env) heard(id voicemail.MailboxID, which voicemail.Greeting) []byte {
	e.Helper()
	r, err := e.open().Greetings(id).Open(e.ctx, which)
	require.NoError(e, err, "open greeting")
	defer r.Close()
	audio, err := io.ReadAll(r)
	require.NoError(e, err, "play greeting")
	return audio
}

func digest(audio []byte) string {
	sum := sha256.Sum256(audio)
	return hex.EncodeToString(sum[:])
}

func greetingSet(e *env) {
	var events []voicemail.EventKind
	svc := e.open(func(o *voicemail.Options) {
		o.Observer = func(ev voicemail.Event) {
			require.Equal(e, voicemail.MailboxID("5001"), ev.Mailbox)
			events = append(events, ev.Kind)
		}
	})
	e.mailbox("5001")
	require.Empty(e, e.current("5001"))
	audio, before := wav(500), e.clock.now()
	set, err := svc.Greetings("5001").Set(e.ctx, voicemail.GreetingBusy, bytes.NewReader(audio), nil)
	require.NoError(e, err)
	require.WithinDuration(e, before, set.SetAt, time.Minute)
	require.Equal(e, voicemail.Greeting{
		Kind: voicemail.GreetingBusy, Revision: 1, ContentType: "audio/wav", Duration: 500 * time.Millisecond, Size: int64(len(audio)), SHA256: digest(audio), SetAt: set.SetAt,
	}, set)
	require.Equal(e, []voicemail.Greeting{set}, e.current("5001"))
	require.Equal(e, audio, e.heard("5001", set))
	raw := []byte("raw samples that nobody can recognize")
	claimed, err := svc.Greetings("5001").Set(e.ctx, voicemail.GreetingName, bytes.NewReader(raw), &voicemail.GreetingOptions{ContentType: "audio/PCMU"})
	require.NoError(e, err)
	require.Equal(e, "audio/pcmu", claimed.ContentType)
	require.Equal(e, time.Duration(len(raw))*time.Second/8000/time.Millisecond*time.Millisecond, claimed.Duration)
	unknown, err := svc.Greetings("5001").Set(e.ctx, voicemail.GreetingName, bytes.NewReader(raw), &voicemail.GreetingOptions{ContentType: "text/html", Duration: time.Second})
	require.NoError(e, err)
	require.Equal(e, "application/octet-stream", unknown.ContentType, "nothing that a browser would render")
	require.Equal(e, time.Second, unknown.Duration)
	require.NoError(e, svc.Greetings("5001").Delete(e.ctx, voicemail.GreetingBusy))
	require.Equal(e, []voicemail.Greeting{unknown}, e.current("5001"))
	require.ErrorIs(e, svc.Greetings("5001").Delete(e.ctx, voicemail.GreetingBusy), voicemail.ErrNoGreeting)
	require.ErrorIs(e, svc.Greetings("5001").Delete(e.ctx, voicemail.GreetingUnavailable), voicemail.ErrNoGreeting)
	require.Equal(e, []voicemail.EventKind{
		voicemail.EventGreetingSet, voicemail.EventGreetingSet, voicemail.EventGreetingSet, voicemail.EventGreetingDeleted,
	}, events)
}

func greetingFor(e *env) {
	e.mailbox("5001")
	g := e.service().Greetings("5001")
	both := func(unavailable, busy voicemail.GreetingKind, why string) {
		e.Helper()
		for situation, want := range map[voicemail.GreetingKind]voicemail.GreetingKind{voicemail.GreetingUnavailable: unavailable, voicemail.GreetingBusy: busy} {
			one, err := g.For(e.ctx, situation)
			if want == "" {
				require.ErrorIs(e, err, voicemail.ErrNoGreeting, why)
				continue
			}
			require.NoError(e, err, why)
			require.Equal(e, want, one.Kind, "%s: %s", situation, why)
		}
	}
	both("", "", "nothing is set")
	e.greet("5001", voicemail.GreetingName, wav(10))
	both(voicemail.GreetingName, voicemail.GreetingName, "better a name than nothing")
	e.greet("5001", voicemail.GreetingBusy, wav(10))
	both(voicemail.GreetingName, voicemail.GreetingBusy, "who is not there is not busy")
	e.greet("5001", voicemail.GreetingUnavailable, wav(10))
	both(voicemail.GreetingUnavailable, voicemail.GreetingBusy, "each has its own")
	require.NoError(e, g.Delete(e.ctx, voicemail.GreetingBusy))
	both(voicemail.GreetingUnavailable, voicemail.GreetingUnavailable, "who is busy is not available")
	e.greet("5001", voicemail.GreetingTemporary, wav(10))
	both(voicemail.GreetingTemporary, voicemail.GreetingTemporary, "it overrides")
	require.NoError(e, g.Delete(e.ctx, voicemail.GreetingTemporary))
	both(voicemail.GreetingUnavailable, voicemail.GreetingUnavailable, "it is as before")
	for _, no := range []voicemail.GreetingKind{voicemail.GreetingTemporary, voicemail.GreetingName, "", "away"} {
		_, err := g.For(e.ctx, no)
		require.ErrorIs(e, err, voicemail.ErrInvalid)
	}
}

func greetingExpires(e *env) {
	e.mailbox("5001")
	g := e.service().Greetings("5001")
	always := e.greet("5001", voicemail.GreetingUnavailable, wav(10))
	until := e.clock.now().Add(2 * day).UTC().Round(0)
	away := e.greetWith("5001", voicemail.GreetingTemporary, wav(20), &voicemail.GreetingOptions{Expires: until})
	require.True(e, away.Expires.Equal(until))
	plays := func(want voicemail.Greeting) {
		e.Helper()
		got, err := g.For(e.ctx, voicemail.GreetingBusy)
		require.NoError(e, err)
		require.Equal(e, want, got)
	}
	plays(away)
	e.pass(2*day - time.Minute)
	plays(away)
	e.pass(2 * time.Minute)
	plays(always)
	require.Equal(e, []voicemail.Greeting{always, away}, e.current("5001"), "it is still there to be prolonged")
	e.maintain()
	longer, err := g.Restore(e.ctx, away, &voicemail.GreetingOptions{Expires: e.clock.now().Add(day)})
	require.NoError(e, err)
	require.Equal(e, away.SHA256, longer.SHA256)
	plays(longer)
	ever, err := g.Restore(e.ctx, away, nil)
	require.NoError(e, err)
	require.True(e, ever.Expires.IsZero())
	e.pass(1000 * day)
	plays(ever)
}

func greetingHistory(e *env) {
	e.mailbox("5001")
	g := e.service().Greetings("5001")
	require.Empty(e, e.history("5001", voicemail.GreetingName))
	first, second := wav(300), wav(10)
	one := e.greet("5001", voicemail.GreetingName, first)
	two := e.greet("5001", voicemail.GreetingName, second)
	require.NoError(e, g.Delete(e.ctx, voicemail.GreetingName))
	history := e.history("5001", voicemail.GreetingName)
	require.Equal(e, []int{3, 2, 1}, revisions(history))
	require.True(e, history[0].Deleted)
	require.Equal(e, voicemail.Greeting{Kind: voicemail.GreetingName, Revision: 3, Deleted: true, SetAt: history[0].SetAt}, history[0])
	require.Equal(e, []voicemail.Greeting{two, one}, history[1:])
	require.Equal(e, first, e.heard("5001", one), "also what is not current can be heard")
	again, err := g.Restore(e.ctx, history[2], nil)
	require.NoError(e, err)
	require.Equal(e, 4, again.Revision)
	require.Equal(e, one.Duration, again.Duration)
	require.Equal(e, first, e.heard("5001", again))
	require.Equal(e, []voicemail.Greeting{again}, e.current("5001"))
	for _, no := range []voicemail.Greeting{history[0], {Kind: voicemail.GreetingName, Revision: 9}, {Kind: voicemail.GreetingBusy, Revision: 1}} {
		_, err = g.Restore(e.ctx, no, nil)
		require.ErrorIs(e, err, voicemail.ErrNoGreeting)
		_, err = g.Open(e.ctx, no)
		require.ErrorIs(e, err, voicemail.ErrNoGreeting)
	}
}

func greetingApart(e *env) {
	want := map[string][]byte{}
	for i, id := range []voicemail.MailboxID{"5001", "50010", "Sales", "sales"} {
		e.mailbox(id)
		for j, kind := range []voicemail.GreetingKind{voicemail.GreetingUnavailable, voicemail.GreetingBusy, voicemail.GreetingTemporary, voicemail.GreetingName} {
			audio := wav(10 + 10*i + j)
			e.greet(id, kind, audio)
			want[fmt.Sprint(id, kind)] = audio
		}
	}
	for _, id := range []voicemail.MailboxID{"5001", "50010", "Sales", "sales"} {
		all := e.current(id)
		require.Len(e, all, 4)
		for _, one := range all {
			require.Equal(e, want[fmt.Sprint(id, one.Kind)], e.heard(id, one))
		}
	}
}

func greetingRace(e *env) {
	e.mailbox("5001")
	const n = 6
	var wg sync.WaitGroup
	audio := make([][]byte, n)
	set := make([]voicemail.Greeting, n)
	errs := make([]error, n)
	for i := range n {
		audio[i] = wav(10 + i)
		svc := e.open()
		wg.Go(func() {
			set[i], errs[i] = svc.Greetings("5001").Set(e.ctx, voicemail.GreetingBusy, bytes.NewReader(audio[i]), nil)
		})
	}
	wg.Wait()
	require.NoError(e, errors.Join(errs...))
	history := e.history("5001", voicemail.GreetingBusy)
	require.Len(e, history, n)
	for i, one := range set {
		require.Contains(e, history, one)
		require.Equal(e, audio[i], e.heard("5001", one), "each revision has its own recording")
	}
	require.Equal(e, history[0], e.current("5001")[0])
}

func greetingBad(e *env) {
	svc := e.open(func(o *voicemail.Options) { o.Limits.GreetingBytes = 1000 })
	e.mailbox("5001")
	g := svc.Greetings("5001")
	before := e.tenantNames()
	now := e.clock.now()
	for why, row := range map[string]struct {
		kind  voicemail.GreetingKind
		audio io.Reader
		opts  voicemail.GreetingOptions
		want  error
	}{
		"no kind":                      {kind: "", want: voicemail.ErrInvalid},
		"unknown kind":                 {kind: "../busy", want: voicemail.ErrInvalid},
		"too long":                     {kind: voicemail.GreetingBusy, audio: bytes.NewReader(make([]byte, 1001)), want: voicemail.ErrTooLarge},
		"empty":                        {kind: voicemail.GreetingBusy, audio: bytes.NewReader(nil), want: voicemail.ErrEmpty},
		"cut off":                      {kind: voicemail.GreetingBusy, audio: cut(wav(10)), want: errReader},
		"negative duration":            {kind: voicemail.GreetingBusy, opts: voicemail.GreetingOptions{Duration: -1}, want: voicemail.ErrInvalid},
		"what is no holiday expires":   {kind: voicemail.GreetingBusy, opts: voicemail.GreetingOptions{Expires: now.Add(day)}, want: voicemail.ErrInvalid},
		"expired before it was set":    {kind: voicemail.GreetingTemporary, opts: voicemail.GreetingOptions{Expires: now.Add(-day)}, want: voicemail.ErrInvalid},
		"expires beyond what is known": {kind: voicemail.GreetingTemporary, opts: voicemail.GreetingOptions{Expires: now.AddDate(9000, 0, 0)}, want: voicemail.ErrInvalid},
	} {
		if row.audio == nil {
			row.audio = bytes.NewReader(wav(10))
		}
		_, err := g.Set(e.ctx, row.kind, row.audio, &row.opts)
		require.ErrorIs(e, err, row.want, why)
	}
	for _, id := range []voicemail.MailboxID{"never", ""} {
		want := voicemail.ErrNoMailbox
		if id == "" {
			want = voicemail.ErrInvalid
		}
		none := svc.Greetings(id)
		_, err := none.Set(e.ctx, voicemail.GreetingBusy, bytes.NewReader(wav(10)), nil)
		require.ErrorIs(e, err, want)
		_, err = none.Current(e.ctx)
		require.ErrorIs(e, err, want)
		_, err = none.History(e.ctx, voicemail.GreetingBusy)
		require.ErrorIs(e, err, want)
		_, err = none.For(e.ctx, voicemail.GreetingBusy)
		require.ErrorIs(e, err, want)
		_, err = none.Open(e.ctx, voicemail.Greeting{Kind: voicemail.GreetingBusy, Revision: 1})
		require.ErrorIs(e, err, want)
		require.ErrorIs(e, none.Delete(e.ctx, voicemail.GreetingBusy), want)
	}
	_, err := g.History(e.ctx, "away")
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	require.ErrorIs(e, g.Delete(e.ctx, "away"), voicemail.ErrInvalid)
	_, err = g.Open(e.ctx, voicemail.Greeting{Kind: "away", Revision: 1})
	require.ErrorIs(e, err, voicemail.ErrInvalid)
	require.Equal(e, before, e.tenantNames(), "nothing is stored")
	_, err = g.Set(e.ctx, voicemail.GreetingBusy, bytes.NewReader(make([]byte, 1000)), nil)
	require.NoError(e, err, "as long as can be")
}

func greetingRanges(e *env) {
	e.mailbox("5001")
	audio := wav(60_000) // longer than a range
	set := e.greet("5001", voicemail.GreetingUnavailable, audio)
	g := e.service().Greetings("5001")
	r, err := g.Open(e.ctx, set)
	require.NoError(e, err)
	defer r.Close()
	_, err = r.Seek(-100, io.SeekEnd)
	require.NoError(e, err)
	end, err := io.ReadAll(r)
	require.NoError(e, err)
	require.Equal(e, audio[len(audio)-100:], end)
	_, err = r.Seek(0, io.SeekStart)
	require.NoError(e, err)
	_, err = io.ReadFull(r, make([]byte, 1000))
	require.NoError(e, err)
	require.NoError(e, e.service().DeleteMailbox(e.ctx, "5001"))
	_, err = io.ReadAll(r)
	require.ErrorIs(e, err, voicemail.ErrNoMailbox, "it ends soon after it is gone")
}

func greetingDeleted(e *env) {
	e.mailbox("5001")
	old := e.greet("5001", voicemail.GreetingBusy, wav(10))
	e.greet("5001", voicemail.GreetingName, wav(10))
	other := e.mailbox("5002")
	kept := e.greet("5002", voicemail.GreetingBusy, wav(10))
	require.NoError(e, e.service().DeleteMailbox(e.ctx, "5001"))
	require.Empty(e, e.names(e.keysOf("5001").Greetings()), "nothing of them is left")
	g := e.service().Greetings("5001")
	_, err := g.Current(e.ctx)
	require.ErrorIs(e, err, voicemail.ErrNoMailbox)
	require.ErrorIs(e, e.service().DeleteMailbox(e.ctx, "5001"), voicemail.ErrNoMailbox)
	e.plant(e.keysOf("5001").GreetingAudio(ofBusy(1, 1)), "left by a crash")
	e.plant(e.keysOf("5001").GreetingMeta(ofBusy(1, 1)), `{"v":1,"nonce":"n","at":"2026-01-01T00:00:00Z","size":15,"sha256":"x"}`)
	e.pass(3 * time.Hour)
	e.mailbox("5001")
	require.Empty(e, e.current("5001"))
	_, err = g.Open(e.ctx, old)
	require.ErrorIs(e, err, voicemail.ErrNoGreeting)
	_, err = g.Restore(e.ctx, old, nil)
	require.ErrorIs(e, err, voicemail.ErrNoGreeting)
	fresh := e.greet("5001", voicemail.GreetingBusy, wav(10))
	require.Equal(e, 1, fresh.Revision)
	require.Equal(e, 1, e.maintain().Greetings, "what a crash left of the earlier life goes at once")
	require.Len(e, e.names(e.keysOf("5001").Greetings()), 2)
	require.Equal(e, []voicemail.Greeting{fresh}, e.current("5001"))
	require.Equal(e, []voicemail.Greeting{kept}, e.current(other.ID()))
}

func ofBusy(gen, rev int) keys.GreetingRef {
	return keys.GreetingRef{Kind: string(voicemail.GreetingBusy), Revision: keys.Revision{Gen: gen, Rev: rev}}
}

func greetingCutOff(e *env) {
	for _, id := range []voicemail.MailboxID{"5001", "5002"} {
		e.mailbox(id)
		e.greet(id, voicemail.GreetingBusy, wav(10))
		e.plant(e.keysOf(id).SettingsAt(keys.Revision{Gen: 2}), `{"v":1,"nonce":"n","at":"2026-01-01T00:00:00Z","owner":{"kind":"","id":""}}`)
	}
	require.NoError(e, e.service().DeleteMailbox(e.ctx, "5001"), "another deletion finishes it")
	require.Empty(e, e.names(e.keysOf("5001").Greetings()))
	require.ErrorIs(e, e.service().DeleteMailbox(e.ctx, "5001"), voicemail.ErrNoMailbox)
	require.Equal(e, 1, e.maintain().Greetings, "or Maintain does")
	require.Empty(e, e.names(e.space.Greetings()))
}

func greetingPruned(e *env) {
	e.mailbox("5001")
	audio := make([][]byte, 9)
	for i := 1; i <= 7; i++ {
		audio[i] = wav(10 + i)
		e.greet("5001", voicemail.GreetingBusy, audio[i])
	}
	one := e.greet("5001", voicemail.GreetingName, wav(10))
	require.Zero(e, e.maintain().Greetings, "a slow writer could use the numbers again")
	require.Len(e, e.history("5001", voicemail.GreetingBusy), 7)
	e.pass(rest)
	require.Equal(e, 2, e.maintain().Greetings)
	history := e.history("5001", voicemail.GreetingBusy)
	require.Equal(e, []int{7, 6, 5, 4, 3}, revisions(history))
	for _, left := range history {
		require.Equal(e, audio[left.Revision], e.heard("5001", left))
	}
	require.Len(e, e.names(e.keysOf("5001").Greetings()), 12, "a recording and a document of each")
	require.NoError(e, e.service().Greetings("5001").Delete(e.ctx, voicemail.GreetingBusy))
	require.Equal(e, []voicemail.Greeting{one}, e.current("5001"))
	e.pass(rest)
	few := e.open(func(o *voicemail.Options) { o.Limits.GreetingRevisions = 1 })
	report, err := few.Maintain(e.ctx)
	require.NoError(e, err)
	require.Equal(e, 5, report.Greetings)
	require.Equal(e, []int{8}, revisions(e.history("5001", voicemail.GreetingBusy)), "the deletion stays, and with it the number")
	require.Equal(e, 9, e.greet("5001", voicemail.GreetingBusy, wav(10)).Revision)
}

func greetingOrphan(e *env) {
	e.mailbox("5001")
	set := e.greet("5001", voicemail.GreetingBusy, wav(10))
	orphan := e.keysOf("5001").GreetingAudio(ofBusy(1, 2))
	e.plant(orphan, "half a greeting")
	require.Equal(e, []voicemail.Greeting{set}, e.current("5001"))
	require.Len(e, e.history("5001", voicemail.GreetingBusy), 1)
	next := e.greet("5001", voicemail.GreetingBusy, wav(20))
	require.Equal(e, 3, next.Revision, "its number is taken")
	e.plant(e.keysOf("5001").GreetingAudio(ofBusy(1, 4)), "another half")
	e.maintain()
	require.True(e, e.exists(orphan), "somebody may be about to commit it")
	e.pass(rest)
	require.Equal(e, 2, e.maintain().Greetings)
	require.False(e, e.exists(orphan))
	require.Equal(e, []int{3, 1}, revisions(e.history("5001", voicemail.GreetingBusy)))
	require.Equal(e, []voicemail.Greeting{next}, e.current("5001"))
}

func greetingDamaged(e *env) {
	e.mailbox("5001")
	set := e.greet("5001", voicemail.GreetingBusy, wav(10))
	name := e.keysOf("5001").GreetingAudio(ofBusy(1, 1))
	e.removeRaw(name)
	g := e.open().Greetings("5001")
	_, err := g.Open(e.ctx, set)
	require.ErrorIs(e, err, voicemail.ErrDamaged)
	_, err = g.Restore(e.ctx, set, nil)
	require.ErrorIs(e, err, voicemail.ErrDamaged)
	e.plant(name, "short")
	_, err = g.Open(e.ctx, set)
	require.ErrorIs(e, err, voicemail.ErrDamaged)
	e.plant(e.keysOf("5001").GreetingMeta(ofBusy(1, 2)), "{")
	for _, err := range []error{second(g.Current(e.ctx)), second(g.For(e.ctx, voicemail.GreetingBusy)), second(g.History(e.ctx, voicemail.GreetingBusy))} {
		require.ErrorIs(e, err, storage.ErrCorrupt)
	}
	mended := e.greet("5001", voicemail.GreetingBusy, wav(10))
	require.Equal(e, []voicemail.Greeting{mended}, e.current("5001"), "setting it anew mends it")
	require.False(e, slices.Contains(revisions(e.current("5001")), 2))
}

func second[T any](_ T, err error) error { return err }
