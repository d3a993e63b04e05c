// Package testserver tells tests where the storage servers are that they run against: Azurite for Azure Blob Storage, versitygw for S3. Its
// command run starts them; make test does that. It also tells where the browser is that tests of pages drive. It links no SDK, so that a package can ask for one server without linking the SDK of the other.
package testserver

import (
	"os"
	"os/exec"
	"testing"
)

// What the command run puts into the environment of the tests. Connection strings and keys are made for each run.
const (
	EnvAzure          = "VOICEMAIL_TEST_AZURE"            // a connection string
	EnvAzureSecondKey = "VOICEMAIL_TEST_AZURE_SECOND_KEY" // the account's other key, which is valid too
	EnvS3             = "VOICEMAIL_TEST_S3"               // an endpoint
	EnvS3Versioned    = "VOICEMAIL_TEST_S3_VERSIONED"     // an endpoint
	EnvS3Access       = "VOICEMAIL_TEST_S3_ACCESS"        // of both
	EnvS3Secret       = "VOICEMAIL_TEST_S3_SECRET"        // of both
	EnvServers        = "VOICEMAIL_TEST_SERVERS"          // Required, or empty
)

// EnvBrowser is where make has fetched what is pinned in the directory browser.
const EnvBrowser = "VOICEMAIL_TEST_BROWSER"

// Required is the value of EnvServers under which a missing server fails the tests that need it. Without it they are skipped, and say what they wait for.
const Required = "required"

// Region is the region of the S3 servers.
const Region = "us-east-1"

// S3Server is an S3 server. It wants path-style addressing.
type S3Server struct {
	Endpoint  string // with the scheme
	AccessKey string // of the root account, which may also call the admin API of versitygw
	SecretKey string
}

// Azure returns the connection string of a storage account on Azurite. It keeps neither versions nor what was soft-deleted. Tests share it: each makes a container of
// its own.
func Azure(t testing.TB) string {
	t.Helper()
	return lookup(t, EnvAzure, "Azurite")
}

// AzureSecondKey returns the other key of the account that Azure connects to.
func AzureSecondKey(t testing.TB) string {
	t.Helper()
	return lookup(t, EnvAzureSecondKey, "Azurite")
}

// S3 returns an S3 server that keeps no versions. Tests share it: each makes a bucket of its own.
func S3(t testing.TB) S3Server {
	t.Helper()
	return s3(t, EnvS3, "versitygw")
}

// VersionedS3 returns an S3 server on which versioning can be turned on for a bucket. Tests share it: each makes a bucket of its own.
func VersionedS3(t testing.TB) S3Server {
	t.Helper()
	return s3(t, EnvS3Versioned, "versitygw with versions")
}

func s3(t testing.TB, env, server string) S3Server {
	t.Helper()
	return S3Server{Endpoint: lookup(t, env, server), AccessKey: lookup(t, EnvS3Access, server), SecretKey: lookup(t, EnvS3Secret, server)}
}

// Chromium is a browser, and what tests of pages drive it with. Node runs it.
type Chromium struct {
	Path    string // of the browser
	Modules string // a directory with playwright-core and axe-core, as packages of Node
}

// Browser returns the browser of this machine, which nobody fetches: it comes with the system.
func Browser(t testing.TB) Chromium {
	t.Helper()
	modules := lookup(t, EnvBrowser, "a browser")
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("chromium is not installed: apt-get install --no-install-recommends chromium")
	}
	return Chromium{path, modules}
}

func lookup(t testing.TB, env, server string) string {
	t.Helper()
	v := os.Getenv(env)
	switch {
	case v != "":
	case os.Getenv(EnvServers) == Required:
		t.Fatalf("%s is not set: the tests need %s, see internal/testserver", env, server)
	default:
		t.Skipf("waits for %s: run make test", server)
	}
	return v
}
