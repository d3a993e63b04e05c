package menu

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/access"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// wav is a recording of ten bytes a second.
func wav(seconds int) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	b = binary.LittleEndian.AppendUint32(b, 10)
	b = binary.LittleEndian.AppendUint32(b, 10)
	b = append(b, 1, 0, 8, 0)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(10*seconds))
	b = append(b, bytes.Repeat([]byte{0x80}, 10*seconds)...)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// breakable is a store of which calls fail while broken says so of their keys; creates also while late does, when they have had their effect.
type breakable struct {
	storage.Store
	broken, late func(key string) bool
}

func (b *breakable) err(keys ...string) error {
	if b.broken != nil && slices.ContainsFunc(keys, b.broken) {
		return storage.ErrUnavailable
	}
	return nil
}

func (b *breakable) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	if err := b.err(key); err != nil {
		return storage.Info{}, err
	}
	info, err := b.Store.Create(ctx, key, body, opts)
	if err == nil && b.late != nil && b.late(key) {
		return storage.Info{}, storage.ErrUnavailable
	}
	return info, err
}

func (b *breakable) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	if err := b.err(key); err != nil {
		return nil, err
	}
	return b.Store.Open(ctx, key, opts)
}

func (b *breakable) Delete(ctx context.Context, keys ...string) error {
	if err := b.err(keys...); err != nil {
		return err
	}
	return b.Store.Delete(ctx, keys...)
}

func (b *breakable) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	if err := b.err(opts.Prefix); err != nil {
		return nil, err
	}
	return b.Store.List(ctx, opts)
}

// world is a tenant and one call to it.
type world struct {
	t     testing.TB
	store *breakable
	now   time.Time
	svc   *voicemail.Service
	door  *access.Access
	ids   map[string]voicemail.MessageID // of the messages in 5001, by name

	s     *Session
	reply Reply
	said  []Name // since the last press
	steps []way
}

// way is a transition of the table.
type way struct {
	from State
	on   Event
	to   State
}

// greetingBytes is how large a greeting can be here.
const greetingBytes = 1000

const caller = "+15550100142"

// newWorld has the mailboxes 5001, with five messages, 5002, whose PIN must be changed, 5003, which is full, 5004, which is disabled, and 5005, which has no PIN.
func newWorld(t testing.TB) *world {
	w := &world{t: t, store: &breakable{Store: memstore.New(nil)}, now: time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC), ids: map[string]voicemail.MessageID{}}
	clock := func() time.Time { return w.now }
	var err error
	w.svc, err = voicemail.Open(t.Context(), voicemail.OneRegion(w.store), &voicemail.Options{Now: clock, Limits: voicemail.Limits{GreetingBytes: greetingBytes}})
	require.NoError(t, err)
	w.door, err = access.New(w.svc, &access.Options{Argon2: access.Argon2{Memory: 8, Time: 1}})
	require.NoError(t, err)
	for _, m := range []struct {
		id  voicemail.MailboxID
		set voicemail.Settings
		pin string
	}{
		{"5001", voicemail.Settings{}, "7391"}, {"5002", voicemail.Settings{}, "4826"}, {"5003", voicemail.Settings{MaxMessages: 1}, "90817263"},
		{"5004", voicemail.Settings{Disabled: true}, "90817263"}, {"5005", voicemail.Settings{}, ""},
	} {
		_, err := w.svc.CreateMailbox(t.Context(), m.id, &m.set)
		require.NoError(t, err)
		if m.pin != "" {
			require.NoError(t, w.door.Set(t.Context(), m.id, pin(t, m.pin), &access.SetOptions{MustChange: m.id == "5002"}))
		}
	}
	w.deposit("5003", "filler", voicemail.DepositOptions{})
	w.deposit("5001", "bin", voicemail.DepositOptions{Trashed: true, Read: true})
	w.deposit("5001", "old", voicemail.DepositOptions{Read: true, Caller: voicemail.ParseCallerID("sip:ada@example.org")})
	w.deposit("5001", "pay", voicemail.DepositOptions{Private: true})
	w.deposit("5001", "gate", voicemail.DepositOptions{Urgent: true})
	w.deposit("5001", "keys", voicemail.DepositOptions{Caller: voicemail.ParseCallerID(caller)})
	for seconds := range 2 {
		_, err := w.svc.Greetings("5001").Set(t.Context(), voicemail.GreetingUnavailable, bytes.NewReader(wav(seconds+1)), nil)
		require.NoError(t, err)
	}
	w.dial(nil)
	return w
}

