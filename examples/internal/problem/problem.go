// Package problem is how the HTTP service of the examples says that something went wrong, and how their commands read it: RFC 9457, application/problem+json.
//
// The last part of a type is a code that programs compare and logs may hold. A detail is for people: it holds no number and no name, but it is another
// machine's text where it was read from one.
package problem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Codes that belong to no single part of the API. Each part has more of its own.
const (
	InvalidRequest  = "invalid-request"
	Unauthenticated = "unauthenticated"
	Forbidden       = "forbidden"
	NotFound        = "not-found"
	TooLarge        = "too-large"
	MediaType       = "unsupported-media-type"
	TooMany         = "too-many-requests"
	Internal        = "internal"
	Unavailable     = "unavailable"
	// NotVoicemail: what answered is no voicemail service. Only Read says so.
	NotVoicemail = "not-voicemail"
	// Canceled: the caller went away, or was interrupted.
	Canceled = "canceled"
)

// ContentType is that of a Problem.
const ContentType = "application/problem+json"

// typePrefix makes a code a URI.
const typePrefix = "urn:problem-type:voicemail:"

// Problem is an answer that is an error, and the error of the client that got it.
type Problem struct {
	// Type is a URI; see [Problem.Code].
	Type string `json:"type"`
	// Title is the same for every problem of a type.
	Title string `json:"title"`
	// Status is the status of the answer.
	Status int `json:"status"`
	// Detail is what to do this time; may be empty.
	Detail string `json:"detail,omitempty"`
	// Field is what in the request is wrong, as consumers[0].consumer[2].phone; may be empty.
	Field string `json:"field,omitempty"`
	// Messages match one number, where more than Limit have to be confirmed.
	Messages int `json:"messages,omitempty"`
	Limit    int `json:"limit,omitempty"`

	// RetryAfter is when to try again at the soonest, as the header of that name says; negative if it says nothing.
	RetryAfter time.Duration `json:"-"`
	// Cause is why, on the side where it happened. It is in no answer.
	Cause error `json:"-"`
}

// New returns a Problem without a RetryAfter.
func New(status int, code, title, detail string) *Problem {
	return &Problem{Type: typePrefix + code, Title: title, Status: status, Detail: detail, RetryAfter: -1}
}

// Because sets the cause, and returns p.
func (p *Problem) Because(err error) *Problem {
	p.Cause = err
	return p
}

// Code returns the last part of the type, [Internal] of a type that is not ours.
func (p *Problem) Code() string {
	code, ours := strings.CutPrefix(p.Type, typePrefix)
	if !ours || code == "" || len(code) > 64 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return Internal
	}
	return code
}

// Error returns the title and the detail.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Title + ": " + p.Detail
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// Temporary reports whether the same request may succeed later.
func (p *Problem) Temporary() bool {
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Write answers with the problem.
func Write(w http.ResponseWriter, p *Problem) {
	doc, err := json.Marshal(p)
	if err != nil { // of strings and integers, never
		doc = []byte("{}")
	}
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.RetryAfter >= 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.RetryAfter+time.Second-1)/time.Second)))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(doc, '\n')) // a client that went away
}

// Bounds of what is believed of an answer.
const (
	maxAnswer     = 64 << 10
	maxText       = 500
	maxRetryAfter = 24 * time.Hour
)

// Read returns the Problem of an answer whose status is no success. It reads the body, and does not close it.
func Read(resp *http.Response) *Problem {
	p := read(resp)
	p.Status, p.RetryAfter = resp.StatusCode, retryAfter(resp.Header)
	p.Title, p.Detail, p.Field = Printable(p.Title), Printable(p.Detail), Printable(p.Field)
	return p
}

func read(resp *http.Response) *Problem {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	doc, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	var p Problem
	if err == nil && kind == ContentType && json.Unmarshal(doc, &p) == nil {
		return &p
	}
	switch code := resp.StatusCode; code { // a gateway's
	case http.StatusUnauthorized:
		return New(code, Unauthenticated, "The credentials are not accepted", "")
	case http.StatusForbidden:
		return New(code, Forbidden, "This is not permitted", "")
	case http.StatusTooManyRequests:
		return New(code, TooMany, "There are too many requests", "")
	case http.StatusRequestEntityTooLarge:
		return New(code, TooLarge, "The request is too large", "")
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return New(code, Unavailable, "The service does not answer", "")
	case http.StatusInternalServerError:
		return New(code, Internal, "The service has failed", "")
	default:
		return New(code, NotVoicemail, "What answers is not the voicemail service", fmt.Sprintf("it answers with status %d; is the URL right?", code))
	}
}

func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if s, err := strconv.Atoi(text); err == nil && s >= 0 {
		return min(time.Duration(min(s, int(maxRetryAfter/time.Second)))*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), 0), maxRetryAfter)
	}
	return -1
}

// Printable returns a text of another machine as it may be shown on a terminal: without control characters, and not endless.
func Printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}

// Handle answers requests by a function whose error is the answer: a *Problem itself, what of knows, or [Internal]. Log is told of each error that is not the caller's fault.
func Handle(of func(error) *Problem, log func(*http.Request, *Problem), serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := serve(w, r)
		if err == nil {
			return
		}
		p := of(err)
		if p.Status >= http.StatusInternalServerError {
			log(r, p)
		}
		Write(w, p)
	})
}

// Common returns the Problem of an error that any operation can have, or Internal.
func Common(err error) *Problem {
	var p *Problem
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &large):
		return New(http.StatusRequestEntityTooLarge, TooLarge, "The request is too large", fmt.Sprintf("up to %d bytes are taken", large.Limit)).Because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return New(http.StatusServiceUnavailable, Unavailable, "It took too long", "try again later").Because(err)
	case errors.Is(err, context.Canceled):
		return New(http.StatusServiceUnavailable, Canceled, "The request was given up", "").Because(err)
	}
	return New(http.StatusInternalServerError, Internal, "Something is wrong in the service", "").Because(err)
}

// Body reads the body of a request, which must be JSON and at most limit bytes.
func Body(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, New(http.StatusUnsupportedMediaType, MediaType, "The request must be JSON", "set Content-Type to application/json")
	}
	var doc bytes.Buffer
	if _, err := doc.ReadFrom(http.MaxBytesReader(w, r.Body, limit)); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, err
		}
		return nil, New(http.StatusBadRequest, InvalidRequest, "The request ends early", "").Because(err)
	}
	return doc.Bytes(), nil
}
