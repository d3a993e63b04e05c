package s3store

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestLifecycleRulesPrintAsTheCommandLineTakesThem(t *testing.T) {
	for name, opts := range map[string]*LifecycleOptions{
		"lifecycle-bucket.json": nil,
		"lifecycle-folder.json": {Prefix: "voice/mail", MaxAge: []storage.AgeLimit{
			{Prefix: "v1/acme/media/", Days: 400}, {Prefix: "v1/umbrella/media/", Days: 2},
		}},
	} {
		rules, err := Lifecycle(opts)
		require.NoError(t, err)
		path := filepath.Join("testdata", name)
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(rules.String()+"\n"), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(want), fmt.Sprintln(rules), "%s; if that is meant, run with -update", name)
	}
}

func TestLifecycleRulesThatCannotBeAreRefused(t *testing.T) {
	limits := func(n int) (all []storage.AgeLimit) {
		for i := range n {
			all = append(all, storage.AgeLimit{Prefix: fmt.Sprintf("v1/%d/media/", i), Days: 30})
		}
		return all
	}
	_, err := Lifecycle(&LifecycleOptions{MaxAge: limits(maxRules - 1)})
	require.NoError(t, err, "as many as a bucket can have")
	for why, opts := range map[string]*LifecycleOptions{
		"more than a bucket can have": {MaxAge: limits(maxRules)},
		"a limit of a day":            {MaxAge: []storage.AgeLimit{{Prefix: "v1/acme/media/", Days: 1}}},
		"a limit of no folder":        {MaxAge: []storage.AgeLimit{{Prefix: "v1/acme", Days: 30}}},
		"an illegal prefix":           {Prefix: "voice/"},
		"a prefix that is too long":   {Prefix: strings.Repeat("a/", 112) + "a"},
	} {
		_, err := Lifecycle(opts)
		require.ErrorIs(t, err, storage.ErrInvalid, why)
		require.ErrorIs(t, ApplyLifecycle(t.Context(), fakeClient(nil), "bucket", opts), storage.ErrInvalid, why)
	}
	for why, err := range map[string]error{
		"no client": ApplyLifecycle(t.Context(), nil, "bucket", nil),
		"no bucket": ApplyLifecycle(t.Context(), fakeClient(nil), "", nil),
	} {
		require.ErrorIs(t, err, storage.ErrInvalid, why)
	}
}

// fakeLifecycle is a transport that keeps the lifecycle configuration of one bucket, as S3 documents it. No server that tests can start has one.
type fakeLifecycle struct {
	t      *testing.T
	config string // the document; empty is none
	size   string // x-amz-transition-default-minimum-object-size
	puts   int
	fails  map[string]fakeAnswer // in the place of an answer, by operation
}

func (f *fakeLifecycle) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		require.NoError(f.t, err)
		r.Body.Close()
		r.Body = nil
	}
	return fakeS3(func(op string, r *http.Request) fakeAnswer {
		const header = "X-Amz-Transition-Default-Minimum-Object-Size"
		if a, ok := f.fails[op]; ok {
			return a
		}
		switch {
		case op == "GetBucketLifecycleConfiguration" && f.config == "":
			return fakeError(http.StatusNotFound, "NoSuchLifecycleConfiguration")
		case op == "GetBucketLifecycleConfiguration":
			return fakeAnswer{status: 200, body: f.config, header: map[string]string{header: f.size}}
		case op != "PutBucketLifecycleConfiguration":
			assert.Fail(f.t, "unexpected request", op)
			return fakeError(http.StatusNotImplemented, "NotImplemented")
		}
		f.puts++
		assert.True(f.t, r.Header.Get("Content-Md5") != "" || slices.ContainsFunc(headerNames(r), func(h string) bool {
			return strings.HasPrefix(h, "X-Amz-Checksum-")
		}), "S3 demands a checksum")
		if !f.valid(body) {
			return fakeError(http.StatusBadRequest, "MalformedXML")
		}
		f.config, f.size = string(body), r.Header.Get(header)
		return fakeOK
	}).RoundTrip(r)
}

func headerNames(r *http.Request) (names []string) {
	for name := range r.Header {
		names = append(names, name)
	}
	return names
}

// fakeRule is what the fake looks at in a rule.
type fakeRule struct {
	ID         string
	Filter     *struct{ Prefix *string }
	Prefix     *string
	Expiration *struct {
		Days                      *int
		Date                      *string
		ExpiredObjectDeleteMarker *bool
	}
}

