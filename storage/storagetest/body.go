package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
)

// body is a content of any size that takes no memory: a block of noise, over and over. Its length is prime, so that a storage that loses or
// repeats a piece of a usual size shows it.
type body struct {
	block  []byte
	size   int64
	claims int64 // where its end is said to be
	step   int   // the most that one Read gives; 0 is no bound
	off    int64
	before func(off int64) error // called before a Read at off, if set; what it returns, Read returns
}

const blockSize = 65_521

// noise returns the body number seed of size bytes.
func noise(seed, size int64) *body {
	block := make([]byte, min(size, blockSize))
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	_, _ = src.Read(block) // never fails
	return &body{block: block, size: size, claims: size}
}

// text returns the body that is s.
func text(s string) *body {
	return &body{block: []byte(s), size: int64(len(s)), claims: int64(len(s))}
}

// fresh returns another reader of the same content.
func (b *body) fresh() *body {
	return &body{block: b.block, size: b.size, claims: b.size}
}

func (b *body) Read(p []byte) (int, error) {
	if b.before != nil {
		if err := b.before(b.off); err != nil {
			return 0, err
		}
	}
	if b.off >= b.size {
		return 0, io.EOF
	}
	if b.step > 0 && len(p) > b.step {
		p = p[:b.step]
	}
	p = p[:min(int64(len(p)), b.size-b.off)]
	n := 0
	for n < len(p) {
		n += copy(p[n:], b.block[(b.off+int64(n))%blockSize:])
	}
	b.off += int64(n)
	return n, nil
}

func (b *body) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.off
	case io.SeekEnd:
		offset += b.claims
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	b.off = offset
	return offset, nil
}

// compare returns how r differs from the body, reading it to its end.
func (b *body) compare(r io.Reader) error {
	want, got := b.fresh(), make([]byte, 256<<10)
	buf := make([]byte, len(got))
	for {
		n, err := io.ReadFull(r, got)
		m, _ := io.ReadFull(want, buf)
		if !bytes.Equal(got[:n], buf[:m]) {
			return fmt.Errorf("the content differs from what was created, within %d bytes before byte %d of %d (error: %w)", len(got), want.off, b.size, err)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// together calls f for 0 to n-1 in up to workers goroutines, which start at once, and returns what each call returned.
func together(workers, n int, f func(i int) error) []error {
	errs := make([]error, n)
	start, next := make(chan struct{}), make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			<-start
			for i := range next {
				errs[i] = f(i)
			}
		})
	}
	close(start)
	wg.Wait()
	return errs
}
