package s3store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

// everyCall makes each call of a store once, and hands its error to check.
func everyCall(ctx context.Context, s *Store, check func(op string, err error)) {
	const key = "v1/secret/object-name"
	opts := &storage.CreateOptions{Tags: map[string]string{"caller_id": "+15550001111"}}
	_, err := s.Create(ctx, key, strings.NewReader("secret-body"), opts)
	check("create", err)
	o, err := s.Open(ctx, key, nil)
	if err == nil {
		_, err = io.ReadAll(o)
		o.Close()
	}
	check("open", err)
	_, err = s.Stat(ctx, key)
	check("stat", err)
	check("delete", s.Delete(ctx, key))
	_, err = s.List(ctx, &storage.ListOptions{Prefix: "v1/secret/"})
	check("list", err)
	_, err = s.Ping(ctx)
	check("ping", err)
	_, err = s.Retention(ctx)
	check("retention", err)
}

func TestErrorsTellTheirKindAndNothingElse(t *testing.T) {
	const chatty = `<Error><Code>%s</Code><Message>v1/secret/object-name of secret-host.test for +15550001111</Message>` +
		`<Key>v1/secret/object-name</Key><AWSAccessKeyId>SECRETKEYID</AWSAccessKeyId><HostId>secret-host</HostId></Error>`
	refuse := func(status int, code string) fakeAnswer {
		return fakeAnswer{status: status, body: fmt.Sprintf(chatty, code)}
	}
	for _, row := range []struct {
		answer fakeAnswer
		kinds  []error // of them
		why    string
	}{
		{refuse(403, "AccessDenied"), []error{storage.ErrPermission, nil}, "no right"},
		{refuse(403, "SignatureDoesNotMatch"), []error{storage.ErrPermission, nil}, "no credentials"},
		{refuse(404, "NoSuchBucket"), []error{storage.ErrUnsuitable, storage.ErrNotExist, storage.ErrUnavailable}, "no bucket"},
		{refuse(301, "PermanentRedirect"), []error{storage.ErrUnsuitable}, "another region"},
		{refuse(400, "AuthorizationHeaderMalformed"), []error{storage.ErrUnsuitable, storage.ErrInvalid, nil}, "another region"},
		{refuse(500, "InternalError"), []error{storage.ErrUnavailable}, "trouble"},
		{refuse(503, "SlowDown"), []error{storage.ErrUnavailable}, "throttling"},
		{refuse(429, "TooManyRequests"), []error{storage.ErrUnavailable}, "throttling"},
		{refuse(502, "v1/secret/object-name is not a code, secret-host"), []error{storage.ErrUnavailable}, "a code that is a sentence"},
		{fakeAnswer{status: 502, body: "<html>secret-host.test cannot be reached</html>"}, []error{storage.ErrUnavailable}, "a proxy"},
		{fakeAnswer{status: 200, body: "not XML: secret-host"}, []error{storage.ErrUnavailable, nil}, "an answer that cannot be read"},
		{fakeAnswer{err: &net.OpError{Op: "dial", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 443}, Err: errors.New("secret-host.test: no route")}}, []error{storage.ErrUnavailable}, "no connection"},
		{fakeAnswer{err: &net.DNSError{Err: "no such host", Name: "secret-host.test"}}, []error{storage.ErrUnavailable}, "no host"},
		{fakeAnswer{err: io.ErrUnexpectedEOF}, []error{storage.ErrUnavailable}, "a connection that breaks"},
		{fakeAnswer{err: errors.New("v1/secret/object-name")}, []error{storage.ErrUnavailable}, "anything"},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := fakeStore(t, func(string, *http.Request) fakeAnswer { return row.answer })
				everyCall(t.Context(), s, func(op string, err error) {
					var se *storage.Error
					if err == nil {
						require.Contains(t, row.kinds, nil, "%s: %s: no error", row.why, op)
						return
					}
					require.ErrorAs(t, err, &se, op)
					assert.Contains(t, row.kinds, se.Kind, "%s: %s: %v", row.why, op, err)
					for _, secret := range []string{"secret", "SECRET", "5550001111", "10.1.2.3", "https:", "bucket/", "v1/"} {
						assert.NotContains(t, err.Error(), secret, op)
						assert.NotContains(t, fmt.Sprintf("%+v", errors.Unwrap(errors.Join(err))), secret, op)
					}
				})
			})
		})
	}
}

func TestErrorsCarryStatusCodeAndRequest(t *testing.T) {
	s, _ := script{"ListObjectsV2": {fakeDenial}}.store(t)
	_, err := s.List(t.Context(), nil)
	assert.EqualError(t, err, "s3store: list: permission denied: status 403, AccessDenied, request R1")
}

