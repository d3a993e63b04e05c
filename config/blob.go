package config

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/blobstore"
)

func (p place) openBlob(ctx context.Context) (storage.Store, error) {
	c := newConnections()
	client, err := p.blobClient(azcore.ClientOptions{Transport: c})
	if err != nil {
		return nil, err
	}
	s, err := blobstore.Open(ctx, client.NewContainerClient(p.region.Container), &blobstore.Options{Prefix: p.region.Prefix, Service: client})
	if err != nil {
		c.CloseIdleConnections()
		return nil, err
	}
	return &store{s, c}, nil
}

func (p place) blobClient(opts azcore.ClientOptions) (*service.Client, error) {
	endpoint := p.region.Endpoint
	if endpoint == "" {
		endpoint = "https://" + p.region.Account + ".blob.core.windows.net"
	}
	keys := &secret{dir: p.secrets, names: []string{p.files.account}, check: checkAccountKey}
	mounted, err := p.mounted(keys)
	if err != nil {
		return nil, err
	}
	if mounted {
		if p.region.Account == "" {
			return nil, &FieldError{Field: p.field + ".account", Problem: "is missing; a key belongs to an account"}
		}
		values, _, err := keys.current()
		if err != nil {
			return nil, p.badKey(err)
		}
		credential, err := service.NewSharedKeyCredential(p.region.Account, values[0])
		if err != nil {
			return nil, p.badKey(errors.New("file " + p.files.account + ": is not a key of a storage account"))
		}
		keys.mu.Lock()
		keys.use = func(values []string) { _ = credential.SetAccountKey(values[0]) } // it was checked
		keys.use(keys.values)
		keys.mu.Unlock()
		opts.PerCallPolicies = append(opts.PerCallPolicies, &rotation{keys})
		return service.NewClientWithSharedKeyCredential(endpoint, credential, &service.ClientOptions{ClientOptions: opts})
	}
	if strings.HasPrefix(endpoint, "http:") {
		return nil, &FieldError{Field: p.field + ".endpoint", Problem: "must begin with https: without a mounted key the request carries a token"}
	}
	identity, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, &FieldError{Field: p.field, Problem: "no key is mounted, and the pod has no identity", Err: errors.New("see azidentity.NewDefaultAzureCredential")}
	}
	return service.NewClient(endpoint, identity, &service.ClientOptions{ClientOptions: opts})
}

func checkAccountKey(values []string) error {
	if _, err := base64.StdEncoding.DecodeString(values[0]); err != nil {
		return errors.New("the key of the account is not base64")
	}
	return nil
}

// rotation has requests signed with the keys that are on disk.
type rotation struct{ keys *secret }

// Do implements [policy.Policy], around the SDK's retries and its signing.
func (r *rotation) Do(q *policy.Request) (*http.Response, error) {
	_, version, err := r.keys.current()
	if err != nil {
		return nil, err
	}
	res, err := q.Next()
	if err != nil || !isRefusal(res.StatusCode) || !r.keys.changedSince(version) {
		return res, err
	}
	runtime.Drain(res)
	return q.Next() // the retry policy, which comes next, rewinds the body
}
