package interleave

import (
	"context"
	"errors"
	"strings"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// toy makes protocols read like prose. After its first error it does nothing more.
type toy struct {
	ctx context.Context
	s   storage.Store
	err error
}

func (y *toy) create(name, text string) bool {
	if y.err != nil {
		return false
	}
	_, err := y.s.Create(y.ctx, name, strings.NewReader(text), nil)
	if errors.Is(err, storage.ErrExists) {
		return false
	}
	y.err = err
	return err == nil
}

func (y *toy) read(name string) string {
	if y.err != nil {
		return ""
	}
	b, err := storage.ReadFile(y.ctx, y.s, name, 100)
	if !errors.Is(err, storage.ErrNotExist) {
		y.err = err
	}
	return string(b)
}

func (y *toy) exists(name string) bool {
	if y.err != nil {
		return false
	}
	ok, err := storage.Exists(y.ctx, y.s, name)
	y.err = err
	return ok
}

func (y *toy) list(prefix string) (names []string) {
	if y.err != nil {
		return nil
	}
	for info, err := range storage.All(y.ctx, y.s, &storage.ListOptions{Prefix: prefix, KeysOnly: true}) {
		if y.err = err; err != nil {
			return nil
		}
		names = append(names, info.Key)
	}
	return names
}

func (y *toy) delete(names ...string) {
	if y.err == nil {
		y.err = y.s.Delete(y.ctx, names...)
	}
}

func newStore() storage.Store { return memstore.New(nil) }

func toyOp(name string, f func(y *toy) string) Op {
	return Op{Name: name, Run: func(ctx context.Context, w *World) (any, error) {
		y := &toy{ctx: ctx, s: w.Store("")}
		result := f(y)
		return result, y.err
	}}
}

func crashing(op Op) Op {
	op.CanCrash = true
	return op
}

func after(n int, op Op) Op {
	op.After = n
	return op
}

func has(names []string, part string) bool {
	for _, n := range names {
		if strings.Contains(n, part) {
			return true
		}
	}
	return false
}

func holding(names ...string) func(context.Context, *World) error {
	return func(ctx context.Context, w *World) error {
		for _, n := range names {
			name, text, _ := strings.Cut(n, " ")
			if _, err := w.Store("").Create(ctx, name, strings.NewReader(text), nil); err != nil {
				return err
			}
		}
		return nil
	}
}

// peek reads the store of a State.
func peek(s *State) *toy { return &toy{ctx: context.Background(), s: s.Stores[""]} }

func said(s *State, op int, what string) bool {
	return s.Results[op].Done && s.Results[op].Value == what
}
