package blobstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/genesys/voicemail/storage"
)

const (
	// batchSize is what the service takes in one batch.
	batchSize = 256
	// lookInterval is how often a Delete looks for versions where none have been seen.
	lookInterval = 10 * time.Minute
)

// Delete implements [storage.Store]. One name is one request, more go in batches of 256. Snapshots go with their blob.
//
// Where versions are kept, each of them is deleted in a second step, and one that soft delete keeps even then for good in a third, if the account allows it
// and [Options].Service says so. Nothing of it makes the object appear again. That an account keeps versions shows in every reply about a blob that has
// one; where none has shown, one Delete in ten minutes, and the first one of a Store, looks for them.
//
// A blob under an immutability policy, a legal hold or a lease is [storage.ErrBlocked]. Leases are not broken: they are somebody's claim. A lease that
// nobody holds any more is broken by an operator.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	if err := s.begin(ctx, "delete", keys...); err != nil {
		return err
	}
	keys = slices.Clone(keys)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	failed := s.remove(ctx, keys)
	var errs []error
	for _, key := range keys {
		if err := failed[key]; err != nil {
			errs = append(errs, named(key, err))
		}
	}
	return errors.Join(errs...)
}

// named returns err as that of the deletion of key, also if it is a context's.
func named(key string, err error) error {
	if isContext(err) {
		return &storage.Error{Op: "delete", Driver: driver, Key: key, Err: err}
	}
	return fail("delete", key, err)
}

// target is what one request deletes: a blob, or a version or a snapshot of one.
type target struct {
	key               string
	version, snapshot *string
	permanently       bool
}

// remove deletes blobs and all that is kept of them, and returns what went wrong by name.
func (s *Store) remove(ctx context.Context, keys []string) map[string]error {
	failed := make(map[string]error)
	targets := make([]target, len(keys))
	for i, key := range keys {
		targets[i] = target{key: key}
	}
	s.deleteAll(ctx, targets, failed)
	if !s.looksForVersions() {
		return failed
	}
	gone := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return failed[key] != nil })
	s.purge(ctx, gone, failed)
	return failed
}

// looksForVersions reports whether it is time to.
func (s *Store) looksForVersions() bool {
	if s.versioned.Load() {
		return true
	}
	s.lookMu.Lock()
	defer s.lookMu.Unlock()
	if now := time.Now(); s.looked.IsZero() || now.Sub(s.looked) >= lookInterval {
		s.looked = now
		return true
	}
	return false
}

// sawVersion takes notice of what a reply says of a blob's version.
func (s *Store) sawVersion(id *string) {
	if id != nil && *id != "" {
		s.versioned.Store(true)
	}
}

// purge deletes what is kept of blobs that were deleted.
func (s *Store) purge(ctx context.Context, keys []string, failed map[string]error) {
	if len(keys) == 0 {
		return
	}
	forGood, err := s.deletesForGood(ctx)
	if err != nil {
		for _, key := range keys {
			failed[key] = err
		}
		return
	}
	// In the first round versions are deleted, which soft delete may keep; in the second one those go for good.
	for range 2 {
		kept := make([][]target, len(keys))
		errs := s.each(len(keys), func(i int) (err error) {
			kept[i], err = s.kept(ctx, keys[i], forGood)
			return err
		})
		for i, err := range errs {
			if err != nil {
				failed[keys[i]] = err
			}
		}
		targets := slices.Concat(kept...)
		s.deleteAll(ctx, targets, failed)
		if len(targets) == 0 || !forGood {
			return
		}
		keys = slices.DeleteFunc(keys, func(key string) bool { return failed[key] != nil })
	}
}

