package blobstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/testserver"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/storagetest"
)

// newContainer makes a container of its own for the test and returns a client of it, whose requests go through transport; nil is the usual one.
func newContainer(t testing.TB, transport policy.Transporter) *container.Client {
	t.Helper()
	name := "t-" + strings.ToLower(rand.Text())
	connection := testserver.Azure(t)
	admin, err := container.NewClientFromConnectionString(connection, name, nil)
	require.NoError(t, err)
	_, err = admin.Create(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = admin.Delete(context.Background(), nil) }) // what others leave makes Azurite slow
	client, err := container.NewClientFromConnectionString(connection, name, &container.ClientOptions{ClientOptions: policy.ClientOptions{Transport: transport}})
	require.NoError(t, err)
	return client
}

func openStore(t testing.TB, client *container.Client, opts *Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), client, opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestConformanceOnAzurite(t *testing.T) { conform(t, nil) }

func TestConformanceOnAzuriteBelowAPrefix(t *testing.T) {
	conform(t, &Options{Prefix: "voice/mail", PageSize: 7})
}

func conform(t *testing.T, opts *Options) {
	storagetest.Run(t, func(t *testing.T) storage.Store {
		return openStore(t, newContainer(t, nil), opts)
	}, &storagetest.Options{
		Rounds:      6,
		Reopen:      func(t *testing.T, s storage.Store) storage.Store { return openStore(t, s.(*Store).container, opts) },
		Undeletable: func(t *testing.T, s storage.Store, key string) { takeLease(t, s.(*Store), key) },
	})
}

// takeLease leases an object for ever, so that it cannot be deleted.
func takeLease(t *testing.T, s *Store, key string) {
	t.Helper()
	c, err := lease.NewBlobClient(s.container.NewBlobClient(s.prefix+key), nil)
	require.NoError(t, err)
	_, err = c.AcquireLease(t.Context(), -1, nil)
	require.NoError(t, err)
}

func BenchmarkStoreOnAzurite(b *testing.B) {
	storagetest.Bench(b, func(b *testing.B) storage.Store { return openStore(b, newContainer(b, nil), nil) })
}

// counter counts requests by method and what they ask for.
type counter struct {
	mu   sync.Mutex
	seen map[string]int
}

func (c *counter) Do(req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	if c.seen == nil {
		c.seen = make(map[string]int)
	}
	c.seen[strings.TrimSpace(req.Method+" "+req.URL.Query().Get("comp"))]++
	c.mu.Unlock()
	return http.DefaultClient.Do(req)
}

// take returns what was counted since it was last called.
func (c *counter) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.seen
	c.seen = nil
	return seen
}

func TestEachOperationCostsTheRequestsItMust(t *testing.T) {
	c := &counter{}
	client := newContainer(t, c)
	ctx := t.Context()
	var s *Store
	var many []string
	for i := range 600 {
		many = append(many, fmt.Sprintf("v1/many/%03d", i))
	}
	tags := map[string]string{"caller_id": "+15551234567"}
	for _, row := range []struct {
		name string
		run  func() error
		want map[string]int
	}{
		{"first open", func() error { s = openStore(t, client, nil); return nil }, map[string]int{"PUT": 2, "GET properties": 1, "HEAD": 1}},
		{"open", func() error { s = openStore(t, client, nil); return nil }, map[string]int{"PUT": 1, "GET properties": 1, "HEAD": 1}},
		{"create", func() error {
			return errOf(s.Create(ctx, "v1/a", strings.NewReader("x"), &storage.CreateOptions{Tags: tags}))
		}, map[string]int{"PUT": 1}},
		{"create of 17 MiB", func() error { return errOf(s.Create(ctx, "v1/large", bytes.NewReader(make([]byte, 17<<20)), nil)) }, map[string]int{"PUT": 1}},
		{"refused create", func() error { return refused(errOf(s.Create(ctx, "v1/a", nil, nil))) }, map[string]int{"PUT": 1}},
		{"stat", func() error { return errOf(s.Stat(ctx, "v1/a")) }, map[string]int{"HEAD": 1}},
		{"open object and read", func() error { return errOf(storage.ReadFile(ctx, s, "v1/a", 10)) }, map[string]int{"GET": 1}},
		{"list", func() error { return errOf(s.List(ctx, nil)) }, map[string]int{"GET list": 1}},
		{"find", func() error {
			for _, err := range s.FindByTag(ctx, "caller_id", tags["caller_id"]) {
				return err
			}
			return errors.New("not found")
		}, map[string]int{"GET blobs": 1, "HEAD": 1}},
		{"sign", func() error { return errOf(s.SignURL(ctx, "v1/a", time.Minute)) }, nil},
		{"first delete, which looks for versions", func() error { return s.Delete(ctx, "v1/large") }, map[string]int{"DELETE": 1, "GET list": 1}},
		{"delete", func() error { return s.Delete(ctx, "v1/a") }, map[string]int{"DELETE": 1}},
		{"delete of 600", func() error { return s.Delete(ctx, many...) }, map[string]int{"POST batch": 3}},
		{"ping", func() error { return errOf(s.Ping(ctx)) }, map[string]int{"PUT": 1, "GET": 1, "DELETE": 1}},
	} {
		require.NoError(t, row.run(), row.name)
		require.Equal(t, row.want, c.take(), row.name)
	}
}

