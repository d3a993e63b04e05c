package pvstore

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// childRole names what this binary does when a test starts it as another process.
const childRole = "PVSTORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		children[role](os.Args[1:])
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// child is a process of this binary.
type child struct {
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Scanner
}

// start runs a child, which does not begin before its input is closed.
func start(t *testing.T, role string, attr *syscall.SysProcAttr, args ...string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), childRole+"="+role)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = attr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return &child{cmd, in, bufio.NewScanner(out)}
}

// lines returns all that the child has left to say.
func (c *child) lines() (lines []string) {
	for c.out.Scan() {
		lines = append(lines, c.out.Text())
	}
	return lines
}

// must ends a child whose test cannot go on.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

// asNobody calls f with the rights of a user that owns the directory and is not root, who may do everything.
func asNobody(t *testing.T, dir string, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	const nobody = 65534
	for d := dir; strings.HasPrefix(d, os.TempDir()+"/"); d = d[:strings.LastIndex(d, "/")] {
		require.NoError(t, os.Chmod(d, 0o755))
	}
	require.NoError(t, exec.Command("chown", "-R", fmt.Sprint(nobody), dir).Run())
	// The rights are those of the thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	require.NoError(t, syscall.Setfsuid(nobody))
	defer func() { require.NoError(t, syscall.Setfsuid(0)) }()
	f()
}
