package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

// flaw is one way to get a driver wrong, and the rule that has to see it.
type flaw struct {
	what string
	rule string
	make func(p *process)
}

func TestEveryFlawIsSeenByItsRule(t *testing.T) {
	byName := map[string]rule{}
	for _, r := range rules(everything()) {
		byName[r.name] = r
	}
	for _, f := range flaws() {
		t.Run(f.what, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, byName, f.rule)
			failure := watch(byName[f.rule], func(d *disk) storage.Store {
				p := newProcess(d)
				f.make(p)
				return p
			})
			assert.NotEmpty(t, failure, "the rule %s passes a store that %s", f.rule, f.what)
		})
	}
}

func TestEveryRuleSeesAFlaw(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range flaws() {
		seen[f.rule] = true
	}
	for _, r := range rules(everything()) {
		assert.True(t, seen[r.name], "no flaw shows that the rule %s can fail", r.name)
	}
}

func TestNoRuleFailsOnASoundStore(t *testing.T) {
	for _, r := range rules(everything()) {
		assert.Empty(t, watch(r, func(d *disk) storage.Store { return newProcess(d) }), r.name)
	}
}

func flaws() []flaw {
	return slices.Concat(createFlaws(), bodyFlaws(), readFlaws(), nameFlaws(), listFlaws(), deleteFlaws(), lifeFlaws(), residueFlaws())
}

// replace creates the object whether there is one or not, as os.WriteFile and an unconditional PUT do.
func replace(ctx context.Context, p *process, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	info, err := p.disk.Create(ctx, key, body, opts)
	if errors.Is(err, storage.ErrExists) {
		if err := p.disk.Delete(ctx, key); err != nil {
			return storage.Info{}, err
		}
		return p.disk.Create(ctx, key, body, opts)
	}
	return info, err
}

func createFlaws() []flaw {
	return []flaw{
		{"overwrites", "AnExistingObjectIsNeverOverwritten", func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				return replace(ctx, p, key, body, opts)
			}
		}},
		{"drops the condition when the body is large", "AnExistingObjectIsNeverOverwritten", func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				if body != nil {
					if size, err := body.Seek(0, io.SeekEnd); err == nil && size > 5<<20 {
						return replace(ctx, p, key, body, opts)
					}
				}
				return p.disk.Create(ctx, key, body, opts)
			}
		}},
		{"tells a loser that it won", "OneOfManyCreatorsWins", func(p *process) {
			var mu sync.Mutex
			running := map[string]int{}
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				mu.Lock()
				running[key]++
				first := running[key] <= 2 // as if both had looked before either wrote
				mu.Unlock()
				info, err := p.disk.Create(ctx, key, body, opts)
				if first && errors.Is(err, storage.ErrExists) {
					return info, nil
				}
				return info, err
			}
		}},
		{"looks before it writes", "OneOfManyCreatorsWins", func(p *process) {
			var mu sync.Mutex
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				if _, err := p.disk.Stat(ctx, key); err == nil {
					return p.disk.Create(ctx, key, body, opts) // refused
				}
				p.meet(key)
				mu.Lock()
				defer mu.Unlock()
				return replace(ctx, p, key, body, opts)
			}
		}},
		{"shows an object while it is written", "AnObjectIsVisibleWholeOrNotAtAll", func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				if _, err := p.disk.Create(ctx, key, nil, opts); err != nil {
					return storage.Info{}, err
				}
				return replace(ctx, p, key, body, opts)
			}
		}},
		{"returns another size", "CreateReturnsWhatStatReturns", func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				info, err := p.disk.Create(ctx, key, body, opts)
				info.Size = 0
				return info, err
			}
		}},
		{"hands out its own memory", "CreateKeepsNoHoldOfItsArguments", func(p *process) {
			var mu sync.Mutex
			kept := map[string]*body{}
			p.create = func(ctx context.Context, key string, b io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				mu.Lock()
				defer mu.Unlock()
				kept[key], _ = b.(*body)
				return p.disk.Create(ctx, key, b, opts)
			}
			p.open = func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
				mu.Lock()
				defer mu.Unlock()
				o, err := p.disk.Open(ctx, key, opts)
				if err != nil {
					return nil, err
				}
				return &object{Object: o, r: kept[key].fresh()}, nil
			}
		}},
		{"refuses tags since it has none", "TagsAndContentTypeHinderNobody", func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				if opts != nil && len(opts.Tags) > 0 {
					return storage.Info{}, fail(errors.ErrUnsupported)
				}
				return p.disk.Create(ctx, key, body, opts)
			}
		}},
	}
}