func errOf[T any](_ T, err error) error { return err }

func refused(err error) error {
	if errors.Is(err, storage.ErrExists) {
		return nil
	}
	return fmt.Errorf("not refused: %w", err)
}

// lossy is a proxy in front of Azurite that loses every tenth reply after the work was done.
func lossy(t *testing.T) (*container.Client, *atomic.Int64) {
	t.Helper()
	connection := make(map[string]string)
	for part := range strings.SplitSeq(testserver.Azure(t), ";") {
		name, value, _ := strings.Cut(part, "=")
		connection[name] = value
	}
	target, err := url.Parse(connection["BlobEndpoint"])
	require.NoError(t, err)
	var replies, lost atomic.Int64
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: target.Scheme, Host: target.Host}) },
		ModifyResponse: func(*http.Response) error {
			if replies.Add(1)%10 == 0 {
				lost.Add(1)
				return errors.New("lost")
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // closes the connection without a word
	})
	t.Cleanup(proxy.Close)
	through := strings.Replace(testserver.Azure(t), target.Host, strings.TrimPrefix(proxy.URL, "http://"), 1)
	direct, err := url.Parse(newContainer(t, nil).URL())
	require.NoError(t, err)
	name := direct.Path[strings.LastIndex(direct.Path, "/")+1:]
	client, err := container.NewClientFromConnectionString(through, name, nil)
	require.NoError(t, err)
	return client, &lost
}

func TestNoCreateIsLostDoubledOrFalselyRefused(t *testing.T) {
	const names, contested, workers = 2000, 200, 16
	client, lost := lossy(t)
	s := openStore(t, client, nil)
	s.tries = 6           // so that losing all of them, which has other rules, does not happen here
	s.looked = time.Now() // a look for versions is a request for each name
	type attempt struct {
		key, content string
		err          error
	}
	attempts := make([]attempt, 0, names+contested)
	for i := range names {
		attempts = append(attempts, attempt{key: fmt.Sprintf("v1/%04d", i), content: fmt.Sprintf("first of %d", i)})
		if i < contested {
			attempts = append(attempts, attempt{key: fmt.Sprintf("v1/%04d", i), content: fmt.Sprintf("first of %d", i)}) // the same content too
		}
	}
	s.concurrency = workers
	s.each(len(attempts), func(i int) error {
		a := &attempts[i]
		_, a.err = s.Create(t.Context(), a.key, strings.NewReader(a.content), nil)
		return a.err
	})
	require.Greater(t, lost.Load(), int64(names/10))
	winners := make(map[string]int)
	for _, a := range attempts {
		if a.err == nil {
			winners[a.key]++
			continue
		}
		require.ErrorIs(t, a.err, storage.ErrExists)
		require.Less(t, a.key, fmt.Sprintf("v1/%04d", contested), "nobody else wanted it")
	}
	require.Len(t, winners, names)
	for key, n := range winners {
		require.Equal(t, 1, n, key)
	}
	listed := 0
	for _, err := range storage.All(t.Context(), s, nil) {
		require.NoError(t, err)
		listed++
	}
	require.Equal(t, names, listed)
	for _, a := range attempts[:50] {
		got, err := storage.ReadFile(t.Context(), s, a.key, 100)
		require.NoError(t, err)
		require.Equal(t, a.content, string(got))
	}
	keys := slices.Collect(func(yield func(string) bool) {
		for key := range winners {
			if !yield(key) {
				return
			}
		}
	})
	require.NoError(t, s.Delete(t.Context(), keys...), "replies to batches are lost too")
	page, err := s.List(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, page.Objects)
}

