package voicemail

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/spool"
	"github.com/genesys/voicemail/storage"
)

// Greetings is a handle of the greetings of one mailbox. It holds no state: every method looks at the storage. It is safe for concurrent use.
//
// Every method returns ErrInvalid if the handle's ID cannot be a mailbox's, ErrNoMailbox if there is no such mailbox, or an error of the storage. Greetings lie in the master region. They
// are the mailbox's owner's: no forget request touches them, whoever speaks in them. A mailbox that is deleted has none any more, also when it is made again.
type Greetings struct {
	svc *Service
	id  MailboxID
}

// Greetings returns the handle of a mailbox's greetings, without a look at the storage.
func (s *Service) Greetings(id MailboxID) *Greetings { return &Greetings{svc: s, id: id} }

func (g *Greetings) fail(op string, err error) error { return g.svc.fail(op, g.id, "", err) }

// Set makes the recording that audio reads to its end the greeting of a kind. nil opts are the defaults. The one before stays in the history. Two that set at the same time both
// succeed, one after the other. Set again after an error, it may be there twice; the later one holds.
//
// Errors: ErrTooLarge beyond Limits.GreetingBytes, ErrEmpty, ErrInvalid, an error of audio.
func (g *Greetings) Set(ctx context.Context, kind GreetingKind, audio io.Reader, opts *GreetingOptions) (Greeting, error) {
	set, err := g.set(ctx, kind, audio, opts)
	return set, g.fail("set greeting", err)
}

func (g *Greetings) set(ctx context.Context, kind GreetingKind, r io.Reader, opts *GreetingOptions) (Greeting, error) {
	o, err := g.options(ctx, kind, opts)
	if err != nil {
		return Greeting{}, err
	}
	l := g.svc.opts.Limits
	recording := spool.New(l.SpoolDir, l.SpoolMemory, l.GreetingBytes)
	defer recording.Close() //nolint:errcheck // a nameless file or memory: nothing can be left behind
	_, err = recording.ReadFrom(ctx, r)
	if err = taken(recording, err, l.GreetingBytes); err != nil {
		return Greeting{}, err
	}
	info, err := recognize(recording, o.ContentType)
	if err != nil {
		return Greeting{}, err
	}
	length := o.Duration
	if info.Measured {
		length = info.Duration
	}
	sum := recording.SHA256()
	return g.put(ctx, kind, recording.Reader(), greetingDoc{
		ContentType: info.ContentType, DurationMS: length.Milliseconds(), Size: recording.Size(), SHA256: hex.EncodeToString(sum[:]), Expires: o.Expires.UTC(),
	}, nil)
}

// options checks all that can be checked before a recording is read.
func (g *Greetings) options(ctx context.Context, kind GreetingKind, opts *GreetingOptions) (GreetingOptions, error) {
	var o GreetingOptions
	if opts != nil {
		o = *opts
	}
	err := kind.check()
	if err == nil {
		err = o.check(kind, g.svc.opts.Now())
	}
	if err == nil {
		err = ctx.Err()
	}
	return o, err
}

// Restore makes the recording of an earlier revision, as History returned it, the greeting of its kind anew, as a revision of its own. Of opts, Expires counts. It returns ErrNoGreeting
// if the revision is not kept any more, or is a deletion.
func (g *Greetings) Restore(ctx context.Context, earlier Greeting, opts *GreetingOptions) (Greeting, error) {
	set, err := g.restore(ctx, earlier, opts)
	return set, g.fail("restore greeting", err)
}

func (g *Greetings) restore(ctx context.Context, earlier Greeting, opts *GreetingOptions) (Greeting, error) {
	o, err := g.options(ctx, earlier.Kind, opts)
	if err != nil {
		return Greeting{}, err
	}
	doc, recording, err := g.recording(ctx, earlier)
	if err != nil {
		return Greeting{}, err
	}
	recording.fail = func(err error) error { return err }
	defer recording.drop()
	doc.Expires = o.Expires.UTC()
	return g.put(ctx, earlier.Kind, recording, doc, nil)
}

