package faultstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

// deposit is what is under test: it may be called again when it has failed.
func deposit(ctx context.Context, s storage.Store) error {
	for _, key := range []string{"media/5001/1.wav", "box/5001/1.json"} {
		_, err := s.Create(ctx, key, strings.NewReader("content"), nil)
		if err != nil && !errors.Is(err, storage.ErrExists) {
			return err
		}
	}
	return nil
}

func ExampleNew() {
	ctx := context.Background()
	store := faultstore.New(memstore.New(nil), faultstore.Fault{Op: faultstore.Create, Pattern: "box/", Mode: faultstore.After})
	fmt.Println(store)
	fmt.Println(deposit(ctx, store))
	fmt.Println(deposit(ctx, store))
	fmt.Println(store.Counts())
	// Output:
	// fail create #1 "box/" after effect
	// faultstore: create: storage unavailable: injected fault
	// <nil>
	// map[create:4]
}

func ExampleEach() {
	ctx := context.Background()
	store := faultstore.New(memstore.New(nil))
	if err := deposit(ctx, store); err != nil {
		fmt.Println(err)
	}
	for fault := range faultstore.Each(len(store.Calls())) {
		store := faultstore.New(memstore.New(nil), fault)
		first, again := deposit(ctx, store), deposit(ctx, store)
		fmt.Println(fault, "|", errors.Is(first, faultstore.ErrInjected), "|", again)
	}
	// Output:
	// fail call #1 before effect | true | <nil>
	// fail call #1 after effect | true | <nil>
	// fail call #2 before effect | true | <nil>
	// fail call #2 after effect | true | <nil>
}

// What the code under test asks of a store, and what it does when only one sort of call fails.
func ExampleStore() {
	ctx := context.Background()
	store := faultstore.New(memstore.New(nil))
	fmt.Println(deposit(ctx, store))
	for _, call := range store.Calls() {
		fmt.Println(call)
	}
	store.Reset()
	store.Set(faultstore.Fault{Op: faultstore.Create, Times: faultstore.Always, Kind: storage.ErrPermission})
	fmt.Println(errors.Is(deposit(ctx, store), storage.ErrPermission), "disturbed:", store.Disturbed())
	store.Set() // and nothing fails any more
	fmt.Println(deposit(ctx, store))
	// Output:
	// <nil>
	// create "media/5001/1.wav"
	// create "box/5001/1.json"
	// true disturbed: 1
	// <nil>
}
