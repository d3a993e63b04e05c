package storagetest

import (
	"context"
	"io"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// disk is what several processes share. It stands for a volume.
type disk struct {
	*memstore.Store
	mu     sync.Mutex
	locked map[string]bool          // objects that cannot be deleted
	met    map[string]chan struct{} // see meet
	dead   map[string]time.Time     // what Creates that died have left
}

func (d *disk) strand(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead[key] = time.Now()
}

// bury removes what was left of the objects.
func (d *disk) bury(keys ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, key := range keys {
		delete(d.dead, key)
	}
}

// residue returns what was left of objects whose names start with prefix.
func (d *disk) residue(prefix string) (all []storage.Residue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, at := range d.dead {
		if strings.HasPrefix(key, prefix) {
			all = append(all, storage.Residue{Key: key, Modified: at})
		}
	}
	return all
}

func (d *disk) lock(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.locked[key] = true
}

func (d *disk) isLocked(key string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.locked[key]
}

// meet lets the first that comes with a name wait for the second, so that both have looked before either acts.
func (d *disk) meet(name string) {
	d.mu.Lock()
	c, met := d.met[name]
	switch {
	case !met:
		c = make(chan struct{})
		d.met[name] = c
	case c != nil:
		close(c)
		d.met[name], c = nil, nil
	}
	d.mu.Unlock()
	if c != nil {
		<-c
	}
}

// process is one process's Store on a disk. A driver is broken by setting one of its functions, which is then called in the place of the method.
type process struct {
	*disk
	closed  atomic.Bool
	forever chan struct{} // is never closed

	create func(context.Context, string, io.ReadSeeker, *storage.CreateOptions) (storage.Info, error)
	open   func(context.Context, string, *storage.OpenOptions) (storage.Object, error)
	stat   func(context.Context, string) (storage.Info, error)
	delete func(context.Context, ...string) error
	list   func(context.Context, *storage.ListOptions) (*storage.Page, error)
	copy   func(context.Context, string, string, *storage.CreateOptions) (storage.Info, error)
	ping   func(context.Context) (storage.Health, error)
	left   func(prefix string) ([]storage.Residue, error)
	close  func() error
}

func newProcess(d *disk) *process { return &process{disk: d, forever: make(chan struct{})} }

func newDisk() *disk {
	return &disk{Store: memstore.New(nil), locked: map[string]bool{}, met: map[string]chan struct{}{}, dead: map[string]time.Time{}}
}

func (p *process) refuse(op string) error {
	if p.closed.Load() {
		return &storage.Error{Op: op, Driver: "process", Kind: storage.ErrClosed}
	}
	return nil
}

func (p *process) Create(ctx context.Context, key string, body io.ReadSeeker, opts *storage.CreateOptions) (storage.Info, error) {
	if err := p.refuse("create"); err != nil {
		return storage.Info{}, err
	}
	if p.create != nil {
		return p.create(ctx, key, body, opts)
	}
	return p.disk.Create(ctx, key, body, opts)
}

func (p *process) Open(ctx context.Context, key string, opts *storage.OpenOptions) (storage.Object, error) {
	if err := p.refuse("open"); err != nil {
		return nil, err
	}
	if p.open != nil {
		return p.open(ctx, key, opts)
	}
	return p.disk.Open(ctx, key, opts)
}

func (p *process) Stat(ctx context.Context, key string) (storage.Info, error) {
	if err := p.refuse("stat"); err != nil {
		return storage.Info{}, err
	}
	if p.stat != nil {
		return p.stat(ctx, key)
	}
	return p.disk.Stat(ctx, key)
}

func (p *process) Delete(ctx context.Context, keys ...string) error {
	if err := p.refuse("delete"); err != nil {
		return err
	}
	if p.delete != nil {
		return p.delete(ctx, keys...)
	}
	var held error
	var free []string
	for _, key := range keys {
		if p.isLocked(key) {
			held = &storage.Error{Op: "delete", Driver: "process", Key: key, Kind: storage.ErrBlocked}
		} else {
			free = append(free, key)
		}
	}
	if err := p.disk.Delete(ctx, free...); err != nil {
		return err
	}
	p.bury(free...)
	return held
}

func (p *process) List(ctx context.Context, opts *storage.ListOptions) (*storage.Page, error) {
	if err := p.refuse("list"); err != nil {
		return nil, err
	}
	if p.list != nil {
		return p.list(ctx, opts)
	}
	return p.disk.List(ctx, opts)
}

func (p *process) Copy(ctx context.Context, dst, src string, opts *storage.CreateOptions) (storage.Info, error) {
	if err := p.refuse("copy"); err != nil {
		return storage.Info{}, err
	}
	if p.copy != nil {
		return p.copy(ctx, dst, src, opts)
	}
	return p.disk.Copy(ctx, dst, src, opts)
}

func (p *process) Ping(ctx context.Context) (storage.Health, error) {
	if err := p.refuse("ping"); err != nil {
		return storage.Health{}, err
	}
	if p.ping != nil {
		return p.ping(ctx)
	}
	return p.disk.Ping(ctx)
}

func (p *process) Residue(ctx context.Context, prefix string) iter.Seq2[storage.Residue, error] {
	return func(yield func(storage.Residue, error) bool) {
		err := p.refuse("residue")
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && storage.CheckPrefix(prefix) != nil {
			err = &storage.Error{Op: "residue", Driver: "process", Kind: storage.ErrInvalid}
		}
		all := p.residue(prefix)
		if p.left != nil && err == nil {
			all, err = p.left(prefix)
		}
		for _, r := range all {
			if err == nil && !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(storage.Residue{}, err)
		}
	}
}

func (p *process) Close() error {
	if p.close != nil {
		return p.close()
	}
	p.closed.Store(true)
	return nil
}

// everything is what an author can give, so that no rule is left out.
func everything() *Options {
	return &Options{
		Reopen:      func(_ *testing.T, s storage.Store) storage.Store { return newProcess(s.(*process).disk) },
		Undeletable: func(_ *testing.T, s storage.Store, key string) { s.(*process).lock(key) },
		Strand:      func(_ *testing.T, s storage.Store, key string) { s.(*process).strand(key) },
	}
}

func TestASoundStorePassesEveryRule(t *testing.T) {
	Run(t, func(*testing.T) storage.Store { return newProcess(newDisk()) }, everything())
}

func TestARuleWhoseNeedsAreNotMetIsNotRun(t *testing.T) {
	full := len(rules(everything()))
	process, undeletable, strand := len(processRules()), len(undeletableRules()), len(strandRules())
	assert.Len(t, rules(&Options{Reopen: everything().Reopen}), full-undeletable-strand)
	assert.Len(t, rules(&Options{Undeletable: everything().Undeletable}), full-process-strand)
	assert.Len(t, rules(&Options{Strand: everything().Strand}), full-process-undeletable)
}

func TestEveryRuleSaysWhyItIsThere(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules(everything()) {
		assert.False(t, seen[r.name], "%s is there twice", r.name)
		seen[r.name] = true
		assert.NotContains(t, r.name, " ", "go test -run would want it escaped")
		assert.Greater(t, len(strings.Fields(r.why)), 4, r.name)
	}
}

func BenchmarkMemstore(b *testing.B) {
	Bench(b, func(*testing.B) storage.Store { return memstore.New(nil) })
}