// Delete makes that there is no greeting of a kind, which is a revision, too: Restore brings an earlier one back. It returns ErrNoGreeting if there is none.
func (g *Greetings) Delete(ctx context.Context, kind GreetingKind) error {
	_, err := g.options(ctx, kind, nil)
	if err == nil {
		_, err = g.put(ctx, kind, nil, greetingDoc{Deleted: true}, func(v *greetingView) error {
			last, err := g.last(ctx, v, kind)
			if err == nil && (last == nil || last.Deleted) {
				err = ErrNoGreeting
			}
			return err
		})
	}
	return g.fail("delete greeting", err)
}

// greetingAttempts bounds how often something is tried anew because others changed the greetings meanwhile.
const greetingAttempts = 64

// put makes a revision. Whoever creates its recording, which for a deletion is empty, has its number and alone commits it, so there is one recording of each number
// and it is its document's. allowed, if set, is asked before.
func (g *Greetings) put(ctx context.Context, kind GreetingKind, body io.ReadSeeker, doc greetingDoc, allowed func(*greetingView) error) (Greeting, error) {
	s := g.svc
	for range greetingAttempts {
		start := time.Now()
		v, err := g.list(ctx)
		if err == nil && allowed != nil {
			err = allowed(v)
		}
		if err != nil {
			return Greeting{}, err
		}
		ref := v.next(kind)
		_, err = s.master.Create(ctx, v.box.GreetingAudio(ref), body, &storage.CreateOptions{ContentType: doc.ContentType})
		switch {
		case errors.Is(err, storage.ErrExists):
			continue
		case err != nil:
			return Greeting{}, err // what may be there is taken away by Maintain: it could be another one's
		case time.Since(start) > commitWithin:
			continue
		}
		doc.Version, doc.Nonce, doc.At = greetingVersion, s.ids.nonce(), s.opts.Now().UTC().Round(0)
		won, err := g.commit(ctx, v.box, ref, &doc)
		if won || errors.Is(err, errUncertain) {
			g.emit(&doc)
		}
		switch {
		case err != nil:
			return Greeting{}, err
		case won:
			return doc.greeting(ref), nil
		}
		// Others made the same revision of the same recording, or the mailbox was deleted.
	}
	return Greeting{}, fmt.Errorf("%w: others changed the greeting %d times meanwhile; try again", ErrConflict, greetingAttempts)
}

func (g *Greetings) emit(doc *greetingDoc) {
	kind := EventGreetingSet
	if doc.Deleted {
		kind = EventGreetingDeleted
	}
	g.svc.emit(kind, g.id, "", "")
}

// commit creates the document of a revision, and takes the revision back if the mailbox was deleted meanwhile (rule 2): else it could stay behind its deletion. It reports whether the
// revision holds. One that may be there beside an error is an uncertain one.
func (g *Greetings) commit(ctx context.Context, box keys.Box, ref keys.GreetingRef, doc *greetingDoc) (bool, error) {
	s := g.svc
	content, err := json.Marshal(doc)
	if err != nil {
		return false, err
	}
	won, err := s.createOnce(ctx, s.master, box.GreetingMeta(ref), content, nil)
	if !won {
		return false, err
	}
	v, err := s.list(ctx, box, listing{prefix: "set-"})
	switch {
	case err != nil:
		return false, errors.Join(errUncertain, err)
	case v.settings.Gen == ref.Gen:
		s.cache.put(box.GreetingMeta(ref), doc)
		return true, nil
	}
	back, cancel := withoutCancel(ctx)
	defer cancel()
	if err := s.master.Delete(back, box.GreetingMeta(ref), box.GreetingAudio(ref)); err != nil {
		s.opts.Logger.WarnContext(ctx, "a greeting of a deleted mailbox stays until Maintain takes it away", "mailbox", string(g.id))
	}
	return false, ErrNoMailbox
}

// greetingView is what the names of a mailbox's greetings say in its present life. What it knows of kinds of a later version is of no use.
type greetingView struct {
	box       keys.Box
	gen       int
	used      map[GreetingKind]int   // the highest number that anybody took
	committed map[GreetingKind][]int // ascending
}

// next is the revision to make: its number was not used before.
func (v *greetingView) next(kind GreetingKind) keys.GreetingRef { return v.at(kind, v.used[kind]+1) }

