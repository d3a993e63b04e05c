package servicetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
)

func partRules() []rule {
	return []rule{
		{"APartIsReadAsItWasWritten", "a transcript with a word missing says something else", partsWhole},
		{"APartThatCannotBeIsRefused", "a browser that opens a note must not be handed a page with a script", partsRefused},
		{"TheSamePartTwiceIsOne", "a transcription service delivers its result at least once", partsRepeated},
		{"PartsThatAreAddedAtOnceAreAllThere", "two agents write a note each", partsTogether},
		{"AMessageHasABoundedNumberOfParts", "a loop in somebody's program must not fill the storage", partsBounded},
		{"PartsGoWhereTheirMessageGoes", "a message that is passed on without its transcript has to be heard", partsFollow},
		{"PartsAreErasedWithTheirMessage", "a transcript is as personal as the recording", partsErased},
		{"APartIsSeenAsLongAsItsMessageIs", "who reads a transcript must not read on when its caller was forgotten", partsRestricted},
		{"APartThatComesWhileItsMessageIsDeletedIsTakenBack", "a transcript that comes late outlives the caller's wish", partsLate},
		{"APartThatComesWhileItsMessageIsRestrictedIsRestricted", "an undo brings everything back, and nothing before", partsLateRestricted},
		{"APartThatComesWhileItsMessageIsMovedMovesAlong", "what was acknowledged is there", partsMoving},
		{"APartThatAMoveLeftBehindFollows", "a process that dies while it moves a message must not lose its transcript", partsMoveCrashed},
		{"PartsCountForTheQuotaOfBytes", "a hundred renditions must not hide from the quota", partsQuota},
		{"PartsWithoutAMessageAreTakenAway", "what a crash left is personal data that nobody finds", partsOrphaned},
	}
}

func (e *env) addPart(msg voicemail.Message, kind voicemail.PartKind, content string) voicemail.Part {
	e.Helper()
	p, err := msg.AddPart(e.ctx, kind, strings.NewReader(content), nil)
	require.NoError(e, err, "add part")
	return p
}

// parts returns the parts with their contents, as kind-revision: content.
func (e *env) parts(msg voicemail.Message) []string {
	e.Helper()
	list, err := msg.Parts(e.ctx)
	require.NoError(e, err, "list parts")
	all := []string{}
	for _, p := range list {
		content := e.readPart(msg, p)
		require.Equal(e, p.Size, int64(len(content)))
		all = append(all, fmt.Sprintf("%s-%d: %s", p.Kind, p.Revision, content))
	}
	return all
}

// partsOf returns the parts without a look at what is in them.
func (e *env) partsOf(msg voicemail.Message) []string {
	e.Helper()
	list, err := msg.Parts(e.ctx)
	require.NoError(e, err, "list parts")
	all := []string{}
	for _, p := range list {
		all = append(all, fmt.Sprintf("%s-%d %s size %d", p.Kind, p.Revision, p.ContentType, p.Size))
	}
	return all
}

func (e *env) readPart(msg voicemail.Message, p voicemail.Part) []byte {
	e.Helper()
	r, err := msg.OpenPart(e.ctx, p)
	require.NoError(e, err, "open part")
	defer r.Close()
	content, err := io.ReadAll(r)
	require.NoError(e, err, "read part")
	return content
}

