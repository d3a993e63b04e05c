package s3store

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

// breaking gives its text and then breaks, as a connection does.
type breaking struct{ *strings.Reader }

func (b breaking) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// fakeBroken is the answer a, of which only the first n bytes arrive.
func fakeBroken(a fakeAnswer, n int) fakeAnswer {
	a.stream = breaking{strings.NewReader(a.body[:n])}
	return a
}

func TestAReadGoesOnWhereTheConnectionBroke(t *testing.T) {
	const text = "0123456789"
	changed := fakeRange(text[4:], 4, 10)
	changed.header["Etag"] = `"e2"`
	untagged := fakeBroken(fakeObject(text), 4)
	untagged.header["Etag"] = ""
	for _, row := range []struct {
		get  []fakeAnswer
		kind error // nil: read to its end
		gets int
		why  string
	}{
		{[]fakeAnswer{fakeObject(text)}, nil, 1, "nothing breaks"},
		{[]fakeAnswer{fakeBroken(fakeObject(text), 4), fakeRange(text[4:], 4, 10)}, nil, 2, "it breaks once"},
		{[]fakeAnswer{fakeBroken(fakeObject(text), 0), fakeRange(text, 0, 10)}, nil, 2, "it breaks before the first byte"},
		{[]fakeAnswer{fakeBroken(fakeObject(text), 4), fakeTrouble, fakeRange(text[4:], 4, 10)}, nil, 3, "the server has trouble besides"},
		{[]fakeAnswer{fakeBroken(fakeObject(text), 4), fakeAbsence}, storage.ErrNotExist, 2, "it was deleted meanwhile"},
		{[]fakeAnswer{fakeBroken(fakeObject(text), 4), fakeRefusal}, storage.ErrNotExist, 2, "it was deleted, and another created"},
		{[]fakeAnswer{fakeBroken(fakeObject(text), 4), changed}, storage.ErrUnavailable, 2, "a server that ignores If-Match gives another"},
		{[]fakeAnswer{fakeBroken(fakeObject(text), 4), fakeObject(text)}, storage.ErrUnavailable, 2, "a server that ignores the range gives all"},
		{[]fakeAnswer{fakeBroken(fakeObject(text), 4), fakeRange(text[3:], 3, 10)}, storage.ErrUnavailable, 2, "another range"},
		{[]fakeAnswer{untagged}, storage.ErrUnavailable, 1, "there is nothing to know the object by"},
		{[]fakeAnswer{fakeBroken(fakeObject(text), 4), fakeBroken(fakeRange(text[4:], 4, 10), 0)}, storage.ErrUnavailable, maxTries, "it breaks for ever"},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, count := script{"GetObject": row.get}.store(t)
				o, err := s.Open(t.Context(), "v1/a", nil)
				require.NoError(t, err)
				got, err := io.ReadAll(o)
				if row.kind == nil {
					require.NoError(t, err)
					assert.Equal(t, text, string(got))
				} else {
					require.ErrorIs(t, err, row.kind, "it must not end early without an error")
					var se *storage.Error
					require.ErrorAs(t, err, &se)
					assert.Equal(t, "read", se.Op)
				}
				assert.Equal(t, row.gets, count["GetObject"])
				require.NoError(t, o.Close())
			})
		})
	}
}

func TestAReadThatGoesOnAsksForTheSameObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		s := fakeStore(t, func(_ string, r *http.Request) fakeAnswer {
			asked = append(asked, r.Header.Get("If-Match")+" "+r.Header.Get("Range"))
			if len(asked) == 1 {
				return fakeBroken(fakeRange("2345", 2, 10), 1)
			}
			return fakeRange("345", 3, 10)
		})
		o, err := s.Open(t.Context(), "v1/a", &storage.OpenOptions{Offset: 2, Length: 4})
		require.NoError(t, err)
		got, err := io.ReadAll(o)
		require.NoError(t, err)
		assert.Equal(t, "2345", string(got))
		assert.Equal(t, []string{" bytes=2-5", `"e1" bytes=3-5`}, asked)
	})
}

