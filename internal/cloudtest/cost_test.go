package cloudtest

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

// counter counts the requests that go to a server, by what they ask for.
type counter struct {
	mu    sync.Mutex
	spent requests
}

// requests are how many of each sort there were.
type requests struct{ put, get, head, list, remove, other int }

func (c *counter) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		c.mu.Lock()
		q := r.URL.Query()
		switch {
		case r.Method == http.MethodGet && (q.Get("comp") == "list" || q.Has("list-type")):
			c.spent.list++
		case r.Method == http.MethodDelete || q.Has("delete") || q.Get("comp") == "batch":
			c.spent.remove++
		case len(q) > 0 && q.Get("x-id") == "":
			c.spent.other++
		case r.Method == http.MethodPut:
			c.spent.put++
		case r.Method == http.MethodGet:
			c.spent.get++
		case r.Method == http.MethodHead:
			c.spent.head++
		default:
			c.spent.other++
		}
		c.mu.Unlock()
		return next.RoundTrip(r)
	})
}

// of returns what f asked for.
func (c *counter) of(f func()) requests {
	c.take()
	f()
	return c.take()
}

func (c *counter) take() requests {
	c.mu.Lock()
	defer c.mu.Unlock()
	spent := c.spent
	c.spent = requests{}
	return spent
}

// A storage call is one request: what the root package's table of costs says in calls, a bill says in these.
func TestAnOperationCostsOneRequestForEachStorageCall(t *testing.T) {
	for _, cloud := range clouds {
		t.Run(cloud.name, func(t *testing.T) {
			t.Parallel()
			ctx, c := t.Context(), &counter{}
			store := cloud.open(t, c.wrap)
			opts := &voicemail.Options{Normalize: func(n string) string { return "+1" + n }}
			svc, err := voicemail.Open(ctx, voicemail.OneRegion(store), opts)
			require.NoError(t, err)
			box, err := svc.CreateMailbox(ctx, "5001", nil)
			require.NoError(t, err)
			_, err = box.Settings(ctx)
			require.NoError(t, err)
			_, err = svc.Settings(ctx) // which deposits go by for two minutes
			require.NoError(t, err)
			require.NoError(t, store.Delete(ctx, "v1/none")) // the first deletion of a Store on Azure looks whether versions are kept
			var msg voicemail.Message
			caller := voicemail.ParseCallerID("+15551234567")
			deposit := func() {
				msg, err = box.Deposit(ctx, strings.NewReader(strings.Repeat("x", 50_000)), &voicemail.DepositOptions{Caller: caller})
				require.NoError(t, err)
			}
			find := func(want int) {
				n := 0
				for _, err := range svc.FindByCaller(ctx, caller) {
					require.NoError(t, err)
					n++
				}
				require.Equal(t, want, n)
			}
			for _, row := range []struct {
				name string
				run  func()
				want requests
				why  string
			}{
				{"deposit", deposit, requests{put: 3, list: 1}, "index, audio, metadata; and a look at the mailbox"},
				{"counts", func() {
					n, err := box.Counts(ctx)
					require.NoError(t, err)
					require.Equal(t, voicemail.Counts{New: 1}, n)
				}, requests{list: 1}, "nothing is opened"},
				{"mark read", func() { require.NoError(t, msg.MarkRead(ctx)) }, requests{put: 1, list: 1}, "beside each other"},
				{"mark unread", func() { require.NoError(t, msg.MarkUnread(ctx)) }, requests{remove: 1, list: 2}, "one after the other, and another look: is it about to go?"},
				{"start of playback", func() {
					r, err := msg.Open(ctx)
					require.NoError(t, err)
					_, err = io.ReadFull(r, make([]byte, 1000))
					require.NoError(t, err)
					require.NoError(t, r.Close())
				}, requests{get: 1, list: 1}, "beside each other"},
				{"find", func() { find(1) }, requests{list: 3}, "the index twice, and a look; what was deposited here is in the cache"},
				{"deposit again", deposit, requests{put: 3, list: 1}, "it costs the same when there are others"},
				{"find, cold", func() {
					svc, err = voicemail.Open(ctx, voicemail.OneRegion(store), opts)
					require.NoError(t, err)
					c.take()
					find(2)
				}, requests{list: 4, get: 2}, "the index twice; a look and a read for each"},
				{"find, warm", func() { find(2) }, requests{list: 4}, "a look for each"},
			} {
				require.Equal(t, row.want, c.of(row.run), "%s: %s", row.name, row.why)
			}
		})
	}
}
