package keys_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail/internal/keys"
)

func TestReferencesAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyRef().Draw(t, "ref")
		got, err := keys.ParseRef(want.String())
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
}

func TestParseRefRefusesWhatIsNeverWritten(t *testing.T) {
	for in, why := range map[string]string{
		"":                                       "empty",
		id:                                       "no hop",
		id + "-":                                 "no hop",
		id + "-00":                               "a leading zero",
		id + "-01":                               "a leading zero",
		id + "--1":                               "negative",
		id + "-+1":                               "a sign",
		id + "-1 ":                               "a space",
		id + "-100000":                           "more moves than possible",
		id + "_1":                                "no hyphen",
		" " + id + "-1":                          "a space",
		id + "-99999999999999999999":             "overflow",
		"01920000-0000-7000-8000-00000000000A-1": "upper case",
		"01920000-0000-4000-8000-000000000001-1": "UUID version 4",
		"01920000-0000-7000-c000-000000000001-1": "another variant of UUID",
		"0192000000007000800000000000000000000-1": "no hyphens",
	} {
		_, err := keys.ParseRef(in)
		assert.ErrorIs(t, err, keys.ErrID, why)
	}
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{id + "-0", id + "-99999", id + "-01", id, ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := keys.ParseRef(s)
		if err != nil {
			return
		}
		assert.Equal(t, s, ref.String())
		assert.NoError(t, keys.CheckID(ref.ID))
		_, err = keys.Time(ref.ID)
		assert.NoError(t, err)
	})
}

func TestTheTimeOfAnIDIsReadInUTC(t *testing.T) {
	for in, want := range map[string]time.Time{
		"00000000-0000-7000-8000-000000000000": time.UnixMilli(0),
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398f": time.Date(2022, 2, 22, 19, 22, 22, 0, time.UTC), // the example of RFC 9562, appendix A.6
	} {
		got, err := keys.Time(in)
		require.NoError(t, err)
		assert.True(t, want.Equal(got), "%v", got)
		assert.Equal(t, time.UTC, got.Location())
	}
	_, err := keys.Time("5001")
	assert.ErrorIs(t, err, keys.ErrID)
}

// The month folder of a tombstone depends on the ID alone, never on the zone of the host.
func TestATombstoneLiesInTheMonthOfItsIDInUTC(t *testing.T) {
	space, err := keys.NewSpace("t")
	require.NoError(t, err)
	got, err := space.Tombstone("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
	require.NoError(t, err)
	assert.Equal(t, "v1/t/gone/202202/017f22e2-79b0-7cc3-98c4-dc0c0c07398f", got)
	_, err = space.Tombstone("../../x")
	assert.ErrorIs(t, err, keys.ErrID)
}

func TestExpiryMarksAreReadBackToTheMillisecond(t *testing.T) {
	last := time.Date(2285, 12, 31, 23, 59, 59, 0, time.UTC).UnixMilli()
	rapid.Check(t, func(t *rapid.T) {
		want := time.UnixMilli(rapid.Int64Range(0, last).Draw(t, "ms"))
		got, ok := keys.ParseExpires(keys.ExpiresAt(want))
		require.True(t, ok)
		assert.True(t, want.Equal(got))
	})
}

func TestExpiryMarksSortByTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, 9_999_999_999_999)
		a, b := ms.Draw(t, "a"), ms.Draw(t, "b")
		assert.Equal(t, a < b, keys.ExpiresAt(time.UnixMilli(a)) < keys.ExpiresAt(time.UnixMilli(b)))
	})
}

func FuzzParseExpires(f *testing.F) {
	for _, s := range []string{keys.ExpiresAt(time.UnixMilli(0)), "expires-+000000000001", "expires--000000000000", "expires-1", "read"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if at, ok := keys.ParseExpires(s); ok {
			assert.Equal(t, s, keys.ExpiresAt(at))
		}
	})
}

func TestRevisionsAreReadBackAndSortAsTheyFollow(t *testing.T) {
	anyRev := rapid.Custom(func(t *rapid.T) keys.Revision {
		return keys.Revision{Gen: rapid.IntRange(1, 999_999).Draw(t, "gen"), Rev: rapid.IntRange(0, 999_999_999).Draw(t, "rev")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyRev.Draw(t, "a"), anyRev.Draw(t, "b")
		got, ok := keys.ParseRevision(a.String())
		require.True(t, ok)
		assert.Equal(t, a, got)
		assert.Equal(t, a.Less(b), a.String() < b.String())
	})
}

func TestOddGenerationsExist(t *testing.T) {
	assert.False(t, keys.Revision{}.Exists(), "no settings at all")
	assert.True(t, keys.Revision{Gen: 1}.Exists())
	assert.False(t, keys.Revision{Gen: 2}.Exists())
	assert.True(t, keys.Revision{Gen: 3, Rev: 2}.Exists())
}

func TestParseRevisionRefusesWhatIsNeverWritten(t *testing.T) {
	for in, why := range map[string]string{
		"":                              "empty",
		"set-":                          "cut off",
		"set-000000-000000000.json":     "no mailbox is born as generation 0",
		"set-+00001-000000000.json":     "a sign",
		"set-000001-+00000001.json":     "a sign",
		"set-000001--00000000.json":     "a sign",
		"set-1-1.json":                  "no leading zeros",
		"set-000001-000000000.jsn":      "another ending",
		"set-000001-000000000.json.tmp": "another ending",
		"set-000001_000000000.json":     "no hyphen",
		"set-0000001-00000000.json":     "shifted",
		"rev-000001-000000000.json":     "another prefix",
	} {
		_, ok := keys.ParseRevision(in)
		assert.False(t, ok, why)
	}
}

func FuzzParseRevision(f *testing.F) {
	for _, s := range []string{keys.Revision{Gen: 1}.String(), "set-+00001-000000000.json", "set-000001--00000000.json", "set-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, ok := keys.ParseRevision(s); ok {
			assert.Equal(t, s, r.String())
			assert.LessOrEqual(t, r.Rev, math.MaxInt32)
		}
	})
}
