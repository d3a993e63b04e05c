package blobstore

import (
	"context"
	"errors"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/genesys/voicemail/storage"
)

const (
	// maxLink is the longest life of a link: the service's bound on a user delegation key, and our own on a link by the account key.
	maxLink = 7 * 24 * time.Hour
	// delegationLife is for how long a user delegation key is asked for at least.
	delegationLife = time.Hour
	// clockMargin is how far this host's clock may be ahead of the service's, which refuses a key that starts later than now.
	clockMargin = 5 * time.Minute
)

// SignURL implements [storage.Signer]. The link is a shared access signature that allows reading and nothing else. It is made with the account key if the
// container's client has one, else with a user delegation key of [Options].Service; with neither it is [errors.ErrUnsupported]. A ttl that is not
// positive, or beyond seven days, is [storage.ErrInvalid]. Expires is in whole seconds.
//
// A link by the account key costs no request, a user delegation key one an hour.
func (s *Store) SignURL(ctx context.Context, key string, ttl time.Duration) (storage.SignedURL, error) {
	if err := s.begin(ctx, "sign", key); err != nil {
		return storage.SignedURL{}, err
	}
	url, expires, err := s.sign(ctx, key, ttl)
	if err != nil {
		return storage.SignedURL{}, fail("sign", key, err)
	}
	return storage.NewSignedURL(url, expires), nil
}

func (s *Store) sign(ctx context.Context, key string, ttl time.Duration) (string, time.Time, error) {
	if ttl < time.Second || ttl > maxLink {
		return "", time.Time{}, because(storage.ErrInvalid, "the life of a link is a second to seven days")
	}
	expires := time.Now().Add(ttl).UTC().Truncate(time.Second)
	client := s.container.NewBlobClient(s.prefix + key)
	url, err := client.GetSASURL(sas.BlobPermissions{Read: true}, expires, nil)
	switch {
	case err == nil:
		return url, expires, nil
	case !errors.Is(err, bloberror.MissingSharedKeyCredential):
		return "", time.Time{}, because(storage.ErrInvalid, "the account key cannot sign")
	case s.service == nil:
		return "", time.Time{}, because(errors.ErrUnsupported, "there is neither an account key nor Options.Service")
	}
	cred, until, err := s.delegation(ctx, expires)
	if err != nil {
		return "", time.Time{}, err
	}
	if until.Before(expires) {
		expires = until
	}
	parts, err := blob.ParseURL(client.URL())
	if err != nil {
		return "", time.Time{}, because(storage.ErrInvalid, "the service's address cannot be read")
	}
	parts.SAS, err = sas.BlobSignatureValues{
		ContainerName: parts.ContainerName, BlobName: parts.BlobName, Permissions: to.Ptr(sas.BlobPermissions{Read: true}).String(),
		Protocol: sas.ProtocolHTTPS, ExpiryTime: expires,
	}.SignWithUserDelegation(cred)
	if err != nil {
		return "", time.Time{}, because(storage.ErrUnavailable, "the user delegation key cannot sign")
	}
	return parts.String(), expires, nil
}

// delegation is a user delegation key that is kept for the next links.
type delegation struct {
	cred  *service.UserDelegationCredential
	until time.Time
}

// delegation returns a user delegation key that lasts until expires if the service gives one, and when it ends.
func (s *Store) delegation(ctx context.Context, expires time.Time) (*service.UserDelegationCredential, time.Time, error) {
	select {
	case s.delegated <- struct{}{}:
		defer func() { <-s.delegated }()
	case <-ctx.Done():
		return nil, time.Time{}, ctx.Err()
	}
	if s.delegationKey.cred != nil && !s.delegationKey.until.Before(expires) {
		return s.delegationKey.cred, s.delegationKey.until, nil
	}
	now := time.Now().UTC()
	until := expires
	if least := now.Add(delegationLife); until.Before(least) {
		until = least
	}
	// Twice what is asked for, so that the next link of the same life has a key too.
	until = now.Add(min(2*until.Sub(now), maxLink)).Truncate(time.Second)
	info := service.KeyInfo{Start: to.Ptr(now.Add(-clockMargin).Format(sas.TimeFormat)), Expiry: to.Ptr(until.Format(sas.TimeFormat))}
	var cred *service.UserDelegationCredential
	err := s.retry(ctx, func(t *try) (err error) {
		cred, err = s.service.GetUserDelegationCredential(t.ctx, info, nil)
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	if end := keyEnd(cred); end.Before(until) {
		until = end
	}
	s.delegationKey = delegation{cred, until}
	return cred, until, nil
}

// keyEnd returns when a user delegation key ends, which only a signature with it tells; zero if it cannot sign.
func keyEnd(cred *service.UserDelegationCredential) time.Time {
	q, err := sas.BlobSignatureValues{ContainerName: "c", BlobName: "b", Permissions: "r", ExpiryTime: time.Unix(0, 0).UTC()}.SignWithUserDelegation(cred)
	if err != nil {
		return time.Time{}
	}
	return q.SignedExpiry().UTC()
}
