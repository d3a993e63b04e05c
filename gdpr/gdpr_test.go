package gdpr_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
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

// Reports hold the numbers of the request, for whoever asked; a log is not who asked.
func TestReportsAreRedactedInLogsAndShownInJSON(t *testing.T) {
	const digits = "5550100123"
	ctx := t.Context()
	svc, err := voicemail.Open(ctx, voicemail.OneRegion(memstore.New(nil)), nil)
	require.NoError(t, err)
	c, err := gdpr.New(svc, nil)
	require.NoError(t, err)
	req := &gdpr.Request{CaseID: "c1", Actor: "officer", Consumers: []gdpr.Consumer{{Phones: []gdpr.Phone{gdpr.NewPhone("+1" + digits)}}}}
	forgotten, err := c.ForgetMe(ctx, req)
	require.NoError(t, err)
	exported, err := c.ExportMe(ctx, req, gdpr.ZipSink(io.Discard))
	require.NoError(t, err)
	for _, v := range []any{req, *req, forgotten, *forgotten, exported, *exported, &gdpr.ConfirmError{Phone: gdpr.NewPhone("+1" + digits)}} {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			_, _ = fmt.Fprintf(&log, verb, v)
		}
		require.NotContains(t, log.String(), digits, "%T", v)
		require.NotContains(t, log.String(), hex.EncodeToString([]byte(digits)), "%T", v)
	}
	for _, v := range []any{forgotten, exported} {
		doc, err := json.Marshal(v)
		require.NoError(t, err)
		require.Contains(t, string(doc), "+1"+digits)
	}
}
