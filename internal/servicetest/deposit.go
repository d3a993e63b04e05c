package servicetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

func depositRules() []rule {
	return []rule{
		{"ADepositKeepsAllThatIsKnownOfTheCall", "the agent calls back by what stands in the envelope", depositWhole},
		{"ADepositIsCountedListedFoundAndPlayedAtOnce", "the lamp on the phone is lit by the very next count", depositAtOnce},
		{"AWithheldCallerHasNoIndexEntry", "an entry for anonymous would find everybody's anonymous calls", depositWithheld},
		{"ADepositIsUrgentAndExpiresFromTheStart", "a message must not be seen for a moment as what it is not", depositMarks},
		{"ADepositComesInAsAnotherSystemHadIt", "an import must not light every lamp, nor restart the time that a message is kept for", depositImported},
		{"ACallerIsFoundUnderBothFormsAlsoWhenTheHookChanges", "a forget request must not miss what an earlier configuration stored", depositNormalized},
		{"InvalidOptionsChangeNothing", "a mistake of the caller must not read the recording, which may be live", depositInvalid},
		{"ADisabledMailboxTakesNothingAndStaysUsable", "who has left the company still has messages to be played", depositDisabled},
		{"AFullMailboxSaysHowFull", "the announcement to the caller tells that the mailbox is full", depositFullCount},
		{"AMailboxFullByBytesSaysHowFull", "a quota in bytes is what storage costs", depositFullBytes},
		{"ADepositIntoNoMailboxLeavesNothing", "audio that no mailbox shows is nobody's to delete", depositNoMailbox},
		{"AudioAndMetadataAreTaggedWithTheCaller", "operators search for a caller in the storage's own tools", depositTags},
	}
}

func depositWhole(e *env) {
	box := e.mailbox("5001")
	audio := wav(1250)
	id := idAt(0)
	before := e.clock.now().Add(-time.Millisecond)
	attrs := map[string]string{"queue": "sales", "": "empty key", "note": "ümläut \x01"}
	msg := e.depositAudio(box, audio, &voicemail.DepositOptions{
		ID: id, Caller: voicemail.ParseCallerID(`"Ann \"Q\" Lee" <tel:+1-555-0100>`), Called: voicemail.ParseCallerID("5001"),
		Redirecting: voicemail.ParseCallerID("sip:desk@example.com"), CallID: "call-1@switch", ContentType: "text/html", Duration: time.Hour, Attributes: attrs,
	})
	attrs["queue"] = "changed by the caller afterwards"
	sum := sha256.Sum256(audio)
	check := func(got voicemail.Message, how string) {
		env := got.Envelope()
		require.Equal(e, id, got.ID(), how)
		require.Equal(e, id, env.ID, how)
		require.Equal(e, voicemail.MailboxID("5001"), got.Mailbox(), how)
		require.Equal(e, voicemail.MailboxID("5001"), env.Mailbox, how)
		require.Equal(e, []string{"+15550100", `Ann "Q" Lee`}, []string{env.Caller.Reveal(), env.Caller.RevealName()}, how)
		require.True(e, env.Caller.IsNumber(), how)
		require.Equal(e, "5001", env.Called.Reveal(), how)
		require.Equal(e, "sip:desk@example.com", env.Redirecting.Reveal(), how)
		require.False(e, env.Redirecting.IsNumber(), how)
		require.Equal(e, "call-1@switch", env.CallID, how)
		require.WithinRange(e, env.ReceivedAt, before, e.clock.now(), how)
		require.Equal(e, time.UTC, env.ReceivedAt.Location(), how)
		require.Equal(e, 1250*time.Millisecond, env.Duration, "%s: measured, not told", how)
		require.True(e, env.DurationMeasured, how)
		require.Equal(e, int64(len(audio)), env.Size, how)
		require.Equal(e, "audio/wav", env.ContentType, "%s: read off the recording, not told", how)
		require.Equal(e, hex.EncodeToString(sum[:]), env.SHA256, how)
		require.Equal(e, "main", env.Region, how)
		require.Nil(e, env.CopiedFrom, how)
		require.Zero(e, got.State(), how)
		require.Equal(e, audio, e.play(got), how)
	}
	check(msg, "as deposited")
	check(e.again(msg), "as read by the same process")
	other, err := e.open().Mailbox("5001").Message(e.ctx, id)
	require.NoError(e, err)
	check(other, "as read by another process")
	want := map[string]string{"queue": "sales", "": "empty key", "note": "ümläut \x01"}
	require.Equal(e, want, other.Envelope().Attributes)
	other.Envelope().Attributes["queue"] = "changed by a reader"
	require.Equal(e, want, other.Envelope().Attributes, "an envelope never changes")
	require.Equal(e, want, e.again(msg).Envelope().Attributes, "an envelope never changes")
}

