package mwi

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheDesktopsEventIsWhatItExpects(t *testing.T) {
	for file, e := range map[string]DesktopEvent{
		"personal": {Mailbox: "agent7", Counts: counted(2, 8, 0, 1)},
		"group":    {Mailbox: "06001", Counts: counted(0, 3, 0, 0)},
	} {
		got, err := json.MarshalIndent(e, "", "  ")
		require.NoError(t, err)
		golden(t, file+".desktop.json", string(got)+"\n")
	}
}

func TestADesktopEventThatCannotBeTrueIsRefused(t *testing.T) {
	for name, e := range map[string]DesktopEvent{
		"no mailbox":           {Counts: Counts{New: 1}},
		"negative":             {Mailbox: "agent7", Counts: Counts{New: -1}},
		"more urgent than new": {Mailbox: "agent7", Counts: Counts{NewUrgent: 1}},
	} {
		_, err := json.Marshal(e)
		assert.ErrorIs(t, err, ErrInvalid, name)
	}
}

func TestADesktopEventHasTheLargestCountsOfASummary(t *testing.T) {
	got, err := json.Marshal(DesktopEvent{Mailbox: "agent7", Counts: Counts{New: math.MaxInt}})
	require.NoError(t, err)
	assert.Contains(t, string(got), `"NewMessages","type":"int","value":4294967295}`)
	assert.Contains(t, string(got), `"4294967295/0 (0/0)"`)
}
