package voicemail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/genesys/voicemail/internal/interleave"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// rawStay is a stay of a message as the raw store has it.
type rawStay struct {
	stay
	mailbox MailboxID
	box     keys.Box
}

// survey reads all names of the raw store.
func survey(st storage.Store) (svc *Service, stays []rawStay, names map[string]bool, err error) {
	ctx := context.Background()
	if svc, err = testService(ctx, st, 98); err != nil {
		return nil, nil, nil, err
	}
	names = map[string]bool{}
	for info, err := range storage.All(ctx, st, nil) {
		if err != nil {
			return nil, nil, nil, err
		}
		names[info.Key] = true
	}
	for m, err := range svc.folders(ctx) {
		if err != nil {
			return nil, nil, nil, err
		}
		box, err := svc.box(m.id)
		if err != nil {
			return nil, nil, nil, err
		}
		v, err := svc.list(ctx, box, listing{})
		if err != nil {
			return nil, nil, nil, err
		}
		for _, st := range v.stays {
			stays = append(stays, rawStay{st, m.id, box})
		}
	}
	return svc, stays, names, nil
}

// where returns the mailboxes in which a message can be seen.
func where(stays []rawStay, id MessageID) []MailboxID {
	var in []MailboxID
	for _, st := range stays {
		if st.visible() && st.ref.ID == string(id) {
			in = append(in, st.mailbox)
		}
	}
	return in
}

// checkVisible checks what must hold at every moment: what can be seen is whole and findable, what was acknowledged is there.
func checkVisible(state *interleave.State, ops []actor) error {
	st := state.Stores[""]
	svc, stays, names, err := survey(st)
	if err != nil {
		return err
	}
	for _, s := range stays {
		if !s.visible() {
			continue
		}
		meta, err := svc.metadata(context.Background(), s.box, s.ref)
		if err != nil {
			return fmt.Errorf("visible message without metadata: %w", err)
		}
		entries, err := svc.entries(context.Background(), s.box, meta)
		if err != nil {
			return err
		}
		for _, name := range append(entries, s.box.Audio(s.ref, meta.Ext)) {
			if !names[name] {
				return fmt.Errorf("visible message %v in %s lacks %s", s.ref, s.mailbox, name)
			}
		}
	}
	taken := slices.ContainsFunc(ops, func(op actor) bool { return op.takes })
	if !taken && len(where(stays, msgX)) == 0 {
		return errors.New("the message can be seen nowhere")
	}
	deposited := false
	for i, r := range state.Results[:len(ops)] {
		deposited = deposited || r.Done && r.Err == nil && strings.HasPrefix(ops[i].name, "deposit") && ops[i].name != "deposit x again"
		if err := checkResult(ops[i], r, ops, stays); err != nil {
			return fmt.Errorf("%s: %w", ops[i].name, err)
		}
	}
	forgotten := slices.ContainsFunc(ops, func(op actor) bool { return op.name == "forget" })
	if deposited && !forgotten && len(where(stays, msgY)) != 1 {
		return fmt.Errorf("an acknowledged deposit can be seen in %v", where(stays, msgY))
	}
	return nil
}

// checkResult checks what an operation returned.
func checkResult(op actor, r interleave.Result, ops []actor, stays []rawStay) error {
	if !r.Done || r.Crashed {
		return nil
	}
	if r.Err != nil {
		if !slices.ContainsFunc(op.may, func(may error) bool { return errors.Is(r.Err, may) }) {
			return r.Err
		}
		return nil
	}
	others := func(name string) bool {
		return slices.ContainsFunc(ops, func(o actor) bool { return strings.HasPrefix(o.name, name) })
	}
	away := others("move") || others("delete") || others("forget")
	switch v := r.Value.(type) {
	case Counts:
		least, most := 1, 1
		if others("deposit") {
			most++
		}
		if away || others("trash") || others("restore") {
			least--
		}
		if sum := v.New + v.Old; sum < least || sum > most || v.NewUrgent > v.New || !others("mark read") && v.Old > 0 {
			return fmt.Errorf("counted %+v", v)
		}
	case []MessageID:
		if op.name == "list" && others("move") || others("delete") || others("forget") {
			break
		}
		n := 0
		for _, id := range v {
			if id == msgX {
				n++
			}
		}
		if n != 1 {
			return fmt.Errorf("the message is %d times in %v", n, v)
		}
	}
	if op.name == "forget" {
		for _, st := range stays {
			if st.visible() && st.ref.ID != string(msgY) { // y may have come after
				return fmt.Errorf("%v can be seen in %s although its caller was forgotten", st.ref, st.mailbox)
			}
		}
	}
	if op.name == "delete" && !others("move") && !others("copy") && len(where(stays, msgX)) > 0 {
		return errors.New("the message can be seen after its deletion")
	}
	return nil
}

