package servicetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

// crossing is an operation in which several regions take part.
type crossing struct {
	name string
	// without is the region that is down all the time, if there is one.
	without string
	// setup prepares the tenant.
	setup func(w *world)
	// prepare returns the operation, which gets what it returned when it failed.
	prepare func(w *world) func(failed error) error
}

func crossings() []crossing {
	known := func(w *world) *voicemail.DepositOptions {
		return &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+15550100"), Urgent: true, Expires: w.clock.now().Add(12 * month)}
	}
	withID := func(w *world) *voicemail.DepositOptions {
		o := known(w)
		o.ID = w.freshID()
		return o
	}
	return []crossing{
		{name: "DepositInAnotherRegion", prepare: crossingDeposit(known)},
		{name: "DepositInAnotherRegionWithAnID", prepare: crossingDeposit(withID)},
		{name: "DepositDuringAnOutage", without: "eu", prepare: crossingDeposit(known)},
		{name: "DepositDuringAnOutageWithAnID", without: "eu", prepare: crossingDeposit(withID)},
		{name: "DepositDuringAnOutageAfterItsStart", without: "eu", prepare: func(w *world) func(error) error {
			w.down("eu")
			defer w.up()
			return crossingDeposit(known)(w)
		}},
		{name: "Sync", setup: crossingPending, prepare: func(w *world) func(error) error {
			svc := w.in("asia")
			return func(error) error {
				report, err := svc.Sync(w.ctx)
				require.Empty(w, report.Kept)
				return err
			}
		}},
	}
}

func crossingDeposit(opts func(w *world) *voicemail.DepositOptions) func(w *world) func(error) error {
	return func(w *world) func(error) error {
		svc, audio, o := w.in("us"), wav(20), opts(w)
		return func(failed error) error {
			var r io.Reader = bytes.NewReader(audio)
			var de *voicemail.DepositError
			if errors.As(failed, &de) {
				given, err := io.ReadAll(de.Audio)
				require.NoError(w, err)
				require.NoError(w, de.Audio.Close())
				require.Equal(w, audio, given, "the recording comes back byte for byte")
				o.ID, r = de.ID, bytes.NewReader(given)
			}
			_, err := svc.Mailbox("5001").Deposit(w.ctx, r, o)
			return err
		}
	}
}

// crossingPending leaves what Sync has to do: deposits that come in, one that is gone, one that came in by a retry in another region.
func crossingPending(w *world) {
	w.Helper()
	us, asia := w.in("us"), w.in("asia")
	caller := voicemail.ParseCallerID("+15550100")
	w.pending(us, "5001", wav(10), &voicemail.DepositOptions{Caller: caller, Urgent: true, Expires: w.clock.now().Add(12 * month)})
	w.pending(asia, "5002", wav(10), &voicemail.DepositOptions{})
	erased := w.pending(us, "5001", wav(10), &voicemail.DepositOptions{Caller: caller})
	w.mark(erased, keys.Gone+"erased")
	audio, o := wav(10), &voicemail.DepositOptions{ID: w.freshID(), Caller: caller}
	w.pending(us, "5002", audio, o)
	w.depositAudio(w.svc.Mailbox("5002"), audio, o)
}

// regionFaults fails every storage call of every crossing in every region, before its effect and after, and demands after each that what is acknowledged is
// there or waits, that it succeeds when it is repeated, and that Sync and Maintain leave nothing behind.
func regionFaults(t *testing.T, newStore func(t *testing.T) storage.Store, o Options) {
	t.Run("EveryCallInEveryRegionMayFail", func(t *testing.T) {
		for _, op := range crossings() {
			t.Run(op.name, func(t *testing.T) {
				t.Parallel()
				stores := map[string]storage.Store{}
				for _, name := range worldRegions() {
					stores[name] = newStore(t)
					t.Cleanup(func() { _ = stores[name].Close() })
				}
				c := &crossingSeries{crossing: op, stores: stores, opts: o}
				c.run(t)
			})
		}
	})
}

// crossingSeries are all runs of one crossing, each one in a tenant of its own.
type crossingSeries struct {
	crossing
	stores map[string]storage.Store
	opts   Options
	tenant int
	// What the run without a fault saw at its end.
	is   lines
	left []string
}

func (c *crossingSeries) run(t *testing.T) {
	w, do := c.begin(t)
	require.NoError(t, do(nil))
	calls := map[string][]faultstore.Call{}
	for _, region := range worldRegions() {
		calls[region] = w.faults[region].Calls()
	}
	c.is, c.left = c.end(w)
	i := c.opts.Seed
	for _, region := range worldRegions() {
		if region == c.without {
			continue
		}
		for _, p := range pointsOf(calls[region], w.folder(), 0) {
			for _, mode := range p.modes() {
				if i++; i%uint64(c.opts.Every) != 0 {
					continue
				}
				f := fault{p, mode}
				t.Run(region+" "+f.String(), func(t *testing.T) { c.try(t, region, f) })
			}
		}
	}
}

// begin makes the tenant and the operation, with the region down that is to be.
func (c *crossingSeries) begin(t *testing.T) (*world, func(error) error) {
	c.tenant++
	ctx, cancel := context.WithTimeout(t.Context(), c.opts.Patience)
	t.Cleanup(cancel)
	e := newEnv(ctx, t, c.stores["eu"], fmt.Sprintf("run-%d", c.tenant), c.opts)
	w := worldOf(e, map[string]storage.Store{"us": c.stores["us"], "asia": c.stores["asia"]})
	w.in("us")
	w.in("asia")
	if c.setup != nil {
		c.setup(w)
	}
	do := c.prepare(w)
	for _, st := range w.faults {
		st.Reset()
	}
	if c.without != "" {
		w.down(c.without)
	}
	return w, do
}

func (c *crossingSeries) try(t *testing.T, region string, f fault) {
	w, do := c.begin(t)
	w.faults[region].Set(f.in(w.folder()))
	err := do(nil)
	require.Positive(t, w.faults[region].Disturbed(), "the call did not come: the operation calls the storage differently each time")
	w.faults[region].Set()
	if err != nil {
		require.ErrorIs(t, err, storage.ErrUnavailable)
		require.NoError(t, do(err), "repeated")
	}
	is, left := c.end(w)
	require.Equal(t, c.is, is, "what is acknowledged is there, once")
	require.Equal(t, c.left, left, "nothing else is left than without the fault")
}

// end is what users see once the outage is over and all that waits has come in, and the names that are left days later.
func (c *crossingSeries) end(w *world) (lines, []string) {
	w.Helper()
	w.up()
	report := w.sync()
	require.Empty(w, report.Kept)
	require.Empty(w, append(w.records("us"), w.records("asia")...))
	w.sound(w.svc)
	is := w.users(w.in("asia"))
	for _, mailbox := range []voicemail.MailboxID{"5001", "5002"} {
		for msg, err := range w.svc.Mailbox(mailbox).Messages(w.ctx, nil) {
			require.NoError(w, err)
			require.NotEmpty(w, w.play(msg))
		}
	}
	for range 3 {
		w.pass(rest)
		w.maintain()
	}
	var left []string
	for _, name := range w.everything() {
		region, name, _ := strings.Cut(name, " ")
		left = append(left, region+" "+shapeOf(strings.TrimPrefix(name, w.folder())))
	}
	slices.Sort(left)
	return is, left
}
