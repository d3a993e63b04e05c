package interleave

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// The protocols. Entries of the caller index are idx/<box>/<id>, audio is media/<box>/<id>, metadata and marks are msg/<box>/<id>.<what>.

func forget(untilStable bool) func(y *toy) string {
	return func(y *toy) string {
		seen := map[string]bool{}
		for fresh := true; fresh; {
			fresh = false
			for _, e := range y.list("idx/") {
				if seen[e] {
					continue
				}
				seen[e], fresh = true, untilStable
				stem := "msg/" + strings.TrimPrefix(e, "idx/")
				if untilStable || y.exists(stem+".vm.json") {
					y.create(stem+".forget-c", "")
				}
			}
		}
		return "forgotten"
	}
}

func move(indexFirst bool) func(y *toy) string {
	return func(y *toy) string {
		if indexFirst {
			y.create("idx/b/x", "")
		}
		l := y.list("msg/a/x.")
		if !has(l, ".vm.json") || has(l, ".forget") || has(l, ".gone") {
			if indexFirst {
				y.delete("idx/b/x")
			}
			return "not found"
		}
		if !indexFirst {
			y.create("idx/b/x", "")
		}
		y.create("media/b/x", "")
		y.create("msg/b/x.vm.json", "")
		y.delete("msg/a/x.vm.json")
		y.delete(y.list("msg/a/x.")...)
		y.delete("media/a/x")
		y.delete("idx/a/x")
		return "moved"
	}
}

func hold(y *toy) string {
	y.create("msg/a/x.hold-h", "")
	if l := y.list("msg/a/x."); !has(l, ".vm.json") || has(l, ".gone") {
		y.delete("msg/a/x.hold-h")
		return "not found"
	}
	return "held"
}

func sweepOne(gone string) func(y *toy) string {
	return func(y *toy) string {
		if !has(y.list("msg/a/x."), ".vm.json") {
			return "nothing"
		}
		y.create("msg/a/x."+gone, "")
		if has(y.list("msg/a/x."), ".hold") {
			y.delete("msg/a/x." + gone)
			return "held"
		}
		y.delete("media/a/x", "msg/a/x.vm.json")
		return "erased"
	}
}

// sweepCase erases what case c has marked, if nobody has undone the case.
func sweepCase(nonce string) func(y *toy) string {
	return func(y *toy) string {
		if !y.create("case/2", "erase") && y.read("case/2") != "erase" {
			return "undone"
		}
		result := "erased"
		for _, e := range y.list("idx/") {
			stem := strings.TrimPrefix(e, "idx/")
			gone := "msg/" + stem + ".gone-" + nonce
			y.create(gone, "")
			l := y.list("msg/" + stem + ".")
			if has(l, ".hold") {
				y.delete(gone)
				result = "held"
				continue
			}
			y.delete("media/" + stem)
			y.delete("msg/" + stem + ".vm.json")
			for _, n := range l {
				if !strings.Contains(n, ".gone") && !strings.HasSuffix(n, ".vm.json") {
					y.delete(n)
				}
			}
			y.delete(e)
		}
		return result
	}
}

func sweepUnasked(y *toy) string {
	l := y.list("msg/a/x.")
	if !has(l, ".forget-c") {
		return "nothing"
	}
	y.delete(l...)
	y.delete("media/a/x")
	y.delete("idx/a/x")
	return "erased"
}

func undo(asked bool) func(y *toy) string {
	return func(y *toy) string {
		if asked && !y.create("case/2", "undo") && y.read("case/2") != "undo" {
			return "already erased"
		}
		n := 0
		for _, e := range y.list("idx/") {
			stem := "msg/" + strings.TrimPrefix(e, "idx/")
			if asked || y.exists(stem+".vm.json") {
				n++
			}
			y.delete(stem + ".forget-c")
		}
		if !asked && n == 0 {
			return "already erased"
		}
		return "restored"
	}
}

