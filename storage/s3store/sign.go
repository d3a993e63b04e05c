package s3store

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genesys/voicemail/storage"
)

// SignURL implements [storage.Signer], by a presigned GET. It asks the storage nothing, so a link to what may not be read is made too and does not work. Temporary
// credentials that end before ttl end the link, and the link says so. ttl is in whole seconds; what is below is cut off.
func (s *Store) SignURL(ctx context.Context, key string, ttl time.Duration) (storage.SignedURL, error) {
	if err := s.begin(ctx, "sign", key); err != nil {
		return storage.SignedURL{}, err
	}
	u, err := s.sign(ctx, key, ttl.Truncate(time.Second))
	if err != nil {
		return storage.SignedURL{}, fail("sign", key, err)
	}
	return u, nil
}

func (s *Store) sign(ctx context.Context, key string, ttl time.Duration) (storage.SignedURL, error) {
	if ttl <= 0 || ttl > s.maxLinkTTL {
		return storage.SignedURL{}, because(storage.ErrInvalid, fmt.Sprintf("a link works for 1s to %v", s.maxLinkTTL))
	}
	provider := s.client.Options().Credentials
	if provider == nil {
		return storage.SignedURL{}, because(storage.ErrPermission, "there are no credentials to sign with")
	}
	bounded, cancel := context.WithTimeout(ctx, s.tryTimeout)
	defer cancel()
	creds, err := provider.Retrieve(bounded)
	if err != nil {
		if ctx.Err() != nil {
			return storage.SignedURL{}, ctx.Err()
		}
		return storage.SignedURL{}, because(storage.ErrPermission, "there are no credentials to sign with")
	}
	// What is signed with is what was looked at: the provider may have others by now.
	these := func(o *s3.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil })
	}
	req, err := s.presign.PresignGetObject(bounded, &s3.GetObjectInput{Bucket: s.bucket, Key: s.name(key)},
		s3.WithPresignExpires(ttl), s3.WithPresignClientFromClientOptions(s.options, these))
	if err != nil {
		return storage.SignedURL{}, because(storage.ErrUnavailable, "the link cannot be signed")
	}
	signed, err := signedAt(req.URL)
	if err != nil {
		return storage.SignedURL{}, because(storage.ErrUnavailable, "the link has no time of signing")
	}
	expires := signed.Add(ttl)
	if creds.CanExpire && creds.Expires.Before(expires) {
		expires = creds.Expires
	}
	if !expires.After(signed) {
		return storage.SignedURL{}, because(storage.ErrPermission, "the credentials to sign with have expired")
	}
	return storage.NewSignedURL(req.URL, expires.UTC()), nil
}

// signedAt returns the time from which the link counts.
func signedAt(link string) (time.Time, error) {
	u, err := url.Parse(link)
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse("20060102T150405Z", u.Query().Get("X-Amz-Date"))
}
