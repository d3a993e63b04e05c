package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/genesys/voicemail/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	onAzure = `{"storageInterface": "BlobStorage", "currentRegion": "eastus2", "voicemailHome": "westus2", "secretDirectory": "/secret", "regions": {
		"westus2": {"account": "vmwest", "container": "voicemail"}, "eastus2": {"account": "vmeast", "container": "voicemail", "prefix": "a/b", "accountKeyFile": "east"}}}`
	onS3 = `{"storageInterface": "S3", "currentRegion": "us-west-2", "voicemailHome": "None", "regions": {
		"us-west-2": {"bucket": "voicemail.west", "endpoint": "https://s3.test:9000/", "pathStyle": true}}}`
	onVolume = `{"storageInterface": "FileSystem", "currentRegion": "westus2", "voicemailHome": "None", "mountPath": "/mnt/voicemail", "tenantsFile": "/t/tenants.json"}`
)

func TestParseReadsEveryField(t *testing.T) {
	c, err := Parse([]byte(onAzure))
	require.NoError(t, err)
	assert.Equal(t, &Config{
		StorageInterface: BlobStorage, CurrentRegion: "eastus2", VoicemailHome: "westus2", SecretDirectory: "/secret",
		Regions: map[string]Region{
			"westus2": {Account: "vmwest", Container: "voicemail"},
			"eastus2": {Account: "vmeast", Container: "voicemail", Prefix: "a/b", AccountKeyFile: "east"},
		},
	}, c)
	c, err = Parse([]byte(onS3))
	require.NoError(t, err)
	assert.Equal(t, Region{Bucket: "voicemail.west", Endpoint: "https://s3.test:9000/", PathStyle: true}, c.Regions["us-west-2"])
	assert.Equal(t, "us-west-2", c.home(), "the chart's None, and one region")
	c, err = Parse([]byte(onVolume))
	require.NoError(t, err)
	assert.Equal(t, "/t/tenants.json", c.TenantsFile)
}

