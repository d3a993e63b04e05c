package voicemail_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/interleave"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/privacy"
	"github.com/genesys/voicemail/storage"
)

// away are the errors that whoever wants something of a message gets when it cannot be seen any more.
func away() []error { return []error{voicemail.ErrNotFound} }

func forgetting(name, id string) role {
	return role{name: name, records: true, run: func(ctx context.Context, p *part) (any, error) { return p.gdpr.ForgetMe(ctx, request(id)) }}
}

func forgets() role { return forgetting("forget", caseID) }

func undoes() role {
	return role{
		name: "undo", records: true, may: []error{gdpr.ErrDecided, gdpr.ErrNoCase},
		run: func(ctx context.Context, p *part) (any, error) { return p.gdpr.UndoForgetMe(ctx, request(caseID)) },
	}
}

func sweeps() role {
	return role{name: "sweep", records: true, recordings: true, run: func(ctx context.Context, p *part) (any, error) { return p.gdpr.Sweep(ctx) }}
}

func sweepsToo() role {
	r := sweeps()
	r.name = "second sweep"
	return r
}

// erases is what a sweep does to a message, once the erasure is decided and written down.
func erases(name string) role {
	return role{name: name, recordings: true, may: []error{voicemail.ErrHeld}, run: func(ctx context.Context, p *part) (any, error) {
		return nil, p.svc.Privacy(privacy.Key{}).Erase(ctx, privacy.Place{Mailbox: string(voicemail.BoxA), Ref: keys.Ref{ID: string(voicemail.MsgX)}}, nil)
	}}
}

func holds() role {
	return role{name: "hold", holds: true, may: away(), run: func(ctx context.Context, p *part) (any, error) { return p.gdpr.Hold(ctx, holdOfX()) }}
}

func releases() role {
	return role{name: "release", holds: true, run: func(ctx context.Context, p *part) (any, error) { return nil, p.gdpr.Release(ctx, p.hold) }}
}

// retains deletes what has expired.
func retains() role {
	return role{name: "retention", takes: true, records: true, recordings: true, run: func(ctx context.Context, p *part) (any, error) { return p.svc.Maintain(ctx) }}
}

// repairs looks for damage, and finds what is altered and nothing else.
func repairs(name string, altered bool) role {
	return role{name: name, records: true, recordings: true, run: func(ctx context.Context, p *part) (any, error) {
		for f, err := range p.svc.Repair(ctx, &voicemail.CheckOptions{Audio: voicemail.AudioDigest}) {
			if err == nil && (!altered || f.Kind != voicemail.FoundAudioAltered || f.Action != voicemail.ActionQuarantined) {
				err = fmt.Errorf("it finds %v", f)
			}
			if err != nil {
				return nil, err
			}
		}
		return nil, nil
	}}
}

func deposits() role {
	return role{name: "deposit", recordings: true, run: depositing(voicemail.MsgY, audioOfY)}
}

func depositsAgain() role {
	return role{name: "deposit x again", recordings: true, run: depositing(voicemail.MsgX, audioOfX), may: []error{voicemail.ErrGone, voicemail.ErrConflict}}
}

func depositing(id voicemail.MessageID, audio string) func(ctx context.Context, p *part) (any, error) {
	return func(ctx context.Context, p *part) (any, error) {
		m, err := p.box(voicemail.BoxA).Deposit(ctx, strings.NewReader(audio), &voicemail.DepositOptions{ID: id, Caller: voicemail.Caller()})
		if err != nil {
			return nil, err
		}
		return m.State().Pending, nil
	}
}

func copies() role {
	return role{name: "copy", recordings: true, may: away(), run: func(ctx context.Context, p *part) (any, error) {
		m, err := p.x.CopyTo(ctx, voicemail.BoxB, nil)
		if err != nil {
			return nil, err
		}
		return m.ID(), nil
	}}
}

func moves() role {
	return role{name: "move", recordings: true, may: []error{voicemail.ErrNotFound, voicemail.ErrHeld}, run: func(ctx context.Context, p *part) (any, error) {
		_, err := p.x.MoveTo(ctx, voicemail.BoxB)
		return nil, err
	}}
}

// transcribes adds a part to a message that it was shown before.
func transcribes() role {
	return role{name: "transcript", recordings: true, may: away(), run: func(ctx context.Context, p *part) (any, error) {
		_, err := p.x.AddPart(ctx, voicemail.PartTranscript, strings.NewReader("what was said"), nil)
		return nil, err
	}}
}