func partsWhole(e *env) {
	msg := e.deposit(e.mailbox("5001"), &voicemail.DepositOptions{Caller: number()})
	require.Empty(e, e.parts(msg))
	rendition := wav(40_000)
	for _, tt := range []struct {
		kind     voicemail.PartKind
		given    string
		content  []byte
		revision int
		want     string
	}{
		{voicemail.PartTranscript, "", []byte("Hällo, it's me"), 1, "text/plain; charset=utf-8"},
		{voicemail.PartTranscript, "application/json", []byte(`{"words": 3}`), 2, "application/json"},
		{voicemail.PartTranscript, "Text/VTT; charset=utf-8", []byte("WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"), 3, "text/vtt"},
		{voicemail.PartNote, "text/plain", []byte("call back"), 1, "text/plain; charset=utf-8"},
		{voicemail.PartComment, "", wav(10), 1, "audio/wav"},
		{voicemail.PartComment, "text/plain", []byte("for you"), 2, "text/plain; charset=utf-8"},
		{voicemail.PartRendition, "", rendition, 1, "audio/wav"},
		{voicemail.PartTranscript, "", bytes.Repeat([]byte("x"), 1<<20), 4, "text/plain; charset=utf-8"},
	} {
		got, err := msg.AddPart(e.ctx, tt.kind, bytes.NewReader(tt.content), &voicemail.PartOptions{ContentType: tt.given})
		require.NoError(e, err)
		listed, err := e.again(msg).Parts(e.ctx)
		require.NoError(e, err)
		at := slices.IndexFunc(listed, func(p voicemail.Part) bool { return p.Kind == got.Kind && p.Revision == got.Revision })
		require.GreaterOrEqual(e, at, 0, "it is not listed")
		// A storage that does not say when it stored something when it answers (S3) says later what may be the second before.
		require.WithinDuration(e, listed[at].Added, got.Added, 2*time.Second)
		got.Added = listed[at].Added
		require.Equal(e, listed[at], got)
		require.Equal(e, tt.content, e.readPart(msg, got))
		require.Equal(e, []any{tt.kind, tt.revision, tt.want, int64(len(tt.content))}, []any{got.Kind, got.Revision, got.ContentType, got.Size})
	}
	list, err := msg.Parts(e.ctx)
	require.NoError(e, err)
	var order []string
	for _, p := range list {
		order = append(order, fmt.Sprint(p.Kind, p.Revision))
		if p.Kind == voicemail.PartRendition {
			r, err := msg.OpenPart(e.ctx, p)
			require.NoError(e, err)
			require.NoError(e, iotest.TestReader(r, rendition))
			require.NoError(e, r.Close())
		}
	}
	require.Equal(e, strings.Fields("comment1 comment2 note1 rendition1 transcript1 transcript2 transcript3 transcript4"), order)
	require.Equal(e, 1, e.counts(e.service().Mailbox("5001")).New, "a part is no message")
	_, err = msg.OpenPart(e.ctx, voicemail.Part{Kind: "note", Revision: 1, Size: 9})
	require.ErrorIs(e, err, voicemail.ErrInvalid)
}

func partsRefused(e *env) {
	svc := e.open(func(o *voicemail.Options) { o.Limits.AudioBytes, o.Limits.Duration = 1000, 100*time.Millisecond })
	e.mailbox("5001")
	msg := e.depositAudio(svc.Mailbox("5001"), wav(20), &voicemail.DepositOptions{Caller: number()})
	before := e.tenantNames()
	text := func(s string) io.Reader { return strings.NewReader(s) }
	for _, tt := range []struct {
		kind voicemail.PartKind
		as   string
		body io.Reader
		want error
		why  string
	}{
		{"", "", text("x"), voicemail.ErrInvalid, "no kind"},
		{"fax", "", text("x"), voicemail.ErrInvalid, "an unknown kind"},
		{"../note", "", text("x"), voicemail.ErrInvalid, "a kind that leads elsewhere"},
		{voicemail.PartNote, "text/html", text("x"), voicemail.ErrInvalid, "a type that a browser runs"},
		{voicemail.PartNote, "application/json", text("{}"), voicemail.ErrInvalid, "a note is text"},
		{voicemail.PartNote, "/", text("x"), voicemail.ErrInvalid, "no type"},
		{voicemail.PartRendition, "text/plain", text("x"), voicemail.ErrInvalid, "a rendition is a recording"},
		{voicemail.PartRendition, "audio/basic", bytes.NewReader(wav(1)), voicemail.ErrInvalid, "the name has no place for a type that is only claimed"},
		{voicemail.PartRendition, "", bytes.NewReader(noise(500)), voicemail.ErrInvalid, "raw samples do not say what they are"},
		{voicemail.PartComment, "", text("<script>"), voicemail.ErrInvalid, "a comment without a type is spoken"},
		{voicemail.PartTranscript, "", text("\xff"), voicemail.ErrInvalid, "no UTF-8"},
		{voicemail.PartTranscript, "application/json", text("{"), voicemail.ErrInvalid, "no JSON"},
		{voicemail.PartTranscript, "text/vtt", text("00:00"), voicemail.ErrInvalid, "no WebVTT"},
		{voicemail.PartNote, "", text(""), voicemail.ErrEmpty, "nothing"},
		{voicemail.PartNote, "", text(strings.Repeat("x", 1<<20+1)), voicemail.ErrTooLarge, "text beyond its bound"},
		{voicemail.PartRendition, "", bytes.NewReader(wav(150)), voicemail.ErrTooLarge, "a recording of too many bytes"},
		{voicemail.PartRendition, "", bytes.NewReader(wav(110)), voicemail.ErrTooLarge, "a recording that is too long"},
		{voicemail.PartNote, "", cut([]byte("half a no")), errReader, "a source that fails"},
	} {
		_, err := msg.AddPart(e.ctx, tt.kind, tt.body, &voicemail.PartOptions{ContentType: tt.as})
		require.ErrorIs(e, err, tt.want, tt.why)
		require.Equal(e, before, e.tenantNames(), tt.why)
	}
}

