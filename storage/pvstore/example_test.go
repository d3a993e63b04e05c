package pvstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/pvstore"
)

// An operator prepares the volume once; the pods only open it.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "volume") // where the volume is mounted
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	_, err = pvstore.Open(ctx, dir, nil)
	fmt.Println("not prepared, or not mounted:", errors.Is(err, storage.ErrUnsuitable))

	if err := pvstore.Init(ctx, dir); err != nil {
		fmt.Println(err)
		return
	}
	store, err := pvstore.Open(ctx, dir, &pvstore.Options{Prefix: "voicemail"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	info, err := store.Create(ctx, "greeting/5001/name-1.wav", strings.NewReader("RIFF"), nil)
	fmt.Println(info.Key, info.Size, err)
	_, err = store.Create(ctx, "greeting/5001/name-1.wav", strings.NewReader("other"), nil)
	fmt.Println("taken:", errors.Is(err, storage.ErrExists))
	// Output:
	// not prepared, or not mounted: true
	// greeting/5001/name-1.wav 4 <nil>
	// taken: true
}

// What a Create that died or a reader on NFS leaves beside the objects can be listed, to prove that an erasure left nothing.
func ExampleStore_Residue() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "volume")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := pvstore.Init(ctx, dir); err != nil {
		fmt.Println(err)
		return
	}
	store, err := pvstore.Open(ctx, dir, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	_ = os.WriteFile(dir+"/.nfs000000000000001a00000001", make([]byte, 80), 0o600)

	for r, err := range store.Residue(ctx, "") {
		fmt.Printf("%q %d %v\n", r.Key, r.Size, err)
	}
	removed, err := store.Clean(ctx)
	fmt.Println(removed, err)
	// Output:
	// "" 80 <nil>
	// 0 <nil>
}
