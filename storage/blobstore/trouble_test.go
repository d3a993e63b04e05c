package blobstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

// call is one call on a store that asks the service.
type call struct {
	name string
	run  func(ctx context.Context, s *Store) error
}

func calls() []call {
	return []call{
		{"create", func(ctx context.Context, s *Store) error {
			_, err := s.Create(ctx, "v1/secret", strings.NewReader("x"), &storage.CreateOptions{Tags: map[string]string{"caller_id": "+15551234567"}})
			return err
		}},
		{"open", func(ctx context.Context, s *Store) error { _, err := s.Open(ctx, "v1/secret", nil); return err }},
		{"stat", func(ctx context.Context, s *Store) error { _, err := s.Stat(ctx, "v1/secret"); return err }},
		{"delete", func(ctx context.Context, s *Store) error { return s.Delete(ctx, "v1/secret") }},
		{"delete many", func(ctx context.Context, s *Store) error { return s.Delete(ctx, "v1/secret", "v1/secret-2") }},
		{"delete more", func(ctx context.Context, s *Store) error {
			keys := []string{"v1/secret"}
			for i := range 1000 {
				keys = append(keys, fmt.Sprintf("v1/secret-%d", i))
			}
			return s.Delete(ctx, keys...)
		}},
		{"list", func(ctx context.Context, s *Store) error {
			_, err := s.List(ctx, &storage.ListOptions{Prefix: "v1/secret"})
			return err
		}},
		{"list folders", func(ctx context.Context, s *Store) error {
			_, err := s.List(ctx, &storage.ListOptions{Prefix: "v1/secret", Delimiter: "/"})
			return err
		}},
		{"find", func(ctx context.Context, s *Store) error {
			for _, err := range s.FindByTag(ctx, "caller_id", "+15551234567") {
				return err
			}
			return nil
		}},
		{"sign", func(ctx context.Context, s *Store) error {
			_, err := s.SignURL(ctx, "v1/secret", time.Minute)
			return err
		}},
		{"retention", func(ctx context.Context, s *Store) error { _, err := s.Retention(ctx); return err }},
		{"ping", func(ctx context.Context, s *Store) error { _, err := s.Ping(ctx); return err }},
		{"open store", func(ctx context.Context, s *Store) error {
			_, err := Open(ctx, s.container, nil)
			return err
		}},
	}
}

func TestEveryCallOnAHungServiceEndsWithinItsBound(t *testing.T) {
	for _, c := range calls() {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &fakeAccount{}
				s := openFake(t, a, Options{})
				a.intercept = func(req *http.Request) (*http.Response, error) {
					<-req.Context().Done()
					return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL, context.Cause(req.Context()))
				}
				start := time.Now()
				err := c.run(t.Context(), s)
				require.ErrorIs(t, err, storage.ErrUnavailable)
				require.Contains(t, err.Error(), "no reply in time")
				require.LessOrEqual(t, time.Since(start), 31*time.Second)
				require.Greater(t, time.Since(start), 9*time.Second)

				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start = time.Now()
				err = c.run(ctx, s)
				require.ErrorIs(t, err, context.DeadlineExceeded, "the caller's own deadline is the caller's error")
				require.NotErrorIs(t, err, storage.ErrUnavailable)
				require.LessOrEqual(t, time.Since(start), 6*time.Second)
			})
		})
	}
}

func TestADeleteOnAServiceThatHangsHalfWayEndsWithinItsBound(t *testing.T) {
	for _, hangs := range []string{"list", "batch"} { // while versions are looked for, while they are deleted
		synctest.Test(t, func(t *testing.T) {
			a := &fakeAccount{versioning: true}
			s := openFake(t, a, Options{})
			var keys []string
			for i := range 600 {
				keys = append(keys, fmt.Sprintf("v1/%03d", i))
			}
			fill(t, s, keys...)
			batches := 0
			a.intercept = func(req *http.Request) (*http.Response, error) {
				what := req.URL.Query().Get("comp")
				if what == "batch" {
					batches++
				}
				if what == hangs && (what == "list" || batches > 3) {
					<-req.Context().Done()
					return nil, context.Cause(req.Context())
				}
				return nil, nil
			}
			start := time.Now()
			err := s.Delete(t.Context(), keys...)
			require.ErrorIs(t, err, storage.ErrUnavailable)
			require.Equal(t, keys, storage.FailedKeys(err), "of each a version is left, or may be")
			require.LessOrEqual(t, time.Since(start), 62*time.Second)
		})
	}
}

// slowBody gives so many bytes, with a gap before each, and then none until it is given up.
type slowBody struct {
	io.Reader
	left int
	gap  time.Duration
	ctx  context.Context
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		<-b.ctx.Done()
		return 0, context.Cause(b.ctx)
	}
	b.left--
	time.Sleep(b.gap) // virtual time
	return b.Reader.Read(p[:1])
}

