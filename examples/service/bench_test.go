package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkBesideAFileServer plays and deposits a recording of 102 KiB through the service on a volume, and through the least that can do so: http.FileServer, and a handler that writes a file and
// syncs it. Both sides take turns on one machine; ratio is the time of the service by that of the other one.
func BenchmarkBesideAFileServer(b *testing.B) {
	dir := b.TempDir()
	recording, err := speech.ReadFile("demo/meeting.wav")
	require.NoError(b, err)
	require.NoError(b, os.WriteFile(filepath.Join(dir, "meeting.wav"), recording, 0o600))
	bare := http.NewServeMux()
	bare.Handle("GET /", http.FileServer(http.Dir(dir)))
	var n atomic.Int64
	bare.HandleFunc("PUT /", func(w http.ResponseWriter, r *http.Request) {
		name := filepath.Join(dir, fmt.Sprint(n.Add(1)))
		if err := write(name, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	plain := httptest.NewServer(bare)
	defer plain.Close()
	url, stop := start(b, "-dir", filepath.Join(dir, "volume"))
	defer stop()

	var page struct{ Messages []struct{ Recording string } }
	require.NoError(b, json.Unmarshal(send(b, "dev-agent7", "GET", url+"/voicemail/v1/mailboxes/5001/messages", "", nil), &page))
	contentType, form := depositForm(b, recording)
	for _, bb := range []struct {
		name          string
		service, bare func()
	}{
		{"play", func() { send(b, "dev-agent7", "GET", url+page.Messages[0].Recording, "", nil) }, func() { send(b, "", "GET", plain.URL+"/meeting.wav", "", nil) }},
		{"deposit", func() { send(b, "dev-switch", "POST", url+"/voicemail/v1/mailboxes/6001/messages", contentType, form) },
			func() { send(b, "", "PUT", plain.URL+"/x", "audio/wav", recording) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var service, bare time.Duration
			for b.Loop() {
				start := time.Now()
				bb.service()
				middle := time.Now()
				bb.bare()
				service += middle.Sub(start)
				bare += time.Since(middle)
			}
			b.ReportMetric(float64(service)/float64(bare), "ratio")
			b.ReportMetric(float64(service.Microseconds())/float64(b.N), "service-µs")
		})
	}
}

// write stores a file so that it lasts.
func write(name string, body io.Reader) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, body); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

func depositForm(b *testing.B, recording []byte) (contentType string, body []byte) {
	var buf bytes.Buffer
	m := multipart.NewWriter(&buf)
	for _, part := range []struct {
		name, contentType string
		content           []byte
	}{{"message", "application/json", []byte(`{"caller": "+1 555 010 0142"}`)}, {"audio", "audio/wav", recording}} {
		p, err := m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + part.name + `"`}, "Content-Type": {part.contentType}})
		require.NoError(b, err)
		_, err = p.Write(part.content)
		require.NoError(b, err)
	}
	require.NoError(b, m.Close())
	return m.FormDataContentType(), buf.Bytes()
}

func send(b *testing.B, secret, method, url, contentType string, body []byte) []byte {
	r, err := http.NewRequestWithContext(b.Context(), method, url, bytes.NewReader(body))
	require.NoError(b, err)
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	r.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(b, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(b, err)
	require.Less(b, resp.StatusCode, 300, "%s", got)
	return got
}