func depositAtOnce(e *env) {
	box := e.mailbox("5001")
	other := e.open()
	caller := number()
	var want []voicemail.MessageID
	var places []string
	for i := 1; i <= 3; i++ {
		msg := e.deposit(box, &voicemail.DepositOptions{ID: idAt(i), Caller: caller})
		want = append([]voicemail.MessageID{msg.ID()}, want...)
		places = append([]string{place(msg)}, places...)
		require.Equal(e, voicemail.Counts{New: i}, e.counts(other.Mailbox("5001")))
		require.Equal(e, want, e.list(other.Mailbox("5001"), nil))
		require.Equal(e, places, e.find(other, caller.Reveal()))
	}
	got, err := e.deposit(box, nil).ID().Time()
	require.NoError(e, err)
	require.WithinDuration(e, e.clock.now(), got, time.Minute, "an ID that the service makes carries the time of the deposit")
}

func depositWithheld(e *env) {
	box := e.mailbox("5001")
	for _, who := range []string{"", "anonymous", "sip:anonymous@anonymous.invalid", `"Ann Lee" <Restricted>`, "0000000", "266696687"} {
		msg := e.deposit(box, &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(who)})
		require.True(e, e.again(msg).Envelope().Caller.Withheld(), who)
	}
	require.Empty(e, e.names(e.space.Callers()))
	require.Equal(e, 6, e.counts(box).New)
}

func depositMarks(e *env) {
	box := e.mailbox("5001")
	expires := e.clock.now().Add(5 * day).Truncate(time.Millisecond).UTC()
	msg := e.deposit(box, &voicemail.DepositOptions{Urgent: true, Expires: expires.Add(400 * time.Microsecond)})
	want := voicemail.State{Urgent: true, Expires: expires}
	require.Equal(e, want, msg.State())
	require.Equal(e, want, e.state(msg))
	require.Equal(e, voicemail.Counts{New: 1, NewUrgent: 1}, e.counts(box))
	e.maintain()
	require.Equal(e, want, e.state(msg), "its time has not come")
}

func depositImported(e *env) {
	box := e.mailbox("5001")
	received := e.clock.now().AddDate(-9, 0, 0)
	old := &voicemail.DepositOptions{Caller: number(), ReceivedAt: received.In(time.FixedZone("", 3600)), Read: true, Trashed: true, Urgent: true}
	msg := e.deposit(box, old)
	require.Equal(e, voicemail.State{Read: true, Trashed: true, Urgent: true}, msg.State())
	got := e.again(msg)
	require.True(e, got.Envelope().ReceivedAt.Equal(received), "%v", got.Envelope().ReceivedAt)
	require.Equal(e, time.UTC, got.Envelope().ReceivedAt.Location())
	at, err := msg.ID().Time()
	require.NoError(e, err)
	require.WithinDuration(e, received, at, time.Millisecond, "messages are listed in the order of their IDs")
	require.WithinDuration(e, e.clock.now(), got.State().ReadAt, time.Hour, "the mark is of today")
	require.Equal(e, voicemail.Counts{}, e.counts(box))

	heard := e.deposit(box, &voicemail.DepositOptions{ReceivedAt: received.Add(time.Hour), Read: true})
	recent := e.deposit(box, &voicemail.DepositOptions{ReceivedAt: e.clock.now().Add(4 * time.Minute)})
	require.Equal(e, voicemail.Counts{New: 1, Old: 1}, e.counts(box))
	want := []voicemail.MessageID{recent.ID(), heard.ID()}
	require.Equal(e, want, e.list(box, nil))
	require.Equal(e, want[1:], e.list(box, &voicemail.ListOptions{Until: received.Add(day)}))

	again := &voicemail.DepositOptions{ID: idAt(7), ReceivedAt: received, Read: true, Trashed: true}
	audio := wav(20)
	first := e.depositAudio(box, audio, again)
	require.NoError(e, first.MarkUnread(e.ctx))
	require.NoError(e, first.Restore(e.ctx))
	require.Zero(e, e.depositAudio(box, audio, again).State(), "a retry does not undo what an agent did")
	e.pass(rest)
	e.maintain()
	require.Len(e, e.list(box, &voicemail.ListOptions{Trash: voicemail.WithTrash}), 4, "what came in long ago is no garbage")
}

