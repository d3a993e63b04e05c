//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/genesys/voicemail/internal/testserver"
)

// runner runs a command beside servers.
type runner struct {
	servers []server
	wait    time.Duration    // for all servers to become healthy
	grace   time.Duration    // from the signal that asks a process to end to the one that makes it
	stop    <-chan os.Signal // ends the command, by the same signal
	out     io.Writer
	stdout  io.Writer // of the command; os.Stdout if nil
}

// failed is the exit code when a server was the reason.
const failed = 1

// run returns the exit code of the command.
func (r *runner) run(argv []string) (code int) {
	dir, err := os.MkdirTemp("", "voicemail-servers-")
	if err != nil {
		return r.fail(err)
	}
	defer os.RemoveAll(dir)

	ports, err := freePorts(len(r.servers))
	if err != nil {
		return r.fail(err)
	}
	env := []string{testserver.EnvServers + "=" + testserver.Required}
	died := make(chan *process, len(r.servers))
	var running []*process
	defer func() { r.end(running) }()
	for i, s := range r.servers {
		p, err := start(s, filepath.Join(dir, s.name), ports[i], died)
		if err != nil {
			return r.fail(fmt.Errorf("%s does not start: %w", s.name, err))
		}
		running = append(running, p)
		env = append(env, s.tell(p.address)...)
	}
	if code, err := r.healthy(running, died); err != nil {
		r.fail(err)
		return code
	}

	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if r.stdout != nil {
		cmd.Stdout = r.stdout
	}
	cmd.SysProcAttr = attributes()
	if err := cmd.Start(); err != nil {
		return r.fail(err)
	}
	command := watch(cmd, nil)
	select {
	case <-command.ended:
		return exitCode(command.err)
	case sig := <-r.stop:
		command.stop(sig.(syscall.Signal), r.grace)
		return 128 + int(sig.(syscall.Signal))
	case p := <-died:
		r.fail(fmt.Errorf("%s died while the command ran\n%s", p.name, p.log()))
		command.stop(syscall.SIGTERM, r.grace)
		return failed
	}
}

func (r *runner) fail(err error) int {
	fmt.Fprintf(r.out, "testserver: %v\n", err)
	return failed
}

// healthy waits until all servers are. Otherwise it returns the exit code and why.
func (r *runner) healthy(servers []*process, died <-chan *process) (code int, err error) {
	deadline := time.After(r.wait)
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, p := range servers {
		for !p.healthy(&client) {
			select {
			case <-time.After(50 * time.Millisecond):
			case p := <-died:
				return failed, fmt.Errorf("%s ended before it was healthy: %w\n%s", p.name, p.err, p.log())
			case sig := <-r.stop:
				return 128 + int(sig.(syscall.Signal)), errors.New("stopped while the servers start")
			case <-deadline:
				return failed, fmt.Errorf("%s is not healthy after %v\n%s", p.name, r.wait, p.log())
			}
		}
	}
	return 0, nil
}

// end stops the servers, all at the same time.
func (r *runner) end(servers []*process) {
	var all sync.WaitGroup
	for _, p := range servers {
		all.Go(func() { p.stop(syscall.SIGTERM, r.grace) })
	}
	all.Wait()
}

// freePorts returns n ports that nobody listens on. They can be taken before the servers have them; a server ends then, and so the run.
func freePorts(n int) (ports []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // when all are known, so that none is given twice
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}

func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		return failed
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}
