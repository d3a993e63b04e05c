package voicemail_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"text/template"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
	"github.com/genesys/voicemail/storage/pvstore"
)

const (
	secretNumber  = "+15551234567"
	secretDigits  = "5551234567"
	secretName    = "Zebedee Quux"
	secretAddress = "sip:zebedee@quux.test"
	secretKey     = "zebedee's index key"
)

func secretCaller() voicemail.CallerID {
	return voicemail.ParseCallerID(fmt.Sprintf("%q <%s>", secretName, secretNumber))
}

// traces are the forms in which a secret could stand somewhere, in lower case.
var traces = func() []string {
	found := []string{secretDigits, "zebedee", "quux"}
	for _, s := range []string{secretNumber, secretNumber[1:], secretDigits, secretName, secretAddress, secretKey} {
		found = append(found, hex.EncodeToString([]byte(s)), strings.Trim(fmt.Sprintf("%d", []byte(s)), "[]"))
		sum := sha256.Sum256([]byte(s))
		found = append(found, hex.EncodeToString(sum[:]))
		// What stands in the middle of base64, at each of the three places it can begin at.
		for skip := range 3 {
			in := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("x", skip) + s))
			found = append(found, in[(skip*8+5)/6:len(in)-1])
		}
	}
	for i, s := range found {
		found[i] = strings.ToLower(s)
	}
	return found
}()

var (
	separators = strings.NewReplacer(" ", "", "\t", "", "-", "", "+", "", ".", "", "(", "", ")", "", "/", "", ":", "")
	base64URL  = strings.NewReplacer("+", "-", "/", "_")
	escaped    = regexp.MustCompile("[_%][0-9a-f]{2}") // of names, and of URLs
)

// leaks returns the trace of a secret that stands in text, in any notation; "" if none does.
func leaks(text string) string {
	text = strings.ToLower(text)
	unescaped := escaped.ReplaceAllStringFunc(text, func(s string) string {
		b, _ := hex.DecodeString(s[1:])
		return string(b)
	})
	for _, form := range []string{text, unescaped, separators.Replace(text), base64URL.Replace(text)} {
		for _, trace := range traces {
			if strings.Contains(form, trace) {
				return trace
			}
		}
	}
	return ""
}

func TestTracesOfASecretAreFound(t *testing.T) {
	for _, text := range []string{
		"+15551234567", "tel:+1-555-123-4567", "(555) 123-4567", "0015551234567", "x%2B15551234567", "_2b15551234567", "%35551234567",
		"ZEBEDEE", fmt.Sprintf("%x", secretNumber), fmt.Sprintf("%X", secretName), fmt.Sprintf("%d", []byte(secretNumber)), fmt.Sprintf("%v", []byte(secretKey)),
		base64.StdEncoding.EncodeToString([]byte(secretNumber)), base64.URLEncoding.EncodeToString([]byte("a " + secretName + " b")),
		base64.StdEncoding.EncodeToString([]byte(`{"n":"` + secretNumber + `"}`)), fmt.Sprintf("%x", sha256.Sum256([]byte(secretNumber))),
	} {
		assert.NotEmpty(t, leaks(text), text)
	}
	assert.Empty(t, leaks("01920000-0000-7000-8000-000000000001 in mailbox \"5001\" REDACTED"))
}

type (
	named    struct{ Caller voicemail.CallerID }
	hidden   struct{ caller voicemail.CallerID }
	embedded struct{ voicemail.CallerID }
	pointing struct{ Caller *voicemail.CallerID }
	deep     struct {
		A map[string][]named
		B any
	}
)

