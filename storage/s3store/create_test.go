package s3store

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail/storage"
)

var (
	fakeConflict = fakeError(http.StatusConflict, "ConditionalRequestConflict")
	fakeRefusal  = fakeError(http.StatusPreconditionFailed, "PreconditionFailed")
	fakeAbsence  = fakeError(http.StatusNotFound, "NoSuchKey")
	fakeDenial   = fakeError(http.StatusForbidden, "AccessDenied")
	fakeTrouble  = fakeError(http.StatusInternalServerError, "InternalError")
	fakeBreak    = fakeAnswer{err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}}
	fakeNoDial   = fakeAnswer{err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
)

func TestACreateThatIsRefusedIsToldFromItsOwnLostReply(t *testing.T) {
	const mine = "my own body"
	for _, row := range []struct {
		put, get   []fakeAnswer
		kind       error // nil: created
		puts, gets int
		why        string
	}{
		{[]fakeAnswer{fakeRefusal}, nil, storage.ErrExists, 1, 0, "the only try was refused: there is nothing to look at"},
		{[]fakeAnswer{fakeConflict, fakeOK}, nil, nil, 2, 0, "a conflict says that another is at it, not that it won"},
		{[]fakeAnswer{fakeConflict, fakeConflict, fakeConflict, fakeConflict, fakeConflict, fakeRefusal}, nil, storage.ErrExists, 6, 0, "the other won"},
		{[]fakeAnswer{fakeConflict}, nil, storage.ErrUnavailable, maxConflicts, 0, "conflicts without end"},
		{[]fakeAnswer{fakeTrouble, fakeOK}, nil, nil, 2, 0, "a 500 is tried again"},
		{[]fakeAnswer{fakeTrouble}, nil, storage.ErrUnavailable, maxTries, 0, "500 without end"},
		{[]fakeAnswer{fakeTrouble, fakeRefusal}, []fakeAnswer{fakeObject(mine)}, nil, 2, 1, "the try with the 500 did it"},
		{[]fakeAnswer{fakeTrouble, fakeRefusal}, []fakeAnswer{fakeObject("of another!")}, storage.ErrExists, 2, 1, "another of the same length did"},
		{[]fakeAnswer{fakeTrouble, fakeRefusal}, []fakeAnswer{fakeObject("short")}, storage.ErrExists, 2, 1, "another of another length did"},
		{[]fakeAnswer{fakeTrouble, fakeRefusal}, []fakeAnswer{fakeDenial}, storage.ErrUnavailable, 2, 1, "who may not look does not know"},
		{[]fakeAnswer{fakeTrouble, fakeRefusal}, []fakeAnswer{fakeAbsence}, storage.ErrUnavailable, 2, 1, "it was there and is gone: whose it was is not known"},
		{[]fakeAnswer{fakeTrouble, fakeDenial}, nil, storage.ErrUnavailable, 2, 0, "a later refusal of another kind does not make the first try undone"},
		{[]fakeAnswer{fakeBreak}, []fakeAnswer{fakeObject(mine)}, nil, 1, 1, "the connection broke after it was done"},
		{[]fakeAnswer{fakeBreak, fakeOK}, []fakeAnswer{fakeAbsence}, nil, 2, 1, "the connection broke before it was done"},
		{[]fakeAnswer{fakeBreak}, []fakeAnswer{fakeObject("of another!")}, storage.ErrExists, 1, 1, "the server refused and hung up"},
		{[]fakeAnswer{fakeNoDial, fakeRefusal}, nil, storage.ErrExists, 2, 0, "nothing was sent by the first try"},
		{[]fakeAnswer{fakeDenial}, nil, storage.ErrPermission, 1, 0, "a refusal for want of rights is final"},
		{[]fakeAnswer{fakeError(http.StatusServiceUnavailable, "SlowDown")}, nil, storage.ErrUnavailable, maxTries, 0, "throttled to the end"},
		{[]fakeAnswer{fakeError(http.StatusBadRequest, "EntityTooLarge")}, nil, storage.ErrInvalid, 1, 0, "beyond what one request takes"},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, count := script{"PutObject": row.put, "GetObject": row.get}.store(t)
				info, err := s.Create(t.Context(), "v1/a", strings.NewReader(mine), nil)
				if row.kind == nil {
					require.NoError(t, err)
					assert.Equal(t, int64(len(mine)), info.Size)
				} else {
					require.ErrorIs(t, err, row.kind)
				}
				assert.Equal(t, row.puts, count["PutObject"], "tries")
				assert.Equal(t, row.gets, count["GetObject"], "looks")
			})
		})
	}
}

