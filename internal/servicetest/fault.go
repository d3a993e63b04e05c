package servicetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

// operation is one change that users can make.
type operation struct {
	name string
	// setup prepares the tenant.
	setup func(f *fixture)
	// prepare returns the operation on a service whose calls may fail from then on. A repeated one gets what the failed one returned.
	prepare func(f *fixture, svc *voicemail.Service) func(failed error) error
	// open changes the options of the service.
	open func(o *voicemail.Options)
	// want is what the operation returns when nothing fails.
	want error
	// repeated is what a repeated operation may return where the first one succeeded and did not know it.
	repeated error
	// single: it cannot be repeated after two faults without being done twice, since nothing tells the second time from the first.
	single bool
	// hides: a failure may hide the message until Maintain has looked at it.
	hides bool
	// empties: a failure may leave messages in a mailbox that does not exist any more.
	empties bool
	// event is told of the change, at the latest by the repetition.
	event voicemail.EventKind
	// provisions: the operation is the Open of a tenant.
	provisions bool
}

// fixture is what one run of an operation works on: a tenant of its own.
type fixture struct {
	*env
	audio  []byte
	do     func(failed error) error
	faults *faultstore.Store
	events atomic.Int32
	// indexed is closed when the first caller index entry has been asked for.
	indexed chan struct{}
	once    sync.Once
}

// Faults fails every storage call of every operation, before its effect and after, and demands after each that the invariants hold, that the operation
// is done or not, that it succeeds when it is repeated, and that Maintain leaves nothing behind. Then it does the same with pairs of faults.
func Faults(t *testing.T, newStore func(t *testing.T) storage.Store, opts *Options) {
	o := opts.withDefaults()
	if o.Seed == 0 {
		var b [8]byte
		_, _ = rand.Read(b[:])
		o.Seed = binary.LittleEndian.Uint64(b[:])
	}
	t.Run("EveryStorageCallMayFail", func(t *testing.T) {
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the faults were chosen with Options.Seed = %d", o.Seed)
			}
		})
		for n, op := range operations() {
			t.Run(op.name, func(t *testing.T) {
				t.Parallel()
				store := newStore(t)
				t.Cleanup(func() { _ = store.Close() })
				s := &series{op: op, store: store, opts: o, random: mathrand.New(mathrand.NewPCG(o.Seed, uint64(n)))}
				s.run(t)
			})
		}
	})
	regionFaults(t, newStore, o)
}

// series are all runs of one operation, each one in a tenant of its own.
type series struct {
	op     operation
	store  storage.Store
	opts   Options
	random *mathrand.Rand
	tenant int
	// What the run without a fault saw.
	calls       []point
	was, is     lines
	left        []string
	afterFaults map[fault][]point
}

func (s *series) run(t *testing.T) {
	s.learn(t)
	s.afterFaults = map[fault][]point{}
	var all []fault
	for _, p := range s.calls {
		for _, mode := range p.modes() {
			all = append(all, fault{p, mode})
		}
	}
	for i, f := range all {
		if (uint64(i)+s.opts.Seed)%uint64(s.opts.Every) != 0 {
			continue
		}
		t.Run(f.String(), func(t *testing.T) { s.afterFaults[f] = s.try(t, f) })
	}
	if s.op.single {
		return
	}
	for range s.opts.Pairs {
		first := all[s.random.IntN(len(all))]
		following := s.afterFaults[first]
		if len(following) == 0 {
			continue
		}
		p := following[s.random.IntN(len(following))]
		modes := p.modes()
		second := fault{p, modes[s.random.IntN(len(modes))]}
		t.Run(fmt.Sprintf("%s and %s", first, second), func(t *testing.T) { s.try(t, first, second) })
	}
}

// fixture makes a tenant with two mailboxes, and the operation's own.
func (s *series) fixture(t *testing.T) *fixture {
	s.tenant++
	ctx, cancel := context.WithTimeout(t.Context(), s.opts.Patience)
	t.Cleanup(cancel)
	f := &fixture{env: newEnv(ctx, t, s.store, fmt.Sprintf("run-%d", s.tenant), s.opts), audio: wav(20), indexed: make(chan struct{})}
	if !s.op.provisions {
		// With one revision of each greeting kept, what an attempt that failed has left is not kept, either.
		f.svc = f.open(func(o *voicemail.Options) { o.Limits.GreetingRevisions = 1 })
		f.mailbox("5001")
		f.mailbox("5002")
		if s.op.setup != nil {
			s.op.setup(f)
		}
	}
	return f
}