func fail(kind error) error { return &storage.Error{Op: "test", Driver: "process", Kind: kind} }

// object is an Object whose bytes, and Info, are others.
type object struct {
	storage.Object
	r    io.Reader
	info *storage.Info
}

func (o *object) Read(p []byte) (int, error) { return o.r.Read(p) }

func (o *object) Info() storage.Info {
	if o.info != nil {
		return *o.info
	}
	return o.Object.Info()
}

func bodyFlaws() []flaw {
	// whatCame keeps what could be read of a body whose error is kind.
	whatCame := func(kind, told error) func(p *process) {
		return func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				info, err := p.disk.Create(ctx, key, body, opts)
				if !errors.Is(err, kind) {
					return info, err
				}
				_, _ = body.Seek(0, io.SeekStart)
				data, _ := io.ReadAll(body)
				if _, err := p.disk.Create(ctx, key, bytes.NewReader(data), opts); err != nil {
					return storage.Info{}, err
				}
				return info, told
			}
		}
	}
	return []flaw{
		{"keeps the part of a body that failed", "ABodyThatFailsLeavesNothing", whatCame(errBroken, &storage.Error{Op: "create", Driver: "process", Kind: storage.ErrUnavailable, Err: errBroken})},
		{"hides why a body failed", "ABodyThatFailsLeavesNothing", func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				info, err := p.disk.Create(ctx, key, body, opts)
				if errors.Is(err, errBroken) {
					return info, fail(storage.ErrUnavailable)
				}
				return info, err
			}
		}},
		{"takes a body that ends early", "ABodyThatEndsEarlyLeavesNothing", whatCame(storage.ErrInvalid, nil)},
		{"takes a body that goes on", "ABodyThatGoesOnLeavesNothing", whatCame(storage.ErrInvalid, nil)},
		{"reads a body from where it stands", "ABodyIsRewoundFirst", func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				if body == nil {
					return p.disk.Create(ctx, key, body, opts)
				}
				data, err := io.ReadAll(body)
				if err != nil {
					return storage.Info{}, err
				}
				return p.disk.Create(ctx, key, bytes.NewReader(data), opts)
			}
		}},
		{"refuses an empty body", "NoBodyIsAnEmptyObject", func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				if body == nil {
					return storage.Info{}, fail(storage.ErrInvalid)
				}
				return p.disk.Create(ctx, key, body, opts)
			}
		}},
		{"does not look at its context while it reads", "ACreateCancelledWhileReadingLeavesNothing", func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				return p.disk.Create(context.WithoutCancel(ctx), key, body, opts)
			}
		}},
	}
}

