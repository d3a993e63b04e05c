package voicemail

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/genesys/voicemail/internal/audio"
	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/spool"
	"github.com/genesys/voicemail/storage"
)

// PartKind says what a part of a message is. The zero value is none.
type PartKind string

// The kinds of parts.
const (
	// PartTranscript is what was said, in words.
	PartTranscript PartKind = "transcript"
	// PartNote is what somebody has to say about the message, in writing.
	PartNote PartKind = "note"
	// PartComment is what somebody said or wrote who passed the message on.
	PartComment PartKind = "comment"
	// PartRendition is the recording in another form.
	PartRendition PartKind = "rendition"
)

// textType returns the media type of a text with the extension, or "".
func textType(ext string) string {
	switch ext {
	case "txt":
		return "text/plain; charset=utf-8"
	case "vtt":
		return "text/vtt"
	case "json":
		return jsonType
	}
	return ""
}

// text returns the extension of a text of the media type that is a part of the kind; "" if the kind is a recording then.
func (k PartKind) text(contentType string) (ext string, err error) {
	media := contentType
	if contentType != "" {
		if media, _, err = mime.ParseMediaType(contentType); err != nil {
			return "", invalid("the ContentType of a part is no media type")
		}
	}
	switch {
	case k != PartTranscript && k != PartNote && k != PartComment && k != PartRendition:
		return "", invalid("the kind of a part is PartTranscript, PartNote, PartComment or PartRendition")
	case media == "" && (k == PartComment || k == PartRendition):
		return "", nil
	case k != PartRendition && (media == "" || media == "text/plain"):
		return "txt", nil
	case k == PartTranscript && media == "text/vtt":
		return "vtt", nil
	case k == PartTranscript && media == jsonType:
		return "json", nil
	}
	return "", invalid("a %s has another ContentType; see PartOptions", string(k))
}

// Part is a part of a message: an object beside its recording that is restricted, copied, moved and erased with it. It never changes, and it says nothing of
// what it holds.
type Part struct {
	// Kind is what it is.
	Kind PartKind
	// Revision counts the parts of the kind, from 1: the newest is the current one. Two that are added at the same moment in different formats can have the
	// same.
	Revision int
	// ContentType is its media type: text/plain; charset=utf-8, text/vtt, application/json, or that of a recording, read off its content.
	ContentType string
	// Size is its length in bytes.
	Size int64
	// Added is when it was stored with this message, by the storage's clock. A copy or a move stores it anew. AddPart can return the second after the one that
	// Parts lists.
	Added time.Time

	ext string
}

// PartOptions are the options of [Message.AddPart].
type PartOptions struct {
	// ContentType is the media type of a text: of a transcript text/plain (the default), text/vtt or application/json; of a note text/plain (the default); of a
	// comment text/plain. A comment without is spoken, as a rendition always is: a recording, whose format is read off its content.
	ContentType string
}

const (
	// maxParts is how many parts a message has. Those that are added at the same time can exceed it by their number.
	maxParts = 100
	// maxText is how many bytes a written part has.
	maxText = 1 << 20
	// partAttempts bounds how often a part is created anew because another one took its number.
	partAttempts = maxParts
)

func (m *message) AddPart(ctx context.Context, kind PartKind, body io.Reader, opts *PartOptions) (Part, error) {
	var o PartOptions
	if opts != nil {
		o = *opts
	}
	part, added, err := m.addPart(ctx, kind, body, o)
	if added {
		m.svc.emit(EventPartAdded, m.meta.Mailbox, m.meta.ID, "")
	}
	return part, m.fail("add part", err)
}

func (m *message) addPart(ctx context.Context, kind PartKind, body io.Reader, o PartOptions) (Part, bool, error) {
	d, err := m.svc.draft(ctx, kind, o.ContentType, body, maxText)
	if err != nil {
		return Part{}, false, err
	}
	defer d.Close()
	stored, added, err := m.put(ctx, &d.partDraft, (*stay).visible)
	return stored.public(), added, err
}

// partDraft is a part that is about to be stored.
type partDraft struct {
	kind, ext string
	size      int64
	body      func() io.ReadSeeker // from its start, each time
	// revision is the number that it has where it comes from; 0 if it is new.
	revision int
}

// spooledDraft is a part that was taken in.
type spooledDraft struct {
	partDraft
	spool *spool.Spool
}

func (d *spooledDraft) Close() error { return d.spool.Close() }

