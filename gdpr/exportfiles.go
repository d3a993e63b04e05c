package gdpr

import (
	"bufio"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/genesys/voicemail"
)

// Names of the documents of an export. No message ID is one of them.
const (
	outputFile = "output.json"
	tableFile  = "messages.csv"
	pageFile   = "index.html"
)

// exportRow is a message of an export under one of the phones that it matches.
type exportRow struct {
	Phone      int      // an index of the phones
	File       string   // the name of its recording, which is its ID; "" if there is none
	Parts      []string // the names of its parts
	Envelope   voicemail.Envelope
	State      voicemail.State
	Restricted bool   // by a forget, not yet erased
	Pending    bool   // not yet in its mailbox
	Foreign    bool   // deposited by another program and found by its tag, so that its state is not known
	Problem    string // why something is missing; "" if nothing is
}

// writeExportFiles writes the documents beside the recordings, which are there already. Phones and rows keep their order. output.json comes last: where it is,
// the export is whole.
func writeExportFiles(sink Sink, caseID string, phones []Phone, rows []exportRow, now time.Time) error {
	page := newPage(caseID, phones, rows, now)
	for _, doc := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{pageFile, func(w io.Writer) error { return pageTemplate.Execute(w, page) }},
		{tableFile, func(w io.Writer) error { return writeTable(w, phones, rows) }},
		{outputFile, func(w io.Writer) error { return writeOutput(w, caseID, phones, rows) }},
	} {
		if err := writeFile(sink, doc.name, now, doc.write); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a file of the sink, whole or not at all.
func writeFile(sink Sink, name string, at time.Time, write func(io.Writer) error) error {
	f, err := sink.Create(name, at)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	if err != nil {
		return errors.Join(err, f.Abort())
	}
	return f.Commit()
}

// writeOutput writes output.json in the product's shape: each phone as it was given, in the order of the request, with the names of its recordings.
func writeOutput(w io.Writer, caseID string, phones []Phone, rows []exportRow) error {
	// By their keys in JSON, which must be unique: what is no UTF-8 is not kept apart there.
	files := make(map[string][]string, len(phones))
	for _, r := range rows {
		if r.File != "" {
			key := quoteJSON(phones[r.Phone].Reveal())
			files[key] = append(files[key], quoteJSON(r.File))
		}
	}
	var b strings.Builder
	b.WriteString("{\n  \"caseid\": " + quoteJSON(caseID) + ",\n  \"consumers\": {")
	written := make(map[string]bool, len(phones))
	for _, p := range phones {
		key := quoteJSON(p.Reveal())
		if written[key] {
			continue
		}
		if len(written) > 0 {
			b.WriteByte(',')
		}
		written[key] = true
		b.WriteString("\n    " + key + ": [" + strings.Join(files[key], ", ") + "]")
	}
	b.WriteString("\n  }\n}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// quoteJSON returns the same text for what is the same string in JSON.
func quoteJSON(s string) string {
	doc, _ := json.Marshal(strings.ToValidUTF8(s, "\uFFFD")) // of a string, never fails
	return string(doc)
}

// tableColumns are the columns of messages.csv. The first one never begins a line with what a person chose.
var tableColumns = [...]string{
	"message", "phone", "file", "mailbox", "received_at", "duration_seconds", "size_bytes", "content_type", "sha256",
	"caller", "caller_name", "called", "redirecting", "read", "urgent", "trashed", "held", "restricted", "pending", "foreign", "problem", "parts",
}

// writeTable writes messages.csv: RFC 4180 in UTF-8 with a line of names; times in RFC 3339, UTC; what is not known is empty. The
// names of parts are separated by spaces.
func writeTable(w io.Writer, phones []Phone, rows []exportRow) error {
	table := csv.NewWriter(w)
	table.UseCRLF = true
	_ = table.Write(tableColumns[:]) // Error tells
	for _, r := range rows {
		e, s := r.Envelope, r.State
		received, duration, size := "", "", ""
		if !e.ReceivedAt.IsZero() {
			received = e.ReceivedAt.UTC().Format(time.RFC3339)
		}
		if e.Duration > 0 {
			duration = strconv.FormatFloat(e.Duration.Seconds(), 'f', -1, 64)
		}
		if e.Size > 0 {
			size = strconv.FormatInt(e.Size, 10)
		}
		read, urgent, trashed, held := yesNo(s.Read), yesNo(s.Urgent), yesNo(s.Trashed), yesNo(s.Held)
		if r.stateUnknown() {
			read, urgent, trashed, held = "", "", "", ""
		}
		line := [len(tableColumns)]string{
			string(e.ID), phones[r.Phone].Reveal(), r.File, string(e.Mailbox), received, duration, size, e.ContentType, e.SHA256,
			e.Caller.Reveal(), e.Caller.RevealName(), e.Called.Reveal(), e.Redirecting.Reveal(),
			read, urgent, trashed, held, yesNo(r.Restricted), yesNo(r.Pending), yesNo(r.Foreign), r.Problem,
			strings.Join(r.Parts, " "),
		}
		for i := range line {
			line[i] = tableCell(line[i])
		}
		_ = table.Write(line[:])
	}
	table.Flush()
	return table.Error()
}

// stateUnknown: there is nothing to tell it from.
func (r *exportRow) stateUnknown() bool { return r.Foreign || r.Envelope.ReceivedAt.IsZero() }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

var (
	e164 = regexp.MustCompile(`^\+[0-9]+$`)
	// formula finds where a spreadsheet program would begin to read a formula: at the beginning of the cell, and behind the separator of those
	// that take a semicolon for one; space and quotes before it do not matter to all of them. The wide forms are those of East Asian input.
	formula = regexp.MustCompile(`((?:^|;)[\s"']*)([=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}])`)
)

// tableCell returns what stands in messages.csv for a text. A caller chooses his name, and somebody opens the table with a spreadsheet program: so an apostrophe
// stands before what could be a formula. Numbers in the form +123 stay as they are: they are constants to every program, and other programs compare them.
// Control characters are replaced.
func tableCell(s string) string {
	s = printable(s)
	if e164.MatchString(s) {
		return s
	}
	return formula.ReplaceAllString(s, "$1'$2")
}

// printable replaces control characters, which no format carries well.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Noncharacter_Code_Point, r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

//go:embed exportpage.html
var pageText string

// pageTemplate makes index.html, which is also well-formed XML. It has no script and asks no network for anything.
var pageTemplate = template.Must(template.New(pageFile).Parse(pageText))

type page struct {
	CaseID, Total, Problems, Written string
	Phones                           []pagePhone
}

type pagePhone struct {
	Number   string
	Messages []pageMessage
}

type pageMessage struct {
	Machine, Received string // the time, for programs and for people; "" if it is not known
	File, Href, Type  string
	Problem           string
	Parts             []pageLink
	Facts             []pageFact
}

type pageLink struct{ File, Href string }

type pageFact struct{ Name, Value string }

const pageTime = "2 January 2006, 15:04:05 UTC"

func newPage(caseID string, phones []Phone, rows []exportRow, now time.Time) *page {
	p := &page{CaseID: printable(caseID), Written: now.UTC().Format(pageTime)}
	for _, phone := range phones {
		p.Phones = append(p.Phones, pagePhone{Number: printable(phone.Reveal())})
	}
	// A message of two of the phones has two rows.
	messages, problems := make(map[string]bool), make(map[string]bool)
	for i, r := range rows {
		key := string(r.Envelope.Mailbox) + "/" + string(r.Envelope.ID) + "/" + r.File
		if key == "//" {
			key = strconv.Itoa(i)
		}
		messages[key] = true
		if r.Problem != "" {
			problems[key] = true
		}
		to := &p.Phones[r.Phone]
		to.Messages = append(to.Messages, r.page())
	}
	p.Total = count(len(messages), "message")
	if len(problems) > 0 {
		p.Problems = count(len(problems), "problem")
	}
	return p
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

func (r *exportRow) page() pageMessage {
	e := r.Envelope
	m := pageMessage{File: printable(r.File), Problem: printable(r.Problem)}
	if r.File != "" {
		m.Href = "./" + url.PathEscape(r.File)
	}
	for _, part := range r.Parts {
		m.Parts = append(m.Parts, pageLink{printable(part), "./" + url.PathEscape(part)})
	}
	// Of another type a browser knows beforehand that it cannot play it, and does not look.
	if strings.HasPrefix(e.ContentType, "audio/") {
		m.Type = printable(e.ContentType)
	}
	if !e.ReceivedAt.IsZero() {
		m.Machine, m.Received = e.ReceivedAt.UTC().Format(time.RFC3339), e.ReceivedAt.UTC().Format(pageTime)
	}
	fact := func(name, value string) {
		if value != "" {
			m.Facts = append(m.Facts, pageFact{name, printable(value)})
		}
	}
	if e.Duration > 0 {
		s := int((e.Duration + 500*time.Millisecond) / time.Second)
		fact("Duration", fmt.Sprintf("%d:%02d", s/60, s%60))
	}
	fact("Mailbox", string(e.Mailbox))
	fact("From", e.Caller.Reveal())
	fact("Name", e.Caller.RevealName())
	fact("To", e.Called.Reveal())
	fact("Sent on by", e.Redirecting.Reveal())
	fact("State", strings.Join(r.states(), ", "))
	if r.File == "" {
		fact("Message", string(e.ID))
	}
	return m
}

// states are what the message is, in the words of index.html.
func (r *exportRow) states() []string {
	var states []string
	add := func(is bool, state string) {
		if is {
			states = append(states, state)
		}
	}
	if !r.stateUnknown() {
		add(!r.State.Read, "new")
		add(r.State.Read, "old")
		add(r.State.Urgent, "urgent")
		add(r.State.Trashed, "in the trash")
		add(r.State.Held, "held")
	}
	add(r.Restricted, "restricted")
	add(r.Pending, "pending, not yet in its mailbox")
	add(r.Foreign, "from another program")
	return states
}
