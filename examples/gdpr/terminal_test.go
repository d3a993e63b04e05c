package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a new terminal.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = master.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	return master, slave
}

func TestProgressStandsInPlaceOnATerminalOnly(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.deposit(ada, strings.Repeat("hello ", i+1))
	}
	args := []string{"--store", "file://" + w.volume, "--tenant", "t2026", "-i", w.file(plain), "-p", "exportme"}

	master, slave := openTerminal(t)
	cmd := w.process(t.TempDir(), args...)
	cmd.Stderr = slave
	require.NoError(t, cmd.Start())
	require.NoError(t, slave.Close())
	shown, _ := io.ReadAll(master) // until nobody has the other end any more
	require.NoError(t, cmd.Wait(), string(shown))
	assert.True(t, strings.HasPrefix(string(shown), "\rexportme: 1 of 5 messages"), "%q", shown)
	assert.True(t, strings.HasSuffix(string(shown), "\rexportme: 5 of 5 messages\r\n"), "%q", shown)
	assert.Equal(t, 1, strings.Count(string(shown), "\n"), "one line: %q", shown)

	r := w.command(args...)
	require.Zero(t, r.code, r.stderr)
	assert.Equal(t, "exportme: 1 of 5 messages\nexportme: 5 of 5 messages\n", r.stderr)
}

func TestALineOnATerminalDoesNotMixWithProgress(t *testing.T) {
	var out strings.Builder
	p := &progress{w: &out, terminal: true}
	p.update("a long state")
	p.update("not shown, too soon")
	p.update("short")
	p.line("told")
	p.shown = time.Time{}
	p.update("next")
	p.end()
	assert.Equal(t, "\ra long state\rshort       \ntold\n\rnext\n", out.String())
}