func depositNormalized(e *env) {
	e.mailbox("5001")
	with := func(prefix string) *voicemail.Service {
		return e.open(func(o *voicemail.Options) {
			if prefix != "" {
				o.Normalize = func(n string) string { return prefix + strings.TrimPrefix(n, "0") }
			}
		})
	}
	german, austrian, none := with("+49"), with("+43"), with("")
	msg := e.deposit(german.Mailbox("5001"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("0711 555 1234")})
	plain := e.deposit(none.Mailbox("5001"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+49 711 555 1234")})
	require.Equal(e, "07115551234", e.again(msg).Envelope().Caller.Reveal(), "the envelope shows what was delivered")
	for name, svc := range map[string]*voicemail.Service{"german": german, "austrian": austrian, "none": none} {
		require.Contains(e, e.find(svc, "0711-5551234"), place(msg), "as delivered, hook %s", name)
		require.Contains(e, e.find(svc, "0049 711 5551234"), place(msg), "normalized, hook %s", name)
		require.NotContains(e, e.find(svc, "+43 711 5551234"), place(msg), "somebody else's number, hook %s", name)
	}
	require.ElementsMatch(e, []string{place(msg), place(plain)}, e.find(german, "07115551234"), "a number without + is also looked for as the hook understands it")
	filter := &voicemail.ListOptions{Caller: voicemail.ParseCallerID("07115551234")}
	require.ElementsMatch(e, []voicemail.MessageID{msg.ID(), plain.ID()}, e.list(german.Mailbox("5001"), filter), "a list of one mailbox understands a caller as a search of all does")

	// A hook that gives no E.164 number says that it cannot tell.
	odd := e.open(func(o *voicemail.Options) { o.Normalize = func(string) string { return "12" } })
	other := e.deposit(odd.Mailbox("5001"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("0711 555 9999")})
	require.Equal(e, []string{place(other)}, e.find(odd, "07115559999"))
	require.Empty(e, e.find(none, "12"))
}

func depositInvalid(e *env) {
	box := e.mailbox("5001")
	before := e.tenantNames()
	long := strings.Repeat("x", 300)
	for name, opts := range map[string]voicemail.DepositOptions{
		"an ID that is no UUID":          {ID: "../../etc"},
		"an ID of version 4":             {ID: "6f9619ff-8b86-4d01-b42d-00c04fc964ff"},
		"an ID in capitals":              {ID: voicemail.MessageID(strings.ToUpper(string(idAt(0))))},
		"a caller that is too long":      {Caller: voicemail.ParseCallerID("sip:" + long)},
		"a caller's name too long":       {Caller: number().WithName(long)},
		"a called number too long":       {Called: voicemail.ParseCallerID(long)},
		"a redirecting number too long":  {Redirecting: voicemail.ParseCallerID(long)},
		"a call ID that is too long":     {CallID: long},
		"a negative duration":            {Duration: -1},
		"an expiry before 1970":          {Expires: time.Unix(-1, 0)},
		"an expiry that no name can say": {Expires: time.Date(2286, 1, 1, 0, 0, 0, 0, time.UTC)},
		"received before 1970":           {ReceivedAt: time.Unix(-1, 0)},
		"received in the future":         {ReceivedAt: e.clock.now().Add(6 * time.Minute)},
		"attributes that are too long":   {Attributes: map[string]string{"k": strings.Repeat("x", 8<<10)}},
	} {
		untouched := readerFunc(func([]byte) (int, error) {
			require.Fail(e, "the recording was read", name)
			return 0, io.EOF
		})
		_, err := box.Deposit(e.ctx, untouched, &opts)
		require.ErrorIs(e, err, voicemail.ErrInvalid, name)
		var de *voicemail.DepositError
		require.False(e, errors.As(err, &de), "nothing was read, so nothing is given back: %s", name)
	}
	require.Equal(e, before, e.tenantNames())
}

func depositDisabled(e *env) {
	box := e.mailbox("5001")
	msg := e.deposit(box, nil)
	_, err := box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.Disabled = true; return nil })
	require.NoError(e, err)
	before := e.tenantNames()
	audio := wav(10)
	_, err = box.Deposit(e.ctx, bytes.NewReader(audio), &voicemail.DepositOptions{Caller: number()})
	require.ErrorIs(e, err, voicemail.ErrDisabled)
	_, back := e.handedBack(err)
	require.Equal(e, audio, back)
	require.Equal(e, before, e.tenantNames(), "what was refused leaves nothing")
	require.NoError(e, e.again(msg).MarkRead(e.ctx))
	require.NotEmpty(e, e.play(msg))
	require.Equal(e, voicemail.Counts{Old: 1}, e.counts(box))
	require.NoError(e, msg.Delete(e.ctx))
}

