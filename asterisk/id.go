package asterisk

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/genesys/voicemail"
)

// identity is what tells a message from all others, and stays what it is as long as the message is in the spool. The folder and the file's number do not: users
// file messages, and the server closes gaps. Nor does msg_id, which servers add to old messages when they look at them, and which copies share. The
// caller is not in it: IDs outlive messages, in tombstones and receipts, and nothing of the caller may.
type identity struct {
	context, mailbox string
	to               voicemail.MailboxID
	received         time.Time
	recording        [sha256.Size]byte
}

// messageID returns the ID of the message: a UUID of version 7 with the time that it came in, and a digest of the rest in place of chance.
func (i identity) messageID() voicemail.MessageID {
	h := sha256.New()
	for _, part := range []string{"asterisk spool", i.context, i.mailbox, string(i.to), i.received.UTC().Format(time.RFC3339Nano), string(i.recording[:])} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(i.received.UnixMilli()))
	b := append(at[2:], h.Sum(nil)[:10]...)
	b[6] = 0x70 | b[6]&0x0f
	b[8] = 0x80 | b[8]&0x3f
	return voicemail.MessageID(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
}
