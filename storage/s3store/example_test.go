package s3store_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/s3store"
)

// The folder is one of a bucket that others use too. Credentials and region come from where AWS looks for them.
func ExampleOpen() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := s3store.Open(ctx, s3.NewFromConfig(cfg), "recordings", &s3store.Options{Prefix: "voicemail"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	info, err := store.Create(ctx, "v1/hello", strings.NewReader("hello"), nil)
	fmt.Println(info.Size, err)
}

// The rules for an operator to look at. ApplyLifecycle sets them, and leaves all others of the bucket as they are.
func ExampleLifecycle() {
	rules, err := s3store.Lifecycle(&s3store.LifecycleOptions{
		Prefix: "voicemail", MaxAge: []storage.AgeLimit{{Prefix: "v1/acme/media/", Days: 400}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	document := rules.String()
	fmt.Println(strings.Contains(document, `"Days": 400`), strings.Contains(document, `"voicemail/v1/acme/media/"`))
	// Output: true true
}
