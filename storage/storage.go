// Package storage says what a storage must do to keep voicemail, and nothing about voicemail.
//
// A [Store] keeps immutable objects under slash-separated names. There is one way to write: create an
// object if no object of that name exists. Nothing is ever rewritten, so there is no lock, no index document and no
// lost update, and whatever has to be decided once among many processes is decided by who creates a name first.
//
// The drivers live in sub-packages: pvstore (a directory on a volume), blobstore (Azure Blob Storage), s3store (S3 and compatible servers), memstore (memory; the
// reference semantics).
// Package storagetest holds the rules as a test suite that any driver, also a stranger's, runs. faultstore wraps a
// Store and fails chosen calls.
//
// # Growth
//
// Store has six methods and stays so. What only some storages can do is a capability: an interface of one method
// (see [Cleaner], [Copier], [Pinger], [Residuer], [Retainer], [Signer], [TagFinder]) that is looked for with [As] and never assumed.
//
// # Errors
//
// Every error of a driver is, or wraps, an [*Error] whose kind is one of the sentinels of this package; callers use
// errors.Is with the sentinels and errors.As with *Error. The text of an Error never holds an object name, a URL or a
// reply of a server.
package storage

import (
	"context"
	"io"
	"time"
)

// Store keeps immutable objects under slash-separated names (see [CheckKey] for their grammar).
//
// All methods are safe for concurrent use, by many processes on many hosts. A method whose context is done before
// the call changes nothing and returns the context's error. After [Store.Close] every method returns [ErrClosed].
//
// What one process has been told (an acknowledged Create or Delete) every later call of every process sees: reads,
// Stat and List are strongly consistent. A driver whose storage is weaker does what it takes (look twice, open the directory
// anew), or refuses to open.
type Store interface {
	// Create makes the object key from all bytes of body, from its start to its end, if there is no object of that name,
	// and returns [ErrExists] if there is. It is atomic (nobody sees a part, and of many concurrent creators of one name
	// exactly one is told that it succeeded) and durable (a power cut after the return does not undo it). A Create that
	// returns an error other than [ErrExists] has changed nothing, or its outcome is unknown ([ErrUnavailable], a context error):
	// then the object is there whole, or not at all.
	//
	// body is rewound to its start first and may be read more than once; nil is an empty object. A nil opts is the zero
	// CreateOptions.
	//
	// A retry inside a driver whose first reply was lost must not mistake its own object for somebody else's. Where names are
	// not unique by themselves, the caller puts a nonce into the body, so that equal content means equal creator.
	Create(ctx context.Context, key string, body io.ReadSeeker, opts *CreateOptions) (Info, error)

	// Open opens the object, or the byte range of it that opts names, for reading. It returns [ErrNotExist] if there is no such object
	// and [ErrInvalid] if the range starts beyond its end; a range that starts at its end is empty. The caller closes the
	// Object. An object deleted while it is being read is read to its end, or fails with an error; it never ends early without one.
	Open(ctx context.Context, key string, opts *OpenOptions) (Object, error)

	// Stat returns what is known of the object without its content, or [ErrNotExist].
	Stat(ctx context.Context, key string) (Info, error)

	// Delete removes the objects, every version of them, as durably as Create made them. An absent name is no error. If some
	// could not be removed, the others are removed all the same and the error names each one that was not (see [FailedKeys]).
	Delete(ctx context.Context, keys ...string) error

	// List returns one page of the objects whose names start with a prefix, sorted by name in byte order. Following Page.Next to
	// its end gives every object that existed all the time, each one once; one created or deleted meanwhile may or may not be there. A page
	// is complete or an error: nothing that could not be read is left out. A page may be empty and still have a Next. A nil opts
	// lists everything.
	List(ctx context.Context, opts *ListOptions) (*Page, error)

	// Close releases what the Store holds. It does not close a client that was handed to the driver. Objects opened before
	// stay readable.
	Close() error
}

// CreateOptions are the options of [Store.Create]. The zero value is an object without content type and tags.
type CreateOptions struct {
	// ContentType is the media type that the storage hands out with the object, where it can.
	ContentType string
	// Tags are set in the same request, on storages that have tags; others ignore them. A tag is an aid to operators, never
	// what the library relies on.
	Tags map[string]string
}

// OpenOptions choose the byte range of [Store.Open]. The zero value is the whole object.
type OpenOptions struct {
	// Offset is the first byte, counted from 0.
	Offset int64
	// Length is the number of bytes at most; 0 is all that follow Offset.
	Length int64
}

// Object is an open object or a byte range of one. It is not safe for concurrent use.
type Object interface {
	io.ReadCloser
	// Info describes the whole object, also when a range of it was opened.
	Info() Info
}

// Info describes an object.
type Info struct {
	// Key is its name.
	Key string
	// Size is its length in bytes.
	Size int64
	// Modified is when it was created, by the storage's clock. What Create returns may be two seconds off, where a storage does not say it when it answers (S3).
	Modified time.Time
}

// ListOptions are the options of [Store.List].
type ListOptions struct {
	// Prefix is what the names start with: any text that a legal name can start with, cut anywhere. Empty is all.
	Prefix string
	// Delimiter, if set, is "/": names that go on after Prefix with a further slash are rolled up into Page.Prefixes.
	Delimiter string
	// Token continues a listing at Page.Next; every other option must be what it was. Empty starts anew.
	Token string
	// MaxKeys bounds the objects and prefixes of a page; 0 is the driver's own bound. A page may hold fewer.
	MaxKeys int
	// KeysOnly lets the driver leave everything but Info.Key unset, which on a volume saves a look at every file.
	KeysOnly bool
}

// Page is a part of a listing.
type Page struct {
	// Objects are sorted by Key.
	Objects []Info
	// Prefixes are the rolled-up names, each ending in the delimiter, sorted. Below each one at least one object exists.
	Prefixes []string
	// Next continues the listing; empty at its end.
	Next string
}
