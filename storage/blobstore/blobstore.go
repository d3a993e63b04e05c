package blobstore

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/genesys/voicemail/storage"
)

// Options are the options of [Open]. The zero value is the default.
type Options struct {
	// Prefix is the folder of the container that holds the objects, a legal object name; empty is the whole container.
	Prefix string
	// TryTimeout is for how long the service may be silent: owe a reply or the next bytes of one, or take no more of a body. 0 is 10 s. It does not bound
	// the time that a large object takes.
	TryTimeout time.Duration
	// Tries is how often a request is made at most that gets no reply, or one that says that the trouble may pass (408, 429, 500, 502, 503, 504); 0 is 3. The retry
	// options of the client are not used. A call on a service that hangs so ends in [storage.ErrUnavailable] after Tries times TryTimeout and the
	// waits in between, 0.1 s and more, 5 s at most each: by default within 31 s.
	Tries int
	// PageSize is the most that a page of a listing holds; 0 is 5,000, the most that the service gives.
	PageSize int
	// Concurrency is how many requests one call makes at once; 0 is 8.
	Concurrency int
	// Versioned says that the account keeps versions, or once kept them: each Delete looks for them, also where none has shown. See [Store.Delete].
	Versioned bool
	// Service is the account that the container is in. With it [Store.SignURL] works without an account key, [Store.Retention] can tell of soft delete, and Delete deletes for good where
	// the account allows it. nil leaves these out.
	Service *service.Client
}

// Store is a [storage.Store] in a container, with the capabilities [storage.Pinger], [storage.Retainer], [storage.Signer] and [storage.TagFinder].
type Store struct {
	container   *container.Client
	service     *service.Client // may be nil
	prefix      string          // empty, or ends with a slash
	tryTimeout  time.Duration
	tries       int
	pageSize    int
	concurrency int
	closed      atomic.Bool

	// What replies have told of the account.
	folders   atomic.Bool // it has a hierarchical namespace, and so directories
	noTags    atomic.Bool
	versioned atomic.Bool
	lookMu    sync.Mutex
	looked    time.Time // when a Delete last looked for versions

	delegated     chan struct{} // held while delegationKey is used
	delegationKey delegation
}

var (
	_ storage.Store     = (*Store)(nil)
	_ storage.Pinger    = (*Store)(nil)
	_ storage.Retainer  = (*Store)(nil)
	_ storage.Signer    = (*Store)(nil)
	_ storage.TagFinder = (*Store)(nil)
)

// Open opens the store in a container, which must exist: one that does not is [storage.ErrUnsuitable], as is a server that does not refuse a name that is taken. nil opts
// are the defaults. The client stays the caller's.
//
// What Open proves it proves by one blob that is created once in the life of the store, and that every later Open must be refused. It needs the right to create, and deletes nothing.
func Open(ctx context.Context, client *container.Client, opts *Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := newStore(client, opts)
	if err == nil {
		err = s.prove(ctx)
	}
	if err == nil {
		err = s.learn(ctx)
	}
	if err != nil {
		return nil, fail("open", "", err)
	}
	return s, nil
}

func newStore(client *container.Client, opts *Options) (*Store, error) {
	if client == nil {
		return nil, because(storage.ErrInvalid, "there is no client")
	}
	if opts == nil {
		opts = &Options{}
	}
	s := &Store{
		container: client, service: opts.Service, tryTimeout: 10 * time.Second, tries: 3, pageSize: maxPage, concurrency: 8,
		delegated: make(chan struct{}, 1),
	}
	var err error
	if s.prefix, err = folderOf(opts.Prefix); err != nil {
		return nil, err
	}
	if opts.TryTimeout < 0 || opts.Tries < 0 || opts.PageSize < 0 || opts.Concurrency < 0 {
		return nil, because(storage.ErrInvalid, "options have a negative number")
	}
	if opts.TryTimeout != 0 {
		s.tryTimeout = opts.TryTimeout
	}
	if opts.Tries != 0 {
		s.tries = opts.Tries
	}
	if opts.PageSize != 0 {
		s.pageSize = min(opts.PageSize, maxPage)
	}
	if opts.Concurrency != 0 {
		s.concurrency = opts.Concurrency
	}
	s.versioned.Store(opts.Versioned)
	return s, nil
}

// folderOf returns what the names in the container start with in a store that has the prefix: nothing, or what ends with a slash.
func folderOf(prefix string) (string, error) {
	switch {
	case prefix == "":
		return "", nil
	case storage.CheckKey(prefix) != nil:
		return "", because(storage.ErrInvalid, "prefix is not a legal object name")
	case len(prefix)+1+storage.MaxKey > maxName:
		return "", because(storage.ErrInvalid, "prefix leaves no room for the longest object name")
	}
	return prefix + "/", nil
}

// Bounds of the service.
const (
	maxPage = 5000
	maxName = 1024
)

// proofName is the blob that proves that a name is taken once. No object has such a name.
const proofName = ".exclusive"

const proofText = "The container refuses to create this blob a second time. Do not delete it: each start of the service tries.\n"

// prove demands that the service refuses a name that is taken.
func (s *Store) prove(ctx context.Context) error {
	for range 2 {
		_, err := s.put(ctx, proofName, strings.NewReader(proofText), nil)
		switch {
		case errors.Is(err, storage.ErrExists):
			return nil
		case isReply(err, bloberror.ContainerNotFound):
			return because(storage.ErrUnsuitable, "there is no such container")
		case err != nil:
			return err
		}
	}
	return because(storage.ErrUnsuitable, "the server creates a blob again although there is one of that name: it passes over If-None-Match")
}

// learn finds out what kind of account it is, as far as it may.
func (s *Store) learn(ctx context.Context) error {
	var hierarchical *bool
	err := s.retry(ctx, func(t *try) error {
		resp, err := s.container.GetAccountInfo(t.ctx, nil)
		hierarchical = resp.IsHierarchicalNamespaceEnabled
		return err
	})
	if err = unlessRefused(err); err != nil {
		return err
	}
	if hierarchical != nil && *hierarchical {
		s.folders.Store(true)
		s.noTags.Store(true)
	}
	_, err = s.stat(ctx, proofName)
	return unlessRefused(err)
}

// unlessRefused returns err unless it is a reply that refuses a question: a service that only deposits may not ask it, and learns what it needs
// from other replies.
func unlessRefused(err error) error {
	if errors.Is(err, storage.ErrPermission) || errors.Is(err, storage.ErrInvalid) || errors.Is(err, storage.ErrNotExist) {
		return nil
	}
	return err
}

// Close implements [storage.Store]. A second Close does nothing.
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}

// begin refuses a call whose context is done, that comes after Close, or that names an illegal key.
func (s *Store) begin(ctx context.Context, op string, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return &storage.Error{Op: op, Driver: driver, Kind: storage.ErrClosed}
	}
	for _, key := range keys {
		if err := storage.CheckKey(key); err != nil {
			// The key is not named: of a Delete that is refused as a whole, that would say that the other keys are gone.
			return &storage.Error{Op: op, Driver: driver, Kind: storage.ErrInvalid, Err: err}
		}
	}
	return nil
}

func (s *Store) blockBlob(key string) *blockblob.Client {
	return s.container.NewBlockBlobClient(s.prefix + key)
}
