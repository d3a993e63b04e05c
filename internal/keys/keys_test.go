package keys_test

import (
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

const (
	id    = "01920000-0000-7000-8000-000000000001"
	noLim = 1 << 20
)

var hash = strings.Repeat("0123456789abcdef", 4)

// anyID draws an ID of any bytes, with much of what names treat specially.
func anyID() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOfN(rapid.RuneFrom([]rune("aAbBzZ09-_./,=~ \x00éÉİı")), 1, 12, -1),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 12), func(b []byte) string { return string(b) }),
	)
}

func anyRef() *rapid.Generator[keys.Ref] {
	return rapid.Custom(func(t *rapid.T) keys.Ref {
		hex := rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
		return keys.Ref{ID: hex.Draw(t, "id"), Hop: rapid.IntRange(0, keys.MaxHop).Draw(t, "hop")}
	})
}

func TestUnescapeReturnsWhatWasEscaped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyID().Draw(t, "id")
		esc, err := keys.Escape(in, noLim)
		require.NoError(t, err)
		out, err := keys.Unescape(esc, noLim)
		require.NoError(t, err)
		assert.Equal(t, in, out)
	})
}

func TestEscapedIDsNeverMeetEvenIfCaseIsFolded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyID().Draw(t, "a"), anyID().Draw(t, "b")
		if rapid.Bool().Draw(t, "differ in case only") {
			b = strings.ToUpper(a)
		}
		escA, err := keys.Escape(a, noLim)
		require.NoError(t, err)
		escB, err := keys.Escape(b, noLim)
		require.NoError(t, err)
		assert.Equal(t, a == b, strings.EqualFold(escA, escB), "%q and %q", escA, escB)
	})
}

func TestEscapeIsStable(t *testing.T) {
	for in, want := range map[string]string{
		"5001":       "5001",
		"Sales":      "_53ales",
		"a_b":        "a_5fb", // else it could be read as an escape
		"../x":       "_2e_2e_2fx",
		"a/b,c.d":    "a_2fb_2cc_2ed",
		"Müller":     "_4d_c3_bcller",
		"\x00\xff":   "_00_ff",
		"team-1":     "team-1",
		"0712":       "0712",
		" ":          "_20",
		"a@pbx.test": "a_40pbx_2etest",
	} {
		got, err := keys.Escape(in, noLim)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestEscapeRefusesAnEmptyOrTooLongID(t *testing.T) {
	_, err := keys.Escape("", 10)
	assert.ErrorIs(t, err, keys.ErrID)
	_, err = keys.Escape(strings.Repeat("a", 10), 10)
	assert.NoError(t, err)
	_, err = keys.Escape(strings.Repeat("a", 11), 10)
	assert.ErrorIs(t, err, keys.ErrID)
	_, err = keys.Escape("AAAA", 10)
	assert.ErrorIs(t, err, keys.ErrID, "four characters of three bytes each")
}

func TestUnescapeRefusesWhatEscapeNeverWrites(t *testing.T) {
	for in, why := range map[string]string{
		"":            "empty",
		"A":           "upper case is escaped",
		"_4A":         "upper-case hex",
		"_61":         "a is not escaped",
		"_2d":         "- is not escaped",
		"a.b":         "a dot is escaped",
		"a/b":         "a slash is escaped",
		"_":           "cut off",
		"_4":          "cut off",
		"a_4":         "cut off",
		"_g0":         "no hex",
		"é":           "no ASCII",
		"aaaaaaaaaaa": "longer than the limit",
	} {
		_, err := keys.Unescape(in, 10)
		assert.ErrorIs(t, err, keys.ErrID, why)
	}
}

func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"5001", "_53ales", "_5f", "_61", "_4A", "__", "_"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		raw, err := keys.Unescape(s, keys.MaxMailbox)
		if err != nil {
			return
		}
		back, err := keys.Escape(raw, keys.MaxMailbox)
		require.NoError(t, err)
		assert.Equal(t, s, back)
	})
}

// longest returns the space and box of the longest IDs that are possible, and the longest reference.
func longest(t *testing.T) (keys.Space, keys.Box, keys.Ref) {
	t.Helper()
	space, err := keys.NewSpace(strings.Repeat("T", keys.MaxTenant/3) + "t")
	require.NoError(t, err)
	box, err := space.Box(strings.Repeat("M", keys.MaxMailbox/3))
	require.NoError(t, err)
	return space, box, keys.Ref{ID: id, Hop: keys.MaxHop}
}

