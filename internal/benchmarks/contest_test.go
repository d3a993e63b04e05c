package benchmarks

import (
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// contender is one way to do what others do too.
type contender struct {
	name   string
	before func() // what a turn needs, not measured; may be nil
	do     func() error
}

// spent is what the turns of a contender cost.
type spent struct {
	cpu           time.Duration // of the process
	mallocs, heap uint64        // objects, bytes
	turns         []time.Duration
}

// compete has the contenders take turns of so many operations each, one after the other in each iteration and each of them first in its turn, so that what else the machine does, what
// the server has grown to, and the garbage of the others fall on all alike. It reports what each costs in units of the first: processor time, objects and bytes
// allocated, and time (the median turn's).
func compete(b *testing.B, operations int, contenders ...contender) {
	b.Helper()
	all := make([]spent, len(contenders))
	for i := range contenders {
		require.NoError(b, turn(&contenders[i], operations, &spent{}), "%s, warming up", contenders[i].name)
	}
	for round := 0; b.Loop(); round++ {
		for i := range contenders {
			i = (i + round) % len(contenders)
			require.NoError(b, turn(&contenders[i], operations, &all[i]), contenders[i].name)
		}
	}
	b.ReportMetric(0, "ns/op") // of all together: it says nothing
	base := &all[0]
	for i := range all[1:] {
		s, name := &all[i+1], contenders[i+1].name
		b.ReportMetric(float64(s.cpu)/float64(base.cpu), name+":cpu")
		b.ReportMetric(float64(s.mallocs)/float64(base.mallocs), name+":mallocs")
		b.ReportMetric(float64(s.heap)/float64(base.heap), name+":heap")
		b.ReportMetric(float64(s.median())/float64(base.median()), name+":time")
	}
}

func turn(c *contender, operations int, s *spent) error {
	if c.before != nil {
		c.before()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	for range operations {
		if err := c.do(); err != nil {
			return err
		}
	}
	s.turns = append(s.turns, time.Since(start))
	s.cpu += cpuTime() - cpu
	runtime.ReadMemStats(&after)
	s.mallocs += after.Mallocs - before.Mallocs
	s.heap += after.TotalAlloc - before.TotalAlloc
	return nil
}

func (s *spent) median() time.Duration {
	slices.Sort(s.turns)
	return s.turns[len(s.turns)/2]
}

// cpuTime returns the processor time that the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no other reason than a wrong argument
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
