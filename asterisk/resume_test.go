package asterisk_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/asterisk"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

// smallSpool has a message of every kind of deposit: known, withheld, urgent, read, in the trash.
func smallSpool(t *testing.T) *spool {
	s := newSpool(t)
	s.message("default/8000/INBOX/msg0000", 1, "5551001")
	s.message("default/8000/INBOX/msg0001", 2, "Unknown")
	s.message("default/8000/Urgent/msg0000", 3, "5551002")
	s.message("default/8000/Deleted/msg0000", 4, "5551003")
	s.message("acme/8000/Old/msg0000", 5, "5551001")
	return s
}

func TestAnImportThatIsCutOffAnywhereIsFinishedByTheNext(t *testing.T) {
	s := smallSpool(t)
	want := memstore.New(nil)
	counted := faultstore.New(want)
	imported(t, s, service(t, counted), creating())
	calls := 0
	for _, n := range counted.Counts() {
		calls += n
	}
	require.Greater(t, calls, 40)
	wanted := reveal(t, service(t, want))
	for n := 1; n <= calls; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		for name, fault := range map[string]faultstore.Fault{
			"fails before its effect":                            {N: n},
			"fails after its effect":                             {N: n, Mode: faultstore.After},
			"and all that follow fail, so nothing is taken back": {N: n, Times: faultstore.Always, Mode: faultstore.Before},
			"and all that follow lose their replies":             {N: n, Times: faultstore.Always, Mode: faultstore.After},
			"comes as the context ends": {N: n, Mode: faultstore.Pass, Wait: func(context.Context, faultstore.Call) error {
				cancel()
				return nil
			}},
		} {
			inner := memstore.New(nil)
			st := faultstore.New(inner, fault)
			svc, err := voicemail.Open(ctx, voicemail.OneRegion(st), nil)
			if err == nil {
				var r *asterisk.Report
				r, err = asterisk.Import(ctx, s.open(), svc, creating())
				require.NotNil(t, r)
			}
			if fault.Times == faultstore.Always {
				require.Error(t, err, "call %d %s", n, name)
			}
			again := service(t, inner)
			r := imported(t, s, again, creating())
			require.Equal(t, 5, r.Imported+r.Present, "call %d %s: %v", n, name, outcomes(r))
			require.Equal(t, wanted, reveal(t, again), "call %d %s", n, name)
		}
		cancel()
	}
}

func TestAContextThatIsDoneChangesNothing(t *testing.T) {
	s := smallSpool(t)
	st := memstore.New(nil)
	svc := service(t, st)
	before := objects(t, st)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := asterisk.Import(ctx, s.open(), svc, creating())
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, r.Items)
	assert.Equal(t, before, objects(t, st))
}

func TestAnErrorOfTheStorageEndsTheImport(t *testing.T) {
	s := smallSpool(t)
	inner := memstore.New(nil)
	st := faultstore.New(inner)
	svc := service(t, st)
	st.Set(faultstore.Fault{Op: faultstore.Create, Pattern: "v1/default/media/", N: 2, Times: faultstore.Always})
	r, err := asterisk.Import(t.Context(), s.open(), svc, creating())
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.ErrorIs(t, err, faultstore.ErrInjected)
	assert.Equal(t, 1, r.Imported, "what was done is in the report")
	last := r.Items[len(r.Items)-1]
	assert.Equal(t, []any{asterisk.Failed, asterisk.Storage, "default"}, []any{last.Outcome, last.Reason, last.Context})
	assert.NotContains(t, err.Error()+last.Detail, "555100")
}

func TestWhatAgentsDidSinceIsLeftAlone(t *testing.T) {
	s := smallSpool(t)
	svc := service(t, memstore.New(nil))
	r := imported(t, s, svc, creating())
	ctx := t.Context()
	at := func(folder string) voicemail.Message {
		i := slices.IndexFunc(r.Items, func(it asterisk.Item) bool { return it.Folder == folder && it.Name == "msg0000" })
		msg, err := svc.Mailbox(r.Items[i].To).Message(ctx, r.Items[i].Message)
		require.NoError(t, err)
		return msg
	}
	require.NoError(t, at("Old").MarkUnread(ctx))
	require.NoError(t, at("Urgent").SetUrgent(ctx, false))
	require.NoError(t, at("Deleted").Restore(ctx))
	require.NoError(t, at("INBOX").MarkRead(ctx))
	before := reveal(t, svc)
	imported(t, s, svc, creating())
	assert.Equal(t, before, reveal(t, svc))
}

func TestWhatWasDeletedOrMovedIsNotBroughtBack(t *testing.T) {
	s := smallSpool(t)
	now := time.Now()
	svc := service(t, memstore.New(nil), func(o *voicemail.Options) { o.Now = func() time.Time { return now } })
	r := imported(t, s, svc, creating())
	ctx := t.Context()
	for i, it := range r.Items {
		msg, err := svc.Mailbox(it.To).Message(ctx, it.Message)
		require.NoError(t, err)
		if i == 0 {
			_, err = msg.MoveTo(ctx, "8000")
		} else {
			err = msg.Delete(ctx)
		}
		require.NoError(t, err)
	}
	before := reveal(t, svc)
	for _, later := range []time.Duration{0, 3 * 24 * time.Hour, 400 * 24 * time.Hour} {
		now = now.Add(later)
		_, err := svc.Maintain(ctx)
		require.NoError(t, err)
		again := imported(t, s, svc, creating())
		assert.Equal(t, 5, again.Skipped, "%v later: %v", later, outcomes(again))
		for _, it := range again.Items {
			assert.Equal(t, asterisk.Gone, it.Reason)
		}
		assert.Equal(t, before, reveal(t, svc))
	}
}