func TestAMarkerThatHoldsTheNameIsPurgedOnlyIfItIsSafe(t *testing.T) {
	const head = `<ListVersionsResult><IsTruncated>false</IsTruncated>`
	entry := func(kind, id, latest string) string {
		return fmt.Sprintf("<%s><Key>v1/a</Key><VersionId>%s</VersionId><IsLatest>%s</IsLatest></%s>", kind, id, latest, kind)
	}
	versions := func(entries ...string) []fakeAnswer {
		return []fakeAnswer{{status: 200, body: head + strings.Join(entries, "") + "</ListVersionsResult>"}}
	}
	absent := []fakeAnswer{fakeAbsence}
	purged := []fakeAnswer{{status: 200, body: "<DeleteResult></DeleteResult>"}}
	for _, row := range []struct {
		put, head, versions []fakeAnswer
		kind                error
		deletes             int
		why                 string
	}{
		{[]fakeAnswer{fakeRefusal}, []fakeAnswer{fakeObject("x")}, nil, storage.ErrExists, 0, "there is an object"},
		{[]fakeAnswer{fakeRefusal}, []fakeAnswer{fakeDenial}, nil, storage.ErrExists, 0, "who may not look believes the refusal"},
		{[]fakeAnswer{fakeRefusal, fakeOK}, absent, versions(entry("DeleteMarker", "m1", "true")), nil, 1, "only a marker"},
		{[]fakeAnswer{fakeRefusal, fakeOK}, absent, versions(entry("Version", "v1", "false"), entry("DeleteMarker", "m1", "true")), nil, 2, "a marker over data: the data first"},
		{[]fakeAnswer{fakeRefusal}, absent, versions(entry("Version", "v2", "true"), entry("DeleteMarker", "m1", "false")), storage.ErrExists, 0, "another has created it since: its object stays"},
		{[]fakeAnswer{fakeRefusal}, absent, versions(entry("DeleteMarker", "null", "true")), storage.ErrUnavailable, 0, "the id may be that of another's object by now"},
		{[]fakeAnswer{fakeRefusal, fakeOK}, absent, versions(), nil, 0, "it was deleted meanwhile"},
		{[]fakeAnswer{fakeRefusal}, absent, versions(), storage.ErrUnavailable, 0, "a server that contradicts itself"},
		{[]fakeAnswer{fakeRefusal}, absent, []fakeAnswer{fakeDenial}, storage.ErrPermission, 0, "the versions may not be listed"},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, count := script{"PutObject": row.put, "HeadObject": row.head, "ListObjectVersions": row.versions, "DeleteObjects": purged}.store(t)
				s.versioned.Store(true)
				_, err := s.Create(t.Context(), "v1/a", strings.NewReader("x"), nil)
				if row.kind == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, row.kind)
				}
				assert.Equal(t, row.deletes, count["DeleteObjects"])
			})
		})
	}
}

