package gdpr_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

// storageCalls are what an operation asks of all storages together. Reads of what was opened are not counted: how many there are is up to buffers.
type storageCalls struct{ create, open, stat, list, delete, ping int }

func (c storageCalls) minus(o storageCalls) storageCalls {
	return storageCalls{c.create - o.create, c.open - o.open, c.stat - o.stat, c.list - o.list, c.delete - o.delete, c.ping - o.ping}
}

func (c storageCalls) times(n int) storageCalls {
	return storageCalls{c.create * n, c.open * n, c.stat * n, c.list * n, c.delete * n, c.ping * n}
}

func (c storageCalls) per(n int) storageCalls {
	return storageCalls{c.create / n, c.open / n, c.stat / n, c.list / n, c.delete / n, c.ping / n}
}

// archive is a tenant whose messages were written past the library, and whose storages count.
type archive struct {
	t       *testing.T
	stores  map[string]*faultstore.Store
	plain   map[string]storage.Store // what they wrap
	regions voicemail.Regions
	ahead   time.Duration
	svc     *voicemail.Service
	gdpr    *gdpr.Controller
	space   keys.Space
	hash    func(number string) string
	next    int
}

const onlyRegion = "main"

var epoch = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// newArchive opens a tenant on plain and, for each of the other regions, in memory.
func newArchive(t *testing.T, plain storage.Store, others ...string) *archive {
	a := &archive{t: t, plain: map[string]storage.Store{onlyRegion: plain}, stores: map[string]*faultstore.Store{}}
	for _, region := range others {
		a.plain[region] = memstore.New(nil)
	}
	regions := voicemail.Regions{Master: onlyRegion, Local: onlyRegion, Stores: map[string]storage.Store{}}
	for region, st := range a.plain {
		a.stores[region] = faultstore.New(st)
		regions.Stores[region] = a.stores[region]
	}
	a.regions = regions
	a.reopen()
	var err error
	a.space, err = keys.NewSpace("default")
	require.NoError(t, err)
	doc, err := storage.ReadFile(t.Context(), plain, a.space.IndexKey(1), 1<<10)
	require.NoError(t, err)
	var record struct{ Key []byte }
	require.NoError(t, json.Unmarshal(doc, &record))
	a.hash = func(number string) string {
		mac := hmac.New(sha256.New, record.Key)
		mac.Write([]byte("default\x00" + number))
		return hex.EncodeToString(mac.Sum(nil))
	}
	return a
}

// reopen begins with an empty cache.
func (a *archive) reopen() {
	var err error
	a.svc, err = voicemail.Open(a.t.Context(), a.regions, &voicemail.Options{Now: func() time.Time { return time.Now().Add(a.ahead) }})
	a.ok(err)
	a.gdpr, err = gdpr.New(a.svc, &gdpr.Options{MaxSkew: 1000 * time.Hour})
	a.ok(err)
}

// of returns what f costs, of a process that has just started.
func (a *archive) of(f func()) storageCalls {
	a.reopen()
	for _, st := range a.stores {
		st.Reset()
	}
	f()
	var c storageCalls
	for _, st := range a.stores {
		n := st.Counts()
		c.create, c.open, c.stat = c.create+n[faultstore.Create], c.open+n[faultstore.Open], c.stat+n[faultstore.Stat]
		c.list, c.delete, c.ping = c.list+n[faultstore.List], c.delete+n[faultstore.Delete], c.ping+n[faultstore.Ping]
	}
	return c
}

// shortRecording is the audio that every message of an archive has.
var shortRecording = []byte("RIFF, and the rest of a recording")

// message writes a message past the library, as Deposit leaves it: index entry, audio, metadata. If body is nil, a recording of size bytes
// with that digest is up to the storage.
func (a *archive) message(number string, mailbox int, body []byte, size int64, digest string) {
	a.next++
	id := a.id()
	box, err := a.space.Box(fmt.Sprintf("box-%d", mailbox))
	require.NoError(a.t, err)
	ref := keys.Ref{ID: id}
	at := epoch.Add(time.Duration(a.next) * time.Second)
	put := func(key string, doc []byte) {
		if _, err := a.plain[onlyRegion].Create(context.Background(), key, bytes.NewReader(doc), nil); err != nil {
			require.NoError(a.t, err)
		}
	}
	put(box.CallerEntry(a.hash(number), ref), nil)
	put(box.Audio(ref, "wav"), body)
	put(box.Meta(ref), fmt.Appendf(nil, `{"v":1,"id":%q,"hop":0,"mailbox":"box-%d","caller":{"rules":1,"number":%q},"receivedAt":%q,"size":%d,"contentType":"audio/wav","ext":"wav","sha256":%q,"region":%q}`,
		id, mailbox, number, at.Format(time.RFC3339), size, digest, onlyRegion))
}

// id makes the next message ID.
func (a *archive) id() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(epoch.UnixMilli()+int64(a.next))<<16|0x7000)
	binary.BigEndian.PutUint64(b[8:], 1<<63|uint64(a.next))
	s := hex.EncodeToString(b[:])
	return strings.Join([]string{s[:8], s[8:12], s[12:16], s[16:20], s[20:]}, "-")
}

