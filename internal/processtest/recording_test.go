//go:build unix

package processtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/genesys/voicemail"
)

const (
	// stampText and 16 digits are the pattern that is in one recording only.
	stampText = "pattern of audio"
	// callerText and 9 digits are a caller's number.
	callerText = "1555"
)

// origin is what a message and all its copies have in common: the number of the recording, and that of the caller.
type origin struct{ Audio, Caller int }

func (o origin) caller() voicemail.CallerID {
	return voicemail.ParseCallerID(fmt.Sprintf("+%s%09d", callerText, o.Caller))
}

// audio returns the recording: a WAV file of up to a second, with its pattern at both ends.
func (o origin) audio() []byte {
	stamp := fmt.Sprintf("%s%016d", stampText, o.Audio)
	rng := rand.NewChaCha8([32]byte([]byte(stamp)))
	noise := make([]byte, rng.Uint64()%8000)
	_, _ = rng.Read(noise) // never fails
	n := len(noise) + 2*len(stamp)
	var b bytes.Buffer
	b.WriteString("RIFF")
	_ = binary.Write(&b, binary.LittleEndian, uint32(36+n))
	b.WriteString("WAVEfmt ")
	for _, field := range []any{uint32(16), uint16(1), uint16(1), uint32(8000), uint32(8000), uint16(1), uint16(8)} {
		_ = binary.Write(&b, binary.LittleEndian, field)
	}
	b.WriteString("data")
	_ = binary.Write(&b, binary.LittleEndian, uint32(n))
	b.WriteString(stamp)
	b.Write(noise)
	b.WriteString(stamp)
	return b.Bytes()
}

// deposit leaves the recording in a mailbox.
func (o origin) deposit(ctx context.Context, box voicemail.Mailbox, opts voicemail.DepositOptions) (voicemail.Message, error) {
	opts.Caller = o.caller()
	return box.Deposit(ctx, bytes.NewReader(o.audio()), &opts)
}

// describes reports, as an error, what of the message is not of this origin, without opening its recording.
func (o origin) describes(msg voicemail.Message) error {
	sum := sha256.Sum256(o.audio())
	switch e := msg.Envelope(); {
	case e.SHA256 != hex.EncodeToString(sum[:]):
		return broken("%v has the digest of another recording", msg)
	case !e.Caller.Equal(o.caller()):
		return broken("%v has another caller", msg)
	}
	return nil
}

// plays reports, as an error, what of the message is not whole.
func (o origin) plays(ctx context.Context, msg voicemail.Message) error {
	r, err := msg.Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(got, o.audio()) {
		err = broken("%v plays something else than was deposited", msg)
	}
	if err != nil {
		return err
	}
	return o.describes(msg)
}

// list returns the messages of a mailbox, also those in the trash.
func list(ctx context.Context, box voicemail.Mailbox) (map[voicemail.MessageID]voicemail.Message, error) {
	found := map[voicemail.MessageID]voicemail.Message{}
	for msg, err := range box.Messages(ctx, &voicemail.ListOptions{Trash: voicemail.WithTrash}) {
		if err != nil {
			return nil, err
		}
		if found[msg.ID()] != nil || msg.Mailbox() != box.ID() {
			return nil, broken("%v is listed twice, or in another mailbox", msg)
		}
		found[msg.ID()] = msg
	}
	return found, nil
}

// find returns the messages of the caller.
func (o origin) find(ctx context.Context, svc *voicemail.Service) (map[voicemail.MessageID]voicemail.Message, error) {
	found := map[voicemail.MessageID]voicemail.Message{}
	for msg, err := range svc.FindByCaller(ctx, o.caller()) {
		if err != nil {
			return nil, err
		}
		if found[msg.ID()] != nil {
			return nil, broken("%v is found twice", msg)
		}
		found[msg.ID()] = msg
	}
	return found, nil
}