func exports() role {
	return role{name: "export", safe: true, recordings: true, run: func(ctx context.Context, p *part) (any, error) {
		files := memSink{}
		_, err := p.gdpr.ExportMe(ctx, request("export"), files)
		return files, err
	}}
}

func marksRead() role {
	return role{name: "mark read", may: away(), run: func(ctx context.Context, p *part) (any, error) { return nil, p.x.MarkRead(ctx) }}
}

func deletes() role {
	return role{
		name: "delete", takes: true, recordings: true, may: []error{voicemail.ErrNotFound, voicemail.ErrHeld},
		run: func(ctx context.Context, p *part) (any, error) { return nil, p.x.Delete(ctx) },
	}
}

func counts() role {
	return role{name: "count", safe: true, run: func(ctx context.Context, p *part) (any, error) { return p.box(voicemail.BoxA).Counts(ctx) }}
}

func lists() role {
	return role{name: "list", safe: true, run: func(ctx context.Context, p *part) (any, error) {
		var ids []voicemail.MessageID
		for m, err := range p.box(voicemail.BoxA).Messages(ctx, nil) {
			if err != nil {
				return nil, err
			}
			ids = append(ids, m.ID())
		}
		return ids, nil
	}}
}

func finds() role {
	return role{name: "find", safe: true, run: func(ctx context.Context, p *part) (any, error) {
		var ids []voicemail.MessageID
		for m, err := range p.svc.FindByCaller(ctx, voicemail.Caller()) {
			if err != nil {
				return nil, err
			}
			ids = append(ids, m.ID())
		}
		return ids, nil
	}}
}

// plays hears the message again, with a reader that was opened before its caller was forgotten, or before the scene.
func plays() role {
	return role{
		name: "play", safe: true, recordings: true, may: away(),
		run: func(ctx context.Context, p *part) (any, error) {
			r, err := p.x.Open(ctx)
			if err != nil {
				return nil, err
			}
			defer r.Close()
			if _, err := r.Seek(1, io.SeekStart); err != nil { // as one that was opened long ago and goes on somewhere else
				return nil, err
			}
			heard, err := io.ReadAll(r)
			return string(heard), err
		},
	}
}

func syncs() role {
	return role{name: "sync", recordings: true, run: func(ctx context.Context, p *part) (any, error) { return p.svc.Sync(ctx) }}
}

// depositsPending deposits while its process cannot reach the master region.
func depositsPending() role {
	r := deposits()
	r.name, r.local = "pending deposit", region2
	return r
}

// memSink is an export in memory.
type memSink map[string]string

func (s memSink) Create(name string, _ time.Time) (gdpr.File, error) {
	return &memFile{sink: s, name: name}, nil
}

func (s memSink) Close() error { return nil }

type memFile struct {
	bytes.Buffer
	sink memSink
	name string
}

func (f *memFile) Commit() error { f.sink[f.name] = f.String(); return nil }
func (f *memFile) Abort() error  { return nil }

// unreachable is a region that a process cannot reach.
type unreachable struct{ storage.Store }

func (unreachable) fail(op string) error {
	return &storage.Error{Op: op, Driver: "unreachable", Kind: storage.ErrUnavailable}
}

func (u unreachable) Create(context.Context, string, io.ReadSeeker, *storage.CreateOptions) (storage.Info, error) {
	return storage.Info{}, u.fail("create")
}

func (u unreachable) Open(context.Context, string, *storage.OpenOptions) (storage.Object, error) {
	return nil, u.fail("open")
}

func (u unreachable) Stat(context.Context, string) (storage.Info, error) {
	return storage.Info{}, u.fail("stat")
}

func (u unreachable) Delete(context.Context, ...string) error { return u.fail("delete") }

func (u unreachable) List(context.Context, *storage.ListOptions) (*storage.Page, error) {
	return nil, u.fail("list")
}

// depositPending leaves a deposit in a region that its process took while the master region could not be reached.
func (s *scene) depositPending(ctx context.Context, w *interleave.World, region string) error {
	p, err := s.part(ctx, w, role{name: "pending deposit", local: region})
	if err == nil {
		_, err = deposits().run(ctx, p)
	}
	return err
}
