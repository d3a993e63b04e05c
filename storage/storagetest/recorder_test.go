package storagetest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/genesys/voicemail/storage"
)

// recorder is the tb of a rule that is expected to fail.
type recorder struct {
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow() { runtime.Goexit() }

func (r *recorder) Helper() {}

func (r *recorder) Logf(string, ...any) {}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

// watch runs the rule, as a test would, against the stores that open returns for a disk, and returns how it failed; empty if it did not.
func watch(r rule, open func(*disk) storage.Store) string {
	rec := &recorder{}
	d := newDisk()
	done := make(chan struct{})
	go func() { // FailNow ends it
		defer close(done)
		defer func() {
			for i := len(rec.cleanups) - 1; i >= 0; i-- {
				rec.cleanups[i]()
			}
		}()
		r.check(rec, harness{
			open:        func() storage.Store { return open(d) },
			reopen:      func(storage.Store) storage.Store { return open(d) },
			undeletable: func(_ storage.Store, key string) { d.lock(key) },
			strand:      func(_ storage.Store, key string) { d.strand(key) },
			maxObject:   6 << 20,
			rounds:      8,
		})
	}()
	<-done
	return strings.Join(rec.failures, "\n")
}
