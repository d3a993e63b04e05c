package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// All yields the objects of a listing over all its pages, in order. An error is yielded once and ends it; breaking off
// fetches no further page. opts.Token is where it starts; opts.Delimiter must be empty (ErrInvalid).
func All(ctx context.Context, s Store, opts *ListOptions) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		var o ListOptions
		if opts != nil {
			o = *opts
		}
		if o.Delimiter != "" {
			yield(Info{}, fmt.Errorf("%w: All takes no delimiter", ErrInvalid))
			return
		}
		for {
			page, err := s.List(ctx, &o)
			if err != nil {
				yield(Info{}, err)
				return
			}
			for _, info := range page.Objects {
				if !yield(info, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			o.Token = page.Next
		}
	}
}

// Prefixes yields what stands one level below prefix, with its slash, over all pages; objects at that level are passed over.
func Prefixes(ctx context.Context, s Store, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		o := ListOptions{Prefix: prefix, Delimiter: "/", KeysOnly: true}
		for {
			page, err := s.List(ctx, &o)
			if err != nil {
				yield("", err)
				return
			}
			for _, p := range page.Prefixes {
				if !yield(p, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			o.Token = page.Next
		}
	}
}

// ReadFile returns the whole object, which must not be longer than limit bytes (ErrInvalid).
func ReadFile(ctx context.Context, s Store, key string, limit int64) ([]byte, error) {
	o, err := s.Open(ctx, key, nil)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	if o.Info().Size > limit {
		return nil, fmt.Errorf("%w: object is longer than %d bytes", ErrInvalid, limit)
	}
	b := make([]byte, o.Info().Size)
	if _, err := io.ReadFull(o, b); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: object ends before its size", ErrCorrupt)
		}
		return nil, err
	}
	return b, nil
}

// Exists reports whether there is an object of that name.
func Exists(ctx context.Context, s Store, key string) (bool, error) {
	_, err := s.Stat(ctx, key)
	if errors.Is(err, ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
