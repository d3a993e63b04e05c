package storage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

// The six methods, and the one way to write: an object is created if there is none of that name.
func ExampleStore() {
	ctx := context.Background()
	var s storage.Store = memstore.New(nil)
	defer s.Close()
	info, err := s.Create(ctx, "media/5001/1.wav", strings.NewReader("please call back"), &storage.CreateOptions{ContentType: "audio/wav"})
	fmt.Println(info.Size, "bytes", err)
	_, err = s.Create(ctx, "media/5001/1.wav", strings.NewReader("another"), nil)
	fmt.Println("taken:", errors.Is(err, storage.ErrExists))

	o, err := s.Open(ctx, "media/5001/1.wav", &storage.OpenOptions{Offset: 7, Length: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer o.Close()
	part, err := io.ReadAll(o)
	fmt.Printf("%q of %d bytes %v\n", part, o.Info().Size, err)

	page, err := s.List(ctx, &storage.ListOptions{Prefix: "media/", Delimiter: "/"})
	fmt.Println(page.Prefixes, err)
	fmt.Println(s.Delete(ctx, "media/5001/1.wav", "media/5001/2.wav")) // an absent one is no error
	_, err = s.Stat(ctx, "media/5001/1.wav")
	fmt.Println("gone:", errors.Is(err, storage.ErrNotExist))
	// Output:
	// 16 bytes <nil>
	// taken: true
	// "call" of 16 bytes <nil>
	// [media/5001/] <nil>
	// <nil>
	// gone: true
}

// Helpers over any Store: a listing over its pages, the folders of one level, a small object as a whole.
func ExampleAll() {
	ctx := context.Background()
	s := memstore.New(&memstore.Options{PageSize: 1})
	for _, key := range []string{"box/5001/a", "box/5001/b", "box/5002/a"} {
		if _, err := s.Create(ctx, key, strings.NewReader("content of "+key), nil); err != nil {
			log.Fatal(err)
		}
	}
	for info, err := range storage.All(ctx, s, &storage.ListOptions{Prefix: "box/5001/", KeysOnly: true}) {
		fmt.Println(info.Key, err)
	}
	for prefix, err := range storage.Prefixes(ctx, s, "box/") {
		fmt.Println(prefix, err)
	}
	doc, err := storage.ReadFile(ctx, s, "box/5002/a", 1<<10)
	fmt.Println(string(doc), err)
	fmt.Println(storage.Exists(ctx, s, "box/5002/b"))
	// Output:
	// box/5001/a <nil>
	// box/5001/b <nil>
	// box/5001/ <nil>
	// box/5002/ <nil>
	// content of box/5002/a <nil>
	// false <nil>
}

// What only some storages can do is looked for, and never assumed.
func ExampleAs() {
	ctx := context.Background()
	var s storage.Store = memstore.New(nil)
	if p, ok := storage.As[storage.Pinger](s); ok {
		_, err := p.Ping(ctx)
		fmt.Println("can be used now:", err == nil)
	}
	_, ok := storage.As[storage.Signer](s)
	fmt.Println("has links:", ok)
	// Output:
	// can be used now: true
	// has links: false
}

// A driver's judges: what may be a name, a prefix, a range, a listing. What they refuse the storage never sees.
func ExampleCheckKey() {
	fmt.Println(storage.CheckKey("box/5001/a.read"))
	fmt.Println(storage.CheckKey("../secret"))
	fmt.Println(storage.CheckPrefix("box/50"))
	fmt.Println(storage.CheckRange(&storage.OpenOptions{Offset: 10, Length: 100}, 16))
	fmt.Println(storage.CheckList(&storage.ListOptions{MaxKeys: -1}) != nil)
	// Output:
	// <nil>
	// invalid argument: object name has a segment that starts with a dot
	// <nil>
	// 10 6 <nil>
	// true
}

// A Delete that could not remove everything says what is left.
func ExampleFailedKeys() {
	err := errors.Join(
		&storage.Error{Op: "delete", Driver: "mystore", Key: "media/5001/1.wav", Kind: storage.ErrBlocked},
		&storage.Error{Op: "delete", Driver: "mystore", Key: "media/5001/2.wav", Kind: storage.ErrPermission},
	)
	fmt.Println(storage.FailedKeys(err), errors.Is(err, storage.ErrBlocked))
	fmt.Println(err) // the text has no names
	// Output:
	// [media/5001/1.wav media/5001/2.wav] true
	// mystore: delete: deletion is blocked by a lock or hold of the storage
	// mystore: delete: permission denied
}

// A link to an object is a credential. It prints as REDACTED.
func ExampleNewSignedURL() {
	link := storage.NewSignedURL("https://storage.example/a?signature=s", time.Now().Add(15*time.Minute))
	fmt.Println(link, link.Reveal())
	// Output: REDACTED https://storage.example/a?signature=s
}

// A limit of age is for a whole folder, and at least two days.
func ExampleCheckAgeLimits() {
	fmt.Println(storage.CheckAgeLimits([]storage.AgeLimit{{Prefix: "v1/acme/media/", Days: 400}}))
	fmt.Println(storage.CheckAgeLimits([]storage.AgeLimit{{Prefix: "v1/acme/media/", Days: 1}}))
	// Output:
	// <nil>
	// invalid argument: an age limit is shorter than 2 days
}
