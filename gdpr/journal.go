package gdpr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/privacy"
	"github.com/genesys/voicemail/storage"
)

// journalPart is a part of what an erasure covers. It is written before anything in it is erased, so that whoever finishes a sweep that was killed knows
// what was, and in which places nothing may be left.
type journalPart struct {
	Version int            `json:"v"`
	Nonce   string         `json:"nonce"`
	At      time.Time      `json:"at"`
	Stays   []journalEntry `json:"stays"`
	// Foreign are objects of other programs.
	Foreign []privacy.Foreign `json:"foreign,omitempty"`
}

// journalEntry is a stay of a message with its index entries.
type journalEntry struct {
	Mailbox string   `json:"mailbox"`
	ID      string   `json:"id"`
	Hop     int      `json:"hop"`
	Entries []string `json:"entries,omitempty"`
}

func (e journalEntry) place() privacy.Place {
	return privacy.Place{Mailbox: e.Mailbox, Ref: keys.Ref{ID: e.ID, Hop: e.Hop}}
}

// object names an object in a region.
type object struct{ region, key string }

func objectOf(f privacy.Foreign) object { return object{f.Region, f.Key} }

const (
	journalStays = 1000 // in a part
	journalSize  = 4 << 20
	journalParts = 1000
)

// journal is all that an erasure covers, as far as it is known.
type journal struct {
	entries []journalEntry
	foreign []privacy.Foreign
	parts   int
	last    time.Time // when the last part was written
}

func (c *Controller) readJournal(ctx context.Context, f keys.Forgetting) (*journal, error) {
	j := &journal{}
	for info, err := range storage.All(ctx, c.master, &storage.ListOptions{Prefix: c.space.Journal(f), KeysOnly: true}) {
		if err != nil {
			return nil, c.inMaster(err)
		}
		var part journalPart
		if err := c.read(ctx, info.Key, journalSize, &part); errors.Is(err, storage.ErrNotExist) {
			continue // another sweep has closed the case
		} else if err != nil {
			return nil, err
		}
		j.entries, j.foreign = append(j.entries, part.Stays...), append(j.foreign, part.Foreign...)
		j.parts++
		if part.At.After(j.last) {
			j.last = part.At
		}
	}
	return j, nil
}

// journalize adds what was found to the journal, and returns the journal with it.
func (c *Controller) journalize(ctx context.Context, f keys.Forgetting, list []*found, foreign []privacy.Foreign) (*journal, error) {
	for {
		j, err := c.readJournal(ctx, f)
		if err != nil {
			return nil, err
		}
		known := make(map[privacy.Place]bool, len(j.entries))
		for _, e := range j.entries {
			known[e.place()] = true
		}
		part := journalPart{Version: recordVersion, Nonce: c.ops.Nonce(), At: c.now()}
		for _, s := range list {
			if !known[s.Place] && len(part.Stays) < journalStays {
				part.Stays = append(part.Stays, journalEntry{Mailbox: s.Mailbox, ID: s.Ref.ID, Hop: s.Ref.Hop, Entries: s.Entries})
			}
		}
		others := make(map[object]bool, len(j.foreign))
		for _, o := range j.foreign {
			others[objectOf(o)] = true
		}
		for _, o := range foreign {
			if !others[objectOf(o)] && len(part.Foreign) < journalStays {
				part.Foreign = append(part.Foreign, o)
			}
		}
		if len(part.Stays)+len(part.Foreign) == 0 {
			return j, nil
		}
		if j.parts >= journalParts {
			return nil, c.inMaster(fmt.Errorf("%w: the case covers more than %d messages", storage.ErrInvalid, journalStays*journalParts))
		}
		// Another sweep may have written this part; then it is read with the next look.
		if _, err := c.write(ctx, c.space.JournalAt(f, j.parts+1), part); err != nil {
			return nil, err
		}
	}
}

// dropJournal removes the journal.
func (c *Controller) dropJournal(ctx context.Context, f keys.Forgetting) error {
	var names []string
	for info, err := range storage.All(ctx, c.master, &storage.ListOptions{Prefix: c.space.Journal(f), KeysOnly: true}) {
		if err != nil {
			return c.inMaster(err)
		}
		names = append(names, info.Key)
	}
	if len(names) == 0 {
		return nil
	}
	return c.inMaster(c.master.Delete(ctx, names...))
}
