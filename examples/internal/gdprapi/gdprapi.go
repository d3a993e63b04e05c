// Package gdprapi is the part of the REST API that answers data-protection requests: the handler of the service, over gdpr.Controller, and the client of the command. Its definition is
// examples/service/openapi/gdpr.yaml, which the tests hold both to.
//
// The documented product publishes the body of its requests and the result of an export. Paths, methods, the other answers and all errors are this package's own.
package gdprapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/internal/problem"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage"
)

// Base is the path that all paths of the API begin with.
const Base = "/voicemail/v1/gdpr"

// Operation is what is asked for by a request, and the last part of its path.
type Operation string

// The operations. The answer to Export is an archive (application/zip), that to the others a gdpr.ForgetReport in JSON.
const (
	Forget  Operation = "forgetme"
	Undo    Operation = "undoforget"
	Export  Operation = "exportme"
	Preview Operation = "preview"
)

// Codes of problems, beside those of package problem.
const (
	NoCase             = "no-case"
	CaseConflict       = "case-conflict"
	Decided            = "decided"
	ConfirmationNeeded = "confirmation-needed"
	RegionsDown        = "regions-down"
	ClocksDiffer       = "clocks-differ"
	Tampered           = "tampered"
	StorageRefuses     = "storage-refuses"
)

// MaxRequest is how many bytes a request has at most.
const MaxRequest = 1 << 20

// ParseRequest reads the body of a request. That of an Undo need not say consumers: then the case is meant as it is.
func ParseRequest(op Operation, doc []byte) (*gdpr.Request, error) {
	if op == Undo {
		var short struct {
			CaseID    string          `json:"caseid"`
			CCID      string          `json:"ccid"`
			Consumers json.RawMessage `json:"consumers"`
		}
		if json.Unmarshal(doc, &short) == nil && short.Consumers == nil && short.CaseID != "" {
			return &gdpr.Request{CaseID: short.CaseID, CCID: short.CCID}, nil
		}
	}
	return gdpr.ParseRequest(bytes.NewReader(doc))
}

// retryRegions is when a region that is down is worth asking again.
const retryRegions = 15 * time.Second

// known are the errors of the library that have a code, the first that fits first.
var known = []struct {
	err          error
	status       int
	code, title  string
	retry        time.Duration
	withoutCause bool // its text is for operators
}{
	{gdpr.ErrNoCase, http.StatusNotFound, NoCase, "There is no such case", -1, false},
	{gdpr.ErrCaseConflict, http.StatusConflict, CaseConflict, "The case ID is that of another request", -1, false},
	{gdpr.ErrDecided, http.StatusConflict, Decided, "The erasure is decided and cannot be undone", -1, false},
	{gdpr.ErrRegions, http.StatusServiceUnavailable, RegionsDown, "Not every region is up; nothing was changed", retryRegions, false},
	{gdpr.ErrClock, http.StatusServiceUnavailable, ClocksDiffer, "The clocks of the service and its storage differ; nothing was changed", retryRegions, false},
	{gdpr.ErrTampered, http.StatusInternalServerError, Tampered, "The chain of receipts is broken", -1, false},
	{voicemail.ErrInvalid, http.StatusBadRequest, problem.InvalidRequest, "The request is not right", -1, false},
	{storage.ErrUnavailable, http.StatusServiceUnavailable, problem.Unavailable, "The storage does not answer", retryRegions, true},
	{storage.ErrPermission, http.StatusInternalServerError, StorageRefuses, "The storage refuses this", -1, true},
}

// ProblemOf returns the problem that an error of a gdpr.Controller is. Its text has no number, as that of the error has none.
func ProblemOf(err error) *problem.Problem {
	var wrong *gdpr.RequestError
	if errors.As(err, &wrong) {
		p := problem.New(http.StatusBadRequest, problem.InvalidRequest, "The request is not right", wrong.Field+" "+wrong.Problem).Because(err)
		p.Field = wrong.Field
		return p
	}
	var many *gdpr.ConfirmError
	if errors.As(err, &many) {
		p := problem.New(http.StatusConflict, ConfirmationNeeded, "More messages match than one caller leaves", "is it an office's or a switchboard's number? If they are all meant, send the request again, confirmed").Because(err)
		p.Messages, p.Limit = many.Messages, many.Limit
		return p
	}
	var answered *problem.Problem
	if errors.As(err, &answered) {
		return answered
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			p := problem.New(k.status, k.code, k.title, "").Because(err)
			p.RetryAfter = k.retry
			if !k.withoutCause {
				p.Detail = err.Error()
			}
			return p
		}
	}
	return problem.Common(err)
}
