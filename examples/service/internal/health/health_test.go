package health_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/examples/service/internal/health"
	"github.com/genesys/voicemail/storage/faultstore"
	"github.com/genesys/voicemail/storage/memstore"
)

func TestOnlyTheLocalRegionKeepsTheServiceFromBeingReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, master := faultstore.New(memstore.New(nil)), faultstore.New(memstore.New(nil))
		p := health.New(voicemail.Regions{Master: "eu", Local: "us", Stores: map[string]voicemail.Store{"eu": master, "us": here}}, slog.New(slog.DiscardHandler), nil)
		assert.Equal(t, health.Ready, p.Status())
		down := faultstore.Fault{Op: faultstore.Ping, Times: faultstore.Always, Delay: faultstore.Forever}
		master.Set(down)
		assert.Equal(t, health.Ready, p.Status(), "as it was a moment ago")
		time.Sleep(5 * time.Second)
		start := time.Now()
		assert.Equal(t, health.Degraded, p.Status(), "deposits wait for the master region")
		assert.LessOrEqual(t, time.Since(start), 5*time.Second, "a region that hangs")
		here.Set(down)
		time.Sleep(5 * time.Second)
		assert.Equal(t, health.Unavailable, p.Status())
	})
}
