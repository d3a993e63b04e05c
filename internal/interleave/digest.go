package interleave

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"math/big"
)

// digester hashes texts, such that no two lists of texts give the same bytes.
type digester struct {
	hash hash.Hash
}

func newDigest() *digester { return &digester{sha256.New()} }

func (d *digester) add(texts ...string) {
	var n [8]byte
	for _, t := range texts {
		binary.BigEndian.PutUint64(n[:], uint64(len(t)))
		d.hash.Write(n[:])
		_, _ = io.WriteString(d.hash, t) // a hash never fails
	}
}

func (d *digester) sum() (s [sha256.Size]byte) {
	d.hash.Sum(s[:0])
	return s
}

// digest is the hash of data.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return string(sum[:])
}

// tally is a sum of hashes. It does not depend on their order.
type tally struct{ sum big.Int }

func (t *tally) add(hash [sha256.Size]byte) {
	var n big.Int
	t.sum.Add(&t.sum, n.SetBytes(hash[:]))
}

// String returns the sum.
func (t *tally) String() string { return t.sum.Text(62) }