// holders are what holds a caller, or a secret of another kind.
func holders(t *testing.T) map[string]any {
	ctx := t.Context()
	c := secretCaller()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), &voicemail.Options{IndexKey: []byte(secretKey)})
	require.NoError(t, err)
	box, err := svc.CreateMailbox(ctx, "5001", &voicemail.Settings{MaxMessages: 1})
	require.NoError(t, err)
	opts := voicemail.DepositOptions{Caller: c, Called: c, Redirecting: c}
	msg, err := box.Deposit(ctx, strings.NewReader("RIFF"), &opts)
	require.NoError(t, err)
	_, full := box.Deposit(ctx, strings.NewReader("RIFF"), &opts)
	var depositErr *voicemail.DepositError
	require.ErrorAs(t, full, &depositErr)
	t.Cleanup(func() { depositErr.Audio.Close() })
	env, list := msg.Envelope(), voicemail.ListOptions{Caller: c}
	link := storage.NewSignedURL("https://quux.test/?caller="+secretNumber, time.Now())
	options := voicemail.Options{IndexKey: []byte(secretKey)}
	return map[string]any{
		"CallerID": c, "*CallerID": &c, "opaque CallerID": voicemail.ParseCallerID(secretAddress), "withheld CallerID with a name": voicemail.CallerID{}.WithName(secretName),
		"[]CallerID": []voicemail.CallerID{c}, "[1]CallerID": [1]voicemail.CallerID{c}, "map to CallerID": map[string]voicemail.CallerID{"a": c},
		"map by CallerID": map[voicemail.CallerID]int{c: 1}, "any": []any{c, &c}, "chan": make(chan voicemail.CallerID),
		"field": named{c}, "*field": &named{c}, "unexported field": hidden{c}, "*unexported field": &hidden{c}, "embedded": embedded{c}, "pointer": pointing{&c},
		"deep": deep{map[string][]named{"x": {{c}}}, hidden{c}}, "reflect.Value": reflect.ValueOf(c),
		"Envelope": env, "*Envelope": &env, "DepositOptions": opts, "*DepositOptions": &opts, "ListOptions": list, "*ListOptions": &list,
		"Message": msg, "[]Message": []voicemail.Message{msg}, "Message in a struct": struct{ M voicemail.Message }{msg},
		"State": msg.State(), "Mailbox": box, "Service": svc, "Service by value": *svc, "Options with a key": options, "*Options with a key": &options, "SecretKey": options.IndexKey,
		"SignedURL": link, "*SignedURL": &link, "DepositError": depositErr, "DepositError by value": *depositErr, "Error": depositErr.Err,
		"wrapped": fmt.Errorf("deposit of %v: %w", c, full), "joined": errors.Join(full, fmt.Errorf("%+v", env)),
	}
}