// names returns one name of every kind.
func names(t require.TestingT, space keys.Space, box keys.Box, ref keys.Ref) []string {
	tomb, err := space.Tombstone(ref.ID)
	require.NoError(t, err)
	return []string{
		space.IndexKey(1), space.Region(strings.Repeat("r", 64)), tomb,
		box.SettingsAt(keys.Revision{Gen: 1}), box.SettingsAt(keys.Revision{Gen: 999_999, Rev: 999_999_999}),
		box.Meta(ref), box.Audio(ref, "wav"), box.CallerEntry(hash, ref),
		box.Mark(ref, keys.Read), box.Mark(ref, keys.Trash), box.Mark(ref, keys.Urgent), box.Mark(ref, keys.Move),
		box.Mark(ref, keys.ExpiresAt(time.Date(2285, 12, 31, 23, 59, 59, 0, time.UTC))),
		box.Mark(ref, keys.Gone+strings.Repeat("f", 24)), box.Mark(ref, keys.Hold+strings.Repeat("f", 64)), box.Mark(ref, keys.Forget+strings.Repeat("f", 64)),
	}
}

func TestTheLongestNamesAreLegal(t *testing.T) {
	space, box, ref := longest(t)
	longestPart := 0
	for _, name := range names(t, space, box, ref) {
		assert.NoError(t, storage.CheckKey(name), name)
		for _, part := range strings.Split(name, "/") {
			longestPart = max(longestPart, len(part))
		}
	}
	assert.Equal(t, 204, longestPart, "the caller index entry is the longest part")
	assert.Less(t, longestPart, storage.MaxSegment)
}

func TestEveryNameIsLegal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space, err := keys.NewSpace(anyID().Filter(short(keys.MaxTenant)).Draw(t, "tenant"))
		require.NoError(t, err)
		box, err := space.Box(anyID().Filter(short(keys.MaxMailbox)).Draw(t, "mailbox"))
		require.NoError(t, err)
		ref := anyRef().Draw(t, "ref")
		for _, name := range names(t, space, box, ref) {
			assert.NoError(t, storage.CheckKey(name), name)
		}
		for _, prefix := range []string{
			keys.Tenants, space.IndexKeys(), space.Regions(), space.Boxes(), space.Media(), space.Callers(), space.Caller(hash), space.Tombstones(),
			box.Prefix(), box.Settings(), box.Stem(ref), box.Hops(ref.ID), box.Media(), box.MediaStem(ref),
		} {
			assert.NoError(t, storage.CheckPrefix(prefix), prefix)
		}
	})
}

func short(limit int) func(string) bool {
	return func(s string) bool {
		_, err := keys.Escape(s, limit)
		return err == nil
	}
}

func TestNamesLieBelowTheirPrefixes(t *testing.T) {
	space, err := keys.NewSpace("default")
	require.NoError(t, err)
	box, err := space.Box("Sales")
	require.NoError(t, err)
	ref := keys.Ref{ID: id, Hop: 3}
	tomb, err := space.Tombstone(id)
	require.NoError(t, err)
	for name, prefix := range map[string]string{
		box.Meta(ref):                         box.Stem(ref),
		box.Mark(ref, keys.Read):              box.Stem(ref),
		box.Stem(ref):                         box.Hops(id),
		box.Hops(id):                          box.Prefix(),
		box.SettingsAt(keys.Revision{Gen: 1}): box.Settings(),
		box.Prefix():                          space.Boxes(),
		box.Audio(ref, "wav"):                 box.MediaStem(ref),
		box.MediaStem(ref):                    box.Media(),
		box.Media():                           space.Media(),
		box.CallerEntry(hash, ref):            space.Caller(hash),
		space.Caller(hash):                    space.Callers(),
		space.IndexKey(1):                     space.IndexKeys(),
		space.Region("eu"):                    space.Regions(),
		tomb:                                  space.Tombstones(),
		space.Boxes():                         keys.Tenants,
	} {
		assert.True(t, strings.HasPrefix(name, prefix) && name != prefix, "%s below %s", name, prefix)
	}
}

// A prefix of one message must not hold the names of another.
func TestTheStemOfAHopIsNoPrefixOfAnother(t *testing.T) {
	_, box, _ := longest(t)
	one, ten := keys.Ref{ID: id, Hop: 1}, keys.Ref{ID: id, Hop: 10}
	assert.False(t, strings.HasPrefix(box.Meta(ten), box.Stem(one)))
	assert.False(t, strings.HasPrefix(box.Audio(ten, "wav"), box.MediaStem(one)))
}

