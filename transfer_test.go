package voicemail_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// cutOff is a store in which another operation deletes the claim of a move while it is being made.
type cutOff struct {
	storage.Store
	meanwhile func()
}

func (s *cutOff) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	if !strings.HasSuffix(key, ".move") {
		return s.Store.Create(ctx, key, body, opts)
	}
	s.meanwhile()
	return storage.Info{}, &storage.Error{Op: "create", Driver: "test", Key: key, Kind: storage.ErrUnavailable}
}

func TestAMoveWhoseClaimIsCutOffSaysWhetherTheMessageIsThere(t *testing.T) {
	for _, row := range []struct {
		name  string
		other func(*testing.T, voicemail.Message)
		want  error
	}{
		{"the message was deleted", func(t *testing.T, m voicemail.Message) { require.NoError(t, m.Delete(t.Context())) }, voicemail.ErrNotFound},
		{"the message was moved", func(t *testing.T, m voicemail.Message) {
			_, err := m.MoveTo(t.Context(), "5003")
			require.NoError(t, err)
		}, voicemail.ErrNotFound},
		{"the storage failed", func(*testing.T, voicemail.Message) {}, storage.ErrUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx := t.Context()
			store := memstore.New(nil)
			svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), nil)
			require.NoError(t, err)
			for _, id := range []voicemail.MailboxID{"5001", "5002", "5003"} {
				_, err := svc.CreateMailbox(ctx, id, nil)
				require.NoError(t, err)
			}
			msg, err := svc.Mailbox("5001").Deposit(ctx, bytes.NewReader([]byte("audio")), nil)
			require.NoError(t, err)

			disturbed, err := voicemail.Open(ctx, voicemail.OneRegion(&cutOff{store, func() { row.other(t, msg) }}), nil)
			require.NoError(t, err)
			same, err := disturbed.Mailbox("5001").Message(ctx, msg.ID())
			require.NoError(t, err)
			_, err = same.MoveTo(ctx, "5002")
			require.ErrorIs(t, err, row.want)
			if errors.Is(row.want, voicemail.ErrNotFound) {
				require.NotErrorIs(t, err, storage.ErrUnavailable, "nothing is wrong with the storage")
			}
		})
	}
}
