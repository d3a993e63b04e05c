package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/internal/problem"
)

// The media types of bodies.
const (
	jsonType       = "application/json"
	formType       = "multipart/form-data"
	mergePatchType = "application/merge-patch+json" // RFC 7396
)

// maxDetails bounds every JSON document that is taken.
const maxDetails = 64 << 10

// answer writes a response of JSON.
func (c *call) answer(status int, body any) error {
	doc, err := json.Marshal(body)
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", jsonType)
	h.Set("Cache-Control", "no-store")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(append(doc, '\n')) // a client that is gone is told nothing
	return nil
}

// nothing is a response without a body.
func (c *call) nothing() error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// decode reads the body, which has to be of the media type, into v. The operation has no parameters in the URL.
func (c *call) decode(want string, v any) error {
	if err := c.query().end(); err != nil {
		return err
	}
	if got, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || got != want {
		return mediaType(want)
	}
	return decodeJSON(&clientBody{Reader: c.r.Body}, v)
}

// decodeJSON reads one JSON object, of which v knows every member. Nothing of it is cited in the errors, since it may hold numbers.
func decodeJSON(body io.Reader, v any) error {
	doc, err := io.ReadAll(io.LimitReader(body, maxDetails+1))
	if err != nil {
		return err
	}
	if len(doc) > maxDetails {
		return tooLarge(maxDetails)
	}
	if doc = bytes.TrimSpace(doc); len(doc) == 0 || doc[0] != '{' || !utf8.Valid(doc) {
		return badRequest("the body has to be a JSON object in UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	err = d.Decode(v)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			return badRequest("there is something behind the JSON object")
		}
		return nil
	}
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field != "":
		return badRequest("a member of the body has the wrong type: " + wrong.Field)
	case errors.Is(err, voicemail.ErrInvalid): // of a PIN, which it does not cite
		return badRequest(err.Error())
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return badRequest("the body has a member that is not known here")
	}
	return badRequest("the body is not the JSON that is expected here")
}

// clientBody reads what the client sends. Its errors are the client's, and say so; those of package net would name its address.
type clientBody struct {
	io.Reader
	failed *problem.Problem // the first error, which a reader on top of this one may hide
}

func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if b.failed == nil {
		b.failed = clientProblem(err)
	}
	return n, b.failed
}

func clientProblem(err error) *problem.Problem {
	var known *problem.Problem
	var large *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.As(err, &network) && network.Timeout():
		return problem.New(http.StatusRequestTimeout, tooSlow, "The request came too slowly", "")
	}
	return badRequest("the body ends too early, or is not in the form that its Content-Type says")
}

// optional is a member of a merge patch: left out, null, or a value.
type optional[T any] struct {
	given bool
	value *T // nil is null
}

// UnmarshalJSON is called for null, too.
func (o *optional[T]) UnmarshalJSON(doc []byte) error {
	o.given = true
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	return d.Decode(&o.value)
}

// must returns the value of a member that cannot be null.
func (o optional[T]) must(name string) (T, error) {
	if o.value == nil {
		var zero T
		return zero, badRequest(name + " cannot be null")
	}
	return *o.value, nil
}