func partsRepeated(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	for i, content := range []string{"no", "no", "yes", "no"} {
		got := e.addPart(msg, voicemail.PartNote, content)
		require.Equal(e, []int{1, 1, 2, 3}[i], got.Revision, "content that was the current one before is new again")
	}
	e.addPart(msg, voicemail.PartTranscript, "no")
	require.Equal(e, []string{"note-1: no", "note-2: yes", "note-3: no", "transcript-1: no"}, e.parts(msg))
}

func partsTogether(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	const many = 6
	var errs [many]error
	var got [many]voicemail.Part
	together(many, func(i int) {
		got[i], errs[i] = msg.AddPart(e.ctx, voicemail.PartNote, strings.NewReader(fmt.Sprint("note of agent ", i)), nil)
	})
	require.NoError(e, errors.Join(errs[:]...))
	seen := map[int]bool{}
	for i, p := range got {
		require.Equal(e, fmt.Sprint("note of agent ", i), string(e.readPart(msg, p)))
		require.False(e, seen[p.Revision], "two have one number")
		seen[p.Revision] = true
	}
	require.Len(e, e.parts(msg), many)
}

func partsBounded(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	for i := range 99 {
		e.plant(e.partName(msg, keys.Part{Kind: "note", Revision: i + 1, Ext: "txt"}), "x")
	}
	require.Equal(e, 1, e.addPart(msg, voicemail.PartTranscript, "the last one").Revision)
	_, err := msg.AddPart(e.ctx, voicemail.PartNote, strings.NewReader("one more"), nil)
	require.ErrorIs(e, err, voicemail.ErrTooManyParts)
	var qe *voicemail.QuotaError
	require.ErrorAs(e, err, &qe)
	require.Equal(e, voicemail.QuotaError{Quota: "parts", Limit: 100, Used: 100}, *qe)
	require.Equal(e, 1, e.addPart(msg, voicemail.PartTranscript, "the last one").Revision, "a repeated one is there")
	_, err = msg.CopyTo(e.ctx, "5001", &voicemail.CopyOptions{Note: "for you"})
	require.ErrorIs(e, err, voicemail.ErrTooManyParts)
}

// partName is the name of a part of a message that was never moved.
func (e *env) partName(msg voicemail.Message, p keys.Part) string {
	e.Helper()
	return e.keysOf(msg.Mailbox()).Part(ref(msg), p)
}

