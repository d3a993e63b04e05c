package s3store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/genesys/voicemail/storage"
)

// LifecycleOptions are the options of [Lifecycle] and [ApplyLifecycle]. The zero value is for a store that has the bucket to itself, without limits of age.
type LifecycleOptions struct {
	// Prefix is that of the store, [Options].Prefix. The rules are about its folder only.
	Prefix string
	// MaxAge are limits of age. Their prefixes are those of object names in the store.
	MaxAge []storage.AgeLimit
}

// LifecycleRules are rules for the lifecycle configuration of a bucket, which S3 carries out by itself. They print as the document that
//
//	aws s3api put-bucket-lifecycle-configuration --bucket BUCKET --lifecycle-configuration file://DOCUMENT
//
// takes. That command, as the request behind it, replaces all rules of the bucket: where there are others, use [ApplyLifecycle].
type LifecycleRules struct {
	owner string // what the IDs of the rules start with
	list  []lifecycleRule
}

// maxRules is how many rules a bucket can have.
const maxRules = 1000

// lifecycleRule is a rule as it is printed.
type lifecycleRule struct {
	ID     string
	Status types.ExpirationStatus
	Filter struct{ Prefix string }

	Expiration                     *expiration        `json:",omitempty"`
	NoncurrentVersionExpiration    *noncurrentVersion `json:",omitempty"`
	AbortIncompleteMultipartUpload *abortUpload       `json:",omitempty"`
}

type expiration struct {
	Days                      int32 `json:",omitempty"`
	ExpiredObjectDeleteMarker bool  `json:",omitempty"`
}

type noncurrentVersion struct{ NoncurrentDays int32 }

type abortUpload struct{ DaysAfterInitiation int32 }

// Lifecycle returns rules that delete what is left in the bucket although it should be gone: after a day, versions that are no longer current, delete
// markers behind which there is nothing any more, and parts of uploads that were not completed; and objects that are older than their limit. nil opts are the zero value.
//
// They are a second net. S3 carries them out once a day, rounds times up to the next midnight UTC, and may lag behind; and it does not know what the objects are. Delete, which
// removes all versions at once, does not rely on them. The repository's docs/lifecycle.md says what they are good for.
func Lifecycle(opts *LifecycleOptions) (*LifecycleRules, error) {
	if opts == nil {
		opts = &LifecycleOptions{}
	}
	folder, err := folderOf(opts.Prefix)
	if err == nil && 1+len(opts.MaxAge) > maxRules {
		err = tooManyRules()
	}
	if err != nil {
		return nil, fail("lifecycle", "", err)
	}
	if err := storage.CheckAgeLimits(opts.MaxAge); err != nil {
		return nil, &storage.Error{Op: "lifecycle", Driver: driver, Kind: storage.ErrInvalid, Err: err}
	}
	// No name has a colon, so that no folder's rules are taken for those of another.
	r := &LifecycleRules{owner: "voicemail:" + opts.Prefix + ":"}
	rest := r.add("rest", folder)
	rest.Expiration = &expiration{ExpiredObjectDeleteMarker: true}
	rest.NoncurrentVersionExpiration = &noncurrentVersion{NoncurrentDays: 1}
	rest.AbortIncompleteMultipartUpload = &abortUpload{DaysAfterInitiation: 1}
	for i, limit := range opts.MaxAge {
		r.add(fmt.Sprintf("age-%d", i+1), folder+limit.Prefix).Expiration = &expiration{Days: int32(limit.Days)}
	}
	return r, nil
}

func (r *LifecycleRules) add(name, prefix string) *lifecycleRule {
	rule := lifecycleRule{ID: r.owner + name, Status: types.ExpirationStatusEnabled}
	rule.Filter.Prefix = prefix
	r.list = append(r.list, rule)
	return &r.list[len(r.list)-1]
}

func tooManyRules() error {
	return because(storage.ErrInvalid, fmt.Sprintf("a bucket can have %d lifecycle rules", maxRules))
}

// String returns the document, in lines.
func (r *LifecycleRules) String() string {
	doc, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err.Error() // there is nothing in it that could not be written
	}
	return string(doc)
}

