package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/genesys/voicemail/examples/internal/auth"
)

// Table knows secrets beforehand: those of machines, as of the switch that deposits, and those of development. It keeps their digests only. A secret is good as a bearer
// token, or as the password of its user as basic.
//
// A plain digest is enough for secrets that a machine made from 16 random bytes or more; it is not for passwords that people choose.
type Table struct {
	entries map[[sha256.Size]byte]auth.Principal
	now     func() time.Time
}

var _ auth.Verifier = (*Table)(nil)

// NewTable returns the table of secrets; nil now is time.Now.
func NewTable(secrets map[string]auth.Principal, now func() time.Time) *Table {
	t := &Table{entries: map[[sha256.Size]byte]auth.Principal{}, now: now}
	if now == nil {
		t.now = time.Now
	}
	for secret, p := range secrets {
		t.entries[sha256.Sum256([]byte(secret))] = p
	}
	return t
}

// ParseTable reads a table: a JSON array of who has a secret, each with the SHA-256 of it in hex. officer, administrator and depositor may be left out, and groups, and expires.
//
//	[{"sha256": "9f86d0…", "ccid": "9350e2fc-…", "user": "switch", "depositor": true}]
func ParseTable(doc []byte) (*Table, error) {
	var list []struct {
		SHA256        string    `json:"sha256"`
		ContactCenter string    `json:"ccid"`
		User          string    `json:"user"`
		Groups        []string  `json:"groups"`
		Officer       bool      `json:"officer"`
		Administrator bool      `json:"administrator"`
		Depositor     bool      `json:"depositor"`
		Expires       time.Time `json:"expires"`
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil { // which would cite the document
		return nil, errors.New("the table of secrets is not a JSON array of {sha256, ccid, user, groups, officer, administrator, depositor, expires}")
	}
	t := NewTable(nil, nil)
	for i, e := range list {
		digest, err := hex.DecodeString(e.SHA256)
		if err != nil || len(digest) != sha256.Size {
			return nil, fmt.Errorf("entry %d of the table of secrets: sha256 has 64 hexadecimal digits", i)
		}
		if e.ContactCenter == "" || e.User == "" {
			return nil, fmt.Errorf("entry %d of the table of secrets: ccid and user are needed", i)
		}
		t.entries[[sha256.Size]byte(digest)] = auth.Principal{
			Name: "user " + e.User, User: e.User, Groups: e.Groups, ContactCenters: []string{e.ContactCenter},
			Officer: e.Officer, Administrator: e.Administrator, Depositor: e.Depositor, Expires: e.Expires,
		}
	}
	return t, nil
}

// Verify looks the secret up.
func (t *Table) Verify(_ context.Context, c auth.Credentials) (auth.Principal, error) {
	user, secret := "", c.Reveal()
	if c.Scheme() == auth.Basic {
		plain, err := base64.StdEncoding.DecodeString(secret)
		var ok bool
		if user, secret, ok = strings.Cut(string(plain), ":"); err != nil || !ok || user == "" {
			return auth.Principal{}, auth.ErrRefused
		}
	}
	p, ok := t.entries[sha256.Sum256([]byte(secret))]
	if !ok || user != "" && user != p.User || !p.Expires.IsZero() && !t.now().Before(p.Expires) {
		return auth.Principal{}, auth.ErrRefused
	}
	return p, nil
}
