package voicemail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// Envelope is what was known of a message when it came in. It never changes.
type Envelope struct {
	// ID is the message's ID.
	ID MessageID
	// Mailbox is the mailbox that the message is in.
	Mailbox MailboxID

	// Caller is who left the message (caller ID, ANI).
	Caller CallerID
	// Called is the number that was called (DNIS).
	Called CallerID
	// Redirecting is the number that sent the call on to voicemail.
	Redirecting CallerID
	// CallID is the switch's name for the call.
	CallID string

	// ReceivedAt is when the message was deposited, or what DepositOptions.ReceivedAt says, in UTC. Moves and copies keep it.
	ReceivedAt time.Time
	// Duration is how long the recording is; 0 if that is not known.
	Duration time.Duration
	// DurationMeasured: Duration was read off the recording and not only told.
	DurationMeasured bool
	// Size is the recording's length in bytes.
	Size int64
	// ContentType is the recording's media type, read off its content.
	ContentType string
	// SHA256 is the digest of the recording, in lower-case hex.
	SHA256 string
	// Region is where the recording lies.
	Region string

	// Private: the message stays in its mailbox.
	Private bool
	// Attributes are the application's own. They are not protected from being printed: no place for personal data.
	Attributes map[string]string
	// CopiedFrom is the message that this one is a copy of; nil if it is none.
	CopiedFrom *Origin
}

// Origin is what a copy was made from.
type Origin struct {
	Mailbox MailboxID `json:"mailbox"`
	Message MessageID `json:"message"`
}

const (
	metadataVersion = 1
	metadataSize    = 64 << 10
	maxAttributes   = 8 << 10
	maxCallID       = 256
)

