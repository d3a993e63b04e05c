package testserver

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// recorder is a test that takes down how it ends.
type recorder struct {
	testing.TB
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	panic("fails: " + fmt.Sprintf(format, args...))
}

func (r *recorder) Skipf(format string, args ...any) { panic("skips: " + fmt.Sprintf(format, args...)) }

func TestAMissingServerSkipsWhatWaitsForItUnlessItIsRequired(t *testing.T) {
	for _, env := range []string{EnvAzure, EnvAzureSecondKey, EnvS3, EnvS3Versioned, EnvS3Access, EnvS3Secret, EnvBrowser} {
		t.Setenv(env, "")
	}
	for _, tt := range []struct {
		servers string
		ask     func(testing.TB)
		want    string
	}{
		{"", func(t testing.TB) { Azure(t) }, "skips: waits for Azurite: run make test"},
		{"", func(t testing.TB) { AzureSecondKey(t) }, "skips: waits for Azurite: run make test"},
		{"", func(t testing.TB) { S3(t) }, "skips: waits for versitygw: run make test"},
		{"", func(t testing.TB) { VersionedS3(t) }, "skips: waits for versitygw with versions: run make test"},
		{"", func(t testing.TB) { Browser(t) }, "skips: waits for a browser: run make test"},
		{Required, func(t testing.TB) { Browser(t) }, "fails: VOICEMAIL_TEST_BROWSER is not set: the tests need a browser, see internal/testserver"},
		{Required, func(t testing.TB) { Azure(t) }, "fails: VOICEMAIL_TEST_AZURE is not set: the tests need Azurite, see internal/testserver"},
		{Required, func(t testing.TB) { VersionedS3(t) }, "fails: VOICEMAIL_TEST_S3_VERSIONED is not set: the tests need versitygw with versions, see internal/testserver"},
	} {
		t.Setenv(EnvServers, tt.servers)
		assert.PanicsWithValue(t, tt.want, func() { tt.ask(&recorder{TB: t}) })
	}
}

func TestTheServersAreWhereTheEnvironmentSays(t *testing.T) {
	for env, v := range map[string]string{
		EnvServers: Required, EnvAzure: "a", EnvAzureSecondKey: "b", EnvS3: "c", EnvS3Versioned: "d", EnvS3Access: "e", EnvS3Secret: "f",
	} {
		t.Setenv(env, v)
	}
	assert.Equal(t, "a", Azure(t))
	assert.Equal(t, "b", AzureSecondKey(t))
	assert.Equal(t, S3Server{"c", "e", "f"}, S3(t))
	assert.Equal(t, S3Server{"d", "e", "f"}, VersionedS3(t))
}

func TestABrowserThatIsNotInstalledFails(t *testing.T) {
	t.Setenv(EnvBrowser, "modules")
	t.Setenv("PATH", t.TempDir())
	assert.PanicsWithValue(t, "fails: chromium is not installed: apt-get install --no-install-recommends chromium", func() { Browser(&recorder{TB: t}) })
}
