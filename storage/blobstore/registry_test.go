package blobstore

import (
	"sync"

	"github.com/genesys/voicemail/storage"
)

// registry remembers what a store was opened on.
type registry[T any] struct{ m sync.Map }

func newRegistry[T any]() *registry[T] { return &registry[T]{} }

func (r *registry[T]) put(s storage.Store, v T) { r.m.Store(s, v) }

func (r *registry[T]) get(s storage.Store) T {
	v, _ := r.m.Load(s)
	return v.(T)
}
