package blobstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/genesys/voicemail/storage"
)

// Bounds of the service on index tags.
const (
	maxTags     = 10
	maxTagName  = 128
	maxTagValue = 256
)

// escapeTag returns text as it stands in a tag. The service takes a-z A-Z 0-9 and " +-./:=_"; the equals sign serves as the escape, so that it and every other byte
// are "=" and two upper-case hex digits. Numbers stay what they are, and alice@example.com is alice=40example.com.
func escapeTag(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(" +-./:_", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// tag returns a tag as the service takes it; false if there cannot be such a one. An empty value is none: servers differ on it.
func tag(name, value string) (string, string, bool) {
	name, value = escapeTag(name), escapeTag(value)
	return name, value, name != "" && len(name) <= maxTagName && value != "" && len(value) <= maxTagValue
}

// tagsOf returns the tags of a blob: those that can be, at most ten, in the order of their names.
func (s *Store) tagsOf(tags map[string]string) map[string]string {
	if len(tags) == 0 || s.noTags.Load() {
		return nil
	}
	legal := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		if n, v, ok := tag(name, tags[name]); ok && len(legal) < maxTags {
			legal[n] = v
		}
	}
	return legal
}

// FindByTag implements [storage.TagFinder], within this store's container and Prefix. Every object it yields was there when it was looked at; one whose tags
// the service has not indexed yet is missed. It is [errors.ErrUnsupported] where the account has a hierarchical namespace, which has no index tags, and
// [storage.ErrInvalid] for a tag that Create leaves out.
func (s *Store) FindByTag(ctx context.Context, name, value string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := s.findByTag(ctx, name, value, yield); err != nil {
			yield("", fail("find", "", err))
		}
	}
}

// findByTag yields what it finds, and returns what made it end.
func (s *Store) findByTag(ctx context.Context, name, value string, yield func(string, error) bool) error {
	if err := s.begin(ctx, "find"); err != nil {
		return err
	}
	if s.noTags.Load() {
		return &storage.Error{Kind: errors.ErrUnsupported, Err: errors.New("a hierarchical namespace has no index tags")}
	}
	name, value, ok := tag(name, value)
	if !ok {
		return because(storage.ErrInvalid, "tag is empty or too long")
	}
	// Neither has a quote, for which there is no escape.
	where := fmt.Sprintf(`"%s"='%s'`, name, value)
	for marker := (*string)(nil); ; {
		var found container.FilterBlobsResponse
		err := s.retry(ctx, func(t *try) (err error) {
			found, err = s.container.FilterBlobs(t.ctx, where, &container.FilterBlobsOptions{Marker: marker})
			return err
		})
		if err != nil {
			return err
		}
		var keys []string
		for _, item := range found.Blobs {
			if item == nil || item.Name == nil {
				continue
			}
			if key, ok := strings.CutPrefix(*item.Name, s.prefix); ok && storage.CheckKey(key) == nil {
				keys = append(keys, key)
			}
		}
		if more, err := s.yieldExisting(ctx, keys, yield); err != nil || !more {
			return err
		}
		if marker = found.NextMarker; marker == nil || *marker == "" {
			return nil
		}
	}
}

// yieldExisting yields those of keys that are there, several being looked at at once; false if yield has had enough.
func (s *Store) yieldExisting(ctx context.Context, keys []string, yield func(string, error) bool) (bool, error) {
	for some := range slices.Chunk(keys, s.concurrency) {
		errs := s.each(len(some), func(i int) error {
			_, err := s.stat(ctx, some[i])
			return err
		})
		for i, err := range errs {
			switch {
			case errors.Is(err, storage.ErrNotExist):
			case err != nil:
				return false, err
			case !yield(some[i], nil):
				return false, nil
			}
		}
	}
	return true, nil
}
