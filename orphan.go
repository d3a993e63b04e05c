package voicemail

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// walk says which names a pass goes over: those of a region below a prefix, where each name stands for a message of a mailbox.
type walk struct {
	region string
	prefix string
	parse  func(key string) (mailbox string, ref keys.Ref, err error)
	// after is the folder below prefix behind which the walk begins; empty is all.
	after string
	// take gets what is a day old, each name once, some of one mailbox at a time.
	take func(ctx context.Context, g *group) error
	// passed, if set, is told of folders up to which everything was taken, as long as there are more.
	passed func(folder string)
}

// group is what is a day old and stands for messages of one mailbox.
type group struct {
	mailbox string
	names   []string
	refs    []keys.Ref // of the names
	// committed is what was in the mailbox after the names had been listed.
	committed map[keys.Ref]bool
}

// walkBatch bounds how many names a walk holds in memory.
const walkBatch = 20_000

// walk goes over names in batches, each of which it checks mailbox by mailbox: they may be sorted by something else.
func (k *keeper) walk(ctx context.Context, w walk) error {
	batch := map[string]*group{}
	n, folder, whole := 0, w.after, w.after
	flush := func() error {
		for _, mailbox := range slices.Sorted(maps.Keys(batch)) {
			g := batch[mailbox]
			var err error
			if g.committed, err = k.committed(ctx, mailbox); err != nil {
				return in(k.regions.Master, err)
			}
			if err := w.take(ctx, g); err != nil {
				return err
			}
		}
		clear(batch)
		n = 0
		return nil
	}
	for info, err := range storage.All(ctx, k.regions.Stores[w.region], &storage.ListOptions{Prefix: w.prefix}) {
		if err != nil {
			return in(w.region, err)
		}
		at, _, _ := strings.Cut(info.Key[len(w.prefix):], "/")
		if at += "/"; at <= w.after {
			continue
		}
		if at != folder {
			folder, whole = at, folder
		}
		if n >= walkBatch {
			if err := flush(); err != nil {
				return err
			}
			if w.passed != nil && whole != w.after {
				w.passed(whole)
			}
		}
		mailbox, ref, err := w.parse(info.Key)
		if err != nil || k.age(info.Modified) < garbageAge {
			continue
		}
		g := batch[mailbox]
		if g == nil {
			g = &group{mailbox: mailbox}
			batch[mailbox] = g
		}
		g.names, g.refs = append(g.names, info.Key), append(g.refs, ref)
		n++
	}
	return flush()
}

// committed returns what of a mailbox is committed.
func (k *keeper) committed(ctx context.Context, mailbox string) (map[keys.Ref]bool, error) {
	box, err := k.box(MailboxID(mailbox))
	if err != nil {
		return nil, err
	}
	refs := map[keys.Ref]bool{}
	_, err = k.list(ctx, box, listing{each: func(st *stay) {
		if st.committed {
			refs[st.ref] = true
		}
	}})
	return refs, err
}

// orphan reports whether a name of the group belongs to no message, and will belong to none.
func (k *keeper) orphan(g *group, i int) bool {
	return !g.committed[g.refs[i]] && !k.pending[g.refs[i].ID]
}

// dropOrphans deletes the names of the group that belong to no message, and counts them.
func (k *keeper) dropOrphans(ctx context.Context, region string, g *group, count *int) error {
	var orphans []string
	for i, name := range g.names {
		if k.orphan(g, i) {
			orphans = append(orphans, name)
		}
	}
	if len(orphans) == 0 {
		return nil
	}
	*count += len(orphans)
	return in(region, k.regions.Stores[region].Delete(ctx, orphans...))
}

// mediaWalk is the walk over the audio and the parts in a region.
func (k *keeper) mediaWalk(region string) walk {
	return walk{region: region, prefix: k.space.Media(), parse: k.space.ParseMedia}
}

// media takes away audio in a region that no message refers to.
func (k *keeper) media(ctx context.Context, region string) error {
	if k.blind[region] {
		return nil
	}
	w := k.mediaWalk(region)
	w.take = func(ctx context.Context, g *group) error {
		return k.dropOrphans(ctx, w.region, g, &k.report.Recordings)
	}
	return k.walk(ctx, w)
}

// indexWalk is the walk over the caller index.
func (k *keeper) indexWalk() walk {
	return walk{region: k.regions.Master, prefix: k.space.Callers(), parse: func(key string) (string, keys.Ref, error) {
		e, err := k.space.ParseCallerEntry(key)
		return e.Mailbox, e.Ref, err
	}}
}

// index takes away index entries that lead to no message.
func (k *keeper) index(ctx context.Context) error {
	if len(k.blind) > 0 {
		return nil
	}
	w := k.indexWalk()
	w.take = func(ctx context.Context, g *group) error { return k.dropOrphans(ctx, w.region, g, &k.report.Entries) }
	return k.walk(ctx, w)
}
