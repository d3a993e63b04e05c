// Package testurl makes containers and buckets on the test servers, and their URLs for package config, for tests of commands that take one.
package testurl

import (
	"crypto/rand"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genesys/voicemail/internal/testserver"
)

// Azure makes a container and returns its URL. Its name starts with prefix.
func Azure(t testing.TB, prefix string) string {
	t.Helper()
	connection := testserver.Azure(t)
	setting := func(name string) string {
		_, value, ok := strings.Cut(connection, name+"=")
		if !ok {
			t.Fatalf("the connection string has no %s", name)
		}
		value, _, _ = strings.Cut(value, ";")
		return value
	}
	client, err := container.NewClientFromConnectionString(connection, prefix+"-"+strings.ToLower(rand.Text()), nil)
	if err == nil {
		_, err = client.Create(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return "azblob://" + path.Base(client.URL()) + "?" + url.Values{
		"account": {setting("AccountName")}, "endpoint": {setting("BlobEndpoint")}, "secret_dir": {secrets(t, map[string]string{"account-key": setting("AccountKey")})},
	}.Encode()
}

// S3 makes a bucket and returns the URL of a folder of it. Its name starts with prefix.
func S3(t testing.TB, prefix string) string {
	t.Helper()
	server := testserver.S3(t)
	client := s3.New(s3.Options{
		BaseEndpoint: &server.Endpoint, Region: testserver.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(server.AccessKey, server.SecretKey, ""),
	})
	bucket := prefix + "-" + strings.ToLower(rand.Text())
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	return "s3://" + bucket + "/some/folder?" + url.Values{
		"region": {testserver.Region}, "endpoint": {server.Endpoint}, "path_style": {"true"},
		"secret_dir": {secrets(t, map[string]string{"access-key-id": server.AccessKey, "secret-access-key": server.SecretKey})},
	}.Encode()
}

// secrets writes files as a mounted secret has them.
func secrets(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
