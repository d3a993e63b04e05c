// Package gdprtest holds what package gdpr promises as a test suite over any placement of a tenant's regions: one or several, each in a store of
// any kind:
//
//	gdprtest.Run(t, func(t *testing.T) gdprtest.Placement {
//		return gdprtest.Placement{Master: "main", Stores: map[string]storage.Store{"main": memstore.New(nil)}}
//	})
//
// It assumes nothing of a Store but its contract: time is told by the service's own clock, which the rules move, and the stores' clocks may be the
// real one. Rules are subtests, named for what they demand; one that fails also prints why it is demanded. They run in parallel, so run them with
// -race. After every erasure all bytes of all regions are searched for the caller (package rawscan).
package gdprtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
)

// Placement is where the regions of a tenant lie.
type Placement struct {
	// Master is the region of the metadata.
	Master string
	// Stores has the empty store of every region. The suite closes them.
	Stores map[string]storage.Store
	// More are the places that are searched after an erasure beside the stores, by a label: the directory of a volume, the versions of a bucket.
	More map[string]rawscan.Source
}

// patience bounds each rule.
const patience = 15 * time.Minute

// Run checks every rule as a subtest of t. place returns empty stores; what else has to be released, it registers with t.Cleanup. It is called
// many times, also at once, each time with the T of the rule.
func Run(t *testing.T, place func(t *testing.T) Placement) {
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.check(t, place)
		})
	}
}

// rule is one thing that data protection does on every placement.
type rule struct {
	name string // of the subtest: the rule as a sentence
	why  string // what goes wrong for whom where it is broken
	run  func(e *env)
}

func rules() []rule {
	return slices.Concat(
		limitationRules(), restrictRules(), acceptRules(), deadlineRules(), undoRules(), overlapRules(), holdRules(), matchRules(), foreignRules(), reportRules(),
		eraseRules(), receiptRules(), exportRules(), partRules(), runRules(), rowRules(), laterRowRules(), quarantineRules(),
	)
}

func (r rule) check(t *testing.T, place func(t *testing.T) Placement) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the rule %s is there because %s", r.name, r.why)
		}
	})
	p := place(t)
	t.Cleanup(func() {
		for _, s := range p.Stores {
			_ = s.Close()
		}
	})
	r.run(newEnv(ctx, t, p))
}
