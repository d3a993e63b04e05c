package voicemail

import (
	"context"
	"strings"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// stay is what the names of one message in one mailbox say.
type stay struct {
	ref       keys.Ref
	committed bool // the metadata is there

	read, trash, urgent, move bool
	readAt, trashedAt         time.Time // only from a listing with times
	expires                   time.Time // the latest, so that of two that set it nobody loses the message early
	forget, gone, hold        bool
	quarantine                bool

	marks  []string  // every mark that is known, as named
	newest time.Time // when the last of its names was created; only from a listing with times
	metaAt time.Time // when its metadata was; likewise
	goneAt time.Time // when the first of its gone marks was
	moveAt time.Time
}

// visible reports whether agents may see the message (invariant 4). It is the only place that decides this.
func (st *stay) visible() bool { return st.remains() && !st.forget && !st.quarantine }

// remains reports whether the message stays where it is, restricted, in quarantine, or neither.
func (st *stay) remains() bool { return st.committed && !st.gone }

func (st *stay) add(mark string, modified time.Time) {
	if mark == keys.Meta {
		st.committed, st.metaAt = true, modified
	} else {
		st.marks = append(st.marks, mark)
	}
	if modified.After(st.newest) {
		st.newest = modified
	}
	switch {
	case mark == keys.Read:
		st.read, st.readAt = true, modified
	case mark == keys.Trash:
		st.trash, st.trashedAt = true, modified
	case mark == keys.Urgent:
		st.urgent = true
	case mark == keys.Move:
		st.move, st.moveAt = true, modified
	case mark == keys.Quarantine:
		st.quarantine = true
	case strings.HasPrefix(mark, keys.Forget):
		st.forget = true
	case strings.HasPrefix(mark, keys.Hold):
		st.hold = true
	case strings.HasPrefix(mark, keys.Gone):
		if !st.gone || modified.Before(st.goneAt) {
			st.goneAt = modified
		}
		st.gone = true
	default:
		if t, ok := keys.ParseExpires(mark); ok && t.After(st.expires) {
			st.expires = t
		}
	}
}

// boxView is what one listing of a mailbox says. A name that this version does not know says nothing to it.
type boxView struct {
	stays []stay // oldest ID first
	revisions
}

// exists reports whether the mailbox exists.
func (v *boxView) exists() bool { return v.settings.Exists() }

func (v *boxView) stay(ref keys.Ref) stay {
	for i := range v.stays {
		if v.stays[i].ref == ref {
			return v.stays[i]
		}
	}
	return stay{ref: ref}
}

// listing says how much of a mailbox to look at.
type listing struct {
	prefix string // below the mailbox's folder
	times  bool   // ask for the times too, which on a volume costs a look at every file
	// each, if set, gets every stay once all of its names are read, oldest ID first, instead of boxView.stays. It does not keep the pointer.
	each func(*stay)
}

// list reads the names of a mailbox. Everything that the library says of a mailbox comes from here.
func (s *Service) list(ctx context.Context, box keys.Box, how listing) (*boxView, error) {
	v := &boxView{}
	if how.each == nil {
		how.each = func(st *stay) { v.stays = append(v.stays, *st) }
	}
	folder := box.Prefix()
	var st stay
	last := ""
	for info, err := range storage.All(ctx, s.master, &storage.ListOptions{Prefix: folder + how.prefix, KeysOnly: !how.times}) {
		if err != nil {
			return nil, err
		}
		name := info.Key[len(folder):]
		if rev, ok := keys.ParseRevision(name); ok {
			v.add(rev, info.Modified)
			continue
		}
		stem, mark, ok := strings.Cut(name, ".")
		if !ok {
			continue
		}
		if stem != last {
			ref, err := keys.ParseRef(stem)
			if err != nil {
				continue
			}
			if last != "" {
				how.each(&st)
			}
			st, last = stay{ref: ref}, stem
		}
		st.add(mark, info.Modified)
	}
	if last != "" {
		how.each(&st)
	}
	return v, nil
}

// look lists the names of one message in one mailbox.
func (s *Service) look(ctx context.Context, box keys.Box, ref keys.Ref) (stay, error) {
	v, err := s.list(ctx, box, listing{prefix: ref.String() + "."})
	if err != nil {
		return stay{}, err
	}
	return v.stay(ref), nil
}

// Counts are the numbers of a mailbox's messages, as RFC 3842 counts them: urgent messages are counted among New or Old and once more as
// urgent. Messages in the trash and restricted ones are not counted.
type Counts struct {
	New, Old             int
	NewUrgent, OldUrgent int
}

// Waiting reports whether there is a new message.
func (c Counts) Waiting() bool { return c.New > 0 }

// add counts a message. Nothing else counts (invariant 3).
func (c *Counts) add(st *stay) {
	if !st.visible() || st.trash {
		return
	}
	total, urgent := &c.New, &c.NewUrgent
	if st.read {
		total, urgent = &c.Old, &c.OldUrgent
	}
	*total++
	if st.urgent {
		*urgent++
	}
}
