package s3store

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func TestASignedLinkReadsOneObjectForAWhile(t *testing.T) {
	sv := plainServer(t)
	s := sv.open(t, sv.bucket(t), &Options{Prefix: "folder"})
	_, err := s.Create(t.Context(), "v1/a", strings.NewReader("content"), &storage.CreateOptions{ContentType: "audio/wav"})
	require.NoError(t, err)
	before := time.Now()
	u, err := s.SignURL(t.Context(), "v1/a", time.Minute)
	require.NoError(t, err)
	assert.WithinDuration(t, before.Add(time.Minute), u.Expires, 2*time.Second)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(link string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	status, body := get(u.Reveal())
	assert.Equal(t, 200, status)
	assert.Equal(t, "content", body)
	status, _ = get(strings.Replace(u.Reveal(), "v1/a", "v1/b", 1))
	assert.Equal(t, 403, status, "the link is for one object")
	status, _ = get(strings.Replace(u.Reveal(), "X-Amz-Expires=60", "X-Amz-Expires=6000", 1))
	assert.Equal(t, 403, status, "its time is signed too")
}

func TestALinkTellsWhenItReallyEnds(t *testing.T) {
	now := time.Now()
	expiring := func(at time.Time) aws.CredentialsProvider {
		return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b", SessionToken: "c", CanExpire: true, Expires: at}, nil
		})
	}
	static := fakeClient(nil).Options().Credentials
	broken := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("secret") })
	for _, row := range []struct {
		provider aws.CredentialsProvider
		ttl      time.Duration
		want     time.Duration // from now on
		kind     error
		why      string
	}{
		{static, time.Hour, time.Hour, nil, "the time asked for"},
		{static, 90*time.Second + 900*time.Millisecond, 90 * time.Second, nil, "whole seconds"},
		{static, 24 * time.Hour, 24 * time.Hour, nil, "the longest allowed"},
		{expiring(now.Add(2 * time.Hour)), time.Hour, time.Hour, nil, "credentials that end later"},
		{expiring(now.Add(10 * time.Minute)), time.Hour, 10 * time.Minute, nil, "credentials that end earlier"},
		{expiring(now.Add(-time.Minute)), time.Hour, 0, storage.ErrPermission, "credentials that have ended"},
		{broken, time.Hour, 0, storage.ErrPermission, "no credentials"},
		{nil, time.Hour, 0, storage.ErrPermission, "no credentials at all"},
		{static, 24*time.Hour + time.Second, 0, storage.ErrInvalid, "longer than allowed"},
		{static, 0, 0, storage.ErrInvalid, "no time"},
		{static, -time.Hour, 0, storage.ErrInvalid, "less than no time"},
		{static, time.Second - 1, 0, storage.ErrInvalid, "less than a second"},
	} {
		client := s3.New(fakeClient(nil).Options(), func(o *s3.Options) { o.Credentials = row.provider })
		s, err := newStore(client, "bucket", &Options{MaxLinkTTL: 24 * time.Hour})
		require.NoError(t, err)
		u, err := s.SignURL(t.Context(), "v1/a", row.ttl)
		if row.kind != nil {
			require.ErrorIs(t, err, row.kind, row.why)
			assert.NotContains(t, err.Error(), "secret", row.why)
			assert.Empty(t, u.Reveal(), row.why)
			continue
		}
		require.NoError(t, err, row.why)
		assert.WithinDuration(t, now.Add(row.want), u.Expires, 5*time.Second, row.why)
		assert.NotContains(t, u.Reveal(), "checksum", "whoever follows the link sends no header of ours")
	}
}
