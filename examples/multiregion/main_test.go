package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/internal/testserver/testurl"
)

func multiregion(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), &out, args)
	require.NoError(t, err, out.String())
	return out.String()
}

func checkStory(t *testing.T, out string) {
	t.Helper()
	assert.Contains(t, out, "Preview: 4 messages match", "the forwarded copy is the caller's, too")
	assert.Equal(t, 2, strings.Count(out, "is restricted, 4 messages; it can be undone for 19h30m0s and is erased within 24h0m0s"))
	assert.Contains(t, out, "case DSR-2026-17 is undone, and all is as it was\n    5001   0 new, 1 old\n    5002   1 new, 0 old\n    sales  3 new, 0 old\n")
	assert.Contains(t, out, "Sweep after 18h30m0s: 0 cases decided, the next is due in 1h0m0s")
	assert.Contains(t, out, "4 messages erased, in all regions")
	assert.Contains(t, out, "an independent search finds nothing, 1 receipt")
	assert.Contains(t, out, "the number and the recordings: nothing\n")
	assert.Contains(t, out, "Grace's message still plays")
	receipt := out[strings.Index(out, "The receipt"):strings.Index(out, "Raw search")]
	assert.NotContains(t, receipt, "5550100001")
	assert.NotRegexp(t, `\b5001\b`, receipt, "no mailbox")
}

func TestACallerIsForgottenInThreeDirectories(t *testing.T) {
	dir := t.TempDir()
	checkStory(t, multiregion(t, "-dir", dir))
	rawscan.Require(t.Context(), t, rawscan.Scan{
		More:   map[string]rawscan.Source{"volumes": rawscan.Dir(dir)},
		Tenant: "default", Numbers: []string{ada},
	})
}

func TestNothingStaysBehindWithoutADirectory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	multiregion(t)
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestBadArgumentsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-nonsense"}, {"surplus"}, {"-dublin", "http://example.com"}} {
		require.Error(t, run(t.Context(), &bytes.Buffer{}, args))
	}
}

func TestACallerIsForgottenInThreeKindsOfStorage(t *testing.T) {
	dublin, oregon := testurl.Azure(t, "multiregion"), testurl.S3(t, "multiregion")
	checkStory(t, multiregion(t, "-dir", t.TempDir(), "-dublin", dublin, "-oregon", oregon))
}