func partsFollow(e *env) {
	e.mailbox("5002")
	msg := e.deposit(e.mailbox("5001"), &voicemail.DepositOptions{Caller: number()})
	for _, content := range []string{"a", "b"} {
		e.addPart(msg, voicemail.PartNote, content)
	}
	_, err := msg.AddPart(e.ctx, voicemail.PartRendition, bytes.NewReader(wav(30)), nil)
	require.NoError(e, err)
	e.plant(e.partName(msg, keys.Part{Kind: "hologram", Revision: 7, Ext: "holo"}), "of a later version")
	want := e.parts(msg)
	require.Len(e, want, 3)
	copied, err := msg.CopyTo(e.ctx, "5002", nil)
	require.NoError(e, err)
	require.Equal(e, want, e.parts(copied))
	e.addPart(copied, voicemail.PartNote, "of the copy")
	require.Equal(e, want, e.parts(msg), "the parts of a copy are its own")
	moved, err := msg.MoveTo(e.ctx, "5002")
	require.NoError(e, err)
	require.Equal(e, want, e.parts(moved))
	require.Empty(e, e.names(e.keysOf("5001").Media()), "nothing is left where it came from")
	later := 0
	for _, name := range e.names(e.keysOf("5002").Media()) {
		if strings.HasSuffix(name, ".hologram-007.holo") {
			later++
		}
	}
	require.Equal(e, 2, later, "what this version does not know goes along")
}

func partsErased(e *env) {
	box := e.mailbox("5001")
	audio, rendition := wav(20), wav(30)
	for how, erase := range map[string]func(msg voicemail.Message) error{
		"deleted": func(msg voicemail.Message) error { return msg.Delete(e.ctx) },
		"expired": func(voicemail.Message) error { e.pass(2 * time.Hour); e.maintain(); return nil },
	} {
		msg := e.depositAudio(box, audio, &voicemail.DepositOptions{Caller: number(), Expires: e.clock.now().Add(time.Hour)})
		e.addPart(msg, voicemail.PartTranscript, "Hello, it is me, Zyx Wvut")
		_, err := msg.AddPart(e.ctx, voicemail.PartRendition, bytes.NewReader(rendition), nil)
		require.NoError(e, err)
		secrets := rawscan.Scan{Audio: [][]byte{audio, rendition}, Secrets: []rawscan.Secret{{Name: "the transcript", Bytes: []byte("Zyx Wvut")}}}
		e.unclean(secrets)
		require.NoError(e, erase(msg), how)
		e.clean(secrets)
		require.Empty(e, e.names(e.space.Media()), how)
	}
}

func partsRestricted(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	part, err := msg.AddPart(e.ctx, voicemail.PartRendition, bytes.NewReader(wav(3*ranged/8)), nil)
	require.NoError(e, err)
	r, err := msg.OpenPart(e.ctx, part)
	require.NoError(e, err)
	defer r.Close()
	_, err = io.CopyN(io.Discard, r, 1000)
	require.NoError(e, err)
	e.mark(msg, keys.Forget+"case1")
	_, err = io.Copy(io.Discard, r)
	require.ErrorIs(e, err, voicemail.ErrNotFound, "a reader that was opened before")
	_, err = msg.OpenPart(e.ctx, part)
	require.ErrorIs(e, err, voicemail.ErrNotFound)
	_, err = msg.Parts(e.ctx)
	require.ErrorIs(e, err, voicemail.ErrNotFound)
	e.removeRaw(e.markName(msg, keys.Forget+"case1"))
	require.Len(e, e.parts(msg), 1)
}

// meddling is a store that lets something happen just before it creates a name that contains a text, once.
type meddling struct {
	storage.Store
	at     string
	meddle func()
	// dead: after it nothing works any more.
	dead, crashed bool
}

var errDead = errors.New("the process is dead")

func (s *meddling) Unwrap() storage.Store { return s.Store }

