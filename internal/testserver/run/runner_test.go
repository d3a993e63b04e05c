//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The test binary plays the servers and, where a process must be killed, the run itself.
const roleEnv = "VOICEMAIL_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role, port, _ := strings.Cut(os.Getenv(roleEnv), ":"); role {
	case "":
		os.Exit(m.Run())
	case "run":
		runtime.LockOSThread()
		stop := make(chan os.Signal, 1)
		go whenOrphaned(os.Getppid(), func() { stop <- syscall.SIGTERM })
		r := runner{servers: []server{fake("serve")}, wait: time.Minute, grace: time.Second, stop: stop, out: os.Stderr}
		os.Exit(r.run([]string{"sh", "-c", "echo $FAKE_serve; exec sleep 600"}))
	case "serve", "deaf", "ill", "mortal":
		fmt.Println("the log of", role)
		status := map[bool]int{true: http.StatusInternalServerError, false: http.StatusOK}[role == "ill"]
		if role == "deaf" {
			ignoreTerm()
		}
		_ = http.ListenAndServe("127.0.0.1:"+port, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path == "/die" {
				os.Exit(3)
			}
			w.WriteHeader(status)
		}))
	case "stillborn":
		fmt.Println("the log of", role)
		os.Exit(3)
	}
}

func fake(role string) server {
	return server{
		name: role,
		command: func(_, port string) ([]string, error) {
			return []string{"env", roleEnv + "=" + role + ":" + port, os.Args[0]}, nil
		},
		health:  "/",
		healthy: func(r *http.Response) bool { return r.StatusCode == http.StatusOK },
		tell:    func(address string) []string { return []string{"FAKE_" + role + "=" + address} },
	}
}

// a run in a goroutine, with its output.
type observed struct {
	stop   chan os.Signal
	lines  *bufio.Scanner
	stderr *bytes.Buffer
	code   chan int
}

func begin(t *testing.T, command string, roles ...string) *observed {
	t.Setenv("TMPDIR", t.TempDir())
	out, in := io.Pipe()
	o := &observed{stop: make(chan os.Signal, 1), lines: bufio.NewScanner(out), stderr: &bytes.Buffer{}, code: make(chan int)}
	r := runner{wait: 30 * time.Second, grace: 500 * time.Millisecond, stop: o.stop, out: o.stderr, stdout: in}
	for _, role := range roles {
		r.servers = append(r.servers, fake(role))
	}
	if strings.Contains(command, "never healthy") {
		r.wait = 300 * time.Millisecond
	}
	go func() {
		// The servers end with the thread that starts them.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		code := r.run([]string{"sh", "-c", command})
		_ = in.Close()
		o.code <- code
	}()
	return o
}

// line returns the next line that the command prints.
func (o *observed) line(t *testing.T) string {
	t.Helper()
	require.True(t, o.lines.Scan(), "the command ended: %s", o.stderr)
	return o.lines.Text()
}

// end returns the exit code, and checks that nothing is left.
func (o *observed) end(t *testing.T, addresses ...string) int {
	t.Helper()
	for o.lines.Scan() {
		continue
	}
	code := <-o.code
	for _, a := range addresses {
		assertDead(t, a)
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	assert.Empty(t, left, "temporary files")
	return code
}

// assertDead waits: the kernel closes what a dead process had open one after the other, and what it listens at may be the last.
func assertDead(t *testing.T, address string) {
	t.Helper()
	assert.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, 10*time.Second, time.Millisecond, "the server still listens")
}

func TestTheExitCodeIsTheCommands(t *testing.T) {
	for _, tt := range []struct {
		command string
		code    int
		why     string
	}{
		{"exit 0", 0, "the tests pass"},
		{"exit 7", 7, "the tests fail"},
		{"kill -9 $$", 128 + 9, "the tests were killed"},
		{"exec no-such-command", 127, "there is no such command"},
	} {
		o := begin(t, "echo $FAKE_serve; "+tt.command, "serve")
		address := o.line(t)
		assert.Equal(t, tt.code, o.end(t, address), tt.why)
	}
}

func TestACommandThatDoesNotStartStopsTheServers(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var stderr bytes.Buffer
	var address string
	s := fake("serve")
	s.tell = func(a string) []string { address = a; return nil }
	r := runner{servers: []server{s}, wait: 30 * time.Second, grace: time.Second, out: &stderr}
	assert.Equal(t, failed, r.run([]string{"/no/such/command"}))
	assert.Contains(t, stderr.String(), "/no/such/command")
	assertDead(t, address)
}

