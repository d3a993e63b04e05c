package voicemail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/storage"
)

// Reader is who marked a message as read. The zero Reader: nobody did.
type Reader struct {
	// ID is the application's ID of the user; empty if the message was marked by MarkRead, or read when it was imported.
	ID string
	// At is when that was: by Options.Now, or by the storage's clock if ID is empty.
	At time.Time
}

const (
	maxReaderID = 256
	readerSize  = 4 << 10
)

// readerDoc is the content of the mark "read", which is empty if nobody said who it was. Nonce makes every document different.
type readerDoc struct {
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Nonce string    `json:"nonce"`
}

func (m *message) MarkReadBy(ctx context.Context, reader string) error {
	if reader == "" || len(reader) > maxReaderID || !utf8.ValidString(reader) {
		return m.fail("mark read", invalid("a reader's ID has 1 to %d bytes in UTF-8", maxReaderID))
	}
	doc, err := json.Marshal(readerDoc{By: reader, At: m.svc.opts.Now().UTC().Round(0), Nonce: m.svc.ids.nonce()})
	if err != nil {
		return m.fail("mark read", err)
	}
	changed, err := m.mark(ctx, keys.Read, doc)
	if changed {
		m.svc.emit(EventRead, m.meta.Mailbox, m.meta.ID, "")
	}
	return m.fail("mark read", err)
}

func (m *message) FirstReader(ctx context.Context) (Reader, error) {
	var r Reader
	var readErr, lookErr error
	both(
		func() { r, readErr = m.readReader(ctx) },
		func() { _, lookErr = m.seen(ctx) },
	)
	if err := first(lookErr, readErr); err != nil {
		return Reader{}, m.fail("read first reader", err)
	}
	return r, nil
}

func (m *message) readReader(ctx context.Context) (Reader, error) {
	o, err := m.svc.master.Open(ctx, m.box.Mark(m.ref(), keys.Read), nil)
	if errors.Is(err, storage.ErrNotExist) {
		return Reader{}, nil
	}
	if err != nil {
		return Reader{}, err
	}
	defer o.Close()
	doc, err := io.ReadAll(io.LimitReader(o, readerSize))
	if err != nil {
		return Reader{}, err
	}
	if len(doc) == 0 {
		return Reader{At: o.Info().Modified}, nil
	}
	var d readerDoc
	if err := json.Unmarshal(doc, &d); err != nil {
		return Reader{}, fmt.Errorf("%w: who read the message cannot be read", storage.ErrCorrupt)
	}
	return Reader{ID: d.By, At: d.At}, nil
}
