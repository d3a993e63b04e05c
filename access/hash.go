package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/genesys/voicemail/storage"
)

// Argon2 are the parameters of argon2id (RFC 9106, section 4). A zero field is its default; together these are the least that OWASP recommends.
type Argon2 struct {
	// Memory is in KiB, 8 for each thread to MaxMemory; default 19,456 (19 MiB).
	Memory uint32
	// Time is the number of passes, 1 to 16; default 2.
	Time uint32
	// Threads is the degree of parallelism, 1 to 16; default 1.
	Threads uint8
}

// MaxMemory is the most memory in KiB that one hash may take, also one that was stored: 256 MiB.
const MaxMemory = 256 << 10

func (p Argon2) withDefaults() (Argon2, error) {
	if p.Memory == 0 {
		p.Memory = 19 << 10
	}
	if p.Time == 0 {
		p.Time = 2
	}
	if p.Threads == 0 {
		p.Threads = 1
	}
	if !p.possible() {
		return p, invalid("argon2id takes 1 to 16 threads, 1 to 16 passes, and 8 KiB for each thread to %d KiB", MaxMemory)
	}
	return p, nil
}

func (p Argon2) possible() bool {
	return p.Threads >= 1 && p.Threads <= 16 && p.Time >= 1 && p.Time <= 16 && p.Memory >= 8*uint32(p.Threads) && p.Memory <= MaxMemory
}

// below reports whether other is more work in one way and less in none. Of two processes that are configured differently one at most thinks so of the other.
func (p Argon2) below(other Argon2) bool {
	return p.Memory <= other.Memory && p.Time <= other.Time && (p.Memory < other.Memory || p.Time < other.Time)
}

func (p Argon2) key(pin PIN, salt []byte) []byte {
	return argon2.IDKey([]byte(pin.digits()), salt, p.Time, p.Memory, p.Threads, keySize)
}

const (
	saltSize = 16
	keySize  = 32
)

// revision is the stored form of a PIN, or of its absence.
type revision struct {
	Version    int       `json:"v"`
	Nonce      string    `json:"nonce"`
	At         time.Time `json:"at"`
	MustChange bool      `json:"mustChange,omitempty"`
	// Cleared or Hash: a document that has neither was written by a later version, and opens nothing.
	Cleared bool    `json:"cleared,omitempty"`
	Hash    *hashed `json:"argon2id,omitempty"`
}

// hashed is all that is stored of the digits.
type hashed struct {
	Version int    `json:"version"`
	Memory  uint32 `json:"memory"`
	Time    uint32 `json:"time"`
	Threads uint8  `json:"threads"`
	Salt    []byte `json:"salt"`
	Key     []byte `json:"hash"`
}

const (
	revisionVersion = 1
	documentSize    = 4 << 10 // longer than any document of this package
)

func decodeRevision(doc []byte) (*revision, error) {
	var r revision
	err := json.Unmarshal(doc, &r)
	h := r.Hash
	switch {
	case err != nil, r.Version < 1, r.Cleared != (h == nil),
		h != nil && (h.Version != argon2.Version || !h.parameters().possible() || len(h.Salt) < saltSize || len(h.Key) != keySize):
		return nil, fmt.Errorf("%w: the record of the PIN cannot be read; set the PIN anew", storage.ErrCorrupt)
	}
	return &r, nil
}

func (h *hashed) parameters() Argon2 { return Argon2{h.Memory, h.Time, h.Threads} }

// matches compares hashes, in constant time.
func (h *hashed) matches(pin PIN) bool {
	return subtle.ConstantTimeCompare(h.parameters().key(pin, h.Salt), h.Key) == 1
}

// seal hashes a PIN. The salt is as unique as the nonce, of which it is a digest.
func (a *Access) seal(ctx context.Context, pin PIN, mustChange bool) (revision, error) {
	release, err := a.slot(ctx)
	if err != nil {
		return revision{}, err
	}
	defer release()
	r := a.revision()
	sum := sha256.Sum256([]byte("salt of a PIN\x00" + r.Nonce))
	p, salt := a.opts.Argon2, sum[:saltSize]
	r.MustChange, r.Hash = mustChange, &hashed{argon2.Version, p.Memory, p.Time, p.Threads, salt, p.key(pin, salt)}
	return r, nil
}

func (a *Access) revision() revision {
	return revision{Version: revisionVersion, Nonce: a.ops.Nonce(), At: a.ops.Now().UTC()}
}

// slot waits until one more hash may be under way.
func (a *Access) slot(ctx context.Context) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case a.slots <- struct{}{}:
		return func() { <-a.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
