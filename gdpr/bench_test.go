package gdpr_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/storage/pvstore"
)

// A forget on a volume beside the creates that it cannot do without: a mark for each message, as many at a time, and the four records of the case. The metric "ratio" is
// how many times as long it takes.
func BenchmarkForgetOnAVolume(b *testing.B) {
	for _, messages := range []int{10, 100} {
		b.Run(fmt.Sprint(messages), func(b *testing.B) {
			ctx := b.Context()
			dir := b.TempDir()
			require.NoError(b, pvstore.Init(ctx, dir))
			st, err := pvstore.Open(ctx, dir, nil)
			require.NoError(b, err)
			svc, err := voicemail.Open(ctx, voicemail.OneRegion(st), nil)
			require.NoError(b, err)
			box, err := svc.CreateMailbox(ctx, "5001", nil)
			require.NoError(b, err)
			for range messages {
				_, err := box.Deposit(ctx, strings.NewReader("RIFF"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID(frequent)})
				require.NoError(b, err)
			}
			c, err := gdpr.New(svc, nil)
			require.NoError(b, err)
			var forgetting, creating time.Duration
			n := 0
			for b.Loop() {
				n++
				start := time.Now()
				_, err := c.ForgetMe(ctx, askFor("case"))
				forgetting += time.Since(start)
				require.NoError(b, err)

				start = time.Now()
				create := func(name string, empty bool) {
					body := strings.NewReader(`{"v":1}`)
					if empty {
						body = strings.NewReader("")
					}
					if _, err := st.Create(ctx, fmt.Sprintf("bare/%d/%s", n, name), body, nil); err != nil {
						b.Error(err)
					}
				}
				for record, empty := range map[string]bool{"case": false, "subject": false, "due": true, "marked": true} {
					create(record, empty)
				}
				var wg sync.WaitGroup
				free := make(chan struct{}, 16)
				for i := range messages {
					free <- struct{}{}
					wg.Go(func() { create(fmt.Sprintf("marks/%d", i), true); <-free })
				}
				wg.Wait()
				creating += time.Since(start)

				_, err = c.UndoForgetMe(ctx, askFor("case"))
				require.NoError(b, err)
			}
			b.ReportMetric(float64(forgetting)/float64(creating), "ratio")
			b.ReportMetric(float64(forgetting.Milliseconds())/float64(n), "ms/forget")
			b.ReportMetric(0, "ns/op")
		})
	}
}
