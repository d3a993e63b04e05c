//go:build unix

package processtest

import (
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// ticks is a clock that all processes share: each reading is larger than every one that was taken before, by whichever process. Unlike the time of
// day it is never set.
type ticks struct {
	memory []byte
	n      *atomic.Int64
}

// openTicks opens the clock in a file of at least 8 bytes.
func openTicks(file string) (*ticks, error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	memory, err := syscall.Mmap(int(f.Fd()), 0, 8, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return &ticks{memory, (*atomic.Int64)(unsafe.Pointer(unsafe.SliceData(memory)))}, nil
}

// span is when something was done: it took effect after Start and before End.
type span struct{ Start, End int64 }

// during calls f and returns when that was.
func (c *ticks) during(f func() error) (span, error) {
	s := span{Start: c.n.Add(1)}
	err := f()
	s.End = c.n.Add(1)
	return s, err
}

func (c *ticks) close() error { return syscall.Munmap(c.memory) }
