package gdpr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/privacy"
	"github.com/genesys/voicemail/storage"
)

// kind is what an entry of the log of a case says.
type kind string

// A forget that is entry n of the log is followed by what became of it: n+1 is undo or erase, whoever creates it first; after erase, n+2 is erased, n+3 is verified and
// n+4 is closed. After undo, n+2 is the next forget.
const (
	kindForget   kind = "forget"
	kindUndo     kind = "undo"
	kindErase    kind = "erase"
	kindErased   kind = "erased"   // everything covered was erased in every region
	kindVerified kind = "verified" // nothing was found any more; holds the body of the receipt
	kindClosed   kind = "closed"   // the receipt is in the chain
)

// entry is an entry of the log of a case. It outlives the case, so it holds nothing of the caller. Fields are added, never changed or reused.
type entry struct {
	Version  int       `json:"v"`
	Nonce    string    `json:"nonce"`
	Kind     kind      `json:"kind"`
	CaseID   string    `json:"caseid"`
	Actor    string    `json:"actor,omitempty"`
	At       time.Time `json:"at"`
	Due      time.Time `json:"due,omitzero"`      // of forget: when the erasure is decided
	Deadline time.Time `json:"deadline,omitzero"` // of forget: until when all is erased
	Body     *Receipt  `json:"body,omitempty"`    // of verified
	Receipt  int       `json:"receipt,omitempty"` // of closed
}

const (
	recordVersion = 1
	entrySize     = 16 << 20 // a receipt names up to some 100,000 messages
	subjectSize   = 4 << 20
)

// caseLog is the log of a case: entry n is log[n-1].
type caseLog []entry

// current returns the number of the last forget, 0 if there is none.
func (l caseLog) current() int {
	for n := len(l); n > 0; n-- {
		if l[n-1].Kind == kindForget {
			return n
		}
	}
	return 0
}

// last returns the last entry's kind; undo if there is none: nothing is open.
func (l caseLog) last() kind {
	if len(l) == 0 {
		return kindUndo
	}
	return l[len(l)-1].Kind
}

// after returns the entry of a kind that follows the forget n.
func (l caseLog) after(n int, k kind) (entry, bool) {
	for _, e := range l[min(n, len(l)):] {
		if e.Kind == k {
			return e, true
		}
		if e.Kind == kindForget {
			break
		}
	}
	return entry{}, false
}

// of returns the log as far as it is of the forget n.
func (l caseLog) of(n int) caseLog {
	for i := n; i < len(l); i++ {
		if l[i].Kind == kindForget {
			return l[:i]
		}
	}
	return l
}

// readLog reads the log of a case. It holds a few entries.
func (c *Controller) readLog(ctx context.Context, name string) (caseLog, error) {
	var log caseLog
	for info, err := range storage.All(ctx, c.master, &storage.ListOptions{Prefix: c.space.Case(name), KeysOnly: true}) {
		if err != nil {
			return nil, c.inMaster(err)
		}
		_, n, err := c.space.ParseCaseEntry(info.Key)
		if err != nil {
			continue // nothing of ours
		}
		if n != len(log)+1 {
			return nil, c.inMaster(fmt.Errorf("%w: entry %d of a case is missing", storage.ErrCorrupt, len(log)+1))
		}
		var e entry
		if err := c.read(ctx, info.Key, entrySize, &e); err != nil {
			return nil, err
		}
		log = append(log, e)
	}
	return log, nil
}

// read reads a record from the master region.
func (c *Controller) read(ctx context.Context, key string, limit int64, record any) error {
	doc, err := storage.ReadFile(ctx, c.master, key, limit)
	if err != nil {
		return c.inMaster(err)
	}
	if err := json.Unmarshal(doc, record); err != nil {
		return c.inMaster(fmt.Errorf("%w: a record of a case cannot be read", storage.ErrCorrupt))
	}
	return nil
}

// write creates a record in the master region, and reports whether it is ours.
func (c *Controller) write(ctx context.Context, key string, record any) (bool, error) {
	doc, err := json.Marshal(record)
	if err != nil {
		return false, err
	}
	return c.ops.CreateOnce(ctx, key, doc)
}

// add creates entry n of a log, unless somebody else has.
func (c *Controller) add(ctx context.Context, name string, n int, e entry) error {
	e.Version, e.Nonce = recordVersion, c.ops.Nonce()
	if e.At.IsZero() {
		e.At = c.now()
	}
	_, err := c.write(ctx, c.space.CaseEntry(name, n), e)
	return err
}