func TestEveryMistakeNamesItsField(t *testing.T) {
	for _, tt := range []struct{ doc, old, new, field, problem string }{
		{onAzure, `"BlobStorage"`, `"blobstorage"`, "storageInterface", "must be FileSystem, BlobStorage or S3"},
		{onAzure, `"storageInterface": "BlobStorage",`, ``, "storageInterface", "must be FileSystem, BlobStorage or S3"},
		{onAzure, `"currentRegion": "eastus2"`, `"currentRegion": "eastus3"`, "currentRegion", "is not among regions"},
		{onAzure, `"currentRegion": "eastus2",`, ``, "currentRegion", "is missing; say in which"},
		{onAzure, `"voicemailHome": "westus2"`, `"voicemailHome": "north"`, "voicemailHome", "is not among regions"},
		{onAzure, `"voicemailHome": "westus2"`, `"voicemailHome": "None"`, "voicemailHome", "is needed since there are several regions"},
		{onAzure, `"vmwest"`, `"VM-west"`, "regions.westus2.account", "3 to 24 of a-z and 0-9"},
		{onAzure, `"account": "vmwest",`, ``, "regions.westus2.account", "is missing"},
		{onAzure, `"vmwest", "container": "voicemail"`, `"vmwest"`, "regions.westus2.container", "is missing"},
		{onAzure, `"container": "voicemail"`, `"container": "voice--mail"`, "regions.westus2.container", "single -"},
		{onAzure, `"a/b"`, `"a/b/"`, "regions.eastus2.prefix", "no slash at either end"},
		{onAzure, `"prefix": "a/b"`, `"bucket": "abc"`, "regions.eastus2.bucket", "is not for BlobStorage"},
		{onAzure, `"prefix": "a/b"`, `"pathStyle": true`, "regions.eastus2.pathStyle", "is not for BlobStorage"},
		{onAzure, `"east"`, `"../east"`, "regions.eastus2.accountKeyFile", "name of a file"},
		{onAzure, `"east"`, `"..data"`, "regions.eastus2.accountKeyFile", "name of a file"},
		{onAzure, `"/secret"`, `"secret"`, "secretDirectory", "absolute"},
		{onAzure, `"secretDirectory": "/secret",`, ``, "secretDirectory", "is needed since regions.eastus2 names a file"},
		{onAzure, `"prefix": "a/b"`, `"endpoint": "ftp://x"`, "regions.eastus2.endpoint", "begins with https://"},
		{onAzure, `"prefix": "a/b"`, `"endpoint": "vmeast.blob.test"`, "regions.eastus2.endpoint", "begins with https://"},
		{onAzure, `"eastus2": {`, `"East US": {`, "regions", "the name of a region"},
		{onAzure, `"secretDirectory"`, `"mountPath": "/m", "secretDirectory"`, "mountPath", "is for FileSystem only"},
		{onAzure, `"prefix"`, `"preefix"`, "preefix", "is not a field"},
		{onS3, `"bucket": "voicemail.west",`, ``, "regions.us-west-2.bucket", "is missing"},
		{onS3, `"voicemail.west"`, `"Voice"`, "regions.us-west-2.bucket", "3 to 63"},
		{onS3, `"pathStyle": true`, `"bucketRegion": "US"`, "regions.us-west-2.bucketRegion", "a region of AWS"},
		{onS3, `"pathStyle": true`, `"account": "abc"`, "regions.us-west-2.account", "is not for S3"},
		{onS3, `:9000/`, `:9000/voicemail`, "regions.us-west-2.endpoint", "no path"},
		{onS3, `"pathStyle": true`, `"pathStyle": "yes"`, "regions.pathStyle", "must be a JSON boolean"},
		{onS3, `"pathStyle": true`, `"storageInterface": "FileSystem"`, "regions.us-west-2.storageInterface", "must be BlobStorage or S3"},
		{onS3, `"pathStyle": true`, `"storageInterface": "BlobStorage"`, "regions.us-west-2.bucket", "is not for BlobStorage"},
		{onVolume, `"mountPath": "/mnt/voicemail", `, ``, "mountPath", "is missing"},
		{onVolume, `"/mnt/voicemail"`, `"mnt"`, "mountPath", "absolute"},
		{onVolume, `"/t/tenants.json"`, `"t"`, "tenantsFile", "absolute"},
		{onVolume, `"mountPath"`, `"regions": {"a": {"account": "abc"}}, "mountPath"`, "regions", "a volume has no regions"},
		{onVolume, `"westus2"`, `7`, "currentRegion", "must be a JSON string"},
		{onVolume, onVolume, ``, "document", "is not JSON"},
		{onVolume, onVolume, `{"storageInterface"`, "document", "is not JSON"},
		{onVolume, onVolume, onVolume + `{}`, "document", "cannot be read"},
	} {
		doc := strings.Replace(tt.doc, tt.old, tt.new, 1)
		require.NotEqual(t, tt.doc, doc, tt.old)
		c, err := Parse([]byte(doc))
		assert.Nil(t, c)
		require.ErrorIs(t, err, storage.ErrInvalid, tt.new)
		var field *FieldError
		require.ErrorAs(t, err, &field)
		assert.Equal(t, tt.field, field.Field, "%s: %v", tt.new, err)
		assert.Contains(t, field.Problem, tt.problem)
	}
}

func TestAllMistakesAreNamedAtOnce(t *testing.T) {
	err := (&Config{StorageInterface: S3, Regions: map[string]Region{"a": {Container: "abc"}}}).Check()
	for _, field := range []string{"regions.a.container", "regions.a.bucket", "currentRegion"} {
		assert.ErrorContains(t, err, field)
	}
}

// canary is where a key must not be, and where people put it nevertheless.
const canary = "S3cretKeyMaterial0123456789"