func readFlaws() []flaw {
	// others opens ranges after a change of their options.
	others := func(change func(*storage.OpenOptions)) func(p *process) {
		return func(p *process) {
			p.open = func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
				if opts != nil {
					o := *opts
					change(&o)
					opts = &o
				}
				return p.disk.Open(ctx, key, opts)
			}
		}
	}
	return []flaw{
		{"gives a byte too much of a range", "ARangeIsExactAtEveryBorder", others(func(o *storage.OpenOptions) {
			if o.Length > 0 && o.Length < 1<<40 {
				o.Length++
			}
		})},
		{"gives nothing for a length of zero", "ARangeIsExactAtEveryBorder", func(p *process) {
			p.open = func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
				o, err := p.disk.Open(ctx, key, opts)
				if err == nil && opts != nil && opts.Length == 0 {
					return &object{Object: o, r: strings.NewReader("")}, nil
				}
				return o, err
			}
		}},
		{"overflows at a large length", "ARangeIsExactAtEveryBorder", others(func(o *storage.OpenOptions) {
			if o.Offset > 0 && o.Offset+o.Length < 0 {
				o.Length = 1
			}
		})},
		{"takes an offset beyond the end for the end", "ARangeIsExactAtEveryBorder", func(p *process) {
			p.open = func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
				if info, err := p.disk.Stat(ctx, key); err == nil && opts != nil && opts.Offset > info.Size {
					opts = &storage.OpenOptions{Offset: info.Size}
				}
				return p.disk.Open(ctx, key, opts)
			}
		}},
		{"tells the size of the range", "ARangeIsExactAtEveryBorder", func(p *process) {
			p.open = func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
				o, err := p.disk.Open(ctx, key, opts)
				if err != nil {
					return nil, err
				}
				info := o.Info()
				if opts != nil {
					info.Size -= opts.Offset
				}
				return &object{Object: o, r: o, info: &info}, nil
			}
		}},
		{"refuses the range at an empty object's end", "AnEmptyObjectHasAnEmptyRange", func(p *process) {
			p.open = func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
				if info, err := p.disk.Stat(ctx, key); err == nil && opts != nil && opts.Offset >= info.Size {
					return nil, fail(storage.ErrInvalid) // as HTTP's 416 does
				}
				return p.disk.Open(ctx, key, opts)
			}
		}},
		{"has one reader for all", "ReadersDoNotDisturbEachOther", func(p *process) {
			var mu sync.Mutex
			shared := map[string]storage.Object{}
			p.open = func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
				mu.Lock()
				defer mu.Unlock()
				o, err := p.disk.Open(ctx, key, opts)
				if err != nil {
					return nil, err
				}
				if shared[key] == nil {
					shared[key], _ = p.disk.Open(ctx, key, opts)
				}
				return &object{Object: o, r: locked{&mu, shared[key]}}, nil
			}
		}},
		{"ends early when the object is deleted", "AnObjectDeletedWhileReadNeverEndsEarly", func(p *process) {
			p.open = func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
				o, err := p.disk.Open(ctx, key, opts)
				if err != nil {
					return nil, err
				}
				return &object{Object: o, r: &untilDeleted{o, p, key}}, nil
			}
		}},
		{"has zero values for what is absent", "WhatIsNotThereIsErrNotExist", func(p *process) {
			p.stat = func(ctx context.Context, key string) (storage.Info, error) {
				info, err := p.disk.Stat(ctx, key)
				if errors.Is(err, storage.ErrNotExist) {
					return storage.Info{}, nil
				}
				return info, err
			}
		}},
		{"fails below an object", "WhatIsNotThereIsErrNotExist", func(p *process) {
			p.stat = func(ctx context.Context, key string) (storage.Info, error) {
				for i, c := range key {
					if _, err := p.disk.Stat(ctx, key[:i]); c == '/' && err == nil {
						return storage.Info{}, fail(storage.ErrUnavailable) // ENOTDIR
					}
				}
				return p.disk.Stat(ctx, key)
			}
		}},
		{"has the time of the look", "ModifiedIsTheTimeOfCreation", func(p *process) {
			p.stat = func(ctx context.Context, key string) (storage.Info, error) {
				info, err := p.disk.Stat(ctx, key)
				info.Modified = time.Now()
				return info, err
			}
		}},
		{"has no times", "ModifiedIsTheTimeOfCreation", func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				info, err := p.disk.Create(ctx, key, body, opts)
				info.Modified = time.Time{}
				return info, err
			}
		}},
	}
}

// locked reads under a mutex.
type locked struct {
	mu *sync.Mutex
	r  io.Reader
}

func (l locked) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}

// untilDeleted ends when its object is deleted.
type untilDeleted struct {
	io.Reader
	p   *process
	key string
}

func (u *untilDeleted) Read(b []byte) (int, error) {
	if _, err := u.p.disk.Stat(context.Background(), u.key); err != nil {
		return 0, io.EOF
	}
	return u.Reader.Read(b)
}

func nameFlaws() []flaw {
	return []flaw{
		{"folds case", "EveryIllegalNameIsRefusedEverywhere", func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				return p.disk.Create(ctx, strings.ToLower(key), body, opts)
			}
		}},
		{"cleans paths", "EveryIllegalNameIsRefusedEverywhere", func(p *process) {
			p.stat = func(ctx context.Context, key string) (storage.Info, error) {
				return p.disk.Stat(ctx, strings.ReplaceAll(key, "a/../", ""))
			}
		}},
		{"takes any text for a prefix", "EveryIllegalNameIsRefusedEverywhere", func(p *process) {
			p.list = func(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
				if opts != nil && storage.CheckPrefix(opts.Prefix) != nil {
					return &storage.Page{}, nil
				}
				return p.disk.List(ctx, opts)
			}
		}},
		{"cuts long names", "EveryLegalNameIsAnObjectOfItsOwn", func(p *process) {
			p.create = func(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
				return p.disk.Create(ctx, key[:min(len(key), 500)], body, opts)
			}
		}},
		{"tells the name in an error", "NoErrorTellsAName", func(p *process) {
			p.open = func(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
				o, err := p.disk.Open(ctx, key, opts)
				if err != nil {
					return nil, &storage.Error{Op: "open", Driver: "process", Kind: storage.ErrNotExist, Err: fmt.Errorf("open %s: %w", key, err)}
				}
				return o, nil
			}
		}},
	}
}
