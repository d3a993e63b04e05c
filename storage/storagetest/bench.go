package storagetest

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/genesys/voicemail/storage"
)

// Bench measures what voicemail does most, as sub-benchmarks of b, each with a store of its own: creating marks and audio, reading,
// counting a mailbox, deleting. newStore is as in [Run].
func Bench(b *testing.B, newStore func(b *testing.B) storage.Store) {
	open := func(b *testing.B) storage.Store {
		b.Helper()
		s := newStore(b)
		b.Cleanup(func() { _ = s.Close() })
		b.ReportAllocs()
		return s
	}
	for _, size := range []int64{0, 2 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("Create/%d", size), func(b *testing.B) {
			s, n := open(b), 0
			content := noise(1, size)
			b.SetBytes(size)
			for b.Loop() {
				n++
				must(b, errOf(s.Create(b.Context(), fmt.Sprintf("v1/box/%d", n), content, nil)))
			}
		})
		b.Run(fmt.Sprintf("Read/%d", size), func(b *testing.B) {
			s := open(b)
			must(b, errOf(s.Create(b.Context(), "v1/a", noise(1, size), nil)))
			b.SetBytes(size)
			for b.Loop() {
				must(b, read(b.Context(), s, "v1/a"))
			}
		})
	}
	b.Run("Create/parallel", func(b *testing.B) {
		s := open(b)
		var n atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := errOf(s.Create(b.Context(), fmt.Sprintf("v1/box/%d", n.Add(1)), noise(1, 2<<10), nil)); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("Stat", func(b *testing.B) {
		s := open(b)
		must(b, errOf(s.Create(b.Context(), "v1/a", nil, nil)))
		for b.Loop() {
			must(b, errOf(s.Stat(b.Context(), "v1/a")))
		}
	})
	for _, keysOnly := range []bool{true, false} {
		b.Run(fmt.Sprintf("List1000/keysonly=%t", keysOnly), func(b *testing.B) {
			s := open(b)
			for i := range 1000 {
				must(b, errOf(s.Create(b.Context(), fmt.Sprintf("v1/box/%04d", i), nil, nil)))
			}
			for b.Loop() {
				n := 0
				for _, err := range storage.All(b.Context(), s, &storage.ListOptions{Prefix: "v1/box/", KeysOnly: keysOnly}) {
					must(b, err)
					n++
				}
				if n != 1000 {
					b.Fatalf("listed %d of 1000 objects", n)
				}
			}
		})
	}
	b.Run("CreateDelete", func(b *testing.B) {
		s := open(b)
		for b.Loop() {
			must(b, errOf(s.Create(b.Context(), "v1/mark", nil, nil)))
			must(b, s.Delete(b.Context(), "v1/mark"))
		}
	})
}

func must(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

func read(ctx context.Context, s storage.Store, key string) error {
	o, err := s.Open(ctx, key, nil)
	if err != nil {
		return err
	}
	defer o.Close()
	_, err = io.Copy(io.Discard, o)
	return err
}
