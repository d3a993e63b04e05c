package pvstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

// durableWrite is what a careful program does to put bytes into a file: the yardstick of Create.
func durableWrite(dir, name string, body []byte) error {
	temp := filepath.Join(dir, ".tmp")
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(body); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// BenchmarkCreate reports the time of a Create of 80 KB, and of a mark, over that of one durable write of 80 KB.
func BenchmarkCreate(b *testing.B) {
	dir := volume(b)
	s := open(b, dir, nil)
	body := bytes.Repeat([]byte("voice"), 16<<10)
	folder := filepath.Join(dir, "v1/tenant/media/plain")
	require.NoError(b, os.MkdirAll(folder, 0o700))
	var ours, mark, plain time.Duration
	n := 0
	for b.Loop() {
		n++
		key := fmt.Sprintf("%019d", n)
		t0 := time.Now()
		_, err := s.Create(b.Context(), "v1/tenant/media/5001/"+key, bytes.NewReader(body), nil)
		t1 := time.Now()
		_, err2 := s.Create(b.Context(), "v1/tenant/box/5001/"+key, nil, nil)
		t2 := time.Now()
		err3 := durableWrite(folder, key, body)
		t3 := time.Now()
		require.NoError(b, err)
		require.NoError(b, err2)
		require.NoError(b, err3)
		ours, mark, plain = ours+t1.Sub(t0), mark+t2.Sub(t1), plain+t3.Sub(t2)
	}
	b.ReportMetric(float64(ours)/float64(plain), "create/write")
	b.ReportMetric(float64(mark)/float64(plain), "mark/write")
	b.ReportMetric(float64(plain.Microseconds())/float64(n), "µs/write")
}

// BenchmarkListKeysOnly reports the time of listing a mailbox of 1,000 names over that of os.ReadDir.
func BenchmarkListKeysOnly(b *testing.B) {
	dir := volume(b)
	s := open(b, dir, nil)
	const names = 1000
	folder := filepath.Join(dir, "v1/tenant/box/5001")
	require.NoError(b, os.MkdirAll(folder, 0o700))
	for i := range names {
		name := fmt.Sprintf("0192f5e1-7d4a-7c3b-9f00-%012x-0.vm.json", i*7919%names)
		require.NoError(b, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
	}
	opts := &storage.ListOptions{Prefix: "v1/tenant/box/5001/", KeysOnly: true}
	var ours, plain time.Duration
	for b.Loop() {
		t0 := time.Now()
		page, err := s.List(context.Background(), opts)
		t1 := time.Now()
		entries, err2 := os.ReadDir(folder)
		t2 := time.Now()
		require.NoError(b, err)
		require.NoError(b, err2)
		require.Len(b, page.Objects, len(entries))
		ours, plain = ours+t1.Sub(t0), plain+t2.Sub(t1)
	}
	b.ReportMetric(float64(ours)/float64(plain), "list/readdir")
}
