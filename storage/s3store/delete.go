package s3store

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/genesys/voicemail/storage"
)

// Delete implements [storage.Store]. Without versions it is one request for every 1,000 objects. With versions it looks for those of each object, deletes
// all but the latest, and then, in a second request, the latest: an object that is hidden by a delete marker stays so, and one that is shown is shown
// until nothing is left. A version that an object lock or a legal hold keeps is [storage.ErrBlocked], one that may not be deleted
// [storage.ErrPermission]; S3 gives the same answer to both, so the driver asks which it is. When the server gives no answer in time, what is left is not
// tried, and named in the error.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	if err := s.begin(ctx, "delete", keys...); err != nil {
		return err
	}
	keys = slices.Clone(keys)
	slices.Sort(keys)
	var errs []error
	var hung error
	for batch := range slices.Chunk(slices.Compact(keys), maxBatch) {
		batchErrs := slices.Repeat([]error{hung}, len(batch))
		if hung == nil {
			batchErrs = s.deleteBatch(ctx, batch)
		}
		for i, err := range batchErrs {
			if err == nil {
				continue
			}
			if isHung(err) {
				hung = err
			}
			e := &storage.Error{Op: "delete", Driver: driver, Key: batch[i], Err: err}
			if !isContext(err) {
				f := explain(err)
				e.Kind, e.Err = f.kind, f.why
			}
			errs = append(errs, e)
		}
	}
	return errors.Join(errs...)
}

// deleteBatch deletes objects, and returns what went wrong with each.
func (s *Store) deleteBatch(ctx context.Context, keys []string) []error {
	if !s.versioned.Load() {
		all := make([]version, len(keys))
		for i, key := range keys {
			all[i] = version{key: key}
		}
		errs := s.deleteVersions(ctx, all)
		if !s.versioned.Load() {
			return errs
		}
		// The bucket has got versions since it was opened: what was deleted got a marker.
	}
	errs := make([]error, len(keys))
	found := make([]versions, len(keys))
	asking, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	for i, err := range inParallel(s.concurrency, len(keys), func(i int) (err error) {
		found[i], err = s.versionsOf(asking, keys[i])
		if isHung(err) {
			giveUp(err)
		}
		return err
	}) {
		if isContext(err) && ctx.Err() == nil {
			err = context.Cause(asking)
		}
		errs[i] = err
	}
	for _, pick := range []func(versions) []version{versions.below, versions.top} {
		var all []version
		var owner []int
		for i, v := range found {
			if errs[i] != nil {
				continue // what hides the rest goes on hiding it
			}
			for _, version := range pick(v) {
				all, owner = append(all, version), append(owner, i)
			}
		}
		for i, err := range s.deleteVersions(ctx, all) {
			if err != nil {
				errs[owner[i]] = err
			}
		}
	}
	return errs
}

// isHung reports whether err says that the server gave no answer in time, as often as it was asked.
func isHung(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.hung
}

// nullVersion is the id of all versions that were made while the bucket had no versioning, or had it suspended.
const nullVersion = "null"

// version is one version of an object, or the current one, with or without a marker, if it has no id.
type version struct{ key, id string }

// versions are all that is under one name.
type versions struct {
	older   []version
	latest  []version // one, or none if there are none
	current bool      // the latest one is data: there is an object
}

func (v versions) below() []version { return v.older }
func (v versions) top() []version   { return v.latest }
func (v versions) all() []version   { return slices.Concat(v.older, v.latest) }

func (v *versions) add(one version, latest bool) {
	if latest {
		v.latest = append(v.latest, one)
	} else {
		v.older = append(v.older, one)
	}
}

