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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// beside is the service on a volume, and the least that can make the same transfers: http.FileServer, and a handler that writes a file and syncs it.
type beside struct {
	client        *http.Client
	service, bare string // URLs
	recording     []byte
	played        string // the URL of a recording in the service, which the bare server has at /meeting.wav
	contentType   string
	form          []byte // of a deposit
}

func newBeside(b *testing.B) *beside {
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
	b.Cleanup(plain.Close)
	url, _ := start(b, "-dir", filepath.Join(dir, "volume"))
	transport := &http.Transport{MaxIdleConnsPerHost: 250}
	b.Cleanup(transport.CloseIdleConnections)
	s := &beside{client: &http.Client{Transport: transport}, service: url, bare: plain.URL, recording: recording}
	var page struct {
		Messages []struct {
			Size      int
			Recording string
		}
	}
	require.NoError(b, json.Unmarshal(s.send(b, "dev-agent7", "GET", url+"/voicemail/v1/mailboxes/5001/messages", "", nil), &page))
	for _, m := range page.Messages {
		if m.Size == len(recording) {
			s.played = url + m.Recording
		}
	}
	require.NotEmpty(b, s.played)
	s.contentType, s.form = depositForm(b, recording)
	return s
}

func (s *beside) play(b *testing.B)     { s.send(b, "dev-agent7", "GET", s.played, "", nil) }
func (s *beside) barePlay(b *testing.B) { s.send(b, "", "GET", s.bare+"/meeting.wav", "", nil) }

func (s *beside) deposit(b *testing.B, mailbox string) {
	s.send(b, "dev-switch", "POST", s.service+"/voicemail/v1/mailboxes/"+mailbox+"/messages", s.contentType, s.form)
}
func (s *beside) bareDeposit(b *testing.B) {
	s.send(b, "", "PUT", s.bare+"/x", "audio/wav", s.recording)
}

// compare has both sides take turns on one machine. ratio is the time of the service by that of the bare server.
func compare(b *testing.B, service, bare func()) {
	var spent, least time.Duration
	for b.Loop() {
		start := time.Now()
		service()
		middle := time.Now()
		bare()
		spent += middle.Sub(start)
		least += time.Since(middle)
	}
	b.ReportMetric(float64(spent)/float64(least), "ratio")
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "service-µs")
}

// BenchmarkBesideAFileServer plays and deposits a recording of 102 KiB, one after the other.
func BenchmarkBesideAFileServer(b *testing.B) {
	s := newBeside(b)
	b.Run("play", func(b *testing.B) { compare(b, func() { s.play(b) }, func() { s.barePlay(b) }) })
	b.Run("deposit", func(b *testing.B) { compare(b, func() { s.deposit(b, "6001") }, func() { s.bareDeposit(b) }) })
}

// BenchmarkBesideAFileServerUnderLoad has 200 listeners play that recording once, and 50 depositors leave it once in a mailbox each, all at the same time.
func BenchmarkBesideAFileServerUnderLoad(b *testing.B) {
	const listeners, depositors = 200, 50
	s := newBeside(b)
	for i := range depositors {
		s.send(b, "dev-admin", "POST", s.service+"/voicemail/v1/mailboxes", "application/json", fmt.Appendf(nil, `{"id": "load-%d"}`, i))
	}
	all := func(play, deposit func(i int)) func() {
		return func() {
			var wg sync.WaitGroup
			for i := range listeners {
				wg.Go(func() { play(i) })
			}
			for i := range depositors {
				wg.Go(func() { deposit(i) })
			}
			wg.Wait()
		}
	}
	service := all(func(int) { s.play(b) }, func(i int) { s.deposit(b, fmt.Sprintf("load-%d", i)) })
	bare := all(func(int) { s.barePlay(b) }, func(int) { s.bareDeposit(b) })
	plays := all(func(int) { s.play(b) }, func(int) {})
	barePlays := all(func(int) { s.barePlay(b) }, func(int) {})
	b.Run("both", func(b *testing.B) { compare(b, service, bare) })
	b.Run("listeners only", func(b *testing.B) { compare(b, plays, barePlays) })
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

func (s *beside) send(b *testing.B, secret, method, url, contentType string, body []byte) []byte {
	r, err := http.NewRequestWithContext(b.Context(), method, url, bytes.NewReader(body))
	require.NoError(b, err)
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	r.Header.Set("Content-Type", contentType)
	resp, err := s.client.Do(r)
	require.NoError(b, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(b, err)
	require.Less(b, resp.StatusCode, 300, "%s", got)
	return got
}
