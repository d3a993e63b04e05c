package faultstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/genesys/voicemail/storage"
)

// ErrInjected is in the chain of every error that a [Fault] makes.
var ErrInjected = errors.New("injected fault")

// Op is a storage call of one sort. Its text is that of storage.Error.Op.
type Op string

// The calls that can fail and are counted. Close is not among them.
const (
	Create Op = "create"
	Open   Op = "open"
	Read   Op = "read" // of an open object
	Stat   Op = "stat"
	Delete Op = "delete"
	List   Op = "list"

	Clean     Op = "clean"     // storage.Cleaner
	Copy      Op = "copy"      // storage.Copier
	Find      Op = "find"      // storage.TagFinder
	Ping      Op = "ping"      // storage.Pinger
	Residue   Op = "residue"   // storage.Residuer
	Retention Op = "retention" // storage.Retainer
	Sign      Op = "sign"      // storage.Signer
)

func ops() []Op {
	return []Op{Create, Open, Read, Stat, Delete, List, Clean, Copy, Find, Ping, Residue, Retention, Sign}
}

// Mode is how much of a call happens.
type Mode int

const (
	// Before fails a call that does not reach the storage.
	Before Mode = iota
	// After loses the reply to a call that has had its effect, whatever that is. A Read hands over its bytes together with the error.
	After
	// Part is for Delete and Read. A Delete removes the first half of its names, rounded down, and its error does not say which. A Read gives one byte
	// and no error, as every reader may.
	Part
	// Rest is for Delete with a Pattern: the names that match stay, each with an error that names it; the others go.
	Rest
	// Pass fails nothing. The call is only held up, by Delay or Wait.
	Pass
)

// Forever is a Delay until the call's context is done.
const Forever time.Duration = -1

// Always is a number of Times without end.
const Always = -1

// Fault is what happens to some calls. The zero value fails the first call of any sort, before it has an effect.
type Fault struct {
	// Op is the sort of call; empty is any.
	Op Op
	// Pattern is of the names that are meant, as in [path.Match]; one that ends in a slash means every name that starts so. Empty is
	// any name. A Delete is meant if one of its names is, a Copy if its source or its destination is, and a List and a Residue if
	// its prefix is.
	Pattern string
	// N is the first of the calls so meant that the fault happens to, counted from 1; 0 is the first.
	N int
	// Times is to how many of them it happens from N on: 0 is one, [Always] all.
	Times int
	// Mode is how much of the call happens.
	Mode Mode
	// Kind is the kind of the error; nil is storage.ErrUnavailable.
	Kind error
	// Chance, if set, lets the fault happen to each call with this probability only. The number of the call, counted as N is, and Seed decide
	// it, so the same calls in the same order fail again.
	Chance float64
	// Seed is the seed of Chance.
	Seed uint64
	// Delay holds the call up: before it, with mode After between its effect and its return. A context that is done ends the delay, and
	// its error is returned. [Forever] waits for that.
	Delay time.Duration
	// Wait, if set, is called after Delay, and may hold the call up in its own way. An error of it is returned as it is.
	Wait func(ctx context.Context, c Call) error
}

// Each yields two faults for each of the first n calls: it fails before, and after its effect. A test runs once without faults, and then once with each
// of the faults that there are for as many calls as it has seen.
func Each(n int) iter.Seq[Fault] {
	return func(yield func(Fault) bool) {
		for i := range n {
			if !yield(Fault{N: i + 1, Mode: Before}) || !yield(Fault{N: i + 1, Mode: After}) {
				return
			}
		}
	}
}

