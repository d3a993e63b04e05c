package voicemail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/genesys/voicemail/internal/audio"
	"github.com/genesys/voicemail/internal/spool"
	"github.com/genesys/voicemail/storage"
)

// taken is what the end of taking in a recording, of limit bytes at most, means to the caller.
func taken(recording *spool.Spool, err error, limit int64) error {
	switch {
	case errors.Is(err, spool.ErrTooLarge):
		return fmt.Errorf("%w: it is longer than %d bytes", ErrTooLarge, limit)
	case err != nil:
		return fmt.Errorf("read the recording: %w", err)
	case recording.Size() == 0:
		return ErrEmpty
	}
	return nil
}

// recognize says what a recording is. What is claimed of it counts only if it has no header.
func recognize(recording *spool.Spool, claimed string) (audio.Info, error) {
	size := recording.Size()
	info, err := audio.Probe(recording.Reader(), size)
	if err != nil {
		return info, fmt.Errorf("read the recording: %w", err)
	}
	if info.Ext == "bin" { // nothing that can be recognised
		if raw, ok := audio.Headerless(claimed); ok {
			info = raw.Info(size)
		}
	}
	return info, nil
}

// reuse reports, as an error, why audio that an earlier attempt stored cannot be used: it is other audio, or it has been there so long that it may be
// taken for garbage any time.
func (s *Service) reuse(ctx context.Context, st storage.Store, key string, want io.Reader) error {
	o, err := st.Open(ctx, key, nil)
	if err != nil {
		return err
	}
	defer o.Close()
	if !s.recent(o.Info().Modified) {
		return errStale
	}
	same, err := equal(o, want)
	if err == nil && !same {
		err = errOtherRecording
	}
	return err
}

var errOtherRecording = fmt.Errorf("%w: this ID was used for another recording; use a new one", ErrConflict)

// equal reports whether both have the same bytes.
func equal(got, want io.Reader) (bool, error) {
	a, b := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, errA := io.ReadFull(got, a)
		k, errB := io.ReadFull(want, b)
		endA, endB := isEnd(errA), isEnd(errB)
		switch {
		case errA != nil && !endA:
			return false, errA
		case errB != nil && !endB:
			return false, errB
		case !bytes.Equal(a[:n], b[:k]) || endA != endB:
			return false, nil
		case endA:
			return true, nil
		}
	}
}

func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
