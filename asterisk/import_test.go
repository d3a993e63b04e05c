package asterisk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/asterisk"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "%s differs; if that is meant, run with -update", file)
}

func service(t *testing.T, st storage.Store, change ...func(*voicemail.Options)) *voicemail.Service {
	t.Helper()
	o := &voicemail.Options{}
	for _, c := range change {
		c(o)
	}
	svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(st), o)
	require.NoError(t, err)
	return svc
}

func create(string, string) *voicemail.Settings { return nil }

// creating are options under which every mailbox is made.
func creating() *asterisk.Options { return &asterisk.Options{Create: create} }

func imported(t *testing.T, s *spool, svc *voicemail.Service, opts *asterisk.Options) *asterisk.Report {
	t.Helper()
	r, err := asterisk.Import(t.Context(), s.open(), svc, opts)
	require.NoError(t, err)
	require.Len(t, r.Items, r.Imported+r.Present+r.Skipped+r.Failed)
	return r
}

// reveal shows everything of all mailboxes.
func reveal(t *testing.T, svc *voicemail.Service) string {
	t.Helper()
	ctx := t.Context()
	var b strings.Builder
	for box, err := range svc.Mailboxes(ctx) {
		require.NoError(t, err)
		counts, err := box.Counts(ctx)
		require.NoError(t, err)
		fmt.Fprintf(&b, "mailbox %q %+v\n", string(box.ID()), counts)
		greetings, err := svc.Greetings(box.ID()).Current(ctx)
		require.NoError(t, err)
		for _, g := range greetings {
			fmt.Fprintf(&b, "  greeting %s %d: %s, %v, %d bytes, %s\n", g.Kind, g.Revision, g.ContentType, g.Duration, g.Size, g.SHA256[:16])
		}
		for msg, err := range box.Messages(ctx, &voicemail.ListOptions{Trash: voicemail.WithTrash}) {
			require.NoError(t, err)
			e, st := msg.Envelope(), msg.State()
			fmt.Fprintf(&b, "  %s\n    %s caller %q %q number %t, called %q, redirecting %q\n", e.ID, e.ReceivedAt.Format(time.RFC3339),
				e.Caller.Reveal(), e.Caller.RevealName(), e.Caller.IsNumber(), e.Called.Reveal(), e.Redirecting.Reveal())
			fmt.Fprintf(&b, "    %s, %v measured %t, %d bytes, %s\n", e.ContentType, e.Duration, e.DurationMeasured, e.Size, e.SHA256[:16])
			fmt.Fprintf(&b, "    read %t urgent %t trashed %t expires %v\n", st.Read, st.Urgent, st.Trashed, !st.Expires.IsZero())
			for _, key := range slices.Sorted(maps.Keys(e.Attributes)) {
				fmt.Fprintf(&b, "    %s = %q\n", key, e.Attributes[key])
			}
		}
	}
	return b.String()
}

// objects are the names and contents of everything in a store.
func objects(t *testing.T, st storage.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	for info, err := range storage.All(t.Context(), st, nil) {
		require.NoError(t, err)
		content, err := storage.ReadFile(t.Context(), st, info.Key, 1<<30)
		require.NoError(t, err)
		all[info.Key] = string(content)
	}
	return all
}

func outcomes(r *asterisk.Report) []string {
	var all []string
	for _, it := range r.Items {
		name := path.Join(it.Context, it.Mailbox, it.Folder, it.Name)
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", name, it.Outcome, it.Reason)))
	}
	return all
}

func TestEveryTrapOfASpoolEndsAsInTheGoldenFiles(t *testing.T) {
	s := trapSpool(t)
	svc := service(t, memstore.New(nil))
	r := imported(t, s, svc, creating())
	doc, err := json.MarshalIndent(r, "", "\t")
	require.NoError(t, err)
	golden(t, "report.json", append(doc, '\n'))
	golden(t, "mailboxes.txt", []byte(reveal(t, svc)))
	for _, it := range r.Items {
		if it.Outcome == asterisk.Imported && it.Message != "" {
			id, err := it.Message.Time()
			require.NoError(t, err)
			msg, err := svc.Mailbox(it.To).Message(t.Context(), it.Message)
			require.NoError(t, err)
			assert.True(t, msg.Envelope().ReceivedAt.Equal(id), "an ID carries the time that the message came in")
		}
	}
}

func TestAReportNamesNoCaller(t *testing.T) {
	s := trapSpool(t)
	r := imported(t, s, service(t, memstore.New(nil)), creating())
	doc, err := json.Marshal(r)
	require.NoError(t, err)
	text := string(doc) + fmt.Sprintf("%+v %#v", r, r)
	for _, personal := range []string{"555", "Alice", "alice", "Bob", "Erna", "Dora", "J\ufffd", "desk@", "script", "sip:"} {
		assert.Less(t, strings.Index(text, personal), 0, personal)
	}
}

