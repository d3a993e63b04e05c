package blobstore

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

// zeros is a body of so many zeros that takes no memory.
type zeros struct{ size, off int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.off == z.size {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.size-z.off)
	clear(p[:n])
	z.off += n
	return int(n), nil
}

func (z *zeros) Seek(offset int64, whence int) (int64, error) {
	z.off = offset
	if whence == io.SeekEnd {
		z.off += z.size
	}
	return z.off, nil
}

func TestCreateIsOneConditionalRequestAtEverySize(t *testing.T) {
	a := &fakeAccount{}
	s := openFake(t, a, Options{})
	for _, size := range []int64{0, 1, 4<<20 + 1, 256<<20 + 1} { // from 256 MiB on the SDK's own upload makes blocks, and passes over the condition
		var requests int
		var got int64
		a.intercept = func(req *http.Request) (*http.Response, error) {
			requests++
			require.Equal(t, http.MethodPut, req.Method)
			require.Empty(t, req.URL.RawQuery)
			require.Equal(t, size, req.ContentLength)
			header := http.Header{}
			for k, v := range req.Header {
				header.Set(k, v[0])
			}
			require.Equal(t, "*", header.Get("If-None-Match"))
			require.Equal(t, "caller_id=%2B15551234567", header.Get("x-ms-tags"))
			require.Equal(t, "audio/wav", header.Get("x-ms-blob-content-type"))
			if req.Body != nil {
				n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{req.Body}, make([]byte, 32<<10))
				require.NoError(t, err)
				got = n
			}
			return answer(req, 201, nil, nil), nil
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		info, err := s.Create(t.Context(), "v1/a", &zeros{size: size}, &storage.CreateOptions{ContentType: "audio/wav", Tags: map[string]string{"caller_id": "+15551234567"}})
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.Equal(t, size, info.Size)
		require.Equal(t, size, got)
		require.Equal(t, 1, requests)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), "the body is not kept in memory")
	}
	a.intercept = func(*http.Request) (*http.Response, error) { return nil, errors.New("not to be sent") }
	_, err := s.Create(t.Context(), "v1/a", &zeros{size: 5000<<20 + 1}, nil)
	require.ErrorIs(t, err, storage.ErrInvalid)
	require.NotContains(t, err.Error(), "sent")
}

// touched is a body that, as most, must not be used by two at once: under the race detector that is seen.
type touched struct {
	io.ReadSeeker
	reads int
}

func (b *touched) Read(p []byte) (int, error) {
	b.reads++
	return b.ReadSeeker.Read(p[:min(len(p), 100)])
}

func TestCreateLeavesTheBodyAloneWhenItReturns(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut { // answered before the body is read
			w.Header().Set("x-ms-error-code", "BlobAlreadyExists")
			w.WriteHeader(http.StatusConflict)
			return
		}
		w.Header().Set("Content-Length", "0")
	}))
	defer server.Close()
	client, err := container.NewClientWithNoCredential(server.URL+"/account/container", nil)
	require.NoError(t, err)
	s := openStore(t, client, nil)
	body := &touched{ReadSeeker: strings.NewReader(strings.Repeat("x", 8<<20))}
	for range 20 {
		_, err := s.Create(t.Context(), "v1/a", body, nil)
		require.ErrorIs(t, err, storage.ErrExists)
		body.reads = 0
		_, err = body.Seek(0, io.SeekStart)
		require.NoError(t, err)
		_, err = io.CopyN(io.Discard, body, 100_000)
		require.NoError(t, err)
	}
}

func TestTagsAreEscapedSoThatTheyCanBeReadBack(t *testing.T) {
	unescape := func(s string) string {
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			if s[i] == '=' {
				b.WriteByte(hex(s[i+1])<<4 | hex(s[i+2]))
				i += 2
				continue
			}
			b.WriteByte(s[i])
		}
		return b.String()
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, text := range []string{"", string(all), "=40", "@", "+15551234567", "sip:a@b;c=d"} {
		escaped := escapeTag(text)
		require.Equal(t, text, unescape(escaped))
		require.NotContains(t, escaped, "'")
		require.Empty(t, strings.Trim(escaped, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 +-./:=_"), "every byte is one that the service takes")
	}
}

func hex(c byte) byte { return byte(strings.IndexByte("0123456789ABCDEF", c)) }
