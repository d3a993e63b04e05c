package voicemail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

// An outage of the master region begins and ends while two regions take a thousand messages; Sync runs all the time.
func TestAnOutageOfTheMasterRegionLosesNoMessage(t *testing.T) {
	const deposits, callers, boxes = 1000, 50, 10
	ctx := t.Context()
	eu := faultstore.New(memstore.New(nil))
	stores := map[string]Store{"eu": eu, "us": memstore.New(nil), "asia": memstore.New(nil)}
	open := func(local string) *Service {
		s, err := Open(ctx, Regions{Master: "eu", Local: local, Stores: stores}, nil)
		require.NoError(t, err)
		return s
	}
	master := open("eu")
	services := []*Service{open("us"), open("asia")}
	for i := range boxes {
		_, err := master.CreateMailbox(ctx, MailboxID(fmt.Sprint(i)), nil)
		require.NoError(t, err)
	}
	recording := func(i int) []byte { return []byte(fmt.Sprintf("the recording number %d", i)) }
	caller := func(i int) CallerID { return ParseCallerID(fmt.Sprintf("+1555010%04d", i%callers)) }
	taken := make([]Message, deposits)
	pending := 0
	part := func(from, to int) {
		errs := make([]error, deposits)
		master.parallel(to-from, func(k int) {
			i := from + k
			box := services[i%2].Mailbox(MailboxID(fmt.Sprint(i % boxes)))
			taken[i], errs[i] = box.Deposit(ctx, bytes.NewReader(recording(i)), &DepositOptions{Caller: caller(i), Urgent: i%3 == 0})
		})
		for i := from; i < to; i++ {
			require.NoError(t, errs[i], "deposit %d", i)
			if taken[i].State().Pending {
				pending++
			}
		}
	}
	part(0, 100)
	require.Zero(t, pending)
	for i, fault := range []faultstore.Fault{ // the region falters, fails, and falters again
		{Chance: 0.2, Seed: 1, Mode: faultstore.After, Times: faultstore.Always},
		{Times: faultstore.Always},
		{Times: faultstore.Always, Mode: faultstore.After, Op: faultstore.Create},
		{Chance: 0.5, Seed: 2, Times: faultstore.Always},
	} {
		eu.Set(fault)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = services[0].Sync(ctx) }) // it cannot do much
		part(100+i*200, 300+i*200)
		wg.Wait()
	}
	eu.Set()
	part(900, deposits)
	require.Greater(t, pending, 300)

	for _, s := range append(services, master) {
		report, err := s.Sync(ctx)
		require.NoError(t, err)
		require.Empty(t, report.Kept)
		require.Zero(t, report.Dropped)
	}
	var total Counts
	for i := range boxes {
		n, err := master.Mailbox(MailboxID(fmt.Sprint(i))).Counts(ctx)
		require.NoError(t, err)
		total.New, total.NewUrgent = total.New+n.New, total.NewUrgent+n.NewUrgent
	}
	require.Equal(t, Counts{New: deposits, NewUrgent: (deposits + 2) / 3}, total)
	for i, msg := range taken {
		now, err := master.Mailbox(msg.Mailbox()).Message(ctx, msg.ID())
		require.NoError(t, err, "deposit %d", i)
		r, err := now.Open(ctx)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, recording(i), got)
		require.Equal(t, i%3 == 0, now.State().Urgent)
	}
	for i := range callers {
		n := 0
		for _, err := range master.FindByCaller(ctx, caller(i)) {
			require.NoError(t, err)
			n++
		}
		require.Equal(t, deposits/callers, n)
	}
}

func TestThePendingRecordIsStoredAsInItsGoldenFile(t *testing.T) {
	ctx := t.Context()
	now := &memstore.Options{Now: func() time.Time { return goldenTime }}
	master, local := memstore.New(now), memstore.New(now)
	s := goldenService(t, Regions{Master: "main", Local: "eu-1", Stores: map[string]Store{"main": master, "eu-1": local}})
	_, err := s.CreateMailbox(ctx, "5001", nil)
	require.NoError(t, err)
	s.master = downStore{}
	s.regions.Stores["main"] = s.master
	_, err = s.Mailbox("5001").Deposit(ctx, strings.NewReader("RIFF <&>"), &DepositOptions{
		Caller: ParseCallerID("5551234567"), Urgent: true, Expires: goldenTime.Add(time.Hour), Attributes: map[string]string{"queue": "<a&b>"},
	})
	require.NoError(t, err)
	stored, err := storage.ReadFile(ctx, local, s.space.PendingAt(goldenID), documentSize)
	require.NoError(t, err)
	golden(t, formatVersion+"/pending.json", indented(t, stored))

	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, readGolden(t, "pending.json")))
	require.Equal(t, compact.String(), string(stored))
	fresh := memstore.New(now)
	put(ctx, t, fresh, s.space.PendingAt(goldenID), compact.Bytes())
	box, err := s.box("5001")
	require.NoError(t, err)
	put(ctx, t, fresh, box.Audio(keys.Ref{ID: goldenID}, "bin"), []byte("RIFF <&>"))
	s = goldenService(t, Regions{Master: "main", Local: "eu-1", Stores: map[string]Store{"main": master, "eu-1": fresh}})
	report, err := s.Sync(ctx)
	require.NoError(t, err)
	require.Equal(t, SyncReport{Synced: 1}, report, "a record of the golden file comes in")
	msg, err := s.Mailbox("5001").Message(ctx, goldenID)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"queue": "<a&b>"}, msg.Envelope().Attributes)
	assert.Equal(t, State{Urgent: true, Expires: goldenTime.Add(time.Hour).Truncate(time.Millisecond)}, msg.State())
	meta, err := storage.ReadFile(ctx, master, box.Meta(keys.Ref{ID: goldenID}), documentSize)
	require.NoError(t, err)
	assert.Contains(t, string(stored), string(meta), "the metadata is stored byte for byte as the record has it")
}

