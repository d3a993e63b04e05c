package voicemail_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// created remembers how objects were created. It hides the capabilities of the Store below, so that copies are created, too.
type created struct {
	storage.Store
	mu      sync.Mutex
	options map[string]storage.CreateOptions
}

func (c *created) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	if opts != nil {
		c.mu.Lock()
		c.options[key] = *opts
		c.mu.Unlock()
	}
	return c.Store.Create(ctx, key, body, opts)
}

// Operators search for a caller by the tag; a part without it is missed.
func TestPartsAreTaggedAsTheirRecordingIs(t *testing.T) {
	ctx := t.Context()
	for _, tags := range []voicemail.CallerTags{voicemail.TagNumber, voicemail.TagNone} {
		st := &created{Store: memstore.New(nil), options: map[string]storage.CreateOptions{}}
		svc, err := voicemail.Open(ctx, voicemail.OneRegion(st), &voicemail.Options{CallerTags: tags})
		require.NoError(t, err)
		for _, id := range []voicemail.MailboxID{"5001", "5002"} {
			_, err := svc.CreateMailbox(ctx, id, nil)
			require.NoError(t, err)
		}
		msg, err := svc.Mailbox("5001").Deposit(ctx, strings.NewReader("RIFF"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+15551234567")})
		require.NoError(t, err)
		_, err = msg.AddPart(ctx, voicemail.PartTranscript, strings.NewReader("{}"), &voicemail.PartOptions{ContentType: "application/json"})
		require.NoError(t, err)
		_, err = msg.CopyTo(ctx, "5002", &voicemail.CopyOptions{Comment: bytes.NewReader([]byte("fLaC\x00\x00\x00\x22")), Note: "for you"})
		require.NoError(t, err)
		want := map[string]string{"caller_id": "+15551234567"}
		if tags == voicemail.TagNone {
			want = nil
		}
		types := map[string]int{}
		for key, opts := range st.options {
			if strings.Contains(key, "/media/") {
				require.Equal(t, want, opts.Tags, key)
				types[opts.ContentType]++
			}
		}
		require.Equal(t, map[string]int{"application/octet-stream": 2, "application/json": 2, "audio/flac": 1, "text/plain; charset=utf-8": 1}, types)
	}
}