func depositFullCount(e *env) {
	box := e.mailboxWith("5001", &voicemail.Settings{MaxMessages: 3})
	trashed := e.deposit(box, nil)
	e.deposit(box, nil)
	last := e.deposit(box, nil)
	require.NoError(e, trashed.Trash(e.ctx))
	full := func(limit, used int64) {
		e.Helper()
		audio := wav(10)
		before := e.tenantNames()
		_, err := box.Deposit(e.ctx, bytes.NewReader(audio), &voicemail.DepositOptions{Caller: number(), Urgent: true})
		require.ErrorIs(e, err, voicemail.ErrMailboxFull)
		var qe *voicemail.QuotaError
		require.ErrorAs(e, err, &qe)
		require.Equal(e, voicemail.QuotaError{Quota: "messages", Limit: limit, Used: used}, *qe)
		_, back := e.handedBack(err)
		require.Equal(e, audio, back)
		require.Equal(e, before, e.tenantNames(), "what was refused leaves nothing")
	}
	full(3, 3) // the trash counts
	e.mark(last, keys.Forget+"case1")
	e.deposit(box, nil) // nobody sees a restricted message, so it takes no place
	full(3, 3)
	require.NoError(e, trashed.Delete(e.ctx))
	e.deposit(box, nil)

	small := e.open(func(o *voicemail.Options) { o.Limits.Messages = 1 }).Mailbox("5001")
	_, err := small.Deposit(e.ctx, bytes.NewReader(wav(1)), nil)
	var qe *voicemail.QuotaError
	require.ErrorAs(e, err, &qe)
	require.Equal(e, voicemail.QuotaError{Quota: "messages", Limit: 1, Used: 3}, *qe, "the settings cannot exceed the service's limit")
	e.handedBack(err)
}

