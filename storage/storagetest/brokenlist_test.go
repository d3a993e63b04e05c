package storagetest

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/genesys/voicemail/storage"
)

// relist breaks what List returns.
func relist(change func(opts storage.ListOptions, page *storage.Page)) func(p *process) {
	return func(p *process) {
		p.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
			page, err := p.disk.List(ctx, opts)
			if err != nil {
				return nil, err
			}
			if opts == nil {
				opts = &storage.ListOptions{}
			}
			change(*opts, page)
			return page, nil
		}
	}
}

// reask breaks what List is asked.
func reask(change func(opts *storage.ListOptions)) func(p *process) {
	return func(p *process) {
		p.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
			var o storage.ListOptions
			if opts != nil {
				o = *opts
			}
			change(&o)
			return p.disk.List(ctx, &o)
		}
	}
}

// byNumber makes the tokens of a listing the number of entries that came before.
func byNumber(p *process) {
	var mu sync.Mutex
	before := map[string]int{}
	p.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
		if opts == nil || opts.MaxKeys == 0 {
			return p.disk.List(ctx, opts)
		}
		o := *opts
		o.Token, o.MaxKeys = "", 0
		page, err := p.disk.List(ctx, &o)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		from := min(before[opts.Token], len(page.Objects))
		to := min(from+opts.MaxKeys, len(page.Objects))
		next := &storage.Page{Objects: page.Objects[from:to]}
		if to < len(page.Objects) {
			next.Next = strings.Repeat("n", to)
			before[next.Next] = to
		}
		return next, nil
	}
}

func listFlaws() []flaw {
	return []flaw{
		{"sorts by directories", "AListingIsSortedByByteOrder", relist(func(_ storage.ListOptions, page *storage.Page) {
			slices.SortFunc(page.Objects, func(a, b storage.Info) int {
				return cmp.Compare(strings.ReplaceAll(a.Key, "/", "\x00"), strings.ReplaceAll(b.Key, "/", "\x00"))
			})
		})},
		{"does not sort", "AListingIsSortedByByteOrder", relist(func(_ storage.ListOptions, page *storage.Page) {
			slices.Reverse(page.Objects)
		})},
		{"takes a prefix for a folder", "APrefixMayBeCutAnywhere", relist(func(opts storage.ListOptions, page *storage.Page) {
			page.Objects = slices.DeleteFunc(page.Objects, func(i storage.Info) bool {
				rest := i.Key[len(opts.Prefix):]
				return opts.Prefix != "" && rest != "" && rest[0] != '/' && !strings.HasSuffix(opts.Prefix, "/")
			})
		})},
		{"rolls up at the first slash of the name", "ADelimiterRollsUpWhatIsBelow", relist(func(_ storage.ListOptions, page *storage.Page) {
			for i, p := range page.Prefixes {
				page.Prefixes[i] = p[:strings.Index(p, "/")+1]
			}
		})},
		{"repeats a prefix on the next page", "ADelimiterRollsUpWhatIsBelow", func(p *process) {
			var mu sync.Mutex
			last := map[string]string{}
			p.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
				page, err := p.disk.List(ctx, opts)
				if err != nil {
					return nil, err
				}
				mu.Lock()
				defer mu.Unlock()
				if l := last[opts.Token]; l != "" && len(page.Objects)+len(page.Prefixes) < opts.MaxKeys {
					page.Prefixes = append([]string{l}, page.Prefixes...)
				}
				if n := len(page.Prefixes); n > 0 && page.Next != "" {
					last[page.Next] = page.Prefixes[n-1]
				}
				return page, nil
			}
		}},
		{"lists folders in which nothing is left", "PrefixesStandOnlyAboveObjects", func(p *process) {
			var mu sync.Mutex
			folders := map[string]bool{}
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				mu.Lock()
				defer mu.Unlock()
				if i := strings.LastIndex(key, "/"); i >= 0 {
					folders[key[:i+1]] = true
				}
				return p.disk.Create(ctx, key, body, opts)
			}
			p.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
				page, err := p.disk.List(ctx, opts)
				mu.Lock()
				defer mu.Unlock()
				for folder := range folders {
					rest, below := strings.CutPrefix(folder, opts.Prefix)
					if err == nil && opts.Delimiter != "" && below && strings.Count(rest, "/") == 1 {
						page.Prefixes = append(page.Prefixes, folder)
					}
				}
				if err == nil {
					slices.Sort(page.Prefixes)
					page.Prefixes = slices.Compact(page.Prefixes)
				}
				return page, err
			}
		}},
		{"lists no sizes", "AListingTellsWhatStatTells", relist(func(_ storage.ListOptions, page *storage.Page) {
			for i := range page.Objects {
				page.Objects[i].Size = 0
			}
		})},
		{"fails where nothing is", "AnEmptyStoreListsNothing", func(p *process) {
			p.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
				page, err := p.disk.List(ctx, opts)
				if err == nil && len(page.Objects)+len(page.Prefixes) == 0 {
					return nil, fail(storage.ErrNotExist)
				}
				return page, err
			}
		}},
		{"passes over a delimiter that it does not know", "IllegalListOptionsAreRefused", reask(func(o *storage.ListOptions) {
			if o.Delimiter != "/" {
				o.Delimiter = ""
			}
		})},
		{"drops the last of a page", "PagesJoinToTheWhole", relist(func(_ storage.ListOptions, page *storage.Page) {
			if n := len(page.Objects); n > 1 && page.Next != "" {
				page.Objects = page.Objects[:n-1]
			}
		})},
		{"starts anew at every token", "PagesJoinToTheWhole", reask(func(o *storage.ListOptions) { o.Token = "" })},
		{"gives more than was asked for", "PagesJoinToTheWhole", reask(func(o *storage.ListOptions) { o.MaxKeys *= 2 })},
		{"ends at the first page", "PagesJoinToTheWhole", relist(func(_ storage.ListOptions, page *storage.Page) { page.Next = "" })},
		{"counts entries for its tokens", "AListingSurvivesChangesBetweenPages", byNumber},
		{"counts entries for its tokens, among others", "AListingSurvivesConcurrentChanges", byNumber},
		{"takes any token for a start", "AForeignTokenIsRefused", func(p *process) {
			p.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
				page, err := p.disk.List(ctx, opts)
				if opts != nil && opts.Token != "" && errors.Is(err, storage.ErrInvalid) {
					o := *opts
					o.Token = ""
					return p.disk.List(ctx, &o)
				}
				return page, err
			}
		}},
	}
}

