package pvstore

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/genesys/voicemail/storage"
)

// List implements [storage.Store]. Each folder is one instant of itself, or was read twice with the same result. Only folders that the page reaches into
// are read, and only files on the page are looked at, none of them for KeysOnly.
func (s *Store) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	if err := s.begin(ctx, "list"); err != nil {
		return nil, err
	}
	if opts == nil {
		opts = &storage.ListOptions{}
	}
	l := &lister{s: s, ctx: ctx, opts: opts, room: s.pageSize}
	if err := storage.CheckList(opts); err != nil {
		return nil, &storage.Error{Op: "list", Driver: driver, Kind: storage.ErrInvalid, Err: err}
	}
	if opts.MaxKeys > 0 {
		l.room = min(l.room, opts.MaxKeys)
	}
	if opts.Token != "" {
		var ok bool
		if l.after, ok = parseToken(opts); !ok {
			return nil, fail("list", "", because(storage.ErrInvalid, "token is not of this listing"))
		}
	}
	folder, _ := path.Split(opts.Prefix)
	page, err := again(func() (*storage.Page, error) {
		l.page, l.used, l.last = &storage.Page{}, 0, ""
		err := l.folder(folder, true)
		return l.page, err
	})
	if err != nil && !errors.Is(err, errPageFull) {
		return nil, fail("list", "", err)
	}
	return page, nil
}

// errPageFull ends a walk that has more to come.
var errPageFull = errors.New("page is full")

// lister collects one page.
type lister struct {
	s     *Store
	ctx   context.Context
	opts  *storage.ListOptions
	after string // the last entry of the page before
	room  int    // entries of the page

	page *storage.Page
	used int
	last string // the last entry of this page
	text arena
}

// arena makes many strings in few allocations.
type arena struct {
	b strings.Builder
}

const arenaBlock = 32 << 10

// join returns a and b as one string.
func (r *arena) join(a, b string) string {
	n := len(a) + len(b)
	if r.b.Cap()-r.b.Len() < n {
		r.b = strings.Builder{}
		r.b.Grow(max(arenaBlock, n))
	}
	start := r.b.Len()
	r.b.WriteString(a)
	r.b.WriteString(b)
	return r.b.String()[start:] // what is written later goes behind it
}

// folder adds the objects of a folder, which is named by the keys in it up to their last slash. A folder that is not there has none.
func (l *lister) folder(folder string, top bool) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	entries, err := l.s.readFolder(strings.TrimSuffix(l.s.prefix+folder, "/"))
	if isAbsent(err) && top {
		err = l.s.confirm(err, strings.TrimSuffix(l.s.prefix+folder, "/"), dir)
	}
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	l.page.Objects = slices.Grow(l.page.Objects, min(len(entries), l.room-l.used))
	var d *os.Root
	defer func() {
		if d != nil {
			d.Close()
		}
	}()
	for _, e := range entries {
		if e.kind == foreign || !isSegment(e.name) || !l.matches(folder, e.name) {
			continue
		}
		if len(folder)+len(e.name) > storage.MaxKey {
			continue
		}
		if e.kind == dir {
			if err := l.subfolder(folder + e.name + "/"); err != nil {
				return err
			}
			continue
		}
		key := l.text.join(folder, e.name)
		if l.after != "" && key <= l.after {
			continue
		}
		if err := l.makeRoom(); err != nil {
			return err
		}
		info := storage.Info{Key: key}
		if !l.opts.KeysOnly {
			if d == nil {
				if d, err = l.s.folder(strings.TrimSuffix(l.s.prefix+folder, "/")); err != nil {
					return l.gone(err)
				}
			}
			fi, err := l.s.statObject(d, e.name)
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted since
			}
			if err != nil {
				return err
			}
			info = objectInfo(key, fi)
		}
		l.page.Objects = append(l.page.Objects, info)
		l.used, l.last = l.used+1, key
	}
	return nil
}

// gone returns err, or nil if it says that the folder that was just read is no more.
func (l *lister) gone(err error) error {
	if isAbsent(err) {
		return nil
	}
	return err
}

// matches reports whether a name in a folder can be or lead to a name with the prefix.
func (l *lister) matches(folder, name string) bool {
	return len(l.opts.Prefix) <= len(folder) || strings.HasPrefix(name, l.opts.Prefix[len(folder):])
}

// subfolder adds what is below a folder, or the folder.
func (l *lister) subfolder(folder string) error {
	inside := strings.HasPrefix(l.after, folder)
	if l.opts.Delimiter == "" {
		if !inside && folder < l.after {
			return nil
		}
		return l.folder(folder, false)
	}
	if inside || folder < l.after {
		return nil
	}
	if err := l.makeRoom(); err != nil {
		return err
	}
	found, err := l.s.holdsObject(l.ctx, folder)
	if err != nil || !found {
		return err
	}
	l.page.Prefixes = append(l.page.Prefixes, folder)
	l.used, l.last = l.used+1, folder
	return nil
}

// makeRoom ends the walk if the page is full.
func (l *lister) makeRoom() error {
	if l.used%256 == 255 {
		if err := l.ctx.Err(); err != nil {
			return err
		}
	}
	if l.used < l.room {
		return nil
	}
	l.page.Next = newToken(l.opts, l.last)
	return errPageFull
}

// holdsObject reports whether there is any object in or below a folder.
func (s *Store) holdsObject(ctx context.Context, folder string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	place := strings.TrimSuffix(s.prefix+folder, "/")
	entries, _, err := s.readOnce(place)
	if err == nil && !slices.ContainsFunc(entries, entry.isObject) {
		entries, err = s.readFolder(place) // one sight proves that there is one, but not that there is none
	}
	if isAbsent(err) {
		return false, nil
	}
	if err != nil || slices.ContainsFunc(entries, entry.isObject) {
		return err == nil, err
	}
	for _, e := range entries {
		if e.kind != dir || !isSegment(e.name) {
			continue
		}
		if found, err := s.holdsObject(ctx, folder+e.name+"/"); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// A token is the delimiter, the prefix and the last entry of the page, none of which has a NUL, and a checksum of them in front.
func newToken(opts *storage.ListOptions, last string) string {
	text := tokenHead(opts) + last
	sum := crc32.ChecksumIEEE([]byte(text))
	return base64.RawURLEncoding.EncodeToString(append([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}, text...))
}

// parseToken returns the last entry of the page before; false if the token was not made for a listing with these options.
func parseToken(opts *storage.ListOptions) (last string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(opts.Token)
	if err != nil || len(raw) < 4 {
		return "", false
	}
	last, ok = strings.CutPrefix(string(raw[4:]), tokenHead(opts))
	return last, ok && cmp.Compare(newToken(opts, last), opts.Token) == 0
}

func tokenHead(opts *storage.ListOptions) string {
	return opts.Delimiter + "\x00" + opts.Prefix + "\x00"
}