// draft takes a part in and checks it. The result has to be closed.
func (s *Service) draft(ctx context.Context, kind PartKind, contentType string, body io.Reader, longest int64) (*spooledDraft, error) {
	ext, err := kind.text(contentType)
	if err != nil {
		return nil, err
	}
	l := s.opts.Limits
	if ext == "" {
		longest = l.AudioBytes
	}
	d := &spooledDraft{spool: spool.New(l.SpoolDir, l.SpoolMemory, longest)}
	_, err = d.spool.ReadFrom(ctx, body)
	switch {
	case errors.Is(err, spool.ErrTooLarge):
		err = fmt.Errorf("%w: it has more than %d bytes", ErrTooLarge, longest)
	case err != nil:
		err = fmt.Errorf("read the part: %w", err)
	case d.spool.Size() == 0:
		err = ErrEmpty
	case ext == "":
		ext, err = s.recordingPart(d.spool)
	default:
		err = checkText(d.spool, ext)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.partDraft = partDraft{kind: string(kind), ext: ext, size: d.spool.Size(), body: func() io.ReadSeeker { return d.spool.Reader() }}
	return d, nil
}

// recordingPart returns the extension of a recording whose format it says itself: the name is all that tells it later.
func (s *Service) recordingPart(sp *spool.Spool) (ext string, err error) {
	info, err := audio.Probe(sp.Reader(), sp.Size())
	switch limit := s.opts.Limits.Duration; {
	case err != nil:
		return "", fmt.Errorf("read the part: %w", err)
	case audio.TypeOf(info.Ext) == "":
		return "", invalid("the part is no recording in a known format; put raw samples into a WAV file")
	case limit > 0 && info.Duration > limit:
		return "", fmt.Errorf("%w: it lasts %v, at most %v are taken", ErrTooLarge, info.Duration, limit)
	}
	return info.Ext, nil
}

func checkText(sp *spool.Spool, ext string) error {
	text, err := io.ReadAll(sp.Reader())
	switch {
	case err != nil:
		return fmt.Errorf("read the part: %w", err)
	case !utf8.Valid(text):
		return invalid("the part is not in UTF-8")
	case ext == "json" && !json.Valid(text):
		return invalid("the part is not JSON")
	case ext == "vtt" && !bytes.HasPrefix(bytes.TrimPrefix(text, []byte("\uFEFF")), []byte("WEBVTT")):
		return invalid("the part is not WebVTT")
	}
	return nil
}

// storedPart is a part as a listing shows it.
type storedPart struct {
	keys.Part
	size  int64
	added time.Time
}

func (p storedPart) contentType() string {
	return cmp.Or(textType(p.Ext), audio.TypeOf(p.Ext), "application/octet-stream")
}

func (p storedPart) public() Part {
	return Part{Kind: PartKind(p.Kind), Revision: p.Revision, ContentType: p.contentType(), Size: p.size, Added: p.added, ext: p.Ext}
}

// known reports whether this version knows what the part is. One that it does not know goes where the message goes all the same.
func (p storedPart) known() bool {
	_, err := PartKind(p.Kind).text("")
	return err == nil && cmp.Or(textType(p.Ext), audio.TypeOf(p.Ext)) != ""
}

// parts lists what lies beside the recording, sorted by kind and revision.
func (m *message) parts(ctx context.Context) ([]storedPart, error) {
	st, err := m.svc.region(m.meta.Region)
	if err != nil {
		return nil, err
	}
	stem := m.box.MediaStem(m.ref())
	var list []storedPart
	for info, err := range storage.All(ctx, st, &storage.ListOptions{Prefix: stem}) {
		if err != nil {
			return nil, in(m.meta.Region, err)
		}
		if p, ok := keys.ParsePart(info.Key[len(stem):]); ok {
			list = append(list, storedPart{p, info.Size, info.Modified})
		}
	}
	return list, nil
}

// newest returns the last part of a kind, which has no revision if there is none.
func newest(list []storedPart, kind string) storedPart {
	var last storedPart
	for _, p := range list {
		if p.Kind == kind {
			last = p
		}
	}
	return last
}

// put stores a part: a look, the object under the next number, whoever creates a name first, and another look (rule 2). If the message is gone by then
// the object is taken back. If it is restricted by then, the object stays, restricted and erased with the rest, since the same part may have been
// acknowledged to another one meanwhile, for whom an undo has to bring it back. allowed says which stay may have it. put reports whether the part is new,
// or may be.
//
// What it stores, it stores within commitWithin of the look that saw the message (rule 7): long before a receipt can say that nothing is left of it.
func (m *message) put(ctx context.Context, d *partDraft, allowed func(*stay) bool) (storedPart, bool, error) {
	st, err := m.svc.region(m.meta.Region)
	if err != nil {
		return storedPart{}, false, err
	}
	bounded, cancel := context.WithTimeout(ctx, commitWithin)
	defer cancel()
	for attempt := range partAttempts {
		list, err := m.partsAllowed(bounded, allowed)
		if err != nil {
			return storedPart{}, false, err
		}
		there, err := m.find(bounded, st, list, d)
		if err != nil || there.Revision > 0 {
			return there, attempt > 0, err
		}
		if d.revision == 0 && len(list) >= maxParts {
			return storedPart{}, false, &QuotaError{Quota: partQuota, Limit: maxParts, Used: int64(len(list))}
		}
		p := storedPart{Part: keys.Part{Kind: d.kind, Revision: d.revision, Ext: d.ext}, size: d.size}
		if p.Revision == 0 || slices.ContainsFunc(list, func(other storedPart) bool { return other.Part == p.Part }) {
			p.Revision = newest(list, d.kind).Revision + 1
		}
		key := m.box.Part(m.ref(), p.Part)
		info, err := st.Create(bounded, key, d.body(), &storage.CreateOptions{ContentType: p.contentType(), Tags: m.svc.tags(m.meta)})
		if errors.Is(err, storage.ErrExists) {
			continue
		}
		if err != nil {
			return storedPart{}, true, in(m.meta.Region, err)
		}
		p.added = info.Modified
		now, err := m.svc.look(ctx, m.box, m.ref())
		switch {
		case err != nil:
			return storedPart{}, true, err
		case allowed(&now):
			return p, true, nil
		case now.remains():
			return storedPart{}, false, ErrNotFound
		}
		back, cancel := withoutCancel(ctx)
		defer cancel()
		return storedPart{}, false, errors.Join(ErrNotFound, in(m.meta.Region, st.Delete(back, key)))
	}
	return storedPart{}, false, fmt.Errorf("%w: others add parts at the same time; try again", ErrConflict)
}

// partsAllowed lists the parts beside a look at the message.
func (m *message) partsAllowed(ctx context.Context, allowed func(*stay) bool) ([]storedPart, error) {
	var list []storedPart
	var now stay
	var listErr, lookErr error
	both(
		func() { list, listErr = m.parts(ctx) },
		func() { now, lookErr = m.svc.look(ctx, m.box, m.ref()) },
	)
	if lookErr == nil && !allowed(&now) {
		lookErr = ErrNotFound
	}
	return list, first(lookErr, listErr)
}

// find returns the part that the draft is already: a new one, the current one of its kind; one that comes from elsewhere, the one of its number or
// of a later one. So a repeated call adds nothing, and neither does a Create whose answer was lost.
func (m *message) find(ctx context.Context, st storage.Store, list []storedPart, d *partDraft) (storedPart, error) {
	last := newest(list, d.kind)
	for _, p := range list {
		candidate := d.revision > 0 && p.Revision >= d.revision || p.Revision == last.Revision
		if !candidate || p.Kind != d.kind || p.Ext != d.ext || p.size != d.size {
			continue
		}
		same, err := m.same(ctx, st, p, d)
		if same || err != nil {
			return p, err
		}
	}
	return storedPart{}, nil
}

func (m *message) same(ctx context.Context, st storage.Store, p storedPart, d *partDraft) (bool, error) {
	o, err := st.Open(ctx, m.box.Part(m.ref(), p.Part), nil)
	if errors.Is(err, storage.ErrNotExist) {
		return false, nil // the message was erased just now
	}
	if err != nil {
		return false, in(m.meta.Region, err)
	}
	defer o.Close()
	same, err := equal(o, d.body())
	return same, in(m.meta.Region, err)
}

func (m *message) Parts(ctx context.Context) ([]Part, error) {
	list, err := m.partsAllowed(ctx, (*stay).visible)
	if err != nil {
		return nil, m.fail("list parts", err)
	}
	parts := []Part{}
	for _, p := range list {
		if p.known() {
			parts = append(parts, p.public())
		}
	}
	return parts, nil
}

func (m *message) OpenPart(ctx context.Context, part Part) (io.ReadSeekCloser, error) {
	return m.openPart(ctx, part, func() error {
		_, err := m.seen(ctx)
		return err
	})
}

// openPart opens a part for as long as allowed does not object.
func (m *message) openPart(ctx context.Context, part Part, allowed func() error) (io.ReadSeekCloser, error) {
	name := keys.Part{Kind: string(part.Kind), Revision: part.Revision, Ext: part.ext}
	if known, ok := keys.ParsePart(name.String()); !ok || known != name {
		return nil, m.fail("open part", invalid("the part is not one that Parts or AddPart returned"))
	}
	return m.openRanges(ctx, "open part", &ranges{what: "part", key: m.box.Part(m.ref(), name), size: part.Size, allowed: allowed})
}