func deleteFlaws() []flaw {
	return []flaw{
		{"deletes the first of many only", "DeleteRemovesAllItNames", func(p *process) {
			p.delete = func(ctx context.Context, keys ...string) error {
				return p.disk.Delete(ctx, keys[:min(len(keys), 1000)]...)
			}
		}},
		{"lists what was deleted", "DeleteRemovesAllItNames", func(p *process) {
			var mu sync.Mutex
			var deleted []storage.Info
			p.delete = func(ctx context.Context, keys ...string) error {
				mu.Lock()
				defer mu.Unlock()
				deleted = []storage.Info{{Key: keys[0]}}
				return p.disk.Delete(ctx, keys...)
			}
			p.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
				page, err := p.disk.List(ctx, opts)
				mu.Lock()
				defer mu.Unlock()
				if err == nil && page.Next == "" {
					page.Objects = append(deleted, page.Objects...)
				}
				return page, err
			}
		}},
		{"deletes folders", "DeleteRemovesOnlyWhatItNames", func(p *process) {
			p.delete = func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					for info, err := range storage.All(ctx, p.disk, &storage.ListOptions{Prefix: key + "/"}) {
						if err != nil {
							return err
						}
						if err := p.disk.Delete(ctx, info.Key); err != nil {
							return err
						}
					}
				}
				return p.disk.Delete(ctx, keys...)
			}
		}},
		{"fails to delete what is absent", "DeletingWhatIsAbsentIsNoError", func(p *process) {
			p.delete = func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					if _, err := p.disk.Stat(ctx, key); err != nil {
						return err
					}
				}
				return p.disk.Delete(ctx, keys...)
			}
		}},
		{"never gives a name again", "ADeletedNameCanBeCreatedAgain", func(p *process) {
			var mu sync.Mutex
			used := map[string]bool{}
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				mu.Lock()
				defer mu.Unlock()
				if used[key] { // a delete marker that stands in the way
					return storage.Info{}, fail(storage.ErrExists)
				}
				used[key] = true
				return p.disk.Create(ctx, key, body, opts)
			}
		}},
		{"deletes up to the illegal name", "ADeleteWithAnIllegalNameChangesNothing", func(p *process) {
			p.delete = func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					if err := p.disk.Delete(ctx, key); err != nil {
						return err
					}
				}
				return nil
			}
		}},
		{"names the illegal name only", "ADeleteWithAnIllegalNameChangesNothing", func(p *process) {
			p.delete = func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					if storage.CheckKey(key) != nil {
						return &storage.Error{Op: "delete", Driver: "process", Key: key, Kind: storage.ErrInvalid}
					}
				}
				return p.disk.Delete(ctx, keys...)
			}
		}},
		{"stops at the first that cannot be deleted", "DeleteNamesWhatItCouldNotRemove", func(p *process) {
			p.delete = func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					if p.isLocked(key) {
						return &storage.Error{Op: "delete", Driver: "process", Key: key, Kind: storage.ErrBlocked}
					}
					if err := p.disk.Delete(ctx, key); err != nil {
						return err
					}
				}
				return nil
			}
		}},
		{"does not say which it could not delete", "DeleteNamesWhatItCouldNotRemove", func(p *process) {
			p.delete = func(ctx context.Context, keys ...string) error {
				n := len(keys)
				keys = slices.DeleteFunc(slices.Clone(keys), p.isLocked)
				if err := p.disk.Delete(ctx, keys...); err != nil || len(keys) == n {
					return err
				}
				return fail(storage.ErrBlocked)
			}
		}},
		{"fails when another deletes too", "ConcurrentDeletesAllSucceed", func(p *process) {
			p.delete = func(ctx context.Context, keys ...string) error {
				if _, err := p.disk.Stat(ctx, keys[0]); err != nil {
					return nil // some other was here before
				}
				p.meet(strings.Join(slices.Sorted(slices.Values(keys)), " "))
				for _, key := range keys {
					if _, err := p.disk.Stat(ctx, key); err != nil {
						return err // ENOENT
					}
					if err := p.disk.Delete(ctx, key); err != nil {
						return err
					}
				}
				return nil
			}
		}},
	}
}