func TestTheCommandRunsBesideAllServers(t *testing.T) {
	o := begin(t, "echo $VOICEMAIL_TEST_SERVERS $FAKE_serve $FAKE_mortal; read line; echo $line", "serve", "mortal")
	words := strings.Fields(o.line(t))
	require.Len(t, words, 3)
	assert.Equal(t, "required", words[0], "a missing server must fail the tests")
	assert.NotEqual(t, words[1], words[2])
	assert.Zero(t, o.end(t, words[1], words[2]))
}

func TestASignalEndsTheCommandAndTheServers(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		o := begin(t, "trap 'echo told; exit' INT TERM; echo $FAKE_serve; while :; do sleep 0.1; done", "serve")
		address := o.line(t)
		o.stop <- sig
		assert.Equal(t, "told", o.line(t), "the command can clean up")
		assert.Equal(t, 128+int(sig), o.end(t, address))
	}
}

func TestWhoIgnoresASignalIsKilled(t *testing.T) {
	o := begin(t, "trap '' INT TERM; sh -c 'echo $$'; echo $FAKE_deaf; while :; do sleep 0.1; done", "deaf")
	o.line(t)
	address := o.line(t)
	o.stop <- syscall.SIGINT
	assert.Equal(t, 128+int(syscall.SIGINT), o.end(t, address))
}

func TestAServerThatDoesNotBecomeHealthyIsAnErrorWithinTheBound(t *testing.T) {
	began := time.Now()
	o := begin(t, ": never healthy", "serve", "ill")
	assert.Equal(t, failed, o.end(t))
	assert.Less(t, time.Since(began), 20*time.Second)
	assert.Contains(t, o.stderr.String(), "is not healthy after 300ms")
}

func TestAServerThatEndsAtOnceIsAnErrorWithItsLog(t *testing.T) {
	o := begin(t, "echo must not run", "serve", "stillborn")
	assert.Equal(t, failed, o.end(t))
	assert.Contains(t, o.stderr.String(), "stillborn ended before it was healthy: exit status 3")
	assert.Contains(t, o.stderr.String(), "the log of stillborn")
}

func TestAServerThatCannotBeStartedIsAnError(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var stderr bytes.Buffer
	s := fake("serve")
	s.command = func(string, string) ([]string, error) { return []string{"/no/such/server"}, nil }
	r := runner{servers: []server{s}, out: &stderr}
	assert.Equal(t, failed, r.run([]string{"true"}))
	assert.Contains(t, stderr.String(), "serve does not start")
}

func TestAServerThatDiesEndsTheCommandAndShowsItsLog(t *testing.T) {
	o := begin(t, "echo $FAKE_serve; echo $FAKE_mortal; while :; do sleep 0.1; done", "serve", "mortal")
	address, mortal := o.line(t), o.line(t)
	if res, err := http.Get("http://" + mortal + "/die"); err == nil {
		_ = res.Body.Close()
	}
	assert.Equal(t, failed, o.end(t, address, mortal))
	assert.Contains(t, o.stderr.String(), "mortal died while the command ran")
	assert.Contains(t, o.stderr.String(), "the log of mortal")
}

func TestNothingIsLeftOfARunThat(t *testing.T) {
	for _, tt := range []struct {
		name    string
		command []string
		onLinux bool
	}{
		{"was killed", []string{os.Args[0]}, true},
		{"lost its parent", []string{"sh", "-c", os.Args[0] + "; true"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.onLinux && runtime.GOOS != "linux" {
				return // only there the kernel does it
			}
			cmd := exec.Command(tt.command[0], tt.command[1:]...)
			cmd.Env = append(os.Environ(), roleEnv+"=run:", "TMPDIR="+t.TempDir())
			out, in, err := os.Pipe()
			require.NoError(t, err)
			defer out.Close()
			cmd.Stdout = in
			require.NoError(t, cmd.Start())
			require.NoError(t, in.Close())
			address, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			address = strings.TrimSpace(address)

			c, err := net.Dial("tcp", address)
			require.NoError(t, err, "it ran")
			defer c.Close()
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait()
			_, err = io.Copy(io.Discard, c) // returns when the server is gone
			t.Log(err)
			_, err = io.Copy(io.Discard, out) // and this when all who could write are
			require.NoError(t, err)
			assertDead(t, address)
		})
	}
}

func ignoreTerm() { signal.Ignore(syscall.SIGTERM, syscall.SIGINT) }
