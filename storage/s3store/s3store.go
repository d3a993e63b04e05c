package s3store

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/genesys/voicemail/storage"
)

// Options are the options of [Open]. The zero value is the default.
type Options struct {
	// Prefix is the folder of the bucket that holds the objects, a legal object name; empty is the whole bucket.
	Prefix string
	// TryTimeout bounds one try of a request, and each wait for more bytes of a body that is read; 0 is 15 s. A request that has a body to send has
	// another second for every 128 KiB of it. A request is tried up to 4 times (see the package comment).
	TryTimeout time.Duration
	// PageSize is the most that one page of a listing holds, up to 1,000; 0 is 1,000.
	PageSize int
	// Concurrency is how many requests one Delete has under way at most; 0 is 16.
	Concurrency int
	// MaxLinkTTL is the longest that a signed link may be asked for, up to the 7 days that S3 allows; 0 is 7 days.
	MaxLinkTTL time.Duration
}

// Bounds of S3.
const (
	maxPage    = 1000
	maxBatch   = 1000
	maxLinkTTL = 7 * 24 * time.Hour
)

// Store is a [storage.Store] in a bucket, with the capabilities [storage.Pinger], [storage.Retainer] and [storage.Signer].
type Store struct {
	client      *s3.Client
	presign     *s3.PresignClient
	bucket      *string
	prefix      string // empty, or ends with a slash
	tryTimeout  time.Duration
	pageSize    int
	concurrency int
	maxLinkTTL  time.Duration
	versioned   atomic.Bool // the bucket has or had versions, or would not say
	untagged    atomic.Bool // the server has no tags
	summed      atomic.Bool // the bucket demands a checksum, as those do whose objects are locked by default
	closed      atomic.Bool
	pingName    string
	pingSlot    chan struct{}
}

var (
	_ storage.Store    = (*Store)(nil)
	_ storage.Pinger   = (*Store)(nil)
	_ storage.Retainer = (*Store)(nil)
	_ storage.Signer   = (*Store)(nil)
)

// Open opens the store in a bucket that is there. The client has the region, the endpoint and the credentials; its own retries and logging are not
// used. nil opts are the defaults.
//
// Open proves that the server refuses to create what exists, by one object that is created once in the life of the store and that every later Open must be
// refused. It reads and deletes nothing. A server that lets a second creation win, a bucket that is not there and one in another region are
// [storage.ErrUnsuitable]; credentials that are missing or not accepted are [storage.ErrPermission].
func Open(ctx context.Context, client *s3.Client, bucket string, opts *Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := newStore(client, bucket, opts)
	if err == nil {
		err = s.checkCredentials(ctx)
	}
	if err == nil {
		err = s.askVersioning(ctx)
	}
	if err == nil {
		err = s.prove(ctx)
	}
	if err != nil {
		return nil, fail("open", "", err)
	}
	return s, nil
}

func newStore(client *s3.Client, bucket string, opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	switch {
	case client == nil || bucket == "":
		return nil, because(storage.ErrInvalid, "there is no client, or no bucket")
	case opts.TryTimeout < 0 || opts.PageSize < 0 || opts.Concurrency < 0 || opts.MaxLinkTTL < 0:
		return nil, because(storage.ErrInvalid, "options have a negative number")
	case opts.PageSize > maxPage || opts.MaxLinkTTL > maxLinkTTL:
		return nil, because(storage.ErrInvalid, "options ask for more than S3 has")
	}
	folder, err := folderOf(opts.Prefix)
	if err != nil {
		return nil, err
	}
	s := &Store{
		prefix: folder,
		client: client, presign: s3.NewPresignClient(client), bucket: aws.String(bucket),
		tryTimeout: 15 * time.Second, pageSize: maxPage, concurrency: 16, maxLinkTTL: maxLinkTTL,
		pingName: ".ping-" + rand.Text(), pingSlot: make(chan struct{}, 1),
	}
	if opts.TryTimeout != 0 {
		s.tryTimeout = opts.TryTimeout
	}
	if opts.PageSize != 0 {
		s.pageSize = opts.PageSize
	}
	if opts.Concurrency != 0 {
		s.concurrency = opts.Concurrency
	}
	if opts.MaxLinkTTL != 0 {
		s.maxLinkTTL = opts.MaxLinkTTL
	}
	return s, nil
}

// folderOf returns what the names in the bucket start with in a store that has the prefix: nothing, or what ends with a slash.
func folderOf(prefix string) (string, error) {
	switch {
	case prefix == "":
		return "", nil
	case storage.CheckKey(prefix) != nil:
		return "", because(storage.ErrInvalid, "prefix is not a legal object name")
	case len(prefix) > 1024-1-storage.MaxKey:
		return "", because(storage.ErrInvalid, "prefix is too long")
	}
	return prefix + "/", nil
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

// name returns the name in the bucket of the object key.
func (s *Store) name(key string) *string { return aws.String(s.prefix + key) }

// checkCredentials looks whether there are any: a request without would only say that it was not sent.
func (s *Store) checkCredentials(ctx context.Context) error {
	provider := s.client.Options().Credentials
	if provider == nil || aws.IsCredentialsProvider(provider, aws.AnonymousCredentials{}) {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, s.tryTimeout)
	defer cancel()
	if _, err := provider.Retrieve(bounded); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return because(storage.ErrPermission, "there are no credentials")
	}
	return nil
}