func (b *slowBody) Close() error { return nil }

func TestSlownessIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const content = "a hundred bytes would do as well"
		a := &fakeAccount{}
		s := openFake(t, a, Options{})
		// A body that takes its time, as a recording does, is not the service's fault.
		body := &pausingBody{ReadSeeker: strings.NewReader(content), gap: time.Minute}
		_, err := s.Create(t.Context(), "v1/a", body, nil)
		require.NoError(t, err)

		sent := -1
		a.intercept = func(req *http.Request) (*http.Response, error) {
			if req.Method != http.MethodGet {
				return nil, nil
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			resp := a.get(req, "v1/a")
			left := len(content)
			if sent >= 0 {
				left = sent
			}
			resp.Body = &slowBody{Reader: resp.Body, left: left, gap: 9 * time.Second, ctx: req.Context()}
			return resp, nil
		}
		o, err := s.Open(t.Context(), "v1/a", nil)
		require.NoError(t, err)
		got, err := io.ReadAll(o)
		require.NoError(t, err)
		require.Equal(t, content, string(got))

		sent = 0 // the head of a reply, and no byte of it
		o, err = s.Open(t.Context(), "v1/a", nil)
		require.NoError(t, err)
		start := time.Now()
		_, err = io.ReadAll(o)
		require.ErrorIs(t, err, storage.ErrUnavailable)
		require.Equal(t, 30*time.Second, time.Since(start))
		require.NoError(t, o.Close())
	})
}

type pausingBody struct {
	io.ReadSeeker
	gap time.Duration
}

func (b *pausingBody) Read(p []byte) (int, error) {
	time.Sleep(b.gap) // virtual time
	return b.ReadSeeker.Read(p[:min(len(p), 7)])
}

func TestAReadGoesOnWhereAConnectionBroke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		content := bytes.Repeat([]byte("0123456789abcde"), 1000)
		a := &fakeAccount{}
		s := openFake(t, a, Options{})
		_, err := s.Create(t.Context(), "v1/a", bytes.NewReader(content), nil)
		require.NoError(t, err)
		for _, how := range []error{syscall.ECONNRESET, io.ErrUnexpectedEOF, io.EOF} { // io.EOF: a reply that ends early without a word
			a.intercept = func(req *http.Request) (*http.Response, error) {
				if req.Method != http.MethodGet || !strings.HasSuffix(req.URL.Path, "/v1/a") {
					return nil, nil
				}
				a.mu.Lock()
				defer a.mu.Unlock()
				canonical := req.Clone(req.Context())
				canonical.Header = http.Header{}
				for k, v := range req.Header {
					canonical.Header[http.CanonicalHeaderKey(k)] = v
				}
				resp := a.get(canonical, "v1/a")
				resp.Body = io.NopCloser(&breaking{resp.Body, 777, how})
				return resp, nil
			}
			o, err := s.Open(t.Context(), "v1/a", &storage.OpenOptions{Offset: 5, Length: 10_000})
			require.NoError(t, err)
			got, err := io.ReadAll(o)
			require.NoError(t, err)
			require.Equal(t, content[5:10_005], got)
			require.NoError(t, o.Close())
		}
		for _, again := range []bool{false, true} {
			o, err := s.Open(t.Context(), "v1/a", nil)
			require.NoError(t, err)
			_, err = io.ReadFull(o, make([]byte, 100))
			require.NoError(t, err)
			require.NoError(t, s.Delete(t.Context(), "v1/a"))
			if again {
				_, err := s.Create(t.Context(), "v1/a", bytes.NewReader(content), nil)
				require.NoError(t, err)
			}
			_, err = io.ReadAll(o)
			require.ErrorIs(t, err, storage.ErrNotExist, "deleted meanwhile; created again: %t", again)
			require.NoError(t, o.Close())
			_ = s.Delete(t.Context(), "v1/a")
			_, err = s.Create(t.Context(), "v1/a", bytes.NewReader(content), nil)
			require.NoError(t, err)
		}
	})
}

// breaking ends with an error after some bytes.
type breaking struct {
	io.Reader
	left int
	err  error
}

