package mwi

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files")

func TestTheBodyIsWhatTelephonesExpect(t *testing.T) {
	for _, tt := range []struct {
		file    string
		summary Summary
		waiting bool
	}{
		{"nothing", Summary{}, false},
		{"new", Summary{Counts: Counts{New: 4, Old: 8, NewUrgent: 1, OldUrgent: 2}}, true},
		{"old-only", Summary{Account: "sip:5001@pbx.example", Counts: Counts{Old: 2}}, false},
		{"account", Summary{Account: "sip:5001@pbx.example", Counts: Counts{New: 2, Old: 8, OldUrgent: 2}}, true},
		{"feature-code", Summary{Account: "sips:*97@pbx.example;user=phone", Counts: Counts{New: 1}}, true},
		{"uncounted", Summary{Account: "sip:5001@pbx.example", Uncounted: true}, true},
	} {
		t.Run(tt.file, func(t *testing.T) {
			got, err := tt.summary.MarshalText()
			require.NoError(t, err)
			golden := filepath.Join("testdata", tt.file+".summary")
			if *update {
				require.NoError(t, os.WriteFile(golden, got, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got))
			assert.Equal(t, tt.waiting, tt.summary.Waiting())
		})
	}
}

func TestASummaryThatCannotBeWrittenIsRefused(t *testing.T) {
	for name, s := range map[string]Summary{
		"a line of one's own in the account": {Account: "sip:5001@pbx.example\r\nVoice-Message: 9/9"},
		"line feed in the account":           {Account: "sip:5001\n"},
		"carriage return in the account":     {Account: "sip:5001\r"},
		"line separator in the account":      {Account: "sip:5001\u2028"},
		"next line in the account":           {Account: "sip:5001\u0085"},
		"space in the account":               {Account: "sip:5001 @pbx.example"},
		"no-break space in the account":      {Account: "sip:5001\u00A0"},
		"tab in the account":                 {Account: "\tsip:5001"},
		"NUL in the account":                 {Account: "sip:5001\x00"},
		"DEL in the account":                 {Account: "sip:5001\x7F"},
		"text direction in the account":      {Account: "sip:\u202E1005"},
		"angle brackets around the account":  {Account: "<sip:5001@pbx.example>"},
		"closing bracket in the account":     {Account: "sip:5001>"},
		"opening bracket in the account":     {Account: "sip:<5001"},
		"account that is no UTF-8":           {Account: "sip:\xFF"},
		"negative new":                       {Counts: Counts{New: -1}},
		"negative old":                       {Counts: Counts{Old: -1}},
		"negative urgent":                    {Counts: Counts{NewUrgent: -1}},
		"negative old urgent":                {Counts: Counts{OldUrgent: -1}},
		"more urgent than new":               {Counts: Counts{New: 1, Old: 5, NewUrgent: 2}},
		"more urgent than old":               {Counts: Counts{New: 5, Old: 1, OldUrgent: 2}},
		"uncounted, with counts":             {Uncounted: true, Counts: Counts{Old: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := s.AppendText([]byte("before"))
			require.ErrorIs(t, err, ErrInvalid)
			assert.NotContains(t, err.Error(), "5001", "the account may be a telephone number")
			assert.Equal(t, "before", string(b))
		})
	}
}

func TestCountsBeyond32BitsAreWrittenAsTheLargest(t *testing.T) {
	b, err := Summary{Counts: Counts{New: math.MaxInt, NewUrgent: math.MaxInt}}.MarshalText()
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("Messages-Waiting: yes\r\nVoice-Message: %d/0 (%d/0)\r\n", most, most), string(b))
}

func TestAppendTextAppends(t *testing.T) {
	b, err := Summary{}.AppendText([]byte("before\r\n"))
	require.NoError(t, err)
	assert.Equal(t, "before\r\nMessages-Waiting: no\r\nVoice-Message: 0/0 (0/0)\r\n", string(b))
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	count := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, min(math.MaxUint32, math.MaxInt)))
	rapid.Check(t, func(t *rapid.T) {
		want := Summary{Account: rapid.StringMatching(`((sip|sips|tel):[!-;=?-~éñ]{1,40})?`).Draw(t, "account")}
		if want.Uncounted = rapid.Bool().Draw(t, "uncounted"); !want.Uncounted {
			c := &want.Counts
			c.New, c.Old = count.Draw(t, "new"), count.Draw(t, "old")
			c.NewUrgent = rapid.IntRange(0, c.New).Draw(t, "new urgent")
			c.OldUrgent = rapid.IntRange(0, c.Old).Draw(t, "old urgent")
		}
		text, err := want.MarshalText()
		require.NoError(t, err)
		var got Summary
		require.NoError(t, got.UnmarshalText(text))
		require.Equal(t, want, got)
	})
}
