package gdpr

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/privacy"
	"github.com/genesys/voicemail/storage"
)

// ExportReport says what an export holds. It prints as REDACTED by fmt; its JSON is the product's output.json: {"caseid": …, "consumers": {number: [files]}}.
type ExportReport struct {
	// CaseID is the request's.
	CaseID string
	// Messages is how many messages match, Files how many recordings were written. They differ if some could not be, or match two numbers. Parts is how many parts of
	// messages were written: transcripts, notes, comments, renditions.
	Messages, Files, Parts int
	// Problems are the messages of which something is missing, and why. They are listed in the documents, too.
	Problems []ExportProblem
	// Refused are the numbers that are not looked for, and why.
	Refused []PhoneReport

	phones []Phone
	rows   []exportRow
}

// ExportProblem says why a message is not whole in an export.
type ExportProblem struct {
	Message voicemail.MessageID
	Err     error
}

// Format prints REDACTED under every verb.
func (ExportReport) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns REDACTED: logs in JSON would show the numbers otherwise.
func (ExportReport) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns the content of output.json.
func (r ExportReport) MarshalJSON() ([]byte, error) {
	var b writer
	if err := writeOutput(&b, r.CaseID, r.phones, r.rows); err != nil {
		return nil, err
	}
	return json.RawMessage(b), nil
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// ExportMe writes everything that is stored of the request's numbers into sink: each recording under its message's ID, the parts of a message beside it as
// <ID>.<kind>-<number>.<extension>, and output.json, messages.csv and index.html. What is restricted by a forget is in it, as is what is in the trash, held, or waits for the master region. Recordings are streamed; memory grows with the
// number of messages, not with their length. The caller closes sink.
//
// A message that cannot be read whole is reported in the documents and in the report, and the others are exported. Errors: a [*RequestError]; ErrRegions, ErrClock, and then nothing
// was written; an error of a storage or of sink, and then the export is not complete: output.json is missing.
func (c *Controller) ExportMe(ctx context.Context, req *Request, sink Sink) (*ExportReport, error) {
	if err := req.check(); err != nil {
		return nil, fail("export", "", err)
	}
	r, err := c.export(ctx, req, sink)
	return r, fail("export", req.CaseID, err)
}

func (c *Controller) export(ctx context.Context, req *Request, sink Sink) (*ExportReport, error) {
	targets, err := c.targets(req)
	if err != nil {
		return nil, err
	}
	if err := c.accept(ctx); err != nil {
		return nil, err
	}
	x := &exporting{Controller: c, sink: sink, targets: targets, files: map[string]bool{}, seen: map[string]int{}, report: &ExportReport{CaseID: req.CaseID}}
	for _, t := range targets {
		x.report.phones = append(x.report.phones, t.phone)
		if t.refused != "" {
			x.report.Refused = append(x.report.Refused, PhoneReport{Phone: t.phone, Refused: t.refused})
		}
	}
	within := subjectOf(req, targets).within()
	if err := x.messages(ctx, req, within); err != nil {
		return nil, err
	}
	if err := x.foreign(ctx, within); err != nil {
		return nil, err
	}
	x.report.Messages = len(x.seen)
	slices.SortStableFunc(x.report.rows, func(a, b exportRow) int { return a.Phone - b.Phone })
	return x.report, writeExportFiles(sink, req.CaseID, x.report.phones, x.report.rows, c.now())
}

// exporting is an export under way.
type exporting struct {
	*Controller
	sink    Sink
	targets []target
	files   map[string]bool // the names that were given to the sink
	seen    map[string]int  // the messages that are in the documents, with how often they had been moved by then
	report  *ExportReport
}

// exportRounds bounds how often a message is looked for again that was moved away just then.
const exportRounds = 10

// messages writes all messages. One that leaves its mailbox before it is read is looked for again, where it went.
func (x *exporting) messages(ctx context.Context, req *Request, within privacy.Subject) error {
	for range exportRounds {
		list, err := x.collect(ctx, within)
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(f *found) bool { return !message(f) })
		missed := false
		for _, f := range list {
			if hop, done := x.seen[f.Ref.ID]; done && (hop != f.Ref.Hop || x.has(f)) {
				continue // where it came from, or was before
			}
			written, err := x.message(ctx, f)
			if err != nil {
				return err
			}
			if missed = missed || !written; written {
				x.seen[f.Ref.ID] = f.Ref.Hop
			}
			if req.Progress != nil {
				req.Progress(Progress{Op: "export", CaseID: req.CaseID, Done: len(x.seen), Total: max(len(list), len(x.seen))})
			}
		}
		if !missed {
			return nil
		}
	}
	return fmt.Errorf("%w: the caller's messages are moved too fast to be exported", storage.ErrUnavailable)
}

// has reports whether the stay is in the documents: the same ID may be in two mailboxes.
func (x *exporting) has(f *found) bool {
	return slices.ContainsFunc(x.report.rows, func(r exportRow) bool {
		return string(r.Envelope.ID) == f.Ref.ID && string(r.Envelope.Mailbox) == f.Mailbox
	})
}