// metadata is the stored form of an envelope. Fields are added, never changed or reused.
type metadata struct {
	Version     int               `json:"v"`
	ID          MessageID         `json:"id"`
	Hop         int               `json:"hop"`
	Mailbox     MailboxID         `json:"mailbox"`
	Caller      partyDoc          `json:"caller,omitzero"`
	Called      partyDoc          `json:"called,omitzero"`
	Redirecting partyDoc          `json:"redirecting,omitzero"`
	CallID      string            `json:"callId,omitempty"`
	ReceivedAt  time.Time         `json:"receivedAt"`
	DurationMS  int64             `json:"durationMs,omitempty"`
	Measured    bool              `json:"durationMeasured,omitempty"`
	Size        int64             `json:"size"`
	ContentType string            `json:"contentType"`
	Ext         string            `json:"ext"`
	SHA256      string            `json:"sha256"`
	Region      string            `json:"region"`
	Private     bool              `json:"private,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	CopiedFrom  *Origin           `json:"copiedFrom,omitempty"`
	MovedFrom   *movedFrom        `json:"movedFrom,omitempty"`

	rest unknown
}

// movedFrom is the stay from which a move has brought a message.
type movedFrom struct {
	Mailbox MailboxID `json:"mailbox"`
	Hop     int       `json:"hop"`
}

// partyDoc is the stored form of a CallerID. Normalized is the E.164 form that the application's hook gave at deposit.
type partyDoc struct {
	Rules      int    `json:"rules,omitempty"`
	Number     string `json:"number,omitempty"`
	Opaque     string `json:"opaque,omitempty"`
	Normalized string `json:"normalized,omitempty"`
	Name       string `json:"name,omitempty"`
}

func newPartyDoc(c CallerID) partyDoc {
	d := partyDoc{Name: c.RevealName()}
	switch {
	case c.IsNumber():
		d.Number = c.Reveal()
	case !c.Withheld():
		d.Opaque = c.Reveal()
	default:
		return d
	}
	d.Rules = CallerIDVersion
	return d
}

func (d partyDoc) callerID() CallerID {
	p := &party{name: d.Name}
	switch {
	case d.Number != "":
		p.kind, p.number = number, d.Number
	case d.Opaque != "":
		p.kind, p.number = opaque, d.Opaque
	}
	return CallerID{&sealed{p}}
}

// identities are what the caller is indexed under: what was delivered, and its normalized form if that is another. None if withheld.
func (d partyDoc) identities() []string {
	var ids []string
	for _, id := range []string{d.Number, d.Opaque, d.Normalized} {
		if id != "" && (len(ids) == 0 || ids[0] != id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// identify returns the stored form of a caller with the normalized number.
func (s *Service) identify(c CallerID) partyDoc {
	d := newPartyDoc(c)
	if s.opts.Normalize == nil || d.Number == "" || d.Number[0] == '+' {
		return d
	}
	if n := ParseCallerID(s.opts.Normalize(d.Number)); n.IsNumber() && n.Reveal()[0] == '+' {
		d.Normalized = n.Reveal()
	}
	return d
}

func (d *metadata) ref() keys.Ref { return keys.Ref{ID: string(d.ID), Hop: d.Hop} }

func (d *metadata) encode() ([]byte, error) {
	doc, err := d.rest.encode(d)
	if err == nil && len(doc) > metadataSize {
		err = invalid("the metadata takes %d bytes, at most %d are possible", len(doc), metadataSize)
	}
	return doc, err
}

func decodeMetadata(doc []byte) (*metadata, error) {
	var d metadata
	if err := json.Unmarshal(doc, &d); err != nil || d.Version < 1 || d.ID == "" || d.Ext == "" {
		return nil, fmt.Errorf("%w: the metadata cannot be read", ErrDamaged)
	}
	rest, err := unknownFields(doc, d)
	if err != nil {
		return nil, err
	}
	d.rest = rest
	return &d, nil
}

func (d *metadata) envelope() Envelope {
	e := Envelope{
		ID: d.ID, Mailbox: d.Mailbox, Caller: d.Caller.callerID(), Called: d.Called.callerID(), Redirecting: d.Redirecting.callerID(), CallID: d.CallID,
		ReceivedAt: d.ReceivedAt, Duration: time.Duration(d.DurationMS) * time.Millisecond, DurationMeasured: d.Measured,
		Size: d.Size, ContentType: d.ContentType, SHA256: d.SHA256, Region: d.Region, Private: d.Private, CopiedFrom: d.CopiedFrom,
	}
	if d.Attributes != nil {
		e.Attributes = make(map[string]string, len(d.Attributes))
		for k, v := range d.Attributes {
			e.Attributes[k] = v
		}
	}
	return e
}

// sameDeposit reports whether both describe the same recording of the same call, so that one is a retry of the other.
func (d *metadata) sameDeposit(o *metadata) bool {
	return d.SHA256 == o.SHA256 && d.Size == o.Size && d.Mailbox == o.Mailbox && d.Hop == o.Hop && d.CallID == o.CallID &&
		d.Caller.Number == o.Caller.Number && d.Caller.Opaque == o.Caller.Opaque
}

// tags are what audio and metadata of the message are tagged with.
func (s *Service) tags(d *metadata) map[string]string {
	ids := d.Caller.identities()
	if s.opts.CallerTags == TagNone || len(ids) == 0 {
		return nil
	}
	return map[string]string{"caller_id": ids[len(ids)-1]} // the normalized form, if there is one
}

// metadata reads what is stored of a message. The result is shared and must not be changed. A listing says whether the message still exists; this does not.
func (s *Service) metadata(ctx context.Context, box keys.Box, ref keys.Ref) (*metadata, error) {
	key := box.Meta(ref)
	if v, ok := s.cache.get(key); ok {
		return v.(*metadata), nil
	}
	d, err := s.readMetadata(ctx, box, ref)
	if err != nil {
		return nil, err
	}
	s.cache.put(key, d)
	return d, nil
}

// errForeign is for metadata that can be read and is not that of the message in whose place it is.
var errForeign = fmt.Errorf("%w: the metadata is another message's", ErrDamaged)

// readMetadata is metadata without the cache.
func (s *Service) readMetadata(ctx context.Context, box keys.Box, ref keys.Ref) (*metadata, error) {
	doc, err := storage.ReadFile(ctx, s.master, box.Meta(ref), metadataSize)
	switch {
	case errors.Is(err, storage.ErrNotExist):
		return nil, ErrNotFound
	case errors.Is(err, storage.ErrInvalid), errors.Is(err, storage.ErrCorrupt): // too long, or cut off
		return nil, fmt.Errorf("%w: the metadata cannot be read: %w", ErrDamaged, err)
	case err != nil:
		return nil, err
	}
	d, err := decodeMetadata(doc)
	if err != nil {
		return nil, err
	}
	if d.ref() != ref || d.Mailbox != s.idOf(box) {
		return nil, errForeign
	}
	return d, nil
}
