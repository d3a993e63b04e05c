// Package servicetest holds what package voicemail promises as a test suite over any [storage.Store]. Every driver, and every wrapper that
// is meant to carry voicemail, runs it:
//
//	servicetest.Run(t, func(t *testing.T) storage.Store {
//		return memstore.New(nil)
//	}, nil)
//
// [Run] checks each rule, and then [Faults] fails every storage call of every operation. It assumes nothing of a Store but its contract:
// time is told by the service's own clock, which the rules move, and the store's clock may be the real one. Rules are subtests, named for what
// they demand; one that fails also prints why it is demanded. They run in parallel, so run them with -race.
package servicetest

import (
	"context"
	"testing"
	"time"

	"github.com/genesys/voicemail/storage"
)

// Options are the options of [Run]. The zero value is right for a store in memory or on a disk.
type Options struct {
	// Messages is how many messages the rules about long listings make; 0 is 60.
	Messages int
	// Every is the share of the fault points that Faults tries: 1 of Every, spread evenly, others with another Seed; 0 is all. A store that is slow sets more.
	Every int
	// Pairs is how many pairs of faults Faults tries for each operation; 0 is 4, less than 0 is none.
	Pairs int
	// Seed chooses the share and the pairs; 0 is a random one, which a failure prints.
	Seed uint64
	// Patience bounds each rule; 0 is 3 minutes.
	Patience time.Duration
	// NoFaults leaves Faults out of Run.
	NoFaults bool
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Messages == 0 {
		d.Messages = 60
	}
	if d.Every == 0 {
		d.Every = 1
	}
	if d.Pairs == 0 {
		d.Pairs = 4
	}
	if d.Patience == 0 {
		d.Patience = 3 * time.Minute
	}
	return d
}

// Run checks every rule as a subtest of t. newStore returns an empty store, which the suite closes; what else has to be released,
// newStore registers with t.Cleanup. It is called many times, also at once, each time with the T of the rule.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store, opts *Options) {
	o := opts.withDefaults()
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.check(t, newStore, o)
		})
	}
	if !o.NoFaults {
		Faults(t, newStore, opts)
	}
}

// rule is one thing that the voicemail of every store does.
type rule struct {
	name string // of the subtest: the rule as a sentence
	why  string // what goes wrong for whom where it is broken
	run  func(e *env)
}

func rules() []rule {
	var all []rule
	for _, some := range [][]rule{
		mailboxRules(), settingsRules(), depositRules(), recordingRules(), retryRules(), countRules(), listRules(), messageRules(), playbackRules(),
		markRules(), expiryRules(), deleteRules(), copyRules(), moveRules(), findRules(), tenantRules(), maintainRules(), eventRules(), openRules(), regionRules(),
		pendingRules(), syncRules(), outageRules(), retireRules(), ownerRules(), greetingRules(), tenantSettingsRules(), retentionRules(), quotaRules(), partRules(), readerRules(), forwardRules(),
		damageRules(), checkRules(), quarantineRules(), accessRules(),
	} {
		all = append(all, some...)
	}
	return all
}

func (r rule) check(t *testing.T, newStore func(t *testing.T) storage.Store, o Options) {
	ctx, cancel := context.WithTimeout(t.Context(), o.Patience)
	t.Cleanup(cancel)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the rule %s is there because %s", r.name, r.why)
		}
	})
	another := func() storage.Store {
		store := newStore(t)
		t.Cleanup(func() { _ = store.Close() })
		return store
	}
	e := newEnv(ctx, t, another(), DefaultTenant, o)
	e.another = another
	r.run(e)
	if !e.damaged {
		e.sound(e.service())
	}
}
