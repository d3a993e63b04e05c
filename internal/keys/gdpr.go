package keys

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The records of data-protection requests:
//
//	v1/<t>/gdpr/case/<c>/<n>                          the log of a case, each entry created once
//	v1/<t>/gdpr/subject/<c>-<n>                       who is meant by the forget that is entry n, while it is open
//	v1/<t>/gdpr/due/<ms>-<c>-<n>                      when it is due, while it is open
//	v1/<t>/gdpr/due/<ms>-<c>-<n>-marked               everything that it covers is marked
//	v1/<t>/gdpr/journal/<c>-<n>/<k>                   what is being erased, while it is
//	v1/<t>/gdpr/receipt/<n>                           the chain of receipts
//	v1/<t>/gdpr/hold/<h>                              why a message is held

// Pending is the prefix of the records of deposits that wait for the master region.
func (s Space) Pending() string { return s.root + "pending/" }

// PendingAt is the record of a deposit that waits for the master region.
func (s Space) PendingAt(id string) string { return s.Pending() + id }

// ParsePending reads the message ID of the name of a pending deposit.
func (s Space) ParsePending(key string) (string, error) {
	id, ok := strings.CutPrefix(key, s.Pending())
	if !ok {
		return "", fmt.Errorf("%w: not a pending deposit", ErrID)
	}
	return id, CheckID(id)
}

// Root is the prefix of everything of the tenant.
func (s Space) Root() string { return s.root }

// Forgetting names one forget of a case: the case and the entry of its log. A case that was undone can be forgotten again, under another entry.
type Forgetting struct {
	Case  string // 32 hex digits
	Entry int
}

const caseLen = 32

// String returns <c>-<n>.
func (f Forgetting) String() string { return fmt.Sprintf("%s-%06d", f.Case, f.Entry) }

// Mark is the mark of a stay that the forget restricts.
func (f Forgetting) Mark() string { return Forget + f.String() }

// ParseForgetting reads what String writes.
func ParseForgetting(s string) (Forgetting, error) {
	bad := fmt.Errorf("%w: not <case>-<entry>", ErrID)
	if len(s) != caseLen+7 || s[caseLen] != '-' || strings.Trim(s[:caseLen], hexDigits) != "" {
		return Forgetting{}, bad
	}
	n, err := strconv.ParseUint(s[caseLen+1:], 10, 31)
	if err != nil || n < 1 {
		return Forgetting{}, bad
	}
	return Forgetting{Case: s[:caseLen], Entry: int(n)}, nil
}

// ParseForgetMark reads the mark of a restricted stay.
func ParseForgetMark(mark string) (Forgetting, bool) {
	rest, ok := strings.CutPrefix(mark, Forget)
	if !ok {
		return Forgetting{}, false
	}
	f, err := ParseForgetting(rest)
	return f, err == nil
}

// Cases is the prefix of the logs of all cases.
func (s Space) Cases() string { return s.root + "gdpr/case/" }

// Case is the prefix of the log of a case.
func (s Space) Case(c string) string { return s.Cases() + c + "/" }

// CaseEntry is an entry of the log of a case, counted from 1.
func (s Space) CaseEntry(c string, n int) string { return fmt.Sprintf("%s%06d", s.Case(c), n) }

// ParseCaseEntry reads the name of an entry of the log of a case.
func (s Space) ParseCaseEntry(key string) (c string, n int, err error) {
	rest, ok := strings.CutPrefix(key, s.Cases())
	f, parseErr := ParseForgetting(strings.Replace(rest, "/", "-", 1))
	if !ok || parseErr != nil {
		return "", 0, fmt.Errorf("%w: not an entry of a case", ErrID)
	}
	return f.Case, f.Entry, nil
}

// Subject is the record of who is meant.
func (s Space) Subject(f Forgetting) string { return s.root + "gdpr/subject/" + f.String() }

// Due is the prefix of what is due, sorted by time.
func (s Space) Due() string { return s.root + "gdpr/due/" }

// DueAt says when a forget is due.
func (s Space) DueAt(t time.Time, f Forgetting) string {
	return fmt.Sprintf("%s%013d-%s", s.Due(), t.UnixMilli(), f)
}

const marked = "-marked"

// MarkedAt says that everything that a forget covers is marked.
func (s Space) MarkedAt(t time.Time, f Forgetting) string { return s.DueAt(t, f) + marked }

// ParseDue reads what DueAt and MarkedAt write.
func (s Space) ParseDue(key string) (at time.Time, f Forgetting, isMarked bool, err error) {
	bad := fmt.Errorf("%w: not a due forget", ErrID)
	rest, ok := strings.CutPrefix(key, s.Due())
	if !ok || len(rest) < 14 || rest[13] != '-' {
		return time.Time{}, Forgetting{}, false, bad
	}
	ms, err := strconv.ParseUint(rest[:13], 10, 63)
	if err != nil {
		return time.Time{}, Forgetting{}, false, bad
	}
	rest, isMarked = strings.CutSuffix(rest[14:], marked)
	f, err = ParseForgetting(rest)
	return time.UnixMilli(int64(ms)).UTC(), f, isMarked, err
}

// Journal is the prefix of the journal of an erasure.
func (s Space) Journal(f Forgetting) string { return s.root + "gdpr/journal/" + f.String() + "/" }

// JournalAt is the k-th part of the journal, counted from 1.
func (s Space) JournalAt(f Forgetting, k int) string { return fmt.Sprintf("%s%06d", s.Journal(f), k) }

// Receipts is the prefix of the chain of receipts.
func (s Space) Receipts() string { return s.root + "gdpr/receipt/" }

// Receipt is the n-th receipt, counted from 1.
func (s Space) Receipt(n int) string { return fmt.Sprintf("%s%09d", s.Receipts(), n) }

// ParseReceipt reads the name of a receipt.
func (s Space) ParseReceipt(key string) (int, error) {
	rest, ok := strings.CutPrefix(key, s.Receipts())
	n, err := strconv.ParseUint(rest, 10, 31)
	if !ok || err != nil || len(rest) != 9 || n < 1 {
		return 0, fmt.Errorf("%w: not a receipt", ErrID)
	}
	return int(n), nil
}

// Holds is the prefix of the records of holds.
func (s Space) Holds() string { return s.root + "gdpr/hold/" }

// HoldAt is the record of a hold.
func (s Space) HoldAt(h string) string { return s.Holds() + h }
