// Command service is the library embedded in an HTTP service: mailboxes, messages, recordings and what waits in them, for several tenants, described by openapi/openapi.yaml.
//
//	go run ./examples/service [-listen ADDRESS] [-dir DIRECTORY]
//	go run ./examples/service -config FILE -gws FILE [-secrets FILE] [-undo-window DURATION] [-listen ADDRESS]
//
// Without -config it is in development mode: it prepares a volume in a directory, leaves a few spoken messages there, and lets everybody on this machine in who uses one of the secrets that it prints.
// With -config it opens what the file of package config names, and lets those in whose tokens are of the GWS that the file of -gws names, or whose secrets are in that of -secrets.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, os.Args[1:], nil)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}
