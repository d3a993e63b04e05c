package api_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/examples/service/internal/api"
)

// heap is how many bytes the objects on the heap take.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func TestTwoHundredListenersAndFiftyDepositorsLoseNothing(t *testing.T) {
	const listeners, depositors, each = 200, 50, 4
	w := newWorld(t, setup{api: api.Options{StreamsPerUser: listeners}, gap: time.Second})
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = listeners + depositors
	defer transport.CloseIdleConnections()
	w.plain = &http.Client{Transport: transport}
	audio := wav(8000)
	first := w.left("5001")

	var streams []*listener
	for range listeners {
		l := w.listen("secret-agent7", events)
		require.Equal(t, http.StatusOK, l.status)
		streams = append(streams, l)
	}
	before := heap()
	var most atomic.Uint64
	watching, stop := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-watching.Done():
				return
			case <-tick.C:
				most.Store(max(most.Load(), heap()))
			}
		}
	}()

	var wg sync.WaitGroup
	var acknowledged, heard atomic.Int64
	for i := range depositors {
		wg.Go(func() {
			for n := range each {
				contentType, body := form(t, fmt.Sprintf(`{"callId": "%d-%d"}`, i, n), audio)
				r := w.do(w.plain, "secret-switch", http.MethodPost, boxes+"/5001/messages", contentType, body)
				if assert.Equal(t, http.StatusCreated, r.status, "%s", r.body) {
					acknowledged.Add(1)
				}
			}
		})
	}
	for _, l := range streams {
		wg.Go(func() {
			for last := 0; last < 1+depositors*each; {
				now := l.next("5001").Counts.New
				if !assert.Greater(t, now, last, "states come in order") {
					return
				}
				last = now
				r := w.do(w.plain, "secret-agent7", http.MethodGet, first.Recording, "", nil)
				assert.Equal(t, http.StatusOK, r.status)
				assert.True(t, bytes.Equal(wav(800), r.body))
			}
			heard.Add(1)
		})
	}
	wg.Wait()
	stop()
	<-watched
	assert.EqualValues(t, depositors*each, acknowledged.Load())
	assert.EqualValues(t, listeners, heard.Load(), "every listener has seen the last state")
	n, _ := w.counts("secret-agent7", "5001")
	assert.Equal(t, 1+depositors*each, n)
	assert.Less(t, most.Load()-min(before, most.Load()), uint64(128<<20), "bytes on the heap")
	for _, line := range w.log.lines(t) {
		assert.Less(t, line["status"], 500.0)
	}
}
