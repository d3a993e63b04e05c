package blobstore_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/blobstore"
)

// The folder is one of a container that others use too. The pod's identity is the credential.
func ExampleOpen() {
	ctx := context.Background()
	identity, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := container.NewClient("https://account.blob.core.windows.net/recordings", identity, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := blobstore.Open(ctx, client, &blobstore.Options{Prefix: "voicemail"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	info, err := store.Create(ctx, "v1/hello", strings.NewReader("hello"), nil)
	fmt.Println(info.Size, err)
}

// The document for an operator, who sets it with az storage account management-policy create.
func ExampleLifecycle() {
	policy, err := blobstore.Lifecycle(&blobstore.LifecycleOptions{
		Container: "recordings", Prefix: "voicemail", MaxAge: []storage.AgeLimit{{Prefix: "v1/acme/media/", Days: 400}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	document := policy.String()
	fmt.Println(strings.Contains(document, `"daysAfterModificationGreaterThan": 400`), strings.Contains(document, `"recordings/voicemail/v1/acme/media/"`))
	// Output: true true
}
