package asterisk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/genesys/voicemail"
	"github.com/genesys/voicemail/storage"
)

// maxRecording bounds what is read of a recording before the Service's own limit can: 18 hours of linear sound.
const maxRecording = 1 << 30

// message is one message on its way from the spool.
type message struct {
	*importer
	it    Item
	how   Folder
	files files

	text     text
	ext      string
	size     int64
	received time.Time
	sum      [sha256.Size]byte
}

var (
	errChanged = errors.New("the files changed while they were read")
	errNoText  = errors.New("nothing of a message in the text file")
)

// refusal is why a message is not imported, with which the import goes on.
type refusal struct {
	why Reason
	err error
}

func (r refusal) Error() string {
	if r.err == nil {
		return string(r.why)
	}
	return r.err.Error()
}

func (r refusal) Unwrap() error { return r.err }

// run imports the message and reports it. An error ends the import.
func (m *message) run(ctx context.Context) error {
	present, err := m.bring(ctx)
	var no refusal
	switch {
	case err == nil && present:
		m.done(m.it, Present, "", nil)
	case err == nil:
		m.done(m.it, Imported, "", nil)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &no):
		m.refuse(no)
	default:
		m.fail(m.it, Storage, err)
		return err
	}
	return nil
}

func (m *message) refuse(no refusal) {
	switch no.why {
	case NoText, NoRecording, BadText, BadTime, Empty: // which may be there in a moment
		if !m.files.settled(m.Now()) {
			m.skip(m.it, InProgress)
			return
		}
	case Gone, InProgress, NotRegular:
		m.done(m.it, Skipped, no.why, no.err)
		return
	}
	m.fail(m.it, no.why, no.err)
}

// bring reads the message and deposits it, unless it is present.
func (m *message) bring(ctx context.Context) (present bool, err error) {
	if err := m.read(ctx); err != nil {
		return false, err
	}
	m.it.Message = identity{m.it.Context, m.it.Mailbox, m.it.To, m.received, m.sum}.messageID()
	box := m.svc.Mailbox(m.it.To)
	_, err = box.Message(ctx, m.it.Message)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, voicemail.ErrNotFound) {
		return false, verdict(err)
	}
	return false, m.deposit(ctx, box)
}

// read reads everything that the message's identity is made of. A server that goes on gives files the names of others, recording first, text second, the one over
// the other or after it was removed, and holds a lock meanwhile. So the text is read before the recording is opened, and again after a look at
// the lock: what has the same text then, and is not locked in between, has no other's recording.
func (m *message) read(ctx context.Context) error {
	before, err := m.readText()
	if err != nil {
		return err
	}
	var why Reason
	if m.ext, why = m.files.recording(m.Formats); why != "" {
		return refusal{why: why}
	}
	var ok bool
	if m.text, ok = parseText(before); !ok {
		return refusal{BadText, errNoText}
	}
	modified, err := m.digest(ctx)
	if err != nil {
		return err
	}
	if m.received = m.text.received(); m.received.IsZero() {
		if !m.files.settled(m.Now()) {
			return refusal{why: InProgress}
		}
		m.received = modified.UTC().Truncate(time.Second) // the server is not known to write recordings again
	}
	if m.received.Unix() <= 0 || m.received.Sub(m.Now()) > maxAhead {
		return refusal{why: BadTime}
	}
	if m.locked() {
		return refusal{why: InProgress}
	}
	after, err := m.readText()
	if err != nil || !bytes.Equal(before, after) {
		return refusal{InProgress, errChanged}
	}
	return nil
}

// locked reports whether the server has locked the folder, in the one or the other way that it knows. A lock that a crash left is ignored.
func (m *message) locked() bool {
	for _, name := range []string{".lock", "lock"} {
		info, err := fs.Stat(m.spool, path.Join(path.Dir(m.path(m.it)), name))
		if err == nil && m.Now().Sub(info.ModTime()) < settling {
			return true
		}
	}
	return false
}

// maxAhead is how far the clock of the server may be ahead of ours.
const maxAhead = 5 * time.Minute

