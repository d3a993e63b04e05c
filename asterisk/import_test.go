package asterisk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
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
		if it.Outcome == asterisk.Imported {
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
	assert.Equal(t, reveal(t, service(t, want)), reveal(t, svc))
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

// smallSpool has a message of every kind of deposit: known, withheld, urgent, read, in the trash.
func smallSpool(t *testing.T) *spool {
	s := newSpool(t)
	s.message("default/8000/INBOX/msg0000", 1, "5551001")
	s.message("default/8000/INBOX/msg0001", 2, "Unknown")
	s.message("default/8000/Urgent/msg0000", 3, "5551002")
	s.message("default/8000/Deleted/msg0000", 4, "5551003")
	s.message("acme/8000/Old/msg0000", 5, "5551001")
	return s
}

func TestAnImportThatIsCutOffAnywhereIsFinishedByTheNext(t *testing.T) {
	s := smallSpool(t)
	want := memstore.New(nil)
	counted := faultstore.New(want)
	imported(t, s, service(t, counted), creating())
	calls := 0
	for _, n := range counted.Counts() {
		calls += n
	}
	require.Greater(t, calls, 40)
	wanted := reveal(t, service(t, want))
	for n := 1; n <= calls; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		for name, fault := range map[string]faultstore.Fault{
			"fails before its effect":                            {N: n},
			"fails after its effect":                             {N: n, Mode: faultstore.After},
			"and all that follow fail, so nothing is taken back": {N: n, Times: faultstore.Always, Mode: faultstore.Before},
			"and all that follow lose their replies":             {N: n, Times: faultstore.Always, Mode: faultstore.After},
			"comes as the context ends": {N: n, Mode: faultstore.Pass, Wait: func(context.Context, faultstore.Call) error {
				cancel()
				return nil
			}},
		} {
			inner := memstore.New(nil)
			st := faultstore.New(inner, fault)
			svc, err := voicemail.Open(ctx, voicemail.OneRegion(st), nil)
			if err == nil {
				var r *asterisk.Report
				r, err = asterisk.Import(ctx, s.open(), svc, creating())
				require.NotNil(t, r)
			}
			if fault.Times == faultstore.Always {
				require.Error(t, err, "call %d %s", n, name)
			}
			again := service(t, inner)
			r := imported(t, s, again, creating())
			require.Equal(t, 5, r.Imported+r.Present, "call %d %s: %v", n, name, outcomes(r))
			require.Equal(t, wanted, reveal(t, again), "call %d %s", n, name)
		}
		cancel()
	}
}

func TestAContextThatIsDoneChangesNothing(t *testing.T) {
	s := smallSpool(t)
	st := memstore.New(nil)
	svc := service(t, st)
	before := objects(t, st)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := asterisk.Import(ctx, s.open(), svc, creating())
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, r.Items)
	assert.Equal(t, before, objects(t, st))
}

func TestAnErrorOfTheStorageEndsTheImport(t *testing.T) {
	s := smallSpool(t)
	inner := memstore.New(nil)
	st := faultstore.New(inner)
	svc := service(t, st)
	st.Set(faultstore.Fault{Op: faultstore.Create, Pattern: "v1/default/media/", N: 2, Times: faultstore.Always})
	r, err := asterisk.Import(t.Context(), s.open(), svc, creating())
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.ErrorIs(t, err, faultstore.ErrInjected)
	assert.Equal(t, 1, r.Imported, "what was done is in the report")
	last := r.Items[len(r.Items)-1]
	assert.Equal(t, []any{asterisk.Failed, asterisk.Storage, "default"}, []any{last.Outcome, last.Reason, last.Context})
	assert.NotContains(t, err.Error()+last.Detail, "555")
}

func TestWhatAgentsDidSinceIsLeftAlone(t *testing.T) {
	s := smallSpool(t)
	svc := service(t, memstore.New(nil))
	r := imported(t, s, svc, creating())
	ctx := t.Context()
	at := func(folder string) voicemail.Message {
		i := slices.IndexFunc(r.Items, func(it asterisk.Item) bool { return it.Folder == folder && it.Name == "msg0000" })
		msg, err := svc.Mailbox(r.Items[i].To).Message(ctx, r.Items[i].Message)
		require.NoError(t, err)
		return msg
	}
	require.NoError(t, at("Old").MarkUnread(ctx))
	require.NoError(t, at("Urgent").SetUrgent(ctx, false))
	require.NoError(t, at("Deleted").Restore(ctx))
	require.NoError(t, at("INBOX").MarkRead(ctx))
	before := reveal(t, svc)
	imported(t, s, svc, creating())
	assert.Equal(t, before, reveal(t, svc))
}