// forgetful is a proxy that does the work of every request, and hangs up on every tenth instead of answering.
func forgetful(t *testing.T, endpoint string) (proxy string, dropped *atomic.Int64) {
	target, err := url.Parse(endpoint)
	require.NoError(t, err)
	base := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(base.CloseIdleConnections)
	rp := &httputil.ReverseProxy{Transport: base, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	var n atomic.Int64
	dropped = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%10 != 0 {
			rp.ServeHTTP(w, r)
			return
		}
		rp.ServeHTTP(httptest.NewRecorder(), r)
		dropped.Add(1)
		conn, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			conn.Close()
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, dropped
}

func TestNoCreateIsLostDoubledOrFalselyRefusedWhenRepliesAreLost(t *testing.T) {
	sv := plainServer(t)
	bucket := sv.bucket(t)
	direct := sv.open(t, bucket, nil)
	proxied := sv
	var dropped *atomic.Int64
	proxied.Endpoint, dropped = forgetful(t, sv.Endpoint)
	s := proxied.open(t, bucket, nil)

	const creates, contested = 2000, 100
	content := func(i int) string { return fmt.Sprintf("message %d, %s", i, strings.Repeat("x", i%500)) }
	for i, err := range inParallel(8, creates, func(i int) error {
		_, err := s.Create(t.Context(), fmt.Sprintf("v1/one/%04d", i), strings.NewReader(content(i)), nil)
		return err
	}) {
		require.NoError(t, err, "create %d: falsely refused", i)
	}
	errs := inParallel(8, 2*contested, func(i int) error {
		_, err := s.Create(t.Context(), fmt.Sprintf("v1/two/%04d", i/2), strings.NewReader(content(i)), nil)
		return err
	})
	assert.Greater(t, dropped.Load(), int64(creates/10))

	n := 0
	for info, err := range storage.All(t.Context(), direct, &storage.ListOptions{Prefix: "v1/one/"}) {
		require.NoError(t, err)
		got, err := storage.ReadFile(t.Context(), direct, info.Key, 1<<20)
		require.NoError(t, err)
		require.Equal(t, content(n), string(got), "the content of another")
		n++
	}
	assert.Equal(t, creates, n, "lost, or doubled")
	for i := 0; i < 2*contested; i += 2 {
		winner := i
		if errs[i] != nil {
			winner = i + 1
		}
		require.NoError(t, errs[winner], "nobody won")
		require.ErrorIs(t, errs[i^winner^(i+1)], storage.ErrExists, "both won, or the loser was told something else")
		got, err := storage.ReadFile(t.Context(), direct, fmt.Sprintf("v1/two/%04d", i/2), 1<<20)
		require.NoError(t, err)
		require.Equal(t, content(winner), string(got), "the content is not the winner's")
	}
}

func TestTagsArriveAsTheyWere(t *testing.T) {
	sv := plainServer(t)
	bucket := sv.bucket(t)
	s := sv.open(t, bucket, &Options{Prefix: "folder"})
	tags := map[string]string{"caller_id": "+1 555 123-4567", "who": "a@b.test/c:d=e_f", "umlaut": "Zoë Ünal", "odd": "*67#&x=1%", "empty": ""}
	want := map[string]string{"caller_id": "+1 555 123-4567", "who": "a@b.test/c:d=e_f", "umlaut": "Zoë Ünal", "odd": "=2A67=23=26x=1=25", "empty": ""}
	_, err := s.Create(t.Context(), "v1/a", strings.NewReader("x"), &storage.CreateOptions{Tags: tags, ContentType: "audio/wav"})
	require.NoError(t, err)

	raw := sv.client(t, nil)
	out, err := raw.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &bucket, Key: aws.String("folder/v1/a")})
	require.NoError(t, err)
	got := make(map[string]string)
	for _, tag := range out.TagSet {
		got[*tag.Key] = *tag.Value
	}
	assert.Equal(t, want, got)
	head, err := raw.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("folder/v1/a")})
	require.NoError(t, err)
	assert.Equal(t, "audio/wav", aws.ToString(head.ContentType))
}

func TestTagsThatCannotBeAreRefused(t *testing.T) {
	many := make(map[string]string)
	for i := range 11 {
		many[fmt.Sprint(i)] = "x"
	}
	for why, tags := range map[string]map[string]string{
		"more than ten":        many,
		"no name":              {"": "x"},
		"a reserved name":      {"AWS:x": "x"},
		"too long a name":      {strings.Repeat("n", 129): "x"},
		"two of the same name": {"*": "x", "=2A": "y"},
	} {
		s, _ := script{}.store(t)
		_, err := s.Create(t.Context(), "v1/a", nil, &storage.CreateOptions{Tags: tags})
		require.ErrorIs(t, err, storage.ErrInvalid, why)
	}
}

func TestALongTagValueIsCut(t *testing.T) {
	for value, want := range map[string]string{
		strings.Repeat("x", 300):       strings.Repeat("x", 256),
		strings.Repeat("*", 300):       strings.Repeat("=2A", 85) + "=",
		strings.Repeat("𝒳", 129):       strings.Repeat("𝒳", 128), // two units each
		strings.Repeat("x", 255) + "𝒳": strings.Repeat("x", 255),
	} {
		query, err := tagging(map[string]string{"t": value})
		require.NoError(t, err)
		assert.Equal(t, url.Values{"t": {want}}.Encode(), *query)
	}
}

