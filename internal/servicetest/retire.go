package servicetest

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
)

func retireRules() []rule {
	return []rule{
		{"RegionsAreRecordedWhenDepositsAreTakenThere", "what is not recorded is not asked when a caller is to be forgotten", retireRecorded},
		{"ARegionIsRetiredOnlyWhenItIsEmpty", "what is left in it would be out of reach of every request", retireEmpty},
		{"ARegionInWhichSomethingArrivesMeanwhileStaysRecorded", "a process that was not stopped deposits there", retireLate},
		{"WhatCannotBeRetiredIsRefused", "without its master region a tenant is nothing", retireRefused},
		{"ARetirementThatFailedIsRepeated", "a storage may fail at any call", retireFaults},
	}
}

func (w *world) recorded() []voicemail.RegionInfo {
	w.Helper()
	list, err := w.svc.Regions(w.ctx)
	require.NoError(w, err)
	return list
}

func retireRecorded(e *env) {
	w := newWorld(e)
	require.Equal(e, []voicemail.RegionInfo{{Name: "eu", Configured: true, Master: true, Local: true}}, w.recorded())
	us := w.in("us")
	w.plant(w.space.Region("mars"), "")
	list, err := us.Regions(e.ctx)
	require.NoError(e, err)
	require.Equal(e, []voicemail.RegionInfo{
		{Name: "eu", Configured: true, Master: true}, {Name: "mars"}, {Name: "us", Configured: true, Local: true},
	}, list)
}

func retireEmpty(e *env) {
	w := newWorld(e)
	us := w.in("us")
	msg := w.deposit(us.Mailbox("5001"), nil)
	w.pending(us, "5001", wav(10), nil)
	w.raw("us").plant(w.keysOf("5001").Audio(keys.Ref{ID: string(idAt(1))}, "wav"), "")
	w.raw("us").plant(w.folder()+"later/x", "")
	before := w.everything()
	err := w.svc.RetireRegion(e.ctx, "us")
	require.ErrorIs(e, err, voicemail.ErrRegionInUse)
	var in *voicemail.RegionInUseError
	require.ErrorAs(e, err, &in)
	require.Equal(e, voicemail.RegionInUseError{Region: "us", Media: 3, Pending: 1, Other: 1}, *in)
	require.Equal(e, before, w.everything(), "nothing has changed")

	w.raw("us").removeRaw(w.folder() + "later/x")
	w.sync()
	for _, id := range w.list(w.svc.Mailbox("5001"), nil) {
		m, err := w.svc.Mailbox("5001").Message(e.ctx, id)
		require.NoError(e, err)
		_, err = m.MoveTo(e.ctx, "5002")
		require.NoError(e, err)
	}
	w.pass(rest)
	w.maintain()
	require.NoError(e, w.svc.RetireRegion(e.ctx, "us"))
	require.Len(e, w.recorded(), 1)
	require.Empty(e, w.raw("us").names(""))
	require.NotEmpty(e, w.places(msg), "what was moved out of it is kept")
	require.NoError(e, w.svc.RetireRegion(e.ctx, "us"), "again")

	us = w.in("us")
	require.Len(e, w.recorded(), 2, "it is provisioned anew")
	w.pending(us, "5001", wav(10), nil)
	w.sync()
}

func retireLate(e *env) {
	w := newWorld(e)
	us := w.in("us")
	audio := wav(10)
	for region, pattern := range map[string]string{"us": "the mark", "eu": "the record"} {
		svc := w.in("eu")
		w.faults[region].Set(faultstore.Fault{Op: faultstore.Delete, Pattern: w.space.Region("us"), Mode: faultstore.Pass, Wait: func(context.Context, faultstore.Call) error {
			w.depositAudio(us.Mailbox("5001"), audio, nil)
			return nil
		}})
		err := svc.RetireRegion(e.ctx, "us")
		require.ErrorIs(e, err, voicemail.ErrRegionInUse, pattern)
		w.up()
		require.True(e, w.exists(w.space.Region("us")), pattern)
		require.True(e, w.raw("us").exists(w.space.Region("us")), pattern)
		require.NoError(e, w.oneOf(w.svc, "5001").Delete(e.ctx))
	}
}

func retireRefused(e *env) {
	w := newWorld(e)
	us := w.in("us")
	for _, name := range []string{"eu", "us", "mars", ""} {
		require.ErrorIs(e, us.RetireRegion(e.ctx, name), voicemail.ErrInvalid, name)
	}
	require.Len(e, w.recorded(), 2)
	w.down("us")
	w.blames(w.svc.RetireRegion(e.ctx, "us"), "us", storage.ErrUnavailable, "what does not answer is not empty")
	w.up()
	w.down("eu")
	w.blames(w.svc.RetireRegion(e.ctx, "us"), "eu", storage.ErrUnavailable, "the record is in the master region")
	w.up()
	require.Len(e, w.recorded(), 2)
}

func retireFaults(e *env) {
	w := newWorld(e)
	for _, region := range []string{"eu", "us"} {
		for n, more := 1, true; more; n++ {
			for _, mode := range []faultstore.Mode{faultstore.Before, faultstore.After} {
				w.in("us")
				svc := w.in("eu")
				w.faults[region].Set(faultstore.Fault{N: n, Mode: mode})
				err := svc.RetireRegion(e.ctx, "us")
				more = w.faults[region].Disturbed() > 0
				w.up()
				require.Equal(e, more, err != nil, "%s, call %d", region, n)
				require.NoError(e, svc.RetireRegion(e.ctx, "us"))
				require.Len(e, w.recorded(), 1)
				require.Empty(e, w.raw("us").names(""))
			}
		}
	}
}
