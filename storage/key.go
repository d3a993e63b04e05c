package storage

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of object names.
const (
	// MaxKey is the longest name in bytes. It leaves room for a folder of an existing bucket below the 1,024 of S3 and Azure.
	MaxKey = 800
	// MaxSegment is the longest part of a name between slashes. It leaves a volume room to name a temporary file after its target
	// within the usual 255.
	MaxSegment = 215
)

// CheckKey reports whether key is a legal object name, as an error that wraps [ErrInvalid] and says what to change.
//
// A name is 1 to [MaxKey] bytes of segments of 1 to [MaxSegment] bytes, joined by slashes. A segment consists of the characters
//
//	a-z 0-9 - _ . , = ~
//
// and neither starts nor ends with a dot. So a name means the same on every storage, also on one that folds case, and names that start with
// a dot are left to the drivers. No object may have a name that, with a slash added, starts another object's name: a volume cannot hold both.
func CheckKey(key string) error {
	if key == "" {
		return badKey("is empty")
	}
	if err := CheckPrefix(key); err != nil {
		return err
	}
	if strings.HasSuffix(key, "/") {
		return badKey("ends with a slash")
	}
	if strings.HasSuffix(key, ".") {
		return badKey("has a segment that ends with a dot")
	}
	return nil
}

// CheckPrefix reports whether some legal name starts with prefix, as CheckKey does. The empty prefix is legal.
func CheckPrefix(prefix string) error {
	if len(prefix) > MaxKey {
		return badKey(fmt.Sprintf("is longer than %d bytes", MaxKey))
	}
	start := 0
	for i := 0; i < len(prefix); i++ {
		switch c := prefix[i]; {
		case c == '/':
			if i == start {
				return badKey("has an empty segment")
			}
			if prefix[i-1] == '.' {
				return badKey("has a segment that ends with a dot")
			}
			start = i + 1
		case c == '.' && i == start:
			return badKey("has a segment that starts with a dot")
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("-_.,=~", c) >= 0:
		default:
			return badKey(fmt.Sprintf("has the byte %#02x, which is none of a-z 0-9 - _ . , = ~ /", c))
		}
		if i-start >= MaxSegment {
			return badKey(fmt.Sprintf("has a segment longer than %d bytes", MaxSegment))
		}
	}
	return nil
}

func badKey(what string) error {
	return fmt.Errorf("%w: object name %s", ErrInvalid, what)
}

// CheckList reports whether opts are legal options of [Store.List], as an error that wraps [ErrInvalid].
func CheckList(opts *ListOptions) error {
	if opts == nil {
		return nil
	}
	if opts.Delimiter != "" && opts.Delimiter != "/" {
		return fmt.Errorf("%w: delimiter must be empty or a slash", ErrInvalid)
	}
	if opts.MaxKeys < 0 {
		return fmt.Errorf("%w: negative MaxKeys", ErrInvalid)
	}
	return CheckPrefix(opts.Prefix)
}

// CheckRange reports whether opts are legal options of [Store.Open] for an object of size bytes, and returns the range's bounds.
// The error wraps [ErrInvalid].
func CheckRange(opts *OpenOptions, size int64) (offset, length int64, err error) {
	if opts == nil {
		return 0, size, nil
	}
	if opts.Offset < 0 || opts.Length < 0 || opts.Offset > size {
		return 0, 0, errors.Join(ErrInvalid, errors.New("byte range starts outside of the object"))
	}
	length = size - opts.Offset
	if opts.Length > 0 && opts.Length < length {
		length = opts.Length
	}
	return opts.Offset, length, nil
}
