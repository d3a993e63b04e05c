package voicemail

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/google/uuid"

	"github.com/genesys/voicemail/internal/keys"
)

// maxTransfers is how many copies or moves one call makes.
const maxTransfers = 1000

// Transfer is what became of one copy of [Service.CopyAll] or one move of [Service.MoveAll].
type Transfer struct {
	// Message and From are the message and the mailbox that it was in; To is where it should go.
	Message MessageID
	From    MailboxID
	To      MailboxID
	// Result is the message there; nil if Err says why it is not.
	Result Message
	Err    error
}

// CopyAll copies each message to each mailbox. The results come in the order of the messages, and for each one in the order of the mailboxes; a pair that is named twice is copied
// once. What fails does not keep the others from being done: each [Transfer] has its own error.
//
// Several mailboxes are copied to at the same time, one message after the other, so that the quota of each holds. opts.Comment is read once. With opts.ID, which is not the ID of any
// copy, the IDs of the copies are made of it, the message's and the mailbox's: a repeated CopyAll makes no second copies.
//
// It calls [Message.CopyTo], so messages that an application wraps are copied as it wants. Its own error is ErrInvalid, for more than 1,000 copies, a nil message or an impossible ID; or one of
// opts.Comment. Nothing was copied then.
func (s *Service) CopyAll(ctx context.Context, messages []Message, to []MailboxID, opts *CopyOptions) ([]Transfer, error) {
	var o CopyOptions
	if opts != nil {
		o = *opts
	}
	list, err := s.copyAll(ctx, messages, to, o)
	return list, s.fail("copy", "", "", err)
}

func (s *Service) copyAll(ctx context.Context, messages []Message, to []MailboxID, o CopyOptions) ([]Transfer, error) {
	jobs, err := transfers(messages, to)
	if err != nil || len(jobs) == 0 {
		return nil, err
	}
	if o.ID != "" {
		if err := keys.CheckID(string(o.ID)); err != nil {
			return nil, invalid("%v", err)
		}
	}
	var said *spooledDraft
	if o.Comment != nil {
		if said, err = s.draft(ctx, PartComment, "", o.Comment, 0); err != nil {
			return nil, err
		}
		defer said.Close()
	}
	s.toEach(jobs, func(j *job) {
		one := o
		if o.ID != "" {
			one.ID = copyID(o.ID, j.Message, j.To)
		}
		if said != nil {
			one.Comment = &sharedComment{said.spool.Reader(), said}
		}
		j.Result, j.Err = j.source.CopyTo(ctx, j.To, &one)
	})
	return results(jobs), nil
}

// MoveAll moves the messages to a mailbox, one after the other, so that its quota holds. The results come in the order of the messages; one that is named twice is moved once. What
// fails stays where it is, and does not keep the others from being moved: each [Transfer] has its own error.
//
// It calls [Message.MoveTo], as CopyAll does CopyTo. Its own error is ErrInvalid, for more than 1,000 messages or a nil one. Nothing was moved then.
func (s *Service) MoveAll(ctx context.Context, messages []Message, to MailboxID) ([]Transfer, error) {
	jobs, err := transfers(messages, []MailboxID{to})
	if err != nil {
		return nil, s.fail("move", to, "", err)
	}
	s.toEach(jobs, func(j *job) { j.Result, j.Err = j.source.MoveTo(ctx, j.To) })
	return results(jobs), nil
}

// job is a transfer that is to be made.
type job struct {
	Transfer
	source Message
}

// transfers returns what is to be done, each once.
func transfers(messages []Message, to []MailboxID) ([]*job, error) {
	type pair struct {
		from, to MailboxID
		message  MessageID
	}
	seen := map[pair]bool{}
	var jobs []*job
	for _, m := range messages {
		if m == nil {
			return nil, invalid("a message is nil")
		}
		for _, dest := range to {
			p := pair{m.Mailbox(), dest, m.ID()}
			if seen[p] {
				continue
			}
			seen[p] = true
			if len(jobs) == maxTransfers {
				return nil, invalid("more than %d messages would be made; do it in several calls", maxTransfers)
			}
			jobs = append(jobs, &job{Transfer{Message: m.ID(), From: m.Mailbox(), To: dest}, m})
		}
	}
	return jobs, nil
}

// toEach does what is to be done: one destination beside the other, each in order.
func (s *Service) toEach(jobs []*job, do func(*job)) {
	byDestination := map[MailboxID][]*job{}
	var order []MailboxID
	for _, j := range jobs {
		if byDestination[j.To] == nil {
			order = append(order, j.To)
		}
		byDestination[j.To] = append(byDestination[j.To], j)
	}
	s.parallel(len(order), func(i int) {
		for _, j := range byDestination[order[i]] {
			do(j)
		}
	})
}

func results(jobs []*job) []Transfer {
	list := make([]Transfer, len(jobs))
	for i, j := range jobs {
		list[i] = j.Transfer
	}
	return list
}

// copyID is the ID of one of many copies: the time of the message's own, so that copies sort as messages came in, and a digest in place of what is random. A message that is
// moved meanwhile has the same copies.
func copyID(batch, message MessageID, to MailboxID) MessageID {
	id, err := uuid.Parse(string(message))
	if err != nil {
		id = uuid.UUID{6: 0x70} // a wrapped message's own: CopyTo says what is wrong with it
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "voicemail copy\x00%s\x00%s\x00%s", batch, message, to))
	copy(id[8:], sum[:8])
	id[8] = id[8]&0x3f | 0x80 // the variant of RFC 9562
	return MessageID(id.String())
}
