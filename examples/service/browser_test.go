package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/gdpr"
	"github.com/genesys/voicemail/internal/testserver"
)

// scenes are what holds of the pages in a browser. Each is a function in the directory browser.
var scenes = []struct{ name, why string }{
	{"aDepositChangesTheBadge", "an agent must not have to reload to see that somebody called"},
	{"playingSeeks", "a long message is not heard from the beginning for the number at its end"},
	{"aForgottenMessageVanishes", "what is restricted is in nobody's sight, nor in what is already open"},
	{"theKeyboardIsEnough", "not everybody has a mouse"},
	{"theTrashKeepsAndDeletes", "deleting is the one thing that cannot be undone"},
	{"aForwardedMessageArrives", "with what was written to go with it; what did not arrive is said"},
	{"aCallerIsSearchedFor", "in all mailboxes that somebody has, and the number stays out of addresses and storage"},
	{"whatCameMeanwhileIsThere", "connections break"},
	{"nobodyIsLetInWithoutASecret", "also not with one that is over"},
	{"thePagesAreAccessible", "for everybody, in light and dark, on a desk and in a hand"},
	{"theOfficerExports", "a caller may ask for what there is of them"},
	{"aNumberIsMadeSureOf", "other ways to write a number are shown, and that of an office is not erased by mistake"},
	{"theReceiptsAreShown", "an erasure is to be proved"},
	{"onlyTheOfficerAnswersRequests", "an agent has no business with the callers of others"},
}

// TestThePages plays each scene in Chromium against a service of its own. Screenshots are kept in testdata/screenshots.
func TestThePages(t *testing.T) {
	browser := testserver.Browser(t)
	screenshots, err := filepath.Abs(filepath.Join("testdata", "screenshots"))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(screenshots, 0o755))
	args := []string{filepath.Join("browser", "run.mjs")}
	for _, scene := range scenes {
		volume := filepath.Join(t.TempDir(), "volume")
		if scene.name == "theReceiptsAreShown" {
			erased(t, volume)
		}
		url, _ := start(t, "-dir", volume)
		args = append(args, scene.name+"="+url)
	}
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Env = append(os.Environ(), "CHROMIUM="+browser.Path, "MODULES="+browser.Modules, "SCREENSHOTS="+screenshots)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	results := json.NewDecoder(out)
	for _, scene := range scenes {
		t.Run(scene.name, func(t *testing.T) {
			var result struct{ Scene, Failure string }
			require.NoError(t, results.Decode(&result), "the browser has ended")
			require.Equal(t, scene.name, result.Scene)
			assert.Empty(t, result.Failure, scene.why)
		})
	}
	assert.NoError(t, cmd.Wait(), "%s", &complaints)
}

// erased leaves the receipt of a caller on a volume who was forgotten in time.
func erased(t *testing.T, volume string) {
	t.Helper()
	ctx := t.Context()
	regions, err := demoVolume(ctx, volume)
	require.NoError(t, err)
	now := time.Now().Add(-30 * time.Hour)
	svc, err := voicemail.Open(ctx, regions, &voicemail.Options{Tenant: "demo", Now: func() time.Time { return now }})
	require.NoError(t, err)
	box, err := svc.CreateMailbox(ctx, "7001", nil)
	require.NoError(t, err)
	_, err = box.Deposit(ctx, strings.NewReader("speech"), &voicemail.DepositOptions{Caller: voicemail.ParseCallerID("+1 555 010 0123")})
	require.NoError(t, err)
	officer, err := gdpr.New(svc, &gdpr.Options{MaxSkew: 48 * time.Hour})
	require.NoError(t, err)
	request, err := gdpr.ParseRequest(strings.NewReader(`{"caseid": "DSR-2025-1", "consumers": [{"consumer": [{"phone": "+15550100123"}]}]}`))
	require.NoError(t, err)
	request.Actor = "officer"
	_, err = officer.ForgetMe(ctx, request)
	require.NoError(t, err)
	for range 24 {
		now = now.Add(time.Hour)
		_, err = officer.Sweep(ctx)
		require.NoError(t, err)
	}
	for _, store := range regions.Stores {
		require.NoError(t, store.Close())
	}
}