// Tenants and mailboxes whose IDs start alike must not share a prefix.
func TestThePrefixOfAMailboxHoldsNoOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space, err := keys.NewSpace("t")
		require.NoError(t, err)
		a := anyID().Filter(short(40)).Draw(t, "a")
		b := a + anyID().Filter(short(40)).Draw(t, "more")
		boxA, err := space.Box(a)
		require.NoError(t, err)
		boxB, err := space.Box(b)
		require.NoError(t, err)
		assert.False(t, strings.HasPrefix(boxB.Prefix(), boxA.Prefix()))
		assert.False(t, strings.HasPrefix(boxB.Media(), boxA.Media()))
	})
}

func TestMetadataSortsAfterEveryMark(t *testing.T) {
	_, box, ref := longest(t)
	marks := []string{
		keys.ExpiresAt(time.UnixMilli(0)), keys.Forget + "zzz", keys.Gone + "zzz", keys.Hold + "zzz",
		keys.Move, keys.Read, keys.Trash, keys.Urgent,
	}
	for _, mark := range marks {
		assert.Less(t, box.Mark(ref, mark), box.Meta(ref))
	}
}

func TestAMailboxSortsByMessageThenHopAndSettingsCloseIt(t *testing.T) {
	_, box, _ := longest(t)
	older, newer := keys.Ref{ID: id}, keys.Ref{ID: "01920000-0000-7000-8000-000000000002"}
	one, two, ten := keys.Ref{ID: id, Hop: 1}, keys.Ref{ID: id, Hop: 2}, keys.Ref{ID: id, Hop: 10}
	last := keys.Ref{ID: "ffffffff-ffff-7fff-bfff-ffffffffffff", Hop: keys.MaxHop}
	// The names of one stay lie together: the dot behind the hop sorts before all digits.
	want := []string{
		box.Mark(older, keys.Read), box.Meta(older), box.Mark(one, keys.Urgent), box.Meta(one), box.Meta(ten), box.Meta(two), box.Meta(newer), box.Meta(last),
		box.SettingsAt(keys.Revision{Gen: 1, Rev: 0}), box.SettingsAt(keys.Revision{Gen: 1, Rev: 2}), box.SettingsAt(keys.Revision{Gen: 1, Rev: 10}),
		box.SettingsAt(keys.Revision{Gen: 2, Rev: 0}), box.SettingsAt(keys.Revision{Gen: 10, Rev: 0}),
	}
	assert.True(t, sort.StringsAreSorted(want), "%q", want)
}

func TestFoldersGiveTheirIDsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tenant := anyID().Filter(short(keys.MaxTenant)).Draw(t, "tenant")
		mailbox := anyID().Filter(short(keys.MaxMailbox)).Draw(t, "mailbox")
		space, err := keys.NewSpace(tenant)
		require.NoError(t, err)
		gotTenant, err := keys.TenantID(strings.TrimSuffix(space.Boxes(), "box/"))
		require.NoError(t, err)
		assert.Equal(t, tenant, gotTenant)
		box, err := space.Box(mailbox)
		require.NoError(t, err)
		gotMailbox, err := space.BoxID(box.Prefix())
		require.NoError(t, err)
		assert.Equal(t, mailbox, gotMailbox)
	})
}

func TestCallerEntriesAndMediaAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space, err := keys.NewSpace("t")
		require.NoError(t, err)
		mailbox := anyID().Filter(short(keys.MaxMailbox)).Draw(t, "mailbox")
		box, err := space.Box(mailbox)
		require.NoError(t, err)
		ref := anyRef().Draw(t, "ref")

		entry, err := space.ParseCallerEntry(box.CallerEntry(hash, ref))
		require.NoError(t, err)
		assert.Equal(t, keys.Entry{Hash: hash, Mailbox: mailbox, Ref: ref}, entry)

		for _, ext := range []string{"wav", "transcript-001.json"} {
			gotBox, gotRef, err := space.ParseMedia(box.Audio(ref, ext))
			require.NoError(t, err)
			assert.Equal(t, mailbox, gotBox)
			assert.Equal(t, ref, gotRef)
		}
	})
}