func depositFullBytes(e *env) {
	audio := wav(10)
	size := int64(len(audio))
	box := e.mailboxWith("5001", &voicemail.Settings{MaxBytes: 2*size + size/2})
	first := e.depositAudio(box, audio, nil)
	second := e.depositAudio(box, wav(10), nil)
	require.NoError(e, first.Trash(e.ctx))
	full := func(used int64) {
		e.Helper()
		_, err := box.Deposit(e.ctx, bytes.NewReader(audio), nil)
		var qe *voicemail.QuotaError
		require.ErrorAs(e, err, &qe)
		require.Equal(e, voicemail.QuotaError{Quota: "bytes", Limit: 2*size + size/2, Used: used}, *qe)
		_, back := e.handedBack(err)
		require.Equal(e, audio, back)
	}
	full(2 * size)
	e.mark(second, keys.Forget+"case1")
	third := e.depositAudio(box, wav(10), nil)
	full(2 * size)
	require.NoError(e, third.Delete(e.ctx))
	_, err := box.Deposit(e.ctx, bytes.NewReader(audio[:size/2]), nil)
	require.NoError(e, err)
	_, err = box.UpdateSettings(e.ctx, func(s *voicemail.Settings) error { s.MaxBytes = 2*size + size/2; return nil })
	require.NoError(e, err)
	_, err = box.Deposit(e.ctx, bytes.NewReader(audio), nil)
	require.NoError(e, err, "what just fits is taken")
}

func depositNoMailbox(e *env) {
	svc := e.service()
	before := e.tenantNames()
	audio := wav(10)
	for name, opts := range map[string]voicemail.DepositOptions{
		"withheld": {Urgent: true},
		"known":    {Caller: number(), Urgent: true, Expires: e.clock.now().Add(day)},
	} {
		for how, r := range map[string]io.Reader{"at once": bytes.NewReader(audio), "slowly": iotest.OneByteReader(bytes.NewReader(audio))} {
			_, err := svc.Mailbox("5009").Deposit(e.ctx, r, &opts)
			require.ErrorIs(e, err, voicemail.ErrNoMailbox, name)
			_, back := e.handedBack(err)
			require.Equal(e, audio, back, name)
			require.Equal(e, before, e.tenantNames(), "%s, %s", name, how)
		}
	}
	// With the caller's ID another attempt may be about to commit, so what was created stays until nobody can be.
	_, err := svc.Mailbox("5009").Deposit(e.ctx, bytes.NewReader(audio), &voicemail.DepositOptions{ID: idAt(0), Caller: number(), Urgent: true})
	require.ErrorIs(e, err, voicemail.ErrNoMailbox)
	e.handedBack(err)
	e.pass(rest)
	e.maintain()
	require.Equal(e, before, e.tenantNames())
}

func depositTags(e *env) {
	tagged, ok := storage.As[interface {
		Tags(key string) map[string]string
	}](e.store)
	if !ok {
		return // a volume has no tags
	}
	box := e.mailbox("5001")
	tags := func(msg voicemail.Message) []map[string]string {
		names := e.keysOf(msg.Mailbox())
		return []map[string]string{tagged.Tags(names.Audio(ref(msg), "wav")), tagged.Tags(names.Meta(ref(msg)))}
	}
	want := map[string]string{"caller_id": "+15550100"}
	msg := e.deposit(box, &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+1 555 0100")})
	require.Equal(e, []map[string]string{want, want}, tags(msg))
	copied, err := msg.CopyTo(e.ctx, "5001", nil)
	require.NoError(e, err)
	require.Equal(e, []map[string]string{want, want}, tags(copied), "a copy is the caller's, too")

	national := e.open(func(o *voicemail.Options) { o.Normalize = func(n string) string { return "+49" + n } }).Mailbox("5001")
	msg = e.deposit(national, &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("711555")})
	require.Equal(e, map[string]string{"caller_id": "+49711555"}, tags(msg)[0], "the tag holds the normalized form")

	var none map[string]string
	quiet := e.open(func(o *voicemail.Options) { o.CallerTags = voicemail.TagNone }).Mailbox("5001")
	require.Equal(e, []map[string]string{none, none}, tags(e.deposit(quiet, &voicemail.DepositOptions{Caller: number()})))
	require.Equal(e, []map[string]string{none, none}, tags(e.deposit(box, nil)), "a withheld caller has no tag")

	for _, name := range e.tenantNames() {
		if strings.HasPrefix(name, e.space.Callers()) || strings.HasSuffix(name, ".urgent") {
			require.Nil(e, tagged.Tags(name), "only audio and metadata are tagged")
		}
	}
}