func TestWhatWasDeletedOrMovedIsNotBroughtBack(t *testing.T) {
	s := smallSpool(t)
	now := time.Now()
	svc := service(t, memstore.New(nil), func(o *voicemail.Options) { o.Now = func() time.Time { return now } })
	r := imported(t, s, svc, creating())
	ctx := t.Context()
	for i, it := range r.Items {
		msg, err := svc.Mailbox(it.To).Message(ctx, it.Message)
		require.NoError(t, err)
		if i == 0 {
			_, err = msg.MoveTo(ctx, "8000")
		} else {
			err = msg.Delete(ctx)
		}
		require.NoError(t, err)
	}
	before := reveal(t, svc)
	for _, later := range []time.Duration{0, 3 * 24 * time.Hour, 400 * 24 * time.Hour} {
		now = now.Add(later)
		_, err := svc.Maintain(ctx)
		require.NoError(t, err)
		again := imported(t, s, svc, creating())
		assert.Equal(t, 5, again.Skipped, "%v later: %v", later, outcomes(again))
		for _, it := range again.Items {
			assert.Equal(t, asterisk.Gone, it.Reason)
		}
		assert.Equal(t, before, reveal(t, svc))
	}
}

// A server and its users go on while the old spool is imported again and again.
func TestAMessageThatTheServerFiledAnewIsTheSame(t *testing.T) {
	for _, tt := range []struct {
		why    string
		change func(s *spool)
	}{
		{"the user listened to it", func(s *spool) { s.rename("default/8000/INBOX/msg0000", "default/8000/Old/msg0000") }},
		{"a gap before it was closed", func(s *spool) { s.rename("default/8000/INBOX/msg0001", "default/8000/INBOX/msg0000") }},
		{"the server gave it a msg_id, and an urgent flag", func(s *spool) {
			s.put("default/8000/INBOX/msg0001.txt", envelope(2, "5551002", "msg_id=9-9", "flag=Urgent"))
		}},
		{"it was copied to another disk", func(s *spool) { s.touch("default/8000/INBOX/msg0001.wav", time.Now()) }},
	} {
		s := newSpool(t)
		if !strings.Contains(tt.why, "gap") {
			s.message("default/8000/INBOX/msg0000", 1, "5551001")
		}
		s.message("default/8000/INBOX/msg0001", 2, "5551002")
		svc := service(t, memstore.New(nil))
		imported(t, s, svc, creating())
		before := reveal(t, svc)
		tt.change(s)
		r := imported(t, s, svc, creating())
		assert.Zero(t, r.Imported, tt.why)
		assert.Equal(t, before, reveal(t, svc), tt.why)
	}
}

func TestWhatIsBeingWrittenIsTakenByTheNextRun(t *testing.T) {
	whole := envelope(1, "5551001")
	for _, tt := range []struct {
		why       string
		text, wav []byte
	}{
		{"the text is not there yet", nil, wav("x")},
		{"the recording is not there yet", whole, nil},
		{"the text has no bytes yet", []byte{}, wav("x")},
		{"the recording has no bytes yet", whole, []byte{}},
		{"the text has no time yet", whole[:bytes.Index(whole, []byte("origtime="))+12], wav("x")},
	} {
		s := newSpool(t)
		now := time.Now()
		for ext, content := range map[string][]byte{"txt": tt.text, "wav": tt.wav} {
			if content != nil {
				s.put("default/8000/INBOX/msg0000."+ext, content)
				s.touch("default/8000/INBOX/msg0000."+ext, now)
			}
		}
		svc := service(t, memstore.New(nil))
		r := imported(t, s, svc, creating())
		require.Equal(t, []string{"default/8000/INBOX/msg0000 skipped in-progress"}, outcomes(r), tt.why)

		later := creating()
		later.Now = func() time.Time { return now.Add(time.Hour) }
		r = imported(t, s, service(t, memstore.New(nil)), later)
		require.NotEqual(t, asterisk.InProgress, r.Items[0].Reason, "%s: it never will be", tt.why)

		s.put("default/8000/INBOX/msg0000.txt", whole)
		s.put("default/8000/INBOX/msg0000.wav", wav("x"))
		r = imported(t, s, svc, creating())
		require.Equal(t, []string{"default/8000/INBOX/msg0000 imported"}, outcomes(r), tt.why)
	}
}

// live is a spool whose server goes on: it takes each step before the open of a file that the step is set for.
type live struct {
	fs.FS
	steps []func()
	at    []int // the opens, in ascending order
	opens int
}

