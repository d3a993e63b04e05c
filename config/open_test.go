package config

import (
	"encoding/base64"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/internal/testserver"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/pvstore"
)

// holds creates an object and reads it back.
func holds(t *testing.T, s storage.Store, key string) {
	t.Helper()
	_, err := s.Create(t.Context(), key, strings.NewReader(key), nil)
	require.NoError(t, err)
	content, err := storage.ReadFile(t.Context(), s, key, 1000)
	require.NoError(t, err)
	require.Equal(t, key, string(content))
}

func TestAVolumeIsOneRegionWhereverTheProcessRuns(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, pvstore.Init(t.Context(), dir))
	c, err := Parse([]byte(strings.Replace(onVolume, "/mnt/voicemail", dir, 1)))
	require.NoError(t, err)
	regions, err := c.Open(t.Context())
	require.NoError(t, err)
	defer regions.Stores["main"].Close()
	assert.Equal(t, voicemail.OneRegion(regions.Stores["main"]), regions)
	holds(t, regions.Stores["main"], "x")

	s, err := OpenURL(t.Context(), "file://"+dir+"?prefix=p")
	require.NoError(t, err)
	defer s.Close()
	holds(t, s, "x")
	content, err := storage.ReadFile(t.Context(), regions.Stores["main"], "p/x", 10)
	require.NoError(t, err)
	assert.Equal(t, "x", string(content), "below the prefix")
}

func TestAVolumeThatIsNotThereIsTheDriversErrorWithTheField(t *testing.T) {
	c := &Config{StorageInterface: FileSystem, MountPath: t.TempDir()}
	_, err := c.Open(t.Context())
	assert.ErrorIs(t, err, storage.ErrUnsuitable)
	assert.ErrorContains(t, err, "config: mountPath: pvstore: open")
	_, err = OpenURL(t.Context(), "file://"+t.TempDir())
	assert.ErrorIs(t, err, storage.ErrUnsuitable)
	assert.ErrorContains(t, err, "config: url: pvstore: open")
}

func TestOpenChecksFirst(t *testing.T) {
	_, err := (&Config{}).Open(t.Context())
	assert.ErrorIs(t, err, storage.ErrInvalid)
}

// twoRegions are two containers of Azurite.
func twoRegions(t *testing.T) *Config {
	a, _ := azure(t)
	dir := t.TempDir()
	writeKeys(t, dir, map[string]string{"west.account-key": a.key + "\n", "key of east": "", "east-1": testserver.AzureSecondKey(t)})
	return &Config{StorageInterface: BlobStorage, CurrentRegion: "east", VoicemailHome: "west", SecretDirectory: dir, Regions: map[string]Region{
		"west": {Account: a.name, Endpoint: a.endpoint, Container: newContainer(t)},
		"east": {Account: a.name, Endpoint: a.endpoint, Container: newContainer(t), Prefix: "p", AccountKeyFile: "east-1"},
	}}
}

func closeAll(t *testing.T, regions voicemail.Regions) {
	for _, s := range regions.Stores {
		require.NoError(t, s.Close())
		_, err := s.Stat(t.Context(), "x")
		assert.ErrorIs(t, err, storage.ErrClosed)
	}
}

func TestEachRegionOfBlobStorageIsItsContainerWithItsKey(t *testing.T) {
	regions, err := twoRegions(t).Open(t.Context())
	require.NoError(t, err)
	defer closeAll(t, regions)
	assert.Equal(t, "west", regions.Master)
	assert.Equal(t, "east", regions.Local)
	require.Len(t, regions.Stores, 2)
	for name, s := range regions.Stores {
		holds(t, s, name)
		_, ok := storage.As[storage.TagFinder](s)
		assert.True(t, ok, "the driver's capabilities are found")
		signer, ok := storage.As[storage.Signer](s)
		require.True(t, ok)
		_, err := signer.SignURL(t.Context(), name, 1e9)
		assert.NoError(t, err)
	}
	_, err = regions.Stores["west"].Stat(t.Context(), "east")
	assert.ErrorIs(t, err, storage.ErrNotExist)
}

func TestARegionMayBeOfAnotherKindThanTheOthers(t *testing.T) {
	c, sv := twoRegions(t), testserver.S3(t)
	writeKeys(t, c.SecretDirectory, map[string]string{"east.access-key-id": sv.AccessKey, "east.secret-access-key": sv.SecretKey})
	c.Regions["east"] = Region{StorageInterface: S3, Bucket: newBucket(t, sv), BucketRegion: testserver.Region, Endpoint: sv.Endpoint, PathStyle: true}
	regions, err := c.Open(t.Context())
	require.NoError(t, err)
	defer closeAll(t, regions)
	for name, s := range regions.Stores {
		holds(t, s, name)
		_, tags := storage.As[storage.TagFinder](s)
		assert.Equal(t, name == "west", tags, "which Azure has")
	}
}