// renderings are the ways by which a value gets into a log, a page or a file by accident.
func renderings() map[string]func(v any) string {
	ways := map[string]func(v any) string{
		"Sprint":   func(v any) string { return fmt.Sprint(v) },
		"Sprintln": func(v any) string { return fmt.Sprintln(v) },
		"Append":   func(v any) string { return string(fmt.Append(nil, v)) },
		"Errorf":   func(v any) string { return fmt.Errorf("x: %v", v).Error() },
		"log":      func(v any) string { return written(func(w io.Writer) { log.New(w, "", 0).Print(v) }) },
		"panic": func(v any) (text string) {
			defer func() { text = fmt.Sprint(recover()) }()
			panic(v)
		},
		"json.Marshal": func(v any) string { doc, _ := json.Marshal(v); return string(doc) },
		"json of a struct": func(v any) string {
			doc, _ := json.MarshalIndent(struct{ V any }{v}, "", " ")
			return string(doc)
		},
		"json of a map": func(v any) string { doc, _ := json.Marshal(map[string]any{"v": v}); return string(doc) },
		"xml":           func(v any) string { doc, _ := xml.Marshal(v); return string(doc) },
		"gob":           func(v any) string { return written(func(w io.Writer) { _ = gob.NewEncoder(w).Encode(v) }) },
		"gob of a slice": func(v any) string {
			return written(func(w io.Writer) { _ = gob.NewEncoder(w).Encode([]any{v}) })
		},
		"text/template": func(v any) string {
			return written(func(w io.Writer) { _ = template.Must(template.New("").Parse(`{{.}} {{printf "%+v" .}}`)).Execute(w, v) })
		},
		"html/template": func(v any) string {
			const page = `<p title="{{.}}">{{.}}</p><a href="/?c={{.}}">x</a><script>var c = {{.}};</script>`
			return written(func(w io.Writer) { _ = htmltemplate.Must(htmltemplate.New("").Parse(page)).Execute(w, v) })
		},
		"MarshalText": func(v any) string {
			if m, ok := v.(interface{ MarshalText() ([]byte, error) }); ok {
				text, _ := m.MarshalText()
				return string(text)
			}
			return ""
		},
		"Stringer": func(v any) string {
			if s, ok := v.(fmt.Stringer); ok {
				return s.String() // what the runtime prints of a panic, too
			}
			return ""
		},
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T", "%c", "%U", "%b", "%o", "%e", "%g", "%z", "% x", "%#q", "%20.3v", "%!"} {
		ways[verb] = func(v any) string { return fmt.Sprintf(verb, v) }
	}
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"slog text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		"slog JSON": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	} {
		ways[name] = func(v any) string { return written(func(w io.Writer) { slog.New(handler(w)).Info("x", "v", v) }) }
		ways[name+" group"] = func(v any) string {
			return written(func(w io.Writer) { slog.New(handler(w)).Info("x", slog.Group("g", "v", v, "s", struct{ V any }{v})) })
		}
		ways[name+" with"] = func(v any) string {
			return written(func(w io.Writer) { slog.New(handler(w)).With("v", v).WithGroup("g").Info("x", "w", []any{v}) })
		}
	}
	return ways
}

func written(f func(io.Writer)) string {
	var b bytes.Buffer
	f(&b)
	return b.String()
}

func TestNothingThatHoldsACallerPrintsOne(t *testing.T) {
	ways := renderings()
	require.GreaterOrEqual(t, len(ways), 17)
	for what, v := range holders(t) {
		for way, render := range ways {
			if way == "%p" && strings.HasSuffix(what, "Options with a key") || strings.HasPrefix(way, "gob") && what == "SecretKey" {
				continue // of a slice, fmt prints these without asking it; gob is no way to print
			}
			assert.Empty(t, leaks(render(v)), "%s of %s", way, what)
		}
	}
}

// What does not print at all would pass the test above.
func TestACallerPrintsAsRedacted(t *testing.T) {
	ways := renderings()
	for _, none := range []string{"%T", "%p", "%!", "gob", "gob of a slice"} {
		delete(ways, none) // prints nothing of it
	}
	for way, render := range ways {
		assert.Contains(t, render(secretCaller()), "REDACTED", way)
	}
	assert.Error(t, gob.NewEncoder(io.Discard).Encode(secretCaller()), "gob could not bring it back")
}

func TestACallerInAnEnvelopeIsRevealedOnlyByName(t *testing.T) {
	e := voicemail.Envelope{Caller: secretCaller()}
	assert.Equal(t, secretNumber, e.Caller.Reveal())
	assert.Equal(t, secretName, e.Caller.RevealName())
	assert.Contains(t, fmt.Sprintf("%+v", e), "Caller:REDACTED")
}

// diary is all that a run lets out: names, errors, log lines and events.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) Write(line []byte) (int, error) {
	d.add(string(line))
	return len(line), nil
}

func (d *diary) add(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) event(e voicemail.Event) {
	doc, _ := json.Marshal(e)
	d.add(fmt.Sprintf("event %+v %s", e, doc))
}

