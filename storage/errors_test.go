package storage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/genesys/voicemail/storage"
)

func TestAnErrorIsItsKindAndItsCause(t *testing.T) {
	err := fmt.Errorf("deposit: %w", &storage.Error{Op: "create", Driver: "x", Key: "v1/a", Kind: storage.ErrUnavailable, Err: context.DeadlineExceeded})
	assert.ErrorIs(t, err, storage.ErrUnavailable)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotErrorIs(t, err, storage.ErrExists)
	var e *storage.Error
	assert.ErrorAs(t, err, &e)
	assert.Equal(t, "v1/a", e.Key)
}

func TestTheTextOfAnErrorHasNoObjectName(t *testing.T) {
	e := &storage.Error{Op: "create", Driver: "pvstore", Key: "v1/secret", Kind: storage.ErrUnavailable, Err: errors.New("disk is full")}
	assert.EqualError(t, e, "pvstore: create: storage unavailable: disk is full")
	assert.EqualError(t, &storage.Error{Op: "stat", Driver: "pvstore", Key: "v1/secret", Kind: storage.ErrNotExist}, "pvstore: stat: object does not exist")
	assert.EqualError(t, &storage.Error{Op: "stat", Driver: "pvstore"}, "pvstore: stat")
	for _, verb := range []string{"%v", "%+v", "%s", "%q"} {
		assert.NotContains(t, fmt.Sprintf(verb, e), "secret", verb)
	}
}

func TestKindsAreToldApart(t *testing.T) {
	kinds := []error{
		storage.ErrNotExist, storage.ErrExists, storage.ErrCorrupt, storage.ErrBlocked, storage.ErrInvalid, storage.ErrPermission,
		storage.ErrUnavailable, storage.ErrUnsuitable, storage.ErrClosed,
	}
	for i, a := range kinds {
		for k, b := range kinds {
			assert.Equal(t, i == k, errors.Is(&storage.Error{Kind: a}, b), "%v, %v", a, b)
		}
	}
}

func TestFailedKeysAreTheOutermostKeysOfTheTree(t *testing.T) {
	a := &storage.Error{Op: "delete", Driver: "x", Key: "a", Kind: storage.ErrBlocked}
	inner := &storage.Error{Op: "create", Driver: "y", Key: "inner"}
	b := &storage.Error{Op: "delete", Driver: "x", Key: "b", Kind: storage.ErrUnavailable, Err: inner}
	for _, row := range []struct {
		err  error
		want []string
		why  string
	}{
		{nil, nil, "no error"},
		{errors.New("x"), nil, "an error that does not say"},
		{a, []string{"a"}, "one"},
		{errors.Join(a, errors.New("x"), fmt.Errorf("y: %w", b)), []string{"a", "b"}, "several, wrapped; what caused one of them is not looked into"},
		{&storage.Error{Op: "delete", Kind: storage.ErrClosed}, nil, "an error of the whole call"},
	} {
		assert.Equal(t, row.want, storage.FailedKeys(row.err), row.why)
	}
}