// perform runs the operation, with the faults if there are any. After a failure it does so again.
func (s *series) perform(f *fixture, failed error, faults ...fault) error {
	if f.do == nil {
		s.begin(f)
	}
	chosen := make([]faultstore.Fault, len(faults))
	for i, ft := range faults {
		chosen[i] = ft.in(f.folder())
		chosen[i].Wait = func(_ context.Context, c faultstore.Call) error { f.told(c.Keys...); return nil }
	}
	f.faults.Set(chosen...)
	return f.do(failed)
}

// begin makes the operation, on a service of its own.
func (s *series) begin(f *fixture) {
	f.faults = faultstore.New(&telling{Store: f.store, told: f.told})
	options := func(o *voicemail.Options) {
		if s.op.open != nil {
			s.op.open(o)
		}
		o.Observer = func(ev voicemail.Event) {
			if ev.Kind == s.op.event {
				f.events.Add(1)
			}
		}
	}
	if s.op.provisions {
		f.do = func(error) error {
			_, err := f.tryOpen(f.faults, options)
			return err
		}
		return
	}
	svc, err := f.tryOpen(f.faults, options)
	require.NoError(f, err)
	f.do = s.op.prepare(f, svc)
}

// told hears of every name that was created, or could not be.
func (f *fixture) told(names ...string) {
	if len(names) > 0 && strings.HasPrefix(names[0], f.space.Callers()) {
		f.once.Do(func() { close(f.indexed) })
	}
}

// telling is a store that tells what it has created.
type telling struct {
	storage.Store
	told func(names ...string)
}

func (s *telling) Unwrap() storage.Store { return s.Store }

func (s *telling) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	defer s.told(key)
	return s.Store.Create(ctx, key, body, opts)
}

// learn runs the operation without a fault.
func (s *series) learn(t *testing.T) {
	f := s.fixture(t)
	s.was = f.look(s.op)
	s.succeeded(f, s.perform(f, nil))
	s.calls = pointsOf(f.faults.Calls(), f.folder(), 0)
	require.NotEmpty(t, s.calls, "the operation makes no storage call")
	s.is = f.look(s.op)
	f.sound(f.service())
	s.left = f.settle()
	if s.op.event != "" {
		require.Equal(t, int32(1), f.events.Load(), "told once")
	}
}

func (s *series) succeeded(f *fixture, err error) {
	f.Helper()
	if s.op.want != nil {
		require.ErrorIs(f, err, s.op.want)
		return
	}
	require.NoError(f, err)
}

func (s *series) ok(err error) bool {
	if s.op.want != nil {
		return errors.Is(err, s.op.want) && !errors.Is(err, faultstore.ErrInjected)
	}
	return err == nil
}

// try runs the operation with faults and returns the calls that it made after the first of them.
func (s *series) try(t *testing.T, faults ...fault) []point {
	f := s.fixture(t)
	err := s.perform(f, nil, faults...)
	calls := f.faults.Calls()
	hit := slices.IndexFunc(calls, func(c faultstore.Call) bool { return c.Disturbed })
	require.True(t, hit >= 0, "the call did not come: the operation calls the storage differently each time")
	following := pointsOf(calls, f.folder(), hit+1)
	if !s.op.provisions {
		s.checkFailed(f, err)
	}
	s.repeat(f, err, len(faults) > 1)
	require.Equal(t, s.is, f.look(s.op), "repeated, it is done, and done once")
	f.sound(f.service())
	if s.op.event != "" {
		require.Positive(t, f.events.Load(), "nobody was told of the change")
	}
	require.Equal(t, s.left, f.settle(), "after two days and Maintain nothing else is left than without the fault")
	f.sound(f.service())
	return following
}