func TestNoRequestHasWhatOlderServersDoNotKnow(t *testing.T) {
	s := fakeStore(t, func(op string, r *http.Request) fakeAnswer {
		for name, values := range r.Header {
			text := strings.ToLower(name + strings.Join(values, " "))
			assert.NotContains(t, text, "aws-chunked", op)
			if op != "DeleteObjects" { // which S3 demands a checksum for
				assert.NotContains(t, text, "checksum", op)
			}
		}
		if op == "GetObject" {
			return fakeObject("x")
		}
		return fakeOK
	})
	_, err := s.Create(t.Context(), "v1/a", strings.NewReader("x"), nil)
	require.NoError(t, err)
	got, err := storage.ReadFile(t.Context(), s, "v1/a", 10)
	require.NoError(t, err)
	assert.Equal(t, "x", string(got))
}

func TestEveryTagValueIsLegalAndReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "value")
		query, err := tagging(map[string]string{"caller_id": value})
		require.NoError(t, err)
		parsed, err := url.ParseQuery(*query)
		require.NoError(t, err)
		got := parsed.Get("caller_id")
		assert.Regexp(t, `^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`, got)
		assert.LessOrEqual(t, units(got), maxTagValue)
		if got == tagText(got) && len(value) < 80 && value == tagText(value) {
			assert.Equal(t, value, got, "legal text is left alone")
		}
	})
}

func TestAServerWithoutTagsGetsNone(t *testing.T) {
	var tagged, untagged int
	s := fakeStore(t, func(_ string, r *http.Request) fakeAnswer {
		if r.Header.Get("X-Amz-Tagging") != "" {
			tagged++
			return fakeError(http.StatusNotImplemented, "NotImplemented")
		}
		untagged++
		return fakeOK
	})
	for range 3 {
		_, err := s.Create(t.Context(), "v1/a", strings.NewReader("x"), &storage.CreateOptions{Tags: map[string]string{"a": "b"}})
		require.NoError(t, err)
	}
	assert.Equal(t, [2]int{1, 3}, [2]int{tagged, untagged})
}

func TestABucketThatDemandsChecksumsGetsThem(t *testing.T) {
	var without, with int
	s := fakeStore(t, func(_ string, r *http.Request) fakeAnswer {
		switch r.Header.Get("X-Amz-Checksum-Sha256") {
		case "":
			without++
			return fakeError(http.StatusBadRequest, "InvalidRequest")
		case "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=":
			with++
			return fakeOK
		}
		return fakeError(http.StatusBadRequest, "BadDigest")
	})
	for _, body := range []string{"x", "", "x"} {
		_, err := s.Create(t.Context(), "v1/a", strings.NewReader(body), nil)
		require.NoError(t, err)
	}
	assert.Equal(t, [2]int{1, 3}, [2]int{without, with})
}

// lateLiar is a body that fails at its end, from the given pass over it on.
type lateLiar struct {
	*strings.Reader
	pass, from int
}

var errLate = errors.New("the disk failed")

func (l *lateLiar) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart && offset == 0 {
		l.pass++
	}
	return l.Reader.Seek(offset, whence)
}

func (l *lateLiar) Read(p []byte) (int, error) {
	if l.Len() == 0 && l.pass >= l.from {
		return 0, errLate
	}
	return l.Reader.Read(p)
}

func TestABodyThatFailsWhileItIsSentIsNeverSentWhole(t *testing.T) {
	const size = 100
	for _, row := range []struct {
		endpoint string
		from     int
		why      string
	}{
		{"https://s3.test", 1, "over TLS it is read once, to be sent"},
		{"http://s3.test", 2, "without, it is hashed before"},
	} {
		sent := -1
		client := fakeClient(transport(func(r *http.Request) (*http.Response, error) {
			got, err := io.ReadAll(r.Body)
			sent = len(got)
			r.Body.Close()
			return nil, err
		}))
		s, err := newStore(s3.New(client.Options(), func(o *s3.Options) { o.BaseEndpoint = &row.endpoint }), "bucket", nil)
		require.NoError(t, err)
		_, err = s.Create(t.Context(), "v1/a", &lateLiar{Reader: strings.NewReader(strings.Repeat("x", size)), from: row.from}, nil)
		require.ErrorIs(t, err, errLate, row.why)
		require.ErrorIs(t, err, storage.ErrInvalid, row.why)
		assert.Less(t, sent, size, "the request was complete: %s", row.why)
		assert.GreaterOrEqual(t, sent, 0, "the body failed before it was sent: %s", row.why)
	}
}
