//go:build unix

package processtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

// childRole names what this binary does when a test starts it as another process.
const childRole = "VOICEMAIL_PROCESSTEST_CHILD"

func TestMain(m *testing.M) {
	role := os.Getenv(childRole)
	if role == "" {
		goleak.VerifyTestMain(m)
		return
	}
	c := parent{in: json.NewDecoder(os.Stdin), out: json.NewEncoder(os.Stdout)}
	var err error
	switch role {
	case "share":
		err = share(context.Background(), c)
	case "deposit":
		err = depositForEver(context.Background(), c)
	case "break in":
		err = breakIn(context.Background(), c)
	case "sweep":
		err = sweepOnce(context.Background(), c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, role, "process:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// parent is who started this process: it says what to do and is told what was done.
type parent struct {
	in  *json.Decoder
	out *json.Encoder
}

// child is another process of this binary.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// start starts a child with its job.
func start(t *testing.T, role string, job any) (*child, error) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return &child{cmd, in, json.NewDecoder(out)}, json.NewEncoder(in).Encode(job)
}

// ready waits until the child has opened the storage.
func (c *child) ready() error {
	if err := c.out.Decode(new(bool)); err != nil {
		return fmt.Errorf("the process did not get ready: %w", err)
	}
	return nil
}
