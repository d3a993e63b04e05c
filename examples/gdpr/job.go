package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/genesys/voicemail/examples/internal/gdprapi"
	"github.com/genesys/voicemail/gdpr"
)

// office carries requests out: a service, or the library on a storage.
type office interface {
	// report returns the answer to a request that is no export, as output.json has it.
	report(ctx context.Context, op operation, in *input) ([]byte, error)
	// export writes the files of an export.
	export(ctx context.Context, in *input, to gdpr.Sink) error
	close() error
}

// input is what was read of the request.
type input struct {
	doc []byte
	req *gdpr.Request
}

// job is one run of the command.
type job struct {
	*process
	*options
	out      *folder
	log      *slog.Logger
	progress *progress
}

// run carries the operation out, and returns what became of it. With a partError that is said, too.
func (j *job) run(ctx context.Context) (string, error) {
	in, err := j.read()
	if err != nil {
		return "", err
	}
	if in.req.CaseID != "" {
		j.log = j.log.With("case", in.req.CaseID)
	}
	j.log.Info("started", "with", j.way())
	if err := j.out.clear(); err != nil {
		return "", err
	}
	o, err := j.open(ctx, in)
	if err != nil {
		return "", err
	}
	summary, err := j.carryOut(ctx, o, in)
	if e := o.close(); err == nil && e != nil {
		return summary, e
	}
	return summary, err
}

// way says how the command gets at the messages.
func (j *job) way() string {
	switch {
	case j.store != "":
		return "storage"
	case j.client != "":
		return "client credentials"
	case j.basic:
		return "basic"
	}
	return "bearer"
}

// read reads and checks the request before anything else is asked for.
func (j *job) read() (*input, error) {
	if j.operation == sweep {
		return &input{req: &gdpr.Request{}}, nil
	}
	name := j.input
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, inputFile)
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usageError("there is no input " + name)
	} else if err != nil {
		return nil, usageError("the input cannot be read")
	}
	defer f.Close()
	doc, err := io.ReadAll(io.LimitReader(f, gdprapi.MaxRequest+1))
	if err != nil {
		return nil, usageError("the input cannot be read")
	}
	req, err := gdprapi.ParseRequest(gdprapi.Operation(j.operation), doc)
	if err != nil {
		return nil, err
	}
	if j.client != "" && req.CCID == "" {
		return nil, usageError(`the input has no ccid, which client credentials need: add "ccid": "<contact center ID>"`)
	}
	return &input{doc, req}, nil
}

func (j *job) open(ctx context.Context, in *input) (o office, err error) {
	err = j.retry(ctx, func() error {
		if j.store != "" {
			o, err = openLocal(ctx, j, in)
		} else {
			o, err = openRemote(ctx, j)
		}
		return err
	})
	return o, err
}

func (j *job) carryOut(ctx context.Context, o office, in *input) (string, error) {
	if j.operation == operation(gdprapi.Export) {
		return j.export(ctx, o, in)
	}
	var doc []byte
	err := j.retry(ctx, func() (err error) {
		doc, err = o.report(ctx, j.operation, in)
		return err
	})
	var part partError
	if err != nil && !errors.As(err, &part) {
		return "", err
	}
	if err := j.out.answer(doc); err != nil {
		return "", err
	}
	if j.operation == sweep {
		return "sweep: " + describeSweep(doc), err
	}
	status, messages, text := describe(doc)
	j.log.Info("answered", "status", string(status), "messages", messages)
	return fmt.Sprintf("%s: %s", j.operation, text), nil
}

func (j *job) export(ctx context.Context, o office, in *input) (string, error) {
	var messages, missing int
	err := j.retry(ctx, func() error {
		return j.out.fill(func(to gdpr.Sink) error { return o.export(ctx, in, to) }, func(dir string) (err error) {
			messages, missing, err = problems(dir)
			return err
		})
	})
	if err != nil {
		return "", err
	}
	j.log.Info("exported", "messages", messages, "missing", missing)
	summary := fmt.Sprintf("exportme: %s", count(messages, "message"))
	if missing > 0 {
		return summary, partError(fmt.Sprintf("%s could not be exported whole; %s says which and why", count(missing, "message"), tableFile))
	}
	return summary, nil
}

// Waits between attempts.
const (
	firstWait   = time.Second
	longestWait = 30 * time.Second
	patience    = 5 * time.Minute // longer than this nobody waits who was told to
)

// retry calls f until it succeeds, fails for good, or has failed as often as may be.
func (j *job) retry(ctx context.Context, f func() error) error {
	pause := firstWait
	for attempt := 1; ; attempt++ {
		err := f()
		var part partError
		if err == nil || errors.As(err, &part) || ctx.Err() != nil {
			return err
		}
		p := problemOf(err)
		next := pause/2 + rand.N(pause/2)
		if p.RetryAfter >= 0 {
			next = p.RetryAfter
		}
		if !p.Temporary() || attempt == j.attempts || next > patience {
			return err
		}
		j.log.Warn("failed, and is tried again", "attempt", attempt, "code", p.Code(), "status", p.Status, "wait", next)
		j.progress.line(fmt.Sprintf("%s: %s; attempt %d of %d in %v", j.operation, p.Title, attempt+1, j.attempts, next.Round(time.Second/10)))
		if err := j.wait(ctx, next); err != nil {
			return err
		}
		pause = min(2*pause, longestWait)
	}
}

// describe says what an answer means, without a number: the state of the case, how many messages it is about, and a sentence.
func describe(doc []byte) (gdpr.State, int, string) {
	var r struct {
		gdpr.Case
		Newer     int  `json:"newer"`
		DryRun    bool `json:"dryRun"`
		Consumers map[string]struct {
			Messages []string `json:"messages"`
			Held     []string `json:"held"`
			Refused  string   `json:"refused"`
		} `json:"consumers"`
	}
	if err := json.Unmarshal(doc, &r); err != nil {
		return "", 0, "the answer is in " + outputFile
	}
	messages, held, refused := map[string]bool{}, map[string]bool{}, 0
	for _, c := range r.Consumers {
		for _, id := range c.Messages {
			messages[id] = true
		}
		for _, id := range c.Held {
			held[id] = true
		}
		if c.Refused != "" {
			refused++
		}
	}
	text := fmt.Sprintf("case %q ", r.CaseID)
	if r.DryRun {
		text += "would cover " + count(len(messages), "message")
	} else {
		text += fmt.Sprintf("is %s, %s", r.State, count(len(messages), "message"))
	}
	if r.State == gdpr.StateRestricted && !r.DryRun {
		text += fmt.Sprintf("; can be undone until %s, erased by %s", r.UndoUntil.UTC().Format(time.RFC3339), r.EraseBy.UTC().Format(time.RFC3339))
	}
	if len(held) > 0 {
		text += fmt.Sprintf("; %s held, which stay until the hold is released", count(len(held), "message"))
	}
	if refused > 0 {
		text += fmt.Sprintf("; %s cannot be looked for, see %s", count(refused, "number"), outputFile)
	}
	if r.Newer > 0 {
		text += fmt.Sprintf("; NOT COVERED: %s that came since, which need a new case ID", count(r.Newer, "message"))
	}
	return r.State, len(messages), text
}

func describeSweep(doc []byte) string {
	var r gdpr.SweepReport
	if err := json.Unmarshal(doc, &r); err != nil {
		return "the report is in " + outputFile
	}
	return fmt.Sprintf("%s decided, %s erased, %s written, %s open", count(len(r.Decided), "case"), count(r.Messages, "message"), count(len(r.Closed), "receipt"), count(r.Open, "case"))
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
