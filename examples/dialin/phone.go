package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/genesys/voicemail/examples/dialin/menu"
)

// phone is a keyboard and what it prints, as a platform of package menu.
type phone struct {
	out    *os.File
	keys   chan menu.Event
	onHook chan struct{}
	reset  func() // the terminal
	eol    string
	player []string // plays what it reads; empty for none
	said   []byte   // is what is said when something is recorded
}

// pickUp takes the keyboard. It need not be one: keys are read from any file, whose end hangs up.
func pickUp(in, out *os.File) (*phone, error) {
	p := &phone{out: out, keys: make(chan menu.Event), onHook: make(chan struct{}), reset: func() {}, eol: "\n"}
	if fd := int(in.Fd()); term.IsTerminal(fd) {
		state, err := term.MakeRaw(fd)
		if err != nil {
			return nil, err
		}
		p.reset = func() { _ = term.Restore(fd, state) }
		p.eol = "\r\n"
	}
	go p.read(in)
	return p, nil
}

func (p *phone) hangUp() {
	close(p.onHook)
	p.reset()
}

// read sends the keys that are pressed.
func (p *phone) read(in *os.File) {
	key := make([]byte, 1)
	for {
		event := menu.HangUp
		if _, err := in.Read(key); err == nil {
			var ok bool
			if event, ok = keypad(key[0]); !ok {
				continue
			}
		}
		select {
		case p.keys <- event:
		case <-p.onHook:
			return
		}
		if event == menu.HangUp {
			return
		}
	}
}

func keypad(key byte) (menu.Event, bool) {
	switch {
	case '0' <= key && key <= '9', key == '*', key == '#':
		return menu.Event(key), true
	case key == 'q', key == 3, key == 4: // Control-C and Control-D, which are only keys to a terminal in raw mode
		return menu.HangUp, true
	}
	return 0, false
}

func (p *phone) print(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, strings.ReplaceAll(format, "\n", p.eol), args...)
}

// call is one call, from its first prompt to its last.
func (p *phone) call(ctx context.Context, s *menu.Session) error {
	r := s.Start()
	for {
		in := p.perform(ctx, r)
		if r.End {
			return nil
		}
		p.echo(in.Event, r.Secret)
		var err error
		if r, err = s.Step(ctx, in); err != nil {
			p.print("  (for the operator: %s)\n", err)
		}
	}
}

// echo shows a key that was pressed.
func (p *phone) echo(e menu.Event, secret bool) {
	switch {
	case e == menu.HangUp:
		p.print("  [hung up]\n")
	case e == '*', e == '#', '0' <= e && e <= '9' && !secret:
		p.print("  [%c]\n", e)
	case '0' <= e && e <= '9':
		p.print("  [·]\n")
	}
}

// perform does what the menu replied and returns what came of it.
func (p *phone) perform(ctx context.Context, r menu.Reply) menu.Input {
	for _, prompt := range r.Say {
		p.print("%s\n", prompt.Text())
	}
	switch {
	case r.Play != nil:
		return p.play(ctx, r.Play)
	case r.End:
		return menu.Input{}
	case r.Record > 0:
		p.print("  ● recording\n")
		e := p.wait(ctx, r.Record)
		if e == menu.HangUp {
			return menu.Input{Event: e}
		}
		return menu.Input{Event: menu.Recorded, Audio: p.said}
	}
	return menu.Input{Event: p.wait(ctx, r.Wait)}
}

// wait waits for a key.
func (p *phone) wait(ctx context.Context, most time.Duration) menu.Event {
	select {
	case e := <-p.keys:
		return e
	case <-time.After(most):
		return menu.TimeOut
	case <-ctx.Done():
		return menu.HangUp
	}
}

// play plays a recording until its end, or until a key is pressed.
func (p *phone) play(ctx context.Context, r *menu.Recording) menu.Input {
	defer r.Audio.Close() //nolint:errcheck // it is only read
	rest, err := cut(r.Audio, r.From)
	if err != nil {
		p.print("  (cannot be played: %s)\n", err)
		return menu.Input{Event: menu.Broken, At: r.From}
	}
	p.print("  ▶ from second %.1f, for %.1f seconds\n", r.From.Seconds(), rest.length.Seconds())
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- rest.play(ctx, p.player) }()
	began := time.Now()
	in := menu.Input{Event: menu.Played}
	select {
	case in.Event = <-p.keys:
	case err := <-ended:
		ended <- nil
		switch {
		case ctx.Err() != nil:
			in.Event = menu.HangUp
		case err != nil:
			p.print("  (cannot be played: %s)\n", err)
			in.Event = menu.Broken
		}
	}
	stop()
	<-ended // nobody reads what is closed next
	in.At = r.From + time.Since(began)
	return in
}
