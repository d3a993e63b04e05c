package cloudtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
)

// versions returns the names of all versions and delete markers in a bucket, each as often as it has any.
func versions(t *testing.T, c *s3.Client, bucket string) (names []string) {
	t.Helper()
	pages := s3.NewListObjectVersionsPaginator(c, &s3.ListObjectVersionsInput{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, v := range page.Versions {
			names = append(names, aws.ToString(v.Key))
		}
		for _, m := range page.DeleteMarkers {
			names = append(names, aws.ToString(m.Key))
		}
	}
	return names
}

// everything yields all versions and delete markers in a bucket.
func everything(c *s3.Client, bucket string) rawscan.Source {
	return func(ctx context.Context) iter.Seq2[rawscan.Item, error] {
		return func(yield func(rawscan.Item, error) bool) {
			pages := s3.NewListObjectVersionsPaginator(c, &s3.ListObjectVersionsInput{Bucket: &bucket})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					yield(rawscan.Item{}, err)
					return
				}
				for _, v := range page.Versions {
					read := func(ctx context.Context) ([]byte, error) {
						o, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId})
						if err != nil {
							return nil, err
						}
						defer o.Body.Close()
						return io.ReadAll(o.Body)
					}
					if !yield(rawscan.Item{Name: aws.ToString(v.Key), Read: read}, nil) {
						return
					}
				}
				for _, m := range page.DeleteMarkers {
					if !yield(rawscan.Item{Name: aws.ToString(m.Key)}, nil) {
						return
					}
				}
			}
		}
	}
}

// of returns those names that are a message's.
func of(id voicemail.MessageID, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.Contains(name, string(id)) })
}

// witness looks at a message while somebody deletes it.
type witness struct {
	store storage.Store
	box   voicemail.Mailbox
	svc   *voicemail.Service
	id    voicemail.MessageID
	from  voicemail.CallerID

	looks, seen int
	unseen      bool
	left        []string
}

// look returns an error if the message, or a name of it, is there again that was not.
func (w *witness) look(ctx context.Context) error {
	w.looks++
	there := 0
	_, err := w.box.Message(ctx, w.id)
	switch {
	case err == nil:
		there++
	case !errors.Is(err, voicemail.ErrNotFound):
		return err
	}
	if there > 0 && w.unseen {
		return errors.New("it can be read again")
	}
	w.unseen = there == 0
	for _, ways := range []struct {
		name string
		all  func(func(voicemail.Message, error) bool)
	}{
		{"listed", w.box.Messages(ctx, &voicemail.ListOptions{Trash: voicemail.WithTrash})},
		{"found", w.svc.FindByCaller(ctx, w.from)},
	} {
		seen := false
		for msg, err := range ways.all {
			if err != nil {
				return err
			}
			seen = seen || msg.ID() == w.id
		}
		if seen && w.unseen {
			return fmt.Errorf("it is %s again", ways.name)
		}
		w.unseen = w.unseen || !seen
	}
	if !w.unseen {
		w.seen++
	}
	var left []string
	for info, err := range storage.All(ctx, w.store, &storage.ListOptions{Prefix: "v1/", KeysOnly: true}) {
		if err != nil {
			return err
		}
		if strings.Contains(info.Key, string(w.id)) && !strings.Contains(info.Key, "."+keys.Gone) {
			left = append(left, info.Key)
		}
	}
	for _, name := range left {
		if w.looks > 1 && !slices.Contains(w.left, name) {
			return fmt.Errorf("a name is there again: %s", name)
		}
	}
	w.left = left
	return nil
}

func TestNothingOfADeletedMessageIsLeftInABucketWithVersions(t *testing.T) {
	ctx := t.Context()
	server, name := versionedBucket(t)
	raw := s3Client(t, server, nil)
	store := openS3(t, raw, name, nil)
	now := time.Now
	open := func() *voicemail.Service {
		svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), &voicemail.Options{Now: func() time.Time { return now() }})
		require.NoError(t, err)
		return svc
	}
	svc := open()
	box, err := svc.CreateMailbox(ctx, "5001", nil)
	require.NoError(t, err)
	looks, seen := 0, 0
	const messages = 12
	var ids []voicemail.MessageID
	secrets := rawscan.Scan{Stores: map[string]storage.Store{"main": store}, More: map[string]rawscan.Source{"versions": everything(raw, name)}, Tenant: "default"}
	for i := range messages {
		caller := voicemail.ParseCallerID(fmt.Sprintf("+1555000%04d", i))
		audio := "RIFF to be erased: " + rand.Text()
		secrets.Numbers, secrets.Audio = append(secrets.Numbers, caller.Reveal()), append(secrets.Audio, []byte(audio))
		msg, err := box.Deposit(ctx, strings.NewReader(audio), &voicemail.DepositOptions{Caller: caller, Urgent: true, Expires: time.Now().Add(time.Hour)})
		require.NoError(t, err)
		ids = append(ids, msg.ID())
		for range 2 { // a mark that comes and goes would leave versions and markers
			require.NoError(t, msg.MarkRead(ctx))
			require.NoError(t, msg.MarkUnread(ctx))
			require.NoError(t, msg.Trash(ctx))
			require.NoError(t, msg.Restore(ctx))
		}
		require.NoError(t, msg.MarkRead(ctx))
		require.NoError(t, msg.SetExpiry(ctx, time.Now().Add(2*time.Hour)))
		require.Len(t, of(msg.ID(), versions(t, raw, name)), 6, "audio, metadata, index entry, and the marks read, urgent, expires")
		there, err := secrets.Run(ctx)
		require.NoError(t, err)
		for _, region := range []string{"main", "versions"} {
			for _, what := range []string{fmt.Sprintf("Numbers[%d]", i), fmt.Sprintf("Audio[%d]", i)} {
				require.True(t, slices.ContainsFunc(there, func(f rawscan.Finding) bool { return f.Region == region && strings.Contains(f.What, what) }), "%s in %s", what, region)
			}
		}

		w := &witness{store: store, box: open().Mailbox("5001"), svc: open(), id: msg.ID(), from: caller}
		require.NoError(t, w.look(ctx))
		require.Equal(t, 1, w.seen)
		deleted := make(chan error)
		go func() { deleted <- msg.Delete(ctx) }()
		for done := false; !done; {
			select {
			case err := <-deleted:
				require.NoError(t, err)
				done = true
			default:
			}
			require.NoError(t, w.look(ctx))
		}
		require.True(t, w.unseen)
		require.Empty(t, w.left)
		looks, seen = looks+w.looks, seen+w.seen

		left := of(msg.ID(), versions(t, raw, name))
		require.Len(t, left, 1, "nothing but the gone mark: %v", left)
		require.Contains(t, left[0], "."+keys.Gone)
		rawscan.Require(ctx, t, secrets)
	}
	t.Logf("%d looks, %d of them before the message was hidden", looks, seen)
	require.Greater(t, looks, 2*messages, "nobody looked while a message was deleted")

	now = func() time.Time { return time.Now().Add(72 * time.Hour) }
	_, err = open().Maintain(ctx)
	require.NoError(t, err)
	for _, id := range ids {
		for _, left := range of(id, versions(t, raw, name)) {
			require.True(t, strings.HasPrefix(left, "v1/default/gone/"), "after Maintain there is still %s", left)
		}
	}
	rawscan.Require(ctx, t, secrets)
}