func (f *fakeLifecycle) rules(doc []byte) []fakeRule {
	var config struct{ Rule []fakeRule }
	require.NoError(f.t, xml.Unmarshal(doc, &config))
	return config.Rule
}

// valid reports whether S3 would take the document, as far as its reference says.
func (f *fakeLifecycle) valid(doc []byte) bool {
	seen := map[string]bool{}
	for _, r := range f.rules(doc) {
		if (r.Filter == nil) == (r.Prefix == nil) || len(r.ID) > 255 || seen[r.ID] {
			return false
		}
		if e := r.Expiration; e != nil && (e.Date == nil && (e.Days == nil) == (e.ExpiredObjectDeleteMarker == nil) || e.Days != nil && *e.Days < 1) {
			return false
		}
		seen[r.ID] = true
	}
	return len(seen) > 0 && len(seen) <= maxRules
}

func (f *fakeLifecycle) ids() (ids []string) {
	for _, r := range f.rules([]byte(f.config)) {
		ids = append(ids, r.ID)
	}
	return ids
}

// foreign are rules of others, in every form that S3 gives back.
const foreign = `<Rule><ID>logs</ID><Prefix>logs/</Prefix><Status>Enabled</Status><Expiration><Days>7</Days></Expiration></Rule>` +
	`<Rule><ID>old form of all</ID><Prefix></Prefix><Status>Disabled</Status><Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>` +
	`<Rule><ID>all</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>` +
	`<Rule><ID>no filter</ID><Filter></Filter><Status>Enabled</Status><NoncurrentVersionExpiration><NewerNoncurrentVersions>3</NewerNoncurrentVersions><NoncurrentDays>9</NoncurrentDays></NoncurrentVersionExpiration></Rule>` +
	`<Rule><ID>empty tag</ID><Filter><Tag><Key>one</Key><Value></Value></Tag></Filter><Status>Enabled</Status><Expiration><Days>8</Days></Expiration></Rule>` +
	`<Rule><ID>voicemail</ID><Filter><And><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan><Prefix>x</Prefix><Tag><Key>k</Key><Value></Value></Tag></And></Filter><Status>Enabled</Status><Expiration><Date>2031-01-01T00:00:00Z</Date></Expiration></Rule>`