func (a *archive) ok(err error) { require.NoError(a.t, err) }

// fill writes n messages of other callers, two of each, in one mailbox for a thousand.
func (a *archive) fill(n int) {
	sum := sha256.Sum256(shortRecording)
	for i := range n {
		a.message(fmt.Sprintf("+1555%07d", 2_000_000+i/2), i%(n/1000+10), shortRecording, int64(len(shortRecording)), hex.EncodeToString(sum[:]))
	}
}

// frequent is the caller whose messages the operations are for.
const frequent = "+15551234567"

// deposit writes k messages of the frequent caller.
func (a *archive) deposit(k int) {
	sum := sha256.Sum256(shortRecording)
	for i := range k {
		a.message(frequent, i%7, shortRecording, int64(len(shortRecording)), hex.EncodeToString(sum[:]))
	}
}

func askFor(caseID string) *gdpr.Request {
	return &gdpr.Request{CaseID: caseID, Actor: "officer", Consumers: []gdpr.Consumer{{Phones: []gdpr.Phone{gdpr.NewPhone(frequent)}}}}
}

// costs carries every operation out on the k messages of the frequent caller, and returns what each costs.
func (a *archive) costs(k int) map[string]storageCalls {
	ctx := a.t.Context()
	spent := map[string]storageCalls{}
	price := func(name string, f func()) { spent[name] = a.of(f) }
	count := func(r *gdpr.ForgetReport, err error) {
		a.ok(err)
		require.Len(a.t, r.Phones[0].Messages, k)
	}
	sweep := func(check func(r *gdpr.SweepReport) bool) func() {
		return func() {
			r, err := a.gdpr.Sweep(ctx)
			a.ok(err)
			require.True(a.t, check(r), "%+v", r)
		}
	}
	price("find", func() {
		n := 0
		for _, err := range a.svc.FindByCaller(ctx, voicemail.ParseCallerID(frequent)) {
			a.ok(err)
			n++
		}
		require.Equal(a.t, k, n)
	})
	price("preview", func() { count(a.gdpr.Preview(ctx, askFor("case"))) })
	price("forget", func() { count(a.gdpr.ForgetMe(ctx, askFor("case"))) })
	price("forget again", func() { count(a.gdpr.ForgetMe(ctx, askFor("case"))) })
	price("undo", func() { count(a.gdpr.UndoForgetMe(ctx, askFor("case"))) })
	price("export", func() {
		r, err := a.gdpr.ExportMe(ctx, askFor("case"), gdpr.ZipSink(io.Discard))
		a.ok(err)
		require.Equal(a.t, k, r.Files)
	})
	count(a.gdpr.ForgetMe(ctx, askFor("case")))
	price("status", func() { _, err := a.gdpr.Status(ctx, "case"); a.ok(err) })
	price("sweep, nothing due", sweep(func(r *gdpr.SweepReport) bool { return !r.Next.IsZero() }))
	a.ahead = gdpr.DefaultPromise
	price("sweep that erases", sweep(func(r *gdpr.SweepReport) bool { return r.Messages == k && len(r.Erased) == 1 }))
	price("sweep before the receipt", sweep(func(r *gdpr.SweepReport) bool { return r.Open == 1 && len(r.Closed) == 0 }))
	a.ahead += gdpr.Settle + time.Minute
	price("sweep that writes the receipt", sweep(func(r *gdpr.SweepReport) bool { return len(r.Closed) == 1 && len(r.Closed[0].Messages) == k }))
	price("sweep, nothing open", sweep(func(r *gdpr.SweepReport) bool { return r.Next.IsZero() }))
	return spent
}

// costRow is what an operation on k messages costs in n regions: once + k·each + (n-1)·(region + k·eachRegion).
type costRow struct{ once, each, region, eachRegion storageCalls }