// versionsOf returns what is under the name of the object key, and not what is under names that only start so.
func (s *Store) versionsOf(ctx context.Context, key string) (versions, error) {
	const pageSize = 100 // what is wanted comes first, and is one or two; the others may be a whole mailbox
	var found versions
	name := s.name(key)
	in := &s3.ListObjectVersionsInput{Bucket: s.bucket, Prefix: name, MaxKeys: aws.Int32(pageSize)}
	for {
		page, err := call(ctx, s.tryTimeout, func(ctx context.Context) (*s3.ListObjectVersionsOutput, error) {
			return s.client.ListObjectVersions(ctx, in, s.options)
		})
		if err != nil {
			return versions{}, err
		}
		for _, v := range page.Versions {
			if aws.ToString(v.Key) == *name {
				found.add(version{key, aws.ToString(v.VersionId)}, aws.ToBool(v.IsLatest))
				found.current = found.current || aws.ToBool(v.IsLatest)
			}
		}
		for _, m := range page.DeleteMarkers {
			if aws.ToString(m.Key) == *name {
				found.add(version{key, aws.ToString(m.VersionId)}, aws.ToBool(m.IsLatest))
			}
		}
		if !aws.ToBool(page.IsTruncated) || aws.ToString(page.NextKeyMarker) > *name {
			return found, nil
		}
		if page.NextKeyMarker == nil || sameMarker(in, page) {
			return versions{}, because(storage.ErrUnavailable, "a listing of versions does not go on")
		}
		in.KeyMarker, in.VersionIdMarker = page.NextKeyMarker, page.NextVersionIdMarker
	}
}

func sameMarker(in *s3.ListObjectVersionsInput, page *s3.ListObjectVersionsOutput) bool {
	return aws.ToString(in.KeyMarker) == aws.ToString(page.NextKeyMarker) &&
		aws.ToString(in.VersionIdMarker) == aws.ToString(page.NextVersionIdMarker)
}

// deleteVersions deletes versions, in as many requests as it takes, and returns what went wrong with each.
func (s *Store) deleteVersions(ctx context.Context, all []version) []error {
	errs := make([]error, len(all))
	todo := make([]int, len(all))
	for i := range todo {
		todo[i] = i
	}
	for try := 1; len(todo) > 0; try++ {
		chunks := slices.Collect(slices.Chunk(todo, maxBatch))
		inParallel(s.concurrency, len(chunks), func(c int) error {
			s.deleteChunk(ctx, all, chunks[c], errs)
			return nil
		})
		// A request that failed was tried often enough; one that went well for most of what it named is tried again for the rest.
		p := never
		todo = slices.DeleteFunc(todo, func(i int) bool {
			var f *entryFailure
			if !errors.As(errs[i], &f) || f.pace == never {
				return true
			}
			p = max(p, f.pace)
			return false
		})
		if len(todo) == 0 || try == maxTries {
			break
		}
		if err := wait(ctx, p, try); err != nil {
			for _, i := range todo {
				errs[i] = err
			}
			break
		}
	}
	s.explainRefusals(ctx, all, errs)
	return errs
}

// entryFailure is the failure of one entry of a DeleteObjects.
type entryFailure struct {
	*failure
	locked bool // the server says that a lock is why
}

func (e *entryFailure) Unwrap() error { return e.failure }

// deleteChunk sends one DeleteObjects for the versions whose indices are given, and sets the error of each.
func (s *Store) deleteChunk(ctx context.Context, all []version, chunk []int, errs []error) {
	in := &s3.DeleteObjectsInput{Bucket: s.bucket, Delete: &types.Delete{}}
	at := make(map[version]int, len(chunk))
	withIDs := false
	for _, i := range chunk {
		id := types.ObjectIdentifier{Key: s.name(all[i].key)}
		if all[i].id != "" {
			id.VersionId, withIDs = &all[i].id, true
		}
		in.Delete.Objects = append(in.Delete.Objects, id)
		at[all[i]] = i
	}
	// Without ids the answer tells of each object whether a marker was made in the place of a deletion.
	in.Delete.Quiet = aws.Bool(withIDs)
	out, err := call(ctx, s.tryTimeout, func(ctx context.Context) (*s3.DeleteObjectsOutput, error) {
		return s.client.DeleteObjects(ctx, in, s.options)
	})
	for _, i := range chunk {
		errs[i] = err
	}
	if err != nil {
		return
	}
	for _, d := range out.Deleted {
		if !withIDs && aws.ToBool(d.DeleteMarker) {
			s.versioned.Store(true)
		}
	}
	for _, e := range out.Errors {
		key := strings.TrimPrefix(aws.ToString(e.Key), s.prefix)
		i, known := at[version{key, aws.ToString(e.VersionId)}]
		if !known {
			i, known = atKey(all, chunk, key)
		}
		if f := entryError(e); known {
			errs[i] = f
		}
	}
}