func configuration(rules string) string {
	return `<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + rules + `</LifecycleConfiguration>`
}

// present returns what the SDK reads in the bucket.
func (f *fakeLifecycle) present() *s3.GetBucketLifecycleConfigurationOutput {
	out, err := fakeClient(f).GetBucketLifecycleConfiguration(f.t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: new(string)}, func(o *s3.Options) {
		o.UsePathStyle = true
	})
	require.NoError(f.t, err)
	return out
}

func TestApplyLifecycleReplacesItsOwnRulesOnly(t *testing.T) {
	f := &fakeLifecycle{t: t, size: "varies_by_storage_class", config: configuration(foreign)}
	others := f.rules([]byte(f.config))
	ids := []string{"logs", "old form of all", "all", "no filter", "empty tag", "voicemail"}
	apply := func(opts *LifecycleOptions) {
		t.Helper()
		require.NoError(t, ApplyLifecycle(t.Context(), fakeClient(f), "bucket", opts))
		require.Equal(t, ids, f.ids()[:len(ids)])
		for i, r := range f.rules([]byte(f.config))[:len(ids)] {
			require.Equal(t, others[i].Expiration, r.Expiration)
			require.Equal(t, others[i].Prefix, r.Prefix)
		}
		for _, part := range []string{
			"<StorageClass>GLACIER</StorageClass>", "<DaysAfterInitiation>3</DaysAfterInitiation>", "<NewerNoncurrentVersions>3</NewerNoncurrentVersions>",
			"<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>", "<Key>k</Key><Value></Value>", "<Key>one</Key><Value></Value>", "<Date>2031-01-01T00:00:00Z</Date>",
		} {
			require.Contains(t, f.config, part)
		}
		require.Equal(t, "varies_by_storage_class", f.size)
	}
	limit := func(days int) []storage.AgeLimit { return []storage.AgeLimit{{Prefix: "v1/acme/media/", Days: days}} }

	apply(&LifecycleOptions{Prefix: "a", MaxAge: limit(33)})
	assert.Equal(t, []string{"voicemail:a:rest", "voicemail:a:age-1"}, f.ids()[len(ids):])
	apply(&LifecycleOptions{Prefix: "a/b"})
	apply(nil)
	assert.Equal(t, []string{"voicemail:a:rest", "voicemail:a:age-1", "voicemail:a/b:rest", "voicemail::rest"}, f.ids()[len(ids):], "each folder has its own")
	require.Equal(t, 3, f.puts)

	apply(&LifecycleOptions{Prefix: "a", MaxAge: limit(33)})
	apply(nil)
	assert.Equal(t, 3, f.puts, "what is there already is not written")
	apply(&LifecycleOptions{Prefix: "a", MaxAge: limit(34)})
	assert.Equal(t, 4, f.puts)
	assert.Contains(t, f.config, "<Days>34</Days>")
	assert.NotContains(t, f.config, "<Days>33</Days>")
	apply(&LifecycleOptions{Prefix: "a"})
	assert.Equal(t, []string{"voicemail:a/b:rest", "voicemail::rest", "voicemail:a:rest"}, f.ids()[len(ids):], "a limit that is no longer wanted goes")
}

func TestApplyLifecycleToABucketWithoutRules(t *testing.T) {
	f := &fakeLifecycle{t: t}
	require.NoError(t, ApplyLifecycle(t.Context(), fakeClient(f), "bucket", &LifecycleOptions{
		Prefix: "voicemail", MaxAge: []storage.AgeLimit{{Prefix: "v1/acme/media/", Days: 30}},
	}))
	rules := f.present().Rules
	require.Len(t, rules, 2)
	assert.Equal(t, "voicemail/", *rules[0].Filter.Prefix)
	assert.True(t, *rules[0].Expiration.ExpiredObjectDeleteMarker)
	assert.Nil(t, rules[0].Expiration.Days)
	assert.EqualValues(t, 1, *rules[0].NoncurrentVersionExpiration.NoncurrentDays)
	assert.EqualValues(t, 1, *rules[0].AbortIncompleteMultipartUpload.DaysAfterInitiation)
	assert.Equal(t, "voicemail/v1/acme/media/", *rules[1].Filter.Prefix)
	assert.EqualValues(t, 30, *rules[1].Expiration.Days)
	for _, r := range rules {
		assert.Equal(t, types.ExpirationStatusEnabled, r.Status)
	}
}

func TestApplyLifecycleWritesNothingIfItCannotReadOrHasNoRoom(t *testing.T) {
	var many strings.Builder
	for i := range maxRules {
		fmt.Fprintf(&many, `<Rule><ID>r%d</ID><Filter><Prefix>p%d/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>7</Days></Expiration></Rule>`, i, i)
	}
	for _, row := range []struct {
		config string
		fails  map[string]fakeAnswer
		kind   error
		why    string
	}{
		{configuration(many.String()), nil, storage.ErrInvalid, "others have all the rules there can be"},
		{"", map[string]fakeAnswer{"GetBucketLifecycleConfiguration": fakeDenial}, storage.ErrPermission, "a denied look is not an empty bucket"},
		{"", map[string]fakeAnswer{"GetBucketLifecycleConfiguration": fakeTrouble}, storage.ErrUnavailable, "nor is a failed one"},
		{"", map[string]fakeAnswer{"GetBucketLifecycleConfiguration": {status: 404, header: map[string]string{"X-Amz-Request-Id": ""}}}, storage.ErrUnavailable, "nor is somebody else's 404"},
		{"", map[string]fakeAnswer{"GetBucketLifecycleConfiguration": fakeError(404, "NoSuchBucket")}, storage.ErrUnsuitable, "nor is none at all"},
		{"", map[string]fakeAnswer{"GetBucketLifecycleConfiguration": fakeError(501, "NotImplemented")}, errors.ErrUnsupported, "the server has no such thing"},
		{"", map[string]fakeAnswer{"GetBucketLifecycleConfiguration": fakeError(405, "MethodNotAllowed")}, errors.ErrUnsupported, "or says it so"},
		{"", map[string]fakeAnswer{"PutBucketLifecycleConfiguration": fakeDenial}, storage.ErrPermission, "it may be read, not written"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeLifecycle{t: t, config: row.config, fails: row.fails}
			err := ApplyLifecycle(t.Context(), fakeClient(f), "bucket", nil)
			require.ErrorIs(t, err, row.kind, row.why)
			var e *storage.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, "lifecycle", e.Op)
			assert.Zero(t, f.puts, row.why)
			assert.Equal(t, row.config, f.config)
		})
	}
}

func TestAServerWithoutLifecycleRulesSaysSo(t *testing.T) {
	sv := plainServer(t)
	err := ApplyLifecycle(t.Context(), sv.client(t, nil), sv.bucket(t), nil)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "no lifecycle rules")
}