func TestTagsComeBackAsTheyWereSet(t *testing.T) {
	// Azurite cannot page through a search: it cuts first and filters then. The fake account can.
	s := openStore(t, newContainer(t, nil), &Options{Prefix: "in"})
	outside := openStore(t, s.container, nil)
	values := []struct{ value, stored string }{
		{"+15551234567", "+15551234567"},
		{"15551234567", "15551234567"}, // another one
		{" 15551234567", " 15551234567"},
		{"sip:alice@example.com;user=phone", "sip:alice=40example.com=3Buser=3Dphone"},
		{"sip:alice=40example.com", "sip:alice=3D40example.com"}, // not what the one before could be taken for
		{`it's "quoted"`, "it=27s =22quoted=22"},
		{"*67 555/1.2-3_4:5", "=2A67 555/1.2-3_4:5"},
		{"Zoë", "Zo=C3=AB"},
		{"x' AND @container='other", "x=27 AND =40container=3D=27other"},
	}
	for i, v := range values {
		for j := range 5 {
			key := fmt.Sprintf("v1/%d/%d", i, j)
			_, err := s.Create(t.Context(), key, nil, &storage.CreateOptions{Tags: map[string]string{"caller_id": v.value, "kind": "test"}})
			require.NoError(t, err, v.value)
			if j == 0 {
				got, err := s.container.NewBlobClient("in/"+key).GetTags(t.Context(), nil)
				require.NoError(t, err)
				found := map[string]string{}
				for _, tag := range got.BlobTagSet {
					found[*tag.Key] = *tag.Value
				}
				require.Equal(t, map[string]string{"caller_id": v.stored, "kind": "test"}, found)
			}
		}
		_, err := outside.Create(t.Context(), fmt.Sprintf("out/%d", i), nil, &storage.CreateOptions{Tags: map[string]string{"caller_id": v.value}})
		require.NoError(t, err)
	}
	for i, v := range values {
		require.NoError(t, s.Delete(t.Context(), fmt.Sprintf("v1/%d/3", i)))
		var got []string
		for key, err := range s.FindByTag(t.Context(), "caller_id", v.value) {
			require.NoError(t, err, v.value)
			got = append(got, key)
		}
		var want []string
		for _, j := range []int{0, 1, 2, 4} {
			want = append(want, fmt.Sprintf("v1/%d/%d", i, j))
		}
		require.ElementsMatch(t, want, got, v.value)
	}
	for range s.FindByTag(t.Context(), "caller_id", "nobody") {
		require.Fail(t, "found")
	}
}

func TestATagThatCannotBeIsLeftOut(t *testing.T) {
	s := openStore(t, newContainer(t, nil), nil)
	tags := map[string]string{"empty": "", "long": strings.Repeat("1", 257), "escaped": strings.Repeat("@", 90), strings.Repeat("n", 129): "x", "": "x", "fits": strings.Repeat("@", 85)}
	for i := range 12 {
		tags[fmt.Sprintf("g%02d", i)] = "x"
	}
	_, err := s.Create(t.Context(), "v1/a", nil, &storage.CreateOptions{Tags: tags})
	require.NoError(t, err)
	got, err := s.container.NewBlobClient("v1/a").GetTags(t.Context(), nil)
	require.NoError(t, err)
	var names []string
	for _, tag := range got.BlobTagSet {
		names = append(names, *tag.Key)
	}
	require.ElementsMatch(t, []string{"fits", "g00", "g01", "g02", "g03", "g04", "g05", "g06", "g07", "g08"}, names, "ten, in the order of their names")
	for _, value := range []string{"", tags["long"], tags["escaped"]} {
		for key, err := range s.FindByTag(t.Context(), "long", value) {
			require.Empty(t, key)
			require.ErrorIs(t, err, storage.ErrInvalid)
		}
	}
}