func (b *breaking) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, b.err
	}
	n, err := b.Reader.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func TestNoErrorTellsMoreThanStatusCodeAndRequest(t *testing.T) {
	replies := []struct {
		status int
		code   string
		want   error
	}{
		{400, "InvalidQueryParameterValue", storage.ErrInvalid},
		{401, "NoAuthenticationInformation", storage.ErrPermission},
		{403, "AuthenticationFailed", storage.ErrPermission},
		{403, "AuthorizationPermissionMismatch", storage.ErrPermission},
		{404, "ContainerNotFound", storage.ErrUnavailable},
		{404, "", storage.ErrUnavailable}, // of a proxy: it does not say that there is no such object
		{409, "ContainerBeingDeleted", storage.ErrUnavailable},
		{429, "TooManyRequests", storage.ErrUnavailable},
		{500, "InternalError", storage.ErrUnavailable},
		{503, "ServerBusy", storage.ErrUnavailable},
		{500, "secret v1/secret +15551234567", storage.ErrUnavailable},
	}
	check := func(t *testing.T, err, want error) {
		t.Helper()
		require.ErrorIs(t, err, want)
		var se *storage.Error
		require.ErrorAs(t, err, &se)
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", errors.Unwrap(err))} {
			for _, secret := range []string{"secret", fakeHost, "fakeaccount", fakeContainer, "http", "555", "caller", "://", "Message", "10.0.0.1"} {
				require.NotContains(t, text, secret)
			}
		}
	}
	for _, c := range calls() {
		for _, r := range replies {
			t.Run(fmt.Sprintf("%s %d %s", c.name, r.status, r.code), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := &fakeAccount{}
					s := openFake(t, a, Options{})
					a.intercept = func(req *http.Request) (*http.Response, error) {
						resp := refuse(req, r.status, r.code)
						resp.Header.Set("x-ms-request-id", "0f0f-1")
						if req.Method == http.MethodHead {
							resp.Body = http.NoBody
						}
						return resp, nil
					}
					want := r.want
					if c.name == "open store" && r.code == "ContainerNotFound" {
						want = storage.ErrUnsuitable
					}
					err := c.run(t.Context(), s)
					check(t, err, want)
					if !errors.Is(want, storage.ErrUnsuitable) {
						require.Contains(t, err.Error(), fmt.Sprint(r.status))
						require.Contains(t, err.Error(), "0f0f-1")
					}
				})
			})
		}
		t.Run(c.name+" without a reply", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &fakeAccount{}
				s := openFake(t, a, Options{})
				for _, cause := range []error{syscall.ECONNREFUSED, io.ErrUnexpectedEOF, errors.New("what nobody foresaw")} {
					a.intercept = func(req *http.Request) (*http.Response, error) {
						return nil, fmt.Errorf("dial 10.0.0.1 %s %s: %w", req.Method, req.URL, cause)
					}
					check(t, c.run(t.Context(), s), storage.ErrUnavailable)
				}
			})
		})
	}
}

func TestAPassingErrorIsTriedAgain(t *testing.T) {
	for _, c := range calls() {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &fakeAccount{}
				s := openFake(t, a, Options{})
				if c.name != "create" {
					fill(t, s, "v1/secret")
				}
				var n atomic.Int32
				a.intercept = func(req *http.Request) (*http.Response, error) {
					if n.Add(1) > 2 {
						return nil, nil
					}
					resp := refuse(req, 503, "ServerBusy")
					resp.Header.Set("Retry-After", "2")
					return resp, nil
				}
				start := time.Now()
				require.NoError(t, c.run(t.Context(), s))
				require.GreaterOrEqual(t, time.Since(start), 4*time.Second, "the service asked to be left alone")
			})
		})
	}
}

func TestABatchTriesAgainWhatFailedInPassing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &fakeAccount{}
		s := openFake(t, a, Options{})
		fill(t, s, "v1/a", "v1/b", "v1/c")
		tries := map[string]int{}
		a.beforeDelete = func(req *http.Request, name string) *http.Response {
			if tries[name]++; name == "v1/b" && tries[name] < 3 {
				return refuse(req, 503, "ServerBusy")
			}
			return nil
		}
		require.NoError(t, s.Delete(t.Context(), "v1/a", "v1/b", "v1/c"))
		require.Equal(t, map[string]int{"v1/a": 1, "v1/b": 3, "v1/c": 1}, tries)
		require.Empty(t, a.all("v1/b"))
	})
}

func TestALostReplyIsNoConflict(t *testing.T) {
	// What the service did with the first request, whose reply is lost, and what a second creator did in between.
	for _, row := range []struct {
		why      string
		done     bool
		meantime func(t *testing.T, s *Store)
		want     error
	}{
		{"it was not done", false, nil, nil},
		{"it was done", true, nil, nil},
		{"it was not done, and somebody else was faster, with the same content", false, func(t *testing.T, s *Store) { fill(t, s, "v1/a") }, storage.ErrExists},
		{"it was done, and deleted, and created by somebody else", true, func(t *testing.T, s *Store) {
			require.NoError(t, s.Delete(t.Context(), "v1/a"))
			fill(t, s, "v1/a")
		}, storage.ErrExists},
	} {
		for _, status := range []int{0, 500} {
			t.Run(fmt.Sprintf("%s %d", row.why, status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := &fakeAccount{}
					s := openFake(t, a, Options{})
					other := openFake(t, a, Options{})
					first := true
					a.intercept = func(req *http.Request) (*http.Response, error) {
						if req.Method != http.MethodPut || !first {
							return nil, nil
						}
						first = false
						if row.done {
							_, err := a.Do(req)
							require.NoError(t, err)
						}
						if row.meantime != nil {
							row.meantime(t, other)
						}
						if status != 0 {
							return refuse(req, status, "OperationTimedOut"), nil
						}
						return nil, io.ErrUnexpectedEOF
					}
					info, err := s.Create(t.Context(), "v1/a", strings.NewReader("v1/a"), nil)
					require.ErrorIs(t, err, row.want)
					if row.want == nil {
						require.NoError(t, err)
						require.Equal(t, int64(4), info.Size)
						require.False(t, info.Modified.IsZero())
						stat, err := s.Stat(t.Context(), "v1/a")
						require.NoError(t, err)
						require.Equal(t, stat, info)
					}
				})
			})
		}
	}
}