func TestARegionThatCannotBeOpenedIsNamedAndTheOthersAreClosed(t *testing.T) {
	wrongKey := base64.StdEncoding.EncodeToString([]byte(canary))
	for _, tt := range []struct {
		change func(c *Config)
		kind   error
		want   string
	}{
		{func(c *Config) { writeKeys(t, c.SecretDirectory, map[string]string{"west.account-key": wrongKey}) },
			storage.ErrPermission, "config: regions.west: blobstore: open"},
		{func(c *Config) { writeKeys(t, c.SecretDirectory, map[string]string{"west.account-key": canary}) },
			storage.ErrInvalid, "config: secretDirectory: has no usable key for regions.west: the key of the account is not base64"},
		{func(c *Config) { writeKeys(t, c.SecretDirectory, map[string]string{"west.account-key": ""}) },
			storage.ErrInvalid, "config: secretDirectory: has no usable key for regions.west: file west.account-key: is empty"},
		{func(c *Config) { change(c, "west", func(r *Region) { r.AccountKeyFile = "none" }) },
			storage.ErrInvalid, "config: secretDirectory: has no usable key for regions.west: file none: no such file"},
		{func(c *Config) { change(c, "west", func(r *Region) { r.Container = "missing" }) },
			storage.ErrUnsuitable, "config: regions.west: blobstore: open"},
		{func(c *Config) { change(c, "west", func(r *Region) { r.Account = "" }) },
			storage.ErrInvalid, "config: regions.west.account: is missing; a key belongs to an account"},
		{func(c *Config) {
			c.SecretDirectory = filepath.Join(c.SecretDirectory, "missing")
		}, storage.ErrInvalid, "config: secretDirectory: cannot be read; is the secret mounted: no such file"},
		{func(c *Config) {
			c.SecretDirectory = t.TempDir()
			change(c, "east", func(r *Region) { r.AccountKeyFile = "" })
		}, storage.ErrInvalid, "config: regions.east.endpoint: must begin with https"},
	} {
		c := twoRegions(t)
		tt.change(c)
		regions, err := c.Open(t.Context()) // that the other one is closed, TestMain sees
		assert.ErrorIs(t, err, tt.kind)
		assert.ErrorContains(t, err, tt.want)
		assert.NotContains(t, err.Error(), canary)
		assert.NotContains(t, err.Error(), wrongKey)
		assert.Nil(t, regions.Stores)
	}
}

func change(c *Config, name string, f func(*Region)) {
	r := c.Regions[name]
	f(&r)
	c.Regions[name] = r
}

func TestAURLOpensAContainer(t *testing.T) {
	a, _ := azure(t)
	dir := t.TempDir()
	writeKeys(t, dir, map[string]string{"account-key": a.key})
	q := url.Values{"account": {a.name}, "endpoint": {a.endpoint}, "secret_dir": {dir}, "prefix": {"p"}}
	s, err := OpenURL(t.Context(), "azblob://"+newContainer(t)+"?"+q.Encode())
	require.NoError(t, err)
	defer s.Close()
	holds(t, s, "x")

	writeKeys(t, dir, map[string]string{"account-key": " "})
	_, err = OpenURL(t.Context(), "azblob://voicemail?"+q.Encode())
	assert.ErrorContains(t, err, "config: url.secret_dir: has no usable key for url: file account-key: is empty")
}

func TestAURLOpensABucket(t *testing.T) {
	sv := testserver.S3(t)
	dir := t.TempDir()
	writeKeys(t, dir, map[string]string{"access-key-id": sv.AccessKey})
	bucket := newBucket(t, sv)
	q := url.Values{"endpoint": {sv.Endpoint}, "path_style": {"true"}, "secret_dir": {dir}}
	_, err := OpenURL(t.Context(), "s3://"+bucket+"?"+q.Encode())
	require.ErrorContains(t, err, "file secret-access-key: no such file", "half a pair is not the pod's identity")

	writeKeys(t, dir, map[string]string{"secret-access-key": sv.SecretKey})
	whole, err := OpenURL(t.Context(), "s3://"+bucket+"?"+q.Encode())
	require.NoError(t, err)
	defer whole.Close()
	folder, err := OpenURL(t.Context(), "s3://"+bucket+"/a/b/?"+q.Encode())
	require.NoError(t, err)
	defer folder.Close()
	holds(t, folder, "x")
	_, err = whole.Stat(t.Context(), "a/b/x")
	assert.NoError(t, err, "below the prefix")
	signer, ok := storage.As[storage.Signer](folder)
	require.True(t, ok)
	_, err = signer.SignURL(t.Context(), "x", 1e9)
	assert.NoError(t, err)
}

func TestWithoutAMountedKeyTheDefaultChainOfAWSIsUsed(t *testing.T) {
	sv := testserver.S3(t)
	empty := t.TempDir()
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(empty, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(empty, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_SESSION_TOKEN", "")
	t.Setenv("AWS_ACCESS_KEY_ID", sv.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", sv.SecretKey)
	c := &Config{StorageInterface: S3, CurrentRegion: testserver.Region, SecretDirectory: empty, Regions: map[string]Region{
		testserver.Region: {Bucket: newBucket(t, sv), Endpoint: sv.Endpoint, PathStyle: true},
	}}
	regions, err := c.Open(t.Context())
	require.NoError(t, err)
	holds(t, regions.Stores[testserver.Region], "x")
	closeAll(t, regions)

	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err = c.Open(t.Context())
	assert.ErrorIs(t, err, storage.ErrPermission)
	assert.ErrorContains(t, err, "config: regions.us-east-1: s3store: open")
}
