package servicetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// DefaultTenant is the tenant of a Service whose Options name none.
const DefaultTenant = "default"

const (
	day  = 24 * time.Hour
	rest = 2*day + time.Hour // after it nothing that failed is protected from Maintain any more
)

// env is what a rule runs in: an empty store, and a clock that the rule moves.
type env struct {
	*testing.T
	ctx    context.Context
	store  storage.Store
	opts   Options
	clock  *clock
	tenant string
	space  keys.Space
	// damaged: the rule leaves the store in a state that the service never makes.
	damaged bool
	// another makes another store, empty.
	another func() storage.Store
	svc     *voicemail.Service
	// elsewhere are the raw stores of the regions, by name, in a rule with several.
	elsewhere map[string]*env
}

func newEnv(ctx context.Context, t *testing.T, store storage.Store, tenant string, o Options) *env {
	space, err := keys.NewSpace(tenant)
	require.NoError(t, err)
	return &env{T: t, ctx: ctx, store: store, opts: o, clock: &clock{}, tenant: tenant, space: space}
}

// clock is the real time, moved. The store's clock need not be ours, so a rule lets time pass for the service only: what is stored gets older.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (e *env) pass(d time.Duration) {
	e.clock.mu.Lock()
	defer e.clock.mu.Unlock()
	e.clock.offset += d
}

// open opens another Service on the store, as another process would have it.
func (e *env) open(change ...func(*voicemail.Options)) *voicemail.Service {
	e.Helper()
	svc, err := e.tryOpen(e.store, change...)
	require.NoError(e, err, "open")
	return svc
}

func (e *env) tryOpen(store storage.Store, change ...func(*voicemail.Options)) (*voicemail.Service, error) {
	o := voicemail.Options{Tenant: e.tenant, Now: e.clock.now}
	for _, c := range change {
		c(&o)
	}
	return voicemail.Open(e.ctx, voicemail.OneRegion(store), &o)
}

// service is the Service that rules use which need no other.
func (e *env) service() *voicemail.Service {
	e.Helper()
	if e.svc == nil {
		e.svc = e.open()
	}
	return e.svc
}

// mailbox creates a mailbox.
func (e *env) mailbox(id voicemail.MailboxID) voicemail.Mailbox {
	e.Helper()
	return e.mailboxWith(id, nil)
}

func (e *env) mailboxWith(id voicemail.MailboxID, set *voicemail.Settings) voicemail.Mailbox {
	e.Helper()
	box, err := e.service().CreateMailbox(e.ctx, id, set)
	require.NoError(e, err, "create mailbox")
	return box
}

// deposit deposits a short recording of its own.
func (e *env) deposit(box voicemail.Mailbox, opts *voicemail.DepositOptions) voicemail.Message {
	e.Helper()
	return e.depositAudio(box, wav(20), opts)
}

func (e *env) depositAudio(box voicemail.Mailbox, audio []byte, opts *voicemail.DepositOptions) voicemail.Message {
	e.Helper()
	msg, err := box.Deposit(e.ctx, bytes.NewReader(audio), opts)
	require.NoError(e, err, "deposit")
	return msg
}

// at makes a message ID of the time, a given number of seconds after a fixed one.
func idAt(seconds int) voicemail.MessageID {
	return voicemail.NewMessageID(time.Date(2026, 3, 1, 9, 0, seconds, 0, time.UTC))
}

// again reads a message anew.
func (e *env) again(msg voicemail.Message) voicemail.Message {
	e.Helper()
	now, err := e.service().Mailbox(msg.Mailbox()).Message(e.ctx, msg.ID())
	require.NoError(e, err, "read message")
	return now
}

// state is what agents see of a message now.
func (e *env) state(msg voicemail.Message) voicemail.State {
	e.Helper()
	return e.again(msg).State()
}

func (e *env) counts(box voicemail.Mailbox) voicemail.Counts {
	e.Helper()
	n, err := box.Counts(e.ctx)
	require.NoError(e, err, "counts")
	return n
}

