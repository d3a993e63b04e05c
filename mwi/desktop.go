package mwi

import (
	"encoding/json"
	"math"
)

// DesktopChannel is the CometD channel on which a [DesktopEvent] is published.
const DesktopChannel = "/workspace/v3/voice"

// DesktopEvent is what the agent desktop takes: an EventUserEvent whose user data is one list of keys and values, gsipmwi.
type DesktopEvent struct {
	// Mailbox is the mailbox as the desktop knows it: of a personal one the agent's login, of a group's one the mailbox itself (gvm_mailbox). It is a text, never a
	// number.
	Mailbox string
	// Counts are the voice messages; as in [Summary], what is more than 2^32-1 is written as that.
	Counts Counts
}

// attribute is one key and value of user data.
type attribute struct {
	Key   string `json:"key"`
	Type  string `json:"type"` // str, int or kvlist
	Value any    `json:"value"`
}

// MarshalJSON returns the event. Messages-Waiting is True if there are new messages, else False; Voice-Message is as in the body of RFC 3842. Counts that
// contradict themselves, as in [Summary], are [ErrInvalid], and so is an event without a mailbox.
func (e DesktopEvent) MarshalJSON() ([]byte, error) {
	if e.Mailbox == "" {
		return nil, invalid("no mailbox")
	}
	if err := (Summary{Counts: e.Counts}).check(); err != nil {
		return nil, err
	}
	waiting := "False"
	if e.Counts.Waiting() {
		waiting = "True"
	}
	return json.Marshal(struct {
		MessageType string      `json:"messageType"`
		UserData    []attribute `json:"userData"`
	}{"EventUserEvent", []attribute{{"gsipmwi", "kvlist", []attribute{
		{"Mailbox", "str", e.Mailbox},
		{"Messages-Waiting", "str", waiting},
		{"NewMessages", "int", min(uint64(e.Counts.New), math.MaxUint32)},
		{"OldMessages", "int", min(uint64(e.Counts.Old), math.MaxUint32)},
		{"Voice-Message", "str", string(appendCounts(nil, e.Counts))},
	}}}})
}
