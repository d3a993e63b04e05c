package voicemail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// pendingDoc is the stored record of a pending deposit: what is to be created in the master region. Metadata is the document as it will be
// stored, so that whoever brings the message in writes the same bytes. Nonce makes every record different (see storage.Store).
type pendingDoc struct {
	Version  int             `json:"v"`
	Nonce    string          `json:"nonce"`
	Metadata json.RawMessage `json:"metadata"`
	Marks    []string        `json:"marks,omitempty"`
}

const pendingVersion = 1

// pendingRecord is a deposit that waits in a region until the master region can be reached: its audio is there under its final name.
type pendingRecord struct {
	// Metadata is that of the message-to-be, Marks those that it comes into sight with.
	Metadata *metadata
	Marks    []string

	doc []byte    // the metadata as it will be stored
	at  time.Time // when it was written, by the region's clock
}

// errLaterRecord is not ErrDamaged: a later version of the library can read it.
var errLaterRecord = fmt.Errorf("%w: a later version of the library wrote the pending deposit", errors.ErrUnsupported)

func decodePending(doc []byte) (*pendingRecord, error) {
	damaged := fmt.Errorf("%w: the record of the pending deposit cannot be read", ErrDamaged)
	var d pendingDoc
	if err := json.Unmarshal(doc, &d); err != nil || d.Version < 1 {
		return nil, damaged
	}
	if d.Version > pendingVersion {
		return nil, errLaterRecord
	}
	meta, err := decodeMetadata(d.Metadata)
	if err != nil {
		return nil, damaged
	}
	for _, mark := range d.Marks {
		if _, expires := keys.ParseExpires(mark); mark != keys.Urgent && mark != keys.Read && mark != keys.Trash && !expires {
			return nil, damaged
		}
	}
	return &pendingRecord{Metadata: meta, Marks: d.Marks, doc: d.Metadata}, nil
}

// readPending reads the record of a pending deposit in a region. There may be none any more: storage.ErrNotExist.
func (s *Service) readPending(ctx context.Context, region string, id MessageID) (*pendingRecord, error) {
	o, err := s.regions.Stores[region].Open(ctx, s.space.PendingAt(string(id)), nil)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	if o.Info().Size > documentSize {
		return nil, fmt.Errorf("%w: the record of the pending deposit is too long", ErrDamaged)
	}
	var doc bytes.Buffer
	if _, err := doc.ReadFrom(o); err != nil {
		return nil, err
	}
	rec, err := decodePending(doc.Bytes())
	if err != nil {
		return nil, err
	}
	if m := rec.Metadata; m.ID != id || m.Hop != 0 || m.Region != region {
		return nil, fmt.Errorf("%w: the record of the pending deposit is another's", ErrDamaged)
	}
	rec.at = o.Info().Modified
	return rec, nil
}

// pendingIDs lists the pending deposits of a region. A name that is none says nothing to this version.
func (s *Service) pendingIDs(ctx context.Context, region string) ([]MessageID, error) {
	var ids []MessageID
	for info, err := range storage.All(ctx, s.regions.Stores[region], &storage.ListOptions{Prefix: s.space.Pending(), KeysOnly: true}) {
		if err != nil {
			return nil, err
		}
		if id, err := s.space.ParsePending(info.Key); err == nil {
			ids = append(ids, MessageID(id))
		}
	}
	return ids, nil
}

// pendingOf yields the pending deposits of a region, in the order of their IDs. One that cannot be read is yielded as an [*Error] that names it, and the
// listing goes on; an error of the listing ends it. known, by region/ID, has what was read before and gets what is read now: a record never changes.
func (s *Service) pendingOf(ctx context.Context, region string, known map[string]*pendingRecord) iter.Seq2[*pendingRecord, error] {
	return func(yield func(*pendingRecord, error) bool) {
		ids, err := s.pendingIDs(ctx, region)
		if err != nil {
			yield(nil, err)
			return
		}
		for len(ids) > 0 {
			some := ids[:min(len(ids), page)]
			ids = ids[len(some):]
			recs, errs := make([]*pendingRecord, len(some)), make([]error, len(some))
			s.parallel(len(some), func(i int) {
				if recs[i] = known[region+"/"+string(some[i])]; recs[i] == nil {
					recs[i], errs[i] = s.readPending(ctx, region, some[i])
				}
			})
			for i, id := range some {
				if errors.Is(errs[i], storage.ErrNotExist) {
					continue // it came into its mailbox, or was erased
				}
				if errs[i] != nil {
					recs[i], errs[i] = nil, &Error{Message: id, Region: region, Err: errs[i]}
				} else {
					known[region+"/"+string(id)] = recs[i]
				}
				if !yield(recs[i], errs[i]) {
					return
				}
			}
		}
	}
}

