package voicemail_test

import (
	"strings"
	"testing"

	"github.com/genesys/voicemail/internal/interleave"
)

func explore(t *testing.T, s start, roles ...role) {
	t.Helper()
	var names []string
	for _, r := range roles {
		names = append(names, r.name)
	}
	t.Run(strings.Join(names, " and "), func(t *testing.T) {
		t.Parallel()
		report := interleave.Run(t, newScene(s, roles...).scenario())
		t.Logf("%d schedules, %d states", report.Schedules, report.States)
	})
}

// pairs explores each of some roles with each of these and of the others, with a crash of one of them.
func pairs(t *testing.T, s start, some []role, others ...role) {
	t.Helper()
	s.crashes = 1
	for i, a := range some {
		for _, b := range some[i+1:] {
			explore(t, s, a, b)
		}
		for _, b := range others {
			explore(t, s, a, b)
		}
	}
}

// handled are what agents and callers do, some of them with a message that they were shown before.
func handled() []role {
	return []role{deposits(), depositsAgain(), copies(), transcribes(), marksRead(), deletes(), counts(), lists(), finds(), plays()}
}

func anotherCase() role { return forgetting("another case", otherID) }

func TestEveryInterleavingOfAForgetKeepsTheInvariants(t *testing.T) {
	pairs(t, start{}, []role{forgets(), holds(), exports()}, handled()...)
	pairs(t, start{}, []role{undoes()}, forgets())
	pairs(t, start{}, []role{moves()}, holds(), exports())
	pairs(t, start{}, []role{forgets()}, anotherCase())
	pairs(t, start{expired: true}, []role{retains()}, forgets(), holds())
	pairs(t, start{held: true}, []role{releases()}, forgets(), deletes(), moves())
	explore(t, start{}, forgets(), forgetting("forget too", caseID))
	explore(t, start{accepted: true}, sweeps(), moves())
	explore(t, start{accepted: true, crashes: 1}, sweeps(), undoes())
	explore(t, start{accepted: true, crashes: 1}, sweeps(), copies())
	for _, reader := range []role{counts(), lists()} {
		explore(t, start{forgotten: true, pageSize: 1}, sweeps(), reader)
	}
}

func TestEveryInterleavingOfWhatIsDueKeepsTheInvariants(t *testing.T) {
	pairs(t, start{forgotten: true}, []role{sweeps(), undoes()}, append(handled(), moves(), forgets(), holds(), exports())...)
	pairs(t, start{forgotten: true}, []role{forgets(), holds(), exports()}, marksRead(), copies(), depositsAgain(), plays())
	pairs(t, start{forgotten: true}, []role{anotherCase()}, undoes(), forgets())
	pairs(t, start{forgotten: true, marked: true}, []role{undoes()}, holds(), marksRead(), exports())
	pairs(t, start{forgotten: true, expired: true}, []role{retains()}, undoes(), forgets(), holds(), exports())
	pairs(t, start{forgotten: true, held: true}, []role{releases()}, sweeps(), undoes(), forgets(), holds(), exports(), deletes(), moves(), copies())
	pairs(t, start{forgotten: true, held: true}, []role{sweeps()}, sweepsToo())
	explore(t, start{forgotten: true, decided: true}, sweeps(), sweepsToo())
	explore(t, start{forgotten: true, held: true}, sweeps(), anotherCase())
	explore(t, start{forgotten: true, expired: true}, sweeps(), retains())
}

func TestEveryInterleavingOfAReceiptKeepsTheInvariants(t *testing.T) {
	pairs(t, start{forgotten: true, erased: true}, []role{sweeps()}, append(handled(), moves(), undoes(), forgets(), anotherCase(), holds(), exports(), retains())...)
	explore(t, start{forgotten: true, erased: true}, sweeps(), sweepsToo())
}

func TestEveryInterleavingInTwoRegionsKeepsTheInvariants(t *testing.T) {
	waits := start{regions: true, pending: true}
	pairs(t, waits, []role{syncs()}, forgets(), exports())
	waits.old = true
	pairs(t, waits, []role{syncs()}, retains())
	waits.old, waits.forgotten = false, true
	pairs(t, waits, []role{syncs()}, sweeps(), undoes(), exports())
	waits.erased = true
	pairs(t, waits, []role{syncs()}, sweeps())
	pairs(t, start{regions: true}, []role{forgets()}, depositsPending())
	pairs(t, start{regions: true, forgotten: true}, []role{sweeps()}, undoes(), holds(), depositsPending(), depositsAgain(), marksRead(), copies(), transcribes())
}

func TestEveryInterleavingOfARepairAndARequestKeepsTheInvariants(t *testing.T) {
	healthy, altered := repairs("repair", false), repairs("repair of x", true)
	pairs(t, start{}, []role{healthy}, forgets(), holds())
	pairs(t, start{forgotten: true}, []role{healthy}, sweeps(), undoes(), forgets())
	pairs(t, start{altered: true}, []role{altered}, forgets(), holds(), deletes())
	pairs(t, start{altered: true, forgotten: true}, []role{altered}, sweeps(), undoes())
	explore(t, start{altered: true, forgotten: true, erased: true}, altered, sweeps())
}

func TestEveryInterleavingOfThreeKeepsTheInvariants(t *testing.T) {
	explore(t, start{forgotten: true, decided: true}, holds(), erases("sweep"), erases("second sweep"))
	explore(t, start{forgotten: true, held: true}, sweeps(), holds(), releases())
	explore(t, start{accepted: true}, sweeps(), copies(), transcribes())
}