func TestTheRegionOfTheBucketIsTold(t *testing.T) {
	redirect := fakeError(http.StatusMovedPermanently, "PermanentRedirect")
	redirect.header = map[string]string{"X-Amz-Bucket-Region": "eu-central-1"}
	s, _ := script{"ListObjectsV2": {redirect}}.store(t)
	_, err := s.List(t.Context(), nil)
	assert.ErrorContains(t, err, "bucket is in another region, eu-central-1")
}

func TestNothingIsLoggedAlthoughTheClientLogs(t *testing.T) {
	var log bytes.Buffer
	options := fakeClient(fakeS3(func(string, *http.Request) fakeAnswer { return fakeDenial })).Options()
	options.Logger = logging.NewStandardLogger(&log)
	options.ClientLogMode = aws.LogRequestWithBody | aws.LogResponseWithBody | aws.LogRetries | aws.LogSigning
	client := s3.New(options)
	_, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("bucket")})
	require.Error(t, err)
	require.NotEmpty(t, log.String(), "the client logs")
	log.Reset()
	s, err := newStore(client, "bucket", nil)
	require.NoError(t, err)
	everyCall(t.Context(), s, func(string, error) {})
	assert.Empty(t, log.String())
}

// silent is a server that takes connections and requests, and never answers.
func silent(t *testing.T) (endpoint string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var conns []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns = append(conns, c)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		for _, c := range conns {
			c.Close()
		}
	})
	return "http://" + l.Addr().String()
}

func TestAHungServerMakesEveryCallFailWithinItsBound(t *testing.T) {
	const tryTimeout = 20 * time.Millisecond
	const bound = 5 * time.Second // four tries and the waits in between are below 1 s; a Delete with versions asks twice
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	client := s3.New(fakeClient(base).Options(), func(o *s3.Options) { o.BaseEndpoint = aws.String(silent(t)) })
	for _, versioned := range []bool{false, true} {
		s, err := newStore(client, "bucket", &Options{TryTimeout: tryTimeout})
		require.NoError(t, err)
		s.versioned.Store(versioned)
		start := time.Now()
		everyCall(t.Context(), s, func(op string, err error) {
			require.ErrorIs(t, err, storage.ErrUnavailable, op)
			assert.Less(t, time.Since(start), bound, op)
			start = time.Now()
		})
	}
	start := time.Now()
	_, err := Open(t.Context(), client, "bucket", &Options{TryTimeout: tryTimeout})
	require.ErrorIs(t, err, storage.ErrUnavailable)
	assert.Less(t, time.Since(start), bound)
}

func TestAServerThatStopsHalfWayMakesTheReadFailWithinItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		s := fakeStore(t, func(_ string, r *http.Request) fakeAnswer {
			requests++
			a := fakeObject("0123456789")
			if r.Header.Get("Range") != "" {
				a = fakeRange("56789", 5, 10)
			}
			a.stream = io.MultiReader(&until{r.Context(), strings.NewReader(a.body[:min(5, len(a.body)-5)])}, stopped{r.Context()})
			return a
		})
		o, err := s.Open(t.Context(), "v1/a", nil)
		require.NoError(t, err)
		start := time.Now()
		got, err := io.ReadAll(o)
		require.ErrorIs(t, err, storage.ErrUnavailable)
		assert.Equal(t, "01234", string(got))
		assert.InDelta(t, 4*s.tryTimeout.Seconds(), time.Since(start).Seconds(), 1)

		requests = 0
		o, err = s.Open(t.Context(), "v1/a", nil)
		require.NoError(t, err)
		_, err = o.Read(make([]byte, 1))
		require.NoError(t, err)
		<-time.After(10 * s.tryTimeout) // the reader's own time is not the server's
		n, err := o.Read(make([]byte, 5))
		require.NoError(t, err)
		assert.Equal(t, 4, n)
		assert.Equal(t, 1, requests, "nothing broke")
		require.NoError(t, o.Close())
	})
}

// stopped is a connection from which no more comes until the request is given up.
type stopped struct{ ctx context.Context }

func (s stopped) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

// until is a connection that is gone when the request is given up.
type until struct {
	ctx context.Context
	io.Reader
}

func (u *until) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, u.ctx.Err()
	}
	return u.Reader.Read(p)
}

func TestACallEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fakeStore(t, func(_ string, r *http.Request) fakeAnswer {
			<-r.Context().Done()
			return fakeAnswer{err: r.Context().Err()}
		})
		everyCallFails := func(want error, makeContext func() (context.Context, context.CancelFunc)) {
			ctx, cancel := makeContext()
			defer cancel()
			start := time.Now()
			everyCall(ctx, s, func(op string, err error) { require.ErrorIs(t, err, want, op) })
			assert.Equal(t, time.Second, time.Since(start), "the first call waits, and the others do not begin")
		}
		everyCallFails(context.DeadlineExceeded, func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), time.Second)
		})
		everyCallFails(context.Canceled, func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		})
	})
}