func (d *diary) err(err error) {
	if err == nil {
		return
	}
	doc, _ := json.Marshal(err)
	d.add(fmt.Sprintf("error %v | %+v | %#v | %q | %s", err, err, err, err, doc))
	var lost *voicemail.DepositError
	if errors.As(err, &lost) {
		_ = lost.Audio.Close()
	}
	switch e := any(err).(type) {
	case interface{ Unwrap() error }:
		d.err(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, e := range e.Unwrap() {
			d.err(e)
		}
	}
}

// tellingStore writes every name into the diary, and fails the call of that number; 0 is none.
type tellingStore struct {
	storage.Store
	diary  *diary
	mu     sync.Mutex
	calls  int
	failAt int
	after  bool // fail after the effect
}

func (s *tellingStore) call(names ...string) bool {
	for _, name := range names {
		s.diary.add("name " + name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return s.calls == s.failAt
}

var errOutage = &storage.Error{Op: "any", Driver: "test", Kind: storage.ErrUnavailable}

func (s *tellingStore) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	fail := s.call(key)
	if fail && !s.after {
		return storage.Info{}, errOutage
	}
	info, err := s.Store.Create(ctx, key, body, opts)
	if fail {
		return storage.Info{}, errOutage
	}
	return info, err
}

func (s *tellingStore) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	if s.call(key) {
		return nil, errOutage
	}
	return s.Store.Open(ctx, key, opts)
}

func (s *tellingStore) Stat(ctx context.Context, key string) (storage.Info, error) {
	if s.call(key) {
		return storage.Info{}, errOutage
	}
	return s.Store.Stat(ctx, key)
}

func (s *tellingStore) Delete(ctx context.Context, keys ...string) error {
	fail := s.call(keys...)
	if fail && !s.after {
		return errOutage
	}
	err := s.Store.Delete(ctx, keys...)
	if fail {
		return errOutage
	}
	return err
}

func (s *tellingStore) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	if s.call(opts.Prefix) {
		return nil, errOutage
	}
	return s.Store.List(ctx, opts)
}

