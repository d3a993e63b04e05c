package config

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/testserver"
	"github.com/genesys/voicemail/storage"
)

// newBucket makes a bucket on the server, for its root.
func newBucket(t testing.TB, sv testserver.S3Server) string {
	t.Helper()
	name := "t-" + strings.ToLower(rand.Text())
	c := newConnections()
	t.Cleanup(c.CloseIdleConnections)
	_, err := s3.New(s3.Options{
		BaseEndpoint: &sv.Endpoint, Region: testserver.Region, UsePathStyle: true, HTTPClient: c,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: sv.AccessKey, SecretAccessKey: sv.SecretKey}, nil
		}),
	}).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
	require.NoError(t, err)
	return name
}

// azureAccount is the account of the tests.
type azureAccount struct{ name, key, endpoint string }

func azure(t testing.TB) (a azureAccount, connection string) {
	t.Helper()
	connection = testserver.Azure(t)
	for part := range strings.SplitSeq(connection, ";") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "AccountName":
			a.name = value
		case "AccountKey":
			a.key = value
		case "BlobEndpoint":
			a.endpoint = value
		}
	}
	return a, connection
}

func newContainer(t testing.TB) string {
	t.Helper()
	name := "t-" + strings.ToLower(rand.Text())
	_, connection := azure(t)
	c := newConnections()
	t.Cleanup(c.CloseIdleConnections)
	opts := &container.ClientOptions{}
	opts.Transport = c
	client, err := container.NewClientFromConnectionString(connection, name, opts)
	require.NoError(t, err)
	_, err = client.Create(t.Context(), nil)
	require.NoError(t, err)
	return name
}

// makeAccount makes an account on versitygw that may do everything.
func makeAccount(t testing.TB, sv testserver.S3Server) (access, secret string) {
	access, secret = "u"+rand.Text(), rand.Text()
	body, err := xml.Marshal(struct {
		XMLName              xml.Name `xml:"Account"`
		Access, Secret, Role string
	}{Access: access, Secret: secret, Role: "admin"})
	require.NoError(t, err)
	administer(t, sv, "/create-user", body, http.StatusCreated)
	return access, secret
}

func deleteAccount(t testing.TB, sv testserver.S3Server, access string) {
	administer(t, sv, "/delete-user?access="+access, nil, http.StatusOK)
}

// administer calls the admin API of versitygw.
func administer(t testing.TB, sv testserver.S3Server, path string, body []byte, want int) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, sv.Endpoint+path, bytes.NewReader(body))
	require.NoError(t, err)
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	q.Header.Set("X-Amz-Content-Sha256", hash)
	root := aws.Credentials{AccessKeyID: sv.AccessKey, SecretAccessKey: sv.SecretKey}
	require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), root, q, hash, "s3", testserver.Region, time.Now()))
	c := newConnections()
	defer c.CloseIdleConnections()
	res, err := c.Do(q)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, want, res.StatusCode)
}

// proxy stands before a server.
func proxy(t testing.TB, target string, look func(http.ResponseWriter, *http.Request) (pass bool)) string {
	u, err := url.Parse(target)
	require.NoError(t, err)
	c := newConnections()
	t.Cleanup(c.CloseIdleConnections)
	pass := &httputil.ReverseProxy{
		Rewrite: func(q *httputil.ProxyRequest) {
			q.Out.URL.Scheme, q.Out.URL.Host = u.Scheme, u.Host
			q.Out.Host = q.In.Host // it is signed
		},
		Transport: c.Transport,
	}
	sv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if look(w, q) {
			pass.ServeHTTP(w, q)
		}
	}))
	t.Cleanup(sv.Close)
	return sv.URL
}

// rotate swaps a key while 8 workers create objects, and takes the old key from the server at the same moment. No creation may fail.
func rotate(t *testing.T, s storage.Store, swap, revoke func(), usesOfOld *atomic.Int64) {
	const workers, size = 8, 200 << 10
	audio := bytes.Repeat([]byte("voice"), size/5)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var created [workers]int
	more := sync.NewCond(&sync.Mutex{})
	// all waits until every worker has created n more objects.
	all := func(n int) {
		more.L.Lock()
		defer more.L.Unlock()
		from := created
		for w := range created {
			for created[w] < from[w]+n && ctx.Err() == nil {
				more.Wait()
			}
		}
	}
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_, err := s.Create(t.Context(), fmt.Sprintf("w%d/%d", w, i), bytes.NewReader(audio), nil)
				more.L.Lock()
				if assert.NoError(t, err) {
					created[w]++
				} else {
					stop()
				}
				more.L.Unlock()
				more.Broadcast()
			}
		})
	}
	all(5)
	require.NotZero(t, usesOfOld.Load())
	swap()
	revoke()
	all(2) // what was under way is over
	before := usesOfOld.Load()
	all(10)
	assert.Equal(t, before, usesOfOld.Load(), "the old key is not used any more")
	stop()
	running.Wait()

	want, got := 0, 0
	for _, n := range created {
		want += n
	}
	for info, err := range storage.All(t.Context(), s, nil) {
		require.NoError(t, err)
		require.EqualValues(t, len(audio), info.Size)
		got++
	}
	assert.Equal(t, want, got, "every creation that was acknowledged is there, once")
	t.Log("created", got)
}

