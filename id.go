package voicemail

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"github.com/genesys/voicemail/internal/keys"
)

// MailboxID names a mailbox within its tenant: an opaque string, never a number ("0712" is not "712"). It is 1 to 96 bytes, of which each
// one other than a-z, 0-9 and - counts three. The zero value is invalid.
type MailboxID string

// MessageID names a message: a UUID of version 7 (RFC 9562) in lower-case hex. A move keeps it, a copy has a new one. The zero
// value is invalid.
type MessageID string

// NewMessageID returns a new message ID that carries the time t, so that IDs sort as messages came in.
func NewMessageID(t time.Time) MessageID {
	u := uuid.New()
	ms := t.UnixMilli()
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(ms))
	copy(u[:6], b[2:])
	// The fraction of the millisecond takes the 12 bits behind (RFC 9562, section 6.2, method 3).
	fraction := uint16(t.Nanosecond() % 1e6 * 4096 / 1e6)
	u[6] = 0x70 | byte(fraction>>8)
	u[7] = byte(fraction)
	return MessageID(u.String())
}

// Time returns the time that the ID carries, to the millisecond. It returns ErrInvalid for what is no message ID.
func (id MessageID) Time() (time.Time, error) {
	t, err := keys.Time(string(id))
	if err != nil {
		return time.Time{}, invalid("%v", err)
	}
	return t, nil
}

// idSource makes what names are made unique with.
type idSource struct {
	message func(time.Time) MessageID
	nonce   func() string
}

func randomIDs() idSource {
	return idSource{message: NewMessageID, nonce: func() string {
		var b [12]byte
		_, _ = rand.Read(b[:]) // never fails
		return hex.EncodeToString(b[:])
	}}
}
