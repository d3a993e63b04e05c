package storage

import (
	"errors"
	"strings"
)

// What can go wrong with an object.
var (
	// ErrNotExist: there is no object of that name. Open and Stat.
	ErrNotExist = errors.New("object does not exist")
	// ErrExists: there is one already. Create.
	ErrExists = errors.New("object exists already")
	// ErrCorrupt: what is stored is not what was stored.
	ErrCorrupt = errors.New("stored data is damaged")
	// ErrBlocked: the storage forbids the deletion for now: an object lock, a legal hold, an immutability policy. Delete.
	ErrBlocked = errors.New("deletion is blocked by a lock or hold of the storage")
)

// What can go wrong with a call or with the storage.
var (
	// ErrInvalid: the call cannot be right: an illegal name, a range beyond the end, a foreign token, a body that lies. Nothing was changed.
	ErrInvalid = errors.New("invalid argument")
	// ErrPermission: the storage refuses this to us. It is never reported as "nothing there".
	ErrPermission = errors.New("permission denied")
	// ErrUnavailable: the storage did not do it, now: network, time-out, throttling, a full or failing disk. The outcome of a Create or Delete may be
	// unknown. Trying again later can help.
	ErrUnavailable = errors.New("storage unavailable")
	// ErrUnsuitable: this storage cannot hold what the library relies on (exclusive names, a mounted volume), found out when opening it.
	ErrUnsuitable = errors.New("storage is not suitable")
	// ErrClosed: the Store was closed.
	ErrClosed = errors.New("store is closed")
)

// Error is the error of a driver. Its text names the driver, the operation and the kind, never the object or the server.
type Error struct {
	// Op is the operation: "create", "open", "read", "stat", "delete", "list", "ping", …
	Op string
	// Driver is the driver's package name.
	Driver string
	// Key is the object's name, for the program; it is not printed.
	Key string
	// Kind is one of the sentinels of this package, or errors.ErrUnsupported.
	Kind error
	// Err is the cause; may be nil. Drivers strip names, URLs and server replies from it.
	Err error
}

// Error returns the driver, the operation, the kind and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Driver)
	b.WriteString(": ")
	b.WriteString(e.Op)
	if e.Kind != nil && !errors.Is(e.Err, e.Kind) { // not twice
		b.WriteString(": ")
		b.WriteString(e.Kind.Error())
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	errs := make([]error, 0, 2)
	if e.Kind != nil {
		errs = append(errs, e.Kind)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// FailedKeys returns the names that a [Store.Delete] which returned err could not remove. It is empty if err does not say,
// and then any of the names may be left.
func FailedKeys(err error) []string {
	var keys []string
	walk(err, func(e *Error) {
		if e.Key != "" {
			keys = append(keys, e.Key)
		}
	})
	return keys
}

// walk calls f for every outermost *Error in err's tree.
func walk(err error, f func(*Error)) {
	switch e := err.(type) {
	case nil:
	case *Error:
		f(e)
	case interface{ Unwrap() []error }:
		for _, w := range e.Unwrap() {
			walk(w, f)
		}
	case interface{ Unwrap() error }:
		walk(e.Unwrap(), f)
	}
}
