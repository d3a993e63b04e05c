package blobstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/genesys/voicemail/storage"
)

const driver = "blobstore"

// because returns an error of that kind; fail completes it.
func because(kind error, why string) error {
	return &storage.Error{Kind: kind, Err: errors.New(why)}
}

// fail returns err as the error of an operation.
func fail(op, key string, err error) error {
	if err == nil || isContext(err) {
		return err
	}
	e := classify(err)
	return &storage.Error{Op: op, Driver: driver, Key: key, Kind: e.Kind, Err: e.Err}
}

// isContext reports whether err is a context's own error. A time-out of the network says of itself that it is one too, hence no errors.Is.
func isContext(err error) bool {
	return err == context.Canceled || err == context.DeadlineExceeded //nolint:errorlint // see above
}

// classify returns the kind of an error that the SDK returned, and what of it may be told. Its text is never used: that of a response has the URL, with the name and the
// account, and the body, which repeats the query; that of a connection names the host, which is the account.
func classify(err error) *storage.Error {
	var e *storage.Error
	if errors.As(err, &e) {
		return e
	}
	var re *azcore.ResponseError
	if errors.As(err, &re) {
		return &storage.Error{Kind: kindOf(re), Err: newReply(re)}
	}
	return &storage.Error{Kind: storage.ErrUnavailable, Err: noReply(err)}
}

// The codes that the SDK has no name for.
const (
	codeNotForHNS       = "FeatureNotYetSupportedForHierarchicalNamespaceAccounts"
	codeNoTags          = "BlobTagsNotSupportedForAccountType"
	codeFolderNotEmpty  = "DirectoryIsNotEmpty"
	codeFolderNotEmpty2 = "DirectoryNotEmpty"
)

func kindOf(re *azcore.ResponseError) error {
	switch bloberror.Code(re.ErrorCode) {
	case bloberror.BlobNotFound:
		return storage.ErrNotExist
	case bloberror.BlobImmutableDueToPolicy, bloberror.LeaseIDMissing:
		return storage.ErrBlocked
	case codeNotForHNS, codeNoTags:
		return errors.ErrUnsupported
	}
	switch re.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return storage.ErrPermission
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusRequestedRangeNotSatisfiable:
		return storage.ErrInvalid
	}
	// Also a 404 of another code: of a container, or of a proxy, it does not say that the object is not there.
	return storage.ErrUnavailable
}

// isPassing reports whether trying again can mend err. What is no reply of the service may be: a connection that broke, a credential that got no token.
func isPassing(err error) bool {
	var e *storage.Error
	if errors.As(err, &e) {
		return false
	}
	var re *azcore.ResponseError
	if !errors.As(err, &re) {
		return true
	}
	switch re.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter returns for how long the service wants to be left alone, 0 if it does not say.
func retryAfter(err error) time.Duration {
	var re *azcore.ResponseError
	if !errors.As(err, &re) || re.RawResponse == nil {
		return 0
	}
	seconds, err := strconv.ParseUint(re.RawResponse.Header.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// hasCode reports whether err is a reply with one of these codes.
func hasCode(err error, codes ...bloberror.Code) bool {
	var re *azcore.ResponseError
	return errors.As(err, &re) && slices.Contains(codes, bloberror.Code(re.ErrorCode))
}

// reply is what may be told of a reply that refused a request.
type reply struct {
	status    int
	code      string // as the service documents them; may be empty
	requestID string // for who asks the provider; may be empty
}

func newReply(re *azcore.ResponseError) error {
	r := reply{status: re.StatusCode, code: plain(re.ErrorCode)}
	if re.RawResponse != nil {
		r.requestID = plain(re.RawResponse.Header.Get("x-ms-request-id"))
	}
	return r
}

func (r reply) Error() string {
	s := strconv.Itoa(r.status)
	if r.code != "" {
		s += " " + r.code
	}
	if r.requestID != "" {
		s += fmt.Sprintf(" (request %s)", r.requestID)
	}
	return s
}

// plain returns s if it can be a code or a request id, so that nothing else of a reply gets into a text.
func plain(s string) string {
	isPart := func(r rune) bool {
		return r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return !isPart(r) }) {
		return ""
	}
	return s
}

// noReply returns what may be told of a request that got no reply.
func noReply(err error) error {
	var errno syscall.Errno
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &name):
		return errors.New("the host's address could not be found")
	case errors.As(err, &certificate):
		return errors.New("the host's certificate is not trusted")
	case errors.Is(err, errSilent), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return errSilent
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection ended before the reply did")
	case errors.Is(err, errVanished):
		return errVanished
	}
	return errors.New("the request was not answered, or could not be sent")
}

// isReply reports whether a classified error is a reply with that code.
func isReply(err error, code bloberror.Code) bool {
	var r reply
	return errors.As(err, &r) && r.code == string(code)
}
