package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
)

// HoldID names a hold. It is made by the library.
type HoldID string

// Hold is why a message is kept. A held message cannot be deleted, moved, expired or erased; a forget restricts it, and its erasure waits until the hold is released.
// It prints without its reason, which may be confidential; its JSON shows it.
type Hold struct {
	ID      HoldID              `json:"id"`
	Mailbox voicemail.MailboxID `json:"mailbox"`
	Message voicemail.MessageID `json:"message"`
	// Reason is for people, 1 to 1,024 bytes; it is stored in a record of its own, in no name. Do not put the caller's number into it.
	Reason string `json:"reason"`
	// Actor is who holds it, At when.
	Actor string    `json:"actor"`
	At    time.Time `json:"at"`
}

// Format prints the hold without its reason.
func (h Hold) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, fmt.Sprintf("hold %s of message %s in mailbox %q", h.ID, h.Message, string(h.Mailbox)))
}

type holdRecord struct {
	Version int `json:"v"`
	Hold
}

const (
	maxReason = 1024
	holdSize  = 64 << 10
)

// Hold keeps a message of a mailbox, restricted or not, from being deleted, until Release. A message can have several holds. ID and At of h are set by the library.
//
// Errors: voicemail.ErrInvalid; voicemail.ErrNotFound if there is no such message, also if its deletion came first; an error of the storage, and then the message may
// be held: the hold is among Holds.
func (c *Controller) Hold(ctx context.Context, h Hold) (HoldID, error) {
	id, err := c.hold(ctx, h)
	return id, fail("hold", "", err)
}

func (c *Controller) hold(ctx context.Context, h Hold) (HoldID, error) {
	if problem := textProblem(h.Actor); problem != "" {
		return "", &RequestError{"Actor", problem}
	}
	if h.Reason == "" || len(h.Reason) > maxReason {
		return "", &RequestError{"Reason", "has 1 to 1,024 bytes"}
	}
	h.ID, h.At = HoldID(c.ops.Nonce()), c.now()
	key := c.space.HoldAt(string(h.ID))
	if _, err := c.write(ctx, key, holdRecord{recordVersion, h}); err != nil {
		return "", err
	}
	err := c.ops.Hold(ctx, string(h.Mailbox), string(h.Message), string(h.ID))
	left := new(storage.Error) // the mark may be there: then the record has to be, or nobody could release it
	if !errors.As(err, &left) && (errors.Is(err, voicemail.ErrNotFound) || errors.Is(err, voicemail.ErrInvalid)) {
		return "", errors.Join(err, c.inMaster(c.master.Delete(ctx, key)))
	}
	if err != nil {
		return h.ID, err
	}
	c.ops.Emit(string(voicemail.EventHeld), string(h.Mailbox), string(h.Message))
	return h.ID, nil
}

// Release ends a hold. What was only kept by it is deleted by the next Sweep or Maintain. It returns ErrNoHold if there is no such hold.
func (c *Controller) Release(ctx context.Context, id HoldID) error {
	return fail("release", "", c.release(ctx, id))
}

func (c *Controller) release(ctx context.Context, id HoldID) error {
	h, err := c.readHold(ctx, c.space.HoldAt(string(id)))
	if errors.Is(err, storage.ErrNotExist) || errors.Is(err, storage.ErrInvalid) {
		return ErrNoHold
	}
	if err != nil {
		return err
	}
	if err := c.ops.Release(ctx, string(h.Mailbox), string(h.Message), string(id)); err != nil {
		return err
	}
	c.ops.Emit(string(voicemail.EventReleased), string(h.Mailbox), string(h.Message))
	return c.inMaster(c.master.Delete(ctx, c.space.HoldAt(string(id))))
}

func (c *Controller) readHold(ctx context.Context, key string) (Hold, error) {
	doc, err := storage.ReadFile(ctx, c.master, key, holdSize)
	if err != nil {
		return Hold{}, c.inMaster(err)
	}
	var r holdRecord
	if err := json.Unmarshal(doc, &r); err != nil {
		return Hold{}, c.inMaster(fmt.Errorf("%w: the record of a hold cannot be read", storage.ErrCorrupt))
	}
	return r.Hold, nil
}

// Holds returns all holds, in no order.
func (c *Controller) Holds(ctx context.Context) ([]Hold, error) {
	var list []Hold
	for info, err := range storage.All(ctx, c.master, &storage.ListOptions{Prefix: c.space.Holds(), KeysOnly: true}) {
		if err != nil {
			return nil, fail("list holds", "", c.inMaster(err))
		}
		h, err := c.readHold(ctx, info.Key)
		if errors.Is(err, storage.ErrNotExist) {
			continue // released meanwhile
		}
		if err != nil {
			return nil, fail("list holds", "", err)
		}
		list = append(list, h)
	}
	return list, nil
}
