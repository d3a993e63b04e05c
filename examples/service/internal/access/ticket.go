package access

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/genesys/voicemail/examples/internal/auth"
)

// Tickets stand for credentials in the URL of one resource, for what a page cannot send a header with: the source of an audio element, and
// an EventSource. A ticket is good for GET of one path, and for minutes. It is sealed, so a URL that ends up in a history or a log tells nothing of
// who had it.
type Tickets struct {
	seal cipher.AEAD
	now  func() time.Time
}

// TicketKeySize is the length of the key of NewTickets in bytes.
const TicketKeySize = 32

// NewTickets returns tickets under a key of TicketKeySize bytes, which is the same in all processes that are to honour them. A nil key is a random one. nil now is
// time.Now.
func NewTickets(key []byte, now func() time.Time) (*Tickets, error) {
	if key == nil {
		key = make([]byte, TicketKeySize)
		_, _ = rand.Read(key) // never fails
	}
	if len(key) != TicketKeySize {
		return nil, errors.New("the key of tickets has 32 bytes")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if now == nil {
		now = time.Now
	}
	return &Tickets{seal, now}, err
}

const maxTicket = 8 << 10

// stub is what is sealed in a ticket.
type stub struct {
	Principal auth.Principal `json:"p"`
	Until     time.Time      `json:"u"`
}

// Issue returns a ticket for a path, in the escaped form of URLs. It ends after ttl, and no later than the credentials of p.
func (t *Tickets) Issue(p auth.Principal, path string, ttl time.Duration) (ticket string, until time.Time, err error) {
	until = t.now().Add(ttl).UTC().Truncate(time.Second)
	if !p.Expires.IsZero() && p.Expires.Before(until) {
		until = p.Expires
	}
	plain, err := json.Marshal(stub{p, until})
	if err != nil {
		return "", time.Time{}, err
	}
	return base64.RawURLEncoding.EncodeToString(t.seal.Seal(nil, nil, plain, []byte(path))), until, nil
}

// Open returns who the ticket was issued to, or auth.ErrRefused.
func (t *Tickets) Open(ticket, path string) (auth.Principal, error) {
	if len(ticket) > maxTicket {
		return auth.Principal{}, auth.ErrRefused
	}
	sealed, err := base64.RawURLEncoding.DecodeString(ticket)
	if err != nil {
		return auth.Principal{}, auth.ErrRefused
	}
	plain, err := t.seal.Open(nil, nil, sealed, []byte(path))
	var s stub
	if err != nil || json.Unmarshal(plain, &s) != nil || !t.now().Before(s.Until) {
		return auth.Principal{}, auth.ErrRefused
	}
	s.Principal.Expires = s.Until
	return s.Principal, nil
}