// deposit stores message x again, as a retry does.
func deposit(looks bool) func(y *toy) string {
	return func(y *toy) string {
		index := y.create("idx/a/x", "")
		media := y.create("media/a/x", "")
		if looks && has(y.list("msg/a/x."), ".gone") {
			if media {
				y.delete("media/a/x")
			}
			if index {
				y.delete("idx/a/x")
			}
			return "erased"
		}
		y.create("msg/a/x.vm.json", "")
		return "ok"
	}
}

// maintain removes what stands beside a .gone mark.
func maintain(y *toy) string {
	for _, n := range y.list("msg/") {
		stem, _, ok := strings.Cut(strings.TrimPrefix(n, "msg/"), ".gone")
		if !ok {
			continue
		}
		l := y.list("msg/" + stem + ".")
		if has(l, ".hold") {
			continue
		}
		y.delete("media/" + stem)
		for _, m := range l {
			if !strings.Contains(m, ".gone") {
				y.delete(m)
			}
		}
		y.delete("idx/" + stem)
	}
	return ""
}

// count lists a mailbox of one message in pages and counts it as new unless a mark says otherwise.
func count(meta string) func(y *toy) string {
	return func(y *toy) string {
		l := y.list("msg/a/x.")
		if has(l, meta) && !has(l, ".trash") {
			return "new"
		}
		return "none"
	}
}

func settings(text string) func(y *toy) string {
	return func(y *toy) string {
		l := y.list("set/")
		if len(l) == 0 {
			return "cut off"
		}
		next := fmt.Sprintf("set/%c", path.Base(l[len(l)-1])[0]+1)
		if y.create(next, text) {
			return "wrote " + next
		}
		return "conflict"
	}
}

func prune(y *toy) string {
	l := y.list("set/")
	if len(l) > 1 {
		y.delete(l[:len(l)-1]...)
	}
	return ""
}

// receipt appends a link for a case to the chain.
func receipt(c string, looks bool) func(y *toy) string {
	return func(y *toy) string {
		for range 6 {
			l := y.list("chain/")
			for _, n := range l {
				if looks && y.read(n) == c {
					return "ok"
				}
			}
			if next := fmt.Sprintf("chain/%d", len(l)+1); y.create(next, c) || y.read(next) == c {
				return "ok"
			}
		}
		return "gave up"
	}
}

func orphan(first, second string) func(y *toy) string {
	return func(y *toy) string {
		if y.exists(first) || y.exists(second) {
			return "referenced"
		}
		y.delete("media/a/x")
		return "deleted"
	}
}

func synced(y *toy) string {
	y.create("msg/a/x.vm.json", "")
	y.delete("pending/x")
	return "synced"
}

// The rules that the protocols keep or break.

func forgottenIsHidden(op int) func(*State) error {
	return func(s *State) error {
		if !said(s, op, "forgotten") {
			return nil
		}
		y := peek(s)
		for _, n := range y.list("msg/") {
			if stem, ok := strings.CutSuffix(n, ".vm.json"); ok && !has(y.list(stem+"."), ".forget") {
				return errors.New("a message of a forgotten caller is visible")
			}
		}
		return y.err
	}
}

func whole(op int, word string) func(*State) error {
	return func(s *State) error {
		y := peek(s)
		if said(s, op, word) && (!y.exists("msg/a/x.vm.json") || !y.exists("media/a/x")) {
			return fmt.Errorf("the operation said %q, the message is gone or has no audio", word)
		}
		return y.err
	}
}

func nothingLeft(sweep int) func(*State) error {
	return func(s *State) error {
		if !said(s, sweep, "erased") {
			return nil
		}
		y := peek(s)
		if len(y.list("idx/"))+len(y.list("media/")) > 0 || has(y.list("msg/"), ".vm.json") {
			return errors.New("the sweep said erased, and something is left")
		}
		return y.err
	}
}

func invisible(sweep int) func(*State) error {
	return func(s *State) error {
		y := peek(s)
		if l := y.list("msg/a/x."); said(s, sweep, "erased") && has(l, ".vm.json") && !has(l, ".gone") {
			return errors.New("an erased message is visible again")
		}
		return y.err
	}
}

