package blobstore

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/genesys/voicemail/storage"
)

// List implements [storage.Store]. A page is one List Blobs request. What has a name that no object can have is foreign, and is left out.
func (s *Store) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	if err := s.begin(ctx, "list"); err != nil {
		return nil, err
	}
	if opts == nil {
		opts = &storage.ListOptions{}
	}
	if err := storage.CheckList(opts); err != nil {
		return nil, fail("list", "", &storage.Error{Kind: storage.ErrInvalid, Err: err})
	}
	marker, ok := parseToken(opts)
	if !ok {
		return nil, fail("list", "", because(storage.ErrInvalid, "token is not of this listing"))
	}
	size := s.pageSize
	if opts.MaxKeys > 0 {
		size = min(size, opts.MaxKeys)
	}
	var page *storage.Page
	var next *string
	err := s.retry(ctx, func(t *try) (err error) {
		if opts.Delimiter == "" {
			page, next, err = s.listFlat(t, opts.Prefix, marker, size)
		} else {
			page, next, err = s.listLevel(t, opts.Prefix, marker, size)
		}
		return err
	})
	if err == nil && s.folders.Load() {
		err = s.dropEmpty(ctx, page)
	}
	if err != nil {
		return nil, fail("list", "", err)
	}
	if next != nil && *next != "" {
		page.Next = newToken(opts, *next)
	}
	return page, nil
}

func (s *Store) listFlat(t *try, prefix string, marker *string, size int) (*storage.Page, *string, error) {
	resp, err := s.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
		Prefix: to.Ptr(s.prefix + prefix), Marker: marker, MaxResults: to.Ptr(int32(size)),
		Include: container.ListBlobsInclude{Metadata: s.folders.Load()},
	}).NextPage(t.ctx)
	if err != nil {
		return nil, nil, err
	}
	if resp.Segment == nil {
		return nil, nil, errNoListing
	}
	page := &storage.Page{Objects: s.objects(resp.Segment.BlobItems)}
	return page, resp.NextMarker, nil
}

func (s *Store) listLevel(t *try, prefix string, marker *string, size int) (*storage.Page, *string, error) {
	resp, err := s.container.NewListBlobsHierarchyPager("/", &container.ListBlobsHierarchyOptions{
		Prefix: to.Ptr(s.prefix + prefix), Marker: marker, MaxResults: to.Ptr(int32(size)),
		Include: container.ListBlobsInclude{Metadata: s.folders.Load()},
	}).NextPage(t.ctx)
	if err != nil {
		return nil, nil, err
	}
	if resp.Segment == nil {
		return nil, nil, errNoListing
	}
	page := &storage.Page{Objects: s.objects(resp.Segment.BlobItems)}
	for _, p := range resp.Segment.BlobPrefixes {
		if p == nil || p.Name == nil {
			continue
		}
		if name, ok := strings.CutPrefix(*p.Name, s.prefix); ok && storage.CheckPrefix(name) == nil {
			page.Prefixes = append(page.Prefixes, name)
		}
	}
	return page, resp.NextMarker, nil
}

var errNoListing = errors.New("the reply is no listing")

// objects returns the objects among the entries of a listing.
func (s *Store) objects(items []*container.BlobItem) []storage.Info {
	infos := make([]storage.Info, 0, len(items))
	for _, item := range items {
		if key, ok := s.keyOf(item); ok {
			info := storage.Info{Key: key, Modified: timeOf(item.Properties.LastModified)}
			if item.Properties.ContentLength != nil {
				info.Size = *item.Properties.ContentLength
			}
			infos = append(infos, info)
		}
	}
	return infos
}

// keyOf returns the name of the object that an entry of a listing is, if it is one.
func (s *Store) keyOf(item *container.BlobItem) (string, bool) {
	if item == nil || item.Name == nil || item.Properties == nil {
		return "", false
	}
	key, ok := strings.CutPrefix(*item.Name, s.prefix)
	folder := item.Properties.ResourceType != nil && *item.Properties.ResourceType == "directory" || isFolder(item.Metadata)
	return key, ok && !folder && storage.CheckKey(key) == nil
}

// dropEmpty removes the prefixes below which there is no object, only directories. Only a hierarchical namespace keeps such.
func (s *Store) dropEmpty(ctx context.Context, page *storage.Page) error {
	full := make([]bool, len(page.Prefixes))
	errs := s.each(len(page.Prefixes), func(i int) (err error) {
		full[i], err = s.holdsObject(ctx, page.Prefixes[i])
		return err
	})
	i := 0
	page.Prefixes = slices.DeleteFunc(page.Prefixes, func(string) bool { i++; return !full[i-1] })
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// holdsObject reports whether there is any object whose name starts with prefix.
func (s *Store) holdsObject(ctx context.Context, prefix string) (bool, error) {
	for marker := (*string)(nil); ; {
		var page *storage.Page
		err := s.retry(ctx, func(t *try) (err error) {
			page, marker, err = s.listFlat(t, prefix, marker, s.pageSize)
			return err
		})
		if err != nil || len(page.Objects) > 0 {
			return err == nil, err
		}
		if marker == nil || *marker == "" {
			return false, nil
		}
	}
}

// A token is the delimiter, the prefix and the service's marker behind a checksum of all three. Neither of the first two has a NUL.
func newToken(opts *storage.ListOptions, marker string) string {
	text := tokenHead(opts) + marker
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text)))
	return base64.RawURLEncoding.EncodeToString(append(sum, text...))
}

// parseToken returns the marker where a listing goes on, nil where it starts; false if the token was not made for these options.
func parseToken(opts *storage.ListOptions) (marker *string, ok bool) {
	if opts.Token == "" {
		return nil, true
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(opts.Token)
	if err != nil || len(raw) < crc32.Size {
		return nil, false
	}
	text := raw[crc32.Size:]
	if binary.BigEndian.Uint32(raw) != crc32.ChecksumIEEE(text) {
		return nil, false
	}
	m, ok := strings.CutPrefix(string(text), tokenHead(opts))
	return &m, ok && m != ""
}

func tokenHead(opts *storage.ListOptions) string {
	return opts.Delimiter + "\x00" + opts.Prefix + "\x00"
}