func TestForeignNamesAreRefused(t *testing.T) {
	space, box, ref := longest(t)
	other, err := keys.NewSpace("other")
	require.NoError(t, err)
	otherBox, err := other.Box("5001")
	require.NoError(t, err)
	long := strings.Repeat("m", keys.MaxMailbox+1)
	entry := box.CallerEntry(hash, ref)
	for name, why := range map[string]string{
		otherBox.CallerEntry(hash, ref): "another tenant's",
		box.Meta(ref):                   "metadata",
		space.Callers():                 "the folder",
		entry + ",x":                    "too many parts",
		strings.Replace(entry, "/012/", "/013/", 1):                  "in the wrong fan-out folder",
		strings.Replace(entry, "/012/", "/", 1):                      "in no fan-out folder",
		space.Callers() + "012/0123,m," + ref.String():               "a hash that is cut off",
		space.Caller(strings.Repeat("x", 64)) + "m," + ref.String():  "a hash that is no hex",
		space.Caller(hash) + long + "," + ref.String():               "a mailbox longer than possible",
		space.Caller(hash) + "m," + ref.ID + "-01":                   "a hop that is never written so",
		space.Caller(hash) + "M," + ref.String():                     "a mailbox that is not escaped",
		space.Caller(hash) + "m," + strings.Replace(id, "7", "4", 1): "another version of UUID",
	} {
		_, err := space.ParseCallerEntry(name)
		assert.ErrorIs(t, err, keys.ErrID, why)
	}
	for name, why := range map[string]string{
		otherBox.Audio(ref, "wav"): "another tenant's",
		box.Meta(ref):              "metadata",
		space.Media():              "the folder",
		space.Media() + "m":        "no message",
		space.Media() + "M/" + ref.String() + ".wav":       "a mailbox that is not escaped",
		space.Media() + long + "/" + ref.String() + ".wav": "a mailbox longer than possible",
		space.Media() + "m/x.wav":                          "no message ID",
	} {
		_, _, err := space.ParseMedia(name)
		assert.ErrorIs(t, err, keys.ErrID, why)
	}
	for _, folder := range []string{"", "v2/t/", "v1/", "v1/T/", "v1/a/b/", "v1/" + strings.Repeat("t", keys.MaxTenant+1) + "/"} {
		_, err := keys.TenantID(folder)
		assert.ErrorIs(t, err, keys.ErrID, folder)
	}
	for _, folder := range []string{"", other.Boxes() + "5001/", space.Boxes(), space.Boxes() + "M/", space.Boxes() + "a/b/", space.Boxes() + long + "/"} {
		_, err := space.BoxID(folder)
		assert.ErrorIs(t, err, keys.ErrID, folder)
	}
}

func FuzzParseCallerEntry(f *testing.F) {
	space, err := keys.NewSpace("t")
	require.NoError(f, err)
	for _, rest := range []string{hash[:3] + "/" + hash + ",5001," + id + "-0", "x", "012/,,", hash[:3] + "/" + hash + ",_53," + id + "-99999"} {
		f.Add(rest)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		key := space.Callers() + rest
		e, err := space.ParseCallerEntry(key)
		if err != nil {
			return
		}
		box, err := space.Box(e.Mailbox)
		require.NoError(t, err)
		assert.Equal(t, key, box.CallerEntry(e.Hash, e.Ref))
		assert.NoError(t, storage.CheckKey(key))
	})
}

func FuzzParseMedia(f *testing.F) {
	space, err := keys.NewSpace("t")
	require.NoError(f, err)
	for _, rest := range []string{"5001/" + id + "-0.wav", "x", "_53/" + id + "-10.note.txt", "5001/" + id + "-0"} {
		f.Add(rest)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		key := space.Media() + rest
		mailbox, ref, err := space.ParseMedia(key)
		if err != nil {
			return
		}
		box, err := space.Box(mailbox)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(key, box.MediaStem(ref)), "%q is not below %q", key, box.MediaStem(ref))
	})
}

func TestRegionNamesAreChecked(t *testing.T) {
	for _, good := range []string{"main", "eu-1", "0", strings.Repeat("r", 64)} {
		assert.NoError(t, keys.CheckRegion(good))
	}
	for _, bad := range []string{"", "EU", "a/b", "a.b", "a_b", "ü", strings.Repeat("r", 65)} {
		assert.ErrorIs(t, keys.CheckRegion(bad), keys.ErrID)
	}
}