func TestRotatingThePairOfS3FailsNoCreation(t *testing.T) {
	sv := testserver.S3(t)
	access1, secret1 := makeAccount(t, sv)
	access2, secret2 := makeAccount(t, sv)
	var old atomic.Int64
	endpoint := proxy(t, sv.Endpoint, func(_ http.ResponseWriter, q *http.Request) bool {
		if strings.Contains(q.Header.Get("Authorization"), "Credential="+access1+"/") {
			old.Add(1)
		}
		return true
	})
	keysOf := func(access, secret string) map[string]string {
		return map[string]string{"here.access-key-id": access + "\n", "here.secret-access-key": secret + "\n"}
	}
	v := mount(t, keysOf(access1, secret1))
	c := &Config{StorageInterface: S3, CurrentRegion: "here", SecretDirectory: v.dir, Regions: map[string]Region{
		"here": {Bucket: newBucket(t, sv), BucketRegion: testserver.Region, Endpoint: endpoint, PathStyle: true},
	}}
	regions, err := c.Open(t.Context())
	require.NoError(t, err)
	defer regions.Stores["here"].Close()
	rotate(t, regions.Stores["here"],
		func() { v.swap(t, keysOf(access2, secret2)) },
		func() { deleteAccount(t, sv, access1) }, &old)
}

// Azurite has one account with two keys for as long as it runs, so a proxy before it takes one of them only: it computes the signature of every request anew.
func TestRotatingTheKeyOfAzureFailsNoCreationBehindAProxyThatTakesOneKey(t *testing.T) {
	account, _ := azure(t)
	second := testserver.AzureSecondKey(t)
	var key atomic.Value
	var old, refused atomic.Int64
	key.Store(account.key)
	root, path, _ := strings.Cut(strings.TrimPrefix(account.endpoint, "http://"), "/")
	endpoint := proxy(t, "http://"+root, func(w http.ResponseWriter, q *http.Request) bool {
		given := q.Header.Get("Authorization")
		if given == signature(t, q, account.name, account.key) {
			old.Add(1)
		}
		if given == signature(t, q, account.name, key.Load().(string)) {
			return true
		}
		refused.Add(1)
		w.Header().Set("X-Ms-Error-Code", "AuthenticationFailed")
		http.Error(w, "<Error><Code>AuthenticationFailed</Code></Error>", http.StatusForbidden)
		return false
	})
	v := mount(t, map[string]string{"here.account-key": account.key})
	c := &Config{StorageInterface: BlobStorage, CurrentRegion: "here", SecretDirectory: v.dir, Regions: map[string]Region{
		"here": {Account: account.name, Container: newContainer(t), Endpoint: endpoint + "/" + path},
	}}
	regions, err := c.Open(t.Context())
	require.NoError(t, err)
	defer regions.Stores["here"].Close()
	rotate(t, regions.Stores["here"],
		func() { v.swap(t, map[string]string{"here.account-key": second + "\n"}) },
		func() { key.Store(second) }, &old)
	t.Log("refused", refused.Load())
}

// signature returns the Authorization header that a request must have. See "Authorize with Shared Key" in the reference of the service.
func signature(t testing.TB, q *http.Request, account, key string) string {
	length := ""
	if q.ContentLength > 0 {
		length = strconv.FormatInt(q.ContentLength, 10)
	}
	lines := []string{q.Method, q.Header.Get("Content-Encoding"), q.Header.Get("Content-Language"), length}
	for _, name := range []string{"Content-MD5", "Content-Type", "Date", "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"} {
		lines = append(lines, q.Header.Get(name))
	}
	for _, name := range slices.Sorted(maps.Keys(q.Header)) {
		if strings.HasPrefix(name, "X-Ms-") {
			lines = append(lines, strings.ToLower(name)+":"+q.Header.Get(name))
		}
	}
	lines = append(lines, "/"+account+q.URL.EscapedPath())
	query := q.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		lines = append(lines, strings.ToLower(name)+":"+strings.Join(query[name], ","))
	}
	secret, err := base64.StdEncoding.DecodeString(key)
	assert.NoError(t, err)
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(strings.Join(lines, "\n")))
	return "SharedKey " + account + ":" + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestARefusedRequestIsSentAgainAsAWhole(t *testing.T) {
	v := mount(t, map[string]string{"access-key-id": "old", "secret-access-key": "x"})
	body := strings.Repeat("voice", 50_000)
	var requests []string
	sv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		got, err := io.ReadAll(q.Body)
		assert.NoError(t, err)
		sum := sha256.Sum256(got)
		assert.Equal(t, hex.EncodeToString(sum[:]), q.Header.Get("X-Amz-Content-Sha256"), "what is signed is what is sent")
		assert.Equal(t, body, string(got))
		_, credential, _ := strings.Cut(q.Header.Get("Authorization"), "Credential=")
		access, _, _ := strings.Cut(credential, "/")
		requests = append(requests, access)
		if access == "old" {
			v.swap(t, map[string]string{"access-key-id": "new", "secret-access-key": "y"})
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer sv.Close()
	c := newConnections()
	defer c.CloseIdleConnections()
	p := place{kind: S3, region: Region{BucketRegion: "r", Endpoint: sv.URL, PathStyle: true}, secrets: v.dir, files: fileNames("", Region{})}
	client, err := p.s3Client(t.Context(), c)
	require.NoError(t, err)
	_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("x"), Body: strings.NewReader(body)}, func(o *s3.Options) {
		o.Retryer, o.RequestChecksumCalculation = aws.NopRetryer{}, aws.RequestChecksumCalculationWhenRequired
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"old", "new"}, requests)
}