func (s *meddling) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	if s.crashed {
		return storage.Info{}, errDead
	}
	if strings.Contains(key, s.at) && s.meddle != nil {
		meddle := s.meddle
		s.meddle = nil
		meddle()
		defer func() { s.crashed = s.dead }()
	}
	return s.Store.Create(ctx, key, body, opts)
}

func (s *meddling) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	if s.crashed {
		return nil, errDead
	}
	return s.Store.List(ctx, opts)
}

func (s *meddling) Delete(ctx context.Context, names ...string) error {
	if s.crashed {
		return errDead
	}
	return s.Store.Delete(ctx, names...)
}

// through returns the message as a process has it whose store is s.
func (e *env) through(s storage.Store, msg voicemail.Message) voicemail.Message {
	e.Helper()
	svc, err := e.tryOpen(s)
	require.NoError(e, err)
	got, err := svc.Mailbox(msg.Mailbox()).Message(e.ctx, msg.ID())
	require.NoError(e, err)
	return got
}

func partsLate(e *env) {
	e.mailbox("5002")
	box := e.mailbox("5001")
	for how, leave := range map[string]func(msg voicemail.Message) error{
		"deleted": func(msg voicemail.Message) error { return msg.Delete(e.ctx) },
		"moved": func(msg voicemail.Message) error {
			_, err := msg.MoveTo(e.ctx, "5002")
			return err
		},
	} {
		msg := e.deposit(box, nil)
		store := &meddling{Store: e.store, at: ".transcript-001.txt", meddle: func() { require.NoError(e, leave(msg), how) }}
		_, err := e.through(store, msg).AddPart(e.ctx, voicemail.PartTranscript, strings.NewReader("too late"), nil)
		require.ErrorIs(e, err, voicemail.ErrNotFound, how)
		require.Nil(e, store.meddle)
		require.Empty(e, e.names(e.keysOf("5001").Media()), how)
	}
}

func partsLateRestricted(e *env) {
	msg := e.deposit(e.mailbox("5001"), &voicemail.DepositOptions{Caller: number()})
	store := &meddling{Store: e.store, at: ".transcript-001.txt", meddle: func() { e.mark(msg, keys.Forget+"case1") }}
	late := e.through(store, msg)
	_, err := late.AddPart(e.ctx, voicemail.PartTranscript, strings.NewReader("late"), nil)
	require.ErrorIs(e, err, voicemail.ErrNotFound)
	_, err = late.Parts(e.ctx)
	require.ErrorIs(e, err, voicemail.ErrNotFound)
	e.removeRaw(e.markName(msg, keys.Forget+"case1"))
	require.Equal(e, 1, e.addPart(msg, voicemail.PartTranscript, "late").Revision, "repeated after the undo there is one")
	require.NoError(e, msg.Delete(e.ctx))
	require.Empty(e, e.names(e.space.Media()))
}

func partsMoving(e *env) {
	e.mailbox("5001")
	to := e.mailbox("5002")
	msg := e.deposit(e.service().Mailbox("5001"), &voicemail.DepositOptions{Caller: number()})
	e.addPart(msg, voicemail.PartNote, "early")
	store := &meddling{Store: e.store, at: "." + keys.Gone, meddle: func() {
		e.addPart(msg, voicemail.PartNote, "late, at the source")
		there, err := to.Message(e.ctx, msg.ID())
		require.NoError(e, err)
		e.addPart(there, voicemail.PartNote, "at the destination")
		e.addPart(msg, voicemail.PartTranscript, "late")
	}}
	moved, err := e.through(store, msg).MoveTo(e.ctx, "5002")
	require.NoError(e, err)
	require.Equal(e, []string{"note-1: early", "note-2: at the destination", "note-3: late, at the source", "transcript-1: late"}, e.parts(moved))
	require.Empty(e, e.names(e.keysOf("5001").Media()))
}

