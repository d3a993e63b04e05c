package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os/exec"
	"time"
)

// sound is a recording from some position on.
type sound struct {
	io.Reader
	length time.Duration // 0 if that is not known
}

// maxHeader is how far into a WAV file its samples begin at most.
const maxHeader = 64 << 10

// cut returns the recording from a position on. It knows WAV files; any other begins at its start.
func cut(audio io.ReadSeeker, from time.Duration) (sound, error) {
	if _, err := audio.Seek(0, io.SeekStart); err != nil {
		return sound{}, err
	}
	head := make([]byte, 12)
	if _, err := io.ReadFull(audio, head); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return sound{}, err
	}
	if !bytes.Equal(head[:4], []byte("RIFF")) || !bytes.Equal(head[8:], []byte("WAVE")) {
		_, err := audio.Seek(0, io.SeekStart)
		return sound{Reader: audio}, err
	}
	var format []byte
	for at := int64(12); at < maxHeader; {
		chunk := make([]byte, 8)
		if _, err := io.ReadFull(audio, chunk); err != nil {
			return sound{}, err
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		at += 8
		switch string(chunk[:4]) {
		case "data":
			return cutData(audio, format, at, size, from)
		case "fmt ":
			if size < 16 || size > 64 {
				return sound{}, errNotWAV
			}
			format = make([]byte, size)
			if _, err := io.ReadFull(audio, format); err != nil {
				return sound{}, err
			}
		}
		at += size + size%2
		if _, err := audio.Seek(at, io.SeekStart); err != nil {
			return sound{}, err
		}
	}
	return sound{}, errNotWAV
}

var errNotWAV = errors.New("the WAV file cannot be understood")

// cutData puts a header before the samples from a position on. They begin at a byte and have a size.
func cutData(audio io.ReadSeeker, format []byte, at, size int64, from time.Duration) (sound, error) {
	if format == nil {
		return sound{}, errNotWAV
	}
	rate, block := int64(binary.LittleEndian.Uint32(format[8:])), int64(binary.LittleEndian.Uint16(format[12:]))
	if rate == 0 || block == 0 {
		return sound{}, errNotWAV
	}
	if end, err := audio.Seek(0, io.SeekEnd); err != nil {
		return sound{}, err
	} else if size > end-at {
		size = end - at // the header of a recording that was cut off
	}
	skip := min(int64(from.Seconds()*float64(rate))/block*block, size)
	if _, err := audio.Seek(at+skip, io.SeekStart); err != nil {
		return sound{}, err
	}
	size -= skip
	var head []byte
	number := func(n int64) { head = binary.LittleEndian.AppendUint32(head, uint32(n)) }
	head = append(head, "RIFF"...)
	number(int64(4+8+len(format)+8) + size)
	head = append(head, "WAVEfmt "...)
	number(int64(len(format)))
	head = append(append(head, format...), "data"...)
	number(size)
	return sound{io.MultiReader(bytes.NewReader(head), io.LimitReader(audio, size)), time.Duration(float64(size) / float64(rate) * float64(time.Second))}, nil
}

// play plays the sound by a command; without one it only reads it, and takes as long.
func (s sound) play(ctx context.Context, player []string) error {
	if len(player) > 0 {
		cmd := exec.CommandContext(ctx, player[0], player[1:]...)
		cmd.Stdin = s
		return cmd.Run()
	}
	if _, err := io.Copy(io.Discard, s); err != nil {
		return err
	}
	select {
	case <-time.After(s.length):
	case <-ctx.Done():
	}
	return nil
}