func TestALinkReadsOneObjectUntilItEnds(t *testing.T) {
	s := openStore(t, newContainer(t, nil), &Options{Prefix: "in"})
	fill(t, s, "v1/a=b~c,d", "v1/other")
	link, err := s.SignURL(t.Context(), "v1/a=b~c,d", 90*time.Second)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(90*time.Second), link.Expires, 2*time.Second)
	fetch := func(method, address string, body io.Reader) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, address, body)
		require.NoError(t, err)
		req.Header.Set("x-ms-blob-type", "BlockBlob")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(b)
	}
	status, body := fetch(http.MethodGet, link.Reveal(), nil)
	require.Equal(t, 200, status)
	require.Equal(t, "v1/a=b~c,d", body)
	status, _ = fetch(http.MethodPut, link.Reveal(), strings.NewReader("x"))
	require.Equal(t, 403, status, "it is for reading")
	status, _ = fetch(http.MethodDelete, link.Reveal(), nil)
	require.Equal(t, 403, status, "it is for reading")
	escaped := "a=b~c,d"
	if !strings.Contains(link.Reveal(), escaped) {
		escaped = url.PathEscape(escaped)
	}
	require.Contains(t, link.Reveal(), escaped)
	status, _ = fetch(http.MethodGet, strings.Replace(link.Reveal(), escaped, "other", 1), nil)
	require.Equal(t, 403, status, "it is for one object")
	require.NoError(t, s.Delete(t.Context(), "v1/a=b~c,d"))
	status, _ = fetch(http.MethodGet, link.Reveal(), nil)
	require.Equal(t, 404, status)

	q, err := url.Parse(link.Reveal())
	require.NoError(t, err)
	require.Equal(t, link.Expires.Format(time.RFC3339), q.Query().Get("se"), "what is told is what holds")
	_, err = s.SignURL(t.Context(), "v1/a", 7*24*time.Hour)
	require.NoError(t, err)
	for _, ttl := range []time.Duration{0, -1, 7*24*time.Hour + 1} {
		_, err = s.SignURL(t.Context(), "v1/a", ttl)
		require.ErrorIs(t, err, storage.ErrInvalid)
	}
}

func TestABatchNamesWhatItCouldNotDelete(t *testing.T) {
	s := openStore(t, newContainer(t, nil), nil)
	var keys []string
	for i := range 300 {
		keys = append(keys, fmt.Sprintf("v1/%03d", i))
	}
	require.NoError(t, errors.Join(s.each(len(keys), func(i int) error {
		_, err := s.Create(t.Context(), keys[i], nil, nil)
		return err
	})...))
	stuck := []string{"v1/007", "v1/255", "v1/256"}
	for _, key := range stuck {
		takeLease(t, s, key)
	}
	err := s.Delete(t.Context(), append([]string{"v1/absent"}, keys...)...)
	require.ErrorIs(t, err, storage.ErrBlocked)
	require.Equal(t, stuck, storage.FailedKeys(err))
	page, err := s.List(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, page.Objects, len(stuck))
}

func TestAContainerThatIsNotThereIsNoEmptyStore(t *testing.T) {
	client := newContainer(t, nil)
	s := openStore(t, client, nil)
	_, err := client.Delete(t.Context(), nil)
	require.NoError(t, err)
	_, err = Open(t.Context(), client, nil)
	require.ErrorIs(t, err, storage.ErrUnsuitable)
	_, err = s.Stat(t.Context(), "v1/a")
	require.ErrorIs(t, err, storage.ErrUnavailable)
	_, err = s.Open(t.Context(), "v1/a", nil)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	_, err = s.List(t.Context(), nil)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	_, err = s.Create(t.Context(), "v1/a", nil, nil)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.ErrorIs(t, s.Delete(t.Context(), "v1/a"), storage.ErrUnavailable)
	require.ErrorIs(t, s.Delete(t.Context(), "v1/a", "v1/b"), storage.ErrUnavailable)
}

func TestAHalfOpenConnectionEndsWithinTheBound(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close() // it accepts, as the kernel does, and never says a word
	client, err := container.NewClientWithNoCredential("http://"+l.Addr().String()+"/account/container", nil)
	require.NoError(t, err)
	s, err := newStore(client, &Options{TryTimeout: 100 * time.Millisecond, Tries: 2})
	require.NoError(t, err)
	start := time.Now()
	_, err = s.Create(t.Context(), "v1/a", bytes.NewReader(make([]byte, 64<<20)), nil)
	require.ErrorIs(t, err, storage.ErrUnavailable, "more than the kernel's buffers take")
	_, err = s.Open(t.Context(), "v1/a", nil)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.Less(t, time.Since(start), 10*time.Second)
}
