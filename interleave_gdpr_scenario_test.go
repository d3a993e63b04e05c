package voicemail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/interleave"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// start is what has happened before the roles of a scene are played: the message x was deposited in the mailbox a, and
type start struct {
	expired   bool // its time has come, and nobody has deleted it yet
	marked    bool // it was marked as read, and is urgent
	held      bool
	forgotten bool // its caller was forgotten, so long ago that the erasure is due
	restored  bool // that was undone
	erased    bool // that was carried out, so long ago that the receipt is due
	accepted  bool // its caller is to be forgotten, and whoever asked for that was cut off before the first message was restricted: the next sweep goes on
	decided   bool // a sweep was cut off when it had decided that and written it down
	released  bool // the hold was released after the sweep had met it
	regions   bool // there is a second region, eu, which has the audio
	old       bool // that was two days ago
	pending   bool // x is another caller's; of the one who is forgotten there is y, which waits in that region for the master region
	altered   bool // its recording is another one by now
	pageSize  int
	crashes   int
}

// The times of what has happened.
const (
	window   = gdpr.DefaultWindow
	caseID   = "case 1"
	otherID  = "case 2"
	actor    = "officer"
	region2  = "eu"
	audioOfX = "the recording of x"
	audioOfY = "another recording, of y"
)

// role is who takes part in a scene.
type role struct {
	name string
	// ready makes what run works with; its calls are not scheduled.
	ready func(ctx context.Context, p *part) error
	run   func(ctx context.Context, p *part) (any, error)
	// may are the errors that another role, or the start, can be the reason for.
	may []error
	// takes: x may be gone for good afterwards, forgotten or not.
	takes bool
	// local is the role's region, if it is not the master.
	local string
	// ahead are how far the clocks of other controllers of the role are ahead.
	ahead []time.Duration
	// safe roles do not crash in scenes with crashes.
	safe bool
	// records: the role reads or writes the records of cases. holds: those of holds. recordings: audio and its parts.
	records, holds, recordings bool
}

// part is what a role has: a Service and a Controller of its own, and the message as it was shown to somebody before its caller was forgotten.
type part struct {
	svc    *voicemail.Service
	gdpr   *gdpr.Controller
	x      voicemail.Message
	hold   gdpr.HoldID
	master storage.Store
	ahead  []*gdpr.Controller
}

func (p *part) box(id voicemail.MailboxID) voicemail.Mailbox { return p.svc.Mailbox(id) }

// scene is a start and roles, and what is known of the run under way.
type scene struct {
	start
	roles []role
	// bend is what the scenes that break a rule do to the regions of a role.
	bend map[string]func(region string, st storage.Store) storage.Store

	space keys.Space
	made  []*memstore.Store
	raw   map[string]*memstore.Store
	quiet *quietCalls
	x     voicemail.Message
	hold  gdpr.HoldID
}

func newScene(s start, roles ...role) *scene {
	space, err := keys.NewSpace("default")
	if err != nil {
		panic(err)
	}
	return &scene{start: s, roles: roles, space: space}
}

func (s *scene) stores() []string {
	if s.regions {
		return []string{"", region2}
	}
	return []string{""}
}

// part opens what a role works with.
func (s *scene) part(ctx context.Context, w *interleave.World, r role) (*part, error) {
	return s.partAhead(ctx, w, r, 0, 0)
}

// partAhead opens the n-th of what a role works with, whose clock is ahead of the others'.
func (s *scene) partAhead(ctx context.Context, w *interleave.World, r role, n int64, ahead time.Duration) (*part, error) {
	p := &part{hold: s.hold}
	regions := voicemail.Regions{Master: "main", Local: "main", Stores: map[string]storage.Store{}}
	if r.local != "" {
		regions.Local = r.local
	}
	for _, name := range s.stores() {
		st := storage.Store(&quietStore{Store: w.Store(name), scene: s, role: r.name, name: name, raw: s.raw[name]})
		if name == "" {
			if r.name == "pending deposit" {
				st = unreachable{st}
			}
			name, p.master = regions.Master, st
		}
		if bend := s.bend[r.name]; bend != nil {
			st = bend(name, st)
		}
		regions.Stores[name] = st
	}
	var err error
	if p.svc, err = voicemail.ServiceIn(ctx, regions, w.Seed()+n*256, func() time.Time { return time.Now().Add(ahead) }); err != nil {
		return nil, err
	}
	if s.x != nil {
		p.x = voicemail.With(p.svc, s.x)
	}
	p.gdpr, err = gdpr.New(p.svc, &gdpr.Options{MaxSkew: 1000 * time.Hour})
	return p, err
}

