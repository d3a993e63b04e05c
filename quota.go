package voicemail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/genesys/voicemail/internal/keys"
)

// admit reports whether a mailbox takes a message of size bytes, and whether others have to go for it once it is stored. Its view must be of the whole mailbox.
func (s *Service) admit(ctx context.Context, box keys.Box, v *boxView, size int64) (over bool, err error) {
	p, err := s.takes(ctx, box, v)
	if err != nil {
		return false, err
	}
	return s.room(ctx, box, v, p, size)
}

// takes returns what is in force for a mailbox that takes messages; others are an error.
func (s *Service) takes(ctx context.Context, box keys.Box, v *boxView) (Policy, error) {
	if !v.exists() {
		return Policy{}, ErrNoMailbox
	}
	p, own, err := s.policy(ctx, box, v)
	if err == nil && own.Disabled {
		err = ErrDisabled
	}
	return p, err
}

// lasts reports, as an error, that a recording is too short or too long. The duration is not known if it is 0 and was not measured.
func (p *Policy) lasts(d *metadata) error {
	length := time.Duration(d.DurationMS) * time.Millisecond
	switch {
	case length < p.MinDuration && (length > 0 || d.Measured):
		return fmt.Errorf("%w: it lasts %v, at least %v are taken", ErrTooShort, length, p.MinDuration)
	case p.MaxDuration > 0 && length > p.MaxDuration:
		return fmt.Errorf("%w: it lasts %v, at most %v are taken", ErrTooLarge, length, p.MaxDuration)
	}
	return nil
}

// room reports whether a message of size bytes is within the quotas, and whether others have to go for it.
func (s *Service) room(ctx context.Context, box keys.Box, v *boxView, p Policy, size int64) (over bool, err error) {
	q, err := s.quota(ctx, box, v, p)
	if err != nil {
		return false, err
	}
	full := q.exceeded(1, size)
	if full == nil {
		return false, nil
	}
	if p.WhenFull == DropOldestRead {
		if _, enough := q.surplus(1, size, keys.Ref{}); enough {
			return true, nil
		}
	}
	return false, full
}

// quota is how full a mailbox is.
type quota struct {
	view   *boxView
	policy Policy
	sizes  map[keys.Ref]int64 // nil without a quota of bytes
	bytes  int64
}

func (s *Service) quota(ctx context.Context, box keys.Box, v *boxView, p Policy) (*quota, error) {
	q := &quota{view: v, policy: p}
	if p.MaxBytes == 0 {
		return q, nil
	}
	regions, err := s.sizes(ctx, box)
	if err != nil {
		return nil, err
	}
	q.sizes = map[keys.Ref]int64{}
	for _, sizes := range regions {
		q.bytes += v.bytes(sizes)
		for ref, n := range sizes {
			q.sizes[ref] += n
		}
	}
	return q, nil
}

// exceeded returns, as an error, the quota that so many messages and bytes more exceed.
func (q *quota) exceeded(messages int, bytes int64) error {
	if used, limit := q.view.stored(), q.policy.MaxMessages; used+messages > limit {
		return &QuotaError{Quota: "messages", Limit: int64(limit), Used: int64(used)}
	}
	if limit := q.policy.MaxBytes; limit > 0 && q.bytes+bytes > limit {
		return &QuotaError{Quota: "bytes", Limit: limit, Used: q.bytes}
	}
	return nil
}

// surplus returns what has to go for so many messages and bytes more: read messages, those in the trash first, the oldest first; and whether that is enough. The
// newcomer is spared.
func (q *quota) surplus(messages int, bytes int64, newcomer keys.Ref) (gone []stay, enough bool) {
	messages += q.view.stored() - q.policy.MaxMessages
	if bytes += q.bytes - q.policy.MaxBytes; q.policy.MaxBytes == 0 {
		bytes = 0
	}
	for _, trash := range []bool{true, false} {
		for i := range q.view.stays {
			if messages <= 0 && bytes <= 0 {
				return gone, true
			}
			if st := &q.view.stays[i]; st.trash == trash && st.droppable() && st.ref != newcomer {
				gone = append(gone, *st)
				messages--
				bytes -= q.sizes[st.ref]
			}
		}
	}
	return gone, messages <= 0 && bytes <= 0
}

// droppable reports whether a message may go to make room.
func (st *stay) droppable() bool { return st.visible() && st.read && !st.hold && !st.move }

const (
	// roomWithin bounds how long a newcomer's deposit waits for room to be made, which is not its own affair any more.
	roomWithin = 10 * time.Second
	// maxDropped bounds how many messages go for one.
	maxDropped = 100
)

// makeRoom deletes what is over the quotas of a mailbox that drops its oldest read messages, now that the newcomer is stored. What goes is told from a new listing, so that
// two that come in at once agree on it. What cannot be deleted now goes with the next message. seen is an earlier listing.
func (s *Service) makeRoom(ctx context.Context, box keys.Box, seen *boxView, newcomer keys.Ref) {
	ctx, cancel := context.WithTimeout(ctx, roomWithin)
	defer cancel()
	if err := s.tryMakeRoom(ctx, box, seen, newcomer); err != nil {
		s.opts.Logger.WarnContext(ctx, "a mailbox that is over its quota could not be cleared; the next message does it", "mailbox", string(s.idOf(box)))
	}
}

func (s *Service) tryMakeRoom(ctx context.Context, box keys.Box, seen *boxView, newcomer keys.Ref) error {
	p, _, err := s.policy(ctx, box, seen)
	if err != nil || p.WhenFull != DropOldestRead {
		return err
	}
	v, err := s.list(ctx, box, listing{})
	if err != nil {
		return err
	}
	q, err := s.quota(ctx, box, v, p)
	if err != nil {
		return err
	}
	gone, _ := q.surplus(0, 0, newcomer)
	gone = gone[:min(len(gone), maxDropped)]
	errs := make([]error, len(gone))
	s.parallel(len(gone), func(i int) {
		if err := s.drop(ctx, box, gone[i].ref); !errors.Is(err, ErrHeld) && !errors.Is(err, ErrNotFound) {
			errs[i] = err
		}
	})
	return errors.Join(errs...)
}

// drop deletes a message to make room, if it is still read when that is announced.
func (s *Service) drop(ctx context.Context, box keys.Box, ref keys.Ref) error {
	meta, err := s.metadata(ctx, box, ref)
	if err != nil {
		return err
	}
	now, err := s.erase(ctx, box, ref, meta, func(now *stay) error {
		if !now.read || now.quarantine {
			return ErrHeld
		}
		return notRestricted(now)
	})
	if now.gone {
		s.emit(EventDropped, s.idOf(box), MessageID(ref.ID), "")
	}
	return err
}

// stored is the number of messages that the quota counts: all that are visible, also in the trash.
func (v *boxView) stored() int {
	n := 0
	for i := range v.stays {
		if v.stays[i].visible() {
			n++
		}
	}
	return n
}
