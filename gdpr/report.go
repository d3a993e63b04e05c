package gdpr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/genesys/voicemail"
)

// PhoneReport is what a request met under one number.
type PhoneReport struct {
	// Phone is the number as the request gave it.
	Phone Phone
	// Refused is why it is not looked for; empty if it is.
	Refused string
	// Messages are the messages that match, oldest first.
	Messages []voicemail.MessageID
	// Held are those among them that a hold keeps.
	Held []voicemail.MessageID
	// Candidates are other ways to write the same number under which there are messages. They are only shown: nothing is done to them unless a request names them.
	Candidates []Candidate
}

// Candidate is another form of a number, under which there are messages. They may be another caller's.
type Candidate struct {
	Phone    Phone
	Messages int
}

// ForgetReport is the answer to ForgetMe, UndoForgetMe and Preview. It prints as REDACTED by fmt, since it holds the numbers of the request; its JSON shows them: it is the
// response to whoever asked.
//
// The JSON is that of [Case], with
//
//	"linksUntil"   until when links that were handed out may still play a message (RFC 3339); absent if there are none
//	"newer"        of a closed case: how many messages came since and are not covered
//	"foreign"      how many objects of another program, tagged with the caller, will be erased by name; agents of that program see them until then
//	"foreignElsewhere"  how many such objects may be another tenant's; they are left alone
//	"dryRun"       true for Preview
//	"consumers"    an object that maps each number as it was given to {"messages": [IDs], "held": [IDs], "refused": "why", "candidates": {"number": messages}}
type ForgetReport struct {
	Case
	LinksUntil       time.Time
	Newer            int
	Foreign          int
	ForeignElsewhere int
	DryRun           bool
	Phones           []PhoneReport
}

// Format prints REDACTED under every verb.
func (ForgetReport) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns REDACTED: logs in JSON would show the numbers otherwise.
func (ForgetReport) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns the published form, numbers shown.
func (r ForgetReport) MarshalJSON() ([]byte, error) {
	consumers, err := r.consumers()
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Case
		LinksUntil       time.Time       `json:"linksUntil,omitzero"`
		Newer            int             `json:"newer,omitempty"`
		Foreign          int             `json:"foreign,omitempty"`
		ForeignElsewhere int             `json:"foreignElsewhere,omitempty"`
		DryRun           bool            `json:"dryRun,omitempty"`
		Consumers        json.RawMessage `json:"consumers"`
	}{r.Case, r.LinksUntil, r.Newer, r.Foreign, r.ForeignElsewhere, r.DryRun, consumers})
}

// consumers returns the object of all numbers, in their order.
func (r ForgetReport) consumers() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range r.Phones {
		one := struct {
			Messages   []voicemail.MessageID `json:"messages"`
			Held       []voicemail.MessageID `json:"held,omitempty"`
			Refused    string                `json:"refused,omitempty"`
			Candidates map[string]int        `json:"candidates,omitempty"`
		}{p.Messages, p.Held, p.Refused, nil}
		if one.Messages == nil {
			one.Messages = []voicemail.MessageID{}
		}
		for _, c := range p.Candidates {
			if one.Candidates == nil {
				one.Candidates = map[string]int{}
			}
			one.Candidates[c.Phone.Reveal()] = c.Messages
		}
		name, err := json.Marshal(p.Phone.Reveal())
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(one)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// report says which of the messages found are whose.
func report(targets []target, list []*found) []PhoneReport {
	phones := make([]PhoneReport, len(targets))
	for i, t := range targets {
		phones[i] = PhoneReport{Phone: t.phone, Refused: t.refused}
		for _, f := range list {
			if !message(f) || !t.matches(f) {
				continue
			}
			id := voicemail.MessageID(f.Ref.ID)
			if n := len(phones[i].Messages); n > 0 && phones[i].Messages[n-1] == id {
				continue // on its way from one mailbox to another
			}
			phones[i].Messages = append(phones[i].Messages, id)
			if f.Held {
				phones[i].Held = append(phones[i].Held, id)
			}
		}
	}
	return phones
}