// setUp makes what has happened.
func (s *scene) setUp(ctx context.Context, w *interleave.World) error {
	s.raw, s.quiet, s.x, s.hold = map[string]*memstore.Store{}, &quietCalls{}, nil, ""
	for i, name := range s.stores() {
		s.raw[name] = s.made[i]
	}
	s.made = nil
	p, err := s.part(ctx, w, role{})
	if err == nil && s.regions {
		p, err = s.part(ctx, w, role{local: region2})
	}
	if err != nil {
		return err
	}
	for _, id := range []voicemail.MailboxID{voicemail.BoxA, voicemail.BoxB} {
		if _, err := p.svc.CreateMailbox(ctx, id, nil); err != nil {
			return err
		}
	}
	opts := &voicemail.DepositOptions{ID: voicemail.MsgX, Caller: voicemail.Caller(), Urgent: s.marked}
	if s.pending {
		opts.Caller = voicemail.ParseCallerID("+1 555 010 0199")
	}
	if s.expired {
		opts.Expires = time.Now().Add(30 * time.Minute)
	}
	if s.x, err = p.box(voicemail.BoxA).Deposit(ctx, strings.NewReader(audioOfX), opts); err != nil {
		return err
	}
	if s.marked {
		if err := s.x.MarkRead(ctx); err != nil {
			return err
		}
	}
	if s.held {
		if s.hold, err = p.gdpr.Hold(ctx, holdOfX()); err != nil {
			return err
		}
	}
	if s.pending {
		if err := s.depositPending(ctx, w, region2); err != nil {
			return err
		}
	}
	time.Sleep(time.Hour)
	if s.old {
		time.Sleep(48 * time.Hour)
	}
	if s.forgotten {
		if _, err := p.gdpr.ForgetMe(ctx, request(caseID)); err != nil {
			return err
		}
		if s.restored {
			if _, err := p.gdpr.UndoForgetMe(ctx, request(caseID)); err != nil {
				return err
			}
		}
		time.Sleep(window)
	}
	if s.accepted {
		if err := s.cut(ctx, w, "."+keys.Forget, func(p *part) error { _, err := p.gdpr.ForgetMe(ctx, request(caseID)); return err }); err != nil {
			return err
		}
		time.Sleep(90 * time.Minute) // earlier it may be under way, for all that a sweep knows
	}
	if s.decided {
		if err := s.cut(ctx, w, "."+keys.Gone, func(p *part) error { _, err := p.gdpr.Sweep(ctx); return err }); err != nil {
			return err
		}
	}
	if s.erased {
		_, err = p.gdpr.Sweep(ctx)
		time.Sleep(gdpr.Settle)
	}
	if err == nil && s.altered {
		err = s.alter(ctx)
	}
	if err == nil && s.released {
		err = p.gdpr.Release(ctx, s.hold)
	}
	s.quiet.start()
	return err
}

