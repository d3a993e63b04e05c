package voicemail_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/interleave"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// facts is what the raw stores hold, read by nothing of the library but the form of names.
type facts struct {
	space    keys.Space
	names    map[string]map[string]bool // by store
	stays    map[place]*rawNames
	log      map[string][]caseEntry // by case ID
	receipts []gdpr.Receipt
}

type place struct {
	mailbox string
	ref     keys.Ref
}

// rawNames are the marks of a stay, the metadata among them.
type rawNames struct{ marks []string }

func (r *rawNames) has(prefix string) bool {
	return slices.ContainsFunc(r.marks, func(mark string) bool { return strings.HasPrefix(mark, prefix) })
}

// visible does not heed quarantine, which nobody has anything against.
func (r *rawNames) visible() bool {
	return r.has(keys.Meta) && !r.has(keys.Gone) && !r.has(keys.Forget)
}

// caseEntry is an entry of the log of a case.
type caseEntry struct {
	Kind     string    `json:"kind"`
	CaseID   string    `json:"caseid"`
	At       time.Time `json:"at"`
	Deadline time.Time `json:"deadline"`
}

func read(ctx context.Context, space keys.Space, stores map[string]storage.Store) (*facts, error) {
	f := &facts{space: space, names: map[string]map[string]bool{}, stays: map[place]*rawNames{}, log: map[string][]caseEntry{}}
	for store, st := range stores {
		f.names[store] = map[string]bool{}
		for info, err := range storage.All(ctx, st, &storage.ListOptions{KeysOnly: true}) {
			if err != nil {
				return nil, err
			}
			f.names[store][info.Key] = true
			if err := f.note(ctx, st, info.Key); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

func (f *facts) note(ctx context.Context, st storage.Store, key string) error {
	switch {
	case strings.HasPrefix(key, f.space.Boxes()):
		mailbox, ref, err := f.space.ParseStay(key)
		if err != nil {
			return nil // settings
		}
		at := place{mailbox, ref}
		if f.stays[at] == nil {
			f.stays[at] = &rawNames{}
		}
		_, mark, _ := strings.Cut(key, ref.String()+".")
		f.stays[at].marks = append(f.stays[at].marks, mark)
	case strings.HasPrefix(key, f.space.Cases()):
		var e caseEntry
		if err := decode(ctx, st, key, &e); err != nil {
			return err
		}
		f.log[e.CaseID] = append(f.log[e.CaseID], e)
	case strings.HasPrefix(key, f.space.Receipts()):
		var r gdpr.Receipt
		if err := decode(ctx, st, key, &r); err != nil {
			return err
		}
		f.receipts = append(f.receipts, r)
	}
	return nil
}

func decode(ctx context.Context, st storage.Store, key string, into any) error {
	doc, err := storage.ReadFile(ctx, st, key, 1<<20)
	if err != nil {
		return err
	}
	return json.Unmarshal(doc, into)
}

// last returns the last forget of a case and what was recorded of it.
func (f *facts) last(id string) (forget caseEntry, then []string) {
	log := f.log[id]
	for n := len(log) - 1; n >= 0; n-- {
		if log[n].Kind == "forget" {
			return log[n], then
		}
		then = append(then, log[n].Kind)
	}
	return caseEntry{}, nil
}

// state returns what was decided of the last forget of a case: "" if there is none, "open", "undo", "erase".
func (f *facts) state(id string) string {
	forget, then := f.last(id)
	switch {
	case forget.Kind == "":
		return ""
	case slices.Contains(then, "undo"):
		return "undo"
	case slices.Contains(then, "erase"):
		return "erase"
	}
	return "open"
}

// undone reports whether a forget of the case was ever undone.
func (f *facts) undone(id string) bool {
	return slices.ContainsFunc(f.log[id], func(e caseEntry) bool { return e.Kind == "undo" })
}

// bytesOf returns the names of audio, metadata, index entries and pending deposits of a message; of all messages if id is empty.
func (f *facts) bytesOf(id string) []string {
	var found []string
	for store, names := range f.names {
		for name := range names {
			is := strings.HasPrefix(name, f.space.Media()) || strings.HasPrefix(name, f.space.Callers()) || strings.HasPrefix(name, f.space.Pending()) ||
				strings.HasPrefix(name, f.space.Boxes()) && strings.HasSuffix(name, "."+keys.Meta)
			if is && strings.Contains(name, id) {
				found = append(found, store+":"+name)
			}
		}
	}
	return found
}

// whole reports, as an error, what a stay lacks.
func (f *facts) whole(at place) error {
	entry, audio := false, false
	for _, names := range f.names {
		for name := range names {
			if m, ref, err := f.space.ParseMedia(name); err == nil && (place{m, ref}) == at && !strings.HasSuffix(name, ".txt") {
				audio = true
			}
			if e, err := f.space.ParseCallerEntry(name); err == nil && (place{e.Mailbox, e.Ref}) == at {
				entry = true
			}
		}
	}
	if !entry || !audio {
		return fmt.Errorf("%v in %s lacks its audio or its index entry", at.ref, at.mailbox)
	}
	return nil
}

func (s *scene) result(st *interleave.State, name string) (interleave.Result, bool) {
	for i, r := range s.roles {
		if r.name == name {
			return st.Results[i], true
		}
	}
	return interleave.Result{}, false
}

// acknowledged reports whether a role was told that it was done.
func (s *scene) acknowledged(st *interleave.State, name string) bool {
	r, plays := s.result(st, name)
	return plays && r.Done && !r.Crashed && r.Err == nil
}

func (s *scene) has(name string) bool {
	return slices.ContainsFunc(s.roles, func(r role) bool { return r.name == name })
}

// covers reports whether a message is the caller's who is forgotten.
func (s *scene) covers(id string) bool { return !s.pending || id != string(voicemail.MsgX) }

func (s *scene) depositing() bool { return s.has("deposit") || s.has("pending deposit") }

func (s *scene) taken() bool {
	return slices.ContainsFunc(s.roles, func(r role) bool { return r.takes })
}

// invariant is what must hold at every moment.
func (s *scene) invariant(st *interleave.State) error {
	if err := s.quiet.failed(); err != nil {
		return err
	}
	f, err := read(context.Background(), s.space, st.Stores)
	if err != nil {
		return err
	}
	for i, r := range s.roles {
		if err := s.told(r, st.Results[i], f); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	if s.restricted(st, f) {
		for at, stay := range f.stays {
			if later := at.ref.ID == string(voicemail.MsgY) && s.depositing(); stay.visible() && !later && s.covers(at.ref.ID) {
				return fmt.Errorf("%v can be seen in %s although its caller was forgotten", at.ref, at.mailbox)
			}
		}
	}
	if err := s.kept(st, f); err != nil {
		return err
	}
	return s.gone(st, f)
}

// restricted reports whether nobody may see anything of the caller.
func (s *scene) restricted(st *interleave.State, f *facts) bool {
	if s.forgotten && !s.restored && !f.undone(caseID) {
		return true
	}
	if s.accepted && s.acknowledged(st, "sweep") && !f.undone(caseID) {
		return true
	}
	for role, id := range map[string]string{"forget": caseID, "forget too": caseID, "another case": otherID} {
		if !s.acknowledged(st, role) {
			continue
		}
		if !f.undone(id) {
			return true
		}
		result, _ := s.result(st, role)
		forget, then := f.last(id)
		if s.forgotten && forget.At.Equal(result.Value.(*gdpr.ForgetReport).AcceptedAt) && !slices.Contains(then, "undo") {
			return true
		}
	}
	return false
}

// kept checks that nothing is erased whose erasure was undone, or that is held.
func (s *scene) kept(st *interleave.State, f *facts) error {
	find := func(id voicemail.MessageID, is func(*rawNames) bool) error {
		for at, stay := range f.stays {
			if at.ref.ID == string(id) && stay.has(keys.Meta) && is(stay) {
				return f.whole(at)
			}
		}
		return errors.New("it is not there")
	}
	if s.acknowledged(st, "undo") && !s.pending && !s.taken() && f.state(otherID) != "erase" && (f.state(caseID) == "undo" || !s.has("forget")) {
		seen := (*rawNames).visible
		if s.accepted || s.has("another case") || s.has("forget") || s.has("forget too") { // whoever restricts it again takes that back
			seen = func(*rawNames) bool { return true }
		}
		if err := find(voicemail.MsgX, seen); err != nil {
			return fmt.Errorf("the forget was undone and x cannot be seen: %w", err)
		}
	}
	if s.held && !s.released && !s.has("release") || s.acknowledged(st, "hold") {
		if err := find(voicemail.MsgX, func(r *rawNames) bool { return r.has(keys.Hold) }); err != nil {
			return fmt.Errorf("x is held: %w", err)
		}
	}
	return nil
}

// gone checks that nothing is left of what a receipt covers, and that there is one receipt for each forget.
func (s *scene) gone(st *interleave.State, f *facts) error {
	seen := map[string]bool{}
	for _, r := range f.receipts {
		name := fmt.Sprintf("%s %d", r.CaseID, r.Entry)
		if seen[name] {
			return fmt.Errorf("there are two receipts of %s", name)
		}
		seen[name] = true
		for _, id := range r.Messages {
			left := slices.DeleteFunc(f.bytesOf(string(id)), func(name string) bool { return s.passing(st, name) })
			if len(left) > 0 {
				return fmt.Errorf("the receipt is written and there are still %v", left)
			}
		}
		if left := f.bytesOf(""); !s.depositing() && !s.pending && len(slices.DeleteFunc(left, func(name string) bool { return s.passing(st, name) })) > 0 {
			return fmt.Errorf("the receipt is written and there are still %v", left)
		}
	}
	return nil
}

// passing reports whether a name is one that somebody who began after the erasure creates and takes back at once, or leaves to Maintain if it crashes.
func (s *scene) passing(st *interleave.State, name string) bool {
	if !s.erased {
		return false
	}
	under := func(role string) bool {
		r, plays := s.result(st, role)
		return plays && (!r.Done || r.Crashed)
	}
	return under("deposit x again") && strings.Contains(name, "/caller/") || under("transcript") && strings.HasSuffix(name, ".transcript-001.txt")
}

// told checks what a role was told.
func (s *scene) told(r role, result interleave.Result, f *facts) error {
	if !result.Done || result.Crashed {
		return nil
	}
	if result.Err != nil {
		if slices.ContainsFunc(r.may, func(may error) bool { return errors.Is(result.Err, may) }) || strings.Contains(r.name, "sweep") && isLeft(result.Err) {
			return nil
		}
		return result.Err
	}
	hidden := s.forgotten && !s.restored && !f.undone(caseID)
	switch v := result.Value.(type) {
	case []voicemail.MessageID:
		if hidden && slices.Contains(v, voicemail.MsgX) {
			return errors.New("it shows x, whose caller was forgotten")
		}
	case voicemail.Counts:
		if most := 1; hidden && (v.New+v.Old > most || v.New+v.Old > 0 && !s.has("deposit")) {
			return fmt.Errorf("it counts %+v, and the caller was forgotten", v)
		}
	case string:
		if hidden {
			return fmt.Errorf("x was heard, and its caller was forgotten")
		}
		if v != audioOfX[1:] {
			return fmt.Errorf("not all of x was heard")
		}
	case memSink:
		id, audio := voicemail.MsgX, audioOfX
		if s.pending {
			id, audio = voicemail.MsgY, audioOfY
		}
		if heard, ok := v[string(id)]; ok && heard != audio || !ok && !s.erasing() {
			return errors.New("the export lacks a message")
		}
	}
	if hidden && slices.Contains([]string{"copy", "move", "mark read", "transcript"}, r.name) {
		return errors.New("it was done to x, whose caller was forgotten")
	}
	return nil
}

// erasing reports whether x may be erased in the scene.
func (s *scene) erasing() bool { return s.taken() || s.erased || s.has("sweep") && s.forgotten }

// final is what must hold when all is over.
func (s *scene) final(st *interleave.State) error {
	f, err := read(context.Background(), s.space, st.Stores)
	if err != nil {
		return err
	}
	if err := s.decisions(st, f); err != nil {
		return err
	}
	receipted := map[string]bool{}
	for _, r := range f.receipts {
		for _, id := range r.Messages {
			receipted[string(id)] = true
		}
		if !s.held && !s.has("hold") && r.ErasedAt.After(r.EraseBy) {
			return fmt.Errorf("erased at %v, promised by %v", r.ErasedAt, r.EraseBy)
		}
	}
	seen := map[string]bool{}
	for at, stay := range f.stays {
		if !stay.visible() {
			continue
		}
		if seen[at.ref.ID] {
			return fmt.Errorf("%s is in two mailboxes", at.ref.ID)
		}
		seen[at.ref.ID] = true
		if err := f.whole(at); err != nil {
			return err
		}
		if at.ref.ID == string(voicemail.MsgX) && s.marked && (!stay.has(keys.Read) || !stay.has(keys.Urgent)) {
			return fmt.Errorf("x has lost its marks: %v", stay.marks)
		}
		f.take(at, stay)
	}
	if x := string(voicemail.MsgX); !seen[x] && !receipted[x] && !s.taken() {
		return errors.New("x is neither there nor in a receipt")
	}
	y := string(voicemail.MsgY)
	if (s.acknowledged(st, "deposit") || s.acknowledged(st, "pending deposit") || s.pending) && seen[y] == receipted[y] {
		return fmt.Errorf("y is there: %v; it is in a receipt: %v", seen[y], receipted[y])
	}
	return f.nothingElse()
}

// decisions checks that what was decided was carried out.
func (s *scene) decisions(st *interleave.State, f *facts) error {
	closed := 0
	for id, log := range f.log {
		for n, e := range log {
			if e.Kind == "forget" && n+1 == len(log) && s.cutOff(st) {
				continue // it was cut off before it did anything
			}
			if want := map[string]string{"forget": "undo erase", "erase": "erased", "erased": "verified", "verified": "closed"}[e.Kind]; want != "" &&
				(n+1 >= len(log) || !strings.Contains(want, log[n+1].Kind)) {
				return fmt.Errorf("entry %d of %s is %s, and the last", n+1, id, e.Kind)
			}
			if e.Kind == "closed" {
				closed++
			}
		}
	}
	if closed != len(f.receipts) {
		return fmt.Errorf("%d cases are closed and there are %d receipts", closed, len(f.receipts))
	}
	return nil
}

// cutOff reports whether a forget has crashed.
func (s *scene) cutOff(st *interleave.State) bool {
	for _, name := range []string{"forget", "forget too", "another case"} {
		if r, plays := s.result(st, name); plays && r.Crashed {
			return true
		}
	}
	return false
}

// take takes away the names of a stay.
func (f *facts) take(at place, stay *rawNames) {
	for _, names := range f.names {
		for name := range names {
			m, ref, err := f.space.ParseMedia(name)
			e, entryErr := f.space.ParseCallerEntry(name)
			if err == nil && (place{m, ref}) == at || entryErr == nil && (place{e.Mailbox, e.Ref}) == at {
				delete(names, name)
			}
		}
	}
	box, err := f.space.Box(at.mailbox)
	if err != nil {
		return
	}
	for _, mark := range stay.marks {
		delete(f.names[""], box.Mark(at.ref, mark))
	}
}

// nothingElse reports, as an error, a name that belongs to nothing.
func (f *facts) nothingElse() error {
	for store, names := range f.names {
		for name := range names {
			stays := strings.Contains(name, "/set-")
			for _, prefix := range []string{f.space.IndexKeys(), f.space.Regions(), f.space.Tombstones(), f.space.Cases(), f.space.Receipts()} {
				stays = stays || strings.HasPrefix(name, prefix)
			}
			if !stays {
				return fmt.Errorf("a name is left that belongs to nothing: %s:%s", store, name)
			}
		}
	}
	return nil
}
