//go:build unix

// Command run runs a command, the tests as a rule, beside the storage servers that package testserver tells of:
//
//	run -azurite .tools/…/main.js -versitygw .tools/…/versitygw -- go test ./...
//
// The servers listen on free loopback ports and keep their data in a temporary directory. They are stopped, by process ID, and the directory is removed when the command
// ends, when this process is interrupted or terminated, and when its parent is gone; on Linux also when it is killed. The exit code is the command's; 1 if a
// server does not become healthy or dies, of which the log is printed then.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

func main() {
	// The kernel ends a child when the thread that started it ends. See attributes.
	runtime.LockOSThread()

	azurite := flag.String("azurite", "", "the `script` of Azurite's blob service; node runs it")
	versitygw := flag.String("versitygw", "", "the `binary` of versitygw")
	wait := flag.Duration("wait", 2*time.Minute, "how long the servers have to become healthy")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: run -azurite script -versitygw binary -- command [argument ...]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 || *azurite == "" || *versitygw == "" {
		flag.Usage()
		os.Exit(2)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go whenOrphaned(os.Getppid(), func() { stop <- syscall.SIGTERM })

	// The servers run in folders of their own.
	script, err := filepath.Abs(*azurite)
	binary, err2 := filepath.Abs(*versitygw)
	if err := errors.Join(err, err2); err != nil {
		fmt.Fprintln(os.Stderr, "testserver:", err)
		os.Exit(failed)
	}
	r := runner{servers: servers(script, binary), wait: *wait, grace: 10 * time.Second, stop: stop, out: os.Stderr}
	os.Exit(r.run(flag.Args()))
}

// whenOrphaned calls f when the parent of this process is not parent any more: go run and make die of a signal without handing it on.
func whenOrphaned(parent int, f func()) {
	for range time.Tick(250 * time.Millisecond) {
		if os.Getppid() != parent {
			f()
			return
		}
	}
}
