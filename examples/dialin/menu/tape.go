package menu

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"

	"github.com/genesys/voicemail"
)

// tape is what is being played, or was last.
type tape struct {
	tracks  []track // the first one is at the head, the others follow
	head    time.Duration
	playing bool
}

// track is one recording.
type track struct {
	contentType string
	length      time.Duration
	open        func(context.Context) (io.ReadSeekCloser, error)
}

// tapesOf returns what is to hear of a message: the spoken comment of who passed it on, and the message.
func tapesOf(ctx context.Context, msg voicemail.Message) ([]track, error) {
	e := msg.Envelope()
	all := []track{{e.ContentType, e.Duration, msg.Open}}
	if e.CopiedFrom == nil {
		return all, nil
	}
	parts, err := msg.Parts(ctx)
	if err != nil {
		return nil, err
	}
	for i := len(parts) - 1; i >= 0; i-- {
		if p := parts[i]; p.Kind == voicemail.PartComment && !strings.HasPrefix(p.ContentType, "text/") {
			comment := track{contentType: p.ContentType, open: func(ctx context.Context) (io.ReadSeekCloser, error) { return msg.OpenPart(ctx, p) }}
			return append([]track{comment}, all...), nil
		}
	}
	return all, nil
}

// spoken is the track of what the caller has just said.
func spoken(audio []byte) track {
	return track{open: func(context.Context) (io.ReadSeekCloser, error) {
		return struct {
			*bytes.Reader
			io.Closer
		}{bytes.NewReader(audio), io.NopCloser(nil)}, nil
	}}
}

// play plays the tracks, the first one from a position on.
func (s *Session) play(ctx context.Context, tracks []track, from time.Duration) error {
	first := tracks[0]
	audio, err := first.open(ctx)
	if err != nil {
		return err
	}
	s.tracks, s.head = tracks, from
	s.reply.Play = &Recording{Audio: audio, ContentType: first.contentType, From: from, Length: first.length}
	return nil
}

// position takes over how far the tape was played when something happened.
func (s *Session) position() {
	if s.playing {
		s.head = s.within(s.in.At)
	}
}

// within returns the position of the tape that is next to at.
func (s *Session) within(at time.Duration) time.Duration {
	if length := s.tracks[0].length; length > 0 {
		at = min(at, length)
	}
	return max(at, 0)
}

func (s *Session) rewind(ctx context.Context) (State, error) {
	return s.folder, s.play(ctx, s.tracks, s.within(s.head-s.opts.Skip))
}

func (s *Session) ahead(ctx context.Context) (State, error) {
	return s.folder, s.play(ctx, s.tracks, s.within(s.head+s.opts.Skip))
}

// pause stops the tape, or goes on with it.
func (s *Session) pause(ctx context.Context) (State, error) {
	if s.playing {
		s.say(Prompt{Name: Paused})
		return s.folder, nil
	}
	from := s.head
	if length := s.tracks[0].length; length > 0 && from >= length {
		from = 0
	}
	return s.folder, s.play(ctx, s.tracks, from)
}

// heard goes on behind the end of a track: with the next one, or with what can be done with a message that was heard.
func (s *Session) heard(ctx context.Context) (State, error) {
	if len(s.tracks) > 1 {
		return s.folder, s.play(ctx, s.tracks[1:], 0)
	}
	if s.folder == NewMessages {
		if err := s.markRead(ctx); err != nil {
			return "", err
		}
	}
	s.head = s.within(s.tracks[0].length)
	s.say(Prompt{Name: EndOfMessage})
	s.announce()
	return s.folder, nil
}
