package voicemail

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

const (
	minIndexKey  = 16
	indexKeySize = 32
	keyDocument  = 4 << 10
)

// SecretKey is a key that prints as REDACTED under every verb of fmt but %p, in text, JSON and slog, so that printed options betray none. In an
// unexported field of another struct it is not protected. Any []byte can be assigned to it.
type SecretKey []byte

// Format prints REDACTED under every verb.
func (SecretKey) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalText returns REDACTED; so does JSON.
func (SecretKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns REDACTED.
func (SecretKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// callerIndex makes the names of the caller index. The keyed hash keeps numbers out of names. It is no vault: who can read
// the key and the index recomputes a number by trying all.
type callerIndex struct {
	mac    func() hash.Hash // a function, since fmt prints nothing of the key that it has
	tenant string
}

// hash returns the hex digits under which a canonical identity is indexed.
func (x callerIndex) hash(identity string) string {
	mac := x.mac()
	mac.Write([]byte(x.tenant))
	mac.Write([]byte{0})
	mac.Write([]byte(identity))
	return hex.EncodeToString(mac.Sum(nil))
}

// callers returns the caller index of the tenant. There is no other way to it: before it could be read from the master region, nobody is indexed under
// anything, and no audio is stored in a region that the tenant has no record of.
func (s *Service) callers(ctx context.Context) (callerIndex, error) {
	return s.tenant.Get(ctx, s.provision)
}

// entries are the caller index entries of a message.
func (s *Service) entries(ctx context.Context, box keys.Box, d *metadata) ([]string, error) {
	x, err := s.callers(ctx)
	if err != nil {
		return nil, err
	}
	ids := d.Caller.identities()
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = box.CallerEntry(x.hash(id), d.ref())
	}
	return names, nil
}

// announce creates the index entries of a message that is about to be committed. One that has been there so long that it may be taken
// for garbage any time is refused: nothing may be committed under it any more. young says which has not.
func (s *Service) announce(ctx context.Context, entries []string, young func(created time.Time) bool) error {
	errs := make([]error, len(entries))
	s.parallel(len(entries), func(i int) { errs[i] = s.announceEntry(ctx, entries[i], young) })
	return first(errs...)
}

func (s *Service) announceEntry(ctx context.Context, entry string, young func(created time.Time) bool) error {
	for range announceAttempts {
		_, err := s.master.Create(ctx, entry, nil, nil)
		if !errors.Is(err, storage.ErrExists) {
			return err
		}
		info, err := s.master.Stat(ctx, entry)
		switch {
		case errors.Is(err, storage.ErrNotExist): // taken away just now, with the message that it led to
			continue
		case err == nil && !young(info.Modified):
			return errStale
		}
		return err
	}
	return fmt.Errorf("%w: the index entry comes and goes; try again", storage.ErrUnavailable)
}

const announceAttempts = 8

// garbageAge is how old a name that nothing refers to must be before it is taken away (rule 7).
const garbageAge = 24 * time.Hour

// recent reports whether what was created then cannot be taken for garbage before an operation that begins now has ended.
func (s *Service) recent(created time.Time) bool { return s.opts.Now().Sub(created) <= garbageAge/2 }

// errStale marks an index entry that is too old to commit under.
var errStale = fmt.Errorf("%w: an earlier attempt with this ID is too long ago; use a new ID", ErrConflict)

// keyRecord is the stored record of the key: the key itself, or a check value of a key that is kept elsewhere.
type keyRecord struct {
	Version int    `json:"v"`
	Key     []byte `json:"key,omitempty"`
	Check   []byte `json:"check,omitempty"`
}

func checkValue(key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("voicemail caller index, key check"))
	return mac.Sum(nil)
}

// openIndex reads the tenant's key, or makes it if the tenant is new. Of many that make it at once, one wins and the others read it back.
func openIndex(ctx context.Context, master storage.Store, space keys.Space, tenant string, given []byte) (callerIndex, error) {
	name := space.IndexKey(1)
	stored, err := storage.ReadFile(ctx, master, name, keyDocument)
	if errors.Is(err, storage.ErrNotExist) {
		if err := makeKey(ctx, master, space, name, given); err != nil {
			return callerIndex{}, err
		}
		stored, err = storage.ReadFile(ctx, master, name, keyDocument)
	}
	if err != nil {
		return callerIndex{}, err
	}
	var rec keyRecord
	if err := json.Unmarshal(stored, &rec); err != nil || rec.Version != 1 || rec.Key != nil && len(rec.Key) < minIndexKey {
		return callerIndex{}, fmt.Errorf("%w: its record cannot be read", ErrIndexKey)
	}
	key := rec.Key
	switch {
	case given == nil && key == nil:
		return callerIndex{}, fmt.Errorf("%w: the tenant's key is kept outside: set Options.IndexKey", ErrIndexKey)
	case given != nil && key != nil && !bytes.Equal(given, key),
		given != nil && key == nil && !hmac.Equal(checkValue(given), rec.Check):
		return callerIndex{}, fmt.Errorf("%w: the tenant was provisioned with another one than Options.IndexKey", ErrIndexKey)
	case given != nil:
		key = given
	}
	key = bytes.Clone(key)
	return callerIndex{mac: func() hash.Hash { return hmac.New(sha256.New, key) }, tenant: tenant}, nil
}

// makeKey creates the record of a new key, unless there are index entries already: they were made with a key that is lost, and a new
// one would hide their callers from every search.
func makeKey(ctx context.Context, master storage.Store, space keys.Space, name string, given []byte) error {
	for _, err := range storage.All(ctx, master, &storage.ListOptions{Prefix: space.Callers(), MaxKeys: 1, KeysOnly: true}) {
		if err != nil {
			return err
		}
		return fmt.Errorf("%w: there are index entries but no key: restore the tenant's key object from a backup", ErrIndexKey)
	}
	rec := keyRecord{Version: 1}
	if given != nil {
		rec.Check = checkValue(given)
	} else {
		rec.Key = make([]byte, indexKeySize)
		_, _ = rand.Read(rec.Key) // never fails
	}
	doc, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	_, err = master.Create(ctx, name, bytes.NewReader(doc), &storage.CreateOptions{ContentType: jsonType})
	if errors.Is(err, storage.ErrExists) {
		return nil
	}
	return err
}

const jsonType = "application/json"