// putOff stores the deposit in the local region, since the master region failed as why says: the audio under its final name, and then the record, which is
// the commit point. [Service.Sync] does the rest.
func (d *deposit) putOff(ctx context.Context, why error) (deposited, error) {
	s := d.m.svc
	if at, err := d.meta.ID.Time(); !d.fresh && (err != nil || !s.recent(at)) {
		// What an attempt of long ago left may be taken away as garbage before anybody knows that the message waits.
		return d.lose(ctx, why, nil)
	}
	if err := s.recorded(ctx); err != nil {
		return d.lose(ctx, why, err)
	}
	if !d.fresh {
		if msg, err := d.waiting(ctx); msg.message != nil || err != nil {
			return msg, err
		}
	}
	if err := d.storeAudio(ctx); err != nil {
		return d.lose(ctx, why, err)
	}
	doc, err := d.meta.encode()
	if err != nil {
		return d.lose(ctx, why, err)
	}
	rec, err := json.Marshal(pendingDoc{Version: pendingVersion, Nonce: s.ids.nonce(), Metadata: doc, Marks: d.marks()})
	if err != nil {
		return d.lose(ctx, why, err)
	}
	ours, err := s.createOnce(ctx, s.regions.Stores[s.regions.Local], s.space.PendingAt(string(d.meta.ID)), rec, nil)
	if err != nil {
		d.committing = d.committing || errors.Is(err, errUncertain)
		return d.lose(ctx, why, in(s.regions.Local, err))
	}
	if !ours {
		msg, err := d.waiting(ctx)
		if msg.message == nil && err == nil {
			err = fmt.Errorf("%w: another deposit with this ID just came into its mailbox; retry this one", storage.ErrUnavailable)
		}
		return msg, err
	}
	return deposited{message: d.pendingMessage(&d.meta), new: true}, nil
}

func (d *deposit) pendingMessage(meta *metadata) *message {
	msg := d.m.svc.newMessage(d.box, meta, d.stay())
	msg.pending = true
	return msg
}

// lose is the end of a deposit that could not be put off either.
func (d *deposit) lose(ctx context.Context, why, err error) (deposited, error) {
	var e *Error
	switch {
	case err == nil:
		err = why
	case errors.As(err, &e) && e.Region != "":
		err = in(e.Region, fmt.Errorf("%w; before it the master region %s: %w", e.Err, d.m.svc.regions.Master, why))
	}
	if d.committing {
		return deposited{}, err
	}
	return deposited{}, d.abandon(ctx, err)
}

// waiting returns the deposit that waits under the given ID, if there is one. It is ErrConflict if that is another recording.
func (d *deposit) waiting(ctx context.Context) (deposited, error) {
	s := d.m.svc
	rec, err := s.readPending(ctx, s.regions.Local, d.meta.ID)
	if errors.Is(err, storage.ErrNotExist) {
		return deposited{}, nil
	}
	if err != nil {
		return deposited{}, in(s.regions.Local, err)
	}
	if err := d.withdrawAudio(ctx, rec.Metadata); err != nil {
		s.opts.Logger.WarnContext(ctx, "a deposit that was refused left audio beside a pending one", "mailbox", string(d.m.id), "message", string(d.meta.ID))
	}
	if !rec.Metadata.sameDeposit(&d.meta) {
		return deposited{}, errOtherRecording
	}
	return deposited{message: d.pendingMessage(rec.Metadata)}, nil
}

// checkPending refuses an ID under which another recording waits in the local region. One that cannot be read is left to Sync.
func (d *deposit) checkPending(ctx context.Context) error {
	s := d.m.svc
	if s.regions.Local == s.regions.Master {
		return nil
	}
	rec, err := s.readPending(ctx, s.regions.Local, d.meta.ID)
	switch {
	case errors.Is(err, storage.ErrNotExist), errors.Is(err, ErrDamaged), errors.Is(err, errLaterRecord):
		return nil
	case err != nil:
		return in(s.regions.Local, err)
	case !rec.Metadata.sameDeposit(&d.meta):
		d.rival = rec.Metadata
		return errOtherRecording
	}
	return nil
}

// unreachable reports whether err says that the master region cannot be reached, now and from here. A refusal is an answer, and the end of the caller's
// patience says nothing about the region.
func (s *Service) unreachable(ctx context.Context, err error) bool {
	var e *Error
	var se *storage.Error
	switch {
	case ctx.Err() != nil,
		errors.As(err, &e) && e.Region != "" && e.Region != s.regions.Master,
		errors.Is(err, storage.ErrPermission),
		!errors.As(err, &se):
		return false
	}
	return errors.Is(err, storage.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}
