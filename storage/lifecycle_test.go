package storage_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func TestAnAgeLimitIsOfWholeFoldersAndNoShorterThanTwoDays(t *testing.T) {
	for _, row := range []struct {
		limits []storage.AgeLimit
		legal  bool
		why    string
	}{
		{nil, true, "none"},
		{[]storage.AgeLimit{{"v1/acme/media/", 2}, {"v1/acme/", math.MaxInt32}}, true, "a folder, and one around it"},
		{[]storage.AgeLimit{{"v1/acme/media/", 1}}, false, "shorter than a rule can keep"},
		{[]storage.AgeLimit{{"v1/acme/media/", 0}}, false, "left out"},
		{[]storage.AgeLimit{{"v1/acme/media/", -2}}, false, "negative"},
		{[]storage.AgeLimit{{"v1/acme/media/", math.MaxInt32 + 1}}, false, "no storage has that number"},
		{[]storage.AgeLimit{{"v1/acme", 30}}, false, "v1/acme2 starts so, too"},
		{[]storage.AgeLimit{{"", 30}}, false, "everything there is"},
		{[]storage.AgeLimit{{"V1/", 30}}, false, "no name starts so"},
		{[]storage.AgeLimit{{"v1/acme/", 30}, {"v1/acme/", 40}}, false, "which one?"},
	} {
		err := storage.CheckAgeLimits(row.limits)
		if row.legal {
			require.NoError(t, err, row.why)
			continue
		}
		require.ErrorIs(t, err, storage.ErrInvalid, row.why)
		require.NotContains(t, err.Error(), "acme", row.why)
	}
}