func (m *message) readText() ([]byte, error) {
	e, ok := m.files["txt"]
	switch {
	case !ok:
		return nil, refusal{why: NoText}
	case !e.Type().IsRegular():
		return nil, refusal{why: NotRegular}
	}
	f, err := m.spool.Open(m.path(m.it) + ".txt")
	if err != nil {
		return nil, refusal{Unreadable, err}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxText+1))
	switch {
	case err != nil:
		return nil, refusal{Unreadable, err}
	case len(b) > maxText:
		return nil, refusal{TooLarge, fmt.Errorf("the text file is longer than %d bytes", maxText)}
	}
	return b, nil
}

// digest reads the recording and returns when it was written.
func (m *message) digest(ctx context.Context) (time.Time, error) {
	f, info, err := m.open()
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	if info.Size() > maxRecording {
		return time.Time{}, refusal{TooLarge, fmt.Errorf("the recording is longer than %d bytes", maxRecording)}
	}
	h := sha256.New()
	m.size, err = io.Copy(h, &interruptible{ctx, io.LimitReader(f, maxRecording)})
	if err != nil {
		return time.Time{}, refusal{Unreadable, err}
	}
	h.Sum(m.sum[:0])
	return info.ModTime(), nil
}

// interruptible stops reading when its context ends.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

func (m *message) open() (fs.File, fs.FileInfo, error) {
	f, err := m.spool.Open(m.path(m.it) + "." + m.ext)
	if err != nil {
		return nil, nil, refusal{Unreadable, err}
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, nil, refusal{Unreadable, err}
	}
	return f, info, nil
}

func (m *message) deposit(ctx context.Context, box voicemail.Mailbox) error {
	f, _, err := m.open()
	if err != nil {
		return err
	}
	defer f.Close()
	r := &verified{r: f, h: sha256.New(), want: m.sum}
	_, err = box.Deposit(ctx, withHeader(r, m.ext, m.size), &voicemail.DepositOptions{
		ID: m.it.Message, ReceivedAt: m.received,
		Caller: m.text.caller(), Called: m.text.called(), Redirecting: m.text.redirecting(),
		ContentType: contentType(m.ext), Duration: m.text.duration(),
		Read: m.how.Read, Urgent: m.how.Urgent || m.text.urgent(), Trashed: m.how.Trash,
		Attributes: m.attributes(),
	})
	var de *voicemail.DepositError
	if errors.As(err, &de) {
		_ = de.Audio.Close() // the recording is still in the spool
	}
	if r.err != nil {
		return r.err
	}
	return verdict(err)
}

func (m *message) attributes() map[string]string {
	a := map[string]string{}
	for key, value := range map[string]string{
		"context": m.it.Context, "mailbox": m.it.Mailbox, "folder": m.it.Folder, "msg_id": m.text["msg_id"], "category": m.text["category"],
	} {
		if value != "" {
			a["asterisk."+key] = clip(strings.ToValidUTF8(value, "\uFFFD"), 255)
		}
	}
	return a
}

// withHeader puts before the recording what it lacks to be recognized.
func withHeader(r io.Reader, ext string, size int64) io.Reader {
	return io.MultiReader(bytes.NewReader(header(ext, size)), r)
}

// verified reads a recording and fails at its end if it is not the one that was read before.
type verified struct {
	r    io.Reader
	h    hash.Hash
	want [sha256.Size]byte
	err  error
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.h.Write(p[:n])
	switch {
	case err == nil:
	case !errors.Is(err, io.EOF):
		v.err = refusal{Unreadable, err}
	case !bytes.Equal(v.h.Sum(nil), v.want[:]):
		v.err = refusal{InProgress, errChanged}
		err = errChanged
	}
	return n, err
}

// verdict tells what is wrong with a message from what is wrong with the storage, which would go wrong with the next message, too.
func verdict(err error) error {
	if err == nil {
		return nil
	}
	for _, v := range []struct {
		is  error
		why Reason
	}{
		{voicemail.ErrGone, Gone},
		{voicemail.ErrNoMailbox, NoMailbox},
		{voicemail.ErrMailboxFull, MailboxFull},
		{voicemail.ErrDisabled, MailboxDisabled},
		{voicemail.ErrTooLarge, TooLarge},
		{voicemail.ErrEmpty, Empty},
		{voicemail.ErrInvalid, Invalid},
		{voicemail.ErrConflict, Conflict},
		{voicemail.ErrDamaged, Damaged},
		{storage.ErrCorrupt, Damaged},
	} {
		if errors.Is(err, v.is) {
			return refusal{v.why, err}
		}
	}
	return err
}