// MarshalJSON returns the document.
func (r *LifecycleRules) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct{ Rules []lifecycleRule }{r.list})
}

// sdk returns the rule as the SDK has it.
func (r *lifecycleRule) sdk() types.LifecycleRule {
	out := types.LifecycleRule{ID: &r.ID, Status: r.Status, Filter: &types.LifecycleRuleFilter{Prefix: &r.Filter.Prefix}}
	if e := r.Expiration; e != nil && e.ExpiredObjectDeleteMarker {
		out.Expiration = &types.LifecycleExpiration{ExpiredObjectDeleteMarker: aws.Bool(true)}
	} else if e != nil {
		out.Expiration = &types.LifecycleExpiration{Days: &e.Days}
	}
	if n := r.NoncurrentVersionExpiration; n != nil {
		out.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: &n.NoncurrentDays}
	}
	if a := r.AbortIncompleteMultipartUpload; a != nil {
		out.AbortIncompleteMultipartUpload = &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: &a.DaysAfterInitiation}
	}
	return out
}

// ApplyLifecycle gives the bucket the rules of [Lifecycle], in the place of those that an earlier call made for the same Prefix. All other rules stay, as they
// are and in their order; they are read first, since S3 can only replace all rules at once. For the same reason a rule that somebody else sets between
// the reading and the writing is lost: one tool at a time. Nothing is written if nothing would change.
//
// It is a step of an operator, who needs s3:GetLifecycleConfiguration and s3:PutLifecycleConfiguration; no service should have the latter, which can delete everything.
// A server without lifecycle rules is [errors.ErrUnsupported].
func ApplyLifecycle(ctx context.Context, client *s3.Client, bucket string, opts *LifecycleOptions) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	rules, err := Lifecycle(opts)
	if err != nil {
		return err
	}
	s, err := newStore(client, bucket, nil)
	if err == nil {
		err = s.applyLifecycle(ctx, rules)
	}
	if hasStatus(err, http.StatusNotImplemented) || hasStatus(err, http.StatusMethodNotAllowed) {
		err = because(errors.ErrUnsupported, "the server has no lifecycle rules")
	}
	return fail("lifecycle", "", err)
}

func (s *Store) applyLifecycle(ctx context.Context, rules *LifecycleRules) error {
	present, err := call(ctx, s.tryTimeout, func(ctx context.Context) (*s3.GetBucketLifecycleConfigurationOutput, error) {
		return s.client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: s.bucket}, s.options)
	})
	var f *failure
	if errors.As(err, &f) && f.code == "NoSuchLifecycleConfiguration" {
		present, err = &s3.GetBucketLifecycleConfigurationOutput{}, nil
	}
	if err != nil {
		return err
	}
	merged, changed := rules.merge(present.Rules)
	if !changed {
		return nil
	}
	if len(merged) > maxRules {
		return tooManyRules()
	}
	_, err = call(ctx, s.tryTimeout, func(ctx context.Context) (*s3.PutBucketLifecycleConfigurationOutput, error) {
		return s.client.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
			Bucket:                             s.bucket,
			LifecycleConfiguration:             &types.BucketLifecycleConfiguration{Rules: merged},
			TransitionDefaultMinimumObjectSize: present.TransitionDefaultMinimumObjectSize, // it would fall back to its default
		}, s.options)
	})
	return err
}

// merge returns the rules of others in present, and r behind them, and whether that is another set than present.
func (r *LifecycleRules) merge(present []types.LifecycleRule) (all []types.LifecycleRule, changed bool) {
	old := make(map[string]types.LifecycleRule)
	for _, p := range present {
		if id := aws.ToString(p.ID); strings.HasPrefix(id, r.owner) {
			old[id] = p
		} else {
			all = append(all, p)
		}
	}
	changed = len(old) != len(r.list)
	for i := range r.list {
		rule := r.list[i].sdk()
		changed = changed || !reflect.DeepEqual(rule, old[*rule.ID])
		all = append(all, rule)
	}
	return all, changed
}