// Every row of the table in docs/costs.md. A row that gets cheaper is to be changed there, too; one that gets dearer is a defect.
func TestCostsGrowWithTheCallersOwnMessagesOnly(t *testing.T) {
	want := map[string]costRow{
		"find":                          {once: storageCalls{list: 2}, each: storageCalls{open: 1, list: 1}},
		"preview":                       {once: storageCalls{list: 19}, each: storageCalls{open: 1, list: 1}, region: storageCalls{list: 9}},
		"forget":                        {once: storageCalls{create: 4, open: 3, list: 12, ping: 2}, each: storageCalls{create: 1, open: 1, list: 3}, region: storageCalls{list: 4, ping: 1}},
		"forget again":                  {once: storageCalls{create: 1, open: 3, list: 11, ping: 2}, each: storageCalls{create: 1, open: 1, list: 3}, region: storageCalls{list: 4, ping: 1}},
		"undo":                          {once: storageCalls{create: 1, open: 4, list: 7, delete: 4, ping: 2}, each: storageCalls{open: 1, list: 3, delete: 1}, region: storageCalls{list: 2, ping: 1}},
		"export":                        {once: storageCalls{list: 5, ping: 2}, each: storageCalls{open: 2, list: 4}, region: storageCalls{list: 2, ping: 1}},
		"status":                        {once: storageCalls{open: 3, list: 1}},
		"sweep, nothing open":           {once: storageCalls{list: 1}},
		"sweep, nothing due":            {once: storageCalls{list: 1}},
		"sweep that erases":             {once: storageCalls{create: 3, open: 14, list: 11, ping: 1}, each: storageCalls{create: 1, open: 1, list: 3, delete: 3}, region: storageCalls{list: 2}, eachRegion: storageCalls{list: 1, delete: 1}},
		"sweep before the receipt":      {once: storageCalls{open: 6, list: 3, ping: 1}},
		"sweep that writes the receipt": {once: storageCalls{create: 3, open: 14, list: 10, delete: 4, ping: 1}, each: storageCalls{stat: 2, list: 2}, region: storageCalls{list: 1}, eachRegion: storageCalls{stat: 1, list: 1}},
	}
	measured := func(k int, others ...string) map[string]storageCalls {
		a := newArchive(t, memstore.New(nil), others...)
		a.fill(100)
		a.deposit(k)
		return a.costs(k)
	}
	ten, twenty, ten2, twenty2 := measured(10), measured(20), measured(10, "second"), measured(20, "second")
	got := map[string]costRow{}
	for name, c := range ten {
		var g costRow
		g.each = twenty[name].minus(c).per(10)
		g.once = c.minus(g.each.times(10))
		both := twenty2[name].minus(ten2[name]).per(10)
		g.eachRegion = both.minus(g.each)
		g.region = ten2[name].minus(both.times(10)).minus(g.once)
		got[name] = g
	}
	assert.Equal(t, want, got)
}

func TestCostsAreTheSameAmongAnyNumberOfMessages(t *testing.T) {
	var want map[string]storageCalls
	for _, size := range []int{1_000, 10_000, 100_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			a := newArchive(t, memstore.New(nil))
			a.fill(size)
			a.deposit(10)
			got := a.costs(10)
			if want == nil {
				want = got
			}
			assert.Equal(t, want, got)
		})
	}
}

// generated is a fake storage: its recordings have no bytes, which are made up as they are read. Everything else is in the Store that it wraps.
type generated struct {
	storage.Store
	noise []byte // over and over again
	size  int64
	read  atomic.Int64
}

func (g *generated) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	o, err := g.Store.Open(ctx, key, nil)
	if err != nil || !strings.HasSuffix(key, ".wav") {
		return o, err
	}
	offset, length, err := storage.CheckRange(opts, g.size)
	return &generatedObject{o, g, offset, offset + length}, err
}

type generatedObject struct {
	storage.Object
	from    *generated
	at, end int64
}

func (o *generatedObject) Info() storage.Info {
	info := o.Object.Info()
	info.Size = o.from.size
	return info
}

func (o *generatedObject) Read(p []byte) (int, error) {
	if o.at == o.end {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), o.end-o.at)]
	n := copy(p, o.from.noise[o.at%int64(len(o.from.noise)):])
	o.at += int64(n)
	o.from.read.Add(int64(n))
	return n, nil
}

// heapMeter discards what is written, and remembers how large the heap was at most.
type heapMeter struct {
	written   int64
	most      uint64
	untilLook int
}

func (m *heapMeter) Write(p []byte) (int, error) {
	m.written += int64(len(p))
	if m.untilLook -= len(p); m.untilLook <= 0 {
		m.untilLook = 256 << 10
		m.look()
	}
	return len(p), nil
}

// look takes in what is allocated and what is free but not given back.
func (m *heapMeter) look() {
	parts := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(parts)
	m.most = max(m.most, parts[0].Value.Uint64()+parts[1].Value.Uint64())
}

func TestAnExportOfAGibibyteTakesLittleMemory(t *testing.T) {
	const messages, size = 8, 128 << 20
	g := &generated{Store: memstore.New(nil), noise: make([]byte, 1<<20), size: size}
	_, _ = rand.NewChaCha8([32]byte{}).Read(g.noise) // never fails
	sum := sha256.New()
	for range size / len(g.noise) {
		sum.Write(g.noise)
	}
	a := newArchive(t, g)
	for i := range messages {
		a.message(frequent, i, nil, size, hex.EncodeToString(sum.Sum(nil)))
	}
	runtime.GC()
	var m heapMeter
	m.look()
	before := m.most
	sink := gdpr.ZipSink(&m)
	r, err := a.gdpr.ExportMe(t.Context(), askFor("case"), sink)
	require.NoError(t, err)
	require.NoError(t, sink.Close())
	assert.Empty(t, r.Problems, "every digest was compared")
	assert.Equal(t, messages, r.Files)
	assert.EqualValues(t, messages*size, g.read.Load())
	assert.Greater(t, m.written, int64(messages*size))
	assert.Less(t, m.most, uint64(64<<20))
	t.Logf("%d bytes of heap at most, %d before", m.most, before)
}
