package voicemail

import (
	"context"
	"errors"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// admit reports whether a mailbox takes a message of size bytes. Its view must be of the whole mailbox.
func (s *Service) admit(ctx context.Context, box keys.Box, v *boxView, size int64) error {
	if !v.exists() {
		return ErrNoMailbox
	}
	set, err := s.settings(ctx, box, v.settings)
	if err != nil {
		return err
	}
	if set.Disabled {
		return ErrDisabled
	}
	limit := s.opts.Limits.Messages
	if set.MaxMessages > 0 {
		limit = min(limit, set.MaxMessages)
	}
	if used := v.stored(); used >= limit {
		return &QuotaError{Quota: "messages", Limit: int64(limit), Used: int64(used)}
	}
	if set.MaxBytes == 0 {
		return nil
	}
	used, err := s.usedBytes(ctx, box, v)
	if err == nil && used+size > set.MaxBytes {
		err = &QuotaError{Quota: "bytes", Limit: set.MaxBytes, Used: used}
	}
	return err
}

// usedBytes is the size of the audio of the visible messages of a mailbox, in all regions.
func (s *Service) usedBytes(ctx context.Context, box keys.Box, v *boxView) (int64, error) {
	visible := make(map[keys.Ref]bool, len(v.stays))
	for i := range v.stays {
		if st := &v.stays[i]; st.visible() {
			visible[st.ref] = true
		}
	}
	names := s.regions.names()
	used := make([]int64, len(names))
	errs := make([]error, len(names))
	s.parallel(len(names), func(i int) {
		for info, err := range storage.All(ctx, s.regions.Stores[names[i]], &storage.ListOptions{Prefix: box.Media()}) {
			if err != nil {
				errs[i] = in(names[i], err)
				return
			}
			if _, ref, err := s.space.ParseMedia(info.Key); err == nil && visible[ref] {
				used[i] += info.Size
			}
		}
	})
	var total int64
	for _, n := range used {
		total += n
	}
	return total, errors.Join(errs...)
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