func partsMoveCrashed(e *env) {
	e.mailbox("5001")
	to := e.mailbox("5002")
	for how, finish := range map[string]func(msg, there voicemail.Message) (renumbered []string){
		"Maintain":               func(_, _ voicemail.Message) []string { e.pass(3 * time.Hour); e.maintain(); return nil },
		"a Delete at the source": func(msg, _ voicemail.Message) []string { require.NoError(e, msg.Delete(e.ctx)); return nil },
		"a crashed Maintain and another": func(_, there voicemail.Message) []string {
			e.addPart(there, voicemail.PartNote, "at the destination")
			e.pass(3 * time.Hour)
			store := &meddling{Store: e.store, at: ".transcript-001.txt", meddle: func() {}, dead: true}
			svc, err := e.tryOpen(store)
			require.NoError(e, err)
			_, err = svc.Maintain(e.ctx)
			require.ErrorIs(e, err, errDead)
			e.pass(3 * time.Hour)
			e.maintain()
			return []string{"note-2: at the destination", "note-3: late, too", "note-4: later"}
		},
	} {
		msg := e.deposit(e.service().Mailbox("5001"), &voicemail.DepositOptions{Caller: number()})
		e.addPart(msg, voicemail.PartNote, "early")
		store := &meddling{Store: e.store, at: "." + keys.Gone, dead: true, meddle: func() {
			e.addPart(msg, voicemail.PartTranscript, "late")
			e.addPart(msg, voicemail.PartNote, "late, too")
			e.addPart(msg, voicemail.PartNote, "later")
		}}
		_, err := e.through(store, msg).MoveTo(e.ctx, "5002")
		require.ErrorIs(e, err, errDead, how)
		there, err := to.Message(e.ctx, msg.ID())
		require.NoError(e, err)
		require.Equal(e, []string{"note-1: early"}, e.parts(there), how)
		late := []string{"note-2: late, too", "note-3: later"}
		if renumbered := finish(msg, there); renumbered != nil {
			late = renumbered
		}
		require.Equal(e, append(append([]string{"note-1: early"}, late...), "transcript-1: late"), e.parts(there), how)
		require.Empty(e, e.names(e.keysOf("5001").Media()), how)
	}
}

func partsQuota(e *env) {
	audio := wav(10)
	size := int64(len(audio))
	e.mailboxWith("5002", &voicemail.Settings{MaxBytes: size + 3})
	from := e.mailboxWith("5001", &voicemail.Settings{MaxBytes: 2*size + 3})
	msg := e.depositAudio(from, audio, nil)
	e.addPart(msg, voicemail.PartNote, "1234")
	_, err := from.Deposit(e.ctx, bytes.NewReader(audio), nil)
	var qe *voicemail.QuotaError
	require.ErrorAs(e, err, &qe)
	require.Equal(e, voicemail.QuotaError{Quota: "bytes", Limit: 2*size + 3, Used: size + 4}, *qe)
	e.handedBack(err)
	before := e.names(e.space.Media())
	for _, try := range []func() error{
		func() error { _, err := msg.CopyTo(e.ctx, "5002", nil); return err },
		func() error { _, err := msg.MoveTo(e.ctx, "5002"); return err },
	} {
		require.ErrorIs(e, try(), voicemail.ErrMailboxFull, "with its note it does not fit")
		require.Equal(e, before, e.names(e.space.Media()))
	}
	e.addPart(msg, voicemail.PartNote, "a part is taken in a full mailbox, too")
}

func partsOrphaned(e *env) {
	msg := e.deposit(e.mailbox("5001"), nil)
	e.addPart(msg, voicemail.PartNote, "stays")
	orphan := e.keysOf("5001").Part(keys.Ref{ID: string(idAt(9))}, keys.Part{Kind: "transcript", Revision: 1, Ext: "txt"})
	e.plant(orphan, "what a crash left")
	e.pass(day - time.Hour)
	e.maintain()
	require.True(e, e.exists(orphan), "its message may yet come")
	e.pass(2 * time.Hour)
	require.Equal(e, 1, e.maintain().Recordings)
	require.False(e, e.exists(orphan))
	require.Equal(e, []string{"note-1: stays"}, e.parts(msg))
}