func (l *live) Open(name string) (fs.File, error) {
	for l.opens++; len(l.at) > 0 && l.at[0] <= l.opens; l.at = l.at[1:] {
		l.steps[len(l.steps)-len(l.at)]()
	}
	return l.FS.Open(name)
}

// ascending yields all ways to choose n numbers from first to last, each not less than the one before.
func ascending(n, first, last int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		if n == 0 {
			yield(nil)
			return
		}
		for i := first; i <= last; i++ {
			for rest := range ascending(n-1, i, last) {
				if !yield(append([]int{i}, rest...)) {
					return
				}
			}
		}
	}
}

// The server closes gaps by giving files the names of others, so at no moment may a text be taken for that of another recording.
func TestARecordingNeverGetsTheTextOfAnother(t *testing.T) {
	const inbox = "default/8000/INBOX/"
	do := func(s *spool, steps ...string) (all []func()) {
		for _, step := range steps {
			verb, ext, _ := strings.Cut(step, " ")
			from, to := filepath.Join(s.dir, inbox, "msg0001"+ext), filepath.Join(s.dir, inbox, "msg0000"+ext)
			all = append(all, func() {
				switch verb {
				case "lock":
					require.NoError(t, os.WriteFile(filepath.Join(s.dir, inbox, ext), nil, 0o644))
				case "unlock":
					require.NoError(t, os.Remove(filepath.Join(s.dir, inbox, ext)))
				case "remove":
					require.NoError(t, os.Remove(to))
				case "rename":
					require.NoError(t, os.Rename(from, to))
				}
			})
		}
		return all
	}
	for _, steps := range [][]string{
		{"remove .wav", "remove .txt", "rename .wav", "rename .txt"},
		{"lock .lock", "rename .wav", "rename .txt", "unlock .lock"},
		{"lock lock", "rename .wav", "rename .txt", "unlock lock"},
	} {
		for at := range ascending(len(steps), 5, 10) { // all those of the first message, behind those of directories
			s := newSpool(t)
			s.message(inbox+"msg0000", 1, "5551001")
			s.message(inbox+"msg0001", 2, "5551002")
			first, second := wav(inbox+"msg0000"), wav(inbox+"msg0001")
			svc := service(t, memstore.New(nil))
			spool := &live{FS: os.DirFS(s.dir), steps: do(s, steps...), at: slices.Clone(at)}
			_, err := asterisk.Import(t.Context(), spool, svc, creating())
			require.NoError(t, err)
			for _, step := range spool.steps[len(steps)-len(spool.at):] {
				step()
			}
			r := imported(t, s, svc, creating())
			require.Equal(t, 1, r.Imported+r.Present, "%v at %v: %v", steps, at, outcomes(r))
			_, err = svc.Mailbox("8000").Message(t.Context(), r.Items[0].Message)
			require.NoError(t, err)
			for msg, err := range svc.Mailbox("8000").Messages(t.Context(), nil) {
				require.NoError(t, err)
				want := first
				if msg.Envelope().Caller.Reveal() == "5551002" {
					want = second
				}
				require.Equal(t, want, content(t, msg), "%v at %v: the recording of another caller", steps, at)
			}
		}
	}
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

// broken fails to open some files, and to read others to their end.
type broken struct {
	fs.FS
	open, read string
}

var errDisk = errors.New("input/output error")

func (b broken) Open(name string) (fs.File, error) {
	if name == b.open {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	f, err := b.FS.Open(name)
	if err == nil && name == b.read {
		f = &brokenFile{f}
	}
	return f, err
}

type brokenFile struct{ fs.File }

func (*brokenFile) Read([]byte) (int, error)           { return 0, errDisk }
func (*brokenFile) ReadDir(int) ([]fs.DirEntry, error) { return nil, errDisk }

func TestWhatCannotBeReadIsReportedAndTheRestIsImported(t *testing.T) {
	s := newSpool(t)
	s.message("default/8000/INBOX/msg0000", 1, "5551001")
	s.message("default/8000/INBOX/msg0001", 2, "5551002")
	s.message("other/1/INBOX/msg0000", 3, "5551003")
	for _, tt := range []struct {
		name   string
		failed string
		rest   int
	}{
		{"default", "default", 1},
		{"default/8000", "default/8000", 1},
		{"default/8000/INBOX", "default/8000/INBOX", 1},
		{"default/8000/INBOX/msg0000.txt", "default/8000/INBOX/msg0000", 2},
		{"default/8000/INBOX/msg0000.wav", "default/8000/INBOX/msg0000", 2},
	} {
		for _, spool := range []fs.FS{broken{FS: s.open(), open: tt.name}, broken{FS: s.open(), read: tt.name}} {
			r, err := asterisk.Import(t.Context(), spool, service(t, memstore.New(nil)), creating())
			require.NoError(t, err)
			assert.Contains(t, outcomes(r), tt.failed+" failed unreadable")
			assert.Equal(t, []int{tt.rest, 1}, []int{r.Imported, r.Failed})
		}
	}
	for _, spool := range []fs.FS{broken{FS: s.open(), open: "."}, broken{FS: s.open(), read: "."}} {
		_, err := asterisk.Import(t.Context(), spool, service(t, memstore.New(nil)), nil)
		require.Error(t, err, "a spool that is not mounted is not an empty one")
	}
}

// Whoever can write into the spool must not have other files of the host imported.
func TestLinksAreNotFollowed(t *testing.T) {
	outside := newSpool(t)
	outside.message("8000/INBOX/msg0000", 1, "5551001")
	s := newSpool(t)
	s.link(outside.dir, "default")
	s.link(filepath.Join(outside.dir, "8000"), "acme/8000")
	s.link(filepath.Join(outside.dir, "8000/INBOX"), "acme/8001/INBOX")
	s.message("acme/8002/INBOX/msg0000", 2, "5551001")
	s.link(filepath.Join(outside.dir, "8000/INBOX/msg0000.wav"), "acme/8002/unavail.wav")
	for name, fsys := range map[string]fs.FS{"a root": s.open(), "a directory, which follows links": os.DirFS(s.dir)} {
		opts := creating()
		opts.Greeting = func(context.Context, asterisk.Greeting) error {
			assert.Fail(t, "a greeting from outside")
			return nil
		}
		r, err := asterisk.Import(t.Context(), fsys, service(t, memstore.New(nil)), opts)
		require.NoError(t, err)
		assert.Equal(t, []string{
			"acme/8000 skipped not-a-regular-file", "acme/8001/INBOX skipped not-a-regular-file", "acme/8002/unavail failed not-a-regular-file",
			"acme/8002/INBOX/msg0000 imported", "default skipped not-a-regular-file",
		}, outcomes(r), name)
	}
	// A link that comes after the look leads nowhere, in a root.
	late := &live{FS: s.open(), at: []int{7}, steps: []func(){func() {
		require.NoError(t, os.Remove(filepath.Join(s.dir, "acme/8002/INBOX/msg0000.wav")))
		s.link(filepath.Join(outside.dir, "8000/INBOX/msg0000.wav"), "acme/8002/INBOX/msg0000.wav")
	}}}
	r, err := asterisk.Import(t.Context(), late, service(t, memstore.New(nil)), creating())
	require.NoError(t, err)
	assert.Contains(t, outcomes(r), "acme/8002/INBOX/msg0000 failed unreadable")
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
	got := map[asterisk.GreetingKind]asterisk.Greeting{}
	heads := map[asterisk.GreetingKind]string{}
	opts := &asterisk.Options{Greeting: func(_ context.Context, g asterisk.Greeting) error {
		b, err := io.ReadAll(g.Audio)
		require.NoError(t, err)
		heads[g.Kind] = string(b[:min(4, len(b))]) + fmt.Sprint(len(b))
		g.Audio = nil
		got[g.Kind] = g
		if g.Kind == asterisk.Name {
			return errDisk
		}
		return nil
	}}
	r := imported(t, s, service(t, memstore.New(nil)), opts)
	assert.Equal(t, []string{
		"acme/8000/busy imported", "acme/8000/greet failed refused", "acme/8000/temp imported", "acme/8000/unavail imported", "acme/8001/greet failed empty",
	}, outcomes(r))
	at := func(kind asterisk.GreetingKind, contentType string) asterisk.Greeting {
		return asterisk.Greeting{Context: "acme", Mailbox: "8000", To: "8000@acme", Kind: kind, ContentType: contentType, Modified: got[kind].Modified}
	}
	assert.Equal(t, map[asterisk.GreetingKind]asterisk.Greeting{
		asterisk.Unavailable: at(asterisk.Unavailable, ""), asterisk.Busy: at(asterisk.Busy, "audio/gsm"),
		asterisk.Temporary: at(asterisk.Temporary, ""), asterisk.Name: at(asterisk.Name, ""),
	}, got)
	assert.True(t, got[asterisk.Busy].Modified.Equal(written))
	assert.Equal(t, map[asterisk.GreetingKind]string{
		asterisk.Unavailable: "RIFF8044", asterisk.Busy: "\xd2\xd2\xd2\xd21650", asterisk.Temporary: "RIFF16044", asterisk.Name: "RIFF8044",
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
