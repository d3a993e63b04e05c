package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// How often progress is shown.
const (
	inPlace = 100 * time.Millisecond
	inLines = 10 * time.Second
)

// progress shows how far the command is: in place on a terminal, else by a line now and then.
type progress struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	shown    time.Time
	width    int    // of what stands in place
	pending  string // what was not shown, since it came too soon
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// update shows a state, unless the last one was shown just now.
func (p *progress) update(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	every := inLines
	if p.terminal {
		every = inPlace
	}
	if time.Since(p.shown) < every {
		p.pending = text
		return
	}
	p.show(text)
}

func (p *progress) show(text string) {
	p.shown, p.pending = time.Now(), ""
	if !p.terminal {
		fmt.Fprintln(p.w, text)
		return
	}
	fmt.Fprintf(p.w, "\r%s%s", text, strings.Repeat(" ", max(0, p.width-len(text))))
	p.width = len(text)
}

// line shows something that stays.
func (p *progress) line(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	fmt.Fprintln(p.w, text)
}

// end shows the last state.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
}

// settle shows what is pending, and ends the line that stands in place.
func (p *progress) settle() {
	if p.pending != "" {
		p.show(p.pending)
	}
	if p.width > 0 {
		fmt.Fprintln(p.w)
		p.width = 0
	}
}
