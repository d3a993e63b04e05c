//go:build unix

package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a running server, or the command.
type process struct {
	server
	address string
	logfile string
	cmd     *exec.Cmd
	ended   chan struct{}
	err     error // of Wait; set when ended is closed
}

// start starts a server with its data and its log below dir. It is sent to died when it ends.
func start(s server, dir, port string, died chan<- *process) (*process, error) {
	argv, err := s.command(dir, port)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	logfile := filepath.Join(dir, "log")
	log, err := os.Create(logfile)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the server has its own handle
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := watch(cmd, died)
	p.server, p.address, p.logfile = s, "127.0.0.1:"+port, logfile
	return p, nil
}

// watch waits for a command that was started.
func watch(cmd *exec.Cmd, died chan<- *process) *process {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
		if died != nil {
			died <- p
		}
	}()
	return p
}

// stop sends sig to the process and what it started, and kills them after grace. It returns when the process has ended.
func (p *process) stop(sig syscall.Signal, grace time.Duration) {
	select {
	case <-p.ended:
		return // its ID may be another process's by now
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, sig)
	select {
	case <-p.ended:
	case <-time.After(grace):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // also what the process left behind
	<-p.ended
}

func (p *process) healthy(client *http.Client) bool {
	res, err := client.Get("http://" + p.address + p.health)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return p.server.healthy(res)
}

// log returns the end of what the server printed.
func (p *process) log() string {
	b, err := os.ReadFile(p.logfile)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-8<<10):])
}
