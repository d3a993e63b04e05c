package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/genesys/voicemail/config"
	"github.com/genesys/voicemail/examples/internal/gdprapi"
	"github.com/genesys/voicemail/examples/internal/problem"
)

// The exit codes; see the package comment.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitState       = 4
	exitUnavailable = 5
	exitPart        = 6
	exitInterrupted = 130
)

// Codes beside those of packages problem and gdprapi.
const (
	codeDone   = "done"
	codeUsage  = "usage"
	codeOutput = "output"
	codePart   = "part"
)

// usageError is a command, a configuration or an input that is not right.
func usageError(detail string) error {
	return problem.New(http.StatusBadRequest, codeUsage, detail, "")
}

// outputError is an output that cannot be written. Its text has the path, which is for whoever typed it.
func outputError(err error) error {
	return problem.New(http.StatusInsufficientStorage, codeOutput, "the output cannot be written", err.Error()).Because(err)
}

// partError says that something is missing though the operation is done.
type partError string

func (e partError) Error() string { return string(e) }

// problemOf returns what an error is in the words of the API, whether there is a service or not.
func problemOf(err error) *problem.Problem {
	var field *config.FieldError
	if errors.As(err, &field) {
		return problem.New(http.StatusBadRequest, codeUsage, "the storage is not described right", strings.ReplaceAll(err.Error(), "\n", "; ")).Because(err)
	}
	return gdprapi.ProblemOf(err)
}

// codeOf returns what the log says of an error.
func codeOf(ctx context.Context, err error) string {
	var part partError
	switch {
	case err == nil:
		return codeDone
	case errors.As(err, &part):
		return codePart
	case ctx.Err() != nil:
		return problem.Canceled
	}
	return problemOf(err).Code()
}

func exitCode(ctx context.Context, err error) int {
	var part partError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &part):
		return exitPart
	case ctx.Err() != nil:
		return exitInterrupted
	}
	switch p := problemOf(err); {
	case p.Code() == gdprapi.NoCase, p.Status == http.StatusConflict:
		return exitState
	case p.Status == http.StatusUnauthorized, p.Status == http.StatusForbidden:
		return exitRefused
	case p.Temporary():
		return exitUnavailable
	case p.Status < http.StatusInternalServerError: // also 0: another server than was meant
		return exitUsage
	}
	return exitFailed
}
