package gdpr_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

func TestAForgottenCallerIsErasedAndAReceiptSaysSo(t *testing.T) {
	ctx := context.Background()
	st := memstore.New(nil)
	off := time.Duration(0)
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(st), &voicemail.Options{Now: func() time.Time { return time.Now().Add(off) }})
	require.NoError(t, err)
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	require.NoError(t, err)
	for range 3 {
		_, err = box.Deposit(ctx, bytes.NewReader([]byte("hello")), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+15550100123")})
		require.NoError(t, err)
	}
	c, err := gdpr.New(svc, &gdpr.Options{MaxSkew: 1000 * time.Hour})
	require.NoError(t, err)
	req := &gdpr.Request{CaseID: "c1", Actor: "officer", Consumers: []gdpr.Consumer{{Phones: []gdpr.Phone{gdpr.NewPhone("+1 555 010 0123")}}}}
	for range 2 {
		r, err := c.ForgetMe(ctx, req)
		require.NoError(t, err)
		require.Len(t, r.Phones[0].Messages, 3)
		n, err := box.Counts(ctx)
		require.NoError(t, err)
		require.Zero(t, n)
		r, err = c.UndoForgetMe(ctx, req)
		require.NoError(t, err)
		require.Equal(t, gdpr.StateUndone, r.State)
		n, err = box.Counts(ctx)
		require.NoError(t, err)
		require.Equal(t, 3, n.New)
	}
	_, err = c.ForgetMe(ctx, req)
	require.NoError(t, err)
	off = gdpr.DefaultWindow
	for range 2 {
		off += gdpr.Settle
		s, err := c.Sweep(ctx)
		require.NoError(t, err)
		t.Logf("%+v", s)
	}
	s, err := c.Status(ctx, "c1")
	require.NoError(t, err)
	require.Equal(t, gdpr.StateClosed, s.State)
	for info, err := range storage.All(ctx, st, nil) {
		require.NoError(t, err)
		t.Log(info.Key)
	}
}
