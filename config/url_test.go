package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func TestAURLNamesAPlace(t *testing.T) {
	plain := fileNames("", Region{})
	for _, tt := range []struct {
		url  string
		want place
	}{
		{"file:///mnt/voicemail", place{kind: FileSystem, dir: "/mnt/voicemail"}},
		{"file://localhost/mnt/a%20b?prefix=p/q", place{kind: FileSystem, dir: "/mnt/a b", region: Region{Prefix: "p/q"}}},
		{"azblob://voicemail?account=vmwest", place{kind: BlobStorage, region: Region{Account: "vmwest", Container: "voicemail"}}},
		{"azblob://voicemail/?endpoint=http://127.0.0.1:10000/dev&prefix=a/b", place{kind: BlobStorage, region: Region{Endpoint: "http://127.0.0.1:10000/dev", Container: "voicemail", Prefix: "a/b"}}},
		{"azblob://voicemail?account=vmwest&secret_dir=/keys", place{kind: BlobStorage, secrets: "/keys", region: Region{Account: "vmwest", Container: "voicemail"}}},
		{"s3://bucket.x?region=eu-central-1", place{kind: S3, region: Region{Bucket: "bucket.x", BucketRegion: "eu-central-1"}}},
		{"s3://bucket/a/b/?endpoint=http://127.0.0.1:7070&path_style=true", place{kind: S3, region: Region{Bucket: "bucket", BucketRegion: "us-east-1", Endpoint: "http://127.0.0.1:7070", PathStyle: true, Prefix: "a/b"}}},
		{"s3://bucket?region=r&path_style=false&secret_dir=/keys", place{kind: S3, secrets: "/keys", region: Region{Bucket: "bucket", BucketRegion: "r"}}},
	} {
		tt.want.field, tt.want.files = urlField, plain
		p, err := parseURL(tt.url)
		require.NoError(t, err, tt.url)
		assert.Equal(t, tt.want, p, tt.url)
	}
}

func TestAURLThatIsNotRightIsRefusedAndNotCited(t *testing.T) {
	for _, tt := range []struct{ url, field, problem string }{
		{"", "url", "must begin with"},
		{"/mnt/" + canary, "url", "must begin with"},
		{"gs://" + canary, "url", "must begin with"},
		{"s3:" + canary, "url", "must be like"},
		{"s3://%zz" + canary, "url", "must be like"},
		{"file://" + canary, "url", "absolute"},
		{"file://" + canary + "/x", "url", "absolute"},
		{"file:///", "", ""},
		{"file:///x?prefix=/" + canary, "url.prefix", "legal"},
		{"file:///x?init=" + canary, "url", "none of prefix"},
		{"azblob://user:" + canary + "@voicemail?account=abc", "url", "no user"},
		{"azblob://voicemail?account=abc#" + canary, "url", "fragment"},
		{"azblob://voicemail/" + canary + "?account=abc", "url", "prefix="},
		{"azblob://voicemail", "url.account", "is missing"},
		{"azblob://?account=abc", "url.container", "is missing"},
		{"azblob://voicemail?account=abc&sig=" + canary, "url", "none of account, endpoint"},
		{"azblob://voicemail?account=abc&" + canary + "==", "url", "none of account, endpoint"},
		{"azblob://voicemail?account=abc&account=" + canary, "url.account", "once"},
		{"azblob://voicemail?account=", "url.account", "not empty"},
		{"azblob://voicemail?account=abc;" + canary, "url", "not legal"},
		{"azblob://voicemail?account=A" + canary, "url.account", "3 to 24"},
		{"azblob://voicemail?endpoint=https://x.test/%3Fsig%3D" + canary, "url.endpoint", "no user, query"},
		{"azblob://voicemail?account=abc&secret_dir=" + canary, "url.secret_dir", "absolute"},
		{"s3://bucket", "url.region", "is missing"},
		{"s3://?region=r", "url.bucket", "is missing"},
		{"s3://B" + canary + "?region=r", "url.bucket", "must be"},
		{"s3://bucket?region=r&path_style=" + canary, "url.path_style", "true or false"},
		{"s3://bucket/a//" + canary + "?region=r", "url.prefix", "legal"},
		{"s3://bucket?region=r&account=" + canary, "url", "none of endpoint, path_style"},
	} {
		p, err := parseURL(tt.url)
		if tt.field == "" {
			require.NoError(t, err)
			assert.Equal(t, "/", p.dir)
			continue
		}
		var field *FieldError
		require.ErrorAs(t, err, &field, tt.url)
		assert.Equal(t, tt.field, field.Field, "%s: %v", tt.url, err)
		assert.Contains(t, field.Problem, tt.problem, tt.url)
		assert.ErrorIs(t, err, storage.ErrInvalid)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), canary, tt.url)
		_, err = OpenURL(t.Context(), tt.url)
		assert.EqualError(t, err, field.Error(), tt.url)
	}
}

func FuzzURL(f *testing.F) {
	for _, u := range []string{"file:///mnt/voicemail?prefix=a", "azblob://voicemail?account=vmwest&secret_dir=/k", "s3://bucket/a?region=r&endpoint=https://x&path_style=true", "s3://a:b@c?d#e"} {
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, u string) {
		p, err := parseURL(u)
		if err != nil {
			require.ErrorIs(t, err, storage.ErrInvalid)
			return
		}
		require.NotContains(t, u[:strings.Index(u, ":")+1], "@")
		switch p.kind {
		case FileSystem:
			require.NotEmpty(t, p.dir)
		case BlobStorage:
			require.Regexp(t, containerName, p.region.Container)
			require.True(t, p.region.Account != "" || p.region.Endpoint != "")
		case S3:
			require.Regexp(t, bucketName, p.region.Bucket)
			require.NotEmpty(t, p.region.BucketRegion)
		}
		if p.region.Prefix != "" {
			require.NoError(t, storage.CheckKey(p.region.Prefix))
		}
	})
}