// A record of a pending deposit is read by whoever looks for a caller, whatever is in it.
func FuzzPendingRecord(f *testing.F) {
	f.Add([]byte(`{"v":1,"nonce":"n","metadata":{"v":1,"id":"` + goldenID + `","ext":"wav"},"marks":["urgent"]}`))
	f.Add([]byte(`{"v":2}`))
	f.Add([]byte(`{"v":1,"metadata":null}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		rec, err := decodePending(doc)
		if err != nil {
			require.True(t, errors.Is(err, ErrDamaged) || errors.Is(err, errors.ErrUnsupported))
			return
		}
		require.NotEmpty(t, rec.Metadata.ID)
		for _, mark := range rec.Marks {
			require.NoError(t, storage.CheckKey(mark))
		}
	})
}

// plainStore has no capabilities.
type plainStore struct{ storage.Store }

func TestPingCreatesReadsAndDeletesWhereTheStorageCannotPing(t *testing.T) {
	ctx := t.Context()
	mem := memstore.New(nil)
	st := faultstore.New(plainStore{mem})
	s, err := Open(ctx, OneRegion(st), nil)
	require.NoError(t, err)
	count := func() (n int) {
		for _, err := range storage.All(ctx, mem, nil) {
			require.NoError(t, err)
			n++
		}
		return n
	}
	before := count()
	require.NoError(t, s.Ping(ctx))
	for _, op := range []faultstore.Op{faultstore.Create, faultstore.Open, faultstore.Read, faultstore.Delete} {
		for _, mode := range []faultstore.Mode{faultstore.Before, faultstore.After} {
			if op == faultstore.Read && mode == faultstore.After { // whoever has all bytes does not mind
				continue
			}
			st.Set(faultstore.Fault{Op: op, Mode: mode})
			err := s.Ping(ctx)
			var e *Error
			require.ErrorAs(t, err, &e, "%s", op)
			assert.Equal(t, []string{"ping", "main"}, []string{e.Op, e.Region})
		}
	}
	st.Set()
	require.NoError(t, s.Ping(ctx))
	s.opts.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	report, err := s.Maintain(ctx)
	require.NoError(t, err)
	assert.Equal(t, 2, report.Remains, "what a Ping left that lost the reply to its first call, or was refused its last")
	assert.Equal(t, before, count())
}

func TestPingGivesAHangingRegionTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, wrap := range []func(storage.Store) storage.Store{func(s storage.Store) storage.Store { return s }, func(s storage.Store) storage.Store { return plainStore{s} }} {
			st := faultstore.New(memstore.New(nil))
			s, err := Open(t.Context(), OneRegion(wrap(st)), nil)
			require.NoError(t, err)
			st.Set(faultstore.Fault{Times: faultstore.Always, Delay: faultstore.Forever})
			start := time.Now()
			require.ErrorIs(t, s.Ping(t.Context()), context.DeadlineExceeded)
			assert.Equal(t, pingWithin, time.Since(start))
		}
	})
}

// A process that starts during an outage must not ask the master region once for each of its callers, one after the other.
func TestDepositsAtOnceWaitForOneAttemptToReachTheMasterRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		eu, us := faultstore.New(memstore.New(nil)), memstore.New(nil)
		regions := Regions{Master: "eu", Local: "us", Stores: map[string]Store{"eu": eu, "us": us}}
		_, err := Open(ctx, regions, nil)
		require.NoError(t, err)
		const patience = 30 * time.Second // the driver's
		eu.Set(faultstore.Fault{Times: faultstore.Always, Delay: patience})
		s, err := Open(ctx, regions, nil)
		require.NoError(t, err)
		start := time.Now()
		s.parallel(16, func(int) {
			msg, err := s.Mailbox("5001").Deposit(ctx, strings.NewReader("x"), &DepositOptions{Caller: testCaller()})
			assert.NoError(t, err)
			assert.True(t, msg != nil && msg.State().Pending)
		})
		assert.LessOrEqual(t, time.Since(start), 2*patience)
	})
}
