package gdpr

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
)

// Receipt is the proof of an erasure. It names message IDs, counts, regions and times; neither a number nor anything from which one could be recomputed, and no
// mailbox. Receipts are numbered from 1 and each carries the digest of the one before, so that none can be taken out or changed without breaking the chain behind it.
type Receipt struct {
	Version int `json:"v"`
	// Number counts the tenant's receipts. Previous is the Digest of the receipt before; empty in the first.
	Number   int    `json:"number"`
	Previous string `json:"previous"`
	// CaseID is the case's, as people gave it. Entry tells the forgets of a case apart that was undone and forgotten again.
	CaseID string `json:"caseid"`
	Entry  int    `json:"entry"`
	// AcceptedAt is when the caller was restricted, DecidedAt when the erasure was decided, ErasedAt when all was erased, VerifiedAt when an independent search found
	// nothing any more. EraseBy is the promise.
	AcceptedAt time.Time `json:"acceptedAt"`
	DecidedAt  time.Time `json:"decidedAt"`
	ErasedAt   time.Time `json:"erasedAt"`
	VerifiedAt time.Time `json:"verifiedAt"`
	EraseBy    time.Time `json:"eraseBy"`
	// Messages were erased, in every region. An ID can be among them whose message was announced when its caller was forgotten and never came.
	Messages []voicemail.MessageID `json:"messages"`
	// Foreign is how many objects of another program were erased by name.
	Foreign int `json:"foreign"`
	// Regions are all regions, the master first, with what their storage may keep beyond the deletion.
	Regions []RegionReceipt `json:"regions"`
	// Nonce makes every receipt different.
	Nonce string `json:"nonce"`

	doc []byte
}

// RegionReceipt says what the storage of a region may still hold of what was deleted.
type RegionReceipt struct {
	Name string `json:"name"`
	// RecoverableUntil is until when deleted objects can be restored there; zero if they cannot, as far as the storage tells.
	RecoverableUntil time.Time `json:"recoverableUntil,omitzero"`
	// Versioned: the storage keeps versions, and all versions were deleted. Lock: objects may be locked against deletion.
	Versioned bool `json:"versioned,omitempty"`
	Lock      bool `json:"lock,omitempty"`
	// Notes are sentences for the privacy officer.
	Notes []string `json:"notes,omitempty"`
}

// Digest returns the SHA-256 of the stored receipt in lower-case hex. Anchor that of the newest outside, and nobody can change the chain unseen.
func (r Receipt) Digest() string {
	doc := r.doc
	if doc == nil {
		doc, _ = json.Marshal(r) // of strings, numbers and times only: never fails
	}
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}

// Receipts yields all receipts, the oldest first, and checks the chain on the way: a gap, or a receipt that does not fit the one before, is ErrTampered and ends it.
func (c *Controller) Receipts(ctx context.Context) iter.Seq2[Receipt, error] {
	return func(yield func(Receipt, error) bool) {
		previous, n := "", 0
		for info, err := range storage.All(ctx, c.master, &storage.ListOptions{Prefix: c.space.Receipts(), KeysOnly: true}) {
			var r *Receipt
			if err != nil {
				err = c.inMaster(err)
			} else {
				r, err = c.readReceipt(ctx, info.Key)
			}
			n++
			if err == nil && (r.Number != n || r.Previous != previous || info.Key != c.space.Receipt(n)) {
				err = fmt.Errorf("%w: at receipt %d", ErrTampered, n)
			}
			if err != nil {
				yield(Receipt{}, fail("read receipts", "", err))
				return
			}
			if !yield(*r, nil) {
				return
			}
			previous = r.Digest()
		}
	}
}

// readReceipt reads a receipt as it is stored.
func (c *Controller) readReceipt(ctx context.Context, key string) (*Receipt, error) {
	doc, err := storage.ReadFile(ctx, c.master, key, entrySize)
	if err != nil {
		return nil, c.inMaster(err)
	}
	var r Receipt
	if err := json.Unmarshal(doc, &r); err != nil {
		return nil, c.inMaster(fmt.Errorf("%w: a receipt cannot be read", storage.ErrCorrupt))
	}
	r.doc = doc
	return &r, nil
}

// linkSlack is by how much the clocks of two sweeping hosts may differ when the chain is searched for a receipt that may be in it.
const linkSlack = 24 * time.Hour

// chain puts the body of a receipt at the end of the chain, once: whoever comes second finds it there (model: two sweepers of one case and one of another).
func (c *Controller) chain(ctx context.Context, body Receipt) (*Receipt, error) {
	for {
		last := 0
		for info, err := range storage.All(ctx, c.master, &storage.ListOptions{Prefix: c.space.Receipts(), KeysOnly: true}) {
			if err != nil {
				return nil, c.inMaster(err)
			}
			if n, err := c.space.ParseReceipt(info.Key); err == nil {
				last = max(last, n)
			}
		}
		body.Number, body.Previous = last+1, ""
		for n := last; n > 0; n-- {
			r, err := c.readReceipt(ctx, c.space.Receipt(n))
			if err != nil {
				return nil, err
			}
			if n == last {
				body.Previous = r.Digest()
			}
			if r.Nonce == body.Nonce {
				return r, nil
			}
			if r.VerifiedAt.Before(body.VerifiedAt.Add(-linkSlack)) {
				break // it was written before this one was decided
			}
		}
		doc, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		ours, err := c.ops.CreateOnce(ctx, c.space.Receipt(body.Number), doc)
		if err != nil {
			return nil, err
		}
		if ours {
			body.doc = doc
			return &body, nil
		}
	}
}

// retentionUnknown is what a receipt says of a storage that may keep what was deleted, where this process has no access to its settings.
const retentionUnknown = "Whether this storage keeps what was deleted, and for how long, could not be read from its settings."

// retained says what each region's storage may keep.
func (c *Controller) retained(ctx context.Context, now time.Time) ([]RegionReceipt, error) {
	var list []RegionReceipt
	for _, r := range c.ops.Regions() {
		one := RegionReceipt{Name: r.Name}
		if ret, ok := storage.As[storage.Retainer](r.Store); ok {
			kept, err := ret.Retention(ctx)
			switch {
			case errors.Is(err, errors.ErrUnsupported), errors.Is(err, storage.ErrPermission):
				kept.Notes = append(kept.Notes, retentionUnknown)
			case err != nil:
				return nil, c.ops.Fail(r.Name, err)
			}
			one.Versioned, one.Lock, one.Notes = kept.Versioned, kept.Lock, kept.Notes
			if kept.SoftDelete > 0 {
				one.RecoverableUntil = now.Add(kept.SoftDelete)
			}
		}
		list = append(list, one)
	}
	return list, nil
}

// Format prints what can be printed of a receipt.
func (r Receipt) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, fmt.Sprintf("receipt %d of case %q: %d messages erased, %s", r.Number, r.CaseID, len(r.Messages), r.VerifiedAt.Format(time.RFC3339)))
}

var errLeft = errors.New("something is left")