// checkFailed demands that the operation which returned err is done if it says so, and else is done or not.
func (s *series) checkFailed(f *fixture, err error) {
	f.Helper()
	now := f.look(s.op)
	if s.ok(err) {
		if !s.op.hides {
			require.Equal(f, s.is, now, "what is acknowledged is done")
		}
		f.sound(f.service())
		return
	}
	if !s.op.empties {
		f.sound(f.service())
	}
	for _, line := range now {
		require.True(f, slices.Contains(s.was, line) || slices.Contains(s.is, line), "after the failure there is %q, which was not there before and would not be there after", line)
	}
	if !s.op.hides {
		for _, line := range s.was {
			require.True(f, !slices.Contains(s.is, line) || slices.Contains(now, line), "the failure took away %q, which the operation does not touch", line)
			name, _, _ := strings.Cut(line, " ")
			require.True(f, !s.is.mention(name) || now.mention(name), "the failure took away all of %q", name)
		}
	}
	var de *voicemail.DepositError
	if !errors.As(err, &de) {
		return
	}
	audio, readErr := io.ReadAll(de.Audio)
	require.NoError(f, readErr)
	require.True(f, bytes.Equal(f.audio, audio), "the recording comes back byte for byte")
	if !de.Uncertain {
		require.Equal(f, s.was, now, "a deposit that failed left nothing visible")
	}
}

// repeat runs the operation again, without faults, until it succeeds. After two faults a move may have to wait until its claim is seen to be given up.
func (s *series) repeat(f *fixture, failed error, two bool) {
	f.Helper()
	if s.ok(failed) {
		return
	}
	err := s.perform(f, failed)
	if two && errors.Is(err, voicemail.ErrConflict) {
		f.pass(3 * time.Hour)
		err = s.perform(f, failed)
	}
	if err != nil && s.op.repeated != nil && errors.Is(err, s.op.repeated) {
		return
	}
	s.succeeded(f, err)
}

// lines are what users see, sorted: one line for each mailbox and message, the first word of which names it.
type lines []string

func (l lines) mention(name string) bool {
	return slices.ContainsFunc(l, func(line string) bool { return strings.HasPrefix(line, name+" ") })
}

// look reads everything that users see through a service without a cache.
func (f *fixture) look(op operation) lines {
	f.Helper()
	if op.provisions {
		return nil
	}
	return f.users(f.open())
}

// users is everything that users see through a service, whatever the IDs.
func (e *env) users(svc *voicemail.Service) lines {
	e.Helper()
	var all lines
	for box, err := range svc.Mailboxes(e.ctx) {
		require.NoError(e, err)
		set, err := box.Settings(e.ctx)
		require.NoError(e, err)
		all = append(all, fmt.Sprintf("mailbox-%s %v %v %d %d", box.ID(), set.Owner, set.Disabled, set.MaxMessages, set.MaxBytes))
		greetings, err := svc.Greetings(box.ID()).Current(e.ctx)
		require.NoError(e, err)
		for _, g := range greetings {
			all = append(all, fmt.Sprintf("greeting-%s-%s size %d %s expires %v", box.ID(), g.Kind, g.Size, g.ContentType, !g.Expires.IsZero()))
		}
		for msg, err := range box.Messages(e.ctx, &voicemail.ListOptions{Trash: voicemail.WithTrash}) {
			require.NoError(e, err)
			in, st := msg.Envelope(), msg.State()
			origin := ""
			if in.CopiedFrom != nil {
				origin = "copy of " + patternOf(string(in.CopiedFrom.Message))
			}
			all = append(all, fmt.Sprintf("%s in %s from %q size %d %s read %v urgent %v trash %v held %v expires %v %s %v %s", patternOf(string(msg.ID())), box.ID(),
				in.Caller.Reveal(), in.Size, in.ContentType, st.Read, st.Urgent, st.Trashed, st.Held, !st.Expires.IsZero(), origin, e.partsOf(msg), e.reader(msg).ID))
		}
	}
	slices.Sort(all)
	return all
}

// settle lets days pass and Maintain run, and returns the names that are left.
func (f *fixture) settle() []string {
	f.Helper()
	for range 3 {
		f.pass(rest)
		f.maintain()
	}
	var kinds []string
	for _, name := range f.tenantNames() {
		kinds = append(kinds, shapeOf(strings.TrimPrefix(name, f.folder())))
	}
	slices.Sort(kinds)
	return kinds
}