// atKey finds the version of an answer that names only its object.
func atKey(all []version, chunk []int, key string) (int, bool) {
	for _, i := range chunk {
		if all[i].key == key {
			return i, true
		}
	}
	return 0, false
}

func entryError(e types.Error) error {
	code := word(aws.ToString(e.Code))
	pace, kind := classify(http.StatusBadRequest, code)
	if errors.Is(kind, storage.ErrNotExist) {
		return nil
	}
	message := strings.ToLower(aws.ToString(e.Message))
	return &entryFailure{
		failure: &failure{kind: kind, pace: pace, code: code, why: errors.New("refused for this object: " + code)},
		locked:  strings.Contains(message, "object lock") || strings.Contains(message, "worm") || code == "ObjectLocked",
	}
}

// explainRefusals tells the versions that a lock keeps from those that may not be deleted by us, and finds those that were refused since they are
// gone: some servers find fault with the id of a version that another has just deleted.
func (s *Store) explainRefusals(ctx context.Context, all []version, errs []error) {
	var refused []int
	for i, err := range errs {
		var f *entryFailure
		switch {
		case !errors.As(err, &f):
		case f.locked:
			errs[i] = blocked(f.failure)
		case all[i].id != "" && (errors.Is(f.kind, storage.ErrPermission) || errors.Is(f.kind, storage.ErrInvalid)):
			refused = append(refused, i)
		}
	}
	inParallel(s.concurrency, len(refused), func(n int) error {
		i := refused[n]
		switch {
		case isKind(errs[i], storage.ErrInvalid):
			left, err := s.versionsOf(ctx, all[i].key)
			if err == nil && !slices.Contains(left.all(), all[i]) {
				errs[i] = nil
			}
		case s.isLocked(ctx, all[i]):
			errs[i] = blocked(explain(errs[i]))
		}
		return nil
	})
}

func blocked(f *failure) error {
	return &failure{kind: storage.ErrBlocked, why: f.why, code: f.code, status: f.status}
}

// isLocked asks whether a retention or a legal hold is on a version. What may not be asked is taken for no lock.
func (s *Store) isLocked(ctx context.Context, v version) bool {
	hold, err := call(ctx, s.tryTimeout, func(ctx context.Context) (*s3.GetObjectLegalHoldOutput, error) {
		return s.client.GetObjectLegalHold(ctx, &s3.GetObjectLegalHoldInput{Bucket: s.bucket, Key: s.name(v.key), VersionId: &v.id}, s.options)
	})
	if err == nil && hold.LegalHold != nil && hold.LegalHold.Status == types.ObjectLockLegalHoldStatusOn {
		return true
	}
	kept, err := call(ctx, s.tryTimeout, func(ctx context.Context) (*s3.GetObjectRetentionOutput, error) {
		return s.client.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: s.bucket, Key: s.name(v.key), VersionId: &v.id}, s.options)
	})
	if err != nil || kept.Retention == nil {
		return false
	}
	return kept.Retention.EventHold == types.ObjectLockEventHoldOn ||
		kept.Retention.RetainUntilDate != nil && kept.Retention.RetainUntilDate.After(time.Now())
}

// inParallel calls f for 0 to n-1, up to workers at once, and returns what each call returned.
func inParallel(workers, n int, f func(i int) error) []error {
	errs := make([]error, n)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				errs[i] = f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	return errs
}