func TestOpenRefusesAServerThatLetsASecondCreateWin(t *testing.T) {
	a := &fakeAccount{}
	openFake(t, a, Options{})
	for _, proved := range []bool{false, true} {
		if !proved {
			a = &fakeAccount{}
		}
		a.intercept = func(req *http.Request) (*http.Response, error) {
			req.Header.Del("If-None-Match")
			return nil, nil
		}
		_, err := Open(t.Context(), a.container(t), nil)
		require.ErrorIs(t, err, storage.ErrUnsuitable)
		require.ErrorContains(t, err, "If-None-Match")
		a = &fakeAccount{}
		openFake(t, a, Options{}) // proved once, by another server
	}
}

func TestOpenNeedsNoRightButToCreate(t *testing.T) {
	a := &fakeAccount{}
	a.intercept = func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPut {
			return nil, nil
		}
		return refuse(req, 403, "AuthorizationPermissionMismatch"), nil
	}
	s := openFake(t, a, Options{})
	fill(t, s, "v1/a")
	// A second time the service may say that overwriting is not allowed, in the place of that there is a blob.
	puts := a.intercept
	a.intercept = func(req *http.Request) (*http.Response, error) {
		a.mu.Lock()
		taken := a.current(strings.TrimPrefix(req.URL.Path, "/"+fakeContainer+"/")) != nil
		a.mu.Unlock()
		if req.Method == http.MethodPut && taken {
			return refuse(req, 403, "UnauthorizedBlobOverwrite"), nil
		}
		return puts(req)
	}
	s = openFake(t, a, Options{})
	_, err := s.Create(t.Context(), "v1/a", nil, nil)
	require.ErrorIs(t, err, storage.ErrExists)
	fill(t, s, "v1/b")
}

func TestPingNamesWhatCannotBeDone(t *testing.T) {
	for method, what := range map[string]string{http.MethodPut: "create", http.MethodGet: "read", http.MethodDelete: "delete"} {
		a := &fakeAccount{}
		s := openFake(t, a, Options{})
		a.intercept = func(req *http.Request) (*http.Response, error) {
			if req.Method == method {
				return refuse(req, 403, "AuthorizationPermissionMismatch"), nil
			}
			return nil, nil
		}
		_, err := s.Ping(t.Context())
		require.ErrorIs(t, err, storage.ErrPermission)
		require.ErrorContains(t, err, "cannot "+what)
	}
}

func TestPingTellsHowFarTheClocksAreApart(t *testing.T) {
	a := &fakeAccount{}
	s := openFake(t, a, Options{})
	a.intercept = func(req *http.Request) (*http.Response, error) {
		if req.Method != http.MethodPut {
			return nil, nil
		}
		a.intercept = nil
		resp, err := a.Do(req)
		resp.Header.Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		return resp, err
	}
	h, err := s.Ping(t.Context())
	require.NoError(t, err)
	require.InDelta(t, time.Hour.Seconds(), h.Skew.Seconds(), 2)
}

func TestIllegalOptionsAreRefused(t *testing.T) {
	c := (&fakeAccount{}).container(t)
	for _, o := range []Options{
		{Prefix: "/a"}, {Prefix: "a/"}, {Prefix: "A"}, {Prefix: strings.Repeat("a", 200) + "/" + strings.Repeat("a", 30)},
		{TryTimeout: -1}, {Tries: -1}, {PageSize: -1}, {Concurrency: -1},
	} {
		_, err := Open(t.Context(), c, &o)
		require.ErrorIs(t, err, storage.ErrInvalid, "%+v", o)
	}
	_, err := Open(t.Context(), nil, nil)
	require.ErrorIs(t, err, storage.ErrInvalid)
	_, err = openStore(t, c, nil).Create(t.Context(), "a", nil, &storage.CreateOptions{ContentType: "audio/wav\r\nx-ms-tags: a=b"})
	require.ErrorIs(t, err, storage.ErrInvalid)
}
