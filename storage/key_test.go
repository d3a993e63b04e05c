package storage_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func TestLegalNames(t *testing.T) {
	longest := strings.Repeat("a", storage.MaxSegment)
	for _, key := range []string{
		"a", "0", "-", "_", ",", "=", "~", "a.b", "a..b", "v1/default/box/5001/01920000-0000-7000-8000-000000000001-0.vm.json",
		longest, longest + "/" + longest, strings.Repeat("a/", storage.MaxKey/2-1) + "aa",
	} {
		assert.NoError(t, storage.CheckKey(key), key)
	}
}

func TestIllegalNamesAreRefusedAndSayWhy(t *testing.T) {
	for key, why := range map[string]string{
		"":       "empty",
		"/a":     "empty segment",
		"a//b":   "empty segment",
		"a/":     "ends with a slash",
		".":      "starts with a dot",
		"..":     "starts with a dot",
		"a/../b": "starts with a dot",
		".a":     "starts with a dot",
		"a/.b":   "starts with a dot",
		"a.":     "ends with a dot",
		"a./b":   "ends with a dot",
		"A":      "0x41",
		"a b":    "0x20",
		"a+b":    "0x2b",
		"a\\b":   "0x5c",
		"a:b":    "0x3a",
		"a\x00":  "0x00",
		"é":      "0xc3",
		strings.Repeat("a", storage.MaxSegment+1):    "segment longer than 215 bytes",
		strings.Repeat("a/", storage.MaxKey/2) + "a": "longer than 800 bytes",
	} {
		err := storage.CheckKey(key)
		require.ErrorIs(t, err, storage.ErrInvalid, "%q", key)
		assert.ErrorContains(t, err, why, "%q", key)
	}
}

func TestPrefixesMayBeCutAnywhere(t *testing.T) {
	for _, prefix := range []string{"", "a", "a/", "a.", "a/b.", "a/b-"} {
		assert.NoError(t, storage.CheckPrefix(prefix), "%q", prefix)
	}
	for _, prefix := range []string{"/", "a//", "a./", ".", "a/.", "A"} {
		assert.ErrorIs(t, storage.CheckPrefix(prefix), storage.ErrInvalid, "%q", prefix)
	}
}

// A prefix is legal exactly if a legal name starts with it; at the longest lengths it may be legal although none does.
func FuzzCheckKey(f *testing.F) {
	for _, s := range []string{"a", "a/b", "a.", "a./", "/", "..", "A", strings.Repeat("a", 215)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, prefix := storage.CheckKey(s), storage.CheckPrefix(s)
		if key == nil {
			assert.NoError(t, prefix)
			assert.Equal(t, strings.ToLower(s), s, "folding case changes nothing")
		}
		if len(s) < storage.MaxSegment {
			some := key == nil || storage.CheckKey(s+"a") == nil
			assert.Equal(t, some, prefix == nil, "%q: %v", s, prefix)
		}
	})
}

func TestListOptionsAreChecked(t *testing.T) {
	for _, good := range []*storage.ListOptions{nil, {}, {Prefix: "a/b."}, {Delimiter: "/"}, {MaxKeys: 1}} {
		assert.NoError(t, storage.CheckList(good))
	}
	for _, bad := range []*storage.ListOptions{{Prefix: "A"}, {Prefix: "a//"}, {Delimiter: "-"}, {Delimiter: "//"}, {MaxKeys: -1}} {
		assert.ErrorIs(t, storage.CheckList(bad), storage.ErrInvalid, "%+v", bad)
	}
}

func TestRangesAreCutAtTheEndOfTheObject(t *testing.T) {
	for _, row := range []struct {
		opts           *storage.OpenOptions
		offset, length int64
		why            string
	}{
		{nil, 0, 10, "nil is the whole object"},
		{&storage.OpenOptions{}, 0, 10, "so is the zero value"},
		{&storage.OpenOptions{Offset: 3}, 3, 7, "length 0 is the rest"},
		{&storage.OpenOptions{Offset: 3, Length: 4}, 3, 4, "inside"},
		{&storage.OpenOptions{Offset: 3, Length: 7}, 3, 7, "up to the end"},
		{&storage.OpenOptions{Offset: 3, Length: 8}, 3, 7, "beyond the end"},
		{&storage.OpenOptions{Offset: 3, Length: math.MaxInt64}, 3, 7, "no overflow"},
		{&storage.OpenOptions{Offset: 10}, 10, 0, "at the end it is empty"},
	} {
		offset, length, err := storage.CheckRange(row.opts, 10)
		require.NoError(t, err, row.why)
		assert.Equal(t, [2]int64{row.offset, row.length}, [2]int64{offset, length}, row.why)
	}
	for _, bad := range []*storage.OpenOptions{{Offset: 11}, {Offset: -1}, {Length: -1}, {Offset: math.MaxInt64}} {
		_, _, err := storage.CheckRange(bad, 10)
		assert.ErrorIs(t, err, storage.ErrInvalid, "%+v", bad)
	}
}