// alter puts another recording in the place of that of x.
func (s *scene) alter(ctx context.Context) error {
	for info, err := range storage.All(ctx, s.raw[""], &storage.ListOptions{Prefix: s.space.Media()}) {
		if err == nil {
			err = s.raw[""].Delete(ctx, info.Key)
		}
		if err == nil {
			_, err = s.raw[""].Create(ctx, info.Key, strings.NewReader(strings.ToUpper(audioOfX)), nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func request(id string) *gdpr.Request {
	return &gdpr.Request{CaseID: id, Actor: actor, Consumers: []gdpr.Consumer{{Phones: []gdpr.Phone{gdpr.NewPhone(voicemail.Caller().Reveal())}}}}
}

func holdOfX() gdpr.Hold {
	return gdpr.Hold{Mailbox: voicemail.BoxA, Message: voicemail.MsgX, Reason: "a dispute", Actor: actor}
}

// scenario is the exploration of the scene.
func (s *scene) scenario() interleave.Scenario {
	sc := interleave.Scenario{
		Stores: s.stores(),
		New: func() storage.Store {
			st := memstore.New(&memstore.Options{PageSize: s.pageSize})
			s.made = append(s.made, st)
			return st
		},
		Setup:      s.setUp,
		MaxCrashes: s.crashes,
		Invariant:  s.invariant,
		Recover:    []interleave.Op{{Name: "what comes later", Run: s.later}},
		Final:      s.final,
	}
	for _, r := range s.roles {
		sc.Ops = append(sc.Ops, interleave.Op{
			Name: r.name, CanCrash: !r.safe,
			Prepare: func(ctx context.Context, w *interleave.World) error {
				p, err := s.part(ctx, w, r)
				for i, ahead := range r.ahead {
					if err == nil {
						var other *part
						if other, err = s.partAhead(ctx, w, r, int64(i+1), ahead); err == nil {
							p.ahead = append(p.ahead, other.gdpr)
						}
					}
				}
				if err == nil && r.ready != nil {
					err = r.ready(ctx, p)
				}
				w.Value = p
				return err
			},
			Run: func(ctx context.Context, w *interleave.World) (any, error) { return r.run(ctx, w.Value.(*part)) },
		})
	}
	return sc
}

// later is what happens after a scene: the shipped schedule, until all that is due was carried out; then holds are released, and that is carried out, too; Maintain
// takes away what crashes left.
func (s *scene) later(ctx context.Context, w *interleave.World) (any, error) {
	p, err := s.part(ctx, w, role{})
	if err != nil {
		return nil, err
	}
	held := false // a case was, until after its deadline: it is late in the sweep that erases it then
	sweep := func(hours int) error {
		for range hours {
			time.Sleep(time.Hour)
			report, err := p.gdpr.Sweep(ctx)
			if err != nil && !isLeft(err) {
				return err
			}
			late := slices.DeleteFunc(report.Late, func(id string) bool { return held && slices.Contains(report.Erased, id) })
			if len(late) > 0 {
				return fmt.Errorf("the promise was not kept: %v", late)
			}
		}
		return nil
	}
	if _, err := p.svc.Sync(ctx); err != nil {
		return nil, err
	}
	if err := sweep(27); err != nil {
		return nil, err
	}
	holds, err := p.gdpr.Holds(ctx)
	if err != nil {
		return nil, err
	}
	held = len(holds) > 0
	for _, h := range holds {
		if err := p.gdpr.Release(ctx, h.ID); err != nil {
			return nil, err
		}
	}
	for range 2 {
		if err := sweep(3); err != nil {
			return nil, err
		}
		time.Sleep(50 * time.Hour)
		if _, err := p.svc.Maintain(ctx); err != nil {
			return nil, err
		}
	}
	if _, err := p.gdpr.Sweep(ctx); err != nil {
		return nil, err
	}
	return nil, nil
}

// cut does something whose process crashes before it creates a certain name.
func (s *scene) cut(ctx context.Context, w *interleave.World, before string, do func(p *part) error) error {
	bend := s.bend
	s.bend = map[string]func(string, storage.Store) storage.Store{"setup": func(_ string, st storage.Store) storage.Store { return &crashing{st, before} }}
	p, err := s.part(ctx, w, role{name: "setup"})
	s.bend = bend
	if err == nil {
		if err = do(p); errors.Is(err, interleave.ErrCrashed) {
			return nil
		}
	}
	return fmt.Errorf("it was not cut off: %w", err)
}

// crashing is the region of a process that crashes before it creates a certain name.
type crashing struct {
	storage.Store
	before string
}

func (c *crashing) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	if strings.Contains(key, c.before) {
		return storage.Info{}, interleave.ErrCrashed
	}
	return c.Store.Create(ctx, key, body, opts)
}

// isLeft reports whether a sweep found after an erasure what somebody had put there meanwhile.
func isLeft(err error) bool { return strings.Contains(err.Error(), "something is left") }
