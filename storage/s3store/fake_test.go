package s3store

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

// fakeAnswer is what a fake of S3 answers a request with: an error of the connection, or a reply.
type fakeAnswer struct {
	err    error
	status int
	header map[string]string
	body   string
	stream io.Reader // in the place of body
}

// fakeError is the answer with which S3 refuses.
func fakeError(status int, code string) fakeAnswer {
	return fakeAnswer{status: status, body: "<Error><Code>" + code + "</Code><Message>says the fake</Message><RequestId>R1</RequestId></Error>"}
}

// fakeObject is the answer to a GET, or a HEAD, of an object.
func fakeObject(content string) fakeAnswer {
	return fakeAnswer{status: 200, body: content, header: map[string]string{
		"Last-Modified": "Sun, 02 Jan 2022 03:04:05 GMT", "Etag": `"e1"`, "Content-Length": strconv.Itoa(len(content)),
	}}
}

// fakeRange is the answer to a GET of the range of an object from start on, of total bytes.
func fakeRange(content string, start, total int) fakeAnswer {
	a := fakeObject(content)
	a.status = http.StatusPartialContent
	a.header["Content-Range"] = fmt.Sprintf("bytes %d-%d/%d", start, start+len(content)-1, total)
	return a
}

var fakeOK = fakeAnswer{status: 200, header: map[string]string{"Date": "Sun, 02 Jan 2022 03:04:05 GMT"}}

// fakeS3 is a transport that answers what answer says: no server, so that what no test server does can be seen.
func fakeS3(answer func(op string, r *http.Request) fakeAnswer) transport {
	return func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return nil, err
			}
			r.Body.Close()
		}
		a := answer(operation(r), r)
		if a.err != nil {
			return nil, a.err
		}
		resp := &http.Response{StatusCode: a.status, Header: http.Header{"X-Amz-Request-Id": {"R1"}}, Request: r, ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1}
		for k, v := range a.header {
			if v == "" {
				resp.Header.Del(k)
			} else {
				resp.Header.Set(k, v)
			}
		}
		if a.stream == nil {
			a.stream = strings.NewReader(a.body)
		}
		if n, err := strconv.ParseInt(resp.Header.Get("Content-Length"), 10, 64); err == nil {
			resp.ContentLength = n
		}
		if r.Method == http.MethodHead {
			a.stream = strings.NewReader("")
		}
		resp.Body = io.NopCloser(a.stream)
		return resp, nil
	}
}

// fakeClient returns a client of a fake, with the checksums that clients have by default.
func fakeClient(rt http.RoundTripper) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String("https://secret-host.test"), Region: "us-east-1", UsePathStyle: true,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,

		Credentials: credentials.NewStaticCredentialsProvider("SECRETKEYID", "secret-key", ""),
		HTTPClient:  &http.Client{Transport: rt, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	})
}

// fakeStore returns a store on a fake, which it has not asked anything yet.
func fakeStore(t *testing.T, answer func(op string, r *http.Request) fakeAnswer) *Store {
	t.Helper()
	s, err := newStore(fakeClient(fakeS3(answer)), "bucket", &Options{TryTimeout: 15 * time.Second})
	require.NoError(t, err)
	return s
}

// script answers each request of an operation with the next of its answers, and those that follow the last one with the last one.
type script map[string][]fakeAnswer

// store returns a store on the script, and what counts the requests of an operation.
func (sc script) store(t *testing.T) (s *Store, count map[string]int) {
	t.Helper()
	count = make(map[string]int)
	s = fakeStore(t, func(op string, _ *http.Request) fakeAnswer {
		answers := sc[op]
		if len(answers) == 0 {
			t.Errorf("the fake was not expected to be asked for %s", op)
			return fakeError(http.StatusNotImplemented, "NotImplemented")
		}
		n := count[op]
		count[op]++
		return answers[min(n, len(answers)-1)]
	})
	return s, count
}