// message writes the recording of a message, and a row for each number that it is of, and reports whether the message was there. Only an error of the sink, or the end of ctx, is an
// error.
func (x *exporting) message(ctx context.Context, f *found) (bool, error) {
	row := exportRow{State: f.State, Restricted: len(f.Forgettings) > 0, Pending: !f.Committed}
	row.Envelope.ID, row.Envelope.Mailbox = voicemail.MessageID(f.Ref.ID), voicemail.MailboxID(f.Mailbox)
	problem := f.Problem
	if f.Envelope != nil {
		row.Envelope = *f.Envelope
	}
	name := f.Ref.ID
	for n := 2; x.files[name]; n++ {
		name = fmt.Sprintf("%s-%d", f.Ref.ID, n) // in two mailboxes under one ID
	}
	switch {
	case problem != nil:
	case f.Open == nil:
		problem = fmt.Errorf("%w: what is known of it cannot be read", voicemail.ErrDamaged)
	default:
		body, err := f.Open(ctx)
		if err != nil {
			problem = err
		} else {
			if problem, err = x.file(name, row.Envelope.ReceivedAt, body, row.Envelope.SHA256); err != nil {
				return false, err
			}
		}
		if errors.Is(problem, voicemail.ErrNotFound) {
			return false, ctx.Err()
		}
	}
	if problem == nil {
		row.File = name
	}
	if f.Parts != nil {
		var missing, err error
		if row.Parts, missing, err = x.parts(ctx, f, name); err != nil {
			return false, err
		}
		problem = errors.Join(problem, missing)
	}
	return true, x.row(ctx, row, problem, func(t *target) bool { return t.matches(f) })
}

// parts writes the parts of a message and returns the names of their files. What is wrong with the parts is problem; what is wrong with the sink is err.
func (x *exporting) parts(ctx context.Context, f *found, name string) (files []string, problem, err error) {
	list, problem := f.Parts(ctx)
	for _, p := range list {
		x.files[name] = true // also where the recording is missing
		file := name + "." + p.Name
		body, missing := p.Open(ctx)
		if missing == nil {
			if missing, err = x.file(file, p.Added, body, ""); err != nil {
				return nil, nil, err
			}
		}
		if missing != nil {
			problem = errors.Join(problem, missing)
			continue
		}
		files = append(files, file)
	}
	x.report.Parts += len(files)
	return files, problem, nil
}

// row adds a message to the documents.
func (x *exporting) row(ctx context.Context, row exportRow, problem error, matches func(*target) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if problem != nil {
		row.Problem = problem.Error()
		x.report.Problems = append(x.report.Problems, ExportProblem{Message: row.Envelope.ID, Err: problem})
	}
	if row.File != "" {
		x.report.Files++
	}
	for i := range x.targets {
		if matches(&x.targets[i]) {
			row.Phone = i
			x.report.rows = append(x.report.rows, row)
		}
	}
	return nil
}

// file streams a recording into the sink. What is wrong with the recording is problem; what is wrong with the sink is err.
func (x *exporting) file(name string, at time.Time, body io.ReadCloser, digest string) (problem, err error) {
	defer body.Close()
	out, err := x.sink.Create(name, at)
	if err != nil {
		return nil, err
	}
	x.files[name] = true // also if it is given up
	sum := sha256.New()
	w := &sinkWriter{File: out}
	_, problem = io.Copy(io.MultiWriter(w, sum), body)
	if w.err != nil {
		return nil, errors.Join(w.err, out.Abort())
	}
	if problem == nil && digest != "" && hex.EncodeToString(sum.Sum(nil)) != digest {
		problem = fmt.Errorf("%w: the recording is not what was deposited", voicemail.ErrDamaged)
	}
	if problem != nil {
		return problem, out.Abort()
	}
	return nil, out.Commit()
}

// sinkWriter tells the sink's errors from the recording's.
type sinkWriter struct {
	File
	err error
}

func (w *sinkWriter) Write(p []byte) (int, error) {
	n, err := w.File.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

// foreign writes what other programs deposited of the numbers and tagged with them.
func (x *exporting) foreign(ctx context.Context, within privacy.Subject) error {
	n := 0
	for i := range x.targets {
		t := &x.targets[i]
		if t.refused != "" {
			continue
		}
		list, _, err := x.Controller.foreign(ctx, privacy.Subject{Identities: t.identities, Since: within.Since, Until: within.Until})
		if err != nil {
			return err
		}
		for _, f := range list {
			n++
			row := exportRow{Foreign: true}
			row.Envelope.ReceivedAt, row.Envelope.Size, row.Envelope.Region = f.Modified, f.Size, f.Region
			name := fmt.Sprintf("foreign-%d", n)
			problem, err := x.foreignFile(ctx, name, f)
			if err != nil {
				return err
			}
			if errors.Is(problem, storage.ErrNotExist) {
				continue
			}
			if problem == nil {
				row.File = name
			}
			if err := x.row(ctx, row, problem, func(other *target) bool { return other == t }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *exporting) foreignFile(ctx context.Context, name string, f privacy.Foreign) (problem, err error) {
	for _, r := range x.ops.Regions() {
		if r.Name != f.Region {
			continue
		}
		body, err := r.Store.Open(ctx, f.Key, nil)
		if err != nil {
			return x.ops.Fail(f.Region, err), nil
		}
		problem, err = x.file(name, f.Modified, body, "")
		return x.ops.Fail(f.Region, problem), err
	}
	return storage.ErrNotExist, nil
}
