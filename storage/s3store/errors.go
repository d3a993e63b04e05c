package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/genesys/voicemail/storage"
)

const driver = "s3store"

// failure is why a request failed, as far as it may be told.
type failure struct {
	kind   error
	why    error  // status, code and request id, or a text of ours; may be nil
	status int    // 0 if there was no answer
	code   string // S3's word for it
	pace   pace
	undone bool // it is known that the request had no effect
	broke  bool // the connection did, while the server was there
	hung   bool // there was no answer in time
	// identified: the answer has a request id, as S3's own answers have.
	identified bool
}

// pace is how soon a request that failed is tried again.
type pace int

const (
	never pace = iota
	soon
	slow     // the service asked us to slow down
	conflict // another request for the same name was under way
)

func (f *failure) Error() string {
	if f.why == nil {
		return f.kind.Error()
	}
	return f.kind.Error() + ": " + f.why.Error()
}

// because returns a failure that is told and not tried again.
func because(kind error, why string) *failure {
	return &failure{kind: kind, why: errors.New(why), undone: true}
}

// fail returns err as the error of an operation.
func fail(op, key string, err error) error {
	if err == nil || isContext(err) {
		return err
	}
	f := explain(err)
	return &storage.Error{Op: op, Driver: driver, Key: key, Kind: f.kind, Err: f.why}
}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// hasStatus reports whether err is an answer with that status.
func hasStatus(err error, status int) bool {
	var f *failure
	return errors.As(err, &f) && f.status == status
}

// isKind reports whether err is a failure of that kind.
func isKind(err, kind error) bool {
	var f *failure
	return errors.As(err, &f) && errors.Is(f.kind, kind)
}

// answer is the error of the SDK for a reply of S3 itself. Errors of a credential provider hold replies too, of other services, and are none.
type answer interface {
	error
	ServiceHostID() string
	ServiceRequestID() string
	HTTPStatusCode() int
	HTTPResponse() *smithyhttp.Response
}

// explain returns what may be told of an error of the SDK: it prints endpoints, object names and replies.
func explain(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var told *storage.Error
	if errors.As(err, &told) {
		return &failure{kind: told.Kind, why: told.Err}
	}
	var reply answer
	if !errors.As(err, &reply) || reply.HTTPStatusCode() == 0 {
		return explainSilence(err)
	}
	f = &failure{status: reply.HTTPStatusCode()}
	var api smithy.APIError
	if errors.As(err, &api) {
		f.code = word(api.ErrorCode())
	}
	var region string
	if r := reply.HTTPResponse(); r != nil && r.Response != nil {
		region = word(r.Header.Get("X-Amz-Bucket-Region"))
	}
	f.pace, f.kind = classify(f.status, f.code)
	f.identified = reply.ServiceRequestID() != ""
	if f.code == "NotFound" && !f.identified {
		f.kind = storage.ErrUnavailable // the SDK makes this code of every 404 that has none
	}
	f.undone = f.status >= 300 && f.status < 500
	f.why = describe(f.status, f.code, word(reply.ServiceRequestID()))
	switch {
	case isRedirect(f) && region != "":
		f.why = fmt.Errorf("bucket is in another region, %s: %w", region, f.why)
	case isRedirect(f):
		f.why = fmt.Errorf("bucket is in another region: %w", f.why)
	case f.code == "NoSuchBucket":
		f.why = fmt.Errorf("bucket does not exist: %w", f.why)
	case badCredentials[f.code]:
		f.why = fmt.Errorf("credentials are not accepted: %w", f.why)
	}
	return f
}

// explainSilence is explain for a request without an answer, or one that could not be read.
func explainSilence(err error) *failure {
	f := &failure{kind: storage.ErrUnavailable, pace: soon}
	var canceled *aws.RequestCanceledError
	var no syscall.Errno
	var dial *net.OpError
	var dns *net.DNSError
	var timeout net.Error
	f.undone = errors.As(err, &dial) && dial.Op == "dial"
	switch {
	case isContext(err), errors.As(err, &canceled), errors.As(err, &timeout) && timeout.Timeout():
		f.hung = true
		f.why = errors.New("no answer in time")
	case errors.As(err, &dns):
		f.undone = true
		f.why = errors.New("host cannot be found")
	case errors.As(err, &no):
		f.broke = !f.undone
		f.why = no
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.broke = true
		f.why = errors.New("connection was closed")
	default:
		f.why = errors.New("no answer")
	}
	return f
}

// describe returns what of an answer is told.
func describe(status int, code, id string) error {
	text := fmt.Sprintf("status %d", status)
	if code != "" {
		text += ", " + code
	}
	if id != "" {
		text += ", request " + id
	}
	return errors.New(text)
}

// word returns s if it looks like a code, a region or a request id, and "" otherwise: whatever a server puts there, no sentence gets through.
func word(s string) string {
	const most = 128
	if len(s) > most {
		return ""
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("-_.+/=", c) < 0 {
			return ""
		}
	}
	return s
}

func isRedirect(f *failure) bool {
	switch f.code {
	case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return true
	}
	return f.status == http.StatusMovedPermanently || f.status == http.StatusTemporaryRedirect || f.status == http.StatusPermanentRedirect
}

var badCredentials = map[string]bool{
	"InvalidAccessKeyId": true, "SignatureDoesNotMatch": true, "ExpiredToken": true, "InvalidToken": true,
	"TokenRefreshRequired": true, "RequestTimeTooSkewed": true, "RequestExpired": true,
	"XAdminUserNotFound": true, // versitygw
}

// classify returns the kind of an answer that is an error, or of the error of one entry of a DeleteObjects, and when it is tried again.
func classify(status int, code string) (pace, error) {
	switch code {
	case "NoSuchKey", "NoSuchVersion", "NotFound":
		return never, storage.ErrNotExist
	case "NoSuchBucket", "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return never, storage.ErrUnsuitable
	case "ConditionalRequestConflict", "OperationAborted":
		return conflict, storage.ErrUnavailable
	case "RequestTimeTooSkewed":
		return soon, storage.ErrPermission // the SDK has learned the server's time from the answer
	case "RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch", "InternalError":
		return soon, storage.ErrUnavailable
	case "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "ServiceUnavailable":
		return slow, storage.ErrUnavailable
	case "InvalidObjectState": // archived
		return never, storage.ErrUnavailable
	}
	switch {
	case badCredentials[code], code == "AccessDenied":
		return never, storage.ErrPermission
	case status == http.StatusPreconditionFailed:
		return never, storage.ErrExists
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return never, storage.ErrPermission
	case status == http.StatusMovedPermanently, status == http.StatusTemporaryRedirect, status == http.StatusPermanentRedirect:
		return never, storage.ErrUnsuitable
	case status == http.StatusBadRequest && code != "" && !strings.HasPrefix(code, "KMS."):
		return never, storage.ErrInvalid
	case status == http.StatusConflict:
		return conflict, storage.ErrUnavailable
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return slow, storage.ErrUnavailable
	case status == http.StatusRequestTimeout, status >= 500 && status != http.StatusNotImplemented, status < 300:
		return soon, storage.ErrUnavailable
	}
	// A 404 that S3 has no code for comes from something between us and it.
	return never, storage.ErrUnavailable
}