func TestASecondImportMakesNoSecondMessage(t *testing.T) {
	s := trapSpool(t)
	st := memstore.New(nil)
	svc := service(t, st)
	first := imported(t, s, svc, creating())
	before := objects(t, st)
	second := imported(t, s, service(t, st), creating())
	assert.Equal(t, before, objects(t, st), "nothing is written")
	assert.Zero(t, second.Imported)
	assert.Equal(t, first.Imported+first.Present, second.Present)
	assert.Equal(t, []int{first.Skipped, first.Failed}, []int{second.Skipped, second.Failed})
}

func TestTwoImportsAtOnceMakeOneMessageEach(t *testing.T) {
	s := trapSpool(t)
	want := memstore.New(nil)
	imported(t, s, service(t, want), creating())
	svc := service(t, memstore.New(nil))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			_, err := asterisk.Import(t.Context(), os.DirFS(s.dir), svc, creating())
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	revision := regexp.MustCompile(`(greeting \w+) \d+:`) // two that set a greeting at the same time both succeed
	assert.Equal(t, revision.ReplaceAllString(reveal(t, service(t, want)), "$1:"), revision.ReplaceAllString(reveal(t, svc), "$1:"))
}

func TestTheSpoolIsNeverChanged(t *testing.T) {
	s := trapSpool(t)
	before := s.tree()
	svc := service(t, memstore.New(nil))
	imported(t, s, svc, creating())
	imported(t, s, svc, &asterisk.Options{Greeting: func(_ context.Context, g asterisk.Greeting) error {
		_, err := io.Copy(io.Discard, g.Audio)
		return err
	}})
	assert.Equal(t, before, s.tree())
}

