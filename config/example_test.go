package config_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/config"
	"github.com/genesys/voicemail/storage/pvstore"
)

// A document like the chart's values. What is misspelt or missing is refused by the name of its field.
func ExampleParse() {
	c, err := config.Parse([]byte(`{
		"storageInterface": "BlobStorage",
		"currentRegion": "westus2", "voicemailHome": "westeurope",
		"regions": {
			"westeurope": {"account": "vmeu", "container": "voicemail"},
			"westus2":    {"account": "vmus", "container": "voicemail"}
		},
		"secretDirectory": "/opt/genesys/katana/voicemail/secret"
	}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.StorageInterface, "in", len(c.Regions), "regions, the master is", c.VoicemailHome, "-", c.Check())

	_, err = config.Parse([]byte(`{"storageInterface": "FileSystem"}`))
	var wrong *config.FieldError
	fmt.Println(errors.As(err, &wrong), wrong.Field)
	// Output:
	// BlobStorage in 2 regions, the master is westeurope - <nil>
	// true mountPath
}

// Everything that a pod needs, from what is mounted into it: the volume, and the tenants.
func ExampleConfig_Open() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "mounts")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	volume, tenantsFile := filepath.Join(dir, "storage"), filepath.Join(dir, "tenants.json")
	tenants := `[{"name": "t100", "tenant_id": "t100", "tenant_uuid": "9350e2fc-a1dd-4c65-8d40-1f75a2e080dd", "status": "INIT"}]`
	if err := errors.Join(os.Mkdir(volume, 0o700), pvstore.Init(ctx, volume), os.WriteFile(tenantsFile, []byte(tenants), 0o600)); err != nil {
		fmt.Println(err)
		return
	}

	c := &config.Config{StorageInterface: config.FileSystem, MountPath: volume, TenantsFile: tenantsFile}
	regions, err := c.Open(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer regions.Stores[regions.Master].Close()
	list, err := config.ReadTenants(c.TenantsFile)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range list {
		svc, err := voicemail.Open(ctx, regions, &voicemail.Options{Tenant: t.ID})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(svc.Tenant(), "is contact center", t.UUID)
	}
	// Output: t100 is contact center 9350e2fc-a1dd-4c65-8d40-1f75a2e080dd
}

// One storage by its URL, as a command takes it. A URL holds no key; keys are files below secret_dir.
func ExampleOpenURL() {
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
	store, err := config.OpenURL(ctx, "file://"+filepath.ToSlash(dir)) // or azblob://…, s3://…
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(store.Close())
	_, err = config.OpenURL(ctx, "ftp://example.com/voicemail")
	fmt.Println(err)
	// Output:
	// <nil>
	// config: url: must begin with file://, azblob:// or s3://
}