// remembering keeps what it has seen of objects, and takes it for what is there.
func remembering(p *process) {
	var mu sync.Mutex
	seen := map[string]storage.Info{}
	p.stat = func(ctx context.Context, key string) (storage.Info, error) {
		mu.Lock()
		defer mu.Unlock()
		if info, ok := seen[key]; ok {
			return info, nil
		}
		info, err := p.disk.Stat(ctx, key)
		if err == nil {
			seen[key] = info
		}
		return info, err
	}
	p.delete = func(ctx context.Context, keys ...string) error {
		mu.Lock()
		defer mu.Unlock()
		for _, key := range keys {
			delete(seen, key)
		}
		return p.disk.Delete(ctx, keys...)
	}
}

func lifeFlaws() []flaw {
	return []flaw{
		{"passes over a context that is done", "ADoneContextChangesNothing", func(p *process) {
			p.delete = func(ctx context.Context, keys ...string) error {
				return p.disk.Delete(context.WithoutCancel(ctx), keys...)
			}
		}},
		{"remembers what it has seen", "WhatOneStoreDoesTheOtherSeesAtOnce", remembering},
		{"remembers what was absent", "WhatOneStoreDoesTheOtherSeesAtOnce", func(p *process) {
			var mu sync.Mutex
			absent := map[string]error{}
			p.open = func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
				mu.Lock()
				defer mu.Unlock()
				if err := absent[key]; err != nil {
					return nil, err
				}
				o, err := p.disk.Open(ctx, key, opts)
				absent[key] = err
				return o, err
			}
		}},
		{"loses what was created last", "WhatWasCreatedOutlivesTheStore", func(p *process) {
			p.close = func() error {
				p.closed.Store(true)
				return p.disk.Delete(context.Background(), "large")
			}
		}},
		{"closes what it shares with others", "CloseLeavesOtherStoresAlone", func(p *process) { p.close = p.disk.Close }},
		{"copies over what is there", "CopyIsACreate", func(p *process) {
			p.copy = func(ctx context.Context, dst, src string, opts *storage.CreateOptions) (storage.Info, error) {
				if dst != src {
					_ = p.disk.Delete(ctx, dst)
				}
				return p.disk.Copy(ctx, dst, src, opts)
			}
		}},
		{"looks before it copies", "OneOfManyCopiesWins", func(p *process) {
			var mu sync.Mutex
			p.copy = func(ctx context.Context, dst, src string, opts *storage.CreateOptions) (storage.Info, error) {
				info, err := p.disk.Copy(ctx, dst, src, opts)
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, storage.ErrExists) {
					_ = p.disk.Delete(ctx, dst)
					return p.disk.Copy(ctx, dst, src, opts)
				}
				return info, err
			}
		}},
		{"leaves what it pinged with", "PingLeavesNothingBehind", func(p *process) {
			p.ping = func(ctx context.Context) (storage.Health, error) {
				_, err := p.disk.Create(ctx, "ping/1", nil, nil)
				if errors.Is(err, storage.ErrExists) {
					err = nil
				}
				return storage.Health{}, err
			}
		}},
		{"works on after Close", "AClosedStoreRefusesEveryCall", func(p *process) { p.close = func() error { return nil } }},
		{"closes its objects with itself", "AnOpenObjectOutlivesClose", func(p *process) {
			p.open = func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
				o, err := p.disk.Open(ctx, key, opts)
				if err != nil {
					return nil, err
				}
				return &object{Object: o, r: untilClosed{o, p}}, nil
			}
		}},
		{"leaves a goroutine at every listing", "NoGoroutineIsLeft", func(p *process) {
			p.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
				go func() { <-p.forever }()
				return p.disk.List(ctx, opts)
			}
		}},
		{"reads ahead of an object that nobody reads", "NoGoroutineIsLeft", func(p *process) {
			p.open = func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
				o, err := p.disk.Open(ctx, key, opts)
				if err != nil {
					return nil, err
				}
				r, w := io.Pipe()
				go func() {
					_, err := io.Copy(w, o)
					_ = w.CloseWithError(err)
				}()
				return &object{Object: o, r: r}, nil
			}
		}},
	}
}

// untilClosed fails when its store is closed.
type untilClosed struct {
	io.Reader
	p *process
}

func (u untilClosed) Read(b []byte) (int, error) {
	if u.p.closed.Load() {
		return 0, fail(storage.ErrClosed)
	}
	return u.Reader.Read(b)
}
