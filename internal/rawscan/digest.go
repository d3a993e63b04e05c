package rawscan

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"

	"github.com/genesys/voicemail/internal/keys"
)

// algorithm is a way to make a digest.
type algorithm struct {
	name string
	hash hash.Hash
}

func (a algorithm) sum(into []byte, text string) []byte {
	a.hash.Reset()
	_, _ = a.hash.Write([]byte(text))
	return a.hash.Sum(into)
}

// algorithms returns what digests are made with: each hash, and each hash with each key.
func algorithms(keys [][]byte) []algorithm {
	all := []algorithm{
		{"MD5", md5.New()}, {"SHA-1", sha1.New()}, {"SHA-224", sha256.New224()}, {"SHA-256", sha256.New()}, {"SHA-384", sha512.New384()},
		{"SHA-512", sha512.New()}, {"SHA-512/256", sha512.New512_256()}, {"SHA3-256", sha3.New256()}, {"FNV-1a", fnv.New64a()},
	}
	for i, key := range keys {
		all = append(all,
			algorithm{fmt.Sprintf("HMAC-SHA-256 with key %d", i+1), hmac.New(sha256.New, key)},
			algorithm{fmt.Sprintf("HMAC-SHA-1 with key %d", i+1), hmac.New(sha1.New, key)},
			algorithm{fmt.Sprintf("HMAC-SHA-512 with key %d", i+1), hmac.New(sha512.New, key)},
		)
	}
	return all
}

// spellings are how a number may be written before it is digested.
func spellings(number string) []string {
	d, ok := digitsOf(number)
	if !ok {
		return []string{number, strings.ToUpper(number)}
	}
	all := []string{number, d, "+" + d, "00" + d, "tel:" + number, "tel:+" + d, last(d, codedLen), last(d, tailLen)}
	slices.Sort(all)
	return slices.Compact(all)
}

// addDigests adds the digests of a number: by itself, and with what it may be salted with.
func (ix *index) addDigests(name, number, tenant string, keys [][]byte, salts []string) {
	contexts := []string{tenant, "case", "caller", "subject", "forget", "number", "phone", tenant + "\x00case", tenant + "\x00caller", tenant + "\x00subject"}
	algs := algorithms(keys)
	var sum [sha512.Size]byte
	for _, a := range algs {
		what := "a digest of " + name + " (" + a.name
		for _, n := range spellings(number) {
			ix.addSum(what+")", a.sum(sum[:0], n))
			for _, c := range contexts {
				for _, sep := range []string{"", "\x00", ":", "/", "|", ",", "-", " "} {
					ix.addSum(what+", salted)", a.sum(sum[:0], c+sep+n))
					ix.addSum(what+", salted)", a.sum(sum[:0], n+sep+c))
				}
			}
		}
	}
	for _, salt := range salts {
		all := append(slices.Clip(algs), algorithm{"HMAC-SHA-256 with an ID as the key", hmac.New(sha256.New, []byte(salt))})
		for _, a := range all {
			what := "a digest of " + name + " (" + a.name + ", salted with an ID)"
			for _, n := range []string{number, strings.TrimPrefix(number, "+")} {
				for _, sep := range []string{"", "\x00", ":"} {
					ix.addSum(what, a.sum(sum[:0], salt+sep+n))
					ix.addSum(what, a.sum(sum[:0], n+sep+salt))
				}
			}
		}
		ix.addSum("a digest of "+name+" (HMAC-SHA-256 with an ID as the key)", all[len(algs)].sum(sum[:0], number))
	}
}

// addSum adds a digest, which is recognised by its first or last eight bytes, so also if it was shortened.
func (ix *index) addSum(what string, sum []byte) {
	ix.digests[binary.BigEndian.Uint64(sum)] = what
	ix.digests[binary.BigEndian.Uint64(sum[len(sum)-8:])] = what
}

// keys returns the keys that the stores hold, and those that are kept elsewhere.
func (s Scan) keys(ctx context.Context, places []place) ([][]byte, error) {
	space, err := keys.NewSpace(s.Tenant)
	if err != nil {
		return nil, invalid("the tenant: %v", err)
	}
	all := slices.Clone(s.Keys)
	for _, p := range places {
		if !p.stored || !strings.HasPrefix(p.Name, space.IndexKeys()) {
			continue
		}
		doc, err := p.Read(ctx)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("region %s: read the index key: %w", p.region, err)
		}
		var record struct {
			Key []byte `json:"key"`
		}
		if err := json.Unmarshal(doc, &record); err != nil {
			return nil, fmt.Errorf("region %s: the index key cannot be read", p.region)
		}
		if record.Key != nil {
			all = append(all, record.Key)
		}
	}
	return all, nil
}

var anID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}`)

// salts returns the IDs of messages and cases in the names, and given.
func salts(places []place, given []string) []string {
	all := slices.Clone(given)
	for _, p := range places {
		all = append(all, anID.FindAllString(p.Name, -1)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// attack digests the whole range and tells which numbers the tokens left give away.
func (s Scan) attack(ctx context.Context, keys [][]byte, tokens map[uint64]bool) error {
	if s.Range == nil {
		return nil
	}
	missing := map[string]bool{}
	for _, number := range s.Numbers {
		missing[number] = true
	}
	algs := algorithms(keys)
	var sum [sha512.Size]byte
	recovers := func(number string) bool {
		for _, n := range []string{number, strings.TrimPrefix(number, "+"), s.Tenant + "\x00" + number} {
			for _, a := range algs {
				if tokens[binary.BigEndian.Uint64(a.sum(sum[:0], n))] {
					return true
				}
			}
		}
		return false
	}
	for number := range s.Range {
		if err := ctx.Err(); err != nil {
			return err
		}
		delete(missing, number)
		if len(tokens) > 0 && recovers(number) {
			s.Recovered(number)
		}
	}
	if len(missing) > 0 {
		return invalid("the range lacks %d of the numbers", len(missing))
	}
	return nil
}