// everything calls every operation, as it should be called and as it should not, goes on after errors, and writes all that can be seen into the diary.
func everything(ctx context.Context, st *tellingStore, d *diary) {
	now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	opts := &voicemail.Options{
		Normalize: func(n string) string { return "+1" + n },
		Limits:    voicemail.Limits{AudioBytes: 1 << 10},
		Observer:  d.event,
		Logger:    slog.New(slog.NewJSONHandler(d, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:       func() time.Time { return now },
	}
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(st), opts)
	if err != nil {
		d.err(err)
		return
	}
	tell := func(v any) {
		if st.failAt > 0 {
			return // told by the run in which nothing fails
		}
		d.add(fmt.Sprintf("value %v | %+v | %#v | %d", v, v, v, v))
	}
	boxes := map[voicemail.MailboxID]voicemail.Mailbox{}
	for _, id := range []voicemail.MailboxID{"5001", "Sales", ""} {
		_, err := svc.CreateMailbox(ctx, id, &voicemail.Settings{Owner: voicemail.User("agent7")})
		d.err(err)
		boxes[id] = svc.Mailbox(id)
		tell(boxes[id])
	}
	box := boxes["5001"]
	id := voicemail.NewMessageID(now)
	national := voicemail.ParseCallerID(secretDigits).WithName(secretName)
	var msgs []voicemail.Message
	for _, row := range []struct {
		box   voicemail.MailboxID
		audio io.Reader
		opts  *voicemail.DepositOptions
	}{
		{"5001", strings.NewReader("one"), &voicemail.DepositOptions{Caller: secretCaller(), Called: secretCaller(), Redirecting: secretCaller()}},
		{"5001", strings.NewReader("two"), &voicemail.DepositOptions{ID: id, Caller: national, Urgent: true, Expires: now.Add(time.Hour)}},
		{"5001", strings.NewReader("two"), &voicemail.DepositOptions{ID: id, Caller: national, Urgent: true, Expires: now.Add(time.Hour)}},
		{"5001", strings.NewReader("other"), &voicemail.DepositOptions{ID: id, Caller: national}},
		{"5001", strings.NewReader("three"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(secretAddress)}},
		{"5001", strings.NewReader("four"), &voicemail.DepositOptions{Caller: voicemail.CallerID{}.WithName(secretName)}},
		{"5001", strings.NewReader(""), &voicemail.DepositOptions{Caller: secretCaller()}},
		{"5001", strings.NewReader(strings.Repeat("x", 2<<10)), &voicemail.DepositOptions{Caller: secretCaller()}},
		{"5001", iotest.ErrReader(io.ErrUnexpectedEOF), &voicemail.DepositOptions{Caller: secretCaller()}},
		{"5001", strings.NewReader("x"), &voicemail.DepositOptions{Caller: secretCaller().WithName(strings.Repeat(secretName, 30))}},
		{"5001", strings.NewReader("x"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(strings.Repeat(secretAddress, 30))}},
		{"5001", strings.NewReader("x"), &voicemail.DepositOptions{Caller: secretCaller(), Attributes: map[string]string{"k": strings.Repeat("\x00", 8<<10)}}},
		{"none", strings.NewReader("x"), &voicemail.DepositOptions{Caller: secretCaller()}},
		{"", strings.NewReader("x"), &voicemail.DepositOptions{Caller: secretCaller()}},
	} {
		msg, err := svc.Mailbox(row.box).Deposit(ctx, row.audio, row.opts)
		d.err(err)
		if err == nil {
			tell(msg)
			msgs = append(msgs, msg)
		}
	}
	list := func(opts *voicemail.ListOptions) {
		for msg, err := range box.Messages(ctx, opts) {
			d.err(err)
			tell(msg)
		}
	}
	find := func() {
		for _, c := range []voicemail.CallerID{secretCaller(), national, {}, voicemail.ParseCallerID(strings.Repeat(secretAddress, 30))} {
			for msg, err := range svc.FindByCaller(ctx, c) {
				d.err(err)
				tell(msg)
			}
		}
	}
	operate := func(msg voicemail.Message) {
		for _, f := range []func(context.Context) error{msg.MarkRead, msg.MarkUnread, msg.Trash, msg.Restore} {
			d.err(f(ctx))
		}
		d.err(msg.SetUrgent(ctx, true))
		d.err(msg.SetExpiry(ctx, now.Add(2*time.Hour)))
		tell(msg.Envelope())
		r, err := msg.Open(ctx)
		d.err(err)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
			d.err(err)
			d.err(r.Close())
		}
		_, err = msg.URL(ctx, 0)
		d.err(err)
		for _, to := range []voicemail.MailboxID{"Sales", "none", ""} {
			_, err = msg.CopyTo(ctx, to, nil)
			d.err(err)
		}
	}
	list(nil)
	list(&voicemail.ListOptions{Caller: secretCaller(), Trash: voicemail.WithTrash})
	list(&voicemail.ListOptions{Caller: secretCaller(), Limit: -1})
	find()
	for _, msg := range msgs {
		operate(msg)
	}
	if len(msgs) > 1 {
		space, _ := keys.NewSpace("default")
		names, _ := space.Box("5001")
		ref := keys.Ref{ID: string(msgs[0].ID())}
		_, err := st.Store.Create(ctx, names.Mark(ref, keys.Hold+"h1"), nil, nil)
		d.err(err)
		_, err = msgs[0].MoveTo(ctx, "Sales")
		d.err(err)
		d.err(msgs[0].Delete(ctx))
		last := msgs[len(msgs)-1]
		_, err = last.MoveTo(ctx, "Sales")
		d.err(err)
		operate(last)
		d.err(msgs[1].Delete(ctx))
		// The metadata of a message is damaged: it holds the number, but is no JSON.
		damaged := names.Meta(ref)
		d.err(st.Store.Delete(ctx, damaged))
		_, err = st.Store.Create(ctx, damaged, strings.NewReader(`{"caller":{"number":"`+secretNumber+`"},"v":"`+secretName+`"}`), nil)
		d.err(err)
		if again, err := voicemail.Open(ctx, voicemail.OneRegion(st), opts); err == nil { // with nothing in its cache
			svc, box = again, again.Mailbox("5001")
		}
		list(nil)
		find()
	}
	_, err = box.UpdateSettings(ctx, func(s *voicemail.Settings) error { s.MaxMessages = -1; return nil })
	d.err(err)
	_, err = box.UpdateSettings(ctx, func(s *voicemail.Settings) error { s.MaxMessages = 1; return nil })
	d.err(err)
	_, err = box.Deposit(ctx, strings.NewReader("full"), &voicemail.DepositOptions{Caller: secretCaller()})
	d.err(err)
	_, err = box.Counts(ctx)
	d.err(err)
	for m, err := range svc.Mailboxes(ctx) {
		d.err(err)
		tell(m)
	}
	d.err(svc.Ping(ctx))
	now = now.Add(50 * 24 * time.Hour)
	report, err := svc.Maintain(ctx)
	d.err(err)
	tell(report)
	find()
	list(nil)
	tell(svc)
}