func pin(t testing.TB, digits string) access.PIN {
	p, err := access.ParsePIN(digits)
	require.NoError(t, err)
	return p
}

func (w *world) deposit(box voicemail.MailboxID, name string, opts voicemail.DepositOptions) {
	w.now = w.now.Add(time.Minute)
	msg, err := w.svc.Mailbox(box).Deposit(w.t.Context(), bytes.NewReader(wav(20)), &opts)
	require.NoError(w.t, err)
	if box == "5001" {
		w.ids[name] = msg.ID()
	}
}

// dial begins a call.
func (w *world) dial(opts *Options) {
	var o Options
	if opts != nil {
		o = *opts
	}
	o.Now = func() time.Time { return w.now }
	w.s = New(w.svc, w.door, &o)
	w.s.walked = func(from State, on Event, to State) { w.steps = append(w.steps, way{from, on, to}) }
	w.take(w.s.Start(), nil)
}

// take checks what holds for every reply.
func (w *world) take(r Reply, err error) {
	w.reply = r
	for _, p := range r.Say {
		require.NotEmpty(w.t, p.Text(), "%s has no text", p.Name)
		require.NotRegexp(w.t, `[{}]`, p.Text())
		w.said = append(w.said, p.Name)
	}
	if r.Play != nil {
		require.NoError(w.t, r.Play.Audio.Close())
	}
	require.Equal(w.t, r.End, w.s.State() == Over)
	require.Equal(w.t, r.End, r.Wait == 0, "a call that goes on waits for a key")
	if err == nil {
		return
	}
	require.Contains(w.t, w.said, Unavailable)
}

// step lets one thing happen.
func (w *world) step(in Input) error {
	if in.Event == Recorded && in.Audio == nil {
		in.Audio = wav(3)
	}
	r, err := w.s.Step(w.t.Context(), in)
	w.take(r, nil)
	return err
}

// press lets things happen that go well, and returns what was said.
func (w *world) press(script string) []Name {
	w.said = nil
	for _, e := range script {
		require.NoError(w.t, w.step(Input{Event: Event(e)}), "%q at %q in %s", script, e, w.s.State())
	}
	return w.said
}

// messages returns how the messages of 5001 are.
func (w *world) messages() map[string]string {
	all := map[string]string{}
	for name, id := range w.ids {
		msg, err := w.svc.Mailbox("5001").Message(w.t.Context(), id)
		if errors.Is(err, voicemail.ErrNotFound) {
			all[name] = "gone"
			continue
		}
		require.NoError(w.t, err)
		st := msg.State()
		is := []string{"new"}
		if st.Read {
			is[0] = "saved"
		}
		if st.Urgent {
			is = append(is, "urgent")
		}
		if st.Trashed {
			is = append(is, "deleted")
		}
		all[name] = strings.Join(is, " ")
	}
	return all
}

// untouched is what messages returns of a new world.
func untouched() map[string]string {
	return map[string]string{"bin": "saved deleted", "old": "saved", "pay": "new", "gate": "new urgent", "keys": "new"}
}

func (w *world) count(box voicemail.MailboxID) int {
	n, err := w.svc.Mailbox(box).Counts(w.t.Context())
	require.NoError(w.t, err)
	return n.New + n.Old
}

// greeting returns the length of a greeting in seconds, 0 if there is none.
func (w *world) greeting(kind voicemail.GreetingKind) int {
	set, err := w.svc.Greetings("5001").Current(w.t.Context())
	require.NoError(w.t, err)
	for _, g := range set {
		if g.Kind == kind {
			return int(g.Duration / time.Second)
		}
	}
	return 0
}
