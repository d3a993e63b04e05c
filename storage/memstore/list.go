package memstore

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"

	"github.com/genesys/voicemail/storage"
)

// List implements [storage.Store]. A page is one instant.
func (s *Store) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	if err := s.begin(ctx, "list"); err != nil {
		return nil, err
	}
	if opts == nil {
		opts = &storage.ListOptions{}
	}
	if err := storage.CheckList(opts); err != nil {
		return nil, fail("list", "", storage.ErrInvalid, err)
	}
	from := opts.Prefix
	if opts.Token != "" {
		last, ok := parseToken(opts)
		if !ok {
			return nil, fail("list", "", storage.ErrInvalid, errors.New("token is not of this listing"))
		}
		from = after(last)
	}
	size := s.pageSize
	if opts.MaxKeys > 0 {
		size = min(size, opts.MaxKeys)
	}

	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, fail("list", "", storage.ErrClosed, nil)
	}
	page := &storage.Page{}
	last := ""
	for n := 0; ; n++ {
		name, ok := s.names.first(from)
		if !ok || !strings.HasPrefix(name, opts.Prefix) {
			return page, nil
		}
		if n == size {
			page.Next = newToken(opts, last)
			return page, nil
		}
		last = rollUp(name, opts)
		from = after(last)
		switch {
		case last != name:
			page.Prefixes = append(page.Prefixes, last)
		case opts.KeysOnly:
			page.Objects = append(page.Objects, storage.Info{Key: name})
		default:
			page.Objects = append(page.Objects, s.objects[name].info)
		}
	}
}

// rollUp returns what stands for name in the listing: itself, or the part up to the first delimiter after the prefix.
func rollUp(name string, opts *storage.ListOptions) string {
	if opts.Delimiter == "" {
		return name
	}
	rest := name[len(opts.Prefix):]
	if i := strings.Index(rest, opts.Delimiter); i >= 0 {
		return name[:len(opts.Prefix)+i+len(opts.Delimiter)]
	}
	return name
}

// after returns the least text that sorts after last and, if that is a rolled-up prefix, after all that it stands for.
func after(last string) string {
	if folder, ok := strings.CutSuffix(last, "/"); ok {
		return folder + string('/'+1)
	}
	return last + "\x00"
}

// A token is the delimiter, the prefix and the last entry of the page, which have no NUL in them, behind a checksum of all three.
const tokenSep = "\x00"

func newToken(opts *storage.ListOptions, last string) string {
	text := opts.Delimiter + tokenSep + opts.Prefix + tokenSep + last
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text)))
	return base64.RawURLEncoding.EncodeToString(append(sum, text...))
}

// parseToken returns the last entry of the page before; false if the token was not made for a listing with these options.
func parseToken(opts *storage.ListOptions) (last string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(opts.Token)
	if err != nil || len(raw) < crc32.Size {
		return "", false
	}
	text := raw[crc32.Size:]
	if binary.BigEndian.Uint32(raw) != crc32.ChecksumIEEE(text) {
		return "", false
	}
	return strings.CutPrefix(string(text), opts.Delimiter+tokenSep+opts.Prefix+tokenSep)
}