func notNew(s *State) error {
	if said(s, 0, "new") {
		return errors.New("a message in the trash was counted as new")
	}
	return nil
}

func noUpdateLost(s *State) error {
	told := map[any]bool{}
	for _, r := range s.Results {
		if text, _ := r.Value.(string); strings.HasPrefix(text, "wrote") && told[text] {
			return errors.New("two writers were told that they wrote the same revision")
		}
		told[r.Value] = true
	}
	return nil
}

func oneReceipt(s *State) error {
	n, y := 0, peek(s)
	for _, name := range y.list("chain/") {
		if y.read(name) == "c" {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%d receipts in the chain for one case", n)
	}
	return y.err
}

func audioKept(s *State) error {
	y := peek(s)
	if !y.exists("media/a/x") {
		return errors.New("the only audio of a message was deleted as an orphan")
	}
	return y.err
}

func TestVerdictsAreThoseOfTheModel(t *testing.T) {
	message := holding("idx/a/x", "media/a/x", "msg/a/x.vm.json")
	forgotten := holding("idx/a/x", "media/a/x", "msg/a/x.vm.json", "msg/a/x.forget-c", "case/1 forget")
	for _, tt := range []struct {
		name   string
		breaks string // a part of what is broken; empty if nothing is
		sc     Scenario
		paged  bool // a listing has one name a page
	}{
		{"move looks, then indexes, against a forget that lists once", "visible", Scenario{Setup: message,
			Ops: []Op{toyOp("move", move(false)), toyOp("forget", forget(false))}, Invariant: forgottenIsHidden(1)}, false},
		{"move indexes first, against a forget that lists once", "visible", Scenario{Setup: message,
			Ops: []Op{toyOp("move", move(true)), toyOp("forget", forget(false))}, Invariant: forgottenIsHidden(1)}, false},
		{"move looks, then indexes, against a forget that lists until stable", "visible", Scenario{Setup: message,
			Ops: []Op{toyOp("move", move(false)), toyOp("forget", forget(true))}, Invariant: forgottenIsHidden(1)}, false},
		{"move indexes first, against a forget that lists until stable, with crashes", "", Scenario{Setup: message, MaxCrashes: 2,
			Ops: []Op{crashing(toyOp("move", move(true))), crashing(toyOp("forget", forget(true)))}, Invariant: forgottenIsHidden(1)}, false},

		{"hold against two sweeps with one shared mark", "gone", Scenario{Setup: message,
			Ops:       []Op{toyOp("hold", hold), toyOp("sweep1", sweepOne("gone")), toyOp("sweep2", sweepOne("gone"))},
			Invariant: whole(0, "held")}, false},
		{"hold against two sweeps with a mark each, with crashes", "", Scenario{Setup: message, MaxCrashes: 2,
			Ops:       []Op{crashing(toyOp("hold", hold)), crashing(toyOp("sweep1", sweepOne("gone-1"))), crashing(toyOp("sweep2", sweepOne("gone-2")))},
			Invariant: whole(0, "held")}, false},

		{"undo and a sweep that do not ask who decided", "gone", Scenario{Setup: forgotten,
			Ops: []Op{toyOp("undo", undo(false)), toyOp("sweep", sweepUnasked)}, Final: whole(0, "restored")}, false},
		{"undo and two sweeps that race for the decision, with crashes", "", Scenario{Setup: forgotten, MaxCrashes: 2,
			Ops:   []Op{toyOp("undo", undo(true)), crashing(toyOp("sweep1", sweepCase("1"))), crashing(toyOp("sweep2", sweepCase("2")))},
			Final: whole(0, "restored")}, false},

		{"deposit that looks for nothing, after the sweep", "visible", Scenario{Setup: forgotten,
			Ops: []Op{toyOp("sweep", sweepUnasked), after(1, toyOp("deposit", deposit(false)))}, Invariant: invisible(0)}, false},
		{"deposit that looks for a mark that the sweep leaves, with crashes", "", Scenario{Setup: forgotten, MaxCrashes: 2,
			Ops: []Op{crashing(toyOp("sweep", sweepCase("1"))), crashing(toyOp("deposit", deposit(true)))}, Invariant: invisible(0)}, false},
		{"what such a deposit leaves behind", "left", Scenario{Setup: forgotten, MaxCrashes: 1,
			Ops: []Op{toyOp("sweep", sweepCase("1")), crashing(toyOp("deposit", deposit(true)))}, Final: nothingLeft(0)}, false},
		{"what it leaves behind after maintenance", "", Scenario{Setup: forgotten, MaxCrashes: 2, Recover: []Op{toyOp("maintain", maintain)},
			Ops: []Op{crashing(toyOp("sweep", sweepCase("1"))), crashing(toyOp("deposit", deposit(true)))}, Final: nothingLeft(0)}, false},

		{"pages in which the metadata comes before the marks", "counted as new", Scenario{Setup: holding("msg/a/x.json", "msg/a/x.trash"),
			Ops: []Op{toyOp("count", count(".json")), toyOp("erase", func(y *toy) string {
				y.delete("msg/a/x.json")
				y.delete("msg/a/x.trash")
				return ""
			})}, Final: notNew}, true},
		{"pages in which the metadata comes after the marks", "", Scenario{Setup: holding("msg/a/x.trash", "msg/a/x.vm.json"),
			Ops: []Op{toyOp("count", count(".vm.json")), toyOp("erase", func(y *toy) string {
				y.delete("msg/a/x.vm.json")
				y.delete("msg/a/x.trash")
				return ""
			})}, Final: notNew}, true},
		{"the same, with an erasure that has one delete for both", "counted as new", Scenario{Setup: holding("msg/a/x.trash", "msg/a/x.vm.json"),
			Ops: []Op{toyOp("count", count(".vm.json")), toyOp("erase", func(y *toy) string {
				y.delete("msg/a/x.vm.json", "msg/a/x.trash")
				return ""
			})}, Final: notNew}, true},

		{"settings that are pruned at once", "two writers", Scenario{Setup: holding("set/1"),
			Ops:   []Op{toyOp("slow", settings("s")), toyOp("second", settings("b")), after(2, toyOp("third", settings("c"))), after(3, toyOp("prune", prune))},
			Final: noUpdateLost}, false},
		{"settings that are not pruned", "", Scenario{Setup: holding("set/1"),
			Ops: []Op{toyOp("slow", settings("s")), toyOp("second", settings("b")), after(2, toyOp("third", settings("c")))}, Final: noUpdateLost}, false},

		{"receipts of sweepers that look at the name they lost only", "2 receipts", Scenario{
			Ops: []Op{toyOp("s1", receipt("c", false)), toyOp("s2", receipt("c", false)), toyOp("s3", receipt("d", false))}, Final: oneReceipt}, false},
		{"receipts of sweepers that look through the chain", "", Scenario{
			Ops: []Op{toyOp("s1", receipt("c", true)), toyOp("s2", receipt("c", true)), toyOp("s3", receipt("d", true))}, Final: oneReceipt}, false},

		{"orphaned audio looked up where things go to first", "orphan", Scenario{Setup: holding("media/a/x", "pending/x"),
			Ops: []Op{toyOp("sync", synced), toyOp("maintain", orphan("msg/a/x.vm.json", "pending/x"))}, Final: audioKept}, false},
		{"orphaned audio looked up where things come from first", "", Scenario{Setup: holding("media/a/x", "pending/x"),
			Ops: []Op{toyOp("sync", synced), toyOp("maintain", orphan("pending/x", "msg/a/x.vm.json"))}, Final: audioKept}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.sc.New = newStore
			if tt.paged {
				tt.sc.New = func() storage.Store { return memstore.New(&memstore.Options{PageSize: 1}) }
			}
			report := Explore(t, tt.sc)
			t.Logf("%d states, %d schedules", report.States, report.Schedules)
			if tt.breaks == "" {
				assert.Nil(t, report.Violation, "%v", report.Violation)
				return
			}
			if assert.NotNil(t, report.Violation) {
				assert.ErrorContains(t, report.Violation.Err, tt.breaks)
			}
		})
	}
}