func TestNoErrorCitesAKeyInTheWrongPlace(t *testing.T) {
	for _, doc := range []string{
		strings.Replace(onAzure, `"a/b"`, `"/`+canary+`"`, 1),
		strings.Replace(onAzure, `"prefix": "a/b"`, `"endpoint": "https://user:`+canary+`@vmeast.test"`, 1),
		strings.Replace(onAzure, `"prefix": "a/b"`, `"endpoint": "https://vmeast.test/?sig=`+canary+`"`, 1),
		strings.Replace(onAzure, `"prefix": "a/b"`, `"endpoint": "https://vmeast.test/#`+canary+`"`, 1),
		strings.Replace(onAzure, `"prefix": "a/b"`, `"endpoint": "https://%zz`+canary+`"`, 1),
		strings.Replace(onAzure, `"prefix": "a/b"`, `"accountKey": "`+canary+`"`, 1),
		strings.Replace(onAzure, `"east"`, `"`+canary+`=="`, 1),
		strings.Replace(onAzure, `"vmwest"`, `"`+canary+`"`, 1),
		strings.Replace(onAzure, `"/secret"`, `"`+canary+`"`, 1),
		strings.Replace(onAzure, `"/secret"`, `{"key": "`+canary+`"}`, 1),
		strings.Replace(onAzure, `"BlobStorage"`, `"`+canary+`"`, 1),
		strings.Replace(onAzure, `"eastus2"`, `"`+canary+`"`, 1),
		strings.Replace(onS3, `true`, `"`+canary+`"`, 1),
		canary, `{` + canary, `"` + canary + `"`, onVolume + canary,
	} {
		c, err := Parse([]byte(doc))
		require.Error(t, err, doc)
		assert.Nil(t, c)
		for _, verb := range []string{"%v", "%+v", "%s", "%q", "%#v"} {
			assert.NotContains(t, fmt.Sprintf(verb, err), canary, "%s of %s", verb, doc)
		}
	}
}

func TestAConfigPrintsNoKey(t *testing.T) {
	dir := t.TempDir()
	writeKeys(t, dir, map[string]string{"westus2.account-key": canary, "east": canary})
	c, err := Parse([]byte(strings.Replace(onAzure, "/secret", dir, 1)))
	require.NoError(t, err)
	p := place{kind: BlobStorage, region: c.Regions["westus2"], field: "regions.westus2", secrets: dir, files: fileNames("westus2.", Region{})}
	_, openErr := p.blobClient(connOptions())
	require.Error(t, openErr, "it is no base64")
	var out bytes.Buffer
	for _, v := range []any{c, *c, &c, c.Regions, c.Regions["westus2"], []Config{*c}, p, openErr} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
		fmt.Fprintln(&out, v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		doc, err := json.Marshal(v)
		require.NoError(t, err)
		out.Write(doc)
	}
	assert.NotContains(t, out.String(), canary)
	assert.NotContains(t, out.String(), fmt.Sprintf("%x", canary))
	assert.Contains(t, out.String(), dir, "it prints the rest")
}

func TestWhatParseTakesIsWhatJSONMakes(t *testing.T) {
	for _, doc := range []string{onAzure, onS3, onVolume} {
		c, err := Parse([]byte(doc))
		require.NoError(t, err)
		again, err := json.Marshal(c)
		require.NoError(t, err)
		assert.JSONEq(t, doc, string(again))
	}
}

func FuzzParse(f *testing.F) {
	for _, doc := range []string{onAzure, onS3, onVolume, `{}`, `[]`, `{"regions":{"":{}}}`} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		c, err := Parse(doc)
		if err != nil {
			require.ErrorIs(t, err, storage.ErrInvalid)
			require.Nil(t, c)
			return
		}
		require.NoError(t, c.Check())
		if c.StorageInterface != FileSystem {
			require.Contains(t, c.Regions, c.home())
			require.Contains(t, c.Regions, c.CurrentRegion)
		}
	})
}
