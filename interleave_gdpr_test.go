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

// pairs explores each of some roles with each of these and of the others.
func pairs(t *testing.T, s start, some []role, others ...role) {
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
	return []role{deposits(), depositsAgain(), copies(), moves(), transcribes(), marksRead(), deletes(), counts(), lists(), finds(), plays()}
}

func TestEveryInterleavingOfAForgetKeepsTheInvariants(t *testing.T) {
	for _, crashes := range []int{0, 1} {
		t.Run([]string{"no crash", "a crash"}[crashes], func(t *testing.T) {
			forgetsToo := forgetting("forget too", caseID)
			other := forgetting("another case", otherID)
			pairs(t, start{crashes: crashes}, []role{forgets(), undoes(), holds(), exports()}, handled()...)
			explore(t, start{crashes: crashes}, forgets(), forgetsToo)
			explore(t, start{crashes: crashes}, forgets(), other)
			explore(t, start{crashes: crashes, expired: true}, forgets(), retains())
			explore(t, start{crashes: crashes, expired: true}, holds(), retains())
			explore(t, start{crashes: crashes, held: true}, forgets(), releases())
		})
	}
}

func TestEveryInterleavingOfWhatIsDueKeepsTheInvariants(t *testing.T) {
	for _, crashes := range []int{0, 1} {
		t.Run([]string{"no crash", "a crash"}[crashes], func(t *testing.T) {
			s := start{crashes: crashes, forgotten: true}
			other := forgetting("another case", otherID)
			pairs(t, s, []role{sweeps(), undoes(), forgets(), other, holds(), exports()}, handled()...)
			explore(t, start{crashes: crashes, forgotten: true, held: true}, sweeps(), sweepsToo())
			explore(t, start{crashes: crashes, forgotten: true, decided: true}, sweeps(), sweepsToo())
			s.expired = true
			for _, r := range []role{sweeps(), undoes(), forgets(), holds(), exports()} {
				explore(t, s, r, retains())
			}
			s = start{crashes: crashes, forgotten: true, held: true}
			for _, r := range []role{sweeps(), undoes(), forgets(), holds(), exports(), deletes(), moves(), copies()} {
				explore(t, s, releases(), r)
			}
		})
	}
}

func TestEveryInterleavingOfAReceiptKeepsTheInvariants(t *testing.T) {
	for _, crashes := range []int{0, 1} {
		t.Run([]string{"no crash", "a crash"}[crashes], func(t *testing.T) {
			s := start{crashes: crashes, forgotten: true, erased: true}
			pairs(t, s, []role{sweeps()}, append(handled(), sweepsToo(), undoes(), forgets(), forgetting("another case", otherID), holds(), exports(), retains())...)
		})
	}
}