// subject is who is meant by a forget. It is there while the forget is open, and no longer.
type subject struct {
	Version    int               `json:"v"`
	Nonce      string            `json:"nonce"`
	Callers    []string          `json:"callers"`    // canonical, sorted
	Identities []string          `json:"identities"` // all forms of them
	Since      time.Time         `json:"since,omitzero"`
	Until      time.Time         `json:"until,omitzero"`
	Foreign    []privacy.Foreign `json:"foreign,omitempty"`
}

func (s *subject) same(o *subject) bool {
	return slices.Equal(s.Callers, o.Callers) && s.Since.Equal(o.Since) && s.Until.Equal(o.Until)
}

// of is what the subject's messages are looked for by. What the forget covers is marked, so that later the bounds do not matter any more.
func (s *subject) of() privacy.Subject { return privacy.Subject{Identities: s.Identities} }

func (s *subject) within() privacy.Subject {
	return privacy.Subject{Identities: s.Identities, Since: s.Since, Until: s.Until}
}

// readSubject returns nil if the forget is not open any more, or not yet.
func (c *Controller) readSubject(ctx context.Context, f keys.Forgetting) (*subject, error) {
	var s subject
	err := c.read(ctx, c.space.Subject(f), subjectSize, &s)
	if errors.Is(err, storage.ErrNotExist) {
		return nil, nil //nolint:nilnil // nobody is meant
	}
	return &s, err
}

// State is how far a case is.
type State string

// The states of a case, in their order.
const (
	StateRestricted State = "restricted" // can be undone
	StateUndone     State = "undone"
	StateErasing    State = "erasing" // decided
	StateErased     State = "erased"  // nothing is left that is known of; the receipt waits for the last look
	StateClosed     State = "closed"  // the receipt is written
)

// Case is what is recorded of a case. It holds nothing of the caller.
type Case struct {
	// CaseID is the ID that people gave it.
	CaseID string `json:"caseid"`
	// State is how far it is.
	State State `json:"status"`
	// Actor is who asked for the last forget or undo.
	Actor string `json:"actor"`
	// AcceptedAt is when it was accepted, UndoUntil until when it can be undone, EraseBy until when all is erased: the promise.
	AcceptedAt time.Time `json:"acceptedAt"`
	UndoUntil  time.Time `json:"undoUntil"`
	EraseBy    time.Time `json:"eraseBy"`
	// UndoneAt, DecidedAt, ErasedAt, VerifiedAt are when that happened; zero if it did not.
	UndoneAt   time.Time `json:"undoneAt,omitzero"`
	DecidedAt  time.Time `json:"decidedAt,omitzero"`
	ErasedAt   time.Time `json:"erasedAt,omitzero"`
	VerifiedAt time.Time `json:"verifiedAt,omitzero"`
	// Receipt is the number of the receipt in the chain; 0 if there is none yet.
	Receipt int `json:"receipt,omitempty"`
}

// describe says what the log says of its last forget.
func (l caseLog) describe() Case {
	n := l.current()
	if n == 0 {
		return Case{}
	}
	f := l[n-1]
	s := Case{CaseID: f.CaseID, State: StateRestricted, Actor: f.Actor, AcceptedAt: f.At, UndoUntil: f.Due, EraseBy: f.Deadline}
	for _, e := range l[n:] {
		switch e.Kind {
		case kindUndo:
			s.State, s.Actor, s.UndoneAt = StateUndone, e.Actor, e.At
		case kindErase:
			s.State, s.DecidedAt = StateErasing, e.At
		case kindErased:
			s.State, s.ErasedAt = StateErased, e.At
		case kindVerified:
			s.VerifiedAt = e.At
		case kindClosed:
			s.State, s.Receipt = StateClosed, e.Receipt
		}
	}
	return s
}

// Status returns what is recorded of a case. It returns ErrNoCase if there is none.
func (c *Controller) Status(ctx context.Context, caseID string) (Case, error) {
	name, err := c.ops.CaseID(ctx, caseID)
	var log caseLog
	if err == nil {
		log, err = c.readLog(ctx, name)
	}
	if err == nil && log.current() == 0 {
		err = ErrNoCase
	}
	if err != nil {
		return Case{}, fail("status", caseID, err)
	}
	return log.describe(), nil
}

// Cases returns every case that is recorded, the open ones and the closed, in no order of time.
func (c *Controller) Cases(ctx context.Context) ([]Case, error) {
	var cases []Case
	for folder, err := range storage.Prefixes(ctx, c.master, c.space.Cases()) {
		if err != nil {
			return nil, fail("list cases", "", c.inMaster(err))
		}
		name := string(bytes.TrimSuffix([]byte(folder)[len(c.space.Cases()):], []byte("/")))
		log, err := c.readLog(ctx, name)
		if err != nil {
			return nil, fail("list cases", "", err)
		}
		if log.current() > 0 {
			cases = append(cases, log.describe())
		}
	}
	return cases, nil
}
