package voicemail

import (
	"context"
	"iter"
)

// CheckOptions are the options of [Service.Check] and [Service.Repair]. The zero value, and nil, are a whole pass that looks whether every recording is there and as long as
// it should be.
type CheckOptions struct {
	// Audio says how recordings are looked at.
	Audio AudioCheck
	// Bytes ends the pass when so many bytes of audio were read, but never before the first message; 0 is no bound. Only AudioDigest reads audio.
	Bytes int64
	// Quarantined also finds what is in quarantine.
	Quarantined bool
	// After continues a pass behind what an earlier one with the same regions had done, as its last CheckProgress said. Empty starts anew.
	After CheckPosition
	// Progress, if set, is told every few messages how far the pass has come, after all findings up to there were taken; and once when the pass is done. It is called from
	// the goroutine that takes the findings.
	Progress func(CheckProgress)
}

// AudioCheck says how recordings are looked at.
type AudioCheck int

const (
	// AudioSize asks the storage whether each recording is there, and how long it is.
	AudioSize AudioCheck = iota
	// AudioNone does not look at recordings of messages at all.
	AudioNone
	// AudioDigest reads every recording, and compares its digest with that of what was deposited.
	AudioDigest
)

// CheckPosition says how far a pass has come, opaquely. It can be stored, and holds nothing personal.
type CheckPosition string

// CheckProgress says how far a pass has come.
type CheckProgress struct {
	// Position continues there, as CheckOptions.After. It is empty when the pass is done.
	Position CheckPosition
	// Done: nothing is left to be looked at.
	Done bool
	// Mailboxes and Messages were looked at, by this call. Bytes of audio were read.
	Mailboxes, Messages int
	Bytes               int64
}

func (o *CheckOptions) check() error {
	switch {
	case o.Audio < AudioSize || o.Audio > AudioDigest:
		return invalid("Audio is unknown")
	case o.Bytes < 0:
		return invalid("Bytes is negative; 0 is no bound")
	}
	return nil
}

// Check goes over the tenant once and yields what is not as it should be: in every mailbox the settings and each message with its metadata, its index entries and
// its recording; then recordings, index entries and owners' entries that belong to nothing. It changes nothing. What is in it to be found is in the kinds of [Finding].
//
// It is safe beside live traffic: what it finds it looks at again before it yields it, and what was begun less than two hours ago, or is younger than a day and belongs to nothing,
// may be an operation under way and is no finding. It holds the names of one mailbox, or up to 20,000 others, in memory. It opens the metadata of each
// message twice, with AudioDigest three times, and asks for each recording and each index entry once.
//
// A pass that was broken off goes on where it was: CheckOptions.After. An error of the master region ends it, and so does ctx. Another region that fails is yielded once, as
// an [*Error] that names it; what lies there is not looked at further, and nothing that belongs to no message is judged, since a deposit that waits there may need it.
func (s *Service) Check(ctx context.Context, opts *CheckOptions) iter.Seq2[Finding, error] {
	return s.inspect(ctx, "check", opts, false)
}

// Repair is Check that also mends what it yields, and says in Finding.Action how. It makes no recording and no message; it deletes nothing that is younger than a day,
// nothing that a pending deposit may need, and nothing that can be heard. A message of which something is damaged is put into quarantine: no agent sees, counts or plays it,
// and it does not expire, until somebody takes it out, by [Service.ReleaseFromQuarantine] or [Service.DeleteFromQuarantine]. Requests to export and to forget cover it like any other.
//
// What it could not mend has the reason in Finding.Err, and the pass goes on. A few messages are mended before the first of them is yielded, so breaking off may leave findings mended
// that were not yielded. Several may run at the same time, and beside Maintain.
func (s *Service) Repair(ctx context.Context, opts *CheckOptions) iter.Seq2[Finding, error] {
	return s.inspect(ctx, "repair", opts, true)
}