// checkFinal checks what must hold when all is over: no message twice, no change lost, no name that belongs to nothing.
func checkFinal(state *interleave.State, ops []actor) error {
	svc, stays, names, err := survey(state.Stores[""])
	if err != nil {
		return err
	}
	ctx := context.Background()
	seen := map[string]MailboxID{}
	for _, s := range stays {
		if !s.visible() {
			continue
		}
		if other, ok := seen[s.ref.ID]; ok {
			return fmt.Errorf("message %s is in %s and in %s", s.ref.ID, other, s.mailbox)
		}
		seen[s.ref.ID] = s.mailbox
		meta, err := svc.metadata(ctx, s.box, s.ref)
		if err != nil {
			return err
		}
		entries, err := svc.entries(ctx, s.box, meta)
		if err != nil {
			return err
		}
		for _, name := range append(entries, s.box.Audio(s.ref, meta.Ext), s.box.Meta(s.ref)) {
			delete(names, name)
		}
		for _, mark := range s.marks {
			delete(names, s.box.Mark(s.ref, mark))
		}
		parts, err := svc.newMessage(s.box, meta, s.stay).parts(ctx)
		if err != nil {
			return err
		}
		if err := checkParts(state, ops, s, parts); err != nil {
			return err
		}
		if s.read && slices.ContainsFunc(ops, func(op actor) bool { return op.name == "mark read" }) {
			if r, err := svc.newMessage(s.box, meta, s.stay).FirstReader(ctx); err != nil || r.ID != "ann" {
				return fmt.Errorf("%v in %s was read by %q: %w", s.ref, s.mailbox, r.ID, err)
			}
		}
		for _, p := range parts {
			delete(names, s.box.Part(s.ref, p.Part))
		}
		if len(meta.Caller.identities()) == 0 {
			return errors.New("the caller was lost")
		}
	}
	changes := 0
	for i, op := range ops {
		if r := state.Results[i]; op.name == "settings" && r.Done && r.Err == nil {
			changes++
		}
	}
	set, err := svc.Mailbox(boxA).Settings(ctx)
	if err != nil {
		return err
	}
	if applied := set.MaxMessages - 10; changes > 0 && applied < changes {
		return fmt.Errorf("%d changes of settings were acknowledged, %d are there", changes, applied)
	}
	for _, s := range stays {
		if s.forget { // what becomes of these is up to the forget request
			for name := range names {
				if strings.Contains(name, s.ref.String()) {
					delete(names, name)
				}
			}
		}
	}
	for name := range names {
		rest := strings.TrimPrefix(name, "v1/default/")
		switch {
		case strings.HasPrefix(rest, "key/"), strings.HasPrefix(rest, "region/"), strings.HasPrefix(rest, "gone/"), strings.Contains(rest, "/set-"):
		default:
			return fmt.Errorf("a name is left that belongs to nothing: %s", rest)
		}
	}
	return nil
}

// checkParts checks that the parts that were acknowledged are where x is, each one once.
func checkParts(state *interleave.State, ops []actor, s rawStay, parts []storedPart) error {
	added := 0
	for i, op := range ops {
		if strings.HasPrefix(op.name, "add ") {
			added++
			part, ok := state.Results[i].Value.(Part)
			if r := state.Results[i]; !ok || !r.Done || r.Crashed || r.Err != nil || s.ref.ID != string(msgX) {
				continue
			}
			if !slices.ContainsFunc(parts, func(p storedPart) bool {
				return p.size == part.Size && p.Kind == string(part.Kind) && p.Revision == part.Revision
			}) {
				return fmt.Errorf("an acknowledged part of %v in %s is lost", s.ref, s.mailbox)
			}
		}
	}
	if len(parts) > added {
		return fmt.Errorf("%v in %s has %d parts; %d were added", s.ref, s.mailbox, len(parts), added)
	}
	return nil
}