// kept returns the versions and snapshots of a blob, also those that soft delete keeps if they can go for good.
func (s *Store) kept(ctx context.Context, key string, forGood bool) (targets []target, err error) {
	name := s.prefix + key
	for marker := (*string)(nil); ; {
		var resp container.ListBlobsFlatResponse
		err := s.retry(ctx, func(t *try) (err error) {
			resp, err = s.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
				Prefix: &name, Marker: marker, MaxResults: to.Ptr(int32(s.pageSize)),
				Include: container.ListBlobsInclude{Versions: true, Snapshots: true, Deleted: forGood},
			}).NextPage(t.ctx)
			if err == nil && resp.Segment == nil {
				err = errNoListing
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, item := range resp.Segment.BlobItems {
			switch {
			case item == nil || item.Name == nil:
			case *item.Name != name: // names that go on come after all that is of this one
				return targets, nil
			default:
				targets = append(targets, s.keptItem(key, item)...)
			}
		}
		if marker = resp.NextMarker; marker == nil || *marker == "" {
			return targets, nil
		}
	}
}

// keptItem returns what is to be deleted of an entry of a listing: nothing, if it is the blob itself, which somebody has created again.
func (s *Store) keptItem(key string, item *container.BlobItem) []target {
	s.sawVersion(item.VersionID)
	isSet := func(b *bool) bool { return b != nil && *b }
	isText := func(t *string) bool { return t != nil && *t != "" }
	t := target{key: key, permanently: isSet(item.Deleted)}
	switch {
	case isText(item.Snapshot):
		t.snapshot = item.Snapshot
	case isText(item.VersionID) && !isSet(item.IsCurrentVersion):
		t.version = item.VersionID
	default:
		return nil
	}
	return []target{t}
}

// deletesForGood reports whether the account lets what soft delete keeps be deleted.
func (s *Store) deletesForGood(ctx context.Context) (bool, error) {
	if s.service == nil {
		return false, nil
	}
	policy, err := s.deletePolicy(ctx)
	if errors.Is(err, storage.ErrPermission) {
		return false, nil // Service is there for links only
	}
	return policy.permanent, err
}

// deleteAll deletes all targets, and adds to failed what went wrong. Batches go one after the other, each being many requests at once for the
// service, and none goes after one that found it unavailable.
func (s *Store) deleteAll(ctx context.Context, targets []target, failed map[string]error) {
	var last error
	for batch := range slices.Chunk(targets, batchSize) {
		var errs []error
		switch {
		case isHopeless(last):
			errs = slices.Repeat([]error{last}, len(batch))
		case len(batch) == 1:
			errs = []error{s.deleteOne(ctx, batch[0])}
		default:
			errs = s.deleteBatch(ctx, batch)
		}
		for i, t := range batch {
			if errs[i] != nil {
				failed[t.key], last = errs[i], errs[i]
			}
		}
	}
}

func (t target) options() blob.DeleteOptions {
	var opts blob.DeleteOptions
	if t.version == nil && t.snapshot == nil {
		opts.DeleteSnapshots = to.Ptr(blob.DeleteSnapshotsOptionTypeInclude)
	}
	if t.permanently {
		opts.BlobDeleteType = to.Ptr(blob.DeleteTypePermanent)
	}
	return opts
}

func (s *Store) deleteOne(ctx context.Context, t target) error {
	client := s.container.NewBlobClient(s.prefix + t.key)
	var err error
	switch {
	case t.version != nil:
		client, err = client.WithVersionID(*t.version)
	case t.snapshot != nil:
		client, err = client.WithSnapshot(*t.snapshot)
	}
	if err != nil {
		return because(storage.ErrUnavailable, "the service's address cannot be read")
	}
	opts := t.options()
	return s.retry(ctx, func(try *try) error {
		if _, err := client.Delete(try.ctx, &opts); !isGone(err) {
			return err
		}
		return nil
	})
}

// deleteBatch deletes targets in one request, and returns an error or nil for each of them. Those that fail in passing are tried again.
func (s *Store) deleteBatch(ctx context.Context, batch []target) []error {
	errs := make([]error, len(batch))
	pending := make([]int, len(batch))
	for i := range pending {
		pending[i] = i
	}
	err := s.retry(ctx, func(t *try) error {
		replies, err := s.submit(t, batch, pending)
		if err != nil {
			return err
		}
		var passing error
		left := make([]int, 0, len(pending))
		for i, err := range replies {
			switch {
			case isGone(err):
			case isPassing(err):
				left, passing = append(left, pending[i]), err
			default:
				errs[pending[i]] = classify(err)
			}
		}
		pending = left
		return passing
	})
	if err != nil {
		for _, i := range pending {
			errs[i] = err
		}
	}
	return errs
}

// submit sends a batch of those targets whose numbers are given, and returns what became of each.
func (s *Store) submit(t *try, batch []target, numbers []int) ([]error, error) {
	builder, err := s.container.NewBatchBuilder()
	if err != nil {
		return nil, err
	}
	for _, i := range numbers {
		d := batch[i]
		opts := &container.BatchDeleteOptions{DeleteOptions: d.options(), VersionID: d.version, Snapshot: d.snapshot}
		if err := builder.Delete(s.prefix+d.key, opts); err != nil {
			return nil, err
		}
	}
	resp, err := s.container.SubmitBatch(t.ctx, builder, nil)
	if err != nil {
		return nil, err
	}
	errs := slices.Repeat([]error{errNoListing}, len(numbers))
	for i, r := range resp.Responses {
		if r.ContentID != nil {
			i = *r.ContentID
		}
		errs[i] = r.Error
	}
	return errs, nil
}

// isGone reports whether what was to be deleted is gone, or never was. A directory of a hierarchical namespace is no object.
func isGone(err error) bool {
	if err == nil || hasCode(err, bloberror.BlobNotFound) {
		return true
	}
	return hasCode(err, codeFolderNotEmpty, codeFolderNotEmpty2)
}