// list returns the IDs of the messages, in order.
func (e *env) list(box voicemail.Mailbox, opts *voicemail.ListOptions) []voicemail.MessageID {
	e.Helper()
	ids := []voicemail.MessageID{}
	for msg, err := range box.Messages(e.ctx, opts) {
		require.NoError(e, err, "list messages")
		require.Equal(e, box.ID(), msg.Mailbox())
		ids = append(ids, msg.ID())
	}
	return ids
}

// find returns where the caller's messages are, as mailbox/ID, in order.
func (e *env) find(svc *voicemail.Service, caller string) []string {
	e.Helper()
	found := []string{}
	for msg, err := range svc.FindByCaller(e.ctx, voicemail.ParseCallerID(caller)) {
		require.NoError(e, err, "find by caller")
		found = append(found, place(msg))
	}
	return found
}

func place(msg voicemail.Message) string { return string(msg.Mailbox()) + "/" + string(msg.ID()) }

// play returns the whole recording.
func (e *env) play(msg voicemail.Message) []byte {
	e.Helper()
	r, err := msg.Open(e.ctx)
	require.NoError(e, err, "open the recording")
	defer r.Close()
	audio, err := io.ReadAll(r)
	require.NoError(e, err, "play")
	return audio
}

// invisible demands that the message is not found, whichever way one looks.
func (e *env) invisible(msg voicemail.Message, why string) {
	e.Helper()
	box := e.service().Mailbox(msg.Mailbox())
	_, err := box.Message(e.ctx, msg.ID())
	require.ErrorIs(e, err, voicemail.ErrNotFound, why)
	require.NotContains(e, e.list(box, &voicemail.ListOptions{Trash: voicemail.WithTrash}), msg.ID(), why)
	_, err = msg.Open(e.ctx)
	require.ErrorIs(e, err, voicemail.ErrNotFound, why)
	if caller := msg.Envelope().Caller; !caller.Withheld() {
		require.NotContains(e, e.find(e.service(), caller.Reveal()), place(msg), why)
	}
}

func (e *env) maintain() voicemail.MaintainReport {
	e.Helper()
	report, err := e.service().Maintain(e.ctx)
	require.NoError(e, err, "maintain")
	return report
}

// handedBack demands a *DepositError, and returns it and what it gives back.
func (e *env) handedBack(err error) (*voicemail.DepositError, []byte) {
	e.Helper()
	var de *voicemail.DepositError
	require.ErrorAs(e, err, &de, "a deposit that failed while reading returns a *DepositError")
	require.NotEmpty(e, de.ID)
	audio, readErr := io.ReadAll(de.Audio)
	require.NoError(e, readErr, "the recording that is given back")
	e.Cleanup(func() { _ = de.Audio.Close() })
	return de, audio
}

var errReader = errors.New("the line was cut")

// cut is a recording whose source fails after its bytes.
func cut(audio []byte) io.Reader {
	return io.MultiReader(bytes.NewReader(audio), readerFunc(func([]byte) (int, error) { return 0, errReader }))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// wav returns a WAV file of PCM, 8 bits, 8 kHz, of so many milliseconds, with noise of its own.
func wav(ms int) []byte {
	n := ms * 8
	var b bytes.Buffer
	b.WriteString("RIFF")
	_ = binary.Write(&b, binary.LittleEndian, uint32(36+n))
	b.WriteString("WAVEfmt ")
	for _, field := range []any{uint32(16), uint16(1), uint16(1), uint32(8000), uint32(8000), uint16(1), uint16(8)} {
		_ = binary.Write(&b, binary.LittleEndian, field)
	}
	b.WriteString("data")
	_ = binary.Write(&b, binary.LittleEndian, uint32(n))
	b.Write(noise(n))
	return b.Bytes()
}

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// number returns a caller that nobody else in the store has.
func number() voicemail.CallerID {
	const digits = "0123456789"
	var b strings.Builder
	b.WriteString("+1555")
	for range 9 {
		b.WriteByte(digits[rand.IntN(10)])
	}
	return voicemail.ParseCallerID(b.String())
}
