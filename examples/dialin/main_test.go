package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// asCommand makes the test binary the command.
const asCommand = "DIALIN_TEST_IS_THE_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

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

// keypadAt is somebody who sits at a terminal.
type keypadAt struct {
	t      *testing.T
	master *os.File
	shown  strings.Builder
}

// waitFor reads until something is shown that was not before.
func (k *keypadAt) waitFor(text string) {
	k.t.Helper()
	require.NoError(k.t, k.master.SetReadDeadline(time.Now().Add(30*time.Second)))
	begin := k.shown.Len()
	buf := make([]byte, 4096)
	for !strings.Contains(k.shown.String()[begin:], text) {
		n, err := k.master.Read(buf)
		k.shown.Write(buf[:n])
		require.NoError(k.t, err, "%q is not shown, but %q", text, k.shown.String()[begin:])
	}
}

func (k *keypadAt) press(keys string) {
	_, err := io.WriteString(k.master, keys)
	require.NoError(k.t, err)
}

func TestACallIsMadeAtATerminal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "volume")
	master, slave := openTerminal(t)
	before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-dir", dir)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	require.NoError(t, cmd.Start())

	k := &keypadAt{t: t, master: master}
	k.waitFor("Enter your mailbox number")
	k.press("5001#")
	k.waitFor("Enter your PIN")
	k.press("7391#")
	k.waitFor("To end the call, press star.")
	k.press("1")
	k.waitFor("from second 0.0, for 6.3 seconds")
	k.press("98")
	k.waitFor("Paused.")
	k.press("8")
	k.waitFor("End of message.") // in as many seconds as it takes
	assert.Regexp(t, `(?s)from second 0\.0.*from second [56]\..*from second [56]\.`, k.shown.String(), "skipped ahead, and went on where it was paused")
	k.press("3")
	k.waitFor("Deleted.")
	k.press("*4432")
	k.waitFor("● recording")
	k.press("#")
	k.waitFor("recorded, and not kept yet")
	k.press("q")
	require.NoError(t, cmd.Wait())
	assert.NotContains(t, k.shown.String(), "[7]\r\n  [3]", "a PIN is not shown")
	assert.Contains(t, k.shown.String(), "  [·]\r\n")
	after, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	require.NoError(t, err)
	assert.Equal(t, before, after, "the terminal is as it was")
	require.NoError(t, slave.Close())

	out := dial(t, "5001#7391#33*", "-dir", dir)
	assert.Contains(t, out, "New messages: 2.")
	assert.Contains(t, out, "It is urgent.", "what was deleted in the other call")
}

// dial presses keys in a call that ends with them.
func dial(t *testing.T, keys string, args ...string) string {
	t.Helper()
	in, press, err := os.Pipe()
	require.NoError(t, err)
	_, err = io.WriteString(press, keys)
	require.NoError(t, err)
	require.NoError(t, press.Close())
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer out.Close()
	require.NoError(t, run(t.Context(), in, out, args))
	shown, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	return string(shown)
}

func TestAPlayerGetsTheRecording(t *testing.T) {
	dir := t.TempDir()
	played := filepath.Join(dir, "played.wav")
	master, slave := openTerminal(t)
	done := make(chan error, 1)
	go func() {
		done <- run(t.Context(), slave, slave, []string{"-dir", filepath.Join(dir, "volume"), "-mailbox", "5001", "-play", "tee " + played})
	}()
	k := &keypadAt{t: t, master: master}
	k.waitFor("Enter your PIN")
	k.press("7391#1")
	k.waitFor("End of message.")
	k.press("q")
	require.NoError(t, <-done)
	want, err := speech.ReadFile("audio/urgent-gate.wav")
	require.NoError(t, err)
	got, err := os.ReadFile(played)
	require.NoError(t, err)
	whole, err := cut(bytes.NewReader(want), 0)
	require.NoError(t, err)
	want, err = io.ReadAll(whole)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(want, got), "%d bytes, not %d", len(got), len(want))
	require.NoError(t, slave.Close())

	shown := dial(t, "7391#1", "-dir", filepath.Join(dir, "volume"), "-mailbox", "5001", "-play", filepath.Join(dir, "no-such-player"))
	assert.Contains(t, shown, "Message 1.")
}

func TestTheKeysInTheReadmeAreThoseOfTheMenu(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer out.Close()
	require.NoError(t, run(t.Context(), nil, out, []string{"-keys"}))
	keys, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	assert.Contains(t, string(readme), string(keys), "go run ./examples/dialin -keys prints them")
}

func TestABadArgumentGetsOneClearLine(t *testing.T) {
	for _, args := range [][]string{{"-nothing"}, {"5001"}, {"-say", "no-such-file"}, {"-dir", "main.go"}} {
		err := run(t.Context(), nil, os.Stdout, args)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "\n")
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer out.Close()
	require.ErrorIs(t, run(t.Context(), nil, out, []string{"-help"}), flag.ErrHelp)
	shown, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	assert.Contains(t, string(shown), "-play")
}

func TestASoundIsCutWhereItsBytesSay(t *testing.T) {
	want, err := speech.ReadFile("audio/say.wav")
	require.NoError(t, err)
	whole, err := cut(bytes.NewReader(want), 0)
	require.NoError(t, err)
	samples, err := io.ReadAll(whole)
	require.NoError(t, err)
	half, err := cut(bytes.NewReader(want), time.Second)
	require.NoError(t, err)
	assert.Equal(t, whole.length-time.Second, half.length)
	rest, err := io.ReadAll(half)
	require.NoError(t, err)
	again, err := cut(bytes.NewReader(rest), 0)
	require.NoError(t, err, "what was cut is a WAV file")
	assert.Equal(t, half.length, again.length)
	const header = 46
	assert.Equal(t, len(samples)-8000, len(rest))
	assert.True(t, bytes.HasSuffix(samples, rest[header:]))

	behind, err := cut(bytes.NewReader(want), time.Hour)
	require.NoError(t, err)
	assert.Zero(t, behind.length)
	_, err = cut(bytes.NewReader(want[:20]), 0)
	require.Error(t, err)
	other, err := cut(strings.NewReader("ID3"), time.Second)
	require.NoError(t, err)
	got, err := io.ReadAll(other)
	require.NoError(t, err)
	assert.Equal(t, "ID3", string(got))
}

func FuzzCutNeverPanics(f *testing.F) {
	wav, err := speech.ReadFile("audio/say.wav")
	require.NoError(f, err)
	f.Add(wav[:200], int64(1000))
	f.Add(wav[:40], int64(-1))
	f.Fuzz(func(_ *testing.T, audio []byte, ms int64) {
		if sound, err := cut(bytes.NewReader(audio), time.Duration(ms)*time.Millisecond); err == nil {
			n, _ := io.Copy(io.Discard, sound)
			if n > int64(len(audio))+200 {
				panic("more than there is")
			}
		}
	})
}