func content(t *testing.T, msg voicemail.Message) []byte {
	t.Helper()
	r, err := msg.Open(t.Context())
	require.NoError(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return b
}

func TestOptionsChooseWhatIsImportedWhereAndHow(t *testing.T) {
	s := newSpool(t)
	s.message("default/8000/INBOX/msg0000", 1, "5551001")
	s.put("default/8000/INBOX/msg0000.gsm", bytes.Repeat([]byte{0xd2}, 33*50))
	s.message("default/8000/Deleted/msg0000", 2, "5551002")
	s.message("default/8001/Old/msg0000", 3, "5551003")
	svc := service(t, memstore.New(nil))
	var told []asterisk.Item
	r := imported(t, s, svc, &asterisk.Options{
		Mailbox: func(context, mailbox string) (voicemail.MailboxID, bool) {
			return voicemail.MailboxID("vm-" + context + "-" + mailbox), mailbox == "8000"
		},
		Create: func(context, mailbox string) *voicemail.Settings {
			return &voicemail.Settings{Owner: voicemail.User(mailbox + "." + context)}
		},
		Folder: func(folder string) (asterisk.Folder, bool) {
			return asterisk.Folder{Urgent: true, Read: true}, folder == "INBOX"
		},
		Formats:  []string{"gsm", "wav"},
		Progress: func(it asterisk.Item) { told = append(told, it) },
	})
	assert.Equal(t, []string{"default/8000/Deleted/msg0000 skipped unmapped", "default/8000/INBOX/msg0000 imported", "default/8001 skipped unmapped"}, outcomes(r))
	assert.Equal(t, r.Items, told)
	set, err := svc.Mailbox("vm-default-8000").Settings(t.Context())
	require.NoError(t, err)
	assert.Equal(t, voicemail.User("8000.default"), set.Owner)
	msg, err := svc.Mailbox("vm-default-8000").Message(t.Context(), r.Items[1].Message)
	require.NoError(t, err)
	assert.Equal(t, "audio/gsm", msg.Envelope().ContentType)
	assert.Equal(t, []bool{true, true}, []bool{msg.State().Urgent, msg.State().Read})

	for name, opts := range map[string]*asterisk.Options{"negative": {MaxFiles: -1}, "texts for recordings": {Formats: []string{"txt"}}} {
		_, err := asterisk.Import(t.Context(), s.open(), svc, opts)
		assert.ErrorIs(t, err, voicemail.ErrInvalid, name)
	}
}

func TestWhatAMailboxDoesNotTakeIsReported(t *testing.T) {
	s := newSpool(t)
	s.message("default/8000/INBOX/msg0000", 1, "5551001")
	s.message("default/8000/INBOX/msg0001", 2, "5551002")
	for _, tt := range []struct {
		why  asterisk.Reason
		opts *asterisk.Options
		with func(*voicemail.Options)
		done int
	}{
		{asterisk.NoMailbox, nil, func(*voicemail.Options) {}, 0},
		{asterisk.MailboxFull, creating(), func(o *voicemail.Options) { o.Limits.Messages = 1 }, 1},
		{asterisk.TooLarge, creating(), func(o *voicemail.Options) { o.Limits.AudioBytes = 1000 }, 0},
		{asterisk.MailboxDisabled, &asterisk.Options{Create: func(string, string) *voicemail.Settings {
			return &voicemail.Settings{Disabled: true}
		}}, func(*voicemail.Options) {}, 0},
		{asterisk.TooManyFiles, &asterisk.Options{Create: create, MaxFiles: 3}, func(*voicemail.Options) {}, 0},
	} {
		r := imported(t, s, service(t, memstore.New(nil), tt.with), tt.opts)
		assert.Equal(t, tt.done, r.Imported, tt.why)
		assert.Equal(t, tt.why, r.Items[len(r.Items)-1].Reason)
		assert.Equal(t, asterisk.Failed, r.Items[len(r.Items)-1].Outcome)
	}
}

func TestAnImportCutOffLongAgoIsFinishedWhenItsRemainsAreGone(t *testing.T) {
	s := newSpool(t)
	s.message("default/8000/INBOX/msg0000", 1, "5551001")
	inner := memstore.New(nil)
	now := time.Now()
	clock := func(o *voicemail.Options) { o.Now = func() time.Time { return now } }
	_, err := asterisk.Import(t.Context(), s.open(), service(t, faultstore.New(inner, faultstore.Fault{Op: faultstore.Create, Pattern: "v1/default/media/"})), creating())
	require.ErrorIs(t, err, faultstore.ErrInjected)

	now = now.Add(13 * time.Hour)
	svc := service(t, inner, clock)
	r := imported(t, s, svc, nil)
	assert.Equal(t, []string{"default/8000/INBOX/msg0000 failed conflict"}, outcomes(r), "what is there may be taken for garbage at any time")
	now = now.Add(12 * time.Hour)
	_, err = svc.Maintain(t.Context())
	require.NoError(t, err)
	r = imported(t, s, svc, nil)
	assert.Equal(t, []string{"default/8000/INBOX/msg0000 imported"}, outcomes(r))
}

func TestGreetingsAreHandedOver(t *testing.T) {
	s := newSpool(t)
	s.put("acme/8000/unavail.gsm", bytes.Repeat([]byte{0xd2}, 33*50))
	s.put("acme/8000/unavail.wav", wav("unavail"))
	s.put("acme/8000/busy.gsm", bytes.Repeat([]byte{0xd2}, 33*50))
	s.put("acme/8000/temp.sln", make([]byte, 16000))
	s.put("acme/8000/greet.wav", wav("greet"))
	s.put("acme/8001/greet.wav", nil)
	got := map[voicemail.GreetingKind]asterisk.Greeting{}
	heads := map[voicemail.GreetingKind]string{}
	opts := &asterisk.Options{Greeting: func(_ context.Context, g asterisk.Greeting) error {
		b, err := io.ReadAll(g.Audio)
		require.NoError(t, err)
		heads[g.Kind] = string(b[:min(4, len(b))]) + fmt.Sprint(len(b))
		g.Audio = nil
		got[g.Kind] = g
		if g.Kind == voicemail.GreetingName {
			return errDisk
		}
		return nil
	}}
	r := imported(t, s, service(t, memstore.New(nil)), opts)
	assert.Equal(t, []string{
		"acme/8000/busy imported", "acme/8000/greet failed refused", "acme/8000/temp imported", "acme/8000/unavail imported", "acme/8001/greet failed empty",
	}, outcomes(r))
	at := func(kind voicemail.GreetingKind, contentType string) asterisk.Greeting {
		return asterisk.Greeting{Context: "acme", Mailbox: "8000", To: "8000@acme", Kind: kind, ContentType: contentType, Modified: got[kind].Modified}
	}
	assert.Equal(t, map[voicemail.GreetingKind]asterisk.Greeting{
		voicemail.GreetingUnavailable: at(voicemail.GreetingUnavailable, ""), voicemail.GreetingBusy: at(voicemail.GreetingBusy, "audio/gsm"),
		voicemail.GreetingTemporary: at(voicemail.GreetingTemporary, ""), voicemail.GreetingName: at(voicemail.GreetingName, ""),
	}, got)
	assert.True(t, got[voicemail.GreetingBusy].Modified.Equal(written))
	assert.Equal(t, map[voicemail.GreetingKind]string{
		voicemail.GreetingUnavailable: "RIFF8044", voicemail.GreetingBusy: "\xd2\xd2\xd2\xd21650", voicemail.GreetingTemporary: "RIFF16044", voicemail.GreetingName: "RIFF8044",
	}, heads)
}

func TestDefaultNamesOfMailboxesNeverMeet(t *testing.T) {
	seen := map[voicemail.MailboxID]string{}
	for _, context := range []string{"default", "a", "a@b", "b", "Default"} {
		for _, mailbox := range []string{"1", "1@a", "1@a@b", "01", "1@default"} {
			id, ok := asterisk.DefaultMailbox(context, mailbox)
			if !ok {
				continue
			}
			assert.Empty(t, seen[id], id)
			seen[id] = context + "/" + mailbox
		}
	}
	assert.Equal(t, "default/1", seen["1"])
	assert.Equal(t, "a@b/1", seen["1@a@b"])
}