// String describes the fault, in full but for Wait.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString("fail ")
	if f.Mode == Pass {
		b.Reset()
		b.WriteString("delay ")
	}
	if f.Op == "" {
		b.WriteString("call")
	} else {
		b.WriteString(string(f.Op))
	}
	switch first := f.first(); {
	case f.Times == Always:
		fmt.Fprintf(&b, " #%d and later", first)
	case f.Times > 1:
		fmt.Fprintf(&b, " #%d to #%d", first, first+f.Times-1)
	default:
		fmt.Fprintf(&b, " #%d", first)
	}
	if f.Pattern != "" {
		fmt.Fprintf(&b, " %q", f.Pattern)
	}
	switch f.Mode {
	case Before:
		b.WriteString(" before effect")
	case After:
		b.WriteString(" after effect")
	case Part:
		b.WriteString(" half way")
	case Rest:
		b.WriteString(" for these names only")
	}
	if f.Kind != nil {
		fmt.Fprintf(&b, " with %q", f.Kind)
	}
	if f.Chance > 0 {
		fmt.Fprintf(&b, " with chance %g seed %d", f.Chance, f.Seed)
	}
	switch {
	case f.Delay == Forever:
		b.WriteString(" when its context is done")
	case f.Delay > 0:
		fmt.Fprintf(&b, " after %v", f.Delay)
	}
	if f.Wait != nil {
		b.WriteString(" after waiting")
	}
	return b.String()
}

// check returns why the fault can never happen as it is meant.
func (f Fault) check() error {
	if _, err := path.Match(f.Pattern, ""); err != nil {
		return err
	}
	switch {
	case f.Op != "" && !slices.Contains(ops(), f.Op):
		return fmt.Errorf("there is no call %q", f.Op)
	case f.Mode < Before || f.Mode > Pass:
		return fmt.Errorf("there is no mode %d", f.Mode)
	case f.Mode == Part && f.Op != Delete && f.Op != Read:
		return errors.New("part is a mode of delete and read")
	case f.Mode == Rest && (f.Op != Delete || f.Pattern == ""):
		return errors.New("rest is a mode of delete with a pattern")
	case f.N < 0, f.Times < Always, f.Delay < Forever, f.Chance < 0, f.Chance > 1:
		return errors.New("a number is out of range")
	}
	return nil
}

func (f Fault) first() int { return max(1, f.N) }

// means reports whether the call is one that the fault counts.
func (f Fault) means(c Call) bool {
	if f.Op != "" && f.Op != c.Op {
		return false
	}
	return f.Pattern == "" || slices.ContainsFunc(c.Keys, f.matches)
}

// matches reports whether the name is one that Pattern means.
func (f Fault) matches(name string) bool {
	if !strings.HasSuffix(f.Pattern, "/") {
		ok, _ := path.Match(f.Pattern, name) // New has looked at the pattern
		return ok
	}
	end := 0
	for range strings.Count(f.Pattern, "/") {
		i := strings.Index(name[end:], "/")
		if i < 0 {
			return false
		}
		end += i + 1
	}
	ok, _ := path.Match(f.Pattern, name[:end])
	return ok
}

// strikes reports whether the fault happens to the n-th of the calls that it counts.
func (f Fault) strikes(n int) bool {
	last := f.first() + max(1, f.Times) - 1
	if n < f.first() || f.Times != Always && n > last {
		return false
	}
	return f.Chance == 0 || rand.New(rand.NewPCG(f.Seed, uint64(n))).Float64() < f.Chance
}

// hold holds the call up.
func (f Fault) hold(ctx context.Context, c Call) error {
	if f.Delay != 0 {
		var timer <-chan time.Time // nil never fires
		if f.Delay > 0 {
			t := time.NewTimer(f.Delay)
			defer t.Stop()
			timer = t.C
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer:
		}
	}
	if f.Wait != nil {
		return f.Wait(ctx, c)
	}
	return nil
}

// err returns the error of the fault; key may be empty.
func (f Fault) err(op Op, key string) error {
	kind := f.Kind
	if kind == nil {
		kind = storage.ErrUnavailable
	}
	return &storage.Error{Op: string(op), Driver: "faultstore", Key: key, Kind: kind, Err: ErrInjected}
}
