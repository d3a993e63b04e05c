package s3store

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genesys/voicemail/storage"
)

// List implements [storage.Store], in one ListObjectsV2. Names that are no legal object names are left out, so that a page may be shorter than it
// could be; a bucket, or the folder of it, should be the store's alone.
func (s *Store) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	if err := s.begin(ctx, "list"); err != nil {
		return nil, err
	}
	if opts == nil {
		opts = &storage.ListOptions{}
	}
	if err := storage.CheckList(opts); err != nil {
		return nil, &storage.Error{Op: "list", Driver: driver, Kind: storage.ErrInvalid, Err: err}
	}
	page, err := s.list(ctx, opts)
	if err != nil {
		return nil, fail("list", "", err)
	}
	return page, nil
}

func (s *Store) list(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	room := s.pageSize
	if opts.MaxKeys > 0 {
		room = min(room, opts.MaxKeys)
	}
	in := &s3.ListObjectsV2Input{Bucket: s.bucket, Prefix: aws.String(s.prefix + opts.Prefix), MaxKeys: aws.Int32(int32(room))}
	if opts.Delimiter != "" {
		in.Delimiter = &opts.Delimiter
	}
	after := ""
	if opts.Token != "" {
		var token string
		var ok bool
		if after, token, ok = parseToken(opts); !ok {
			return nil, because(storage.ErrInvalid, "token is not of this listing")
		}
		in.ContinuationToken = &token
	}
	out, err := call(ctx, s.tryTimeout, func(ctx context.Context) (*s3.ListObjectsV2Output, error) {
		return s.client.ListObjectsV2(ctx, in, s.options)
	})
	if err != nil {
		return nil, err
	}
	page := &storage.Page{}
	lastObject, lastPrefix := after, after
	for _, o := range out.Contents {
		key, ok := strings.CutPrefix(aws.ToString(o.Key), s.prefix+opts.Prefix)
		key = opts.Prefix + key
		if !ok || key <= lastObject && lastObject != "" {
			return nil, errDisorder
		}
		lastObject = key
		if storage.CheckKey(key) != nil {
			continue
		}
		info := storage.Info{Key: key}
		if !opts.KeysOnly {
			if o.Size == nil || o.LastModified == nil {
				return nil, because(storage.ErrUnavailable, "the listing has no size or no time")
			}
			info.Size, info.Modified = *o.Size, seconds(*o.LastModified)
		}
		page.Objects = append(page.Objects, info)
	}
	for _, p := range out.CommonPrefixes {
		prefix, ok := strings.CutPrefix(aws.ToString(p.Prefix), s.prefix)
		if !ok || prefix <= lastPrefix && lastPrefix != "" {
			return nil, errDisorder
		}
		lastPrefix = prefix
		if storage.CheckKey(strings.TrimSuffix(prefix, "/")) == nil {
			page.Prefixes = append(page.Prefixes, prefix)
		}
	}
	if aws.ToBool(out.IsTruncated) {
		if aws.ToString(out.NextContinuationToken) == "" {
			return nil, because(storage.ErrUnavailable, "the listing is cut off")
		}
		page.Next = newToken(opts, max(lastObject, lastPrefix), *out.NextContinuationToken)
	}
	return page, nil
}

// errDisorder: marks are read before the message they belong to, by their order alone.
var errDisorder = because(storage.ErrUnsuitable, "the listing is not in the order of names: this is no general purpose bucket")

// A token is the delimiter, the prefix and the last name of the page, which have no NUL in them, and the server's token, behind a checksum of all.
const tokenSep = "\x00"

func newToken(opts *storage.ListOptions, last, server string) string {
	text := tokenHead(opts) + last + tokenSep + server
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text)))
	return base64.RawURLEncoding.EncodeToString(append(sum, text...))
}

// parseToken returns the last name of the page before, and the server's token; false if the token was not made for a listing with these options.
func parseToken(opts *storage.ListOptions) (last, server string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(opts.Token)
	if err != nil || len(raw) < crc32.Size {
		return "", "", false
	}
	text := raw[crc32.Size:]
	if binary.BigEndian.Uint32(raw) != crc32.ChecksumIEEE(text) {
		return "", "", false
	}
	rest, ok := strings.CutPrefix(string(text), tokenHead(opts))
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, tokenSep)
}

func tokenHead(opts *storage.ListOptions) string {
	return opts.Delimiter + tokenSep + opts.Prefix + tokenSep
}
