package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

func ExampleNew() {
	ctx := context.Background()
	store := memstore.New(nil)
	defer store.Close()

	_, err := store.Create(ctx, "greeting/5001/busy.txt", strings.NewReader("I am on the phone."), nil)
	fmt.Println(err)
	_, err = store.Create(ctx, "greeting/5001/busy.txt", strings.NewReader("Somebody else's."), nil)
	fmt.Println(errors.Is(err, storage.ErrExists))

	text, err := storage.ReadFile(ctx, store, "greeting/5001/busy.txt", 1024)
	fmt.Println(string(text), err)
	// Output:
	// <nil>
	// true
	// I am on the phone. <nil>
}

func ExampleStore_Tags() {
	store := memstore.New(nil)
	defer store.Close()
	opts := &storage.CreateOptions{ContentType: "audio/wav", Tags: map[string]string{"kind": "greeting"}}
	_, err := store.Create(context.Background(), "a", nil, opts)
	fmt.Println(store.Tags("a")["kind"], store.ContentType("a"), err)
	// Output: greeting audio/wav <nil>
}