// askVersioning finds out whether Delete has to look for versions. One that may not ask looks.
func (s *Store) askVersioning(ctx context.Context) error {
	out, err := s.versioning(ctx)
	switch {
	case err == nil:
		s.versioned.Store(out.Status != "")
	case isKind(err, storage.ErrPermission) && !isBadCredentials(err):
		s.versioned.Store(true)
	case hasStatus(err, http.StatusNotImplemented), hasStatus(err, http.StatusMethodNotAllowed):
	default:
		return err
	}
	return nil
}

func (s *Store) versioning(ctx context.Context) (*s3.GetBucketVersioningOutput, error) {
	return call(ctx, s.tryTimeout, func(ctx context.Context) (*s3.GetBucketVersioningOutput, error) {
		return s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: s.bucket}, s.options)
	})
}

func isBadCredentials(err error) bool {
	var f *failure
	return errors.As(err, &f) && badCredentials[f.code]
}

// Names of the driver's own objects. They start with a dot, so no listing shows them.
const (
	proofName = ".proof"
	raceName  = ".proof-race"
)

// prove has the server refuse what exists. Whoever is the first also has several create one name at once.
func (s *Store) prove(ctx context.Context) error {
	const ignores = "the server lets a second creation of an object win: it ignores If-None-Match"
	created, err := s.createProof(ctx, proofName)
	if err != nil || !created {
		return err
	}
	created, err = s.createProof(ctx, proofName)
	if err != nil {
		return err
	}
	if created {
		return because(storage.ErrUnsuitable, ignores)
	}
	const racers = 8
	var winners atomic.Int32
	errs := inParallel(racers, racers, func(int) error {
		created, err := s.createProof(ctx, raceName)
		if created {
			winners.Add(1)
		}
		return err
	})
	if winners.Load() > 1 {
		return because(storage.ErrUnsuitable, "the server lets several creations of an object win that come at once")
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// createProof reports whether it created an object, or was refused since there is one.
func (s *Store) createProof(ctx context.Context, name string) (bool, error) {
	_, err := again(ctx, func() (*s3.PutObjectOutput, error) { return s.put(ctx, name, &body{}, nil) })
	switch {
	case hasStatus(err, http.StatusPreconditionFailed):
		return false, nil
	case hasStatus(err, http.StatusNotImplemented):
		return false, because(storage.ErrUnsuitable, "the server has no creation under a condition: it does not implement If-None-Match")
	}
	return err == nil, err
}

// Retention implements [storage.Retainer]. What may not be asked is told in the notes.
func (s *Store) Retention(ctx context.Context) (storage.Retention, error) {
	if err := s.begin(ctx, "retention"); err != nil {
		return storage.Retention{}, err
	}
	r := storage.Retention{Notes: []string{
		"Replicas of the bucket keep deleted objects: the deletion of a version is not replicated. Each replica has to be a store of its own.",
		"Backups of the bucket (AWS Backup and others) keep deleted objects; the bucket cannot tell of them.",
		"Server access logs, CloudTrail data events, inventories and metadata tables keep object names and tags.",
		"A lifecycle rule that deletes or moves objects works behind the back of the library: messages vanish without being erased everywhere.",
	}}
	versions, err := s.versioning(ctx)
	switch {
	case err == nil:
		r.Versioned = versions.Status != ""
		if versions.MFADelete == types.MFADeleteStatusEnabled {
			r.Notes = append(r.Notes, "The bucket demands multi-factor authentication for the deletion of versions: Delete is refused.")
		}
	case unanswerable(err):
		r.Versioned = s.versioned.Load()
		r.Notes = append(r.Notes, "Whether the bucket keeps versions could not be asked.")
	default:
		return storage.Retention{}, fail("retention", "", err)
	}
	lock, err := call(ctx, s.tryTimeout, func(ctx context.Context) (*s3.GetObjectLockConfigurationOutput, error) {
		return s.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: s.bucket}, s.options)
	})
	var f *failure
	switch {
	case err == nil:
		r.Lock = lock.ObjectLockConfiguration != nil && lock.ObjectLockConfiguration.ObjectLockEnabled == types.ObjectLockEnabledEnabled
	case errors.As(err, &f) && f.code == "ObjectLockConfigurationNotFoundError":
	case unanswerable(err):
		r.Notes = append(r.Notes, "Whether the bucket locks objects could not be asked.")
	default:
		return storage.Retention{}, fail("retention", "", err)
	}
	return r, nil
}

// unanswerable reports whether err says that we may not ask, or that the server does not know the question.
func unanswerable(err error) bool {
	return isKind(err, storage.ErrPermission) || isKind(err, storage.ErrInvalid) ||
		hasStatus(err, http.StatusNotImplemented) || hasStatus(err, http.StatusMethodNotAllowed)
}