func (v *greetingView) at(kind GreetingKind, rev int) keys.GreetingRef {
	return keys.GreetingRef{Kind: string(kind), Revision: keys.Revision{Gen: v.gen, Rev: rev}}
}

// has reports whether a revision is there, in this life of the mailbox.
func (v *greetingView) has(ref keys.GreetingRef) bool {
	return ref.Gen == v.gen && slices.Contains(v.committed[GreetingKind(ref.Kind)], ref.Rev)
}

// list reads the names of the greetings of the mailbox, which must exist.
func (g *Greetings) list(ctx context.Context) (*greetingView, error) {
	s := g.svc
	box, err := s.box(g.id)
	if err != nil {
		return nil, err
	}
	v := &greetingView{box: box, used: map[GreetingKind]int{}, committed: map[GreetingKind][]int{}}
	var names []keys.GreetingName
	var life *boxView
	var lifeErr, namesErr error
	both(
		func() { life, lifeErr = s.list(ctx, box, listing{prefix: "set-"}) },
		func() {
			for info, err := range storage.All(ctx, s.master, &storage.ListOptions{Prefix: box.Greetings(), KeysOnly: true}) {
				if err != nil {
					namesErr = err
					return
				}
				if n, err := s.space.ParseGreeting(info.Key); err == nil {
					names = append(names, n)
				}
			}
		},
	)
	if err := first(lifeErr, namesErr); err != nil {
		return nil, err
	}
	if !life.exists() {
		return nil, ErrNoMailbox
	}
	v.gen = life.settings.Gen
	for _, n := range names {
		if kind := GreetingKind(n.Kind); n.Gen == v.gen {
			v.used[kind] = n.Rev
			if n.Committed {
				v.committed[kind] = append(v.committed[kind], n.Rev)
			}
		}
	}
	return v, nil
}

// greeting reads a revision.
func (s *Service) greeting(ctx context.Context, box keys.Box, ref keys.GreetingRef) (*greetingDoc, error) {
	key := box.GreetingMeta(ref)
	if doc, ok := s.cache.get(key); ok {
		return doc.(*greetingDoc), nil
	}
	content, err := storage.ReadFile(ctx, s.master, key, documentSize)
	if err != nil {
		return nil, err
	}
	doc, err := decodeGreeting(content, ref.Rev)
	if err == nil {
		s.cache.put(key, doc)
	}
	return doc, err
}

// read reads revisions; what was taken away since it was listed is nil.
func (g *Greetings) read(ctx context.Context, v *greetingView, refs []keys.GreetingRef) ([]*Greeting, error) {
	all := make([]*Greeting, len(refs))
	errs := make([]error, len(refs))
	g.svc.parallel(len(refs), func(i int) {
		doc, err := g.svc.greeting(ctx, v.box, refs[i])
		switch {
		case err == nil:
			one := doc.greeting(refs[i])
			all[i] = &one
		case !errors.Is(err, storage.ErrNotExist):
			errs[i] = err
		}
	})
	return all, first(errs...)
}

// last returns the last revision of a kind; nil is none.
func (g *Greetings) last(ctx context.Context, v *greetingView, kind GreetingKind) (*Greeting, error) {
	revs := v.committed[kind]
	if len(revs) == 0 {
		return nil, nil
	}
	all, err := g.read(ctx, v, []keys.GreetingRef{v.at(kind, revs[len(revs)-1])})
	return all[0], err
}

// Current returns the greetings that are set, at most one of each kind, in the order of the constants. A temporary one that has expired is among them.
func (g *Greetings) Current(ctx context.Context) ([]Greeting, error) {
	current, err := g.current(ctx)
	return current, g.fail("read greetings", err)
}

func (g *Greetings) current(ctx context.Context) ([]Greeting, error) {
	for range greetingAttempts {
		v, err := g.list(ctx)
		if err != nil {
			return nil, err
		}
		var refs []keys.GreetingRef
		for _, kind := range greetingKinds() {
			if revs := v.committed[kind]; len(revs) > 0 {
				refs = append(refs, v.at(kind, revs[len(revs)-1]))
			}
		}
		all, err := g.read(ctx, v, refs)
		if err != nil {
			return nil, err
		}
		if slices.Contains(all, nil) {
			continue // the mailbox was deleted, or it was superseded long since
		}
		set := []Greeting{}
		for _, one := range all {
			if !one.Deleted {
				set = append(set, *one)
			}
		}
		return set, nil
	}
	return nil, fmt.Errorf("%w: others changed the greetings %d times meanwhile; try again", ErrConflict, greetingAttempts)
}