func checkRun(t *testing.T, st storage.Store, failAt int, after bool) (calls int, lines []string) {
	t.Helper()
	d := &diary{}
	telling := &tellingStore{Store: st, diary: d, failAt: failAt, after: after}
	everything(t.Context(), telling, d)
	if leaks(strings.Join(d.lines, "\n")) != "" {
		for _, line := range d.lines {
			require.Empty(t, leaks(line), "call %d failed, after=%v: %s", failAt, after, line)
		}
	}
	return telling.calls, d.lines
}

func TestARunLetsNoCallerOut(t *testing.T) {
	drivers := map[string]func(t *testing.T) storage.Store{
		"memstore": func(*testing.T) storage.Store { return memstore.New(nil) },
		"pvstore": func(t *testing.T) storage.Store {
			dir := t.TempDir()
			require.NoError(t, pvstore.Init(t.Context(), dir))
			st, err := pvstore.Open(t.Context(), dir, nil)
			require.NoError(t, err)
			t.Cleanup(func() {
				require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
					assert.Empty(t, leaks(strings.TrimPrefix(path, dir)))
					return err
				}))
				require.NoError(t, st.Close())
			})
			return st
		},
	}
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			_, lines := checkRun(t, open(t), 0, false)
			kinds := map[string]int{}
			for _, line := range lines {
				kind, _, _ := strings.Cut(line, " ")
				kinds[kind]++
			}
			for _, kind := range []string{"name", "error", "event", "value"} {
				assert.Greater(t, kinds[kind], 10, "the run says enough to be looked at: %s", kind)
			}
		})
	}
}

func TestARunWhoseStorageFailsLetsNoCallerOut(t *testing.T) {
	calls, _ := checkRun(t, memstore.New(nil), 0, false)
	require.Greater(t, calls, 100)
	for failAt := 1; failAt <= calls; failAt += 3 { // each kind of call often enough; that all are survived is the business of others
		checkRun(t, memstore.New(nil), failAt, failAt%2 == 0)
	}
}

func TestWhatAFailedDepositLeavesBehindIsLoggedWithoutItsCaller(t *testing.T) {
	var log bytes.Buffer
	st := faultstore.New(memstore.New(nil))
	svc, err := voicemail.Open(t.Context(), voicemail.OneRegion(st), &voicemail.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	require.NoError(t, err)
	st.Set(faultstore.Fault{Op: faultstore.Delete})
	_, err = svc.Mailbox("nobody").Deposit(t.Context(), strings.NewReader("hello"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+1 555 010 0099")})
	require.ErrorIs(t, err, voicemail.ErrNoMailbox)
	assert.Contains(t, log.String(), "which Maintain takes away")
	assert.NotContains(t, log.String(), "0100099")
}