func TestARangeIsWhatWasAskedForOrAnError(t *testing.T) {
	const text = "0123456789"
	unsatisfiable := fakeError(http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
	for _, row := range []struct {
		opts      storage.OpenOptions
		get, head []fakeAnswer
		want      string
		kind      error
		why       string
	}{
		{storage.OpenOptions{Offset: 2, Length: 3}, []fakeAnswer{fakeRange(text[2:5], 2, 10)}, nil, "234", nil, "inside"},
		{storage.OpenOptions{Length: 30}, []fakeAnswer{fakeRange(text, 0, 10)}, nil, text, nil, "beyond the end"},
		{storage.OpenOptions{Length: 30}, []fakeAnswer{fakeObject(text)}, nil, text, nil, "all of it, told as such"},
		{storage.OpenOptions{Offset: 2}, []fakeAnswer{fakeObject(text)}, nil, "", storage.ErrUnavailable, "a server that has no ranges"},
		{storage.OpenOptions{Offset: 2, Length: 3}, []fakeAnswer{fakeRange(text[3:6], 3, 10)}, nil, "", storage.ErrUnavailable, "another range"},
		{storage.OpenOptions{Offset: 10}, []fakeAnswer{unsatisfiable}, []fakeAnswer{fakeObject(text)}, "", nil, "at the end it is empty"},
		{storage.OpenOptions{Length: 1}, []fakeAnswer{unsatisfiable}, []fakeAnswer{fakeObject("")}, "", nil, "of an empty object"},
		{storage.OpenOptions{Offset: 11}, []fakeAnswer{unsatisfiable}, []fakeAnswer{fakeObject(text)}, "", storage.ErrInvalid, "beyond the end"},
		{storage.OpenOptions{Offset: 5}, []fakeAnswer{unsatisfiable}, []fakeAnswer{fakeObject(text)}, "", storage.ErrUnavailable, "a server that contradicts itself"},
		{storage.OpenOptions{Offset: 10}, []fakeAnswer{unsatisfiable}, []fakeAnswer{fakeAbsence}, "", storage.ErrNotExist, "deleted meanwhile"},
	} {
		s, _ := script{"GetObject": row.get, "HeadObject": row.head}.store(t)
		o, err := s.Open(t.Context(), "v1/a", &row.opts)
		if row.kind != nil {
			require.ErrorIs(t, err, row.kind, row.why)
			continue
		}
		require.NoError(t, err, row.why)
		got, err := io.ReadAll(o)
		require.NoError(t, err, row.why)
		assert.Equal(t, row.want, string(got), row.why)
		require.NoError(t, o.Close())
		_, err = o.Read(make([]byte, 1))
		assert.ErrorIs(t, err, storage.ErrInvalid, "a read after Close")
	}
}

func TestA404OfSomethingElseIsNoAbsence(t *testing.T) {
	anonymous := fakeAnswer{status: http.StatusNotFound, header: map[string]string{"X-Amz-Request-Id": ""}}
	page := fakeAnswer{status: http.StatusNotFound, body: "<html>default backend</html>", header: map[string]string{"X-Amz-Request-Id": ""}}
	for _, row := range []struct {
		head, get fakeAnswer
		kind      error
		gets      int
		why       string
	}{
		{fakeAbsence, fakeAbsence, storage.ErrNotExist, 0, "S3 says so"},
		{anonymous, fakeAbsence, storage.ErrNotExist, 1, "a server without request ids says so when asked again"},
		{anonymous, page, storage.ErrUnavailable, 1, "a proxy that does not know the host"},
		{fakeAnswer{status: 404}, fakeError(404, "NoSuchBucket"), storage.ErrNotExist, 0, "a HEAD cannot tell more"},
	} {
		s, count := script{"HeadObject": {row.head}, "GetObject": {row.get}}.store(t)
		_, err := s.Stat(t.Context(), "v1/a")
		require.ErrorIs(t, err, row.kind, row.why)
		assert.Equal(t, row.gets, count["GetObject"], row.why)
	}
}

func TestAListingIsCompleteAndOrderedOrAnError(t *testing.T) {
	object := func(key string) string {
		return "<Contents><Key>" + key + "</Key><Size>1</Size><LastModified>2022-01-02T03:04:05.678Z</LastModified></Contents>"
	}
	prefix := func(p string) string { return "<CommonPrefixes><Prefix>" + p + "</Prefix></CommonPrefixes>" }
	page := func(next string, entries ...string) fakeAnswer {
		more := "<IsTruncated>false</IsTruncated>"
		if next != "" {
			more = "<IsTruncated>true</IsTruncated>" + strings.TrimPrefix(next, "none")
		}
		return fakeAnswer{status: 200, body: "<ListBucketResult>" + more + strings.Join(entries, "") + "</ListBucketResult>"}
	}
	const token = "<NextContinuationToken>T/=+</NextContinuationToken>"
	for _, row := range []struct {
		pages []fakeAnswer
		want  string // keys and prefixes
		kind  error
		why   string
	}{
		{[]fakeAnswer{page("", object("v1/a"), object("v1/b"))}, "v1/a v1/b", nil, "one page"},
		{[]fakeAnswer{page(token, object("v1/a")), page("", object("v1/b"))}, "v1/a v1/b", nil, "two pages"},
		{[]fakeAnswer{page(token), page(token, object("v1/a")), page("")}, "v1/a", nil, "empty pages in between"},
		{[]fakeAnswer{page("", object(".proof"), object("v1/A"), object("v1/a"), object("v1/a/"), prefix("V2/"), prefix("v1/"))}, "v1/a v1/", nil, "names that are not ours"},
		{[]fakeAnswer{page("", object("v1/b"), object("v1/a"))}, "", storage.ErrUnsuitable, "a directory bucket has no order"},
		{[]fakeAnswer{page(token, object("v1/b")), page("", object("v1/a"))}, "", storage.ErrUnsuitable, "nor between pages"},
		{[]fakeAnswer{page("", prefix("v2/"), prefix("v1/"))}, "", storage.ErrUnsuitable, "prefixes without order"},
		{[]fakeAnswer{page("none", object("v1/a"))}, "", storage.ErrUnavailable, "cut off, with no way to go on"},
		{[]fakeAnswer{page("", "<Contents><Key>v1/a</Key></Contents>")}, "", storage.ErrUnavailable, "without sizes"},
		{[]fakeAnswer{{status: 200, body: "<ListBucketResult><Contents>"}}, "", storage.ErrUnavailable, "cut off in the middle"},
		{[]fakeAnswer{fakeDenial}, "", storage.ErrPermission, "not allowed is not empty"},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := script{"ListObjectsV2": row.pages}.store(t)
				var got []string
				opts := &storage.ListOptions{}
				for {
					p, err := s.List(t.Context(), opts)
					if row.kind != nil && err != nil {
						require.ErrorIs(t, err, row.kind)
						return
					}
					require.NoError(t, err)
					for _, o := range p.Objects {
						got = append(got, o.Key)
						assert.Equal(t, time.Date(2022, 1, 2, 3, 4, 5, 0, time.UTC), o.Modified, "headers have no fractions")
					}
					got = append(got, p.Prefixes...)
					if opts.Token = p.Next; opts.Token == "" {
						break
					}
				}
				require.NoError(t, row.kind, "no error")
				assert.Equal(t, row.want, strings.Join(got, " "))
			})
		})
	}
}

func TestTheServersTokenIsHandedBackAsItWas(t *testing.T) {
	var got []string
	s := fakeStore(t, func(_ string, r *http.Request) fakeAnswer {
		got = append(got, r.URL.Query().Get("continuation-token"))
		return fakeAnswer{status: 200, body: fmt.Sprintf("<ListBucketResult><IsTruncated>%t</IsTruncated><NextContinuationToken>a/+=\x26amp; b</NextContinuationToken></ListBucketResult>", len(got) == 1)}
	})
	page, err := s.List(t.Context(), nil)
	require.NoError(t, err)
	_, err = s.List(t.Context(), &storage.ListOptions{Token: page.Next})
	require.NoError(t, err)
	assert.Equal(t, []string{"", "a/+=& b"}, got)
}