// History returns the revisions of a kind that are kept (see Limits.GreetingRevisions), the latest first, deletions among them; none is no error. If the latest is no deletion, it is the
// current one.
func (g *Greetings) History(ctx context.Context, kind GreetingKind) ([]Greeting, error) {
	history, err := g.history(ctx, kind)
	return history, g.fail("read greetings", err)
}

func (g *Greetings) history(ctx context.Context, kind GreetingKind) ([]Greeting, error) {
	if err := kind.check(); err != nil {
		return nil, err
	}
	v, err := g.list(ctx)
	if err != nil {
		return nil, err
	}
	var refs []keys.GreetingRef
	for _, rev := range slices.Backward(v.committed[kind]) {
		refs = append(refs, v.at(kind, rev))
	}
	all, err := g.read(ctx, v, refs)
	history := []Greeting{}
	for _, one := range all {
		if one != nil {
			history = append(history, *one)
		}
	}
	return history, err
}

// For returns the greeting to play in a situation, GreetingUnavailable or GreetingBusy: the temporary one if it has not expired; else that of the situation; else, when busy, the
// one for unavailable; else the name. It returns ErrNoGreeting if none of them is set: then the platform plays its own.
func (g *Greetings) For(ctx context.Context, situation GreetingKind) (Greeting, error) {
	if situation != GreetingUnavailable && situation != GreetingBusy {
		return Greeting{}, g.fail("choose greeting", invalid("situation; it is %s or %s", GreetingUnavailable, GreetingBusy))
	}
	set, err := g.current(ctx)
	if err != nil {
		return Greeting{}, g.fail("choose greeting", err)
	}
	now := g.svc.opts.Now()
	for _, kind := range []GreetingKind{GreetingTemporary, situation, GreetingUnavailable, GreetingName} {
		for _, one := range set {
			if one.Kind == kind && !one.Expired(now) {
				return one, nil
			}
		}
	}
	return Greeting{}, g.fail("choose greeting", ErrNoGreeting)
}

// Open opens the recording of a revision, as any method of this type returned it; its Kind and Revision count. The result reads ranges on demand, as that of Message.Open does, and
// ends with ErrNoGreeting soon after the revision is not kept any more, or ErrNoMailbox. ctx governs it until it is closed. It returns ErrNoGreeting for a deletion, too.
func (g *Greetings) Open(ctx context.Context, which Greeting) (io.ReadSeekCloser, error) {
	_, r, err := g.recording(ctx, which)
	if err == nil {
		err = r.next()
	}
	if err != nil {
		return nil, g.fail("play greeting", err)
	}
	return r, nil
}

// recording returns a revision and the reader of its recording, which has made no request yet.
func (g *Greetings) recording(ctx context.Context, which Greeting) (greetingDoc, *ranges, error) {
	fail := func(err error) (greetingDoc, *ranges, error) { return greetingDoc{}, nil, err }
	if err := which.Kind.check(); err != nil {
		return fail(err)
	}
	v, err := g.list(ctx)
	if err != nil {
		return fail(err)
	}
	ref := v.at(which.Kind, which.Revision)
	if !v.has(ref) {
		return fail(ErrNoGreeting)
	}
	doc, err := g.svc.greeting(ctx, v.box, ref)
	switch {
	case errors.Is(err, storage.ErrNotExist), err == nil && doc.Deleted:
		return fail(ErrNoGreeting)
	case err != nil:
		return fail(err)
	}
	s := g.svc
	return *doc, &ranges{
		ctx: ctx, store: s.master, region: s.regions.Master, key: v.box.GreetingAudio(ref), size: doc.Size,
		allowed: func() error {
			now, err := g.list(ctx)
			if err == nil && !now.has(ref) {
				err = ErrNoGreeting
			}
			return err
		},
		fail: func(err error) error { return g.fail("play greeting", err) },
	}, nil
}
